//! 100,000 changed signatures, drawn from a seed; none of them names the key that signed.
//!
//! P-256, WebAuthn and ML-DSA-65 refuse each one. A secp256k1 proof holds no key: a changed one may
//! recover to an address that nobody owns, which no account has as its key.
//!
//! One change is left out, as it is none: the other `s` of a P-256 signature verifies (`passkeys.rs`).

use std::ops::Range;

use alloy_primitives::{U256, uint};
use alloy_sol_types::SolValue;

use super::random::Random;
use super::{Assertion, B256, ML_DSA_65_KEY, Scheme, keccak256, key_id, ml_dsa, passkeys, signer};

/// Changed signatures of each scheme.
const CHANGES: usize = 25_000;
/// Kinds of changes.
const KINDS: usize = 13;
/// Keys of a scheme, where the test makes them.
const KEYS: u16 = 16;

const SECP256K1_ORDER: U256 =
    uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
const SECP256K1_PRIME: U256 =
    uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);
const P256_PRIME: U256 =
    uint!(0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff_U256);

/// A good signature.
struct Signed {
    scheme: Scheme,
    message: B256,
    proof: Vec<u8>,
    id: B256,
    /// Where the key stands in the proof.
    key: Range<usize>,
    /// Where its other parts stand; in ECDSA `r` and `s` come first.
    parts: Vec<Range<usize>>,
}

/// Good signatures of a scheme, the same in every run.
fn signed(scheme: Scheme) -> Vec<Signed> {
    match scheme {
        Scheme::Secp256k1 => (0..KEYS).map(secp256k1).collect(),
        Scheme::P256 => passkeys::plain().into_iter().map(p256).collect(),
        Scheme::WebAuthn => passkeys::valid().into_iter().map(webauthn).collect(),
        Scheme::MlDsa65 => (0..KEYS).map(ml_dsa_65).collect(),
    }
}

fn secp256k1(seed: u16) -> Signed {
    let scheme = Scheme::Secp256k1;
    let message = keccak256(seed.to_le_bytes());
    let key = k256::ecdsa::SigningKey::from_slice(&keccak256(seed.to_be_bytes())[..]).unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(message.as_slice()).unwrap();
    let address = keccak256(&key.verifying_key().to_encoded_point(false).as_bytes()[1..]);
    Signed {
        scheme,
        message,
        proof: [&signature.to_bytes()[..], &[recovery.to_byte()]].concat(),
        id: key_id(scheme, &address[12..]).unwrap(),
        key: 0..0,
        parts: vec![0..32, 32..64, 64..65],
    }
}

fn p256(plain: passkeys::Plain) -> Signed {
    let scheme = Scheme::P256;
    let id = key_id(scheme, &plain.proof[..64]).unwrap();
    let parts = vec![64..96, 96..128, 0..32, 32..64];
    Signed { scheme, message: plain.digest, proof: plain.proof, id, key: 0..64, parts }
}

fn webauthn(recorded: passkeys::Recorded) -> Signed {
    let passkeys::Recorded { assertion, challenge, id, .. } = recorded;
    // Eight words, then the length and the bytes of each text, padded to words.
    let data = 288..288 + assertion.authenticatorData.len();
    let client = data.end.next_multiple_of(32) + 32;
    let client = client..client + assertion.clientDataJSON.len();
    let proof = assertion.abi_encode_params();
    assert_eq!(proof[data.clone()], assertion.authenticatorData[..]);
    assert_eq!(proof[client.clone()], *assertion.clientDataJSON.as_bytes());
    Signed {
        scheme: Scheme::WebAuthn,
        message: challenge,
        proof,
        id,
        key: 192..256,
        parts: vec![0..32, 32..64, 192..224, 224..256, data, client],
    }
}

fn ml_dsa_65(seed: u16) -> Signed {
    let scheme = Scheme::MlDsa65;
    let message = keccak256(seed.to_le_bytes());
    let (key, signature) = ml_dsa::signed(seed, message.as_slice());
    // Key: a seed and a vector; signature: challenge, five polynomials, hints (FIPS 204, 7.2).
    let starts = [0, 32, 1_952, 2_000, 2_640, 3_280, 3_920, 4_560, 5_200, 5_261];
    Signed {
        scheme,
        message,
        id: key_id(scheme, &key).unwrap(),
        proof: [key, signature].concat(),
        key: 0..ML_DSA_65_KEY,
        parts: starts.windows(2).map(|pair| pair[0]..pair[1]).collect(),
    }
}

/// A message and a proof that differ from a good signature's, mostly.
fn changed(kind: usize, random: &mut Random, base: &Signed, other: &Signed) -> (B256, Vec<u8>) {
    let mut message = base.message;
    let mut proof = base.proof.clone();
    let part = random.of(&base.parts).clone();
    match kind {
        0 => random.flip(&mut proof),
        1 => random.flip(&mut proof[part]),
        2 => random.exchange(&mut proof),
        3 => proof.truncate(random.below(base.proof.len())),
        4 => {
            let mut more = vec![0; 1 + random.below(32)];
            if random.below(2) == 0 {
                random.fill(&mut more);
            }
            proof.extend(more);
        }
        5 => {
            proof.remove(random.below(base.proof.len()));
        }
        6 => exchange_parts(&mut proof, part, random.of(&base.parts).clone()),
        7 => {
            let byte = *random.of(&[0, 0xff]);
            proof[part].fill(byte);
        }
        8 => random.fill(&mut proof[part]),
        9 => {
            if let Some(bytes) = other.proof.get(part.clone()) {
                proof[part].copy_from_slice(bytes);
            }
        }
        10 => message = other.message,
        11 if base.key.is_empty() => proof[64] ^= 1,
        11 => proof[base.key.clone()].copy_from_slice(&other.proof[base.key.clone()]),
        _ => by_scheme(&mut proof, random, base),
    }
    (message, proof)
}

/// Exchanges two parts of one length, `r` and `s` if those that were drawn differ.
fn exchange_parts(proof: &mut [u8], one: Range<usize>, other: Range<usize>) {
    if one.len() == other.len() {
        let bytes = proof[one.clone()].to_vec();
        proof.copy_within(other.clone(), one.start);
        proof[other].copy_from_slice(&bytes);
    }
}

/// A change that makes sense in one scheme.
fn by_scheme(proof: &mut Vec<u8>, random: &mut Random, base: &Signed) {
    let number = random.below(2);
    let part = base.parts[number].clone();
    match base.scheme {
        Scheme::Secp256k1 => {
            let curve = (SECP256K1_ORDER, SECP256K1_PRIME);
            let changed = arithmetic(random, &proof[part.clone()], curve, true);
            proof[part].copy_from_slice(&changed);
            proof[64] ^= u8::try_from(random.below(2)).unwrap();
        }
        Scheme::P256 => {
            let curve = (passkeys::ORDER, P256_PRIME);
            let changed = arithmetic(random, &proof[part.clone()], curve, number == 0);
            proof[part].copy_from_slice(&changed);
        }
        Scheme::WebAuthn => {
            let mut assertion = Assertion::abi_decode_params(proof).unwrap();
            change_assertion(&mut assertion, random);
            *proof = assertion.abi_encode_params();
        }
        Scheme::MlDsa65 => {
            let hints = base.parts.last().unwrap().clone();
            let place = random.below(hints.len());
            let hint = &mut proof[hints][place];
            *hint = hint.wrapping_add(*random.of(&[1, 0xff]));
        }
    }
}

/// A number of a signature and the order added or subtracted, or one at the border of a range.
fn arithmetic(
    random: &mut Random,
    number: &[u8],
    (order, prime): (U256, U256),
    twin_is_refused: bool,
) -> [u8; 32] {
    let number = U256::from_be_slice(number);
    let one = U256::ONE;
    let borders = [U256::ZERO, one, order - one, order, order + one, prime, prime + one, U256::MAX];
    let changed = match random.below(4) {
        0 => number.wrapping_add(order),
        1 => number.wrapping_sub(order),
        2 if twin_is_refused => order.wrapping_sub(number),
        _ => *random.of(&borders),
    };
    changed.to_be_bytes()
}

/// Changes what was signed, and encodes it well.
fn change_assertion(assertion: &mut Assertion, random: &mut Random) {
    let mut data = assertion.authenticatorData.to_vec();
    let mut client = assertion.clientDataJSON.clone().into_bytes();
    let place = random.below(client.len());
    match random.below(8) {
        0 => data[32] &= *random.of(&[!1, !4]),
        1 => random.flip(&mut data[..32]),
        2 => random.flip(&mut data[33..37]),
        3 => data.push(random.byte()),
        4 => client[place] = b'a' + random.byte() % 26,
        5 => client.insert(place, b' '),
        6 => assertion.challengeIndex += U256::from(1 + random.below(64)),
        _ => assertion.typeIndex += U256::from(1 + random.below(64)),
    }
    assertion.authenticatorData = data.into();
    assertion.clientDataJSON = String::from_utf8(client).unwrap();
}

/// A proof with one spelling: 27 and 28 are others of 0 and 1.
fn spelled(scheme: Scheme, mut proof: Vec<u8>) -> Vec<u8> {
    if scheme == Scheme::Secp256k1 && matches!(proof.get(64), Some(27 | 28)) && proof.len() == 65 {
        proof[64] -= 27;
    }
    proof
}

/// Tries all changes of a scheme: how many were refused outright, and how many name a stranger.
fn try_all(scheme: Scheme) -> (usize, usize) {
    let all = signed(scheme);
    for signed in &all {
        assert_eq!(signer(scheme, &signed.message, &signed.proof), Some(signed.id));
    }
    let mut random = Random::new(u64::from(scheme.number()));
    let (mut refused, mut strangers) = (0, 0);
    for n in 0..CHANGES {
        let base = &all[n % all.len()];
        // What comes out unchanged is drawn again.
        let (message, proof) = loop {
            let other = random.of(&all);
            let (message, proof) = changed(n % KINDS, &mut random, base, other);
            if message != base.message || spelled(scheme, proof.clone()) != base.proof {
                break (message, proof);
            }
        };
        match signer(scheme, &message, &proof) {
            None => refused += 1,
            Some(id) => {
                assert!(
                    all.iter().all(|signed| signed.id != id),
                    "{scheme:?} {n} kind {}",
                    n % KINDS
                );
                strangers += 1;
            }
        }
    }
    (refused, strangers)
}

#[test]
fn changed_signatures_of_p256_are_refused() {
    assert_eq!(try_all(Scheme::P256), (CHANGES, 0));
}

#[test]
fn changed_assertions_are_refused() {
    assert_eq!(try_all(Scheme::WebAuthn), (CHANGES, 0));
}

#[test]
fn changed_signatures_of_ml_dsa_65_are_refused() {
    assert_eq!(try_all(Scheme::MlDsa65), (CHANGES, 0));
}

#[test]
fn changed_signatures_of_secp256k1_never_name_a_key_that_signed() {
    assert_eq!(try_all(Scheme::Secp256k1), (12_936, 12_064));
}
