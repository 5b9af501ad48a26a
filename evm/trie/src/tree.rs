//! The committed state, the open proposals on it, and the way from one to the other.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::{B256, Bytes, U256, map::B256Map};
use parking_lot::{Mutex, RwLock};
use qenex_store::{Account, StateHead, Store, tables};

use crate::{
    cache::{Cache, Epoch},
    error::StateError,
    flush::{Flusher, Worker},
    layer::{Layer, NodeKey},
    node::Row,
    overlay::Versions,
    state::{Base, State},
};

/// Sizes and rhythms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeOptions {
    /// Decoded trie nodes kept in memory; about 400 bytes each.
    pub cached_nodes: usize,
    /// Flushed accounts kept in memory; about 200 bytes each.
    pub cached_accounts: usize,
    /// Flushed slots kept in memory; about 150 bytes each.
    pub cached_slots: usize,
    /// A flush begins when this many committed blocks wait for it ...
    pub flush_blocks: usize,
    /// ... or this many bytes. At four times either, [`StateTree::commit`] waits.
    pub flush_bytes: usize,
    /// How many blocks back proofs are given.
    pub proof_window: u64,
    /// How many blocks back states can be read, at least the proof window; none: all.
    pub keep_states: Option<u64>,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            cached_nodes: 1 << 18,
            cached_accounts: 1 << 18,
            cached_slots: 1 << 18,
            flush_blocks: 32,
            flush_bytes: 64 << 20,
            proof_window: 256,
            keep_states: None,
        }
    }
}

impl TreeOptions {
    /// With caches of about so many bytes together.
    ///
    /// The halves are for nodes and for what lies under them: a ledger payment reads twelve slots, and
    /// writes eight on the paths of some twenty nodes that no other payment of the block touches.
    #[must_use]
    pub const fn cached_bytes(self, bytes: usize) -> Self {
        Self {
            cached_nodes: bytes / 2 / 400,
            cached_slots: bytes / 8 * 3 / 150,
            cached_accounts: bytes / 8 / 200,
            ..self
        }
    }
}

/// All states there are: the committed ones and the open proposals. Clones share them; the flush
/// thread ends with the last clone. What is not flushed then is executed again at the next start;
/// [`StateTree::flush_now`] avoids that.
#[derive(Clone, Debug)]
pub struct StateTree {
    shared: Arc<Shared>,
    _worker: Arc<Worker>,
}

/// What states, tree and flush thread share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) options: TreeOptions,
    /// Committed and not yet flushed.
    pub(crate) accounts: Versions<B256, Option<Account>>,
    pub(crate) slots: Versions<(B256, B256), U256>,
    pub(crate) nodes: Versions<NodeKey, Option<Arc<Row>>>,
    pub(crate) code: Versions<B256, Bytes>,
    /// Flushed and in memory.
    pub(crate) account_cache: Cache<B256, Option<Account>>,
    pub(crate) slot_cache: Cache<(B256, B256), U256>,
    pub(crate) node_cache: Cache<NodeKey, Arc<Row>>,
    pub(crate) epoch: Epoch,
    /// The state that the newest flush, finished or begun, leads to.
    ceiling: RwLock<Ceiling>,
    ceiling_version: AtomicU64,
    /// The oldest block whose state can be read. Raised before older history goes.
    floor: AtomicU64,
    pub(crate) forest: RwLock<Forest>,
    /// Makes commits one at a time.
    committing: Mutex<()>,
    pub(crate) flusher: Flusher,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("store", &self.store).finish_non_exhaustive()
    }
}

/// See [`Shared::ceiling`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceiling {
    pub(crate) version: u64,
    pub(crate) hash: B256,
}

/// Blocks in memory.
#[derive(Debug)]
pub(crate) struct Forest {
    pub(crate) head: Base,
    /// Committed and not yet flushed, oldest first.
    pub(crate) committed: VecDeque<Arc<Layer>>,
    pub(crate) committed_bytes: usize,
    proposals: B256Map<Arc<Layer>>,
}

impl Shared {
    /// The state that the newest flush, finished or begun, leads to.
    pub(crate) fn ceiling(&self) -> Ceiling {
        *self.ceiling.read()
    }

    /// Set before the flush writes: who reads something too new finds the ceiling raised.
    pub(crate) fn raise_ceiling(&self, version: u64, hash: B256) {
        *self.ceiling.write() = Ceiling { version, hash };
        self.ceiling_version.store(version, Ordering::SeqCst);
    }

    /// The oldest block whose state can be read.
    pub(crate) fn floor(&self) -> u64 {
        self.floor.load(Ordering::SeqCst)
    }

    /// Set before history goes: who then finds a value without the history that corrects it finds
    /// the floor raised.
    pub(crate) fn raise_floor(&self, number: u64) {
        self.floor.fetch_max(number, Ordering::SeqCst);
    }

    /// Fails if the state of this version is below the floor.
    pub(crate) fn check_floor(&self, version: u64) -> Result<(), StateError> {
        let (number, floor) = (version.saturating_sub(1), self.floor());
        if number < floor { Err(StateError::Pruned { number, floor }) } else { Ok(()) }
    }

    /// Whether the store may hold values newer than `version`.
    pub(crate) fn flushed_beyond(&self, version: u64) -> bool {
        self.ceiling_version.load(Ordering::SeqCst) > version
    }
}

impl StateTree {
    /// Opens the state as it was last flushed and starts the flush thread.
    ///
    /// The head is then the store's `state_head`, which may lie behind the store's committed blocks:
    /// execute those again, from `head().number() + 1` (or from genesis if the head
    /// [is void](State::is_void)), with the same calls as new ones.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the disk fails or the flush thread cannot be started.
    pub fn open(store: Store, options: TreeOptions) -> Result<Self, StateError> {
        let head = match store.state_head()? {
            Some(StateHead { number, hash, root }) => Base { version: number + 1, hash, root },
            None => Base { version: 0, hash: B256::ZERO, root: tables::EMPTY_ROOT },
        };
        let floor = store.state_floor()?;
        let shared = Arc::new(Shared {
            store,
            options,
            accounts: Versions::new(),
            slots: Versions::new(),
            nodes: Versions::new(),
            code: Versions::new(),
            account_cache: Cache::new(options.cached_accounts),
            slot_cache: Cache::new(options.cached_slots),
            node_cache: Cache::new(options.cached_nodes),
            epoch: Epoch::default(),
            ceiling: RwLock::new(Ceiling { version: head.version, hash: head.hash }),
            ceiling_version: AtomicU64::new(head.version),
            floor: AtomicU64::new(floor),
            forest: RwLock::new(Forest {
                head,
                committed: VecDeque::new(),
                committed_bytes: 0,
                proposals: B256Map::default(),
            }),
            committing: Mutex::new(()),
            flusher: Flusher::new(head.version),
        });
        let worker = Worker::start(shared.clone())?;
        Ok(Self { shared, _worker: Arc::new(worker) })
    }

    /// The state after the last committed block.
    #[must_use]
    pub fn head(&self) -> State {
        self.shared.head()
    }

    /// The state after the block with this hash, if it is the head, an open proposal, or committed
    /// and not yet flushed. For older blocks ask the store for the number and then
    /// [`StateTree::state_at`].
    #[must_use]
    pub fn state(&self, hash: &B256) -> Option<State> {
        let forest = self.shared.forest.read();
        if forest.head.hash == *hash {
            return Some(self.shared.committed_state(forest.head));
        }
        if let Some(layer) = forest.committed.iter().find(|layer| layer.hash == *hash) {
            return Some(self.shared.committed_state(base_of(layer)));
        }
        let mut open = Vec::new();
        let mut parent = *hash;
        while parent != forest.head.hash {
            let layer = forest.proposals.get(&parent)?;
            open.push(layer.clone());
            parent = layer.parent;
        }
        open.reverse();
        Some(State { shared: self.shared.clone(), base: forest.head, open: open.into() })
    }

    /// The oldest block whose state can be read.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.shared.floor()
    }

    /// The state after the committed block with this number; nothing if there is no such block.
    ///
    /// # Errors
    ///
    /// - [`StateError::Pruned`] if it is kept no more.
    /// - [`StateError::Store`] if the store fails.
    pub fn state_at(&self, number: u64) -> Result<Option<State>, StateError> {
        let base = {
            let forest = self.shared.forest.read();
            let first = forest.committed.front().map_or(forest.head.version, |layer| layer.number);
            if number >= forest.head.version {
                return Ok(None);
            }
            if number + 1 == forest.head.version {
                Some(forest.head)
            } else {
                let offset = number.checked_sub(first).and_then(|n| usize::try_from(n).ok());
                offset.and_then(|offset| forest.committed.get(offset)).map(|layer| base_of(layer))
            }
        };
        let base = match base {
            Some(base) => base,
            None => match self.shared.store.changes(number)? {
                Some(row) => Base { version: number + 1, hash: row.hash, root: row.root },
                None => {
                    self.shared.check_floor(number.saturating_add(1))?;
                    return Ok(None);
                }
            },
        };
        self.shared.check_floor(base.version)?;
        Ok(Some(self.shared.committed_state(base)))
    }

    /// Adds an open proposal on the head or on another open proposal. Adding it again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// - [`StateError::UnknownParent`] if its parent is neither.
    /// - [`StateError::Poisoned`] after a failed flush.
    pub fn insert(&self, layer: Arc<Layer>) -> Result<(), StateError> {
        self.shared.flusher.check()?;
        let mut forest = self.shared.forest.write();
        let parent = match forest.proposals.get(&layer.parent) {
            Some(parent) => Some(parent.number + 1),
            None if forest.head.hash == layer.parent => Some(forest.head.version),
            None => None,
        };
        if parent != Some(layer.number) {
            let (number, parent) = (layer.number, layer.parent);
            return Err(StateError::UnknownParent { number, parent });
        }
        forest.proposals.insert(layer.hash, layer);
        Ok(())
    }

    /// Makes an open child of the head the new head; proposals not on top of it are dropped.
    ///
    /// Store the block durably before: a flush may follow at once, and the state must never be
    /// ahead of the blocks. Waits if the flush has fallen far behind.
    ///
    /// # Errors
    ///
    /// - [`StateError::NotAChild`] if the block is not an open child of the head.
    /// - [`StateError::Poisoned`] after a failed flush.
    pub fn commit(&self, hash: &B256) -> Result<(), StateError> {
        let shared = &self.shared;
        shared.flusher.check()?;
        let committing = shared.committing.lock();
        let layer = {
            let forest = shared.forest.read();
            let layer = forest.proposals.get(hash);
            let child = layer.filter(|layer| layer.parent == forest.head.hash);
            child.ok_or(StateError::NotAChild(*hash))?.clone()
        };
        // Nobody can see these versions before the head moves.
        shared.add_versions(&layer);
        {
            let mut forest = shared.forest.write();
            forest.head = base_of(&layer);
            forest.committed_bytes += layer.bytes;
            forest.committed.push_back(layer);
            forest.drop_losers(hash);
        }
        drop(committing);
        shared.flusher.wake();
        shared.flusher.wait_while_behind(shared)
    }

    /// Writes everything committed out and waits for it: for a clean shutdown.
    ///
    /// # Errors
    ///
    /// [`StateError::Poisoned`] if the flush fails.
    pub fn flush_now(&self) -> Result<(), StateError> {
        let version = self.shared.forest.read().head.version;
        self.shared.flusher.flush_up_to(version)
    }

    /// Sizes and rhythms, as given when it was opened.
    #[must_use]
    pub fn options(&self) -> &TreeOptions {
        &self.shared.options
    }

    /// The newest flushed block, as the store has it.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the store fails.
    pub fn flushed(&self) -> Result<Option<StateHead>, StateError> {
        Ok(self.shared.store.state_head()?)
    }

    /// Committed blocks that wait for the flush, and their bytes in memory: for metrics.
    #[must_use]
    pub fn unflushed(&self) -> (usize, usize) {
        let forest = self.shared.forest.read();
        (forest.committed.len(), forest.committed_bytes)
    }
}

fn base_of(layer: &Layer) -> Base {
    Base { version: layer.number + 1, hash: layer.hash, root: layer.root }
}

impl Shared {
    pub(crate) fn head(self: &Arc<Self>) -> State {
        let head = self.forest.read().head;
        self.committed_state(head)
    }

    pub(crate) fn committed_state(self: &Arc<Self>, base: Base) -> State {
        State { shared: self.clone(), base, open: Arc::new([]) }
    }

    fn add_versions(&self, layer: &Layer) {
        let version = layer.number + 1;
        for (ah, account) in &layer.accounts {
            self.accounts.put(*ah, version, *account);
        }
        for (ah, slots) in &layer.storage {
            for (sh, value) in slots {
                self.slots.put((*ah, *sh), version, *value);
            }
        }
        for (key, row) in &layer.nodes {
            self.nodes.put(*key, version, row.clone());
        }
        for (hash, code) in &layer.code {
            self.code.put(*hash, version, code.clone());
        }
    }
}

impl Forest {
    /// Keeps only the proposals above the block just committed.
    fn drop_losers(&mut self, committed: &B256) {
        self.proposals.remove(committed);
        let all = std::mem::take(&mut self.proposals);
        let mut left: Vec<Arc<Layer>> = all.into_values().collect();
        left.sort_unstable_by_key(|layer| layer.number); // Parents come before children.
        for layer in left {
            if layer.parent == *committed || self.proposals.contains_key(&layer.parent) {
                self.proposals.insert(layer.hash, layer);
            }
        }
    }
}
