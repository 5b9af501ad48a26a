//! Recorded assertions of authenticators that are not ours (`precompiles/vectors`): a software
//! authenticator's, and a browser's. Each refused one is rightly signed, so that the reason is the rule.

use std::collections::BTreeMap;

use alloy_primitives::{U256, hex, uint};
use alloy_sol_types::SolValue;
use serde_json::Value;

use super::{Assertion, B256, Scheme, der, key_id, sha256, signer};
use crate::signatures::verify_p256;

/// Order of P-256.
pub(super) const ORDER: U256 =
    uint!(0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551_U256);

/// What an authenticator answered, and what it was asked.
pub(super) struct Recorded {
    case: String,
    /// The digest that was to be signed.
    pub(super) challenge: B256,
    pub(super) assertion: Assertion,
    /// Id of the key at the relying party where it is registered.
    pub(super) id: B256,
}

/// A P-256 signature on a digest, by another library.
pub(super) struct Plain {
    pub(super) digest: B256,
    /// `x ‖ y ‖ r ‖ s`.
    pub(super) proof: Vec<u8>,
}

fn software() -> Value {
    serde_json::from_str(include_str!("../../../vectors/webauthn.json")).unwrap()
}

fn browser() -> Value {
    serde_json::from_str(include_str!("../../../vectors/browser.json")).unwrap()
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex::decode(row[field].as_str().unwrap()).unwrap()
}

fn word(row: &Value, field: &str) -> B256 {
    B256::from_slice(&bytes(row, field))
}

/// Where the client data say something first, or beyond their end if they never do.
fn index(client: &str, name: &str) -> U256 {
    client.find(name).map_or(U256::MAX, U256::from)
}

fn recorded(file: &Value) -> Vec<Recorded> {
    let rows = file["assertions"].as_array().unwrap().iter();
    rows.map(|row| {
        let client = row["client_data_json"].as_str().unwrap().to_owned();
        let signature = der::fixed(&bytes(row, "signature")).unwrap();
        let (x, y) = (word(row, "x"), word(row, "y"));
        let relying_party = sha256(row["rp_id"].as_str().unwrap().as_bytes());
        let key = [&x[..], &y[..], &relying_party].concat();
        let assertion = Assertion {
            r: B256::from_slice(&signature[..32]),
            s: B256::from_slice(&signature[32..]),
            challengeIndex: index(&client, "\"challenge\""),
            typeIndex: index(&client, "\"type\""),
            authenticatorData: bytes(row, "authenticator_data").into(),
            clientDataJSON: client,
            x,
            y,
        };
        Recorded {
            case: row["case"].as_str().unwrap().to_owned(),
            challenge: word(row, "challenge"),
            assertion,
            id: key_id(Scheme::WebAuthn, &key).unwrap(),
        }
    })
    .collect()
}

/// All assertions that an engine must accept.
pub(super) fn valid() -> Vec<Recorded> {
    let all = [recorded(&software()), recorded(&browser())].into_iter().flatten();
    all.filter(|recorded| recorded.case == "valid").collect()
}

/// All plain signatures.
pub(super) fn plain() -> Vec<Plain> {
    let file = software();
    let rows = file["plain"].as_array().unwrap().iter();
    rows.map(|row| {
        let signature = der::fixed(&bytes(row, "signature")).unwrap();
        let proof = [&bytes(row, "x")[..], &bytes(row, "y"), &signature].concat();
        Plain { digest: word(row, "digest"), proof }
    })
    .collect()
}

/// The key that the engine names.
fn named(recorded: &Recorded) -> Option<B256> {
    signer(Scheme::WebAuthn, &recorded.challenge, &recorded.assertion.abi_encode_params())
}

fn is_high(s: &B256) -> bool {
    U256::from_be_bytes(s.0) > ORDER >> 1
}

/// The other `s` that an ECDSA signature has.
fn twin(s: &B256) -> B256 {
    (ORDER - U256::from_be_bytes(s.0)).into()
}

#[test]
fn assertions_of_authenticators_name_their_keys() {
    let all = valid();
    let high = all.iter().filter(|recorded| is_high(&recorded.assertion.s)).count();
    for recorded in &all {
        assert_eq!(named(recorded), Some(recorded.id));
        // A client need not know which `s` it has.
        let assertion = Assertion { s: twin(&recorded.assertion.s), ..recorded.assertion.clone() };
        let turned = Recorded { case: String::new(), assertion, ..*recorded };
        assert_eq!(named(&turned), Some(recorded.id));
    }
    assert_eq!(all.len(), 220);
    // Authenticators do not look at their `s`: about half are high.
    assert!((60..160).contains(&high), "{high}");
}

/// Counts an authenticator's refused assertions by case, each for its own reason alone.
fn refusals(file: &Value) -> BTreeMap<String, usize> {
    let mut cases = BTreeMap::new();
    for recorded in recorded(file).iter().filter(|recorded| recorded.case != "valid") {
        let Assertion { r, s, x, y, authenticatorData, clientDataJSON, .. } = &recorded.assertion;
        let signed = [&authenticatorData[..], &sha256(clientDataJSON.as_bytes())].concat();
        let signature = [r.0, s.0].concat();
        let key = [x.0, y.0].concat();
        assert!(verify_p256(&key, &signed, &signature.try_into().unwrap()));

        let case = &recorded.case;
        if case == "other relying party" {
            // Another key as far as the ledger knows.
            let other = [&key[..], &authenticatorData[..32]].concat();
            let other = key_id(Scheme::WebAuthn, &other);
            assert_ne!(other, Some(recorded.id));
            assert_eq!(named(recorded), other);
        } else {
            assert_eq!(named(recorded), None, "{case}");
        }
        *cases.entry(case.clone()).or_default() += 1;
    }
    cases
}

#[test]
fn assertions_that_break_a_rule_are_refused() {
    let count = |cases: &[&str], each: usize| {
        cases.iter().map(|case| ((*case).to_owned(), each)).collect::<BTreeMap<_, _>>()
    };
    let common = ["no user verification", "other challenge", "other relying party"];
    assert_eq!(refusals(&browser()), count(&common, 20));
    let alone = ["client data with spaces", "no user presence", "registration"];
    assert_eq!(refusals(&software()), count(&[common, alone].concat(), 24));
}

#[test]
fn plain_signatures_of_another_library_name_their_keys() {
    let all = plain();
    for Plain { digest, proof } in &all {
        let id = key_id(Scheme::P256, &proof[..64]);
        assert_eq!(signer(Scheme::P256, digest, proof), id);
        let s = B256::from_slice(&proof[96..]);
        let turned = [&proof[..96], &twin(&s)[..]].concat();
        assert_eq!(signer(Scheme::P256, digest, &turned), id);
    }
    assert_eq!(all.len(), 24);
}
