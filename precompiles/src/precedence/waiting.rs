//! Ledger: what becomes of transfers that wait, and reversals.

use alloy_primitives::{Address, FixedBytes};
use qenex_types::TransferStatus;

use super::{
    Table, Tested, activate, bar, clock, conflict, denied, require, silence, suspended, usd,
    with_policy,
};
use crate::ledger::records::{CURRENCIES, Outstanding, TRANSFERS, transfer_id};
use crate::testing::{
    ADMIN, ALICE, BLOCK, BOB, CAROL, ISSUER, OFFICER, REGISTRAR, STRANGER, USD, World, holding,
    issuing, payment, reference,
};
use crate::{ACCOUNTS, IAccounts, ILedger, IQenexErrors, LEDGER, Refusal};

pub(super) const TABLES: &[fn() -> Tested] = &[
    capture,
    void_hold,
    expire,
    reverse,
    reverse_what_is_not_reversed,
    approve,
    approve_issue,
    disapprove,
    decide,
];

/// The end of a hold of [`holding`].
const LAST: u64 = BLOCK.timestamp + 3_600;

fn not_found(account: Address, n: u128) -> Refusal {
    IQenexErrors::TransferNotFound { account, clientReference: reference(n) }.into()
}

fn wrong_status(status: TransferStatus) -> Refusal {
    IQenexErrors::InvalidTransferStatus { status: status.number() }.into()
}

/// Writes the status of a transfer.
fn set_status(world: &mut World, account: Address, n: u128, status: TransferStatus) {
    let slot = TRANSFERS.entry(&transfer_id(account, reference(n))).parties;
    let parties = slot.load(&mut world.host).unwrap();
    let parties = crate::ledger::records::Parties { status: Some(status), ..parties };
    slot.store(&mut world.host, &parties).unwrap();
}

/// USD is suspended; ALICE and BOB are barred.
fn trouble(world: &mut World) {
    activate(world, USD, false);
    for account in [ALICE, BOB] {
        bar(world, account);
    }
}

/// A hold of ALICE for BOB, over in every respect.
fn held() -> World {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &holding(1, ALICE, BOB, 900));
    set_status(&mut world, ALICE, 1, TransferStatus::Voided);
    world.pass(3_600);
    trouble(&mut world);
    world
}

#[test]
fn capture() -> Tested {
    let call =
        ILedger::captureCall { account: ALICE, clientReference: FixedBytes::ZERO, amount: 0 };
    Table::new(held(), STRANGER, LEDGER, call)
        .refuses(IQenexErrors::InvalidReference {}, |at| at.call.clientReference = reference(9))
        .refuses(not_found(ALICE, 9), |at| at.call.clientReference = reference(1))
        .refuses(denied(STRANGER), |at| at.caller = BOB)
        .refuses(wrong_status(TransferStatus::Voided), |at| {
            set_status(&mut at.world, ALICE, 1, TransferStatus::Held);
        })
        .refuses(IQenexErrors::Expired { last: LAST }, |at| clock(&mut at.world, LAST))
        .refuses(IQenexErrors::ZeroAmount {}, |at| at.call.amount = 901)
        .refuses(IQenexErrors::AmountTooLarge { most: 900, amount: 901 }, |at| {
            at.call.amount = 900;
        })
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(ALICE, 1)
        .refuses_bars(BOB, 2)
        .succeeds()
}

#[test]
fn void_hold() -> Tested {
    let call = ILedger::voidHoldCall { account: ALICE, clientReference: FixedBytes::ZERO };
    Table::new(held(), STRANGER, LEDGER, call)
        .refuses(IQenexErrors::InvalidReference {}, |at| at.call.clientReference = reference(9))
        .refuses(not_found(ALICE, 9), |at| at.call.clientReference = reference(1))
        .refuses(denied(STRANGER), |at| at.caller = BOB)
        .refuses(wrong_status(TransferStatus::Voided), |at| {
            set_status(&mut at.world, ALICE, 1, TransferStatus::Held);
        })
        .succeeds()
}

#[test]
fn expire() -> Tested {
    let mut world = held();
    clock(&mut world, LAST);
    let call = ILedger::expireCall { account: ALICE, clientReference: reference(9) };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(not_found(ALICE, 9), |at| at.call.clientReference = reference(1))
        .refuses(wrong_status(TransferStatus::Voided), |at| {
            set_status(&mut at.world, ALICE, 1, TransferStatus::Held);
        })
        .refuses(IQenexErrors::NotExpired { last: LAST }, |at| clock(&mut at.world, LAST + 1))
        .succeeds()
}

#[test]
fn reverse() -> Tested {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 5));
    world.ok(BOB, LEDGER, &payment(7, BOB, CAROL, 1_005));
    set_status(&mut world, ALICE, 1, TransferStatus::UnderReview);
    trouble(&mut world);
    let call = ILedger::reverseCall {
        clientReference: FixedBytes::ZERO,
        payer: ALICE,
        original: reference(9),
        amount: 6,
        reason: FixedBytes(*b"DUPL"),
    };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(IQenexErrors::InvalidReference {}, |at| at.call.clientReference = reference(7))
        .refuses(not_found(ALICE, 9), |at| at.call.original = reference(1))
        .refuses(denied(STRANGER), |at| at.caller = BOB)
        .refuses(conflict("kind"), |at| at.call.clientReference = reference(8))
        .refuses(wrong_status(TransferStatus::UnderReview), |at| {
            set_status(&mut at.world, ALICE, 1, TransferStatus::Settled);
        })
        .refuses(IQenexErrors::AmountTooLarge { most: 5, amount: 6 }, |at| at.call.amount = 0)
        .refuses(IQenexErrors::ZeroAmount {}, |at| at.call.amount = 5)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(BOB, 1)
        .refuses_bars(ALICE, 2)
        .refuses(IQenexErrors::InsufficientFunds { available: 0, needed: 5 }, |at| {
            at.world.ok(CAROL, LEDGER, &payment(1, CAROL, BOB, 1_005));
        })
        .succeeds()
}

/// What is no payment between accounts is named before anybody's right to it.
#[test]
fn reverse_what_is_not_reversed() -> Tested {
    let mut world = World::new();
    world.ok(ISSUER, LEDGER, &issuing(1, BOB, 5));
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 5));
    let call = ILedger::reverseCall {
        clientReference: reference(1),
        payer: ISSUER,
        original: reference(1),
        amount: 5,
        reason: FixedBytes(*b"DUPL"),
    };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(wrong_status(TransferStatus::Settled), |at| at.call.payer = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = BOB)
        .succeeds()
}

/// A payment of ALICE that waits for BOB's word, CAROL's is there; its time is over.
fn pending() -> World {
    let mut world = World::new();
    silence(&mut world);
    with_policy(&mut world, ALICE, [BOB, CAROL]);
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 5));
    let call = ILedger::approveCall { account: ALICE, clientReference: reference(1) };
    world.ok(CAROL, LEDGER, &call);
    set_status(&mut world, ALICE, 1, TransferStatus::Rejected);
    world.pass(101);
    trouble(&mut world);
    world
}

#[test]
fn approve() -> Tested {
    let world = pending();
    let last = world.now() - 1;
    let call = ILedger::approveCall { account: ALICE, clientReference: reference(9) };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(not_found(ALICE, 9), |at| at.call.clientReference = reference(1))
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(denied(ALICE), |at| at.caller = CAROL)
        .refuses(wrong_status(TransferStatus::Rejected), |at| {
            set_status(&mut at.world, ALICE, 1, TransferStatus::PendingApproval);
        })
        .refuses(IQenexErrors::Expired { last }, |at| clock(&mut at.world, last))
        .refuses(IQenexErrors::AlreadyApproved { approver: CAROL }, |at| at.caller = BOB)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(ALICE, 1)
        .refuses_bars(BOB, 2)
        .succeeds()
}

/// An issue has no payer; its funds are the room under the cap.
#[test]
fn approve_issue() -> Tested {
    let mut world = World::new();
    with_policy(&mut world, ISSUER, [ADMIN, CAROL]);
    world.ok(ISSUER, LEDGER, &issuing(1, BOB, 5));
    let call = ILedger::approveCall { account: ISSUER, clientReference: reference(1) };
    world.ok(CAROL, LEDGER, &call);
    trouble(&mut world);
    let cap = |world: &mut World, room| {
        let slot = CURRENCIES.entry(&usd()).outstanding;
        let outstanding = slot.load(&mut world.host).unwrap();
        let cap = outstanding.supply + room;
        slot.store(&mut world.host, &Outstanding { cap, ..outstanding }).unwrap();
        outstanding.supply
    };
    let supply = cap(&mut world, 4);
    Table::new(world, ISSUER, LEDGER, call)
        .refuses(denied(ISSUER), |at| at.caller = ADMIN)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(BOB, 2)
        .refuses(IQenexErrors::SupplyCapExceeded { cap: supply + 4, supply, amount: 5 }, |at| {
            cap(&mut at.world, 5);
        })
        .succeeds()
}

/// Who refuses may do so at any time, whatever bars the accounts.
#[test]
fn disapprove() -> Tested {
    let call = ILedger::disapproveCall { account: ALICE, clientReference: reference(9) };
    Table::new(pending(), STRANGER, LEDGER, call)
        .refuses(not_found(ALICE, 9), |at| at.call.clientReference = reference(1))
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(wrong_status(TransferStatus::Rejected), |at| {
            set_status(&mut at.world, ALICE, 1, TransferStatus::PendingApproval);
        })
        .succeeds()
}

/// The payer is an officer, who may decide, but not on what it initiated.
#[test]
fn decide() -> Tested {
    let mut world = World::new();
    let call = IAccounts::openCall {
        account: OFFICER,
        owner: OFFICER,
        accountType: 1,
        jurisdiction: FixedBytes(*b"CH"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, ACCOUNTS, &call);
    world.ok(ALICE, LEDGER, &payment(1, ALICE, OFFICER, 5));
    require(&mut world, 1);
    world.ok(OFFICER, LEDGER, &payment(1, OFFICER, BOB, 5));
    set_status(&mut world, OFFICER, 1, TransferStatus::Rejected);
    let last = world.now() + 7 * 86_400;
    clock(&mut world, last + 1);
    activate(&mut world, USD, false);
    for account in [OFFICER, BOB] {
        bar(&mut world, account);
    }
    let call =
        ILedger::decideCall { account: OFFICER, clientReference: reference(9), accept: true };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(not_found(OFFICER, 9), |at| at.call.clientReference = reference(1))
        .refuses(denied(OFFICER), |at| at.caller = crate::testing::RISK_OFFICER)
        .refuses(wrong_status(TransferStatus::Rejected), |at| {
            set_status(&mut at.world, OFFICER, 1, TransferStatus::UnderReview);
        })
        .refuses(IQenexErrors::Expired { last }, |at| clock(&mut at.world, last))
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(OFFICER, 1)
        .refuses_bars(BOB, 2)
        .succeeds()
}
