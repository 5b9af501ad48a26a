//! An account as a posting sees it.

use alloy_primitives::Address;
use qenex_types::{AccountStatus, AccountType};

use super::records::{Head, PROFILES, flag};
use crate::errors::refuse;
use crate::risk::records::DAY;
use crate::storage::{Days, Slot};
use crate::{EngineError, Host, HostError, IQenexErrors, compliance};

/// One side of a posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It pays.
    Debit,
    /// It is paid.
    Credit,
}

impl Side {
    /// Its bit in a freeze, and its number in the error.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Debit => 1,
            Self::Credit => 2,
        }
    }
}

/// An account, read.
#[derive(Clone, Copy)]
pub(crate) struct Party {
    pub(crate) account: Address,
    slot_of_head: Slot<Head>,
    pub(crate) head: Head,
    /// Its status apart from a freeze, which takes sides away and gives none.
    standing: AccountStatus,
    pub(crate) kind: AccountType,
    /// Bits of [`Side`] that are frozen now.
    frozen: u8,
}

impl Party {
    /// Reads an account.
    pub(crate) fn load(host: &mut dyn Host, account: Address) -> Result<Self, EngineError> {
        let slot_of_head = PROFILES.at(host, &account)?.head;
        let head = slot_of_head.load(host)?;
        let (Some(status), Some(kind)) = (head.status, head.account_type) else {
            return refuse(IQenexErrors::UnknownAccount { account });
        };
        let (standing, frozen) = if head.flags & flag::FREEZE == 0 {
            (status, 0)
        } else {
            compliance::frozen(host, account, status)?
        };
        Ok(Self { account, slot_of_head, head, standing, kind, frozen })
    }

    /// The status as others see it.
    pub(crate) const fn status(&self) -> AccountStatus {
        if self.frozen == 0 { self.standing } else { AccountStatus::Frozen }
    }

    /// Why the account may not be on this side of a posting.
    pub(crate) fn bar(&self, side: Side) -> Option<crate::Refusal> {
        let account = self.account;
        if self.frozen & side.number() != 0 {
            return Some(IQenexErrors::Frozen { account, side: side.number() }.into());
        }
        if self.standing != AccountStatus::Active {
            let status = self.standing.number();
            return Some(IQenexErrors::AccountNotActive { account, status }.into());
        }
        let denied = self.head.flags & flag::DENIED != 0;
        denied.then(|| IQenexErrors::Denied { account }.into())
    }

    /// The tier that counts at a time: 0 once it has expired.
    pub(crate) fn tier(&self, now: u64) -> u8 {
        let until = self.head.tier_until.get();
        if until == 0 || now / DAY <= until { self.head.tier } else { 0 }
    }

    /// Whether the account has a flag.
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.head.flags & flag != 0
    }

    /// Notes that the account was used now. Not a change of the profile: the version stays.
    pub(crate) fn touch(&self, host: &mut dyn Host) -> Result<(), HostError> {
        let today = Days::new(host.block().timestamp / DAY);
        if today <= self.head.last_active {
            return Ok(());
        }
        self.slot_of_head.store(host, &Head { last_active: today, ..self.head })
    }
}
