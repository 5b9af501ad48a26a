//! `qenex bench`: measuring.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use qenex_testnet::{
    calls::{self, CallOptions},
    load::{self, LoadOptions, Work},
};

/// Measure a network.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask any JSON-RPC node the same question for a while and report answers a second.
    Calls {
        /// HTTP URL of the node.
        #[arg(long, default_value = "http://127.0.0.1:8545")]
        rpc: String,
        /// Connections, each with one question at a time.
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// How long, seconds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// The method.
        method: String,
        /// Its parameters, a JSON array.
        #[arg(default_value = "[]")]
        params: String,
    },
    /// Send batches of ledger payments and report how many are posted a second. The network must have
    /// the accounts: `qenex testnet run --ledger-accounts`.
    Payments {
        /// HTTP URLs of the nodes, separated by commas.
        #[arg(long, value_delimiter = ',', default_value = "http://127.0.0.1:8545")]
        rpc: Vec<String>,
        /// Accounts of the network's population.
        #[arg(long)]
        accounts: u32,
        /// Payments in total.
        #[arg(long, default_value_t = 100_000)]
        payments: u32,
        /// Payments in one transaction, 1 to 1000.
        #[arg(long, default_value_t = 500)]
        each: u32,
        /// Transactions sent and not yet included at most.
        #[arg(long, default_value_t = 64)]
        outstanding: u32,
        /// Also write the report as JSON to this file; `-` for standard output instead of the text.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// No progress on standard error.
        #[arg(long)]
        quiet: bool,
    },
    /// Send signed transfers to any Ethereum JSON-RPC node and report throughput and latency.
    Load {
        /// HTTP URLs of the nodes, separated by commas.
        #[arg(long, value_delimiter = ',', default_value = "http://127.0.0.1:8545")]
        rpc: Vec<String>,
        /// Accounts that send; they are funded from the first development account.
        #[arg(long, default_value_t = 64)]
        senders: u32,
        /// Transfers in total.
        #[arg(long, default_value_t = 10_000)]
        txs: u32,
        /// Transfers a second (open loop: latency counts from the moment one was due); without it as
        /// fast as they are included.
        #[arg(long)]
        rate: Option<u32>,
        /// Transfers sent and not yet included at most, when no rate is given.
        #[arg(long, default_value_t = LoadOptions::default().outstanding)]
        outstanding: u32,
        /// Transfers in one JSON-RPC batch at most.
        #[arg(long, default_value_t = LoadOptions::default().batch)]
        batch: u32,
        /// Also write the report as JSON to this file; `-` for standard output instead of the text.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// No progress on standard error.
        #[arg(long)]
        quiet: bool,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        let (options, json) = match self {
            Self::Calls { rpc, connections, seconds, method, params } => {
                let params = serde_json::from_str(&params).context("the parameters are no JSON")?;
                let time = Duration::from_secs(seconds);
                let options = CallOptions { rpc, method, params, connections, time };
                println!("{}", super::runtime()?.block_on(calls::run(options))?);
                return Ok(());
            }
            Self::Load { rpc, senders, txs, rate, outstanding, batch, json, quiet } => {
                let progress = !quiet;
                let usual = LoadOptions::default();
                let options =
                    LoadOptions { rpc, senders, txs, rate, outstanding, batch, progress, ..usual };
                (options, json)
            }
            Self::Payments { rpc, accounts, payments, each, outstanding, json, quiet } => {
                anyhow::ensure!(
                    (1..=1_000).contains(&each),
                    "--each {each}: 1 to 1000 are possible"
                );
                let options = LoadOptions {
                    rpc,
                    senders: super::testnet::POPULATION_OWNERS,
                    txs: payments.div_ceil(each),
                    work: Work::Payments { accounts, each },
                    batch: 1,
                    lanes: 8,
                    outstanding,
                    progress: !quiet,
                    ..LoadOptions::default()
                };
                (options, json)
            }
        };
        let report = super::runtime()?.block_on(load::run(options))?;
        let text = serde_json::to_string_pretty(&report)?;
        match json {
            Some(path) if path.as_os_str() == "-" => println!("{text}"),
            Some(path) => {
                std::fs::write(path, text)?;
                println!("{report}");
            }
            None => println!("{report}"),
        }
        Ok(())
    }
}
