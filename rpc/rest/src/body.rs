//! A JSON object from a request body, taken apart field by field so that every wrong one is named.

use std::collections::BTreeMap;
use std::fmt;

use alloy_primitives::Address;
use axum::body::Bytes;
use qenex_types::ErrorCode;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use crate::problem::{FieldError, Problem};

/// The fields of an object that nobody has asked for yet, and what was wrong with the others.
///
/// A field given twice is refused: two readers of the same text must not see two amounts.
#[derive(Debug)]
pub(crate) struct Fields {
    left: BTreeMap<String, Value>,
    errors: Vec<FieldError>,
}

/// An object whose fields have different names.
struct Object(BTreeMap<String, Value>);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("field `{name}` is given twice")));
                    }
                    fields.insert(name, value);
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

impl Fields {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// `BadRequest` with line and column if the text is not one JSON object.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, Problem> {
        let Object(left) = serde_json::from_slice(body).map_err(|error| {
            Problem::new(ErrorCode::BadRequest, format!("the body is not a JSON object: {error}"))
        })?;
        Ok(Self { left, errors: Vec::new() })
    }

    /// Notes what is wrong with a field.
    pub(crate) fn refuse(&mut self, code: ErrorCode, field: &str, message: impl Into<String>) {
        let code = code.name().to_owned();
        self.errors.push(FieldError { field: field.into(), code, message: message.into() });
    }

    /// Takes the value of a field that has several names; `null` counts as absent.
    fn take(&mut self, names: &[&'static str]) -> Option<(&'static str, Value)> {
        let mut found = None;
        for &name in names {
            let Some(value) = self.left.remove(name).filter(|value| !value.is_null()) else {
                continue;
            };
            if let Some((other, _)) = &found {
                let message = format!("is another name of `{other}`: give one of them");
                self.refuse(ErrorCode::InvalidField, name, message);
            } else {
                found = Some((name, value));
            }
        }
        found
    }

    /// Notes that a field is missing.
    pub(crate) fn require<T>(&mut self, names: &[&'static str], value: Option<T>) -> Option<T> {
        let name = names.first().copied().unwrap_or_default();
        // A field that is there but wrong was noted already, under whichever name it came.
        if value.is_none() && !self.errors.iter().any(|error| names.contains(&&*error.field)) {
            self.refuse(ErrorCode::InvalidField, name, "is required");
        }
        value
    }

    /// A text.
    pub(crate) fn text(&mut self, names: &[&'static str]) -> Option<(&'static str, String)> {
        match self.take(names)? {
            (name, Value::String(text)) => Some((name, text)),
            (name, _) => {
                self.refuse(ErrorCode::InvalidField, name, "must be a string");
                None
            }
        }
    }

    /// A text that stands for something; `expected` says what.
    pub(crate) fn parsed<T>(
        &mut self,
        names: &[&'static str],
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (name, text) = self.text(names)?;
        let value = parse(&text);
        if value.is_none() {
            let shown: String = text.chars().take(64).collect();
            self.refuse(ErrorCode::InvalidField, name, format!("{shown:?} is not {expected}"));
        }
        value
    }

    /// An address.
    pub(crate) fn address(&mut self, names: &[&'static str]) -> Option<Address> {
        self.parsed(names, "an account id: 0x and 40 hexadecimal digits", parse_address)
    }

    /// An amount as written: a string, or the literal text of a number. Never a binary float.
    pub(crate) fn amount(&mut self, names: &[&'static str]) -> Option<String> {
        match self.take(names)? {
            (_, Value::String(text)) => Some(text),
            (_, Value::Number(number)) => Some(number.as_str().to_owned()),
            (name, _) => {
                self.refuse(ErrorCode::InvalidAmount, name, "must be a decimal string");
                None
            }
        }
    }

    /// Ends the reading: whatever nobody asked for is an unknown field.
    ///
    /// # Errors
    ///
    /// All wrong fields at once.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for name in std::mem::take(&mut self.left).into_keys() {
            let shown: String = name.chars().take(64).collect();
            self.refuse(ErrorCode::InvalidField, &shown, "is not a field of this request");
        }
        Problem::fields(self.errors).map_or(Ok(()), Err)
    }
}

/// Reads 0x and 40 hexadecimal digits, of any case.
pub(crate) fn parse_address(text: &str) -> Option<Address> {
    if text.len() == 42 && text.starts_with("0x") { text.parse().ok() } else { None }
}
