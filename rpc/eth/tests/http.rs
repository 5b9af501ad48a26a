//! JSON-RPC over real HTTP on a real chain: what clients do, and what they do wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use common::{GWEI, Node, alice, sign, transfer};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_connects_sends_and_reads() {
    let node = Node::start().await;
    let id = node.chain_id();
    let hex_id = format!("{id:#x}");

    assert_eq!(node.call("eth_chainId", json!([])).await, hex_id);
    assert_eq!(node.call("net_version", json!([])).await, id.to_string());
    assert_eq!(node.call("web3_clientVersion", json!([])).await, "qenex/test");
    assert_eq!(node.call("eth_syncing", json!([])).await, false);
    assert_eq!(node.call("eth_accounts", json!([])).await, json!([]));
    assert_eq!(node.call("net_peerCount", json!([])).await, "0x3");
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x0");
    let sha3 = node.call("web3_sha3", json!(["0x68656c6c6f"])).await;
    assert_eq!(sha3, json!(keccak256("hello")));
    let latest = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert!(latest["baseFeePerGas"].is_string(), "EIP-1559 is detected by this");
    for field in ["withdrawals", "withdrawalsRoot", "requestsHash", "size", "uncles", "mixHash"] {
        assert!(latest.get(field).is_some(), "{field}");
    }
    assert!(latest.get("totalDifficulty").is_none());

    let to = json!(Address::repeat_byte(0xaa));
    let request = json!({ "from": alice().address(), "to": to, "value": "0x1" });
    assert_eq!(node.call("eth_estimateGas", json!([request])).await, "0x5208");
    let fee = node.call("eth_gasPrice", json!([])).await;
    assert!(u128::from_str_radix(&fee.as_str().unwrap()[2..], 16).unwrap() >= GWEI);

    let before = node.call("eth_getTransactionCount", json!([alice().address(), "latest"])).await;
    assert_eq!(before, "0x0");
    let hash = node.send(transfer(id, 0)).await;
    let pending = node.call("eth_getTransactionCount", json!([alice().address(), "pending"])).await;
    assert_eq!(pending, "0x1");
    let waiting = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(waiting["blockHash"], Value::Null);
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(node.gossiped.lock().unwrap().len(), 1);

    let block = node.mine();

    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["blockNumber"], "0x1");
    assert_eq!(receipt["gasUsed"], "0x5208");
    assert_eq!(receipt["type"], "0x2");
    assert_eq!(receipt["contractAddress"], Value::Null);
    assert!(receipt.get("blobGasUsed").is_none());
    let mined = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(mined["blockHash"], json!(block.hash));
    assert_eq!(mined["from"], json!(alice().address()));
    assert_eq!(mined["v"], mined["yParity"]);
    assert_eq!(node.call("eth_getBalance", json!([to, "latest"])).await, "0x1");
    assert_eq!(node.call("eth_getBalance", json!([to, "0x0"])).await, "0x0", "past state");
    let by_hash = json!([to, { "blockHash": block.hash, "requireCanonical": true }]);
    assert_eq!(node.call("eth_getBalance", by_hash).await, "0x1", "EIP-1898");
    assert_eq!(node.call("eth_getBalance", json!([to])).await, "0x1", "omitted is latest");

    let full = node.call("eth_getBlockByHash", json!([block.hash, true])).await;
    assert_eq!(full["transactions"][0]["hash"], json!(hash));
    assert_eq!(full["hash"], json!(block.hash));
    let receipts = node.call("eth_getBlockReceipts", json!(["0x1"])).await;
    assert_eq!(receipts[0], receipt);
    let raw = node.call("eth_getRawTransactionByHash", json!([hash])).await;
    assert_eq!(raw, json!(sign(transfer(id, 0), &alice())));
    let count = node.call("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await;
    assert_eq!(count, "0x1");
    let same = node.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])).await;
    assert_eq!(same, mined);
    let raw_header: Bytes =
        serde_json::from_value(node.call("debug_getRawHeader", json!(["0x1"])).await).unwrap();
    assert_eq!(keccak256(raw_header), block.hash);
    assert_eq!(
        node.call("qenex_getFinalityCertificate", json!(["0x1"])).await,
        json!(Bytes::from_static(b"certificate"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_found_by_sender_and_nonce() {
    let node = Node::start().await;
    let from = alice().address();
    let mut sent = vec![node.send(transfer(node.chain_id(), 0)).await];
    node.mine();
    node.mine();
    for nonce in [1, 2] {
        sent.push(node.send(transfer(node.chain_id(), nonce)).await);
    }
    node.mine();
    sent.push(node.send(transfer(node.chain_id(), 3)).await);

    let method = "eth_getTransactionBySenderAndNonce";
    for (nonce, hash) in sent.iter().enumerate() {
        let found = node.call(method, json!([from, format!("{nonce:#x}")])).await;
        assert_eq!(found["hash"], json!(hash), "nonce {nonce}");
        assert_eq!(found["blockHash"].is_null(), nonce == 3, "the last one waits");
    }
    assert_eq!(node.call(method, json!([from, "0x4"])).await, Value::Null);
    assert_eq!(node.call(method, json!([Address::ZERO, "0x0"])).await, Value::Null);

    let info = node.call("eth_getAccountInfo", json!([from, "0x1"])).await;
    assert_eq!((&info["nonce"], &info["code"]), (&json!("0x1"), &json!("0x")));
    let balance = node.call("eth_getBalance", json!([from, "0x1"])).await;
    assert_eq!(info["balance"], balance);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_null() {
    let node = Node::start().await;
    let unknown = B256::repeat_byte(9);
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x99", false])),
        ("eth_getBlockByHash", json!([unknown, false])),
        ("eth_getHeaderByNumber", json!(["0x99"])),
        ("eth_getTransactionByHash", json!([unknown])),
        ("eth_getTransactionReceipt", json!([unknown])),
        ("eth_getBlockReceipts", json!(["0x99"])),
        ("eth_getBlockReceipts", json!([unknown])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x0", "0x0"])),
        ("eth_getTransactionByBlockHashAndIndex", json!([unknown, "0x0"])),
        ("eth_getBlockTransactionCountByHash", json!([unknown])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x0", "0x0"])),
        ("eth_getUncleCountByBlockHash", json!([unknown])),
        ("eth_getRawTransactionByHash", json!([unknown])),
        ("qenex_getFinalityCertificate", json!(["0x99"])),
    ] {
        assert_eq!(node.call(method, params).await, Value::Null, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_estimates_and_reverts() {
    let node = Node::start().await;
    let contract = node.deploy(0).await;
    let from = alice().address();

    let code = node.call("eth_getCode", json!([contract, "latest"])).await;
    assert_eq!(code.as_str().unwrap().len(), 2 + 2 * 0x83);
    assert_eq!(node.call("eth_call", json!([{ "to": contract }, "latest"])).await, "0x");
    let reverting = json!({ "from": from, "to": contract, "data": "0x01" });
    for method in ["eth_call", "eth_estimateGas"] {
        let (code, message, data) = node.fail(method, json!([reverting])).await;
        assert_eq!((code, message.as_str()), (3, "execution reverted: nope"), "{method}");
        assert!(data.as_str().unwrap().starts_with("0x08c379a0"));
    }
    // Overrides: code that returns 42, and its slot 0.
    let returns_slot = "0x60005460005260206000f3";
    let overrides = json!({ contract.to_string(): {
        "code": returns_slot,
        "stateDiff": { B256::ZERO.to_string(): B256::from(U256::from(42)) },
    } });
    let answer = node.call("eth_call", json!([{ "to": contract }, "latest", overrides])).await;
    assert_eq!(answer, json!(B256::from(U256::from(42))));
    let number = json!({ contract.to_string(): { "code": "0x4360005260206000f3" } });
    let params = json!([{ "to": contract }, "latest", number, { "number": "0x77" }]);
    assert_eq!(node.call("eth_call", params).await, json!(B256::from(U256::from(0x77))));

    let list = node.call("eth_createAccessList", json!([{ "from": from, "to": contract }])).await;
    assert!(list["gasUsed"].is_string() && list["accessList"].is_array());

    let poor = Address::repeat_byte(0x77);
    let unpayable =
        json!({ "from": poor, "to": contract, "value": "0x1", "gasPrice": "0x3b9aca00" });
    let (code, message, _) = node.fail("eth_estimateGas", json!([unpayable])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("insufficient funds"), "{message}");
    let low = json!({ "from": from, "to": contract, "gas": "0x5208" });
    let (code, message, _) = node.fail("eth_estimateGas", json!([low])).await;
    assert_eq!((code, message.as_str()), (-32000, "gas required exceeds allowance (21000)"));

    let empty_slot = node.call("eth_getStorageAt", json!([contract, "0x0", "latest"])).await;
    assert_eq!(empty_slot, json!(B256::ZERO));
    let proof = node.call("eth_getProof", json!([contract, ["0x0"], "latest"])).await;
    assert_eq!(proof["address"], json!(contract));
    assert!(!proof["accountProof"].as_array().unwrap().is_empty());
    assert_eq!(proof["storageProof"][0]["value"], "0x0");
    assert_eq!(proof["storageProof"][0]["key"], "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_filters() {
    let node = Node::start().await;
    let contract = node.deploy(0).await;
    let blocks = node.call("eth_newBlockFilter", json!([])).await;
    let pending = node.call("eth_newPendingTransactionFilter", json!([])).await;
    let logs = node.call("eth_newFilter", json!([{ "address": contract }])).await;

    let touch = TxEip1559 {
        to: TxKind::Call(contract),
        gas_limit: 100_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 1)
    };
    let hash = node.send(touch).await;
    let block = node.mine();

    let topic = B256::repeat_byte(0x11);
    let found = node.call("eth_getLogs", json!([{ "fromBlock": "0x0", "topics": [topic] }])).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["transactionHash"], json!(hash));
    assert_eq!(found[0]["logIndex"], "0x0");
    assert_eq!(found[0]["removed"], false);
    assert!(found[0]["blockTimestamp"].is_string());
    let by_hash = node.call("eth_getLogs", json!([{ "blockHash": block.hash }])).await;
    assert_eq!(by_hash, found);
    let other = json!([{ "fromBlock": "earliest", "topics": [B256::repeat_byte(0x22)] }]);
    assert_eq!(node.call("eth_getLogs", other).await, json!([]));

    assert_eq!(node.call("eth_getFilterChanges", json!([logs])).await, found);
    assert_eq!(node.call("eth_getFilterChanges", json!([logs])).await, json!([]));
    assert_eq!(node.call("eth_getFilterChanges", json!([blocks])).await, json!([block.hash]));
    assert_eq!(node.call("eth_getFilterChanges", json!([pending])).await, json!([hash]));
    assert_eq!(node.call("eth_uninstallFilter", json!([logs])).await, true);
    let (code, message, _) = node.fail("eth_getFilterChanges", json!([logs])).await;
    assert_eq!((code, message.as_str()), (-32000, "filter not found"));

    for (filter, code, message) in [
        (json!({ "fromBlock": "0x2", "toBlock": "0x1" }), -32602, "invalid block range params"),
        (
            json!({ "fromBlock": "0x1", "toBlock": "0x99" }),
            -32602,
            "block range extends beyond current head block",
        ),
        (json!({ "toBlock": "pending" }), -32602, "pending logs are not supported"),
        (json!({ "blockHash": B256::repeat_byte(5) }), -32000, "unknown block"),
    ] {
        let (got, said, _) = node.fail("eth_getLogs", json!([filter])).await;
        assert_eq!((got, said.as_str()), (code, message), "{filter}");
    }
    let both = json!([{ "blockHash": block.hash, "fromBlock": "0x1" }]);
    assert_eq!(node.fail("eth_getLogs", both).await.0, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_queries_are_bounded() {
    let node = Node::with(|_, config| {
        config.max_log_blocks = 2;
        config.max_logs = 1;
    })
    .await;
    let contract = node.deploy(0).await;
    for nonce in 1..3 {
        let touch = TxEip1559 {
            to: TxKind::Call(contract),
            gas_limit: 100_000,
            value: U256::ZERO,
            ..transfer(node.chain_id(), nonce)
        };
        node.send(touch).await;
        node.mine();
    }
    let (code, message, _) = node.fail("eth_getLogs", json!([{ "fromBlock": "0x2" }])).await;
    assert_eq!((code, message.as_str()), (-32005, "query returned more than 1 results"));
    let (code, message, _) = node.fail("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await;
    assert_eq!((code, message.as_str()), (-32005, "query exceeds max block range 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_transactions_are_refused_in_the_words_clients_match() {
    let node = Node::start().await;
    let id = node.chain_id();
    let good = sign(transfer(id, 0), &alice());
    node.call("eth_sendRawTransaction", json!([good])).await;
    let broke = alloy_signer_local::PrivateKeySigner::from_slice(&[7; 32]).unwrap();
    let table = [
        (json!([good]), "already known"),
        (json!([sign(transfer(id + 1, 0), &alice())]), "invalid chain id for signer: "),
        (json!([sign(transfer(id, 0), &broke)]), "insufficient funds for gas * price + value: "),
        (
            json!([sign(TxEip1559 { gas_limit: 20_000, ..transfer(id, 1) }, &alice())]),
            "intrinsic gas too low: gas 20000, minimum needed 21000",
        ),
        (
            json!([sign(TxEip1559 { value: U256::from(2), ..transfer(id, 0) }, &alice())]),
            "replacement transaction underpriced",
        ),
        (
            json!([sign(TxEip1559 { max_fee_per_gas: GWEI / 2, ..transfer(id, 1) }, &alice())]),
            "max priority fee per gas higher than max fee per gas: ",
        ),
        (json!(["0x"]), "failed to decode signed transaction: empty input"),
        (json!(["0x02c0"]), "failed to decode signed transaction: "),
        (json!(["0x03c0"]), "transaction type not supported: blob transactions"),
        (json!(["0x7f"]), "transaction type not supported: 0x7f"),
    ];
    for (params, start) in table {
        let (code, message, _) = node.fail("eth_sendRawTransaction", params).await;
        assert_eq!(code, -32000, "{message}");
        assert!(message.starts_with(start), "{message} instead of {start}");
    }
    node.mine();
    let (_, message, _) = node.fail("eth_sendRawTransaction", json!([good])).await;
    assert_eq!(message, "nonce too low: next nonce 1, tx nonce 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_calls_are_answered_precisely() {
    let node = Node::start().await;
    let table = [
        ("eth_nope", json!([]), -32601, "the method eth_nope does not exist/is not available"),
        (
            "personal_sign",
            json!([]),
            -32601,
            "the method personal_sign does not exist/is not available",
        ),
        ("eth_subscribe", json!(["newHeads"]), -32601, "notifications not supported"),
        ("eth_getBalance", json!([]), -32602, "missing value for required argument 0"),
        ("eth_chainId", json!([1]), -32602, "too many arguments, want at most 0"),
        ("eth_getBalance", json!({ "address": "0x" }), -32602, "non-array args"),
        ("eth_getBalance", json!([Address::ZERO, "0x99"]), -32000, "header not found"),
        ("eth_call", json!([{}, { "blockHash": B256::ZERO }]), -32000, "header not found"),
        (
            "eth_getStorageAt",
            json!([Address::ZERO, "nope"]),
            -32602,
            "unable to decode storage key: hex string without 0x prefix",
        ),
        (
            "eth_call",
            json!([{ "data": "0x01", "input": "0x02" }]),
            -32000,
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass \
             transaction call data",
        ),
        (
            "eth_call",
            json!([{ "gasPrice": "0x1", "maxFeePerGas": "0x1" }]),
            -32000,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ),
        (
            "eth_call",
            json!([{ "chainId": "0x1" }]),
            -32000,
            &format!("chainId does not match node's (have=1, want={})", node.chain_id()),
        ),
        (
            "eth_feeHistory",
            json!(["0x1", "latest", [50, 20]]),
            -32602,
            "invalid reward percentile: #0:50 >= #1:20",
        ),
        (
            "eth_feeHistory",
            json!(["0x1", "latest", [101]]),
            -32602,
            "invalid reward percentile: 101",
        ),
        ("debug_getRawBlock", json!(["0x99"]), -32000, "block not found"),
        (
            "debug_setHead",
            json!([B256::ZERO]),
            -32601,
            "the method debug_setHead does not exist/is not available",
        ),
    ];
    for (method, params, code, message) in table {
        let (got, said, _) = node.fail(method, params.clone()).await;
        assert_eq!((got, said.as_str()), (code, message), "{method} {params}");
    }
    for (method, params) in [
        ("eth_getBalance", json!(["0x12"])),
        ("eth_getBalance", json!([Address::ZERO, "nope"])),
        ("eth_getTransactionByHash", json!(["0x12"])),
        ("eth_sendRawTransaction", json!(["0x123"])),
        ("eth_sendRawTransaction", json!([5])),
        ("eth_call", json!(["x"])),
        ("debug_getRawHeader", json!(["nope"])),
    ] {
        let (code, message, _) = node.fail(method, params.clone()).await;
        assert_eq!(code, -32602, "{method} {params}: {message}");
        assert!(message.starts_with("invalid argument "), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_requests_and_too_large_ones() {
    let node = Node::with(|_, config| {
        config.max_body = 10_000;
        config.max_batch = 3;
    })
    .await;
    let body = |code: i64, answer: &str| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["error"]["code"], code, "{answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    };
    let (status, answer) = node.post("{junk").await;
    assert_eq!((status, body(-32700, &answer).as_str()), (200, "Parse error"));
    let (_, answer) = node.post(r#"{"jsonrpc":"2.0","id":1}"#).await;
    assert_eq!(body(-32600, &answer), "Invalid request");
    let (_, answer) = node.post("[]").await;
    assert_eq!(body(-32600, &answer), "Invalid request");
    let (status, answer) = node.post("x".repeat(10_001)).await;
    assert_eq!((status, body(-32007, &answer).as_str()), (413, "Request is too big"));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let (_, answer) = node.post(json!([call, call, call, call]).to_string()).await;
    assert_eq!(body(-32010, &answer), "The batch request was too large");

    // A string id comes back as it was; a batch keeps its order; errors do not spoil it.
    let batch = json!([
        { "jsonrpc": "2.0", "id": "a", "method": "eth_chainId" },
        { "jsonrpc": "2.0", "id": 2, "method": "nope" },
        5,
    ]);
    let (status, answer) = node.post(batch.to_string()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(status, 200);
    assert_eq!(answer[0]["id"], "a");
    assert_eq!(answer[1]["error"]["code"], -32601);
    assert_eq!(answer[2]["error"]["code"], -32600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_transactions_goes_to_the_pool_at_once() {
    let node = Node::start().await;
    let id = node.chain_id();
    let mut calls: Vec<Value> = (0..100)
        .map(|nonce| {
            let raw = sign(transfer(id, nonce), &alice());
            json!({ "jsonrpc": "2.0", "id": nonce, "method": "eth_sendRawTransaction",
                "params": [raw] })
        })
        .collect();
    calls.insert(
        50,
        json!({ "jsonrpc": "2.0", "id": 500, "method": "eth_sendRawTransaction",
        "params": ["0x00"] }),
    );
    calls.push(json!({ "jsonrpc": "2.0", "id": 501, "method": "eth_getTransactionCount",
        "params": [alice().address(), "pending"] }));

    let (_, answer) = node.post(Value::Array(calls).to_string()).await;

    let answer: Vec<Value> = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer.len(), 102);
    assert_eq!(answer[50]["id"], 500);
    assert_eq!(answer[50]["error"]["message"], "transaction type not supported: 0x00");
    assert_eq!(answer[101]["result"], "0x64");
    assert_eq!(node.mine().transactions.len(), 100);
    let status = node.call("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_of_several_accounts_come_in_the_order_asked_for() {
    let account = Address::repeat_byte(0xcc);
    let word = |n: u64| B256::from(U256::from(n));
    let node = Node::with(|spec, _| {
        let mut with_storage =
            qenex_types::GenesisAccount { code: Bytes::from_static(&[0x00]), ..Default::default() };
        with_storage.storage.insert(word(1), word(0x11));
        with_storage.storage.insert(word(2), word(0x22));
        spec.alloc.insert(account, with_storage);
    })
    .await;

    let asked = json!({
        account.to_string(): [word(2), word(3), word(1)],
        Address::ZERO.to_string(): [word(1)],
    });
    let found = node.call("eth_getStorageValues", json!([asked])).await;

    let expected = json!([word(0x22), word(0), word(0x11)]);
    assert_eq!(found[format!("{account:#x}")], expected);
    assert_eq!(found[format!("{:#x}", Address::ZERO)], json!([word(0)]));
    let many: Vec<B256> = (0..1_025).map(word).collect();
    for (asked, code, message) in [
        (json!({}), -32602, "empty request"),
        (json!({ account.to_string(): [] }), -32602, "empty request"),
        (json!({ account.to_string(): many }), -38026, "too many slots (max 1024)"),
    ] {
        let (got, said, _) = node.fail("eth_getStorageValues", json!([asked])).await;
        assert_eq!((got, said.as_str()), (code, message));
    }
    let (code, said, _) = node.fail("eth_getStorageValues", json!([asked, "0x99"])).await;
    assert_eq!((code, said.as_str()), (-32000, "header not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_namespaces_are_served() {
    use qenex_rpc_eth::Namespace;

    let node =
        Node::with(|_, config| config.namespaces = [Namespace::Rpc, Namespace::Net].into()).await;
    let modules = node.call("rpc_modules", json!([])).await;
    assert_eq!(modules, json!({ "net": "1.0", "rpc": "1.0" }));
    node.call("net_version", json!([])).await;
    for method in ["eth_chainId", "debug_getRawHeader", "eth_subscribe", "txpool_status"] {
        let (code, said, _) = node.fail(method, json!(["latest"])).await;
        let expected = format!("the method {method} does not exist/is not available");
        assert_eq!((code, said), (-32601, expected));
    }
    // A batch has a way of its own to the pool.
    let raw = sign(transfer(node.chain_id(), 0), &alice());
    let call =
        json!([{ "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw] }]);
    let (_, answer) = node.post(call.to_string()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer[0]["error"]["code"], -32601);
    assert_eq!(node.context.pool.status().pending, 0);

    let node = Node::start().await;
    let modules = node.call("rpc_modules", json!([])).await;
    assert_eq!(modules["debug"], "1.0", "on loopback");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_send_answers_with_the_receipt() {
    let node = Node::start().await;
    let raw = sign(transfer(node.chain_id(), 0), &alice());
    let (receipt, _) = tokio::join!(node.call("eth_sendRawTransactionSync", json!([raw])), async {
        while node.context.pool.is_empty_of_pending() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        node.mine()
    });
    assert_eq!(receipt["status"], "0x1");

    let raw = sign(transfer(node.chain_id(), 1), &alice());
    let (code, _, data) = node.fail("eth_sendRawTransactionSync", json!([raw, 20])).await;
    assert_eq!((code, data), (4, json!(keccak256(&raw))));
}

#[tokio::test(flavor = "multi_thread")]
async fn fee_history_has_the_shape_clients_expect() {
    let node = Node::start().await;
    node.send(transfer(node.chain_id(), 0)).await;
    node.mine();
    let history = node.call("eth_feeHistory", json!(["0xa", "latest", [10, 50, 90]])).await;
    assert_eq!(history["oldestBlock"], "0x0");
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["baseFeePerBlobGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 2);
    assert_eq!(history["reward"][0], json!(["0x0", "0x0", "0x0"]), "an empty block");
    assert_eq!(history["reward"][1], json!(["0x3b9aca00", "0x3b9aca00", "0x3b9aca00"]));
    let plain = node.call("eth_feeHistory", json!([1, "latest", null])).await;
    assert!(plain["reward"].is_null());
    assert_eq!(node.call("eth_maxPriorityFeePerGas", json!([])).await, "0x3b9aca00");
    assert_eq!(node.call("eth_blobBaseFee", json!([])).await, "0x1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_is_shown() {
    let node = Node::start().await;
    node.send(transfer(node.chain_id(), 0)).await;
    node.send(transfer(node.chain_id(), 5)).await;
    let from = alice().address();
    let content = node.call("txpool_content", json!([])).await;
    let sender = from.to_string().to_lowercase();
    let of = |part: &Value| {
        let by_sender = part.as_object().unwrap();
        let (_, txs) =
            by_sender.iter().find(|(address, _)| address.to_lowercase() == sender).unwrap();
        txs.clone()
    };
    assert_eq!(of(&content["pending"])["0"]["nonce"], "0x0");
    assert_eq!(of(&content["queued"])["5"]["nonce"], "0x5");
    let own = node.call("txpool_contentFrom", json!([from])).await;
    assert_eq!(own["queued"]["5"]["nonce"], "0x5");
    let inspect = node.call("txpool_inspect", json!([])).await;
    assert!(of(&inspect["pending"])["0"].as_str().unwrap().ends_with("× 10000000000 wei"));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_routes_cors_and_a_busy_port() {
    let node = Node::start().await;
    let (status, health) = node.get("/health").await;
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let (_, info) = node.get("/api/v1/blockchain/info").await;
    assert_eq!(serde_json::from_str::<Value>(&info).unwrap()["name"], "test");
    assert_eq!(node.get("/other").await.0, 405);

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let preflight = client
        .request(reqwest::Method::OPTIONS, node.url())
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");

    let config = qenex_rpc_eth::RpcConfig::new(node.rpc.local_addr());
    let busy = qenex_rpc_eth::serve(config, node.context.clone()).await.unwrap_err();
    assert!(busy.to_string().ends_with("the port is in use by another program"), "{busy}");

    let Node { rpc, .. } = node;
    let address = rpc.local_addr();
    rpc.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "stopped");
}

/// `cargo test --release -p qenex-rpc-eth --test http -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run by hand on a quiet machine"]
async fn measure_transactions_admitted_per_second() {
    const SENDERS: u64 = 40;
    const EACH: u64 = 500;
    let keys: Vec<_> = (1..=SENDERS)
        .map(|n| alloy_signer_local::PrivateKeySigner::from_slice(&B256::from(U256::from(n)).0))
        .map(Result::unwrap)
        .collect();
    let node = Node::with(|spec, _| {
        for key in &keys {
            let rich = qenex_types::GenesisAccount {
                balance: U256::from(10).pow(U256::from(24)),
                ..Default::default()
            };
            spec.alloc.insert(key.address(), rich);
        }
    })
    .await;
    let bodies: Vec<String> = keys
        .iter()
        .flat_map(|key| (0..EACH).map(move |nonce| (key, nonce)))
        .map(|(key, nonce)| sign(transfer(node.chain_id(), nonce), key))
        .collect::<Vec<_>>()
        .chunks(100)
        .map(|raws| {
            let calls: Vec<Value> = raws
                .iter()
                .map(|raw| {
                    json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction",
                        "params": [raw] })
                })
                .collect();
            Value::Array(calls).to_string()
        })
        .collect();

    let started = tokio::time::Instant::now();
    let node = &node;
    let lanes = bodies.chunks(bodies.len().div_ceil(8)).map(|lane| async move {
        for body in lane {
            node.post(body.clone()).await;
        }
    });
    futures::future::join_all(lanes).await;

    let seconds = started.elapsed().as_secs_f64();
    let admitted = node.context.pool.status().pending;
    println!("{admitted} transactions admitted in {seconds:.2} s");
    assert_eq!(admitted as u64, SENDERS * EACH);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_filled_in_but_for_the_signature() {
    let node = Node::start().await;
    let contract = node.deploy(0).await;
    node.send(transfer(node.chain_id(), 1)).await;
    let from = alice().address();
    let filled = node.call("eth_fillTransaction", json!([{ "from": from, "to": contract }])).await;
    let tx = &filled["tx"];
    // The transaction that waits in the pool counts.
    assert_eq!(
        (&tx["nonce"], &tx["type"], &tx["value"]),
        (&json!("0x2"), &json!("0x2"), &json!("0x0"))
    );
    assert_eq!(tx["chainId"], json!(format!("{:#x}", node.chain_id())));
    let estimate = node.call("eth_estimateGas", json!([{ "from": from, "to": contract }])).await;
    assert_eq!(tx["gas"], estimate);
    let tip = node.call("eth_maxPriorityFeePerGas", json!([])).await;
    assert_eq!(tx["maxPriorityFeePerGas"], tip);
    // Signed as it is, it is taken and succeeds.
    let number = |field: &str| {
        u64::from_str_radix(tx[field].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    let signed = common::sign(
        TxEip1559 {
            nonce: number("nonce"),
            gas_limit: number("gas"),
            max_fee_per_gas: number("maxFeePerGas").into(),
            max_priority_fee_per_gas: number("maxPriorityFeePerGas").into(),
            to: alloy_primitives::TxKind::Call(contract),
            value: alloy_primitives::U256::ZERO,
            ..transfer(node.chain_id(), 2)
        },
        &alice(),
    );
    let hash = node.call("eth_sendRawTransaction", json!([signed])).await;
    node.mine();
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1");
    // With a gas price it is of the old type, and what is given stays.
    let old = json!([{ "from": from, "to": contract, "gasPrice": "0x12a05f200", "gas": "0x30000", "nonce": "0x9" }]);
    let old = node.call("eth_fillTransaction", old).await;
    let tx = &old["tx"];
    assert_eq!(
        (&tx["type"], &tx["nonce"], &tx["gas"]),
        (&json!("0x0"), &json!("0x9"), &json!("0x30000"))
    );
    for (request, code, words) in [
        (json!({ "from": from }), -32_000, "contract creation without any data"),
        (json!({ "from": from, "to": contract, "input": "0x01" }), 3, "execution reverted: nope"),
        (
            json!({ "to": contract, "gasPrice": "0x1", "maxFeePerGas": "0x1" }),
            -32_000,
            "both gasPrice",
        ),
        (json!({ "to": contract, "chainId": "0x1" }), -32_000, "chainId does not match"),
    ] {
        let (got, message, _) = node.fail("eth_fillTransaction", json!([request])).await;
        assert!(got == code && message.contains(words), "{request}: {got} {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_and_what_is_kept_are_told() {
    let node = Node::start().await;
    node.mine();
    let config = node.call("eth_config", json!([])).await;
    assert_eq!((&config["next"], &config["last"]), (&Value::Null, &Value::Null));
    let current = &config["current"];
    assert_eq!(current["chainId"], json!(format!("{:#x}", node.chain_id())));
    assert_eq!(current["activationTime"], 0);
    assert_eq!(current["precompiles"]["P256VERIFY"], "0x0000000000000000000000000000000000000100");
    assert_eq!(current["forkId"].as_str().unwrap().len(), 10);
    let beacon_roots = &current["systemContracts"]["BEACON_ROOTS_ADDRESS"];
    assert_eq!(beacon_roots, "0x000f3df6d732807ef1319fb7b8bb8522d0beac02");
    let kept = node.call("eth_capabilities", json!([])).await;
    assert_eq!(kept["head"]["number"], "0x1");
    for what in ["blocks", "tx", "receipts", "logs", "state", "stateproofs"] {
        assert_eq!(
            (&kept[what]["disabled"], &kept[what]["oldestBlock"]),
            (&json!(false), &json!("0x0")),
            "{what}"
        );
    }
    assert_eq!(kept["stateproofs"]["deleteStrategy"]["retentionBlocks"], "0x100");
}

/// `docs/json-rpc.md` names every method that is registered, and no other; each of them is served.
#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_every_method() {
    let docs = include_str!("../../../docs/json-rpc.md");
    let (_, rest) = docs.split_once("## Methods").unwrap();
    let (table, _) = rest.split_once("## Errors").unwrap();
    let (table, _) = table.split_once("Calls to the financial engines").unwrap();
    let is_method = |name: &&str| name.split_once('_').is_some_and(|(first, _)| !first.is_empty());
    let named: BTreeSet<&str> = table.split('`').skip(1).step_by(2).filter(is_method).collect();
    let source = include_str!("../src/methods/mod.rs");
    let mut registered: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" (").map(|(name, _)| name))
        .collect();
    registered.extend(["rpc_modules", "eth_subscribe", "eth_unsubscribe"]);
    assert!(registered.len() > 90, "{}", registered.len());
    assert_eq!(named, registered);

    let node = Node::start().await;
    for method in named {
        let answer = node.raw_call(method, json!([])).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.contains("does not exist"), "{method}: {message}");
    }
    for method in [
        "eth_sign",
        "eth_sendTransaction",
        "eth_signTransaction",
        "eth_signTypedData_v4",
        "personal_sign",
    ] {
        let (code, message, _) = node.fail(method, json!([])).await;
        let words = format!("the method {method} does not exist/is not available");
        assert_eq!((code, message), (-32_601, words));
    }
}

/// `docs/dev.md` names every method of a development node, and a validator serves none of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_has_no_method_of_a_development_node() {
    let source = include_str!("../src/methods/dev.rs");
    let (_, table) = source.split_once("register!(module {").unwrap();
    let (table, _) = table.split_once("});").unwrap();
    let registered: BTreeSet<&str> = table.split('"').skip(1).step_by(2).collect();
    assert!(registered.len() > 35, "{}", registered.len());

    let docs = include_str!("../../../docs/dev.md");
    let (_, rest) = docs.split_once("## Methods").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let named: BTreeSet<&str> =
        rows.flat_map(|names| names.split('`').filter(|name| name.contains('_'))).collect();
    assert_eq!(named, registered);

    let node = Node::start().await;
    for method in registered.into_iter().filter(|method| *method != "eth_accounts") {
        let (code, message, _) = node.fail(method, json!([])).await;
        let words = format!("the method {method} does not exist/is not available");
        assert_eq!((code, message), (-32_601, words));
    }
    assert_eq!(node.call("eth_accounts", json!([])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_waits_and_only_named_origins_ask() {
    let node = Node::with(|_, config| {
        config.rate_limit = 20;
        config.cors_origins = vec!["https://bank.example".to_owned()];
    })
    .await;
    // A burst of five seconds: 100 units. Nine calls of 10 and a batch that takes the rest.
    let call = json!({ "to": Address::ZERO });
    for _ in 0..9 {
        node.call("eth_call", json!([call, "latest"])).await;
    }
    let batch: Vec<_> = (0..60)
        .map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_blockNumber", "params": []}))
        .collect();
    let answers = node.client.post(node.url()).json(&batch).send().await.unwrap();
    assert_eq!(answers.status(), 200);
    let answers: Vec<Value> = answers.json().await.unwrap();
    let (good, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.get("result").is_some());
    assert!((5..=55).contains(&good.len()), "{} answered", good.len());
    for answer in &refused {
        assert_eq!(answer["error"]["code"], -32005);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("request rate exceeded, retry in "), "{message}");
    }
    let one = json!({"jsonrpc": "2.0", "id": 1, "method": "debug_getRawHeader", "params": ["0x0"]});
    let mut last = 200;
    for _ in 0..50 {
        let answer = node.client.post(node.url()).json(&one).send().await.unwrap();
        last = answer.status().as_u16();
        if last == 429 {
            let seconds: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=5).contains(&seconds), "{seconds}");
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["error"]["code"], -32005);
            break;
        }
    }
    assert_eq!(last, 429);

    let ask = |origin: &'static str| {
        let request = node.client.request(reqwest::Method::OPTIONS, node.url());
        request.header("origin", origin).header("access-control-request-method", "POST").send()
    };
    let allowed = ask("https://bank.example").await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://bank.example");
    let other = ask("https://other.example").await.unwrap();
    assert!(other.headers().get("access-control-allow-origin").is_none());

    let mut config = qenex_rpc_eth::RpcConfig::new("127.0.0.1:0".parse().unwrap());
    config.cors_origins = vec!["bank.example".to_owned()];
    let refused = qenex_rpc_eth::serve(config, node.context.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("\"bank.example\" is no origin"), "{refused}");
}
