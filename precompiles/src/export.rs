//! The interfaces as files: Solidity with its documentation, and JSON ABI with the errors.
//!
//! Written from the same text that the engines are compiled from, so they cannot disagree. The
//! files stand in `contracts/interfaces/`; a test compares them, and rewrites them with
//! `QENEX_BLESS=1`.

use std::fmt::Write as _;

use alloy_json_abi::JsonAbi;

use crate::{IQenexErrors, engines};

const HEADER: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0\n\
    // Generated from the engines' source by the tests of `precompiles/`: do not edit.\n\
    pragma solidity ^0.8.20;\n\n";

/// All files of `contracts/interfaces/`: name and content.
pub fn interfaces() -> Vec<(String, String)> {
    let errors = IQenexErrors::abi::contract();
    let mut files = vec![
        ("IQenexErrors.sol".to_owned(), solidity(include_str!("errors.rs"))),
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
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_files_in_contracts_are_the_engines_interfaces() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/interfaces");
        if std::env::var_os("QENEX_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            for (name, content) in interfaces() {
                std::fs::write(folder.join(name), content).unwrap();
            }
        }
        let mut wanted: Vec<String> = interfaces().into_iter().map(|(name, _)| name).collect();
        let mut present: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        wanted.sort();
        present.sort();
        assert_eq!(wanted, present, "QENEX_BLESS=1 writes them");
        for (name, content) in interfaces() {
            let file = std::fs::read_to_string(folder.join(&name)).unwrap();
            assert!(file == content, "{name} is out of date: run this test with QENEX_BLESS=1");
        }
    }

    #[test]
    fn every_interface_has_its_text_and_its_abi() {
        for (name, content) in interfaces() {
            assert!(content.len() > 500, "{name}");
            let marker = if name.ends_with(".json") { "\"type\"" } else { "pragma solidity" };
            assert!(content.contains(marker) && !content.contains("#["), "{name}");
        }
    }
}
