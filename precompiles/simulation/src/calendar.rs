//! When things happen: the simulated days, and the hours that people and offices keep.

use crate::random::{Random, Weights};

/// Seconds of an hour.
pub(crate) const HOUR: u64 = 3_600;
/// Seconds of a day.
pub(crate) const DAY: u64 = 24 * HOUR;
/// Days of a month of salaries and rents.
pub(crate) const MONTH: u64 = 30;

/// 2026-01-01, a Thursday, 00:00 UTC: the genesis block.
pub(crate) const GENESIS: u64 = 1_767_225_600;
/// Days between genesis and the first payment: opening of the accounts, tiers, attestations.
pub(crate) const PREPARATION: u64 = 14;

/// How busy people are, hour by hour.
const PEOPLE: [u64; 24] =
    [2, 1, 1, 1, 1, 2, 4, 8, 10, 9, 9, 10, 13, 11, 9, 9, 10, 12, 14, 13, 10, 8, 5, 3];
/// How busy offices are.
const OFFICES: [u64; 24] =
    [0, 0, 0, 0, 0, 0, 1, 3, 9, 12, 13, 11, 6, 9, 12, 12, 9, 4, 1, 0, 0, 0, 0, 0];

/// The simulated time.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    /// Days with payments.
    pub(crate) days: u64,
    people: Weights,
    offices: Weights,
}

impl Calendar {
    /// So many days with payments.
    pub(crate) fn new(days: u64) -> Self {
        Self { days, people: Weights::new(PEOPLE), offices: Weights::new(OFFICES) }
    }

    /// Midnight at which a day begins, by its number from 0.
    pub(crate) const fn midnight(day: u64) -> u64 {
        GENESIS + (PREPARATION + day) * DAY
    }

    /// The first payment's earliest time.
    pub(crate) const fn begin() -> u64 {
        Self::midnight(0)
    }

    /// After the last payment.
    pub(crate) const fn end(&self) -> u64 {
        Self::midnight(self.days)
    }

    /// A time at which people pay.
    pub(crate) fn people(&self, random: &mut Random) -> u64 {
        let day = random.below(self.days);
        Self::at(day, &self.people, random)
    }

    /// A time at which offices pay: not on Saturday and Sunday.
    pub(crate) fn offices(&self, random: &mut Random) -> u64 {
        let day = random.below(self.days);
        self.office_hours(day, random)
    }

    /// A time at which offices pay, on a day or the next working day.
    pub(crate) fn office_hours(&self, day: u64, random: &mut Random) -> u64 {
        // Weekdays from Thursday on, which day 0 is as well: two weeks after genesis.
        let day = match day % 7 {
            2 => day + 2,
            3 => day + 1,
            _ => day,
        };
        Self::at(day, &self.offices, random)
    }

    fn at(day: u64, hours: &Weights, random: &mut Random) -> u64 {
        let hour = u64::try_from(hours.draw(random)).unwrap_or_default();
        Self::midnight(day) + hour * HOUR + random.below(HOUR)
    }
}
