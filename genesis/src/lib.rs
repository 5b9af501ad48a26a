//! From a chain specification to the genesis state.
//!
//! Reads and checks `genesis.json` (`spec.rs`), runs the engines' own initialisers to make the
//! ledger's first storage (`build.rs`), and writes the specification of a development network
//! (`development.rs`), with contracts that tools expect (`predeploys.rs`). Knows no network and no store.

mod build;
mod development;
mod predeploys;
mod spec;

pub use build::{GenesisError, state_changes};
pub use development::{
    DEV_ACCOUNTS, DEV_CHAIN_ID, DEV_MNEMONIC, DemoAccount, SUITE_DEPLOYER, SUITE_DEPLOYER_INDEX,
    demo_accounts, development, prepare_for_suite,
};
pub use predeploys::{
    CREATE2_DEPLOYER, MULTICALL3, PERMIT2, SINGLETON_FACTORY, permit2_domain, predeploys,
};
pub use spec::{SpecError, from_json, read, to_json, validate};
