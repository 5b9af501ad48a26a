//! The accounts' storage: what lies where, and the records' packing.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use qenex_types::{AccountStatus, AccountType, Currency};

use crate::registry::ACCOUNTS;
use crate::storage::{Days, Map, Narrow, Place, Seconds, Slot, nth, packed};

packed! {
    /// First word of a profile: all of it that a posting reads.
    pub struct Head {
        /// Whose transactions may move the money. Zero: there is no such account.
        owner: Address,
        /// Kind of customer or book.
        account_type: Option<AccountType>,
        /// Whether the account may pay and be paid.
        status: Option<AccountStatus>,
        /// Compliance level, 0 to 4.
        tier: u8,
        /// What else a posting must look up: [`flag`].
        flags: u8,
        /// ISO 3166-1 alpha-2.
        jurisdiction: FixedBytes<2>,
        /// Last day on which the tier counts; 0: it does not expire.
        tier_until: Days,
        /// Day of opening.
        opened_on: Days,
        /// Day of the last posting: a day's further postings write nothing.
        last_active: Days,
    }
}

/// Bits of [`Head::flags`]. Each spares every posting of other accounts a read.
pub mod flag {
    /// The compliance engine has a freeze of the account.
    pub const FREEZE: u8 = 1;
    /// The address is on the deny list.
    pub const DENIED: u8 = 2;
    /// The account has limits of its own.
    pub const LIMITS: u8 = 4;
    /// The account has an approval policy.
    pub const POLICY: u8 = 8;
}

packed! {
    /// Second word of a profile.
    pub struct Origin {
        /// The institution that keeps the account for the owner; zero if nobody.
        custodian: Address,
        /// When it was opened.
        opened_at: Seconds,
        /// 1 at opening, one more with each change.
        version: u32,
        /// Home currency.
        home_currency: Option<Currency>,
    }
}

/// A profile in storage.
pub struct ProfileSlots {
    /// What postings read.
    pub head: Slot<Head>,
    /// The rest.
    pub origin: Slot<Origin>,
}

impl Place for ProfileSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self { head: Place::place(address, slot), origin: Place::place(address, nth(slot, 1)) }
    }
}

/// Most that may be paid, in counts ([`crate::risk::Count`]). The maximum: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In one payment.
    pub per_payment: Narrow<56>,
    /// In a day (UTC).
    pub per_day: Narrow<56>,
    /// In a period of 30 days; periods are counted from the Unix epoch.
    pub per_thirty_days: Narrow<56>,
}

impl Limits {
    /// No limit.
    pub const NONE: Self = Self {
        per_payment: Narrow::GREATEST,
        per_day: Narrow::GREATEST,
        per_thirty_days: Narrow::GREATEST,
    };

    /// The tighter of both, limit by limit.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        Self {
            per_payment: self.per_payment.min(other.per_payment),
            per_day: self.per_day.min(other.per_day),
            per_thirty_days: self.per_thirty_days.min(other.per_thirty_days),
        }
    }
}

packed! {
    /// An account's own limits in a currency.
    pub struct OwnLimits {
        /// In one payment.
        per_payment: Narrow<56>,
        /// In a day (UTC).
        per_day: Narrow<56>,
        /// In a period of 30 days.
        per_thirty_days: Narrow<56>,
        /// Whether they were ever set: limits of zero are limits.
        set: bool,
    }
}

impl OwnLimits {
    /// What they are; none if they were never set.
    pub const fn limits(&self) -> Limits {
        if !self.set {
            return Limits::NONE;
        }
        Limits {
            per_payment: self.per_payment,
            per_day: self.per_day,
            per_thirty_days: self.per_thirty_days,
        }
    }
}

packed! {
    /// A key that may sign instructions. The key itself comes with each signature: its id names it.
    pub struct KeyRecord {
        /// Number of the scheme (`crate::signatures::Scheme`). 0: no such key.
        scheme: u8,
        /// Since when.
        added_at: Seconds,
        /// Last second in which it counts; 0: it does not expire.
        valid_until: Seconds,
    }
}

packed! {
    /// What a delegate may do in one currency.
    pub struct Delegation {
        /// Bits of what it may do: bit n is `TransferKind` n; bit 0: capture and void.
        kinds: u8,
        /// Whether only listed payees may be paid.
        listed_only: bool,
        /// Most that it may move in a period, in counts. The maximum: no limit.
        cap: Narrow<56>,
        /// What it has moved in the period, in counts.
        used: Narrow<56>,
        /// Length of a period, seconds.
        period: u32,
        /// When the period began.
        period_start: Seconds,
        /// Last second in which it counts. 0: there is no delegation.
        valid_until: Seconds,
    }
}

packed! {
    /// Who must agree to payments from an account, or to the issues of an issuer.
    pub struct Policy {
        /// How many approvers.
        required: u8,
        /// How many approvers there are.
        approvers: u8,
        /// How long they have, seconds.
        time: u32,
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// Profiles.
pub const PROFILES: Map<Address, ProfileSlots> = Map::new(ACCOUNTS, 0);
/// Limits of single accounts, by account and currency.
pub const LIMITS: Map<Address, Map<Currency, Slot<OwnLimits>>> = Map::new(ACCOUNTS, 1);
/// Keys by account and id.
pub const KEYS: Map<Address, Map<B256, Slot<KeyRecord>>> = Map::new(ACCOUNTS, 2);
/// Delegations by account, delegate and currency.
pub const DELEGATIONS: Map<Address, Map<Address, Map<Currency, Slot<Delegation>>>> =
    Map::new(ACCOUNTS, 3);
/// Payees that a delegate may pay, by account, delegate and payee.
pub const PAYEES: Map<Address, Map<Address, Map<Address, Slot<bool>>>> = Map::new(ACCOUNTS, 4);
/// Approval policies, by account or issuer.
pub const POLICIES: Map<Address, Slot<Policy>> = Map::new(ACCOUNTS, 5);
/// The least amount that needs approvals, by account and currency, minor units; 0: none does.
pub const THRESHOLDS: Map<Address, Map<Currency, Slot<u128>>> = Map::new(ACCOUNTS, 6);
/// Approvers by account and approver.
pub const APPROVERS: Map<Address, Map<Address, Slot<bool>>> = Map::new(ACCOUNTS, 7);
