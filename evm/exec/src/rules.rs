//! The rules of a chain and its header arithmetic: QENEX is Osaka on an appchain.

use std::sync::Arc;

use alloy_consensus::{Header, constants::EMPTY_WITHDRAWALS};
use alloy_eips::{
    eip1559::{BaseFeeParams, calc_next_block_base_fee},
    eip2935, eip4788,
    eip7685::EMPTY_REQUESTS_HASH,
    eip7840::BlobParams,
};
use alloy_primitives::{Address, B256, Bytes};
use qenex_types::ChainSpec;
use revm::primitives::hardfork::SpecId;

use crate::ethereum::EthereumRules;

/// The EVM's rules on QENEX, from the first block on.
pub(crate) const SPEC: SpecId = SpecId::OSAKA;

/// By which rules a chain's blocks are made and checked.
#[derive(Clone, Debug)]
pub enum Rules {
    /// QENEX: Osaka from the first block, the financial engines, no blobs, no withdrawals.
    Qenex(Arc<ChainSpec>),
    /// QENEX on the machine of one developer: as above, but contracts may send transactions (no
    /// EIP-3607), and state may be set by hand (`development.rs`). No validator opens such a chain.
    Development(Arc<ChainSpec>),
    /// Ethereum, with the forks of a geth genesis and without engines.
    Ethereum(Arc<EthereumRules>),
}

impl Rules {
    /// The specification of a chain of ours.
    #[must_use]
    pub fn spec(&self) -> Option<&ChainSpec> {
        match self {
            Self::Qenex(spec) | Self::Development(spec) => Some(spec),
            Self::Ethereum(_) => None,
        }
    }

    /// EIP-155 chain id.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        match self {
            Self::Qenex(spec) | Self::Development(spec) => spec.chain_id,
            Self::Ethereum(rules) => rules.chain_id(),
        }
    }

    /// Base fee of the child of `parent` in wei per gas; 0 before London.
    #[must_use]
    pub fn next_base_fee(&self, parent: &Header) -> u64 {
        match self {
            Self::Qenex(spec) | Self::Development(spec) => next_base_fee(parent, spec),
            Self::Ethereum(rules) => rules.next_base_fee(parent).unwrap_or_default(),
        }
    }

    /// Bounds and price of blobs in a block of this time; none before Cancun. On QENEX, where no
    /// blob ever is, they give BLOBBASEFEE its value.
    #[must_use]
    pub fn blob_params(&self, timestamp: u64) -> Option<BlobParams> {
        match self {
            Self::Qenex(_) | Self::Development(_) => Some(BlobParams::prague()),
            Self::Ethereum(rules) => rules.blob_params(timestamp),
        }
    }

    /// Whether a block follows proof of stake: Ethereum's are told by their difficulty (EIP-3675).
    pub(crate) fn is_merged(&self, header: &Header) -> bool {
        self.has_engines() || header.difficulty.is_zero()
    }

    /// The EVM's rules in a block. `merged`: it follows proof of stake.
    pub(crate) fn spec_id(&self, number: u64, timestamp: u64, merged: bool) -> SpecId {
        match self {
            Self::Qenex(_) | Self::Development(_) => SPEC,
            Self::Ethereum(rules) => rules.spec_id(number, timestamp, merged),
        }
    }

    /// Whether calls reach the financial engines.
    pub(crate) const fn has_engines(&self) -> bool {
        matches!(self, Self::Qenex(_) | Self::Development(_))
    }

    /// Whether accounts with code may send transactions.
    pub(crate) const fn contracts_send(&self) -> bool {
        matches!(self, Self::Development(_))
    }
}

/// Largest RLP-encoded block: EIP-7934's 10 MiB less its 2 MiB margin.
pub const MAX_BLOCK_BYTES: usize = 8 * 1024 * 1024;

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
        ..template()
    }
}

/// A header of ours with every field that does not depend on the block.
pub(crate) fn template() -> Header {
    empty_header(SPEC)
}

/// A header of an empty block, with the fields that blocks under `spec` have.
pub(crate) fn empty_header(spec: SpecId) -> Header {
    let (shanghai, cancun) = (spec >= SpecId::SHANGHAI, spec >= SpecId::CANCUN);
    Header {
        withdrawals_root: shanghai.then_some(EMPTY_WITHDRAWALS),
        blob_gas_used: cancun.then_some(0),
        excess_blob_gas: cancun.then_some(0),
        parent_beacon_block_root: cancun.then_some(B256::ZERO),
        requests_hash: (spec >= SpecId::PRAGUE).then_some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}
