//! What a header must be, given its parent: every rule that needs no execution, in geth's order.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{B64, B256, U256};
use revm::primitives::hardfork::SpecId;

use super::{difficulty::difficulty, forks::EthereumRules};
use crate::{
    chain::{compare, mismatch},
    error::InvalidBlock,
};

/// Most bytes of `extraData`.
const MAX_EXTRA_DATA: usize = 32;

/// Least gas limit.
const MIN_GAS_LIMIT: u64 = 5_000;

/// `extraData` of the first blocks after the DAO's fork.
const DAO_EXTRA_DATA: &[u8] = b"dao-hard-fork";

/// How many blocks carry it.
const DAO_BLOCKS: u64 = 10;

/// Checks a header, of a block or of an uncle, against its parent. `merged`: it must follow proof of
/// stake.
pub(super) fn check_header(
    rules: &EthereumRules,
    header: &Header,
    parent: &Header,
    merged: bool,
) -> Result<(), InvalidBlock> {
    if header.extra_data.len() > MAX_EXTRA_DATA {
        let bytes = format!("{} bytes", header.extra_data.len());
        return Err(mismatch("extraData", bytes, format!("at most {MAX_EXTRA_DATA}")));
    }
    compare("number", header.number, parent.number.saturating_add(1))?;
    if header.timestamp <= parent.timestamp {
        let expected = format!("more than {}", parent.timestamp);
        return Err(mismatch("timestamp", header.timestamp, expected));
    }
    if merged {
        compare("difficulty", header.difficulty, U256::ZERO)?;
        compare("nonce", header.nonce, B64::ZERO)?;
        compare("sha3Uncles", header.ommers_hash, EMPTY_OMMER_ROOT_HASH)?;
    } else {
        let expected = difficulty(rules.config(), header.timestamp, parent);
        compare("difficulty", header.difficulty, expected)?;
        check_dao(rules, header)?;
    }
    check_gas(rules, header, parent)?;
    let spec = rules.spec_id(header.number, header.timestamp, merged);
    let (shanghai, cancun) = (spec >= SpecId::SHANGHAI, spec >= SpecId::CANCUN);
    present("withdrawalsRoot", header.withdrawals_root.is_some(), shanghai)?;
    present("excessBlobGas", header.excess_blob_gas.is_some(), cancun)?;
    present("blobGasUsed", header.blob_gas_used.is_some(), cancun)?;
    present("parentBeaconBlockRoot", header.parent_beacon_block_root.is_some(), cancun)?;
    present("requestsHash", header.requests_hash.is_some(), spec >= SpecId::PRAGUE)?;
    if cancun { check_blob_gas(rules, header, parent, spec) } else { Ok(()) }
}

fn check_gas(rules: &EthereumRules, header: &Header, parent: &Header) -> Result<(), InvalidBlock> {
    let base_fee = rules.next_base_fee(parent);
    let show = |fee: Option<u64>| fee.map_or("none".to_owned(), |fee| fee.to_string());
    compare("baseFeePerGas", show(header.base_fee_per_gas), show(base_fee))?;
    // The first block of London may have twice the limit: half of it is the target (EIP-1559).
    let doubled = base_fee.is_some() && parent.base_fee_per_gas.is_none();
    let before = parent.gas_limit.saturating_mul(if doubled { 2 } else { 1 });
    let limit = header.gas_limit;
    if limit.abs_diff(before) >= before / 1_024 {
        let expected = format!("less than {} from {before}", before / 1_024);
        return Err(mismatch("gasLimit", limit, expected));
    }
    if limit < MIN_GAS_LIMIT || i64::try_from(limit).is_err() {
        return Err(mismatch("gasLimit", limit, format!("{MIN_GAS_LIMIT} to {}", i64::MAX)));
    }
    if header.gas_used > limit {
        return Err(mismatch("gasUsed", header.gas_used, format!("at most {limit}")));
    }
    Ok(())
}

/// EIP-4844, and EIP-7918 from Osaka on.
fn check_blob_gas(
    rules: &EthereumRules,
    header: &Header,
    parent: &Header,
    spec: SpecId,
) -> Result<(), InvalidBlock> {
    let Some(mut params) = rules.blob_params(header.timestamp) else { return Ok(()) };
    if spec < SpecId::OSAKA {
        params.blob_base_cost = 0;
    }
    let used = header.blob_gas_used.unwrap_or_default();
    let most = params.max_blob_count.saturating_mul(DATA_GAS_PER_BLOB);
    if used > most || !used.is_multiple_of(DATA_GAS_PER_BLOB) {
        let expected = format!("a multiple of {DATA_GAS_PER_BLOB} up to {most}");
        return Err(mismatch("blobGasUsed", used, expected));
    }
    let (before, spent) =
        (parent.excess_blob_gas.unwrap_or_default(), parent.blob_gas_used.unwrap_or_default());
    // Of a parent from before Cancun both are 0. Sums beyond 64 bits come of no chain.
    let expected = before.checked_add(spent).map_or(u64::MAX, |_| {
        let base_fee = parent.base_fee_per_gas.unwrap_or_default();
        params.next_block_excess_blob_gas_osaka(before, spent, base_fee)
    });
    compare("excessBlobGas", header.excess_blob_gas.unwrap_or_default(), expected)
}

/// The first blocks after the DAO's fork say on which side they are.
fn check_dao(rules: &EthereumRules, header: &Header) -> Result<(), InvalidBlock> {
    let config = rules.config();
    let Some(fork) = config.dao_fork_block else { return Ok(()) };
    let marked = header.number.checked_sub(fork).is_some_and(|after| after < DAO_BLOCKS);
    let says = header.extra_data.as_ref() == DAO_EXTRA_DATA;
    if marked && says != config.dao_fork_support {
        let expected = if config.dao_fork_support { "dao-hard-fork" } else { "anything else" };
        return Err(mismatch("extraData", header.extra_data.clone(), expected));
    }
    Ok(())
}

fn present(field: &'static str, given: bool, expected: bool) -> Result<(), InvalidBlock> {
    let show = |is: bool| if is { "a value" } else { "none" };
    compare(field, show(given), show(expected))
}

/// Most uncles of a block.
const MAX_UNCLES: usize = 2;

/// Generations an uncle may be older.
pub(super) const UNCLE_DEPTH: usize = 7;

/// An ancestor of a block under check.
pub(super) struct Ancestor {
    pub(super) hash: B256,
    pub(super) header: Header,
    /// Hashes of the uncles it names.
    pub(super) uncles: Vec<B256>,
}

/// Checks the uncles of a block. `ancestors`: up to [`UNCLE_DEPTH`], its parent first.
pub(super) fn check_uncles(
    rules: &EthereumRules,
    uncles: &[Header],
    block: B256,
    ancestors: &[Ancestor],
) -> Result<(), InvalidBlock> {
    let wrong = |index: usize, reason: &'static str| InvalidBlock::Uncle { index, reason };
    if uncles.len() > MAX_UNCLES {
        return Err(wrong(MAX_UNCLES, "more than two uncles"));
    }
    let mut named: Vec<B256> = ancestors.iter().flat_map(|one| one.uncles.clone()).collect();
    for (index, uncle) in uncles.iter().enumerate() {
        let hash = uncle.hash_slow();
        if named.contains(&hash) {
            return Err(wrong(index, "named before"));
        }
        named.push(hash);
        if hash == block || ancestors.iter().any(|one| one.hash == hash) {
            return Err(wrong(index, "an ancestor"));
        }
        let parent = ancestors.iter().position(|one| one.hash == uncle.parent_hash);
        let parent = match parent {
            None => return Err(wrong(index, "its parent is not among the last seven ancestors")),
            Some(0) => return Err(wrong(index, "a sibling, not an uncle")),
            Some(at) => ancestors.get(at),
        };
        if let Some(parent) = parent {
            check_header(rules, uncle, &parent.header, false)?;
        }
    }
    Ok(())
}
