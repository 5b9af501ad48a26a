//! Binding, limits, start and stop.

use std::{net::SocketAddr, sync::Arc};

use jsonrpsee::{
    server::{
        BatchRequestConfig, IdProvider, Methods, PingConfig, RegisterMethodError, Server,
        ServerConfig, ServerHandle, middleware::rpc::RpcServiceBuilder,
        serve_with_graceful_shutdown, stop_channel,
    },
    types::SubscriptionId,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::{
    RpcConfig, RpcContext, admission::Admission, api::Api, filters::Ids, http::Front,
    limit::Clients, methods, middleware::RpcLayer, namespace::Namespace, subscribe,
};

/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Messages that may wait for a slow WebSocket reader before its subscriptions are dropped.
const MESSAGE_BUFFER: u32 = 1_024;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// Somebody else listens there.
    #[error("cannot listen for JSON-RPC on {address}: the port is in use by another program")]
    PortInUse {
        /// Where it should have listened.
        address: SocketAddr,
    },
    /// The address cannot be used.
    #[error("cannot listen for JSON-RPC on {address}: {source}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// An origin that no browser sends.
    #[error("rpc.cors_origins: {origin:?} is no origin such as https://app.example.com")]
    Origin {
        /// As configured.
        origin: String,
    },
    /// No threads to work on.
    #[error("cannot start the threads that answer JSON-RPC: {0}")]
    Threads(#[source] std::io::Error),
    /// Two methods of one name.
    #[error("cannot register the methods: {0}")]
    Methods(#[from] RegisterMethodError),
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct RpcHandle {
    address: SocketAddr,
    server: ServerHandle,
    subscriptions: JoinHandle<()>,
}

impl RpcHandle {
    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and returns when those under way are answered.
    pub async fn stop(self) {
        self.subscriptions.abort();
        // Fails only if it has stopped already.
        let _ = self.server.stop();
        self.server.clone().stopped().await;
    }
}

impl Drop for RpcHandle {
    fn drop(&mut self) {
        self.subscriptions.abort();
        let _ = self.server.stop();
    }
}

/// Hexadecimal subscription ids, as Ethereum libraries expect them.
#[derive(Debug, Default)]
struct HexIds(Ids);

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#034x}", self.0.next()).into()
    }
}

/// The origins whose pages may ask.
fn origins(allowed: &[String]) -> Result<AllowOrigin, RpcError> {
    if allowed.iter().any(|origin| origin == "*") {
        return Ok(AllowOrigin::any());
    }
    let one = |origin: &String| {
        let wrong = || RpcError::Origin { origin: origin.clone() };
        let whole = origin.starts_with("http://") || origin.starts_with("https://");
        whole.then(|| origin.parse().ok()).flatten().ok_or_else(wrong)
    };
    Ok(AllowOrigin::list(allowed.iter().map(one).collect::<Result<Vec<_>, _>>()?))
}

/// Starts serving JSON-RPC over HTTP and WebSocket.
///
/// # Errors
///
/// [`RpcError`]; a busy port is told apart from other failures.
pub async fn serve(config: RpcConfig, context: Arc<RpcContext>) -> Result<RpcHandle, RpcError> {
    let address = config.listen;
    let listen = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => RpcError::PortInUse { address },
        _ => RpcError::Listen { address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;

    let admission = Admission::start(Arc::clone(&context), config.fee_cap());
    let limits = ServerConfig::builder()
        .max_request_body_size(config.max_body)
        .max_response_body_size(config.max_response)
        .max_connections(config.max_connections)
        .max_subscriptions_per_connection(config.max_subscriptions)
        .set_batch_request_config(BatchRequestConfig::Limit(config.max_batch))
        .set_message_buffer_capacity(MESSAGE_BUFFER)
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(HexIds::default())
        .set_tcp_no_delay(true)
        .build();

    let api = Api::new(config, Arc::clone(&context), admission).map_err(RpcError::Threads)?;
    let api = Arc::new(api);
    let hub = Arc::new(subscribe::Hub::default());
    let mut module = methods::module(Arc::clone(&api))?;
    subscribe::register(&mut module, Arc::clone(&hub))?;
    // The layer knows the names of what is served, and passes on nothing else.
    let served = |name: &&'static str| {
        // Those of a development node are only there where they are meant to be.
        methods::dev::is_own(name)
            || Namespace::of(name)
                .is_some_and(|namespace| api.config.namespaces.contains(&namespace))
    };
    let names: Vec<&'static str> = module.method_names().filter(served).collect();
    let rpc_layer = RpcLayer::new(Arc::clone(&api), names.into_iter());

    let cors = CorsLayer::new()
        .allow_origin(origins(&api.config.cors_origins)?)
        .allow_methods(Any)
        .allow_headers(Any);
    let (stop, server) = stop_channel();
    let service = Server::builder().set_config(limits).to_service_builder();
    let methods: Methods = module.into();
    let clients = Clients::new(api.config.rate_limit);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.clone().shutdown() => return,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly too many open files: others must end first.
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let _best_effort = socket.set_nodelay(true);
            let client = clients.of(peer.ip());
            let front = Front { context: Arc::clone(&context), client: client.clone() };
            let http = ServiceBuilder::new().layer(cors.clone()).layer(front);
            let connection = service
                .clone()
                .set_http_middleware(http)
                .set_rpc_middleware(RpcServiceBuilder::new().layer(rpc_layer.of(client)))
                .build(methods.clone(), stop.clone());
            let stopped = stop.clone().shutdown();
            tokio::spawn(async move {
                let _ended = serve_with_graceful_shutdown(socket, connection, stopped).await;
            });
        }
    });
    let subscriptions = hub.start(api);
    tracing::info!(%address, "JSON-RPC is listening");
    Ok(RpcHandle { address, server, subscriptions })
}
