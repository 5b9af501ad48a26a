//! The ledger at genesis.

use qenex_types::LedgerSpec;

use super::*;
use crate::testing::{ALICE, BLOCK, EUR, TREASURY, USD, World, spec};
use crate::{LEDGER, face_address};

#[test]
fn the_specification_becomes_currencies_accounts_and_money() {
    let mut world = World::new();
    assert_eq!((world.posted(ALICE, USD), world.posted(ALICE, EUR)), (100_000, 50_000));
    assert_eq!(world.posted(TREASURY, USD), 30_000);
    assert_eq!((world.supply(USD), world.supply(EUR)), (136_000, 50_000));
}

#[test]
fn the_same_specification_gives_the_same_state_of_all_engines_and_faces() {
    let storage = genesis(&spec(), BLOCK).unwrap();
    assert_eq!(storage, genesis(&spec(), BLOCK).unwrap());
    let face = |code: &str| face_address(code.parse().unwrap());
    let addresses: Vec<_> = storage.keys().copied().collect();
    let engines: Vec<_> = crate::engine_addresses().collect();
    assert_eq!(addresses, [engines, vec![face("EUR"), face("USD")]].concat());
    assert!(storage[&LEDGER].len() > 10 && storage[&face("USD")].is_empty());
    assert!(storage.values().flat_map(|slots| slots.values()).all(|value| !value.is_zero()));
}

#[test]
fn an_empty_specification_is_an_empty_ledger_that_nobody_rules() {
    let storage = genesis(&LedgerSpec::default(), BLOCK).unwrap();
    assert_eq!(storage.len(), crate::engine_addresses().count());
    assert!(storage.values().all(BTreeMap::is_empty));
}

#[test]
fn a_wrong_entry_is_named() {
    let change = |edit: &dyn Fn(&mut LedgerSpec)| {
        let mut spec = spec();
        edit(&mut spec);
        genesis(&spec, BLOCK).unwrap_err().to_string()
    };
    let cases = [
        (
            change(&|s| s.currencies[1].code = "eur".into()),
            "currency eur: \"eur\" is not a currency code",
        ),
        (
            change(&|s| s.currencies[0].supply_cap = "1.234".into()),
            "currency USD: \"1.234\": 3 digits",
        ),
        (change(&|s| s.currencies[1].code = "USD".into()), "CurrencyExists"),
        (
            change(&|s| s.accounts[1].account_type = "PERSON".into()),
            "\"PERSON\" is not one of RETAIL",
        ),
        (change(&|s| s.accounts[1].jurisdiction = "CHE".into()), "a jurisdiction is two letters"),
        (change(&|s| s.accounts[1].id = ALICE), "AccountExists"),
        (
            change(&|s| drop(s.accounts[0].balances.insert("USD".into(), "-1".into()))),
            "balance in USD: \"-1\"",
        ),
        (
            change(&|s| drop(s.accounts[0].balances.insert("USD".into(), "9999999".into()))),
            "SupplyCapExceeded",
        ),
        (
            change(&|s| drop(s.accounts[0].balances.insert("JPY".into(), "1".into()))),
            "UnknownCurrency",
        ),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "{message:?} does not contain {part:?}");
    }
}
