//! Random histories of the ledger, and the naive model that they are checked against: lists that are
//! added up. Only for tests.
//!
//! The same histories run over the engines in memory (`tests/invariants.rs`) and through the EVM (the
//! tests of `evm/exec`). `world.rs` and `setting.rs` are where they happen, `steps.rs` what happens, `model.rs` what must
//! come of it, `transactions.rs` a step as a call.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "only for tests: a panic is a failing test, and the names are the interfaces' own"
)]

pub mod model;
pub mod setting;
pub mod steps;
pub mod transactions;
pub mod world;

pub use model::{Entry, Model, Status};
pub use steps::{Pay, Step, aim, aimed_step};
pub use transactions::transaction;
pub use world::World;
