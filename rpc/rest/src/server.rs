//! The listeners: the bank facade, and the operations port that every validator has.

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use alloy_primitives::Address;
use axum::{
    Router, middleware,
    routing::{get, post},
    serve::ListenerExt,
};
use metrics_exporter_prometheus::PrometheusHandle;
use qenex_exec::{Chain, SealedBlock};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, broadcast, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    docs,
    frame::{ApiKey, Gate, frame},
    gateway::Gateway,
    handlers::{self, App},
    openapi::openapi_json,
    orders::Orders,
};

/// Requests that run at a time; most of them only wait for a block.
const MAX_REQUESTS: usize = 4_096;

/// Requests on the operations port that run at a time.
const MAX_OPS_REQUESTS: usize = 64;

/// How long [`RestServer::stop`] waits for requests that are running.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Named checks: name, whether it passes, what it found.
pub type Checks = Arc<dyn Fn() -> Vec<(String, bool, String)> + Send + Sync>;

/// Makes the JSON of `GET /api/v1/blockchain/info`.
pub type Info = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Whether clients must send an idempotency key with each payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idempotency {
    /// A payment without one is refused.
    #[default]
    Required,
    /// A missing one is made and returned: for development, where bare examples shall run.
    Optional,
}

/// Bounds of the facade.
#[derive(Clone, Debug)]
pub struct RestConfig {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Largest request body, bytes.
    pub max_body_bytes: usize,
    /// How long a request may take in all; longer than `settle_timeout`.
    pub request_timeout: Duration,
    /// How long a request waits for its block before it is answered with 202.
    pub settle_timeout: Duration,
    /// Whether payments need an idempotency key.
    pub idempotency: Idempotency,
}

impl RestConfig {
    /// The usual bounds: 256 KiB, 30 s in all, 10 s for a block, idempotency keys required.
    #[must_use]
    pub const fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            max_body_bytes: 256 * 1024,
            request_timeout: Duration::from_secs(30),
            settle_timeout: Duration::from_secs(10),
            idempotency: Idempotency::Required,
        }
    }
}

/// What the facade works with.
pub struct RestContext {
    /// The chain it reads.
    pub chain: Arc<Chain>,
    /// The key it acts with.
    pub gateway: Arc<Gateway>,
    /// What clients authenticate with.
    pub api_key: ApiKey,
    /// Announces each final block, after the chain shows its state.
    pub heads: broadcast::Sender<Arc<SealedBlock>>,
    /// The chain's state as the JSON-RPC port tells it.
    pub info: Info,
    /// Addresses of contracts to publish, by name.
    pub contracts: BTreeMap<String, Address>,
    /// The node's checks.
    pub ready: Checks,
    /// The node's metrics.
    pub prometheus: PrometheusHandle,
}

/// What the operations port works with.
pub struct OpsContext {
    /// The node's checks.
    pub ready: Checks,
    /// The node's metrics.
    pub prometheus: PrometheusHandle,
}

impl fmt::Debug for RestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestContext").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpsContext").finish_non_exhaustive()
    }
}

/// Why a listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// Another process has the port.
    #[error("port {port} on {host} is in use by another process", port = .0.port(), host = .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The API's description has no JSON form.
    #[error("the API description cannot be written: {0}")]
    Description(#[from] serde_json::Error),
}

/// A running listener. Dropping it stops it at once.
#[derive(Debug)]
pub struct RestServer {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    follower: Option<JoinHandle<()>>,
}

impl RestServer {
    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes no new requests, gives running ones five seconds, then ends.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that it has ended already.
            let _ = stop.send(());
        }
        if timeout(STOP_TIMEOUT, &mut self.server).await.is_err() {
            tracing::warn!(address = %self.local_addr, "requests cut off at shutdown");
        }
    }
}

impl Drop for RestServer {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(follower) = &self.follower {
            follower.abort();
        }
    }
}

/// Starts the bank facade.
///
/// # Errors
///
/// [`RestError`] if it cannot listen.
pub async fn serve(config: RestConfig, context: Arc<RestContext>) -> Result<RestServer, RestError> {
    let listener = bind(config.listen).await?;
    let openapi = openapi_json()?;
    let gate = Arc::new(Gate {
        api_key: Some(context.api_key.clone()),
        requests: Semaphore::new(MAX_REQUESTS),
        request_timeout: config.request_timeout,
    });
    let ops = OpsContext { ready: context.ready.clone(), prometheus: context.prometheus.clone() };
    let follower = tokio::spawn(context.gateway.clone().run(context.heads.subscribe()));
    let app = Arc::new(App {
        config,
        orders: Arc::new(Orders::new(context.gateway.clone())),
        docs: docs::page(&serde_json::from_str(&openapi)?),
        openapi,
        context,
    });
    let router = Router::new()
        .route("/api/v1/accounts", post(handlers::open_account))
        .route("/api/v1/accounts/{id}", get(handlers::get_account))
        .route("/api/v1/transactions", post(handlers::pay))
        .route("/api/v1/transactions/{id}", get(handlers::get_transaction))
        .route("/api/v1/blockchain/info", get(handlers::blockchain_info))
        .route("/api/v1/contracts", get(handlers::contracts))
        .route("/api/v1/openapi.json", get(handlers::openapi))
        .route("/api/v1/docs", get(handlers::docs))
        .route("/docs", get(handlers::docs))
        .with_state(app)
        .merge(ops_routes(ops));
    start(listener, router, gate, Some(follower))
}

/// Starts the operations port: `/health`, `/ready` and `/metrics`, without a key.
///
/// # Errors
///
/// [`RestError`] if it cannot listen.
pub async fn serve_ops(listen: SocketAddr, context: OpsContext) -> Result<RestServer, RestError> {
    let listener = bind(listen).await?;
    let gate = Arc::new(Gate {
        api_key: None,
        requests: Semaphore::new(MAX_OPS_REQUESTS),
        request_timeout: Duration::from_secs(10),
    });
    start(listener, ops_routes(context), gate, None)
}

fn ops_routes(context: OpsContext) -> Router {
    Router::new()
        .route("/health", get(handlers::health))
        .route("/ready", get(handlers::ready))
        .route("/metrics", get(handlers::metrics))
        .with_state(Arc::new(context))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RestError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => RestError::PortInUse(address),
        _ => RestError::Listen { address, source },
    })
}

fn start(
    listener: TcpListener,
    router: Router,
    gate: Arc<Gate>,
    follower: Option<JoinHandle<()>>,
) -> Result<RestServer, RestError> {
    let local_addr = listener
        .local_addr()
        .map_err(|source| RestError::Listen { address: ([0, 0, 0, 0], 0).into(), source })?;
    let router = router
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .layer(middleware::from_fn_with_state(gate, frame));
    let listener = listener.tap_io(|stream| {
        // Only a matter of speed: an answer must not wait for the next one.
        let _ = stream.set_nodelay(true);
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let until = async move {
            let _ = stopped.await;
        };
        let serving = axum::serve(listener, router).with_graceful_shutdown(until);
        if let Err(error) = serving.await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
    Ok(RestServer { local_addr, stop: Some(stop), server, follower })
}
