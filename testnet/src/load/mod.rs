//! The load generator: signed transfers against any Ethereum JSON-RPC node, or batches of payments
//! against ours (`payments.rs`), and when they are included.
//!
//! A run has three parts. [`prepare`] makes accounts, gives them coins and signs every transfer;
//! [`send`] carries them to the endpoints on *lanes* (a lane owns some senders, talks to one
//! endpoint, and has one request under way, so a sender's nonces arrive in order); [`follow`]
//! reads new blocks from one endpoint and notes which transfers they hold. All three meet on the
//! [`board`], which knows the fate of every transfer, so none is lost from the count.
//!
//! Without a rate the loop is *closed*: a bounded number of transfers is on its way, and the next
//! ones go out as blocks free room. That measures capacity. With a rate it is *open*: each
//! transfer has a due time, and its latency counts from then, however late the node lets it in.

mod board;
mod follow;
mod payments;
mod prepare;
mod report;
mod send;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use anyhow::{Context as _, ensure};
use qenex_client::rpc::{Endpoint, RpcError};

pub use payments::{owners, population};
pub use report::{Latency, LoadReport};

/// The mnemonic whose accounts development networks prefund.
pub const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Who pays for the senders' coins.
#[derive(Clone, Debug)]
pub enum Funder {
    /// The first account (`m/44'/60'/0'/0/0`) of an English BIP-39 phrase.
    Mnemonic(String),
    /// The account of a secp256k1 private key.
    PrivateKey(B256),
}

/// What the transactions of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Each moves a wei of the native coin to another sender.
    Transfers,
    /// Each is a batch of payments of one cent between ledger accounts of a population
    /// ([`population`]) whose owners are the senders.
    Payments {
        /// Accounts of the population.
        accounts: u32,
        /// Payments in a transaction.
        each: u32,
    },
}

/// What to send, where, and how hard.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// HTTP URLs of the nodes. Senders are spread over them; blocks are read from the first, or
    /// from the next one if that stops answering.
    pub rpc: Vec<String>,
    /// Number of accounts that send.
    pub senders: u32,
    /// What every transaction does.
    pub work: Work,
    /// Number of transactions in total.
    pub txs: u32,
    /// Transfers per second over all endpoints (open loop), or as fast as they are included.
    pub rate: Option<u32>,
    /// The account that gives the senders their coins.
    pub funder: Funder,
    /// Senders' keys are derived from it: the same seed finds the same, still funded, accounts.
    pub seed: u64,
    /// Largest number of transfers in a JSON-RPC batch.
    pub batch: u32,
    /// Requests under way per endpoint.
    pub lanes: u32,
    /// Closed loop only: how many transfers may be sent and not yet included, over all endpoints.
    pub outstanding: u32,
    /// `maxFeePerGas` in wei; by default a hundred times the base fee, or what the funder can pay.
    pub max_fee_per_gas: Option<u128>,
    /// The run ends when nothing has been accepted or included for so long.
    pub timeout: Duration,
    /// Whether to tell on standard error, once a second, how it goes.
    pub progress: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            rpc: vec!["http://127.0.0.1:8545".to_owned()],
            senders: 100,
            work: Work::Transfers,
            txs: 10_000,
            rate: None,
            funder: Funder::Mnemonic(DEV_MNEMONIC.to_owned()),
            seed: 0,
            batch: 100,
            lanes: 4,
            outstanding: 5_000,
            max_fee_per_gas: None,
            timeout: Duration::from_secs(30),
            progress: false,
        }
    }
}

/// Runs a load: funds the senders, signs everything, sends it, and waits for inclusion.
///
/// Transfers that the node refuses or never includes are no error of the run: the report counts
/// them.
///
/// # Errors
///
/// If the options make no sense, an endpoint does not answer or belongs to another chain, or the
/// funder cannot pay.
pub async fn run(options: LoadOptions) -> anyhow::Result<LoadReport> {
    ensure!(!options.rpc.is_empty(), "at least one RPC URL is needed");
    ensure!(options.senders > 0 && options.txs > 0, "senders and txs must be at least 1");
    ensure!(options.rate != Some(0), "a rate must be at least 1 a second");
    ensure!(
        options.batch > 0 && options.lanes > 0 && options.outstanding > 0,
        "batch, lanes and outstanding must be at least 1"
    );
    let endpoints = options
        .rpc
        .iter()
        .map(|url| Endpoint::new(url).map(Arc::new))
        .collect::<Result<Vec<_>, RpcError>>()?;

    if let Work::Payments { accounts, each } = options.work {
        ensure!(accounts >= 2 && each > 0, "accounts must be at least 2, payments at least 1");
        ensure!(accounts >= options.senders, "every sender needs an account");
    }
    let plan = Arc::new(prepare::prepare(&options, &endpoints).await?);
    let from = endpoints.first().context("at least one RPC URL is needed")?.block_number().await?;

    let board = Arc::new(board::Board::new(&options, &plan));
    let lanes: Vec<_> = (0..plan.lanes.len())
        .filter_map(|lane| {
            let endpoint = endpoints.get(plan.lanes.get(lane)?.endpoint)?;
            let sender = send::Lane::new(&options, &plan, &board, endpoint, lane);
            Some(tokio::spawn(sender.run()))
        })
        .collect();
    let seen = follow::follow(&options, &plan, &board, &endpoints, from).await;
    board.stop();
    for lane in lanes {
        lane.await.context("a sending task failed")?;
    }
    let seen = seen?;
    let settled = match options.work {
        Work::Transfers => None,
        Work::Payments { .. } => Some(payments::settled(&endpoints, &seen.blocks).await?),
    };
    Ok(report::LoadReport::new(&options, &board, &seen, settled))
}

/// The clock of the measurement.
#[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
fn now() -> Instant {
    Instant::now()
}
