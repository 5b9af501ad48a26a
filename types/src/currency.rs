//! Currency codes: three capital letters, as in ISO 4217.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::FixedBytes;
use serde::{Deserialize, Serialize};

/// A currency code: ISO 4217 (`USD`) or private, three letters `A` to `Z`.
///
/// Invariant: every byte is a capital ASCII letter, so a code is never zero and always prints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

/// The text or the bytes are not three capital letters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a currency code: three letters A to Z are")]
pub struct InvalidCurrency {
    /// What was given, as text.
    pub given: String,
}

impl Currency {
    /// Takes three bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidCurrency`] unless all are `A` to `Z`.
    pub fn new(code: [u8; 3]) -> Result<Self, InvalidCurrency> {
        if code.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(code))
        } else {
            Err(InvalidCurrency { given: code.escape_ascii().to_string() })
        }
    }

    /// The three letters.
    pub const fn code(self) -> [u8; 3] {
        self.0
    }

    /// The letters as a number of 24 bits, the first letter highest: the form in packed storage.
    pub const fn to_bits(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The inverse of [`Self::to_bits`].
    ///
    /// # Errors
    ///
    /// [`InvalidCurrency`] if the number does not spell three capital letters.
    pub fn from_bits(bits: u32) -> Result<Self, InvalidCurrency> {
        match bits.to_be_bytes() {
            [0, a, b, c] => Self::new([a, b, c]),
            other => Err(InvalidCurrency { given: other.escape_ascii().to_string() }),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&letter| fmt::Write::write_char(f, char::from(letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) => Self::new(code).map_err(|_| InvalidCurrency { given: text.to_owned() }),
            Err(_) => Err(InvalidCurrency { given: text.chars().take(16).collect() }),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(text: String) -> Result<Self, InvalidCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl TryFrom<FixedBytes<3>> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: FixedBytes<3>) -> Result<Self, InvalidCurrency> {
        Self::new(code.0)
    }
}

impl From<Currency> for FixedBytes<3> {
    fn from(currency: Currency) -> Self {
        Self(currency.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_capital_letters_are_a_currency_and_nothing_else_is() {
        let usd: Currency = "USD".parse().unwrap();
        assert_eq!(
            (usd.to_string(), usd.code(), usd.to_bits()),
            ("USD".into(), *b"USD", 0x55_53_44)
        );
        for bad in ["", "US", "USDX", "usd", "U D", "US1", "ÜS", "\0\0\0", "U\u{0}D", "Ａ"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bits_round_trip_and_refuse_what_does_not_spell() {
        let eur: Currency = "EUR".parse().unwrap();
        assert_eq!(Currency::from_bits(eur.to_bits()), Ok(eur));
        for bad in [0, 1, 0x01_55_53_44, u32::MAX] {
            assert!(Currency::from_bits(bad).is_err(), "{bad:#x}");
        }
    }

    #[test]
    fn json_carries_the_letters() {
        let chf: Currency = serde_json::from_str("\"CHF\"").unwrap();
        assert_eq!(serde_json::to_string(&chf).unwrap(), "\"CHF\"");
        assert!(serde_json::from_str::<Currency>("\"chf\"").is_err());
    }
}
