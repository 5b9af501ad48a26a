//! Random histories of a feed against a naive model.

use std::collections::BTreeMap;

use super::*;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Report { by: u8, answer: i128, ago: u64 },
    Remove { reporter: u8 },
    Add { reporter: u8 },
    Suspend,
    Accept { min: i128, max: i128 },
    Terms { quorum: u8 },
    Pass { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Honest ones are near 1000, two of the seven say what they like.
        24 => (0..5_u8, 980..1_020_i128, 0..40_u64)
            .prop_map(|(by, answer, ago)| Step::Report { by, answer, ago }),
        4 => (0..5_u8, 1_080..1_120_i128, 0..40_u64)
            .prop_map(|(by, answer, ago)| Step::Report { by, answer, ago }),
        8 => (5..7_u8, -100..3_000_i128, 0..130_u64)
            .prop_map(|(by, answer, ago)| Step::Report { by, answer, ago }),
        1 => (0..8_u8).prop_map(|reporter| Step::Remove { reporter }),
        2 => (0..8_u8).prop_map(|reporter| Step::Add { reporter }),
        1 => Just(Step::Suspend),
        3 => (900..1_100_i128, 0..300_i128).prop_map(|(min, more)| Step::Accept { min, max: min + more }),
        1 => (3..=5_u8).prop_map(|quorum| Step::Terms { quorum }),
        8 => (0..60_u64).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// Steps during which the price may jump by a tenth, and stay there.
fn history() -> impl Strategy<Value = Vec<Step>> {
    (prop::collection::vec(step(), 1..120), 0..150_usize).prop_map(|(mut steps, jump)| {
        for step in steps.iter_mut().skip(jump) {
            if let Step::Report { by: 0..5, answer, .. } = step {
                *answer += 100;
            }
        }
        steps
    })
}

/// The feed as lists, without any of the engine's arithmetic.
struct Model {
    quorum: u8,
    /// The last report of each reporter: answer, observed.
    reports: BTreeMap<u8, Option<(i128, u64)>>,
    /// Answer, observed, of each round.
    rounds: Vec<(i128, u64)>,
    /// Median with which a hold began and when.
    held: Option<(i128, u64)>,
    suspended: bool,
    now: u64,
}

impl Model {
    /// Answers and times of the reports that count.
    fn counting(&self) -> Vec<(u8, i128, u64)> {
        let reports = self.reports.iter().filter_map(|(by, report)| Some((*by, (*report)?)));
        let fresh = reports.filter(|(_, (_, observed))| self.now - observed <= 100);
        fresh.map(|(by, (answer, observed))| (by, answer, observed)).collect()
    }

    /// The median, and the time that a quorum reaches; not if that is before the last round's.
    fn median(&self) -> Option<(i128, u64)> {
        let counting = self.counting();
        let quorum = usize::from(self.quorum);
        if counting.len() < quorum {
            return None;
        }
        let not_above = |bar: i128| counting.iter().filter(|(_, answer, _)| *answer <= bar).count();
        let answers = counting.iter().map(|(_, answer, _)| *answer);
        let median = answers.filter(|&answer| 2 * not_above(answer) >= counting.len()).min()?;
        let as_new = |at: u64| counting.iter().filter(|(_, _, observed)| *observed >= at).count();
        let times = counting.iter().map(|(_, _, observed)| *observed);
        let reached = times.filter(|&at| as_new(at) >= quorum).max()?;
        let last = self.rounds.last().map_or(0, |round| round.1);
        (reached >= last).then_some((median, reached))
    }

    fn far(from: i128, to: i128) -> bool {
        (to - from).abs() * 100 > from.abs() * 2
    }

    fn report(&mut self, by: u8, answer: i128, observed: u64) -> bool {
        let Some(previous) = self.reports.get_mut(&by) else { return false };
        let newer = previous.is_none_or(|(_, before)| observed > before);
        if !newer || self.now - observed > 100 || !(1..=1_000_000).contains(&answer) {
            return false;
        }
        *previous = Some((answer, observed));
        let Some(median) = self.median() else { return true };
        if self.suspended || self.held.is_none() && self.rounds.last() == Some(&median) {
            return true;
        }
        let far = self.rounds.last().is_some_and(|last| Self::far(last.0, median.0));
        match self.held {
            _ if !far => self.accept(median),
            Some((anchor, since)) if !Self::far(anchor, median.0) => {
                if median.1 >= since + 60 {
                    self.accept(median);
                }
            }
            _ => self.held = Some((median.0, self.now)),
        }
        true
    }

    fn accept(&mut self, median: (i128, u64)) {
        self.rounds.push(median);
        self.held = None;
        self.suspended = false;
    }

    /// Carries a step out; whether it succeeds.
    fn apply(&mut self, step: &Step) -> bool {
        match *step {
            Step::Report { by, answer, ago } => self.report(by, answer, self.now - ago),
            Step::Remove { reporter } => self.reports.remove(&reporter).is_some(),
            Step::Add { reporter } => {
                let known = self.reports.contains_key(&reporter);
                if !known && self.reports.len() < 7 {
                    self.reports.insert(reporter, None);
                }
                self.reports.contains_key(&reporter)
            }
            Step::Suspend => {
                self.suspended = true;
                self.held = None;
                true
            }
            Step::Accept { min, max } => {
                let median = self.median().filter(|(answer, _)| (min..=max).contains(answer));
                match median {
                    Some(median) if self.suspended || self.held.is_some() => {
                        self.accept(median);
                        true
                    }
                    _ => false,
                }
            }
            Step::Terms { quorum } => {
                self.quorum = quorum;
                true
            }
            Step::Pass { seconds } => {
                self.now += seconds;
                true
            }
        }
    }
}

fn history_terms(quorum: u8) -> IOracle::Terms {
    terms(|t| (t.minReporters, t.maxReporters) = (quorum, 7))
}

/// Carries a step out on the engine; whether it succeeds.
fn carry_out(world: &mut World, step: &Step) -> bool {
    let at = now(world);
    match *step {
        Step::Report { by, answer, ago } => {
            world.attempt(reporter(by), ORACLE, &reporting(answer, at - ago)).is_ok()
        }
        Step::Remove { reporter: n } => {
            world.attempt(FEED_MANAGER, ORACLE, &removing(reporter(n))).is_ok()
        }
        Step::Add { reporter: n } => {
            world.attempt(FEED_MANAGER, ORACLE, &adding(reporter(n))).is_ok()
        }
        Step::Suspend => world.attempt(GUARDIAN, ORACLE, &suspending()).is_ok(),
        Step::Accept { min, max } => {
            world.attempt(FEED_MANAGER, ORACLE, &accepting(min, max)).is_ok()
        }
        Step::Terms { quorum } => {
            world.attempt(FEED_MANAGER, ORACLE, &setting(history_terms(quorum))).is_ok()
        }
        Step::Pass { seconds } => {
            world.pass(seconds);
            true
        }
    }
}

proptest! {
    #[test]
    fn random_histories_agree_with_the_model(steps in history()) {
        let mut world = world_of(history_terms(5));
        let mut model = Model {
            quorum: 5,
            reports: (0..7).map(|n| (n, None)).collect(),
            rounds: Vec::new(),
            held: None,
            suspended: false,
            now: now(&world),
        };
        let mut since = 0;
        for step in &steps {
            let rounds = model.rounds.len();
            let was_held = (model.held, model.suspended);
            let expected = model.apply(step);
            prop_assert_eq!(carry_out(&mut world, step), expected, "{:?}", step);
            if (model.held, model.suspended) != was_held {
                since = model.now;
            }

            // Numbers are dense, times never go back, answers are within what the honest say.
            let latest = feed(&mut world).latestRound;
            prop_assert_eq!(latest, u64::try_from(model.rounds.len()).unwrap());
            prop_assert!(model.rounds.len() <= rounds + 1);
            if model.rounds.len() > rounds {
                let made = round(&mut world, latest);
                prop_assert_eq!((made.answer, made.updatedAt), model.rounds[rounds]);
                prop_assert_eq!(made.acceptedAt, model.now);
                let before = rounds.checked_sub(1).map_or(0, |index| model.rounds[index].1);
                prop_assert!(made.startedAt <= made.updatedAt && before <= made.updatedAt);
                let (honest, liars): (Vec<_>, Vec<_>) =
                    model.counting().into_iter().partition(|(by, ..)| *by < 5);
                if liars.len() < honest.len() {
                    let low = honest.iter().map(|(_, answer, _)| *answer).min().unwrap();
                    let high = honest.iter().map(|(_, answer, _)| *answer).max().unwrap();
                    prop_assert!((low..=high).contains(&made.answer));
                }
            }
            let expected = match (model.rounds.last(), model.held) {
                (_, Some(_)) => Err(IQenexErrors::PriceHeld { feed: 1, hold: 1, since }.into()),
                _ if model.suspended => {
                    Err(IQenexErrors::PriceHeld { feed: 1, hold: 2, since }.into())
                }
                (None, None) => Err(IQenexErrors::NoRound { feed: 1, round: U80::ZERO }.into()),
                (Some(last), None) if model.now - last.1 > 100 => {
                    Err(IQenexErrors::PriceStale { feed: 1, updatedAt: last.1 }.into())
                }
                (Some(last), None) => Ok(*last),
            };
            prop_assert_eq!(price(&mut world), expected);
        }
        for (number, expected) in (1..).zip(&model.rounds) {
            let kept = round(&mut world, number);
            prop_assert_eq!(&(kept.answer, kept.updatedAt), expected);
        }
    }
}

/// The histories reach what they are about.
#[test]
fn histories_reach_rounds_holds_and_their_ends() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut ends = BTreeMap::from([(1, 0), (2, 0), (3, 0)]);
    let (mut rounds, mut holds) = (0, 0);
    let mut most = 0;
    for _ in 0..300 {
        let steps = history().new_tree(&mut runner).unwrap().current();
        let mut world = world_of(history_terms(5));
        for step in &steps {
            // Each step in a block of its own, so that its events are the block's.
            world.pass(0);
            carry_out(&mut world, step);
            rounds += events::<IOracle::Answered>(&world).len();
            holds += events::<IOracle::AnswerHeld>(&world).len();
            for end in events::<IOracle::HoldEnded>(&world) {
                *ends.get_mut(&end.how).unwrap() += 1;
            }
        }
        most = most.max(feed(&mut world).latestRound);
    }
    assert!(rounds >= 300 && most >= 10 && holds >= 100, "{rounds} {most} {holds}");
    assert!(ends.values().all(|&times| times >= 5), "{ends:?}");
}
