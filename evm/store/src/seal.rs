//! Encryption of rows: AES-256-GCM over every value, bound to its table, its key and the epoch of
//! the data key, so that a value changed, moved or kept from before a change of keys is refused.
//! Keys of rows (hashes and block numbers) stay readable: RocksDB sorts by them.
//!
//! Nonces must never repeat under one key, also not after a copy of the database went its own way.
//! So every opening draws a random salt, derives a key of its own from it and the data key (HKDF,
//! RFC 5869), and numbers the values it writes. A row names the salt by its number.
//!
//! ```text
//! value   number of the opening u32 | number of the value u64 | ciphertext | tag (16)
//! ```

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use zeroize::Zeroizing;

use crate::tables::{self, RowError};

/// Bytes that encryption adds to a value.
pub const OVERHEAD: usize = NONCE_LEN + 16;

/// The key of a database.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey {
    /// Counts the keys that a database has had.
    pub epoch: u32,
    /// The key.
    pub bytes: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreKey").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

struct CheckLength;

impl KeyType for CheckLength {
    fn len(&self) -> usize {
        32
    }
}

impl StoreKey {
    /// What a database keeps to tell its key from others: nothing that helps to find it.
    pub(crate) fn check(&self) -> Option<[u8; 32]> {
        let mut check = [0; 32];
        let prk = Salt::new(HKDF_SHA256, &self.epoch.to_be_bytes()).extract(&self.bytes[..]);
        prk.expand(&[b"qenex store check"], CheckLength).ok()?.fill(&mut check).ok()?;
        Some(check)
    }

    fn of_opening(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let prk = Salt::new(HKDF_SHA256, salt).extract(&self.bytes[..]);
        let okm = prk.expand(&[b"qenex store values"], &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(okm)))
    }
}

/// Encrypts and decrypts the values of a database.
pub(crate) struct Seal {
    epoch: u32,
    /// One for each opening; the last is this one's.
    keys: Vec<LessSafeKey>,
    next: AtomicU64,
}

impl Seal {
    /// With the salts of all openings, this one's last. Nothing if there are none, or too many.
    pub(crate) fn new(key: &StoreKey, salts: &[Vec<u8>]) -> Option<Self> {
        let keys = salts.iter().map(|salt| key.of_opening(salt)).collect::<Option<Vec<_>>>()?;
        u32::try_from(keys.len()).ok()?;
        Some(Self { epoch: key.epoch, keys, next: AtomicU64::new(0) })
    }

    /// The value as it is stored; nothing if it cannot be encrypted.
    pub(crate) fn seal(&self, table: &str, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let opening = u32::try_from(self.keys.len().checked_sub(1)?).ok()?;
        let nonce = nonce(opening, self.next.fetch_add(1, Ordering::Relaxed));
        let mut row = Vec::with_capacity(value.len() + OVERHEAD);
        row.extend_from_slice(&nonce);
        row.extend_from_slice(value);
        let tag = self.keys.last()?.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            self.bound_to(table, key),
            row.get_mut(NONCE_LEN..)?,
        );
        row.extend_from_slice(tag.ok()?.as_ref());
        Some(row)
    }

    /// The value of a stored row.
    pub(crate) fn open(&self, table: &str, key: &[u8], row: &[u8]) -> Result<Vec<u8>, RowError> {
        let (nonce, sealed) = row.split_first_chunk::<NONCE_LEN>().ok_or(RowError::Sealed)?;
        let opening = u32::from_be_bytes([nonce[0], nonce[1], nonce[2], nonce[3]]);
        let opening = usize::try_from(opening).ok().and_then(|at| self.keys.get(at));
        let mut value = sealed.to_vec();
        let length = opening
            .ok_or(RowError::Sealed)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                self.bound_to(table, key),
                &mut value,
            )
            .map_err(|_| RowError::Sealed)?
            .len();
        value.truncate(length);
        Ok(value)
    }

    fn bound_to(&self, table: &str, key: &[u8]) -> Aad<Vec<u8>> {
        let mut bound = Vec::with_capacity(table.len() + 1 + key.len() + 4);
        bound.extend_from_slice(table.as_bytes());
        bound.push(0);
        bound.extend_from_slice(key);
        bound.extend_from_slice(&self.epoch.to_be_bytes());
        Aad::from(bound)
    }
}

fn nonce(opening: u32, value: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..4].copy_from_slice(&opening.to_be_bytes());
    nonce[4..].copy_from_slice(&value.to_be_bytes());
    nonce
}

/// Whether a row is what reading the encryption itself needs, and so never encrypted.
pub(crate) fn is_plain(table: &str, key: &[u8]) -> bool {
    table == tables::META && (key == tables::META_SCHEMA || key.starts_with(tables::META_CIPHER))
}

/// The value of a row of a database that may be encrypted.
pub(crate) fn open<'a>(
    seal: Option<&Seal>,
    table: &str,
    key: &[u8],
    row: &'a [u8],
) -> Result<Cow<'a, [u8]>, RowError> {
    match seal {
        Some(seal) if !is_plain(table, key) => seal.open(table, key, row).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(row)),
    }
}
