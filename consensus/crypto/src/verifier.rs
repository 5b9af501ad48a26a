//! The signatures of a committee: what `consensus/core` checks messages with.

use qenex_consensus::{Signature, SignatureVerifier, SignedItem, ValidatorIndex};
use rayon::prelude::*;

use crate::HybridPublicKey;

/// The parsed keys of a committee, by validator index.
#[derive(Clone, Debug)]
pub struct CommitteeVerifier {
    keys: Vec<HybridPublicKey>,
}

impl CommitteeVerifier {
    /// The committee whose validator `i` has `keys[i]`.
    #[must_use]
    pub const fn new(keys: Vec<HybridPublicKey>) -> Self {
        Self { keys }
    }

    /// A validator's key.
    #[must_use]
    pub fn key(&self, signer: ValidatorIndex) -> Option<&HybridPublicKey> {
        self.keys.get(signer.position())
    }

    /// Judges each signature by itself, side by side on rayon's threads, in the order given.
    #[must_use]
    pub fn verify_many(&self, items: &[SignedItem<'_>]) -> Vec<bool> {
        items.par_iter().map(|item| self.judge(item)).collect()
    }

    fn judge(&self, item: &SignedItem<'_>) -> bool {
        self.verify(item.signer, &item.message, item.signature)
    }
}

impl SignatureVerifier for CommitteeVerifier {
    fn verify(&self, signer: ValidatorIndex, message: &[u8], signature: &Signature) -> bool {
        self.key(signer).is_some_and(|key| key.verify(message, signature.as_bytes()))
    }

    /// Side by side on rayon's threads; gives up soon after the first wrong one.
    fn verify_all(&self, items: &[SignedItem<'_>]) -> bool {
        match items {
            // One signature is not worth waking another thread.
            [] => true,
            [only] => self.judge(only),
            many => many.par_iter().all(|item| self.judge(item)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HybridSecretKey;

    fn committee(size: u8) -> (Vec<HybridSecretKey>, CommitteeVerifier) {
        let keys: Vec<_> =
            (1..=size).map(|n| HybridSecretKey::from_seeds(&[n; 32], &[n; 32]).unwrap()).collect();
        let verifier =
            CommitteeVerifier::new(keys.iter().map(|k| k.public_key().clone()).collect());
        (keys, verifier)
    }

    #[test]
    fn each_signer_has_one_key() {
        let (keys, verifier) = committee(4);
        for (signer, key) in (0_u16..).zip(&keys) {
            let signature = key.sign(b"vote").unwrap();
            for claimed in 0..6 {
                let ok = verifier.verify(ValidatorIndex(claimed), b"vote", &signature);
                assert_eq!(ok, claimed == signer);
            }
        }
        assert!(!verifier.verify(ValidatorIndex(u16::MAX), b"vote", &Signature::default()));
        assert!(!verifier.verify(ValidatorIndex(0), b"vote", &Signature::default()));
    }

    #[test]
    fn one_bad_signature_spoils_all_and_is_found() {
        let (keys, verifier) = committee(7);
        let signatures: Vec<_> = keys.iter().map(|key| key.sign(b"vote").unwrap()).collect();
        let mut items: Vec<_> = (0_u16..)
            .zip(&signatures)
            .map(|(signer, signature)| SignedItem {
                signer: ValidatorIndex(signer),
                message: b"vote".to_vec(),
                signature,
            })
            .collect();
        assert!(verifier.verify_all(&items));
        assert!(verifier.verify_all(&items[..1]) && verifier.verify_all(&[]));

        items[5].signature = &signatures[4];
        assert!(!verifier.verify_all(&items));
        let judged = verifier.verify_many(&items);
        assert_eq!(judged, [true, true, true, true, true, false, true]);
        assert!(!verifier.verify_all(&items[5..6]));
    }
}
