//! The command line.

mod bench;
mod db;
mod dev;
mod eth;
mod evm;
mod genesis;
mod keys;
mod node;
mod proof;
mod risk;
mod snapshot;
mod testnet;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// QENEX: an EVM blockchain for regulated finance.
#[derive(Debug, Parser)]
#[command(name = "qenex", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a validator.
    Node(node::Args),
    /// Run a node for development: instant blocks, no consensus, time and state at your command.
    Dev(dev::Args),
    /// Run a local network of real processes.
    Testnet {
        #[command(subcommand)]
        command: testnet::Command,
    },
    /// Make and show validator keys.
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Make and check chain specifications.
    Genesis {
        #[command(subcommand)]
        command: genesis::Command,
    },
    /// Measure a network.
    Bench {
        #[command(subcommand)]
        command: bench::Command,
    },
    /// Check and measure what a node keeps on disk.
    Db {
        #[command(subcommand)]
        command: db::Command,
    },
    /// Make, show and restore snapshots of a node's database.
    Snapshot {
        #[command(subcommand)]
        command: snapshot::Command,
    },
    /// Check proofs of finality without a node.
    Proof {
        #[command(subcommand)]
        command: proof::Command,
    },
    /// Check what the risk rules said, away from the node.
    Risk {
        #[command(subcommand)]
        command: risk::Command,
    },
    /// Import and serve Ethereum chains.
    Eth {
        #[command(subcommand)]
        command: eth::Command,
    },
    /// Run the public tests of the EVM.
    Evm {
        #[command(subcommand)]
        command: evm::Command,
    },
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Node(args) => args.run(),
            Command::Dev(args) => args.run(),
            Command::Testnet { command } => command.run(),
            Command::Keys { command } => command.run(),
            Command::Genesis { command } => command.run(),
            Command::Bench { command } => command.run(),
            Command::Db { command } => command.run(),
            Command::Snapshot { command } => command.run(),
            Command::Proof { command } => command.run(),
            Command::Risk { command } => command.run(),
            Command::Eth { command } => command.run(),
            Command::Evm { command } => command.run(),
        }
    }
}

/// A runtime for the commands that talk to nodes.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Prints a line on standard error each time it is called, but no more than one in five seconds.
#[expect(clippy::disallowed_methods, reason = "how often people are told of the progress")]
fn now_and_then() -> impl FnMut(&dyn Fn() -> String) {
    let mut told = std::time::Instant::now();
    move |line| {
        if told.elapsed() >= std::time::Duration::from_secs(5) {
            told = std::time::Instant::now();
            eprintln!("{}", line());
        }
    }
}
