//! Why a state operation fails.

use alloy_primitives::B256;
use qenex_store::StoreError;

/// Why a state operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The store failed; stop the node.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A background flush failed earlier; nothing is taken any more, stop the node.
    #[error("writing the state failed earlier: {0}")]
    Poisoned(StoreError),
    /// Trie and flat state disagree, or a node is missing; stop the node.
    #[error("the state is inconsistent: {0}")]
    Inconsistent(&'static str),
    /// Storage was changed of an account that does not exist.
    #[error("account {0} has storage changes but does not exist")]
    StorageWithoutAccount(B256),
    /// The state is of a branch that lost, or lies behind the flushed one: it can still be read,
    /// but nothing can be built on it. Take a fresh one from the tree.
    #[error("block {0} is not on the chain any more, or too old to build on")]
    Stale(u64),
    /// The layer's parent is neither the head nor an open proposal.
    #[error("layer of block {number} has an unknown parent {parent}")]
    UnknownParent {
        /// Number of the refused layer.
        number: u64,
        /// The hash it names as parent.
        parent: B256,
    },
    /// The block to commit is not an open child of the head.
    #[error("block {0} is not an open child of the head")]
    NotAChild(B256),
    /// The state of a block was asked for that is kept no more.
    #[error("the state of block {number} is pruned: states are kept from block {floor} on")]
    Pruned {
        /// The block asked for.
        number: u64,
        /// The oldest block whose state is kept.
        floor: u64,
    },
    /// A proof was asked for a block too far back.
    #[error("block {number} is more than {window} blocks back: no proof")]
    OutsideProofWindow {
        /// The block asked for.
        number: u64,
        /// How far back proofs are given.
        window: u64,
    },
}
