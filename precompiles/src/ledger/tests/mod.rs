//! Ledger: currencies, issues, transfers, references; refusals in their order; gas and slots.

use alloy_primitives::U256;

use super::records::{
    ALLOWANCES, FACE_POSTINGS, Parties, Settlement, TRANSFERS, face_reference, is_client_reference,
    settlement_reference, transfer_id,
};
use super::*;
use crate::storage::{Narrow, Seconds, Word};
use crate::testing::{
    ADMIN, ALICE, BOB, CAROL, CLOSED, EUR, FROZEN, ISSUER, NOBODY, OFFICER, REGISTRAR, STRANGER,
    TREASURY, USD, World, XXX, freezing, issuing, payment, reference,
};
use crate::{IRisk, Outcome, RISK, Refusal};

fn registering(code: &[u8; 3]) -> ILedger::registerCurrencyCall {
    ILedger::registerCurrencyCall {
        code: FixedBytes(*code),
        exponent: 3,
        name: "Bahraini dinar".into(),
        issuer: ISSUER,
        cap: 5_000,
    }
}

mod many;
mod waiting;

#[test]
fn a_registered_currency_has_its_terms_and_its_face() {
    let mut world = World::new();
    world.ok(ADMIN, LEDGER, &registering(b"BHD"));
    let code = FixedBytes(*b"BHD");
    let terms = world.ok(BOB, LEDGER, &ILedger::currencyCall { code });
    assert_eq!((terms.exponent, terms.name.as_str(), terms.issuer), (3, "Bahraini dinar", ISSUER));
    assert_eq!((terms.cap, terms.active, world.supply(code)), (5_000, true, 0));
    assert!(world.host.marks().contains(&face_address("BHD".parse().unwrap())));
}

#[test]
fn wrong_registrations_are_refused() {
    let bhd = registering(b"BHD");
    let with_name = |name: &str| ILedger::registerCurrencyCall { name: name.into(), ..bhd.clone() };
    let cases: Vec<(Address, ILedger::registerCurrencyCall, Refusal)> = vec![
        (REGISTRAR, bhd.clone(), IQenexErrors::NotAuthorised { caller: REGISTRAR }.into()),
        (
            ADMIN,
            registering(b"bhd"),
            IQenexErrors::InvalidCurrencyCode { currency: FixedBytes(*b"bhd") }.into(),
        ),
        (
            ADMIN,
            ILedger::registerCurrencyCall { exponent: 19, ..bhd.clone() },
            IQenexErrors::InvalidExponent { exponent: 19 }.into(),
        ),
        (ADMIN, with_name(""), IQenexErrors::InvalidName {}.into()),
        (ADMIN, with_name(&"x".repeat(32)), IQenexErrors::InvalidName {}.into()),
        (
            ADMIN,
            ILedger::registerCurrencyCall { issuer: Address::ZERO, ..bhd.clone() },
            IQenexErrors::InvalidAccount { account: Address::ZERO }.into(),
        ),
        (ADMIN, registering(b"USD"), IQenexErrors::CurrencyExists { currency: USD }.into()),
    ];
    for (caller, call, expected) in cases {
        assert_eq!(World::new().refused(caller, LEDGER, &call), expected);
    }
    World::new().ok(ADMIN, LEDGER, &with_name(&"x".repeat(31)));
}

#[test]
fn an_issue_raises_supply_and_balance_up_to_the_cap() {
    let mut world = World::new();
    let before = world.supply(USD);
    let id = world.ok(ISSUER, LEDGER, &issuing(1, BOB, 250));
    assert_eq!((world.supply(USD), world.posted(BOB, USD)), (before + 250, 1_250));
    let record = world.ok(
        BOB,
        LEDGER,
        &ILedger::transferOfCall { account: ISSUER, clientReference: reference(1) },
    );
    assert_eq!((record.id, record.from, record.to, record.kind), (id, Address::ZERO, BOB, 2));

    let cap = 100_000_000;
    let rest = cap - before - 250;
    let refusal = world.refused(ISSUER, LEDGER, &issuing(2, BOB, rest + 1));
    let expected = IQenexErrors::SupplyCapExceeded { cap, supply: before + 250, amount: rest + 1 };
    assert_eq!(refusal, expected.into());
    world.ok(ISSUER, LEDGER, &issuing(2, BOB, rest));
    assert_eq!(world.supply(USD), cap);
}

#[test]
fn wrong_issues_are_refused() {
    let good = issuing(1, BOB, 5);
    let cases: Vec<(Address, ILedger::issueCall, Refusal)> = vec![
        (ADMIN, good.clone(), IQenexErrors::NotAuthorised { caller: ADMIN }.into()),
        (
            ISSUER,
            ILedger::issueCall { clientReference: FixedBytes::ZERO, ..good.clone() },
            IQenexErrors::InvalidReference {}.into(),
        ),
        (
            ISSUER,
            ILedger::issueCall { currency: XXX, ..good.clone() },
            IQenexErrors::UnknownCurrency { currency: XXX }.into(),
        ),
        (ISSUER, issuing(1, BOB, 0), IQenexErrors::ZeroAmount {}.into()),
        (ISSUER, issuing(1, NOBODY, 5), IQenexErrors::UnknownAccount { account: NOBODY }.into()),
        (
            ISSUER,
            issuing(1, CLOSED, 5),
            IQenexErrors::AccountNotActive { account: CLOSED, status: 5 }.into(),
        ),
        (
            ISSUER,
            issuing(1, BOB, u128::MAX),
            IQenexErrors::SupplyCapExceeded {
                cap: 100_000_000,
                supply: 136_000,
                amount: u128::MAX,
            }
            .into(),
        ),
    ];
    for (caller, call, expected) in cases {
        assert_eq!(World::new().refused(caller, LEDGER, &call), expected);
    }
}

#[test]
fn a_transfer_moves_money_and_is_found_by_its_reference() {
    let mut world = World::new();
    let call = ILedger::transferCall {
        endToEndId: B256::repeat_byte(1),
        payloadHash: B256::repeat_byte(2),
        ..payment(42, ALICE, BOB, 1_234)
    };
    let id = world.ok(ALICE, LEDGER, &call);
    assert_eq!(id, transfer_id(ALICE, reference(42)));
    assert_eq!((world.posted(ALICE, USD), world.posted(BOB, USD)), (98_766, 2_234));

    let query = ILedger::transferOfCall { account: ALICE, clientReference: reference(42) };
    let record = world.ok(STRANGER, LEDGER, &query);
    assert_eq!((record.id, record.from, record.to, record.currency), (id, ALICE, BOB, USD));
    assert_eq!((record.amount, record.kind, record.status), (1_234, 1, 4));
    assert_eq!((record.blockNumber, record.timestamp), (8, 1_800_000_001));
    assert_eq!((record.endToEndId, record.payloadHash), (call.endToEndId, call.payloadHash));

    let event = ILedger::Settled::decode_log_data_validate(&world.host.logs()[0].data).unwrap();
    assert_eq!((event.id, event.from, event.to, event.currency), (id, ALICE, BOB, USD));
    assert_eq!((event.amount, event.clientReference), (1_234, reference(42)));
    assert_eq!((event.endToEndId, event.payloadHash), (call.endToEndId, call.payloadHash));
}

#[test]
fn the_owner_pays_from_every_account_of_his() {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &payment(1, TREASURY, BOB, 100));
    assert_eq!(world.posted(TREASURY, USD), 29_900);
    let refusal = world.refused(TREASURY, LEDGER, &payment(2, TREASURY, BOB, 100));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: TREASURY }.into());
}

#[test]
fn a_replay_gives_the_first_result_and_has_no_effect() {
    let mut world = World::new();
    let call = payment(1, ALICE, BOB, 5);
    let id = world.ok(ALICE, LEDGER, &call);
    let (state, logs) = (world.host.clone().into_storage(), world.host.logs().len());
    world.host.set_block(crate::Block { number: 99, timestamp: 1_900_000_000, chain_id: 1 });
    assert_eq!(world.ok(ALICE, LEDGER, &call), id);
    assert_eq!((world.host.clone().into_storage(), world.host.logs().len()), (state, 0));
    assert_eq!(logs, 3);

    let issue = issuing(1, BOB, 5);
    let id = world.ok(ISSUER, LEDGER, &issue);
    let state = world.host.clone().into_storage();
    assert_eq!(world.ok(ISSUER, LEDGER, &issue), id);
    assert_eq!(world.host.into_storage(), state);
}

#[test]
fn a_replay_is_answered_whatever_happened_since() {
    let mut world = World::new();
    let all = payment(1, ALICE, BOB, 100_000);
    let id = world.ok(ALICE, LEDGER, &all);
    world.ok(OFFICER, crate::COMPLIANCE, &freezing(ALICE, 3));
    world.ok(ADMIN, LEDGER, &ILedger::setCurrencyActiveCall { code: USD, active: false });
    assert_eq!(world.ok(ALICE, LEDGER, &all), id);
    let refusal = world.refused(STRANGER, LEDGER, &all);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: STRANGER }.into());
}

#[test]
fn a_used_reference_with_other_content_names_the_first_difference() {
    let first = payment(1, ALICE, BOB, 5);
    let one = B256::repeat_byte(1);
    let cases = [
        ("to", ILedger::transferCall { to: CAROL, amount: 6, ..first.clone() }),
        ("currency", ILedger::transferCall { currency: EUR, amount: 6, ..first.clone() }),
        ("currency", ILedger::transferCall { currency: XXX, ..first.clone() }),
        ("amount", ILedger::transferCall { amount: 6, payloadHash: one, ..first.clone() }),
        ("amount", ILedger::transferCall { amount: 0, ..first.clone() }),
        (
            "endToEndId",
            ILedger::transferCall { endToEndId: one, payloadHash: one, ..first.clone() },
        ),
        ("payloadHash", ILedger::transferCall { payloadHash: one, ..first.clone() }),
    ];
    for (field, call) in cases {
        let mut world = World::new();
        world.ok(ALICE, LEDGER, &first);
        let refusal = world.refused(ALICE, LEDGER, &call);
        assert_eq!(refusal, IQenexErrors::ReferenceConflict { field: field.into() }.into());
    }
}

#[test]
fn an_issuers_issues_and_payments_share_his_references() {
    let mut world = World::new();
    let open = crate::IAccounts::openCall {
        account: ISSUER,
        owner: ISSUER,
        accountType: 3,
        jurisdiction: FixedBytes(*b"CH"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, crate::ACCOUNTS, &open);
    world.ok(ISSUER, LEDGER, &issuing(1, BOB, 5));
    let refusal = world.refused(ISSUER, LEDGER, &payment(1, ISSUER, BOB, 5));
    assert_eq!(refusal, IQenexErrors::ReferenceConflict { field: "kind".into() }.into());
}

#[test]
fn two_accounts_may_use_the_same_reference() {
    let mut world = World::new();
    let first = world.ok(ALICE, LEDGER, &payment(1, ALICE, CAROL, 5));
    let second = world.ok(BOB, LEDGER, &payment(1, BOB, CAROL, 5));
    assert_ne!(first, second);
    assert_eq!(world.posted(CAROL, USD), 10);
}

#[test]
fn every_refusal_of_a_transfer_leaves_no_trace_and_the_order_is_fixed() {
    // Each case is wrong in what it is named for and in everything after it.
    let base = payment(1, FROZEN, NOBODY, 1_000_000);
    let cases: Vec<(Address, ILedger::transferCall, Refusal)> = vec![
        (
            STRANGER,
            ILedger::transferCall {
                clientReference: FixedBytes::ZERO,
                from: NOBODY,
                ..base.clone()
            },
            IQenexErrors::InvalidReference {}.into(),
        ),
        (
            STRANGER,
            ILedger::transferCall { clientReference: face_reference(0), ..base.clone() },
            IQenexErrors::InvalidReference {}.into(),
        ),
        (
            STRANGER,
            payment(1, NOBODY, NOBODY, 0),
            IQenexErrors::UnknownAccount { account: NOBODY }.into(),
        ),
        (
            STRANGER,
            payment(1, FROZEN, FROZEN, 0),
            IQenexErrors::NotAuthorised { caller: STRANGER }.into(),
        ),
        (
            FROZEN,
            ILedger::transferCall { currency: XXX, ..base.clone() },
            IQenexErrors::UnknownCurrency { currency: XXX }.into(),
        ),
        (FROZEN, base, IQenexErrors::UnknownAccount { account: NOBODY }.into()),
        (FROZEN, payment(1, FROZEN, FROZEN, 0), IQenexErrors::ZeroAmount {}.into()),
        (FROZEN, payment(1, FROZEN, FROZEN, 1), IQenexErrors::SameAccount {}.into()),
        (
            FROZEN,
            payment(1, FROZEN, CLOSED, 1_000_000),
            IQenexErrors::Frozen { account: FROZEN, side: 1 }.into(),
        ),
        (
            ALICE,
            payment(1, ALICE, CLOSED, 1_000_000),
            IQenexErrors::AccountNotActive { account: CLOSED, status: 5 }.into(),
        ),
        (
            ALICE,
            payment(1, ALICE, FROZEN, 1_000_000),
            IQenexErrors::Frozen { account: FROZEN, side: 2 }.into(),
        ),
        (
            ALICE,
            payment(1, ALICE, BOB, 100_001),
            IQenexErrors::InsufficientFunds { available: 100_000, needed: 100_001 }.into(),
        ),
    ];
    for (caller, call, expected) in cases {
        assert_eq!(World::new().refused(caller, LEDGER, &call), expected);
    }
}

#[test]
fn a_suspended_currency_is_not_posted() {
    let mut world = World::new();
    let suspend = ILedger::setCurrencyActiveCall { code: USD, active: false };
    let refusal = world.refused(ISSUER, LEDGER, &suspend);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ISSUER }.into());
    world.ok(ADMIN, LEDGER, &suspend);
    let refusal = world.refused(ALICE, LEDGER, &payment(1, ALICE, BOB, 1));
    assert_eq!(refusal, IQenexErrors::CurrencyNotActive { currency: USD }.into());
    world.ok(ADMIN, LEDGER, &ILedger::setCurrencyActiveCall { code: USD, active: true });
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 1));
}

#[test]
fn views_name_what_is_unknown() {
    let mut world = World::new();
    let unknown = Refusal::from(IQenexErrors::UnknownCurrency { currency: XXX });
    assert_eq!(world.refused(BOB, LEDGER, &ILedger::currencyCall { code: XXX }), unknown);
    assert_eq!(world.refused(BOB, LEDGER, &ILedger::supplyCall { code: XXX }), unknown);
    let call = ILedger::balanceOfCall { account: ALICE, currency: XXX };
    assert_eq!(world.refused(BOB, LEDGER, &call), unknown);
    assert_eq!(world.posted(NOBODY, USD), 0);
    let call = ILedger::transferOfCall { account: ALICE, clientReference: reference(9) };
    let expected = IQenexErrors::TransferNotFound { account: ALICE, clientReference: reference(9) };
    assert_eq!(world.refused(BOB, LEDGER, &call), expected.into());
}

/// Slots, and gas before refunds, all slots cold, without the transaction's own 21,000 and call data:
/// change these figures only on purpose.
#[test]
fn usual_calls_touch_few_slots() {
    let memo = B256::repeat_byte(1);
    let mut world = World::new();
    let face = face_address("USD".parse().unwrap());
    let send = crate::ICurrencyToken::transferCall { to: CAROL, value: U256::from(1) };
    let most = ILedger::transferCall {
        endToEndId: memo,
        payloadHash: memo,
        ..payment(3, ALICE, CAROL, 100_000 - 2)
    };
    let mut figures = Vec::new();
    let mut measure = |name: &str, world: &World| {
        let host = &world.host;
        figures.push((name.to_owned(), host.slots_touched(), host.gas_used()));
    };
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 1));
    measure("first payment", &world);
    world.ok(ALICE, LEDGER, &payment(2, ALICE, BOB, 1));
    measure("second payment", &world);
    world.ok(ALICE, LEDGER, &most);
    measure("with memo and holdings", &world);
    world.ok(ALICE, LEDGER, &most);
    measure("replay", &world);
    world.ok(ISSUER, LEDGER, &issuing(1, BOB, 1));
    measure("issue", &world);
    world.ok(BOB, face, &send);
    world.ok(BOB, face, &send);
    measure("second payment through the face", &world);
    let expected = [
        ("first payment", 12, 161_024),
        ("second payment", 12, 89_724),
        ("with memo and holdings", 16, 215_308),
        ("replay", 5, 11_650),
        ("issue", 8, 70_146),
        ("second payment through the face", 12, 52_651),
    ];
    assert_eq!(figures, expected.map(|(name, slots, gas)| (name.to_owned(), slots, gas)));
}

#[test]
fn running_out_of_gas_anywhere_changes_nothing() {
    let mut world = World::new();
    let call = ILedger::transferCall {
        endToEndId: B256::repeat_byte(1),
        payloadHash: B256::repeat_byte(2),
        ..payment(2, ALICE, CAROL, 100_000)
    };
    let input = call.abi_encode();
    let call = Call::new(ALICE, LEDGER, &input);
    let start = world.host.clone();
    world.raw(&call).unwrap();
    let full = world.host.gas_used();
    for limit in 0..full {
        let mut host = start.clone();
        host.begin_transaction(Some(limit));
        assert_eq!(host.call(&call), Err(HostError::OutOfGas), "{limit} of {full}");
        assert!(host.changes(LEDGER).is_empty() && host.changes(crate::RISK).is_empty());
        assert_eq!(host.logs(), start.logs());
    }
    let mut host = start;
    host.begin_transaction(Some(full));
    assert!(matches!(host.call(&call), Ok(Outcome::Success(_))));
}

fn hash(words: [U256; 2]) -> U256 {
    let bytes: Vec<u8> = words.iter().flat_map(U256::to_be_bytes::<32>).collect();
    U256::from_be_bytes(alloy_primitives::keccak256(bytes).0)
}

#[test]
fn the_layout_is_the_recorded_one() {
    let usd: Currency = "USD".parse().unwrap();
    // `bytes3` pads to the right, `address` to the left, as Solidity does.
    let usd_key = U256::from(0x55_53_44) << 232;
    let alice = U256::from_be_bytes(ALICE.into_word().0);
    let bob = U256::from_be_bytes(BOB.into_word().0);
    let slot = |n: u64| U256::from(n);
    let currency = CURRENCIES.entry(&usd);
    let base = hash([usd_key, slot(0)]);
    assert_eq!(currency.terms.number(), base);
    assert_eq!(currency.outstanding.number(), base + slot(1));
    assert_eq!(currency.name.number(), base + slot(2));
    let balance = BALANCES.entry(&ALICE).entry(&usd).number();
    assert_eq!(balance, hash([usd_key, hash([alice, slot(1)])]));
    let id = transfer_id(ALICE, reference(1));
    let record = TRANSFERS.entry(&id);
    let base = hash([U256::from_be_bytes(id.0), slot(2)]);
    assert_eq!(record.parties.number(), base);
    assert_eq!(record.settlement.number(), base + slot(1));
    assert_eq!(record.end_to_end_id.number(), base + slot(2));
    assert_eq!(record.payload_hash.number(), base + slot(3));
    assert_eq!(HOLDINGS.entry(&ALICE).number(), hash([alice, slot(3)]));
    assert_eq!(FACE_POSTINGS.entry(&ALICE).number(), hash([alice, slot(4)]));
    let allowance = ALLOWANCES.entry(&usd).entry(&ALICE).entry(&BOB).number();
    assert_eq!(allowance, hash([bob, hash([alice, hash([usd_key, slot(5)])])]));
}

#[test]
fn the_packing_is_the_recorded_one() {
    let words = [
        (
            Balance { posted: 1, held: 2 }.to_word(),
            "0x0000000000000000000000000000000200000000000000000000000000000001",
        ),
        (
            Terms { issuer: Address::repeat_byte(0x11), exponent: 2 }.to_word(),
            "0x0000000000000000000000021111111111111111111111111111111111111111",
        ),
        (
            Outstanding { supply: 3, cap: 4 }.to_word(),
            "0x0000000000000000000000000000000400000000000000000000000000000003",
        ),
        (
            Parties {
                to: Address::repeat_byte(0x22),
                currency: Some("USD".parse().unwrap()),
                kind: Some(TransferKind::Issue),
                status: Some(qenex_types::TransferStatus::Settled),
                authorisation: Some(qenex_types::Authorisation::Issuer),
                score: 0x0304,
                rules: 0x0506,
            }
            .to_word(),
            "0x0000050603040504025553442222222222222222222222222222222222222222",
        ),
        (
            Settlement {
                amount: 5,
                block: Narrow::new(6_u64),
                timestamp: Seconds::new(7_u64),
                expires: Seconds::new(8_u64),
            }
            .to_word(),
            "0x0000000008000000000700000000000600000000000000000000000000000005",
        ),
        (
            ShortString::new("Euro".into()).unwrap().to_word(),
            "0x4575726f00000000000000000000000000000000000000000000000000000008",
        ),
    ];
    for (word, expected) in words {
        assert_eq!(word, expected.parse::<U256>().unwrap());
    }
}

#[test]
fn references_of_clients_and_of_faces_do_not_meet() {
    assert!(!is_client_reference(FixedBytes::ZERO));
    assert!(
        !is_client_reference(face_reference(0)) && !is_client_reference(face_reference(u64::MAX))
    );
    let settlement = settlement_reference(&B256::repeat_byte(0xff));
    assert!(!is_client_reference(settlement) && settlement[3] != face_reference(u64::MAX)[3]);
    assert!(is_client_reference(reference(1)) && is_client_reference(reference(u128::MAX >> 1)));
    assert_eq!(
        face_reference(3),
        FixedBytes::from_slice(&[[0xff; 8], 3_u64.to_be_bytes()].concat())
    );
}

#[test]
fn a_transfer_id_is_the_hash_of_account_and_reference() {
    // keccak256 of 36 bytes, computed with another implementation.
    let id = transfer_id(Address::ZERO, FixedBytes::ZERO);
    assert_eq!(id, alloy_primitives::keccak256([0; 36]));
}

#[test]
fn currencies_are_listed_and_a_cap_is_never_below_the_supply() {
    let mut world = World::new();
    let list = |world: &mut World| world.ok(STRANGER, LEDGER, &ILedger::currenciesCall {});
    assert_eq!(list(&mut world), [EUR, USD]);
    let register = ILedger::registerCurrencyCall {
        code: XXX,
        exponent: 0,
        name: "Tokens".into(),
        issuer: ISSUER,
        cap: 7,
    };
    world.ok(ADMIN, LEDGER, &register);
    assert_eq!(list(&mut world), [XXX, EUR, USD]);
    world.ok(ISSUER, LEDGER, &ILedger::issueCall { currency: XXX, ..issuing(1, BOB, 5) });
    let cap = |cap| ILedger::setCapCall { code: XXX, cap };
    let foreign = world.refused(ISSUER, LEDGER, &cap(9));
    assert_eq!(foreign, IQenexErrors::NotAuthorised { caller: ISSUER }.into());
    let low = IQenexErrors::SupplyCapExceeded { cap: 4, supply: 5, amount: 0 };
    assert_eq!(world.refused(ADMIN, LEDGER, &cap(4)), low.into());
    world.ok(ADMIN, LEDGER, &cap(5));
    let more = ILedger::issueCall { currency: XXX, ..issuing(2, BOB, 1) };
    let full = IQenexErrors::SupplyCapExceeded { cap: 5, supply: 5, amount: 1 };
    assert_eq!(world.refused(ISSUER, LEDGER, &more), full.into());
}

#[test]
fn what_the_rules_remember_of_a_payer_can_be_read() {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 300));
    world.ok(ALICE, LEDGER, &payment(2, ALICE, BOB, 300));
    let flow = world.ok(STRANGER, RISK, &IRisk::flowCall { account: ALICE, currency: USD });
    assert_eq!((flow.payments, flow.outgoing, flow.dayOutgoing), (2, 600, 600));
    let received = world.ok(STRANGER, RISK, &IRisk::flowCall { account: BOB, currency: USD });
    assert_eq!((received.incoming, received.outgoing), (600, 0));
    let habit = world.ok(STRANGER, RISK, &IRisk::habitCall { account: ALICE, currency: USD });
    assert_eq!((habit.mean, habit.last, habit.payments, habit.repeats), (300, 300, 2, 1));
    assert_eq!(habit.thirtyDaysOutgoing, 600);
    let pair = world.ok(STRANGER, RISK, &IRisk::pairCall { payer: ALICE, payee: BOB });
    assert_eq!(pair.first, world.now());
    let never = world.ok(STRANGER, RISK, &IRisk::pairCall { payer: BOB, payee: ALICE });
    assert_eq!((never.first, never.lastDay), (0, 0));
}
