//! A `qenex dev` process for each test.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The binary under test.
pub(crate) const QENEX: &str = env!("CARGO_BIN_EXE_qenex");

/// After so long something will not happen any more.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// The first two prefunded accounts.
pub(crate) const ALICE: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub(crate) const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// An account of nobody.
pub(crate) const NOBODY: &str = "0x00000000000000000000000000000000000000b0";

/// A running node.
pub(crate) struct Dev {
    pub(crate) url: String,
    /// What it printed before it began to listen.
    pub(crate) welcome: String,
    client: reqwest::Client,
    child: Child,
    /// Of a killed process nobody else removes the temporary folder.
    folder: TempDir,
}

impl Dev {
    /// Without the contract suite: its chain begins empty.
    pub(crate) async fn start(args: &[&str]) -> Self {
        Self::with_suite(&[&["--no-suite"], args].concat()).await
    }

    /// As a developer starts it.
    pub(crate) async fn with_suite(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(QENEX)
            .env("TMPDIR", folder.path())
            .args(["dev", "--port", "0", "--stop-with-stdin"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut welcome = String::new();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(rest) = line.strip_prefix("Listening on ") {
                    return rest.split(' ').next().unwrap().to_owned();
                }
                welcome.push_str(&line);
                welcome.push('\n');
            }
            panic!("it ended: {welcome}");
        };
        let url = timeout(LIMIT, listening).await.unwrap();
        // Whoever prints into a pipe that nobody reads stops.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, welcome, client, child, folder }
    }

    pub(crate) async fn in_folder(folder: &Path, args: &[&str]) -> Self {
        let folder = folder.to_str().unwrap();
        Self::start(&[&["--datadir", folder], args].concat()).await
    }

    /// Closes its standard input and waits for its end.
    pub(crate) async fn stop(mut self) {
        drop(self.child.stdin.take());
        let status = timeout(LIMIT, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        let left = std::fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(left, 0, "a temporary chain is gone when the node stops");
    }

    async fn answer(&self, method: &str, params: Value) -> Value {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.client.post(&self.url).json(&call).send();
        timeout(LIMIT, request).await.unwrap().unwrap().json().await.unwrap()
    }

    /// The result of a call that must succeed.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The message of a call that must fail.
    pub(crate) async fn fail(&self, method: &str, params: Value) -> String {
        let answer = self.answer(method, params).await;
        let message = answer["error"]["message"].as_str();
        message.unwrap_or_else(|| panic!("{method}: {answer}")).to_owned()
    }

    /// A quantity that a call gives.
    pub(crate) async fn number(&self, method: &str, params: Value) -> u128 {
        quantity(&self.call(method, params).await)
    }

    pub(crate) async fn height(&self) -> u128 {
        self.number("eth_blockNumber", json!([])).await
    }

    pub(crate) async fn balance(&self, account: &str) -> u128 {
        self.number("eth_getBalance", json!([account, "latest"])).await
    }

    pub(crate) async fn nonce(&self, account: &str) -> u128 {
        self.number("eth_getTransactionCount", json!([account, "latest"])).await
    }

    /// The time of the last block.
    pub(crate) async fn time(&self) -> u128 {
        quantity(&self.call("eth_getBlockByNumber", json!(["latest", false])).await["timestamp"])
    }

    /// Sends a coin's smallest part; the hash.
    pub(crate) async fn pay(&self, from: &str, to: &str) -> Value {
        let request = json!([{ "from": from, "to": to, "value": "0x1" }]);
        self.call("eth_sendTransaction", request).await
    }

    /// Whether a transaction is in a block, and succeeded there.
    pub(crate) async fn succeeded(&self, hash: &Value) -> bool {
        self.call("eth_getTransactionReceipt", json!([hash])).await["status"] == "0x1"
    }
}

pub(crate) fn quantity(value: &Value) -> u128 {
    let text = value.as_str().unwrap_or_else(|| panic!("no quantity: {value}"));
    u128::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}
