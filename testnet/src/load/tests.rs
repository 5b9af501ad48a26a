//! The load generator against a node in this process that misbehaves as told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, U64, U256, hex};
use proptest::prelude::*;
use qenex_client::rpc::CallError;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::prepare::lay_lanes;
use super::report::Latency;
use super::send::{Verdict, judge};
use super::*;

/// What is wrong with a node.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// Transactions that fit into the pool.
    pool: Option<usize>,
    /// Calls that fit into a batch.
    batch: Option<usize>,
    /// Every so many-th request with a transfer is carried out, and the connection closed.
    lost: Option<usize>,
    /// The so many-th transfer after funding is refused for good.
    banned: Option<usize>,
    /// Accepts transfers of senders and forgets them.
    forgets: bool,
}

/// A chain of plain transfers: pool, blocks, nonces, balances.
#[derive(Default)]
struct Chain {
    id: u64,
    faults: Faults,
    funder: Address,
    balances: BTreeMap<Address, U256>,
    nonces: BTreeMap<Address, u64>,
    pool: BTreeMap<(Address, u64), TxEnvelope>,
    blocks: Vec<Vec<B256>>,
    requests: usize,
    transfers: usize,
}

impl Chain {
    fn produce(&mut self) {
        let mut block = Vec::new();
        while block.len() < 50 {
            let ready = |&&(sender, nonce): &&(Address, u64)| {
                self.nonces.get(&sender).copied().unwrap_or(0) == nonce
            };
            let Some(&key) = self.pool.keys().find(ready) else { break };
            let tx = self.pool.remove(&key).unwrap();
            *self.nonces.entry(key.0).or_default() += 1;
            *self.balances.entry(key.0).or_default() -= tx.value();
            *self.balances.entry(tx.to().unwrap()).or_default() += tx.value();
            block.push(*tx.hash());
        }
        self.blocks.push(block);
    }

    fn take(&mut self, raw: &str) -> Result<Value, &'static str> {
        let raw = hex::decode(raw).unwrap();
        let tx = TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap();
        let sender = tx.recover_signer().unwrap();
        let key = (sender, tx.nonce());
        let hash = json!(tx.hash());
        assert_eq!(tx.chain_id(), Some(self.id));
        if tx.nonce() < self.nonces.get(&sender).copied().unwrap_or(0) {
            return Err("nonce too low");
        }
        if self.pool.contains_key(&key) {
            return Err("already known");
        }
        if self.faults.pool.is_some_and(|limit| self.pool.len() >= limit) {
            return Err("txpool is full");
        }
        if sender != self.funder {
            self.transfers += 1;
            if self.faults.banned == Some(self.transfers) {
                return Err("sender is sanctioned");
            }
            if self.faults.forgets {
                return Ok(hash);
            }
        }
        self.pool.insert(key, tx);
        Ok(hash)
    }

    fn answer(&mut self, call: &Value) -> Value {
        let param = |index: usize| &call["params"][index];
        let account = || param(0).as_str().unwrap().parse::<Address>().unwrap();
        let result = match call["method"].as_str().unwrap() {
            "eth_chainId" => Ok(json!(U64::from(self.id))),
            "eth_blockNumber" => Ok(json!(U64::from(self.blocks.len()))),
            "eth_getBalance" => Ok(json!(self.balances.get(&account()).unwrap_or(&U256::ZERO))),
            "eth_getTransactionCount" => {
                Ok(json!(U64::from(self.nonces.get(&account()).copied().unwrap_or(0))))
            }
            "eth_getBlockByNumber" if param(0) == "latest" => {
                Ok(json!({"baseFeePerGas": "0x7", "transactions": []}))
            }
            "eth_getBlockByNumber" => {
                let number: U64 = param(0).as_str().unwrap().parse().unwrap();
                let block = self.blocks.get(number.to::<usize>() - 1);
                Ok(block.map_or(Value::Null, |hashes| json!({"transactions": hashes})))
            }
            "eth_sendRawTransaction" => self.take(param(0).as_str().unwrap()),
            _ => Err("the method does not exist/is not available"),
        };
        match result {
            Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
            Err(message) => {
                let error = json!({"code": -32000, "message": message});
                json!({"jsonrpc": "2.0", "id": call["id"], "error": error})
            }
        }
    }

    /// The response, or `None` if the connection is to be closed in its place.
    fn respond(&mut self, body: &Value) -> Option<Value> {
        let response = match body {
            Value::Array(calls) if self.faults.batch.is_some_and(|limit| calls.len() > limit) => {
                let error = json!({"code": -32010, "message": "batch too large"});
                json!({"jsonrpc": "2.0", "id": null, "error": error})
            }
            Value::Array(calls) => calls.iter().map(|call| self.answer(call)).collect(),
            call => self.answer(call),
        };
        // Funding is not what is tested.
        if self.transfers > 0 && body.to_string().contains("eth_sendRawTransaction") {
            self.requests += 1;
            if self.faults.lost.is_some_and(|every| self.requests.is_multiple_of(every)) {
                return None;
            }
        }
        Some(response)
    }
}

/// A running node; it ends when dropped.
struct Node {
    url: String,
    chain: Arc<Mutex<Chain>>,
    _tasks: JoinSet<()>,
}

impl Node {
    async fn start(id: u64, faults: Faults) -> Self {
        let funder = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().unwrap();
        let balances = BTreeMap::from([(funder, U256::from(10_u128.pow(22)))]);
        let chain =
            Arc::new(Mutex::new(Chain { id, faults, funder, balances, ..Chain::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        let producing = Arc::clone(&chain);
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                producing.lock().unwrap().produce();
            }
        });
        let served = Arc::clone(&chain);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { url, chain, _tasks: tasks }
    }
}

/// One HTTP connection, request after request.
async fn serve(mut stream: TcpStream, chain: Arc<Mutex<Chain>>) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
                let length = text.split("content-length:").nth(1)?.lines().next()?.trim();
                break (head + 4, length.parse::<usize>().ok()?);
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        while buffer.len() < head + length {
            stream.read_buf(&mut buffer).await.ok()?;
        }
        let request: Vec<u8> = buffer.drain(..head + length).skip(head).collect();
        let request = serde_json::from_slice(&request).unwrap();
        let response = chain.lock().unwrap().respond(&request)?.to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", response.len());
        stream.write_all((head + &response).as_bytes()).await.ok()?;
    }
}

fn options(nodes: &[&Node]) -> LoadOptions {
    LoadOptions {
        rpc: nodes.iter().map(|node| node.url.clone()).collect(),
        senders: 7,
        txs: 500,
        batch: 20,
        lanes: 3,
        timeout: Duration::from_secs(10),
        ..LoadOptions::default()
    }
}

fn counts(report: &LoadReport) -> [u32; 6] {
    let LoadReport { submitted, accepted, included, failed, missing, unsent, .. } = report;
    assert_eq!(report.requested, submitted + unsent);
    assert_eq!(*submitted, included + failed + missing);
    [*submitted, *accepted, *included, *failed, *missing, *unsent]
}

#[tokio::test]
async fn everything_is_included_whatever_the_node_puts_off_or_loses() {
    let cases = [
        (Faults::default(), None),
        (Faults { pool: Some(30), ..Faults::default() }, Some("put off: txpool is full")),
        (Faults { batch: Some(7), ..Faults::default() }, Some("error -32010: batch too large")),
        (Faults { lost: Some(5), ..Faults::default() }, Some("error sending request")),
        (Faults { pool: Some(40), batch: Some(9), lost: Some(7), ..Faults::default() }, None),
    ];
    for (case, (faults, message)) in cases.into_iter().enumerate() {
        let node = Node::start(7, faults).await;
        let report = run(options(&[&node])).await.unwrap();
        assert_eq!(counts(&report), [500, 500, 500, 0, 0, 0], "case {case}: {report}");
        let said = |part| report.errors.keys().any(|message| message.contains(part));
        assert!(message.is_none_or(said), "case {case}: {report}");
        assert!(report.blocks >= 10, "case {case}: blocks hold 50 at most: {report}");
        // All value stays with funder and senders.
        let total: U256 = node.chain.lock().unwrap().balances.values().sum();
        assert_eq!(total, U256::from(10_u128.pow(22)));
    }
}

#[tokio::test]
async fn an_open_loop_keeps_its_rate() {
    let node = Node::start(7, Faults::default()).await;
    let options = LoadOptions { rate: Some(400), txs: 200, ..options(&[&node]) };
    let report = run(options).await.unwrap();
    assert_eq!(counts(&report), [200, 200, 200, 0, 0, 0], "{report}");
    // The last of 200 is due 199/400 s after the first.
    assert!(report.seconds >= 0.497, "{report}");
}

#[tokio::test]
async fn a_refused_transfer_ends_its_sender_and_no_other() {
    let node = Node::start(7, Faults { banned: Some(1), ..Faults::default() }).await;
    let options = LoadOptions { senders: 5, txs: 100, batch: 5, lanes: 1, ..options(&[&node]) };
    let report = run(options).await.unwrap();
    // A batch holds one transfer of each sender, so the refusal is known before the next.
    assert_eq!(counts(&report), [81, 80, 80, 1, 0, 19], "{report}");
    assert_eq!(report.errors, BTreeMap::from([("sender is sanctioned".to_owned(), 1)]));
}

#[tokio::test]
async fn what_a_node_forgets_is_reported_as_missing() {
    let node = Node::start(7, Faults { forgets: true, ..Faults::default() }).await;
    let timeout = Duration::from_millis(300);
    let options = LoadOptions { txs: 50, outstanding: 30, timeout, ..options(&[&node]) };
    let report = run(options).await.unwrap();
    let [submitted, accepted, included, failed, missing, unsent] = counts(&report);
    assert_eq!((included, failed, accepted), (0, 0, missing), "{report}");
    assert!(submitted <= 30, "no more than may be outstanding: {report}");
    assert_eq!(unsent, 50 - submitted);
    assert_eq!(report.latency_ms, Latency::default());
}

#[tokio::test]
async fn endpoints_of_different_chains_are_refused() {
    let (one, other) =
        (Node::start(7, Faults::default()).await, Node::start(8, Faults::default()).await);
    let error = run(options(&[&one, &other])).await.unwrap_err().to_string();
    assert!(error.contains("is on chain 8, the first endpoint on chain 7"), "{error}");
}

#[tokio::test]
async fn a_poor_funder_is_told_what_is_missing() {
    let node = Node::start(7, Faults::default()).await;
    let funder = Funder::PrivateKey(B256::repeat_byte(1));
    let error = run(LoadOptions { funder, ..options(&[&node]) }).await.unwrap_err().to_string();
    assert!(error.contains("the funder has 0 wei"), "{error}");
}

#[tokio::test]
async fn options_without_sense_are_refused() {
    let base = LoadOptions::default;
    let cases = [
        (LoadOptions { rpc: vec![], ..base() }, "RPC URL"),
        (LoadOptions { senders: 0, ..base() }, "senders"),
        (LoadOptions { txs: 0, ..base() }, "txs"),
        (LoadOptions { rate: Some(0), ..base() }, "rate"),
        (LoadOptions { batch: 0, ..base() }, "batch"),
        (LoadOptions { lanes: 0, ..base() }, "lanes"),
        (LoadOptions { outstanding: 0, ..base() }, "outstanding"),
    ];
    for (options, named) in cases {
        let error = run(options).await.unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn answers_of_known_nodes_are_judged() {
    use Verdict::{Accepted, Failed, Later};
    let cases = [
        ("already known", false, Accepted),
        ("AlreadyKnown", false, Accepted),
        ("transaction already imported", false, Accepted),
        ("nonce too low: next nonce 5, tx nonce 4", false, Failed),
        ("nonce too low: next nonce 5, tx nonce 4", true, Accepted),
        ("txpool is full", false, Later),
        ("account limit exceeded", false, Later),
        ("Nonce too high", false, Later),
        ("insufficient funds for gas * price + value", false, Failed),
        ("max fee per gas less than block base fee", true, Failed),
        ("exceeds block gas limit", false, Failed),
    ];
    for (message, sent_before, verdict) in cases {
        let error = CallError { code: -32000, message: message.to_owned(), data: None };
        assert_eq!(judge(&error, sent_before), verdict, "{message}, {sent_before}");
    }
}

#[test]
fn percentiles_are_by_nearest_rank() {
    let latency = |p50, p90, p99, max| Latency { p50, p90, p99, max };
    let cases = [
        (vec![], latency(0.0, 0.0, 0.0, 0.0)),
        (vec![1_500], latency(1.5, 1.5, 1.5, 1.5)),
        (vec![2_000, 1_000], latency(1.0, 2.0, 2.0, 2.0)),
        ((1..=100).rev().map(|n| n * 1_000).collect(), latency(50.0, 90.0, 99.0, 100.0)),
        ((1..=1_000).map(|n| n * 1_000).collect(), latency(500.0, 900.0, 990.0, 1_000.0)),
    ];
    for (micros, expected) in cases {
        assert_eq!(Latency::of(micros.clone()), expected, "{micros:?}");
    }
}

proptest! {
    #[test]
    fn every_transfer_has_one_lane_and_nonces_ascend(
        senders in 1_u32..40,
        txs in 1_u32..300,
        lanes in 1_u32..9,
        endpoints in 1_usize..5,
    ) {
        let options = LoadOptions { senders, txs, lanes, ..LoadOptions::default() };
        let (laid, lane_of) = lay_lanes(&options, endpoints).unwrap();
        let mut all: Vec<u32> = Vec::new();
        for (number, lane) in laid.iter().enumerate() {
            prop_assert!(!lane.order.is_empty());
            prop_assert!(lane.endpoint < endpoints);
            prop_assert!(lane.order.is_sorted());
            for transfer in &lane.order {
                let sender = usize::try_from(transfer % senders).unwrap();
                prop_assert_eq!(lane_of[sender], number);
            }
            all.extend(&lane.order);
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..txs).collect::<Vec<_>>());
    }
}
