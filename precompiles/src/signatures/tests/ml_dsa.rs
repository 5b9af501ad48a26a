//! ML-DSA-65 twice: the engines' library and another one, which shares no code with it, agree.

use aws_lc_rs::signature::{KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair};
use fips204::ml_dsa_65::{self, KG};
use fips204::traits::{KeyGen, SerDes, Signer, Verifier};

use super::random::Random;
use super::{ML_DSA_65_KEY, ML_DSA_65_SIGNATURE, keccak256, wycheproof};
use crate::signatures::verify_ml_dsa_65;

/// Keys compared.
const SEEDS: u16 = 256;
/// Changed signatures compared for each key.
const CHANGES: usize = 32;

/// What the other library says.
fn other_verifies(key: &[u8], message: &[u8], signature: &[u8], context: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else { return false };
    ml_dsa_65::PublicKey::try_from_bytes(key)
        .is_ok_and(|key| key.verify(message, &signature, context))
}

/// A seed's public key, a message, and the other library's signature on it.
pub(super) fn signed(seed: u16, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let seed = keccak256(seed.to_be_bytes()).0;
    let (public, private) = KG::keygen_from_seed(&seed);
    let signature = private.try_sign_with_seed(&keccak256(message).0, message, &[]).unwrap();
    (public.into_bytes().to_vec(), signature.to_vec())
}

#[test]
fn each_implementation_verifies_what_the_other_signs() {
    let mut verified = 0;
    for seed in 0..SEEDS {
        // Of every length up to 255 bytes.
        let message: Vec<u8> = (0..seed).map(|n| n.to_be_bytes()[1]).collect();
        let (key, theirs) = signed(seed, &message);
        let ours = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &keccak256(seed.to_be_bytes()).0);
        let ours = ours.unwrap();
        assert_eq!(ours.public_key().as_ref(), key, "{seed}");
        let mut signature = vec![0; ML_DSA_65_SIGNATURE];
        assert_eq!(ours.sign(&message, &mut signature).unwrap(), ML_DSA_65_SIGNATURE);

        assert!(verify_ml_dsa_65(&key, &message, &theirs), "{seed}");
        assert!(other_verifies(&key, &message, &signature, &[]), "{seed}");
        verified += 2;
    }
    assert_eq!(verified, 512);
}

#[test]
fn both_judge_changed_signatures_alike() {
    let mut random = Random::new(65);
    let (mut judged, mut unchanged) = (0, 0);
    for seed in 0..SEEDS {
        let message = keccak256(seed.to_le_bytes());
        let (key, signature) = signed(seed, message.as_slice());
        for change in 0..CHANGES {
            let signed = (key.clone(), message.to_vec(), signature.clone());
            let (mut key, mut message, mut signature) = signed.clone();
            // The challenge has 48 bytes, five polynomials of 640 follow, the hints take 61.
            match change {
                0 => {}
                1..8 => random.flip(&mut signature[..48]),
                8..16 => random.flip(&mut signature[48..3_248]),
                16..24 => random.flip(&mut signature[3_248..]),
                24 => random.exchange(&mut signature[3_248..]),
                25 => signature[3_248..].fill(0),
                26 => random.fill(&mut signature[48..688]),
                27 => signature[48..688].fill(0),
                28 => signature.truncate(random.below(ML_DSA_65_SIGNATURE)),
                29 => signature.push(0),
                30 => random.flip(&mut key),
                _ => random.flip(&mut message),
            }
            let verdict = verify_ml_dsa_65(&key, &message, &signature);
            assert_eq!(verdict, other_verifies(&key, &message, &signature, &[]), "{seed} {change}");
            // Two bytes that were exchanged may be equal.
            let same = (key, message, signature) == signed;
            assert_eq!(verdict, same, "{seed} {change}");
            judged += 1;
            unchanged += usize::from(same);
        }
    }
    assert_eq!((judged, unchanged), (8_192, 281));
}

#[test]
fn the_other_implementation_passes_the_same_vectors() {
    let mut judged = 0;
    for vector in wycheproof::ml_dsa_65() {
        let wycheproof::MlDsaVector { name, key, message, context, signature, valid } = vector;
        assert_eq!(other_verifies(&key, &message, &signature, &context), valid, "{name}");
        assert!(!valid || key.len() == ML_DSA_65_KEY);
        judged += 1;
    }
    assert_eq!(judged, 210);
}
