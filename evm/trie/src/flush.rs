//! Writes committed layers to the store, in the background, several at a time.
//!
//! Order matters, for readers take no lock: raise the ceiling, write, renew the caches, and only
//! then drop the versions that are in the store now (see the crate's header).

use std::{sync::Arc, thread::JoinHandle};

use alloy_primitives::{B256, Bytes, U256};
use parking_lot::{Condvar, Mutex};
use qenex_store::{Account, StateChange, StateHead, StoreError, tables::ChangesRow};

use crate::{
    error::StateError,
    layer::{Layer, NodeKey},
    node::Row,
    tree::Shared,
};

/// How often the limits that begin a flush may be exceeded before commits wait.
const BEHIND: usize = 4;

/// Most states forgotten after a flush, so that a change of what is kept does not stop commits.
const FORGOTTEN: u64 = 1_024;

/// Blocks whose history goes in one write.
const FORGOTTEN_AT_ONCE: u64 = 16;

/// How others speak with the flush thread.
#[derive(Debug)]
pub(crate) struct Flusher {
    control: Mutex<Control>,
    /// Something changed for the thread.
    work: Condvar,
    /// The thread got on.
    done: Condvar,
}

#[derive(Debug)]
struct Control {
    /// Version up to which somebody wants everything flushed.
    wanted: u64,
    /// Version up to which everything is flushed.
    flushed: u64,
    stop: bool,
    error: Option<StoreError>,
}

impl Flusher {
    pub(crate) fn new(flushed: u64) -> Self {
        let control = Control { wanted: 0, flushed, stop: false, error: None };
        Self { control: Mutex::new(control), work: Condvar::new(), done: Condvar::new() }
    }

    /// Fails after a failed flush.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        self.control.lock().check()
    }

    /// Lets the thread look whether a flush is due.
    pub(crate) fn wake(&self) {
        let _control = self.control.lock(); // So that it is not just about to wait.
        self.work.notify_one();
    }

    /// Waits while far more is unflushed than a flush should begin with.
    pub(crate) fn wait_while_behind(&self, shared: &Shared) -> Result<(), StateError> {
        let mut control = self.control.lock();
        while shared.exceeds(BEHIND) {
            control.check()?;
            self.done.wait(&mut control);
        }
        Ok(())
    }

    /// Flushes everything up to a version and waits for it.
    pub(crate) fn flush_up_to(&self, version: u64) -> Result<(), StateError> {
        let mut control = self.control.lock();
        control.wanted = control.wanted.max(version);
        self.work.notify_one();
        while control.flushed < version {
            control.check()?;
            self.done.wait(&mut control);
        }
        Ok(())
    }
}

impl Control {
    fn check(&self) -> Result<(), StateError> {
        self.error.clone().map_or(Ok(()), |error| Err(StateError::Poisoned(error)))
    }
}

/// The flush thread; stops and joins it when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Self, StateError> {
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("state-flush".to_owned())
            .spawn(move || run(&own))
            .map_err(|error| StoreError::Io { detail: error.to_string() })?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let flusher = &self.shared.flusher;
        flusher.control.lock().stop = true;
        flusher.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    let flusher = &shared.flusher;
    loop {
        {
            let mut control = flusher.control.lock();
            while !control.stop && control.wanted <= control.flushed && !shared.exceeds(1) {
                flusher.work.wait(&mut control);
            }
            if control.stop {
                return;
            }
        }
        let result = shared.flush_some();
        let mut control = flusher.control.lock();
        match result {
            Ok(version) => control.flushed = control.flushed.max(version),
            Err(error) => control.error = Some(error),
        }
        flusher.done.notify_all();
        if control.error.is_some() {
            return;
        }
    }
}

impl Shared {
    /// Whether `times` as much as begins a flush is unflushed.
    fn exceeds(&self, times: usize) -> bool {
        let forest = self.forest.read();
        forest.committed.len() >= times.saturating_mul(self.options.flush_blocks.max(1))
            || forest.committed_bytes >= times.saturating_mul(self.options.flush_bytes.max(1))
    }

    /// Flushes the oldest layers, about as many bytes as the limit says but at least one, and
    /// returns the version up to which everything is flushed.
    fn flush_some(&self) -> Result<u64, StoreError> {
        let layers: Vec<Arc<Layer>> = {
            let forest = self.forest.read();
            let mut bytes = 0_usize;
            let fits = |layer: &&Arc<Layer>| {
                let before = bytes;
                bytes += layer.bytes;
                before < self.options.flush_bytes
            };
            let all = forest.committed.iter();
            let some: Vec<_> = all.take_while(fits).cloned().collect();
            if some.is_empty() {
                forest.committed.front().cloned().into_iter().collect()
            } else {
                some
            }
        };
        let Some(last) = layers.last() else { return Ok(self.ceiling().version) };
        let version = last.number + 1;
        let merged = Merged::of(&layers);
        let batch = {
            let mut batch = self.store.state_batch();
            merged.write(|change| batch.add(&change))?;
            for layer in &layers {
                write_history(layer, |change| batch.add(&change))?;
            }
            batch
        };
        self.raise_ceiling(version, last.hash);
        self.epoch.advance();
        let head = StateHead { number: last.number, hash: last.hash, root: last.root };
        self.store.flush_state(batch, head)?;
        self.renew_caches(&merged);
        self.epoch.advance();
        self.prune(&merged, version);
        self.forget_old_states(last.number)?;
        let mut forest = self.forest.write();
        for layer in &layers {
            forest.committed.pop_front();
            forest.committed_bytes = forest.committed_bytes.saturating_sub(layer.bytes);
        }
        Ok(version)
    }

    /// Forgets the states that are kept no more. After a change from all to few, a part at each
    /// flush.
    fn forget_old_states(&self, flushed: u64) -> Result<(), StoreError> {
        let Some(keep) = self.options.keep_states else { return Ok(()) };
        // Proofs undo blocks with the same history.
        let wanted = flushed.saturating_sub(keep.max(self.options.proof_window));
        let end = wanted.min(self.floor().saturating_add(FORGOTTEN));
        while self.floor() < end {
            let floor = end.min(self.floor().saturating_add(FORGOTTEN_AT_ONCE));
            self.raise_floor(floor);
            self.store.forget_states_before(floor)?;
        }
        Ok(())
    }

    fn renew_caches(&self, merged: &Merged<'_>) {
        for (ah, account) in &merged.accounts {
            self.account_cache.replace(**ah, **account);
        }
        for ((ah, sh), value) in &merged.slots {
            self.slot_cache.replace((**ah, **sh), *value);
        }
        for (key, row) in &merged.nodes {
            match row {
                Some(row) => self.node_cache.replace(**key, Arc::clone(row)),
                None => self.node_cache.forget(key),
            }
        }
    }

    fn prune(&self, merged: &Merged<'_>, version: u64) {
        for (ah, _) in &merged.accounts {
            self.accounts.prune(ah, version);
        }
        for ((ah, sh), _) in &merged.slots {
            self.slots.prune(&(**ah, **sh), version);
        }
        for (key, _) in &merged.nodes {
            self.nodes.prune(key, version);
        }
        for (hash, _) in &merged.code {
            self.code.prune(hash, version);
        }
    }
}

/// The last value of everything that several layers changed, in the order of the tables, as the memory table
/// likes it.
#[derive(Default)]
struct Merged<'a> {
    accounts: Vec<(&'a B256, &'a Option<Account>)>,
    slots: Vec<((&'a B256, &'a B256), U256)>,
    code: Vec<(&'a B256, &'a Bytes)>,
    nodes: Vec<(&'a NodeKey, Option<&'a Arc<Row>>)>,
}

impl<'a> Merged<'a> {
    fn of(layers: &'a [Arc<Layer>]) -> Self {
        let mut merged = Self::default();
        for layer in layers.iter().rev() {
            merged.accounts.extend(&layer.accounts);
            merged.code.extend(&layer.code);
            merged.nodes.extend(layer.nodes.iter().map(|(key, row)| (key, row.as_ref())));
            for (ah, slots) in &layer.storage {
                merged.slots.extend(slots.iter().map(|(sh, value)| ((ah, sh), *value)));
            }
        }
        keep_first(&mut merged.accounts);
        keep_first(&mut merged.slots);
        keep_first(&mut merged.code);
        keep_first(&mut merged.nodes);
        merged
    }

    fn write(
        &self,
        mut add: impl FnMut(StateChange) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for (ah, account) in &self.accounts {
            add(StateChange::Account(**ah, **account))?;
        }
        for ((ah, sh), value) in &self.slots {
            add(StateChange::Storage(**ah, **sh, *value))?;
        }
        for (hash, code) in &self.code {
            add(StateChange::Code(**hash, (*code).clone()))?;
        }
        for (key, row) in &self.nodes {
            let row = row.map(|row| row.encode(&key.path));
            add(StateChange::Node(key.store_key(), row))?;
        }
        Ok(())
    }
}

/// Sorts by key, and of several values for one key keeps the first, which is the newest.
fn keep_first<K: Ord + Copy, V>(values: &mut Vec<(K, V)>) {
    values.sort_by_key(|(key, _)| *key);
    values.dedup_by_key(|(key, _)| *key);
}

/// The pre-values of one block. Nobody asks what was before genesis.
fn write_history(
    layer: &Layer,
    mut add: impl FnMut(StateChange) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let number = layer.number;
    let mut changes = ChangesRow { hash: layer.hash, root: layer.root, accounts: Vec::new() };
    if number > 0 {
        for (ah, account, slots) in &layer.before {
            add(StateChange::AccountBefore(*ah, number, *account))?;
            for (sh, value) in slots {
                add(StateChange::StorageBefore(*ah, *sh, number, *value))?;
            }
            changes.accounts.push((*ah, slots.iter().map(|(sh, _)| *sh).collect()));
        }
    }
    add(StateChange::Changes(number, changes))
}
