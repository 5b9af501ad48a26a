//! What reports come to: which of them count, their median, and what becomes of it. Pure.
//!
//! Of an even number of reports the median is the lower of the two in the middle: always something that
//! was reported, and with fewer liars than half of the reports, between two honest ones.

use alloy_primitives::U256;

use super::records::{Bounds, Progress, Report, Round, Terms};
use crate::storage::Seconds;

/// Nothing is held.
pub(super) const NONE: u8 = 0;
/// A median is too far from the last answer.
pub(super) const HELD: u8 = 1;
/// Stopped by hand.
pub(super) const SUSPENDED: u8 = 2;

/// The median came back to the last answer.
pub(super) const RETURNED: u8 = 1;
/// New observations confirmed what was held.
pub(super) const CONFIRMED: u8 = 2;
/// A feed manager accepted the median.
pub(super) const ACCEPTED: u8 = 3;

/// Basis points in the whole.
pub(super) const WHOLE: u16 = 10_000;

/// Whether a report counts: observed lately, and what it says can be an answer.
pub(super) fn counts(report: &Report, terms: &Terms, bounds: &Bounds, now: u64) -> bool {
    report.reported_at.get() > 0
        && report.observed_at.get() >= now.saturating_sub(terms.staleness.into())
        && (bounds.min_answer..=bounds.max_answer).contains(&report.answer)
}

/// The median of the reports that count, as a round would have it; `None` if they are fewer than
/// `quorum`.
///
/// It is as new as the `quorum`-th newest observation: fewer reporters than that cannot make an old
/// answer look new.
pub(super) fn median(reports: &[Report], quorum: u8, now: u64) -> Option<Round> {
    let mut answers: Vec<i128> = reports.iter().map(|report| report.answer).collect();
    let mut times: Vec<Seconds> = reports.iter().map(|report| report.observed_at).collect();
    answers.sort_unstable();
    times.sort_unstable();
    let middle = answers.len().checked_sub(1)? / 2;
    let newest = times.len().checked_sub(quorum.into())?;
    Some(Round {
        answer: *answers.get(middle)?,
        started_at: *times.first()?,
        updated_at: *times.get(newest)?,
        accepted_at: Seconds::new(now),
        reports: u8::try_from(answers.len()).ok()?,
    })
}

/// Whether the way between two answers is more than `deviation` basis points of the first.
pub(super) fn deviates(from: i128, to: i128, deviation: u16) -> bool {
    let way = U256::from(from.abs_diff(to)).saturating_mul(U256::from(WHOLE));
    way > U256::from(from.unsigned_abs()).saturating_mul(U256::from(deviation))
}

/// What becomes of a median.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A new round; if something was held, how that ended.
    Accept(Option<u8>),
    /// It is held from now on.
    Hold,
    /// Nothing changes.
    Wait,
}

/// Judges a median that is not older than the last round.
pub(super) fn judge(
    median: &Round,
    last: Option<&Round>,
    progress: &Progress,
    terms: &Terms,
) -> Verdict {
    if progress.hold == SUSPENDED {
        return Verdict::Wait;
    }
    let held = progress.hold == HELD;
    let Some(last) = last else { return Verdict::Accept(None) };
    if !deviates(last.answer, median.answer, terms.deviation) {
        if held {
            return Verdict::Accept(Some(RETURNED));
        }
        let same = (last.answer, last.updated_at) == (median.answer, median.updated_at);
        return if same { Verdict::Wait } else { Verdict::Accept(None) };
    }
    if !held || deviates(progress.anchor, median.answer, terms.deviation) {
        return Verdict::Hold;
    }
    // A quorum has looked again, that much later, and the median is still about what it was.
    let confirmed = progress.since.plus(terms.confirmation.into());
    if terms.confirmation > 0 && median.updated_at >= confirmed {
        return Verdict::Accept(Some(CONFIRMED));
    }
    Verdict::Wait
}
