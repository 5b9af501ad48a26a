//! Bounds of what a client may ask for, at a real server: time, fees, waiting.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod common;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, keccak256};
use common::{GWEI, Node, alice, sign, transfer};
use serde_json::{Value, json};

fn call(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_ended() {
    let node = Node::with(|_, config| config.call_timeout_ms = 1).await;
    // JUMPDEST PUSH0 JUMP for 50,000,000 gas; and itself called again and again, which never jumps.
    let recursion = "0x5f5f5f5f5f305af1505f5f5f5f5f305af1505f5f5f5f5f305af150";
    for code in ["0x5b5f56", recursion] {
        let to = Address::repeat_byte(0xcc);
        let overrides = json!({ to.to_string(): { "code": code } });
        for method in ["eth_call", "eth_estimateGas"] {
            let (code, message, _) =
                node.fail(method, json!([{ "to": to }, "latest", overrides])).await;
            let words = "execution aborted (timeout = 1ms)";
            assert_eq!((code, message.as_str()), (-32_000, words), "{method}");
        }
    }
    let to = Address::repeat_byte(0xcc);
    let block = json!({ "stateOverrides": { to.to_string(): { "code": "0x5b5f56" } },
        "calls": [{ "to": to }] });
    let params = json!([{ "blockStateCalls": [block] }, "latest"]);
    let (code, message, _) = node.fail("eth_simulateV1", params).await;
    assert_eq!((code, message.as_str()), (-32_000, "execution aborted (timeout = 1ms)"));
    assert_eq!(node.call("eth_call", json!([{ "to": Address::ZERO }])).await, "0x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_that_can_only_be_a_mistake_is_refused() {
    let node = Node::with(|_, config| config.fee_cap_gwei = 210_000).await;
    let id = node.chain_id();
    let fits = sign(transfer(id, 0), &alice());
    let dear = TxEip1559 { max_fee_per_gas: 10 * GWEI + 1, ..transfer(id, 0) };
    let dear = sign(dear, &alice());
    let words = "tx fee (0.000210000000021000 ether) exceeds the configured cap \
                 (0.000210000000000000 ether)";
    for method in ["eth_sendRawTransaction", "eth_sendRawTransactionSync"] {
        let (code, message, _) = node.fail(method, json!([dear])).await;
        assert_eq!((code, message.as_str()), (-32_000, words), "{method}");
    }
    // Answers of a batch stand at the places of their calls.
    let raws = [&dear, &fits, &dear];
    let calls =
        raws.iter().zip(0..).map(|(raw, id)| call(id, "eth_sendRawTransaction", &json!([raw])));
    let (_, body) = node.post(json!(calls.collect::<Vec<_>>()).to_string()).await;
    let answers: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answers[0]["error"]["message"], words);
    assert_eq!(answers[1]["result"], json!(keccak256(&fits)));
    assert_eq!(answers[2]["error"]["message"], words);

    let free = Node::with(|_, config| config.fee_cap_gwei = 0).await;
    let dear = TxEip1559 { max_fee_per_gas: 100_000_000 * GWEI, ..transfer(id, 0) };
    free.send(dear).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_send_says_why_there_is_no_receipt() {
    let node = Node::with(|_, config| {
        (config.sync_timeout_ms, config.max_sync_timeout_ms) = (30, 40);
    })
    .await;
    let id = node.chain_id();
    // EIP-7966: a gap is refused with the next nonce, and the pool has nothing of it.
    let gap = sign(transfer(id, 3), &alice());
    let (code, message, data) = node.fail("eth_sendRawTransactionSync", json!([gap])).await;
    let words = "nonce too high: next nonce 0, tx nonce 3";
    assert_eq!((code, message.as_str(), data), (6, words, json!("0x0")));
    let status = node.call("txpool_status", json!([])).await;
    assert_eq!((&status["pending"], &status["queued"]), (&json!("0x0"), &json!("0x0")));
    // The usual wait, one asked for, and one that is longer than the node allows.
    for (nonce, asked, waited) in
        [(0, Value::Null, 30), (1, json!("0x14"), 20), (2, json!(999), 40)]
    {
        let raw = sign(transfer(id, nonce), &alice());
        let params = json!([raw, asked]);
        let (code, message, data) = node.fail("eth_sendRawTransactionSync", params).await;
        let words = format!(
            "The transaction was added to the transaction pool but wasn't processed in {waited} ms"
        );
        assert_eq!((code, message, data), (4, words, json!(keccak256(&raw))));
    }
    let (code, message, _) =
        node.fail("eth_sendRawTransactionSync", json!([sign(transfer(id, 9), &alice())])).await;
    assert_eq!((code, message.as_str()), (6, "nonce too high: next nonce 3, tx nonce 9"));
}
