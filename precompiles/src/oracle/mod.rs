//! Oracle: what reporters observe outside becomes prices that engines and contracts read.
//!
//! Feeds and reporters are `feeds.rs`, the rules of the median `median.rs`, reports, rounds and reading
//! `answers.rs`. A report touches the reports of one feed and nothing else. The engine never looks
//! outside and never averages: an answer is always what one of the reporters said.

use alloy_primitives::aliases::U80;
use alloy_sol_types::SolCall;

use self::abi::IOracle;
use self::abi::IOracle::IOracleCalls as Calls;
use self::records::FEED_COUNT;
use crate::access::{self, Role};
use crate::errors::refuse;
use crate::registry::{Engine, ORACLE, decode_call};
use crate::{Call, EngineError, Host, IQenexErrors};

pub mod abi;
pub(crate) mod answers;
pub(crate) mod feeds;
mod median;
pub mod records;
#[cfg(test)]
mod tests;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IOracle",
    address: Some(ORACLE),
    abi: IOracle::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let caller = call.caller;
    match decode_call::<Calls>(call.input)? {
        Calls::createFeed(c) => {
            access::require_approved(host, Role::FeedManager, call)?;
            let feed = feeds::create(host, c)?;
            return Ok(IOracle::createFeedCall::abi_encode_returns(&feed));
        }
        Calls::setTerms(c) => {
            access::require_approved(host, Role::FeedManager, call)?;
            feeds::set_terms(host, c)?;
        }
        Calls::addReporter(c) => {
            access::require_approved(host, Role::FeedManager, call)?;
            feeds::add_reporter(host, c.feed, c.reporter)?;
        }
        Calls::removeReporter(c) => {
            access::require_approved(host, Role::FeedManager, call)?;
            feeds::remove_reporter(host, c.feed, c.reporter)?;
        }
        Calls::suspend(c) => {
            let may = access::has_role(host, Role::FeedManager, caller)?
                || access::has_role(host, Role::Guardian, caller)?;
            if !may {
                return refuse(IQenexErrors::NotAuthorised { caller });
            }
            feeds::suspend(host, caller, &c)?;
        }
        Calls::acceptAnswer(c) => {
            access::require_approved(host, Role::FeedManager, call)?;
            let round = answers::accept_by_hand(host, caller, &c)?;
            return Ok(IOracle::acceptAnswerCall::abi_encode_returns(&round));
        }
        Calls::report(c) => {
            let report =
                IOracle::Report { feed: c.feed, answer: c.answer, observedAt: c.observedAt };
            let round = answers::report(host, caller, &report)?;
            return Ok(IOracle::reportCall::abi_encode_returns(&round));
        }
        Calls::reportMany(c) => {
            let results = answers::report_many(host, caller, &c.reports)?;
            return Ok(IOracle::reportManyCall::abi_encode_returns(&results));
        }
        Calls::price(c) => {
            let price = answers::price(host, c.feed)?;
            return Ok(IOracle::priceCall::abi_encode_returns(&price));
        }
        Calls::feedOf(c) => {
            let feed = feeds::view(host, c.feed)?;
            return Ok(IOracle::feedOfCall::abi_encode_returns(&feed));
        }
        Calls::feedCount(_) => {
            let count = FEED_COUNT.load(host)?;
            return Ok(IOracle::feedCountCall::abi_encode_returns(&count));
        }
        Calls::reportersOf(c) => {
            let reporters = feeds::reporters(host, c.feed)?;
            return Ok(IOracle::reportersOfCall::abi_encode_returns(&reporters));
        }
        Calls::reportOf(c) => {
            let report = feeds::report_of(host, c.feed, c.reporter)?;
            return Ok(IOracle::reportOfCall::abi_encode_returns(&report));
        }
        Calls::medianOf(c) => {
            let median = feeds::median_of(host, c.feed)?;
            return Ok(IOracle::medianOfCall::abi_encode_returns(&median));
        }
        Calls::roundOf(c) => {
            let feed = feeds::known(host, c.feed)?;
            let round = answers::past(host, &feed, U80::from(c.round))?;
            return Ok(IOracle::roundOfCall::abi_encode_returns(&IOracle::roundOfReturn {
                answer: round.answer,
                startedAt: round.started_at.get(),
                updatedAt: round.updated_at.get(),
                acceptedAt: round.accepted_at.get(),
                reports: round.reports,
            }));
        }
    }
    Ok(Vec::new())
}
