//! The transaction as every crate passes it on: decoded once, its sender recovered once.

use std::sync::Arc;

use alloy_consensus::{EthereumTxEnvelope, TxEip4844, transaction::Recovered};

/// A signed Ethereum transaction without blob sidecar, the form that stands in blocks.
pub type Transaction = EthereumTxEnvelope<TxEip4844>;

/// A transaction with its recovered sender, shared between the pool, the builder and the RPC.
pub type PooledTransaction = Arc<Recovered<Transaction>>;
