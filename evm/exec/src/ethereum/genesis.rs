//! Block 0 of an Ethereum chain, from a geth genesis.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_eips::eip1559::INITIAL_BASE_FEE;
use alloy_genesis::Genesis;
use alloy_primitives::{B256, KECCAK256_EMPTY, keccak256};
use qenex_trie::{AccountInfo, StateChanges};
use revm::primitives::hardfork::SpecId;

use super::forks::{EthereumRules, since};
use crate::rules::empty_header;

/// The allocation. Accounts that are empty stay in it, as in geth.
pub(crate) fn genesis_state(genesis: &Genesis) -> StateChanges {
    let mut changes = StateChanges::default();
    for (address, account) in &genesis.alloc {
        let hash = keccak256(address);
        let code = account.non_empty_code();
        let code_hash = code.map_or(KECCAK256_EMPTY, keccak256);
        if let Some(code) = code {
            changes.code.insert(code_hash, code.clone());
        }
        let nonce = account.nonce.unwrap_or_default();
        let info = AccountInfo { nonce, balance: account.balance, code_hash };
        changes.accounts.insert(hash, Some(info));
        let slots: BTreeMap<_, _> = account
            .storage_slots()
            .filter(|(_, value)| !value.is_zero())
            .map(|(slot, value)| (keccak256(slot), value))
            .collect();
        if !slots.is_empty() {
            changes.storage.insert(hash, slots);
        }
    }
    changes
}

/// The header over that state. Fields of forks active at genesis that the file leaves out have their
/// first values.
pub(crate) fn genesis_header(rules: &EthereumRules, genesis: &Genesis, state_root: B256) -> Header {
    // A fork that came by time is active whatever the difficulty says, as in geth.
    let merged = since(genesis.config.shanghai_time, genesis.timestamp)
        || genesis.difficulty.is_zero() && rules.merged_after(genesis.difficulty);
    let spec = rules.spec_id(0, genesis.timestamp, merged);
    let base_fee = genesis.base_fee_per_gas.and_then(|fee| u64::try_from(fee).ok());
    let empty = empty_header(spec);
    Header {
        parent_hash: genesis.parent_hash.unwrap_or_default(),
        beneficiary: genesis.coinbase,
        state_root,
        difficulty: genesis.difficulty,
        gas_limit: genesis.gas_limit,
        timestamp: genesis.timestamp,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: genesis.nonce.into(),
        base_fee_per_gas: (spec >= SpecId::LONDON).then(|| base_fee.unwrap_or(INITIAL_BASE_FEE)),
        blob_gas_used: empty.blob_gas_used.map(|zero| genesis.blob_gas_used.unwrap_or(zero)),
        excess_blob_gas: empty.excess_blob_gas.map(|zero| genesis.excess_blob_gas.unwrap_or(zero)),
        ..empty
    }
}
