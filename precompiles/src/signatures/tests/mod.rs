//! Every scheme: the keys' ids, good signatures, and the rules of each.

use alloy_sol_types::SolValue;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair,
};

use super::*;

mod der;
mod ml_dsa;
mod mutations;
mod passkeys;
mod random;
mod wycheproof;

#[test]
fn keys_have_ids_by_scheme_and_the_right_length() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_number(scheme.number()), Some(scheme));
        let key = vec![7; scheme.key_length()];
        assert!(key_id(scheme, &key).is_some());
        assert_eq!(key_id(scheme, &key[1..]), None);
        assert_eq!(key_id(scheme, &[]), None);
    }
    assert_eq!(Scheme::from_number(0), None);
    assert_eq!(Scheme::from_number(5), None);
}

/// A valid proof over a message, and the id of its key.
fn proof(scheme: Scheme, message: &B256) -> (Vec<u8>, B256) {
    match scheme {
        Scheme::Secp256k1 => {
            let key = k256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
            let (signature, recovery) = key.sign_prehash_recoverable(message.as_slice()).unwrap();
            let point = key.verifying_key().to_encoded_point(false);
            let address = keccak256(&point.as_bytes()[1..]);
            let proof = [&signature.to_bytes()[..], &[recovery.to_byte()]].concat();
            (proof, key_id(scheme, &address[12..]).unwrap())
        }
        Scheme::P256 => {
            let (pair, random) = p256();
            let signature = pair.sign(&random, message.as_slice()).unwrap();
            let key = &pair.public_key().as_ref()[1..];
            ([key, signature.as_ref()].concat(), key_id(scheme, key).unwrap())
        }
        Scheme::WebAuthn => {
            let (pair, random) = p256();
            let assertion = assertion(&pair, &random, message, 5, "webauthn.get");
            let key = &pair.public_key().as_ref()[1..];
            let id = key_id(scheme, &[key, &[0xaa; 32]].concat()).unwrap();
            (assertion.abi_encode_params(), id)
        }
        Scheme::MlDsa65 => {
            let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[3; 32]).unwrap();
            let mut signature = vec![0; ML_DSA_65_SIGNATURE];
            let length = pair.sign(message.as_slice(), &mut signature).unwrap();
            assert_eq!(length, ML_DSA_65_SIGNATURE);
            let key = pair.public_key().as_ref();
            ([key, &signature].concat(), key_id(scheme, key).unwrap())
        }
    }
}

fn p256() -> (EcdsaKeyPair, SystemRandom) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    (pair, SystemRandom::new())
}

fn assertion(
    pair: &EcdsaKeyPair,
    random: &SystemRandom,
    message: &B256,
    flags: u8,
    kind: &str,
) -> Assertion {
    let challenge = base64(message.as_slice());
    let client = format!(
        "{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"https://bank.example\"}}"
    );
    let data = [[0xaa; 32].as_slice(), &[flags], &[0, 0, 0, 1]].concat();
    let signed = [data.as_slice(), &sha256(client.as_bytes())].concat();
    let signature = pair.sign(random, &signed).unwrap();
    let key = &pair.public_key().as_ref()[1..];
    Assertion {
        r: B256::from_slice(&signature.as_ref()[..32]),
        s: B256::from_slice(&signature.as_ref()[32..]),
        challengeIndex: alloy_primitives::U256::from(client.find("\"challenge\"").unwrap()),
        typeIndex: alloy_primitives::U256::from(client.find("\"type\"").unwrap()),
        authenticatorData: data.into(),
        clientDataJSON: client,
        x: B256::from_slice(&key[..32]),
        y: B256::from_slice(&key[32..]),
    }
}

/// Base64url as RFC 4648 describes it, bit by bit.
fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let mut bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    bits.resize(bits.len().div_ceil(6) * 6, 0);
    bits.chunks(6)
        .map(|chunk| letters[usize::from(chunk.iter().fold(0, |sum, bit| sum << 1 | bit))])
        .collect()
}

#[test]
fn good_signatures_name_their_key() {
    for scheme in Scheme::ALL {
        for n in 0..20_u8 {
            let message = B256::repeat_byte(n);
            let (proof, id) = proof(scheme, &message);
            assert_eq!(signer(scheme, &message, &proof), Some(id), "{scheme:?}");
            assert_eq!(
                signer(scheme, &B256::repeat_byte(n + 1), &proof).filter(|i| *i == id),
                None
            );
        }
    }
}

#[test]
fn the_twin_of_a_secp256k1_signature_is_refused() {
    let message = B256::repeat_byte(1);
    let (mut proof, id) = proof(Scheme::Secp256k1, &message);
    let order = alloy_primitives::uint!(
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256
    );
    let s = alloy_primitives::U256::from_be_slice(&proof[32..64]);
    proof[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
    proof[64] ^= 1;
    assert_eq!(signer(Scheme::Secp256k1, &message, &proof), None);
    proof[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    proof[64] ^= 1;
    assert_eq!(signer(Scheme::Secp256k1, &message, &proof), Some(id));
    proof[64] += 27;
    assert_eq!(signer(Scheme::Secp256k1, &message, &proof), Some(id));
    proof[64] = 2;
    assert_eq!(signer(Scheme::Secp256k1, &message, &proof), None);
}

#[test]
fn an_assertion_needs_its_user_its_type_and_its_challenge() {
    let (pair, random) = p256();
    let message = B256::repeat_byte(7);
    let verify = |assertion: &Assertion| {
        signer(Scheme::WebAuthn, &message, &assertion.abi_encode_params()).is_some()
    };
    let good = assertion(&pair, &random, &message, 5, "webauthn.get");
    assert!(verify(&good));
    for flags in [0, 1, 4] {
        assert!(!verify(&assertion(&pair, &random, &message, flags, "webauthn.get")), "{flags}");
    }
    assert!(!verify(&assertion(&pair, &random, &message, 5, "webauthn.create")));
    assert!(!verify(&assertion(&pair, &random, &B256::repeat_byte(8), 5, "webauthn.get")));
    let one = alloy_primitives::U256::ONE;
    assert!(!verify(&Assertion { typeIndex: good.typeIndex + one, ..good.clone() }));
    assert!(!verify(&Assertion { challengeIndex: alloy_primitives::U256::MAX, ..good.clone() }));
    let long = vec![0xaa; 1_025];
    assert!(!verify(&Assertion { authenticatorData: long.into(), ..good }));
}
