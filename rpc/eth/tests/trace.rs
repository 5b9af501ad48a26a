//! `debug_trace*`, `trace_*` and `ots_*` over real HTTP on a real chain.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod common;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256, address, hex};
use common::{Node, alice, transfer};
use serde_json::{Value, json};

/// ERC-20 face of USD: an engine, not a contract.
const USD: Address = address!("5158c00000000000000000000000000000555344");

/// Creation code that leaves `runtime`.
fn creation(runtime: &[u8]) -> Vec<u8> {
    let length = u16::try_from(runtime.len()).unwrap().to_be_bytes();
    [&[0x61][..], &length, &hex!("80600a5f395ff3"), runtime].concat()
}

/// Code that asks the engine for USD's total supply, calls the identity precompile, calls `other` with
/// a byte of calldata, which reverts, and writes slot 0.
fn caller_of(other: Address) -> Vec<u8> {
    [
        &hex!("6318160ddd5f52")[..],
        &hex!("60205f6004601c73"),
        USD.as_slice(),
        &hex!("5afa50"),
        &hex!("5f5f6004601c5f60045af150"),
        &hex!("5f5f60015f5f73"),
        other.as_slice(),
        &hex!("5af150"),
        &hex!("60015f5500"),
    ]
    .concat()
}

/// A node on which the contract above was called, in block 3, and other things happened after.
async fn node() -> (Node, Address, Address, B256) {
    let node = Node::start().await;
    let other = node.deploy(0).await;
    let create = TxEip1559 {
        to: TxKind::Create,
        input: creation(&caller_of(other)).into(),
        gas_limit: 500_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 1)
    };
    node.send(create).await;
    node.mine();
    let caller = alice().address().create(1);
    node.send(transfer(node.chain_id(), 2)).await;
    let call = TxEip1559 {
        to: TxKind::Call(caller),
        gas_limit: 500_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 3)
    };
    let hash = node.send(call.clone()).await;
    node.mine();
    // The same again finds the slot written: other gas than before.
    node.send(TxEip1559 { nonce: 4, ..call }).await;
    node.mine();
    (node, caller, other, hash)
}

async fn tracer(node: &Node, hash: B256, name: &str, config: Value) -> Value {
    let options = json!({ "tracer": name, "tracerConfig": config });
    node.call("debug_traceTransaction", json!([hash, options])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_are_frames_with_input_output_and_gas() {
    let (node, caller, other, hash) = node().await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;

    let top = tracer(&node, hash, "callTracer", json!({ "withLog": true })).await;
    assert_eq!(top["type"], "CALL");
    assert_eq!(top["from"], json!(alice().address()));
    assert_eq!(top["to"], json!(caller));
    assert_eq!(top["gasUsed"], receipt["gasUsed"]);
    let frames = top["calls"].as_array().unwrap();
    let shown: Vec<_> = frames.iter().map(|f| (&f["type"], &f["to"])).collect();
    let (call, static_call, identity) =
        (json!("CALL"), json!("STATICCALL"), json!(Address::with_last_byte(4)));
    let (usd, contract) = (json!(USD), json!(other));
    assert_eq!(shown, [(&static_call, &usd), (&call, &identity), (&call, &contract)]);
    assert_eq!(frames[0]["input"], "0x18160ddd");
    let supply = node.call("eth_call", json!([{ "to": USD, "input": "0x18160ddd" }])).await;
    assert_eq!(frames[0]["output"], supply);
    assert_ne!(frames[0]["gasUsed"], "0x0");
    assert_eq!(frames[2]["error"], "execution reverted");
    assert_eq!(frames[2]["revertReason"], "nope");

    // Flat, the engine has its frame and the precompile has none.
    for flat in [
        tracer(&node, hash, "flatCallTracer", json!({})).await,
        node.call("trace_transaction", json!([hash])).await,
    ] {
        let frames = flat.as_array().unwrap();
        let shown: Vec<_> =
            frames.iter().map(|f| (&f["action"]["to"], &f["traceAddress"])).collect();
        let places = [json!([]), json!([0]), json!([1])];
        let (a, b, c) = (json!(caller), json!(USD), json!(other));
        assert_eq!(shown, [(&a, &places[0]), (&b, &places[1]), (&c, &places[2])]);
        assert_eq!(frames[0]["subtraces"], 2);
        assert_eq!(frames[0]["transactionHash"], json!(hash));
        assert_eq!(frames[2]["error"], "Reverted");
    }
    let with = tracer(&node, hash, "flatCallTracer", json!({ "includePrecompiles": true })).await;
    assert_eq!(with.as_array().unwrap().len(), 4);
    assert_eq!(node.call("trace_get", json!([hash, ["0x0"]])).await["action"]["to"], json!(USD));
    assert_eq!(node.call("trace_get", json!([hash, ["0x7"]])).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tracer_of_geth_is_there() {
    let (node, caller, other, hash) = node().await;
    let sender = json!(alice().address());
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;

    let steps = node.call("debug_traceTransaction", json!([hash])).await;
    assert_eq!(json!(format!("{:#x}", steps["gas"].as_u64().unwrap())), receipt["gasUsed"]);
    assert_eq!((&steps["failed"], &steps["returnValue"]), (&json!(false), &json!("0x")));
    let logs = steps["structLogs"].as_array().unwrap();
    assert_eq!(
        (&logs[0]["op"], &logs[0]["pc"], &logs[0]["depth"]),
        (&json!("PUSH4"), &json!(0), &json!(1))
    );
    assert!(logs.iter().any(|step| step["depth"] == 2), "the called contract's steps are there");
    assert!(logs.iter().any(|step| step["storage"].is_object()), "SSTORE shows the slot");
    let options = json!({ "disableStack": true, "disableStorage": true });
    let bare = node.call("debug_traceTransaction", json!([hash, options])).await;
    let bare = bare["structLogs"].as_array().unwrap();
    assert_eq!(bare.len(), logs.len());
    assert!(bare.iter().all(|step| step.get("stack").is_none() && step.get("storage").is_none()));

    let before = tracer(&node, hash, "prestateTracer", json!({})).await;
    let balance = node.call("eth_getBalance", json!([alice().address(), "0x2"])).await;
    let wei = |value: &Value| {
        U256::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    // A transfer before it in the block paid from the same balance.
    assert!(wei(&before[sender.as_str().unwrap()]["balance"]) < wei(&balance));
    assert_eq!(before[sender.as_str().unwrap()]["nonce"], 3);
    assert!(before.get(json!(other).as_str().unwrap()).is_some());
    let diff = tracer(&node, hash, "prestateTracer", json!({ "diffMode": true })).await;
    assert_eq!(diff["post"][sender.as_str().unwrap()]["nonce"], 4);
    let written = &diff["post"][json!(caller).as_str().unwrap()]["storage"];
    assert_eq!(written[json!(B256::ZERO).as_str().unwrap()], json!(B256::with_last_byte(1)));

    let selectors = tracer(&node, hash, "4byteTracer", json!({})).await;
    assert_eq!(selectors, json!({ "0x18160ddd-0": 1 }), "the engine's, not the precompile's");
    assert_eq!(tracer(&node, hash, "noopTracer", json!({})).await, json!({}));
    let both = json!({ "callTracer": {}, "prestateTracer": {} });
    let mux = tracer(&node, hash, "muxTracer", both).await;
    assert_eq!(mux["callTracer"]["to"], json!(caller));
    assert_eq!(mux["prestateTracer"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_of_the_past_agree_with_its_receipts() {
    let (node, _, _, _) = node().await;
    let options = json!({ "tracer": "callTracer" });
    let head = node.context.chain.head().header.number;
    for number in 1..=head {
        let block = node.context.chain.block(number).unwrap().unwrap();
        let height = format!("{number:#x}");
        let all = node.call("debug_traceBlockByNumber", json!([height, options])).await;
        let same = node.call("debug_traceBlockByHash", json!([block.hash, options])).await;
        assert_eq!(all, same);
        assert_eq!(all.as_array().unwrap().len(), block.transactions.len());
        for (index, item) in all.as_array().unwrap().iter().enumerate() {
            let hash = block.transactions[index].inner().tx_hash();
            assert_eq!(item["txHash"], json!(hash));
            assert_eq!(item["result"]["gasUsed"], json!(format!("{:#x}", block.gas_used(index))));
            let alone = node.call("debug_traceTransaction", json!([hash, options])).await;
            assert_eq!(item["result"], alone);
        }
        let flat = node.call("trace_block", json!([height])).await;
        let tops = flat.as_array().unwrap().iter().filter(|f| f["traceAddress"] == json!([]));
        for (index, top) in tops.enumerate() {
            assert_eq!(top["result"]["gasUsed"], json!(format!("{:#x}", block.gas_used(index))));
        }
        let replayed = node
            .call(
                "trace_replayBlockTransactions",
                json!([height, ["trace", "stateDiff", "vmTrace"]]),
            )
            .await;
        for item in replayed.as_array().unwrap() {
            let sender = json!(alice().address());
            let nonce = &item["stateDiff"][sender.as_str().unwrap()]["nonce"];
            assert!(nonce["*"].is_object(), "{nonce}");
            assert!(item["vmTrace"].is_object() && item["trace"].is_array());
            let alone = node
                .call("trace_replayTransaction", json!([item["transactionHash"], ["trace"]]))
                .await;
            assert_eq!(alone["trace"], item["trace"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_did_not_happen_are_traced_on_any_state() {
    let (node, caller, other, _) = node().await;
    let request = json!({ "from": alice().address(), "to": caller });
    let options = json!({ "tracer": "callTracer" });
    let now = node.call("debug_traceCall", json!([request, "latest", options])).await;
    let then = node.call("debug_traceCall", json!([request, "0x2", options])).await;
    assert_ne!(now["gasUsed"], then["gasUsed"], "the slot is written since block 3");
    let code = json!({ "tracer": "callTracer", "stateOverrides": { caller.to_string(): { "code": "0x00" } } });
    let changed = node.call("debug_traceCall", json!([request, "latest", code])).await;
    assert!(changed.get("calls").is_none(), "{changed}");

    let one = node.call("trace_call", json!([request, ["trace"], "latest"])).await;
    assert_eq!(one["trace"].as_array().unwrap().len(), 3);
    // The second call sees the slot that the first wrote.
    let many = json!([[request, ["trace"]], [request, ["trace"]]]);
    let many = node.call("trace_callMany", json!([many, "0x2"])).await;
    let gas = |at: usize| many[at]["trace"][0]["result"]["gasUsed"].clone();
    assert_ne!(gas(0), gas(1));
    let raw = common::sign(transfer(node.chain_id(), 5), &alice());
    let traced = node.call("trace_rawTransaction", json!([raw, ["trace"]])).await;
    assert_eq!(traced["trace"][0]["action"]["to"], json!(Address::repeat_byte(0xaa)));

    let found = node
        .call(
            "trace_filter",
            json!([{ "fromBlock": "earliest", "toBlock": "latest", "toAddress": [other] }]),
        )
        .await;
    assert_eq!(found.as_array().unwrap().len(), 3, "created, and called twice: {found}");
    let second = json!([{ "fromBlock": "0x0", "toAddress": [other], "after": 1, "count": 5 }]);
    assert_eq!(node.call("trace_filter", second).await.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_traced_says_why() {
    let node = Node::with(|_, config| {
        config.max_trace_bytes = 1 << 20;
        config.max_trace_blocks = 2;
    })
    .await;
    node.deploy(0).await;
    node.mine();
    let bad = json!(B256::repeat_byte(9));
    let endless = json!({ "to": Address::repeat_byte(0x77), "gas": "0x2faf080" });
    let code = json!({ Address::repeat_byte(0x77).to_string(): { "code": "0x5b5f56" } });
    let traced = |more: Value| {
        let mut options = json!({ "stateOverrides": code });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([endless, "latest", options])
    };
    for (method, params, code, words) in [
        ("debug_traceTransaction", json!([bad]), -32_000, "transaction not found"),
        ("debug_traceTransaction", json!(["0x12"]), -32_602, "invalid argument 0"),
        ("debug_traceTransaction", json!([bad, { "timeout": "soon" }]), -32_602, "timeout `soon`"),
        ("debug_traceBlockByNumber", json!(["0x0"]), -32_000, "genesis is not traceable"),
        ("debug_traceBlockByNumber", json!(["0x99"]), -32_000, "block not found"),
        ("debug_traceBlockByHash", json!([bad]), -32_000, "block not found"),
        (
            "debug_traceCall",
            traced(json!({ "tracer": "noopTracer", "timeout": "1ms" })),
            -32_000,
            "execution timeout",
        ),
        ("debug_traceCall", traced(json!({})), -32_000, "the trace is too large"),
        (
            "debug_traceCall",
            traced(json!({ "tracer": "{step: function() {}}" })),
            -32_000,
            "JS Tracer is not enabled",
        ),
        (
            "trace_filter",
            json!([{ "fromBlock": "0x0", "toBlock": "0x2" }]),
            -32_005,
            "block range is too large",
        ),
        ("trace_filter", json!([{ "fromBlock": "0x2", "toBlock": "0x1" }]), -32_602, "is after"),
        ("trace_replayTransaction", json!([bad, ["trace"]]), -32_000, "transaction not found"),
    ] {
        let (got, message, _) = node.fail(method, params.clone()).await;
        assert!(got == code && message.contains(words), "{method} {params}: {got} {message}");
    }
    for method in ["trace_transaction", "trace_block"] {
        assert_eq!(node.call(method, json!([bad])).await, Value::Null, "{method}");
    }
    assert_eq!(node.call("trace_block", json!(["0x0"])).await, json!([]));
    assert_eq!(node.call("debug_getBadBlocks", json!([])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn otterscan_finds_what_it_asks_for() {
    let (node, caller, other, hash) = node().await;
    assert_eq!(node.call("ots_getApiLevel", json!([])).await, 8);
    assert_eq!(node.call("ots_hasCode", json!([caller, "latest"])).await, true);
    assert_eq!(node.call("ots_hasCode", json!([caller, "0x1"])).await, false);
    let made = node.call("ots_getContractCreator", json!([caller])).await;
    assert_eq!(made["creator"], json!(alice().address()));
    let creation = node.context.chain.block(2).unwrap().unwrap();
    assert_eq!(made["hash"], json!(creation.transactions[0].inner().tx_hash()));
    assert_eq!(node.call("ots_getContractCreator", json!([alice().address()])).await, Value::Null);
    let entries = node.call("ots_traceTransaction", json!([hash])).await;
    let shown: Vec<_> =
        entries.as_array().unwrap().iter().map(|e| (&e["to"], &e["depth"])).collect();
    let (a, b, c) = (json!(caller), json!(USD), json!(other));
    assert_eq!(shown, [(&a, &json!(0)), (&b, &json!(1)), (&c, &json!(1))]);
    assert_eq!(node.call("ots_getInternalOperations", json!([hash])).await, json!([]));
    assert_eq!(node.call("ots_getTransactionError", json!([hash])).await, "0x");
    let revert = TxEip1559 {
        to: TxKind::Call(other),
        gas_limit: 100_000,
        value: U256::ZERO,
        input: vec![1].into(),
        ..transfer(node.chain_id(), 5)
    };
    let reverted = node.send(revert).await;
    node.mine();
    let data = node.call("ots_getTransactionError", json!([reverted])).await;
    assert!(data.as_str().unwrap().starts_with("0x08c379a0"), "{data}");
    let details = node.call("ots_getBlockDetails", json!([3])).await;
    assert_eq!(details["block"]["transactionCount"], 2);
    let hash_of_3 = details["block"]["hash"].clone();
    assert_eq!(node.call("ots_getBlockDetailsByHash", json!([hash_of_3])).await, details);
    assert_ne!(details["totalFees"], "0x0");
    let page = node.call("ots_getBlockTransactions", json!([3, 1, 1])).await;
    assert_eq!(page["fullblock"]["transactions"][0]["hash"], json!(hash));
    assert_eq!(page["receipts"][0]["logs"], Value::Null);
    let by_nonce =
        node.call("ots_getTransactionBySenderAndNonce", json!([alice().address(), 3])).await;
    assert_eq!(by_nonce, json!(hash));
}
