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
        let block = node.context.chain.block(number).unwrap().unwrap();
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
    assert_eq!(blocks[0]["parentHash"], json!(node.context.chain.head().hash));
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
    assert_eq!(node.context.chain.head().header.number, 0, "nothing was written");
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
