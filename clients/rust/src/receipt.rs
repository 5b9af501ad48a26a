//! What became of a transaction, and the engines' events.

use alloy_primitives::{Address, B256, Log, U64};
use alloy_sol_types::SolEvent;
use serde::Deserialize;

/// A transaction in a block, which is final.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction.
    pub transaction_hash: B256,
    /// Its block.
    pub block_hash: B256,
    block_number: U64,
    gas_used: U64,
    status: U64,
    /// All events of it, in order.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Height of its block.
    pub fn block_number(&self) -> u64 {
        self.block_number.to()
    }

    /// Gas that it used.
    pub fn gas_used(&self) -> u64 {
        self.gas_used.to()
    }

    /// Whether it did what it was to do; if not, it only paid its fee.
    pub fn succeeded(&self) -> bool {
        self.status == U64::ONE
    }

    /// The events of one kind that an engine emitted, in order.
    pub fn events<E: SolEvent>(&self, engine: Address) -> Vec<E> {
        let by_engine = self.logs.iter().filter(|log| log.address == engine);
        by_engine.filter_map(|log| E::decode_log_data_validate(&log.data).ok()).collect()
    }
}

/// An event and where it is on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted<E> {
    /// Height of the block.
    pub block_number: u64,
    /// The transaction that caused it.
    pub transaction_hash: B256,
    /// Its index among the events of the block.
    pub log_index: u64,
    /// What it says.
    pub event: E,
}

/// A log as `eth_getLogs` gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    block_number: U64,
    transaction_hash: B256,
    log_index: U64,
    #[serde(flatten)]
    log: Log,
}

impl Found {
    /// The event that it is; `None` if it is another.
    pub(crate) fn decode<E: SolEvent>(self) -> Option<Emitted<E>> {
        Some(Emitted {
            block_number: self.block_number.to(),
            transaction_hash: self.transaction_hash,
            log_index: self.log_index.to(),
            event: E::decode_log_data_validate(&self.log.data).ok()?,
        })
    }
}
