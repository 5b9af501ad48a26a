//! Compliance.

use alloy_primitives::{B256, FixedBytes};
use qenex_types::Role;

use super::{Table, Tested, denied, four_eyes, lonely, trust, unknown, unknown_currency};
use crate::compliance::records::{FREEZES, Freeze};
use crate::testing::{
    ALICE, ATTESTOR, BLOCK, FROZEN, NOBODY, OFFICER, SECOND_OFFICER, STRANGER, USD, World, XXX,
    freezing,
};
use crate::{COMPLIANCE, ICompliance, IQenexErrors, Refusal};

pub(super) const TABLES: &[fn() -> Tested] = &[
    set_tier,
    set_tier_limits,
    require_attestations,
    set_travel_rule,
    set_corridor,
    set_denied,
    freeze,
    release,
    attest,
];

const OFFICERS: Role = Role::ComplianceOfficer;

fn invalid_freeze(field: &str) -> Refusal {
    IQenexErrors::InvalidFreeze { field: field.into() }.into()
}

fn invalid_attestation(field: &str) -> Refusal {
    IQenexErrors::InvalidAttestation { field: field.into() }.into()
}

#[test]
fn set_tier() -> Tested {
    let call = ICompliance::setTierCall { account: NOBODY, tier: 5, until: 1 };
    Table::new(World::new(), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(IQenexErrors::InvalidTier { tier: 5 }, |at| at.call.tier = 4)
        .refuses(IQenexErrors::InvalidExpiry { expires: 1 }, |at| at.call.until = 0)
        .succeeds()
}

#[test]
fn set_tier_limits() -> Tested {
    let call = ICompliance::setTierLimitsCall {
        currency: XXX,
        tier: 5,
        perPayment: 1,
        perDay: 2,
        perThirtyDays: 3,
    };
    Table::new(four_eyes(OFFICERS), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(lonely(), |at| trust(&mut at.world, OFFICERS))
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(IQenexErrors::InvalidTier { tier: 5 }, |at| at.call.tier = 4)
        .succeeds()
}

#[test]
fn require_attestations() -> Tested {
    let call = ICompliance::requireAttestationsCall { currency: XXX, tier: 5, types: 1 };
    Table::new(four_eyes(OFFICERS), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(lonely(), |at| trust(&mut at.world, OFFICERS))
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(IQenexErrors::InvalidTier { tier: 5 }, |at| at.call.tier = 4)
        .succeeds()
}

#[test]
fn set_travel_rule() -> Tested {
    let call = ICompliance::setTravelRuleCall { currency: XXX, threshold: 1 };
    Table::new(four_eyes(OFFICERS), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(lonely(), |at| trust(&mut at.world, OFFICERS))
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .succeeds()
}

#[test]
fn set_corridor() -> Tested {
    let (from, to) = (FixedBytes(*b"ch"), FixedBytes(*b"ky"));
    let call = ICompliance::setCorridorCall { from, to, corridor: 9, watched: false };
    Table::new(four_eyes(OFFICERS), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(lonely(), |at| trust(&mut at.world, OFFICERS))
        .refuses(IQenexErrors::InvalidJurisdiction { jurisdiction: from }, |at| {
            at.call.from = FixedBytes(*b"CH");
        })
        .refuses(IQenexErrors::InvalidJurisdiction { jurisdiction: to }, |at| {
            at.call.to = FixedBytes(*b"KY");
        })
        .refuses(IQenexErrors::InvalidCorridor { corridor: 9 }, |at| at.call.corridor = 3)
        .succeeds()
}

#[test]
fn set_denied() -> Tested {
    let call = ICompliance::setDeniedCall { accounts: vec![ALICE; 257], listed: true };
    Table::new(four_eyes(OFFICERS), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(lonely(), |at| trust(&mut at.world, OFFICERS))
        .refuses(IQenexErrors::TooManyItems { most: 256, given: 257 }, |at| {
            at.call.accounts.truncate(1);
        })
        .succeeds()
}

/// What FROZEN was before it was frozen.
fn previously(world: &mut World, previous: u8) {
    let slot = FREEZES.entry(&FROZEN).terms;
    let freeze = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Freeze { previous, ..freeze }).unwrap();
}

#[test]
fn freeze() -> Tested {
    let soon = BLOCK.timestamp + 10;
    let call = ICompliance::freezeCall {
        reason: FixedBytes::ZERO,
        caseId: B256::ZERO,
        until: 1,
        ..freezing(NOBODY, 4)
    };
    let mut world = World::new();
    previously(&mut world, 1);
    Table::new(world, STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(unknown(NOBODY), |at| at.call.account = FROZEN)
        .refuses(invalid_freeze("sides"), |at| at.call.sides = 1)
        .refuses(invalid_freeze("reason"), |at| at.call.reason = FixedBytes(*b"LEGL"))
        .refuses(invalid_freeze("until"), |at| at.call.until = soon)
        .refuses(invalid_freeze("sides"), |at| at.call.sides = 3)
        .refuses(invalid_freeze("until"), |at| at.call.until = 0)
        .refuses(IQenexErrors::InvalidStatus { current: 1, wanted: 4 }, |at| {
            previously(&mut at.world, 2);
        })
        .succeeds()
}

#[test]
fn release() -> Tested {
    let call = ICompliance::releaseCall { account: ALICE };
    Table::new(World::new(), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(IQenexErrors::NotFrozen { account: ALICE }, |at| {
            at.call.account = FROZEN;
            at.world.ok(OFFICER, COMPLIANCE, &at.call);
        })
        .refuses(IQenexErrors::SecondOfficerNeeded { officer: OFFICER }, |at| {
            at.caller = SECOND_OFFICER;
        })
        .succeeds()
}

#[test]
fn attest() -> Tested {
    let call = ICompliance::attestCall {
        account: NOBODY,
        attestation: 8,
        finding: 3,
        expires: 1,
        version: 1,
    };
    Table::new(World::new(), STRANGER, COMPLIANCE, call)
        .refuses(denied(STRANGER), |at| at.caller = ATTESTOR)
        .refuses(unknown(NOBODY), |at| at.call.account = ALICE)
        .refuses(invalid_attestation("attestation"), |at| at.call.attestation = 7)
        .refuses(invalid_attestation("finding"), |at| at.call.finding = 2)
        .refuses(invalid_attestation("expires"), |at| at.call.expires = u64::from(u32::MAX))
        .succeeds()
}
