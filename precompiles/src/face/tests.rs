//! The ERC-20 face: the same money as the ledger, in the words of wallets.

use super::*;
use crate::testing::ISSUER;
use crate::testing::{
    ALICE, BOB, CAROL, FROZEN, NOBODY, STRANGER, TREASURY, USD, World, holding, issuing, payment, u,
};
use crate::{ILedger, LEDGER};

fn usd() -> Address {
    face_address("USD".parse().unwrap())
}

fn transfer(to: Address, value: u128) -> ICurrencyToken::transferCall {
    ICurrencyToken::transferCall { to, value: u(value) }
}

fn approve(spender: Address, value: U256) -> ICurrencyToken::approveCall {
    ICurrencyToken::approveCall { spender, value }
}

fn transfer_from(from: Address, to: Address, value: u128) -> ICurrencyToken::transferFromCall {
    ICurrencyToken::transferFromCall { from, to, value: u(value) }
}

fn allowance(world: &mut World, owner: Address, spender: Address) -> U256 {
    world.ok(BOB, usd(), &ICurrencyToken::allowanceCall { owner, spender })
}

#[test]
fn it_shows_the_currency() {
    let mut world = World::new();
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::nameCall {}), "US dollar");
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::symbolCall {}), "USD");
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::decimalsCall {}), 2);
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::totalSupplyCall {}), u(136_000));
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::balanceOfCall { account: ALICE }), u(100_000));
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::balanceOfCall { account: NOBODY }), u(0));
    world.ok(ALICE, LEDGER, &holding(7, ALICE, BOB, 40_000));
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::balanceOfCall { account: ALICE }), u(60_000));
}

#[test]
fn a_transfer_moves_the_ledgers_balances_and_both_speak_of_it() {
    let mut world = World::new();
    assert!(world.ok(ALICE, usd(), &transfer(CAROL, 1_234)));
    assert_eq!((world.posted(ALICE, USD), world.posted(CAROL, USD)), (98_766, 1_234));
    let [settled, moved, assessed] = world.host.logs() else { panic!("three logs") };
    assert_eq!(assessed.address, crate::RISK, "a new payee of a young account");
    let event = ILedger::Settled::decode_log_data_validate(&settled.data).unwrap();
    assert_eq!(
        (settled.address, event.from, event.to, event.amount),
        (LEDGER, ALICE, CAROL, 1_234)
    );
    assert_eq!(event.clientReference.as_slice(), [[0xff; 8], [0; 8]].concat());
    let event = ICurrencyToken::Transfer::decode_log_data_validate(&moved.data).unwrap();
    assert_eq!((moved.address, event.from, event.to, event.value), (usd(), ALICE, CAROL, u(1_234)));
}

#[test]
fn equal_transfers_are_two_transfers_with_two_ids() {
    let mut world = World::new();
    world.ok(ALICE, usd(), &transfer(CAROL, 1));
    world.ok(ALICE, usd(), &transfer(CAROL, 1));
    assert_eq!(world.posted(CAROL, USD), 2);
    let ids: Vec<_> = world
        .host
        .logs()
        .iter()
        .filter_map(|log| ILedger::Settled::decode_log_data_validate(&log.data).ok())
        .map(|event| event.id)
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_posting_by_the_ledger_shows_on_the_face() {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 5));
    world.ok(ISSUER, LEDGER, &issuing(1, BOB, 7));
    let seen: Vec<_> = world
        .host
        .logs()
        .iter()
        .filter(|log| log.address == usd())
        .map(|log| ICurrencyToken::Transfer::decode_log_data_validate(&log.data).unwrap())
        .map(|event| (event.from, event.to, event.value))
        .collect();
    assert_eq!(seen, [(ALICE, BOB, u(5)), (Address::ZERO, BOB, u(7))]);
}

#[test]
fn an_allowance_is_used_up_and_the_greatest_is_not() {
    let mut world = World::new();
    world.ok(ALICE, usd(), &approve(STRANGER, u(100)));
    world.ok(STRANGER, usd(), &transfer_from(ALICE, BOB, 60));
    assert_eq!(allowance(&mut world, ALICE, STRANGER), u(40));
    let refusal = world.refused(STRANGER, usd(), &transfer_from(ALICE, BOB, 41));
    assert_eq!(
        refusal,
        IQenexErrors::ERC20InsufficientAllowance {
            spender: STRANGER,
            allowance: u(40),
            needed: u(41)
        }
        .into()
    );
    world.ok(ALICE, usd(), &approve(STRANGER, U256::MAX));
    world.ok(STRANGER, usd(), &transfer_from(ALICE, BOB, 60));
    assert_eq!(allowance(&mut world, ALICE, STRANGER), U256::MAX);
    assert_eq!(world.posted(BOB, USD), 1_120);
}

#[test]
fn an_allowance_over_an_account_with_another_owner_does_not_count() {
    let mut world = World::new();
    world.ok(TREASURY, usd(), &approve(STRANGER, u(100)));
    let refusal = world.refused(STRANGER, usd(), &transfer_from(TREASURY, BOB, 1));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: STRANGER }.into());
    let refusal = world.refused(TREASURY, usd(), &transfer(BOB, 1));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: TREASURY }.into());
}

#[test]
fn zero_is_a_transfer_that_moves_nothing() {
    let mut world = World::new();
    let before = world.host.clone().into_storage();
    assert!(world.ok(ALICE, usd(), &transfer(BOB, 0)));
    assert!(world.ok(STRANGER, usd(), &transfer_from(ALICE, BOB, 0)));
    assert_eq!(world.host.logs().len(), 2);
    assert!(world.host.logs().iter().all(|log| log.address == usd()));
    assert_eq!(world.host.clone().into_storage(), before);
}

#[test]
fn refusals_have_the_names_that_wallets_know() {
    let lacking =
        |needed| IQenexErrors::ERC20InsufficientBalance { sender: BOB, balance: u(1_000), needed };
    let huge = U256::from(u128::MAX) + u(1);
    let cases: Vec<(Address, ICurrencyToken::transferCall, Refusal)> = vec![
        (BOB, transfer(ALICE, 1_001), lacking(u(1_001)).into()),
        (BOB, ICurrencyToken::transferCall { to: ALICE, value: huge }, lacking(huge).into()),
        (
            BOB,
            transfer(Address::ZERO, 1),
            IQenexErrors::ERC20InvalidReceiver { receiver: Address::ZERO }.into(),
        ),
        (
            Address::ZERO,
            transfer(BOB, 1),
            IQenexErrors::ERC20InvalidSender { sender: Address::ZERO }.into(),
        ),
        (BOB, transfer(BOB, 1), IQenexErrors::SameAccount {}.into()),
        (BOB, transfer(NOBODY, 1), IQenexErrors::UnknownAccount { account: NOBODY }.into()),
        (NOBODY, transfer(BOB, 1), IQenexErrors::UnknownAccount { account: NOBODY }.into()),
        (BOB, transfer(FROZEN, 1), IQenexErrors::Frozen { account: FROZEN, side: 2 }.into()),
        (FROZEN, transfer(BOB, 1), IQenexErrors::Frozen { account: FROZEN, side: 1 }.into()),
    ];
    for (caller, call, expected) in cases {
        assert_eq!(World::new().refused(caller, usd(), &call), expected);
    }
    let refusal = World::new().refused(ALICE, usd(), &approve(Address::ZERO, u(1)));
    assert_eq!(refusal, IQenexErrors::ERC20InvalidSpender { spender: Address::ZERO }.into());
}

#[test]
fn a_permit_sets_an_allowance_once_and_in_time() {
    use alloy_sol_types::{SolStruct, eip712_domain, sol};
    sol! {
        struct Permit {
            address owner;
            address spender;
            uint256 value;
            uint256 nonce;
            uint256 deadline;
        }
    }
    let mut world = World::new();
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let owner = Address::from_slice(&alloy_primitives::keccak256(&point.as_bytes()[1..])[12..]);
    let domain = eip712_domain! {
        name: "US dollar",
        version: "1",
        chain_id: crate::testing::BLOCK.chain_id,
        verifying_contract: usd(),
    };
    let deadline = u(1_800_000_050);
    let asked = Permit { owner, spender: STRANGER, value: u(70), nonce: u(0), deadline };
    let digest = asked.eip712_signing_hash(&domain);
    assert_eq!(
        world.ok(BOB, usd(), &ICurrencyToken::DOMAIN_SEPARATORCall {}),
        domain.hash_struct()
    );
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    let signature = signature.to_bytes();
    let permit = ICurrencyToken::permitCall {
        owner,
        spender: STRANGER,
        value: u(70),
        deadline,
        v: 27 + recovery.to_byte(),
        r: B256::from_slice(&signature[..32]),
        s: B256::from_slice(&signature[32..]),
    };
    let wrong = ICurrencyToken::permitCall { value: u(71), ..permit.clone() };
    assert!(matches!(world.refused(BOB, usd(), &wrong), Refusal::ERC2612InvalidSigner(_)));
    world.ok(BOB, usd(), &permit);
    let allowance = ICurrencyToken::allowanceCall { owner, spender: STRANGER };
    assert_eq!(world.ok(BOB, usd(), &allowance), u(70));
    assert_eq!(world.ok(BOB, usd(), &ICurrencyToken::noncesCall { owner }), u(1));
    assert!(matches!(world.refused(BOB, usd(), &permit), Refusal::ERC2612InvalidSigner(_)));
    world.pass(60);
    let late = IQenexErrors::ERC2612ExpiredSignature { deadline };
    assert_eq!(world.refused(BOB, usd(), &permit), late.into());
}
