//! An incremental Merkle Patricia trie over the store: roots, proofs, overlays, history.
//!
//! [`StateTree`] holds the committed state and the open proposals on top of it. [`State`] is the
//! state after one block: it reads accounts, slots and code, proves them, and computes with
//! [`State::apply`] what a next block's changes lead to. The result, a [`Layer`], is what the block
//! changed; the tree keeps it until the block is committed and written out in the background.
//!
//! ```text
//! let state = tree.head();                         // or tree.state(parent_hash)
//! let pending = state.apply(&changes)?;            // root for the header
//! tree.insert(pending.seal(block_hash))?;          // an open proposal
//! store.commit_blocks(..)?;                        // durable first,
//! tree.commit(block_hash)?;                        // then the new head; siblings are dropped
//! ```
//!
//! # Where a value is found
//!
//! A read looks, in this order, at the open layers of its proposal, at the committed layers not yet
//! flushed (`overlay.rs`: one index with the versions of each key, so that a long unflushed chain
//! costs one look-up), at the cache of flushed values (`cache.rs`), and in the store.
//!
//! No snapshots are taken. A state older than the flushed one reads the flat value first and then
//! the history of pre-values: a flush writes both at once, so a value too new never comes without
//! the pre-value that corrects it. Trie nodes have no history; whether a flush got in the way is
//! checked after the work (`State::is_stale`), and a proof at an older block is made by undoing, in
//! memory, what happened since.
//!
//! # Node layout
//!
//! A row per branch, with the references of all children and the extension above it; a child that
//! is a leaf also with its key, its value only in the flat state (`node.rs`). The alternative, to
//! leave out the leaves' keys too and find them by seeking in the flat tables, saves about 30 bytes
//! a leaf, but costs an iterator over store and overlays for every split and collapse, and a ledger
//! mostly inserts. With the keys at hand every access is a point read, and a trie can list its own
//! keys, which is how the storage of a destroyed account is ended.

mod cache;
mod changes;
mod error;
mod fetch;
mod fingerprint;
mod flush;
mod keccak;
mod layer;
mod node;
mod overlay;
mod proof;
mod range;
mod state;
mod tree;
mod update;
mod verify;

#[cfg(test)]
mod tests;

pub use changes::{AccountInfo, StateChanges};
pub use error::StateError;
pub use fetch::{FetchError, StateFetch, Wanted};
pub use keccak::{hashes_many_at_once, keccak256_each};
pub use layer::{Layer, PendingLayer};
pub use proof::{AccountProof, StorageProof};
pub use qenex_store::{
    Account, StateHead,
    tables::{EMPTY_ROOT, KECCAK_EMPTY},
};
pub use range::{RangeError, RangeProof};
pub use state::State;
pub use tree::{StateTree, TreeOptions};
pub use verify::{StateReport, verify_state};
