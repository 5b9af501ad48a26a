//! From a chain specification to the genesis state.
//!
//! Reads and checks `genesis.json` (`spec.rs`), runs the engines' own initialisers to make the
//! ledger's first storage (`build.rs`), and writes the specification of a development network
//! (`development.rs`). Knows no network and no store.

mod build;
mod development;
mod spec;

pub use build::{GenesisError, state_changes};
pub use development::{
    DEV_ACCOUNTS, DEV_CHAIN_ID, DEV_MNEMONIC, DemoAccount, demo_accounts, development,
};
pub use spec::{SpecError, from_json, read, to_json, validate};
