//! A call of an engine for people: function, arguments, results, error, and what the risk rules said.
//!
//! Made from the bytes of a call alone, by the ABI of the registry, so every engine and every function
//! is there by itself. Traces show it (`evm/exec/src/trace/`). Nothing here is part of the consensus.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::SolEvent;
use qenex_types::{Currency, ErrorCode, RiskOutcome};
use serde::Serialize;

use self::value::{Field, Fields, Reader, Unread};
use crate::risk::rules::Rule;
use crate::{
    ILedger, IQenexErrors, IRisk, LEDGER, RISK, Refusal, decode, engines, face_currency, registry,
};

#[cfg(test)]
mod tests;
mod value;

/// A call of an engine, over.
#[derive(Clone, Copy, Debug)]
pub struct EngineCall<'a> {
    /// Where to.
    pub address: Address,
    /// Selector and arguments.
    pub input: &'a [u8],
    /// How it ended.
    pub end: End<'a>,
    /// What [`RiskVerdict::of_event`] gave of the events that were emitted in it.
    pub verdicts: &'a [RiskVerdict],
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// With results.
    Returned(&'a [u8]),
    /// With an error.
    Reverted(&'a [u8]),
    /// Without saying anything: out of gas.
    Halted,
}

/// What a call was. As JSON: `interface`, `currency` of an ERC-20 face, `function`, `arguments`,
/// `results`, `error`, `verdicts`, each if there is one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    interface: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    /// `None`: there is no such function.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verdicts: Vec<RiskVerdict>,
    /// Whether one of the above was too long and is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip)]
    size: usize,
}

impl Description {
    /// About how long it is as JSON, bytes.
    pub const fn size(&self) -> usize {
        self.size
    }
}

/// An error of the catalogue, with its arguments.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Fault {
    code: u16,
    name: &'static str,
    arguments: Fields,
}

/// What the risk rules said of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskVerdict {
    /// Id of the payment, if it has one: a refused call leaves none.
    pub payment: Option<B256>,
    /// `None` if the rules fired and an officer must decide, maybe for another reason.
    pub outcome: Option<RiskOutcome>,
    /// 0 to 1000.
    pub score: u16,
    /// Bit n - 1: rule n fired.
    pub rules: u16,
    /// Version of the rules' terms, if it is known.
    pub rule_set: Option<u8>,
}

/// A verdict takes no more than so many bytes of JSON.
const VERDICT_SIZE: usize = 576;

/// As JSON, a call is never longer than this and four times its bytes and the most of its verdicts.
const SIZE: usize = 2_048;

/// Bytes of the names of a description's parts.
const NAMES: usize = 160;

/// An error is looked for in the bytes of an error or a result, and once more in those of that.
const FAULTS: u8 = 2;

impl RiskVerdict {
    /// What an event says of the rules, if it is one that does: an accepted payment, a refused order of a
    /// batch.
    pub fn of_event(log: &Log) -> Option<Self> {
        if log.address == RISK {
            let event = IRisk::Assessed::decode_log_data(&log.data).ok()?;
            return Some(Self {
                payment: Some(event.id),
                outcome: RiskOutcome::from_number(event.outcome),
                score: event.score,
                rules: event.rules,
                rule_set: Some(event.ruleSet),
            });
        }
        if log.address != LEDGER {
            return None;
        }
        let event = ILedger::Rejected::decode_log_data(&log.data).ok()?;
        Self::of_error(&event.reason).map(|verdict| Self { payment: Some(event.id), ..verdict })
    }

    /// What an error says of the rules.
    fn of_error(data: &[u8]) -> Option<Self> {
        let (outcome, score, rules) = match decode(data)?.refusal {
            Refusal::RiskRejected(IQenexErrors::RiskRejected { score, rules }) => {
                (Some(RiskOutcome::Reject), score, rules)
            }
            // A corridor or a missing attestation may be the reason, whatever the rules say.
            Refusal::ReviewRequired(IQenexErrors::ReviewRequired { score, rules })
                if rules != 0 =>
            {
                (None, score, rules)
            }
            _ => return None,
        };
        Some(Self { payment: None, outcome, score, rules, rule_set: None })
    }

    /// What the error of a call says of the rules: of the payment, or of the one that stopped all.
    fn of_revert(data: &[u8]) -> Option<Self> {
        match decode(data)?.refusal {
            Refusal::ItemRefused(IQenexErrors::ItemRefused { reason, .. }) => {
                Self::of_error(&reason)
            }
            _ => Self::of_error(data),
        }
    }
}

impl Serialize for RiskVerdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fired {
            number: u8,
            name: &'static str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown {
            #[serde(skip_serializing_if = "Option::is_none")]
            payment: Option<B256>,
            #[serde(skip_serializing_if = "Option::is_none")]
            outcome: Option<RiskOutcome>,
            score: u16,
            rules: Vec<Fired>,
            #[serde(skip_serializing_if = "Option::is_none")]
            rule_set: Option<u8>,
        }
        let fired = Rule::ALL.into_iter().filter(|rule| self.rules & rule.bit() != 0);
        let rules = fired.map(|rule| Fired { number: rule as u8, name: rule.name() }).collect();
        let Self { payment, outcome, score, rule_set, .. } = *self;
        Shown { payment, outcome, score, rules, rule_set }.serialize(serializer)
    }
}

/// A function of an engine. What it takes or gives is `None` if a type is unknown here, which a test
/// rules out.
struct Function {
    signature: String,
    arguments: Option<Vec<Field>>,
    results: Option<Vec<Field>>,
}

/// By selector, in the order of [`engines`].
static FUNCTIONS: LazyLock<Vec<BTreeMap<[u8; 4], Function>>> = LazyLock::new(|| {
    let of = |engine: &crate::Engine| {
        let abi = (engine.abi)();
        let functions = abi.functions().map(|function| {
            let described = Function {
                signature: function.signature(),
                arguments: Field::all(&function.inputs),
                results: Field::all(&function.outputs),
            };
            (function.selector().0, described)
        });
        functions.collect()
    };
    engines().iter().map(of).collect()
});

/// An error and its arguments.
type Error = (ErrorCode, Vec<Field>);

/// The errors by selector.
static ERRORS: LazyLock<BTreeMap<[u8; 4], Error>> = LazyLock::new(|| {
    let errors = IQenexErrors::abi::errors().into_values().flatten();
    errors
        .filter_map(|error| {
            let fields = Field::all(&error.inputs)?;
            Some((error.selector().0, (ErrorCode::from_name(&error.name)?, fields)))
        })
        .collect()
});

/// Reads an error of the catalogue.
fn fault(reader: &mut Reader, data: &[u8]) -> Result<Fault, Unread> {
    let (selector, data) = data.split_first_chunk().ok_or(Unread::Malformed)?;
    let (code, fields) = ERRORS.get(selector).ok_or(Unread::Malformed)?;
    reader.spend(code.name().len().saturating_add(40))?;
    let arguments = reader.fields(fields, data)?;
    Ok(Fault { code: code.number(), name: code.name(), arguments })
}

/// Describes a call in about `most` bytes of JSON; `None` if there is no engine at its address.
///
/// It is never much longer than the call's own bytes. What would be is left out.
pub fn describe(call: &EngineCall<'_>, most: usize) -> Option<Description> {
    let index = registry::find(call.address)?;
    let output = match call.end {
        End::Returned(output) | End::Reverted(output) => output,
        End::Halted => &[],
    };
    let bytes = call.input.len().saturating_add(output.len()).saturating_mul(4);
    let verdicts = call.verdicts.len().saturating_add(1).saturating_mul(VERDICT_SIZE);
    let fair = SIZE.saturating_add(bytes).saturating_add(verdicts);
    let mut writer = Writer {
        reader: Reader { left: most.min(fair), faults: 0 },
        description: Description {
            interface: engines().get(index)?.interface,
            currency: face_currency(call.address),
            function: None,
            arguments: None,
            results: None,
            error: None,
            verdicts: Vec::new(),
            truncated: false,
            size: 0,
        },
    };
    let before = writer.reader.left;
    writer.write(index, call);
    let Writer { reader, mut description } = writer;
    description.size = before.saturating_sub(reader.left);
    Some(description)
}

/// A description on its way.
struct Writer {
    reader: Reader,
    description: Description,
}

impl Writer {
    /// What matters most comes first, in case that there is no room for all.
    fn write(&mut self, engine: usize, call: &EngineCall<'_>) {
        let called = call.input.split_first_chunk();
        let functions = FUNCTIONS.get(engine);
        let function = called.and_then(|(selector, _)| functions?.get(selector));
        self.description.function = function.map(|function| function.signature.as_str());
        let names = NAMES.saturating_add(function.map_or(0, |known| known.signature.len()));
        // Their text is there already: they count, and that is all.
        self.reader.left = self.reader.left.saturating_sub(names);

        let mut verdicts = call.verdicts.to_vec();
        if let End::Reverted(output) = call.end {
            self.description.error = self.part(FAULTS, |reader| fault(reader, output));
            verdicts.extend(RiskVerdict::of_revert(output));
        }
        let size = verdicts.len().saturating_mul(VERDICT_SIZE);
        if self.part(0, |reader| reader.spend(size)).is_some() {
            self.description.verdicts = verdicts;
        }
        let Some(function) = function else { return };
        if let (End::Returned(output), Some(fields)) = (call.end, &function.results)
            && !fields.is_empty()
        {
            self.description.results = self.part(FAULTS, |reader| reader.fields(fields, output));
        }
        if let (Some((_, input)), Some(fields)) = (called, &function.arguments) {
            self.description.arguments = self.part(0, |reader| reader.fields(fields, input));
        }
    }

    /// Reads one of the description's parts, if it has its form and there is room for it.
    fn part<T>(
        &mut self,
        faults: u8,
        read: impl FnOnce(&mut Reader) -> Result<T, Unread>,
    ) -> Option<T> {
        self.reader.faults = faults;
        let read = self.reader.attempt(read);
        self.description.truncated |= matches!(read, Err(Unread::TooLong));
        read.ok()
    }
}
