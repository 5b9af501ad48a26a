//! Freezes: an officer stops one side of an account or both; two officers release it.

use alloy_primitives::Address;
use alloy_sol_types::SolEvent;
use qenex_types::AccountStatus;

use super::abi::ICompliance;
use super::records::{FREEZES, Freeze};
use crate::accounts::records::{PROFILES, flag};
use crate::accounts::{profile, set_flag};
use crate::errors::refuse;
use crate::registry::COMPLIANCE;
use crate::storage::Seconds;
use crate::{EngineError, Host, HostError, IQenexErrors};

/// The status of an account that has [`flag::FREEZE`] apart from the freeze, and the sides that are frozen
/// now: a freeze whose time is over counts no more.
pub(crate) fn frozen(
    host: &mut dyn Host,
    account: Address,
    status: AccountStatus,
) -> Result<(AccountStatus, u8), HostError> {
    let freeze = FREEZES.at(host, &account)?.terms.load(host)?;
    let sides = if freeze.holds(host.block().timestamp) { freeze.sides } else { 0 };
    let previous = freeze.previous_status().filter(|_| status == AccountStatus::Frozen);
    Ok((previous.unwrap_or(status), sides))
}

impl Freeze {
    fn holds(&self, now: u64) -> bool {
        let until = self.until.get();
        self.sides != 0 && (until == 0 || now <= until)
    }

    const fn previous_status(&self) -> Option<AccountStatus> {
        AccountStatus::from_number(self.previous)
    }
}

/// Freezes an account, for an officer. A freeze that holds may be replaced by another reason, more sides
/// or a later end, never by less: that is a release, which takes two officers.
pub(crate) fn freeze(
    host: &mut dyn Host,
    officer: Address,
    call: &ICompliance::freezeCall,
) -> Result<(), EngineError> {
    // Check.
    let &ICompliance::freezeCall { account, sides, reason, caseId, until } = call;
    let head = PROFILES.at(host, &account)?.head.load(host)?;
    let Some(stored) = head.status else {
        return refuse(IQenexErrors::UnknownAccount { account });
    };
    let invalid = |field: &str| refuse(IQenexErrors::InvalidFreeze { field: field.into() });
    if sides == 0 || sides > 3 {
        return invalid("sides");
    }
    if reason.is_zero() {
        return invalid("reason");
    }
    let now = host.block().timestamp;
    if until != 0 && until <= now {
        return invalid("until");
    }
    let slots = FREEZES.at(host, &account)?;
    let before = slots.terms.load(host)?;
    if before.holds(now) {
        if before.sides & !sides != 0 {
            return invalid("sides");
        }
        let end = |until| if until == 0 { u64::MAX } else { until };
        if end(until) < end(before.until.get()) {
            return invalid("until");
        }
    }
    // What the account was when nobody had frozen it.
    let previous = if stored == AccountStatus::Frozen {
        before.previous_status().unwrap_or(AccountStatus::Active)
    } else {
        stored
    };
    if !matches!(previous, AccountStatus::Active | AccountStatus::Dormant) {
        let wanted = AccountStatus::Frozen.number();
        return refuse(IQenexErrors::InvalidStatus { current: previous.number(), wanted });
    }

    // Write.
    let freeze =
        Freeze { officer, sides, previous: previous.number(), reason, until: Seconds::new(until) };
    slots.terms.store(host, &freeze)?;
    slots.case_id.store(host, &caseId)?;
    slots.releasing.store(host, &Address::ZERO)?;
    set_flag(host, account, flag::FREEZE, true)?;
    if stored != AccountStatus::Frozen {
        profile::change_status(host, account, stored, AccountStatus::Frozen)?;
    }

    // Emit.
    let event = ICompliance::AccountFrozen {
        account,
        officer,
        sides,
        reason,
        caseId,
        until: freeze.until.get(),
    };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

/// Asks for a release or, for another officer than who asked, releases.
pub(crate) fn release(
    host: &mut dyn Host,
    officer: Address,
    account: Address,
) -> Result<(), EngineError> {
    let slots = FREEZES.at(host, &account)?;
    let freeze = slots.terms.load(host)?;
    if freeze.sides == 0 {
        return refuse(IQenexErrors::NotFrozen { account });
    }
    let first = slots.releasing.load(host)?;
    if first.is_zero() {
        slots.releasing.store(host, &officer)?;
        let event = ICompliance::ReleaseRequested { account, officer };
        return Ok(host.log(COMPLIANCE, event.encode_log_data())?);
    }
    if first == officer {
        return refuse(IQenexErrors::SecondOfficerNeeded { officer });
    }
    slots.terms.store(host, &Freeze::default())?;
    slots.releasing.store(host, &Address::ZERO)?;
    set_flag(host, account, flag::FREEZE, false)?;
    if PROFILES.at(host, &account)?.head.load(host)?.status == Some(AccountStatus::Frozen) {
        let previous = freeze.previous_status().unwrap_or(AccountStatus::Active);
        profile::change_status(host, account, AccountStatus::Frozen, previous)?;
    }
    let event = ICompliance::AccountReleased { account, first, second: officer };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

/// A freeze as the interface shows it.
pub(crate) fn view(
    host: &mut dyn Host,
    account: Address,
) -> Result<ICompliance::freezeOfReturn, EngineError> {
    let slots = FREEZES.at(host, &account)?;
    let freeze = slots.terms.load(host)?;
    let holds = freeze.holds(host.block().timestamp);
    Ok(ICompliance::freezeOfReturn {
        sides: if holds { freeze.sides } else { 0 },
        reason: freeze.reason,
        caseId: slots.case_id.load(host)?,
        until: freeze.until.get(),
        officer: freeze.officer,
        releasing: slots.releasing.load(host)?,
    })
}
