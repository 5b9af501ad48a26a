//! `qenex eth`: Ethereum's own chains on this node's store and trie.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_genesis::Genesis;
use alloy_primitives::Bytes;
use anyhow::{Context, Result, bail};
use qenex_exec::{Chain, ExecError, Imported};
use qenex_pool::{Pool, PoolConfig};
use qenex_rpc_eth::{ChainSource, Namespace, NodeInfo, RpcConfig, RpcContext};
use qenex_store::{Store, StoreOptions};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{
    accounts::HeadAccounts,
    clock::Monotonic,
    run::{stop_signal, unusable},
};

/// Between two lines of progress, milliseconds.
const PROGRESS_MS: u64 = 5_000;

/// Most bytes of a block that are read: what is longer is no block but a damaged file.
const MAX_BLOCK: usize = 256 << 20;

/// Import and serve Ethereum chains: no consensus, no block production.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check, execute and store the blocks of an Ethereum chain.
    ///
    /// Validates everything but the seal of proof of work, for every fork from Frontier to Osaka.
    /// Stops at the first invalid block and keeps the chain up to it.
    Import {
        /// The data folder; made if it does not exist.
        #[arg(long, value_name = "FOLDER")]
        datadir: PathBuf,
        /// Genesis in geth's format.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// Files of blocks, RLP one after the other, oldest first.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        blocks: Vec<PathBuf>,
    },
    /// Serve JSON-RPC over an imported chain. Its head is final.
    Serve {
        /// The data folder of `import`.
        #[arg(long, value_name = "FOLDER")]
        datadir: PathBuf,
        /// Where to listen, HTTP and WebSocket.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8545")]
        http: SocketAddr,
        /// Namespaces to serve.
        #[arg(
            long = "http.api",
            value_name = "LIST",
            value_delimiter = ',',
            default_value = "eth,net,web3,debug,txpool"
        )]
        api: Vec<String>,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Import { datadir, genesis, blocks } => import(&datadir, &genesis, &blocks),
            Self::Serve { datadir, http, api } => serve(&datadir, http, &api),
        }
    }
}

/// Opens the chain of a data folder.
fn open(datadir: &Path, genesis: &Genesis) -> Result<Chain> {
    let store = Store::open(datadir.join("db"), &StoreOptions::default())
        .with_context(|| format!("cannot open {}", datadir.display()))?;
    Chain::open_ethereum(genesis, store).map_err(|error| match error {
        ExecError::WrongGenesis { .. } => {
            anyhow::anyhow!("{} holds another chain: {error}", datadir.display())
        }
        other => other.into(),
    })
}

fn read_genesis(file: &Path) -> Result<(String, Genesis)> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let genesis: Genesis = serde_json::from_str(&text)
        .with_context(|| format!("{} is no geth genesis", file.display()))?;
    if genesis.number.unwrap_or_default() != 0 {
        bail!("{}: `number` must be 0", file.display());
    }
    if genesis.config.amsterdam_time.is_some_and(|time| time <= genesis.timestamp) {
        bail!("{}: forks after Osaka are not supported", file.display());
    }
    Ok((text, genesis))
}

fn import(datadir: &Path, genesis: &Path, files: &[PathBuf]) -> Result<()> {
    let (text, parsed) = read_genesis(genesis).map_err(unusable)?;
    std::fs::create_dir_all(datadir)
        .with_context(|| format!("cannot create {}", datadir.display()))?;
    let chain = open(datadir, &parsed).map_err(unusable)?;
    std::fs::write(datadir.join("genesis.json"), text)?;
    println!("genesis {} (chain {})", chain.genesis_hash()?, chain.rules().chain_id());
    let clock = Monotonic::start();
    let mut report = clock.now().0;
    let mut import = chain.import()?;
    let (mut done, mut known, mut gas) = (0_u64, 0_u64, 0_u64);
    let mut stopped = None;
    'files: for file in files {
        let reader = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        for (index, block) in Blocks(BufReader::new(reader)).enumerate() {
            let outcome = block.and_then(|block| {
                let outcome = import.block(&block)?;
                gas = gas.saturating_add(gas_used(&block));
                Ok(outcome)
            });
            match outcome {
                Ok(Imported::Known) => known += 1,
                Ok(Imported::Head | Imported::Side) => done += 1,
                Err(error) => {
                    stopped =
                        Some(format!("{}, block {index} of the file: {error}", file.display()));
                    break 'files;
                }
            }
            let now = clock.now().0;
            if now.saturating_sub(report) >= PROGRESS_MS {
                report = now;
                eprintln!("{done} blocks imported, head {}", import.head().0);
            }
        }
    }
    import.finish()?;
    let millis = clock.now().0.max(1);
    let head = chain.head();
    if let Some(reason) = stopped {
        eprintln!("qenex: stopped at an invalid block: {reason}");
    }
    println!(
        "imported {done} blocks ({known} known) in {:.3} s: {} blocks/s, {} Mgas/s",
        Duration::from_millis(millis).as_secs_f64(),
        done.saturating_mul(1_000) / millis,
        gas.saturating_mul(1_000) / millis / 1_000_000,
    );
    println!("head {} {}", head.header.number, head.hash);
    Ok(())
}

/// Gas a block says it used; 0 for what is no block.
fn gas_used(mut block: &[u8]) -> u64 {
    let header = alloy_rlp::Header::decode(&mut block)
        .and_then(|_| <alloy_consensus::Header as alloy_rlp::Decodable>::decode(&mut block));
    header.map_or(0, |header| header.gas_used)
}

/// RLP lists one after the other.
struct Blocks<R>(R);

impl<R: Read> Blocks<R> {
    fn next_list(&mut self) -> Result<Option<Vec<u8>>> {
        let mut first = [0];
        if self.0.read(&mut first)? == 0 {
            return Ok(None);
        }
        let [kind] = first;
        let mut block = vec![kind];
        let length = match kind {
            0xc0..=0xf7 => usize::from(kind - 0xc0),
            0xf8.. => {
                let mut bytes = vec![0; usize::from(kind - 0xf7)];
                self.0.read_exact(&mut bytes).context("the file ends inside a block")?;
                block.extend_from_slice(&bytes);
                bytes.iter().fold(0_usize, |sum, byte| {
                    sum.saturating_mul(256).saturating_add(usize::from(*byte))
                })
            }
            _ => bail!("not a block: RLP list expected, byte {kind:#04x} found"),
        };
        if length > MAX_BLOCK {
            bail!("not a block: {length} bytes long");
        }
        let start = block.len();
        block.resize(start.saturating_add(length), 0);
        let body = block.get_mut(start..).unwrap_or_default();
        self.0.read_exact(body).context("the file ends inside a block")?;
        Ok(Some(block))
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_list().transpose()
    }
}

fn serve(datadir: &Path, http: SocketAddr, api: &[String]) -> Result<()> {
    let namespaces = namespaces(api).map_err(unusable)?;
    let file = datadir.join("genesis.json");
    let (_, genesis) = read_genesis(&file)
        .with_context(|| format!("{} holds no imported chain", datadir.display()))
        .map_err(unusable)?;
    let chain = Arc::new(open(datadir, &genesis).map_err(unusable)?);
    let head = chain.head();
    let pool = PoolConfig::new(chain.rules().chain_id(), head.header.gas_limit, 0);
    let context = RpcContext {
        chain: ChainSource::Only(chain.clone()),
        pool: Arc::new(Pool::new(pool)),
        accounts: Arc::new(HeadAccounts(chain.clone())),
        heads: broadcast::channel(16).0,
        pending: broadcast::channel(1_024).0,
        on_transactions: Box::new(|_| {}),
        info: Arc::new(Imports { chain: chain.clone() }),
        client_version: format!(
            "qenex/v{}/{}-{}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
    };
    super::runtime()?.block_on(async {
        let config = RpcConfig { namespaces, ..RpcConfig::new(http) };
        let server = qenex_rpc_eth::serve(config, Arc::new(context)).await.map_err(unusable)?;
        println!(
            "serving chain {} at block {} {} on http://{}",
            chain.rules().chain_id(),
            head.header.number,
            head.hash,
            server.local_addr()
        );
        stop_signal(false).await;
        server.stop().await;
        Ok(())
    })
}

fn namespaces(names: &[String]) -> Result<BTreeSet<Namespace>> {
    let one = |name: &String| {
        let found = Namespace::ALL.into_iter().find(|namespace| namespace.name() == name);
        found.with_context(|| {
            let all: Vec<_> = Namespace::ALL.iter().map(|namespace| namespace.name()).collect();
            format!("--http.api: there is no namespace `{name}`; there are {}", all.join(", "))
        })
    };
    names.iter().map(one).collect()
}

/// What there is to say of a node without consensus.
#[derive(Debug)]
struct Imports {
    chain: Arc<Chain>,
}

impl NodeInfo for Imports {
    fn peer_count(&self) -> usize {
        0
    }

    fn syncing(&self) -> Option<(u64, u64)> {
        None
    }

    fn blockchain_info(&self) -> Value {
        let head = self.chain.head();
        json!({
            "chain_id": self.chain.rules().chain_id(),
            "block_height": head.header.number,
            "block_hash": head.hash,
            "state_root": head.header.state_root,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    fn consensus_state(&self) -> Value {
        Value::Null
    }

    fn validators(&self) -> Value {
        json!([])
    }

    fn settlement_proof(&self, _: alloy_primitives::B256) -> Result<Value, ExecError> {
        Ok(Value::Null)
    }

    fn evidence(&self) -> Value {
        json!([])
    }

    fn certificate(&self, _: u64) -> Result<Option<Bytes>, ExecError> {
        Ok(None)
    }
}
