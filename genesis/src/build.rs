//! The genesis state: coins and code of the specification, the system contracts, the ledger.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use qenex_exec::system_contracts;
use qenex_precompiles::{Block, ENGINE_CODE, ENGINE_NONCE, NATIVE_COIN, native_coin_storage};
use qenex_trie::{AccountInfo, StateChanges};
use qenex_types::{ChainSpec, GenesisAccount};

/// Why a specification has no genesis state.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The ledger's engines refuse it.
    #[error("ledger: {0}")]
    Ledger(#[from] Box<qenex_precompiles::GenesisError>),
    /// The same address has two meanings.
    #[error("alloc: {0} is an engine or a system contract")]
    Reserved(Address),
}

/// The state of block 0.
///
/// # Errors
///
/// [`GenesisError`] names what the engines refuse.
pub fn state_changes(spec: &ChainSpec) -> Result<StateChanges, GenesisError> {
    let mut changes = StateChanges::default();
    for (address, account) in &spec.alloc {
        if qenex_precompiles::is_engine(*address)
            || system_contracts().iter().any(|(contract, _)| contract == address)
        {
            return Err(GenesisError::Reserved(*address));
        }
        insert(&mut changes, *address, account);
    }
    for (address, code) in system_contracts() {
        let account = GenesisAccount { nonce: 1, code, ..GenesisAccount::default() };
        insert(&mut changes, address, &account);
    }
    let block = Block { number: 0, timestamp: spec.timestamp_ms / 1_000, chain_id: spec.chain_id };
    let mut engines = qenex_precompiles::genesis(&spec.ledger, block).map_err(Box::new)?;
    let issued =
        spec.alloc.values().fold(U256::ZERO, |sum, account| sum.saturating_add(account.balance));
    engines.insert(NATIVE_COIN, native_coin_storage(spec.coin_face, issued));
    for (address, slots) in engines {
        let account = GenesisAccount {
            nonce: ENGINE_NONCE,
            code: Bytes::from_static(&ENGINE_CODE),
            storage: slots
                .into_iter()
                .map(|(slot, value)| (B256::from(slot), B256::from(value)))
                .collect(),
            ..GenesisAccount::default()
        };
        insert(&mut changes, address, &account);
    }
    Ok(changes)
}

fn insert(changes: &mut StateChanges, address: Address, account: &GenesisAccount) {
    let hash = keccak256(address);
    let code_hash = if account.code.is_empty() {
        KECCAK256_EMPTY
    } else {
        let code_hash = keccak256(&account.code);
        changes.code.insert(code_hash, account.code.clone());
        code_hash
    };
    let info = AccountInfo { nonce: account.nonce, balance: account.balance, code_hash };
    changes.accounts.insert(hash, Some(info));
    let slots: std::collections::BTreeMap<_, _> = account
        .storage
        .iter()
        .filter(|(_, value)| !value.is_zero())
        .map(|(slot, value)| (keccak256(slot), U256::from_be_bytes(value.0)))
        .collect();
    if !slots.is_empty() {
        changes.storage.insert(hash, slots);
    }
}
