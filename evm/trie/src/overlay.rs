//! The versions of keys changed by committed blocks that are not yet flushed.
//!
//! A version is a number of blocks: version `v` is the state after block `v - 1`, and version 0 the
//! empty state before genesis.

use hashbrown::{HashTable, hash_table::Entry};
use parking_lot::RwLock;
use smallvec::{SmallVec, smallvec};

use crate::fingerprint::{Key, SHARDS, Seed, shard_of};

/// Values by version, ascending. Most keys have one at a time.
type Values<V> = SmallVec<[(u64, V); 1]>;

type Shard<K, V> = RwLock<HashTable<(K, Values<V>)>>;

/// A map from keys to the versions of their values.
pub(crate) struct Versions<K, V> {
    shards: Box<[Shard<K, V>]>,
    seed: Seed,
}

impl<K: Key, V: Clone> Versions<K, V> {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { shards, seed: Seed::default() }
    }

    /// The newest value not newer than `version`.
    pub(crate) fn get(&self, key: &K, version: u64) -> Option<V> {
        let hash = self.seed.hash(key);
        let shard = self.shards[shard_of(hash)].read();
        let (_, versions) = shard.find(hash, |(other, _)| other == key)?;
        versions.iter().rev().find(|(at, _)| *at <= version).map(|(_, value)| value.clone())
    }

    /// Adds a value, newer than all there are.
    pub(crate) fn put(&self, key: K, version: u64, value: V) {
        let hash = self.seed.hash(&key);
        let mut shard = self.shards[shard_of(hash)].write();
        let rehash = |(key, _): &(K, Values<V>)| self.seed.hash(key);
        match shard.entry(hash, |(other, _)| *other == key, rehash) {
            Entry::Occupied(mut entry) => entry.get_mut().1.push((version, value)),
            Entry::Vacant(entry) => {
                entry.insert((key, smallvec![(version, value)]));
            }
        }
    }

    /// Drops the values of `key` up to `version`, which are in the store now.
    pub(crate) fn prune(&self, key: &K, version: u64) {
        let hash = self.seed.hash(key);
        let mut shard = self.shards[shard_of(hash)].write();
        let Ok(mut entry) = shard.find_entry(hash, |(other, _)| other == key) else { return };
        let (_, versions) = entry.get_mut();
        versions.retain(|(at, _)| *at > version);
        if versions.is_empty() {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const KEY: B256 = B256::repeat_byte(1);

    #[test]
    fn a_reader_sees_the_newest_version_not_above_its_own() {
        let versions = Versions::<B256, char>::new();
        versions.put(KEY, 3, 'a');
        versions.put(KEY, 5, 'b');
        let seen: Vec<_> = (2..7).map(|at| versions.get(&KEY, at)).collect();
        assert_eq!(seen, [None, Some('a'), Some('a'), Some('b'), Some('b')]);
        versions.prune(&KEY, 4);
        assert_eq!((versions.get(&KEY, 4), versions.get(&KEY, 5)), (None, Some('b')));
    }
}
