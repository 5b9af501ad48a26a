//! Accounts: opening, statuses, owners, delegations, limits, policies, layout.

use alloy_primitives::{FixedBytes, U256};
use alloy_sol_types::SolEvent;
use qenex_types::{AccountStatus, AccountType};

use super::records::{Head, Origin};
use super::*;
use crate::risk::records::DAY;
use crate::storage::{Days, Field, Place, Slot, Word};
use crate::testing::{
    ADMIN as THE_ADMIN, ALICE, BLOCK, BOB, CAROL, CLOSED, EUR, NOBODY, REGISTRAR, STRANGER,
    TREASURY, USD, World, XXX, payment,
};
use crate::{Block, HostError, ILedger, LEDGER, Refusal, face_address};

fn opening(account: Address, owner: Address) -> IAccounts::openCall {
    IAccounts::openCall {
        account,
        owner,
        accountType: 2,
        jurisdiction: FixedBytes(*b"DE"),
        homeCurrency: USD,
    }
}

#[test]
fn an_opened_account_is_active_with_version_one() {
    let mut world = World::new();
    world.ok(REGISTRAR, ACCOUNTS, &opening(NOBODY, BOB));
    let profile = world.ok(STRANGER, ACCOUNTS, &IAccounts::profileCall { account: NOBODY });
    assert_eq!(
        profile,
        IAccounts::Profile {
            owner: BOB,
            custodian: Address::ZERO,
            accountType: 2,
            status: 2,
            tier: 0,
            jurisdiction: FixedBytes(*b"DE"),
            homeCurrency: USD,
            openedAt: BLOCK.timestamp + 1,
            lastActivity: BLOCK.timestamp + 1,
            version: 1,
        }
    );
    let log = world.host.logs().last().unwrap();
    let event = IAccounts::AccountOpened::decode_log_data_validate(&log.data).unwrap();
    assert_eq!((log.address, event.account, event.owner), (ACCOUNTS, NOBODY, BOB));
    assert_eq!(event.status, 2);
}

#[test]
fn wrong_openings_are_refused_and_change_nothing() {
    let good = opening(NOBODY, BOB);
    let face = face_address("USD".parse().unwrap());
    let invalid = |account| Refusal::from(IQenexErrors::InvalidAccount { account });
    let cases: Vec<(Address, IAccounts::openCall, Refusal)> = vec![
        (STRANGER, good.clone(), IQenexErrors::NotAuthorised { caller: STRANGER }.into()),
        (THE_ADMIN, good.clone(), IQenexErrors::NotAuthorised { caller: THE_ADMIN }.into()),
        (REGISTRAR, opening(Address::ZERO, BOB), invalid(Address::ZERO)),
        (REGISTRAR, opening(LEDGER, BOB), invalid(LEDGER)),
        (REGISTRAR, opening(face, BOB), invalid(face)),
        (REGISTRAR, opening(NOBODY, Address::ZERO), invalid(Address::ZERO)),
        (REGISTRAR, opening(NOBODY, LEDGER), invalid(LEDGER)),
        (
            REGISTRAR,
            IAccounts::openCall { accountType: 0, ..good.clone() },
            IQenexErrors::InvalidAccountType { accountType: 0 }.into(),
        ),
        (
            REGISTRAR,
            IAccounts::openCall { accountType: 8, ..good.clone() },
            IQenexErrors::InvalidAccountType { accountType: 8 }.into(),
        ),
        (
            REGISTRAR,
            IAccounts::openCall { jurisdiction: FixedBytes(*b"de"), ..good.clone() },
            IQenexErrors::InvalidJurisdiction { jurisdiction: FixedBytes(*b"de") }.into(),
        ),
        (
            REGISTRAR,
            IAccounts::openCall { homeCurrency: XXX, ..good },
            IQenexErrors::UnknownCurrency { currency: XXX }.into(),
        ),
        (REGISTRAR, opening(ALICE, BOB), IQenexErrors::AccountExists { account: ALICE }.into()),
        (REGISTRAR, opening(CLOSED, BOB), IQenexErrors::AccountExists { account: CLOSED }.into()),
    ];
    for (caller, call, expected) in cases {
        assert_eq!(World::new().refused(caller, ACCOUNTS, &call), expected);
    }
}

#[test]
fn statuses_change_only_along_the_known_paths() {
    let allowed = [(1, 2), (1, 5), (2, 3), (2, 5), (3, 2), (3, 5)];
    for current in 1..=5_u8 {
        for wanted in 0..=6_u8 {
            let mut world = World::new();
            let slot = PROFILES.entry(&CAROL).head;
            let head: Head = slot.load(&mut world.host).unwrap();
            let status = AccountStatus::from_number(current);
            slot.store(&mut world.host, &Head { status, ..head }).unwrap();
            let call = IAccounts::setStatusCall { account: CAROL, status: wanted };
            if allowed.contains(&(current, wanted)) {
                world.ok(REGISTRAR, ACCOUNTS, &call);
                let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: CAROL });
                assert_eq!((profile.status, profile.version), (wanted, 2));
            } else {
                let expected = IQenexErrors::InvalidStatus { current, wanted };
                assert_eq!(world.refused(REGISTRAR, ACCOUNTS, &call), expected.into());
            }
        }
    }
}

#[test]
fn an_account_with_money_does_not_close_until_it_is_empty() {
    let mut world = World::new();
    let close = IAccounts::setStatusCall { account: BOB, status: 5 };
    let refusal = world.refused(REGISTRAR, ACCOUNTS, &close);
    assert_eq!(refusal, IQenexErrors::AccountNotEmpty { account: BOB }.into());
    world.ok(BOB, LEDGER, &payment(1, BOB, ALICE, 1_000));
    world.ok(REGISTRAR, ACCOUNTS, &close);
    let refusal = world.refused(ALICE, LEDGER, &payment(1, ALICE, BOB, 1));
    assert_eq!(refusal, IQenexErrors::AccountNotActive { account: BOB, status: 5 }.into());
}

#[test]
fn unknown_accounts_are_named() {
    let mut world = World::new();
    let unknown = Refusal::from(IQenexErrors::UnknownAccount { account: NOBODY });
    let profile = IAccounts::profileCall { account: NOBODY };
    assert_eq!(world.refused(ALICE, ACCOUNTS, &profile), unknown);
    let status = IAccounts::setStatusCall { account: NOBODY, status: 4 };
    assert_eq!(world.refused(REGISTRAR, ACCOUNTS, &status), unknown);
}

#[test]
fn last_activity_is_written_once_a_day_and_is_no_new_version() {
    let mut world = World::new();
    let profile = IAccounts::profileCall { account: ALICE };
    let opened = world.ok(BOB, ACCOUNTS, &profile).lastActivity;
    assert_eq!(opened, BLOCK.timestamp);
    let midnight = (opened / DAY + 1) * DAY;
    for (n, now, expected) in
        [(1, midnight - 1, opened), (2, midnight, midnight), (3, midnight + 9, midnight)]
    {
        world.host.set_block(Block { timestamp: now, ..BLOCK });
        world.ok(ALICE, LEDGER, &payment(n, ALICE, BOB, 1));
        let profile = world.ok(BOB, ACCOUNTS, &profile);
        assert_eq!((profile.lastActivity, profile.version), (expected, 1));
    }
}

#[test]
fn who_enrols_waits_for_a_registrar() {
    let mut world = World::new();
    let enrol = IAccounts::enrolCall {
        accountType: 1,
        jurisdiction: FixedBytes(*b"DE"),
        homeCurrency: USD,
    };
    world.ok(NOBODY, ACCOUNTS, &enrol);
    let log = world.host.logs().last().unwrap();
    let event = IAccounts::AccountOpened::decode_log_data_validate(&log.data).unwrap();
    assert_eq!((event.owner, event.status), (NOBODY, 1));
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: NOBODY });
    assert_eq!((profile.owner, profile.status), (NOBODY, 1));
    let pay = payment(1, ALICE, NOBODY, 5);
    let pending = IQenexErrors::AccountNotActive { account: NOBODY, status: 1 };
    assert_eq!(world.refused(ALICE, LEDGER, &pay), pending.into());
    let activate = IAccounts::setStatusCall { account: NOBODY, status: 2 };
    world.ok(REGISTRAR, ACCOUNTS, &activate);
    world.ok(ALICE, LEDGER, &pay);
    let exists = IQenexErrors::AccountExists { account: NOBODY };
    assert_eq!(world.refused(NOBODY, ACCOUNTS, &enrol), exists.into());
}

#[test]
fn owners_change_by_their_own_word_or_by_recovery() {
    let mut world = World::new();
    let hand_over = IAccounts::setOwnerCall { account: TREASURY, owner: BOB };
    let refusal = world.refused(BOB, ACCOUNTS, &hand_over);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: BOB }.into());
    world.ok(ALICE, ACCOUNTS, &hand_over);
    world.ok(BOB, LEDGER, &payment(1, TREASURY, BOB, 5));
    let refusal = world.refused(ALICE, LEDGER, &payment(2, TREASURY, BOB, 5));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    let recover = IAccounts::recoverCall { account: TREASURY, owner: CAROL };
    let refusal = world.refused(BOB, ACCOUNTS, &recover);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: BOB }.into());
    world.ok(REGISTRAR, ACCOUNTS, &recover);
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: TREASURY });
    assert_eq!((profile.owner, profile.version), (CAROL, 3));
    let engine = IAccounts::recoverCall { account: TREASURY, owner: LEDGER };
    let refusal = world.refused(REGISTRAR, ACCOUNTS, &engine);
    assert_eq!(refusal, IQenexErrors::InvalidAccount { account: LEDGER }.into());
}

fn delegating(kinds: u8, cap: u128) -> IAccounts::setDelegationCall {
    IAccounts::setDelegationCall {
        account: ALICE,
        delegate: STRANGER,
        currency: USD,
        kinds,
        listedOnly: false,
        cap,
        period: 3_600,
        validUntil: BLOCK.timestamp + 10_000,
    }
}

#[test]
fn a_delegate_pays_within_kinds_cap_time_and_payees() {
    let mut world = World::new();
    let stranger = Refusal::from(IQenexErrors::NotAuthorised { caller: STRANGER });
    let pay = |n, amount| payment(n, ALICE, BOB, amount);
    assert_eq!(world.refused(STRANGER, LEDGER, &pay(1, 5)), stranger);
    assert_eq!(world.refused(STRANGER, ACCOUNTS, &delegating(2, 100)), stranger);
    world.ok(ALICE, ACCOUNTS, &delegating(2, 100));
    world.ok(STRANGER, LEDGER, &pay(1, 60));
    let exceeded = IQenexErrors::LimitExceeded { which: "delegation".into(), limit: 100, used: 60 };
    assert_eq!(world.refused(STRANGER, LEDGER, &pay(2, 41)), exceeded.into());
    world.ok(STRANGER, LEDGER, &pay(2, 40));
    let hold = crate::testing::holding(3, ALICE, BOB, 1);
    assert_eq!(world.refused(STRANGER, LEDGER, &hold), stranger, "kinds are only transfers");
    let euros = ILedger::transferCall { currency: EUR, ..pay(3, 1) };
    assert_eq!(world.refused(STRANGER, LEDGER, &euros), stranger, "another currency");
    world.pass(3_600);
    world.ok(STRANGER, LEDGER, &pay(3, 100));
    let query = IAccounts::delegationCall { account: ALICE, delegate: STRANGER, currency: USD };
    let seen = world.ok(BOB, ACCOUNTS, &query);
    assert_eq!((seen.kinds, seen.cap, seen.used), (2, 100, 100));

    let listed =
        IAccounts::setDelegationCall { listedOnly: true, cap: u128::MAX, ..delegating(2, 0) };
    world.ok(ALICE, ACCOUNTS, &listed);
    assert_eq!(world.refused(STRANGER, LEDGER, &pay(4, 1)), stranger);
    let payee =
        IAccounts::setPayeeCall { account: ALICE, delegate: STRANGER, payee: BOB, allowed: true };
    world.ok(ALICE, ACCOUNTS, &payee);
    world.ok(STRANGER, LEDGER, &pay(4, 10_000));
    world.pass(10_000);
    assert_eq!(world.refused(STRANGER, LEDGER, &pay(5, 1)), stranger, "its time is over");
    let revoke =
        IAccounts::revokeDelegationCall { account: ALICE, delegate: STRANGER, currency: USD };
    world.ok(STRANGER, ACCOUNTS, &revoke);
    assert_eq!(world.ok(BOB, ACCOUNTS, &query).validUntil, 0);
}

#[test]
fn wrong_delegations_are_refused() {
    let good = delegating(2, 100);
    let cases = [
        ("delegate", IAccounts::setDelegationCall { delegate: Address::ZERO, ..good.clone() }),
        ("kinds", IAccounts::setDelegationCall { kinds: 0, ..good.clone() }),
        ("kinds", IAccounts::setDelegationCall { kinds: 4, ..good.clone() }),
        ("kinds", IAccounts::setDelegationCall { kinds: 64, ..good.clone() }),
        ("period", IAccounts::setDelegationCall { period: 0, ..good.clone() }),
        ("validUntil", IAccounts::setDelegationCall { validUntil: 9, ..good }),
    ];
    for (field, call) in cases {
        let expected = IQenexErrors::InvalidDelegation { field: field.into() };
        assert_eq!(World::new().refused(ALICE, ACCOUNTS, &call), expected.into());
    }
}

#[test]
fn own_limits_count_beside_the_tiers() {
    let mut world = World::new();
    let set = IAccounts::setLimitsCall {
        account: ALICE,
        currency: USD,
        perPayment: 500,
        perDay: 800,
        perThirtyDays: 1_000,
    };
    let refusal = world.refused(ALICE, ACCOUNTS, &set);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: ALICE }.into());
    world.ok(REGISTRAR, ACCOUNTS, &set);
    let exceeded = |which: &str, limit, used| {
        Refusal::from(IQenexErrors::LimitExceeded { which: which.into(), limit, used })
    };
    let pay = |world: &mut World, n, amount| {
        world.attempt(ALICE, LEDGER, &payment(n, ALICE, BOB, amount)).map(drop)
    };
    assert_eq!(pay(&mut world, 1, 501), Err(exceeded("payment", 500, 0)));
    assert_eq!(pay(&mut world, 1, 500), Ok(()));
    assert_eq!(pay(&mut world, 2, 301), Err(exceeded("day", 800, 500)));
    assert_eq!(pay(&mut world, 2, 300), Ok(()));
    world.pass(DAY);
    assert_eq!(pay(&mut world, 3, 201), Err(exceeded("thirtyDays", 1_000, 800)));
    assert_eq!(pay(&mut world, 3, 200), Ok(()));
    let euros = ILedger::transferCall { currency: EUR, ..payment(4, ALICE, BOB, 9_000) };
    world.ok(ALICE, LEDGER, &euros);
    world.pass(30 * DAY);
    assert_eq!(pay(&mut world, 5, 500), Ok(()), "another period");
    let limits = world.ok(BOB, ACCOUNTS, &IAccounts::limitsCall { account: ALICE, currency: USD });
    assert_eq!((limits.perPayment, limits.perDay, limits.perThirtyDays), (500, 800, 1_000));
    let none = world.ok(BOB, ACCOUNTS, &IAccounts::limitsCall { account: BOB, currency: USD });
    assert_eq!(none.perDay, u128::MAX);
    let nothing = IAccounts::setLimitsCall { perPayment: 0, perDay: 0, perThirtyDays: 0, ..set };
    world.ok(REGISTRAR, ACCOUNTS, &nothing);
    assert_eq!(pay(&mut world, 6, 1), Err(exceeded("payment", 0, 0)));
}

#[test]
fn a_policy_is_set_by_the_owner_and_then_guarded_by_registrars() {
    let mut world = World::new();
    let policy = |required, time| IAccounts::setPolicyCall { account: ALICE, required, time };
    let approver =
        |approver, allowed| IAccounts::setApproverCall { account: ALICE, approver, allowed };
    let invalid = |field: &str| Refusal::from(IQenexErrors::InvalidPolicy { field: field.into() });
    assert_eq!(world.refused(ALICE, ACCOUNTS, &policy(1, 60)), invalid("required"));
    let foreign = world.refused(BOB, ACCOUNTS, &approver(BOB, true));
    assert_eq!(foreign, IQenexErrors::NotAuthorised { caller: BOB }.into());
    world.ok(ALICE, ACCOUNTS, &approver(BOB, true));
    assert_eq!(world.refused(ALICE, ACCOUNTS, &approver(BOB, true)), invalid("allowed"));
    assert_eq!(world.refused(ALICE, ACCOUNTS, &policy(1, 0)), invalid("time"));
    world.ok(ALICE, ACCOUNTS, &policy(1, 60));
    let threshold = IAccounts::setThresholdCall { account: ALICE, currency: USD, threshold: 1_000 };
    let owner = world.refused(ALICE, ACCOUNTS, &threshold);
    assert_eq!(owner, IQenexErrors::NotAuthorised { caller: ALICE }.into(), "it is in force");
    world.ok(REGISTRAR, ACCOUNTS, &threshold);
    assert_eq!(world.refused(REGISTRAR, ACCOUNTS, &approver(BOB, false)), invalid("approver"));
    let seen = world.ok(BOB, ACCOUNTS, &IAccounts::policyCall { account: ALICE, currency: USD });
    assert_eq!((seen.required, seen.approvers, seen.time, seen.threshold), (1, 1, 60, 1_000));
}

/// `abi.encode(key, slot)` hashed, written out by hand.
fn mapping_slot(key: U256, slot: u64) -> U256 {
    let mut preimage = key.to_be_bytes::<32>().to_vec();
    preimage.extend(U256::from(slot).to_be_bytes::<32>());
    U256::from_be_bytes(alloy_primitives::keccak256(preimage).0)
}

#[test]
fn the_layout_is_the_recorded_one() {
    let key = U256::from_be_bytes(ALICE.into_word().0);
    let profile = PROFILES.entry(&ALICE);
    assert_eq!(profile.head.number(), mapping_slot(key, 0));
    assert_eq!(profile.origin.number(), mapping_slot(key, 0) + U256::from(1));
    let head = Head {
        owner: Address::repeat_byte(0x11),
        account_type: Some(AccountType::Business),
        status: Some(AccountStatus::Active),
        tier: 3,
        flags: 4,
        jurisdiction: FixedBytes(*b"CH"),
        tier_until: Days::new(0x5566_u64),
        opened_on: Days::new(0x7788_u64),
        last_active: Days::new(0x99aa_u64),
    };
    let word = "0x99aa778855664348040302021111111111111111111111111111111111111111";
    assert_eq!(head.to_word(), word.parse::<U256>().unwrap());
    assert_eq!(Head::from_word(head.to_word()), Some(head));
}

#[test]
fn damaged_words_are_not_read() {
    assert_eq!(Origin::from_word(U256::MAX), None, "no such currency");
    assert_eq!(Head::from_word(U256::from(9) << 160), None, "no such type");
    assert_eq!(bool::from_bits(U256::from(2)), None);
    let mut world = World::new();
    let slot: Slot<U256> = Place::place(ACCOUNTS, PROFILES.entry(&ALICE).head.number());
    slot.store(&mut world.host, &U256::MAX).unwrap();
    let input = alloy_sol_types::SolCall::abi_encode(&IAccounts::profileCall { account: ALICE });
    let error = world.raw(&Call::new(BOB, ACCOUNTS, &input)).unwrap_err();
    assert!(matches!(error, HostError::Fatal(_)));
}

#[test]
fn a_key_is_there_until_it_is_removed() {
    let mut world = World::new();
    let add = IAccounts::addKeyCall {
        account: ALICE,
        scheme: 1,
        publicKey: BOB.to_vec().into(),
        validUntil: BLOCK.timestamp + 60,
    };
    let foreign = world.refused(BOB, ACCOUNTS, &add);
    assert_eq!(foreign, IQenexErrors::NotAuthorised { caller: BOB }.into());
    let id = world.ok(ALICE, ACCOUNTS, &add);
    let query = IAccounts::keyCall { account: ALICE, keyId: id };
    let seen = world.ok(STRANGER, ACCOUNTS, &query);
    let now = BLOCK.timestamp + 1;
    assert_eq!((seen.scheme, seen.addedAt, seen.validUntil), (1, now, BLOCK.timestamp + 60));
    let remove = IAccounts::removeKeyCall { account: ALICE, keyId: id };
    world.ok(ALICE, ACCOUNTS, &remove);
    assert_eq!(world.ok(STRANGER, ACCOUNTS, &query).scheme, 0);
    let unknown = IQenexErrors::UnknownKey { account: ALICE, keyId: id };
    assert_eq!(world.refused(ALICE, ACCOUNTS, &remove), unknown.into());
}

#[test]
fn lists_of_payees_and_approvers_can_be_read() {
    let mut world = World::new();
    let payee = IAccounts::isPayeeCall { account: ALICE, delegate: STRANGER, payee: BOB };
    let approver = IAccounts::isApproverCall { account: ALICE, approver: BOB };
    assert!(!world.ok(CAROL, ACCOUNTS, &payee) && !world.ok(CAROL, ACCOUNTS, &approver));
    let list =
        IAccounts::setPayeeCall { account: ALICE, delegate: STRANGER, payee: BOB, allowed: true };
    world.ok(ALICE, ACCOUNTS, &list);
    let appoint = IAccounts::setApproverCall { account: ALICE, approver: BOB, allowed: true };
    world.ok(ALICE, ACCOUNTS, &appoint);
    assert!(world.ok(CAROL, ACCOUNTS, &payee) && world.ok(CAROL, ACCOUNTS, &approver));
}
