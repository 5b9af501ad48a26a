//! A transaction in the pool, with what ordering and accounting need at hand.

use std::cmp::Reverse;

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use qenex_types::PooledTransaction;

/// A pooled transaction.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tx: PooledTransaction,
    /// EIP-2718 bytes as they came, for gossip.
    pub(crate) raw: Bytes,
    pub(crate) hash: B256,
    pub(crate) sender: Address,
    pub(crate) nonce: u64,
    /// Most per gas, wei.
    pub(crate) max_fee: u128,
    /// Most priority fee per gas, wei; `gasPrice` for older types.
    pub(crate) tip: u128,
    /// Most the sender can pay for it, wei.
    pub(crate) cost: U256,
    /// Order of arrival; unique.
    pub(crate) arrival: u64,
    /// Time of arrival, as the pool last heard it, milliseconds.
    pub(crate) arrived_ms: u64,
}

/// How a head stands in its index: better first. `price` bounds the tip from above.
pub(crate) type HeadKey = (Reverse<u128>, u64, Address);

/// How much the pool loses by dropping a transaction: the first is dropped first.
/// (executable, tip at the lowest base fee, earlier arrival, sender)
pub(crate) type WorthKey = (bool, u128, Reverse<u64>, Address);

impl Entry {
    pub(crate) fn new(tx: PooledTransaction, raw: Bytes) -> Self {
        let max_fee = tx.max_fee_per_gas();
        Self {
            hash: *tx.inner().tx_hash(),
            sender: tx.signer(),
            nonce: tx.nonce(),
            max_fee,
            tip: tx.priority_fee_or_price(),
            cost: U256::from(max_fee)
                .saturating_mul(U256::from(tx.gas_limit()))
                .saturating_add(tx.value()),
            arrival: 0,
            arrived_ms: 0,
            raw,
            tx,
        }
    }

    /// What the proposer gets per gas, or `None` if the base fee is out of reach.
    pub(crate) fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        self.max_fee.checked_sub(u128::from(base_fee)).map(|left| left.min(self.tip))
    }

    /// Whether the tip is always `max_fee - base_fee`, as with a plain `gasPrice`.
    pub(crate) const fn is_flat(&self) -> bool {
        self.tip >= self.max_fee
    }

    /// Position among the heads of its kind: by the highest tip it can pay, then by arrival.
    pub(crate) const fn head_key(&self) -> HeadKey {
        let price = if self.is_flat() { self.max_fee } else { self.tip };
        (Reverse(price), self.arrival, self.sender)
    }

    /// Position in the order of eviction.
    pub(crate) fn worth_key(&self, executable: bool, min_base_fee: u64) -> WorthKey {
        let tip = self.effective_tip(min_base_fee).unwrap_or_default();
        (executable, tip, Reverse(self.arrival), self.sender)
    }

    /// Whether this pays enough to take the place of `old`: 10 % more in both fees.
    pub(crate) fn may_replace(&self, old: &Self) -> bool {
        let bumped = |fee: u128| fee.saturating_add(fee.div_ceil(10).max(1));
        self.max_fee >= bumped(old.max_fee) && self.tip >= bumped(old.tip)
    }
}
