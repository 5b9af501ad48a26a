//! Oracle, and what it and a price feed's face answer.

use alloy_primitives::aliases::U80;
use alloy_primitives::{Address, FixedBytes};
use qenex_types::Role;

use super::{Table, Tested, clock, denied, four_eyes, lonely, trust};
use crate::oracle::records::FEED_COUNT;
use crate::testing::{FEED_MANAGER, GUARDIAN, STRANGER, World};
use crate::{IOracle, IPriceFeed, IQenexErrors, ORACLE, Refusal, price_feed_address};

pub(super) const TABLES: &[fn() -> Tested] = &[
    create_feed,
    set_terms,
    add_reporter,
    remove_reporter,
    suspend,
    accept_answer,
    report,
    report_many,
    price,
    latest_round_data,
    get_round_data,
];

const TERMS: IOracle::Terms = IOracle::Terms {
    minReporters: 1,
    maxReporters: 2,
    deviation: 200,
    staleness: 100,
    confirmation: 60,
    minAnswer: 1,
    maxAnswer: 1_000,
};
const WRONG: IOracle::Terms = IOracle::Terms {
    minReporters: 0,
    maxReporters: 32,
    deviation: 0,
    staleness: 0,
    confirmation: u32::MAX,
    minAnswer: 2,
    maxAnswer: 1,
};
const REASON: FixedBytes<4> = FixedBytes(*b"MRKT");
const REPORTER: Address = Address::repeat_byte(0x41);
const SECOND: Address = Address::repeat_byte(0x42);
const THIRD: Address = Address::repeat_byte(0x43);

fn invalid(field: &str) -> Refusal {
    IQenexErrors::InvalidFeed { field: field.into() }.into()
}

const fn no_feed() -> IQenexErrors::UnknownFeed {
    IQenexErrors::UnknownFeed { feed: 7 }
}

/// Makes feed 1 with two reporters.
fn with_feed(mut world: World) -> World {
    trust(&mut world, Role::FeedManager);
    let call =
        IOracle::createFeedCall { description: "EUR / USD".into(), decimals: 8, terms: TERMS };
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &call), 1);
    for reporter in [REPORTER, SECOND] {
        world.ok(FEED_MANAGER, ORACLE, &IOracle::addReporterCall { feed: 1, reporter });
    }
    world.pass(1_000);
    world
}

/// The same, and managers need each other's agreement.
fn guarded() -> World {
    use crate::access::records::{ROLE_POLICIES, RolePolicy};
    let mut world = with_feed(World::new());
    let slot = ROLE_POLICIES.entry(&Role::FeedManager.number());
    slot.store(&mut world.host, &RolePolicy { required: 1, time: 100 }).unwrap();
    world
}

#[test]
fn create_feed() -> Tested {
    let mut world = four_eyes(Role::FeedManager);
    FEED_COUNT.store(&mut world.host, &u32::MAX).unwrap();
    let call = IOracle::createFeedCall { description: String::new(), decimals: 19, terms: WRONG };
    let most = u64::from(u32::MAX);
    Table::new(world, STRANGER, ORACLE, call)
        .refuses(denied(STRANGER), |at| at.caller = FEED_MANAGER)
        .refuses(lonely(), |at| trust(&mut at.world, Role::FeedManager))
        .refuses(invalid("description"), |at| at.call.description = "EUR / USD".into())
        .refuses(invalid("decimals"), |at| at.call.decimals = 18)
        .refuses(invalid("minReporters"), |at| at.call.terms.minReporters = 1)
        .refuses(invalid("maxReporters"), |at| at.call.terms.maxReporters = 31)
        .refuses(invalid("deviation"), |at| at.call.terms.deviation = 200)
        .refuses(invalid("staleness"), |at| at.call.terms.staleness = 100)
        .refuses(invalid("confirmation"), |at| at.call.terms.confirmation = 60)
        .refuses(invalid("maxAnswer"), |at| at.call.terms.maxAnswer = 2)
        .refuses(IQenexErrors::TooManyItems { most, given: most }, |at| {
            FEED_COUNT.store(&mut at.world.host, &0).unwrap();
        })
        .succeeds()
}

#[test]
fn set_terms() -> Tested {
    let call = IOracle::setTermsCall { feed: 7, terms: WRONG };
    Table::new(guarded(), STRANGER, ORACLE, call)
        .refuses(denied(STRANGER), |at| at.caller = FEED_MANAGER)
        .refuses(lonely(), |at| trust(&mut at.world, Role::FeedManager))
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(invalid("minReporters"), |at| at.call.terms.minReporters = 1)
        .refuses(invalid("maxReporters"), |at| at.call.terms.maxReporters = 31)
        .refuses(invalid("deviation"), |at| at.call.terms.deviation = 200)
        .refuses(invalid("staleness"), |at| at.call.terms.staleness = 100)
        .refuses(invalid("confirmation"), |at| at.call.terms.confirmation = 60)
        .refuses(invalid("maxAnswer"), |at| at.call.terms.maxAnswer = 2)
        .succeeds()
}

#[test]
fn add_reporter() -> Tested {
    let call = IOracle::addReporterCall { feed: 7, reporter: ORACLE };
    Table::new(guarded(), STRANGER, ORACLE, call)
        .refuses(denied(STRANGER), |at| at.caller = FEED_MANAGER)
        .refuses(lonely(), |at| trust(&mut at.world, Role::FeedManager))
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(IQenexErrors::InvalidAccount { account: ORACLE }, |at| at.call.reporter = THIRD)
        .refuses(invalid("maxReporters"), |at| {
            let call = IOracle::removeReporterCall { feed: 1, reporter: SECOND };
            at.world.ok(FEED_MANAGER, ORACLE, &call);
        })
        .succeeds()
}

#[test]
fn remove_reporter() -> Tested {
    let call = IOracle::removeReporterCall { feed: 7, reporter: THIRD };
    Table::new(guarded(), STRANGER, ORACLE, call)
        .refuses(denied(STRANGER), |at| at.caller = FEED_MANAGER)
        .refuses(lonely(), |at| trust(&mut at.world, Role::FeedManager))
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(IQenexErrors::NotReporter { feed: 1, caller: THIRD }, |at| {
            at.call.reporter = SECOND;
        })
        .succeeds()
}

#[test]
fn suspend() -> Tested {
    let call = IOracle::suspendCall { feed: 7, reason: FixedBytes::ZERO };
    Table::new(guarded(), STRANGER, ORACLE, call)
        .refuses(denied(STRANGER), |at| at.caller = GUARDIAN)
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(invalid("reason"), |at| at.call.reason = REASON)
        .succeeds()
}

fn suspended(world: &mut World) {
    world.ok(GUARDIAN, ORACLE, &IOracle::suspendCall { feed: 1, reason: REASON });
}

fn reported(world: &mut World) {
    let call = IOracle::reportCall { feed: 1, answer: 9, observedAt: world.now() };
    world.ok(REPORTER, ORACLE, &call);
}

#[test]
fn accept_answer() -> Tested {
    let call = IOracle::acceptAnswerCall { feed: 7, min: 10, max: 20, reason: FixedBytes::ZERO };
    Table::new(guarded(), STRANGER, ORACLE, call)
        .refuses(denied(STRANGER), |at| at.caller = FEED_MANAGER)
        .refuses(lonely(), |at| trust(&mut at.world, Role::FeedManager))
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(invalid("reason"), |at| at.call.reason = REASON)
        .refuses(IQenexErrors::NotHeld { feed: 1 }, |at| suspended(&mut at.world))
        .refuses(IQenexErrors::PriceStale { feed: 1, updatedAt: 0 }, |at| {
            reported(&mut at.world);
        })
        .refuses(IQenexErrors::AnswerOutOfBounds { answer: 9, min: 10, max: 20 }, |at| {
            at.call.min = 1;
        })
        .succeeds()
}

#[test]
fn report() -> Tested {
    let world = guarded();
    let now = world.now();
    let call = IOracle::reportCall { feed: 7, answer: 1_001, observedAt: now + 1 };
    let early =
        IQenexErrors::InvalidObservation { observedAt: now + 1, first: now - 100, last: now };
    Table::new(world, STRANGER, ORACLE, call)
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(IQenexErrors::NotReporter { feed: 1, caller: STRANGER }, |at| {
            at.caller = REPORTER;
        })
        .refuses(early, |at| at.call.observedAt = now)
        .refuses(IQenexErrors::AnswerOutOfBounds { answer: 1_001, min: 1, max: 1_000 }, |at| {
            at.call.answer = 1_000;
        })
        .succeeds()
}

/// Each report has its own result, in the order of `report`.
#[test]
fn report_many() -> Tested {
    let world = guarded();
    let good = IOracle::Report { feed: 1, answer: 9, observedAt: world.now() };
    let reports = vec![IOracle::Report { feed: 7, ..good.clone() }; 101];
    Table::new(world, STRANGER, ORACLE, IOracle::reportManyCall { reports })
        .refuses(IQenexErrors::TooManyItems { most: 100, given: 101 }, |at| {
            let reason = |at: &mut Table<IOracle::reportManyCall>| {
                let results = at.world.clone().ok(at.caller, ORACLE, &at.call);
                crate::decode(&results[0].reason).map(|decoded| decoded.refusal)
            };
            at.call.reports.truncate(1);
            assert_eq!(reason(at), Some(no_feed().into()));
            at.call.reports = vec![good];
            let foreign = IQenexErrors::NotReporter { feed: 1, caller: STRANGER };
            assert_eq!(reason(at), Some(foreign.into()));
            at.caller = REPORTER;
            assert_eq!(reason(at), None);
        })
        .succeeds()
}

/// A feed whose only round is stale, and which is suspended.
fn doubtful() -> World {
    let mut world = with_feed(World::new());
    reported(&mut world);
    world.pass(101);
    suspended(&mut world);
    world
}

fn held(since: u64) -> Refusal {
    IQenexErrors::PriceHeld { feed: 1, hold: 2, since }.into()
}

/// What nobody has answered yet is another feed.
#[test]
fn price() -> Tested {
    let world = doubtful();
    let now = world.now();
    let stale = IQenexErrors::PriceStale { feed: 1, updatedAt: now - 101 };
    Table::new(world, STRANGER, ORACLE, IOracle::priceCall { feed: 7 })
        .refuses(no_feed(), |at| at.call.feed = 1)
        .refuses(held(now), |at| {
            // As it was before anybody reported.
            at.world = with_feed(World::new());
        })
        .refuses(IQenexErrors::NoRound { feed: 1, round: U80::ZERO }, |at| {
            reported(&mut at.world);
            at.world.pass(101);
        })
        .refuses(stale, |at| clock(&mut at.world, now - 1))
        .succeeds()
}

#[test]
fn latest_round_data() -> Tested {
    let mut world = with_feed(World::new());
    suspended(&mut world);
    let now = world.now();
    // The call has no arguments that could be malformed.
    let call = IPriceFeed::latestRoundDataCall {};
    Table { world, caller: STRANGER, to: price_feed_address(7), call }
        .refuses(no_feed(), |at| at.to = price_feed_address(1))
        .refuses(held(now), |at| at.world = with_feed(World::new()))
        .refuses(IQenexErrors::NoRound { feed: 1, round: U80::ZERO }, |at| {
            reported(&mut at.world);
        })
        .succeeds()
}

#[test]
fn get_round_data() -> Tested {
    let two = U80::from(2);
    let call = IPriceFeed::getRoundDataCall { roundId: two };
    Table::new(doubtful(), STRANGER, price_feed_address(7), call)
        .refuses(no_feed(), |at| at.to = price_feed_address(1))
        .refuses(IQenexErrors::NoRound { feed: 1, round: two }, |at| {
            at.call.roundId = U80::from(1);
        })
        .succeeds()
}
