//! Accounts.

use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use qenex_types::Role;

use super::{Table, Tested, denied, four_eyes, lonely, trust, unknown, unknown_currency};
use crate::accounts::records::{POLICIES, Policy};
use crate::testing::{ALICE, BOB, CAROL, NOBODY, REGISTRAR, STRANGER, USD, World, XXX};
use crate::{ACCOUNTS, IAccounts, IQenexErrors, LEDGER, Refusal};

pub(super) const TABLES: &[fn() -> Tested] = &[
    open,
    enrol,
    set_status,
    set_owner,
    recover,
    set_custodian,
    set_limits,
    add_key,
    remove_key,
    set_delegation,
    revoke_delegation,
    set_payee,
    set_policy,
    set_policy_in_force,
    set_threshold,
    set_approver,
];

fn invalid_account(account: Address) -> Refusal {
    IQenexErrors::InvalidAccount { account }.into()
}

fn delegation(field: &str) -> Refusal {
    IQenexErrors::InvalidDelegation { field: field.into() }.into()
}

fn policy(field: &str) -> Refusal {
    IQenexErrors::InvalidPolicy { field: field.into() }.into()
}

const SMALL: FixedBytes<2> = FixedBytes(*b"de");
const GERMANY: FixedBytes<2> = FixedBytes(*b"DE");

#[test]
fn open() -> Tested {
    let call = IAccounts::openCall {
        account: Address::ZERO,
        owner: LEDGER,
        accountType: 0,
        jurisdiction: SMALL,
        homeCurrency: XXX,
    };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(denied(STRANGER), |at| at.caller = REGISTRAR)
        .refuses(invalid_account(Address::ZERO), |at| at.call.account = ALICE)
        .refuses(invalid_account(LEDGER), |at| at.call.owner = BOB)
        .refuses(IQenexErrors::InvalidAccountType { accountType: 0 }, |at| {
            at.call.accountType = 2;
        })
        .refuses(IQenexErrors::InvalidJurisdiction { jurisdiction: SMALL }, |at| {
            at.call.jurisdiction = GERMANY;
        })
        .refuses(unknown_currency(XXX), |at| at.call.homeCurrency = USD)
        .refuses(IQenexErrors::AccountExists { account: ALICE }, |at| at.call.account = NOBODY)
        .succeeds()
}

#[test]
fn enrol() -> Tested {
    let call = IAccounts::enrolCall { accountType: 0, jurisdiction: SMALL, homeCurrency: XXX };
    Table::new(World::new(), LEDGER, ACCOUNTS, call)
        .refuses(invalid_account(LEDGER), |at| at.caller = ALICE)
        .refuses(IQenexErrors::InvalidAccountType { accountType: 0 }, |at| {
            at.call.accountType = 2;
        })
        .refuses(IQenexErrors::InvalidJurisdiction { jurisdiction: SMALL }, |at| {
            at.call.jurisdiction = GERMANY;
        })
        .refuses(unknown_currency(XXX), |at| at.call.homeCurrency = USD)
        .refuses(IQenexErrors::AccountExists { account: ALICE }, |at| at.caller = NOBODY)
        .succeeds()
}

#[test]
fn set_status() -> Tested {
    let call = IAccounts::setStatusCall { account: NOBODY, status: 9 };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(denied(STRANGER), |at| at.caller = REGISTRAR)
        .refuses(unknown(NOBODY), |at| at.call.account = BOB)
        .refuses(IQenexErrors::InvalidStatus { current: 2, wanted: 9 }, |at| at.call.status = 5)
        .refuses(IQenexErrors::AccountNotEmpty { account: BOB }, |at| at.call.account = CAROL)
        .succeeds()
}

#[test]
fn set_owner() -> Tested {
    let call = IAccounts::setOwnerCall { account: NOBODY, owner: LEDGER };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(invalid_account(LEDGER), |at| at.call.owner = BOB)
        .succeeds()
}

#[test]
fn recover() -> Tested {
    let call = IAccounts::recoverCall { account: NOBODY, owner: LEDGER };
    Table::new(four_eyes(Role::Registrar), STRANGER, ACCOUNTS, call)
        .refuses(denied(STRANGER), |at| at.caller = REGISTRAR)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Registrar))
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(invalid_account(LEDGER), |at| at.call.owner = BOB)
        .succeeds()
}

#[test]
fn set_custodian() -> Tested {
    let call = IAccounts::setCustodianCall { account: NOBODY, custodian: BOB };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(denied(STRANGER), |at| at.caller = REGISTRAR)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .succeeds()
}

#[test]
fn set_limits() -> Tested {
    let call = IAccounts::setLimitsCall {
        account: NOBODY,
        currency: XXX,
        perPayment: 1,
        perDay: 2,
        perThirtyDays: 3,
    };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(denied(STRANGER), |at| at.caller = REGISTRAR)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .succeeds()
}

fn key(scheme: u8, length: usize, valid_until: u64) -> IAccounts::addKeyCall {
    let public_key = Bytes::from(vec![7; length]);
    IAccounts::addKeyCall { account: ALICE, scheme, publicKey: public_key, validUntil: valid_until }
}

#[test]
fn add_key() -> Tested {
    let call = IAccounts::addKeyCall { account: NOBODY, ..key(9, 1, 1) };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(IQenexErrors::InvalidKey { scheme: 9 }, |at| at.call.scheme = 1)
        .refuses(IQenexErrors::InvalidKey { scheme: 1 }, |at| at.call = key(1, 20, 1))
        .refuses(IQenexErrors::InvalidExpiry { expires: 1 }, |at| at.call.validUntil = 0)
        .succeeds()
}

#[test]
fn remove_key() -> Tested {
    let call = IAccounts::removeKeyCall { account: NOBODY, keyId: B256::ZERO };
    let no_key = IQenexErrors::UnknownKey { account: ALICE, keyId: B256::ZERO };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(no_key, |at| at.call.keyId = at.world.ok(ALICE, ACCOUNTS, &key(1, 20, 0)))
        .succeeds()
}

const DELEGATION: IAccounts::setDelegationCall = IAccounts::setDelegationCall {
    account: ALICE,
    delegate: BOB,
    currency: USD,
    kinds: 2,
    listedOnly: false,
    cap: 5,
    period: 100,
    validUntil: u32::MAX as u64,
};

#[test]
fn set_delegation() -> Tested {
    let call = IAccounts::setDelegationCall {
        account: NOBODY,
        delegate: Address::ZERO,
        currency: XXX,
        kinds: 4,
        period: 0,
        validUntil: 1,
        ..DELEGATION
    };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(delegation("delegate"), |at| at.call.delegate = BOB)
        .refuses(delegation("kinds"), |at| at.call.kinds = 2)
        .refuses(delegation("period"), |at| at.call.period = 100)
        .refuses(delegation("validUntil"), |at| at.call = DELEGATION)
        .succeeds()
}

#[test]
fn revoke_delegation() -> Tested {
    let call = IAccounts::revokeDelegationCall { account: NOBODY, delegate: BOB, currency: XXX };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(delegation("delegate"), |at| {
            at.world.ok(ALICE, ACCOUNTS, &DELEGATION);
        })
        .succeeds()
}

#[test]
fn set_payee() -> Tested {
    let call =
        IAccounts::setPayeeCall { account: NOBODY, delegate: BOB, payee: CAROL, allowed: true };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .succeeds()
}

/// ALICE has a policy in force, and registrars need each other's agreement.
fn in_force(approvers: u8) -> World {
    let mut world = four_eyes(Role::Registrar);
    let policy = Policy { required: 1, approvers, time: 100 };
    POLICIES.entry(&ALICE).store(&mut world.host, &policy).unwrap();
    world
}

#[test]
fn set_policy() -> Tested {
    let call = IAccounts::setPolicyCall { account: NOBODY, required: 1, time: 0 };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(policy("required"), |at| {
            let call = IAccounts::setApproverCall { account: ALICE, approver: BOB, allowed: true };
            at.world.ok(ALICE, ACCOUNTS, &call);
        })
        .refuses(policy("time"), |at| at.call.time = 100)
        .succeeds()
}

#[test]
fn set_policy_in_force() -> Tested {
    let call = IAccounts::setPolicyCall { account: ALICE, required: 3, time: 0 };
    Table::new(in_force(2), ALICE, ACCOUNTS, call)
        .refuses(denied(ALICE), |at| at.caller = REGISTRAR)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Registrar))
        .refuses(policy("required"), |at| at.call.required = 2)
        .refuses(policy("time"), |at| at.call.time = 100)
        .succeeds()
}

#[test]
fn set_threshold() -> Tested {
    let call = IAccounts::setThresholdCall { account: NOBODY, currency: XXX, threshold: 5 };
    Table::new(World::new(), STRANGER, ACCOUNTS, call)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .succeeds()
}

#[test]
fn set_approver() -> Tested {
    let call =
        IAccounts::setApproverCall { account: ALICE, approver: Address::ZERO, allowed: false };
    Table::new(in_force(16), STRANGER, ACCOUNTS, call)
        .refuses(denied(STRANGER), |at| at.caller = REGISTRAR)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Registrar))
        .refuses(policy("approver"), |at| at.call.approver = BOB)
        .refuses(policy("allowed"), |at| at.call.allowed = true)
        .refuses(policy("approver"), |at| {
            let policy = Policy { required: 1, approvers: 15, time: 100 };
            POLICIES.entry(&ALICE).store(&mut at.world.host, &policy).unwrap();
        })
        .succeeds()
}
