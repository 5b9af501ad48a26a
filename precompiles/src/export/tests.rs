//! The files in the repository are those that the engines' source makes.

use std::path::{Path, PathBuf};

use super::vectors::vectors;
use super::*;

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Writes a file first if `QENEX_BLESS` is set.
fn read(path: &Path, content: &str) -> String {
    if std::env::var_os("QENEX_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}: QENEX_BLESS=1 writes it", path.display()))
}

#[test]
fn the_files_in_contracts_are_the_engines_interfaces() {
    let folder = repository("contracts/interfaces");
    for (name, content) in interfaces() {
        let file = read(&folder.join(&name), &content);
        assert!(file == content, "{name} is out of date: run this test with QENEX_BLESS=1");
    }
    let mut wanted: Vec<String> = interfaces().into_iter().map(|(name, _)| name).collect();
    let mut present: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    wanted.sort();
    present.sort();
    assert_eq!(wanted, present, "one too many or too few");
}

#[test]
fn the_typescript_package_has_the_engines_interfaces() {
    for (name, content) in typescript_sources() {
        let file = read(&repository("clients/typescript/src").join(&name), &content);
        assert!(file == content, "{name} is out of date: run this test with QENEX_BLESS=1");
    }
    for engine in crate::engines() {
        let name = engine.interface.strip_prefix('I').unwrap();
        let constant = format!("{}{}Abi", name[..1].to_lowercase(), &name[1..]);
        let found = |(_, text): &(String, String)| text.contains(&format!("const {constant} = ["));
        assert_eq!(typescript_sources().iter().filter(|file| found(file)).count(), 1, "{constant}");
    }
}

/// What the package must compute, as the engines do.
#[test]
fn the_typescript_package_is_tested_with_what_the_engines_answer() {
    let wanted = vectors();
    let text = serde_json::to_string_pretty(&wanted).unwrap() + "\n";
    let file = read(&repository("clients/typescript/test/vectors.json"), &text);
    // Not as text: the order of fields depends on how the workspace is built.
    let present: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert!(present == wanted, "vectors.json is out of date: run this test with QENEX_BLESS=1");
}

#[test]
fn every_interface_has_its_text_and_its_abi() {
    for (name, content) in interfaces() {
        assert!(content.len() > 500, "{name}");
        let marker = if name.ends_with(".json") { "\"type\"" } else { "pragma solidity" };
        assert!(content.contains(marker) && !content.contains("#["), "{name}");
    }
}
