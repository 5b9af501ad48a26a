//! `node.toml`: where a node keeps its data, listens, and finds its peers.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use qenex_rpc_eth::{Namespace, RpcConfig};
use qenex_trie::TreeOptions;
use serde::{Deserialize, Serialize};

/// The whole file. Relative paths are relative to the file's folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The chain specification.
    pub(crate) genesis: PathBuf,
    /// Database, vote state and open blocks.
    pub(crate) data: PathBuf,
    /// The validator's keys.
    pub(crate) keys: Keys,
    /// Other validators.
    pub(crate) p2p: P2p,
    /// JSON-RPC over HTTP and WebSocket.
    pub(crate) rpc: Rpc,
    /// The bank facade; absent: not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rest: Option<Rest>,
    /// Health and Prometheus metrics.
    pub(crate) metrics: Metrics,
    /// Timing of consensus.
    #[serde(default)]
    pub(crate) consensus: Consensus,
    /// Memory.
    #[serde(default)]
    pub(crate) store: StoreConfig,
}

/// The validator's keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// The encrypted keystore.
    pub(crate) keystore: PathBuf,
    /// A file with the password, mode 0600. The environment variable `QENEX_KEYSTORE_PASSWORD` is
    /// used without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Other validators.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct P2p {
    /// UDP address for QUIC.
    pub(crate) listen: SocketAddr,
    /// Where the other validators listen; their identities are in the specification.
    #[serde(default)]
    pub(crate) peers: Vec<Peer>,
}

/// One other validator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    /// Its index in the specification.
    pub(crate) index: u16,
    /// Its UDP address.
    pub(crate) address: SocketAddr,
}

/// The section `[rpc]`: an address, and bounds that are [`RpcConfig`]'s unless given.
macro_rules! rpc {
    ($($(#[doc = $doc:literal])* $field:ident: $type:ty,)*) => {
        /// JSON-RPC over HTTP and WebSocket.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Rpc {
            /// TCP address.
            pub(crate) listen: SocketAddr,
            /// Namespaces served; absent: all on loopback, else all but `debug`, `ots`, `trace`,
            /// `txpool`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub(crate) api: Option<BTreeSet<Namespace>>,
            $(
                $(#[doc = $doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub(crate) $field: Option<$type>,
            )*
        }

        impl Rpc {
            /// Only an address; the usual bounds.
            pub(crate) const fn at(listen: SocketAddr) -> Self {
                Self { listen, api: None, $($field: None,)* }
            }

            /// What the server is started with.
            pub(crate) fn bounds(&self) -> RpcConfig {
                let usual = RpcConfig::new(self.listen);
                RpcConfig {
                    namespaces: self.api.clone().unwrap_or(usual.namespaces),
                    $($field: self.$field.clone().unwrap_or(usual.$field),)*
                    ..usual
                }
            }
        }
    };
}

rpc! {
    /// Most bytes of a request body or WebSocket message.
    max_body: u32,
    /// Most bytes of a response.
    max_response: u32,
    /// Most calls of a batch.
    max_batch: u32,
    /// Most connections.
    max_connections: u32,
    /// Most subscriptions of one connection.
    max_subscriptions: u32,
    /// Units a second that one address may ask for; a plain read takes 1, `eth_call` 10, a trace 50.
    rate_limit: u32,
    /// Origins whose pages may ask; `*`: all.
    cors_origins: Vec<String>,
    /// Most gas of `eth_call` and its like.
    gas_cap: u64,
    /// Most blocks `eth_getLogs` may range over.
    max_log_blocks: u64,
    /// Most logs an answer may have.
    max_logs: usize,
    /// Most polling filters at a time.
    max_filters: usize,
    /// Calls, estimates, proofs and log queries that run at a time.
    max_heavy: usize,
    /// Traces that run at a time.
    max_traces: usize,
    /// How long a trace may take unless its options say otherwise, milliseconds.
    trace_timeout_ms: u64,
    /// Most bytes of steps a trace may record.
    max_trace_bytes: usize,
    /// Most blocks `trace_filter` may range over.
    max_trace_blocks: u64,
    /// How long `eth_sendRawTransactionSync` waits unless told otherwise, milliseconds.
    sync_timeout_ms: u64,
    /// Longest that `eth_sendRawTransactionSync` can be told to wait, milliseconds.
    max_sync_timeout_ms: u64,
    /// How long a call or an estimate may take, milliseconds.
    call_timeout_ms: u64,
    /// Most that a transaction sent here may pay for gas, 10^9 wei; 0: no bound.
    fee_cap_gwei: u64,
}

/// The bank facade.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rest {
    /// TCP address.
    pub(crate) listen: SocketAddr,
    /// A file with the API key, mode 0600.
    pub(crate) api_key_file: PathBuf,
    /// A file with the gateway's secp256k1 key in hex, mode 0600.
    pub(crate) gateway_key_file: PathBuf,
    /// Whether payments must carry an `Idempotency-Key`.
    #[serde(default = "yes")]
    pub(crate) idempotency_required: bool,
    /// A file with addresses of contracts to publish, as `contracts/deployments/` has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contracts_file: Option<PathBuf>,
}

/// Health and Prometheus metrics.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    /// TCP address.
    pub(crate) listen: SocketAddr,
}

/// Timing of consensus.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Consensus {
    /// Time a view gets on a good day, milliseconds: about four times its usual duration.
    pub(crate) base_timeout_ms: u64,
    /// Longest time a view gets, milliseconds.
    pub(crate) max_timeout_ms: u64,
    /// A leader that was silent this long is skipped, milliseconds; 0: never.
    pub(crate) dead_after_ms: u64,
    /// Shortest time from one block to the next this node builds, milliseconds. A block costs every
    /// validator signatures and syncs however few transactions it has.
    pub(crate) min_block_ms: u64,
    /// Longest time the leader spends executing a block it builds, milliseconds.
    pub(crate) build_ms: u64,
    /// Most transactions in a block it builds.
    pub(crate) max_transactions: usize,
}

impl Default for Consensus {
    fn default() -> Self {
        Self {
            base_timeout_ms: 1_000,
            max_timeout_ms: 10_000,
            dead_after_ms: 3_000,
            min_block_ms: 20,
            build_ms: 50,
            max_transactions: 10_000,
        }
    }
}

/// Of which blocks states are kept. Blocks and receipts are kept in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pruning {
    /// Of the last `keep_states`.
    Full,
    /// Of all from now on.
    Archive,
}

/// Memory and disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreConfig {
    /// RocksDB's block cache, MiB.
    pub(crate) cache_mib: usize,
    /// Accounts, slots and trie nodes kept ready for execution, MiB. What is not there is read from
    /// RocksDB: a payment between accounts that were not used for long takes several times as long.
    pub(crate) state_cache_mib: usize,
    /// Of which blocks states are kept.
    pub(crate) pruning: Pruning,
    /// With `full`: of how many blocks; never fewer than the proof window.
    pub(crate) keep_states: u64,
    /// How many blocks back accounts and slots can be proven.
    pub(crate) proof_window: u64,
    /// A node without blocks that finds the network so many views ahead begins with a state of its
    /// peers, and fetches the blocks before it afterwards, instead of executing all; 0: never.
    pub(crate) fetch_state_after: u64,
    /// Whether values are encrypted on disk, with a key that the keystore protects.
    pub(crate) encrypt: bool,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            cache_mib: 256,
            state_cache_mib: 256,
            pruning: Pruning::Full,
            keep_states: 100_000,
            proof_window: 256,
            fetch_state_after: 10_000,
            encrypt: false,
        }
    }
}

impl StoreConfig {
    /// What the state is opened with.
    pub(crate) fn tree(&self) -> TreeOptions {
        TreeOptions {
            proof_window: self.proof_window,
            keep_states: (self.pruning == Pruning::Full).then_some(self.keep_states),
            ..TreeOptions::default().cached_bytes(self.state_cache_mib.saturating_mul(1 << 20))
        }
    }
}

const fn yes() -> bool {
    true
}

impl Config {
    /// Reads a file and makes its paths absolute.
    ///
    /// # Errors
    ///
    /// Names the file, and for a syntax error line and column.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let mut config: Self = toml::from_str(&text)
            .with_context(|| format!("the configuration {} is not valid", path.display()))?;
        if config.consensus.base_timeout_ms == 0
            || config.consensus.max_timeout_ms < config.consensus.base_timeout_ms
        {
            bail!(
                "the configuration {} is not valid: consensus.max_timeout_ms must be at least \
                 consensus.base_timeout_ms, and that above 0",
                path.display()
            );
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut paths = vec![&mut config.genesis, &mut config.data, &mut config.keys.keystore];
        paths.extend(config.keys.password_file.as_mut());
        if let Some(rest) = &mut config.rest {
            paths.extend([&mut rest.api_key_file, &mut rest.gateway_key_file]);
            paths.extend(rest.contracts_file.as_mut());
        }
        for path in paths {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        genesis = "../genesis.json"
        data = "data"
        [keys]
        keystore = "keystore.json"
        [p2p]
        listen = "127.0.0.1:30300"
        [rpc]
        listen = "127.0.0.1:8545"
        [metrics]
        listen = "127.0.0.1:9100"
    "#;

    fn read(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = read(GOOD).unwrap();
        assert!(config.data.is_absolute() && config.data.ends_with("data"));
    }

    #[test]
    fn bounds_of_json_rpc_are_the_usual_ones_unless_given() {
        let usual = read(GOOD).unwrap().rpc.bounds();
        assert_eq!(usual.namespaces.len(), Namespace::ALL.len());
        assert_eq!(usual.max_batch, RpcConfig::new(usual.listen).max_batch);
        let given = GOOD.replace("[rpc]", "[rpc]\napi = [\"eth\", \"net\"]\nmax_batch = 7");
        let given = read(&given).unwrap().rpc.bounds();
        assert_eq!(given.namespaces, BTreeSet::from([Namespace::Eth, Namespace::Net]));
        assert_eq!((given.max_batch, given.gas_cap), (7, usual.gas_cap));
        let limits = "[rpc]\ncall_timeout_ms = 9\nfee_cap_gwei = 8\nmax_sync_timeout_ms = 7";
        let limits = read(&GOOD.replace("[rpc]", limits)).unwrap().rpc.bounds();
        let limits = (limits.call_timeout_ms, limits.fee_cap_gwei, limits.max_sync_timeout_ms);
        assert_eq!(limits, (9, 8, 7));
    }

    #[test]
    fn a_broken_file_is_refused_with_its_place() {
        for (text, expected) in [
            (GOOD.replace("8545", "85456789"), "invalid socket address"),
            (GOOD.replace("data =", "date ="), "unknown field `date`"),
            (GOOD.replace("[rpc]", "[rpc"), "line"),
            (GOOD.replace("[rpc]", "[rpc]\napi = [\"personal\"]"), "unknown variant `personal`"),
            (format!("{GOOD}\n[consensus]\nbase_timeout_ms = 0"), "base_timeout_ms"),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(expected) && error.contains("node.toml"), "{error}");
        }
    }
}
