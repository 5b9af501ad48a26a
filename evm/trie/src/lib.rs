//! An incremental Merkle Patricia trie over the store: roots, proofs, overlays, history.
