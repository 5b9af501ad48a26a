//! The interfaces as files: Solidity with its documentation, JSON ABI with the errors, and the
//! generated part of the TypeScript package (`typescript.rs`).
//!
//! Written from the same text that the engines are compiled from, so they cannot disagree. The
//! files stand in `contracts/interfaces/` and `clients/typescript/`; a test compares them, and
//! rewrites them with `QENEX_BLESS=1`.

use std::fmt::Write as _;

use alloy_json_abi::JsonAbi;

use crate::{IQenexErrors, engines};

mod typescript;

pub use typescript::sources as typescript_sources;

const HEADER: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0\n\
    // Generated from the engines' source by the tests of `precompiles/`: do not edit.\n\
    pragma solidity ^0.8.20;\n\n";

/// All files of `contracts/interfaces/`: name and content.
pub fn interfaces() -> Vec<(String, String)> {
    let errors = IQenexErrors::abi::contract();
    let mut files = vec![
        ("IQenexErrors.sol".to_owned(), solidity(include_str!("../errors.rs"))),
        ("IQenexErrors.json".to_owned(), json(&errors)),
        ("QenexAddresses.sol".to_owned(), addresses()),
    ];
    for engine in engines() {
        let mut abi = (engine.abi)();
        abi.errors.clone_from(&errors.errors);
        files.push((format!("{}.sol", engine.interface), solidity(engine.source)));
        files.push((format!("{}.json", engine.interface), json(&abi)));
    }
    files
}

/// The interface in a source file: what stands in its `sol!`, without our attributes.
fn solidity(source: &str) -> String {
    let block = source.split("sol! {\n").nth(1).and_then(|rest| rest.split("\n}\n").next());
    let mut text = HEADER.to_owned();
    for line in block.unwrap_or_default().lines() {
        let line = line.strip_prefix("    ").unwrap_or(line);
        if !line.starts_with("#[") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn json(abi: &JsonAbi) -> String {
    // An ABI is a list of plain values: it always serialises.
    let mut text = serde_json::to_string_pretty(abi).unwrap_or_default();
    text.push('\n');
    text
}

/// A Solidity library that names the engines.
fn addresses() -> String {
    let mut text = HEADER.to_owned();
    let rows = || engines().iter().filter_map(|engine| Some((engine.interface, engine.address?)));
    for (interface, _) in rows() {
        let _infallible = writeln!(text, "import {{{interface}}} from \"./{interface}.sol\";");
    }
    for interface in ["ICurrencyToken", "IPriceFeed"] {
        let _infallible = writeln!(text, "import {{{interface}}} from \"./{interface}.sol\";");
    }
    text.push('\n');
    text.push_str("/// @title Where the engines are.\nlibrary QenexAddresses {\n");
    for (interface, address) in rows() {
        let name = interface.trim_start_matches('I').to_uppercase();
        let _infallible =
            writeln!(text, "    {interface} internal constant {name} = {interface}({address});");
    }
    text.push_str(
        "\n    /// @notice The ERC-20 face of a currency, registered or not.\n    \
         function face(bytes3 code) internal pure returns (ICurrencyToken) {\n        \
         return ICurrencyToken(address((uint160(0x5158C0) << 136) | uint24(code)));\n    }\n",
    );
    text.push_str(
        "\n    /// @notice The Chainlink-compatible face of a price feed, created or not.\n    \
         function priceFeed(uint32 feed) internal pure returns (IPriceFeed) {\n        \
         return IPriceFeed(address((uint160(0x5158F0) << 136) | feed));\n    }\n}\n",
    );
    text
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
