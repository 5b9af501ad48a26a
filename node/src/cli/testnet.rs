//! `qenex testnet`: a network of real processes on this machine.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy_primitives::{Address, hex};
use anyhow::{Context, Result, bail};
use qenex_crypto::{KdfCost, Keystore, ValidatorSeeds};
use qenex_testnet::{
    Network,
    load::{self, LoadOptions},
    network::{Endpoint, Endpoints, Ports},
};
use qenex_types::{ChainSpec, LedgerAccountSpec};
use rand::RngCore;

use crate::{
    clock::unix_ms,
    config::{Config, Consensus, Keys, Metrics, P2p, Peer, Rest, Rpc, StoreConfig},
    keys::{validator_spec, write_secret},
    suite::{ADDRESSES, Suite},
};

/// How many wallets own the accounts of `--ledger-accounts`.
pub(crate) const POPULATION_OWNERS: u32 = 32;

/// Most validators of a local network.
const MAX_VALIDATORS: u16 = 20;

/// Run a local network of real processes.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make the folders if they are not there, start all validators, and stop them on Ctrl-C. The
    /// data stays.
    Run {
        #[command(flatten)]
        options: Options,
        /// Without the contract suite. Only read when the folders are made.
        #[arg(long)]
        no_suite: bool,
    },
    /// Only make the folders: keys, specification, configurations.
    Init {
        #[command(flatten)]
        options: Options,
        /// For a network with the contract suite, which `testnet run` deploys. Only read when the folders
        /// are made.
        #[arg(long)]
        suite: bool,
    },
}

/// What a local network looks like.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How many validators.
    #[arg(long, default_value_t = 4)]
    validators: u16,
    /// Where everything is kept, a folder for each validator.
    #[arg(long, value_name = "DIR")]
    datadir: PathBuf,
    /// JSON-RPC of validator i listens on this port plus 10 i.
    #[arg(long, default_value_t = Ports::default().rpc)]
    rpc_port: u16,
    /// The bank facade of validator 0 listens on this port.
    #[arg(long, default_value_t = Ports::default().rest)]
    rest_port: u16,
    /// Health and metrics of validator i are on this port plus i.
    #[arg(long, default_value_t = Ports::default().metrics)]
    metrics_port: u16,
    /// Validator i speaks to its peers on this UDP port plus i.
    #[arg(long, default_value_t = Ports::default().p2p)]
    p2p_port: u16,
    /// What the nodes log, into node.log in their folders.
    #[arg(long, env = "QENEX_LOG", default_value = "info")]
    log: String,
    /// An empty network makes a block this often, milliseconds. Only read when the folders are made.
    #[arg(long, default_value_t = 10_000)]
    heartbeat_ms: u64,
    /// So many more ledger accounts with 1,000.00 USD each, for `qenex bench payments`. Only read when
    /// the folders are made.
    #[arg(long, default_value_t = 0)]
    ledger_accounts: u32,
    /// Gas limit of the blocks. Only read when the folders are made.
    #[arg(long)]
    gas_limit: Option<u64>,
    /// Memory of each validator for accounts, slots and trie nodes, MiB. A million ledger accounts in
    /// use take about 2,000. Only read when the folders are made.
    #[arg(long, value_name = "MIB", default_value_t = StoreConfig::default().state_cache_mib,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1 << 20))]
    state_cache_mib: usize,
}

/// Where the folder says where contracts are.
const CONTRACTS: &str = "contracts.json";

/// What the folders hold.
struct Made {
    endpoints: Endpoints,
    /// What the network is to have beside its genesis state.
    suite: Option<Suite>,
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Init { options, suite } => {
                options.init(suite)?;
                println!("made {}", options.datadir.display());
                Ok(())
            }
            Self::Run { options, no_suite } => {
                let made = options.init(!no_suite)?;
                super::runtime()?.block_on(run(options, made))
            }
        }
    }
}

/// Runs until Ctrl-C.
async fn run(options: Options, Made { endpoints, suite }: Made) -> Result<()> {
    let first = endpoints.validators.first().map(|validator| validator.rpc.clone());
    endpoints.require_free_ports()?;
    let binary = std::env::current_exe().context("cannot find the qenex binary itself")?;
    let mut network = Network::new(binary, options.datadir.clone(), endpoints, options.log.clone());
    network.start_all()?;
    // A node makes the genesis state first.
    let patience = 120_u64.saturating_add(u64::from(options.ledger_accounts / 1_000));
    let stop = stop_signal();
    tokio::pin!(stop);
    tokio::select! {
        ready = network.wait_ready(Duration::from_secs(patience)) => ready?,
        () = &mut stop => {
            return network.stop().await;
        }
    }
    if let (Some(suite), Some(rpc)) = (suite, first) {
        tokio::select! {
            deployed = suite.deploy(&rpc) => deployed.context("cannot deploy the contract suite")?,
            () = &mut stop => {
                return network.stop().await;
            }
        }
        println!("contracts      {}", options.datadir.join(CONTRACTS).display());
    }
    println!("{}", network.endpoints());
    println!("data           {}", options.datadir.display());
    println!("\nThe network is up. Ctrl-C stops it and keeps its data.");
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                for (index, status) in network.ended()? {
                    eprintln!("validator-{index} ended ({status}); see {}",
                        network.log_file(index).display());
                }
                if network.is_empty() {
                    bail!("all validators have ended");
                }
            }
        }
    }
    println!("\nstopping");
    network.stop().await
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

impl Options {
    const fn ports(&self) -> Ports {
        Ports {
            rpc: self.rpc_port,
            rest: self.rest_port,
            metrics: self.metrics_port,
            p2p: self.p2p_port,
        }
    }

    /// Makes what is missing; the configurations are written anew, for the ports may have changed.
    /// A new network gets the contract suite or not; one that is there stays as it was made.
    fn init(&self, with_suite: bool) -> Result<Made> {
        if self.validators == 0 || self.validators > MAX_VALIDATORS {
            bail!("--validators {}: 1 to {MAX_VALIDATORS} are possible", self.validators);
        }
        private_folder(&self.datadir)?;
        let genesis = self.datadir.join("genesis.json");
        let spec = if genesis.exists() {
            let spec = qenex_genesis::read(&genesis)?;
            if spec.validators.len() != usize::from(self.validators) {
                bail!(
                    "{} holds a network of {} validators, not {}; use another --datadir or remove it",
                    self.datadir.display(),
                    spec.validators.len(),
                    self.validators
                );
            }
            spec
        } else {
            self.create(&genesis, with_suite)?
        };
        let suite = Suite::of(&spec)?;
        if suite.is_some() {
            std::fs::write(self.datadir.join(CONTRACTS), ADDRESSES)?;
        }
        for index in 0..self.validators {
            let path = self.folder(index).join("node.toml");
            std::fs::write(&path, toml::to_string(&self.config(index, suite.is_some()))?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let endpoints = self.endpoints();
        let text = serde_json::to_string_pretty(&endpoints)?;
        std::fs::write(self.datadir.join("endpoints.json"), text)?;
        Ok(Made { endpoints, suite })
    }

    /// Keys, secrets, specification, demo accounts. The specification comes last: as long as it is
    /// not there, the folder is made again.
    fn create(&self, genesis: &Path, with_suite: bool) -> Result<ChainSpec> {
        let mut validators = Vec::new();
        for index in 0..self.validators {
            let folder = self.folder(index);
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            private_folder(&folder)?;
            let password = random_hex();
            write_secret(&folder.join("password"), &password)?;
            // The password is random, so a costly derivation would add nothing.
            let cost = KdfCost { memory_kib: 8 * 1024, passes: 1, ..KdfCost::default() };
            let seeds = ValidatorSeeds::generate()?;
            let keystore =
                Keystore::create(folder.join("keystore.json"), password.as_bytes(), &seeds, cost)?;
            let fee_recipient =
                Address::from_word(alloy_primitives::keccak256(keystore.public().ed25519));
            validators.push(validator_spec(
                format!("validator-{index}"),
                keystore.public(),
                fee_recipient,
            )?);
        }
        for (file, secret) in [("api-key", random_hex()), ("gateway.key", random_hex())] {
            let path = self.datadir.join(file);
            let _was_there = std::fs::remove_file(&path);
            write_secret(&path, &secret)?;
        }
        let key = std::fs::read_to_string(self.datadir.join("gateway.key"))?;
        let gateway: alloy_signer_local::PrivateKeySigner = key.parse()?;
        let mut spec = qenex_genesis::development(validators, gateway.address(), unix_ms());
        spec.heartbeat_ms = self.heartbeat_ms;
        spec.gas_limit = self.gas_limit.unwrap_or(spec.gas_limit);
        let owners = load::owners(LoadOptions::default().seed, POPULATION_OWNERS)?;
        let people = (0..self.ledger_accounts).zip(owners.into_iter().cycle());
        spec.ledger.accounts.extend(people.map(|(number, owner)| LedgerAccountSpec {
            id: load::population(number),
            owner,
            account_type: "RETAIL".into(),
            jurisdiction: "US".into(),
            currency: "USD".into(),
            balances: [("USD".to_owned(), "1000.00".to_owned())].into(),
        }));
        if with_suite {
            qenex_genesis::prepare_for_suite(&mut spec);
        }
        qenex_genesis::validate(&spec)?;
        let accounts = serde_json::to_string_pretty(&qenex_genesis::demo_accounts())?;
        std::fs::write(self.datadir.join("accounts.json"), accounts)?;
        std::fs::write(genesis, qenex_genesis::to_json(&spec)?)?;
        Ok(spec)
    }

    fn folder(&self, index: u16) -> PathBuf {
        self.datadir.join(format!("validator-{index}"))
    }

    fn config(&self, index: u16, has_suite: bool) -> Config {
        let ports = self.ports();
        let peers = (0..self.validators)
            .filter(|peer| *peer != index)
            .map(|peer| Peer { index: peer, address: local(ports.p2p_of(peer)) })
            .collect();
        Config {
            genesis: "../genesis.json".into(),
            data: "data".into(),
            keys: Keys { keystore: "keystore.json".into(), password_file: Some("password".into()) },
            p2p: P2p { listen: local(ports.p2p_of(index)), peers },
            rpc: Rpc::at(local(ports.rpc_of(index))),
            rest: (index == 0).then(|| Rest {
                listen: local(ports.rest),
                api_key_file: "../api-key".into(),
                gateway_key_file: "../gateway.key".into(),
                idempotency_required: false,
                contracts_file: has_suite.then(|| Path::new("..").join(CONTRACTS)),
            }),
            metrics: Metrics { listen: local(ports.metrics_of(index)) },
            consensus: Consensus::default(),
            store: StoreConfig {
                cache_mib: 128,
                state_cache_mib: self.state_cache_mib,
                ..StoreConfig::default()
            },
        }
    }

    fn endpoints(&self) -> Endpoints {
        let ports = self.ports();
        let validators = (0..self.validators)
            .map(|index| Endpoint {
                name: format!("validator-{index}"),
                rpc: format!("http://127.0.0.1:{}", ports.rpc_of(index)),
                ws: format!("ws://127.0.0.1:{}", ports.rpc_of(index)),
                rest: (index == 0).then(|| format!("http://127.0.0.1:{}", ports.rest)),
                metrics: format!("http://127.0.0.1:{}/metrics", ports.metrics_of(index)),
                p2p: format!("127.0.0.1:{}", ports.p2p_of(index)),
            })
            .collect();
        Endpoints { chain_id: qenex_genesis::DEV_CHAIN_ID, validators, extra: BTreeMap::new() }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn private_folder(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create {}", path.display()))
}

fn random_hex() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}
