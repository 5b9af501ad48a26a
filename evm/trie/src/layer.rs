//! What one block changed: values, trie nodes, and what was there before.

use std::sync::Arc;

use alloy_primitives::{
    B256, Bytes, U256,
    map::{B256Map, HashMap},
};
use alloy_trie::Nibbles;
use qenex_store::Account;

use crate::node::Row;

/// Names a trie node: the account whose storage trie it is in (none for the account trie), and its
/// path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeKey {
    pub(crate) owner: Option<B256>,
    pub(crate) path: Nibbles,
}

/// A changed account as it was, and its changed slots as they were.
pub(crate) type Before = (B256, Option<Account>, Vec<(B256, U256)>);

/// The changes of one block that is not yet flushed. Immutable; shared by all who read through it.
#[derive(Debug, Default)]
pub struct Layer {
    pub(crate) number: u64,
    pub(crate) parent: B256,
    pub(crate) hash: B256,
    pub(crate) root: B256,
    pub(crate) accounts: B256Map<Option<Account>>,
    pub(crate) storage: B256Map<B256Map<U256>>,
    pub(crate) code: B256Map<Bytes>,
    pub(crate) nodes: HashMap<NodeKey, Option<Arc<Row>>>,
    /// What was there before the block, for the history.
    pub(crate) before: Vec<Before>,
    /// Bytes in memory, roughly.
    pub(crate) bytes: usize,
}

impl Layer {
    /// Number of the block.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Hash of the block.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Hash of the block before.
    #[must_use]
    pub const fn parent(&self) -> B256 {
        self.parent
    }

    /// State root after the block.
    #[must_use]
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// Accounts the block changed, with what they became.
    pub fn accounts(&self) -> impl Iterator<Item = (&B256, &Option<Account>)> {
        self.accounts.iter()
    }

    pub(crate) fn slot(&self, ah: &B256, sh: &B256) -> Option<U256> {
        self.storage.get(ah)?.get(sh).copied()
    }

    pub(crate) fn measure(&mut self) {
        let slots: usize = self.storage.values().map(|slots| 48 + slots.len() * 72).sum();
        let code: usize = self.code.values().map(|code| 64 + code.len()).sum();
        let nodes: usize =
            self.nodes.values().map(|row| 96 + row.as_ref().map_or(0, |row| row.bytes())).sum();
        let before: usize = self
            .before
            .iter()
            .map(|(_, _, slots)| 176 + slots.len() * size_of::<(B256, U256)>())
            .sum();
        self.bytes = self.accounts.len() * 152 + slots + code + nodes + before;
    }
}

/// The outcome of [`crate::State::apply`]: the root is known, the block's hash is not yet, since
/// the root is part of the header.
#[derive(Debug)]
pub struct PendingLayer {
    pub(crate) layer: Layer,
}

impl PendingLayer {
    /// State root after the block.
    #[must_use]
    pub const fn root(&self) -> B256 {
        self.layer.root
    }

    /// Number of the block.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.layer.number
    }

    /// Gives the layer the hash of its block.
    #[must_use]
    pub fn seal(mut self, hash: B256) -> Arc<Layer> {
        self.layer.hash = hash;
        Arc::new(self.layer)
    }
}
