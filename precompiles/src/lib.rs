//! The financial engines: native code behind fixed addresses, over ordinary contract storage.
//!
//! A call comes in through [`call`] (`registry.rs`), which refuses what no engine accepts and hands
//! the rest to an engine's folder (`accounts/`, `ledger/`, `compliance/`, `risk/`, `settlement/`, `oracle/`, `access/`,
//! `pq_verify/`, `native_coin/`, and the faces `face/` and `price_feed/`). Engines see the chain only through the
//! [`Host`] trait: the executor implements it over its journal, [`MemoryHost`] in memory.
//! [`replay`] runs the calls of a transaction again, away from a node.
//!
//! Invariants by absence: no clock, no randomness, no floating point, no iteration over state, no
//! call out of an engine. Everything a caller does wrong is a revert with an error of the catalogue
//! (`qenex_types::ErrorCode`); a [`HostError::Fatal`] is only ever a failing database.

pub mod access;
pub mod accounts;
mod books;
pub mod compliance;
mod describe;
mod errors;
mod export;
pub mod face;
pub mod gas;
mod genesis;
mod host;
pub mod ledger;
mod memory;
pub mod native_coin;
pub mod oracle;
pub mod pq_verify;
#[cfg(test)]
mod precedence;
pub mod price_feed;
mod registry;
pub mod replay;
pub mod risk;
pub mod settlement;
pub mod signatures;
pub mod storage;
// The world of the histories serves here too: it says `qenex_precompiles` as a stranger would.
#[cfg(test)]
extern crate self as qenex_precompiles;
#[cfg(test)]
#[path = "../histories/src/world.rs"]
#[expect(missing_docs, reason = "as in the histories")]
pub mod testing;

pub use access::abi::IAccess;
pub use accounts::abi::IAccounts;
pub use books::{Books, BooksError, Line, books, lines};
pub use compliance::abi::ICompliance;
pub use describe::{Description, End, EngineCall, RiskVerdict, describe};
pub use errors::{Decoded, EngineError, IQenexErrors, Refusal, decode, decode_error};
pub use export::{interfaces, typescript_sources};
pub use face::abi::ICurrencyToken;
pub use genesis::{GenesisError, genesis};
pub use host::{Block, Call, Host, HostError, Outcome};
pub use ledger::abi::ILedger;
pub use memory::MemoryHost;
pub use native_coin::{abi::INativeCoin, genesis as native_coin_storage};
pub use oracle::abi::IOracle;
pub use pq_verify::abi::IPqVerify;
pub use price_feed::abi::IPriceFeed;
pub use registry::{
    ACCESS, ACCOUNTS, COMPLIANCE, ENGINE_CODE, ENGINE_NONCE, Engine, LEDGER, Mutability,
    NATIVE_COIN, ORACLE, PQ_VERIFY, RISK, SETTLEMENT, call, engine_addresses, engines,
    face_address, face_currency, is_engine, price_feed_address, price_feed_number,
};
pub use risk::abi::IRisk;
pub use settlement::abi::ISettlement;
