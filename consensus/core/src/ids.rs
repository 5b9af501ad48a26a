//! The small numbers and names of the protocol, each its own type.

use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpDecodableWrapper, RlpEncodable, RlpEncodableWrapper};

/// A view of an epoch: one leader, at most one vote of each kind by each validator.
///
/// Views start at 1 in each epoch; view 0 names the epoch's root block.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    RlpEncodableWrapper,
    RlpDecodableWrapper,
)]
pub struct View(pub u64);

impl View {
    /// The view of an epoch's root block.
    pub const ROOT: Self = Self(0);

    /// Views above this are malformed: no chain gets there, and sums below it cannot overflow.
    pub const MAX: Self = Self(1 << 62);

    /// The view after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// This view plus `views`, saturating.
    #[must_use]
    pub const fn plus(self, views: u64) -> Self {
        Self(self.0.saturating_add(views))
    }

    /// This view minus `views`, not below 0.
    #[must_use]
    pub const fn minus(self, views: u64) -> Self {
        Self(self.0.saturating_sub(views))
    }
}

impl core::fmt::Display for View {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A point of the driver's monotonic clock, in milliseconds since any fixed moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// `millis` later, saturating.
    #[must_use]
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since `earlier`, 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A validator's place in its committee, from 0.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    RlpEncodableWrapper,
    RlpDecodableWrapper,
)]
pub struct ValidatorIndex(pub u16);

impl ValidatorIndex {
    /// As an index of a slice.
    #[must_use]
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

impl core::fmt::Display for ValidatorIndex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names a certificate: the quorum of an epoch and view behind a block.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, RlpEncodable, RlpDecodable,
)]
pub struct Ref {
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: View,
    /// The block's hash.
    pub hash: B256,
}

/// What consensus needs to know about a block's place in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, RlpEncodable, RlpDecodable)]
pub struct BlockMeta {
    /// The block's hash.
    pub hash: B256,
    /// Its parent's hash.
    pub parent: B256,
    /// Its height: one more than its parent's; the genesis block is at 0.
    pub height: u64,
}
