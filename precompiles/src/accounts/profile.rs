//! Profiles: opening, statuses, owner, custodian.

use alloy_primitives::{Address, FixedBytes};
use alloy_sol_types::SolEvent;
use qenex_types::{AccountStatus, AccountType, Currency};

use super::abi::IAccounts;
use super::records::{Head, Origin, PROFILES, flag};
use super::{Party, bump, known};
use crate::errors::{refusal, refuse};
use crate::registry::ACCOUNTS;
use crate::risk::records::DAY;
use crate::storage::{Days, Seconds};
use crate::{EngineError, Host, IQenexErrors, compliance, is_engine, ledger};

/// What an account is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) account: Address,
    pub(crate) owner: Address,
    pub(crate) account_type: u8,
    pub(crate) jurisdiction: FixedBytes<2>,
    pub(crate) home_currency: FixedBytes<3>,
}

/// Opens an account, for a caller who may.
pub(crate) fn open(
    host: &mut dyn Host,
    opening: &Opening,
    status: AccountStatus,
) -> Result<(), EngineError> {
    // Check.
    let &Opening { account, owner, account_type, jurisdiction, home_currency } = opening;
    require_ordinary(account)?;
    require_ordinary(owner)?;
    let account_type = AccountType::from_number(account_type)
        .ok_or_else(|| refusal(IQenexErrors::InvalidAccountType { accountType: account_type }))?;
    if !jurisdiction.iter().all(u8::is_ascii_uppercase) {
        return refuse(IQenexErrors::InvalidJurisdiction { jurisdiction });
    }
    let (currency, _) = ledger::registered(host, home_currency)?;
    let slots = PROFILES.at(host, &account)?;
    if !slots.head.load(host)?.owner.is_zero() {
        return refuse(IQenexErrors::AccountExists { account });
    }
    let denied = compliance::is_denied(host, account)?;

    // Compute.
    let now = host.block().timestamp;
    let today = Days::new(now / DAY);
    let head = Head {
        owner,
        account_type: Some(account_type),
        status: Some(status),
        tier: 0,
        flags: if denied { flag::DENIED } else { 0 },
        jurisdiction,
        tier_until: Days::default(),
        opened_on: today,
        last_active: today,
    };
    let origin = Origin {
        custodian: Address::ZERO,
        opened_at: Seconds::new(now),
        version: 1,
        home_currency: Some(currency),
    };

    // Write.
    slots.head.store(host, &head)?;
    slots.origin.store(host, &origin)?;

    // Emit.
    let event = IAccounts::AccountOpened {
        account,
        owner,
        accountType: account_type.number(),
        jurisdiction,
        homeCurrency: home_currency,
        status: status.number(),
    };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

fn require_ordinary(account: Address) -> Result<(), EngineError> {
    if account.is_zero() || is_engine(account) {
        return refuse(IQenexErrors::InvalidAccount { account });
    }
    Ok(())
}

/// Changes the status of an account as a registrar may.
pub(crate) fn set_status(
    host: &mut dyn Host,
    account: Address,
    wanted: u8,
) -> Result<(), EngineError> {
    let current = Party::load(host, account)?.status();
    let next = AccountStatus::from_number(wanted).filter(|&next| may_become(current, next));
    let Some(next) = next else {
        return refuse(IQenexErrors::InvalidStatus { current: current.number(), wanted });
    };
    if next == AccountStatus::Closed && ledger::holds_money(host, account)? {
        return refuse(IQenexErrors::AccountNotEmpty { account });
    }
    change_status(host, account, current, next)
}

/// Writes a status and says so.
pub(crate) fn change_status(
    host: &mut dyn Host,
    account: Address,
    current: AccountStatus,
    next: AccountStatus,
) -> Result<(), EngineError> {
    let slots = known(host, account)?;
    let head = slots.head.load(host)?;
    slots.head.store(host, &Head { status: Some(next), ..head })?;
    let version = bump(host, &slots)?;
    let (previous, current) = (current.number(), next.number());
    let event = IAccounts::StatusChanged { account, previous, current, version };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// The changes of status that a registrar may make. A frozen account is released before it is
/// closed.
const fn may_become(current: AccountStatus, next: AccountStatus) -> bool {
    use AccountStatus::{Active, Closed, Dormant, Pending};
    matches!((current, next), (Pending | Dormant, Active | Closed) | (Active, Dormant | Closed))
}

/// Gives an account another owner, for a caller who may.
pub(crate) fn set_owner(
    host: &mut dyn Host,
    account: Address,
    owner: Address,
) -> Result<(), EngineError> {
    let slots = known(host, account)?;
    require_ordinary(owner)?;
    let head = slots.head.load(host)?;
    slots.head.store(host, &Head { owner, ..head })?;
    let version = bump(host, &slots)?;
    let event = IAccounts::OwnerChanged { account, previous: head.owner, current: owner, version };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// Names the institution that keeps an account, for a caller who may.
pub(crate) fn set_custodian(
    host: &mut dyn Host,
    account: Address,
    custodian: Address,
) -> Result<(), EngineError> {
    let slots = known(host, account)?;
    let origin = slots.origin.load(host)?;
    slots.origin.store(host, &Origin { custodian, ..origin })?;
    let version = bump(host, &slots)?;
    let event = IAccounts::CustodianChanged { account, custodian, version };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// A profile as the interface shows it.
pub(crate) fn view(
    host: &mut dyn Host,
    account: Address,
) -> Result<IAccounts::Profile, EngineError> {
    let party = Party::load(host, account)?;
    let origin = PROFILES.at(host, &account)?.origin.load(host)?;
    let opened = origin.opened_at.get();
    Ok(IAccounts::Profile {
        owner: party.head.owner,
        custodian: origin.custodian,
        accountType: party.kind.number(),
        status: party.status().number(),
        tier: party.tier(host.block().timestamp),
        jurisdiction: party.head.jurisdiction,
        homeCurrency: origin.home_currency.map(Currency::into).unwrap_or_default(),
        openedAt: opened,
        lastActivity: party.head.last_active.get().saturating_mul(DAY).max(opened),
        version: origin.version,
    })
}
