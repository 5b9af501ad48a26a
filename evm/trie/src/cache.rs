//! A bounded cache of flushed values, in two generations.
//!
//! Coherence with the store is by [`Epoch`]: a reader notes it before it reads the store, and what
//! it found is kept only if no flush began meanwhile; the flush itself replaces what it changed.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;
use parking_lot::Mutex;

use crate::fingerprint::{Key, SHARDS, Seed, shard_of};

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
    seed: Seed,
    /// Entries after which a shard's young generation becomes old and the old one is dropped.
    turn: usize,
}

struct Generations<K, V> {
    young: HashTable<(K, V)>,
    old: HashTable<(K, V)>,
}

impl<K: Key, V: Clone> Cache<K, V> {
    pub(crate) fn new(entries: usize) -> Self {
        let shard = || Mutex::new(Generations { young: HashTable::new(), old: HashTable::new() });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            seed: Seed::default(),
            turn: (entries / SHARDS / 2).max(1),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let hash = self.seed.hash(key);
        let mut shard = self.shards[shard_of(hash)].lock();
        if let Some((_, value)) = shard.young.find(hash, |(other, _)| other == key) {
            return Some(value.clone());
        }
        let ((key, value), _) =
            shard.old.find_entry(hash, |(other, _)| other == key).ok()?.remove();
        let found = value.clone();
        self.put(&mut shard, hash, key, value);
        Some(found)
    }

    /// Keeps what a reader found, unless a flush began since `seen`.
    pub(crate) fn offer(&self, key: K, value: V, seen: u64, epoch: &Epoch) {
        if !seen.is_multiple_of(2) {
            return;
        }
        let hash = self.seed.hash(&key);
        let mut shard = self.shards[shard_of(hash)].lock();
        // Under the lock: a flush that begins after this will also replace what we put.
        if epoch.now() == seen {
            self.put(&mut shard, hash, key, value);
        }
    }

    /// Replaces a value; called by the flush between the two ends of its epoch. The old generation may keep
    /// an older one: it is looked at after the young, and goes before it.
    pub(crate) fn replace(&self, key: K, value: V) {
        let hash = self.seed.hash(&key);
        let mut shard = self.shards[shard_of(hash)].lock();
        self.put(&mut shard, hash, key, value);
    }

    /// Forgets a value; called by the flush between the two ends of its epoch.
    pub(crate) fn forget(&self, key: &K) {
        let hash = self.seed.hash(key);
        let mut shard = self.shards[shard_of(hash)].lock();
        let Generations { young, old } = &mut *shard;
        for generation in [young, old] {
            if let Ok(entry) = generation.find_entry(hash, |(other, _)| other == key) {
                entry.remove();
            }
        }
    }

    fn put(&self, shard: &mut Generations<K, V>, hash: u64, key: K, value: V) {
        if let Some((_, present)) = shard.young.find_mut(hash, |(other, _)| *other == key) {
            *present = value;
            return;
        }
        if shard.young.len() >= self.turn {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert_unique(hash, (key, value), |(key, _)| self.seed.hash(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Key for u64 {
        fn words(&self) -> [u64; 2] {
            [*self, 0]
        }
    }

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
