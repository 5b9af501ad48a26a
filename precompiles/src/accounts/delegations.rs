//! Delegations: what others may do with an account's money, and how much of it.

use alloy_primitives::Address;
use alloy_sol_types::SolEvent;
use qenex_types::Currency;

use super::abi::IAccounts;
use super::records::{DELEGATIONS, Delegation, PAYEES};
use crate::errors::refuse;
use crate::ledger;
use crate::registry::ACCOUNTS;
use crate::risk::records::{count, minor};
use crate::storage::{Seconds, Slot};
use crate::{EngineError, Host, IQenexErrors};

/// Bits 0 to 5: capture and void, and the kinds that have a payer.
const ALL_KINDS: u8 = 0b0011_1011;

/// Gives or changes a delegation, for the owner. What was used of a running period stays used.
pub(crate) fn set(
    host: &mut dyn Host,
    call: &IAccounts::setDelegationCall,
) -> Result<(), EngineError> {
    // Check.
    let &IAccounts::setDelegationCall { account, delegate, currency: code, .. } = call;
    let (currency, slots) = ledger::registered(host, code)?;
    let invalid = |field: &str| refuse(IQenexErrors::InvalidDelegation { field: field.into() });
    if delegate.is_zero() {
        return invalid("delegate");
    }
    if call.kinds == 0 || call.kinds & !ALL_KINDS != 0 {
        return invalid("kinds");
    }
    if call.period == 0 {
        return invalid("period");
    }
    if call.validUntil < host.block().timestamp {
        return invalid("validUntil");
    }

    // Compute.
    let exponent = slots.terms.load(host)?.exponent;
    let slot = DELEGATIONS.at(host, &account)?.at(host, &delegate)?.at(host, &currency)?;
    let before = slot.load(host)?;
    let after = Delegation {
        kinds: call.kinds,
        listed_only: call.listedOnly,
        cap: count(call.cap, exponent),
        period: call.period,
        valid_until: Seconds::new(call.validUntil),
        ..before
    };

    // Write and emit.
    slot.store(host, &after)?;
    let event = IAccounts::DelegationChanged {
        account,
        delegate,
        currency: code,
        kinds: after.kinds,
        listedOnly: after.listed_only,
        cap: minor(after.cap, exponent),
        period: after.period,
        validUntil: after.valid_until.get(),
    };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// Takes a delegation back, for the owner or the delegate.
pub(crate) fn revoke(
    host: &mut dyn Host,
    call: &IAccounts::revokeDelegationCall,
) -> Result<(), EngineError> {
    let &IAccounts::revokeDelegationCall { account, delegate, currency: code } = call;
    let (currency, _) = ledger::registered(host, code)?;
    let slot = DELEGATIONS.at(host, &account)?.at(host, &delegate)?.at(host, &currency)?;
    if slot.load(host)?.valid_until.get() == 0 {
        return refuse(IQenexErrors::InvalidDelegation { field: "delegate".into() });
    }
    slot.store(host, &Delegation::default())?;
    let event = IAccounts::DelegationChanged {
        account,
        delegate,
        currency: code,
        kinds: 0,
        listedOnly: false,
        cap: 0,
        period: 0,
        validUntil: 0,
    };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// Puts a payee on a delegate's list or takes it off, for the owner.
pub(crate) fn set_payee(
    host: &mut dyn Host,
    call: &IAccounts::setPayeeCall,
) -> Result<(), EngineError> {
    let &IAccounts::setPayeeCall { account, delegate, payee, allowed } = call;
    PAYEES.at(host, &account)?.at(host, &delegate)?.at(host, &payee)?.store(host, &allowed)?;
    let event = IAccounts::PayeeSet { account, delegate, payee, allowed };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// A delegation as the interface shows it.
pub(crate) fn view(
    host: &mut dyn Host,
    call: &IAccounts::delegationCall,
) -> Result<IAccounts::Delegation, EngineError> {
    let (currency, slots) = ledger::registered(host, call.currency)?;
    let exponent = slots.terms.load(host)?.exponent;
    let slot =
        DELEGATIONS.at(host, &call.account)?.at(host, &call.delegate)?.at(host, &currency)?;
    let now = host.block().timestamp;
    let delegation = slot.load(host)?.at(now);
    let none = delegation.valid_until.get() == 0;
    Ok(IAccounts::Delegation {
        kinds: delegation.kinds,
        listedOnly: delegation.listed_only,
        cap: if none { 0 } else { minor(delegation.cap, exponent) },
        used: minor(delegation.used, exponent),
        period: delegation.period,
        validUntil: delegation.valid_until.get(),
    })
}

/// The delegation under which `delegate` may do what `bit` says and pay `payee`, as it stands now, or
/// `NotAuthorised`.
pub(crate) fn delegation_of(
    host: &mut dyn Host,
    account: Address,
    delegate: Address,
    currency: Currency,
    bit: u8,
    payee: Option<Address>,
) -> Result<(Slot<Delegation>, Delegation), EngineError> {
    let slot = DELEGATIONS.at(host, &account)?.at(host, &delegate)?.at(host, &currency)?;
    let now = host.block().timestamp;
    let delegation = slot.load(host)?.at(now);
    let mut allowed = now <= delegation.valid_until.get() && delegation.kinds & 1 << bit != 0;
    if let Some(payee) = payee
        && allowed
        && delegation.listed_only
    {
        let payees = PAYEES.at(host, &account)?.at(host, &delegate)?;
        allowed = payees.at(host, &payee)?.load(host)?;
    }
    if allowed {
        return Ok((slot, delegation));
    }
    refuse(IQenexErrors::NotAuthorised { caller: delegate })
}

impl Delegation {
    /// As it stands at a time: a period that is over has used nothing.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        let end = self.period_start.get().saturating_add(u64::from(self.period));
        if now < end {
            return self;
        }
        Self { period_start: Seconds::new(now), used: Default::default(), ..self }
    }
}
