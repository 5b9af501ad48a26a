//! Positional parameters, with geth's words for what is wrong with them.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::Failure;

/// The parameters of a call, not yet decoded.
#[derive(Debug, Default)]
pub(crate) struct Args(Vec<Box<RawValue>>);

impl Args {
    /// Splits the parameters, of which a method takes at most `most`.
    pub(crate) fn parse(params: Option<&str>, most: usize) -> Result<Self, Failure> {
        let values: Vec<Box<RawValue>> = match params.map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) => {
                serde_json::from_str(text).map_err(|_| Failure::params("non-array args"))?
            }
        };
        if values.len() > most {
            return Err(Failure::params(format!("too many arguments, want at most {most}")));
        }
        Ok(Self(values))
    }

    /// The value at `index`; it must be given.
    pub(crate) fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, Failure> {
        self.optional(index)?
            .ok_or_else(|| Failure::params(format!("missing value for required argument {index}")))
    }

    /// The value at `index`, if given and not `null`.
    pub(crate) fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, Failure> {
        let Some(value) = self.0.get(index) else { return Ok(None) };
        if value.get() == "null" {
            return Ok(None);
        }
        serde_json::from_str(value.get())
            .map(Some)
            .map_err(|error| Failure::params(format!("invalid argument {index}: {error}")))
    }

    /// Whether the value at `index` is this text, as it stands in the request.
    pub(crate) fn is_text(&self, index: usize, text: &str) -> bool {
        let value = self.0.get(index).map_or("", |value| value.get());
        value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) == Some(text)
    }

    /// The text at `index`.
    pub(crate) fn text(&self, index: usize) -> Result<String, Failure> {
        self.get(index)
    }
}

/// A number as a hexadecimal quantity, or, as some libraries send it, as a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(pub(crate) u64);

impl<'de> serde::Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let text = text.get().trim_matches('"');
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        parsed.map(Self).map_err(|error| serde::de::Error::custom(format!("{text}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::{Args, Quantity};

    #[test]
    fn what_is_wrong_is_said_precisely() {
        let said = |result: Result<Address, crate::error::Failure>| {
            let error = jsonrpsee::types::ErrorObjectOwned::from(result.unwrap_err());
            assert_eq!(error.code(), -32602);
            error.message().to_owned()
        };
        let parse = |text: &str| Args::parse(Some(text), 2);
        assert_eq!(said(parse("[]").unwrap().get(0)), "missing value for required argument 0");
        assert_eq!(said(parse("[null]").unwrap().get(0)), "missing value for required argument 0");
        assert!(said(parse("[\"0x12\"]").unwrap().get(0)).starts_with("invalid argument 0: "));
        assert_eq!(
            said(parse("[1,2,3]").and_then(|args| args.get(0))),
            "too many arguments, want at most 2"
        );
        assert_eq!(said(parse("{\"a\":1}").and_then(|args| args.get(0))), "non-array args");
        assert!(Args::parse(None, 0).is_ok());
    }

    #[test]
    fn quantities_come_in_both_notations() {
        let read = |text: &str| serde_json::from_str::<Quantity>(text).map(|q| q.0).ok();
        assert_eq!(read("\"0xa\""), Some(10));
        assert_eq!(read("10"), Some(10));
        assert_eq!(read("\"10\""), Some(10));
        assert_eq!(read("-1"), None);
        assert_eq!(read("1.5"), None);
        assert_eq!(read("\"0x10000000000000000\""), None);
    }
}
