//! The transaction pool: what waits to enter a block, in what order, within what bounds.
//!
//! A transaction is decoded, checked and its sender recovered once in a node's life, here; block
//! builder, block validator and RPC share the result. The pool has no clock, does no I/O and never
//! executes: state comes through [`AccountReader`] (implemented by the node over the final head),
//! time through [`Pool::expire`], final blocks through [`Pool::on_final`].
//!
//! - `check.rs`: everything that can be refused without state.
//! - `index.rs`: the bookkeeping, and the invariants all operations keep.
//! - `best.rs`: the order in which a block takes transactions.
//! - `pool.rs`: the thread-safe face.

mod best;
mod check;
mod config;
mod entry;
mod error;
mod index;
mod pool;

#[cfg(test)]
mod tests;

pub use best::Best;
pub use check::{decode, intrinsic_gas};
pub use config::PoolConfig;
pub use error::PoolError;
pub use pool::{AccountReader, AccountState, Content, Pool, SenderContent, Status};
