//! Hybrid keys: one Ed25519 and one ML-DSA-65 key that only count together.
//!
//! A hybrid signature is the Ed25519 signature (64 bytes) followed by the ML-DSA-65 signature
//! (3309 bytes). Signing is randomised on the ML-DSA side: two signatures of one message differ, so
//! a message that must be sent again is sent as the stored bytes, never signed again.

use std::fmt;

use aws_lc_rs::rand::fill;
use aws_lc_rs::signature::{KeyPair, ML_DSA_65, ML_DSA_65_SIGNING, ParsedPublicKey, PqdsaKeyPair};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use qenex_consensus::Signature;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of an Ed25519 signature.
const ED25519_LEN: usize = 64;
/// Bytes of an ML-DSA-65 signature (FIPS 204, table 2).
const ML_DSA_65_LEN: usize = 3309;
/// Bytes of an ML-DSA-65 public key (FIPS 204, table 2).
pub const ML_DSA_65_PUBLIC_LEN: usize = 1952;
/// Bytes of a hybrid signature.
pub const HYBRID_SIGNATURE_LEN: usize = ED25519_LEN + ML_DSA_65_LEN;

/// What a secret key is expanded from.
pub type Seed = [u8; 32];

/// Why a key cannot be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no point of the curve, or one of small order, for which anybody can sign.
    #[error("not a usable Ed25519 public key")]
    BadEd25519,
    /// The bytes are no ML-DSA-65 public key.
    #[error("not an ML-DSA-65 public key")]
    BadMlDsa65,
    /// The cryptographic library failed: no randomness, no memory.
    #[error("the cryptographic library could not {0}")]
    Library(&'static str),
}

/// The secrets of one validator. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ValidatorSeeds {
    /// Classical half of the consensus key.
    pub ed25519: Seed,
    /// Post-quantum half of the consensus key.
    pub ml_dsa_65: Seed,
    /// Ed25519 key of the network identity. It signs no consensus message.
    pub network: Seed,
}

impl fmt::Debug for ValidatorSeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValidatorSeeds(secret)")
    }
}

impl ValidatorSeeds {
    /// Bytes in all seeds together.
    pub(crate) const LEN: usize = 96;

    /// Fresh seeds from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// [`KeyError::Library`] if there is none.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self { ed25519: random()?, ml_dsa_65: random()?, network: random()? })
    }

    /// The seeds in the order of the fields.
    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        let seeds = [&self.ed25519, &self.ml_dsa_65, &self.network];
        for (room, seed) in bytes.chunks_exact_mut(32).zip(seeds) {
            room.copy_from_slice(seed);
        }
        bytes
    }

    /// The reverse of [`Self::to_bytes`]; `None` for another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (parts, rest) = bytes.as_chunks::<32>();
        match (parts, rest) {
            ([ed25519, ml_dsa_65, network], []) => {
                Some(Self { ed25519: *ed25519, ml_dsa_65: *ml_dsa_65, network: *network })
            }
            _ => None,
        }
    }
}

/// Random bytes from the operating system by way of AWS-LC.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    fill(&mut bytes).map_err(|_| KeyError::Library("draw random bytes"))?;
    Ok(bytes)
}

/// The Ed25519 public key of a seed.
pub(crate) fn ed25519_public(seed: &Seed) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// A validator's consensus key. Wiped from memory when dropped.
pub struct HybridSecretKey {
    ed25519: SigningKey,
    ml_dsa_65: PqdsaKeyPair,
    public: HybridPublicKey,
}

impl fmt::Debug for HybridSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HybridSecretKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl HybridSecretKey {
    /// A key that nobody will ever have again. To keep one, start from [`ValidatorSeeds`].
    ///
    /// # Errors
    ///
    /// [`KeyError::Library`] if the cryptographic library fails.
    pub fn generate() -> Result<Self, KeyError> {
        let seeds = ValidatorSeeds::generate()?;
        Self::from_seeds(&seeds.ed25519, &seeds.ml_dsa_65)
    }

    /// The key of two seeds: the same seeds give the same key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Library`] if the cryptographic library fails.
    pub fn from_seeds(ed25519: &Seed, ml_dsa_65: &Seed) -> Result<Self, KeyError> {
        let ed25519 = SigningKey::from_bytes(ed25519);
        let ml_dsa_65 = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, ml_dsa_65)
            .map_err(|_| KeyError::Library("expand an ML-DSA-65 seed"))?;
        let ml_dsa_public = ml_dsa_65.public_key().as_ref();
        let ml_dsa_public = ml_dsa_public.try_into().map_err(|_| KeyError::BadMlDsa65)?;
        let public =
            HybridPublicKey::from_parts(ed25519.verifying_key().as_bytes(), ml_dsa_public)?;
        Ok(Self { ed25519, ml_dsa_65, public })
    }

    /// The key others know this one by.
    #[must_use]
    pub const fn public_key(&self) -> &HybridPublicKey {
        &self.public
    }

    /// Signs `message` with both halves. Takes 0.2 to 0.5 ms: not for a thread that must not wait.
    ///
    /// # Errors
    ///
    /// [`KeyError::Library`] if the cryptographic library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, KeyError> {
        let mut bytes = vec![0; HYBRID_SIGNATURE_LEN];
        let (ed25519, ml_dsa_65) = bytes.split_at_mut(ED25519_LEN);
        ed25519.copy_from_slice(&self.ed25519.sign(message).to_bytes());
        let length = self
            .ml_dsa_65
            .sign(message, ml_dsa_65)
            .map_err(|_| KeyError::Library("sign with ML-DSA-65"))?;
        if length != ML_DSA_65_LEN {
            return Err(KeyError::Library("make an ML-DSA-65 signature of the standard's length"));
        }
        Signature::new(bytes).map_err(|_| KeyError::Library("fit a signature into its bound"))
    }
}

/// A validator's public key, parsed once.
#[derive(Clone)]
pub struct HybridPublicKey {
    ed25519: VerifyingKey,
    ml_dsa_65_bytes: Box<[u8; ML_DSA_65_PUBLIC_LEN]>,
    ml_dsa_65: ParsedPublicKey,
}

impl fmt::Debug for HybridPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HybridPublicKey({})", hex::encode(self.ed25519()))
    }
}

impl PartialEq for HybridPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.ed25519() == other.ed25519() && self.ml_dsa_65() == other.ml_dsa_65()
    }
}

impl Eq for HybridPublicKey {}

impl HybridPublicKey {
    /// The key with these halves.
    ///
    /// # Errors
    ///
    /// - [`KeyError::BadEd25519`] if the first half is no point, or one of small order.
    /// - [`KeyError::BadMlDsa65`] if the second half is no key.
    pub fn from_parts(
        ed25519: &[u8; 32],
        ml_dsa_65: &[u8; ML_DSA_65_PUBLIC_LEN],
    ) -> Result<Self, KeyError> {
        let ed25519 = VerifyingKey::from_bytes(ed25519).map_err(|_| KeyError::BadEd25519)?;
        if ed25519.is_weak() {
            return Err(KeyError::BadEd25519);
        }
        let parsed =
            ParsedPublicKey::new(&ML_DSA_65, ml_dsa_65).map_err(|_| KeyError::BadMlDsa65)?;
        Ok(Self { ed25519, ml_dsa_65_bytes: Box::new(*ml_dsa_65), ml_dsa_65: parsed })
    }

    /// The classical half.
    #[must_use]
    pub fn ed25519(&self) -> &[u8; 32] {
        self.ed25519.as_bytes()
    }

    /// The post-quantum half.
    #[must_use]
    pub const fn ml_dsa_65(&self) -> &[u8; ML_DSA_65_PUBLIC_LEN] {
        &self.ml_dsa_65_bytes
    }

    /// Whether `signature` is this key's for `message`, by both halves.
    ///
    /// Everybody must judge alike, so there is one rule: exact length, strict Ed25519, ML-DSA-65.
    /// The cheaper half goes first, so that nonsense costs half of a good signature.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some((ed25519, ml_dsa_65)) = signature.split_first_chunk::<ED25519_LEN>() else {
            return false;
        };
        if ml_dsa_65.len() != ML_DSA_65_LEN {
            return false;
        }
        let ed25519 = ed25519_dalek::Signature::from_bytes(ed25519);
        self.ed25519.verify_strict(message, &ed25519).is_ok()
            && self.ml_dsa_65.verify_sig(message, ml_dsa_65).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use proptest::prelude::*;

    use super::*;

    static KEY: LazyLock<HybridSecretKey> =
        LazyLock::new(|| HybridSecretKey::from_seeds(&[1; 32], &[2; 32]).unwrap());

    fn signed(message: &[u8]) -> Vec<u8> {
        KEY.sign(message).unwrap().as_bytes().to_vec()
    }

    #[test]
    fn a_signature_has_the_standard_lengths_and_verifies() {
        let signature = signed(b"vote");
        assert_eq!(signature.len(), 3373);
        assert!(KEY.public_key().verify(b"vote", &signature));
        assert!(!KEY.public_key().verify(b"Vote", &signature));
        assert!(!KEY.public_key().verify(b"", &signature));
    }

    #[test]
    fn the_same_seeds_give_the_same_key() {
        let again = HybridSecretKey::from_seeds(&[1; 32], &[2; 32]).unwrap();
        assert_eq!(again.public_key(), KEY.public_key());
        assert!(again.public_key().verify(b"vote", &signed(b"vote")));
        for (ed25519, ml_dsa_65) in [([1; 32], [3; 32]), ([3; 32], [2; 32])] {
            let other = HybridSecretKey::from_seeds(&ed25519, &ml_dsa_65).unwrap();
            assert_ne!(other.public_key(), KEY.public_key());
            assert!(!other.public_key().verify(b"vote", &signed(b"vote")));
        }
    }

    #[test]
    fn either_half_alone_is_refused() {
        let good = signed(b"vote");
        let (ed25519, ml_dsa_65) = good.split_at(ED25519_LEN);
        let zeros = vec![0; ML_DSA_65_LEN];
        let cases: [(&str, Vec<u8>); 7] = [
            ("nothing", vec![]),
            ("classical half only", ed25519.to_vec()),
            ("post-quantum half only", ml_dsa_65.to_vec()),
            ("post-quantum half zero", [ed25519, &zeros].concat()),
            ("classical half zero", [&[0; 64], ml_dsa_65].concat()),
            ("halves exchanged", [ml_dsa_65, ed25519].concat()),
            ("classical half twice", [ed25519, ed25519].concat()),
        ];
        for (what, signature) in cases {
            assert!(!KEY.public_key().verify(b"vote", &signature), "{what}");
        }
    }

    #[test]
    fn halves_of_different_messages_or_keys_are_refused() {
        let other_key = HybridSecretKey::from_seeds(&[7; 32], &[8; 32]).unwrap();
        let (mine, other) = (signed(b"vote"), signed(b"other"));
        let theirs = other_key.sign(b"vote").unwrap().as_bytes().to_vec();
        for foreign in [other, theirs] {
            for (first, second) in [(&mine, &foreign), (&foreign, &mine), (&foreign, &foreign)] {
                let mixed = [&first[..ED25519_LEN], &second[ED25519_LEN..]].concat();
                assert!(!KEY.public_key().verify(b"vote", &mixed));
            }
        }
    }

    #[test]
    fn every_other_length_is_refused() {
        let good = signed(b"vote");
        for length in (0..good.len()).step_by(7).chain([1, 63, 64, 65, 3372]) {
            assert!(!KEY.public_key().verify(b"vote", &good[..length]), "{length} bytes");
        }
        for extra in [1, 2, 64, 3309, 100_000] {
            let long = [good.as_slice(), &vec![0; extra]].concat();
            assert!(!KEY.public_key().verify(b"vote", &long), "{extra} bytes more");
        }
    }

    #[test]
    fn a_weak_or_malformed_public_key_is_refused() {
        let pq = KEY.public_key().ml_dsa_65();
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut no_point = [0; 32];
        no_point[0] = 2;
        for (what, bytes) in [("order 4", [0; 32]), ("identity", identity), ("no point", no_point)]
        {
            let parsed = HybridPublicKey::from_parts(&bytes, pq);
            assert_eq!(parsed.unwrap_err(), KeyError::BadEd25519, "{what}");
        }
    }

    #[test]
    fn the_classical_half_agrees_with_another_implementation() {
        let public = UnparsedPublicKey::new(&ED25519, KEY.public_key().ed25519());
        for length in 0..200_u8 {
            let message = vec![length; usize::from(length)];
            let mut signature = signed(&message);
            assert!(public.verify(&message, &signature[..ED25519_LEN]).is_ok());
            signature[usize::from(length % 64)] ^= 1;
            assert!(public.verify(&message, &signature[..ED25519_LEN]).is_err());
            assert!(!KEY.public_key().verify(&message, &signature));
        }
    }

    #[test]
    fn signing_twice_differs_and_both_verify() {
        let (first, second) = (signed(b"vote"), signed(b"vote"));
        assert_ne!(first, second);
        assert!(KEY.public_key().verify(b"vote", &second));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let seeds = ValidatorSeeds { ed25519: [77; 32], ml_dsa_65: [78; 32], network: [79; 32] };
        assert_eq!(format!("{seeds:?}"), "ValidatorSeeds(secret)");
        let shown = format!("{:?}", *KEY);
        assert!(!shown.contains(&hex::encode([1_u8; 32])) && !shown.contains("1, 1, 1"));
    }

    #[test]
    fn seeds_survive_their_byte_form() {
        let seeds = ValidatorSeeds::generate().unwrap();
        assert_eq!(ValidatorSeeds::from_bytes(seeds.to_bytes().as_ref()), Some(seeds));
        assert_eq!(ValidatorSeeds::from_bytes(&[0; 95]), None);
        assert_eq!(ValidatorSeeds::from_bytes(&[0; 97]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// One flipped bit anywhere in signature or message is refused.
        #[test]
        fn a_flipped_bit_is_refused(at in 0..HYBRID_SIGNATURE_LEN + 4, bit in 0..8_u32) {
            static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| signed(b"vote"));
            let (mut signature, mut message) = (GOOD.clone(), b"vote".to_vec());
            match at.checked_sub(HYBRID_SIGNATURE_LEN) {
                Some(at) => message[at] ^= 1_u8 << bit,
                None => signature[at] ^= 1_u8 << bit,
            }
            prop_assert!(!KEY.public_key().verify(&message, &signature));
        }

        /// Bytes of any kind and length never panic and never verify.
        #[test]
        fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..4_000)) {
            prop_assert!(!KEY.public_key().verify(b"vote", &noise));
        }
    }
}
