//! Keccak-256 hashes computed together before they are asked for one by one.

use alloy_primitives::{B256, keccak256};
use qenex_trie::keccak256_each;

/// Places in pairs: several times as many as are foreseen at once, so that few push out each other. A power of two.
const PAIRS: usize = 1_024;

/// Longest message that is remembered, bytes: an entry of a Solidity mapping.
const LONGEST: usize = 64;

/// What was hashed ahead. A message has a pair of places: the third that comes there pushes out the first.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    /// Empty until something is foreseen.
    places: Box<[[Option<Known>; 2]]>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    message: [u8; LONGEST],
    length: usize,
    hash: B256,
}

impl Hashes {
    /// Hashes messages together, and remembers them for a while.
    pub(crate) fn foresee(&mut self, messages: &[&[u8]]) {
        for (message, hash) in messages.iter().zip(keccak256_each(messages)) {
            self.remember(message, hash);
        }
    }

    /// Remembers a message's hash for a while.
    pub(crate) fn remember(&mut self, message: &[u8], hash: B256) {
        if self.places.is_empty() {
            self.places = vec![[None; 2]; PAIRS].into();
        }
        let mut known = Known { message: [0; LONGEST], length: message.len(), hash };
        let Some(bytes) = known.message.get_mut(..message.len()) else { return };
        bytes.copy_from_slice(message);
        if let Some([first, second]) = self.places.get_mut(pair_of(message)) {
            (*second, *first) = (*first, Some(known));
        }
    }

    /// The hash of a message.
    pub(crate) fn keccak(&self, message: &[u8]) -> B256 {
        let mut places = self.places.get(pair_of(message)).into_iter().flatten().flatten();
        let known = places.find(|known| known.message.get(..known.length) == Some(message));
        known.map_or_else(|| keccak256(message), |known| known.hash)
    }
}

/// Whoever makes many messages fall on one pair has each of them hashed alone, as they would be without this.
fn pair_of(message: &[u8]) -> usize {
    let (words, rest) = message.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let mix = |sum: u64, word: &[u8; 8]| {
        (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let sum = words.iter().chain([&last]).fold(0, mix);
    usize::try_from(sum >> 32).unwrap_or_default() % PAIRS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_foreseen_is_what_it_would_have_been() {
        let messages: Vec<Vec<u8>> = (0..5_000_u32)
            .map(|n| n.to_be_bytes().repeat(20)[..(n as usize * 7) % 80].to_vec())
            .collect();
        let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let mut hashes = Hashes::default();
        for part in slices.chunks(300) {
            let check = |hashes: &Hashes| {
                for message in &slices {
                    assert_eq!(hashes.keccak(message), keccak256(message));
                }
            };
            check(&hashes);
            hashes.foresee(part);
            check(&hashes);
        }
    }
}
