//! What a development node can do beyond a validator: put the chain back, set state, move time.
//!
//! `node/src/dev/` implements it; `methods/dev.rs` serves it. A validator gives its chain alone
//! ([`ChainSource::Only`]): there none of those methods exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use alloy_primitives::{Address, B256, Signature};
use qenex_exec::{AccountOverride, Chain};

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// One for each transaction, at once.
    Auto,
    /// One every so many seconds, with all that waits.
    Interval(u64),
    /// When asked to.
    Manual,
}

/// Why the node does not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// It cannot be done.
    #[error("{0}")]
    Refused(String),
    /// The node's own failure.
    #[error("{0}")]
    Failed(String),
}

/// A node for development. Its calls may take long.
pub trait Development: Send + Sync {
    /// The chain as it is now; another one after [`Development::revert`].
    fn chain(&self) -> Arc<Chain>;
    /// How often the chain was put back.
    fn times_put_back(&self) -> u64;

    /// The accounts whose keys the node has.
    fn accounts(&self) -> Vec<Address>;
    /// A signature by one of them.
    fn sign(&self, account: Address, hash: &B256) -> Option<Signature>;
    /// The accounts that may send without a signature.
    fn impersonated(&self) -> BTreeSet<Address>;
    /// Whether an account may send without a signature.
    fn impersonates(&self, account: Address) -> bool;
    /// Lets an account send without a signature, or no more.
    fn set_impersonated(&self, account: Address, on: bool);
    /// Lets all accounts send without a signature, or only those named.
    fn set_impersonates_all(&self, on: bool);

    /// When blocks are made.
    fn mining(&self) -> Mining;
    /// Changes when blocks are made.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`], here and below.
    fn set_mining(&self, mining: Mining) -> Result<(), DevelopmentError>;
    /// Makes blocks, so many seconds apart, the first with what waits, or at this time.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn mine(
        &self,
        blocks: u64,
        seconds_apart: u64,
        first_at: Option<u64>,
    ) -> Result<(), DevelopmentError>;
    /// Moves the clock forward; by how many seconds it is then ahead of the machine's.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn increase_time(&self, seconds: u64) -> Result<i64, DevelopmentError>;
    /// Sets the time of the next block, and with it the clock.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), DevelopmentError>;
    /// Sets accounts, in a block of its own.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn set_accounts(
        &self,
        accounts: &BTreeMap<Address, AccountOverride>,
    ) -> Result<(), DevelopmentError>;

    /// Keeps the chain as it is now; the snapshot's number.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn snapshot(&self) -> Result<u64, DevelopmentError>;
    /// Puts the chain back to a snapshot, which is gone then, with all later ones; false if there is
    /// none of this number.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn revert(&self, snapshot: u64) -> Result<bool, DevelopmentError>;
    /// Puts the chain back to its start.
    ///
    /// # Errors
    ///
    /// [`DevelopmentError`].
    fn reset(&self) -> Result<(), DevelopmentError>;
}

/// Where the methods find the chain.
#[derive(Clone)]
pub enum ChainSource {
    /// A validator's chain: always the same one.
    Only(Arc<Chain>),
    /// A development node, and with it the methods that only such a node has.
    Development(Arc<dyn Development>),
}

impl ChainSource {
    /// The chain as it is now.
    pub(crate) fn now(&self) -> CurrentChain<'_> {
        match self {
            Self::Only(chain) => CurrentChain::Only(chain),
            Self::Development(node) => CurrentChain::Now(node.chain()),
        }
    }

    /// The development node, if it is one.
    pub(crate) fn development(&self) -> Option<&dyn Development> {
        match self {
            Self::Only(_) => None,
            Self::Development(node) => Some(&**node),
        }
    }
}

/// The chain while a method reads it.
pub(crate) enum CurrentChain<'a> {
    /// A validator's.
    Only(&'a Chain),
    /// A development node's, as it is now.
    Now(Arc<Chain>),
}

impl Deref for CurrentChain<'_> {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        match self {
            Self::Only(chain) => chain,
            Self::Now(chain) => chain,
        }
    }
}
