//! Block building and execution with revm, and the chain of blocks they make.
//!
//! Given a parent and transactions, makes the child block (`builder.rs`) or checks one that a peer
//! made (`chain.rs`); imports Ethereum's own chains (`ethereum/`); answers `eth_call`-like questions
//! (`simulate.rs`, `simulate_blocks.rs`). Never talks to peers or clients and never decides what is
//! final: `node/src/consensus/` does. State comes from `qenex-trie`, blocks go to `qenex-store`; this
//! is the only crate that names revm.

mod block;
mod builder;
mod call_many;
mod chain;
mod codec;
mod database;
mod development;
mod engines;
mod error;
mod ethereum;
mod evm;
mod fork_config;
mod hashes;
mod history;
mod inclusion;
mod rules;
mod simulate;
mod simulate_blocks;
#[cfg(test)]
mod tests;
mod trace;
mod trial_balance;
mod verify;

pub use block::{EthereumBody, ExecutedBlock, SealedBlock};
pub use builder::{BuildLimits, Built, Candidates};
pub use call_many::{Bundle, Called};
pub use chain::{BlockAttributes, Chain, SenderLookup};
pub use codec::{decode_block, encode_block};
pub use error::{ExecError, InvalidBlock};
pub use ethereum::{CaseOutcome, EthereumRules, Import, Imported, StateTests};
pub use history::record_unexecuted;
pub use inclusion::{Included, Inclusion, InclusionError, decode_header};
pub use rules::{MAX_BLOCK_BYTES, Rules, genesis_header, next_base_fee, system_contracts};
pub use simulate::{
    AccountOverride, BlockOverride, CallOutcome, CallRequest, CallStatus, Overrides, Rule,
    SimulateError, Stop,
};
pub use simulate_blocks::{
    BlockCalls, MAX_SIMULATED_BLOCKS, SimulateOptions, SimulatedBlock, SimulatedCall,
};
pub use trace::{DebugFrame, DebugTrace, TraceBounds};
pub use trial_balance::CurrencyBalance;
pub use verify::{ChainReport, verify_chain};
