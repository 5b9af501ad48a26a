//! Access.

use alloy_primitives::{Address, B256, Bytes};
use qenex_types::Role;

use super::{Table, Tested, clock, denied, four_eyes, lonely, trust, unknown_currency};
use crate::access::records::{REQUESTS, Request};
use crate::testing::{
    ADMIN, BOB, CAROL, GUARDIAN, OFFICER, SECOND_OFFICER, STRANGER, USD, World, XXX,
};
use crate::{ACCESS, COMPLIANCE, IAccess, IQenexErrors, Refusal};

pub(super) const TABLES: &[fn() -> Tested] = &[
    grant_role,
    revoke_role,
    renounce_role,
    set_policy,
    request,
    approve,
    cancel,
    propose_parameter,
    apply_parameter,
    cancel_parameter,
];

const NO_ROLE: IQenexErrors::InvalidRole = IQenexErrors::InvalidRole { role: 9 };
const LAST_ADMIN: IQenexErrors::TooFewMembers = IQenexErrors::TooFewMembers { role: 1, needed: 1 };
const GRANT: IAccess::grantRoleCall = IAccess::grantRoleCall { role: 1, member: BOB };
const OFFICERS: u8 = 3;

fn policy(field: &str) -> Refusal {
    IQenexErrors::InvalidPolicy { field: field.into() }.into()
}

#[test]
fn grant_role() -> Tested {
    let call = IAccess::grantRoleCall { role: 9, member: Address::ZERO };
    Table::new(four_eyes(Role::Admin), STRANGER, ACCESS, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(NO_ROLE, |at| at.call.role = 7)
        .refuses(IQenexErrors::InvalidAccount { account: Address::ZERO }, |at| {
            at.call.member = BOB;
        })
        .succeeds()
}

#[test]
fn revoke_role() -> Tested {
    let call = IAccess::revokeRoleCall { role: 9, member: ADMIN };
    Table::new(four_eyes(Role::Admin), STRANGER, ACCESS, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(NO_ROLE, |at| at.call.role = 1)
        .refuses(LAST_ADMIN, |at| {
            at.world.ok(ADMIN, ACCESS, &GRANT);
        })
        .succeeds()
}

#[test]
fn renounce_role() -> Tested {
    let call = IAccess::renounceRoleCall { role: 9 };
    Table::new(World::new(), STRANGER, ACCESS, call)
        .refuses(NO_ROLE, |at| at.call.role = 1)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(LAST_ADMIN, |at| {
            at.world.ok(ADMIN, ACCESS, &GRANT);
        })
        .succeeds()
}

#[test]
fn set_policy() -> Tested {
    let call = IAccess::setPolicyCall { role: 9, required: 9, time: 0 };
    let few = IQenexErrors::TooFewMembers { role: OFFICERS, needed: 3 };
    Table::new(four_eyes(Role::Admin), STRANGER, ACCESS, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(NO_ROLE, |at| at.call.role = OFFICERS)
        .refuses(policy("required"), |at| at.call.required = 2)
        .refuses(policy("time"), |at| at.call.time = 100)
        .refuses(few, |at| at.call.required = 1)
        .succeeds()
}

fn asking(role: u8) -> IAccess::requestCall {
    IAccess::requestCall { role, engine: COMPLIANCE, data: Bytes::from_static(b"what") }
}

#[test]
fn request() -> Tested {
    Table::new(World::new(), STRANGER, ACCESS, asking(9))
        .refuses(NO_ROLE, |at| at.call.role = OFFICERS)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .succeeds()
}

/// A request of OFFICER to which SECOND_OFFICER agreed, and whose time is over.
fn requested() -> (World, B256) {
    let mut world = World::new();
    let policy = IAccess::setPolicyCall { role: OFFICERS, required: 1, time: 100 };
    world.ok(ADMIN, ACCESS, &policy);
    let id = world.ok(OFFICER, ACCESS, &asking(OFFICERS));
    world.ok(SECOND_OFFICER, ACCESS, &IAccess::approveCall { id });
    world.pass(101);
    (world, id)
}

fn not_open(id: B256, status: u8) -> Refusal {
    IQenexErrors::RequestNotOpen { id, status }.into()
}

fn set_status(world: &mut World, id: B256, status: u8) {
    let slot = REQUESTS.entry(&id).terms;
    let request = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Request { status, ..request }).unwrap();
}

/// The request is open again.
fn reopen(world: &mut World) {
    let now = world.now();
    clock(world, now - 101);
}

#[test]
fn approve() -> Tested {
    let (mut world, id) = requested();
    set_status(&mut world, id, 3);
    let call = IAccess::approveCall { id: B256::ZERO };
    Table::new(world, STRANGER, ACCESS, call)
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(denied(STRANGER), |at| at.caller = OFFICER)
        .refuses(denied(OFFICER), |at| at.caller = SECOND_OFFICER)
        .refuses(not_open(id, 3), |at| set_status(&mut at.world, id, 1))
        .refuses(not_open(id, 4), |at| reopen(&mut at.world))
        .refuses(IQenexErrors::AlreadyApproved { approver: SECOND_OFFICER }, |at| {
            let grant = IAccess::grantRoleCall { role: OFFICERS, member: CAROL };
            at.world.ok(ADMIN, ACCESS, &grant);
            at.caller = CAROL;
        })
        .succeeds()
}

#[test]
fn cancel() -> Tested {
    let (mut world, id) = requested();
    set_status(&mut world, id, 2);
    let call = IAccess::cancelCall { id: B256::ZERO };
    Table::new(world, SECOND_OFFICER, ACCESS, call)
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(denied(SECOND_OFFICER), |at| at.caller = OFFICER)
        .refuses(not_open(id, 2), |at| set_status(&mut at.world, id, 1))
        .refuses(not_open(id, 4), |at| reopen(&mut at.world))
        .succeeds()
}

const ROUND: u16 = 108;
const NO_PARAMETER: IQenexErrors::UnknownParameter = IQenexErrors::UnknownParameter { id: 1 };
const PROPOSAL: IAccess::proposeParameterCall =
    IAccess::proposeParameterCall { id: ROUND, currency: USD, value: 5 };

fn not_due(effective_at: u64) -> Refusal {
    IQenexErrors::ChangeNotDue { id: ROUND, effectiveAt: effective_at }.into()
}

#[test]
fn propose_parameter() -> Tested {
    let call = IAccess::proposeParameterCall { id: 1, currency: XXX, value: 251 };
    let bounds = IQenexErrors::ParameterOutOfBounds { id: ROUND, min: 0, max: 250 };
    Table::new(four_eyes(Role::Admin), STRANGER, ACCESS, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(NO_PARAMETER, |at| at.call.id = ROUND)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(bounds, |at| at.call.value = 5)
        .succeeds()
}

#[test]
fn apply_parameter() -> Tested {
    let world = World::new();
    let due = world.now() + 86_400;
    let call = IAccess::applyParameterCall { id: 1, currency: XXX };
    Table::new(world, STRANGER, ACCESS, call)
        .refuses(NO_PARAMETER, |at| at.call.id = ROUND)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(not_due(0), |at| {
            at.world.ok(ADMIN, ACCESS, &PROPOSAL);
        })
        .refuses(not_due(due), |at| at.world.pass(86_400))
        .succeeds()
}

#[test]
fn cancel_parameter() -> Tested {
    let call = IAccess::cancelParameterCall { id: 1, currency: XXX };
    Table::new(World::new(), STRANGER, ACCESS, call)
        .refuses(denied(STRANGER), |at| at.caller = GUARDIAN)
        .refuses(NO_PARAMETER, |at| at.call.id = ROUND)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(not_due(0), |at| {
            at.world.ok(ADMIN, ACCESS, &PROPOSAL);
        })
        .succeeds()
}
