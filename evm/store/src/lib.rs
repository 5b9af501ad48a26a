//! The RocksDB tables and the atomic block commit.
//!
//! This crate knows bytes, numbers and hashes. It knows no EVM and no trie: what a header, a body,
//! a receipt or a trie node means is the business of the crates above. Three promises:
//!
//! - **A committed block is durable and whole.** [`Store::commit_blocks`] writes header, body,
//!   receipts, certificate and both lookup tables in one synced batch; head moves with it.
//! - **A state flush is atomic and names the block it stands for.** [`Store::flush_state`] writes
//!   flat state, trie nodes, history and [`StateHead`] in one batch. It is not synced: both kinds
//!   of batches share one log, so what survives a power cut is a prefix, and a state behind the
//!   head is caught up by executing blocks again.
//! - **Damage is an error, never an answer.** Checksums are verified, only a torn tail of the log
//!   is dropped, and every row is decoded strictly.
//!
//! There are no read snapshots, on purpose: a state reader asks for a value *as of* a block and
//! reads the flat row first and the history of pre-values after it. Since a flush writes both in
//! one batch, whoever sees a row too new also sees the pre-value that corrects it.
//!
//! [`tables`] is the on-disk format, in one file.

mod blocks;
mod checkpoint;
mod error;
mod import;
mod log;
mod options;
mod scan;
mod seal;
mod state;
mod stats;
mod store;
pub mod tables;

#[cfg(test)]
mod tests;

pub use blocks::BlockRecord;
pub use error::StoreError;
pub use options::StoreOptions;
pub use scan::Scan;
pub use seal::{OVERHEAD, StoreKey};
pub use state::{StateBatch, StateChange};
pub use stats::TableStats;
pub use store::Store;
pub use tables::{Account, Head, Origin, StateHead, StateImport};
