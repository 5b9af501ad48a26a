//! The face answers as Chainlink's feeds do.

use alloy_primitives::{B256, FixedBytes, address, b256};
use alloy_sol_types::SolEvent;

use super::*;
use crate::testing::{ALICE, FEED_MANAGER, GUARDIAN, World};
use crate::{IOracle, IQenexErrors, ORACLE, Refusal, price_feed_address};

/// A feed of one reporter, ALICE, with so many answers: 1 to that.
fn world(answers: i128) -> World {
    let mut world = World::new();
    let terms = IOracle::Terms {
        minReporters: 1,
        maxReporters: 1,
        deviation: 10_000,
        staleness: 100,
        confirmation: 0,
        minAnswer: -1_000,
        maxAnswer: i128::MAX,
    };
    let description = "CHF LIBOR".to_owned();
    let call = IOracle::createFeedCall { description, decimals: 5, terms };
    world.ok(FEED_MANAGER, ORACLE, &call);
    world.ok(FEED_MANAGER, ORACLE, &IOracle::addReporterCall { feed: 1, reporter: ALICE });
    for answer in 1..=answers {
        report(&mut world, -answer);
    }
    world
}

fn report(world: &mut World, answer: i128) {
    world.pass(10);
    let observed_at = world.host.block().timestamp - 3;
    let call = IOracle::reportCall { feed: 1, answer, observedAt: observed_at };
    assert!(world.ok(ALICE, ORACLE, &call) > 0);
}

#[test]
fn selectors_and_topic_are_those_that_contracts_know() {
    let selectors = [
        (IPriceFeed::decimalsCall::SELECTOR, [0x31, 0x3c, 0xe5, 0x67]),
        (IPriceFeed::descriptionCall::SELECTOR, [0x72, 0x84, 0xe4, 0x16]),
        (IPriceFeed::versionCall::SELECTOR, [0x54, 0xfd, 0x4d, 0x50]),
        (IPriceFeed::getRoundDataCall::SELECTOR, [0x9a, 0x6f, 0xc8, 0xf5]),
        (IPriceFeed::latestRoundDataCall::SELECTOR, [0xfe, 0xaf, 0x96, 0x8c]),
        (IPriceFeed::latestAnswerCall::SELECTOR, [0x50, 0xd2, 0x5b, 0xcd]),
        (IPriceFeed::latestTimestampCall::SELECTOR, [0x82, 0x05, 0xbf, 0x6a]),
        (IPriceFeed::latestRoundCall::SELECTOR, [0x66, 0x8a, 0x0f, 0x02]),
    ];
    for (ours, known) in selectors {
        assert_eq!(ours, known);
    }
    let topic: B256 = b256!("0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f");
    assert_eq!(IPriceFeed::AnswerUpdated::SIGNATURE_HASH, topic);
    assert_eq!(price_feed_address(1), address!("0x5158F00000000000000000000000000000000001"));
}

#[test]
fn the_face_shows_the_rounds_of_its_feed() {
    let mut world = world(3);
    let face = price_feed_address(1);
    assert_eq!(world.ok(ALICE, face, &IPriceFeed::decimalsCall {}), 5);
    assert_eq!(world.ok(ALICE, face, &IPriceFeed::descriptionCall {}), "CHF LIBOR");
    assert_eq!(world.ok(ALICE, face, &IPriceFeed::versionCall {}), U256::from(1));
    let at = U256::from(world.host.block().timestamp - 3);
    let seen = world.ok(ALICE, face, &IPriceFeed::latestRoundDataCall {});
    assert_eq!((seen.roundId, seen.answeredInRound), (U80::from(3), U80::from(3)));
    assert_eq!((seen.answer, seen.startedAt, seen.updatedAt), (I256::unchecked_from(-3), at, at));
    assert_eq!(world.ok(ALICE, face, &IPriceFeed::latestAnswerCall {}), I256::unchecked_from(-3));
    assert_eq!(world.ok(ALICE, face, &IPriceFeed::latestTimestampCall {}), at);
    assert_eq!(world.ok(ALICE, face, &IPriceFeed::latestRoundCall {}), U256::from(3));
    for id in 1..=3_u8 {
        let round_id = U80::from(id);
        let seen = world.ok(ALICE, face, &IPriceFeed::getRoundDataCall { roundId: round_id });
        assert_eq!((seen.roundId_, seen.answeredInRound), (round_id, round_id));
        assert_eq!(seen.answer, I256::unchecked_from(-i16::from(id)));
        assert_eq!(seen.updatedAt, at - U256::from(10 * (3 - id)));
    }
    // Old, but still the last.
    world.pass(1_000);
    let later = world.ok(ALICE, face, &IPriceFeed::latestRoundDataCall {});
    assert_eq!((later.roundId, later.updatedAt), (U80::from(3), at));
}

#[test]
fn what_there_is_not_has_a_name() {
    let mut world = world(0);
    let face = price_feed_address(1);
    let none = |round| Refusal::from(IQenexErrors::NoRound { feed: 1, round });
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestRoundDataCall {}), none(U80::ZERO));
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestAnswerCall {}), none(U80::ZERO));
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestTimestampCall {}), none(U80::ZERO));
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestRoundCall {}), none(U80::ZERO));
    report(&mut world, 1);
    for round in [U80::ZERO, U80::from(2), U80::from(1_u128 << 64 | 1), U80::MAX] {
        let call = IPriceFeed::getRoundDataCall { roundId: round };
        assert_eq!(world.refused(ALICE, face, &call), none(round));
    }
    world.ok(GUARDIAN, ORACLE, &IOracle::suspendCall { feed: 1, reason: FixedBytes(*b"TEST") });
    let since = world.host.block().timestamp;
    let held = Refusal::from(IQenexErrors::PriceHeld { feed: 1, hold: 2, since });
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestRoundDataCall {}), held);
    assert_eq!(world.refused(ALICE, face, &IPriceFeed::latestAnswerCall {}), held);
    let first = IPriceFeed::getRoundDataCall { roundId: U80::from(1) };
    assert_eq!(world.ok(ALICE, face, &first).answer, I256::ONE, "what was, was");
    let unknown = Refusal::from(IQenexErrors::UnknownFeed { feed: 2 });
    let other = price_feed_address(2);
    assert_eq!(world.refused(ALICE, other, &IPriceFeed::decimalsCall {}), unknown);
    assert_eq!(world.refused(ALICE, other, &IPriceFeed::latestRoundDataCall {}), unknown);
}
