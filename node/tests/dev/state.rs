//! State by hand, and accounts that send without a key.

use alloy_primitives::b256;
use serde_json::{Value, json};

use crate::harness::{ALICE, BOB, Dev, NOBODY, quantity};

/// Returns what is in slot 0, and puts the call's first word there if there is one.
const CELL: &str = "0x36600c575f545f5260205ff35b5f355f5500";

#[tokio::test]
async fn accounts_are_as_they_were_set_and_the_block_says_so() {
    for prefix in ["anvil", "hardhat"] {
        let dev = Dev::start(&[]).await;
        let set = async |what: &str, params: Value| {
            let before = dev.height().await;
            let answer = dev.call(&format!("{prefix}_{what}"), params).await;
            assert_eq!(dev.height().await, before + 1, "a block of its own");
            answer
        };
        assert_eq!(set("setBalance", json!([NOBODY, "0xde0b6b3a7640000"])).await, Value::Null);
        set("setNonce", json!([NOBODY, "0x7"])).await;
        set("setCode", json!([NOBODY, CELL])).await;
        let slot = format!("{:#066x}", 0);
        let value = format!("{:#066x}", 42);
        assert_eq!(set("setStorageAt", json!([NOBODY, slot, value])).await, true);

        assert_eq!(dev.balance(NOBODY).await, 10_u128.pow(18));
        assert_eq!(dev.nonce(NOBODY).await, 7);
        assert_eq!(dev.call("eth_getCode", json!([NOBODY, "latest"])).await, CELL);
        assert_eq!(dev.call("eth_getStorageAt", json!([NOBODY, "0x0", "latest"])).await, value);
        assert_eq!(quantity(&dev.call("eth_call", json!([{ "to": NOBODY }])).await), 42);

        // Each change is in the state of its block, with a proof, and not in the one before.
        let height = dev.height().await;
        let before = format!("{:#x}", height - 1);
        let old = dev.call("eth_getStorageAt", json!([NOBODY, "0x0", before])).await;
        assert_eq!(quantity(&old), 0);
        let proof = dev.call("eth_getProof", json!([NOBODY, ["0x0"], "latest"])).await;
        assert_eq!(proof["storageProof"][0]["value"], "0x2a");

        // Transactions and their traces go on from there.
        let write = json!([{ "from": ALICE, "to": NOBODY, "data": format!("{:#066x}", 43) }]);
        let hash = dev.call("eth_sendTransaction", write).await;
        assert!(dev.succeeded(&hash).await);
        assert_eq!(quantity(&dev.call("eth_call", json!([{ "to": NOBODY }])).await), 43);
        let options = json!({ "tracer": "prestateTracer" });
        let trace = dev.call("debug_traceTransaction", json!([hash, options])).await;
        assert_eq!(trace[NOBODY]["storage"][&slot], value, "{trace}");

        set("setCode", json!([NOBODY, "0x"])).await;
        assert_eq!(dev.call("eth_getCode", json!([NOBODY, "latest"])).await, "0x");
        dev.stop().await;
    }
}

/// How many transactions wait.
async fn waiting(dev: &Dev) -> u128 {
    quantity(&dev.call("txpool_status", json!([])).await["pending"])
}

#[tokio::test]
async fn a_nonce_may_go_back_and_the_pool_follows() {
    let dev = Dev::start(&["--no-mining"]).await;
    dev.call("anvil_setNonce", json!([ALICE, "0x9"])).await;
    dev.pay(ALICE, NOBODY).await;
    assert_eq!(waiting(&dev).await, 1);
    dev.call("anvil_setNonce", json!([ALICE, "0x3"])).await;
    assert_eq!(waiting(&dev).await, 0);
    let hash = dev.pay(ALICE, NOBODY).await;
    dev.call("evm_mine", json!([])).await;
    assert!(dev.succeeded(&hash).await);
    assert_eq!(dev.nonce(ALICE).await, 4);

    // Who is suddenly poor cannot pay what waits.
    dev.pay(BOB, NOBODY).await;
    dev.call("anvil_setBalance", json!([BOB, "0x0"])).await;
    dev.call("evm_mine", json!([])).await;
    assert_eq!(dev.nonce(BOB).await, 0);
}

#[tokio::test]
async fn what_no_state_can_be_is_refused() {
    let dev = Dev::start(&[]).await;
    let word = format!("{:#066x}", 1);
    let ledger = "0x5158000000000000000000000000000000000002";
    let too_much = format!("0x{}", "f".repeat(65));
    for (method, params, words) in [
        ("anvil_setStorageAt", json!([NOBODY, "0x0", word]), "has no balance, nonce or code"),
        ("anvil_setStorageAt", json!([ALICE, "0x0"]), "missing value for required argument 2"),
        ("anvil_setBalance", json!([ALICE, too_much]), "invalid argument 1"),
        ("anvil_setBalance", json!(["0x12", "0x1"]), "invalid argument 0"),
        ("anvil_setNonce", json!([ALICE, "0x10000000000000000"]), "invalid argument 1"),
        ("anvil_setCode", json!([ALICE, "0xef0100"]), "Eip7702"),
        ("hardhat_setCode", json!([ALICE, "code"]), "invalid argument 1"),
        ("anvil_impersonateAccount", json!([]), "missing value"),
    ] {
        let said = dev.fail(method, params).await;
        assert!(said.contains(words), "{method}: {said}");
    }
    assert_eq!(dev.height().await, 0);

    // Money that came from nowhere: the books of the ledger refuse it, as on any network.
    let face = "0x5158C00000000000000000000000000000555344";
    let balance_of = json!([{ "to": face, "data": format!("0x70a08231{:0>64}", &ALICE[2..]) }]);
    let before = dev.call("eth_call", balance_of.clone()).await;
    assert_eq!(quantity(&before), 1_000_000, "10,000.00 USD");
    let said = dev.fail("anvil_setStorageAt", json!([ledger, "0x1", word])).await;
    assert!(said.contains("the books of the block do not balance"), "{said}");
    assert_eq!(dev.call("eth_call", balance_of).await, before);
    // And the node goes on.
    let hash = dev.pay(ALICE, NOBODY).await;
    assert!(dev.succeeded(&hash).await);
    assert_eq!(dev.height().await, 1);
}

#[tokio::test]
async fn impersonated_accounts_send_and_others_do_not() {
    let dev = Dev::start(&[]).await;
    let pay = |from: &str| json!([{ "from": from, "to": BOB, "value": "0x1" }]);
    assert_eq!(dev.call("eth_accounts", json!([])).await.as_array().unwrap().len(), 10);
    let said = dev.fail("eth_sendTransaction", pay(NOBODY)).await;
    assert!(said.contains("not impersonated"), "{said}");

    for prefix in ["anvil", "hardhat"] {
        dev.call("anvil_setBalance", json!([NOBODY, "0xde0b6b3a7640000"])).await;
        // A contract, as the owner of other contracts often is.
        dev.call("anvil_setCode", json!([NOBODY, CELL])).await;
        dev.call(&format!("{prefix}_impersonateAccount"), json!([NOBODY])).await;
        assert_eq!(dev.call("eth_accounts", json!([])).await.as_array().unwrap().len(), 11);
        let nonce = dev.nonce(NOBODY).await;
        let hash = dev.pay(NOBODY, BOB).await;
        assert!(dev.succeeded(&hash).await);
        assert_eq!(dev.nonce(NOBODY).await, nonce + 1);
        let sent = dev.call("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(sent["from"], NOBODY);
        let options = json!({ "tracer": "callTracer" });
        let trace = dev.call("debug_traceTransaction", json!([hash, options])).await;
        assert_eq!(trace["from"], NOBODY);
        dev.call(&format!("{prefix}_stopImpersonatingAccount"), json!([NOBODY])).await;
        assert!(dev.fail("eth_sendTransaction", pay(NOBODY)).await.contains("not impersonated"));
    }

    // Two senders of the same transaction: two hashes.
    dev.call("anvil_autoImpersonateAccount", json!([true])).await;
    let other = "0x00000000000000000000000000000000000000b1";
    let mut hashes = Vec::new();
    for account in [other, "0x00000000000000000000000000000000000000b2"] {
        dev.call("anvil_setBalance", json!([account, "0xde0b6b3a7640000"])).await;
        let request = json!([{ "from": account, "to": BOB, "gas": "0x5208", "gasPrice": "0x77359400",
            "nonce": "0x0", "value": "0x1" }]);
        hashes.push(dev.call("eth_sendTransaction", request).await);
    }
    assert_ne!(hashes[0], hashes[1]);
    assert!(dev.succeeded(&hashes[0]).await && dev.succeeded(&hashes[1]).await);
    dev.call("anvil_autoImpersonateAccount", json!([false])).await;
    assert!(dev.fail("eth_sendTransaction", pay(other)).await.contains("not impersonated"));

    // Nobody can pass such a transaction in: it has no signature.
    let raw = dev.call("eth_getRawTransactionByHash", json!([hashes[0]])).await;
    assert!(!dev.fail("eth_sendRawTransaction", json!([raw])).await.is_empty());
}

#[tokio::test]
async fn messages_are_signed_for_own_accounts_only() {
    let dev = Dev::start(&[]).await;
    let signature = dev.call("personal_sign", json!(["0x616263", ALICE])).await;
    assert_eq!(dev.call("eth_sign", json!([ALICE, "0x616263"])).await, signature);
    let bytes = alloy_primitives::hex::decode(signature.as_str().unwrap()).unwrap();
    let signature = alloy_primitives::Signature::try_from(bytes.as_slice()).unwrap();
    let signer = signature.recover_address_from_msg("abc").unwrap();
    assert_eq!(signer.to_string(), ALICE);
    assert!(dev.fail("eth_sign", json!([NOBODY, "0x61"])).await.contains("no key"));
}

/// The example of EIP-712, whose text gives its hash.
#[tokio::test]
async fn typed_data_is_signed_as_the_standard_says() {
    let dev = Dev::start(&[]).await;
    let person =
        json!([{ "name": "name", "type": "string" }, { "name": "wallet", "type": "address" }]);
    let mail = json!({
        "types": {
            "EIP712Domain": [
                { "name": "name", "type": "string" }, { "name": "version", "type": "string" },
                { "name": "chainId", "type": "uint256" }, { "name": "verifyingContract", "type": "address" },
            ],
            "Person": person,
            "Mail": [
                { "name": "from", "type": "Person" }, { "name": "to", "type": "Person" },
                { "name": "contents", "type": "string" },
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    });
    let signature = dev.call("eth_signTypedData_v4", json!([ALICE, mail])).await;
    let bytes = alloy_primitives::hex::decode(signature.as_str().unwrap()).unwrap();
    let hash = b256!("0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
    let signer = alloy_primitives::Signature::try_from(bytes.as_slice())
        .and_then(|signature| signature.recover_address_from_prehash(&hash))
        .unwrap();
    assert_eq!(signer.to_string(), ALICE);
    // Libraries send its text, and numbers as they like.
    for chain_id in [json!("1"), json!("0x1")] {
        let mut same = mail.clone();
        same["domain"]["chainId"] = chain_id;
        let answer = dev.call("eth_signTypedData_v4", json!([ALICE, same.to_string()])).await;
        assert_eq!(answer, signature);
    }

    let without = |part: &str| {
        let mut data = mail.clone();
        data.as_object_mut().unwrap().remove(part);
        data
    };
    let with = |pointer: &str, value: Value| {
        let mut data = mail.clone();
        *data.pointer_mut(pointer).unwrap() = value;
        data
    };
    let refused = [
        (without("types"), "missing field `types`"),
        (without("primaryType"), "missing field `primaryType`"),
        (with("/primaryType", json!("Letter")), "Letter"),
        (with("/message/to", json!({ "name": "Bob" })), "(string,address)"),
        (with("/message/to/wallet", json!("Bob")), "address"),
        (with("/domain/verifyingContract", json!("0x01")), "length"),
        (json!("no JSON"), "expected"),
    ];
    for (data, reason) in refused {
        let said = dev.fail("eth_signTypedData_v4", json!([ALICE, data])).await;
        assert!(said.contains("typed data: ") && said.contains(reason), "{reason}: {said}");
    }
    let said = dev.fail("eth_signTypedData_v4", json!([NOBODY, mail])).await;
    assert!(said.contains("no key"), "{said}");
}
