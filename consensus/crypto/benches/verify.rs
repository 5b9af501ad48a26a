//! `cargo bench -p qenex-crypto`. Names are `crate::operation/key=value`, so that runs compare.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use qenex_consensus::{SignatureVerifier, SignedItem, ValidatorIndex};
use qenex_crypto::{CommitteeVerifier, HybridSecretKey};

/// As long as the signed bytes of a vote.
const MESSAGE: [u8; 92] = [7; 92];

fn hybrid(c: &mut Criterion) {
    let keys: Vec<_> = (1..=4_u8)
        .map(|n| HybridSecretKey::from_seeds(&[n; 32], &[n; 32]).expect("any seed is a key"))
        .collect();
    let verifier = CommitteeVerifier::new(keys.iter().map(|k| k.public_key().clone()).collect());
    let signatures: Vec<_> = keys.iter().map(|k| k.sign(&MESSAGE).expect("keys sign")).collect();
    let certificate: Vec<_> = (0_u16..3)
        .zip(&signatures)
        .map(|(signer, signature)| SignedItem {
            signer: ValidatorIndex(signer),
            message: MESSAGE.to_vec(),
            signature,
        })
        .collect();

    c.bench_function("crypto::verify/votes=1", |b| {
        b.iter(|| verifier.verify(ValidatorIndex(0), black_box(&MESSAGE), &signatures[0]));
    });
    c.bench_function("crypto::verify_refused/votes=1", |b| {
        b.iter(|| verifier.verify(ValidatorIndex(0), black_box(&MESSAGE), &signatures[1]));
    });
    c.bench_function("crypto::verify_all/votes=3", |b| {
        b.iter(|| verifier.verify_all(black_box(&certificate)));
    });
    c.bench_function("crypto::sign", |b| b.iter(|| keys[0].sign(black_box(&MESSAGE))));
}

criterion_group!(benches, hybrid);
criterion_main!(benches);
