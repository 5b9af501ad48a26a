//! Feeds, reports, rounds and holds.

use alloy_primitives::{Address, FixedBytes, I256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use proptest::prelude::*;

use super::median::{deviates, median};
use super::records::{MAX_REPORTERS, Report};
use super::*;
use crate::storage::Seconds;
use crate::testing::{ADMIN, ALICE, BOB, FEED_MANAGER, GUARDIAN, STRANGER, World};
use crate::{
    ACCESS, HostError, IAccess, IPriceFeed, LEDGER, Outcome, Refusal, decode, price_feed_address,
};

mod histories;

const TERMS: IOracle::Terms = IOracle::Terms {
    minReporters: 3,
    maxReporters: 5,
    deviation: 200,
    staleness: 100,
    confirmation: 60,
    minAnswer: 1,
    maxAnswer: 1_000_000,
};
const REASON: FixedBytes<4> = FixedBytes(*b"MRKT");

fn reporter(n: u8) -> Address {
    Address::repeat_byte(0x40 + n)
}

fn creating(terms: IOracle::Terms) -> IOracle::createFeedCall {
    IOracle::createFeedCall { description: "EUR / USD".into(), decimals: 8, terms }
}

/// Feed 1 with five reporters.
fn world_of(terms: IOracle::Terms) -> World {
    let mut world = World::new();
    let reporters = terms.maxReporters;
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &creating(terms)), 1);
    for n in 0..reporters {
        world.ok(FEED_MANAGER, ORACLE, &adding(reporter(n)));
    }
    world.pass(1_000);
    world
}

fn world() -> World {
    world_of(TERMS)
}

fn adding(reporter: Address) -> IOracle::addReporterCall {
    IOracle::addReporterCall { feed: 1, reporter }
}

fn removing(reporter: Address) -> IOracle::removeReporterCall {
    IOracle::removeReporterCall { feed: 1, reporter }
}

fn setting(terms: IOracle::Terms) -> IOracle::setTermsCall {
    IOracle::setTermsCall { feed: 1, terms }
}

fn accepting(min: i128, max: i128) -> IOracle::acceptAnswerCall {
    IOracle::acceptAnswerCall { feed: 1, min, max, reason: REASON }
}

fn suspending() -> IOracle::suspendCall {
    IOracle::suspendCall { feed: 1, reason: REASON }
}

fn reporting(answer: i128, observed_at: u64) -> IOracle::reportCall {
    IOracle::reportCall { feed: 1, answer, observedAt: observed_at }
}

fn now(world: &World) -> u64 {
    world.host.block().timestamp
}

/// A report of what was observed just now: the round that it made.
fn report(world: &mut World, n: u8, answer: i128) -> u64 {
    let at = now(world);
    world.ok(reporter(n), ORACLE, &reporting(answer, at))
}

/// Reports of the first reporters, each a second after the other; the last one's round.
fn report_all(world: &mut World, answers: &[i128]) -> u64 {
    let mut round = 0;
    for (n, answer) in (0..).zip(answers) {
        world.pass(1);
        round = report(world, n, *answer);
    }
    round
}

fn price(world: &mut World) -> Result<(i128, u64), Refusal> {
    let price = world.attempt(STRANGER, ORACLE, &IOracle::priceCall { feed: 1 })?;
    assert_eq!(price.decimals, 8);
    Ok((price.answer, price.updatedAt))
}

fn feed(world: &mut World) -> IOracle::feedOfReturn {
    world.ok(STRANGER, ORACLE, &IOracle::feedOfCall { feed: 1 })
}

fn round(world: &mut World, round: u64) -> IOracle::roundOfReturn {
    world.ok(STRANGER, ORACLE, &IOracle::roundOfCall { feed: 1, round })
}

fn denied(caller: Address) -> Refusal {
    IQenexErrors::NotAuthorised { caller }.into()
}

fn invalid(field: &str) -> Refusal {
    IQenexErrors::InvalidFeed { field: field.into() }.into()
}

fn events<E: SolEvent>(world: &World) -> Vec<E> {
    let logs = world.host.logs().iter();
    logs.filter_map(|log| E::decode_log_data_validate(&log.data).ok()).collect()
}

#[test]
fn feeds_have_numbers_faces_and_terms() {
    let mut world = World::new();
    assert_eq!(world.ok(STRANGER, ORACLE, &IOracle::feedCountCall {}), 0);
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &creating(TERMS)), 1);
    let created: Vec<IOracle::FeedCreated> = events(&world);
    assert_eq!((created[0].feed, created[0].face), (1, price_feed_address(1)));
    assert!(world.host.marks().contains(&price_feed_address(1)));
    assert!(!world.host.marks().contains(&price_feed_address(2)));
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &creating(TERMS)), 2);
    assert_eq!(world.ok(STRANGER, ORACLE, &IOracle::feedCountCall {}), 2);
    let seen = feed(&mut world);
    assert_eq!((seen.description.as_str(), seen.decimals), ("EUR / USD", 8));
    assert_eq!((seen.face, seen.terms), (price_feed_address(1), TERMS));
    assert_eq!((seen.reporters, seen.latestRound, seen.hold, seen.since), (0, 0, 0, 0));

    let terms = IOracle::Terms { minAnswer: i128::MIN, maxAnswer: i128::MAX, ..TERMS };
    world.ok(FEED_MANAGER, ORACLE, &setting(terms.clone()));
    let seen = feed(&mut world);
    assert_eq!((seen.terms, seen.decimals), (terms, 8));
}

#[test]
fn what_a_feed_cannot_have_is_named_in_order() {
    let mut world = world();
    let long = "a description of 32 bytes, 1 more";
    let cases = [
        ("description", creating_as(String::new(), 19, TERMS)),
        ("description", creating_as(long[..32].into(), 8, TERMS)),
        ("decimals", creating_as(long[..31].into(), 19, terms(|t| t.minReporters = 0))),
        ("minReporters", creating(terms(|t| (t.minReporters, t.deviation) = (0, 0)))),
        ("minReporters", creating(terms(|t| t.minReporters = 6))),
        ("maxReporters", creating(terms(|t| (t.maxReporters, t.deviation) = (32, 0)))),
        ("deviation", creating(terms(|t| (t.deviation, t.staleness) = (0, 0)))),
        ("deviation", creating(terms(|t| t.deviation = 10_001))),
        ("staleness", creating(terms(|t| (t.staleness, t.confirmation) = (0, u32::MAX)))),
        ("staleness", creating(terms(|t| t.staleness = 31_622_401))),
        (
            "confirmation",
            creating(terms(|t| (t.confirmation, t.minAnswer) = (31_622_401, 2_000_000))),
        ),
        ("maxAnswer", creating(terms(|t| t.minAnswer = 1_000_001))),
    ];
    for (field, call) in cases {
        assert_eq!(world.refused(FEED_MANAGER, ORACLE, &call), invalid(field));
        let terms = call.terms;
        if !matches!(field, "description" | "decimals") {
            assert_eq!(world.refused(FEED_MANAGER, ORACLE, &setting(terms)), invalid(field));
        }
    }
    let fewer = setting(terms(|t| t.maxReporters = 4));
    assert_eq!(
        world.refused(FEED_MANAGER, ORACLE, &fewer),
        invalid("maxReporters"),
        "five are there"
    );
    for extreme in [
        terms(|t| (t.minReporters, t.maxReporters, t.deviation, t.staleness) = (1, 31, 1, 1)),
        terms(|t| (t.deviation, t.staleness, t.confirmation) = (10_000, 31_622_400, 31_622_400)),
        terms(|t| (t.minReporters, t.confirmation, t.minAnswer) = (5, 0, t.maxAnswer)),
    ] {
        world.ok(FEED_MANAGER, ORACLE, &creating_as(long[..31].into(), 18, extreme.clone()));
        world.ok(FEED_MANAGER, ORACLE, &setting(extreme));
    }
}

fn creating_as(
    description: String,
    decimals: u8,
    terms: IOracle::Terms,
) -> IOracle::createFeedCall {
    IOracle::createFeedCall { description, decimals, terms }
}

fn terms(edit: impl FnOnce(&mut IOracle::Terms)) -> IOracle::Terms {
    let mut terms = TERMS;
    edit(&mut terms);
    terms
}

/// All calls of feed managers, on a feed that there is not.
fn managing() -> Vec<(&'static str, Vec<u8>)> {
    let feed = 7;
    let reporter = Address::ZERO;
    let terms = terms(|t| t.minReporters = 0);
    let (min, max, reason) = (2, 1, FixedBytes::ZERO);
    vec![
        ("setTerms", IOracle::setTermsCall { feed, terms }.abi_encode()),
        ("addReporter", IOracle::addReporterCall { feed, reporter }.abi_encode()),
        ("removeReporter", IOracle::removeReporterCall { feed, reporter }.abi_encode()),
        ("acceptAnswer", IOracle::acceptAnswerCall { feed, min, max, reason }.abi_encode()),
        ("suspend", IOracle::suspendCall { feed, reason }.abi_encode()),
    ]
}

#[test]
fn only_feed_managers_manage_and_their_right_is_looked_at_first() {
    let mut world = world();
    let mut attempt = |caller, input: &[u8]| match world.raw(&Call::new(caller, ORACLE, input)) {
        Ok(Outcome::Revert(data)) => decode(&data).unwrap().refusal,
        other => panic!("{other:?}"),
    };
    for (name, input) in managing() {
        assert_eq!(attempt(ADMIN, &input), denied(ADMIN), "{name}");
        let unknown = Refusal::from(IQenexErrors::UnknownFeed { feed: 7 });
        assert_eq!(attempt(FEED_MANAGER, &input), unknown, "{name}");
        let guardian = if name == "suspend" { unknown } else { denied(GUARDIAN) };
        assert_eq!(attempt(GUARDIAN, &input), guardian, "{name}");
    }
    assert_eq!(attempt(STRANGER, &creating(TERMS).abi_encode()), denied(STRANGER));
}

#[test]
fn what_several_must_agree_to_waits_for_them_but_for_a_suspension() {
    let mut world = world();
    world.ok(ADMIN, ACCESS, &IAccess::grantRoleCall { role: 6, member: BOB });
    world.ok(ADMIN, ACCESS, &IAccess::setPolicyCall { role: 6, required: 1, time: 100 });
    let missing = Refusal::from(IQenexErrors::ApprovalMissing { have: 0, need: 1 });
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &creating(TERMS)), missing);
    for (name, input) in managing() {
        let outcome = world.raw(&Call::new(FEED_MANAGER, ORACLE, &input)).unwrap();
        let Outcome::Revert(data) = outcome else { panic!("{name}") };
        let refusal = decode(&data).unwrap().refusal;
        assert_eq!(refusal == missing, name != "suspend", "{name}: {refusal:?}");
    }
    let call = removing(reporter(0));
    let data = call.abi_encode().into();
    let request = IAccess::requestCall { role: 6, engine: ORACLE, data };
    let id = world.ok(FEED_MANAGER, ACCESS, &request);
    world.ok(BOB, ACCESS, &IAccess::approveCall { id });
    world.ok(FEED_MANAGER, ORACLE, &call);
}

#[test]
fn every_reading_function_names_a_feed_that_there_is_not() {
    let mut world = world();
    for feed in [0, 2, u32::MAX] {
        let unknown = Refusal::from(IQenexErrors::UnknownFeed { feed });
        let reporter = STRANGER;
        assert_eq!(world.refused(ALICE, ORACLE, &IOracle::priceCall { feed }), unknown);
        assert_eq!(world.refused(ALICE, ORACLE, &IOracle::feedOfCall { feed }), unknown);
        assert_eq!(world.refused(ALICE, ORACLE, &IOracle::reportersOfCall { feed }), unknown);
        assert_eq!(world.refused(ALICE, ORACLE, &IOracle::medianOfCall { feed }), unknown);
        assert_eq!(world.refused(ALICE, ORACLE, &IOracle::roundOfCall { feed, round: 1 }), unknown);
        let call = IOracle::reportOfCall { feed, reporter };
        assert_eq!(world.refused(ALICE, ORACLE, &call), unknown);
    }
    let stranger = IOracle::reportOfCall { feed: 1, reporter: STRANGER };
    let expected = IQenexErrors::NotReporter { feed: 1, caller: STRANGER };
    assert_eq!(world.refused(ALICE, ORACLE, &stranger), expected.into());
    for round in [0, 1, u64::MAX] {
        let expected = IQenexErrors::NoRound { feed: 1, round: U80::from(round) };
        let call = IOracle::roundOfCall { feed: 1, round };
        assert_eq!(world.refused(ALICE, ORACLE, &call), expected.into());
    }
    let none = IQenexErrors::NoRound { feed: 1, round: U80::ZERO };
    assert_eq!(price(&mut world), Err(none.into()));
}

#[test]
fn reporters_come_and_go_and_the_others_keep_their_places() {
    let mut world = world();
    let list = |world: &mut World| world.ok(ALICE, ORACLE, &IOracle::reportersOfCall { feed: 1 });
    assert_eq!(list(&mut world), [0, 1, 2, 3, 4].map(reporter));
    world.ok(FEED_MANAGER, ORACLE, &adding(reporter(2)));
    assert_eq!(feed(&mut world).reporters, 5, "it was there");
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &adding(BOB)), invalid("maxReporters"));
    for account in [Address::ZERO, LEDGER, price_feed_address(1)] {
        let expected = IQenexErrors::InvalidAccount { account };
        assert_eq!(world.refused(FEED_MANAGER, ORACLE, &adding(account)), expected.into());
    }
    report_all(&mut world, &[1_000, 1_001, 1_002, 1_003, 1_004]);
    let report_of = |world: &mut World, n: u8| {
        let seen =
            world.ok(ALICE, ORACLE, &IOracle::reportOfCall { feed: 1, reporter: reporter(n) });
        (seen.answer, seen.counts)
    };

    world.ok(FEED_MANAGER, ORACLE, &removing(reporter(1)));
    let gone = Refusal::from(IQenexErrors::NotReporter { feed: 1, caller: reporter(1) });
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &removing(reporter(1))), gone);
    let at = now(&world);
    assert_eq!(world.refused(reporter(1), ORACLE, &reporting(5, at)), gone);
    assert_eq!(list(&mut world), [0, 4, 2, 3].map(reporter));
    for n in [0, 2, 3, 4] {
        assert_eq!(report_of(&mut world, n), (1_000 + i128::from(n), true));
    }
    let median = world.ok(ALICE, ORACLE, &IOracle::medianOfCall { feed: 1 });
    assert_eq!((median.answer, median.reports), (1_002, 4), "of 1000 1002 1003 1004");
    world.pass(1);
    report(&mut world, 4, 1_005);
    assert_eq!(report_of(&mut world, 4), (1_005, true), "at its new place");

    world.ok(FEED_MANAGER, ORACLE, &removing(reporter(3)));
    assert_eq!(list(&mut world), [0, 4, 2].map(reporter), "it was the last");
    world.ok(FEED_MANAGER, ORACLE, &adding(reporter(1)));
    assert_eq!(list(&mut world), [0, 4, 2, 1].map(reporter));
    assert_eq!(report_of(&mut world, 1), (0, false), "it starts anew");
    for n in [0, 1, 2, 4] {
        world.ok(FEED_MANAGER, ORACLE, &removing(reporter(n)));
    }
    assert_eq!(list(&mut world), Vec::<Address>::new());
    let median = world.ok(ALICE, ORACLE, &IOracle::medianOfCall { feed: 1 });
    assert_eq!((median.answer, median.reports), (0, 0));
    let left = world.host.storage(ORACLE, records::REPORTERS.entry(&1).addresses.at(0).number());
    assert_eq!(left, U256::ZERO);
}

#[test]
fn a_report_is_refused_by_the_first_rule_that_it_breaks() {
    let mut world = world();
    let begin = now(&world);
    world.ok(reporter(0), ORACLE, &reporting(1_000, begin - 50));
    let window = |observed_at, first| {
        let last = begin;
        IQenexErrors::InvalidObservation { observedAt: observed_at, first, last }.into()
    };
    let bounds = |answer| IQenexErrors::AnswerOutOfBounds { answer, min: 1, max: 1_000_000 }.into();
    let unknown = IQenexErrors::UnknownFeed { feed: 9 }.into();
    let foreign = IQenexErrors::NotReporter { feed: 1, caller: STRANGER }.into();
    let cases: [(Address, u32, i128, u64, Refusal); 10] = [
        (STRANGER, 9, 0, 0, unknown),
        (STRANGER, 1, 0, 0, foreign),
        (reporter(1), 1, 0, begin + 1, window(begin + 1, begin - 100)),
        (reporter(1), 1, 0, u64::MAX, window(u64::MAX, begin - 100)),
        (reporter(1), 1, 0, begin - 101, window(begin - 101, begin - 100)),
        (reporter(0), 1, 0, begin - 50, window(begin - 50, begin - 49)),
        (reporter(0), 1, 0, begin - 60, window(begin - 60, begin - 49)),
        (reporter(1), 1, 0, begin, bounds(0)),
        (reporter(1), 1, 1_000_001, begin - 100, bounds(1_000_001)),
        (reporter(0), 1, i128::MIN, begin - 49, bounds(i128::MIN)),
    ];
    for (caller, feed, answer, observed_at, expected) in cases {
        let call = IOracle::reportCall { feed, answer, observedAt: observed_at };
        assert_eq!(world.refused(caller, ORACLE, &call), expected);
    }
    for (n, answer, observed_at) in [(1, 1, begin - 100), (2, 1_000_000, begin), (0, 7, begin)] {
        world.ok(reporter(n), ORACLE, &reporting(answer, observed_at));
    }
}

#[test]
fn enough_reports_make_a_round_and_every_change_the_next() {
    let mut world = world();
    let begin = now(&world);
    assert_eq!(report_all(&mut world, &[1_010, 990]), 0, "two of three");
    world.pass(1);
    assert_eq!(report(&mut world, 2, 1_000), 1);
    let seen = round(&mut world, 1);
    assert_eq!((seen.answer, seen.reports), (1_000, 3));
    let times = (seen.startedAt, seen.updatedAt, seen.acceptedAt);
    assert_eq!(times, (begin + 1, begin + 1, begin + 3));
    assert_eq!(price(&mut world), Ok((1_000, begin + 1)));

    let answered: Vec<IOracle::Answered> = events(&world);
    assert_eq!(answered.len(), 1);
    assert_eq!((answered[0].round, answered[0].answer, answered[0].reports), (1, 1_000, 3));
    let shown = world.host.logs().last().unwrap();
    assert_eq!(shown.address, price_feed_address(1));
    let shown = IPriceFeed::AnswerUpdated::decode_log_data_validate(&shown.data).unwrap();
    assert_eq!((shown.current, shown.roundId), (I256::unchecked_from(1_000), U256::from(1)));
    assert_eq!(shown.updatedAt, U256::from(begin + 1));

    world.pass(1);
    assert_eq!(report(&mut world, 3, 1_005), 2);
    assert_eq!(round(&mut world, 2).answer, 1_000, "the lower of the two in the middle");
    assert_eq!(price(&mut world), Ok((1_000, begin + 2)), "three are not older than that");
    world.pass(1);
    assert_eq!(report(&mut world, 4, 1_006), 3);
    assert_eq!(price(&mut world), Ok((1_005, begin + 3)));
    assert_eq!(feed(&mut world).latestRound, 3);
    assert_eq!(round(&mut world, 1).answer, 1_000, "rounds stay");
}

#[test]
fn a_report_that_changes_neither_answer_nor_time_makes_no_round() {
    let mut world = world();
    let at = now(&world);
    for (n, expected) in [(0, 0), (1, 0), (2, 1), (3, 0)] {
        assert_eq!(world.ok(reporter(n), ORACLE, &reporting(1_000, at)), expected);
    }
    assert_eq!(world.ok(reporter(4), ORACLE, &reporting(1_001, at)), 0);
    assert_eq!(feed(&mut world).latestRound, 1);
}

#[test]
fn an_answer_is_as_new_as_a_quorum_of_observations() {
    let mut world = world();
    let begin = now(&world);
    report_all(&mut world, &[1_000, 1_001, 1_002]);
    // One and two of the reporters go on; it takes three.
    for _ in 0..40 {
        world.pass(2);
        report(&mut world, 3, 1_001);
        report(&mut world, 4, 1_001);
    }
    let updated_at = price(&mut world).unwrap().1;
    assert_eq!(updated_at, begin + 3);
    world.pass(20);
    assert_eq!(now(&world), updated_at + 100);
    assert!(price(&mut world).is_ok());
    world.pass(1);
    let stale = IQenexErrors::PriceStale { feed: 1, updatedAt: updated_at };
    assert_eq!(price(&mut world), Err(stale.into()));
    // The face goes on, and says how old it is.
    let face = price_feed_address(1);
    let seen = world.ok(ALICE, face, &IPriceFeed::latestRoundDataCall {});
    assert_eq!(seen.updatedAt, U256::from(updated_at));
    // A third one makes a quorum as new as the two that went on.
    assert!(report(&mut world, 0, 1_000) > 0);
    assert_eq!(price(&mut world), Ok((1_001, begin + 83)));
    // The two that did not count no more.
    let median = world.ok(ALICE, ORACLE, &IOracle::medianOfCall { feed: 1 });
    assert_eq!((median.reports, median.startedAt), (3, begin + 83));
}

#[test]
fn a_minority_cannot_move_the_answer_past_what_the_others_say() {
    let mut world = world_of(terms(|t| (t.minReporters, t.deviation) = (5, 10_000)));
    report_all(&mut world, &[1_000, 1_010, 1_020, 1_000_000, 1_000_000]);
    assert_eq!(price(&mut world).unwrap().0, 1_020);
    report_all(&mut world, &[1_000, 1_010, 1_020, 1, 1]);
    assert_eq!(price(&mut world).unwrap().0, 1_000);
}

#[test]
fn a_median_far_from_the_last_answer_is_held_until_it_comes_back() {
    let mut world = world();
    report_all(&mut world, &[1_000; 3]);
    world.pass(10);
    assert_eq!(report(&mut world, 0, 1_021), 2, "one alone does not move it");
    let answer = price(&mut world).unwrap();
    assert_eq!(report(&mut world, 1, 1_021), 0, "two in a hundred and more");
    let since = now(&world);
    let held: Vec<IOracle::AnswerHeld> = events(&world);
    assert_eq!((held[0].answer, held[0].last), (1_021, 1_000));
    let refused = Refusal::from(IQenexErrors::PriceHeld { feed: 1, hold: 1, since });
    assert_eq!(price(&mut world), Err(refused.clone()));
    let seen = feed(&mut world);
    assert_eq!((seen.hold, seen.since, seen.latestRound), (1, since, 2));
    let median = world.ok(ALICE, ORACLE, &IOracle::medianOfCall { feed: 1 });
    assert_eq!((median.answer, median.reports), (1_021, 3));
    let face = price_feed_address(1);
    let shown = world.ok(ALICE, face, &IPriceFeed::latestRoundDataCall {});
    assert_eq!(shown.answer, I256::unchecked_from(answer.0), "the face keeps the last good one");
    assert_eq!(shown.updatedAt, U256::from(answer.1));

    world.pass(5);
    assert_eq!(report(&mut world, 2, 1_030), 0);
    assert_eq!(price(&mut world), Err(refused), "about the same: held since then");
    world.pass(5);
    assert_eq!(report(&mut world, 1, 1_020), 0, "1021 1020 1030");
    world.pass(5);
    assert_eq!(report(&mut world, 0, 1_010), 3);
    assert_eq!(price(&mut world).unwrap().0, 1_020, "just within the deviation");
    let ended: Vec<IOracle::HoldEnded> = events(&world);
    assert_eq!((ended[0].how, ended[0].by, ended[0].reason), (1, Address::ZERO, FixedBytes::ZERO));
}

#[test]
fn new_observations_confirm_what_is_held_after_the_time_for_that() {
    let mut world = world();
    report_all(&mut world, &[1_000; 3]);
    report_all(&mut world, &[1_100; 3]);
    let since = feed(&mut world).since;
    assert_eq!(since, now(&world) - 1, "with the second");
    world.pass(58);
    report_all(&mut world, &[1_101, 1_102]);
    assert_eq!(now(&world), since + 61);
    assert_eq!(feed(&mut world).hold, 1, "two have looked again in time");
    // A third one, whose observation is too old to count as that.
    world.ok(reporter(3), ORACLE, &reporting(1_101, since + 59));
    assert_eq!(feed(&mut world).hold, 1);
    world.ok(reporter(4), ORACLE, &reporting(1_101, since + 60));
    assert_eq!(price(&mut world), Ok((1_101, since + 60)));
    let ended: Vec<IOracle::HoldEnded> = events(&world);
    assert_eq!(ended[0].how, 2);
}

#[test]
fn a_held_median_that_moves_on_must_wait_anew() {
    let mut world = world();
    report_all(&mut world, &[1_000; 3]);
    report_all(&mut world, &[1_100; 3]);
    let first = feed(&mut world).since;
    world.pass(40);
    report_all(&mut world, &[1_200; 3]);
    let second = feed(&mut world).since;
    assert!(second > first + 40);
    world.pass(30);
    report_all(&mut world, &[1_201; 3]);
    assert!(now(&world) > first + 60);
    assert_eq!(feed(&mut world).hold, 1);
    world.pass(60);
    report_all(&mut world, &[1_202; 3]);
    assert_eq!(price(&mut world).unwrap().0, 1_202);
}

#[test]
fn without_a_time_for_it_nothing_confirms_a_held_median() {
    let mut world = world_of(terms(|t| t.confirmation = 0));
    report_all(&mut world, &[1_000; 3]);
    for _ in 0..10 {
        world.pass(90);
        report_all(&mut world, &[1_100; 3]);
    }
    assert_eq!((feed(&mut world).hold, feed(&mut world).latestRound), (1, 2));
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &accepting(1_100, 1_100)), 3);
    assert_eq!(price(&mut world).unwrap().0, 1_100);
}

#[test]
fn a_feed_manager_accepts_what_is_held_within_the_given_bounds() {
    let mut world = world();
    let not_held = Refusal::from(IQenexErrors::NotHeld { feed: 1 });
    let zero = IOracle::acceptAnswerCall { reason: FixedBytes::ZERO, ..accepting(1, 2) };
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &zero), invalid("reason"));
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &accepting(1, 2)), not_held);
    report_all(&mut world, &[1_000; 3]);
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &accepting(1, 2)), not_held);
    world.pass(1);
    report(&mut world, 0, 1_100);
    let updated_at = price(&mut world).unwrap().1;
    report_all(&mut world, &[1_101, 1_100, 1_100]);
    for (min, max) in [(1_101, 2_000), (0, 1_099), (2_000, 0)] {
        let refusal = world.refused(FEED_MANAGER, ORACLE, &accepting(min, max));
        assert_eq!(refusal, IQenexErrors::AnswerOutOfBounds { answer: 1_100, min, max }.into());
    }
    let mut later = world.clone();
    later.pass(101);
    let stale = IQenexErrors::PriceStale { feed: 1, updatedAt: updated_at };
    let call = accepting(1_000, 1_200);
    assert_eq!(later.refused(FEED_MANAGER, ORACLE, &call), stale.into(), "nothing counts");

    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &call), 3);
    assert_eq!(price(&mut world).unwrap().0, 1_100);
    let ended: Vec<IOracle::HoldEnded> = events(&world);
    assert_eq!((ended[0].how, ended[0].by, ended[0].reason), (3, FEED_MANAGER, REASON));
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &call), not_held);
}

#[test]
fn a_removed_reporter_has_no_say_in_what_is_accepted() {
    let mut world = world();
    report_all(&mut world, &[1_000; 5]);
    report_all(&mut world, &[5_000, 5_000, 5_000]);
    assert_eq!(feed(&mut world).hold, 1);
    world.ok(FEED_MANAGER, ORACLE, &removing(reporter(0)));
    let median = world.ok(ALICE, ORACLE, &IOracle::medianOfCall { feed: 1 });
    assert_eq!((median.answer, median.reports), (1_000, 4));
    let wide = accepting(4_000, 6_000);
    let refusal = world.refused(FEED_MANAGER, ORACLE, &wide);
    let expected = IQenexErrors::AnswerOutOfBounds { answer: 1_000, min: 4_000, max: 6_000 };
    assert_eq!(refusal, expected.into());
}

#[test]
fn a_suspended_feed_takes_reports_and_answers_nothing() {
    let mut world = world();
    report_all(&mut world, &[1_000; 3]);
    let zero = IOracle::suspendCall { feed: 1, reason: FixedBytes::ZERO };
    assert_eq!(world.refused(GUARDIAN, ORACLE, &zero), invalid("reason"));
    world.ok(GUARDIAN, ORACLE, &suspending());
    let since = now(&world);
    let suspended: Vec<IOracle::FeedSuspended> = events(&world);
    assert_eq!((suspended[0].by, suspended[0].reason), (GUARDIAN, REASON));
    world.pass(1);
    let before = world.host.clone().into_storage();
    world.ok(FEED_MANAGER, ORACLE, &suspending());
    assert_eq!(world.host.clone().into_storage(), before, "it was");

    let refused = Refusal::from(IQenexErrors::PriceHeld { feed: 1, hold: 2, since });
    assert_eq!(price(&mut world), Err(refused.clone()));
    let face = price_feed_address(1);
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestRoundDataCall {}), refused);
    for answers in [[1_001; 3], [9_000; 3], [1_002; 3]] {
        world.pass(70);
        assert_eq!(report_all(&mut world, &answers), 0);
    }
    assert_eq!(price(&mut world), Err(refused));
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &accepting(1_000, 1_010)), 2);
    assert_eq!(price(&mut world).unwrap().0, 1_002);
    assert_eq!(feed(&mut world).hold, 0);

    // One that has no round, and one that holds something.
    let mut world = world_of(TERMS);
    world.ok(GUARDIAN, ORACLE, &suspending());
    let nothing = IQenexErrors::PriceStale { feed: 1, updatedAt: 0 };
    assert_eq!(world.refused(FEED_MANAGER, ORACLE, &accepting(1, 2_000)), nothing.into());
    assert_eq!(report_all(&mut world, &[1_000; 3]), 0);
    assert_eq!(world.ok(FEED_MANAGER, ORACLE, &accepting(1, 2_000)), 1);
    report_all(&mut world, &[1_100; 3]);
    assert_eq!(feed(&mut world).hold, 1);
    world.ok(GUARDIAN, ORACLE, &suspending());
    world.pass(61);
    assert_eq!(report_all(&mut world, &[1_100; 3]), 0, "nothing confirms it");
    assert_eq!(feed(&mut world).hold, 2);
}

#[test]
fn other_terms_count_from_the_next_report_on() {
    let mut world = world();
    let updated = |world: &mut World| price(world).unwrap();
    report_all(&mut world, &[1_000, 1_010, 1_020, 1_030, 1_040]);
    let before = updated(&mut world);
    assert_eq!(before.0, 1_020);
    // Out of bounds: it counts no more.
    world.ok(FEED_MANAGER, ORACLE, &setting(terms(|t| t.minAnswer = 1_010)));
    assert_eq!(updated(&mut world), before);
    let median = world.ok(ALICE, ORACLE, &IOracle::medianOfCall { feed: 1 });
    assert_eq!((median.answer, median.reports), (1_020, 4));
    // More are needed: five observations are not as new as three were, so nothing is answered until
    // they are.
    world.ok(FEED_MANAGER, ORACLE, &setting(terms(|t| t.minReporters = 5)));
    world.pass(1);
    assert_eq!(report(&mut world, 0, 1_000), 0);
    assert_eq!(updated(&mut world), before);
    assert_eq!(report(&mut world, 1, 1_050), 4, "the oldest is now as old as that");
    assert_eq!(updated(&mut world), (1_030, before.1));
    // A shorter time: the price is stale at once.
    world.ok(FEED_MANAGER, ORACLE, &setting(terms(|t| t.staleness = 1)));
    assert!(matches!(price(&mut world), Err(Refusal::PriceStale(_))));
}

#[test]
fn of_many_reports_each_has_its_own_result() {
    let mut world = world();
    world.ok(FEED_MANAGER, ORACLE, &creating(terms(|t| t.minReporters = 1)));
    world.ok(FEED_MANAGER, ORACLE, &IOracle::addReporterCall { feed: 2, reporter: reporter(0) });
    let at = now(&world);
    let item =
        |feed, answer, observed_at| IOracle::Report { feed, answer, observedAt: observed_at };
    let reports = vec![
        item(1, 1_000, at - 1),
        item(9, 1, at),
        item(2, 500, at - 1),
        item(2, 0, at),
        item(2, 501, at),
        item(2, 501, at),
    ];
    let results =
        world.ok(reporter(0), ORACLE, &IOracle::reportManyCall { reports: reports.clone() });
    let rounds: Vec<u64> = results.iter().map(|result| result.round).collect();
    assert_eq!(rounds, [0, 0, 1, 0, 2, 0]);
    let reasons: Vec<_> =
        results.iter().map(|result| decode(&result.reason).map(|d| d.refusal)).collect();
    let window = IQenexErrors::InvalidObservation { observedAt: at, first: at + 1, last: at };
    assert_eq!(
        reasons,
        [
            None,
            Some(IQenexErrors::UnknownFeed { feed: 9 }.into()),
            None,
            Some(IQenexErrors::AnswerOutOfBounds { answer: 0, min: 1, max: 1_000_000 }.into()),
            None,
            Some(window.into()),
        ]
    );
    let reported: Vec<IOracle::Reported> = events(&world);
    assert_eq!(reported.len(), 3);
    let many = |n| IOracle::reportManyCall { reports: vec![reports[1].clone(); n] };
    assert_eq!(world.ok(STRANGER, ORACLE, &many(100)).len(), 100);
    let most = IQenexErrors::TooManyItems { most: 100, given: 101 };
    assert_eq!(world.refused(STRANGER, ORACLE, &many(101)), most.into());
    assert!(world.ok(STRANGER, ORACLE, &many(0)).is_empty());
}

/// The dearest report: with 31 reporters, the first of its reporter, and it makes a round.
const REPORT_OF_31: u64 = 128_482;
/// Reading a price.
const PRICE: u64 = 6_632;

#[test]
fn the_work_of_a_report_is_bounded_by_the_feeds_reporters() {
    let most = terms(|t| (t.minReporters, t.maxReporters) = (16, MAX_REPORTERS));
    let mut world = world_of(most);
    report_all(&mut world, &[1_000; 30]);
    world.pass(1);
    assert!(report(&mut world, 30, 1_000) > 0);
    // The reports, and of the feed: terms, bounds, progress, index of the reporter, last and new round.
    assert_eq!(world.host.slots_touched(), 31 + 6);
    assert_eq!(world.host.gas_used(), REPORT_OF_31);
    world.ok(ALICE, ORACLE, &IOracle::priceCall { feed: 1 });
    assert_eq!(world.host.gas_used(), PRICE);
}

#[test]
fn a_report_that_runs_out_of_gas_changes_nothing() {
    let mut world = world();
    report_all(&mut world, &[1_000, 1_000]);
    world.pass(1);
    let input = reporting(1_000, now(&world)).abi_encode();
    let call = Call::new(reporter(2), ORACLE, &input);
    let mut whole = world.clone();
    assert!(whole.raw(&call).unwrap().is_success());
    let full = whole.host.gas_used();
    for limit in (0..full).step_by(97) {
        let mut cut = world.clone();
        cut.host.begin_transaction(Some(limit));
        assert_eq!(cut.host.call(&call), Err(HostError::OutOfGas));
        assert_eq!(cut.host.logs(), world.host.logs());
        assert_eq!(cut.host.into_storage(), world.host.clone().into_storage());
    }
    world.host.begin_transaction(Some(full));
    assert!(world.host.call(&call).unwrap().is_success());
}

#[test]
fn deviations_are_exact_at_the_edge_and_at_the_ends_of_the_numbers() {
    for (from, to, deviation, expected) in [
        (1_000, 1_020, 200, false),
        (1_000, 1_021, 200, true),
        (1_000, 980, 200, false),
        (1_000, 979, 200, true),
        (-1_000, -1_020, 200, false),
        (-1_000, -979, 200, true),
        (49, 50, 200, true),
        (50, 51, 200, false),
        (0, 0, 1, false),
        (0, 1, 10_000, true),
        (1, -1, 10_000, true),
        (5, 0, 10_000, false),
        (5, 10, 10_000, false),
        (5, 11, 10_000, true),
        (i128::MIN, i128::MAX, 10_000, true),
        (i128::MIN, 0, 10_000, false),
        (i128::MAX, i128::MIN, 10_000, true),
    ] {
        assert_eq!(deviates(from, to, deviation), expected, "{from} {to} {deviation}");
    }
}

fn seen(answer: i128, observed_at: u64) -> Report {
    let at = Seconds::new(observed_at);
    Report { answer, observed_at: at, reported_at: Seconds::new(10_000) }
}

fn answers() -> impl Strategy<Value = i128> {
    prop_oneof![6 => 0..20_i128, 2 => any::<i128>(), 1 => Just(i128::MIN), 1 => Just(i128::MAX)]
}

proptest! {
    #[test]
    fn the_median_is_one_of_the_reports_with_as_many_on_either_side(
        reports in prop::collection::vec((answers(), 0..20_u64), 0..=31),
        quorum in 1..=31_u8,
    ) {
        let list: Vec<Report> = reports.iter().map(|&(answer, at)| seen(answer, at)).collect();
        let Some(round) = median(&list, quorum, 10_000) else {
            prop_assert!(reports.len() < usize::from(quorum));
            return Ok(());
        };
        prop_assert!(reports.len() >= usize::from(quorum));
        // Naive: by counting. Not more than half are less, not more than half are greater; and of two
        // such values it is the lower.
        let n = reports.len();
        let less = reports.iter().filter(|(answer, _)| *answer < round.answer).count();
        let greater = reports.iter().filter(|(answer, _)| *answer > round.answer).count();
        prop_assert!(reports.iter().any(|(answer, _)| *answer == round.answer));
        prop_assert!(2 * less < n && 2 * greater <= n);
        let as_new = |at: u64| reports.iter().filter(|(_, observed)| *observed >= at).count();
        prop_assert!(as_new(round.updated_at.get()) >= usize::from(quorum));
        prop_assert!(as_new(round.updated_at.get() + 1) < usize::from(quorum));
        let oldest = reports.iter().map(|(_, observed)| *observed).min();
        prop_assert_eq!(Some(round.started_at.get()), oldest);
        prop_assert_eq!(usize::from(round.reports), n);
    }

    #[test]
    fn fewer_liars_than_half_stay_between_the_honest(
        honest in prop::collection::vec(answers(), 1..=16),
        lies in prop::collection::vec(answers(), 0..=15),
        order in any::<u64>(),
    ) {
        let lies = &lies[..lies.len().min(honest.len() - 1)];
        let mut answers: Vec<i128> = [honest.as_slice(), lies].concat();
        let turn = usize::try_from(order).unwrap() % answers.len();
        answers.rotate_left(turn);
        let list: Vec<Report> = answers.iter().map(|&answer| seen(answer, 5)).collect();
        let round = median(&list, 1, 10_000).unwrap();
        prop_assert!(honest.iter().min().unwrap() <= &round.answer);
        prop_assert!(honest.iter().max().unwrap() >= &round.answer);
    }
}
