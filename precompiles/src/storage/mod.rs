//! Typed handles over an engine's storage, laid out as Solidity would.
//!
//! A handle is an address and a slot number, with the type of what lies there: [`Slot`] one word,
//! [`Map`] Solidity's `mapping` (slot of a value = keccak(key ‖ slot)). Packed records are declared
//! with `packed!`, first field lowest, as in a Solidity struct.

use std::fmt;
use std::marker::PhantomData;

use alloy_primitives::{Address, B256, FixedBytes, U256, keccak256};
use qenex_types::{
    AccountStatus, AccountType, Authorisation, Corridor, Currency, TransferKind, TransferStatus,
};

use crate::{Host, HostError, gas};

/// A value of one storage word.
pub trait Word: Sized {
    /// The word.
    fn to_word(&self) -> U256;
    /// The inverse; `None` if no value has this word, that is if the state is damaged.
    fn from_word(word: U256) -> Option<Self>;
}

/// A field of a packed word.
pub trait Field: Sized {
    /// Width.
    const WIDTH: usize;
    /// The value in the lowest [`Self::WIDTH`] bits.
    fn to_bits(&self) -> U256;
    /// The inverse; `None` if no value has these bits.
    fn from_bits(bits: U256) -> Option<Self>;
}

/// A key of a [`Map`].
pub trait Key {
    /// The key as Solidity pads it: numbers and addresses to the right, `bytesN` to the left.
    fn to_key(&self) -> B256;
}

/// Something with a place in storage.
pub trait Place {
    /// The thing at a slot.
    fn place(address: Address, slot: U256) -> Self;
}

/// One storage word of type `T`.
pub struct Slot<T> {
    address: Address,
    slot: U256,
    value: PhantomData<fn() -> T>,
}

// By hand: the derived ones would ask the same of the value's type.
impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slot<T> {}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slot {:#x}", self.address, self.slot)
    }
}

impl<T: Word> Slot<T> {
    /// Variable number `slot` of the engine at `address`.
    pub const fn new(address: Address, slot: u64) -> Self {
        Self { address, slot: U256::from_limbs([slot, 0, 0, 0]), value: PhantomData }
    }

    /// The slot number.
    pub const fn number(&self) -> U256 {
        self.slot
    }

    /// Whose slot it is, and its number.
    pub const fn location(&self) -> (Address, U256) {
        (self.address, self.slot)
    }

    /// Reads.
    ///
    /// # Errors
    ///
    /// [`HostError`]; a word that no value has is [`HostError::Fatal`].
    pub fn load(&self, host: &mut dyn Host) -> Result<T, HostError> {
        let word = host.sload(self.address, self.slot)?;
        T::from_word(word).ok_or_else(|| {
            HostError::Fatal(format!(
                "damaged word {word:#x} at {} slot {:#x}",
                self.address, self.slot
            ))
        })
    }

    /// Writes.
    ///
    /// # Errors
    ///
    /// [`HostError`].
    pub fn store(&self, host: &mut dyn Host, value: &T) -> Result<(), HostError> {
        host.sstore(self.address, self.slot, value.to_word())
    }
}

impl<T> Place for Slot<T> {
    fn place(address: Address, slot: U256) -> Self {
        Self { address, slot, value: PhantomData }
    }
}

/// A Solidity `mapping(K => V)`.
#[derive(Debug)]
pub struct Map<K, V> {
    address: Address,
    slot: U256,
    entry: PhantomData<fn(K) -> V>,
}

impl<K: Key, V: Place> Map<K, V> {
    /// Variable number `slot` of the engine at `address`.
    pub const fn new(address: Address, slot: u64) -> Self {
        Self { address, slot: U256::from_limbs([slot, 0, 0, 0]), entry: PhantomData }
    }

    /// The entry of `key`, charging for the hash.
    ///
    /// # Errors
    ///
    /// [`HostError::OutOfGas`].
    pub fn at(&self, host: &mut dyn Host, key: &K) -> Result<V, HostError> {
        gas::charge_keccak(host, 64)?;
        Ok(self.foreseen(host, key))
    }

    /// The entry of `key`, free of charge: for looking ahead of what is charged.
    pub fn foreseen(&self, host: &mut dyn Host, key: &K) -> V {
        V::place(self.address, host.keccak(&self.preimage(key)).into())
    }

    /// The entry of `key`, free of charge: for code outside of calls.
    pub fn entry(&self, key: &K) -> V {
        V::place(self.address, keccak256(self.preimage(key)).into())
    }

    /// What is hashed for the slot of an entry: key ‖ slot.
    pub fn preimage(&self, key: &K) -> [u8; 64] {
        let mut preimage = [0_u8; 64];
        let (left, right) = preimage.split_at_mut(32);
        left.copy_from_slice(key.to_key().as_slice());
        right.copy_from_slice(&self.slot.to_be_bytes::<32>());
        preimage
    }
}

impl<K, V> Place for Map<K, V> {
    fn place(address: Address, slot: U256) -> Self {
        Self { address, slot, entry: PhantomData }
    }
}

/// A Solidity array `V[LENGTH]` of values of one word each.
#[derive(Debug)]
pub struct Array<V, const LENGTH: u64> {
    address: Address,
    slot: U256,
    entry: PhantomData<fn() -> V>,
}

impl<V: Place, const LENGTH: u64> Array<V, LENGTH> {
    /// The entry at `index`; behind the end, the last.
    pub fn at(&self, index: u64) -> V {
        V::place(self.address, nth(self.slot, index.min(LENGTH.saturating_sub(1))))
    }
}

impl<V, const LENGTH: u64> Place for Array<V, LENGTH> {
    fn place(address: Address, slot: U256) -> Self {
        Self { address, slot, entry: PhantomData }
    }
}

/// The slot `offset` words after `slot`: the next members of a struct.
pub fn nth(slot: U256, offset: u64) -> U256 {
    slot.wrapping_add(U256::from(offset))
}

impl Key for Address {
    fn to_key(&self) -> B256 {
        self.into_word()
    }
}

/// Numbers as keys.
macro_rules! key_of_integer {
    ($($type:ty),+) => {$(
        impl Key for $type {
            fn to_key(&self) -> B256 {
                U256::from(*self).into()
            }
        }
    )+};
}

key_of_integer!(u8, u16, u32, u64);

/// `bytesN` lies left.
macro_rules! key_of_bytes {
    ($($length:literal),+) => {$(
        impl Key for FixedBytes<$length> {
            fn to_key(&self) -> B256 {
                B256::right_padding_from(self.as_slice())
            }
        }
    )+};
}

key_of_bytes!(2, 3);

impl Key for B256 {
    fn to_key(&self) -> B256 {
        *self
    }
}

impl Key for Currency {
    fn to_key(&self) -> B256 {
        B256::right_padding_from(&self.code())
    }
}

impl Word for U256 {
    fn to_word(&self) -> U256 {
        *self
    }

    fn from_word(word: U256) -> Option<Self> {
        Some(word)
    }
}

impl Word for B256 {
    fn to_word(&self) -> U256 {
        U256::from_be_bytes(self.0)
    }

    fn from_word(word: U256) -> Option<Self> {
        Some(Self::from(word))
    }
}

/// A field alone in its word lies in the lowest bits, the rest is zero.
macro_rules! word_of_field {
    ($($type:ty),+) => {$(
        impl Word for $type {
            fn to_word(&self) -> U256 {
                self.to_bits()
            }

            fn from_word(word: U256) -> Option<Self> {
                (word.bit_len() <= <$type as Field>::WIDTH).then(|| Self::from_bits(word)).flatten()
            }
        }
    )+};
}

word_of_field!(u8, u32, u64, u128, bool, Address, Option<Currency>);

macro_rules! field_of_integer {
    ($($type:ty = $bits:literal),+) => {$(
        impl Field for $type {
            const WIDTH: usize = $bits;

            fn to_bits(&self) -> U256 {
                U256::from(*self)
            }

            fn from_bits(bits: U256) -> Option<Self> {
                Self::try_from(bits).ok()
            }
        }
    )+};
}

field_of_integer!(u8 = 8, u16 = 16, u32 = 32, u64 = 64, u128 = 128);

/// Two's complement.
impl Field for i128 {
    const WIDTH: usize = 128;

    fn to_bits(&self) -> U256 {
        U256::from(self.cast_unsigned())
    }

    fn from_bits(bits: U256) -> Option<Self> {
        u128::try_from(bits).ok().map(u128::cast_signed)
    }
}

impl Field for bool {
    const WIDTH: usize = 8;

    fn to_bits(&self) -> U256 {
        U256::from(u8::from(*self))
    }

    fn from_bits(bits: U256) -> Option<Self> {
        match u8::try_from(bits).ok()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Field for Address {
    const WIDTH: usize = 160;

    fn to_bits(&self) -> U256 {
        U256::from_be_bytes(self.into_word().0)
    }

    fn from_bits(bits: U256) -> Option<Self> {
        Some(Self::from_word(bits.into()))
    }
}

impl<const N: usize> Field for FixedBytes<N> {
    const WIDTH: usize = N.saturating_mul(8);

    fn to_bits(&self) -> U256 {
        U256::from_be_slice(self.as_slice())
    }

    fn from_bits(bits: U256) -> Option<Self> {
        let bytes = bits.to_be_bytes::<32>();
        bytes.last_chunk::<N>().map(|chunk| Self(*chunk))
    }
}

/// `None` is zero: no currency spells it.
impl Field for Option<Currency> {
    const WIDTH: usize = 24;

    fn to_bits(&self) -> U256 {
        U256::from(self.map_or(0, Currency::to_bits))
    }

    fn from_bits(bits: U256) -> Option<Self> {
        match u32::try_from(bits).ok()? {
            0 => Some(None),
            code => Currency::from_bits(code).ok().map(Some),
        }
    }
}

/// `None` is zero: the numbers of the words start at 1.
macro_rules! field_of_word {
    ($($type:ty),+) => {$(
        impl Field for Option<$type> {
            const WIDTH: usize = 8;

            fn to_bits(&self) -> U256 {
                U256::from(self.map_or(0, <$type>::number))
            }

            fn from_bits(bits: U256) -> Option<Self> {
                match u8::try_from(bits).ok()? {
                    0 => Some(None),
                    number => <$type>::from_number(number).map(Some),
                }
            }
        }
    )+};
}

field_of_word!(AccountType, AccountStatus, TransferKind, TransferStatus, Authorisation, Corridor);

/// A number of `BITS` bits, 1 to 64. What would be more stays at the maximum: a sum that saturates
/// is never below the truth's limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Narrow<const BITS: u32>(u64);

impl<const BITS: u32> Narrow<BITS> {
    /// The greatest number.
    pub const MAX: u64 = u64::MAX >> (64 - BITS);

    /// The number [`Self::MAX`].
    pub const GREATEST: Self = Self(Self::MAX);

    /// Takes a number; more than the maximum is the maximum.
    pub fn new(number: impl TryInto<u64>) -> Self {
        Self(number.try_into().map_or(Self::MAX, |number| number.min(Self::MAX)))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, at most the maximum.
    #[must_use]
    pub fn plus(self, more: u64) -> Self {
        Self::new(self.0.saturating_add(more))
    }
}

impl<const BITS: u32> Field for Narrow<BITS> {
    const WIDTH: usize = BITS as usize;

    fn to_bits(&self) -> U256 {
        U256::from(self.0)
    }

    fn from_bits(bits: U256) -> Option<Self> {
        u64::try_from(bits).ok().filter(|&number| number <= Self::MAX).map(Self)
    }
}

/// Block time in 40 bits of seconds, enough until the year 36812.
pub type Seconds = Narrow<40>;
/// Block time in days since the Unix epoch, enough until the year 2149.
pub type Days = Narrow<16>;

/// A text of at most 31 bytes in one word, as Solidity stores a short `string`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShortString(String);

impl ShortString {
    /// Longest text, bytes.
    pub const MAX: usize = 31;

    /// Takes a text, unless it is longer than [`Self::MAX`] bytes.
    pub fn new(text: String) -> Option<Self> {
        (text.len() <= Self::MAX).then_some(Self(text))
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Word for ShortString {
    fn to_word(&self) -> U256 {
        let text = B256::right_padding_from(self.0.as_bytes());
        U256::from_be_bytes(text.0) | U256::from(self.0.len().saturating_mul(2))
    }

    fn from_word(word: U256) -> Option<Self> {
        let bytes = word.to_be_bytes::<32>();
        let length = usize::from(bytes[31]);
        if length % 2 != 0 {
            return None;
        }
        let text = bytes[..31].get(..length / 2)?;
        String::from_utf8(text.to_vec()).ok().map(Self)
    }
}

/// Takes a packed word apart, lowest field first.
#[derive(Debug)]
pub struct Unpack(pub U256);

impl Unpack {
    /// The next field.
    pub fn take<F: Field>(&mut self) -> Option<F> {
        let bits = if F::WIDTH >= 256 { self.0 } else { self.0 & U256::MAX >> (256 - F::WIDTH) };
        self.0 = if F::WIDTH >= 256 { U256::ZERO } else { self.0 >> F::WIDTH };
        F::from_bits(bits)
    }
}

/// Declares a record packed into one word, first field lowest as in a Solidity struct.
macro_rules! packed {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name { $($(#[$field_doc])* pub $field: $type,)+ }

        const _: () = assert!(0 $(+ <$type as $crate::storage::Field>::WIDTH)+ <= 256, "fits a word");

        impl $name {
            /// The fields, lowest first: name and width in bits.
            pub const FIELDS: &[(&str, usize)] =
                &[$((stringify!($field), <$type as $crate::storage::Field>::WIDTH),)+];
        }

        impl $crate::storage::Word for $name {
            fn to_word(&self) -> alloy_primitives::U256 {
                let mut word = alloy_primitives::U256::ZERO;
                let mut shift = 0;
                $(
                    word |= $crate::storage::Field::to_bits(&self.$field) << shift;
                    shift += <$type as $crate::storage::Field>::WIDTH;
                )+
                debug_assert!(shift <= 256);
                word
            }

            fn from_word(word: alloy_primitives::U256) -> Option<Self> {
                let mut fields = $crate::storage::Unpack(word);
                let record = Self { $($field: fields.take::<$type>()?,)+ };
                fields.0.is_zero().then_some(record)
            }
        }
    };
}
pub(crate) use packed;

#[cfg(test)]
mod tests;
