//! Instructions and netting.

use alloy_primitives::{FixedBytes, I256, U256, keccak256};

use super::*;
use crate::testing::{
    ALICE, BLOCK, BOB, CAROL, EUR, FROZEN, OFFICER, REGISTRAR, SECOND_OFFICER, STRANGER, TREASURY,
    USD, World, freezing, payment, reference,
};
use crate::{
    ACCOUNTS, COMPLIANCE, IAccounts, ICompliance, ILedger, IQenexErrors, LEDGER, Refusal, books,
};

fn leg(payer: Address, payee: Address, currency: FixedBytes<3>, amount: u128) -> ISettlement::Leg {
    ISettlement::Leg { payer, payee, currency, amount }
}

/// ALICE pays 100 USD, BOB 40 USD and ALICE's treasury 7 USD, crosswise with euros of ALICE.
fn instructing(n: u128) -> ISettlement::instructCall {
    ISettlement::instructCall {
        clientReference: reference(n),
        legs: vec![
            leg(ALICE, BOB, EUR, 100),
            leg(BOB, ALICE, USD, 400),
            leg(TREASURY, BOB, USD, 7),
        ],
        expires: BLOCK.timestamp + 100,
        payloadHash: B256::ZERO,
    }
}

fn affirm(id: B256, payer: Address) -> ISettlement::affirmCall {
    ISettlement::affirmCall { id, payer }
}

fn held(world: &mut World, account: Address, currency: FixedBytes<3>) -> u128 {
    world.ok(STRANGER, LEDGER, &ILedger::balanceOfCall { account, currency }).held
}

#[test]
fn the_last_affirmation_settles_every_leg_at_once() {
    let mut world = World::new();
    let id = world.ok(STRANGER, SETTLEMENT, &instructing(1));
    assert_eq!(id, transfer_id(STRANGER, reference(1)));
    world.ok(ALICE, SETTLEMENT, &affirm(id, ALICE));
    assert_eq!((held(&mut world, ALICE, EUR), world.posted(ALICE, EUR)), (100, 50_000));
    let nothing = IQenexErrors::NothingToAffirm { id, payer: ALICE };
    assert_eq!(world.refused(ALICE, SETTLEMENT, &affirm(id, ALICE)), nothing.into());
    let foreign = world.refused(ALICE, SETTLEMENT, &affirm(id, BOB));
    assert_eq!(foreign, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    let settle = ISettlement::settleCall { id };
    let open = IQenexErrors::NotAffirmed { id, open: 2 };
    assert_eq!(world.refused(STRANGER, SETTLEMENT, &settle), open.into());
    world.ok(ALICE, SETTLEMENT, &affirm(id, TREASURY));
    let seen = world.ok(CAROL, SETTLEMENT, &ISettlement::instructionCall { id });
    assert_eq!((seen.status, seen.open, seen.affirmed), (1, 1, vec![true, false, true]));

    let logs = world.host.logs().len();
    world.ok(BOB, SETTLEMENT, &affirm(id, BOB));
    let changes = world.host.changes(LEDGER);
    assert!(books(&changes, &world.host.logs()[logs..]).is_ok());
    assert_eq!((world.posted(ALICE, EUR), world.posted(BOB, EUR)), (49_900, 100));
    assert_eq!((world.posted(ALICE, USD), world.posted(BOB, USD)), (100_400, 607));
    assert_eq!((held(&mut world, ALICE, EUR), held(&mut world, BOB, USD)), (0, 0));
    let seen = world.ok(CAROL, SETTLEMENT, &ISettlement::instructionCall { id });
    assert_eq!((seen.status, seen.legs), (2, instructing(1).legs));
    let closed = IQenexErrors::InstructionNotOpen { id, status: 2 };
    assert_eq!(world.refused(STRANGER, SETTLEMENT, &settle), closed.into());
}

/// Else the payee would have the money, and the payer not what it was for.
#[test]
fn a_leg_is_not_the_payees_to_capture_or_void() {
    let mut world = World::new();
    let id = world.ok(STRANGER, SETTLEMENT, &instructing(1));
    world.ok(ALICE, SETTLEMENT, &affirm(id, ALICE));
    let part = keccak256([id, B256::ZERO].concat());
    let reference = settlement_reference(&part);
    let query = ILedger::transferOfCall { account: ALICE, clientReference: reference };
    assert_eq!(world.ok(STRANGER, LEDGER, &query).status, 3);
    let capture = ILedger::captureCall { account: ALICE, clientReference: reference, amount: 100 };
    let void = ILedger::voidHoldCall { account: ALICE, clientReference: reference };
    let refusal = Refusal::from(IQenexErrors::InvalidReference {});
    assert_eq!(world.refused(BOB, LEDGER, &capture), refusal);
    assert_eq!(world.refused(BOB, LEDGER, &void), refusal);
    // Nor can somebody use its reference up.
    let squat = ILedger::transferCall { clientReference: reference, ..payment(1, BOB, ALICE, 1) };
    assert_eq!(world.refused(BOB, LEDGER, &squat), refusal);
    world.ok(BOB, SETTLEMENT, &affirm(id, BOB));
    world.ok(ALICE, SETTLEMENT, &affirm(id, TREASURY));
    assert_eq!(world.ok(CAROL, SETTLEMENT, &ISettlement::instructionCall { id }).status, 2);
}

#[test]
fn an_instruction_that_ends_gives_back_what_it_held() {
    let mut world = World::new();
    let first = world.ok(STRANGER, SETTLEMENT, &instructing(1));
    let second = world.ok(STRANGER, SETTLEMENT, &instructing(2));
    for id in [first, second] {
        world.ok(ALICE, SETTLEMENT, &affirm(id, ALICE));
    }
    assert_eq!(held(&mut world, ALICE, EUR), 200);
    let cancel = ISettlement::cancelCall { id: first };
    let refusal = world.refused(CAROL, SETTLEMENT, &cancel);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: CAROL }.into());
    world.ok(BOB, SETTLEMENT, &cancel);
    let expire = ISettlement::expireCall { id: second };
    let last = BLOCK.timestamp + 100;
    let early = IQenexErrors::NotExpired { last };
    assert_eq!(world.refused(CAROL, SETTLEMENT, &expire), early.into());
    world.pass(100);
    let late = IQenexErrors::Expired { last };
    assert_eq!(world.refused(BOB, SETTLEMENT, &affirm(second, BOB)), late.into());
    world.ok(CAROL, SETTLEMENT, &expire);
    assert_eq!((held(&mut world, ALICE, EUR), world.posted(ALICE, EUR)), (0, 50_000));
    let statuses: Vec<u8> = [first, second]
        .map(|id| world.ok(CAROL, SETTLEMENT, &ISettlement::instructionCall { id }).status)
        .to_vec();
    assert_eq!(statuses, [3, 4]);
}

#[test]
fn wrong_instructions_are_refused() {
    let good = instructing(1);
    let with = |legs: Vec<ISettlement::Leg>| ISettlement::instructCall { legs, ..good.clone() };
    let past = ISettlement::instructCall { expires: BLOCK.timestamp, ..good.clone() };
    let cases: Vec<(ISettlement::instructCall, Refusal)> = vec![
        (with(vec![]), IQenexErrors::TooManyItems { most: 32, given: 0 }.into()),
        (
            with(vec![good.legs[0].clone(); 33]),
            IQenexErrors::TooManyItems { most: 32, given: 33 }.into(),
        ),
        (past, IQenexErrors::InvalidExpiry { expires: BLOCK.timestamp }.into()),
        (with(vec![leg(ALICE, BOB, USD, 0)]), IQenexErrors::ZeroAmount {}.into()),
        (with(vec![leg(ALICE, ALICE, USD, 1)]), IQenexErrors::SameAccount {}.into()),
        (
            with(vec![leg(ALICE, BOB, FixedBytes(*b"XXX"), 1)]),
            IQenexErrors::UnknownCurrency { currency: FixedBytes(*b"XXX") }.into(),
        ),
    ];
    for (call, expected) in cases {
        assert_eq!(World::new().refused(STRANGER, SETTLEMENT, &call), expected);
    }
    let mut world = World::new();
    world.ok(STRANGER, SETTLEMENT, &good);
    let again = IQenexErrors::ReferenceConflict { field: "clientReference".into() };
    assert_eq!(world.refused(STRANGER, SETTLEMENT, &good), again.into());
}

#[test]
fn legs_pass_every_check_and_a_frozen_side_stops_all() {
    let mut world = World::new();
    let mut call = instructing(1);
    call.legs = vec![leg(ALICE, FROZEN, USD, 5)];
    let id = world.ok(STRANGER, SETTLEMENT, &call);
    let frozen = IQenexErrors::Frozen { account: FROZEN, side: 2 };
    assert_eq!(world.refused(ALICE, SETTLEMENT, &affirm(id, ALICE)), frozen.into());
    let id = world.ok(STRANGER, SETTLEMENT, &instructing(2));
    world.ok(ALICE, SETTLEMENT, &affirm(id, ALICE));
    world.ok(ALICE, SETTLEMENT, &affirm(id, TREASURY));
    world.ok(OFFICER, COMPLIANCE, &freezing(ALICE, 1));
    let frozen = IQenexErrors::Frozen { account: ALICE, side: 1 };
    assert_eq!(world.refused(BOB, SETTLEMENT, &affirm(id, BOB)), frozen.into());
    let release = ICompliance::releaseCall { account: ALICE };
    world.ok(OFFICER, COMPLIANCE, &release);
    world.ok(SECOND_OFFICER, COMPLIANCE, &release);
    world.ok(BOB, SETTLEMENT, &affirm(id, BOB));
    assert_eq!(world.posted(BOB, EUR), 100);
}

#[test]
fn a_leg_under_review_settles_when_an_officer_has_decided() {
    let mut world = World::new();
    let need = ICompliance::requireAttestationsCall { currency: EUR, tier: 0, types: 1 };
    world.ok(OFFICER, COMPLIANCE, &need);
    let id = world.ok(STRANGER, SETTLEMENT, &instructing(1));
    world.ok(ALICE, SETTLEMENT, &affirm(id, TREASURY));
    world.ok(BOB, SETTLEMENT, &affirm(id, BOB));
    world.ok(ALICE, SETTLEMENT, &affirm(id, ALICE));
    let settle = ISettlement::settleCall { id };
    let waiting = IQenexErrors::InvalidTransferStatus { status: 2 };
    assert_eq!(world.refused(STRANGER, SETTLEMENT, &settle), waiting.into());
    let hash = keccak256([id.as_slice(), B256::ZERO.as_slice()].concat());
    let decide = ILedger::decideCall {
        account: ALICE,
        clientReference: settlement_reference(&hash),
        accept: true,
    };
    world.ok(OFFICER, LEDGER, &decide);
    world.ok(STRANGER, SETTLEMENT, &settle);
    assert_eq!(world.posted(BOB, EUR), 100);
}

#[test]
fn a_key_affirms_for_its_account() {
    let mut world = World::new();
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let address = keccak256(&point.as_bytes()[1..]);
    let add = IAccounts::addKeyCall {
        account: BOB,
        scheme: 1,
        publicKey: address[12..].to_vec().into(),
        validUntil: 0,
    };
    world.ok(BOB, ACCOUNTS, &add);
    let mut call = instructing(1);
    call.legs = vec![leg(BOB, ALICE, USD, 9)];
    let id = world.ok(STRANGER, SETTLEMENT, &call);
    let query = ISettlement::affirmationDigestCall { id, payer: BOB };
    let digest = world.ok(STRANGER, SETTLEMENT, &query);
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    let proof = [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat();
    let signed =
        ISettlement::affirmSignedCall { id, payer: BOB, scheme: 1, proof: proof.clone().into() };
    let wrong = ISettlement::affirmSignedCall { payer: ALICE, ..signed.clone() };
    assert!(matches!(
        world.refused(STRANGER, SETTLEMENT, &wrong),
        Refusal::UnknownKey(_) | Refusal::InvalidSignature(_) | Refusal::NothingToAffirm(_)
    ));
    world.ok(STRANGER, SETTLEMENT, &signed);
    assert_eq!(world.posted(BOB, USD), 991);
}

/// STRANGER runs a settlement account.
fn with_cycle() -> (World, B256) {
    let mut world = World::new();
    let account = Address::repeat_byte(0x5e);
    let open = IAccounts::openCall {
        account,
        owner: STRANGER,
        accountType: 6,
        jurisdiction: FixedBytes(*b"CH"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, ACCOUNTS, &open);
    let call = ISettlement::openCycleCall {
        clientReference: reference(1),
        account,
        currency: USD,
        participants: vec![ALICE, BOB, CAROL],
    };
    let refusal = world.refused(ALICE, SETTLEMENT, &call);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    let twice = ISettlement::openCycleCall { participants: vec![ALICE, ALICE], ..call.clone() };
    let refusal = world.refused(STRANGER, SETTLEMENT, &twice);
    assert_eq!(refusal, IQenexErrors::InvalidAccount { account: ALICE }.into());
    let id = world.ok(STRANGER, SETTLEMENT, &call);
    (world, id)
}

fn oblige(id: B256, n: u128, from: Address, to: Address, amount: u128) -> ISettlement::obligeCall {
    ISettlement::obligeCall { id, clientReference: reference(n), from, to, amount }
}

#[test]
fn a_cycle_posts_one_net_position_for_each_participant() {
    let (mut world, id) = with_cycle();
    world.ok(ALICE, SETTLEMENT, &oblige(id, 1, ALICE, BOB, 5_000));
    world.ok(BOB, SETTLEMENT, &oblige(id, 1, BOB, CAROL, 4_000));
    world.ok(CAROL, SETTLEMENT, &oblige(id, 1, CAROL, ALICE, 4_500));
    let again = IQenexErrors::ReferenceConflict { field: "clientReference".into() };
    let refusal = world.refused(ALICE, SETTLEMENT, &oblige(id, 1, ALICE, BOB, 5_000));
    assert_eq!(refusal, again.into());
    let stranger = IQenexErrors::NotAParticipant { id, account: TREASURY };
    let refusal = world.refused(ALICE, SETTLEMENT, &oblige(id, 2, TREASURY, BOB, 5));
    assert_eq!(refusal, stranger.into());
    let refusal = world.refused(STRANGER, SETTLEMENT, &oblige(id, 2, ALICE, BOB, 5));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: STRANGER }.into());
    let seen = world.ok(STRANGER, SETTLEMENT, &ISettlement::cycleCall { id });
    let nets: Vec<i64> = seen.nets.iter().map(|net| net.as_i64()).collect();
    assert_eq!((seen.gross, nets), (13_500, vec![-500, 1_000, -500]));

    // CAROL owes 500 and has nothing.
    let close = ISettlement::closeCycleCall { id };
    let short = IQenexErrors::ParticipantShort { account: CAROL, available: 0, needed: 500 };
    assert_eq!(world.refused(STRANGER, SETTLEMENT, &close), short.into());
    world.ok(ALICE, LEDGER, &crate::testing::payment(9, ALICE, CAROL, 500));
    let refusal = world.refused(ALICE, SETTLEMENT, &close);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    let logs = world.host.logs().len();
    world.ok(STRANGER, SETTLEMENT, &close);
    assert!(books(&world.host.changes(LEDGER), &world.host.logs()[logs..]).is_ok());
    let posted = [ALICE, BOB, CAROL].map(|account| world.posted(account, USD));
    assert_eq!(posted, [99_000, 2_000, 0]);
    assert_eq!(world.posted(Address::repeat_byte(0x5e), USD), 0);
    let closed = world.host.logs().last().unwrap();
    let event = <ISettlement::CycleClosed as alloy_sol_types::SolEvent>::decode_log_data_validate(
        &closed.data,
    );
    let event = event.unwrap();
    assert_eq!((event.gross, event.net), (U256::from(13_500), U256::from(1_000)));
    let over = IQenexErrors::InstructionNotOpen { id, status: 2 };
    assert_eq!(world.refused(STRANGER, SETTLEMENT, &close), over.into());
    assert_eq!(seen.nets.iter().fold(I256::ZERO, |sum, net| sum + *net), I256::ZERO);
}
