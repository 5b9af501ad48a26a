//! Merkle proofs of accounts and slots, present or absent.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::Nibbles;
use qenex_store::{Account, tables};

use crate::{
    changes::{AccountInfo, StateChanges},
    error::StateError,
    node::{self, Reference, Row, join, nibble, path_of},
    state::{AccountTrie, State, StorageTrie},
    update::Source,
};

/// How often a proof is begun anew because a flush got in the way.
const ATTEMPTS: usize = 8;

/// What `eth_getProof` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// The account asked for.
    pub address: Address,
    /// The account, if it exists.
    pub account: Option<Account>,
    /// Nodes from the state root down: they prove the account, or that there is none.
    pub account_proof: Vec<Bytes>,
    /// The slots asked for, in the order asked.
    pub storage: Vec<StorageProof>,
}

/// The proof of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// The slot, as asked for (not hashed).
    pub slot: B256,
    /// Its value, zero if it is not set.
    pub value: U256,
    /// Nodes from the storage root down; empty for an account without storage.
    pub proof: Vec<Bytes>,
}

impl State {
    /// Proves an account and some of its slots against [`State::root`].
    ///
    /// For states older than what is flushed, the blocks since are undone in memory first: the
    /// further back, the costlier, and only within the proof window.
    ///
    /// # Errors
    ///
    /// - [`StateError::OutsideProofWindow`] if the state is too old.
    /// - [`StateError::Store`] or [`StateError::Inconsistent`] if the disk cannot be trusted.
    pub fn proof(&self, address: Address, slots: &[B256]) -> Result<AccountProof, StateError> {
        self.with_nodes(|state| state.prove(address, slots))
    }

    /// Runs work that reads trie nodes on a state equal to this one whose nodes are right.
    pub(crate) fn with_nodes<T>(
        &self,
        work: impl Fn(&Self) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut state = self.clone();
        for _ in 0..ATTEMPTS {
            if !state.is_stale() {
                let result = work(&state);
                if !state.is_stale() {
                    return state.noted(result);
                }
            }
            state = match self.as_head_undone() {
                Err(StateError::Stale(_)) => continue,
                other => other?,
            };
        }
        Err(StateError::Stale(self.number()))
    }

    /// A state equal to this one that gives many proofs quickly: what was changed since is undone only
    /// once. It goes stale when anything is flushed.
    ///
    /// # Errors
    ///
    /// As [`State::proof`].
    pub fn at_hand(&self) -> Result<Self, StateError> {
        self.with_nodes(|state| Ok(state.clone()))
    }

    fn prove(&self, address: Address, slots: &[B256]) -> Result<AccountProof, StateError> {
        let ah = keccak256(address);
        let account = self.account(&ah)?;
        let account_proof = walk(&AccountTrie(self), self.root(), &ah)?;
        let root = account.map_or(tables::EMPTY_ROOT, |account| account.storage_root);
        let trie = StorageTrie { state: self, ah };
        let prove_slot = |slot: &B256| {
            let sh = keccak256(slot);
            let proof = walk(&trie, root, &sh)?;
            Ok(StorageProof { slot: *slot, value: self.storage(&ah, &sh)?, proof })
        };
        let storage = slots.iter().map(prove_slot).collect::<Result<_, StateError>>()?;
        Ok(AccountProof { address, account, account_proof, storage })
    }

    /// This state, built anew as the head with everything undone that differs.
    fn as_head_undone(&self) -> Result<Self, StateError> {
        let window = self.shared.options.proof_window;
        let (head, unflushed) = {
            let forest = self.shared.forest.read();
            (self.shared.committed_state(forest.head), forest.committed.clone())
        };
        if head.base.version.saturating_sub(self.base.version) > window {
            return Err(StateError::OutsideProofWindow { number: self.number(), window });
        }
        let mut undo = StateChanges::default();
        let first = unflushed.front().map_or(head.base.version, |layer| layer.number);
        for number in self.base.version..first {
            let row = self.shared.store.changes(number)?;
            // They may have been forgotten meanwhile.
            self.shared.check_floor(self.base.version)?;
            let missing = StateError::Inconsistent("the changes of a block are missing");
            let row = row.ok_or(missing)?;
            for (ah, slots) in &row.accounts {
                self.restore(&mut undo, ah, slots.iter())?;
            }
        }
        let above = unflushed.iter().filter(|layer| layer.number >= self.base.version);
        for layer in above.chain(self.open.iter()) {
            for (ah, _, slots) in &layer.before {
                self.restore(&mut undo, ah, slots.iter().map(|(sh, _)| sh))?;
            }
        }
        let layer = head.apply(&undo)?;
        if layer.root() != self.root() {
            return Err(StateError::Inconsistent("undoing blocks led to another root"));
        }
        let open: Arc<[_]> = Arc::new([layer.seal(B256::ZERO)]);
        Ok(Self { shared: self.shared.clone(), base: head.base, open })
    }

    /// Adds to `undo` what this state has for a key that another state may have changed.
    fn restore<'a>(
        &self,
        undo: &mut StateChanges,
        ah: &B256,
        slots: impl Iterator<Item = &'a B256>,
    ) -> Result<(), StateError> {
        let account = self.account(ah)?;
        undo.accounts.insert(*ah, account.map(AccountInfo::from));
        if account.is_some() {
            for sh in slots {
                let value = self.storage(ah, sh)?;
                undo.storage.entry(*ah).or_default().insert(*sh, value);
            }
        }
        Ok(())
    }
}

/// Collects the nodes on the way to `key`, down to it or to where it would be.
pub(crate) fn walk<S: Source>(
    source: &S,
    root: B256,
    key: &B256,
) -> Result<Vec<Bytes>, StateError> {
    let mut proof = Proof::default();
    if root == tables::EMPTY_ROOT {
        return Ok(proof.nodes);
    }
    let mut path = Nibbles::new();
    loop {
        let missing = StateError::Inconsistent("a trie node is missing");
        let row = source.row(&path)?.ok_or(missing)?;
        let node = match &*row {
            Row::OnlyLeaf(leaf) => {
                node::encode_leaf(leaf, 0, &source.value(leaf)?, &mut proof.buffer);
                proof.take();
                return Ok(proof.nodes);
            }
            Row::Branch(node) => node,
        };
        let depth = path.len() + node.extension.len();
        node.encode_branch(&mut proof.buffer);
        if !node.extension.is_empty() {
            let mut extension = Vec::new();
            let branch = Reference::of(&proof.buffer);
            node::encode_extension(&node.extension, &branch, &mut extension);
            std::mem::swap(&mut proof.buffer, &mut extension);
            proof.take();
            if path_of(key, path.len(), depth) != node.extension {
                return Ok(proof.nodes); // The extension leads elsewhere.
            }
            proof.buffer = extension;
        }
        proof.take();
        let index = nibble(key, depth);
        path = path_of(key, 0, depth);
        match node.child(index) {
            None => return Ok(proof.nodes),
            Some(child) => match child.leaf {
                None => path = join(&path, index),
                Some(leaf) => {
                    let value = source.value(&leaf)?;
                    node::encode_leaf(&leaf, depth + 1, &value, &mut proof.buffer);
                    proof.take();
                    return Ok(proof.nodes);
                }
            },
        }
    }
}

#[derive(Default)]
struct Proof {
    nodes: Vec<Bytes>,
    buffer: Vec<u8>,
}

impl Proof {
    /// Adds the node in the buffer. A short one, below the root, is part of the node above.
    fn take(&mut self) {
        if self.nodes.is_empty() || self.buffer.len() >= 32 {
            self.nodes.push(Bytes::copy_from_slice(&self.buffer));
        }
    }
}
