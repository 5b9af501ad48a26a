//! From a chain specification to the genesis state and block.
