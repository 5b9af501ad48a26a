//! Hybrid Ed25519 + ML-DSA-65 validator keys, signatures and the keystore.
