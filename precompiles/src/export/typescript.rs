//! The generated files of the TypeScript package: what viem infers types from, and the lists of
//! addresses, errors, words and signed types.

use std::fmt::{Display, Write as _};

use alloy_json_abi::JsonAbi;
use qenex_types::{
    AccountStatus, AccountType, Authorisation, Corridor, Currency, ErrorCode, RiskOutcome, Role,
    TransferKind, TransferStatus,
};

use crate::ledger::signed;
use crate::settlement::instructions;
use crate::signatures::Scheme;
use crate::{Engine, IQenexErrors, LEDGER, SETTLEMENT, engines, face_address};

const HEADER: &str =
    "// Generated from the engines' source by the tests of `precompiles/`: do not edit.\n";

/// All generated files of `clients/typescript/src/`: name and content.
pub fn sources() -> Vec<(String, String)> {
    [
        ("abi.ts", abi()),
        ("addresses.ts", addresses()),
        ("errors.ts", errors()),
        ("signed.ts", signed()),
        ("words.ts", words()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into()
}

/// One constant per interface. Each has the errors, by which viem names why a call was refused.
fn abi() -> String {
    let mut text = HEADER.to_owned();
    let errors = items(&IQenexErrors::abi::contract());
    constant(&mut text, "Every error that an engine or a face reverts with.", "errorsAbi", &errors);
    for engine in engines() {
        let mut items = items(&(engine.abi)());
        items.push("...errorsAbi".to_owned());
        constant(&mut text, title(engine), &format!("{}Abi", name(engine)), &items);
    }
    text
}

/// The items of an ABI as JSON, which is TypeScript.
fn items(abi: &JsonAbi) -> Vec<String> {
    // An ABI is a list of plain values: it always serialises.
    abi.items().map(|item| serde_json::to_string(&item).unwrap_or_default()).collect()
}

/// `export const name = [...] as const`, an item a line.
fn constant(text: &mut String, doc: &str, name: &str, items: &[String]) {
    let _infallible = writeln!(text, "\n/** {doc} */\nexport const {name} = [");
    for item in items {
        let _infallible = writeln!(text, "  {item},");
    }
    text.push_str("] as const;\n");
}

fn addresses() -> String {
    let rows = engines().iter().filter_map(|engine| {
        Some((name(engine), format!("\"{}\"", engine.address?), title(engine)))
    });
    let mut text = HEADER.to_owned();
    object(&mut text, "Where the engines are.", "addresses", rows);
    // Any currency's face, without the code that is its last three bytes.
    let face = Currency::new(*b"AAA").map(face_address).unwrap_or_default().to_string();
    let prefix = face.get(..36).unwrap_or_default().to_lowercase();
    let doc = "What the address of a currency's ERC-20 face begins with; its code follows.";
    let _infallible = writeln!(text, "\n/** {doc} */\nexport const facePrefix = \"{prefix}\";");
    text
}

fn errors() -> String {
    let rows = ErrorCode::ALL.iter().map(|code| {
        let (number, http, sentence) = (code.number(), code.http_status(), quoted(code.text()));
        let value = format!("{{ number: {number}, http: {http}, text: {sentence} }}");
        (code.name(), value, "")
    });
    let mut text = HEADER.to_owned();
    let doc = "The error catalogue. Numbers under 400 are errors that engines and faces revert with; \
        `http` is the status of the bank facade's answer.";
    object(&mut text, doc, "errors", rows);
    text
}

/// EIP-712 domains and types of what keys of accounts sign.
fn signed() -> String {
    let mut text = HEADER.to_owned();
    for (constant, doc, domain, engine, encoded) in [
        ("orderType", "An order of the ledger.", signed::DOMAIN_NAME, LEDGER, signed::ORDER_TYPE),
        (
            "affirmationType",
            "A payer's word for its legs of a settlement instruction.",
            instructions::DOMAIN_NAME,
            SETTLEMENT,
            instructions::AFFIRMATION_TYPE,
        ),
    ] {
        let (name, fields) = encoded.split_once('(').unwrap_or_default();
        let _infallible = writeln!(
            text,
            "\n/** {doc} */\nexport const {constant} = {{\n  domain: {{ name: {}, version: \"1\", \
             verifyingContract: \"{engine}\" }},\n  types: {{\n    {name}: [",
            quoted(domain)
        );
        for field in fields.trim_end_matches(')').split(',') {
            let (kind, name) = field.split_once(' ').unwrap_or_default();
            let _infallible = writeln!(text, "      {{ name: \"{name}\", type: \"{kind}\" }},");
        }
        let _infallible = writeln!(text, "    ],\n  }},\n  primaryType: \"{name}\",\n}} as const;");
    }
    text
}

/// The words of the ledger with their numbers in the ABI.
fn words() -> String {
    let mut text = HEADER.to_owned();
    macro_rules! word {
        ($doc:literal $constant:literal $type:ident) => {
            let rows = $type::ALL.iter().map(|word| (word.as_str(), word.number(), ""));
            object(&mut text, $doc, $constant, rows);
        };
    }
    word!("What kind of customer or book an account is." "accountType" AccountType);
    word!("Whether an account may pay and be paid." "accountStatus" AccountStatus);
    word!("What a transfer or an order is." "transferKind" TransferKind);
    word!("Where a transfer stands." "transferStatus" TransferStatus);
    word!("By what right a payment was made." "authorisation" Authorisation);
    word!("What the risk rules say of a payment." "riskOutcome" RiskOutcome);
    word!("How payments from one jurisdiction to another are treated." "corridor" Corridor);
    word!("What an address may do for the whole network." "role" Role);
    let schemes = Scheme::ALL.iter().map(|scheme| (format!("{scheme:?}"), scheme.number(), ""));
    object(&mut text, "How a key of an account signs.", "scheme", schemes);
    text
}

/// `export const name = {...} as const`, a row a line: key, value, and documentation if there is any.
fn object<'a>(
    text: &mut String,
    doc: &str,
    name: &str,
    rows: impl Iterator<Item = (impl Display, impl Display, &'a str)>,
) {
    let _infallible = writeln!(text, "\n/** {doc} */\nexport const {name} = {{");
    for (key, value, doc) in rows {
        if !doc.is_empty() {
            let _infallible = writeln!(text, "  /** {doc} */");
        }
        let _infallible = writeln!(text, "  {key}: {value},");
    }
    text.push_str("} as const;\n");
}

/// A text as a literal.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `ICurrencyToken` is `currencyToken`.
fn name(engine: &Engine) -> String {
    let bare = engine.interface.strip_prefix('I').unwrap_or(engine.interface);
    let (first, rest) = bare.split_at_checked(1).unwrap_or((bare, ""));
    first.to_lowercase() + rest
}

/// The interface's `@title`.
fn title(engine: &Engine) -> &'static str {
    let title = engine.source.split_once("@title ").and_then(|(_, rest)| rest.lines().next());
    title.unwrap_or(engine.interface)
}
