//! Accounts: who owns a ledger account, whether it may pay and be paid, and who may move its money.
//!
//! Profiles are `profile.rs`, keys `keys.rs`, delegations `delegations.rs`, approval policies and own
//! limits `policies.rs`; a posting sees an account as [`Party`].
//!
//! Invariant: an account once opened never disappears, and CLOSED is its last status.

use alloy_primitives::Address;
use alloy_sol_types::SolCall;

use self::abi::IAccounts;
use self::abi::IAccounts::IAccountsCalls as Calls;
use self::profile::Opening;
use self::records::{APPROVERS, KEYS, PAYEES, PROFILES, ProfileSlots};
use crate::access::{self, Role};
use crate::errors::refuse;
use crate::registry::{ACCOUNTS, Engine, decode_call};
use crate::{Call, EngineError, Host, IQenexErrors};

pub mod abi;
mod delegations;
mod keys;
mod party;
mod policies;
pub(crate) mod profile;
pub mod records;
#[cfg(test)]
mod tests;

pub(crate) use delegations::delegation_of;
pub(crate) use keys::require_key;
pub(crate) use party::{Party, Side};
pub(crate) use policies::{is_approver, limits_of, policy_of};

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IAccounts",
    address: Some(ACCOUNTS),
    abi: IAccounts::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let caller = call.caller;
    match decode_call::<Calls>(call.input)? {
        Calls::open(c) => {
            access::require_role(host, Role::Registrar, caller)?;
            let opening = Opening {
                account: c.account,
                owner: c.owner,
                account_type: c.accountType,
                jurisdiction: c.jurisdiction,
                home_currency: c.homeCurrency,
            };
            profile::open(host, &opening, qenex_types::AccountStatus::Active)?;
        }
        Calls::enrol(c) => {
            let opening = Opening {
                account: caller,
                owner: caller,
                account_type: c.accountType,
                jurisdiction: c.jurisdiction,
                home_currency: c.homeCurrency,
            };
            profile::open(host, &opening, qenex_types::AccountStatus::Pending)?;
        }
        Calls::setStatus(c) => {
            access::require_role(host, Role::Registrar, caller)?;
            profile::set_status(host, c.account, c.status)?;
        }
        Calls::setOwner(c) => {
            require_owner(host, c.account, caller)?;
            profile::set_owner(host, c.account, c.owner)?;
        }
        Calls::recover(c) => {
            access::require_approved(host, Role::Registrar, call)?;
            profile::set_owner(host, c.account, c.owner)?;
        }
        Calls::setCustodian(c) => {
            access::require_role(host, Role::Registrar, caller)?;
            profile::set_custodian(host, c.account, c.custodian)?;
        }
        Calls::setLimits(c) => {
            access::require_role(host, Role::Registrar, caller)?;
            policies::set_limits(host, &c)?;
        }
        Calls::addKey(c) => {
            require_owner(host, c.account, caller)?;
            let id = keys::add(host, &c)?;
            return Ok(IAccounts::addKeyCall::abi_encode_returns(&id));
        }
        Calls::removeKey(c) => {
            require_owner(host, c.account, caller)?;
            keys::remove(host, c.account, c.keyId)?;
        }
        Calls::setDelegation(c) => {
            require_owner(host, c.account, caller)?;
            delegations::set(host, &c)?;
        }
        Calls::revokeDelegation(c) => {
            if c.delegate != caller {
                require_owner(host, c.account, caller)?;
            }
            delegations::revoke(host, &c)?;
        }
        Calls::setPayee(c) => {
            require_owner(host, c.account, caller)?;
            delegations::set_payee(host, &c)?;
        }
        Calls::setPolicy(c) => {
            policies::require_keeper(host, c.account, call)?;
            policies::set_policy(host, &c)?;
        }
        Calls::setThreshold(c) => {
            policies::require_keeper(host, c.account, call)?;
            policies::set_threshold(host, &c)?;
        }
        Calls::setApprover(c) => {
            policies::require_keeper(host, c.account, call)?;
            policies::set_approver(host, &c)?;
        }
        Calls::profile(c) => {
            let profile = profile::view(host, c.account)?;
            return Ok(IAccounts::profileCall::abi_encode_returns(&profile));
        }
        Calls::limits(c) => {
            let limits = policies::view_limits(host, c.account, c.currency)?;
            return Ok(IAccounts::limitsCall::abi_encode_returns(&limits));
        }
        Calls::key(c) => {
            let record = KEYS.at(host, &c.account)?.at(host, &c.keyId)?.load(host)?;
            return Ok(IAccounts::keyCall::abi_encode_returns(&IAccounts::keyReturn {
                scheme: record.scheme,
                addedAt: record.added_at.get(),
                validUntil: record.valid_until.get(),
            }));
        }
        Calls::delegation(c) => {
            let delegation = delegations::view(host, &c)?;
            return Ok(IAccounts::delegationCall::abi_encode_returns(&delegation));
        }
        Calls::isPayee(c) => {
            let payees = PAYEES.at(host, &c.account)?.at(host, &c.delegate)?;
            let listed = payees.at(host, &c.payee)?.load(host)?;
            return Ok(IAccounts::isPayeeCall::abi_encode_returns(&listed));
        }
        Calls::policy(c) => {
            let policy = policies::view_policy(host, c.account, c.currency)?;
            return Ok(IAccounts::policyCall::abi_encode_returns(&policy));
        }
        Calls::isApprover(c) => {
            let approves = APPROVERS.at(host, &c.account)?.at(host, &c.approver)?.load(host)?;
            return Ok(IAccounts::isApproverCall::abi_encode_returns(&approves));
        }
    }
    Ok(Vec::new())
}

/// The profile of an account, unless there is none.
fn known(host: &mut dyn Host, account: Address) -> Result<ProfileSlots, EngineError> {
    let slots = PROFILES.at(host, &account)?;
    if slots.head.load(host)?.owner.is_zero() {
        return refuse(IQenexErrors::UnknownAccount { account });
    }
    Ok(slots)
}

/// Refuses unless `caller` owns the account.
pub(crate) fn require_owner(
    host: &mut dyn Host,
    account: Address,
    caller: Address,
) -> Result<(), EngineError> {
    if known(host, account)?.head.load(host)?.owner == caller {
        return Ok(());
    }
    refuse(IQenexErrors::NotAuthorised { caller })
}

/// Counts a change of a profile. Returns the new version.
pub(crate) fn bump(host: &mut dyn Host, slots: &ProfileSlots) -> Result<u32, EngineError> {
    let origin = slots.origin.load(host)?;
    let version = origin.version.saturating_add(1);
    slots.origin.store(host, &records::Origin { version, ..origin })?;
    Ok(version)
}

/// Sets or clears flags of an account, if there is one.
pub(crate) fn set_flag(
    host: &mut dyn Host,
    account: Address,
    flag: u8,
    on: bool,
) -> Result<(), EngineError> {
    let slot = PROFILES.at(host, &account)?.head;
    let head = slot.load(host)?;
    if head.owner.is_zero() {
        return Ok(());
    }
    let flags = if on { head.flags | flag } else { head.flags & !flag };
    if flags != head.flags {
        slot.store(host, &records::Head { flags, ..head })?;
    }
    Ok(())
}
