//! The invariants of the ledger after random histories, against a naive model that keeps lists and
//! adds up.
//!
//! - 1: per currency, the sum of posted balances is the supply.
//! - 2: `held <= posted`.
//! - 3: a reference settles at most once.
//! - 4: captures and what is given back of a hold are the hold, once it has ended.
//! - 5: the sum of reversals is at most what was posted.
//! - 6: no posting without a right to it.
//! - 7: no posting by or to a closed account, nor on a frozen side.
//! - 8: the sums of a day and of 30 days never pass the limit.
//! - 9: the face shows posted less held, and the supply.
//! - 10: running out of gas changes nothing.
//! - 12: events say what the balances did (by `books`, after every step).
//!
//! 11, the same block gives the same root, is the executor's (`evm/exec`). The model knows no risk
//! rules: their weights are zero here, `risk/` has its own.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;
use qenex_histories::setting::{PARTIES, world};
use qenex_histories::world::{ALICE, FEED_MANAGER, SECOND_OFFICER};
use qenex_histories::{Model, Status, Step, World, aim, aimed_step, transaction};
use qenex_precompiles::{
    COMPLIANCE, Call, HostError, ICompliance, IOracle, LEDGER, ORACLE, Outcome, books, engines,
    face_address, price_feed_address,
};

/// Histories; `PROPTEST_CASES` makes it more.
const HISTORIES: u32 = 1_500;

proptest! {
    #![proptest_config(Config { cases: cases(HISTORIES), ..Config::default() })]

    #[test]
    fn random_histories_agree_with_the_model(steps in prop::collection::vec(aimed_step(), 1..40)) {
        let mut world = world();
        let mut model = Model::of(&mut world);
        for step in &steps {
            let step = &aim(step, &model);
            let at = world.now();
            if let Step::Pass { seconds } = *step {
                world.pass(seconds);
                model.apply(step);
                continue;
            }
            let expected = model.apply(step);
            let logs = world.host.logs().len();
            let (caller, to, input) = transaction(step, at).unwrap();
            let outcome = world.raw(&Call::new(caller, to, &input)).unwrap();
            prop_assert_eq!(outcome.is_success(), expected, "{:?}: {:?}", step, outcome);
            let changes = world.host.changes(LEDGER);
            let closed = books(&changes, &world.host.logs()[logs..]);
            prop_assert!(closed.is_ok(), "{:?}: {:?}", step, closed);
            prop_assert!(expected || changes.is_empty());
            if matches!(step, Step::Release { .. }) && expected {
                world.ok(SECOND_OFFICER, COMPLIANCE, &release(step));
            }
        }
        model.compare(&mut |engine, input| {
            let outcome = world.raw(&Call::new(ALICE, engine, input)).unwrap();
            let Outcome::Success(output) = outcome else { panic!("{outcome:?}") };
            output
        });
    }

    #[test]
    fn out_of_gas_changes_nothing_and_enough_gas_changes_all(
        before in prop::collection::vec(aimed_step(), 0..12),
        step in aimed_step(),
        part in 0..=1_000_u64,
    ) {
        let mut start = world();
        let mut model = Model::of(&mut start);
        for step in &before {
            let step = aim(step, &model);
            model.apply(&step);
            match step {
                Step::Pass { seconds } => start.pass(seconds),
                step => {
                    let (caller, to, input) = transaction(&step, start.now()).unwrap();
                    start.raw(&Call::new(caller, to, &input)).unwrap();
                }
            }
        }
        let step = aim(&step, &model);
        let Some((caller, to, input)) = transaction(&step, start.now()) else { return Ok(()) };
        let call = Call::new(caller, to, &input);
        let mut whole = start.clone();
        let expected = whole.raw(&call).unwrap();
        let full = whole.host.gas_used();

        let mut cut = start.clone();
        let limit = full.saturating_mul(part) / 1_000;
        cut.host.begin_transaction(Some(limit));
        match cut.host.call(&call) {
            Ok(outcome) => {
                // Only the rule of the stipend can ask for more than what is used in the end.
                prop_assert_eq!(&outcome, &expected);
                prop_assert_eq!(cut.host.gas_used(), full);
                prop_assert_eq!(cut.host.into_storage(), whole.host.into_storage());
            }
            Err(error) => {
                prop_assert_eq!(error, HostError::OutOfGas);
                prop_assert_eq!(cut.host.logs(), start.host.logs());
                prop_assert_eq!(cut.host.into_storage(), start.host.into_storage());
            }
        }
        prop_assert!(matches!(expected, Outcome::Success(_) | Outcome::Revert(_)));
    }

    #[test]
    fn no_call_data_makes_an_engine_fail(
        engine in 0..engines().len(),
        pick in any::<usize>(),
        tail in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut world = World::new();
        let terms = IOracle::Terms {
            minReporters: 1,
            maxReporters: 1,
            deviation: 1,
            staleness: 1,
            confirmation: 0,
            minAnswer: 0,
            maxAnswer: 1,
        };
        let feed = IOracle::createFeedCall { description: "feed".into(), decimals: 0, terms };
        let feed = price_feed_address(world.ok(FEED_MANAGER, ORACLE, &feed));
        let abi = (engines()[engine].abi)();
        let functions: Vec<_> = abi.functions().collect();
        let mut input = functions[pick % functions.len()].selector().to_vec();
        input.extend(tail);
        let to = engines()[engine].address.unwrap_or(match engines()[engine].interface {
            "IPriceFeed" => feed,
            _ => face_address("USD".parse().unwrap()),
        });
        prop_assert!(world.raw(&Call::new(ALICE, to, &input)).is_ok());
    }
}

/// The histories reach what they are about: every kind of step succeeds, and every status occurs.
#[test]
fn histories_reach_every_step_and_status() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut succeeded: BTreeMap<String, u32> = BTreeMap::new();
    let mut statuses: BTreeMap<u8, u32> = BTreeMap::new();
    let mut reversals_in_part = 0;
    for _ in 0..600 {
        let steps = prop::collection::vec(aimed_step(), 1..40);
        let steps = steps.new_tree(&mut runner).unwrap().current();
        let mut model = Model::of(&mut world());
        for step in &steps {
            let step = &aim(step, &model);
            let name = format!("{step:?}").split([' ', '(']).next().unwrap().to_owned();
            *succeeded.entry(name).or_default() += u32::from(model.apply(step));
        }
        for entry in model.entries.values() {
            *statuses.entry(entry.status as u8).or_default() += 1;
            reversals_in_part += u32::from(entry.reversed > 0 && entry.status != Status::Reversed);
        }
    }
    assert_eq!(succeeded.len(), 17);
    assert!(succeeded.values().all(|&times| times >= 5), "{succeeded:?}");
    assert!((1..=8).all(|status| statuses[&status] >= 5), "{statuses:?}");
    assert!(reversals_in_part >= 5);
}

fn release(step: &Step) -> ICompliance::releaseCall {
    let Step::Release { account } = step else { panic!("{step:?} is no release") };
    ICompliance::releaseCall { account: PARTIES[*account] }
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
