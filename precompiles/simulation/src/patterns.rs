//! The planted cases: what launderers and thieves do, as the literature on typologies tells it.

use crate::Config;
use crate::calendar::{Calendar, DAY, HOUR};
use crate::plan::{Payment, Truth};
use crate::population::{Account, Population};
use crate::random::Random;

/// What kind of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// A large sum in 4 to 7 payments of 9,000 to 9,990 on one day, to 1 to 4 collectors.
    Structuring,
    /// The same with 2 payments a day on 3 or 4 days.
    SlowStructuring,
    /// The same with one payment a day on 5 to 7 days: less than the rule counts.
    DailyStructuring,
    /// An account that is hardly used gets 1,500 to 6,000 once or twice, and passes 95 % on within the hour to
    /// 1 to 3 strangers.
    Mule,
    /// The same on an account of less than six days.
    YoungMule,
    /// The same as the first, but 3 to 8 hours later: the inflow has faded.
    PatientMule,
    /// A stolen account: 80 to 140 payments of 5 to 60 within an hour.
    Burst,
    /// A stolen account: 7 to 10 payments of 7,000 to 8,900 within an hour, to 3 strangers.
    Drain,
    /// An account unused for more than 90 days pays 2,000 to 9,000 to a stranger, once to three times.
    Dormant,
}

/// Between the last use of a sleeper and its case, days.
const SLEEP: u64 = 95;

/// When after the first inflow a mule passes on, seconds: after the last inflow, within the hour.
const PASS_ON: (u64, u64) = (960, 3_300);

/// Fewest days of a simulation: a sleeper must have slept.
pub const LEAST_DAYS: u64 = 120;

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Structuring,
        Self::SlowStructuring,
        Self::DailyStructuring,
        Self::Mule,
        Self::YoungMule,
        Self::PatientMule,
        Self::Burst,
        Self::Drain,
        Self::Dormant,
    ];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structuring => "structuring in a day",
            Self::SlowStructuring => "structuring, 2 a day",
            Self::DailyStructuring => "structuring, 1 a day",
            Self::Mule => "mule, old account",
            Self::YoungMule => "mule, young account",
            Self::PatientMule => "mule, hours later",
            Self::Burst => "velocity: many small",
            Self::Drain => "velocity: few large",
            Self::Dormant => "dormant, then active",
        }
    }
}

/// How many cases of each pattern a simulation of so many payments has.
pub(crate) const fn cases(payments: usize) -> usize {
    let cases = payments / 5_000;
    if cases < 4 { 4 } else { cases }
}

/// The payments of all cases, not in order.
pub(crate) fn plant(config: &Config, population: &Population, random: &mut Random) -> Vec<Payment> {
    let mut payments = Vec::new();
    for pattern in Pattern::ALL {
        for case in 0..cases(config.payments) {
            let mut plot = Plot {
                population,
                random: &mut *random,
                pattern,
                case,
                days: config.days,
                payments: &mut payments,
            };
            match pattern {
                Pattern::Structuring => plot.structure(1, 4, 7),
                Pattern::SlowStructuring => {
                    let days = plot.random.within(3, 4);
                    plot.structure(days, 2, 2);
                }
                Pattern::DailyStructuring => {
                    let days = plot.random.within(5, 7);
                    plot.structure(days, 1, 1);
                }
                Pattern::Mule => plot.mule(PASS_ON.0, PASS_ON.1),
                Pattern::PatientMule => plot.mule(3 * HOUR, 8 * HOUR),
                Pattern::YoungMule => plot.young_mule(),
                Pattern::Burst => plot.burst(),
                Pattern::Drain => plot.drain(),
                Pattern::Dormant => plot.wake(),
            }
        }
    }
    payments
}

/// A case that is being planned.
struct Plot<'a> {
    population: &'a Population,
    random: &'a mut Random,
    pattern: Pattern,
    case: usize,
    days: u64,
    payments: &'a mut Vec<Payment>,
}

impl Plot<'_> {
    fn pay(&mut self, at: u64, payer: Account, payee: Account, cents: u64) {
        let truth = Truth::Planted(self.pattern, self.case);
        self.payments.push(Payment { at, payer, payee, cents, truth });
    }

    fn feed(&mut self, at: u64, payer: Account, payee: Account, cents: u64) {
        let truth = Truth::Feeding(self.pattern);
        self.payments.push(Payment { at, payer, payee, cents, truth });
    }

    /// Somebody who is not `but`, of whom the payer most likely never heard.
    fn stranger(&mut self, at: u64, but: Account) -> Account {
        let mut draws = (0..100).map(|_| self.population.anybody(at, self.random));
        draws.find(|&account| account != but).unwrap_or_default()
    }

    /// So many different strangers, at most: few may stand twice in a small population.
    fn strangers(&mut self, number: u64, at: u64, but: Account) -> Vec<Account> {
        (0..number).map(|_| self.stranger(at, but)).collect()
    }

    /// A day that leaves `before` days before it and `after` behind it.
    fn day(&mut self, before: u64, after: u64) -> u64 {
        self.random.within(before, self.days.saturating_sub(1 + after))
    }

    /// So many seconds of a day, in order.
    fn seconds(&mut self, number: u64, first: u64, last: u64) -> Vec<u64> {
        let mut seconds: Vec<u64> = (0..number).map(|_| self.random.within(first, last)).collect();
        seconds.sort_unstable();
        seconds
    }

    fn structure(&mut self, days: u64, least: u64, most: u64) {
        let payer = self.population.quiet(self.random);
        let first = self.day(10, days);
        let begin = Calendar::midnight(first);
        let number = self.random.within(1, 4);
        let collectors = self.strangers(number, begin, payer);
        for day in 0..days {
            let payments = self.random.within(least, most);
            for second in self.seconds(payments, 9 * HOUR, 18 * HOUR) {
                let cents = if self.random.percent(30) {
                    self.random.within(90, 99) * 10_000
                } else {
                    self.random.within(900_000, 999_000)
                };
                let collector = self.random.one_of(&collectors);
                self.pay(begin + day * DAY + second, payer, collector, cents);
            }
        }
    }

    fn mule(&mut self, first: u64, last: u64) {
        let mule = self.population.quiet(self.random);
        let day = self.day(10, 1);
        let at = Calendar::midnight(day) + self.random.within(8 * HOUR, 21 * HOUR);
        self.pass_on(mule, at, first, last);
    }

    fn young_mule(&mut self) {
        let Some(mule) = self.population.newcomer(self.random) else {
            return self.mule(PASS_ON.0, PASS_ON.1);
        };
        let at = self.population.opened(mule) + self.random.within(2 * HOUR, 5 * DAY);
        self.pass_on(mule, at, PASS_ON.0, PASS_ON.1);
    }

    /// Money comes in within 15 minutes, and goes on between the seconds `first` and `last`.
    fn pass_on(&mut self, mule: Account, at: u64, first: u64, last: u64) {
        let mut sum = 0;
        for _ in 0..self.random.within(1, 2) {
            let cents = self.random.within(150_000, 600_000);
            let victim = self.stranger(at, mule);
            let within = at + self.random.below(900);
            self.feed(within, victim, mule, cents);
            sum += cents;
        }
        let parts = self.random.within(1, 3);
        let part = sum * 95 / 100 / parts;
        for second in self.seconds(parts, first, last) {
            let receiver = self.stranger(at, mule);
            self.pay(at + second, mule, receiver, part);
        }
    }

    fn burst(&mut self) {
        let victim = self.population.quiet(self.random);
        let begin = Calendar::midnight(self.day(10, 1)) + self.random.within(0, 22) * HOUR;
        let receivers = self.strangers(12, begin, victim);
        let payments = self.random.within(80, 140);
        for second in self.seconds(payments, 0, HOUR - 1) {
            let cents = self.random.within(500, 6_000);
            let receiver = self.random.one_of(&receivers);
            self.pay(begin + second, victim, receiver, cents);
        }
    }

    fn drain(&mut self) {
        let victim = self.population.quiet(self.random);
        let begin = Calendar::midnight(self.day(10, 1)) + self.random.within(0, 22) * HOUR;
        let receivers = self.strangers(3, begin, victim);
        let payments = self.random.within(7, 10);
        for second in self.seconds(payments, 0, HOUR - 1) {
            let cents = self.random.within(700_000, 890_000);
            let receiver = self.random.one_of(&receivers);
            self.pay(begin + second, victim, receiver, cents);
        }
    }

    fn wake(&mut self) {
        let sleeper = self.population.sleeper(self.case);
        let fell_asleep = self.random.below(10);
        let payer = self.population.shop(self.random);
        let cents = self.random.within(200_000, 900_000);
        self.feed(Calendar::midnight(fell_asleep) + 12 * HOUR, payer, sleeper, cents * 3);
        let day = self.day(fell_asleep + SLEEP, 1);
        let begin = Calendar::midnight(day);
        let payments = self.random.within(1, 3);
        let receiver = self.stranger(begin, sleeper);
        for second in self.seconds(payments, 8 * HOUR, 20 * HOUR) {
            self.pay(begin + second, sleeper, receiver, cents);
        }
    }
}
