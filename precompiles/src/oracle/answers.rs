//! Reports come in, rounds come out, and readers are told what can be relied upon.
//!
//! Invariant: a feed's rounds have the numbers 1 to its latest without a gap, and none is older
//! (`updated_at`) than the one before it.

use alloy_primitives::aliases::U80;
use alloy_primitives::{Address, FixedBytes, I256, U256};
use alloy_sol_types::SolEvent;

use super::abi::IOracle;
use super::feeds::{Feed, known};
use super::median::{ACCEPTED, HELD, NONE, SUSPENDED, Verdict, counts, judge, median};
use super::records::{INDICES, Progress, REPORTERS, ROUNDS, Report, Round};
use crate::errors::{encode, refusal, refuse};
use crate::price_feed::abi::IPriceFeed;
use crate::registry::{ORACLE, price_feed_address};
use crate::storage::Seconds;
use crate::{EngineError, Host, HostError, IQenexErrors};

/// Most reports in one call.
const MAX_REPORTS: usize = 100;

/// Takes a report of a reporter, and says which round it made; 0: none. What it refuses, it refuses
/// before it writes.
pub(super) fn report(
    host: &mut dyn Host,
    caller: Address,
    report: &IOracle::Report,
) -> Result<u64, EngineError> {
    // Check.
    let &IOracle::Report { feed: number, answer, observedAt: observed_at } = report;
    let feed = known(host, number)?;
    let index = index_of(host, number, caller)?;
    let slot = REPORTERS.at(host, &number)?.reports.at(index.into());
    let previous = slot.load(host)?;
    let now = host.block().timestamp;
    let oldest = now.saturating_sub(feed.terms.staleness.into());
    let first = match previous.reported_at.get() {
        0 => oldest,
        _ => oldest.max(previous.observed_at.plus(1).get()),
    };
    if observed_at < first || observed_at > now {
        let last = now;
        return refuse(IQenexErrors::InvalidObservation { observedAt: observed_at, first, last });
    }
    let bounds = feed.slots.bounds.load(host)?;
    let (min, max) = (bounds.min_answer, bounds.max_answer);
    if answer < min || answer > max {
        return refuse(IQenexErrors::AnswerOutOfBounds { answer, min, max });
    }

    // Write and emit.
    let (observed, reported_at) = (Seconds::new(observed_at), Seconds::new(now));
    slot.store(host, &Report { answer, observed_at: observed, reported_at })?;
    let reporter = caller;
    let event = IOracle::Reported { feed: number, reporter, answer, observedAt: observed_at };
    host.log(ORACLE, event.encode_log_data())?;
    Ok(answer_anew(host, &feed)?)
}

/// Takes reports of a reporter, each with its own result.
pub(super) fn report_many(
    host: &mut dyn Host,
    caller: Address,
    reports: &[IOracle::Report],
) -> Result<Vec<IOracle::Result>, EngineError> {
    if reports.len() > MAX_REPORTS {
        let given = u64::try_from(reports.len()).unwrap_or(u64::MAX);
        return refuse(IQenexErrors::TooManyItems { most: 100, given });
    }
    let mut results = Vec::with_capacity(reports.len());
    for item in reports {
        results.push(match report(host, caller, item) {
            Ok(round) => IOracle::Result { round, reason: Default::default() },
            Err(EngineError::Refused(reason)) => {
                IOracle::Result { round: 0, reason: encode(&reason) }
            }
            Err(host) => return Err(host),
        });
    }
    Ok(results)
}

/// The index of a reporter.
pub(super) fn index_of(host: &mut dyn Host, feed: u32, caller: Address) -> Result<u8, EngineError> {
    let index = INDICES.at(host, &feed)?.at(host, &caller)?.load(host)?;
    index.checked_sub(1).ok_or_else(|| refusal(IQenexErrors::NotReporter { feed, caller }))
}

/// The median of the reports that count now, if they are enough.
pub(super) fn current(host: &mut dyn Host, feed: &Feed) -> Result<Option<Round>, HostError> {
    let bounds = feed.slots.bounds.load(host)?;
    let now = host.block().timestamp;
    let slots = REPORTERS.at(host, &feed.number)?;
    let mut reports = Vec::with_capacity(feed.terms.reporters.into());
    for index in 0..feed.terms.reporters {
        let report = slots.reports.at(index.into()).load(host)?;
        if counts(&report, &feed.terms, &bounds, now) {
            reports.push(report);
        }
    }
    Ok(median(&reports, feed.terms.min_reporters, now))
}

/// A round of a feed; `None` for number 0.
fn round(host: &mut dyn Host, feed: u32, number: u64) -> Result<Option<Round>, HostError> {
    match number {
        0 => Ok(None),
        number => ROUNDS.at(host, &feed)?.at(host, &number)?.load(host).map(Some),
    }
}

/// The current median, unless it is older than the last round: that happens when reporters were
/// removed, or more of them are needed than before.
fn candidate(
    host: &mut dyn Host,
    feed: &Feed,
    last: Option<&Round>,
) -> Result<Option<Round>, HostError> {
    let last = last.map_or(Seconds::default(), |last| last.updated_at);
    Ok(current(host, feed)?.filter(|median| median.updated_at >= last))
}

/// Makes a round of what the reports come to now, or holds it. The number of the round; 0: there is none.
fn answer_anew(host: &mut dyn Host, feed: &Feed) -> Result<u64, HostError> {
    let progress = feed.slots.progress.load(host)?;
    let last = round(host, feed.number, progress.latest)?;
    let Some(median) = candidate(host, feed, last.as_ref())? else { return Ok(0) };
    match judge(&median, last.as_ref(), &progress, &feed.terms) {
        Verdict::Wait => Ok(0),
        Verdict::Hold => {
            hold(host, feed, &progress, last.unwrap_or_default().answer, median.answer)?;
            Ok(0)
        }
        Verdict::Accept(how) => {
            let latest = accept(host, feed, &progress, &median)?;
            if let Some(how) = how {
                end_hold(host, feed.number, how, Address::ZERO, FixedBytes::ZERO)?;
            }
            Ok(latest)
        }
    }
}

/// Holds a median that is far from the last answer.
fn hold(
    host: &mut dyn Host,
    feed: &Feed,
    progress: &Progress,
    last: i128,
    answer: i128,
) -> Result<(), HostError> {
    let since = Seconds::new(host.block().timestamp);
    let held = Progress { latest: progress.latest, hold: HELD, since, anchor: answer };
    feed.slots.progress.store(host, &held)?;
    let event = IOracle::AnswerHeld { feed: feed.number, answer, last };
    host.log(ORACLE, event.encode_log_data())
}

/// Makes a round, after which nothing is held.
fn accept(
    host: &mut dyn Host,
    feed: &Feed,
    progress: &Progress,
    median: &Round,
) -> Result<u64, HostError> {
    let latest = progress.latest.saturating_add(1);
    ROUNDS.at(host, &feed.number)?.at(host, &latest)?.store(host, median)?;
    feed.slots.progress.store(host, &Progress { latest, ..Progress::default() })?;
    let event = IOracle::Answered {
        feed: feed.number,
        round: latest,
        answer: median.answer,
        startedAt: median.started_at.get(),
        updatedAt: median.updated_at.get(),
        reports: median.reports,
    };
    host.log(ORACLE, event.encode_log_data())?;
    let event = IPriceFeed::AnswerUpdated {
        current: I256::unchecked_from(median.answer),
        roundId: U256::from(latest),
        updatedAt: U256::from(median.updated_at.get()),
    };
    host.log(price_feed_address(feed.number), event.encode_log_data())?;
    Ok(latest)
}

fn end_hold(
    host: &mut dyn Host,
    feed: u32,
    how: u8,
    by: Address,
    reason: FixedBytes<4>,
) -> Result<(), HostError> {
    host.log(ORACLE, IOracle::HoldEnded { feed, how, by, reason }.encode_log_data())
}

/// Accepts the current median of a feed that is held or suspended, for a caller who may.
pub(super) fn accept_by_hand(
    host: &mut dyn Host,
    caller: Address,
    call: &IOracle::acceptAnswerCall,
) -> Result<u64, EngineError> {
    let &IOracle::acceptAnswerCall { feed: number, min, max, reason } = call;
    let feed = known(host, number)?;
    if reason.is_zero() {
        return refuse(IQenexErrors::InvalidFeed { field: "reason".into() });
    }
    let progress = feed.slots.progress.load(host)?;
    if progress.hold == NONE {
        return refuse(IQenexErrors::NotHeld { feed: number });
    }
    let last = round(host, number, progress.latest)?;
    let Some(median) = candidate(host, &feed, last.as_ref())? else {
        let updated_at = last.map_or(0, |last| last.updated_at.get());
        return refuse(IQenexErrors::PriceStale { feed: number, updatedAt: updated_at });
    };
    let answer = median.answer;
    if answer < min || answer > max {
        return refuse(IQenexErrors::AnswerOutOfBounds { answer, min, max });
    }
    let latest = accept(host, &feed, &progress, &median)?;
    end_hold(host, number, ACCEPTED, caller, reason)?;
    Ok(latest)
}

/// The answer, if it can be relied upon.
pub(super) fn price(host: &mut dyn Host, number: u32) -> Result<IOracle::priceReturn, EngineError> {
    let feed = known(host, number)?;
    let progress = feed.slots.progress.load(host)?;
    if progress.hold != NONE {
        return held(number, &progress);
    }
    let Some(last) = round(host, number, progress.latest)? else {
        return refuse(IQenexErrors::NoRound { feed: number, round: U80::ZERO });
    };
    let updated_at = last.updated_at.get();
    if host.block().timestamp.saturating_sub(updated_at) > feed.terms.staleness.into() {
        return refuse(IQenexErrors::PriceStale { feed: number, updatedAt: updated_at });
    }
    let decimals = feed.terms.decimals;
    Ok(IOracle::priceReturn { answer: last.answer, decimals, updatedAt: updated_at })
}

fn held<T>(feed: u32, progress: &Progress) -> Result<T, EngineError> {
    let (hold, since) = (progress.hold, progress.since.get());
    refuse(IQenexErrors::PriceHeld { feed, hold, since })
}

/// The latest round and its number, old or not, unless the feed is suspended: then somebody has said
/// that it cannot be relied upon.
pub(crate) fn latest(host: &mut dyn Host, feed: &Feed) -> Result<(u64, Round), EngineError> {
    let progress = feed.slots.progress.load(host)?;
    if progress.hold == SUSPENDED {
        return held(feed.number, &progress);
    }
    match round(host, feed.number, progress.latest)? {
        Some(last) => Ok((progress.latest, last)),
        None => refuse(IQenexErrors::NoRound { feed: feed.number, round: U80::ZERO }),
    }
}

/// A round that there is.
pub(crate) fn past(host: &mut dyn Host, feed: &Feed, id: U80) -> Result<Round, EngineError> {
    let latest = feed.slots.progress.load(host)?.latest;
    let number = u64::try_from(id).ok().filter(|&number| number <= latest).unwrap_or_default();
    let feed = feed.number;
    round(host, feed, number)?.ok_or_else(|| refusal(IQenexErrors::NoRound { feed, round: id }))
}
