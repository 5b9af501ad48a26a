//! Ethereum's own chains: every fork from Frontier to Osaka, for import and conformance.
//!
//! Blocks are checked in full but for the seal of proof of work: `header.rs` what a header says of
//! its parent and uncles, `execute.rs` what execution gives. `import.rs` puts blocks on a chain whose
//! store and trie are the node's own, `statetest.rs` runs single transactions of the public state
//! tests. Rules are those of the execution specifications (github.com/ethereum/execution-specs) and
//! of geth where these leave something open.

mod difficulty;
mod execute;
mod forks;
mod genesis;
mod header;
mod import;
mod statetest;

pub(crate) use execute::{early_receipts, execute};
pub use forks::EthereumRules;
pub(crate) use genesis::{genesis_header, genesis_state};
pub use import::{Import, Imported};
pub use statetest::{CaseOutcome, StateTests};
