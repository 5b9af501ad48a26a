//! Hybrid Ed25519 + ML-DSA-65 validator keys, signatures and the keystore.
//!
//! Every consensus message is signed with both schemes over the same bytes, and counts only if
//! both signatures verify: a forger has to break a classical *and* a post-quantum scheme. The
//! domain (chain, kind of message) is part of the signed bytes (`consensus/core`), since ML-DSA is
//! used with its empty context string.
//!
//! This crate never decides what is signed and never keeps a secret in clear on disk. The
//! classical half is ed25519-dalek with the strict rule; the post-quantum half and AES-256-GCM are
//! AWS-LC's.

mod keys;
mod keystore;
mod verifier;

pub use keys::{
    HYBRID_SIGNATURE_LEN, HybridPublicKey, HybridSecretKey, KeyError, ML_DSA_65_PUBLIC_LEN, Seed,
    ValidatorSeeds,
};
pub use keystore::{KdfCost, Keystore, KeystoreError, PublicIdentity};
pub use verifier::CommitteeVerifier;
