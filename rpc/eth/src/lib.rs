//! Ethereum JSON-RPC over HTTP and WebSocket, on one port.
//!
//! What wallets, libraries and Foundry call, with the errors they expect. Only final blocks are
//! shown, so `latest`, `safe` and `finalized` are one. Knows nothing of consensus: what it says of
//! it comes as JSON through [`NodeInfo`]; chain and pool are read directly.
//!
//! - `server.rs`: binding, limits, start and stop; `http.rs`: the two plain GET routes.
//! - `middleware.rs`: unknown methods, batches, metrics; `args.rs`, `error.rs`: parameters, errors.
//! - `development.rs`: what a development node can do, and a validator never.
//! - `namespace.rs`: which methods are served at all.
//! - `api.rs`: what methods share; `methods/`: the methods; `convert.rs`: blocks as clients see them.
//! - `admission.rs`: raw transactions of all connections in few large batches to the pool.
//! - `filters.rs`, `subscribe.rs`: polling filters and WebSocket subscriptions.

mod admission;
mod api;
mod args;
mod convert;
mod development;
mod error;
mod filters;
mod http;
mod lane;
mod limit;
mod methods;
mod middleware;
mod namespace;
mod server;
mod subscribe;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use alloy_primitives::{B256, Bytes, U256};
use qenex_exec::{ExecError, SealedBlock};
use qenex_pool::{AccountReader, Pool};
use qenex_types::PooledTransaction;
use serde_json::Value;
use tokio::sync::broadcast;

pub use development::{ChainSource, Development, DevelopmentError, Mining};
pub use namespace::Namespace;
pub use server::{RpcError, RpcHandle, serve};

/// Where to listen, and the bounds of a request.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// Address of both HTTP and WebSocket. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Namespaces whose methods are served.
    pub namespaces: BTreeSet<Namespace>,
    /// Most bytes of a request body or WebSocket message.
    pub max_body: u32,
    /// Most bytes of a response.
    pub max_response: u32,
    /// Most connections.
    pub max_connections: u32,
    /// Most subscriptions of one connection.
    pub max_subscriptions: u32,
    /// Most calls of a batch.
    pub max_batch: u32,
    /// Units a second that one address may ask for; a plain read takes 1, `eth_call` 10, a trace 50.
    /// 0: no limit.
    pub rate_limit: u32,
    /// Origins whose pages may ask; `*`: all.
    pub cors_origins: Vec<String>,
    /// Most gas of `eth_call` and its like.
    pub gas_cap: u64,
    /// Most blocks `eth_getLogs` may range over.
    pub max_log_blocks: u64,
    /// Most logs an answer may have.
    pub max_logs: usize,
    /// Most polling filters at a time.
    pub max_filters: usize,
    /// Calls, estimates, proofs and log queries that run at a time.
    pub max_heavy: usize,
    /// Priority fee suggested when recent blocks give no example, wei per gas.
    pub default_priority_fee: u128,
    /// Traces that run at a time; more wait.
    pub max_traces: usize,
    /// How long a trace may take unless its options say otherwise, milliseconds.
    pub trace_timeout_ms: u64,
    /// Most bytes of steps a trace may record.
    pub max_trace_bytes: usize,
    /// Most blocks `trace_filter` may range over.
    pub max_trace_blocks: u64,
    /// How long `eth_sendRawTransactionSync` waits unless told otherwise, milliseconds.
    pub sync_timeout_ms: u64,
    /// Longest that `eth_sendRawTransactionSync` can be told to wait, milliseconds.
    pub max_sync_timeout_ms: u64,
    /// How long a call or an estimate may take, milliseconds.
    pub call_timeout_ms: u64,
    /// Most that a transaction sent here may pay for gas, 10^9 wei; 0: no bound.
    pub fee_cap_gwei: u64,
}

impl RpcConfig {
    /// The usual bounds.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            namespaces: Namespace::usual(listen),
            max_body: 10 << 20,
            max_response: 32 << 20,
            max_connections: 500,
            max_subscriptions: 64,
            max_batch: 1_000,
            rate_limit: if listen.ip().is_loopback() { 0 } else { 1_000 },
            cors_origins: vec!["*".to_owned()],
            gas_cap: 50_000_000,
            max_log_blocks: 10_000,
            max_logs: 10_000,
            max_filters: 10_000,
            max_heavy: 4,
            max_traces: 2,
            trace_timeout_ms: 5_000,
            max_trace_bytes: 256 << 20,
            max_trace_blocks: 100,
            default_priority_fee: 1_000_000_000,
            sync_timeout_ms: 20_000,
            max_sync_timeout_ms: 60_000,
            call_timeout_ms: 5_000,
            fee_cap_gwei: 1_000_000_000,
        }
    }

    /// [`RpcConfig::fee_cap_gwei`] in wei; none: no cap.
    fn fee_cap(&self) -> Option<U256> {
        let gwei = U256::from(1_000_000_000_u64);
        (self.fee_cap_gwei > 0).then(|| U256::from(self.fee_cap_gwei).saturating_mul(gwei))
    }
}

/// What the node knows of itself and its consensus.
pub trait NodeInfo: Send + Sync {
    /// Connected peers.
    fn peer_count(&self) -> usize;
    /// Final height and the highest known one while the node catches up.
    fn syncing(&self) -> Option<(u64, u64)>;
    /// Answer of `GET /api/v1/blockchain/info` and `qenex_blockchainInfo`.
    fn blockchain_info(&self) -> Value;
    /// Answer of `qenex_consensusState`.
    fn consensus_state(&self) -> Value;
    /// Answer of `qenex_getValidators`.
    fn validators(&self) -> Value;
    /// Answer of `qenex_getSettlementProof`: null if no final transaction has this hash.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read.
    fn settlement_proof(&self, transaction: B256) -> Result<Value, ExecError>;
    /// Answer of `qenex_getEvidence`.
    fn evidence(&self) -> Value;
    /// The commit certificate of a final block.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read.
    fn certificate(&self, height: u64) -> Result<Option<Bytes>, ExecError>;
}

/// What the methods work on.
pub struct RpcContext {
    /// Final blocks and state.
    pub chain: ChainSource,
    /// Pending transactions.
    pub pool: Arc<Pool>,
    /// Accounts of the final head, for admission to the pool.
    pub accounts: Arc<dyn AccountReader>,
    /// Final blocks, sent by the node after `chain` shows them.
    pub heads: broadcast::Sender<Arc<SealedBlock>>,
    /// Transactions new in the pool. Those admitted here are sent here; the node sends the others.
    pub pending: broadcast::Sender<PooledTransaction>,
    /// Called with the raw transactions admitted here, for gossip and to wake consensus.
    pub on_transactions: Box<dyn Fn(Vec<Bytes>) + Send + Sync>,
    /// The node.
    pub info: Arc<dyn NodeInfo>,
    /// Answer of `web3_clientVersion`, e.g. `qenex/v0.1.0/linux-x86_64`.
    pub client_version: String,
}

impl std::fmt::Debug for RpcContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcContext").field("client_version", &self.client_version).finish()
    }
}
