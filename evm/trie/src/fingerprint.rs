//! Hashes of the trie's keys, for tables in memory.
//!
//! Keys are Keccak-256 hashes, or paths made of them: eight bytes of one are as good as all. The seed keeps
//! apart what somebody may have made to lie together.

use std::hash::{BuildHasher as _, RandomState};

use alloy_primitives::B256;

use crate::layer::NodeKey;

/// Of how many parts a shared table is, each with a lock of its own.
pub(crate) const SHARDS: usize = 64;

/// A key of a table.
pub(crate) trait Key: Eq {
    /// What tells it from others.
    fn words(&self) -> [u64; 2];
}

/// What hashes depend on.
#[derive(Clone, Copy)]
pub(crate) struct Seed([u64; 2]);

impl Default for Seed {
    fn default() -> Self {
        let random = RandomState::new();
        Self([0_u8, 1].map(|word| random.hash_one(word)))
    }
}

impl Seed {
    /// A key's hash.
    pub(crate) fn hash(self, key: &impl Key) -> u64 {
        let ([a, b], Self([c, d])) = (key.words(), self);
        fold(fold(a ^ c, 0x9e37_79b9_7f4a_7c15) ^ b ^ d, 0xd6e8_feb8_6659_fd93)
    }
}

/// The halves of a product on top of each other: every bit of it depends on all of both numbers.
fn fold(a: u64, b: u64) -> u64 {
    let bytes = u128::from(a).wrapping_mul(u128::from(b)).to_le_bytes();
    word(&bytes, 0) ^ word(&bytes, 8)
}

/// In which part of a table a key is, by its hash. Tables use the highest and the lowest bits.
pub(crate) fn shard_of(hash: u64) -> usize {
    usize::try_from(hash >> 48).unwrap_or_default() % SHARDS
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..).and_then(<[u8]>::first_chunk);
    eight.map_or(0, |eight| u64::from_le_bytes(*eight))
}

impl Key for B256 {
    fn words(&self) -> [u64; 2] {
        [word(&self.0, 0), 0]
    }
}

impl Key for (B256, B256) {
    fn words(&self) -> [u64; 2] {
        [word(&self.0.0, 0), word(&self.1.0, 0)]
    }
}

impl Key for NodeKey {
    fn words(&self) -> [u64; 2] {
        let mut path = [0; 32];
        let length = self.path.len();
        if let Some(bytes) = path.get_mut(..length.div_ceil(2)) {
            self.path.pack_to(bytes);
        }
        // Paths that are the same so far differ in their lengths, or are longer than any that chance makes.
        let owner = self.owner.map_or(0, |owner| word(&owner.0, 0));
        [owner ^ u64::try_from(length).unwrap_or_default(), word(&path, 0)]
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;
    use alloy_trie::Nibbles;

    use super::*;

    #[test]
    fn all_shards_and_all_bits_are_used_alike() {
        let seed = Seed::default();
        let owner = keccak256("owner");
        let paths = (0..=u16::MAX)
            .map(|n| NodeKey { owner: Some(owner), path: Nibbles::unpack(n.to_be_bytes()) })
            .map(|key| seed.hash(&key));
        let slots = (0..70_000_u32).map(|n| seed.hash(&(owner, keccak256(n.to_be_bytes()))));
        let accounts = (0..70_000_u32).map(|n| seed.hash(&keccak256(n.to_be_bytes())));
        for hashes in [paths.collect::<Vec<_>>(), slots.collect(), accounts.collect()] {
            let mut shards = [0; SHARDS];
            let mut bits = [0; 64];
            for hash in &hashes {
                shards[shard_of(*hash)] += 1;
                bits.iter_mut().enumerate().for_each(|(bit, ones)| *ones += hash >> bit & 1);
            }
            let count = hashes.len() as u64;
            assert!(shards.iter().all(|&n| (count / 80..count / 50).contains(&n)), "{shards:?}");
            assert!(
                bits.iter().all(|&n| (count * 48 / 100..count * 52 / 100).contains(&n)),
                "{bits:?}"
            );
        }
    }
}
