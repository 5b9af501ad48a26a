//! The transaction as every crate passes it on: decoded once, its sender recovered once. And how large
//! it may be.

use std::sync::Arc;

use alloy_consensus::{EthereumTxEnvelope, TxEip4844, transaction::Recovered};
use alloy_primitives::{Address, address};

/// A signed Ethereum transaction without blob sidecar, the form that stands in blocks.
pub type Transaction = EthereumTxEnvelope<TxEip4844>;

/// A transaction with its recovered sender, shared between the pool, the builder and the RPC.
pub type PooledTransaction = Arc<Recovered<Transaction>>;

/// The engine that takes batches of payments.
pub const LEDGER: Address = address!("0x5158000000000000000000000000000000000002");

/// How large a transaction may be, by what it calls.
///
/// EIP-7825's cap keeps one transaction from filling a block, since a contract's code can be made to
/// take long. A batch of payments takes what its items take: a thousand of them, signed, are one
/// transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionBounds {
    /// Most gas that it may ask for. A rule of blocks.
    pub gas: u64,
    /// Most bytes of its encoding. A rule of pools.
    pub bytes: usize,
}

impl TransactionBounds {
    /// Of transactions in general: EIP-7825 and 128 KiB.
    pub const GENERAL: Self = Self { gas: 1 << 24, bytes: 128 << 10 };
    /// Of calls to the ledger: a thousand new payments of 200,000 gas, or 600 bytes each.
    pub const LEDGER: Self = Self { gas: 1 << 28, bytes: 600 << 10 };

    /// Of a transaction to `recipient`, which is `None` for a creation.
    #[must_use]
    pub fn of(recipient: Option<Address>) -> Self {
        if recipient == Some(LEDGER) { Self::LEDGER } else { Self::GENERAL }
    }
}
