//! Subscriptions over a real WebSocket, spoken by hand (RFC 6455).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod common;

use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{B256, TxKind, U256};
use common::{Node, transfer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A client end of a WebSocket.
struct WebSocket(TcpStream);

impl WebSocket {
    async fn connect(node: &Node) -> Self {
        let address = node.rpc.local_addr();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let hello = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self(stream)
    }

    async fn send(&mut self, value: Value) {
        let text = value.to_string();
        let mut frame = vec![0x81];
        match u16::try_from(text.len()).unwrap() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            long => {
                frame.push(0x80 | 126);
                frame.extend(long.to_be_bytes());
            }
        }
        frame.extend([0; 4]); // A mask of zeros leaves the text as it is.
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        timeout(Duration::from_secs(20), self.receive_any()).await.expect("a message in time")
    }

    async fn receive_any(&mut self) -> Value {
        loop {
            let opcode = self.0.read_u8().await.unwrap() & 0x0f;
            let length = match self.0.read_u8().await.unwrap() {
                126 => u64::from(self.0.read_u16().await.unwrap()),
                127 => self.0.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            if opcode == 1 {
                return serde_json::from_slice(&payload).unwrap();
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await;
        self.receive().await
    }

    async fn subscribe(&mut self, params: Value) -> Value {
        let answer = self.call("eth_subscribe", params).await;
        assert!(answer["result"].as_str().unwrap().starts_with("0x"), "{answer}");
        answer["result"].clone()
    }

    /// Subscription and content of the next notification.
    async fn notified(&mut self) -> (Value, Value) {
        let mut message = self.receive().await;
        assert_eq!(message["method"], "eth_subscription", "{message}");
        (message["params"]["subscription"].take(), message["params"]["result"].take())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_come_before_the_logs_of_the_block() {
    let node = Node::start().await;
    let contract = node.deploy(0).await;
    let mut socket = WebSocket::connect(&node).await;
    let logs = socket.subscribe(json!(["logs", { "address": contract }])).await;
    let heads = socket.subscribe(json!(["newHeads"])).await;
    let pending = socket.subscribe(json!(["newPendingTransactions"])).await;

    let touch = TxEip1559 {
        to: TxKind::Call(contract),
        gas_limit: 100_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 1)
    };
    let hash = node.send(touch).await;
    assert_eq!(socket.notified().await, (pending, json!(hash)));
    let block = node.mine();

    let (subscription, head) = socket.notified().await;
    assert_eq!(subscription, heads);
    assert_eq!(head["hash"], json!(block.hash));
    assert_eq!(head["number"], "0x2");
    assert!(head["baseFeePerGas"].is_string());
    let (subscription, log) = socket.notified().await;
    assert_eq!(subscription, logs);
    assert_eq!(log["topics"], json!([B256::repeat_byte(0x11)]));
    assert_eq!(log["blockHash"], json!(block.hash));

    // Unsubscribed: the next block brings its head only.
    assert_eq!(socket.call("eth_unsubscribe", json!([logs])).await["result"], true);
    let touch = TxEip1559 {
        to: TxKind::Call(contract),
        gas_limit: 100_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 2)
    };
    node.send(touch).await;
    socket.notified().await;
    node.mine();
    assert_eq!(socket.notified().await.0, heads);
    assert_eq!(socket.call("eth_blockNumber", json!([])).await["result"], "0x3");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_is_reported_even_if_its_signal_was_lost() {
    let node = Node::start().await;
    let mut socket = WebSocket::connect(&node).await;
    let heads = socket.subscribe(json!(["newHeads"])).await;
    for _ in 0..200 {
        node.mine();
    }
    for number in 1..=200 {
        let (subscription, head) = socket.notified().await;
        assert_eq!(subscription, heads);
        assert_eq!(head["number"], format!("{number:#x}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_subscriptions_are_refused_and_their_number_is_bounded() {
    let node = Node::with(|_, config| config.max_subscriptions = 2).await;
    let mut socket = WebSocket::connect(&node).await;
    let error = socket.call("eth_subscribe", json!(["nope"])).await["error"].clone();
    assert_eq!(error["code"], -32602);
    assert_eq!(error["message"], "no \"nope\" subscription in eth namespace");
    let error = socket.call("eth_nope", json!([])).await["error"].clone();
    assert_eq!(error["message"], "the method eth_nope does not exist/is not available");
    // Another connection: a refused subscription gives its place back a moment after the answer.
    let mut socket = WebSocket::connect(&node).await;
    socket.subscribe(json!(["newHeads"])).await;
    socket.subscribe(json!(["syncing"])).await;
    let third = socket.call("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(third["error"]["code"], -32006, "{third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_pending_transactions_are_objects() {
    let node = Node::start().await;
    let mut socket = WebSocket::connect(&node).await;
    socket.subscribe(json!(["newPendingTransactions", true])).await;
    let hash = node.send(transfer(node.chain_id(), 0)).await;
    let (_, tx) = socket.notified().await;
    assert_eq!(tx["hash"], json!(hash));
    assert_eq!(tx["nonce"], "0x0");
}
