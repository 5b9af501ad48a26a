//! Roles, approvals of several, parameters.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;

use super::*;
use crate::testing::{
    ADMIN, ALICE, BOB, CAROL, GUARDIAN, OFFICER, SECOND_OFFICER, STRANGER, USD, World, XXX,
};
use crate::{COMPLIANCE, ICompliance, IQenexErrors, Refusal};

const OFFICERS: u8 = 3;

fn denied(caller: Address) -> Refusal {
    IQenexErrors::NotAuthorised { caller }.into()
}

#[test]
fn admins_grant_and_revoke_and_one_stays() {
    let mut world = World::new();
    let grant = |role, member| IAccess::grantRoleCall { role, member };
    let revoke = |role, member| IAccess::revokeRoleCall { role, member };
    assert_eq!(world.refused(OFFICER, ACCESS, &grant(2, BOB)), denied(OFFICER));
    for role in [0, 8, 255] {
        let expected = Refusal::from(IQenexErrors::InvalidRole { role });
        assert_eq!(world.refused(ADMIN, ACCESS, &grant(role, BOB)), expected);
    }
    let zero = IQenexErrors::InvalidAccount { account: Address::ZERO };
    assert_eq!(world.refused(ADMIN, ACCESS, &grant(2, Address::ZERO)), zero.into());
    world.ok(ADMIN, ACCESS, &grant(2, BOB));
    world.ok(ADMIN, ACCESS, &grant(2, BOB));
    assert!(world.ok(ALICE, ACCESS, &IAccess::hasRoleCall { role: 2, member: BOB }));
    assert_eq!(world.ok(ALICE, ACCESS, &IAccess::memberCountCall { role: 2 }), 2);
    world.ok(ADMIN, ACCESS, &revoke(2, BOB));
    assert_eq!(world.ok(ALICE, ACCESS, &IAccess::memberCountCall { role: 2 }), 1);
    let last = Refusal::from(IQenexErrors::TooFewMembers { role: 1, needed: 1 });
    assert_eq!(world.refused(ADMIN, ACCESS, &revoke(1, ADMIN)), last);
    assert_eq!(world.refused(ADMIN, ACCESS, &IAccess::renounceRoleCall { role: 1 }), last);
    world.ok(ADMIN, ACCESS, &grant(1, BOB));
    world.ok(ADMIN, ACCESS, &IAccess::renounceRoleCall { role: 1 });
    assert_eq!(world.refused(ADMIN, ACCESS, &grant(2, CAROL)), denied(ADMIN));
}

/// A change that needs the agreement of officers.
fn corridor(n: u8) -> ICompliance::setCorridorCall {
    let to = [b'A' + n, b'A'].into();
    ICompliance::setCorridorCall { from: (*b"CH").into(), to, corridor: 3, watched: false }
}

fn with_policy(required: u8) -> World {
    let mut world = World::new();
    let third = IAccess::grantRoleCall { role: OFFICERS, member: CAROL };
    world.ok(ADMIN, ACCESS, &third);
    let policy = IAccess::setPolicyCall { role: OFFICERS, required, time: 100 };
    world.ok(ADMIN, ACCESS, &policy);
    world
}

fn request(world: &mut World, call: &ICompliance::setCorridorCall) -> B256 {
    let data = call.abi_encode().into();
    world.ok(OFFICER, ACCESS, &IAccess::requestCall { role: OFFICERS, engine: COMPLIANCE, data })
}

#[test]
fn what_several_must_agree_to_waits_for_them() {
    let mut world = with_policy(2);
    let missing = |have| Refusal::from(IQenexErrors::ApprovalMissing { have, need: 2 });
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(1)), missing(0));
    let data = corridor(1).abi_encode();
    let foreign = IAccess::requestCall { role: OFFICERS, engine: COMPLIANCE, data: data.into() };
    assert_eq!(world.refused(STRANGER, ACCESS, &foreign), denied(STRANGER));
    let id = request(&mut world, &corridor(1));
    let approve = IAccess::approveCall { id };
    assert_eq!(world.refused(OFFICER, ACCESS, &approve), denied(OFFICER), "the initiator");
    assert_eq!(world.refused(STRANGER, ACCESS, &approve), denied(STRANGER));
    world.ok(SECOND_OFFICER, ACCESS, &approve);
    let again = IQenexErrors::AlreadyApproved { approver: SECOND_OFFICER };
    assert_eq!(world.refused(SECOND_OFFICER, ACCESS, &approve), again.into());
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(1)), missing(1));
    world.ok(CAROL, ACCESS, &approve);
    let seen = world.ok(ALICE, ACCESS, &IAccess::requestOfCall { id });
    assert_eq!((seen.initiator, seen.status, seen.have, seen.required), (OFFICER, 1, 2, 2));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(2)), missing(0), "other data");
    assert_eq!(world.refused(CAROL, COMPLIANCE, &corridor(1)), missing(0), "another initiator");
    world.ok(OFFICER, COMPLIANCE, &corridor(1));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(1)), missing(0), "used up");
    assert_eq!(world.ok(ALICE, ACCESS, &IAccess::requestOfCall { id }).status, 2);
    let used = IQenexErrors::RequestNotOpen { id, status: 2 };
    assert_eq!(world.refused(CAROL, ACCESS, &approve), used.into());
}

#[test]
fn an_approval_counts_while_its_giver_has_the_role_and_the_time_runs() {
    let mut world = with_policy(1);
    let missing = Refusal::from(IQenexErrors::ApprovalMissing { have: 0, need: 1 });
    let id = request(&mut world, &corridor(1));
    world.ok(CAROL, ACCESS, &IAccess::approveCall { id });
    world.ok(ADMIN, ACCESS, &IAccess::revokeRoleCall { role: OFFICERS, member: CAROL });
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(1)), missing);
    world.ok(SECOND_OFFICER, ACCESS, &IAccess::approveCall { id });
    world.pass(101);
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(1)), missing);
    let expired = IQenexErrors::RequestNotOpen { id, status: 4 };
    assert_eq!(world.refused(OFFICER, ACCESS, &IAccess::cancelCall { id }), expired.into());
    let id = request(&mut world, &corridor(1));
    assert_eq!(world.refused(OFFICER, COMPLIANCE, &corridor(1)), missing, "it starts anew");
    assert_eq!(world.refused(STRANGER, ACCESS, &IAccess::cancelCall { id }), denied(STRANGER));
    world.ok(GUARDIAN, ACCESS, &IAccess::cancelCall { id });
    let cancelled = IQenexErrors::RequestNotOpen { id, status: 3 };
    assert_eq!(
        world.refused(SECOND_OFFICER, ACCESS, &IAccess::approveCall { id }),
        cancelled.into()
    );
}

#[test]
fn a_policy_can_be_met() {
    let mut world = World::new();
    let policy = |required, time| IAccess::setPolicyCall { role: OFFICERS, required, time };
    let few = Refusal::from(IQenexErrors::TooFewMembers { role: OFFICERS, needed: 3 });
    assert_eq!(world.refused(ADMIN, ACCESS, &policy(2, 100)), few);
    let invalid = |field: &str| Refusal::from(IQenexErrors::InvalidPolicy { field: field.into() });
    assert_eq!(world.refused(ADMIN, ACCESS, &policy(9, 100)), invalid("required"));
    assert_eq!(world.refused(ADMIN, ACCESS, &policy(1, 0)), invalid("time"));
    world.ok(ADMIN, ACCESS, &policy(1, 100));
    let revoke = IAccess::revokeRoleCall { role: OFFICERS, member: OFFICER };
    let few = Refusal::from(IQenexErrors::TooFewMembers { role: OFFICERS, needed: 2 });
    assert_eq!(world.refused(ADMIN, ACCESS, &revoke), few);
    let seen = world.ok(ALICE, ACCESS, &IAccess::policyOfCall { role: OFFICERS });
    assert_eq!((seen.required, seen.time), (1, 100));
}

#[test]
fn a_parameter_changes_within_its_bounds_after_its_delay() {
    let mut world = World::new();
    let (id, currency) = (111, USD);
    let propose = |value| IAccess::proposeParameterCall { id, currency, value };
    let apply = IAccess::applyParameterCall { id, currency };
    let cancel = IAccess::cancelParameterCall { id, currency };
    let read = IAccess::parameterCall { id, currency };
    assert_eq!(world.refused(STRANGER, ACCESS, &propose(200)), denied(STRANGER));
    for value in [0, 252] {
        let bounds = IQenexErrors::ParameterOutOfBounds { id, min: 1, max: 251 };
        assert_eq!(world.refused(ADMIN, ACCESS, &propose(value)), bounds.into());
    }
    let unknown = IAccess::proposeParameterCall { id: 9, currency, value: 1 };
    let expected = IQenexErrors::UnknownParameter { id: 9 };
    assert_eq!(world.refused(ADMIN, ACCESS, &unknown), expected.into());
    let unknown = IAccess::proposeParameterCall { id, currency: XXX, value: 1 };
    let expected = IQenexErrors::UnknownCurrency { currency: XXX };
    assert_eq!(world.refused(ADMIN, ACCESS, &unknown), expected.into());
    let not_due =
        |effective_at| Refusal::from(IQenexErrors::ChangeNotDue { id, effectiveAt: effective_at });
    assert_eq!(world.refused(STRANGER, ACCESS, &apply), not_due(0));

    world.ok(ADMIN, ACCESS, &propose(200));
    let seen = world.ok(ALICE, ACCESS, &read);
    assert_eq!(
        (seen.name.as_str(), seen.value, seen.pendingValue),
        ("risk.score.review", 160, 200)
    );
    assert_eq!(world.refused(STRANGER, ACCESS, &apply), not_due(seen.effectiveAt));
    assert_eq!(world.refused(STRANGER, ACCESS, &cancel), denied(STRANGER));
    world.ok(GUARDIAN, ACCESS, &cancel);
    assert_eq!(world.refused(GUARDIAN, ACCESS, &cancel), not_due(0));
    world.ok(ADMIN, ACCESS, &propose(201));
    world.pass(86_399);
    assert!(world.attempt(STRANGER, ACCESS, &apply).is_err());
    world.pass(1);
    world.ok(STRANGER, ACCESS, &apply);
    let seen = world.ok(ALICE, ACCESS, &read);
    assert_eq!((seen.value, seen.pendingValue, seen.effectiveAt), (201, 0, 0));
    let terms = world.ok(ALICE, crate::RISK, &crate::IRisk::termsCall { currency });
    assert_eq!(terms.version, 2, "the rule set has another version");
    assert_eq!(world.ok(ALICE, ACCESS, &IAccess::parametersCall {}).len(), 22);
}
