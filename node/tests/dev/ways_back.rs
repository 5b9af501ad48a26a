//! Snapshots, the start, and a folder that keeps the chain.

use serde_json::{Value, json};

use crate::harness::{ALICE, BOB, Dev, LIMIT, NOBODY, QENEX};

#[tokio::test]
async fn everything_is_as_it_was_at_the_snapshot() {
    let dev = Dev::start(&[]).await;
    dev.pay(ALICE, NOBODY).await;
    dev.call("anvil_setBalance", json!([BOB, "0xde0b6b3a7640000"])).await;
    let head = dev.call("eth_getBlockByNumber", json!(["latest", true])).await;
    let first = dev.call("evm_snapshot", json!([])).await;
    assert_eq!(first, "0x1");
    assert_eq!(dev.call("eth_getBlockByNumber", json!(["latest", true])).await, head);

    let gone = dev.pay(ALICE, NOBODY).await;
    dev.call("evm_increaseTime", json!([1_000_000])).await;
    dev.call("hardhat_mine", json!(["0x64"])).await;
    dev.call("anvil_setNonce", json!([BOB, "0x9"])).await;
    let second = dev.call("anvil_snapshot", json!([])).await;
    dev.pay(ALICE, NOBODY).await;
    let third = dev.call("evm_snapshot", json!([])).await;

    // To the one in the middle: later ones are gone, earlier ones stay.
    assert_eq!(dev.call("anvil_revert", json!([second])).await, true);
    assert_eq!(dev.balance(NOBODY).await, 2);
    assert_eq!(dev.call("evm_revert", json!([third])).await, false);
    assert_eq!(dev.call("evm_revert", json!([second])).await, false);
    assert_eq!(dev.call("evm_revert", json!([first])).await, true);
    assert_eq!(dev.call("eth_getBlockByNumber", json!(["latest", true])).await, head);
    assert_eq!((dev.balance(NOBODY).await, dev.nonce(ALICE).await), (1, 1));
    assert_eq!((dev.balance(BOB).await, dev.nonce(BOB).await), (10_u128.pow(18), 0));
    assert_eq!(dev.call("eth_getTransactionReceipt", json!([gone])).await, Value::Null);

    // The same transaction again, and the clock is back.
    let again = dev.pay(ALICE, NOBODY).await;
    assert!(dev.succeeded(&again).await);
    let start = crate::harness::quantity(&head["timestamp"]);
    let now = dev.time().await;
    assert!((start..start + 1_000).contains(&now), "{start} {now}");
    for wrong in [json!(["0x63"]), json!([0])] {
        assert_eq!(dev.call("evm_revert", wrong).await, false);
    }
    assert!(dev.fail("evm_revert", json!(["x"])).await.contains("invalid argument 0"));
    dev.stop().await;
}

#[tokio::test]
async fn a_fixture_is_loaded_many_times() {
    let dev = Dev::start(&[]).await;
    dev.pay(ALICE, NOBODY).await;
    let mut id = dev.call("evm_snapshot", json!([])).await;
    for round in 0..20 {
        dev.pay(ALICE, NOBODY).await;
        dev.pay(BOB, NOBODY).await;
        assert_eq!(dev.balance(NOBODY).await, 3, "round {round}");
        assert_eq!(dev.call("evm_revert", json!([id])).await, true);
        assert_eq!((dev.height().await, dev.balance(NOBODY).await), (1, 1), "round {round}");
        id = dev.call("evm_snapshot", json!([])).await;
    }
}

#[tokio::test]
async fn what_waits_in_the_pool_is_forgotten() {
    let dev = Dev::start(&["--no-mining"]).await;
    let id = dev.call("evm_snapshot", json!([])).await;
    let waiting = dev.pay(ALICE, NOBODY).await;
    dev.call("evm_revert", json!([id])).await;
    assert_eq!(dev.call("eth_getTransactionByHash", json!([waiting])).await, Value::Null);
    dev.call("evm_mine", json!([])).await;
    assert_eq!((dev.height().await, dev.balance(NOBODY).await), (1, 0));
}

#[tokio::test]
async fn a_reset_is_a_new_start() {
    for method in ["anvil_reset", "hardhat_reset"] {
        let dev = Dev::start(&[]).await;
        let genesis = dev.call("eth_getBlockByNumber", json!(["0x0", false])).await;
        dev.pay(ALICE, NOBODY).await;
        let id = dev.call("evm_snapshot", json!([])).await;
        dev.call("anvil_impersonateAccount", json!([NOBODY])).await;
        let nothing = if method == "anvil_reset" { json!([]) } else { json!([{ "forking": {} }]) };
        dev.call(method, nothing).await;
        assert_eq!((dev.height().await, dev.balance(NOBODY).await), (0, 0));
        assert_eq!(dev.call("eth_getBlockByNumber", json!(["latest", false])).await, genesis);
        assert_eq!(dev.call("eth_accounts", json!([])).await.as_array().unwrap().len(), 10);
        assert_eq!(dev.call("evm_revert", json!([id])).await, false);
        let fork = json!([{ "forking": { "jsonRpcUrl": "http://127.0.0.1:1" } }]);
        assert!(dev.fail(method, fork).await.contains("does not fork"));
        let hash = dev.pay(ALICE, NOBODY).await;
        assert!(dev.succeeded(&hash).await);
    }
}

#[tokio::test]
async fn a_folder_keeps_the_chain_through_reverts_and_crashes() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::in_folder(folder.path(), &[]).await;
    dev.call("anvil_setBalance", json!([NOBODY, "0x64"])).await;
    let id = dev.call("evm_snapshot", json!([])).await;
    dev.call("hardhat_mine", json!(["0x10"])).await;
    dev.call("evm_revert", json!([id])).await;
    dev.pay(ALICE, NOBODY).await;
    let head = dev.call("eth_getBlockByNumber", json!(["latest", true])).await;

    // One process at a time.
    let mut second = tokio::process::Command::new(QENEX);
    let second = second.args(["dev", "--port", "0", "--datadir"]).arg(folder.path()).output();
    let output = tokio::time::timeout(LIMIT, second).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use by another process"));

    // Killed, not stopped: blocks by hand cannot be made again from what they are.
    drop(dev);
    let dev = Dev::in_folder(folder.path(), &[]).await;
    assert_eq!(dev.call("eth_getBlockByNumber", json!(["latest", true])).await, head);
    assert_eq!(dev.balance(NOBODY).await, 101);
    dev.call("anvil_setBalance", json!([NOBODY, "0x65"])).await;
    dev.stop().await;
    let dev = Dev::in_folder(folder.path(), &["--gas-limit", "300000000"]).await;
    assert_eq!((dev.height().await, dev.balance(NOBODY).await), (3, 101));
    dev.stop().await;
    let databases = std::fs::read_dir(folder.path()).unwrap();
    let names = databases.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("chain-")).count(), 1);

    let mut other = tokio::process::Command::new(QENEX);
    other.args(["dev", "--port", "0", "--gas-limit", "40000000", "--datadir"]).arg(folder.path());
    let output = tokio::time::timeout(LIMIT, other.output()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("has 300000000"));
}
