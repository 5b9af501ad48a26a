//! Documents that must agree with the code: `docs/errors.md`, written from the error catalogue, and
//! what `docs/finance.md` quotes of its script.
//!
//! `QENEX_BLESS=1` rewrites `docs/errors.md`, as it does the files of `contracts/interfaces`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use qenex_precompiles::IQenexErrors;
use qenex_types::ErrorCode;

const HEADER: &str = "\
# Errors

Generated from the code (`QENEX_BLESS=1 cargo test --release -p qenex-precompiles` rewrites this file): do not edit.

The engines, the ERC-20 faces and the bank API have one catalogue. Number and name are public and keep their meaning for
ever; new errors get new numbers. In which order a payment's errors are looked for is in [finance.md](finance.md).

- An engine reverts with the Solidity custom error: four bytes of selector, then the parameters, ABI-encoded.
  `contracts/interfaces/IQenexErrors.sol` declares all of them, every interface's JSON ABI has them, and
  `cast decode-error --sig 'InsufficientFunds(uint128,uint128)' 0x…` reads one.
- JSON-RPC answers a reverted call with code 3 and the revert bytes in `data` ([json-rpc.md](json-rpc.md)).
- The bank API answers `application/problem+json` (RFC 9457): the HTTP status below, the name in `code`, the number in
  `number`, the sentence in `title`.
";

/// A hundred of the catalogue: its first number, the title, what stands below the title.
type Section = (u16, &'static str, &'static str);

const SECTIONS: [Section; 4] = [
    (
        100,
        "The call itself",
        "Refused before the engine looks at what is asked; they take precedence in the order of their numbers.\n\n",
    ),
    (200, "Rules of the engines", ""),
    (
        300,
        "ERC-20 faces",
        "Names and parameters of ERC-6093 and, for permits, those that are usual: wallets know them. Where there\n\
         is none of these, a face reverts with the engines' errors.\n\n",
    ),
    (400, "The bank API", "No engine reverts with these.\n\n"),
];

/// `docs/errors.md` as it must be.
fn errors() -> String {
    let selectors: BTreeMap<String, String> = IQenexErrors::abi::errors()
        .into_values()
        .flatten()
        .map(|error| (error.name.clone(), error.selector().to_string()))
        .collect();
    let row = |code: &ErrorCode| {
        let name = format!("{}({})", code.name(), code.parameters());
        let (number, http, text) = (code.number(), code.http_status(), code.text());
        match selectors.get(code.name()) {
            Some(selector) => format!("| {number} | `{name}` | `{selector}` | {http} | {text} |\n"),
            None => format!("| {number} | `{}` | {http} | {text} |\n", code.name()),
        }
    };
    let section = |(first, title, what): Section| {
        let head = if first < 400 {
            "| number | error | selector | HTTP | meaning |\n|---|---|---|---|---|\n"
        } else {
            "| number | name | HTTP | meaning |\n|---|---|---|---|\n"
        };
        let codes = ErrorCode::ALL.iter().filter(|code| code.number() / 100 * 100 == first);
        let rows: String = codes.map(row).collect();
        format!("\n## {title}\n\n{what}{head}{rows}")
    };
    let sections: String = SECTIONS.into_iter().map(section).collect();
    format!("{HEADER}{sections}")
}

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

#[test]
fn the_documented_errors_are_those_of_the_code() {
    let path = document("errors.md");
    if std::env::var_os("QENEX_BLESS").is_some() {
        std::fs::write(&path, errors()).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(file == errors(), "docs/errors.md is out of date: run this test with QENEX_BLESS=1");
}

#[test]
fn every_error_has_one_row_and_those_of_engines_their_selector() {
    let document = errors();
    for code in ErrorCode::ALL {
        let begin = format!("| {} | `{}", code.number(), code.name());
        let rows: Vec<_> = document.lines().filter(|line| line.starts_with(&begin)).collect();
        assert_eq!(rows.len(), 1, "{code}");
        assert_eq!(rows[0].contains("| `0x"), code.is_engine_error(), "{code}");
        assert!(rows[0].ends_with(&format!("| {} |", code.text())), "{code}");
    }
    // A selector that every block explorer knows: ERC20InsufficientBalance(address,uint256,uint256).
    assert!(document.contains("| `0xe450d38c` |"));
}

#[test]
fn what_the_handbook_quotes_of_its_script_is_in_the_script() {
    let script = std::fs::read_to_string(document("examples/finance.sh")).unwrap();
    let script: Vec<_> = script.lines().map(str::trim).collect();
    let handbook = std::fs::read_to_string(document("finance.md")).unwrap();
    let quotes: Vec<_> = handbook.split("```bash\n").skip(1).collect();
    assert!(!quotes.is_empty());
    for quote in quotes {
        let quote: Vec<_> =
            quote.lines().take_while(|line| *line != "```").map(str::trim).collect();
        assert!(!quote.is_empty());
        let found = script.windows(quote.len()).any(|lines| lines == quote);
        assert!(found, "not in docs/examples/finance.sh:\n{}", quote.join("\n"));
    }
}
