//! What the network counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one lane, over all peers, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// Frames received.
    pub frames_in: u64,
    /// Bytes received in frames.
    pub bytes_in: u64,
    /// Frames written to streams.
    pub frames_out: u64,
    /// Bytes written to streams in frames.
    pub bytes_out: u64,
    /// Frames given up because a queue was full.
    pub dropped: u64,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetStats {
    /// The vote streams.
    pub vote: LaneStats,
    /// The block streams.
    pub block: LaneStats,
    /// The sync streams.
    pub sync: LaneStats,
    /// Batches of transactions published.
    pub transactions_out: u64,
    /// Batches of transactions received.
    pub transactions_in: u64,
    /// Batches of transactions given up, for want of room or of listeners.
    pub transactions_dropped: u64,
    /// Times a listed peer broke the protocol and was disconnected.
    pub offences: u64,
    /// Connections refused because their peer is not listed.
    pub strangers: u64,
    /// Connections made.
    pub connections: u64,
}

/// A counter that any task may raise.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, by: usize) {
        self.0.fetch_add(by as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct LaneCounters {
    pub(crate) frames_in: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) frames_out: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) dropped: Counter,
}

impl LaneCounters {
    fn get(&self) -> LaneStats {
        LaneStats {
            frames_in: self.frames_in.get(),
            bytes_in: self.bytes_in.get(),
            frames_out: self.frames_out.get(),
            bytes_out: self.bytes_out.get(),
            dropped: self.dropped.get(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) vote: LaneCounters,
    pub(crate) block: LaneCounters,
    pub(crate) sync: LaneCounters,
    pub(crate) transactions_out: Counter,
    pub(crate) transactions_in: Counter,
    pub(crate) transactions_dropped: Counter,
    pub(crate) offences: Counter,
    pub(crate) strangers: Counter,
    pub(crate) connections: Counter,
}

impl Counters {
    pub(crate) fn get(&self) -> NetStats {
        NetStats {
            vote: self.vote.get(),
            block: self.block.get(),
            sync: self.sync.get(),
            transactions_out: self.transactions_out.get(),
            transactions_in: self.transactions_in.get(),
            transactions_dropped: self.transactions_dropped.get(),
            offences: self.offences.get(),
            strangers: self.strangers.get(),
            connections: self.connections.get(),
        }
    }
}
