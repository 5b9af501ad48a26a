//! Tiers, corridors, deny list, freezes, attestations, travel rule: what each does to a payment.

use alloy_primitives::{Address, B256, FixedBytes};

use super::*;
use crate::testing::{
    ALICE, ATTESTOR, BLOCK, BOB, CLOSED, EUR, FROZEN, NOBODY, OFFICER, REGISTRAR, SECOND_OFFICER,
    STRANGER, USD, World, freezing, payment,
};
use crate::{ACCOUNTS, IAccounts, ILedger, LEDGER, Refusal};

fn denied(caller: Address) -> Refusal {
    IQenexErrors::NotAuthorised { caller }.into()
}

fn pay(world: &mut World, n: u128, amount: u128) -> Result<(), Refusal> {
    world.attempt(ALICE, LEDGER, &payment(n, ALICE, BOB, amount)).map(drop)
}

fn limits(tier: u8, limit: u128) -> ICompliance::setTierLimitsCall {
    ICompliance::setTierLimitsCall {
        currency: USD,
        tier,
        perPayment: limit,
        perDay: u128::MAX,
        perThirtyDays: u128::MAX,
    }
}

#[test]
fn tiers_bound_payments_and_an_expired_tier_is_none() {
    let mut world = World::new();
    for (tier, limit) in [(0, 0), (1, 100), (2, 1_000)] {
        world.ok(OFFICER, COMPLIANCE, &limits(tier, limit));
    }
    assert_eq!(pay(&mut world, 1, 1), Err(IQenexErrors::TierTooLow { tier: 0 }.into()));
    let set = |tier, until| ICompliance::setTierCall { account: ALICE, tier, until };
    assert_eq!(world.refused(REGISTRAR, COMPLIANCE, &set(1, 0)), denied(REGISTRAR));
    let invalid = IQenexErrors::InvalidTier { tier: 5 };
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &set(5, 0)), invalid.into());
    let past = IQenexErrors::InvalidExpiry { expires: 7 };
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &set(1, 7)), past.into());
    world.ok(OFFICER, COMPLIANCE, &set(2, BLOCK.timestamp + 10));
    let exceeded = IQenexErrors::LimitExceeded { which: "payment".into(), limit: 1_000, used: 0 };
    assert_eq!(pay(&mut world, 1, 1_001), Err(exceeded.into()));
    assert_eq!(pay(&mut world, 1, 1_000), Ok(()));
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!((profile.tier, profile.version), (2, 2));
    world.pass(DAY);
    assert_eq!(pay(&mut world, 2, 1), Err(IQenexErrors::TierTooLow { tier: 0 }.into()));
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!(profile.tier, 0);
    let euros = ILedger::transferCall { currency: EUR, ..payment(3, ALICE, BOB, 20_000) };
    world.ok(ALICE, LEDGER, &euros);
    let seen = world.ok(BOB, COMPLIANCE, &ICompliance::tierOfCall { currency: USD, tier: 1 });
    assert_eq!((seen.perPayment, seen.perDay, seen.travelRule), (100, u128::MAX, u128::MAX));
}

#[test]
fn a_freeze_stops_its_sides_and_needs_two_officers_to_end() {
    let mut world = World::new();
    let side = |account, side| Refusal::from(IQenexErrors::Frozen { account, side });
    assert_eq!(world.refused(ALICE, COMPLIANCE, &freezing(BOB, 1)), denied(ALICE));
    let release = ICompliance::releaseCall { account: ALICE };
    world.ok(OFFICER, COMPLIANCE, &freezing(ALICE, 1));
    assert_eq!(pay(&mut world, 1, 1), Err(side(ALICE, 1)));
    world.ok(BOB, LEDGER, &payment(1, BOB, ALICE, 5));
    world.ok(OFFICER, COMPLIANCE, &release);
    world.ok(SECOND_OFFICER, COMPLIANCE, &release);
    world.ok(OFFICER, COMPLIANCE, &freezing(ALICE, 2));
    assert_eq!(pay(&mut world, 1, 1), Ok(()));
    assert_eq!(world.refused(BOB, LEDGER, &payment(2, BOB, ALICE, 5)), side(ALICE, 2));
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!(profile.status, 4);

    assert_eq!(world.refused(STRANGER, COMPLIANCE, &release), denied(STRANGER));
    world.ok(OFFICER, COMPLIANCE, &release);
    let second = IQenexErrors::SecondOfficerNeeded { officer: OFFICER };
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &release), second.into());
    assert_eq!(world.refused(BOB, LEDGER, &payment(2, BOB, ALICE, 5)), side(ALICE, 2));
    world.ok(SECOND_OFFICER, COMPLIANCE, &release);
    world.ok(BOB, LEDGER, &payment(2, BOB, ALICE, 5));
    let none = IQenexErrors::NotFrozen { account: ALICE };
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &release), none.into());
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!((profile.status, profile.version), (2, 5));
}

#[test]
fn a_freeze_whose_time_is_over_stops_nothing() {
    let mut world = World::new();
    let until = BLOCK.timestamp + 50;
    world.ok(OFFICER, COMPLIANCE, &ICompliance::freezeCall { until, ..freezing(ALICE, 3) });
    assert!(pay(&mut world, 1, 1).is_err());
    let query = ICompliance::freezeOfCall { account: ALICE };
    let seen = world.ok(BOB, COMPLIANCE, &query);
    assert_eq!((seen.sides, seen.officer, seen.until), (3, OFFICER, until));
    world.pass(50);
    assert_eq!(pay(&mut world, 1, 1), Ok(()));
    assert_eq!(world.ok(BOB, COMPLIANCE, &query).sides, 0);
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!(profile.status, 2);
    // What happens to the account afterwards is not undone by a late release.
    world.ok(REGISTRAR, ACCOUNTS, &IAccounts::setStatusCall { account: ALICE, status: 3 });
    let release = ICompliance::releaseCall { account: ALICE };
    world.ok(OFFICER, COMPLIANCE, &release);
    world.ok(SECOND_OFFICER, COMPLIANCE, &release);
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!(profile.status, 3);
}

/// One officer could otherwise end a freeze by putting a weaker one in its place.
#[test]
fn a_freeze_gives_way_only_to_a_stronger_one() {
    let mut world = World::new();
    let freeze = |sides, until| ICompliance::freezeCall { until, ..freezing(ALICE, sides) };
    let invalid =
        |field: &str| Refusal::from(IQenexErrors::InvalidFreeze { field: field.to_owned() });
    let (soon, late) = (BLOCK.timestamp + 50, BLOCK.timestamp + 500);
    world.ok(OFFICER, COMPLIANCE, &freeze(1, soon));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &freeze(2, 0)), invalid("sides"));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &freeze(1, soon - 1)), invalid("until"));
    world.ok(OFFICER, COMPLIANCE, &freeze(1, soon));
    world.ok(SECOND_OFFICER, COMPLIANCE, &freeze(3, late));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &freeze(1, late)), invalid("sides"));
    world.ok(OFFICER, COMPLIANCE, &freeze(3, 0));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &freeze(3, late)), invalid("until"));
    // One whose time is over is no freeze.
    world.ok(OFFICER, COMPLIANCE, &ICompliance::freezeCall { until: soon, ..freezing(BOB, 3) });
    world.pass(50);
    world.ok(OFFICER, COMPLIANCE, &freezing(BOB, 1));
}

/// A freeze takes away; it must not give what the account's status denies.
#[test]
fn a_freeze_of_one_side_opens_no_side_of_a_dormant_account() {
    let mut world = World::new();
    world.ok(REGISTRAR, ACCOUNTS, &IAccounts::setStatusCall { account: ALICE, status: 3 });
    let dormant = Refusal::from(IQenexErrors::AccountNotActive { account: ALICE, status: 3 });
    assert_eq!(world.refused(BOB, LEDGER, &payment(1, BOB, ALICE, 5)), dormant);
    world.ok(OFFICER, COMPLIANCE, &freezing(ALICE, 1));
    assert_eq!(world.refused(BOB, LEDGER, &payment(1, BOB, ALICE, 5)), dormant);
    let frozen = Refusal::from(IQenexErrors::Frozen { account: ALICE, side: 1 });
    assert_eq!(pay(&mut world, 1, 1), Err(frozen));
    let profile = world.ok(BOB, ACCOUNTS, &IAccounts::profileCall { account: ALICE });
    assert_eq!(profile.status, 4);
}

#[test]
fn wrong_freezes_are_refused() {
    let invalid = |field: &str| Refusal::from(IQenexErrors::InvalidFreeze { field: field.into() });
    let good = freezing(ALICE, 1);
    let closed = IQenexErrors::InvalidStatus { current: 5, wanted: 4 };
    let cases = [
        (freezing(NOBODY, 1), IQenexErrors::UnknownAccount { account: NOBODY }.into()),
        (freezing(ALICE, 0), invalid("sides")),
        (freezing(ALICE, 4), invalid("sides")),
        (ICompliance::freezeCall { reason: FixedBytes::ZERO, ..good.clone() }, invalid("reason")),
        (ICompliance::freezeCall { until: BLOCK.timestamp, ..good }, invalid("until")),
        (freezing(CLOSED, 1), closed.into()),
    ];
    for (call, expected) in cases {
        assert_eq!(World::new().refused(OFFICER, COMPLIANCE, &call), expected);
    }
    let mut world = World::new();
    let status = IAccounts::setStatusCall { account: FROZEN, status: 2 };
    let expected = IQenexErrors::InvalidStatus { current: 4, wanted: 2 };
    assert_eq!(world.refused(REGISTRAR, ACCOUNTS, &status), expected.into());
}

#[test]
fn who_is_on_the_deny_list_neither_pays_nor_is_paid() {
    let mut world = World::new();
    let set = |account, listed| ICompliance::setDeniedCall { accounts: vec![account], listed };
    assert_eq!(world.refused(STRANGER, COMPLIANCE, &set(BOB, true)), denied(STRANGER));
    world.ok(OFFICER, COMPLIANCE, &set(BOB, true));
    let refusal = Err(IQenexErrors::Denied { account: BOB }.into());
    assert_eq!(pay(&mut world, 1, 1), refusal);
    assert!(world.attempt(BOB, LEDGER, &payment(1, BOB, ALICE, 1)).is_err());
    world.ok(OFFICER, COMPLIANCE, &set(BOB, false));
    assert_eq!(pay(&mut world, 1, 1), Ok(()));
    // One who is listed before he has an account.
    world.ok(OFFICER, COMPLIANCE, &set(NOBODY, true));
    let open = IAccounts::openCall {
        account: NOBODY,
        owner: NOBODY,
        accountType: 1,
        jurisdiction: FixedBytes(*b"CH"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, ACCOUNTS, &open);
    let refusal = world.refused(ALICE, LEDGER, &payment(2, ALICE, NOBODY, 1));
    assert_eq!(refusal, IQenexErrors::Denied { account: NOBODY }.into());
    assert_eq!(world.ok(BOB, COMPLIANCE, &ICompliance::denyListVersionCall {}), 3);
    assert!(world.ok(BOB, COMPLIANCE, &ICompliance::isDeniedCall { account: NOBODY }));
    let many = ICompliance::setDeniedCall { accounts: vec![BOB; 257], listed: true };
    let expected = IQenexErrors::TooManyItems { most: 256, given: 257 };
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &many), expected.into());
}

/// An account in another jurisdiction than the others.
fn abroad(world: &mut World) -> Address {
    let open = IAccounts::openCall {
        account: NOBODY,
        owner: NOBODY,
        accountType: 1,
        jurisdiction: FixedBytes(*b"DE"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, ACCOUNTS, &open);
    NOBODY
}

#[test]
fn corridors_open_review_and_block_in_one_direction() {
    let mut world = World::new();
    let abroad = abroad(&mut world);
    let (from, to) = (FixedBytes(*b"CH"), FixedBytes(*b"DE"));
    let set = |corridor| ICompliance::setCorridorCall { from, to, corridor, watched: false };
    let there = |n| payment(n, ALICE, abroad, 10);
    world.ok(ALICE, LEDGER, &there(1));
    world.ok(OFFICER, COMPLIANCE, &set(3));
    let blocked = IQenexErrors::CorridorBlocked { from, to };
    assert_eq!(world.refused(ALICE, LEDGER, &there(2)), blocked.into());
    world.ok(abroad, LEDGER, &payment(1, abroad, ALICE, 1));
    world.ok(OFFICER, COMPLIANCE, &set(2));
    world.ok(ALICE, LEDGER, &there(3));
    assert_eq!(world.transfer(ALICE, 3).status, 2);
    world.ok(OFFICER, COMPLIANCE, &set(1));
    world.ok(ALICE, LEDGER, &there(4));
    assert_eq!(world.transfer(ALICE, 4).status, 4);
    let expected = IQenexErrors::InvalidCorridor { corridor: 4 };
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &set(4)), expected.into());
    let wrong = ICompliance::setCorridorCall { from: FixedBytes(*b"c1"), ..set(1) };
    assert!(matches!(world.refused(OFFICER, COMPLIANCE, &wrong), Refusal::InvalidJurisdiction(_)));
    let seen = world.ok(BOB, COMPLIANCE, &ICompliance::corridorCall { from, to });
    assert_eq!((seen.terms, seen.watched), (1, false));
}

#[test]
fn a_missing_expired_or_bad_attestation_means_review() {
    let mut world = World::new();
    let need = ICompliance::requireAttestationsCall { currency: USD, tier: 0, types: 0b101 };
    world.ok(OFFICER, COMPLIANCE, &need);
    let attest = |attestation, finding, expires| ICompliance::attestCall {
        account: ALICE,
        attestation,
        finding,
        expires,
        version: 1,
    };
    let (soon, later) = (BLOCK.timestamp + 10, BLOCK.timestamp + 1_000);
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &attest(0, 1, later)), denied(OFFICER));
    let status = |world: &mut World, n| {
        pay(world, n, 1).unwrap();
        world.transfer(ALICE, n).status
    };
    assert_eq!(status(&mut world, 1), 2, "none");
    world.ok(ATTESTOR, COMPLIANCE, &attest(0, 1, later));
    assert_eq!(status(&mut world, 2), 2, "one is missing");
    world.ok(ATTESTOR, COMPLIANCE, &attest(2, 1, soon));
    assert_eq!(status(&mut world, 3), 4);
    world.ok(ATTESTOR, COMPLIANCE, &attest(0, 2, later));
    assert_eq!(status(&mut world, 4), 2, "a finding");
    world.ok(ATTESTOR, COMPLIANCE, &attest(0, 1, later));
    world.pass(10);
    assert_eq!(status(&mut world, 5), 2, "expired");
    for (field, call) in [
        ("attestation", attest(8, 1, later)),
        ("finding", attest(0, 3, later)),
        ("expires", attest(0, 1, 5)),
    ] {
        let expected = IQenexErrors::InvalidAttestation { field: field.into() };
        assert_eq!(world.refused(ATTESTOR, COMPLIANCE, &call), expected.into());
    }
    world.ok(ATTESTOR, COMPLIANCE, &attest(0, 0, 0));
    let query = ICompliance::attestationOfCall { account: ALICE, attestation: 0 };
    assert_eq!(world.ok(BOB, COMPLIANCE, &query).finding, 0);
}

#[test]
fn the_travel_rule_asks_for_payload_and_institution() {
    let mut world = World::new();
    let rule = ICompliance::setTravelRuleCall { currency: USD, threshold: 1_000 };
    world.ok(OFFICER, COMPLIANCE, &rule);
    let missing =
        |field: &str| Refusal::from(IQenexErrors::TravelRuleMissing { field: field.into() });
    assert_eq!(pay(&mut world, 1, 999), Ok(()));
    assert_eq!(pay(&mut world, 2, 1_000), Err(missing("payloadHash")));
    let with_payload = ILedger::transferCall {
        payloadHash: B256::repeat_byte(1),
        ..payment(2, ALICE, BOB, 1_000)
    };
    assert_eq!(world.refused(ALICE, LEDGER, &with_payload), missing("institution"));
    let keep = |account| IAccounts::setCustodianCall { account, custodian: STRANGER };
    world.ok(REGISTRAR, ACCOUNTS, &keep(BOB));
    world.ok(ALICE, LEDGER, &with_payload);
    world.ok(REGISTRAR, ACCOUNTS, &keep(ALICE));
    assert_eq!(pay(&mut world, 3, 5_000), Ok(()), "within one institution");
}
