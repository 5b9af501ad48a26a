//! A node from start to stop: opens what is on disk, starts the threads, waits, stops them in order.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use parking_lot::{Mutex, RwLock};
use qenex_consensus::{
    BlockMeta, Committee, Config as CoreConfig, Core, FinalPoint, Input, Recovered, ValidatorIndex,
    View, Window,
};
use qenex_crypto::CommitteeVerifier;
use qenex_exec::Chain;
use qenex_net::{NetConfig, NetEvent, Network, NetworkHandle, PeerConfig};
use qenex_pool::{Pool, PoolConfig};
use qenex_rpc_eth::{ChainSource, NodeInfo, RpcContext};
use qenex_rpc_rest::{
    ApiKey, Gateway, Idempotency, OpsContext, RestConfig, RestContext, serve, serve_ops,
};
use qenex_store::{Store, StoreError};
use tokio::sync::{broadcast, mpsc as async_mpsc};

use crate::{
    accounts::HeadAccounts,
    clock::{Monotonic, unix_ms},
    config::Config,
    consensus::{
        Driver, DriverHandle, EPOCH, Executor, Job, Shared, Standing, States, Validators, WorkFlag,
        final_proof, on_message, on_request,
    },
    control,
    disk::{self, Disk, Identity},
    fetch::{self, Fetch, Peers},
    gossip, info, keys,
    suite::Published,
};

/// Final blocks a slow listener may fall behind before it misses some.
const HEADS_BUFFER: usize = 1_024;

/// Transactions a slow listener may fall behind before it misses some.
const PENDING_BUFFER: usize = 16_384;

/// How long the parts of a node may take to let go of the database when it ends.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(5);

/// Seconds without a new block after which waiting transactions are gossiped again.
const STANDSTILL: u32 = 2;

/// Most transactions gossiped again at a time.
const REPUBLISHED: usize = 500;

/// A configuration, key or data folder with which no start can succeed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

/// Marks an error as one that a restart cannot mend.
pub(crate) fn unusable(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Unusable(format!("{:#}", error.into())).into()
}

/// Runs the node of a configuration file until it is told to stop.
///
/// # Errors
///
/// What keeps the node from starting or going on.
pub(crate) fn run(config: &Path, stop_with_stdin: bool) -> Result<()> {
    let config = Config::read(config).map_err(unusable)?;
    let prometheus =
        PrometheusBuilder::new().install_recorder().context("cannot record metrics")?;
    // Named, so that a profile tells them from tokio's.
    rayon::ThreadPoolBuilder::new().thread_name(|n| format!("rayon-{n}")).build_global()?;
    let mut needs_state = false;
    loop {
        let identity = Identity::read(&config).map_err(unusable)?;
        let (store, options) = disk::open_own_store(&config, &identity).map_err(unusable)?;
        if needs_state || store.state_import().map_err(unusable)?.is_some() {
            let whole = begin(&config, &identity, &store, &prometheus, stop_with_stdin)?;
            if !whole {
                return Ok(());
            }
        }
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        let disk = disk::open(&config, identity, store, options).map_err(unusable)?;
        let chain = disk.chain.clone();
        let node = Node::start(&config, disk, handle, prometheus.clone(), stop_with_stdin);
        let outcome = runtime.block_on(node);
        runtime.shutdown_timeout(CLOSING);
        let outcome = match chain.damage() {
            Some(damage) => Err(unusable(damage.clone())),
            None => outcome,
        };
        close(chain);
        match outcome {
            Err(error) if error.is::<fetch::Needed>() => needs_state = true,
            other => return other,
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Fetches the state that the node begins with; whether it is whole, or the node was told to stop.
/// Meanwhile the node has peers and answers questions about its health, and does nothing else.
fn begin(
    config: &Config,
    identity: &Identity,
    store: &Store,
    prometheus: &PrometheusHandle,
    stop_with_stdin: bool,
) -> Result<bool> {
    let runtime = runtime()?;
    let stopping = Arc::new(AtomicBool::new(false));
    let progress = Arc::new(AtomicU32::new(0));
    let ready: qenex_rpc_rest::Checks = {
        let progress = progress.clone();
        Arc::new(move || {
            let permille = progress.load(Ordering::Relaxed);
            vec![("state".into(), false, format!("fetching it, {permille} of 1000 are there"))]
        })
    };
    let outcome = runtime.block_on(async {
        let net = net_config(config, identity)?;
        let (network, mut events) = Network::start(net).await.map_err(unusable)?;
        let ops = OpsContext { ready, prometheus: prometheus.clone() };
        let ops = serve_ops(config.metrics.listen, ops).await.map_err(unusable)?;
        // What peers say is of no use without a state, and their questions have no answers.
        let listener = tokio::spawn(async move { while events.recv().await.is_some() {} });
        let validators = Validators::of(&identity.spec)?;
        let peers = Peers {
            network: network.clone(),
            runtime: tokio::runtime::Handle::current(),
            stopping: {
                let stopping = stopping.clone();
                Box::new(move || stopping.load(Ordering::Relaxed))
            },
        };
        let work = {
            let (store, progress) = (store.clone(), progress.clone());
            move || {
                let (peers, validators) = (&peers, &validators);
                Fetch { store, peers, validators, progress: &progress }.run()
            }
        };
        let mut work = tokio::task::spawn_blocking(work);
        let done = tokio::select! {
            done = &mut work => done,
            () = stop_signal(stop_with_stdin) => {
                tracing::info!("stopping");
                stopping.store(true, Ordering::Relaxed);
                work.await
            }
        };
        ops.stop().await;
        network.shutdown().await;
        listener.abort();
        done.context("the fetch of the state panicked")?
    });
    runtime.shutdown_timeout(CLOSING);
    match store.damage() {
        Some(damage) => return Err(unusable(damage.clone())),
        None => outcome.context("cannot fetch the state")?,
    }
    let whole = store.state_import()?.is_none() && !stopping.load(Ordering::Relaxed);
    store.settle()?;
    Ok(whole)
}

/// Closes the database before the process ends. Its threads must not outlive `main`: the C++
/// runtime then takes their locks away, and the process aborts instead of giving its exit status.
fn close(chain: Arc<Chain>) {
    let pause = std::time::Duration::from_millis(5);
    let mut left = CLOSING;
    while Arc::strong_count(&chain) > 1 && !left.is_zero() {
        std::thread::sleep(pause);
        left = left.saturating_sub(pause);
    }
    if left.is_zero() {
        tracing::warn!("something still reads the chain: the process ends without closing it");
    }
}

struct Node;

impl Node {
    async fn start(
        config: &Config,
        disk: Disk,
        runtime: tokio::runtime::Handle,
        prometheus: PrometheusHandle,
        stop_with_stdin: bool,
    ) -> Result<()> {
        let Identity { spec, chain_id, me, .. } = &disk.identity;
        let (spec, chain_id, me) = (spec.clone(), *chain_id, *me);
        let chain = disk.chain.clone();
        let validators = spec.validators.len();
        tracing::info!(
            network = spec.name,
            chain_id = spec.chain_id,
            validator = me.0,
            of = validators,
            height = chain.head().header.number,
            "opened"
        );
        let (network, net_events) = match validators {
            1 => (None, None),
            _ => {
                let (handle, events) =
                    Network::start(net_config(config, &disk.identity)?).await.map_err(unusable)?;
                (Some(handle), Some(events))
            }
        };
        let pool = Arc::new(Pool::new(PoolConfig::new(
            spec.chain_id,
            spec.gas_limit,
            spec.base_fee.minimum,
        )));
        let (driver_events, driver_inbox) = mpsc::channel();
        let (jobs, job_inbox) = mpsc::channel();
        let driver = DriverHandle(driver_events);
        let committee = Committee::equal(EPOCH, validators, chain_id)?;
        let proof = final_proof(&chain, chain.head().header.number)?;
        let head_header = proof.as_ref().map(|proof| proof.consensus_header.clone());
        let tip_time = head_header.as_ref().map_or(spec.timestamp_ms, |header| header.time_ms);
        let shared = Arc::new(Shared {
            spec: spec.clone(),
            chain_id,
            me,
            committee: committee.clone(),
            signatures: Box::new(CommitteeVerifier::new(disk::public_keys(&spec)?)),
            chain: chain.clone(),
            pool: pool.clone(),
            network: network.clone(),
            driver: driver.clone(),
            heads: broadcast::channel(HEADS_BUFFER).0,
            runtime,
            headers: RwLock::new(
                head_header.map(|header| (chain.head().hash, header)).into_iter().collect(),
            ),
            bodies: Mutex::new(disk.bodies),
            states: States::new(&config.data, disk.options),
            window: RwLock::new(Window::default()),
            config: config.consensus.clone(),
            stopping: false.into(),
            evidence: Mutex::default(),
            standing: RwLock::new(Standing::default()),
        });
        let genesis = chain.genesis_hash()?;
        let core = Core::new(CoreConfig {
            chain_id,
            me,
            committee,
            root: BlockMeta { hash: genesis, parent: B256::ZERO, height: 0 },
            base_timeout_ms: config.consensus.base_timeout_ms,
            max_timeout_ms: config.consensus.max_timeout_ms,
            dead_after_ms: config.consensus.dead_after_ms,
        });
        let head = chain.head();
        let certificate = proof.and_then(|proof| proof.certificate);
        let recovered = Recovered {
            record: disk.record,
            finalised: FinalPoint {
                height: head.header.number,
                view: certificate.as_ref().map_or(View::ROOT, |c| c.reference.view),
                hash: head.hash,
            },
            final_certificate: certificate,
            blocks: shared.bodies.lock().blocks(),
        };
        let work = Arc::new(WorkFlag::default());
        // Servers first: a busy port must not leave threads behind.
        let info = Arc::new(info::Info { shared: shared.clone(), genesis });
        let servers = Servers::start(config, &shared, &work, &info, prometheus).await?;

        let (fatal, mut fatals) = async_mpsc::unbounded_channel();
        let executor = {
            let fetch_state_after = config.store.fetch_state_after;
            let executor = Executor::new(shared.clone(), job_inbox, work.clone(), tip_time);
            thread("executor", fatal.clone(), move || executor.run(fetch_state_after))?
        };
        if let Some(network) = network.clone().filter(|_| !chain.missing_blocks().is_empty()) {
            let stopping = shared.clone();
            let peers = Peers {
                network,
                runtime: shared.runtime.clone(),
                stopping: Box::new(move || stopping.is_stopping()),
            };
            let (chain, validators) = (chain.clone(), Validators::of(&spec)?);
            thread("history", fatal.clone(), move || fetch::fill(&chain, &peers, &validators))?;
        }
        let machine = Driver {
            shared: shared.clone(),
            core,
            wal: disk.wal,
            key: disk.identity.key,
            executor: jobs.clone(),
            events: driver_inbox,
            clock: Monotonic::start(),
            timer: None,
        };
        let driver_thread = thread("driver", fatal, move || machine.run(Input::Start(recovered)))?;
        if let Some(events) = net_events {
            tokio::spawn(listen(shared.clone(), work.clone(), servers.pending.clone(), events));
        }
        tokio::spawn(watch(shared.clone()));
        control::listen(&config.data, chain.clone())?;

        let outcome = tokio::select! {
            () = stop_signal(stop_with_stdin) => Ok(()),
            Some(error) = fatals.recv() => Err(error),
            error = damaged(&chain) => {
                tracing::error!(%error, "the node stops");
                Err(unusable(error))
            }
        };
        tracing::info!("stopping");
        shared.stopping.store(true, Ordering::Relaxed);
        servers.stop().await;
        driver.stop();
        let _ended = jobs.send(Job::Stop);
        tokio::task::spawn_blocking(move || {
            let _reported = (driver_thread.join(), executor.join());
        })
        .await?;
        if let Some(network) = network {
            network.shutdown().await;
        }
        tracing::info!(height = chain.head().header.number, "stopped");
        outcome
    }
}

/// The listeners of a node.
struct Servers {
    rpc: qenex_rpc_eth::RpcHandle,
    rest: Option<qenex_rpc_rest::RestServer>,
    ops: qenex_rpc_rest::RestServer,
    pending: broadcast::Sender<qenex_types::PooledTransaction>,
}

impl Servers {
    async fn start(
        config: &Config,
        shared: &Arc<Shared>,
        work: &Arc<WorkFlag>,
        info: &Arc<info::Info>,
        prometheus: PrometheusHandle,
    ) -> Result<Self> {
        let accounts = HeadAccounts(shared.chain.clone());
        let pending = broadcast::channel(PENDING_BUFFER).0;
        let on_transactions = {
            let (shared, work) = (shared.clone(), work.clone());
            let outbox = shared.network.clone().map(|network| {
                // Not bounded here: what is in it is in the pool, and that is bounded.
                let (outbox, inbox) = async_mpsc::unbounded_channel();
                tokio::spawn(gossip::collect(network, inbox));
                outbox
            });
            move |raw: Vec<alloy_primitives::Bytes>| {
                work.announce(&shared);
                if let Some(outbox) = &outbox {
                    let _stopping = outbox.send(raw);
                }
            }
        };
        let context = RpcContext {
            chain: ChainSource::Only(shared.chain.clone()),
            pool: shared.pool.clone(),
            accounts: Arc::new(accounts.clone()),
            heads: shared.heads.clone(),
            pending: pending.clone(),
            on_transactions: Box::new(on_transactions.clone()),
            info: info.clone(),
            client_version: format!("qenex/v{}", env!("CARGO_PKG_VERSION")),
        };
        let rpc =
            qenex_rpc_eth::serve(config.rpc.bounds(), Arc::new(context)).await.map_err(unusable)?;
        let ready: qenex_rpc_rest::Checks = {
            let info = info.clone();
            Arc::new(move || info.checks())
        };
        let ops = OpsContext { ready: ready.clone(), prometheus: prometheus.clone() };
        let ops = serve_ops(config.metrics.listen, ops).await.map_err(unusable)?;
        let rest = match &config.rest {
            None => None,
            Some(rest) => {
                let api_key = keys::read_secret(&rest.api_key_file).map_err(unusable)?;
                let gateway_key = keys::read_secret(&rest.gateway_key_file).map_err(unusable)?;
                let signer = gateway_key
                    .parse()
                    .context("the gateway's key is not a secp256k1 key in hex")
                    .map_err(unusable)?;
                let contracts = match &rest.contracts_file {
                    Some(file) => {
                        let read = Published::read(file, shared.spec.chain_id);
                        read.context("rest.contracts_file").map_err(unusable)?.contracts
                    }
                    None => BTreeMap::new(),
                };
                let pool = shared.pool.clone();
                let submit = move |raw: alloy_primitives::Bytes| {
                    let hash = pool.add_raw(&raw, &accounts).map_err(|error| error.to_string())?;
                    on_transactions(vec![raw]);
                    Ok(hash)
                };
                let json = info.clone();
                let context = RestContext {
                    chain: shared.chain.clone(),
                    gateway: Arc::new(Gateway::new(signer, shared.chain.clone(), Box::new(submit))),
                    api_key: ApiKey::new(&api_key).map_err(unusable)?,
                    heads: shared.heads.clone(),
                    info: Arc::new(move || json.blockchain_info()),
                    contracts,
                    ready,
                    prometheus,
                };
                let mut bounds = RestConfig::new(rest.listen);
                if !rest.idempotency_required {
                    bounds.idempotency = Idempotency::Optional;
                }
                Some(serve(bounds, Arc::new(context)).await.map_err(unusable)?)
            }
        };
        Ok(Self { rpc, rest, ops, pending })
    }

    async fn stop(self) {
        if let Some(rest) = self.rest {
            rest.stop().await;
        }
        // Subscriptions and idle connections do not end by themselves.
        let limit = std::time::Duration::from_secs(3);
        let _cut_off = tokio::time::timeout(limit, self.rpc.stop()).await;
        self.ops.stop().await;
    }
}

fn net_config(config: &Config, identity: &Identity) -> Result<NetConfig> {
    let addresses: BTreeMap<u16, _> =
        config.p2p.peers.iter().map(|peer| (peer.index, peer.address)).collect();
    let mut peers = Vec::new();
    for (index, validator) in (0_u16..).zip(&identity.spec.validators) {
        if index == identity.me.0 {
            continue;
        }
        let address = addresses.get(&index).with_context(|| {
            format!("p2p.peers names no address for validator {index} ({})", validator.name)
        });
        peers.push(PeerConfig {
            index,
            peer_id: validator.peer_id.clone(),
            address: *address.map_err(unusable)?,
        });
    }
    Ok(NetConfig {
        keypair_seed: identity.seeds.network,
        listen: config.p2p.listen,
        peers,
        chain: identity.chain_id.0,
    })
}

/// Starts a thread whose failure stops the node.
fn thread(
    name: &str,
    fatal: async_mpsc::UnboundedSender<anyhow::Error>,
    body: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<JoinHandle<()>> {
    let label = name.to_owned();
    let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        let error = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) if error.is::<fetch::Needed>() => {
                let _stopping = fatal.send(error);
                return;
            }
            Ok(Err(error)) => error.context(format!("the {label} failed")),
            Err(_) => anyhow::anyhow!("the {label} panicked"),
        };
        tracing::error!(error = format!("{error:#}"), "the node stops");
        let _stopping = fatal.send(error);
    })?;
    Ok(handle)
}

/// Passes on what peers send.
async fn listen(
    shared: Arc<Shared>,
    work: Arc<WorkFlag>,
    pending: broadcast::Sender<qenex_types::PooledTransaction>,
    mut events: tokio::sync::mpsc::Receiver<NetEvent>,
) {
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::Connected(peer) => {
                tracing::info!(peer, "connected");
                shared.driver.send(Input::PeerConnected(ValidatorIndex(peer)));
            }
            NetEvent::Disconnected(peer) => tracing::info!(peer, "disconnected"),
            NetEvent::Message { from, bytes, .. } => on_message(&shared, from, bytes),
            NetEvent::Request { from, bytes, reply } => {
                let shared = shared.clone();
                tokio::task::spawn_blocking(move || {
                    if let Some(answer) = on_request(&shared, from, &bytes) {
                        let _gone = reply.send(answer);
                    }
                });
            }
            NetEvent::Transactions { from, bytes } => {
                let (shared, work) = (shared.clone(), work.clone());
                let pending = pending.clone();
                // Recovery of signatures: in order, one batch at a time, beside everything else.
                let admitted = tokio::task::spawn_blocking(move || {
                    let accounts = HeadAccounts(shared.chain.clone());
                    let admitted = gossip::receive(&shared.pool, &accounts, &bytes);
                    match &admitted {
                        Some(hashes) if !hashes.is_empty() => work.announce(&shared),
                        Some(_) => {}
                        None => {
                            if let (Some(network), Some(from)) = (&shared.network, from) {
                                network.report(from, "malformed batch of transactions");
                            }
                        }
                    }
                    if pending.receiver_count() > 0 {
                        for transaction in
                            admitted.iter().flatten().filter_map(|hash| shared.pool.get(hash))
                        {
                            let _nobody = pending.send(transaction);
                        }
                    }
                })
                .await;
                if let Err(error) = admitted {
                    tracing::error!(%error, "cannot admit transactions of a peer");
                }
            }
        }
    }
}

/// Returns when somebody met damage in the database, also one who only read for a wallet: what is
/// wrong in one place may be wrong in others, and nobody may build on it.
async fn damaged(chain: &Chain) -> StoreError {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        ticks.tick().await;
        if let Some(damage) = chain.damage() {
            return damage.clone();
        }
    }
}

/// Keeps gauges current and the pool's waiting room clean.
async fn watch(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
    let (mut height, mut same) = (0, 0);
    while !shared.is_stopping() {
        ticks.tick().await;
        let now = shared.chain.head().header.number;
        same = if now == height { same + 1 } else { 0 };
        height = now;
        if same >= STANDSTILL
            && let Some(network) = &shared.network
        {
            // A leader may have missed what waits here: it was away, or gossip lost it.
            gossip::publish(network, &shared.pool.raws(REPUBLISHED), unix_ms());
        }
        shared.pool.expire(unix_ms());
        let states = shared.clone();
        // Closes databases and removes files.
        tokio::task::spawn_blocking(move || states.states.expire());
        let pool = shared.pool.status();
        metrics::gauge!("qenex_pool_pending_transactions").set(count(pool.pending));
        metrics::gauge!("qenex_pool_queued_transactions").set(count(pool.queued));
        if let Some(network) = &shared.network {
            observe(network);
        }
    }
}

fn observe(network: &NetworkHandle) {
    let stats = network.stats();
    metrics::gauge!("qenex_net_peers").set(count(network.connected().len()));
    metrics::counter!("qenex_net_strangers_total").absolute(stats.strangers);
    metrics::counter!("qenex_net_offences_total").absolute(stats.offences);
    metrics::counter!("qenex_net_transaction_batches_dropped_total")
        .absolute(stats.transactions_dropped);
}

fn count(n: usize) -> f64 {
    crate::consensus::to_gauge(u64::try_from(n).unwrap_or(u64::MAX))
}

/// Returns when the process is told to stop: SIGINT, SIGTERM, or the end of standard input.
pub(crate) async fn stop_signal(stop_with_stdin: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let stdin = async {
        if stop_with_stdin {
            let (ended, end) = tokio::sync::oneshot::channel();
            // A thread of its own: a blocked read of standard input cannot be cancelled.
            std::thread::spawn(move || {
                let _bytes = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                let _stopping = ended.send(());
            });
            let _ended = end.await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
        () = stdin => {}
    }
}
