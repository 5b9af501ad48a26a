//! The ledger's storage: what lies where, and the records' packing.

use alloy_primitives::{Address, B256, FixedBytes, U256, keccak256};
use qenex_types::{Currency, TransferKind, TransferStatus};

use crate::registry::LEDGER;
use crate::storage::{Map, Place, ShortString, Slot, nth, packed};

packed! {
    /// Money of one account in one currency, minor units. Invariant: `held <= posted`.
    pub struct Balance {
        /// What the account has.
        posted: u128,
        /// The part of it that is promised.
        held: u128,
    }
}

impl Balance {
    /// What may be spent.
    pub const fn available(&self) -> u128 {
        self.posted.saturating_sub(self.held)
    }
}

packed! {
    /// First word of a currency: what every posting reads.
    pub struct Terms {
        /// Who may issue. Zero: there is no such currency.
        issuer: Address,
        /// Digits after the decimal point.
        exponent: u8,
        /// Whether it may be posted.
        active: bool,
    }
}

packed! {
    /// Second word of a currency, minor units. Invariant: `supply <= cap`.
    pub struct Outstanding {
        /// The sum of all posted balances.
        supply: u128,
        /// Most that `supply` may be.
        cap: u128,
    }
}

/// A currency in storage.
pub struct CurrencySlots {
    /// Issuer, exponent, status.
    pub terms: Slot<Terms>,
    /// Supply and cap.
    pub outstanding: Slot<Outstanding>,
    /// Name for people.
    pub name: Slot<ShortString>,
}

impl Place for CurrencySlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            terms: Place::place(address, slot),
            outstanding: Place::place(address, nth(slot, 1)),
            name: Place::place(address, nth(slot, 2)),
        }
    }
}

packed! {
    /// First word of a transfer. The payer is not stored: it is the account whose reference it is.
    pub struct Parties {
        /// The payee.
        to: Address,
        /// In which currency.
        currency: Option<Currency>,
        /// What it is; `None`: there is no such transfer.
        kind: Option<TransferKind>,
        /// Where it stands.
        status: Option<TransferStatus>,
    }
}

packed! {
    /// Second word of a transfer.
    pub struct Settlement {
        /// Minor units.
        amount: u128,
        /// Block height.
        block: u64,
        /// Block time, seconds.
        timestamp: u64,
    }
}

/// A transfer in storage. The last two words stay zero, and cost nothing, without a memo.
pub struct TransferSlots {
    /// Payee, currency, kind, status.
    pub parties: Slot<Parties>,
    /// Amount, block, time.
    pub settlement: Slot<Settlement>,
    /// End-to-end id.
    pub end_to_end_id: Slot<B256>,
    /// Hash of the payload kept off chain.
    pub payload_hash: Slot<B256>,
}

impl Place for TransferSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            parties: Place::place(address, slot),
            settlement: Place::place(address, nth(slot, 1)),
            end_to_end_id: Place::place(address, nth(slot, 2)),
            payload_hash: Place::place(address, nth(slot, 3)),
        }
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// Currencies.
pub const CURRENCIES: Map<Currency, CurrencySlots> = Map::new(LEDGER, 0);
/// Balances by account and currency.
pub const BALANCES: Map<Address, Map<Currency, Slot<Balance>>> = Map::new(LEDGER, 1);
/// Transfers by id.
pub const TRANSFERS: Map<B256, TransferSlots> = Map::new(LEDGER, 2);
/// In how many currencies an account's posted balance is above zero: it closes only at 0.
pub const HOLDINGS: Map<Address, Slot<u64>> = Map::new(LEDGER, 3);
/// How many postings an account made through ERC-20 faces: the source of their references.
pub const FACE_POSTINGS: Map<Address, Slot<u64>> = Map::new(LEDGER, 4);
/// ERC-20 allowances by currency, owner and spender.
pub const ALLOWANCES: Map<Currency, Map<Address, Map<Address, Slot<U256>>>> = Map::new(LEDGER, 5);

/// A client reference.
pub type Reference = FixedBytes<16>;

/// References of postings that came through a face start with eight bytes 0xff; clients' must not.
const FACE_REFERENCE: [u8; 8] = [0xff; 8];

/// The reference of an account's posting number `count` through a face.
pub fn face_reference(count: u64) -> Reference {
    let mut reference = [0xff; 16];
    reference[8..].copy_from_slice(&count.to_be_bytes());
    Reference::new(reference)
}

/// Whether a client may use this reference.
pub fn is_client_reference(reference: Reference) -> bool {
    !reference.is_zero() && !reference.starts_with(&FACE_REFERENCE)
}

/// The id of a transfer: keccak256(account ‖ reference).
pub fn transfer_id(account: Address, reference: Reference) -> B256 {
    let mut preimage = [0_u8; 36];
    let (left, right) = preimage.split_at_mut(20);
    left.copy_from_slice(account.as_slice());
    right.copy_from_slice(reference.as_slice());
    keccak256(preimage)
}
