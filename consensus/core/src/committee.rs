//! The validators of one epoch: weights, quorums and whose turn it is.
//!
//! It knows no keys: those are with whoever implements [`crate::SignatureVerifier`].

use alloy_primitives::{B256, keccak256};

use crate::ids::{ValidatorIndex, View};

/// The most validators of an epoch: certificates and collectors are sized for it.
pub const MAX_VALIDATORS: usize = 100;

/// The most weight of one validator: keeps one pass of the leader schedule within 100,000 turns.
pub const MAX_WEIGHT: u64 = 1_000;

/// Why a set of weights is no committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitteeError {
    /// Nobody, or more than [`MAX_VALIDATORS`].
    #[error("a committee has 1 to {MAX_VALIDATORS} validators, not {given}")]
    Size {
        /// How many were given.
        given: usize,
    },
    /// A weight of zero or above [`MAX_WEIGHT`].
    #[error("validator {index} has weight {weight}, allowed is 1 to {MAX_WEIGHT}")]
    Weight {
        /// Whose weight.
        index: usize,
        /// The weight given.
        weight: u64,
    },
}

/// The validators of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    epoch: u64,
    weights: Vec<u64>,
    total: u64,
    /// One pass of leaders. Never empty.
    schedule: Vec<ValidatorIndex>,
}

impl Committee {
    /// The committee of `epoch` with these weights; `seed` shuffles the order of leaders.
    ///
    /// # Errors
    ///
    /// [`CommitteeError`] if there are none or too many validators, or a weight is out of range.
    pub fn new(epoch: u64, weights: Vec<u64>, seed: B256) -> Result<Self, CommitteeError> {
        if weights.is_empty() || weights.len() > MAX_VALIDATORS {
            return Err(CommitteeError::Size { given: weights.len() });
        }
        for (index, &weight) in weights.iter().enumerate() {
            if weight == 0 || weight > MAX_WEIGHT {
                return Err(CommitteeError::Weight { index, weight });
            }
        }
        let total = weights.iter().sum();
        let schedule = schedule(&weights, total, seed);
        Ok(Self { epoch, weights, total, schedule })
    }

    /// A committee of `count` validators with weight 1 each.
    ///
    /// # Errors
    ///
    /// [`CommitteeError::Size`] if there are none or too many.
    pub fn equal(epoch: u64, count: usize, seed: B256) -> Result<Self, CommitteeError> {
        if count > MAX_VALIDATORS {
            return Err(CommitteeError::Size { given: count });
        }
        Self::new(epoch, vec![1; count], seed)
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many validators there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Always false; here because `len` is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// All validators, in order.
    pub fn members(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        (0_u16..).take(self.weights.len()).map(ValidatorIndex)
    }

    /// A validator's weight; `None` for a stranger.
    #[must_use]
    pub fn weight(&self, index: ValidatorIndex) -> Option<u64> {
        self.weights.get(index.position()).copied()
    }

    /// The weight of everybody.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The weight that certifies: any two sets of it share an honest validator.
    ///
    /// `floor(2W/3) + 1`, which is more than `2f + 1` unless `W = 3f + 1`.
    #[must_use]
    pub const fn quorum(&self) -> u64 {
        self.total * 2 / 3 + 1
    }

    /// The weight that has at least one honest validator: `floor((W-1)/3) + 1`.
    #[must_use]
    pub const fn f1(&self) -> u64 {
        (self.total - 1) / 3 + 1
    }

    /// Who may propose in a view.
    #[must_use]
    pub fn leader(&self, view: View) -> ValidatorIndex {
        let turns = self.schedule.len();
        let turn = view.0.saturating_sub(1) % (turns as u64);
        usize::try_from(turn)
            .ok()
            .and_then(|turn| self.schedule.get(turn))
            .copied()
            .unwrap_or_default()
    }
}

/// Smooth weighted round robin over one pass, ties broken by a shuffled order.
fn schedule(weights: &[u64], total: u64, seed: B256) -> Vec<ValidatorIndex> {
    let order = shuffled(weights.len(), seed);
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let turns = total / divisor;

    let mut credit = vec![0_i64; weights.len()];
    let mut pass = Vec::new();
    for _ in 0..turns {
        for (credit, &weight) in credit.iter_mut().zip(weights) {
            *credit += (weight / divisor).cast_signed();
        }
        let mut best = order[0];
        for &candidate in &order {
            if credit[candidate.position()] > credit[best.position()] {
                best = candidate;
            }
        }
        credit[best.position()] -= turns.cast_signed();
        pass.push(best);
    }
    pass
}

/// Fisher-Yates, drawing from `keccak(seed ‖ position)`. The bias of the modulo is below 2^-57.
fn shuffled(count: usize, seed: B256) -> Vec<ValidatorIndex> {
    let mut order: Vec<_> = (0_u16..).take(count).map(ValidatorIndex).collect();
    for position in (1..count).rev() {
        let mut material = [0_u8; 40];
        material[..32].copy_from_slice(seed.as_slice());
        material[32..].copy_from_slice(&(position as u64).to_be_bytes());
        let mut draw = [0_u8; 8];
        draw.copy_from_slice(&keccak256(material)[..8]);
        let other = u64::from_be_bytes(draw) % (position as u64 + 1);
        order.swap(position, usize::try_from(other).unwrap_or(position));
    }
    order
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorums_are_right_when_n_is_not_3f_plus_1() {
        // (n, quorum, f1)
        for (n, quorum, f1) in [
            (1, 1, 1),
            (2, 2, 1),
            (3, 3, 1),
            (4, 3, 2),
            (5, 4, 2),
            (6, 5, 2),
            (7, 5, 3),
            (8, 6, 3),
            (10, 7, 4),
            (100, 67, 34),
        ] {
            let committee = Committee::equal(0, n, B256::ZERO).unwrap();
            assert_eq!((committee.quorum(), committee.f1()), (quorum, f1), "n = {n}");
            // Two quorums overlap in more than the faulty may weigh.
            assert!(2 * quorum - n as u64 >= f1, "n = {n}");
        }
    }

    #[test]
    fn odd_sets_are_refused() {
        assert_eq!(Committee::equal(0, 0, B256::ZERO), Err(CommitteeError::Size { given: 0 }));
        assert_eq!(Committee::equal(0, 101, B256::ZERO), Err(CommitteeError::Size { given: 101 }));
        for weight in [0, MAX_WEIGHT + 1, u64::MAX] {
            assert_eq!(
                Committee::new(0, vec![1, weight], B256::ZERO),
                Err(CommitteeError::Weight { index: 1, weight })
            );
        }
    }

    #[test]
    fn one_pass_gives_every_leader_its_weight_in_turns() {
        let weights = vec![1, 2, 3, 10];
        let committee = Committee::new(0, weights.clone(), keccak256(b"seed")).unwrap();
        let mut turns = vec![0; 4];
        for view in 1..=16 {
            turns[committee.leader(View(view)).position()] += 1;
        }
        assert_eq!(turns, weights);
    }

    #[test]
    fn equal_weights_rotate_and_the_seed_shuffles() {
        let order = |seed: &[u8]| -> Vec<u16> {
            let committee = Committee::equal(0, 7, keccak256(seed)).unwrap();
            (1..=7).map(|view| committee.leader(View(view)).0).collect()
        };
        let (mut a, b) = (order(b"a"), order(b"b"));
        assert_ne!(a, b);
        a.sort_unstable();
        assert_eq!(a, [0, 1, 2, 3, 4, 5, 6]);
    }
}
