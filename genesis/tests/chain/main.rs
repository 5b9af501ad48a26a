//! Blocks and the engines on the chain of a development network: real store, real state, real EVM.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, helpers included")]

mod blocks;
mod coin;
mod engines;
mod predeploys;
mod simulation;
mod state;
mod support;
