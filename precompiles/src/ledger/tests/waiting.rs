//! What waits: holds, approvals, reviews; and reversals.

use super::*;
use crate::testing::{BLOCK, OFFICER, RISK_OFFICER, SECOND_OFFICER, holding};
use crate::{COMPLIANCE, IAccounts, ICompliance};

const HELD: u8 = 3;
const SETTLED: u8 = 4;
const REJECTED: u8 = 5;
const VOIDED: u8 = 6;
const EXPIRED: u8 = 7;
const REVERSED: u8 = 8;

fn capture(n: u128, account: Address, amount: u128) -> ILedger::captureCall {
    ILedger::captureCall { account, clientReference: reference(n), amount }
}

fn void(n: u128, account: Address) -> ILedger::voidHoldCall {
    ILedger::voidHoldCall { account, clientReference: reference(n) }
}

fn expire(n: u128, account: Address) -> ILedger::expireCall {
    ILedger::expireCall { account, clientReference: reference(n) }
}

fn decide(n: u128, account: Address, accept: bool) -> ILedger::decideCall {
    ILedger::decideCall { account, clientReference: reference(n), accept }
}

fn balance_of(world: &mut World, account: Address) -> (u128, u128) {
    let balance = world.ok(STRANGER, LEDGER, &ILedger::balanceOfCall { account, currency: USD });
    (balance.posted, balance.held)
}

fn wrong_status(status: u8) -> Refusal {
    IQenexErrors::InvalidTransferStatus { status }.into()
}

#[test]
fn a_hold_is_captured_in_parts_up_to_its_amount() {
    let mut world = World::new();
    let id = world.ok(ALICE, LEDGER, &holding(1, ALICE, BOB, 900));
    assert_eq!(balance_of(&mut world, ALICE), (100_000, 900));
    let refusal = world.refused(ALICE, LEDGER, &payment(2, ALICE, BOB, 99_101));
    let short = IQenexErrors::InsufficientFunds { available: 99_100, needed: 99_101 };
    assert_eq!(refusal, short.into());
    for caller in [ALICE, STRANGER] {
        let refusal = world.refused(caller, LEDGER, &capture(1, ALICE, 1));
        assert_eq!(refusal, IQenexErrors::NotAuthorised { caller }.into());
    }
    assert_eq!(
        world.refused(BOB, LEDGER, &capture(1, ALICE, 0)),
        IQenexErrors::ZeroAmount {}.into()
    );
    world.ok(BOB, LEDGER, &capture(1, ALICE, 400));
    assert_eq!(balance_of(&mut world, ALICE), (99_600, 500));
    assert_eq!(balance_of(&mut world, BOB), (1_400, 0));
    let most = IQenexErrors::AmountTooLarge { most: 500, amount: 501 };
    assert_eq!(world.refused(BOB, LEDGER, &capture(1, ALICE, 501)), most.into());
    let seen = world.transfer(ALICE, 1);
    assert_eq!((seen.id, seen.status, seen.captured), (id, HELD, 400));
    world.ok(BOB, LEDGER, &capture(1, ALICE, 500));
    let seen = world.transfer(ALICE, 1);
    assert_eq!((seen.status, seen.captured, seen.amount), (SETTLED, 900, 900));
    assert_eq!(world.refused(BOB, LEDGER, &capture(1, ALICE, 1)), wrong_status(SETTLED));
    assert_eq!(balance_of(&mut world, ALICE), (99_100, 0));
    assert_eq!(world.ok(ALICE, LEDGER, &holding(1, ALICE, BOB, 900)), id, "a replay");
}

#[test]
fn what_is_left_of_a_hold_goes_back_by_void_or_expiry() {
    let mut world = World::new();
    for n in 1..=4 {
        world.ok(ALICE, LEDGER, &holding(n, ALICE, BOB, 100));
    }
    world.ok(BOB, LEDGER, &capture(2, ALICE, 30));
    world.ok(BOB, LEDGER, &capture(4, ALICE, 30));
    let refusal = world.refused(ALICE, LEDGER, &void(1, ALICE));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    world.ok(BOB, LEDGER, &void(1, ALICE));
    world.ok(BOB, LEDGER, &void(2, ALICE));
    let last = BLOCK.timestamp + 3_600;
    assert_eq!(
        world.refused(STRANGER, LEDGER, &expire(3, ALICE)),
        IQenexErrors::NotExpired { last }.into()
    );
    world.pass(3_600);
    assert_eq!(
        world.refused(BOB, LEDGER, &capture(3, ALICE, 1)),
        IQenexErrors::Expired { last }.into()
    );
    assert_eq!(balance_of(&mut world, ALICE), (99_940, 170));
    world.ok(STRANGER, LEDGER, &expire(3, ALICE));
    world.ok(STRANGER, LEDGER, &expire(4, ALICE));
    assert_eq!(world.refused(STRANGER, LEDGER, &expire(4, ALICE)), wrong_status(SETTLED));
    let statuses: Vec<u8> = (1..=4).map(|n| world.transfer(ALICE, n).status).collect();
    assert_eq!(statuses, [VOIDED, SETTLED, EXPIRED, SETTLED]);
    assert_eq!(balance_of(&mut world, ALICE), (99_940, 0));
}

#[test]
fn holds_end_in_the_future() {
    for expires in [0, BLOCK.timestamp, BLOCK.timestamp + 1, 1 << 40, u64::MAX] {
        let call = ILedger::holdCall { expires, ..holding(1, ALICE, BOB, 1) };
        let expected = IQenexErrors::InvalidExpiry { expires };
        assert_eq!(World::new().refused(ALICE, LEDGER, &call), expected.into());
    }
}

#[test]
fn no_capture_from_or_to_a_frozen_side() {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &holding(1, ALICE, BOB, 100));
    world.ok(OFFICER, COMPLIANCE, &freezing(ALICE, 1));
    let frozen = IQenexErrors::Frozen { account: ALICE, side: 1 };
    assert_eq!(world.refused(BOB, LEDGER, &capture(1, ALICE, 1)), frozen.into());
    let release = ICompliance::releaseCall { account: ALICE };
    world.ok(OFFICER, COMPLIANCE, &release);
    world.ok(SECOND_OFFICER, COMPLIANCE, &release);
    world.ok(OFFICER, COMPLIANCE, &freezing(BOB, 2));
    let frozen = IQenexErrors::Frozen { account: BOB, side: 2 };
    assert_eq!(world.refused(BOB, LEDGER, &capture(1, ALICE, 1)), frozen.into());
}

/// ALICE needs one of BOB and CAROL for 500 and more.
fn with_policy(world: &mut World, required: u8) {
    for approver in [BOB, CAROL, ALICE] {
        let call = IAccounts::setApproverCall { account: ALICE, approver, allowed: true };
        world.ok(ALICE, crate::ACCOUNTS, &call);
    }
    let call = IAccounts::setThresholdCall { account: ALICE, currency: USD, threshold: 500 };
    world.ok(ALICE, crate::ACCOUNTS, &call);
    let call = IAccounts::setPolicyCall { account: ALICE, required, time: 60 };
    world.ok(ALICE, crate::ACCOUNTS, &call);
}

#[test]
fn a_payment_above_the_threshold_waits_for_distinct_approvers() {
    let mut world = World::new();
    with_policy(&mut world, 2);
    let approve = ILedger::approveCall { account: ALICE, clientReference: reference(1) };
    world.ok(ALICE, LEDGER, &payment(9, ALICE, BOB, 499));
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 500));
    let seen = world.transfer(ALICE, 1);
    assert_eq!((seen.status, seen.approvals, seen.approvalsNeeded), (1, 0, 2));
    assert_eq!(balance_of(&mut world, ALICE), (99_501, 500));
    for caller in [ALICE, STRANGER] {
        let refusal = world.refused(caller, LEDGER, &approve);
        assert_eq!(refusal, IQenexErrors::NotAuthorised { caller }.into());
    }
    world.ok(BOB, LEDGER, &approve);
    let again = world.refused(BOB, LEDGER, &approve);
    assert_eq!(again, IQenexErrors::AlreadyApproved { approver: BOB }.into());
    let query =
        ILedger::hasApprovedCall { account: ALICE, clientReference: reference(1), approver: BOB };
    assert!(world.ok(STRANGER, LEDGER, &query));
    world.ok(CAROL, LEDGER, &approve);
    assert_eq!(world.transfer(ALICE, 1).status, SETTLED);
    assert_eq!(balance_of(&mut world, ALICE), (99_001, 0));
    assert_eq!(world.refused(CAROL, LEDGER, &approve), wrong_status(SETTLED));
}

#[test]
fn approvals_may_be_refused_or_too_late_and_faces_do_not_wait() {
    let mut world = World::new();
    with_policy(&mut world, 1);
    for n in 1..=3 {
        world.ok(ALICE, LEDGER, &payment(n, ALICE, BOB, 500));
    }
    let no = |n| ILedger::disapproveCall { account: ALICE, clientReference: reference(n) };
    let refusal = world.refused(STRANGER, LEDGER, &no(1));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: STRANGER }.into());
    world.ok(CAROL, LEDGER, &no(1));
    world.ok(ALICE, LEDGER, &no(2));
    world.pass(61);
    let approve = ILedger::approveCall { account: ALICE, clientReference: reference(3) };
    let refusal = world.refused(BOB, LEDGER, &approve);
    assert_eq!(refusal, IQenexErrors::Expired { last: BLOCK.timestamp + 61 }.into());
    world.ok(STRANGER, LEDGER, &expire(3, ALICE));
    let statuses: Vec<u8> = (1..=3).map(|n| world.transfer(ALICE, n).status).collect();
    assert_eq!(statuses, [REJECTED, REJECTED, EXPIRED]);
    assert_eq!(balance_of(&mut world, ALICE), (100_000, 0));
    let send = crate::ICurrencyToken::transferCall { to: BOB, value: U256::from(500) };
    let refusal = world.refused(ALICE, face_address("USD".parse().unwrap()), &send);
    assert_eq!(refusal, IQenexErrors::ApprovalMissing { have: 0, need: 1 }.into());
}

#[test]
fn issues_wait_for_the_issuers_approvers() {
    let mut world = World::new();
    let approver = IAccounts::setApproverCall { account: ISSUER, approver: CAROL, allowed: true };
    world.ok(ISSUER, crate::ACCOUNTS, &approver);
    let threshold = IAccounts::setThresholdCall { account: ISSUER, currency: USD, threshold: 1 };
    world.ok(ISSUER, crate::ACCOUNTS, &threshold);
    let policy = IAccounts::setPolicyCall { account: ISSUER, required: 1, time: 60 };
    world.ok(ISSUER, crate::ACCOUNTS, &policy);
    let supply = world.supply(USD);
    world.ok(ISSUER, LEDGER, &issuing(1, BOB, 70));
    assert_eq!((world.supply(USD), world.transfer(ISSUER, 1).status), (supply, 1));
    let approve = ILedger::approveCall { account: ISSUER, clientReference: reference(1) };
    world.ok(CAROL, LEDGER, &approve);
    assert_eq!((world.supply(USD), world.posted(BOB, USD)), (supply + 70, 1_070));
    assert_eq!(world.transfer(ISSUER, 1).status, SETTLED);
}

/// A corridor under review makes every payment from ALICE to BOB wait for an officer.
fn reviewed(world: &mut World) {
    let open = IAccounts::openCall {
        account: NOBODY,
        owner: NOBODY,
        accountType: 1,
        jurisdiction: FixedBytes(*b"KY"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, crate::ACCOUNTS, &open);
    let corridor = ICompliance::setCorridorCall {
        from: FixedBytes(*b"CH"),
        to: FixedBytes(*b"KY"),
        corridor: 2,
        watched: true,
    };
    world.ok(OFFICER, COMPLIANCE, &corridor);
}

#[test]
fn an_officer_decides_on_a_payment_under_review() {
    let mut world = World::new();
    reviewed(&mut world);
    for n in 1..=3 {
        world.ok(ALICE, LEDGER, &payment(n, ALICE, NOBODY, 100));
    }
    let seen = world.transfer(ALICE, 1);
    assert_eq!((seen.status, seen.rules & 1 << 6), (2, 1 << 6), "the corridor rule fired");
    assert_eq!(balance_of(&mut world, ALICE), (100_000, 300));
    for caller in [ALICE, NOBODY, STRANGER] {
        let refusal = world.refused(caller, LEDGER, &decide(1, ALICE, true));
        assert_eq!(refusal, IQenexErrors::NotAuthorised { caller }.into());
    }
    world.ok(OFFICER, LEDGER, &decide(1, ALICE, true));
    world.ok(RISK_OFFICER, LEDGER, &decide(2, ALICE, false));
    assert_eq!(world.refused(OFFICER, LEDGER, &decide(2, ALICE, true)), wrong_status(REJECTED));
    world.pass(super::super::post::REVIEW_TIME + 1);
    let late = world.refused(OFFICER, LEDGER, &decide(3, ALICE, true));
    assert!(matches!(late, Refusal::Expired(_)), "{late:?}");
    world.ok(STRANGER, LEDGER, &expire(3, ALICE));
    let statuses: Vec<u8> = (1..=3).map(|n| world.transfer(ALICE, n).status).collect();
    assert_eq!(statuses, [SETTLED, REJECTED, EXPIRED]);
    assert_eq!(balance_of(&mut world, ALICE), (99_900, 0));
    assert_eq!(world.posted(NOBODY, USD), 100);
}

#[test]
fn a_reviewed_hold_is_held_once_it_is_accepted() {
    let mut world = World::new();
    reviewed(&mut world);
    world.ok(ALICE, LEDGER, &holding(1, ALICE, NOBODY, 100));
    assert_eq!(world.refused(NOBODY, LEDGER, &capture(1, ALICE, 5)), wrong_status(2));
    world.ok(OFFICER, LEDGER, &decide(1, ALICE, true));
    world.ok(NOBODY, LEDGER, &capture(1, ALICE, 100));
    assert_eq!(world.posted(NOBODY, USD), 100);
}

#[test]
fn a_payment_is_reversed_by_its_payee_up_to_its_amount() {
    let mut world = World::new();
    let reverse = |n, amount| ILedger::reverseCall {
        clientReference: reference(n),
        payer: ALICE,
        original: reference(1),
        amount,
        reason: FixedBytes(*b"AC03"),
    };
    let original = world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 300));
    let refusal = world.refused(ALICE, LEDGER, &reverse(1, 10));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    let id = world.ok(BOB, LEDGER, &reverse(1, 100));
    let record = world.transfer(BOB, 1);
    assert_eq!((record.id, record.kind, record.to), (id, 5, ALICE));
    assert_eq!(record.endToEndId, original);
    assert_eq!(world.ok(BOB, LEDGER, &reverse(1, 100)), id, "a replay");
    let most = IQenexErrors::AmountTooLarge { most: 200, amount: 201 };
    assert_eq!(world.refused(BOB, LEDGER, &reverse(2, 201)), most.into());
    assert_eq!(
        (world.transfer(ALICE, 1).status, world.transfer(ALICE, 1).reversed),
        (SETTLED, 100)
    );
    world.ok(BOB, LEDGER, &reverse(2, 200));
    assert_eq!(world.transfer(ALICE, 1).status, REVERSED);
    assert_eq!((world.posted(ALICE, USD), world.posted(BOB, USD)), (100_000, 1_000));
    let most = IQenexErrors::AmountTooLarge { most: 0, amount: 1 };
    assert_eq!(world.refused(BOB, LEDGER, &reverse(3, 1)), most.into());
    let of_reversal = ILedger::reverseCall {
        clientReference: reference(9),
        payer: BOB,
        original: reference(1),
        amount: 1,
        reason: FixedBytes(*b"AC03"),
    };
    assert_eq!(world.refused(ALICE, LEDGER, &of_reversal), wrong_status(SETTLED));
}

#[test]
fn only_what_was_captured_of_a_hold_is_reversed() {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &holding(1, ALICE, BOB, 300));
    world.ok(BOB, LEDGER, &capture(1, ALICE, 120));
    let reverse = |n, amount| ILedger::reverseCall {
        clientReference: reference(n),
        payer: ALICE,
        original: reference(1),
        amount,
        reason: FixedBytes(*b"DUPL"),
    };
    let most = IQenexErrors::AmountTooLarge { most: 120, amount: 121 };
    assert_eq!(world.refused(BOB, LEDGER, &reverse(1, 121)), most.into());
    world.ok(BOB, LEDGER, &reverse(1, 120));
    world.ok(BOB, LEDGER, &capture(1, ALICE, 180));
    assert_eq!((world.posted(ALICE, USD), world.posted(BOB, USD)), (99_820, 1_180));
}

#[test]
fn only_the_issuer_redeems_and_only_what_he_may_pay() {
    let mut world = World::new();
    let redeem = |from, amount| ILedger::redeemCall {
        clientReference: reference(1),
        from,
        currency: USD,
        amount,
    };
    let refusal = world.refused(ALICE, LEDGER, &redeem(ALICE, 10));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    let refusal = world.refused(ISSUER, LEDGER, &redeem(ALICE, 10));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ISSUER }.into());
    let delegate = IAccounts::setDelegationCall {
        account: ALICE,
        delegate: ISSUER,
        currency: USD,
        kinds: 1 << 4,
        listedOnly: false,
        cap: u128::MAX,
        period: 1,
        validUntil: BLOCK.timestamp + 60,
    };
    world.ok(ALICE, crate::ACCOUNTS, &delegate);
    let supply = world.supply(USD);
    world.ok(ISSUER, LEDGER, &redeem(ALICE, 10));
    assert_eq!((world.supply(USD), world.posted(ALICE, USD)), (supply - 10, 99_990));
    let record = world.transfer(ALICE, 1);
    assert_eq!((record.kind, record.to, record.status), (4, Address::ZERO, SETTLED));
}
