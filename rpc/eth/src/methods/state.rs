//! Accounts, code, storage and their proofs.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256};
use alloy_rpc_types_eth::{AccountInfo, EIP1186AccountProofResponse, EIP1186StorageProof};

use crate::{api::Api, args::Args, error::Failure};

/// Most slots of one `eth_getStorageValues`, over all accounts.
const MAX_SLOTS: usize = 1_024;
/// Most slots one proof may have.
const MAX_PROOF_SLOTS: usize = 1_024;

pub(super) async fn balance(api: Arc<Api>, args: Args) -> Result<U256, Failure> {
    let (address, number): (Address, _) = (args.get(0)?, api.state_arg(&args, 1)?);
    api.at(number, move |api| {
        let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
        let account = state.account(&keccak256(address)).map_err(Failure::internal)?;
        Ok(account.map_or(U256::ZERO, |account| account.balance))
    })
    .await
}

pub(super) async fn code(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    let (address, number): (Address, _) = (args.get(0)?, api.state_arg(&args, 1)?);
    api.at(number, move |api| {
        let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
        let account = state.account(&keccak256(address)).map_err(Failure::internal)?;
        let hash = account.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        Ok(state.code(&hash).map_err(Failure::internal)?.unwrap_or_default())
    })
    .await
}

pub(super) async fn storage(api: Arc<Api>, args: Args) -> Result<B256, Failure> {
    let (address, slot): (Address, _) = (args.get(0)?, slot(&args.text(1)?)?.0);
    let number = api.state_arg(&args, 2)?;
    api.at(number, move |api| {
        let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
        let value = state.storage(&keccak256(address), &keccak256(slot));
        Ok(value.map_err(Failure::internal)?.into())
    })
    .await
}

/// Slots of several accounts at once: words in the order asked for.
pub(super) async fn storage_values(
    api: Arc<Api>,
    args: Args,
) -> Result<BTreeMap<Address, Vec<B256>>, Failure> {
    let asked: BTreeMap<Address, Vec<B256>> = args.get(0)?;
    let number = api.state_arg(&args, 1)?;
    match asked.values().map(Vec::len).sum::<usize>() {
        0 => return Err(Failure::params("empty request")),
        slots if slots > MAX_SLOTS => {
            return Err(Failure::client_limit(format!("too many slots (max {MAX_SLOTS})")));
        }
        _ => {}
    }
    api.heavy(move |api| {
        let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
        let mut found = BTreeMap::new();
        for (address, slots) in asked {
            let account = keccak256(address);
            let values = slots.iter().map(|slot| state.storage(&account, &keccak256(slot)));
            let values = values.map(|value| value.map(B256::from).map_err(Failure::internal));
            found.insert(address, values.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    })
    .await
}

/// Balance, nonce and code of one moment.
pub(super) async fn account_info(api: Arc<Api>, args: Args) -> Result<AccountInfo, Failure> {
    let address: Address = args.get(0)?;
    let number = api.state_arg(&args, 1)?;
    api.at(number, move |api| {
        let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
        let account = state.account(&keccak256(address)).map_err(Failure::internal)?;
        let code = match account {
            Some(account) if account.code_hash != KECCAK256_EMPTY => {
                state.code(&account.code_hash).map_err(Failure::internal)?.unwrap_or_default()
            }
            _ => Bytes::new(),
        };
        Ok(AccountInfo {
            balance: account.map_or(U256::ZERO, |account| account.balance),
            nonce: account.map_or(0, |account| account.nonce),
            code,
        })
    })
    .await
}

pub(super) async fn transaction_count(api: Arc<Api>, args: Args) -> Result<U64, Failure> {
    let address: Address = args.get(0)?;
    let id: Option<BlockId> = args.optional(1)?;
    let number = api.resolve(id)?;
    let nonce = api
        .at(number, move |api| {
            let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
            let account = state.account(&keccak256(address)).map_err(Failure::internal)?;
            Ok(account.map_or(0, |account| account.nonce))
        })
        .await?;
    Ok(U64::from(match id {
        Some(BlockId::Number(BlockNumberOrTag::Pending)) => {
            api.context.pool.pending_nonce(address, nonce)
        }
        _ => nonce,
    }))
}

pub(super) async fn proof(
    api: Arc<Api>,
    args: Args,
) -> Result<EIP1186AccountProofResponse, Failure> {
    let (address, keys): (Address, Vec<String>) = (args.get(0)?, args.get(1)?);
    if keys.len() > MAX_PROOF_SLOTS {
        return Err(Failure::params(format!("too many keys, at most {MAX_PROOF_SLOTS}")));
    }
    let keys: Vec<(B256, bool)> = keys.iter().map(|key| slot(key)).collect::<Result<_, _>>()?;
    let number = api.state_arg(&args, 2)?;
    api.heavy(move |api| {
        let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
        let slots: Vec<B256> = keys.iter().map(|(slot, _)| *slot).collect();
        let proof = state
            .proof(address, &slots)
            .map_err(|error| Failure::refused(format!("no proof of block {number}: {error}")))?;
        let account = proof.account;
        let storage = keys.iter().zip(proof.storage).map(|((slot, is_word), proved)| {
            // The key as it was asked for, as geth does.
            let key = if *is_word { (*slot).into() } else { U256::from_be_bytes(slot.0).into() };
            EIP1186StorageProof { key, value: proved.value, proof: proved.proof }
        });
        Ok(EIP1186AccountProofResponse {
            address,
            balance: account.map_or(U256::ZERO, |account| account.balance),
            code_hash: account.map_or(KECCAK256_EMPTY, |account| account.code_hash),
            nonce: account.map_or(0, |account| account.nonce),
            storage_hash: account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root),
            account_proof: proof.account_proof,
            storage_proof: storage.collect(),
        })
    })
    .await
}

/// A storage key of up to 32 bytes, and whether it was given as a full word.
fn slot(text: &str) -> Result<(B256, bool), Failure> {
    let bad = |why: &str| Failure::params(format!("unable to decode storage key: {why}"));
    let digits = text.strip_prefix("0x").ok_or_else(|| bad("hex string without 0x prefix"))?;
    if digits.len() > 64 {
        return Err(bad("hex string too long, want at most 32 bytes"));
    }
    let value = U256::from_str_radix(digits, 16).map_err(|_| bad("hex string invalid"))?;
    Ok((value.into(), digits.len() == 64))
}

#[cfg(test)]
mod tests {
    use super::slot;

    #[test]
    fn storage_keys_are_words_or_numbers() {
        assert!(matches!(slot("0x0"), Ok((key, false)) if key.is_zero()));
        let word = format!("0x{}2", "0".repeat(63));
        assert!(matches!(slot(&word), Ok((key, true)) if key.0[31] == 2));
        for bad in ["", "1", "0xzz", &format!("0x{}", "1".repeat(65))] {
            assert!(slot(bad).is_err(), "{bad}");
        }
    }
}
