//! `qenex dev` as a process: every method that only it has, what it refuses, and people's tools on it.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, helpers included")]

mod blocks;
mod clients;
mod harness;
mod state;
mod suite;
#[path = "../suite/mod.rs"]
mod suite_in_use;
mod ways_back;
