//! The oracle's storage: what lies where, and the records' packing.

use alloy_primitives::{Address, U256};

use crate::registry::ORACLE;
use crate::storage::{Array, Map, Place, Seconds, ShortString, Slot, nth, packed};

/// Most reporters of a feed, which bounds the work of a report.
pub const MAX_REPORTERS: u8 = 31;

packed! {
    /// First word of a feed.
    pub struct Terms {
        /// Digits of the answers after the decimal point.
        decimals: u8,
        /// Reports that make a round. 0: there is no such feed.
        min_reporters: u8,
        /// Most reporters.
        max_reporters: u8,
        /// How many there are.
        reporters: u8,
        /// Basis points of the last answer by which the next may differ.
        deviation: u16,
        /// Seconds for which an observation counts.
        staleness: u32,
        /// Seconds after which a held median can be confirmed; 0: never.
        confirmation: u32,
    }
}

packed! {
    /// What can be an answer.
    pub struct Bounds {
        /// Least.
        min_answer: i128,
        /// Greatest.
        max_answer: i128,
    }
}

packed! {
    /// Where a feed stands.
    pub struct Progress {
        /// Number of the latest round. 0: there is none.
        latest: u64,
        /// 0 none, 1 held, 2 suspended.
        hold: u8,
        /// When the hold began.
        since: Seconds,
        /// The median with which it began.
        anchor: i128,
    }
}

/// A feed in storage.
pub struct FeedSlots {
    /// Everything that decides on a report, but the bounds.
    pub terms: Slot<Terms>,
    /// For people.
    pub description: Slot<ShortString>,
    /// What can be an answer.
    pub bounds: Slot<Bounds>,
    /// Latest round, hold.
    pub progress: Slot<Progress>,
}

impl Place for FeedSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            terms: Place::place(address, slot),
            description: Place::place(address, nth(slot, 1)),
            bounds: Place::place(address, nth(slot, 2)),
            progress: Place::place(address, nth(slot, 3)),
        }
    }
}

packed! {
    /// The last report of a reporter.
    pub struct Report {
        /// What was observed.
        answer: i128,
        /// When.
        observed_at: Seconds,
        /// Time of the report's block. 0: there is no report.
        reported_at: Seconds,
    }
}

/// The reporters of a feed and their reports, in the same order; the first `reporters` of them count.
pub struct ReporterSlots {
    /// Who.
    pub addresses: Array<Slot<Address>, 31>,
    /// What.
    pub reports: Array<Slot<Report>, 31>,
}

impl Place for ReporterSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            addresses: Place::place(address, slot),
            reports: Place::place(address, nth(slot, MAX_REPORTERS.into())),
        }
    }
}

packed! {
    /// A round. Never changed.
    pub struct Round {
        /// The median.
        answer: i128,
        /// The oldest of the observations that counted.
        started_at: Seconds,
        /// As many observations as a round needs are not older than this.
        updated_at: Seconds,
        /// Time of its block.
        accepted_at: Seconds,
        /// Of how many reports it is the median.
        reports: u8,
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// How many feeds there are: their numbers are 1 to this.
pub const FEED_COUNT: Slot<u32> = Slot::new(ORACLE, 0);
/// Feeds by number.
pub const FEEDS: Map<u32, FeedSlots> = Map::new(ORACLE, 1);
/// Reporters by feed.
pub const REPORTERS: Map<u32, ReporterSlots> = Map::new(ORACLE, 2);
/// One more than the index of a reporter, by feed and address; 0: it is none.
pub const INDICES: Map<u32, Map<Address, Slot<u8>>> = Map::new(ORACLE, 3);
/// Rounds by feed and number.
pub const ROUNDS: Map<u32, Map<u64, Slot<Round>>> = Map::new(ORACLE, 4);
