//! What a run found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::LoadOptions;
use super::board::Board;
use super::follow::Seen;

/// The result of a run. `requested = submitted + unsent`, and
/// `submitted = included + failed + missing`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// The endpoints.
    pub rpc: Vec<String>,
    /// Accounts that sent.
    pub senders: u32,
    /// Transfers a second that were due (open loop), if not as many as possible (closed loop).
    pub rate: Option<u32>,
    /// Transfers that were to be sent.
    pub requested: u32,
    /// Transfers sent at least once.
    pub submitted: u32,
    /// Transfers that a node took, or that were seen in a block.
    pub accepted: u32,
    /// Transfers seen in a block.
    pub included: u32,
    /// Transfers refused for good.
    pub failed: u32,
    /// Transfers sent, not refused, and not in any block when the run gave up.
    pub missing: u32,
    /// Transfers never sent: the run ended before, or one of the same sender had failed.
    pub unsent: u32,
    /// Blocks that hold transfers of the run.
    pub blocks: u32,
    /// From the first sending (or due time) to the last inclusion, in seconds.
    pub seconds: f64,
    /// Included transfers divided by `seconds`.
    pub included_per_second: f64,
    /// Payments posted in those blocks, if the transactions are batches of payments.
    pub settled: Option<u64>,
    /// Payments posted divided by `seconds`.
    pub settled_per_second: Option<f64>,
    /// From sending (or due time) to seeing the block, of the included transfers.
    pub latency_ms: Latency,
    /// Messages of refusals and of transport errors, with their counts. Those starting with
    /// `put off:` were answered by sending again.
    pub errors: BTreeMap<String, u64>,
}

/// Percentiles of the latency, in milliseconds; all zero if nothing was included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the transfers were as fast or faster.
    pub p50: f64,
    /// Nine in ten were.
    pub p90: f64,
    /// Ninety-nine in a hundred were.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl LoadReport {
    /// Draws up the report of an ended run.
    pub(super) fn new(
        options: &LoadOptions,
        board: &Board,
        seen: &Seen,
        settled: Option<u64>,
    ) -> Self {
        let tally = board.tally();
        let span = match (board.first_began(), seen.last) {
            (Some(first), Some(last)) => Duration::from_micros(last.saturating_sub(first)),
            _ => Duration::ZERO,
        };
        Self {
            rpc: options.rpc.clone(),
            senders: options.senders,
            rate: options.rate,
            requested: options.txs,
            submitted: tally.submitted,
            accepted: tally.accepted,
            included: tally.included,
            failed: tally.failed,
            missing: tally.missing,
            unsent: tally.unsent,
            blocks: u32::try_from(seen.blocks.len()).unwrap_or(u32::MAX),
            seconds: span.as_secs_f64(),
            included_per_second: per_second(tally.included, span),
            settled,
            settled_per_second: settled
                .map(|settled| per_second(u32::try_from(settled).unwrap_or(u32::MAX), span)),
            latency_ms: Latency::of(seen.latencies.clone()),
            errors: board.messages(),
        }
    }
}

impl Latency {
    /// The percentiles of latencies given in microseconds.
    pub(super) fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        let at = |percent| nearest_rank(&micros, percent).map_or(0.0, millis);
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

/// The smallest value that is at least as large as `percent` % of all.
fn nearest_rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

#[expect(clippy::float_arithmetic, reason = "figures for people, not for consensus")]
fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1_000.0
}

#[expect(clippy::float_arithmetic, reason = "figures for people, not for consensus")]
fn per_second(count: u32, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { f64::from(count) / span.as_secs_f64() }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.rate {
            Some(rate) => format!("open loop, {rate} due a second"),
            None => "closed loop, full speed".to_owned(),
        };
        writeln!(f, "endpoints    {}", self.rpc.join(", "))?;
        writeln!(
            f,
            "load         {} transfers of {} senders; {mode}",
            self.requested, self.senders
        )?;
        writeln!(f, "submitted    {} (accepted {})", self.submitted, self.accepted)?;
        writeln!(f, "included     {} in {} blocks", self.included, self.blocks)?;
        writeln!(
            f,
            "not included {} failed, {} missing, {} never sent",
            self.failed, self.missing, self.unsent
        )?;
        writeln!(f, "time         {:.3} s", self.seconds)?;
        writeln!(f, "throughput   {:.0} included transfers/s", self.included_per_second)?;
        if let (Some(settled), Some(rate)) = (self.settled, self.settled_per_second) {
            writeln!(f, "payments     {settled} posted, {rate:.0} a second")?;
        }
        let Latency { p50, p90, p99, max } = self.latency_ms;
        write!(
            f,
            "latency      p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"
        )?;
        for (message, count) in &self.errors {
            write!(f, "\nerror        {count} x {message}")?;
        }
        Ok(())
    }
}
