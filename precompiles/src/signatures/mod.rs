//! Signatures of four schemes over a 32-byte digest, and the identity of the keys that make them.
//!
//! Pure functions, the same on every machine. A proof brings the public key along; storage keeps a key's
//! id alone, so that a key of 1,952 bytes costs one word.
//!
//! P-256 signatures with a high `s` are accepted, since authenticators make them: whoever turns a
//! signature into its twin gets nothing, because an order's reference is used once.

use alloy_primitives::{Address, B256, Signature, keccak256};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ML_DSA_65, UnparsedPublicKey};

mod webauthn;

pub use webauthn::Assertion;

/// How a key signs. Numbers are consensus data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scheme {
    /// ECDSA over secp256k1, as Ethereum's accounts do; the key is an address (20 bytes), the proof
    /// `r ‖ s ‖ v` (65 bytes) with the low `s`.
    Secp256k1 = 1,
    /// ECDSA over P-256 (FIPS 186-5); the key is `x ‖ y` (64 bytes), the proof `x ‖ y ‖ r ‖ s` (128).
    /// What is signed is SHA-256 of the digest, as hardware keys do it.
    P256 = 2,
    /// A passkey (W3C WebAuthn Level 3); the key is `x ‖ y ‖ SHA-256(relying party id)` (96 bytes), the
    /// proof an ABI-encoded [`Assertion`] whose challenge is the digest.
    WebAuthn = 3,
    /// ML-DSA-65 (FIPS 204), pure, with an empty context; the key has 1,952 bytes, the proof is key and
    /// signature (3,309 bytes). Resists quantum computers.
    MlDsa65 = 4,
}

/// Length of an ML-DSA-65 public key, bytes (FIPS 204, table 2).
pub const ML_DSA_65_KEY: usize = 1_952;
/// Length of an ML-DSA-65 signature, bytes.
pub const ML_DSA_65_SIGNATURE: usize = 3_309;

impl Scheme {
    /// All schemes, by number.
    pub const ALL: [Self; 4] = [Self::Secp256k1, Self::P256, Self::WebAuthn, Self::MlDsa65];

    /// The number in storage and ABI.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The inverse of [`Self::number`].
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.number() == number)
    }

    const fn key_length(self) -> usize {
        match self {
            Self::Secp256k1 => 20,
            Self::P256 => 64,
            Self::WebAuthn => 96,
            Self::MlDsa65 => ML_DSA_65_KEY,
        }
    }
}

/// The id of a key: keccak256(scheme ‖ key). `None` if the key has another length than the scheme's.
pub fn key_id(scheme: Scheme, key: &[u8]) -> Option<B256> {
    if key.len() != scheme.key_length() {
        return None;
    }
    Some(keccak256([&[scheme.number()], key].concat()))
}

/// Gas of a verification: CPU time in proportion to `ECRECOVER` (3,000); P-256 as EIP-7951 has it.
pub const fn gas(scheme: Scheme, proof: usize) -> u64 {
    let words = proof.div_ceil(32) as u64;
    let verification = match scheme {
        Scheme::Secp256k1 => 3_000,
        Scheme::P256 | Scheme::WebAuthn => 6_900,
        Scheme::MlDsa65 => 7_500,
    };
    // SHA-256 or Keccak over what was given.
    words.saturating_mul(12).saturating_add(verification)
}

/// The id of the key that signed `message`; `None` unless `proof` is a valid signature.
pub fn signer(scheme: Scheme, message: &B256, proof: &[u8]) -> Option<B256> {
    match scheme {
        Scheme::Secp256k1 => {
            let address = recover(message, proof)?;
            key_id(scheme, address.as_slice())
        }
        Scheme::P256 => {
            let (key, signature) = proof.split_at_checked(64)?;
            let signature = <&[u8; 64]>::try_from(signature).ok()?;
            verify_p256(key, message.as_slice(), signature).then(|| key_id(scheme, key))?
        }
        Scheme::WebAuthn => {
            let key = webauthn::verify(message, proof)?;
            key_id(scheme, &key)
        }
        Scheme::MlDsa65 => {
            let (key, signature) = proof.split_at_checked(ML_DSA_65_KEY)?;
            verify_ml_dsa_65(key, message.as_slice(), signature).then(|| key_id(scheme, key))?
        }
    }
}

/// The address that signed a digest, by a secp256k1 proof.
pub(crate) fn recover(message: &B256, proof: &[u8]) -> Option<Address> {
    let proof = <&[u8; 65]>::try_from(proof).ok()?;
    let v = proof[64];
    if !matches!(v, 0 | 1 | 27 | 28) {
        return None;
    }
    let signature = Signature::from_bytes_and_parity(&proof[..64], v % 27 == 1);
    // Refuses a high `s` (EIP-2).
    alloy_consensus::crypto::secp256k1::recover_signer(&signature, *message).ok()
}

/// Whether `signature` (`r ‖ s`) is one of `key` (`x ‖ y`) on SHA-256 of `message`.
fn verify_p256(key: &[u8], message: &[u8], signature: &[u8; 64]) -> bool {
    let mut point = [4_u8; 65];
    let Some(coordinates) = point.get_mut(1..) else { return false };
    if coordinates.len() != key.len() {
        return false;
    }
    coordinates.copy_from_slice(key);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
}

/// Whether `signature` is an ML-DSA-65 signature of `key` on `message`, pure, with an empty context.
pub fn verify_ml_dsa_65(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    key.len() == ML_DSA_65_KEY
        && signature.len() == ML_DSA_65_SIGNATURE
        && UnparsedPublicKey::new(&ML_DSA_65, key).verify(message, signature).is_ok()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests;
