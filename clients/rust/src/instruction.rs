//! What keys of accounts sign, so that anybody may hand it in: orders of the ledger, affirmations of
//! the settlement engine.

use std::fmt;

use alloy_primitives::{Address, B256, Bytes};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use aws_lc_rs::signature::{KeyPair as _, ML_DSA_65_SIGNING, PqdsaKeyPair};
use qenex_precompiles::signatures::{ML_DSA_65_SIGNATURE, Scheme, key_id};
use qenex_precompiles::{ILedger, ISettlement, ledger, settlement};

/// A key that this process holds. One that is elsewhere (an HSM, a passkey) signs
/// [`Instruction::digest`], and [`Instruction::with_proof`] takes the proof.
pub enum Key {
    /// Of [`Scheme::Secp256k1`].
    Secp256k1(PrivateKeySigner),
    /// Of [`Scheme::MlDsa65`].
    MlDsa65(PqdsaKeyPair),
}

/// A key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A secp256k1 key is a number from 1 to the order of the curve less 1.
    #[error("not a secp256k1 private key")]
    NotSecp256k1,
    /// The library refused to sign.
    #[error("cannot sign with {0:?}")]
    Sign(Scheme),
    /// The library cannot make the key of a seed.
    #[error("cannot make a key of the seed")]
    Seed,
}

/// The public part: what it is known by.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, {:?})", self.scheme(), self.id())
    }
}

impl Key {
    /// The secp256k1 key of a secret number.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotSecp256k1`].
    pub fn secp256k1(secret: &B256) -> Result<Self, KeyError> {
        let signer = PrivateKeySigner::from_bytes(secret).map_err(|_| KeyError::NotSecp256k1)?;
        Ok(Self::Secp256k1(signer))
    }

    /// The ML-DSA-65 key of a seed (FIPS 204, algorithm 6): the same seed gives the same key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Seed`] if the cryptographic library fails.
    pub fn ml_dsa_65(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, seed).map_err(|_| KeyError::Seed)?;
        Ok(Self::MlDsa65(pair))
    }

    /// How it signs.
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Secp256k1(_) => Scheme::Secp256k1,
            Self::MlDsa65(_) => Scheme::MlDsa65,
        }
    }

    /// The public key, as `addKey` of the Accounts engine takes it.
    pub fn public_key(&self) -> Bytes {
        match self {
            Self::Secp256k1(signer) => signer.address().to_vec().into(),
            Self::MlDsa65(pair) => pair.public_key().as_ref().to_vec().into(),
        }
    }

    /// The id under which an account has it.
    pub fn id(&self) -> B256 {
        // The public key has the scheme's length: there always is an id.
        key_id(self.scheme(), &self.public_key()).unwrap_or_default()
    }

    /// The proof on a digest, as the engines take it. ML-DSA-65 takes 0.2 to 0.5 ms.
    ///
    /// # Errors
    ///
    /// [`KeyError::Sign`] if the cryptographic library fails.
    pub fn prove(&self, digest: &B256) -> Result<Bytes, KeyError> {
        let failed = || KeyError::Sign(self.scheme());
        match self {
            Self::Secp256k1(signer) => {
                let signature = signer.sign_hash_sync(digest).map_err(|_| failed())?;
                Ok(signature.as_bytes().to_vec().into())
            }
            Self::MlDsa65(pair) => {
                let mut signature = vec![0; ML_DSA_65_SIGNATURE];
                let length = pair.sign(digest.as_slice(), &mut signature).map_err(|_| failed())?;
                if length != ML_DSA_65_SIGNATURE {
                    return Err(failed());
                }
                Ok([pair.public_key().as_ref(), &signature].concat().into())
            }
        }
    }
}

/// An order and the time in which it counts: what a key signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What is asked for.
    pub order: ILedger::Order,
    /// It counts from this second on.
    pub valid_after: u64,
    /// It counts up to this second, or for ever if 0.
    pub valid_before: u64,
}

impl Instruction {
    /// What a key signs (EIP-712), on one chain.
    pub fn digest(&self, chain_id: u64) -> B256 {
        ledger::order_digest(chain_id, &self.order, self.valid_after, self.valid_before)
    }

    /// With a proof made elsewhere; `submit` of the ledger takes many.
    pub fn with_proof(self, scheme: Scheme, proof: Bytes) -> ILedger::SignedOrder {
        ILedger::SignedOrder {
            order: self.order,
            validAfter: self.valid_after,
            validBefore: self.valid_before,
            scheme: scheme.number(),
            proof,
        }
    }

    /// Signed with a key of the payer.
    ///
    /// # Errors
    ///
    /// As [`Key::prove`].
    pub fn sign(self, chain_id: u64, key: &Key) -> Result<ILedger::SignedOrder, KeyError> {
        let proof = key.prove(&self.digest(chain_id))?;
        Ok(self.with_proof(key.scheme(), proof))
    }
}

/// A payer's affirmation of its legs of a settlement instruction, signed with a key of the payer.
///
/// # Errors
///
/// As [`Key::prove`].
pub fn sign_affirmation(
    chain_id: u64,
    id: B256,
    payer: Address,
    key: &Key,
) -> Result<ISettlement::affirmSignedCall, KeyError> {
    let proof = key.prove(&settlement::affirmation_digest(chain_id, id, payer))?;
    Ok(ISettlement::affirmSignedCall { id, payer, scheme: key.scheme().number(), proof })
}

#[cfg(test)]
mod tests {
    use qenex_precompiles::signatures::signer;

    use super::*;

    #[test]
    fn a_proof_names_its_key_and_its_digest() {
        for key in
            [Key::secp256k1(&B256::repeat_byte(9)).unwrap(), Key::ml_dsa_65(&[9; 32]).unwrap()]
        {
            let digest = B256::repeat_byte(3);
            let proof = key.prove(&digest).unwrap();
            assert_eq!(signer(key.scheme(), &digest, &proof), Some(key.id()), "{key:?}");
            let other = signer(key.scheme(), &B256::repeat_byte(4), &proof);
            assert_ne!(other, Some(key.id()), "{key:?}");
            assert_eq!(key_id(key.scheme(), &key.public_key()), Some(key.id()));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_none_is_shown() {
        for secret in [B256::ZERO, B256::repeat_byte(0xff)] {
            assert!(matches!(Key::secp256k1(&secret), Err(KeyError::NotSecp256k1)));
        }
        let shown = format!("{:?}", Key::secp256k1(&B256::repeat_byte(0x5a)).unwrap());
        assert!(shown.starts_with("Key(Secp256k1, 0x") && !shown.contains("5a5a5a"), "{shown}");
    }
}
