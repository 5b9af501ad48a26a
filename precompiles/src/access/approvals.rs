//! Requests and approvals: what one member of a role does, others have agreed to.
//!
//! A request names its initiator, the engine and the very call data; an approval counts while its giver
//! has the role; a request is used once.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolEvent, SolValue};

use super::Role;
use super::abi::IAccess;
use super::records::{REQUESTS, ROLE_POLICIES, Request, RequestSlots};
use super::roles::{has_role, require_role, role};
use crate::errors::refuse;
use crate::registry::ACCESS;
use crate::storage::Seconds;
use crate::{Call, EngineError, Host, HostError, IQenexErrors, gas};

const UNKNOWN: u8 = 0;
const OPEN: u8 = 1;
const USED: u8 = 2;
const CANCELLED: u8 = 3;
const EXPIRED: u8 = 4;

fn request_id(
    host: &mut dyn Host,
    initiator: Address,
    role: Role,
    engine: Address,
    data: &[u8],
) -> Result<B256, HostError> {
    gas::charge_keccak(host, u64::try_from(data.len()).unwrap_or(u64::MAX))?;
    gas::charge_keccak(host, 128)?;
    Ok(keccak256((initiator, U256::from(role.number()), engine, keccak256(data)).abi_encode()))
}

/// Opens a request, for a member of the role. One that is open starts again, without approvals.
pub(crate) fn request(
    host: &mut dyn Host,
    caller: Address,
    call: &IAccess::requestCall,
) -> Result<B256, EngineError> {
    // Check and compute.
    let role = role(call.role)?;
    require_role(host, role, caller)?;
    let policy = ROLE_POLICIES.at(host, &role.number())?.load(host)?;
    let id = request_id(host, caller, role, call.engine, &call.data)?;
    let expires = Seconds::new(host.block().timestamp.saturating_add(u64::from(policy.time)));
    let request =
        Request { initiator: caller, role: role.number(), status: OPEN, approvals: 0, expires };

    // Write and emit.
    REQUESTS.at(host, &id)?.terms.store(host, &request)?;
    let event = IAccess::Requested {
        id,
        initiator: caller,
        role: role.number(),
        engine: call.engine,
        data: call.data.clone(),
        required: policy.required,
        expires: expires.get(),
    };
    host.log(ACCESS, event.encode_log_data())?;
    Ok(id)
}

/// A request that was made, open or not: who may not touch it does not hear how it stands.
fn made(host: &mut dyn Host, id: B256) -> Result<(RequestSlots, Request), EngineError> {
    let slots = REQUESTS.at(host, &id)?;
    let request = slots.terms.load(host)?;
    if request.status == UNKNOWN {
        return refuse(IQenexErrors::RequestNotOpen { id, status: UNKNOWN });
    }
    Ok((slots, request))
}

fn require_open(host: &dyn Host, id: B256, request: &Request) -> Result<(), EngineError> {
    match status(request, host.block().timestamp) {
        OPEN => Ok(()),
        status => refuse(IQenexErrors::RequestNotOpen { id, status }),
    }
}

fn status(request: &Request, now: u64) -> u8 {
    if request.status == OPEN && now > request.expires.get() { EXPIRED } else { request.status }
}

/// Agrees to a request, for another member of the role.
pub(crate) fn approve(host: &mut dyn Host, caller: Address, id: B256) -> Result<(), EngineError> {
    let (slots, request) = made(host, id)?;
    let role = role(request.role)?;
    require_role(host, role, caller)?;
    if request.initiator == caller {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    require_open(host, id, &request)?;
    for index in 0..request.approvals {
        if slots.approvers.at(index.into()).load(host)? == caller {
            return refuse(IQenexErrors::AlreadyApproved { approver: caller });
        }
    }
    // Approvals beyond the room for them take the place of one that counts no more.
    let place = match request.approvals {
        super::records::MAX_APPROVALS => stale(host, &slots, role, request.approvals)?,
        next => Some(next),
    };
    let Some(place) = place else {
        return refuse(IQenexErrors::AlreadyApproved { approver: caller });
    };
    slots.approvers.at(place.into()).store(host, &caller)?;
    let approvals = request.approvals.max(place.saturating_add(1));
    slots.terms.store(host, &Request { approvals, ..request })?;
    let have = counting(host, &slots, role, approvals)?;
    let event = IAccess::RequestApproved { id, approver: caller, have };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// The place of an approver who has lost the role.
fn stale(
    host: &mut dyn Host,
    slots: &RequestSlots,
    role: Role,
    approvals: u8,
) -> Result<Option<u8>, HostError> {
    for index in 0..approvals {
        let approver = slots.approvers.at(index.into()).load(host)?;
        if !has_role(host, role, approver)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Approvals whose givers have the role now.
fn counting(
    host: &mut dyn Host,
    slots: &RequestSlots,
    role: Role,
    approvals: u8,
) -> Result<u8, HostError> {
    let mut have = 0_u8;
    for index in 0..approvals {
        let approver = slots.approvers.at(index.into()).load(host)?;
        have = have.saturating_add(u8::from(has_role(host, role, approver)?));
    }
    Ok(have)
}

/// Takes a request back: its initiator, admins and guardians may.
pub(crate) fn cancel(host: &mut dyn Host, caller: Address, id: B256) -> Result<(), EngineError> {
    let (slots, request) = made(host, id)?;
    let may = request.initiator == caller
        || has_role(host, Role::Admin, caller)?
        || has_role(host, Role::Guardian, caller)?;
    if !may {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    require_open(host, id, &request)?;
    slots.terms.store(host, &Request { status: CANCELLED, ..request })?;
    let event = IAccess::RequestCancelled { id, by: caller };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// Refuses unless the caller has the role and, where its policy asks for that, others of the role have
/// agreed to this very call; then their agreement is used up.
pub(crate) fn require_approved(
    host: &mut dyn Host,
    role: Role,
    call: &Call<'_>,
) -> Result<(), EngineError> {
    require_role(host, role, call.caller)?;
    let policy = ROLE_POLICIES.at(host, &role.number())?.load(host)?;
    if policy.required == 0 {
        return Ok(());
    }
    let id = request_id(host, call.caller, role, call.address, call.input)?;
    let slots = REQUESTS.at(host, &id)?;
    let request = slots.terms.load(host)?;
    let have = match status(&request, host.block().timestamp) {
        OPEN => counting(host, &slots, role, request.approvals)?,
        _ => 0,
    };
    if have < policy.required {
        return refuse(IQenexErrors::ApprovalMissing { have, need: policy.required });
    }
    slots.terms.store(host, &Request { status: USED, ..request })?;
    let event = IAccess::RequestUsed { id };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// A request as the interface shows it.
pub(crate) fn view(host: &mut dyn Host, id: B256) -> Result<IAccess::requestOfReturn, EngineError> {
    let slots = REQUESTS.at(host, &id)?;
    let request = slots.terms.load(host)?;
    let (have, required) = match Role::from_number(request.role) {
        None => (0, 0),
        Some(role) => (
            counting(host, &slots, role, request.approvals)?,
            ROLE_POLICIES.at(host, &role.number())?.load(host)?.required,
        ),
    };
    Ok(IAccess::requestOfReturn {
        initiator: request.initiator,
        role: request.role,
        status: status(&request, host.block().timestamp),
        have,
        required,
        expires: request.expires.get(),
    })
}
