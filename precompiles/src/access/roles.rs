//! Roles: membership and policies.
//!
//! Invariant: there is always an admin, and a role always has enough members to meet its policy.

use alloy_primitives::Address;
use alloy_sol_types::SolEvent;

use super::Role;
use super::abi::IAccess;
use super::records::{MAX_APPROVALS, MEMBER_COUNTS, MEMBERS, ROLE_POLICIES, RolePolicy};
use crate::errors::{refusal, refuse};
use crate::registry::ACCESS;
use crate::{EngineError, Host, HostError, IQenexErrors};

/// The role of a number.
pub(crate) fn role(number: u8) -> Result<Role, EngineError> {
    Role::from_number(number).ok_or_else(|| refusal(IQenexErrors::InvalidRole { role: number }))
}

/// Whether an address has a role.
pub(crate) fn has_role(
    host: &mut dyn Host,
    role: Role,
    member: Address,
) -> Result<bool, HostError> {
    MEMBERS.at(host, &role.number())?.at(host, &member)?.load(host)
}

/// Refuses unless `caller` has the role.
pub(crate) fn require_role(
    host: &mut dyn Host,
    role: Role,
    caller: Address,
) -> Result<(), EngineError> {
    if has_role(host, role, caller)? {
        return Ok(());
    }
    refuse(IQenexErrors::NotAuthorised { caller })
}

/// Gives an address a role, for a caller who may.
pub(crate) fn grant(
    host: &mut dyn Host,
    role: Role,
    member: Address,
    by: Address,
) -> Result<(), EngineError> {
    if member.is_zero() {
        return refuse(IQenexErrors::InvalidAccount { account: member });
    }
    let slot = MEMBERS.at(host, &role.number())?.at(host, &member)?;
    if slot.load(host)? {
        return Ok(());
    }
    slot.store(host, &true)?;
    let count = MEMBER_COUNTS.at(host, &role.number())?;
    let members = count.load(host)?;
    count.store(host, &members.saturating_add(1))?;
    let event = IAccess::RoleGranted { role: role.number(), member, by };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// Takes a role from an address, for a caller who may.
pub(crate) fn revoke(
    host: &mut dyn Host,
    role: Role,
    member: Address,
    by: Address,
) -> Result<(), EngineError> {
    let slot = MEMBERS.at(host, &role.number())?.at(host, &member)?;
    if !slot.load(host)? {
        return Ok(());
    }
    let count = MEMBER_COUNTS.at(host, &role.number())?;
    let members = count.load(host)?.saturating_sub(1);
    let policy = ROLE_POLICIES.at(host, &role.number())?.load(host)?;
    // Who acts and who agrees are different members.
    let needed = match policy.required {
        0 => u64::from(role == Role::Admin),
        required => u64::from(required).saturating_add(1),
    };
    if members < needed {
        return refuse(IQenexErrors::TooFewMembers { role: role.number(), needed });
    }
    slot.store(host, &false)?;
    count.store(host, &members)?;
    let event = IAccess::RoleRevoked { role: role.number(), member, by };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// Sets the policy of a role, for a caller who may.
pub(crate) fn set_policy(
    host: &mut dyn Host,
    call: &IAccess::setPolicyCall,
) -> Result<(), EngineError> {
    let &IAccess::setPolicyCall { role: number, required, time } = call;
    let role = role(number)?;
    let invalid = |field: &str| refuse(IQenexErrors::InvalidPolicy { field: field.into() });
    if required > MAX_APPROVALS {
        return invalid("required");
    }
    if required > 0 && time == 0 {
        return invalid("time");
    }
    let members = MEMBER_COUNTS.at(host, &role.number())?.load(host)?;
    if u64::from(required) >= members && required > 0 {
        let needed = u64::from(required).saturating_add(1);
        return refuse(IQenexErrors::TooFewMembers { role: number, needed });
    }
    ROLE_POLICIES.at(host, &role.number())?.store(host, &RolePolicy { required, time })?;
    let event = IAccess::PolicySet { role: number, required, time };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}
