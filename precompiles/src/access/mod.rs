//! Access: who may do what for the whole network, and with whose agreement.
//!
//! Roles are `roles.rs`, requests and approvals `approvals.rs`, the registry of parameters
//! `parameters.rs`. Engines ask [`require_role`] for what one person may do, [`require_approved`] for
//! what several must agree to.

use alloy_sol_types::SolCall;
pub(crate) use qenex_types::Role;

use self::abi::IAccess;
use self::abi::IAccess::IAccessCalls as Calls;
use self::records::{MEMBER_COUNTS, ROLE_POLICIES};
use crate::registry::{ACCESS, Engine, decode_call};
use crate::{Call, EngineError, Host};

pub mod abi;
mod approvals;
pub(crate) mod parameters;
pub mod records;
mod roles;
#[cfg(test)]
mod tests;

pub(crate) use approvals::require_approved;
pub(crate) use roles::{grant, has_role, require_role};

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IAccess",
    address: Some(ACCESS),
    abi: IAccess::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let caller = call.caller;
    match decode_call::<Calls>(call.input)? {
        Calls::grantRole(c) => {
            require_approved(host, Role::Admin, call)?;
            roles::grant(host, roles::role(c.role)?, c.member, caller)?;
        }
        Calls::revokeRole(c) => {
            require_approved(host, Role::Admin, call)?;
            roles::revoke(host, roles::role(c.role)?, c.member, caller)?;
        }
        Calls::renounceRole(c) => {
            let role = roles::role(c.role)?;
            require_role(host, role, caller)?;
            roles::revoke(host, role, caller, caller)?;
        }
        Calls::setPolicy(c) => {
            require_approved(host, Role::Admin, call)?;
            roles::set_policy(host, &c)?;
        }
        Calls::request(c) => {
            let id = approvals::request(host, caller, &c)?;
            return Ok(IAccess::requestCall::abi_encode_returns(&id));
        }
        Calls::approve(c) => approvals::approve(host, caller, c.id)?,
        Calls::cancel(c) => approvals::cancel(host, caller, c.id)?,
        Calls::proposeParameter(c) => {
            require_approved(host, Role::Admin, call)?;
            parameters::propose(host, caller, &c)?;
        }
        Calls::applyParameter(c) => parameters::apply(host, c.id, c.currency)?,
        Calls::cancelParameter(c) => parameters::cancel(host, caller, c.id, c.currency)?,
        Calls::hasRole(c) => {
            let has = has_role(host, roles::role(c.role)?, c.member)?;
            return Ok(IAccess::hasRoleCall::abi_encode_returns(&has));
        }
        Calls::memberCount(c) => {
            let members = MEMBER_COUNTS.at(host, &roles::role(c.role)?.number())?.load(host)?;
            return Ok(IAccess::memberCountCall::abi_encode_returns(&members));
        }
        Calls::policyOf(c) => {
            let policy = ROLE_POLICIES.at(host, &roles::role(c.role)?.number())?.load(host)?;
            let answer = IAccess::policyOfReturn { required: policy.required, time: policy.time };
            return Ok(IAccess::policyOfCall::abi_encode_returns(&answer));
        }
        Calls::requestOf(c) => {
            let request = approvals::view(host, c.id)?;
            return Ok(IAccess::requestOfCall::abi_encode_returns(&request));
        }
        Calls::parameter(c) => {
            let parameter = parameters::view(host, c.id, c.currency)?;
            return Ok(IAccess::parameterCall::abi_encode_returns(&parameter));
        }
        Calls::parameters(_) => {
            return Ok(IAccess::parametersCall::abi_encode_returns(&parameters::ids()));
        }
    }
    Ok(Vec::new())
}
