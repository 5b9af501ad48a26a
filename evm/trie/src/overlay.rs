//! The versions of keys changed by committed blocks that are not yet flushed.
//!
//! A version is a number of blocks: version `v` is the state after block `v - 1`, and version 0 the
//! empty state before genesis.

use std::hash::{BuildHasher, Hash};

use alloy_primitives::map::{DefaultHashBuilder, HashMap};
use parking_lot::RwLock;
use smallvec::SmallVec;

const SHARDS: usize = 64;

/// Key -> values by version, ascending. Most keys have one at a time.
type Shard<K, V> = RwLock<HashMap<K, SmallVec<[(u64, V); 1]>>>;

/// A map from keys to the versions of their values.
pub(crate) struct Versions<K, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: DefaultHashBuilder,
}

impl<K: Hash + Eq, V: Clone> Versions<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    fn shard(&self, key: &K) -> &Shard<K, V> {
        let shard = self.hasher.hash_one(key) % (SHARDS as u64);
        &self.shards[usize::try_from(shard).unwrap_or_default()]
    }

    /// The newest value not newer than `version`.
    pub(crate) fn get(&self, key: &K, version: u64) -> Option<V> {
        let shard = self.shard(key).read();
        let versions = shard.get(key)?;
        versions.iter().rev().find(|(at, _)| *at <= version).map(|(_, value)| value.clone())
    }

    /// Adds a value, newer than all there are.
    pub(crate) fn put(&self, key: K, version: u64, value: V) {
        self.shard(&key).write().entry(key).or_default().push((version, value));
    }

    /// Drops the values of `key` up to `version`, which are in the store now.
    pub(crate) fn prune(&self, key: &K, version: u64) {
        let mut shard = self.shard(key).write();
        if let Some(versions) = shard.get_mut(key) {
            versions.retain(|(at, _)| *at > version);
            if versions.is_empty() {
                shard.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_newest_version_not_above_its_own() {
        let versions = Versions::<u8, char>::new();
        versions.put(1, 3, 'a');
        versions.put(1, 5, 'b');
        let seen: Vec<_> = (2..7).map(|at| versions.get(&1, at)).collect();
        assert_eq!(seen, [None, Some('a'), Some('a'), Some('b'), Some('b')]);
        versions.prune(&1, 4);
        assert_eq!((versions.get(&1, 4), versions.get(&1, 5)), (None, Some('b')));
    }
}
