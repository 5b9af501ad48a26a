//! `qenex dev`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use anyhow::Result;
use qenex_rpc_eth::Mining;
use tracing_subscriber::EnvFilter;

use crate::dev::{self, Options};

/// Run a node for development until Ctrl-C.
///
/// One process without consensus, with the engines and the development genesis: its keys are known to
/// everybody, so never let it hold anything of value. See docs/dev.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// JSON-RPC, HTTP and WebSocket, listens on this port; 0: a free one.
    #[arg(long, default_value_t = 8545)]
    port: u16,
    /// JSON-RPC listens on this address.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Keep the chain in this folder. Without it the chain is gone when the node stops.
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,
    /// Make a block every so many seconds instead of one for each transaction.
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_mining",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    block_time: Option<u64>,
    /// Make blocks only when asked to (`evm_mine`).
    #[arg(long)]
    no_mining: bool,
    /// Gas limit of the blocks. Of a folder that is there it must be the same.
    #[arg(long, value_parser = clap::value_parser!(u64).range(30_000_000..))]
    gas_limit: Option<u64>,
    /// A new chain without the contract suite.
    #[arg(long)]
    no_suite: bool,
    /// Print nothing.
    #[arg(long)]
    silent: bool,
    /// What to log beside the blocks, e.g. `info` or `qenex=debug,warn`.
    #[arg(long, env = "QENEX_LOG", default_value = "warn,qenex::dev=info")]
    log: String,
    /// Also stop when standard input ends: whoever started the node holds the other end.
    #[arg(long)]
    stop_with_stdin: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        if !self.silent {
            let filter = EnvFilter::try_new(&self.log)?;
            tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).init();
        }
        let mining = match self.block_time {
            Some(seconds) => Mining::Interval(seconds),
            None if self.no_mining => Mining::Manual,
            None => Mining::Auto,
        };
        let options = Options {
            listen: SocketAddr::new(self.host, self.port),
            datadir: self.datadir,
            mining,
            gas_limit: self.gas_limit,
            suite: !self.no_suite,
            silent: self.silent,
            stop_with_stdin: self.stop_with_stdin,
        };
        super::runtime()?.block_on(dev::run(options))
    }
}
