//! Payments of a made-up population with planted crimes, judged by the real engines: what the risk
//! rules find, what they miss, and whom they bother for nothing.
//!
//! `population.rs` makes the customers, `honest.rs` and `patterns.rs` plan what they pay (`plan.rs`),
//! `chain.rs` runs the engines in memory, `report.rs` counts. Everything follows from the seed, in
//! integers: the same configuration gives the same report on every machine.

use std::collections::{BTreeSet, VecDeque};

use alloy_primitives::{B256, keccak256};
use anyhow::ensure;

mod calendar;
mod chain;
mod honest;
mod patterns;
mod plan;
mod population;
mod random;
mod report;

pub use chain::{Score, Verdict};
pub use patterns::{LEAST_DAYS, Pattern};
pub use plan::{Habit, Payment, Truth};
pub use report::{Alarms, CaseReport, PatternReport, Report};

use calendar::{GENESIS, HOUR};
use chain::Chain;
use population::{Account, Population};

/// Fewest payments and accounts of a simulation: a dozen cases of each pattern must drown in honest ones.
pub const LEAST_PAYMENTS: usize = 10_000;
/// Fewest accounts.
pub const LEAST_ACCOUNTS: usize = 1_000;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Config {
    /// Payments, planted ones and what feeds them included.
    pub payments: usize,
    /// Customers.
    pub accounts: usize,
    /// All chance comes from it.
    pub seed: u64,
    /// Days over which the payments are spread.
    pub days: u64,
    /// Terms of the rules that are not the defaults: name of the parameter and value.
    pub terms: Vec<(String, u64)>,
}

/// An officer decides so long after the alarm.
const REVIEW: u64 = 4 * HOUR;

/// A payment that waits for the officer.
struct Waiting {
    until: u64,
    index: usize,
    payer: Account,
    accept: bool,
}

/// Simulates; `progress` is told from time to time how many payments were made.
///
/// # Errors
///
/// A configuration that is too small or names an unknown term, or a failure of the engines.
pub fn run(config: &Config, mut progress: impl FnMut(usize)) -> anyhow::Result<Report> {
    ensure!(config.payments >= LEAST_PAYMENTS, "at least {LEAST_PAYMENTS} payments");
    ensure!(config.accounts >= LEAST_ACCOUNTS, "at least {LEAST_ACCOUNTS} accounts");
    ensure!(config.days >= LEAST_DAYS, "at least {LEAST_DAYS} days");
    let sleepers = patterns::cases(config.payments);
    ensure!(sleepers < config.accounts / 10, "more cases than a tenth of the accounts");
    let population = Population::new(config.seed, config.accounts, sleepers, config.days);
    let payments = plan::plan(config, &population);
    let mut money = vec![0_u128; population.len()];
    for payment in &payments {
        if let Some(cents) = money.get_mut(payment.payer) {
            *cents += u128::from(payment.cents);
        }
    }
    let mut chain = Chain::new(&population, &money, &config.terms)?;
    let mut openings = openings(&population);
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut report = Report::new(config, chain.terms()?);
    let mut digest = B256::ZERO;
    for (index, payment) in payments.iter().enumerate() {
        while openings.first().is_some_and(|&(at, _)| at <= payment.at) {
            let Some((at, account)) = openings.pop_first() else { break };
            chain.advance(at);
            chain.open(&population, account)?;
            let cents = money.get(account).copied().unwrap_or_default();
            if cents > 0 {
                chain.fund(account, cents)?;
            }
        }
        while waiting.front().is_some_and(|first| first.until <= payment.at) {
            let Some(Waiting { until, index, payer, accept }) = waiting.pop_front() else { break };
            chain.advance(until);
            chain.decide(index, payer, accept)?;
        }
        chain.advance(payment.at);
        let verdict = chain.pay(index, payment.payer, payment.payee, payment.cents)?;
        if matches!(verdict, Verdict::Review(_)) {
            let accept = !matches!(payment.truth, Truth::Planted(..));
            let until = payment.at + REVIEW;
            waiting.push_back(Waiting { until, index, payer: payment.payer, accept });
        }
        report.count(payment, &verdict);
        digest = chained(digest, &verdict);
        if index % 10_000 == 0 {
            progress(index);
        }
    }
    report.digest = digest;
    Ok(report)
}

/// The customers who come later, by time.
fn openings(population: &Population) -> BTreeSet<(u64, Account)> {
    let later = (0..population.len()).map(|account| (population.opened(account), account));
    later.filter(|&(at, _)| at > GENESIS).collect()
}

/// The digest of all verdicts so far.
fn chained(before: B256, verdict: &Verdict) -> B256 {
    let (kind, score) = match verdict {
        Verdict::Posted(score) => (1, *score),
        Verdict::Review(score) => (2, *score),
        Verdict::Reject(score) => (3, *score),
        Verdict::Refused(_) => (4, Score::default()),
    };
    let [score_high, score_low] = score.score.to_be_bytes();
    let [rules_high, rules_low] = score.rules.to_be_bytes();
    let bytes = [kind, score_high, score_low, rules_high, rules_low];
    keccak256([before.as_slice(), &bytes].concat())
}
