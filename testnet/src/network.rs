//! A network of `qenex node` processes: started, watched, killed, stopped.
//!
//! Knows nodes only from outside: their command line, their files and their JSON-RPC. Every process
//! holds a pipe from this one as standard input and stops when it closes, so none is left behind
//! even if this process is killed.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// How long a node may take to stop when asked to.
const STOP_TIME: Duration = Duration::from_secs(20);

/// Ports that [`Ports::free`] chooses from: below those that systems give to outgoing connections.
const FREE_PORTS: std::ops::Range<u16> = 12_000..32_000;

/// First ports of a local network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// JSON-RPC of validator i: this plus 10 i.
    pub rpc: u16,
    /// Bank facade of validator 0.
    pub rest: u16,
    /// Health and metrics of validator i: this plus i.
    pub metrics: u16,
    /// Peers of validator i (UDP): this plus i.
    pub p2p: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { rpc: 8545, rest: 8080, metrics: 9100, p2p: 30300 }
    }
}

impl Ports {
    /// Ports that nothing uses now, for a network of `validators`. Two calls in one process give
    /// different ports; two processes begin at different places.
    ///
    /// # Errors
    ///
    /// If no block of ports is free, or there is none for so many validators.
    pub fn free(validators: u16) -> Result<Self> {
        static NEXT: OnceLock<AtomicU64> = OnceLock::new();
        // JSON-RPC 10 apart, the bank facade beside the first; then metrics and peers.
        let size = validators.max(1).checked_mul(12).context("too many validators")?;
        let last = FREE_PORTS.end.checked_sub(size).filter(|last| *last > FREE_PORTS.start);
        let room = u64::from(last.context("too many validators")? - FREE_PORTS.start);
        let next = NEXT.get_or_init(|| AtomicU64::new(RandomState::new().hash_one(()) >> 1));
        for _ in 0..1_000 {
            let at = next.fetch_add(u64::from(size), Ordering::Relaxed) % room;
            let base = FREE_PORTS.start + u16::try_from(at)?;
            let ports = Self {
                rpc: base,
                rest: base + 1,
                metrics: base + 10 * validators,
                p2p: base + 11 * validators,
            };
            if ports.are_free(validators) {
                return Ok(ports);
            }
        }
        bail!("no {size} free ports in a row from {} to {}", FREE_PORTS.start, FREE_PORTS.end)
    }

    fn are_free(&self, validators: u16) -> bool {
        let tcp = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let udp = |port: u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        tcp(self.rest)
            && (0..validators).all(|index| {
                tcp(self.rpc_of(index)) && tcp(self.metrics_of(index)) && udp(self.p2p_of(index))
            })
    }

    /// JSON-RPC port of a validator.
    #[must_use]
    pub const fn rpc_of(&self, index: u16) -> u16 {
        self.rpc.saturating_add(index.saturating_mul(10))
    }

    /// Metrics port of a validator.
    #[must_use]
    pub const fn metrics_of(&self, index: u16) -> u16 {
        self.metrics.saturating_add(index)
    }

    /// Peers' port of a validator.
    #[must_use]
    pub const fn p2p_of(&self, index: u16) -> u16 {
        self.p2p.saturating_add(index)
    }
}

/// Where a validator can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name in the specification.
    pub name: String,
    /// JSON-RPC over HTTP.
    pub rpc: String,
    /// JSON-RPC over WebSocket.
    pub ws: String,
    /// Bank facade, where it is served.
    pub rest: Option<String>,
    /// Prometheus metrics.
    pub metrics: String,
    /// Peers (UDP).
    pub p2p: String,
}

/// `endpoints.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// In the order of their indices.
    pub validators: Vec<Endpoint>,
    /// Whatever a later version adds.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain id       {}", self.chain_id)?;
        for validator in &self.validators {
            write!(
                f,
                "\n{:<14} {}  {}  {}",
                validator.name, validator.rpc, validator.ws, validator.metrics
            )?;
            if let Some(rest) = &validator.rest {
                write!(f, "\nbank API       {rest}/api/v1  {rest}/docs")?;
            }
        }
        Ok(())
    }
}

impl Endpoints {
    /// Fails, naming the address, if something else listens where a validator would.
    ///
    /// # Errors
    ///
    /// The first busy port.
    pub fn require_free_ports(&self) -> Result<()> {
        for validator in &self.validators {
            let urls = [Some(&validator.rpc), validator.rest.as_ref(), Some(&validator.metrics)];
            for url in urls.into_iter().flatten() {
                let address = address_of(url);
                TcpListener::bind(address).with_context(|| {
                    format!(
                        "port {address} of {} is busy: stop what uses it or choose another port",
                        validator.name
                    )
                })?;
            }
            UdpSocket::bind(&validator.p2p).with_context(|| {
                format!(
                    "UDP port {} of {} is busy: stop what uses it or choose another port",
                    validator.p2p, validator.name
                )
            })?;
        }
        Ok(())
    }
}

/// `host:port` of a URL.
fn address_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(address, _)| address)
}

/// The processes.
#[derive(Debug)]
pub struct Network {
    binary: PathBuf,
    datadir: PathBuf,
    endpoints: Endpoints,
    log: String,
    children: BTreeMap<usize, Child>,
    client: reqwest::Client,
}

impl Network {
    /// A network whose folders `qenex testnet init` has made.
    #[must_use]
    pub fn new(binary: PathBuf, datadir: PathBuf, endpoints: Endpoints, log: String) -> Self {
        let client = reqwest::Client::new();
        Self { binary, datadir, endpoints, log, children: BTreeMap::new(), client }
    }

    /// Where the validators can be reached.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Where a validator logs.
    #[must_use]
    pub fn log_file(&self, index: usize) -> PathBuf {
        self.folder(index).join("node.log")
    }

    /// The folder of a validator.
    #[must_use]
    pub fn folder(&self, index: usize) -> PathBuf {
        self.datadir.join(format!("validator-{index}"))
    }

    /// The folder of the network.
    #[must_use]
    pub fn datadir(&self) -> &Path {
        &self.datadir
    }

    /// Whether no process runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Starts every validator that does not run.
    ///
    /// # Errors
    ///
    /// If a process cannot be started.
    pub fn start_all(&mut self) -> Result<()> {
        (0..self.endpoints.validators.len()).try_for_each(|index| self.start(index))
    }

    /// Starts a validator.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn start(&mut self, index: usize) -> Result<()> {
        if self.children.contains_key(&index) {
            return Ok(());
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file(index))
            .with_context(|| format!("cannot open {}", self.log_file(index).display()))?;
        let child = Command::new(&self.binary)
            .arg("node")
            .arg("--config")
            .arg(self.folder(index).join("node.toml"))
            .args(["--log", &self.log, "--stop-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        self.children.insert(index, child);
        Ok(())
    }

    /// Ends a validator at once, as `kill -9` does.
    ///
    /// # Errors
    ///
    /// If the process cannot be killed.
    pub async fn kill(&mut self, index: usize) -> Result<()> {
        if let Some(mut child) = self.children.remove(&index) {
            child.kill().await.context("cannot kill a validator")?;
        }
        Ok(())
    }

    /// Ends all validators at the same moment, as `kill -9` does.
    ///
    /// # Errors
    ///
    /// If a process cannot be killed.
    pub async fn kill_all(&mut self) -> Result<()> {
        for child in self.children.values_mut() {
            child.start_kill()?;
        }
        for (_, mut child) in std::mem::take(&mut self.children) {
            child.wait().await?;
        }
        Ok(())
    }

    /// Asks all validators to stop and waits for them.
    ///
    /// # Errors
    ///
    /// If one does not stop in time (it is then killed) or stops with an error.
    pub async fn stop(&mut self) -> Result<()> {
        let mut children = std::mem::take(&mut self.children);
        for child in children.values_mut() {
            drop(child.stdin.take());
        }
        let mut failed = Vec::new();
        for (index, child) in &mut children {
            match tokio::time::timeout(STOP_TIME, child.wait()).await {
                Ok(Ok(status)) if status.success() => {}
                Ok(status) => failed.push(format!("validator-{index} stopped with {status:?}")),
                Err(_) => {
                    child.kill().await?;
                    failed.push(format!("validator-{index} did not stop in {STOP_TIME:?}"));
                }
            }
        }
        if failed.is_empty() { Ok(()) } else { bail!(failed.join("; ")) }
    }

    /// Validators that ended by themselves since the last call.
    ///
    /// # Errors
    ///
    /// If a process cannot be asked.
    pub fn ended(&mut self) -> Result<Vec<(usize, ExitStatus)>> {
        let mut ended = Vec::new();
        for (index, child) in &mut self.children {
            if let Some(status) = child.try_wait()? {
                ended.push((*index, status));
            }
        }
        for (index, _) in &ended {
            self.children.remove(index);
        }
        Ok(ended)
    }

    /// Waits until every running validator answers and its chain has at least one block.
    ///
    /// # Errors
    ///
    /// If one ends or is not there in time; the message ends with the last lines of its log.
    pub async fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        let waiting = async {
            let indices: Vec<usize> = self.children.keys().copied().collect();
            for index in indices {
                while self.height(index).await.unwrap_or(0) == 0 {
                    if let Some((ended, status)) = self.ended()?.first() {
                        bail!(
                            "validator-{ended} ended at its start ({status}):\n{}",
                            self.tail(*ended)
                        );
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Ok(())
        };
        let Ok(outcome) = tokio::time::timeout(limit, waiting).await else {
            bail!("the network made no block in {limit:?}:\n{}", self.tail(0));
        };
        outcome
    }

    /// Last lines of a validator's log.
    #[must_use]
    pub fn tail(&self, index: usize) -> String {
        let text = std::fs::read_to_string(self.log_file(index)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Height of a validator's last final block.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub async fn height(&self, index: usize) -> Result<u64> {
        let answer = self.call(index, "eth_blockNumber", json!([])).await?;
        let text = answer.as_str().context("eth_blockNumber gave no string")?;
        Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
    }

    /// A JSON-RPC call.
    ///
    /// # Errors
    ///
    /// If the validator does not answer, or with an error: then its message.
    pub async fn call(&self, index: usize, method: &str, params: Value) -> Result<Value> {
        let url = &self.endpoints.validators.get(index).context("no such validator")?.rpc;
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Value = self
            .client
            .post(url)
            .timeout(Duration::from_secs(10))
            .json(&request)
            .send()
            .await?
            .json()
            .await?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer.get("result").cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn free_ports_are_usable_and_never_given_twice() {
        let mut given = BTreeSet::new();
        let mut held = Vec::new();
        for validators in [1, 4, 7, 4, 1] {
            let ports = Ports::free(validators).unwrap();
            let mut tcp = vec![ports.rest];
            for index in 0..validators {
                tcp.extend([ports.rpc_of(index), ports.metrics_of(index)]);
                assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, ports.p2p_of(index))).is_ok());
            }
            for port in tcp {
                assert!(given.insert(port), "port {port} is given twice");
                held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
            }
        }
        assert!(Ports::free(u16::MAX).is_err());
    }
}
