//! Approval policies, and limits of single accounts.

use alloy_primitives::{Address, FixedBytes};
use alloy_sol_types::SolEvent;
use qenex_types::Currency;

use super::abi::IAccounts;
use super::records::{
    APPROVERS, LIMITS, Limits, OwnLimits, POLICIES, PROFILES, Policy, THRESHOLDS, flag,
};
use super::{bump, known, require_owner, set_flag};
use crate::access::{self, Role};
use crate::errors::refuse;
use crate::ledger;
use crate::registry::ACCOUNTS;
use crate::risk::records::{count, minor};
use crate::{Call, EngineError, Host, HostError, IQenexErrors};

/// Most approvers of an account.
const MAX_APPROVERS: u8 = 16;

/// Gives an account limits of its own, for a caller who may.
pub(crate) fn set_limits(
    host: &mut dyn Host,
    call: &IAccounts::setLimitsCall,
) -> Result<(), EngineError> {
    // Check and compute.
    let &IAccounts::setLimitsCall { account, currency: code, perPayment, perDay, perThirtyDays } =
        call;
    let slots = known(host, account)?;
    let (currency, terms) = ledger::registered(host, code)?;
    let exponent = terms.terms.load(host)?.exponent;
    let limits = OwnLimits {
        per_payment: count(perPayment, exponent),
        per_day: count(perDay, exponent),
        per_thirty_days: count(perThirtyDays, exponent),
        set: true,
    };

    // Write.
    LIMITS.at(host, &account)?.at(host, &currency)?.store(host, &limits)?;
    set_flag(host, account, flag::LIMITS, true)?;
    let version = bump(host, &slots)?;

    // Emit.
    let event = IAccounts::LimitsChanged {
        account,
        currency: code,
        perPayment: minor(limits.per_payment, exponent),
        perDay: minor(limits.per_day, exponent),
        perThirtyDays: minor(limits.per_thirty_days, exponent),
        version,
    };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// The limits of an account that has [`flag::LIMITS`].
pub(crate) fn limits_of(
    host: &mut dyn Host,
    account: Address,
    currency: Currency,
) -> Result<Limits, HostError> {
    Ok(LIMITS.at(host, &account)?.at(host, &currency)?.load(host)?.limits())
}

/// The limits as the interface shows them.
pub(crate) fn view_limits(
    host: &mut dyn Host,
    account: Address,
    code: FixedBytes<3>,
) -> Result<IAccounts::limitsReturn, EngineError> {
    let (currency, slots) = ledger::registered(host, code)?;
    let exponent = slots.terms.load(host)?.exponent;
    let limits = limits_of(host, account, currency)?;
    Ok(IAccounts::limitsReturn {
        perPayment: minor(limits.per_payment, exponent),
        perDay: minor(limits.per_day, exponent),
        perThirtyDays: minor(limits.per_thirty_days, exponent),
    })
}

/// Refuses unless the caller may change the policy of `account`: its owner, or the issuer itself,
/// while there is none; after that a registrar under the approvals of that role. Otherwise an owner
/// whose key is stolen would be helped by no policy.
pub(crate) fn require_keeper(
    host: &mut dyn Host,
    account: Address,
    call: &Call<'_>,
) -> Result<(), EngineError> {
    if POLICIES.at(host, &account)?.load(host)?.required > 0 {
        return access::require_approved(host, Role::Registrar, call);
    }
    let is_account = !PROFILES.at(host, &account)?.head.load(host)?.owner.is_zero();
    if !is_account && account == call.caller {
        return Ok(());
    }
    require_owner(host, account, call.caller)
}

/// Sets a policy, for a caller who may.
pub(crate) fn set_policy(
    host: &mut dyn Host,
    call: &IAccounts::setPolicyCall,
) -> Result<(), EngineError> {
    let &IAccounts::setPolicyCall { account, required, time } = call;
    let slot = POLICIES.at(host, &account)?;
    let policy = slot.load(host)?;
    let invalid = |field: &str| refuse(IQenexErrors::InvalidPolicy { field: field.into() });
    if required > policy.approvers {
        return invalid("required");
    }
    if required > 0 && time == 0 {
        return invalid("time");
    }
    slot.store(host, &Policy { required, time, ..policy })?;
    set_flag(host, account, flag::POLICY, required > 0)?;
    let event = IAccounts::PolicyChanged { account, required, time };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// Sets from which amount on approvals are needed, for a caller who may.
pub(crate) fn set_threshold(
    host: &mut dyn Host,
    call: &IAccounts::setThresholdCall,
) -> Result<(), EngineError> {
    let &IAccounts::setThresholdCall { account, currency: code, threshold } = call;
    let (currency, _) = ledger::registered(host, code)?;
    THRESHOLDS.at(host, &account)?.at(host, &currency)?.store(host, &threshold)?;
    let event = IAccounts::ThresholdChanged { account, currency: code, threshold };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// Appoints or dismisses an approver, for a caller who may.
pub(crate) fn set_approver(
    host: &mut dyn Host,
    call: &IAccounts::setApproverCall,
) -> Result<(), EngineError> {
    let &IAccounts::setApproverCall { account, approver, allowed } = call;
    let invalid = |field: &str| refuse(IQenexErrors::InvalidPolicy { field: field.into() });
    if approver.is_zero() {
        return invalid("approver");
    }
    let slot = APPROVERS.at(host, &account)?.at(host, &approver)?;
    if slot.load(host)? == allowed {
        return invalid("allowed");
    }
    let policies = POLICIES.at(host, &account)?;
    let policy = policies.load(host)?;
    let approvers = if allowed {
        policy.approvers.saturating_add(1)
    } else {
        policy.approvers.saturating_sub(1)
    };
    if approvers > MAX_APPROVERS || approvers < policy.required {
        return invalid("approver");
    }
    slot.store(host, &allowed)?;
    policies.store(host, &Policy { approvers, ..policy })?;
    let event = IAccounts::ApproverSet { account, approver, allowed };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// The policy that a payment of `amount` from `account` falls under, if any. Only for accounts with
/// [`flag::POLICY`], and issuers.
pub(crate) fn policy_of(
    host: &mut dyn Host,
    account: Address,
    currency: Currency,
    amount: u128,
) -> Result<Option<Policy>, HostError> {
    let policy = POLICIES.at(host, &account)?.load(host)?;
    if policy.required == 0 {
        return Ok(None);
    }
    let threshold = THRESHOLDS.at(host, &account)?.at(host, &currency)?.load(host)?;
    Ok((threshold > 0 && amount >= threshold).then_some(policy))
}

/// Whether an address approves payments from an account.
pub(crate) fn is_approver(
    host: &mut dyn Host,
    account: Address,
    approver: Address,
) -> Result<bool, HostError> {
    APPROVERS.at(host, &account)?.at(host, &approver)?.load(host)
}

/// The policy as the interface shows it.
pub(crate) fn view_policy(
    host: &mut dyn Host,
    account: Address,
    code: FixedBytes<3>,
) -> Result<IAccounts::policyReturn, EngineError> {
    let (currency, _) = ledger::registered(host, code)?;
    let Policy { required, approvers, time } = POLICIES.at(host, &account)?.load(host)?;
    let threshold = THRESHOLDS.at(host, &account)?.at(host, &currency)?.load(host)?;
    Ok(IAccounts::policyReturn { required, approvers, time, threshold })
}
