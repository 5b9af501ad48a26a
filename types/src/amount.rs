//! Amounts of money: whole minor units, read from and written as decimal strings, never rounded.

use std::fmt;

/// Most digits after the decimal point that a currency may have (native coins have 18).
pub const MAX_EXPONENT: u8 = 18;

/// An amount in minor units of its currency (cents for `USD`).
///
/// The currency, and with it the number of fraction digits, is not part of the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u128);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Empty, signed, with an exponent, with separators, not a number, or no digit on one side of
    /// the point.
    #[error("not a plain decimal number such as 12.34")]
    Malformed,
    /// More fraction digits than the currency has. It is never rounded, not even trailing zeros.
    #[error("{digits} digits after the decimal point, the currency has {exponent}")]
    PrecisionTooFine {
        /// Fraction digits as given.
        digits: usize,
        /// Fraction digits of the currency.
        exponent: u8,
    },
    /// More minor units than 128 bits can count.
    #[error("amount too large")]
    Overflow,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes minor units.
    pub const fn from_minor(minor: u128) -> Self {
        Self(minor)
    }

    /// The number of minor units.
    pub const fn minor(self) -> u128 {
        self.0
    }

    /// Reads major units as a plain decimal: digits, and optionally a point with more digits.
    ///
    /// `exponent` is the number of fraction digits of the currency.
    ///
    /// # Errors
    ///
    /// [`AmountError`]: first the form, then the precision, then the size.
    pub fn parse(text: &str, exponent: u8) -> Result<Self, AmountError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(AmountError::Malformed),
            None => (text, ""),
        };
        let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
            return Err(AmountError::Malformed);
        }
        let missing = usize::from(exponent)
            .checked_sub(fraction.len())
            .ok_or(AmountError::PrecisionTooFine { digits: fraction.len(), exponent })?;

        let digits =
            whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing));
        let minor = digits
            .map(|digit| u128::from(digit.wrapping_sub(b'0')))
            .try_fold(0_u128, |minor, digit| {
                minor.checked_mul(10).and_then(|tens| tens.checked_add(digit))
            });
        minor.map(Self).ok_or(AmountError::Overflow)
    }

    /// Writes major units with exactly `exponent` fraction digits: `1234` and 2 give `12.34`.
    pub fn format(self, exponent: u8) -> String {
        let exponent = usize::from(exponent);
        if exponent == 0 {
            return self.0.to_string();
        }
        let digits = format!("{:0>width$}", self.0, width = exponent.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(exponent));
        format!("{whole}.{fraction}")
    }

    /// The sum, unless it exceeds 128 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it is negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl From<u128> for Amount {
    fn from(minor: u128) -> Self {
        Self(minor)
    }
}

impl From<Amount> for u128 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// Minor units: for logs. People read [`Amount::format`].
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_decimals_are_read_exactly() {
        for (text, exponent, minor) in [
            ("12.34", 2, 1_234),
            ("0.01", 2, 1),
            ("12", 2, 1_200),
            ("12.3", 2, 1_230),
            ("007.50", 2, 750),
            ("5", 0, 5),
            ("0", 2, 0),
            ("1.000000000000000001", 18, 1_000_000_000_000_000_001),
            ("340282366920938463463374607431768211455", 0, u128::MAX),
            ("3402823669209384634633746074317682114.55", 2, u128::MAX),
        ] {
            assert_eq!(Amount::parse(text, exponent), Ok(Amount(minor)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_the_reason_is_named() {
        use AmountError::{Malformed, Overflow};
        let fine = |digits, exponent| AmountError::PrecisionTooFine { digits, exponent };
        for (text, exponent, error) in [
            ("", 2, Malformed),
            (".", 2, Malformed),
            (".5", 2, Malformed),
            ("5.", 2, Malformed),
            ("+5", 2, Malformed),
            ("-5", 2, Malformed),
            ("1e3", 2, Malformed),
            ("1,000", 2, Malformed),
            ("1_000", 2, Malformed),
            ("1.2.3", 2, Malformed),
            (" 1", 2, Malformed),
            ("1 ", 2, Malformed),
            ("NaN", 2, Malformed),
            ("inf", 2, Malformed),
            ("0x10", 2, Malformed),
            ("١٢", 2, Malformed),
            ("12.345", 2, fine(3, 2)),
            ("12.340", 2, fine(3, 2)),
            ("5.0", 0, fine(1, 0)),
            ("340282366920938463463374607431768211456", 0, Overflow),
            ("340282366920938463463374607431768211455", 2, Overflow),
            ("9999999999999999999999999999999999999999999999999999", 2, Overflow),
        ] {
            assert_eq!(Amount::parse(text, exponent), Err(error), "{text}");
        }
    }

    #[test]
    fn formatting_pads_to_the_exponent() {
        for (minor, exponent, text) in
            [(1_234, 2, "12.34"), (1, 2, "0.01"), (0, 2, "0.00"), (5, 0, "5"), (10, 3, "0.010")]
        {
            assert_eq!(Amount(minor).format(exponent), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor: u128, exponent in 0..=MAX_EXPONENT) {
            let text = Amount(minor).format(exponent);
            prop_assert_eq!(Amount::parse(&text, exponent), Ok(Amount(minor)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}", exponent: u8) {
            let _unused = Amount::parse(&text, exponent);
        }
    }
}
