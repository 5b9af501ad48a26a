//! Counts of what the rules said, and the tables made of them.

use std::collections::BTreeMap;
use std::fmt;

use alloy_primitives::B256;
use qenex_precompiles::risk::rules::Rule;
use qenex_types::ErrorCode;

use crate::Config;
use crate::chain::{Score, Verdict};
use crate::patterns::Pattern;
use crate::plan::{Habit, Payment, Truth};

/// What became of a group of payments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Payments in the group.
    pub payments: u64,
    /// Held until an officer decided.
    pub reviewed: u64,
    /// Refused by the rules.
    pub rejected: u64,
    /// Refused for other reasons.
    pub refused: BTreeMap<String, u64>,
    /// On how many payments each rule fired, alarm or not.
    pub fired: [u64; 10],
    /// In how many alarms each rule had a part.
    pub alarmed: [u64; 10],
}

impl Alarms {
    /// Payments reviewed or rejected.
    pub const fn alarms(&self) -> u64 {
        self.reviewed + self.rejected
    }

    fn count(&mut self, verdict: &Verdict) {
        self.payments += 1;
        let (score, alarm) = match verdict {
            Verdict::Posted(score) => (*score, false),
            Verdict::Review(score) => {
                self.reviewed += 1;
                (*score, true)
            }
            Verdict::Reject(score) => {
                self.rejected += 1;
                (*score, true)
            }
            Verdict::Refused(code) => {
                let name = code.map_or("unknown", ErrorCode::name);
                *self.refused.entry(name.to_owned()).or_default() += 1;
                return;
            }
        };
        add_rules(&mut self.fired, score);
        if alarm {
            add_rules(&mut self.alarmed, score);
        }
    }

    fn add(&mut self, other: &Self) {
        self.payments += other.payments;
        self.reviewed += other.reviewed;
        self.rejected += other.rejected;
        for (name, count) in &other.refused {
            *self.refused.entry(name.clone()).or_default() += count;
        }
        for (sum, count) in self.fired.iter_mut().zip(other.fired) {
            *sum += count;
        }
        for (sum, count) in self.alarmed.iter_mut().zip(other.alarmed) {
            *sum += count;
        }
    }
}

fn add_rules(counts: &mut [u64; 10], score: Score) {
    for (count, rule) in counts.iter_mut().zip(Rule::ALL) {
        *count += u64::from(score.rules & rule.bit() != 0);
    }
}

/// What became of a planted case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseReport {
    /// Payments it tried.
    pub payments: u64,
    /// What the first alarm was: the payment's number from 1, and its score.
    pub first: Option<(u64, Score)>,
}

/// What became of all cases of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternReport {
    /// By number.
    pub cases: BTreeMap<usize, CaseReport>,
    /// Their payments.
    pub alarms: Alarms,
    /// What they tried to move, minor units.
    pub cents: u64,
    /// The part of it that was held or refused.
    pub stopped: u64,
}

impl PatternReport {
    /// Cases with at least one payment reviewed or rejected.
    pub fn detected(&self) -> u64 {
        self.first_alarms().fold(0, |count, _| count + 1)
    }

    fn first_alarms(&self) -> impl Iterator<Item = (u64, Score)> {
        self.cases.values().filter_map(|case| case.first)
    }
}

/// What the rules said of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Honest payments by kind.
    pub honest: BTreeMap<Habit, Alarms>,
    /// Planted cases by pattern.
    pub planted: BTreeMap<Pattern, PatternReport>,
    /// Payments that bring money into planted cases.
    pub feeding: Alarms,
    /// Over all verdicts, in order.
    pub digest: B256,
    accounts: usize,
    seed: u64,
    days: u64,
    terms: (u8, B256),
    changed: Vec<(String, u64)>,
}

impl Report {
    pub(crate) fn new(config: &Config, terms: (u8, B256)) -> Self {
        Self {
            honest: BTreeMap::new(),
            planted: BTreeMap::new(),
            feeding: Alarms::default(),
            digest: B256::ZERO,
            accounts: config.accounts,
            seed: config.seed,
            days: config.days,
            terms,
            changed: config.terms.clone(),
        }
    }

    pub(crate) fn count(&mut self, payment: &Payment, verdict: &Verdict) {
        match payment.truth {
            Truth::Honest(habit) => self.honest.entry(habit).or_default().count(verdict),
            Truth::Feeding(_) => self.feeding.count(verdict),
            Truth::Planted(pattern, case) => {
                let report = self.planted.entry(pattern).or_default();
                report.alarms.count(verdict);
                report.cents += payment.cents;
                let case = report.cases.entry(case).or_default();
                case.payments += 1;
                if let Verdict::Review(score) | Verdict::Reject(score) = *verdict {
                    report.stopped += payment.cents;
                    case.first.get_or_insert((case.payments, score));
                }
            }
        }
    }

    /// All honest payments.
    pub fn all_honest(&self) -> Alarms {
        self.honest.values().fold(Alarms::default(), |mut sum, alarms| {
            sum.add(alarms);
            sum
        })
    }

    /// All payments.
    pub fn payments(&self) -> u64 {
        let planted: u64 = self.planted.values().map(|pattern| pattern.alarms.payments).sum();
        self.all_honest().payments + self.feeding.payments + planted
    }

    fn detection(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| pattern | cases | detected | first alarm at payment | payments | reviewed | rejected | \
             money stopped | rules of the first alarms |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for (pattern, report) in &self.planted {
            let cases = u64::try_from(report.cases.len()).unwrap_or(u64::MAX);
            let mut numbers: Vec<u64> = report.first_alarms().map(|(number, _)| number).collect();
            numbers.sort_unstable();
            let median = numbers
                .get(numbers.len().saturating_sub(1) / 2)
                .map_or("–".to_owned(), u64::to_string);
            let alarms = &report.alarms;
            let mut rules = [0; 10];
            report.first_alarms().for_each(|(_, score)| add_rules(&mut rules, score));
            writeln!(
                f,
                "| {} | {cases} | {} ({}) | {median} of {} | {} | {} | {} | {} | {} |",
                pattern.name(),
                report.detected(),
                percent(report.detected(), cases),
                tenths(alarms.payments * 10, cases),
                thousands(alarms.payments),
                thousands(alarms.reviewed),
                thousands(alarms.rejected),
                percent(report.stopped, report.cents),
                named(&rules),
            )?;
        }
        Ok(())
    }

    fn false_alarms(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| honest payments | payments | reviewed | rejected | alarms in 10,000 |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        let all = self.all_honest();
        let kinds = self.honest.iter().map(|(habit, alarms)| (habit.name(), alarms));
        for (name, alarms) in kinds.chain([("**all**", &all)]) {
            writeln!(
                f,
                "| {name} | {} | {} | {} | {} |",
                thousands(alarms.payments),
                thousands(alarms.reviewed),
                thousands(alarms.rejected),
                of_ten_thousand(alarms.alarms(), alarms.payments),
            )?;
        }
        Ok(())
    }

    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| rule | fires on honest payments, in 10,000 | false alarms it has a part in | planted cases \
             whose first alarm it has a part in |"
        )?;
        writeln!(f, "|---|---|---|---|")?;
        let honest = self.all_honest();
        let mut firsts = [0; 10];
        for report in self.planted.values() {
            report.first_alarms().for_each(|(_, score)| add_rules(&mut firsts, score));
        }
        let counts = honest.fired.into_iter().zip(honest.alarmed).zip(firsts);
        for (rule, ((fired, alarmed), first)) in Rule::ALL.into_iter().zip(counts) {
            writeln!(
                f,
                "| {} {} | {} | {} | {} |",
                rule as u8,
                rule.name(),
                of_ten_thousand(fired, honest.payments),
                thousands(alarmed),
                thousands(first),
            )?;
        }
        Ok(())
    }
}

/// The report in Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = u64::try_from(self.accounts).unwrap_or(u64::MAX);
        let (version, word) = self.terms;
        writeln!(
            f,
            "{} payments among {} accounts in {} days, seed {}; terms version {version}, `{word}`{}.\n",
            thousands(self.payments()),
            thousands(accounts),
            self.days,
            self.seed,
            if self.changed.is_empty() { " (the defaults)" } else { "" },
        )?;
        for (name, value) in &self.changed {
            writeln!(f, "* `{name}` = {value}")?;
        }
        if !self.changed.is_empty() {
            writeln!(f)?;
        }
        self.detection(f)?;
        writeln!(f)?;
        self.false_alarms(f)?;
        writeln!(f)?;
        self.rules(f)?;
        let honest = self.all_honest();
        let feeding = &self.feeding;
        writeln!(
            f,
            "\nPayments into planted cases: {}, of them {} reviewed and {} rejected.",
            thousands(feeding.payments),
            thousands(feeding.reviewed),
            thousands(feeding.rejected),
        )?;
        let planted = self.planted.values().map(|report| &report.alarms.refused);
        let others = planted.chain([&honest.refused, &feeding.refused]);
        let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, count) in others.flatten() {
            *refused.entry(name.as_str()).or_default() += count;
        }
        let refused: Vec<_> =
            refused.iter().map(|(name, count)| format!("{name} {}", thousands(*count))).collect();
        let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
        writeln!(f, "Refused for other reasons than risk: {refused}.")?;
        writeln!(f, "Digest of all verdicts: `{}`.", self.digest)
    }
}

/// The rules with counts above zero, the most frequent first.
fn named(counts: &[u64; 10]) -> String {
    let rules = Rule::ALL.into_iter().zip(counts.iter().copied());
    let mut rules: Vec<_> = rules.filter(|&(_, count)| count > 0).collect();
    rules.sort_by_key(|&(rule, count)| (std::cmp::Reverse(count), rule));
    let names: Vec<_> =
        rules.iter().map(|(rule, count)| format!("{} {count}", rule.name())).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}

/// 1234567 as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `part` of `whole` in per cent.
fn percent(part: u64, whole: u64) -> String {
    let share = (u128::from(part) * 100 + u128::from(whole) / 2).checked_div(whole.into());
    format!("{} %", share.unwrap_or_default())
}

/// `part` of ten thousand, with one decimal.
fn of_ten_thousand(part: u64, whole: u64) -> String {
    tenths(part * 100_000, whole)
}

/// Tenths divided by `whole`, rounded, with one decimal.
fn tenths(tenths: u64, whole: u64) -> String {
    let rounded = (tenths + whole / 2).checked_div(whole).unwrap_or_default();
    format!("{}.{}", rounded / 10, rounded % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [thousands(7), thousands(1_000), thousands(1_234_567)],
            ["7", "1,000", "1,234,567"]
        );
        assert_eq!([percent(1, 3), percent(2, 3), percent(0, 0)], ["33 %", "67 %", "0 %"]);
        assert_eq!([of_ten_thousand(1, 10_000), of_ten_thousand(5, 3)], ["1.0", "16666.7"]);
    }

    #[test]
    fn a_case_is_detected_by_its_first_alarm() {
        let config = Config { payments: 0, accounts: 0, seed: 0, days: 0, terms: Vec::new() };
        let mut report = Report::new(&config, (1, B256::ZERO));
        let payment = |case, cents| Payment {
            at: 0,
            payer: 0,
            payee: 1,
            cents,
            truth: Truth::Planted(Pattern::Mule, case),
        };
        let score = |rules| Score { score: 640, rules };
        report.count(&payment(0, 100), &Verdict::Posted(Score::default()));
        report.count(&payment(0, 200), &Verdict::Review(score(0b10001)));
        report.count(&payment(0, 300), &Verdict::Reject(score(0b1)));
        report.count(&payment(1, 400), &Verdict::Refused(Some(ErrorCode::InsufficientFunds)));
        let mules = &report.planted[&Pattern::Mule];
        assert_eq!((mules.detected(), mules.cases.len()), (1, 2));
        assert_eq!(mules.cases[&0].first, Some((2, score(0b10001))));
        assert_eq!((mules.cents, mules.stopped), (1_000, 500));
        assert_eq!((mules.alarms.reviewed, mules.alarms.rejected), (1, 1));
        assert_eq!(mules.alarms.refused["InsufficientFunds"], 1);
        let text = report.to_string();
        assert!(text.contains("| mule, old account | 2 | 1 (50 %) | 2 of 2.0 | 4 | 1 | 1 | 50 % | velocity 1, pass-through 1 |"), "{text}");
    }
}
