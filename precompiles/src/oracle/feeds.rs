//! Feeds: their terms, who reports to them, and how they are stopped.

use alloy_primitives::Address;
use alloy_sol_types::SolEvent;

use super::abi::IOracle;
use super::answers::{current, index_of};
use super::median::{SUSPENDED, WHOLE, counts};
use super::records::{
    Bounds, FEED_COUNT, FEEDS, FeedSlots, INDICES, MAX_REPORTERS, Progress, REPORTERS, Report,
    Terms,
};
use crate::errors::refuse;
use crate::registry::{ORACLE, price_feed_address};
use crate::storage::{Seconds, ShortString};
use crate::{EngineError, Host, IQenexErrors, gas, is_engine};

/// Most digits after the decimal point: as the ledger's currencies.
const MAX_DECIMALS: u8 = 18;
/// Longest time that terms can ask for, seconds: 366 days, for what is published once a year.
const LONGEST: u32 = 366 * 86_400;

/// A feed that there is.
pub(crate) struct Feed {
    pub(super) number: u32,
    pub(crate) slots: FeedSlots,
    pub(crate) terms: Terms,
}

/// Loads a feed.
pub(crate) fn known(host: &mut dyn Host, number: u32) -> Result<Feed, EngineError> {
    let slots = FEEDS.at(host, &number)?;
    let terms = slots.terms.load(host)?;
    if terms.min_reporters == 0 {
        return refuse(IQenexErrors::UnknownFeed { feed: number });
    }
    Ok(Feed { number, slots, terms })
}

fn invalid<T>(field: &str) -> Result<T, EngineError> {
    refuse(IQenexErrors::InvalidFeed { field: field.into() })
}

/// Checks the terms that feed managers give, for a feed with so many reporters.
fn check(terms: &IOracle::Terms, reporters: u8) -> Result<(), EngineError> {
    let &IOracle::Terms { minReporters, maxReporters, deviation, staleness, confirmation, .. } =
        terms;
    let fields = [
        ("minReporters", (1..=maxReporters).contains(&minReporters)),
        ("maxReporters", (reporters.max(1)..=MAX_REPORTERS).contains(&maxReporters)),
        ("deviation", (1..=WHOLE).contains(&deviation)),
        ("staleness", (1..=LONGEST).contains(&staleness)),
        ("confirmation", confirmation <= LONGEST),
        ("maxAnswer", terms.minAnswer <= terms.maxAnswer),
    ];
    match fields.iter().find(|(_, valid)| !valid) {
        None => Ok(()),
        Some((field, _)) => invalid(field),
    }
}

/// Creates a feed, for a caller who may.
pub(super) fn create(
    host: &mut dyn Host,
    call: IOracle::createFeedCall,
) -> Result<u32, EngineError> {
    // Check.
    let IOracle::createFeedCall { description, decimals, terms } = call;
    let stored = Some(description.clone())
        .filter(|description| !description.is_empty())
        .and_then(ShortString::new);
    let Some(stored) = stored else { return invalid("description") };
    if decimals > MAX_DECIMALS {
        return invalid("decimals");
    }
    check(&terms, 0)?;
    let count = FEED_COUNT.load(host)?;
    let Some(feed) = count.checked_add(1) else {
        return refuse(IQenexErrors::TooManyItems { most: count.into(), given: count.into() });
    };

    // Write.
    FEED_COUNT.store(host, &feed)?;
    let slots = FEEDS.at(host, &feed)?;
    slots.description.store(host, &stored)?;
    let face = price_feed_address(feed);
    host.charge(gas::MARK)?;
    host.mark(face)?;

    // Emit.
    let event = IOracle::FeedCreated { feed, description, decimals, face };
    host.log(ORACLE, event.encode_log_data())?;
    write_terms(host, feed, &slots, Terms { decimals, ..Terms::default() }, terms)?;
    Ok(feed)
}

/// Changes a feed's terms, for a caller who may.
pub(super) fn set_terms(
    host: &mut dyn Host,
    call: IOracle::setTermsCall,
) -> Result<(), EngineError> {
    let feed = known(host, call.feed)?;
    check(&call.terms, feed.terms.reporters)?;
    write_terms(host, call.feed, &feed.slots, feed.terms, call.terms)
}

/// Writes terms that were checked, and says so. What managers cannot change stays as it was.
fn write_terms(
    host: &mut dyn Host,
    feed: u32,
    slots: &FeedSlots,
    before: Terms,
    terms: IOracle::Terms,
) -> Result<(), EngineError> {
    let stored = Terms {
        min_reporters: terms.minReporters,
        max_reporters: terms.maxReporters,
        deviation: terms.deviation,
        staleness: terms.staleness,
        confirmation: terms.confirmation,
        ..before
    };
    slots.terms.store(host, &stored)?;
    let bounds = Bounds { min_answer: terms.minAnswer, max_answer: terms.maxAnswer };
    slots.bounds.store(host, &bounds)?;
    Ok(host.log(ORACLE, IOracle::TermsSet { feed, terms }.encode_log_data())?)
}

/// Adds a reporter, for a caller who may.
pub(super) fn add_reporter(
    host: &mut dyn Host,
    number: u32,
    reporter: Address,
) -> Result<(), EngineError> {
    // Check.
    let feed = known(host, number)?;
    if reporter.is_zero() || is_engine(reporter) {
        return refuse(IQenexErrors::InvalidAccount { account: reporter });
    }
    let index = INDICES.at(host, &number)?.at(host, &reporter)?;
    if index.load(host)? != 0 {
        return Ok(());
    }
    let place = feed.terms.reporters;
    if place >= feed.terms.max_reporters {
        return invalid("maxReporters");
    }

    // Write and emit.
    let reporters = place.saturating_add(1);
    index.store(host, &reporters)?;
    REPORTERS.at(host, &number)?.addresses.at(place.into()).store(host, &reporter)?;
    feed.slots.terms.store(host, &Terms { reporters, ..feed.terms })?;
    let event = IOracle::ReporterAdded { feed: number, reporter };
    Ok(host.log(ORACLE, event.encode_log_data())?)
}

/// Removes a reporter, for a caller who may. The last one takes its place. There may be fewer left than
/// make a round: who lies must go at once.
pub(super) fn remove_reporter(
    host: &mut dyn Host,
    number: u32,
    reporter: Address,
) -> Result<(), EngineError> {
    // Check.
    let feed = known(host, number)?;
    let place = index_of(host, number, reporter)?;

    // Write.
    let reporters = feed.terms.reporters.saturating_sub(1);
    let slots = REPORTERS.at(host, &number)?;
    let (to, from) = (u64::from(place), u64::from(reporters));
    let indices = INDICES.at(host, &number)?;
    if to != from {
        let moved = slots.addresses.at(from).load(host)?;
        let report = slots.reports.at(from).load(host)?;
        slots.addresses.at(to).store(host, &moved)?;
        slots.reports.at(to).store(host, &report)?;
        indices.at(host, &moved)?.store(host, &place.saturating_add(1))?;
    }
    slots.addresses.at(from).store(host, &Address::ZERO)?;
    slots.reports.at(from).store(host, &Report::default())?;
    indices.at(host, &reporter)?.store(host, &0)?;
    feed.slots.terms.store(host, &Terms { reporters, ..feed.terms })?;

    // Emit.
    let event = IOracle::ReporterRemoved { feed: number, reporter };
    Ok(host.log(ORACLE, event.encode_log_data())?)
}

/// Stops a feed, for a caller who may. One that is stopped stays so since the first time.
pub(super) fn suspend(
    host: &mut dyn Host,
    caller: Address,
    call: &IOracle::suspendCall,
) -> Result<(), EngineError> {
    let feed = known(host, call.feed)?;
    if call.reason.is_zero() {
        return invalid("reason");
    }
    let progress = feed.slots.progress.load(host)?;
    if progress.hold == SUSPENDED {
        return Ok(());
    }
    let since = Seconds::new(host.block().timestamp);
    let stopped = Progress { latest: progress.latest, hold: SUSPENDED, since, anchor: 0 };
    feed.slots.progress.store(host, &stopped)?;
    let event = IOracle::FeedSuspended { feed: call.feed, by: caller, reason: call.reason };
    Ok(host.log(ORACLE, event.encode_log_data())?)
}

/// A feed as the interface shows it.
pub(super) fn view(host: &mut dyn Host, number: u32) -> Result<IOracle::feedOfReturn, EngineError> {
    let feed = known(host, number)?;
    let bounds = feed.slots.bounds.load(host)?;
    let progress = feed.slots.progress.load(host)?;
    Ok(IOracle::feedOfReturn {
        description: description(host, &feed)?,
        decimals: feed.terms.decimals,
        face: price_feed_address(number),
        terms: IOracle::Terms {
            minReporters: feed.terms.min_reporters,
            maxReporters: feed.terms.max_reporters,
            deviation: feed.terms.deviation,
            staleness: feed.terms.staleness,
            confirmation: feed.terms.confirmation,
            minAnswer: bounds.min_answer,
            maxAnswer: bounds.max_answer,
        },
        reporters: feed.terms.reporters,
        latestRound: progress.latest,
        hold: progress.hold,
        since: progress.since.get(),
    })
}

/// What a feed says.
pub(crate) fn description(host: &mut dyn Host, feed: &Feed) -> Result<String, EngineError> {
    Ok(feed.slots.description.load(host)?.into_string())
}

/// A feed's reporters.
pub(super) fn reporters(host: &mut dyn Host, number: u32) -> Result<Vec<Address>, EngineError> {
    let feed = known(host, number)?;
    let slots = REPORTERS.at(host, &number)?;
    let mut reporters = Vec::with_capacity(feed.terms.reporters.into());
    for index in 0..feed.terms.reporters {
        reporters.push(slots.addresses.at(index.into()).load(host)?);
    }
    Ok(reporters)
}

/// The last report of a reporter.
pub(super) fn report_of(
    host: &mut dyn Host,
    number: u32,
    reporter: Address,
) -> Result<IOracle::reportOfReturn, EngineError> {
    let feed = known(host, number)?;
    let index = index_of(host, number, reporter)?;
    let report = REPORTERS.at(host, &number)?.reports.at(index.into()).load(host)?;
    let bounds = feed.slots.bounds.load(host)?;
    Ok(IOracle::reportOfReturn {
        answer: report.answer,
        observedAt: report.observed_at.get(),
        reportedAt: report.reported_at.get(),
        counts: counts(&report, &feed.terms, &bounds, host.block().timestamp),
    })
}

/// What the reports that count come to now.
pub(super) fn median_of(
    host: &mut dyn Host,
    number: u32,
) -> Result<IOracle::medianOfReturn, EngineError> {
    let feed = known(host, number)?;
    let median = current(host, &feed)?.unwrap_or_default();
    Ok(IOracle::medianOfReturn {
        answer: median.answer,
        startedAt: median.started_at.get(),
        updatedAt: median.updated_at.get(),
        reports: median.reports,
    })
}
