//! The door: which calls come in, and in which order they are refused.

use alloy_primitives::{Address, FixedBytes, address};
use alloy_sol_types::{SolCall, SolInterface};

use super::*;
use crate::testing::{ALICE, BOB, USD, World, XXX, payment};
use crate::{ICurrencyToken, ILedger, Refusal};

const USD_FACE: Address = address!("0x5158C00000000000000000000000000000555344");
const FEED_FACE: Address = address!("0x5158F00000000000000000000000000001020304");
const FACES: (&str, &str) = ("ICurrencyToken", "IPriceFeed");

#[test]
fn addresses_of_engines_are_the_recorded_ones_and_no_others() {
    let usd: Currency = "USD".parse().unwrap();
    assert_eq!(face_address(usd), USD_FACE);
    assert_eq!(face_currency(USD_FACE), Some(usd));
    assert_eq!(price_feed_address(0x0102_0304), FEED_FACE);
    assert_eq!(price_feed_number(FEED_FACE), Some(0x0102_0304));
    assert_eq!((ENGINES[FACE].interface, ENGINES[PRICE_FEED].interface), FACES);
    let numbers: Vec<u8> = engine_addresses().map(|address| address.0[19]).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 8, 9, 10]);
    assert!(numbers.is_sorted());
    for (address, expected) in [
        (ACCOUNTS, true),
        (LEDGER, true),
        (USD_FACE, true),
        (address!("0x5158C0000000000000000000000000000041415A"), true),
        (address!("0x5158C00000000000000000000000000000757364"), false),
        (address!("0x5158C00000000000000000000000000001555344"), false),
        (address!("0x5158C00000000000000000000000000000000000"), false),
        (FEED_FACE, true),
        (address!("0x5158f000000000000000000000000000ffffffff"), true),
        (address!("0x5158f00000000000000000000000000000000000"), false),
        (address!("0x5158f00000000000000000000000000100000001"), false),
        (address!("0x515800000000000000000000000000000000000b"), false),
        (address!("0x5158000000000000000000000000000000555344"), false),
        (Address::ZERO, false),
        (ALICE, false),
    ] {
        assert_eq!(is_engine(address), expected, "{address}");
    }
}

#[test]
fn every_function_of_an_abi_is_found_and_nothing_else_is() {
    for (index, engine) in engines().iter().enumerate() {
        for function in (engine.abi)().functions() {
            let writes = function.state_mutability == StateMutability::NonPayable;
            let expected = if writes { Mutability::Write } else { Mutability::View };
            let selector = function.selector().0;
            assert_eq!(mutability(index, selector), Some(expected), "{}", function.name);
        }
        for selector in [[0; 4], [0xff; 4], *b"pay!"] {
            assert_eq!(mutability(index, selector), None);
        }
    }
}

/// What is wrong with a call, from the first check to the last.
#[derive(Clone, Copy, Default)]
struct Wrong {
    delegate: bool,
    value: bool,
    selector: bool,
    is_static: bool,
    encoding: bool,
    rule: bool,
}

#[test]
fn the_first_check_that_fails_names_the_error() {
    let yes = true;
    let all = Wrong {
        delegate: yes,
        value: yes,
        selector: yes,
        is_static: yes,
        encoding: yes,
        rule: yes,
    };
    let no_delegate = Wrong { delegate: false, ..all };
    let no_value = Wrong { value: false, ..no_delegate };
    let no_selector = Wrong { selector: false, ..no_value };
    let no_static = Wrong { is_static: false, ..no_selector };
    let no_encoding = Wrong { encoding: false, ..no_static };
    let cases: [(Wrong, Option<Refusal>); 7] = [
        (all, Some(IQenexErrors::DelegateCallNotAllowed {}.into())),
        (no_delegate, Some(IQenexErrors::ValueNotAccepted {}.into())),
        (
            no_value,
            Some(IQenexErrors::UnknownFunction { selector: FixedBytes([1, 2, 3, 4]) }.into()),
        ),
        (no_selector, Some(IQenexErrors::StaticCallNotAllowed {}.into())),
        (no_static, Some(IQenexErrors::MalformedCall {}.into())),
        (no_encoding, Some(IQenexErrors::ZeroAmount {}.into())),
        (Wrong::default(), None),
    ];
    for (wrong, expected) in cases {
        let mut input = payment(1, ALICE, BOB, if wrong.rule { 0 } else { 5 }).abi_encode();
        if wrong.selector {
            input[..4].copy_from_slice(&[1, 2, 3, 4]);
        }
        if wrong.encoding {
            input[4 + 2 * 32] = 1; // above the 20 bytes of the payee
        }
        let call = Call {
            has_value: wrong.value,
            is_static: wrong.is_static,
            is_delegate: wrong.delegate,
            ..Call::new(ALICE, LEDGER, &input)
        };
        let mut world = World::new();
        let before = world.host.clone().into_storage();
        let outcome = world.raw(&call).unwrap();
        match expected {
            None => assert!(outcome.is_success()),
            Some(refusal) => {
                assert_eq!(outcome, Outcome::Revert(refusal.abi_encode().into()));
                assert_eq!(world.host.into_storage(), before);
            }
        }
    }
}

#[test]
fn call_data_must_be_canonical() {
    let good = payment(1, ALICE, BOB, 5).abi_encode();
    let dirty = |index: usize| {
        let mut input = good.clone();
        input[index] ^= 1;
        input
    };
    for (input, what) in [
        (dirty(4 + 16), "right of a bytes16"),
        (dirty(4 + 32), "left of an address"),
        (dirty(4 + 4 * 32 - 1), "right of a bytes3"),
        (dirty(4 + 4 * 32), "left of a uint128"),
        (good[..good.len() - 1].to_vec(), "a byte too short"),
        (good[..4].to_vec(), "no arguments"),
    ] {
        let outcome = World::new().raw(&Call::new(ALICE, LEDGER, &input)).unwrap();
        let refusal = Refusal::from(IQenexErrors::MalformedCall {});
        assert_eq!(outcome, Outcome::Revert(refusal.abi_encode().into()), "{what}");
    }
}

#[test]
fn a_selector_that_is_cut_short_is_no_function() {
    for (input, selector) in [(vec![], [0; 4]), (vec![0xa9, 0x05], [0xa9, 0x05, 0, 0])] {
        for engine in [ACCOUNTS, LEDGER, USD_FACE, FEED_FACE] {
            let outcome = World::new().raw(&Call::new(ALICE, engine, &input)).unwrap();
            let refusal =
                Refusal::from(IQenexErrors::UnknownFunction { selector: selector.into() });
            assert_eq!(outcome, Outcome::Revert(refusal.abi_encode().into()));
        }
    }
}

#[test]
fn the_face_of_an_unregistered_currency_refuses_everything() {
    let mut world = World::new();
    let face = face_address("XXX".parse().unwrap());
    let unknown = Refusal::from(IQenexErrors::UnknownCurrency { currency: XXX });
    assert_eq!(world.refused(ALICE, face, &ICurrencyToken::nameCall {}), unknown);
    let transfer = ICurrencyToken::transferCall { to: BOB, value: Default::default() };
    assert_eq!(world.refused(ALICE, face, &transfer), unknown);
}

#[test]
fn views_run_inside_static_calls_and_write_nothing() {
    let mut world = World::new();
    let input = ILedger::balanceOfCall { account: ALICE, currency: USD }.abi_encode();
    let call = Call { is_static: true, ..Call::new(BOB, LEDGER, &input) };
    let before = world.host.clone().into_storage();
    assert!(world.raw(&call).unwrap().is_success());
    assert_eq!(world.host.into_storage(), before);
}

#[test]
fn a_call_to_no_engine_is_refused_not_fatal() {
    let outcome = World::new().raw(&Call::new(ALICE, BOB, &[1, 2, 3, 4])).unwrap();
    assert!(!outcome.is_success());
}

/// And so is made with too little gas, at every place where gas can run out ([`World::ok`]).
#[test]
fn every_function_is_called_by_a_test() {
    fn sources(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let of_tests = path.iter().any(|part| part == "tests" || part == "tests.rs");
            if path.is_dir() {
                sources(&path, text);
            } else if of_tests {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    for engine in engines() {
        for function in (engine.abi)().functions() {
            let call = format!("{}Call", function.name);
            let called = text.match_indices(&call).any(|(at, _)| {
                !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            });
            assert!(called, "no test calls {} of {}", function.name, engine.interface);
        }
    }
}
