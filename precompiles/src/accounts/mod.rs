//! Accounts: who owns a ledger account, and whether it may pay and be paid.
//!
//! Invariant: an account once opened never disappears, and CLOSED is its last status. The profile
//! is two words; a posting reads only the first ([`Head`]).

use alloy_primitives::{Address, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{AccountStatus, AccountType, Currency};

use self::abi::IAccounts;
use self::abi::IAccounts::IAccountsCalls as Calls;
use crate::errors::{refusal, refuse};
use crate::registry::{ACCOUNTS, Engine, decode_call};
use crate::storage::{Map, Place, Seconds, Slot, nth, packed};
use crate::{Call, EngineError, Host, HostError, IQenexErrors, is_engine, ledger};

pub mod abi;
#[cfg(test)]
mod tests;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IAccounts",
    address: Some(ACCOUNTS),
    abi: IAccounts::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

packed! {
    /// First word of a profile: what every posting reads.
    pub struct Head {
        /// Whose transactions may move the money. Zero: there is no such account.
        owner: Address,
        /// Kind of customer or book.
        account_type: Option<AccountType>,
        /// Whether the account may pay and be paid.
        status: Option<AccountStatus>,
        /// Compliance level, 0 to 4.
        tier: u8,
        /// 1 at opening, one more with each change.
        version: u32,
        /// Last posting, exact to [`ACTIVITY_STEP`].
        last_activity: Seconds,
    }
}

packed! {
    /// Second word of a profile.
    pub struct Origin {
        /// Who keeps the account for the owner; zero if nobody.
        custodian: Address,
        /// When it was opened.
        opened_at: Seconds,
        /// ISO 3166-1 alpha-2.
        jurisdiction: FixedBytes<2>,
        /// Home currency.
        home_currency: Option<Currency>,
    }
}

/// A profile in storage.
pub(crate) struct ProfileSlots {
    pub(crate) head: Slot<Head>,
    pub(crate) origin: Slot<Origin>,
}

impl Place for ProfileSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self { head: Place::place(address, slot), origin: Place::place(address, nth(slot, 1)) }
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.
pub(crate) const ADMIN: Slot<Address> = Slot::new(ACCOUNTS, 0);
pub(crate) const REGISTRARS: Map<Address, Slot<bool>> = Map::new(ACCOUNTS, 1);
pub(crate) const PROFILES: Map<Address, ProfileSlots> = Map::new(ACCOUNTS, 2);

/// The time of the last activity is written at most this often, seconds: it saves two writes in
/// nearly every transfer.
pub const ACTIVITY_STEP: u64 = 3_600;

/// What an account is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) account: Address,
    pub(crate) owner: Address,
    pub(crate) account_type: u8,
    pub(crate) jurisdiction: FixedBytes<2>,
    pub(crate) home_currency: FixedBytes<3>,
}

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    match decode_call::<Calls>(call.input)? {
        Calls::open(c) => {
            require_registrar(host, call.caller)?;
            let opening = Opening {
                account: c.account,
                owner: c.owner,
                account_type: c.accountType,
                jurisdiction: c.jurisdiction,
                home_currency: c.homeCurrency,
            };
            open(host, &opening)?;
            Ok(Vec::new())
        }
        Calls::setStatus(c) => {
            require_registrar(host, call.caller)?;
            set_status(host, c.account, c.status)?;
            Ok(Vec::new())
        }
        Calls::setRegistrar(c) => {
            require_admin(host, call.caller)?;
            set_registrar(host, c.registrar, c.allowed)?;
            Ok(Vec::new())
        }
        Calls::profile(c) => {
            let profile = profile(host, c.account)?;
            Ok(IAccounts::profileCall::abi_encode_returns(&profile))
        }
        Calls::isRegistrar(c) => {
            let allowed = REGISTRARS.at(host, &c.registrar)?.load(host)?;
            Ok(IAccounts::isRegistrarCall::abi_encode_returns(&allowed))
        }
        Calls::admin(_) => Ok(IAccounts::adminCall::abi_encode_returns(&ADMIN.load(host)?)),
    }
}

/// Opens an account as ACTIVE, for a caller who may.
pub(crate) fn open(host: &mut dyn Host, opening: &Opening) -> Result<(), EngineError> {
    // Check.
    let &Opening { account, owner, account_type, jurisdiction, home_currency } = opening;
    for address in [account, owner] {
        if address.is_zero() || is_engine(address) {
            return refuse(IQenexErrors::InvalidAccount { account: address });
        }
    }
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

    // Compute.
    let now = Seconds::new(host.block().timestamp);
    let head = Head {
        owner,
        account_type: Some(account_type),
        status: Some(AccountStatus::Active),
        tier: 0,
        version: 1,
        last_activity: now,
    };
    let origin = Origin {
        custodian: Address::ZERO,
        opened_at: now,
        jurisdiction,
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
    };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

fn set_status(host: &mut dyn Host, account: Address, wanted: u8) -> Result<(), EngineError> {
    // Check.
    let slots = PROFILES.at(host, &account)?;
    let head = slots.head.load(host)?;
    let Some(current) = head.status else {
        return refuse(IQenexErrors::UnknownAccount { account });
    };
    let next = AccountStatus::from_number(wanted).filter(|&next| may_become(current, next));
    let Some(next) = next else {
        return refuse(IQenexErrors::InvalidStatus { current: current.number(), wanted });
    };
    if next == AccountStatus::Closed && ledger::holds_money(host, account)? {
        return refuse(IQenexErrors::AccountNotEmpty { account });
    }

    // Compute.
    let head = Head { status: Some(next), version: head.version.saturating_add(1), ..head };

    // Write.
    slots.head.store(host, &head)?;

    // Emit.
    let event = IAccounts::StatusChanged {
        account,
        previous: current.number(),
        current: next.number(),
        version: head.version,
    };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// The changes of status that exist. A frozen account is released before it is closed.
const fn may_become(current: AccountStatus, next: AccountStatus) -> bool {
    use AccountStatus::{Active, Closed, Dormant, Frozen, Pending};
    matches!(
        (current, next),
        (Pending, Active | Closed)
            | (Active, Dormant | Frozen | Closed)
            | (Dormant, Active | Frozen | Closed)
            | (Frozen, Active)
    )
}

/// Appoints or dismisses a registrar, for a caller who may.
pub(crate) fn set_registrar(
    host: &mut dyn Host,
    registrar: Address,
    allowed: bool,
) -> Result<(), EngineError> {
    if registrar.is_zero() {
        return refuse(IQenexErrors::InvalidAccount { account: registrar });
    }
    REGISTRARS.at(host, &registrar)?.store(host, &allowed)?;
    let event = IAccounts::RegistrarSet { registrar, allowed };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

fn profile(host: &mut dyn Host, account: Address) -> Result<IAccounts::Profile, EngineError> {
    let slots = PROFILES.at(host, &account)?;
    let head = slots.head.load(host)?;
    let (Some(account_type), Some(status)) = (head.account_type, head.status) else {
        return refuse(IQenexErrors::UnknownAccount { account });
    };
    let origin = slots.origin.load(host)?;
    Ok(IAccounts::Profile {
        owner: head.owner,
        custodian: origin.custodian,
        accountType: account_type.number(),
        status: status.number(),
        tier: head.tier,
        jurisdiction: origin.jurisdiction,
        homeCurrency: origin.home_currency.map(Into::into).unwrap_or_default(),
        openedAt: origin.opened_at.get(),
        lastActivity: head.last_activity.get(),
        version: head.version,
    })
}

/// An account as a posting sees it.
pub(crate) struct Party {
    account: Address,
    slot: Slot<Head>,
    pub(crate) head: Head,
    status: AccountStatus,
}

impl Party {
    /// Reads an account.
    pub(crate) fn load(host: &mut dyn Host, account: Address) -> Result<Self, EngineError> {
        let slot = PROFILES.at(host, &account)?.head;
        let head = slot.load(host)?;
        match head.status {
            Some(status) => Ok(Self { account, slot, head, status }),
            None => refuse(IQenexErrors::UnknownAccount { account }),
        }
    }

    /// Refuses unless the account may pay and be paid.
    pub(crate) fn require_active(&self) -> Result<(), EngineError> {
        if self.status == AccountStatus::Active {
            return Ok(());
        }
        let status = self.status.number();
        refuse(IQenexErrors::AccountNotActive { account: self.account, status })
    }

    /// Notes that the account was used now. Not a change of the profile: the version stays.
    pub(crate) fn touch(&self, host: &mut dyn Host) -> Result<(), HostError> {
        let now = host.block().timestamp;
        if now < self.head.last_activity.get().saturating_add(ACTIVITY_STEP) {
            return Ok(());
        }
        self.slot.store(host, &Head { last_activity: Seconds::new(now), ..self.head })
    }
}

/// Refuses unless `caller` is the admin.
pub(crate) fn require_admin(host: &mut dyn Host, caller: Address) -> Result<(), EngineError> {
    if ADMIN.load(host)? == caller && !caller.is_zero() {
        Ok(())
    } else {
        refuse(IQenexErrors::NotAuthorised { caller })
    }
}

fn require_registrar(host: &mut dyn Host, caller: Address) -> Result<(), EngineError> {
    if REGISTRARS.at(host, &caller)?.load(host)? {
        Ok(())
    } else {
        refuse(IQenexErrors::NotAuthorised { caller })
    }
}
