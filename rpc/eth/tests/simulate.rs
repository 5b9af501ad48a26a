//! `eth_simulateV1` over real HTTP on a real chain.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod common;

use alloy_consensus::{Transaction as _, TxEip1559};
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use common::{GWEI, Node, alice, transfer};
use serde_json::{Value, json};

/// A real block's transactions, simulated on its parent with its header's fields.
async fn again(node: &Node, block: &qenex_exec::SealedBlock) -> Value {
    let calls: Vec<Value> = block
        .transactions
        .iter()
        .map(|tx| {
            json!({
                "from": tx.signer(), "to": tx.to(), "input": tx.input(), "value": tx.value(),
                "nonce": format!("{:#x}", tx.nonce()), "gas": format!("{:#x}", tx.gas_limit()),
                "maxFeePerGas": format!("{:#x}", tx.max_fee_per_gas()),
                "maxPriorityFeePerGas": format!("{:#x}", tx.max_priority_fee_per_gas().unwrap()),
            })
        })
        .collect();
    let header = &block.header;
    let payload = json!({
        "validation": true,
        "traceTransfers": true,
        "blockStateCalls": [{
            "blockOverrides": {
                "time": format!("{:#x}", header.timestamp),
                "feeRecipient": header.beneficiary,
                "prevRandao": header.mix_hash,
                "beaconRoot": header.parent_beacon_block_root,
            },
            "calls": calls,
        }],
    });
    let parent = format!("{:#x}", header.number - 1);
    node.call("eth_simulateV1", json!([payload, parent])).await[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_block_simulated_has_its_roots_and_gas() {
    let node = Node::start().await;
    let contract = node.deploy(0).await;
    for nonce in [1, 2, 3] {
        node.send(transfer(node.chain_id(), nonce)).await;
    }
    let touch = TxEip1559 {
        to: TxKind::Call(contract),
        gas_limit: 100_000,
        value: U256::ZERO,
        ..transfer(node.chain_id(), 4)
    };
    node.send(touch.clone()).await;
    // Reverts.
    node.send(TxEip1559 { nonce: 5, input: vec![1].into(), ..touch }).await;
    node.mine();

    for number in [1, 2] {
        let block = node.chain.block(number).unwrap().unwrap();
        let simulated = again(&node, &block).await;

        for (field, real) in [
            ("stateRoot", json!(block.header.state_root)),
            ("receiptsRoot", json!(block.header.receipts_root)),
            ("logsBloom", json!(block.header.logs_bloom)),
            ("parentHash", json!(block.header.parent_hash)),
            ("gasUsed", json!(format!("{:#x}", block.header.gas_used))),
            ("gasLimit", json!(format!("{:#x}", block.header.gas_limit))),
            ("baseFeePerGas", json!(format!("{:#x}", block.header.base_fee_per_gas.unwrap()))),
        ] {
            assert_eq!(simulated[field], real, "{field} of block {number}");
        }
        let calls = simulated["calls"].as_array().unwrap();
        for (index, call) in calls.iter().enumerate() {
            assert_eq!(call["gasUsed"], json!(format!("{:#x}", block.gas_used(index))));
            let ok = block.receipts[index].success;
            assert_eq!(call["status"], if ok { "0x1" } else { "0x0" });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_build_on_each_other_and_gaps_are_filled() {
    let node = Node::start().await;
    let (from, to) = (Address::repeat_byte(0x51), Address::repeat_byte(0x52));
    // Answers the hash of the block with the given number.
    let blockhash = Address::repeat_byte(0xb1);
    let payload = json!({
        "traceTransfers": true,
        "returnFullTransactions": true,
        "blockStateCalls": [
            {
                "stateOverrides": {
                    from.to_string(): { "balance": "0x64" },
                    blockhash.to_string(): { "code": "0x6000354060005260206000f3" },
                },
                "calls": [{ "from": from, "to": to, "value": "0x2a" }],
            },
            {
                "blockOverrides": { "number": "0x3" },
                "calls": [
                    { "from": to, "to": from, "value": "0x2a" },
                    { "from": from, "to": blockhash, "input": B256::from(U256::from(2)) },
                    { "from": from, "to": blockhash, "input": B256::from(U256::from(1)) },
                ],
            },
        ],
    });
    let blocks = node.call("eth_simulateV1", json!([payload])).await;

    let blocks = blocks.as_array().unwrap();
    let numbers: Vec<_> = blocks.iter().map(|block| &block["number"]).collect();
    assert_eq!(numbers, ["0x1", "0x2", "0x3"], "number 2 fills the gap");
    assert_eq!(blocks[0]["parentHash"], json!(node.chain.head().hash));
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_eq!(blocks[2]["parentHash"], blocks[1]["hash"]);
    assert_eq!(blocks[0]["baseFeePerGas"], "0x0");
    let log = &blocks[0]["calls"][0]["logs"][0];
    assert_eq!(log["address"], "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    assert_eq!(log["topics"][0], json!(keccak256("Transfer(address,address,uint256)")));
    assert_eq!(log["topics"][1], json!(from.into_word()));
    assert_eq!(log["data"], json!(B256::from(U256::from(0x2a))));
    assert_eq!(log["blockHash"], blocks[0]["hash"]);
    let transaction = &blocks[0]["transactions"][0];
    assert_eq!(transaction["from"], json!(from));
    assert_eq!(transaction["type"], "0x2");
    assert_eq!(log["transactionHash"], transaction["hash"]);
    assert_eq!(blocks[2]["calls"][0]["status"], "0x1", "paid with what block 1 brought");
    assert_eq!(blocks[2]["calls"][1]["returnData"], blocks[1]["hash"]);
    assert_eq!(blocks[2]["calls"][2]["returnData"], blocks[0]["hash"]);
    assert_eq!(node.chain.head().header.number, 0, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn precompiles_move_and_make_room_for_code() {
    let node = Node::start().await;
    let sha256 = Address::with_last_byte(2);
    let ledger = alloy_primitives::address!("5158000000000000000000000000000000000002");
    let place = Address::repeat_byte(0x77);
    let digest = "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let seven = "0x600760005260206000f3"; // Returns 7.
    let seven_word = json!(B256::from(U256::from(7)));
    let moved = json!({ "movePrecompileToAddress": place });
    for (overrides, at_sha256, at_place) in [
        (json!({}), json!(digest), json!("0x")),
        (json!({ sha256.to_string(): moved }), json!("0x"), json!(digest)),
        (json!({ sha256.to_string(): { "code": seven } }), seven_word.clone(), json!("0x")),
        (
            json!({ sha256.to_string(): { "code": seven, "movePrecompileToAddress": place } }),
            seven_word.clone(),
            json!(digest),
        ),
    ] {
        for (to, expected) in [(sha256, &at_sha256), (place, &at_place)] {
            let call = json!({ "to": to });
            let done = node.call("eth_call", json!([call, "latest", overrides])).await;
            assert_eq!(done, *expected, "{to} {overrides}");
            let block = json!({ "stateOverrides": overrides, "calls": [call] });
            let done = node.call("eth_simulateV1", json!([{ "blockStateCalls": [block] }])).await;
            assert_eq!(done[0]["calls"][0]["returnData"], *expected, "{to} {overrides}");
        }
    }
    // An engine gives way to code, and keeps working where only its state is changed.
    for (change, output) in [
        (json!({ "code": seven }), Some(&seven_word)),
        (json!({ "balance": "0x1", "stateDiff": { B256::ZERO.to_string(): B256::ZERO } }), None),
    ] {
        let params = json!([{ "to": ledger }, "latest", { ledger.to_string(): change }]);
        match output {
            Some(output) => assert_eq!(node.call("eth_call", params).await, *output),
            None => assert_eq!(node.fail("eth_call", params).await.0, 3),
        }
    }

    let refused = |said: String| format!("account {said}");
    let third = Address::with_last_byte(3);
    for (overrides, expected) in [
        (
            json!({ place.to_string(): { "movePrecompileToAddress": third } }),
            refused(format!("{place} is not a precompile")),
        ),
        (json!({ ledger.to_string(): moved }), refused(format!("{ledger} is not a precompile"))),
        (
            json!({ sha256.to_string(): { "movePrecompileToAddress": sha256 } }),
            refused(format!("{sha256} is already overridden")),
        ),
        (
            json!({ sha256.to_string(): moved, place.to_string(): { "nonce": "0x1" } }),
            refused(format!("{place} is already overridden")),
        ),
        (
            json!({ sha256.to_string(): moved, third.to_string(): moved }),
            refused(format!("{place} has already been overridden by a precompile")),
        ),
    ] {
        let (code, said, _) =
            node.fail("eth_call", json!([{ "to": place }, "latest", overrides])).await;
        assert_eq!((code, said), (-32000, expected), "{overrides}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_base_fee_and_block_hashes_are_what_the_overrides_say() {
    let node = Node::start().await;
    let (blob_fee, hash_of) = (Address::repeat_byte(0xb2), Address::repeat_byte(0xb1));
    let accounts = json!({
        blob_fee.to_string(): { "code": "0x4a60005260206000f3" },
        hash_of.to_string(): { "code": "0x6000354060005260206000f3" },
    });
    let pretended = B256::repeat_byte(0xab);
    let header = json!({ "blobBaseFee": "0x1234", "blockHash": { "0": pretended } });
    let calls = [json!({ "to": blob_fee }), json!({ "to": hash_of, "input": B256::ZERO })];
    let expected = [json!(B256::from(U256::from(0x1234))), json!(pretended)];
    // The state after block 1 is asked, for a block does not see its own hash.
    node.mine();
    for (call, expected) in calls.iter().zip(&expected) {
        let done = node.call("eth_call", json!([call, "latest", accounts, header])).await;
        assert_eq!(done, *expected);
    }
    let block = json!({ "stateOverrides": accounts, "blockOverrides": header, "calls": calls });
    let done = node.call("eth_simulateV1", json!([{ "blockStateCalls": [block] }])).await;
    for (index, expected) in expected.iter().enumerate() {
        assert_eq!(done[0]["calls"][index]["returnData"], *expected);
    }
    for (header, code, said) in [
        (json!({ "difficulty": "0x1" }), -32000, "block override difficulty"),
        (json!({ "blobBaseFee": U256::MAX }), -32602, "block override blobBaseFee is too large"),
    ] {
        let (got, message, _) =
            node.fail("eth_call", json!([calls[0], "latest", {}, header])).await;
        assert_eq!(got, code);
        assert!(message.starts_with(said), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_build_on_each_other_in_and_after_a_block() {
    let node = Node::start().await;
    for nonce in [0, 1, 2] {
        node.send(transfer(node.chain_id(), nonce)).await;
    }
    node.mine();
    let to = node.chain.head().transactions[0].inner().to().unwrap();
    // Counts its calls in slot 0 and returns the count; returns number and time of the block.
    let (counter, clock) = (Address::repeat_byte(0xc1), Address::repeat_byte(0xc2));
    let overrides = json!({
        counter.to_string(): { "code": "0x6000546001018060005560005260206000f3" },
        clock.to_string(): { "code": "0x436000524260205260406000f3" },
        // Balance of the account in the input.
        "0x00000000000000000000000000000000000000c3": { "code": "0x6000353160005260206000f3" },
    });
    let word = |n: u64| B256::from(U256::from(n));
    let count = json!({ "to": counter });
    let bundles = json!([
        { "transactions": [count, count, { "to": clock }] },
        {
            "transactions": [count, { "to": clock }, { "from": to, "to": to, "value": U256::MAX }],
            "blockOverride": { "blockNumber": "0x64" },
        },
    ]);
    let done = node.call("eth_callMany", json!([bundles, {}, overrides])).await;
    let header = node.chain.head().header.clone();
    let at =
        |number: u64, time: u64| json!({ "value": format!("{}{:x}", word(number), word(time)) });
    assert_eq!(
        done,
        json!([
            [{ "value": word(1) }, { "value": word(2) }, at(1, header.timestamp)],
            [
                { "value": word(3) },
                at(100, header.timestamp + 12),
                { "error": done[1][2]["error"] },
            ],
        ])
    );
    assert!(done[1][2]["error"].as_str().unwrap().contains("insufficient funds"), "{done}");

    // What the recipient of the block's three payments has after so many of them.
    let reader = Address::with_last_byte(0xc3);
    let ask = json!([{ "transactions": [{ "to": reader, "input": to.into_word() }] }]);
    let value = node.chain.head().transactions[0].inner().value();
    let before: U256 =
        serde_json::from_value(node.call("eth_getBalance", json!([to, "0x0"])).await).unwrap();
    for (index, paid) in [(0, 0), (1, 1), (3, 3), (-1, 3)] {
        let context = json!({ "blockNumber": "latest", "transactionIndex": index });
        let done = node.call("eth_callMany", json!([ask, context, overrides])).await;
        let expected = B256::from(before + value * U256::from(paid));
        assert_eq!(done[0][0]["value"], json!(expected), "after {index}");
    }
    let many = json!([{ "transactions": vec![count; 1_001] }]);
    assert_eq!(node.fail("eth_callMany", json!([many])).await.0, -32005);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_set_to_zero_leaves_the_trie() {
    let account = Address::repeat_byte(0xcc);
    let word = |n: u64| B256::from(U256::from(n));
    let node = Node::with(|spec, _| {
        let mut holder = qenex_types::GenesisAccount {
            code: alloy_primitives::Bytes::from_static(&[0x00]),
            ..Default::default()
        };
        holder.storage.insert(word(1), word(7));
        holder.storage.insert(word(2), word(7));
        spec.alloc.insert(account, holder);
    })
    .await;
    let mut roots = Vec::new();
    for change in [
        json!({ "stateDiff": { word(2).to_string(): B256::ZERO } }),
        json!({ "state": { word(1).to_string(): word(7) } }),
        json!({}),
    ] {
        let block = json!({ "stateOverrides": { account.to_string(): change } });
        let done = node.call("eth_simulateV1", json!([{ "blockStateCalls": [block] }])).await;
        roots.push(done[0]["stateRoot"].clone());
    }
    assert_eq!(roots[0], roots[1]);
    assert_ne!(roots[0], roots[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_exceptions_and_broken_rules() {
    let node = Node::start().await;
    let contract = node.deploy(0).await;
    let from = alice().address();
    let calls = json!([
        { "from": from, "to": contract, "input": "0x01" },
        { "from": from, "to": contract, "gas": "0x5300" },
    ]);
    let done =
        node.call("eth_simulateV1", json!([{ "blockStateCalls": [{ "calls": calls }] }])).await;
    let calls = &done[0]["calls"];
    assert_eq!(calls[0]["status"], "0x0");
    assert_eq!(calls[0]["returnData"], "0x");
    assert_eq!(calls[0]["error"]["code"], 3);
    assert_eq!(calls[0]["error"]["message"], "execution reverted: nope");
    assert!(calls[0]["error"]["data"].as_str().unwrap().starts_with("0x08c379a0"));
    assert_eq!(calls[1]["error"]["code"], -32015);
    assert_eq!(calls[1]["error"]["message"], "out of gas");
    assert_eq!(calls[1]["logs"], json!([]));

    let fee = format!("{:#x}", 10 * GWEI);
    let block = |block: Value| json!({ "validation": true, "blockStateCalls": [block] });
    let one = |call: Value| block(json!({ "calls": [call] }));
    let long = format!("0x{}", "00".repeat(49_153));
    let many: Vec<Value> = (0..257).map(|_| json!({})).collect();
    for (payload, code, message) in [
        (json!({ "blockStateCalls": [] }), -32602, "empty input"),
        (json!({ "blockStateCalls": many }), -38026, "too many blocks"),
        (block(json!({ "blockOverrides": { "number": "0x102" } })), -38026, "too many blocks"),
        (block(json!({ "blockOverrides": { "number": "0x1" } })), -38020, "block numbers must be"),
        (block(json!({ "blockOverrides": { "time": "0x1" } })), -38021, "block timestamps must"),
        (
            one(json!({ "from": from, "nonce": "0x0", "maxFeePerGas": fee })),
            -38010,
            "nonce too low",
        ),
        (
            one(json!({ "from": from, "nonce": "0x9", "maxFeePerGas": fee })),
            -38011,
            "nonce too high",
        ),
        (one(json!({ "from": from, "to": from })), -38012, "max fee per gas less than block"),
        (
            one(json!({ "from": from, "to": from, "gas": "0x1", "maxFeePerGas": fee })),
            -38013,
            "intrinsic gas too low",
        ),
        (
            one(json!({ "from": contract, "to": from, "value": "0x1", "maxFeePerGas": fee })),
            -38014,
            "insufficient funds for gas * price + value",
        ),
        (
            one(json!({ "from": from, "to": from, "gas": "0xffffffffffff" })),
            -38015,
            "block gas limit reached",
        ),
        (
            one(json!({ "from": from, "input": long, "maxFeePerGas": fee })),
            -38025,
            "max initcode size exceeded",
        ),
    ] {
        let (got, said, _) = node.fail("eth_simulateV1", json!([payload])).await;
        assert_eq!(got, code, "{said}");
        assert!(said.starts_with(message), "{said}");
    }
}
