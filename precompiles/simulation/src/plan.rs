//! All payments of a simulation, in the order of time, before any of them is made.

use crate::calendar::Calendar;
use crate::patterns::{self, Pattern};
use crate::population::{Account, Population};
use crate::random::Random;
use crate::{Config, honest};

/// Why an honest payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// Somebody buys something.
    Purchase,
    /// Somebody pays a person.
    Person,
    /// A business pays a month's work.
    Salary,
    /// Somebody pays a month's rent.
    Rent,
    /// Somebody puts most of a salary aside within the hour.
    Saving,
    /// A business pays another.
    Supplier,
    /// Somebody buys a car, a kitchen, a share of a house.
    Large,
}

impl Habit {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Purchase,
        Self::Person,
        Self::Salary,
        Self::Rent,
        Self::Saving,
        Self::Supplier,
        Self::Large,
    ];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchases",
            Self::Person => "people to people",
            Self::Salary => "salaries",
            Self::Rent => "rents",
            Self::Saving => "savings from a salary",
            Self::Supplier => "between businesses",
            Self::Large => "large single purchases",
        }
    }
}

/// What a payment really is. The engines never see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// An honest payment.
    Honest(Habit),
    /// A payment of a planted case.
    Planted(Pattern, usize),
    /// Money that comes into a planted case: its payer may be a victim, so an alarm is neither a
    /// detection of the case nor a false one.
    Feeding(Pattern),
}

/// A payment to be made.
#[derive(Clone, Copy, Debug)]
pub struct Payment {
    /// When, seconds since the Unix epoch.
    pub at: u64,
    /// Who pays.
    pub payer: Account,
    /// Who is paid.
    pub payee: Account,
    /// Minor units.
    pub cents: u64,
    /// What it really is.
    pub truth: Truth,
}

/// Plans a simulation.
pub(crate) fn plan(config: &Config, population: &Population) -> Vec<Payment> {
    let calendar = Calendar::new(config.days);
    let mut random = Random::of(config.seed, &[0]);
    let mut payments = patterns::plant(config, population, &mut random);
    let rest = config.payments.saturating_sub(payments.len());
    payments.extend(honest::payments(rest, population, &calendar, &mut random));
    // Stable: payments of the same second stay in the order in which they were planned.
    payments.sort_by_key(|payment| payment.at);
    payments
}
