//! Values read by their ABI, as JSON has them: integers are decimal text, bytes and addresses hex.
//!
//! What is read comes from outside, and an ABI lets many values lie in the same bytes: the reader stops
//! once what it read is longer than it may be as JSON.

use std::str::FromStr;

use alloy_json_abi::Param;
use alloy_primitives::{I256, U256, hex};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Fault;

/// A type of the ABI.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Address,
    Flag,
    /// With its bits.
    Unsigned(usize),
    /// With its bits.
    Signed(usize),
    /// `bytes1` to `bytes32`.
    Word(usize),
    Bytes,
    Text,
    List(Box<Self>),
    Array(Box<Self>, usize),
    Struct(Vec<Field>),
}

/// A named type: a parameter, a result, a field of a struct.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Field {
    /// The fields that an ABI tells of, those without a name under their number; `None` if one has a
    /// type that there is not in the engines.
    pub(super) fn all(params: &[Param]) -> Option<Vec<Self>> {
        let field = |(index, param): (usize, &Param)| {
            let name = if param.name.is_empty() { index.to_string() } else { param.name.clone() };
            Some(Self { name, kind: Kind::of(&param.ty, &param.components)? })
        };
        params.iter().enumerate().map(field).collect()
    }
}

impl Kind {
    fn of(text: &str, components: &[Param]) -> Option<Self> {
        if let Some((item, count)) = text.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
            let item = Box::new(Self::of(item, components)?);
            return Some(match count {
                "" => Self::List(item),
                _ => Self::Array(item, count.parse().ok()?),
            });
        }
        Some(match text {
            "address" => Self::Address,
            "bool" => Self::Flag,
            "bytes" => Self::Bytes,
            "string" => Self::Text,
            "tuple" => Self::Struct(Field::all(components)?),
            _ => {
                if let Some(bits) = sized(text, "uint") {
                    Self::Unsigned(bits)
                } else if let Some(bits) = sized(text, "int") {
                    Self::Signed(bits)
                } else {
                    Self::Word(sized(text, "bytes").filter(|size| (1..=32).contains(size))?)
                }
            }
        })
    }

    fn is_dynamic(&self) -> bool {
        match self {
            Self::Bytes | Self::Text | Self::List(_) => true,
            Self::Array(item, _) => item.is_dynamic(),
            Self::Struct(fields) => fields.iter().any(|field| field.kind.is_dynamic()),
            _ => false,
        }
    }

    /// Bytes that it takes among its neighbours.
    fn head(&self) -> usize {
        match self {
            _ if self.is_dynamic() => WORD,
            Self::Array(item, count) => item.head().saturating_mul(*count),
            Self::Struct(fields) => {
                fields.iter().fold(0, |sum, field| field.kind.head().saturating_add(sum))
            }
            _ => WORD,
        }
    }

    /// What a word says; `None` unless it is canonical.
    fn word(&self, word: &[u8; WORD]) -> Option<Value> {
        let number = U256::from_be_bytes(*word);
        let text = match self {
            Self::Address => {
                let (padding, address) = word.split_at(12);
                padding.iter().all(|&byte| byte == 0).then(|| hex::encode_prefixed(address))?
            }
            Self::Flag => return (number <= U256::ONE).then(|| Value::Flag(!number.is_zero())),
            Self::Unsigned(bits) => (number.bit_len() <= *bits).then(|| number.to_string())?,
            Self::Signed(bits) => {
                let unused = 256_usize.saturating_sub(*bits);
                let signed = I256::from_raw(number << unused).asr(unused);
                (signed.into_raw() == number).then(|| signed.to_string())?
            }
            Self::Word(size) => {
                let (bytes, padding) = word.split_at_checked(*size)?;
                padding.iter().all(|&byte| byte == 0).then(|| hex::encode_prefixed(bytes))?
            }
            _ => return None,
        };
        Some(Value::Text(text))
    }
}

/// Bytes of a word.
const WORD: usize = 32;

/// The size behind a name: 128 of `uint128`.
fn sized(text: &str, name: &str) -> Option<usize> {
    usize::from_str(text.strip_prefix(name)?).ok().filter(|size| (1..=256).contains(size))
}

/// A value, ready to be JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    List(Vec<Self>),
    Struct(Fields),
    /// Bytes that are an error of the catalogue.
    Fault(Box<Fault>),
}

/// Values by name, in the order of the interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(values) => values.serialize(serializer),
            Self::Struct(fields) => fields.serialize(serializer),
            Self::Fault(fault) => fault.serialize(serializer),
        }
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The bytes are no encoding of it.
    Malformed,
    /// It is longer than it may be.
    TooLong,
}

/// Reads values.
#[derive(Debug)]
pub(super) struct Reader {
    /// Bytes of JSON that may still be made.
    pub(super) left: usize,
    /// How deep errors are looked for inside bytes; 0: bytes are bytes.
    pub(super) faults: u8,
}

impl Reader {
    /// Takes from what may still be made.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Unread> {
        self.left = self.left.checked_sub(bytes).ok_or(Unread::TooLong)?;
        Ok(())
    }

    /// Reads something, or else gives back what was spent for it.
    pub(super) fn attempt<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        let before = self.left;
        let read = read(self);
        if read.is_err() {
            self.left = before;
        }
        read
    }

    /// Reads what is encoded one after the other: arguments, results, a struct.
    pub(super) fn fields(
        &mut self,
        fields: &'static [Field],
        data: &[u8],
    ) -> Result<Fields, Unread> {
        self.spend(2)?;
        let (mut at, mut values) = (0, Vec::with_capacity(fields.len()));
        for Field { name, kind } in fields {
            self.spend(name.len().saturating_add(4))?;
            values.push((name.as_str(), self.member(kind, data, &mut at)?));
        }
        Ok(Fields(values))
    }

    /// Reads the member that begins at `at` of those that `data` encodes.
    fn member(
        &mut self,
        kind: &'static Kind,
        data: &[u8],
        at: &mut usize,
    ) -> Result<Value, Unread> {
        let place = from(data, *at)?;
        *at = at.saturating_add(kind.head());
        if kind.is_dynamic() {
            self.value(kind, from(data, length(place)?)?)
        } else {
            self.value(kind, place)
        }
    }

    fn value(&mut self, kind: &'static Kind, data: &[u8]) -> Result<Value, Unread> {
        match kind {
            Kind::Bytes => self.bytes(counted(data)?),
            Kind::Text => {
                let text = counted(data)?;
                // JSON escapes a control character with six.
                self.spend(text.len().saturating_mul(6).saturating_add(2))?;
                Ok(Value::Text(String::from_utf8_lossy(text).into_owned()))
            }
            Kind::List(item) => self.list(item, length(data)?, from(data, WORD)?),
            Kind::Array(item, count) => self.list(item, *count, data),
            Kind::Struct(fields) => self.fields(fields, data).map(Value::Struct),
            _ => {
                let value = kind.word(word(data)?).ok_or(Unread::Malformed)?;
                self.spend(match &value {
                    Value::Text(text) => text.len().saturating_add(2),
                    _ => 5,
                })?;
                Ok(value)
            }
        }
    }

    fn list(&mut self, item: &'static Kind, count: usize, data: &[u8]) -> Result<Value, Unread> {
        self.spend(2)?;
        let (mut at, mut values) = (0, Vec::new());
        for _ in 0..count {
            self.spend(1)?;
            values.push(self.member(item, data, &mut at)?);
        }
        Ok(Value::List(values))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<Value, Unread> {
        if let Some(faults) = self.faults.checked_sub(1) {
            let outer = std::mem::replace(&mut self.faults, faults);
            let fault = self.attempt(|reader| super::fault(reader, bytes));
            self.faults = outer;
            match fault {
                Err(Unread::Malformed) => {}
                fault => return fault.map(|fault| Value::Fault(Box::new(fault))),
            }
        }
        self.spend(bytes.len().saturating_mul(2).saturating_add(4))?;
        Ok(Value::Text(hex::encode_prefixed(bytes)))
    }
}

fn from(data: &[u8], at: usize) -> Result<&[u8], Unread> {
    data.get(at..).ok_or(Unread::Malformed)
}

fn word(data: &[u8]) -> Result<&[u8; WORD], Unread> {
    data.first_chunk().ok_or(Unread::Malformed)
}

/// A number of bytes or items.
fn length(data: &[u8]) -> Result<usize, Unread> {
    usize::try_from(U256::from_be_bytes(*word(data)?)).map_err(|_| Unread::Malformed)
}

/// Bytes behind their number.
fn counted(data: &[u8]) -> Result<&[u8], Unread> {
    from(data, WORD)?.get(..length(data)?).ok_or(Unread::Malformed)
}
