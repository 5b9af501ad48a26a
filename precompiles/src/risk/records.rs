//! The risk engine's storage: what is remembered of an account's payments, and the rules' terms.
//!
//! Three words tell all that the rules need of a payer: [`Flow`] and [`Habit`] by currency, [`Pair`] by
//! payee. The payee's [`Flow`] takes what comes in. Amounts are [`Count`]s.

use alloy_primitives::Address;
use qenex_types::Currency;

use crate::registry::RISK;
use crate::storage::{Days, Map, Narrow, Seconds, Slot, packed};

/// An amount as limits and rules count it: minor units, or millionths if the currency has more than
/// six decimals, then rounded up. More than the maximum counts as the maximum.
pub type Count = Narrow<56>;

/// Decimals beyond these are not counted.
const COUNTED_DECIMALS: u8 = 6;

/// Minor units of a currency with so many decimals, counted.
pub fn count(amount: u128, exponent: u8) -> Count {
    let cut = u32::from(exponent.saturating_sub(COUNTED_DECIMALS));
    Count::new(amount.div_ceil(10_u128.saturating_pow(cut)))
}

/// The inverse of [`count`], for people: minor units. The greatest count is no limit.
pub fn minor(count: Count, exponent: u8) -> u128 {
    if count == Count::GREATEST {
        return u128::MAX;
    }
    let cut = u32::from(exponent.saturating_sub(COUNTED_DECIMALS));
    u128::from(count.get()).saturating_mul(10_u128.saturating_pow(cut))
}

/// Seconds of an hour.
pub const HOUR: u64 = 3_600;
/// Seconds of a day.
pub const DAY: u64 = 24 * HOUR;
/// Days of a period of the 30-day limit.
pub const PERIOD_DAYS: u64 = 30;

packed! {
    /// What moves through an account in one currency. What is said to fade is halved every hour.
    pub struct Flow {
        /// The hour, since the Unix epoch, of which the rest tells.
        hour: Narrow<24>,
        /// What came in; fades.
        incoming: Count,
        /// Payments made; fades.
        payments: u16,
        /// What went out; fades.
        outgoing: Count,
        /// Payments made this day (UTC).
        day_payments: u16,
        /// What went out this day: what the day's limit bounds.
        day_outgoing: Count,
        /// Payments of this day just under the reporting threshold.
        day_banded: u8,
    }
}

impl Flow {
    /// As it is at a time not before the last change.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        let hour = Narrow::new(now / HOUR);
        let passed = hour.get().saturating_sub(self.hour.get());
        if passed == 0 {
            return self;
        }
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        let faded = |count: Count| Count::new(count.get().checked_shr(passed).unwrap_or(0));
        let same_day = hour.get() / 24 == self.hour.get() / 24;
        Self {
            hour,
            incoming: faded(self.incoming),
            payments: self.payments.checked_shr(passed).unwrap_or(0),
            outgoing: faded(self.outgoing),
            day_payments: if same_day { self.day_payments } else { 0 },
            day_outgoing: if same_day { self.day_outgoing } else { Count::default() },
            day_banded: if same_day { self.day_banded } else { 0 },
        }
    }

    /// After a payment to the account.
    #[must_use]
    pub fn received(self, amount: Count) -> Self {
        Self { incoming: self.incoming.plus(amount.get()), ..self }
    }

    /// After a payment from the account.
    #[must_use]
    pub fn paid(self, amount: Count, banded: bool) -> Self {
        Self {
            payments: self.payments.saturating_add(1),
            outgoing: self.outgoing.plus(amount.get()),
            day_payments: self.day_payments.saturating_add(1),
            day_outgoing: self.day_outgoing.plus(amount.get()),
            day_banded: self.day_banded.saturating_add(u8::from(banded)),
            ..self
        }
    }
}

packed! {
    /// What is usual for an account's payments in one currency.
    pub struct Habit {
        /// Weighted mean of the amounts; each new one weighs a sixteenth.
        mean: Count,
        /// Weighted mean of the amounts' distance from [`Self::mean`], in the same way.
        deviation: Count,
        /// The last amount.
        last: Count,
        /// What went out in the period: what the 30-day limit bounds.
        period_outgoing: Count,
        /// Number of the period of 30 days, since the Unix epoch.
        period: Narrow<16>,
        /// Payments so far, at most 255.
        payments: u8,
        /// How often the last amount was paid before, in a row, at most 255.
        repeats: u8,
    }
}

/// A new amount weighs 1/2^4 in a mean.
const WEIGHT_SHIFT: u32 = 4;

impl Habit {
    /// As it is at a time not before the last change.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        let period = Narrow::new(now / DAY / PERIOD_DAYS);
        if period == self.period {
            return self;
        }
        Self { period, period_outgoing: Count::default(), ..self }
    }

    /// After a payment.
    #[must_use]
    pub fn paid(self, amount: Count) -> Self {
        let (mean, deviation) = if self.payments == 0 {
            (amount, Count::default())
        } else {
            let distance = amount.get().abs_diff(self.mean.get());
            (approach(self.mean, amount.get()), approach(self.deviation, distance))
        };
        let same = self.payments > 0 && self.last == amount;
        Self {
            mean,
            deviation,
            last: amount,
            period_outgoing: self.period_outgoing.plus(amount.get()),
            period: self.period,
            payments: self.payments.saturating_add(1),
            repeats: if same { self.repeats.saturating_add(1) } else { 0 },
        }
    }
}

/// A mean after one more value.
fn approach(mean: Count, value: u64) -> Count {
    let (mean, step) = (mean.get(), mean.get().abs_diff(value) >> WEIGHT_SHIFT);
    Count::new(if value > mean { mean.saturating_add(step) } else { mean.saturating_sub(step) })
}

packed! {
    /// What an account paid to another before, in any currency.
    pub struct Pair {
        /// When for the first time. 0: never.
        first: Seconds,
        /// On which day for the last time: a day's further payments write nothing.
        last: Days,
    }
}

packed! {
    /// Weights and terms of the rules in one currency. A weight of 0 switches a rule off. Weights and
    /// thresholds of the score are in fourths: 250 is 1000.
    pub struct Terms {
        /// Weight of rule 1.
        velocity: u8,
        /// Weight of rule 2.
        outlier: u8,
        /// Weight of rule 3.
        structuring: u8,
        /// Weight of rule 4.
        new_counterparty: u8,
        /// Weight of rule 5.
        pass_through: u8,
        /// Weight of rule 6.
        dormant: u8,
        /// Weight of rule 7.
        corridor: u8,
        /// Weight of rule 8.
        round: u8,
        /// Weight of rule 9.
        young: u8,
        /// Weight of rule 10.
        repeated: u8,
        /// From this score on an officer decides.
        review: u8,
        /// From this score on a payment is refused.
        reject: u8,
        /// Rule 1: payments, fading, that a retail customer may make.
        hourly_payments: u16,
        /// Rule 1: what may go out of a retail customer's account, fading, in major units.
        hourly_outgoing: u32,
        /// Rule 3: amounts from here on are reported to the authorities, major units.
        reporting: u32,
        /// Rule 3: how far under the threshold the band begins, per cent.
        band: u8,
        /// Rule 3: so many payments of a day in the band are structuring.
        banded: u8,
        /// Rule 2: an amount further from the mean than so many deviations is an outlier.
        deviations: u8,
        /// Rule 5: what share of what came in may go out, per cent.
        share: u8,
        /// Rule 6: days without activity.
        dormant_days: u8,
        /// Rule 9: an account is young for so many days.
        young_days: u8,
        /// Rule 10: the same amount so often in a row.
        repeats: u8,
        /// One more with each change of the terms. Score and terms together can be checked by anybody.
        version: u8,
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// Flows by account and currency.
pub const FLOWS: Map<Address, Map<Currency, Slot<Flow>>> = Map::new(RISK, 0);
/// Habits by account and currency.
pub const HABITS: Map<Address, Map<Currency, Slot<Habit>>> = Map::new(RISK, 1);
/// Pairs by payer and payee.
pub const PAIRS: Map<Address, Map<Address, Slot<Pair>>> = Map::new(RISK, 2);
/// Terms by currency.
pub const TERMS: Map<Currency, Slot<Terms>> = Map::new(RISK, 3);
