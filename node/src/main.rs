//! The `qenex` binary: one program to run a validator, a local network, and to measure them.
//!
//! `cli/` is the command line, `run.rs` wires a node, `consensus/` drives the BFT machine;
//! `dev/` is a node without consensus for one developer; `suite.rs` deploys the contract suite.

mod accounts;
mod cli;
mod clock;
mod config;
mod consensus;
mod control;
mod db_key;
mod dev;
mod disk;
mod fetch;
mod gossip;
mod info;
mod keys;
mod run;
mod settlement;
mod snapshot;
mod suite;

use std::process::ExitCode;

use clap::Parser;

/// Payments are many small objects, made on one thread and dropped on another: glibc's allocator takes an
/// eighth of a busy node's time, and gives pages back only to ask for them again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status for a configuration, key or data folder that a restart cannot mend (`EX_CONFIG`).
const EX_CONFIG: u8 = 78;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("qenex: {error:#}");
            if error.downcast_ref::<run::Unusable>().is_some() {
                ExitCode::from(EX_CONFIG)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
