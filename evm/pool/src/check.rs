//! Everything about a transaction that can be refused without state, cheapest first.
//!
//! Comes before sender recovery, which costs more than all of this together.

use alloy_consensus::Transaction as _;
use alloy_eips::{
    eip2718::{Decodable2718, EIP4844_TX_TYPE_ID, EIP7702_TX_TYPE_ID, Eip2718Error},
    eip7623::{tokens_in_calldata, transaction_floor_cost},
};
use alloy_primitives::U256;
use qenex_types::{Transaction, TransactionBounds};

use crate::{PoolConfig, PoolError};

/// EIP-3860.
const MAX_INITCODE: usize = 49_152;
/// First byte from which an encoding is a legacy list (EIP-2718).
const FIRST_LEGACY_BYTE: u8 = 0xc0;

/// Decodes a transaction from exactly its EIP-2718 bytes.
///
/// # Errors
///
/// [`PoolError::Blob`], [`PoolError::UnsupportedType`], or [`PoolError::Decode`] for whatever is
/// not a canonical encoding, trailing bytes included.
pub fn decode(raw: &[u8]) -> Result<Transaction, PoolError> {
    match raw.first() {
        None => return Err(PoolError::Decode("empty input".to_owned())),
        Some(&EIP4844_TX_TYPE_ID) => return Err(PoolError::Blob),
        Some(&ty) if ty == 0 || (ty > EIP7702_TX_TYPE_ID && ty < FIRST_LEGACY_BYTE) => {
            return Err(PoolError::UnsupportedType(ty));
        }
        Some(_) => (),
    }
    Transaction::decode_2718_exact(raw).map_err(|error| match error {
        Eip2718Error::UnexpectedType(ty) => PoolError::UnsupportedType(ty),
        other => PoolError::Decode(other.to_string()),
    })
}

/// What a transaction costs before it runs, and the least its data costs (EIP-7623), gas.
#[must_use]
pub fn intrinsic_gas(tx: &Transaction) -> (u64, u64) {
    let tokens = tokens_in_calldata(tx.input());
    let mut gas = 21_000_u64.saturating_add(tokens.saturating_mul(4));
    if tx.is_create() {
        let words = (tx.input().len() as u64).div_ceil(32);
        gas = gas.saturating_add(32_000).saturating_add(words.saturating_mul(2));
    }
    for item in tx.access_list().map(|list| list.iter()).into_iter().flatten() {
        let keys = item.storage_keys.len() as u64;
        gas = gas.saturating_add(2_400).saturating_add(keys.saturating_mul(1_900));
    }
    let authorizations = tx.authorization_list().map_or(0, <[_]>::len) as u64;
    (gas.saturating_add(authorizations.saturating_mul(25_000)), transaction_floor_cost(tokens))
}

/// Checks what needs no state.
pub(crate) fn check(tx: &Transaction, size: usize, config: &PoolConfig) -> Result<(), PoolError> {
    if tx.is_eip4844() {
        return Err(PoolError::Blob);
    }
    let bounds = TransactionBounds::of(tx.to());
    if size > bounds.bytes {
        return Err(PoolError::Oversized { size, limit: bounds.bytes });
    }
    if tx.is_create() && tx.input().len() > MAX_INITCODE {
        return Err(PoolError::InitCode { size: tx.input().len(), limit: MAX_INITCODE });
    }
    if tx.is_eip7702() && tx.authorization_list().is_none_or(<[_]>::is_empty) {
        return Err(PoolError::EmptyAuthorizations);
    }
    check_chain(tx, config)?;
    check_gas(tx, bounds.gas, config)?;
    check_fees(tx, config)?;
    if tx.nonce() == u64::MAX {
        return Err(PoolError::NonceMax(tx.nonce()));
    }
    Ok(())
}

/// Refuses a fee that can only be a mistake, above `cap` wei.
pub(crate) fn check_fee_cap(tx: &Transaction, cap: Option<U256>) -> Result<(), PoolError> {
    let Some(cap) = cap else { return Ok(()) };
    let fee = U256::from(tx.gas_limit()).saturating_mul(U256::from(tx.max_fee_per_gas()));
    if fee > cap { Err(PoolError::FeeCap { fee, cap }) } else { Ok(()) }
}

fn check_chain(tx: &Transaction, config: &PoolConfig) -> Result<(), PoolError> {
    match tx.chain_id() {
        None => Err(PoolError::Unprotected),
        Some(have) if have != config.chain_id => {
            Err(PoolError::ChainId { have, want: config.chain_id })
        }
        Some(_) => Ok(()),
    }
}

fn check_gas(tx: &Transaction, cap: u64, config: &PoolConfig) -> Result<(), PoolError> {
    let have = tx.gas_limit();
    if have > config.block_gas_limit {
        return Err(PoolError::BlockGas { gas: have, limit: config.block_gas_limit });
    }
    if have > cap {
        return Err(PoolError::GasCap { cap, gas: have });
    }
    let (intrinsic, floor) = intrinsic_gas(tx);
    if have < intrinsic {
        return Err(PoolError::IntrinsicGas { have, want: intrinsic });
    }
    if have < floor {
        return Err(PoolError::FloorGas { have, want: floor });
    }
    Ok(())
}

fn check_fees(tx: &Transaction, config: &PoolConfig) -> Result<(), PoolError> {
    let (fee, tip) = (tx.max_fee_per_gas(), tx.priority_fee_or_price());
    if tip > fee {
        return Err(PoolError::TipAboveFee { tip, fee });
    }
    if fee < u128::from(config.min_base_fee) {
        return Err(PoolError::FeeBelowBase { fee, base_fee: config.min_base_fee });
    }
    if tip < config.min_priority_fee {
        return Err(PoolError::Underpriced { tip, minimum: config.min_priority_fee });
    }
    Ok(())
}
