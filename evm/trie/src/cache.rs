//! A bounded cache of flushed values, in two generations.
//!
//! Coherence with the store is by [`Epoch`]: a reader notes it before it reads the store, and what
//! it found is kept only if no flush began meanwhile; the flush itself replaces what it changed.

use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicU64, Ordering},
};

use alloy_primitives::map::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;

const SHARDS: usize = 64;

/// Counts the beginnings and ends of flushes: odd while one is writing.
#[derive(Debug, Default)]
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    /// The present epoch.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// A flush begins or ends.
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A map of at most about as many entries as asked for.
pub(crate) struct Cache<K, V> {
    shards: Box<[Mutex<Generations<K, V>>]>,
    hasher: DefaultHashBuilder,
    /// Entries after which a shard's young generation becomes old and the old one is dropped.
    turn: usize,
}

struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(entries: usize) -> Self {
        let shard =
            || Mutex::new(Generations { young: HashMap::default(), old: HashMap::default() });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: DefaultHashBuilder::default(),
            turn: (entries / SHARDS / 2).max(1),
        }
    }

    fn shard(&self, key: &K) -> &Mutex<Generations<K, V>> {
        let shard = self.hasher.hash_one(key) % (SHARDS as u64);
        &self.shards[usize::try_from(shard).unwrap_or_default()]
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut shard = self.shard(key).lock();
        if let Some(value) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = shard.old.remove_entry(key)?;
        shard.put(key, value.clone(), self.turn);
        Some(value)
    }

    /// Keeps what a reader found, unless a flush began since `seen`.
    pub(crate) fn offer(&self, key: K, value: V, seen: u64, epoch: &Epoch) {
        if !seen.is_multiple_of(2) {
            return;
        }
        let mut shard = self.shard(&key).lock();
        // Under the lock: a flush that begins after this will also replace what we put.
        if epoch.now() == seen {
            shard.put(key, value, self.turn);
        }
    }

    /// Replaces a value; called by the flush between the two ends of its epoch.
    pub(crate) fn replace(&self, key: K, value: V) {
        let mut shard = self.shard(&key).lock();
        shard.old.remove(&key);
        shard.put(key, value, self.turn);
    }

    /// Forgets a value; called by the flush between the two ends of its epoch.
    pub(crate) fn forget(&self, key: &K) {
        let mut shard = self.shard(key).lock();
        shard.young.remove(key);
        shard.old.remove(key);
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn put(&mut self, key: K, value: V, turn: usize) {
        if self.young.len() >= turn && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_used() {
        let cache = Cache::<u64, u64>::new(64 * 20);
        let epoch = Epoch::default();
        for key in 0..100_000 {
            cache.offer(key, key, epoch.now(), &epoch);
            assert_eq!(cache.get(&0), Some(0), "used all the time, at {key}");
        }
        let entries: usize =
            cache.shards.iter().map(|s| s.lock()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(entries <= 64 * 20);
    }

    #[test]
    fn what_was_read_before_a_flush_is_not_kept_after_it() {
        let cache = Cache::<u64, u64>::new(1000);
        let epoch = Epoch::default();
        let seen = epoch.now();
        epoch.advance();
        cache.replace(1, 11);
        cache.offer(2, 2, epoch.now(), &epoch); // While it writes: nothing is taken.
        epoch.advance();
        cache.offer(1, 1, seen, &epoch);
        assert_eq!((cache.get(&1), cache.get(&2)), (Some(11), None));
    }
}
