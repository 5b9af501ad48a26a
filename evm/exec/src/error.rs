//! Why execution fails: the block is bad (a peer's fault), or the node cannot go on.

use std::ops::Range;

use alloy_primitives::B256;
use qenex_trie::StateError;

/// The fate of a failed operation on the chain.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The block breaks a rule. Its proposer is at fault; the node goes on.
    #[error("invalid block: {0}")]
    Invalid(#[from] InvalidBlock),
    /// The parent is neither final head nor an open proposal on it.
    #[error("unknown parent {0}")]
    UnknownParent(B256),
    /// The block is not among the executed ones.
    #[error("block {0} was not executed here")]
    NotExecuted(B256),
    /// The data folder belongs to another network.
    #[error("the data folder holds genesis {stored}, the specification makes {given}")]
    WrongGenesis {
        /// Hash of the stored block 0.
        stored: B256,
        /// Hash of the block 0 that the specification gives.
        given: B256,
    },
    /// The state of this block is kept no more.
    #[error("the state of block {number} is pruned: states are kept from block {floor} on")]
    Pruned {
        /// The block asked for.
        number: u64,
        /// The oldest block whose state is kept.
        floor: u64,
    },
    /// The block is one of those that the node is still fetching from its peers.
    #[error("blocks {} to {} are still being fetched", missing.start, missing.end.saturating_sub(1))]
    NotFetched {
        /// The blocks that are missing.
        missing: Range<u64>,
    },
    /// The store's state is not whole: it is being fetched.
    #[error("the state of block {number} is still being fetched from peers")]
    StateIncomplete {
        /// The block.
        number: u64,
    },
    /// State cannot be set by hand in this way. Only on chains for development.
    #[error("{0}")]
    ByHand(String),
    /// The node cannot read or write its own state. It must stop: its peers would disagree.
    #[error("state unavailable: {0}")]
    State(String),
}

/// The first rule a block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// The bytes are not a block.
    #[error("cannot decode: {0}")]
    Encoding(String),
    /// A header field has another value than execution gives.
    #[error("header field {field}: {given} given, {expected} expected")]
    Field {
        /// Name of the field as in JSON-RPC.
        field: &'static str,
        /// What the header says.
        given: String,
        /// What it must say.
        expected: String,
    },
    /// A transaction may not stand at its place.
    #[error("transaction {index}: {reason}")]
    Transaction {
        /// Its index in the block.
        index: usize,
        /// Why.
        reason: String,
    },
    /// An uncle may not stand at its place.
    #[error("uncle {index}: {reason}")]
    Uncle {
        /// Its index in the block.
        index: usize,
        /// Why.
        reason: &'static str,
    },
    /// What happens before or after the transactions of the block fails.
    #[error("{0}")]
    System(String),
    /// The block is larger than EIP-7934 allows.
    #[error("{bytes} bytes are more than {max}")]
    TooLarge {
        /// Its RLP length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A currency's supply and the sum of its balances moved apart (finance.md, invariant 1).
    #[error("the books of the block do not balance: {0}")]
    Books(String),
}

impl From<StateError> for ExecError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Pruned { number, floor } => Self::Pruned { number, floor },
            other => Self::state(other),
        }
    }
}

impl ExecError {
    /// A failure of the node's own state.
    pub(crate) fn state(error: impl std::fmt::Display) -> Self {
        Self::State(error.to_string())
    }
}
