//! The ten rules: a score from state and payment alone, for anybody to recompute.
//!
//! Pure functions over [`Facts`]; what is read and written is `mod.rs`. The rules judge customers
//! (`RETAIL BUSINESS MERCHANT CONTRACT`); institutions' own books (`INSTITUTION TREASURY
//! SETTLEMENT`) are judged by the corridor rule alone.

use qenex_types::{AccountType, RiskOutcome};

use super::records::{Count, DAY, Flow, Habit, Pair, Terms, count};

/// Number of a rule, 1 to 10; bit `n - 1` of [`Verdict::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// Too many payments, or too much money, in a short time.
    Velocity = 1,
    /// An amount far from what is usual for the account.
    Outlier = 2,
    /// Several amounts just under the reporting threshold in a day.
    Structuring = 3,
    /// The payee was never paid before, or for the first time today or yesterday: a cent in advance
    /// does not make a stranger known.
    NewCounterparty = 4,
    /// Money that just came in goes out again.
    PassThrough = 5,
    /// The account was not used for long, and now pays more than a little.
    Dormant = 6,
    /// The corridor between the jurisdictions is watched.
    Corridor = 7,
    /// A round amount of at least a thousand.
    Round = 8,
    /// The account was opened not long ago.
    Young = 9,
    /// The same amount again and again.
    Repeated = 10,
}

impl Rule {
    /// All rules, by number.
    pub const ALL: [Self; 10] = [
        Self::Velocity,
        Self::Outlier,
        Self::Structuring,
        Self::NewCounterparty,
        Self::PassThrough,
        Self::Dormant,
        Self::Corridor,
        Self::Round,
        Self::Young,
        Self::Repeated,
    ];

    /// Its bit in [`Verdict::rules`].
    pub const fn bit(self) -> u16 {
        1 << (self as u8 - 1)
    }

    /// The name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Velocity => "velocity",
            Self::Outlier => "outlier",
            Self::Structuring => "structuring",
            Self::NewCounterparty => "new counterparty",
            Self::PassThrough => "pass-through",
            Self::Dormant => "dormant",
            Self::Corridor => "corridor",
            Self::Round => "round",
            Self::Young => "young account",
            Self::Repeated => "repeated",
        }
    }

    pub(crate) const fn weight(self, terms: &Terms) -> u8 {
        match self {
            Self::Velocity => terms.velocity,
            Self::Outlier => terms.outlier,
            Self::Structuring => terms.structuring,
            Self::NewCounterparty => terms.new_counterparty,
            Self::PassThrough => terms.pass_through,
            Self::Dormant => terms.dormant,
            Self::Corridor => terms.corridor,
            Self::Round => terms.round,
            Self::Young => terms.young,
            Self::Repeated => terms.repeated,
        }
    }
}

/// What the rules say of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub outcome: RiskOutcome,
    /// 0 to 1000.
    pub score: u16,
    /// Which rules fired: [`Rule::bit`].
    pub rules: u16,
}

impl Verdict {
    /// Of a payment that no rule looks at.
    pub const NONE: Self = Self { outcome: RiskOutcome::Allow, score: 0, rules: 0 };
}

/// All that the rules look at. Flow and habit are those before the payment, at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The payment.
    pub amount: Count,
    /// Decimals of the currency.
    pub exponent: u8,
    /// Day of the block's time, since the Unix epoch.
    pub today: u64,
    /// The payer's kind.
    pub payer: AccountType,
    /// Day of the payer's opening.
    pub opened_on: u64,
    /// Day of the payer's last posting.
    pub last_active: u64,
    /// The payer's flow.
    pub flow: Flow,
    /// The payer's habit.
    pub habit: Habit,
    /// What the payer paid to the payee before.
    pub pair: Pair,
    /// Whether the corridor of the payment is watched.
    pub watched_corridor: bool,
}

/// The highest score.
pub const MAX_SCORE: u16 = 1_000;

/// Payments before there is a habit to leave.
pub(crate) const HABIT_PAYMENTS: u8 = 8;

/// Less than this part of the reporting threshold is little: such inflows do not count as passed through,
/// and whoever pays so much after a long time does not wake an account.
const LITTLE_PART: u64 = 10;

/// How much more than a retail customer others may do in an hour.
const BUSINESS_FACTOR: u64 = 16;

/// Whether the rules judge accounts of this kind, and remember their payees.
pub const fn is_judged(kind: AccountType) -> bool {
    !matches!(kind, AccountType::Institution | AccountType::Treasury | AccountType::Settlement)
}

/// Whether an amount lies in the band just under the reporting threshold.
pub fn is_banded(amount: Count, exponent: u8, terms: &Terms) -> bool {
    let threshold = major(terms.reporting, exponent).get();
    let width = u128::from(threshold).saturating_mul(u128::from(terms.band)) / 100;
    let begin = threshold.saturating_sub(u64::try_from(width).unwrap_or(u64::MAX));
    amount.get() >= begin && amount.get() < threshold
}

/// Judges a payment.
pub fn judge(facts: &Facts, terms: &Terms) -> Verdict {
    let mut rules = 0;
    let mut score = 0_u16;
    for rule in Rule::ALL {
        if fires(rule, facts, terms) {
            rules |= rule.bit();
            score = score.saturating_add(u16::from(rule.weight(terms)).saturating_mul(4));
        }
    }
    let score = score.min(MAX_SCORE);
    let outcome = if score >= terms.reject_score() {
        RiskOutcome::Reject
    } else if score >= terms.review_score() {
        RiskOutcome::Review
    } else {
        RiskOutcome::Allow
    };
    Verdict { outcome, score, rules }
}

/// Whether a rule looks at a payment of such a payer.
pub(crate) fn judges(rule: Rule, facts: &Facts) -> bool {
    is_judged(facts.payer) || rule == Rule::Corridor
}

/// Whether a rule fires. One that is switched off does not.
pub(crate) fn fires(rule: Rule, facts: &Facts, terms: &Terms) -> bool {
    rule.weight(terms) > 0 && judges(rule, facts) && applies(rule, facts, terms)
}

fn applies(rule: Rule, facts: &Facts, terms: &Terms) -> bool {
    let &Facts { amount, exponent, flow, habit, .. } = facts;
    match rule {
        Rule::Velocity => {
            let payments = u64::from(flow.payments).saturating_add(1);
            let outgoing = flow.outgoing.plus(amount.get());
            payments > hourly_payments(facts, terms)
                || outgoing.get() > hourly_outgoing(facts, terms)
        }
        Rule::Outlier => {
            let distance = amount.get().saturating_sub(habit.mean.get());
            let usual = habit.deviation.get().saturating_mul(u64::from(terms.deviations));
            // A habit without any deviation would make every change an outlier.
            habit.payments >= HABIT_PAYMENTS && distance > usual.max(habit.mean.get())
        }
        Rule::Structuring => {
            let banded = is_banded(amount, exponent, terms);
            banded && flow.day_banded.saturating_add(1) >= terms.banded
        }
        Rule::NewCounterparty => {
            let first = facts.pair.first.get();
            first == 0 || facts.today.saturating_sub(first / DAY) <= 1
        }
        Rule::PassThrough => {
            let incoming = flow.incoming.get();
            let least = little(exponent, terms);
            let passed = u128::from(flow.outgoing.plus(amount.get()).get()).saturating_mul(100);
            incoming > 0
                && incoming >= least
                && passed >= u128::from(incoming).saturating_mul(u128::from(terms.share))
        }
        Rule::Dormant => {
            let silent = facts.today.saturating_sub(facts.last_active);
            silent >= u64::from(terms.dormant_days) && amount.get() >= little(exponent, terms)
        }
        Rule::Corridor => facts.watched_corridor,
        Rule::Round => {
            let unit = major(1_000, exponent).get();
            amount.get() >= unit && amount.get().is_multiple_of(unit)
        }
        Rule::Young => facts.today.saturating_sub(facts.opened_on) < u64::from(terms.young_days),
        Rule::Repeated => {
            let again = habit.payments > 0 && habit.last == amount;
            again && habit.repeats.saturating_add(1) >= terms.repeats
        }
    }
}

/// From here on an amount is more than little.
pub(crate) fn little(exponent: u8, terms: &Terms) -> u64 {
    major(terms.reporting, exponent).get() / LITTLE_PART
}

const fn velocity_factor(payer: AccountType) -> u64 {
    if matches!(payer, AccountType::Retail) { 1 } else { BUSINESS_FACTOR }
}

/// Rule 1: payments, fading, that the payer may make.
pub(crate) fn hourly_payments(facts: &Facts, terms: &Terms) -> u64 {
    u64::from(terms.hourly_payments).saturating_mul(velocity_factor(facts.payer))
}

/// Rule 1: what may go out of the payer's account, fading.
pub(crate) fn hourly_outgoing(facts: &Facts, terms: &Terms) -> u64 {
    let most = major(terms.hourly_outgoing, facts.exponent).get();
    most.saturating_mul(velocity_factor(facts.payer))
}

/// Major units, counted.
fn major(units: u32, exponent: u8) -> Count {
    count(u128::from(units).saturating_mul(10_u128.saturating_pow(exponent.into())), exponent)
}

impl Terms {
    /// From this score on an officer decides.
    pub fn review_score(&self) -> u16 {
        u16::from(self.review).saturating_mul(4)
    }

    /// From this score on a payment is refused.
    pub fn reject_score(&self) -> u16 {
        u16::from(self.reject).saturating_mul(4)
    }

    /// What a currency starts with. Structuring is a case for an officer whoever is paid; velocity,
    /// pass-through and a dormant account's payment are one where a new payee comes with them, so that
    /// payrolls, savings and regular customers pass. What else is unusual only adds. How these terms do
    /// among a million payments stands in docs/risk.md.
    pub const DEFAULT: Self = Self {
        velocity: 145,
        outlier: 50,
        structuring: 160,
        new_counterparty: 15,
        pass_through: 145,
        dormant: 145,
        corridor: 50,
        round: 10,
        young: 15,
        repeated: 25,
        review: 160,
        reject: 225,
        hourly_payments: 60,
        hourly_outgoing: 50_000,
        reporting: 10_000,
        band: 10,
        banded: 2,
        deviations: 6,
        share: 80,
        dormant_days: 90,
        young_days: 7,
        repeats: 5,
        version: 1,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Narrow;

    const TODAY: u64 = 20_000;

    /// A usual payment of 25.00 to somebody known, that no rule minds.
    fn usual() -> Facts {
        Facts {
            amount: Count::new(2_500_u64),
            exponent: 2,
            today: TODAY,
            payer: AccountType::Retail,
            opened_on: TODAY - 400,
            last_active: TODAY - 1,
            flow: Flow::default(),
            habit: Habit {
                mean: Count::new(3_000_u64),
                deviation: Count::new(1_000_u64),
                last: Count::new(1_000_u64),
                payments: 50,
                ..Habit::default()
            },
            pair: Pair { first: Narrow::new(1_u64), ..Pair::default() },
            watched_corridor: false,
        }
    }

    /// A payment of 1,000.01 from an account that has no habits yet.
    fn much() -> Facts {
        let habit = Habit { payments: 7, ..usual().habit };
        Facts { amount: Count::new(100_001_u64), habit, ..usual() }
    }

    /// A payee first paid on a day.
    fn first_paid_on(day: u64) -> Pair {
        Pair { first: Narrow::new(day * DAY + 1), ..Pair::default() }
    }

    #[test]
    fn every_rule_fires_alone_just_where_it_says() {
        let count = |n: u64| Count::new(n);
        let flow = |change: fn(&mut Flow)| {
            let mut flow = Flow::default();
            change(&mut flow);
            flow
        };
        let habit = |change: fn(&mut Habit)| {
            let mut habit = usual().habit;
            change(&mut habit);
            habit
        };
        let cases: Vec<(Rule, Facts, Facts)> = vec![
            (
                Rule::Velocity,
                Facts { flow: flow(|f| f.payments = 60), ..usual() },
                Facts { flow: flow(|f| f.payments = 59), ..usual() },
            ),
            (
                Rule::Velocity,
                Facts { flow: flow(|f| f.outgoing = Count::new(4_997_501_u64)), ..usual() },
                Facts { flow: flow(|f| f.outgoing = Count::new(4_997_500_u64)), ..usual() },
            ),
            (
                Rule::Outlier,
                Facts { amount: count(9_001), ..usual() },
                Facts { amount: count(9_000), ..usual() },
            ),
            (
                Rule::Outlier,
                Facts {
                    amount: count(6_001),
                    habit: habit(|h| h.deviation = Count::default()),
                    ..usual()
                },
                Facts {
                    amount: count(6_000),
                    habit: habit(|h| h.deviation = Count::default()),
                    ..usual()
                },
            ),
            (
                Rule::Structuring,
                Facts {
                    amount: count(999_999),
                    flow: flow(|f| f.day_banded = 1),
                    habit: habit(|h| h.payments = 7),
                    ..usual()
                },
                Facts {
                    amount: count(999_999),
                    flow: flow(|f| f.day_banded = 0),
                    habit: habit(|h| h.payments = 7),
                    ..usual()
                },
            ),
            (Rule::NewCounterparty, Facts { pair: Pair::default(), ..usual() }, usual()),
            (
                Rule::NewCounterparty,
                Facts { pair: first_paid_on(TODAY - 1), ..usual() },
                Facts { pair: first_paid_on(TODAY - 2), ..usual() },
            ),
            (
                Rule::PassThrough,
                Facts {
                    flow: flow(|f| {
                        f.incoming = Count::new(100_000_u64);
                        f.outgoing = Count::new(77_500_u64);
                    }),
                    ..usual()
                },
                Facts {
                    flow: flow(|f| {
                        f.incoming = Count::new(100_000_u64);
                        f.outgoing = Count::new(77_499_u64);
                    }),
                    ..usual()
                },
            ),
            (
                Rule::Dormant,
                Facts { last_active: TODAY - 90, ..much() },
                Facts { last_active: TODAY - 89, ..much() },
            ),
            (
                Rule::Dormant,
                Facts { last_active: TODAY - 90, ..much() },
                Facts { last_active: TODAY - 90, amount: count(99_999), ..much() },
            ),
            (Rule::Corridor, Facts { watched_corridor: true, ..usual() }, usual()),
            (
                Rule::Round,
                Facts { amount: count(200_000), habit: habit(|h| h.payments = 7), ..usual() },
                Facts { amount: count(200_001), habit: habit(|h| h.payments = 7), ..usual() },
            ),
            (
                Rule::Young,
                Facts { opened_on: TODAY - 6, ..usual() },
                Facts { opened_on: TODAY - 7, ..usual() },
            ),
            (
                Rule::Repeated,
                Facts { amount: count(1_000), habit: habit(|h| h.repeats = 4), ..usual() },
                Facts { amount: count(1_000), habit: habit(|h| h.repeats = 3), ..usual() },
            ),
        ];
        for (rule, fires, does_not) in cases {
            let weight = u16::from(rule.weight(&Terms::DEFAULT)) * 4;
            let verdict = judge(&fires, &Terms::DEFAULT);
            assert_eq!((verdict.rules, verdict.score), (rule.bit(), weight), "{}", rule.name());
            assert_eq!(judge(&does_not, &Terms::DEFAULT), Verdict::NONE, "{}", rule.name());
        }
    }

    #[test]
    fn the_score_decides_and_stays_within_a_thousand() {
        let everything = Facts {
            amount: Count::new(900_000_u64),
            opened_on: TODAY,
            last_active: 0,
            flow: Flow {
                payments: 999,
                incoming: Count::new(1_000_000_u64),
                day_banded: 9,
                ..Flow::default()
            },
            habit: Habit { last: Count::new(900_000_u64), repeats: 9, ..usual().habit },
            pair: Pair::default(),
            watched_corridor: true,
            ..usual()
        };
        let verdict = judge(&everything, &Terms::DEFAULT);
        assert_eq!(verdict.score, MAX_SCORE);
        assert_eq!(verdict.rules, 0b11_1111_1111 & !Rule::Round.bit() | Rule::Round.bit());
        assert_eq!(verdict.outcome, RiskOutcome::Reject);
        let (velocity, corridor, outlier) = (580, 200, 200);
        let some = Facts { amount: Count::new(9_001_u64), watched_corridor: true, ..usual() };
        assert_eq!(judge(&some, &Terms::DEFAULT).outcome, RiskOutcome::Allow);
        let busy = Flow { payments: 60, ..Flow::default() };
        let more = Facts { flow: busy, watched_corridor: true, ..usual() };
        let verdict = judge(&more, &Terms::DEFAULT);
        assert_eq!(verdict.score, velocity + corridor);
        assert_eq!(verdict.outcome, RiskOutcome::Review);
        let most = Facts { flow: busy, ..some };
        let verdict = judge(&most, &Terms::DEFAULT);
        assert_eq!(verdict.score, velocity + corridor + outlier);
        assert_eq!(verdict.outcome, RiskOutcome::Reject);
        let bank = Facts { payer: AccountType::Institution, ..everything };
        assert_eq!(judge(&bank, &Terms::DEFAULT).rules, Rule::Corridor.bit());
        let off = Terms { velocity: 0, ..Terms::DEFAULT };
        assert_eq!(judge(&most, &off).score, corridor + outlier);
    }
}
