//! Binding, limits, start and stop.

use std::{net::SocketAddr, sync::Arc};

use jsonrpsee::{
    server::{
        BatchRequestConfig, IdProvider, PingConfig, RegisterMethodError, Server, ServerConfig,
        ServerHandle, middleware::rpc::RpcServiceBuilder,
    },
    types::SubscriptionId,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tower::ServiceBuilder;
use tower_http::cors::{Any, CorsLayer};

use crate::{
    RpcConfig, RpcContext, admission::Admission, api::Api, filters::Ids, http::GetRoutes, methods,
    middleware::RpcLayer, namespace::Namespace, subscribe,
};

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
    let listener = listener.into_std().map_err(listen)?;

    let admission = Admission::start(Arc::clone(&context));
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
        Namespace::of(name).is_some_and(|namespace| api.config.namespaces.contains(&namespace))
    };
    let names: Vec<&'static str> = module.method_names().filter(served).collect();
    let rpc_layer = RpcLayer::new(Arc::clone(&api), names.into_iter());

    let cors = CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any);
    let http_layers = ServiceBuilder::new().layer(cors).layer(GetRoutes(context));
    let server = Server::builder()
        .set_config(limits)
        .set_http_middleware(http_layers)
        .set_rpc_middleware(RpcServiceBuilder::new().layer(rpc_layer))
        .build_from_tcp(listener)
        .map_err(listen)?
        .start(module);
    let subscriptions = hub.start(api);
    tracing::info!(%address, "JSON-RPC is listening");
    Ok(RpcHandle { address, server, subscriptions })
}
