//! The financial engines: native code behind fixed addresses, over ordinary contract storage.
//!
//! A call comes in through [`call`] (`registry.rs`), which refuses what no engine accepts and hands
//! the rest to an engine's folder (`accounts/`, `ledger/`, `compliance/`, `risk/`, `access/`, `face/`). Engines see the chain only
//! through the [`Host`] trait: the executor implements it over its journal, [`MemoryHost`] in
//! memory. [`replay`] runs the calls of a transaction again, away from a node.
//!
//! Invariants by absence: no clock, no randomness, no floating point, no iteration over state, no
//! call out of an engine. Everything a caller does wrong is a revert with an error of the catalogue
//! (`qenex_types::ErrorCode`); a [`HostError::Fatal`] is only ever a failing database.

pub mod access;
pub mod accounts;
mod books;
pub mod compliance;
mod errors;
mod export;
pub mod face;
pub mod gas;
mod genesis;
mod host;
#[cfg(test)]
mod invariants;
pub mod ledger;
mod memory;
pub mod pq_verify;
mod registry;
pub mod replay;
pub mod risk;
pub mod settlement;
pub mod signatures;
pub mod storage;
#[cfg(test)]
mod testing;

pub use access::abi::IAccess;
pub use accounts::abi::IAccounts;
pub use books::{Books, BooksError, Line, books};
pub use compliance::abi::ICompliance;
pub use errors::{Decoded, EngineError, IQenexErrors, Refusal, decode, decode_error};
pub use export::interfaces;
pub use face::abi::ICurrencyToken;
pub use genesis::{GenesisError, genesis};
pub use host::{Block, Call, Host, HostError, Outcome};
pub use ledger::abi::ILedger;
pub use memory::MemoryHost;
pub use pq_verify::abi::IPqVerify;
pub use registry::{
    ACCESS, ACCOUNTS, COMPLIANCE, ENGINE_CODE, ENGINE_NONCE, Engine, LEDGER, Mutability, PQ_VERIFY,
    RISK, SETTLEMENT, call, engine_addresses, engines, face_address, face_currency, is_engine,
};
pub use risk::abi::IRisk;
pub use settlement::abi::ISettlement;
