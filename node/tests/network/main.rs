//! Networks of real processes: started, killed, damaged, attacked and used as clients use them.
//!
//! Every test has its own folder and ports. Waiting is polling with a generous limit; no test
//! depends on how fast the machine is.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, helpers included")]

mod bank;
mod clients;
mod crash;
mod damage;
mod encrypted;
mod engines;
mod fetch;
mod harness;
mod input;
mod life;
mod settlement;
mod snapshot;
mod suite;
#[path = "../suite/mod.rs"]
mod suite_in_use;
mod wallet;
