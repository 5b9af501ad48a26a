//! The compliance engine's storage: what lies where, and the records' packing.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use qenex_types::{Corridor, Currency};

use crate::accounts::records::Limits;
use crate::registry::COMPLIANCE;
use crate::risk::records::Count;
use crate::storage::{Array, Map, Place, Seconds, Slot, nth, packed};

/// Tiers there are: 0 to 4.
pub const TIERS: u8 = 5;

packed! {
    /// Terms of a currency for the payers of one tier: all of the currency that a payment reads. What
    /// does not depend on the tier stands in each of the five.
    pub struct Class {
        /// Whether the currency is registered.
        registered: bool,
        /// Whether the currency may be posted.
        active: bool,
        /// Digits after the decimal point.
        exponent: u8,
        /// Attestations that a payer needs: bit n is type n.
        attestations: u8,
        /// Most in one payment.
        per_payment: Count,
        /// Most in a day.
        per_day: Count,
        /// Most in a period of 30 days.
        per_thirty_days: Count,
        /// From this amount on the travel rule asks for its data. The maximum: never.
        travel_rule: Count,
    }
}

impl Class {
    /// What a payer of the tier may pay.
    pub const fn limits(&self) -> Limits {
        Limits {
            per_payment: self.per_payment,
            per_day: self.per_day,
            per_thirty_days: self.per_thirty_days,
        }
    }
}

packed! {
    /// First word of a freeze.
    pub struct Freeze {
        /// Who froze.
        officer: Address,
        /// 1 debit, 2 credit, 3 both. 0: there is no freeze.
        sides: u8,
        /// Number of the status before.
        previous: u8,
        /// Reason code of ISO 20022, e.g. `LEGL`.
        reason: FixedBytes<4>,
        /// Last second in which it holds; 0: until it is released.
        until: Seconds,
    }
}

/// A freeze in storage.
pub struct FreezeSlots {
    /// Sides, reason, end.
    pub terms: Slot<Freeze>,
    /// The officer's case.
    pub case_id: Slot<B256>,
    /// Who asked for the release, if somebody did.
    pub releasing: Slot<Address>,
}

impl Place for FreezeSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            terms: Place::place(address, slot),
            case_id: Place::place(address, nth(slot, 1)),
            releasing: Place::place(address, nth(slot, 2)),
        }
    }
}

packed! {
    /// An address on the deny list.
    pub struct Denial {
        /// Whether it is on the list.
        listed: bool,
        /// Version of the list with which it came or went.
        list_version: u32,
        /// When.
        since: Seconds,
    }
}

packed! {
    /// What holds for payments from one jurisdiction to another.
    pub struct CorridorTerms {
        /// Open, reviewed or blocked. `None` is open.
        corridor: Option<Corridor>,
        /// Whether the risk rule of corridors fires.
        watched: bool,
    }
}

packed! {
    /// What an attestor found out about an account, off chain.
    pub struct Attestation {
        /// Who says so.
        attestor: Address,
        /// 1 clear, 2 review. 0: there is none.
        finding: u8,
        /// Last second in which it counts.
        expires: Seconds,
        /// The attestor's version of the finding.
        version: u32,
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// Terms by currency and tier.
pub const CLASSES: Map<Currency, Array<Slot<Class>, 5>> = Map::new(COMPLIANCE, 0);
/// Freezes by account.
pub const FREEZES: Map<Address, FreezeSlots> = Map::new(COMPLIANCE, 1);
/// The deny list, and addresses that were on it.
pub const DENIALS: Map<Address, Slot<Denial>> = Map::new(COMPLIANCE, 2);
/// Version of the deny list: one more with each change.
pub const LIST_VERSION: Slot<u64> = Slot::new(COMPLIANCE, 3);
/// Corridors by the jurisdictions of payer and payee.
pub const CORRIDORS: Map<FixedBytes<2>, Map<FixedBytes<2>, Slot<CorridorTerms>>> =
    Map::new(COMPLIANCE, 4);
/// Attestations by account and type.
pub const ATTESTATIONS: Map<Address, Map<u8, Slot<Attestation>>> = Map::new(COMPLIANCE, 5);
