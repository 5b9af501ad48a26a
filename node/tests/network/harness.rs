//! A network of its own for each test, and how to wait for it.

use std::{
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use alloy_primitives::{Address, B256, U256};
use qenex_testnet::{
    Network,
    network::{Endpoints, Ports},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::Command,
    sync::{Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};

use crate::wallet::{Signed, Wallet};

/// The binary under test.
pub(crate) const QENEX: &str = env!("CARGO_BIN_EXE_qenex");

/// After so long something will not happen any more.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// An empty network makes a block this often, milliseconds.
const HEARTBEAT_MS: &str = "1000";

/// Processes that may run at a time, over all tests: two networks of four.
static PLACES: Semaphore = Semaphore::const_new(8);

/// Looks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            sleep(POLL).await;
        }
    };
    timeout(LIMIT, looking).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

/// Runs a program to its end.
pub(crate) async fn run_to_end(command: &mut Command) -> Output {
    run_within(LIMIT, command).await
}

async fn run_within(limit: Duration, command: &mut Command) -> Output {
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let name = format!("{:?}", command.as_std());
    let Ok(output) = timeout(limit, command.output()).await else {
        panic!("{name} does not end");
    };
    output.unwrap_or_else(|error| panic!("cannot run {name}: {error}"))
}

/// What a program wrote to standard output; it must have succeeded.
pub(crate) async fn text_of(command: &mut Command) -> String {
    text_within(LIMIT, command).await
}

/// As `text_of`, of a program that may take longer than others.
pub(crate) async fn text_within(limit: Duration, command: &mut Command) -> String {
    let output = run_within(limit, command).await;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{:?}: {}\n{stdout}\n{}",
        command.as_std(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// Exit status for what a restart cannot mend.
pub(crate) const EX_CONFIG: i32 = 78;

/// Runs a command that must fail with this status and say these words.
pub(crate) async fn refused(command: &mut Command, status: i32, words: &[&str]) {
    let output = run_to_end(command).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

/// Copies a folder's files.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

/// A block, as far as validators must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockId {
    pub(crate) number: u64,
    pub(crate) hash: String,
    pub(crate) state_root: String,
}

/// A network in a folder of its own.
pub(crate) struct Net {
    pub(crate) network: Network,
    pub(crate) ports: Ports,
    pub(crate) client: reqwest::Client,
    folder: Option<TempDir>,
    _places: SemaphorePermit<'static>,
}

impl Net {
    /// The folders of a network that does not run.
    pub(crate) async fn made(validators: u16) -> Self {
        Self::made_with(validators, &[]).await
    }

    /// The same, with more options of `testnet init`.
    pub(crate) async fn made_with(validators: u16, options: &[&str]) -> Self {
        let places = PLACES.acquire_many(u32::from(validators)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::free(validators).unwrap();
        let datadir = folder.path().to_path_buf();
        let mut init = Command::new(QENEX);
        init.args(["testnet", "init", "--validators", &validators.to_string(), "--datadir"])
            .arg(&datadir)
            .args(["--heartbeat-ms", HEARTBEAT_MS])
            .args(options);
        for (option, port) in [
            ("--rpc-port", ports.rpc),
            ("--rest-port", ports.rest),
            ("--metrics-port", ports.metrics),
            ("--p2p-port", ports.p2p),
        ] {
            init.args([option, &port.to_string()]);
        }
        text_of(&mut init).await;
        let text = std::fs::read_to_string(datadir.join("endpoints.json")).unwrap();
        let endpoints: Endpoints = serde_json::from_str(&text).unwrap();
        let network = Network::new(QENEX.into(), datadir, endpoints, "info".to_owned());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { network, ports, client, folder: Some(folder), _places: places }
    }

    /// The folder of another network, beside this one's, that never runs: a test that already has its
    /// places and waited for more could wait for ever.
    pub(crate) async fn another(&self) -> PathBuf {
        let folder = self.network.datadir().join("another");
        let mut init = Command::new(QENEX);
        init.args(["testnet", "init", "--validators", "4", "--datadir"]).arg(&folder);
        text_of(&mut init).await;
        folder
    }

    /// A running network.
    pub(crate) async fn started(validators: u16) -> Self {
        let mut net = Self::made(validators).await;
        net.network.start_all().unwrap();
        net.ready().await;
        net
    }

    /// Waits until every process that was started answers.
    pub(crate) async fn ready(&mut self) {
        self.network.wait_ready(LIMIT).await.unwrap();
    }

    /// No process has ended that nobody asked to, and none has logged an error: evidence that a
    /// validator broke the rules would be one.
    pub(crate) fn all_alive(&mut self) {
        let ended = self.network.ended().unwrap();
        assert!(ended.is_empty(), "ended by themselves: {ended:?}");
        for index in 0..self.network.endpoints().validators.len() {
            let log = std::fs::read_to_string(self.network.log_file(index)).unwrap_or_default();
            let trouble = log.lines().find(|l| l.contains(" ERROR ") || l.contains("panicked"));
            assert_eq!(trouble, None, "in the log of validator {index}");
        }
    }

    /// The configuration of a validator.
    pub(crate) fn config(&self, index: usize) -> PathBuf {
        self.network.folder(index).join("node.toml")
    }

    /// JSON-RPC of a validator.
    pub(crate) fn rpc(&self, index: usize) -> String {
        self.network.endpoints().validators[index].rpc.clone()
    }

    /// A result that must be there.
    pub(crate) async fn call(&self, index: usize, method: &str, params: Value) -> Value {
        self.network.call(index, method, params).await.unwrap()
    }

    /// Status and body of a request as it is.
    pub(crate) async fn post(&self, index: usize, body: String) -> (u16, Value) {
        let request = self.client.post(self.rpc(index)).header("content-type", "application/json");
        let response = request.timeout(LIMIT).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Code and message of a call that must fail.
    pub(crate) async fn fail(&self, index: usize, method: &str, params: Value) -> (i64, String) {
        let call = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let (status, answer) = self.post(index, call.to_string()).await;
        assert_eq!(status, 200, "{method}: {answer}");
        assert_eq!(answer["id"], 7, "{method}: {answer}");
        let error = &answer["error"];
        let Some(code) = error["code"].as_i64() else { panic!("{method} succeeds: {answer}") };
        (code, error["message"].as_str().unwrap().to_owned())
    }

    /// Height of a validator that answers.
    pub(crate) async fn height(&self, index: usize) -> u64 {
        self.network.height(index).await.unwrap()
    }

    /// The final block of a height, if the validator answers and has it.
    pub(crate) async fn block(&self, index: usize, number: u64) -> Option<BlockId> {
        let params = json!([format!("{number:#x}"), false]);
        let block = self.network.call(index, "eth_getBlockByNumber", params).await.ok()?;
        let text = |name: &str| block[name].as_str().map(str::to_owned);
        Some(BlockId { number, hash: text("hash")?, state_root: text("stateRoot")? })
    }

    /// Waits until all have the highest block that any of them has, and requires that it and its
    /// state are the same everywhere.
    pub(crate) async fn agree(&self, indices: &[usize]) -> BlockId {
        let mut number = 0;
        for index in indices {
            number = number.max(self.height(*index).await);
        }
        let mut agreed: Option<BlockId> = None;
        for index in indices {
            let what = format!("validator {index} has block {number}");
            let block = until(&what, async || self.block(*index, number).await).await;
            match &agreed {
                None => agreed = Some(block),
                Some(first) => assert_eq!(*first, block, "validator {index} differs"),
            }
        }
        agreed.unwrap()
    }

    /// Hands a transaction to a validator.
    pub(crate) async fn send(&self, via: usize, signed: &Signed) {
        let hash = self.call(via, "eth_sendRawTransaction", json!([signed.raw])).await;
        assert_eq!(hash, json!(signed.hash));
    }

    /// The receipt at one validator, if it answers and has it.
    pub(crate) async fn receipt(&self, index: usize, hash: B256) -> Option<Value> {
        let receipt = self.network.call(index, "eth_getTransactionReceipt", json!([hash])).await;
        receipt.ok().filter(|receipt| !receipt.is_null())
    }

    /// Waits until a transaction is final at all of them, with one and the same receipt.
    pub(crate) async fn settled(&self, indices: &[usize], hash: B256) -> Value {
        let mut agreed: Option<Value> = None;
        for index in indices {
            let what = format!("validator {index} has the receipt of {hash}");
            let receipt = until(&what, async || self.receipt(*index, hash).await).await;
            assert_eq!(receipt["status"], "0x1");
            match &agreed {
                None => agreed = Some(receipt),
                Some(first) => assert_eq!(*first, receipt, "validator {index} differs"),
            }
        }
        agreed.unwrap()
    }

    /// Sends a transfer through one validator and waits until it is final at all of `indices`.
    pub(crate) async fn pay(
        &self,
        via: usize,
        wallet: &mut Wallet,
        to: Address,
        indices: &[usize],
    ) {
        let signed = wallet.transfer(to);
        self.send(via, &signed).await;
        self.settled(indices, signed.hash).await;
    }

    /// Coins of an account at the last block of a validator.
    pub(crate) async fn coins(&self, index: usize, account: Address) -> U256 {
        let balance = self.call(index, "eth_getBalance", json!([account, "latest"])).await;
        serde_json::from_value(balance).unwrap()
    }

    /// Exit status and standard error of `qenex node` with a configuration that cannot work.
    pub(crate) async fn refusal(&self, config: &Path) -> (Option<i32>, String) {
        let mut node = Command::new(QENEX);
        node.arg("node").arg("--config").arg(config);
        let output = run_to_end(&mut node).await;
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for index in 0..self.network.endpoints().validators.len() {
                eprintln!("--- log of validator {index}\n{}", self.network.tail(index));
            }
            if let Some(folder) = self.folder.take() {
                eprintln!("--- the network's folder stays: {}", folder.keep().display());
            }
        }
        tokio::task::block_in_place(|| {
            let killed = tokio::runtime::Handle::current().block_on(self.network.kill_all());
            if let Err(error) = killed {
                eprintln!("cannot end the network: {error}");
            }
        });
    }
}
