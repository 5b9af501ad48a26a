//! Accounts: opening, statuses, roles, layout.

use super::*;
use crate::storage::{Field, Word};
use crate::testing::{
    ADMIN as THE_ADMIN, ALICE, BLOCK, BOB, CAROL, CLOSED, NOBODY, REGISTRAR, STRANGER, USD, World,
    XXX, payment,
};
use crate::{Block, LEDGER, Refusal, face_address};

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
    let allowed = [(1, 2), (1, 5), (2, 3), (2, 4), (2, 5), (3, 2), (3, 4), (3, 5), (4, 2)];
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
fn only_the_admin_appoints_and_dismisses_registrars() {
    let mut world = World::new();
    let appoint = IAccounts::setRegistrarCall { registrar: BOB, allowed: true };
    for caller in [STRANGER, REGISTRAR, BOB, Address::ZERO] {
        let refusal = world.refused(caller, ACCOUNTS, &appoint);
        assert_eq!(refusal, IQenexErrors::NotAuthorised { caller }.into());
    }
    world.ok(THE_ADMIN, ACCOUNTS, &appoint);
    assert!(world.ok(ALICE, ACCOUNTS, &IAccounts::isRegistrarCall { registrar: BOB }));
    world.ok(BOB, ACCOUNTS, &opening(NOBODY, NOBODY));
    world.ok(THE_ADMIN, ACCOUNTS, &IAccounts::setRegistrarCall { registrar: BOB, allowed: false });
    let refusal = world.refused(BOB, ACCOUNTS, &opening(STRANGER, NOBODY));
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: BOB }.into());
    assert_eq!(world.ok(ALICE, ACCOUNTS, &IAccounts::adminCall {}), THE_ADMIN);
}

#[test]
fn without_an_admin_nobody_is_the_admin() {
    let mut world = World::new();
    ADMIN.store(&mut world.host, &Address::ZERO).unwrap();
    let call = IAccounts::setRegistrarCall { registrar: BOB, allowed: true };
    for caller in [Address::ZERO, THE_ADMIN] {
        let refusal = world.refused(caller, ACCOUNTS, &call);
        assert_eq!(refusal, IQenexErrors::NotAuthorised { caller }.into());
    }
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
fn last_activity_is_written_once_an_hour_and_is_no_new_version() {
    let mut world = World::new();
    let profile = IAccounts::profileCall { account: ALICE };
    let opened = world.ok(BOB, ACCOUNTS, &profile).lastActivity;
    for (n, later, expected) in [
        (1, ACTIVITY_STEP - 1, opened),
        (2, ACTIVITY_STEP, opened + ACTIVITY_STEP),
        (3, ACTIVITY_STEP + 1, opened + ACTIVITY_STEP),
    ] {
        world.host.set_block(Block { timestamp: opened + later, ..BLOCK });
        world.ok(ALICE, LEDGER, &payment(n, ALICE, BOB, 1));
        let profile = world.ok(BOB, ACCOUNTS, &profile);
        assert_eq!((profile.lastActivity, profile.version), (expected, 1));
    }
}

/// `abi.encode(key, slot)` hashed, written out by hand.
fn mapping_slot(key: U256, slot: u64) -> U256 {
    let mut preimage = key.to_be_bytes::<32>().to_vec();
    preimage.extend(U256::from(slot).to_be_bytes::<32>());
    U256::from_be_bytes(alloy_primitives::keccak256(preimage).0)
}

#[test]
fn the_layout_is_the_recorded_one() {
    assert_eq!(ADMIN.number(), U256::ZERO);
    let key = U256::from_be_bytes(ALICE.into_word().0);
    assert_eq!(REGISTRARS.entry(&ALICE).number(), mapping_slot(key, 1));
    let profile = PROFILES.entry(&ALICE);
    assert_eq!(profile.head.number(), mapping_slot(key, 2));
    assert_eq!(profile.origin.number(), mapping_slot(key, 2) + U256::from(1));

    let head = Head {
        owner: Address::repeat_byte(0x11),
        account_type: Some(AccountType::Business),
        status: Some(AccountStatus::Active),
        tier: 3,
        version: 0x4455_6677,
        last_activity: Seconds::new(0x88_99aa_bbcc_u64),
    };
    let word = "0x8899aabbcc445566770302021111111111111111111111111111111111111111";
    assert_eq!(head.to_word(), word.parse::<U256>().unwrap());
    assert_eq!(Head::from_word(head.to_word()), Some(head));

    let origin = Origin {
        custodian: Address::repeat_byte(0x22),
        opened_at: Seconds::new(1),
        jurisdiction: FixedBytes(*b"CH"),
        home_currency: Some("USD".parse().unwrap()),
    };
    let word = "0x0000555344434800000000012222222222222222222222222222222222222222";
    assert_eq!(origin.to_word(), word.parse::<U256>().unwrap());
    assert_eq!(Origin::from_word(origin.to_word()), Some(origin));
}

#[test]
fn damaged_words_are_not_read() {
    assert_eq!(Origin::from_word(U256::MAX), None, "bits above the last field");
    assert_eq!(Head::from_word(U256::from(9) << 160), None, "no such type");
    assert_eq!(bool::from_bits(U256::from(2)), None);
    let mut world = World::new();
    let slot: Slot<U256> = Place::place(ACCOUNTS, PROFILES.entry(&ALICE).head.number());
    slot.store(&mut world.host, &U256::MAX).unwrap();
    let input = alloy_sol_types::SolCall::abi_encode(&IAccounts::profileCall { account: ALICE });
    let error = world.raw(&Call::new(BOB, ACCOUNTS, &input)).unwrap_err();
    assert!(matches!(error, HostError::Fatal(_)));
}
