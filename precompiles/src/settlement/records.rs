//! The settlement engine's storage: what lies where, and the records' packing.

use alloy_primitives::{Address, B256, U256};
use qenex_types::Currency;

use crate::registry::SETTLEMENT;
use crate::storage::{Map, Place, Seconds, Slot, nth, packed};

packed! {
    /// An instruction.
    pub struct Instruction {
        /// Who made it.
        instructor: Address,
        /// 0 unknown, 1 open, 2 settled, 3 cancelled, 4 expired.
        status: u8,
        /// Number of legs.
        legs: u8,
        /// Legs that are not affirmed yet.
        open: u8,
        /// Last second.
        expires: Seconds,
    }
}

packed! {
    /// First word of a leg.
    pub struct Paying {
        /// Who pays.
        payer: Address,
        /// In which currency.
        currency: Option<Currency>,
        /// Whether the payer affirmed: the ledger then has a hold for it.
        affirmed: bool,
    }
}

/// A leg in storage.
pub struct LegSlots {
    /// Payer, currency, whether it is affirmed.
    pub paying: Slot<Paying>,
    /// Who is paid.
    pub payee: Slot<Address>,
    /// Minor units.
    pub amount: Slot<u128>,
}

impl Place for LegSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            paying: Place::place(address, slot),
            payee: Place::place(address, nth(slot, 1)),
            amount: Place::place(address, nth(slot, 2)),
        }
    }
}

packed! {
    /// First word of a netting cycle.
    pub struct Cycle {
        /// Who opened it.
        operator: Address,
        /// 0 unknown, 1 open, 2 closed.
        status: u8,
        /// Number of participants.
        participants: u8,
        /// In which currency.
        currency: Option<Currency>,
    }
}

/// A netting cycle in storage.
pub struct CycleSlots {
    /// Operator, status, currency.
    pub terms: Slot<Cycle>,
    /// The account through which net positions are posted.
    pub account: Slot<Address>,
    /// Sum of the obligations, minor units.
    pub gross: Slot<u128>,
}

impl Place for CycleSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            terms: Place::place(address, slot),
            account: Place::place(address, nth(slot, 1)),
            gross: Place::place(address, nth(slot, 2)),
        }
    }
}

packed! {
    /// What a participant owes and is owed in a cycle, minor units.
    pub struct Position {
        /// It owes.
        owes: u128,
        /// It is owed.
        owed: u128,
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// Instructions by id.
pub const INSTRUCTIONS: Map<B256, Slot<Instruction>> = Map::new(SETTLEMENT, 0);
/// Legs by instruction and index.
pub const LEGS: Map<B256, Map<u8, LegSlots>> = Map::new(SETTLEMENT, 1);
/// Netting cycles by id.
pub const CYCLES: Map<B256, CycleSlots> = Map::new(SETTLEMENT, 2);
/// Participants by cycle and index.
pub const PARTICIPANTS: Map<B256, Map<u8, Slot<Address>>> = Map::new(SETTLEMENT, 3);
/// One more than the index of a participant, by cycle and address; 0: it takes no part.
pub const INDICES: Map<B256, Map<Address, Slot<u8>>> = Map::new(SETTLEMENT, 4);
/// Positions by cycle and participant.
pub const POSITIONS: Map<B256, Map<Address, Slot<Position>>> = Map::new(SETTLEMENT, 5);
/// Obligations recorded, by cycle and the ledger's id of payer and reference.
pub const OBLIGATIONS: Map<B256, Map<B256, Slot<bool>>> = Map::new(SETTLEMENT, 6);
