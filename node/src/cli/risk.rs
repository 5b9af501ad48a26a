//! `qenex risk`: the risk rules' verdicts, checked away from the node.

use alloy_primitives::B256;
use anyhow::{Context as _, Result, bail};
use qenex_client::rpc::Endpoint;
use qenex_precompiles::replay::{Replay, read, replay};
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run a transaction's engine calls again on the state before it, and compare outcomes, events and
    /// scores with the chain's. Exit status 1 if anything differs.
    ///
    /// The node gives the state, the calls and the receipt; it must keep the state of that block. What
    /// follows from them is computed here.
    Replay {
        /// HTTP URL of the node.
        #[arg(long, default_value = "http://127.0.0.1:8545")]
        rpc: String,
        /// The transaction.
        #[arg(long, value_name = "HASH")]
        tx: B256,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        let Self::Replay { rpc, tx } = self;
        let replay = super::runtime()?.block_on(fetch_and_replay(&rpc, tx))?;
        print!("transaction {tx}\n{replay}");
        if !replay.agrees() {
            bail!("the chain and the rules do not agree on transaction {tx}");
        }
        Ok(())
    }
}

async fn fetch_and_replay(rpc: &str, tx: B256) -> Result<Replay> {
    let node = Endpoint::new(rpc)?;
    let receipt: Value = node.call("eth_getTransactionReceipt", json!([tx])).await?;
    let block_hash = receipt
        .get("blockHash")
        .cloned()
        .with_context(|| format!("{rpc} knows no final transaction {tx}"))?;
    let block: Value = node.call("eth_getBlockByHash", json!([block_hash, false])).await?;
    let chain_id: Value = node.call("eth_chainId", json!([])).await?;
    let trace = |tracer: &str| json!([tx, {"tracer": tracer}]);
    let before: Value = node.call("debug_traceTransaction", trace("prestateTracer")).await?;
    let calls: Value = node.call("debug_traceTransaction", trace("callTracer")).await?;
    let transaction = read(chain_id, block, receipt, before, calls)?;
    replay(&transaction).context("the state that the node gave is no engine's")
}
