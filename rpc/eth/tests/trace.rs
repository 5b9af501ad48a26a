//! `debug_trace*`, `trace_*` and `ots_*` over real HTTP on a real chain.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod common;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256, address, hex, keccak256};
use common::{Node, alice, transfer};
use serde_json::{Value, json};

/// The ledger engine.
const LEDGER: Address = address!("5158000000000000000000000000000000000002");
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
    let head = node.chain.head().header.number;
    for number in 1..=head {
        let block = node.chain.block(number).unwrap().unwrap();
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
    let creation = node.chain.block(2).unwrap().unwrap();
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

/// Code that calls the address in the first word of its calldata with the rest, and does not mind.
const FORWARDER: &[u8] = &hex!("60203603806020" "5f37" "5f5f915f5f5f355af15000");

const TRANSFER: &str = "transfer(bytes16,address,address,bytes3,uint128,bytes32,bytes32)";
const BATCH: &str =
    "batch((bytes16,uint8,address,address,bytes3,uint128,uint64,bytes32,bytes32)[])";

fn word(number: u64) -> B256 {
    U256::from(number).into()
}

/// Text at the left, as in `bytes3` and `bytes16`.
fn text(text: &str) -> B256 {
    B256::right_padding_from(text.as_bytes())
}

fn input(signature: &str, words: &[B256]) -> Vec<u8> {
    let selector = keccak256(signature)[..4].to_vec();
    words.iter().fold(selector, |input, word| [&input[..], &word[..]].concat())
}

/// A payment of dollars by the ledger.
fn payment(reference: &str, from: Address, to: Address, cents: u64) -> Vec<u8> {
    let (from, to) = (from.into_word(), to.into_word());
    let memo = [B256::ZERO; 2];
    let words = [text(reference), from, to, text("USD"), word(cents)];
    input(TRANSFER, &[&words[..], &memo].concat())
}

/// Orders of dollars for a batch: reference, payer, payee, cents.
fn batch(orders: &[(&str, Address, Address, u64)]) -> Vec<u8> {
    let mut words = vec![word(32), word(orders.len() as u64)];
    for &(reference, from, to, cents) in orders {
        let (from, to) = (from.into_word(), to.into_word());
        words.extend([text(reference), word(1), from, to, text("USD"), word(cents), word(0)]);
        words.extend([B256::ZERO; 2]);
    }
    input(BATCH, &words)
}

/// Sends calls in one block and answers their hashes.
async fn calls(node: &Node, nonce: u64, calls: &[(Address, Vec<u8>)]) -> Vec<B256> {
    let mut hashes = Vec::new();
    for (nonce, (to, input)) in (nonce..).zip(calls) {
        let call = TxEip1559 {
            to: TxKind::Call(*to),
            input: input.clone().into(),
            gas_limit: 3_000_000,
            value: U256::ZERO,
            ..transfer(node.chain_id(), nonce)
        };
        hashes.push(node.send(call).await);
    }
    node.mine();
    hashes
}

/// `(alice, another)`: two accounts of the development chain that own themselves.
fn people() -> (Address, Address) {
    (alice().address(), qenex_genesis::DEV_ACCOUNTS[1])
}

fn id(account: Address, reference: &str) -> B256 {
    keccak256([&account[..], &text(reference)[..16]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_engines_say_what_they_were() {
    let node = Node::start().await;
    let (alice, bob) = people();
    let paid = payment("one", alice, bob, 1_234);
    let refused = payment("two", alice, bob, 100_000_000);
    let hashes = calls(&node, 0, &[(LEDGER, paid), (LEDGER, refused)]).await;

    let top = tracer(&node, hashes[0], "callTracer", json!({})).await;
    let rules = json!([
        { "number": 4, "name": "new counterparty" },
        { "number": 9, "name": "young account" },
    ]);
    let paid = json!({
        "interface": "ILedger",
        "function": TRANSFER,
        "arguments": {
            "clientReference": hex::encode_prefixed(&text("one")[..16]),
            "from": alice, "to": bob, "currency": "0x555344", "amount": "1234",
            "endToEndId": B256::ZERO, "payloadHash": B256::ZERO,
        },
        "results": { "id": id(alice, "one") },
        "verdicts": [{
            "payment": id(alice, "one"), "outcome": "ALLOW", "score": 120, "rules": rules,
            "ruleSet": 1,
        }],
    });
    assert_eq!(top["engine"], paid);
    assert_eq!((&top["to"], &top["type"]), (&json!(LEDGER), &json!("CALL")));
    assert_eq!((top.get("error"), top.get("logs")), (None, None));

    let top = tracer(&node, hashes[1], "callTracer", json!({})).await;
    assert_eq!(top["error"], "execution reverted");
    let (engine, error) = (&top["engine"], &top["engine"]["error"]);
    assert_eq!((&error["code"], &error["name"]), (&json!(218), &json!("InsufficientFunds")));
    let short = json!({ "available": "998766", "needed": "100000000" });
    assert_eq!(error["arguments"], short);
    assert_eq!(engine["arguments"]["amount"], "100000000");
    assert_eq!((engine.get("results"), engine.get("verdicts")), (None, None));

    // The same in a block, in a mux, and with logs; and not where it is not wanted.
    let options = json!({ "tracer": "callTracer" });
    let block = node.call("debug_traceBlockByNumber", json!(["0x1", options])).await;
    assert_eq!((&block[0]["result"]["engine"], &block[1]["result"]), (&paid, &top));
    let mux = json!({ "callTracer": {}, "4byteTracer": null });
    let mux = tracer(&node, hashes[1], "muxTracer", mux).await;
    assert_eq!(mux["callTracer"], top);
    let with_log = json!({ "withLog": true, "engines": true });
    let with_log = tracer(&node, hashes[0], "callTracer", with_log).await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hashes[0]])).await;
    let by = |logs: &Value| -> Vec<Value> {
        logs.as_array().unwrap().iter().map(|log| log["address"].clone()).collect()
    };
    assert_eq!((&with_log["engine"], by(&with_log["logs"])), (&paid, by(&receipt["logs"])));
    let without = json!({ "engines": false });
    let mux = json!({ "callTracer": without });
    let mux = tracer(&node, hashes[1], "muxTracer", mux).await;
    let bare = tracer(&node, hashes[1], "callTracer", without).await;
    let mut expected = top.clone();
    expected.as_object_mut().unwrap().remove("engine");
    assert_eq!((&mux["callTracer"], &bare), (&expected, &expected));
    let options = json!({ "tracer": "callTracer", "tracerConfig": { "engines": 1 } });
    let (code, message, _) = node.fail("debug_traceTransaction", json!([hashes[0], options])).await;
    assert_eq!((code, message.as_str()), (-32_000, "tracerConfig.engines is no boolean"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_engines_from_contracts_say_what_they_were() {
    let node = Node::start().await;
    let (alice, bob) = people();
    let create = TxEip1559 {
        to: TxKind::Create,
        input: creation(FORWARDER).into(),
        gas_limit: 500_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 0)
    };
    node.send(create).await;
    node.mine();
    let forwarder = alice.create(0);
    let forward = |to: Address, input: Vec<u8>| (forwarder, [&to.into_word()[..], &input].concat());
    let approve = input("approve(address,uint256)", &[forwarder.into_word(), word(500)]);
    let pull = |cents| {
        let words = [alice.into_word(), bob.into_word(), word(cents)];
        input("transferFrom(address,address,uint256)", &words)
    };
    let hashes = calls(
        &node,
        1,
        &[
            (USD, approve),
            forward(USD, pull(200)),
            forward(USD, pull(301)),
            forward(forwarder, forward(LEDGER, payment("one", alice, bob, 1)).1),
            forward(LEDGER, b"what".to_vec()),
        ],
    )
    .await;
    let mut frames = Vec::new();
    for hash in &hashes[1..] {
        let top = tracer(&node, *hash, "callTracer", json!({})).await;
        assert_eq!((top.get("engine"), top.get("error")), (None, None), "it is a contract");
        frames.push(top["calls"][0].clone());
    }
    let engine = |at: usize| &frames[at]["engine"];
    assert_eq!(engine(0)["interface"], "ICurrencyToken");
    assert_eq!(engine(0)["currency"], "USD");
    assert_eq!(engine(0)["arguments"], json!({ "from": alice, "to": bob, "value": "200" }));
    assert_eq!(engine(0)["results"], json!({ "0": true }));
    assert_eq!(engine(0)["verdicts"][0]["outcome"], "ALLOW");
    assert_eq!(frames[1]["error"], "execution reverted");
    let error = json!({
        "code": 304, "name": "ERC20InsufficientAllowance",
        "arguments": { "spender": forwarder, "allowance": "300", "needed": "301" },
    });
    assert_eq!(engine(1)["error"], error);
    // A contract between: it has no such member, the engine that it calls has.
    assert_eq!(frames[2].get("engine"), None);
    let inner = &frames[2]["calls"][0];
    assert_eq!(inner["from"], json!(forwarder));
    let error =
        json!({ "code": 201, "name": "NotAuthorised", "arguments": { "caller": forwarder } });
    assert_eq!(inner["engine"]["error"], error);
    assert_eq!(engine(3)["error"]["arguments"], json!({ "selector": "0x77686174" }));
    assert_eq!(engine(3).get("function"), None);

    // Where a simulation has other code, no engine is called. The call from that code is one.
    let request = json!({ "from": alice, "to": LEDGER, "input": hex::encode_prefixed(
        forward(USD, input("totalSupply()", &[])).1
    ) });
    let code = json!({ LEDGER.to_string(): { "code": hex::encode_prefixed(FORWARDER) } });
    let options = json!({ "tracer": "callTracer", "stateOverrides": code });
    let top = node.call("debug_traceCall", json!([request, "latest", options])).await;
    assert_eq!(top.get("engine"), None);
    assert_eq!(top["calls"][0]["engine"]["function"], "totalSupply()");
    let options = json!({ "tracer": "callTracer" });
    let top = node.call("debug_traceCall", json!([request, "latest", options])).await;
    assert_eq!(top["engine"]["error"]["name"], "UnknownFunction");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_engines_with_many_orders_say_what_became_of_each() {
    let node = Node::with(|_, config| config.max_trace_bytes = 16_000).await;
    let (alice, bob) = people();
    let treasury = qenex_genesis::demo_accounts()[0].id;
    // Much money comes in and goes out again in equal parts just under a threshold.
    let references = ["1", "2", "3", "4", "5", "6"];
    let orders: Vec<_> =
        references.iter().map(|reference| (*reference, alice, bob, 950_000)).collect();
    let hashes = calls(
        &node,
        0,
        &[
            (LEDGER, payment("in", treasury, alice, 6_000_000)),
            (LEDGER, batch(&orders)),
            (LEDGER, payment("7", alice, bob, 950_000)),
            (LEDGER, batch(&[orders[0]; 80])),
        ],
    )
    .await;

    let top = tracer(&node, hashes[1], "callTracer", json!({})).await;
    let engine = &top["engine"];
    assert_eq!(engine["function"], BATCH);
    let argument = &engine["arguments"]["orders"][5];
    assert_eq!((&argument["kind"], &argument["amount"]), (&json!("1"), &json!("950000")));
    let results = engine["results"]["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, ["4", "2", "2", "2", "2", "5"]);
    assert_eq!(results[0]["reason"], "0x");
    let rules = [
        (1, "velocity"),
        (3, "structuring"),
        (4, "new counterparty"),
        (5, "pass-through"),
        (9, "young account"),
        (10, "repeated"),
    ];
    let rules: Vec<_> =
        rules.into_iter().map(|(number, name)| json!({ "number": number, "name": name })).collect();
    let reason = json!({
        "code": 229, "name": "RiskRejected", "arguments": { "score": "1000", "rules": "797" },
    });
    assert_eq!(results[5]["reason"], reason);
    let verdicts = engine["verdicts"].as_array().unwrap();
    let outcomes: Vec<_> = verdicts.iter().map(|verdict| &verdict["outcome"]).collect();
    assert_eq!(outcomes, ["ALLOW", "REVIEW", "REVIEW", "REVIEW", "REVIEW", "REJECT"]);
    let rejected = json!({
        "payment": id(alice, "6"), "outcome": "REJECT", "score": 1000, "rules": rules,
    });
    assert_eq!(verdicts[5], rejected);

    let top = tracer(&node, hashes[2], "callTracer", json!({})).await;
    assert_eq!(top["engine"]["error"], reason);
    let rejected = json!([{ "outcome": "REJECT", "score": 1000, "rules": rules }]);
    assert_eq!(top["engine"]["verdicts"], rejected);

    // What takes more than a trace may is left out.
    let top = tracer(&node, hashes[3], "callTracer", json!({})).await;
    let engine = &top["engine"];
    assert_eq!(engine["results"]["results"].as_array().unwrap().len(), 80);
    assert_eq!((&engine["truncated"], engine.get("arguments")), (&json!(true), None));
    let options = json!({ "tracer": "callTracer" });
    let block = node.call("debug_traceBlockByNumber", json!(["0x1", options])).await;
    let last = &block[3]["result"];
    assert_eq!(last["engine"]["truncated"], true);
    assert_eq!(last["engine"].get("results"), None, "all traces of a block share the room");
    assert_eq!(last["output"], top["output"], "the frame is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_may_be_as_deep_as_the_chain_allows() {
    let node = Node::start().await;
    // Calls itself with all gas that is left.
    let code = json!({ LEDGER.to_string(): { "code": "0x5f5f5f5f5f305af100" } });
    let options = json!({ "tracer": "callTracer", "stateOverrides": code });
    let request = json!({ "to": LEDGER, "gas": "0x2faf080" });
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "debug_traceCall", "params": [request, "latest", options],
    });
    let (status, body) = node.post(call.to_string()).await;
    assert_eq!(status, 200);
    assert!(body.matches("\"calls\"").count() > 400, "{}", body.len());
}
