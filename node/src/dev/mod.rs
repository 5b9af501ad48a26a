//! A node for one developer: one process, no consensus, no peers, blocks at once.
//!
//! The same chain, pool and JSON-RPC server as a validator's, and beside them what only this node
//! has (`qenex_rpc_eth::Development`): time and state by hand, ways back. `folders.rs` keeps the
//! databases, `desk.rs` makes the blocks, `node.rs` answers, `welcome.rs` prints. A validator has none of it.

mod desk;
mod folders;
mod node;
mod welcome;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context, Result};
use qenex_exec::{Chain, ExecError};
use qenex_genesis::{DEV_ACCOUNTS, DEV_MNEMONIC};
use qenex_pool::{AccountReader, AccountState, Pool, PoolConfig};
use qenex_rpc_eth::{
    ChainSource, Development as _, Mining, Namespace, NodeInfo, RpcConfig, RpcContext,
};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use self::{folders::Folders, node::DevNode};
use crate::{
    accounts::HeadAccounts,
    run::{stop_signal, unusable},
    suite::Suite,
};

/// Final blocks a slow listener may fall behind before it misses some.
const HEADS_BUFFER: usize = 4_096;

/// Transactions a slow listener may fall behind before it misses some.
const PENDING_BUFFER: usize = 4_096;

/// What tools are told that they talk to. Hardhat's network helpers refuse time travel and the like
/// unless the name begins with that of a node they know.
const CLIENT_VERSION: &str = concat!("anvil/qenex-dev/v", env!("CARGO_PKG_VERSION"));

/// How the node runs.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where JSON-RPC listens.
    pub(crate) listen: SocketAddr,
    /// Where the chain is kept; none: nowhere.
    pub(crate) datadir: Option<PathBuf>,
    /// When blocks are made.
    pub(crate) mining: Mining,
    /// Gas limit of blocks; none: the development network's.
    pub(crate) gas_limit: Option<u64>,
    /// Whether a new chain has the contract suite.
    pub(crate) suite: bool,
    /// Print nothing.
    pub(crate) silent: bool,
    /// Stop when standard input ends.
    pub(crate) stop_with_stdin: bool,
}

/// Runs until told to stop.
///
/// # Errors
///
/// What keeps the node from starting.
pub(crate) async fn run(options: Options) -> Result<()> {
    let (folders, chain) =
        Folders::open(options.datadir.as_deref(), options.gas_limit, options.suite)
            .map_err(unusable)?;
    let spec = folders.spec().clone();
    let pool = PoolConfig::new(spec.chain_id, spec.gas_limit, spec.base_fee.minimum);
    let pool = Arc::new(Pool::new(pool));
    let heads = broadcast::channel(HEADS_BUFFER).0;
    let (mining, changes) = watch::channel(options.mining);
    let suite = Suite::of(&spec).map_err(unusable)?;
    let node = DevNode::new(folders, chain, pool.clone(), heads.clone(), mining, signers()?, suite);
    let node = Arc::new(node);
    {
        let node = node.clone();
        let deployed = tokio::task::spawn_blocking(move || node.deploy_suite()).await?;
        deployed.context("cannot deploy the contract suite")?;
    }
    let context = RpcContext {
        chain: ChainSource::Development(node.clone()),
        pool,
        accounts: Arc::new(Accounts(node.clone())),
        heads,
        pending: broadcast::channel(PENDING_BUFFER).0,
        on_transactions: {
            let node = node.clone();
            Box::new(move |_| node.on_transactions())
        },
        info: Arc::new(Info(node.clone())),
        client_version: CLIENT_VERSION.into(),
    };
    let config = RpcConfig {
        namespaces: Namespace::ALL.into(),
        rate_limit: 0,
        ..RpcConfig::new(options.listen)
    };
    let server = qenex_rpc_eth::serve(config, Arc::new(context)).await.map_err(unusable)?;
    if !options.silent {
        print!(
            "{}",
            welcome::Welcome { spec: &spec, address: server.local_addr(), options: &options }
        );
    }
    let ticker = tokio::spawn(tick(node.clone(), changes));
    stop_signal(options.stop_with_stdin).await;
    ticker.abort();
    // Subscriptions and idle connections do not end by themselves.
    let _cut_off = tokio::time::timeout(Duration::from_secs(3), server.stop()).await;
    tokio::task::spawn_blocking(move || node.close()).await?
}

/// The keys of [`DEV_ACCOUNTS`].
fn signers() -> Result<Vec<PrivateKeySigner>> {
    let one = |(index, _)| -> Result<_> {
        Ok(MnemonicBuilder::english().phrase(DEV_MNEMONIC).index(index)?.build()?)
    };
    (0..).zip(DEV_ACCOUNTS).map(one).collect()
}

/// Makes the blocks of interval mining.
async fn tick(node: Arc<DevNode>, mut mining: watch::Receiver<Mining>) {
    loop {
        let now = *mining.borrow_and_update();
        let wait = async {
            match now {
                Mining::Interval(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                Mining::Auto | Mining::Manual => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {
                let node = node.clone();
                let made = tokio::task::spawn_blocking(move || node.mine(1, 0, None)).await;
                if let Ok(Err(error)) = made {
                    tracing::error!(%error, "cannot make a block");
                }
            }
            changed = mining.changed() => if changed.is_err() { return },
        }
    }
}

/// Accounts at the head of the chain as it is now.
struct Accounts(Arc<DevNode>);

impl AccountReader for Accounts {
    fn account(&self, address: Address) -> Result<AccountState, String> {
        HeadAccounts(self.0.chain()).account(address)
    }
}

/// What there is to say of a node without consensus.
struct Info(Arc<DevNode>);

impl NodeInfo for Info {
    fn peer_count(&self) -> usize {
        0
    }

    fn syncing(&self) -> Option<(u64, u64)> {
        None
    }

    fn blockchain_info(&self) -> Value {
        let chain: Arc<Chain> = self.0.chain();
        let head = chain.head();
        json!({
            "network": chain.rules().spec().map(|spec| spec.name.as_str()),
            "chain_id": chain.rules().chain_id(),
            "block_height": head.header.number,
            "block_hash": head.hash,
            "state_root": head.header.state_root,
            "block_timestamp": head.header.timestamp,
            "base_fee_per_gas": head.header.base_fee_per_gas.unwrap_or_default().to_string(),
            "finality": "immediate",
            "consensus": { "protocol": "none" },
            "peers": 0,
            "syncing": false,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    fn consensus_state(&self) -> Value {
        Value::Null
    }

    fn validators(&self) -> Value {
        json!([])
    }

    fn settlement_proof(&self, _: B256) -> Result<Value, ExecError> {
        Ok(Value::Null)
    }

    fn evidence(&self) -> Value {
        json!([])
    }

    fn certificate(&self, _: u64) -> Result<Option<Bytes>, ExecError> {
        Ok(None)
    }
}
