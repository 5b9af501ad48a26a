//! The ledger's storage: what lies where, and the records' packing.

use alloy_primitives::{Address, B256, FixedBytes, U256, keccak256};
use qenex_types::{Authorisation, Currency, TransferKind, TransferStatus};

use crate::registry::LEDGER;
use crate::storage::{Map, Narrow, Place, Seconds, ShortString, Slot, nth, packed};

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
    /// First word of a currency. What a payment reads of a currency is the compliance engine's `Class`.
    pub struct Terms {
        /// Who may issue. Zero: there is no such currency.
        issuer: Address,
        /// Digits after the decimal point.
        exponent: u8,
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

impl Outstanding {
    /// After an issue, unless it would pass the cap.
    pub fn raised(self, amount: u128) -> Option<Self> {
        let supply = self.supply.checked_add(amount).filter(|&supply| supply <= self.cap)?;
        Some(Self { supply, ..self })
    }
}

/// A currency in storage.
pub struct CurrencySlots {
    /// Issuer, exponent.
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
        /// The payee; zero if money is redeemed.
        to: Address,
        /// In which currency.
        currency: Option<Currency>,
        /// What it is; `None`: there is no such transfer.
        kind: Option<TransferKind>,
        /// Where it stands.
        status: Option<TransferStatus>,
        /// By what right it was made.
        authorisation: Option<Authorisation>,
        /// What the risk rules gave it, 0 to 1000.
        score: u16,
        /// Which of them fired: bit n - 1 is rule n.
        rules: u16,
    }
}

packed! {
    /// Second word of a transfer.
    pub struct Settlement {
        /// Minor units.
        amount: u128,
        /// Height of the block of the last change of status.
        block: Narrow<48>,
        /// Its time.
        timestamp: Seconds,
        /// Last second of a hold, a review or an approval; 0 for what settled at once.
        expires: Seconds,
    }
}

packed! {
    /// Fifth word of a transfer: what became of it after it was made. Minor units.
    pub struct Progress {
        /// The part of a hold that was posted.
        captured: u128,
        /// The part of what was posted that was given back. Invariant: at most what was posted.
        reversed: u128,
    }
}

packed! {
    /// Sixth word of a transfer that waits for somebody.
    pub struct Pending {
        /// Whose call or key it came from: may not approve it.
        initiator: Address,
        /// Approvals it needs.
        required: u8,
        /// Approvals it has.
        approvals: u8,
        /// Whether an officer decides after the approvals.
        review: bool,
    }
}

/// A transfer in storage. Words that stay zero cost nothing.
#[derive(Clone, Copy, Debug)]
pub struct TransferSlots {
    /// Payee, currency, kind, status, score.
    pub parties: Slot<Parties>,
    /// Amount, block, times.
    pub settlement: Slot<Settlement>,
    /// End-to-end id; of a reversal: the id of what it reverses.
    pub end_to_end_id: Slot<B256>,
    /// Hash of the payload kept off chain.
    pub payload_hash: Slot<B256>,
    /// Captures and reversals.
    pub progress: Slot<Progress>,
    /// Who must still agree.
    pub pending: Slot<Pending>,
}

impl TransferSlots {
    /// The numbers of all its slots.
    pub const fn numbers(&self) -> [U256; 6] {
        [
            self.parties.number(),
            self.settlement.number(),
            self.end_to_end_id.number(),
            self.payload_hash.number(),
            self.progress.number(),
            self.pending.number(),
        ]
    }
}

impl Place for TransferSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self {
            parties: Place::place(address, slot),
            settlement: Place::place(address, nth(slot, 1)),
            end_to_end_id: Place::place(address, nth(slot, 2)),
            payload_hash: Place::place(address, nth(slot, 3)),
            progress: Place::place(address, nth(slot, 4)),
            pending: Place::place(address, nth(slot, 5)),
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
/// Approvals of transfers, by transfer and approver.
pub const APPROVALS: Map<B256, Map<Address, Slot<bool>>> = Map::new(LEDGER, 6);
/// Nonces of ERC-20 permits (EIP-2612), by currency and owner.
pub const NONCES: Map<Currency, Map<Address, Slot<u64>>> = Map::new(LEDGER, 7);

/// The currency that was registered last.
pub const LATEST: Slot<Option<Currency>> = Slot::new(LEDGER, 8);
/// The currency that was registered before another: together with [`LATEST`] the list of all.
pub const PREVIOUS: Map<Currency, Slot<Option<Currency>>> = Map::new(LEDGER, 9);

/// A client reference.
pub type Reference = FixedBytes<16>;

/// References that start with three bytes 0xff are the engines' own; clients' must not.
const ENGINE_REFERENCE: [u8; 3] = [0xff; 3];

/// The reference of an account's posting number `count` through a face: eight bytes 0xff, the number.
pub fn face_reference(count: u64) -> Reference {
    let mut reference = [0xff; 16];
    reference[8..].copy_from_slice(&count.to_be_bytes());
    Reference::new(reference)
}

/// The reference of a part of a settlement: 0xfffffffe, twelve bytes of the part's hash. No client can
/// use it up, and what it names cannot be captured or voided alone.
pub fn settlement_reference(hash: &B256) -> Reference {
    let mut reference = [0xff; 16];
    reference[3] = 0xfe;
    reference[4..].copy_from_slice(&hash[..12]);
    Reference::new(reference)
}

/// Whether a client may use this reference.
pub fn is_client_reference(reference: Reference) -> bool {
    !reference.is_zero() && !reference.starts_with(&ENGINE_REFERENCE)
}

/// The id of a transfer: keccak256(account ‖ reference).
pub fn transfer_id(account: Address, reference: Reference) -> B256 {
    keccak256(transfer_id_preimage(account, reference))
}

/// What is hashed for a transfer's id.
pub(super) fn transfer_id_preimage(account: Address, reference: Reference) -> [u8; 36] {
    let mut preimage = [0_u8; 36];
    let (left, right) = preimage.split_at_mut(20);
    left.copy_from_slice(account.as_slice());
    right.copy_from_slice(reference.as_slice());
    preimage
}
