//! The verifier: what it says, and that it charges before it works.

use aws_lc_rs::signature::{KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair};

use super::*;
use crate::signatures::{ML_DSA_65_SIGNATURE, key_id};
use crate::testing::{BOB, World};
use crate::{HostError, Refusal};

#[test]
fn it_verifies_what_was_signed_and_nothing_else() {
    let pair = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[5; 32]).unwrap();
    let mut signature = vec![0; ML_DSA_65_SIGNATURE];
    pair.sign(b"settle", &mut signature).unwrap();
    let good = IPqVerify::verifyMlDsa65Call {
        publicKey: pair.public_key().as_ref().to_vec().into(),
        message: b"settle".into(),
        signature: signature.into(),
    };
    let mut world = World::new();
    assert!(world.ok(BOB, PQ_VERIFY, &good));
    let other = IPqVerify::verifyMlDsa65Call { message: b"settlf".into(), ..good.clone() };
    assert!(!world.ok(BOB, PQ_VERIFY, &other));
    let short = IPqVerify::verifyMlDsa65Call { publicKey: vec![1].into(), ..good.clone() };
    assert!(!world.ok(BOB, PQ_VERIFY, &short));

    let id = IPqVerify::keyIdCall { scheme: 4, publicKey: good.publicKey.clone() };
    let expected = key_id(Scheme::MlDsa65, &good.publicKey).unwrap();
    assert_eq!(world.ok(BOB, PQ_VERIFY, &id), expected);
    for scheme in [0, 2, 5] {
        let wrong = IPqVerify::keyIdCall { scheme, publicKey: good.publicKey.clone() };
        let refusal = Refusal::from(IQenexErrors::InvalidKey { scheme });
        assert_eq!(world.refused(BOB, PQ_VERIFY, &wrong), refusal);
    }
    let garbage = IPqVerify::signerCall { scheme: 1, digest: expected, proof: vec![3; 65].into() };
    assert!(world.ok(BOB, PQ_VERIFY, &garbage).is_zero());

    let input = good.abi_encode();
    world.host.begin_transaction(Some(8_000));
    assert_eq!(world.host.call(&Call::new(BOB, PQ_VERIFY, &input)), Err(HostError::OutOfGas));
}
