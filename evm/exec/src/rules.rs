//! The protocol's constants and header arithmetic: Osaka on an appchain.

use alloy_consensus::{Header, constants::EMPTY_WITHDRAWALS};
use alloy_eips::{
    eip1559::{BaseFeeParams, calc_next_block_base_fee},
    eip2935, eip4788,
    eip7685::EMPTY_REQUESTS_HASH,
};
use alloy_primitives::{Address, B256, Bytes};
use qenex_types::ChainSpec;
use revm::primitives::hardfork::SpecId;

/// The EVM's rules, from the first block on.
pub(crate) const SPEC: SpecId = SpecId::OSAKA;

/// Largest RLP-encoded block: EIP-7934's 10 MiB less its 2 MiB margin.
pub const MAX_BLOCK_BYTES: usize = 8 * 1024 * 1024;

/// Most gas one transaction may ask for (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 16_777_216;

/// Contracts that every block calls before its transactions, with their code, to be put into the
/// genesis state: block hashes (EIP-2935) and consensus header hashes (EIP-4788).
#[must_use]
pub fn system_contracts() -> [(Address, Bytes); 2] {
    [
        (eip2935::HISTORY_STORAGE_ADDRESS, eip2935::HISTORY_STORAGE_CODE.clone()),
        (eip4788::BEACON_ROOTS_ADDRESS, eip4788::BEACON_ROOTS_CODE.clone()),
    ]
}

/// Base fee of the child of `parent` in wei per gas (EIP-1559), never under the network's minimum.
#[must_use]
pub fn next_base_fee(parent: &Header, spec: &ChainSpec) -> u64 {
    if parent.number == 0 {
        return spec.base_fee.initial.max(spec.base_fee.minimum);
    }
    calc_next_block_base_fee(
        parent.gas_used,
        parent.gas_limit,
        parent.base_fee_per_gas.unwrap_or_default(),
        BaseFeeParams::ethereum(),
    )
    .max(spec.base_fee.minimum)
}

/// The header of block 0 over a genesis state. `network` is [`ChainSpec::digest`]: it stands in
/// `extraData`, so that networks which differ in anything, their validators say, share no block.
#[must_use]
pub fn genesis_header(spec: &ChainSpec, network: B256, state_root: B256) -> Header {
    Header {
        state_root,
        extra_data: network.into(),
        gas_limit: spec.gas_limit,
        timestamp: spec.timestamp_ms / 1000,
        base_fee_per_gas: Some(spec.base_fee.initial.max(spec.base_fee.minimum)),
        parent_beacon_block_root: Some(B256::ZERO),
        ..template()
    }
}

/// A header with every field that does not depend on the block.
pub(crate) fn template() -> Header {
    Header {
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}
