//! The engines' storage is laid out as the Solidity compiler lays out `layout/Layout.sol`.

use super::*;
use crate::accounts::{Head, Origin};
use crate::ledger::records::{Balance, Outstanding, Parties, Settlement, Terms};

/// Contract, owner (contract or struct), name, slot, offset and size in bytes.
type Row = (String, String, String, usize, usize, usize);

fn row(contract: &str, owner: &str, name: &str, at: (usize, usize, usize)) -> Row {
    (contract.into(), owner.into(), name.into(), at.0, at.1, at.2)
}

/// `last_activity` as Solidity spells it: `lastActivity`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        name + &head.to_uppercase() + tail
    })
}

/// The rows of a packed word that is member `slot` of a struct.
fn packed_rows(contract: &str, owner: &str, slot: usize, fields: &[(&str, usize)]) -> Vec<Row> {
    let mut offset = 0;
    fields
        .iter()
        .map(|(name, bits)| {
            let row = row(contract, owner, &camel(name), (slot, offset / 8, bits / 8));
            offset += bits;
            row
        })
        .collect()
}

#[test]
fn the_layout_is_what_the_solidity_compiler_says() {
    let solidity: Vec<Row> =
        serde_json::from_str(include_str!("../../layout/layout.json")).unwrap();
    let variables = |contract: &str, names: &[(&str, usize)]| -> Vec<Row> {
        let rows = names.iter().enumerate();
        rows.map(|(slot, (name, size))| row(contract, contract, name, (slot, 0, *size))).collect()
    };
    let ours: Vec<Row> = [
        variables("Accounts", &[("admin", 20), ("registrars", 32), ("profiles", 32)]),
        packed_rows("Accounts", "Profile", 0, Head::FIELDS),
        packed_rows("Accounts", "Profile", 1, Origin::FIELDS),
        variables(
            "Ledger",
            &[
                ("currencies", 32),
                ("balances", 32),
                ("transfers", 32),
                ("holdings", 32),
                ("facePostings", 32),
                ("allowances", 32),
            ],
        ),
        packed_rows("Ledger", "Balance", 0, Balance::FIELDS),
        packed_rows("Ledger", "Currency", 0, Terms::FIELDS),
        packed_rows("Ledger", "Currency", 1, Outstanding::FIELDS),
        vec![row("Ledger", "Currency", "name", (2, 0, 32))],
        packed_rows("Ledger", "Transfer", 0, Parties::FIELDS),
        packed_rows("Ledger", "Transfer", 1, Settlement::FIELDS),
        vec![row("Ledger", "Transfer", "endToEndId", (2, 0, 32))],
        vec![row("Ledger", "Transfer", "payloadHash", (3, 0, 32))],
    ]
    .concat();
    assert_eq!(ours, solidity);
}

#[test]
fn short_strings_are_read_back_and_long_or_damaged_ones_are_not() {
    for text in ["", "Euro", "Schweizer Franken (CHF), 31 byte"] {
        let stored = ShortString::new(text.into());
        assert_eq!(stored.is_some(), text.len() <= 31, "{text}");
        if let Some(stored) = stored {
            assert_eq!(ShortString::from_word(stored.to_word()), Some(stored));
        }
    }
    assert_eq!(ShortString::from_word(U256::from(9)), None, "Solidity's long form");
    assert_eq!(ShortString::from_word(U256::from(64)), None, "32 bytes");
    assert_eq!(ShortString::from_word(U256::from(0xff) << 248 | U256::from(2)), None, "not UTF-8");
}

#[test]
fn times_beyond_forty_bits_stay_at_the_last_one() {
    assert_eq!(Seconds::new(u64::MAX).get(), (1 << 40) - 1);
    assert_eq!(Narrow::<56>::new(u128::MAX).get(), (1 << 56) - 1);
    assert_eq!(Days::new(65_535_u64).plus(1).get(), 65_535);
    assert_eq!(Seconds::from_bits(U256::from(1_u64 << 40)), None);
}
