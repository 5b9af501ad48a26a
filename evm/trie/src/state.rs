//! The state after one block: reads, and what changes lead to.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{B256, Bytes, U256, map::B256Map};
use alloy_rlp::Encodable;
use alloy_trie::{Nibbles, TrieAccount};
use qenex_store::{Account, tables};
use rayon::prelude::*;

use crate::{
    changes::{AccountInfo, StateChanges},
    error::StateError,
    layer::{Layer, NodeKey, PendingLayer},
    node::{Row, join},
    tree::Shared,
    update::{Change, Delta, Source, update},
};

/// From this many accounts or slots on, work is spread over threads.
const PARALLEL: usize = 64;

/// The state after one block. Cheap to clone, consistent for as long as it is held, and never in
/// the way of anybody: neither reads nor flushes wait for each other.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) shared: Arc<Shared>,
    /// The committed state below the open layers.
    pub(crate) base: Base,
    /// Layers above it, oldest first.
    pub(crate) open: Arc<[Arc<Layer>]>,
}

/// A committed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// Blocks executed: one more than the block's number, 0 before genesis.
    pub(crate) version: u64,
    pub(crate) hash: B256,
    pub(crate) root: B256,
}

impl State {
    /// Number of the block whose post-state this is; 0 also before genesis.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.version().saturating_sub(1)
    }

    /// Hash of the block; zero before genesis.
    #[must_use]
    pub fn block_hash(&self) -> B256 {
        self.open.last().map_or(self.base.hash, |layer| layer.hash)
    }

    /// State root after the block.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.open.last().map_or(self.base.root, |layer| layer.root)
    }

    /// Whether this is the empty state before genesis.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.version() == 0
    }

    /// The state after one more block, which no tree holds: for what will never be committed. What
    /// is to be committed goes through [`StateTree::insert`](crate::StateTree::insert).
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownParent`] if the layer was computed on another state.
    pub fn above(&self, layer: Arc<Layer>) -> Result<Self, StateError> {
        if layer.number != self.version() || layer.parent != self.block_hash() {
            let (number, parent) = (layer.number, layer.parent);
            return Err(StateError::UnknownParent { number, parent });
        }
        let open = self.open.iter().cloned().chain([layer]).collect();
        Ok(Self { open, ..self.clone() })
    }

    pub(crate) fn version(&self) -> u64 {
        self.open.last().map_or(self.base.version, |layer| layer.number + 1)
    }

    /// The account with this keccak256(address).
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the store fails.
    pub fn account(&self, ah: &B256) -> Result<Option<Account>, StateError> {
        if let Some(found) = self.open.iter().rev().find_map(|layer| layer.accounts.get(ah)) {
            return Ok(*found);
        }
        let Base { version, .. } = self.base;
        if version == 0 {
            return Ok(None);
        }
        let shared = &self.shared;
        if let Some(found) = shared.accounts.get(ah, version) {
            return Ok(found);
        }
        let flat = match shared.account_cache.get(ah) {
            Some(cached) => cached,
            None => {
                let seen = shared.epoch.now();
                let found = shared.store.account(ah)?;
                shared.account_cache.offer(*ah, found, seen, &shared.epoch);
                found
            }
        };
        // The history is read after the flat value, see the crate's header.
        if shared.flushed_beyond(version) {
            let before = shared.store.account_before(ah, version)?;
            shared.check_floor(version)?;
            return Ok(before.unwrap_or(flat));
        }
        Ok(flat)
    }

    /// The slot with this keccak256(slot) of the account with this keccak256(address); zero if
    /// either does not exist.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the store fails.
    pub fn storage(&self, ah: &B256, sh: &B256) -> Result<U256, StateError> {
        if let Some(found) = self.open.iter().rev().find_map(|layer| layer.slot(ah, sh)) {
            return Ok(found);
        }
        let Base { version, .. } = self.base;
        if version == 0 {
            return Ok(U256::ZERO);
        }
        let shared = &self.shared;
        let key = (*ah, *sh);
        if let Some(found) = shared.slots.get(&key, version) {
            return Ok(found);
        }
        let flat = match shared.slot_cache.get(&key) {
            Some(cached) => cached,
            None => {
                let seen = shared.epoch.now();
                let found = shared.store.storage(ah, sh)?;
                shared.slot_cache.offer(key, found, seen, &shared.epoch);
                found
            }
        };
        if shared.flushed_beyond(version) {
            let before = shared.store.storage_before(ah, sh, version)?;
            shared.check_floor(version)?;
            return Ok(before.unwrap_or(flat));
        }
        Ok(flat)
    }

    /// As [`State::storage`], where that asks no disk.
    #[must_use]
    pub fn storage_in_memory(&self, ah: &B256, sh: &B256) -> Option<U256> {
        if let Some(found) = self.open.iter().rev().find_map(|layer| layer.slot(ah, sh)) {
            return Some(found);
        }
        let (Base { version, .. }, key) = (self.base, (*ah, *sh));
        let found = self.shared.slots.get(&key, version);
        let found = found.or_else(|| self.shared.slot_cache.get(&key))?;
        // Asked after the cache was: what was there then was not too new for this state.
        (!self.shared.flushed_beyond(version)).then_some(found)
    }

    /// Code by its hash.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the store fails.
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>, StateError> {
        if *hash == tables::KECCAK_EMPTY {
            return Ok(Some(Bytes::new()));
        }
        if let Some(found) = self.open.iter().rev().find_map(|layer| layer.code.get(hash)) {
            return Ok(Some(found.clone()));
        }
        // Code is known by its content: no version can be wrong.
        if let Some(found) = self.shared.code.get(hash, u64::MAX) {
            return Ok(Some(found));
        }
        Ok(self.shared.store.code(hash)?)
    }

    /// Whether a flush has passed this state by, so that trie nodes may be too new for it.
    ///
    /// Values stay right (they have a history); nothing can be built on a stale state. It happens
    /// to states held for long and to branches that lost.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let ceiling = self.shared.ceiling();
        let ours =
            |layer: &Arc<Layer>| layer.number + 1 == ceiling.version && layer.hash == ceiling.hash;
        ceiling.version > self.base.version && !self.open.iter().any(ours)
    }

    /// A trie node; right only if the state [is not stale](Self::is_stale) *after* the read.
    pub(crate) fn row(&self, key: &NodeKey) -> Result<Option<Arc<Row>>, StateError> {
        if let Some(found) = self.open.iter().rev().find_map(|layer| layer.nodes.get(key)) {
            return Ok(found.clone());
        }
        let Base { version, .. } = self.base;
        if version == 0 {
            return Ok(None);
        }
        let shared = &self.shared;
        if let Some(found) = shared.nodes.get(key, version) {
            return Ok(found);
        }
        if let Some(cached) = shared.node_cache.get(key) {
            return Ok(Some(cached));
        }
        let seen = shared.epoch.now();
        let decode = |row: &[u8]| Row::decode(&key.path, row).map(Arc::new);
        let found = shared.store.node(&key.store_key(), decode)?;
        if let Some(row) = &found {
            shared.node_cache.offer(*key, row.clone(), seen, &shared.epoch);
        }
        Ok(found)
    }

    /// Computes the state after a next block with these net changes.
    ///
    /// The work is spread over rayon's threads where it pays. Nothing is kept: seal the result with
    /// the block's hash and [insert](crate::StateTree::insert) it.
    ///
    /// # Errors
    ///
    /// - [`StateError::Stale`] if this state is not on the chain any more.
    /// - [`StateError::StorageWithoutAccount`] if the changes contradict themselves.
    /// - [`StateError::Store`] or [`StateError::Inconsistent`] if the disk cannot be trusted.
    pub fn apply(&self, changes: &StateChanges) -> Result<PendingLayer, StateError> {
        let result = self.compute(changes);
        if self.is_stale() {
            return Err(StateError::Stale(self.number()));
        }
        self.noted(result)
    }

    /// Notes damage that shows in how nodes and values fit together; only of a state that is not
    /// stale, for the nodes of a stale one may fit to nothing.
    pub(crate) fn noted<T>(&self, result: Result<T, StateError>) -> Result<T, StateError> {
        if let Err(StateError::Inconsistent(what)) = result {
            return Err(self.shared.store.condemn(what).into());
        }
        result
    }

    fn compute(&self, changes: &StateChanges) -> Result<PendingLayer, StateError> {
        let mut keys: Vec<B256> = changes.accounts.keys().copied().collect();
        keys.extend(changes.storage.keys().chain(&changes.wiped));
        keys.sort_unstable();
        keys.dedup();
        let one = |ah: &B256| self.change_account(ah, changes).transpose();
        let outcomes: Vec<Outcome> = if keys.len() >= PARALLEL {
            keys.par_iter().with_min_len(8).filter_map(one).collect::<Result<_, _>>()?
        } else {
            keys.iter().filter_map(one).collect::<Result<_, _>>()?
        };
        let values: Vec<Option<Vec<u8>>> =
            outcomes.iter().map(|outcome| outcome.after.as_ref().map(leaf_value)).collect();
        let leaves: Vec<Change<'_>> = outcomes
            .iter()
            .zip(&values)
            // An account that was absent and stays so is no change, though its slots may be.
            .filter(|(outcome, value)| outcome.before.is_some() || value.is_some())
            .map(|(outcome, value)| Change { key: outcome.ah, value: value.as_deref() })
            .collect();
        let (root, delta) = update(&AccountTrie(self), self.root(), &leaves)?;
        let mut layer = Layer {
            number: self.version(),
            parent: self.block_hash(),
            root,
            code: changes.code.iter().map(|(hash, code)| (*hash, code.clone())).collect(),
            ..Layer::default()
        };
        layer
            .nodes
            .extend(delta.into_iter().map(|(path, row)| (NodeKey { owner: None, path }, row)));
        for outcome in outcomes {
            outcome.add_to(&mut layer);
        }
        layer.measure();
        Ok(PendingLayer { layer })
    }

    /// What becomes of one account, its slots and its storage trie; nothing if nothing changes.
    fn change_account(
        &self,
        ah: &B256,
        changes: &StateChanges,
    ) -> Result<Option<Outcome>, StateError> {
        let before = self.account(ah)?;
        let info = match changes.accounts.get(ah) {
            Some(info) => *info,
            None => before.map(AccountInfo::from),
        };
        let none = BTreeMap::new();
        let slots = changes.storage.get(ah).unwrap_or(&none);
        if info.is_none() && slots.values().any(|value| !value.is_zero()) {
            return Err(StateError::StorageWithoutAccount(*ah));
        }
        let old_root = before.map_or(tables::EMPTY_ROOT, |account| account.storage_root);
        let wiped = info.is_none() || changes.wiped.contains(ah);
        let slots = if wiped && old_root != tables::EMPTY_ROOT {
            let mut all: BTreeMap<B256, U256> =
                self.storage_keys(ah, old_root)?.into_iter().map(|sh| (sh, U256::ZERO)).collect();
            all.extend(slots);
            self.changed_slots(ah, old_root, &all)?
        } else {
            self.changed_slots(ah, old_root, slots)?
        };
        let (storage_root, nodes) = self.change_storage(ah, old_root, &slots)?;
        let after = info.map(|info| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root,
        });
        if after == before && slots.is_empty() {
            return Ok(None);
        }
        Ok(Some(Outcome { ah: *ah, before, after, slots, nodes }))
    }

    /// Those of the given slots that really change.
    fn changed_slots(
        &self,
        ah: &B256,
        old_root: B256,
        slots: &BTreeMap<B256, U256>,
    ) -> Result<Vec<SlotChange>, StateError> {
        let empty = old_root == tables::EMPTY_ROOT;
        let one = |(sh, after): (&B256, &U256)| {
            let before = if empty { U256::ZERO } else { self.storage(ah, sh)? };
            Ok(SlotChange { sh: *sh, before, after: *after })
        };
        let mut all: Vec<SlotChange> = if !empty && slots.len() >= PARALLEL {
            let slots: Vec<_> = slots.iter().collect();
            slots.into_par_iter().with_min_len(16).map(one).collect::<Result<_, StateError>>()?
        } else {
            slots.iter().map(one).collect::<Result<_, StateError>>()?
        };
        all.retain(|slot| slot.before != slot.after);
        Ok(all)
    }

    fn change_storage(
        &self,
        ah: &B256,
        old_root: B256,
        slots: &[SlotChange],
    ) -> Result<(B256, Delta), StateError> {
        let encode = |slot: &SlotChange| (!slot.after.is_zero()).then(|| slot_value(slot.after));
        let values: Vec<Option<Vec<u8>>> = slots.iter().map(encode).collect();
        let leaves: Vec<Change<'_>> = slots
            .iter()
            .zip(&values)
            .map(|(slot, value)| Change { key: slot.sh, value: value.as_deref() })
            .collect();
        update(&StorageTrie { state: self, ah: *ah }, old_root, &leaves)
    }

    /// All slots of an account, from its storage trie.
    fn storage_keys(&self, ah: &B256, root: B256) -> Result<Vec<B256>, StateError> {
        let mut keys = Vec::new();
        let mut paths = Vec::new();
        if root != tables::EMPTY_ROOT {
            paths.push(Nibbles::new());
        }
        while let Some(path) = paths.pop() {
            let row = self.row(&NodeKey { owner: Some(*ah), path })?;
            match row.as_deref() {
                None => return Err(StateError::Inconsistent("a trie node is missing")),
                Some(Row::OnlyLeaf(key)) => keys.push(*key),
                Some(Row::Branch(node)) => {
                    let below = path.join(&node.extension);
                    for (index, child) in node.iter() {
                        match child.leaf {
                            Some(key) => keys.push(key),
                            None => paths.push(join(&below, index)),
                        }
                    }
                }
            }
        }
        Ok(keys)
    }
}

impl NodeKey {
    pub(crate) fn store_key(&self) -> Vec<u8> {
        let nibbles = u8::try_from(self.path.len()).unwrap_or(u8::MAX); // At most 64.
        tables::node_key(self.owner.as_ref(), &self.path.pack(), nibbles)
    }
}

/// A slot before and after the block.
#[derive(Debug)]
struct SlotChange {
    sh: B256,
    before: U256,
    after: U256,
}

/// An account before and after the block.
#[derive(Debug)]
struct Outcome {
    ah: B256,
    before: Option<Account>,
    after: Option<Account>,
    slots: Vec<SlotChange>,
    nodes: Delta,
}

impl Outcome {
    fn add_to(self, layer: &mut Layer) {
        let Self { ah, before, after, slots, nodes } = self;
        layer.accounts.insert(ah, after);
        let owner = Some(ah);
        layer.nodes.extend(nodes.into_iter().map(|(path, row)| (NodeKey { owner, path }, row)));
        if !slots.is_empty() {
            let after: B256Map<U256> = slots.iter().map(|slot| (slot.sh, slot.after)).collect();
            layer.storage.insert(ah, after);
        }
        let slots = slots.into_iter().map(|slot| (slot.sh, slot.before)).collect();
        layer.before.push((ah, before, slots));
    }
}

/// RLP of an account, the value of its leaf.
pub(crate) fn leaf_value(account: &Account) -> Vec<u8> {
    let Account { nonce, balance, code_hash, storage_root } = *account;
    let account = TrieAccount { nonce, balance, storage_root, code_hash };
    let mut value = Vec::with_capacity(110);
    account.encode(&mut value);
    value
}

/// RLP of a slot's value, the value of its leaf.
pub(crate) fn slot_value(value: U256) -> Vec<u8> {
    let mut rlp = Vec::with_capacity(33);
    value.encode(&mut rlp);
    rlp
}

/// The account trie of a state.
pub(crate) struct AccountTrie<'a>(pub(crate) &'a State);

impl Source for AccountTrie<'_> {
    fn row(&self, path: &Nibbles) -> Result<Option<Arc<Row>>, StateError> {
        self.0.row(&NodeKey { owner: None, path: *path })
    }

    fn value(&self, key: &B256) -> Result<Vec<u8>, StateError> {
        let missing = StateError::Inconsistent("a leaf's account is missing");
        self.0.account(key)?.as_ref().map(leaf_value).ok_or(missing)
    }
}

/// The storage trie of an account.
pub(crate) struct StorageTrie<'a> {
    pub(crate) state: &'a State,
    pub(crate) ah: B256,
}

impl Source for StorageTrie<'_> {
    fn row(&self, path: &Nibbles) -> Result<Option<Arc<Row>>, StateError> {
        self.state.row(&NodeKey { owner: Some(self.ah), path: *path })
    }

    fn value(&self, key: &B256) -> Result<Vec<u8>, StateError> {
        match self.state.storage(&self.ah, key)? {
            value if value.is_zero() => Err(StateError::Inconsistent("a leaf's slot is missing")),
            value => Ok(slot_value(value)),
        }
    }
}
