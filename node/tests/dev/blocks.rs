//! When blocks are made, and their time.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ALICE, BOB, Dev, LIMIT, NOBODY, QENEX, quantity};

#[tokio::test]
async fn a_transaction_is_in_a_block_of_its_own_when_the_answer_comes() {
    let dev = Dev::start(&[]).await;
    for word in ["(0) 0xf39F", "0xac0974bec3", "test test test", "Ledger     0x5158", "20824"] {
        assert!(dev.welcome.contains(word), "{word} is not in {}", dev.welcome);
    }
    assert_eq!(dev.height().await, 0);
    let first = dev.pay(ALICE, NOBODY).await;
    assert!(dev.succeeded(&first).await);
    assert_eq!((dev.height().await, dev.balance(NOBODY).await), (1, 1));

    // A gap of nonces waits; what fills it takes both along, in a block each.
    let pay = |nonce: &str| json!([{ "from": BOB, "to": NOBODY, "value": "0x1", "nonce": nonce }]);
    let later = dev.call("eth_sendTransaction", pay("0x1")).await;
    assert_eq!(dev.height().await, 1);
    dev.call("eth_sendTransaction", pay("0x0")).await;
    assert!(dev.succeeded(&later).await);
    assert_eq!((dev.height().await, dev.balance(NOBODY).await), (3, 3));
    let last = dev.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(last["transactions"], json!([later]));

    // What reverts is in a block all the same; its estimate says so before.
    let ledger = "0x5158000000000000000000000000000000000002";
    let wrong = json!([{ "from": ALICE, "to": ledger, "gas": "0x186a0", "data": "0x12345678" }]);
    let reverted = dev.call("eth_sendTransaction", wrong).await;
    let receipt = dev.call("eth_getTransactionReceipt", json!([reverted])).await;
    assert_eq!((receipt["status"].as_str(), dev.height().await), (Some("0x0"), 4));
    let without_gas = json!([{ "from": ALICE, "to": ledger, "data": "0x12345678" }]);
    assert!(dev.fail("eth_sendTransaction", without_gas).await.contains("revert"));
    dev.stop().await;
}

#[tokio::test]
async fn blocks_are_made_when_it_is_said() {
    let dev = Dev::start(&["--no-mining"]).await;
    assert_eq!(dev.call("anvil_getAutomine", json!([])).await, false);
    let (one, two) = (dev.pay(ALICE, NOBODY).await, dev.pay(ALICE, NOBODY).await);
    assert_eq!(dev.height().await, 0);
    assert_eq!(dev.call("evm_mine", json!([])).await, "0x0");
    assert!(dev.succeeded(&one).await && dev.succeeded(&two).await);
    assert_eq!((dev.height().await, dev.balance(NOBODY).await), (1, 2));

    // What waits is mined when automine is switched on.
    dev.pay(ALICE, NOBODY).await;
    assert_eq!(dev.call("evm_setAutomine", json!([true])).await, true);
    assert_eq!((dev.height().await, dev.balance(NOBODY).await), (2, 3));
    assert_eq!(dev.call("hardhat_getAutomine", json!([])).await, true);
    dev.call("anvil_setAutomine", json!([false])).await;

    // Every second, with and without transactions.
    dev.call("evm_setIntervalMining", json!([1])).await;
    assert_eq!(dev.call("anvil_getIntervalMining", json!([])).await, 1);
    dev.pay(ALICE, NOBODY).await;
    let waited = async {
        while dev.height().await < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, waited).await.unwrap();
    assert_eq!(dev.balance(NOBODY).await, 4);
    dev.call("evm_setIntervalMining", json!([0])).await;
    assert_eq!(dev.call("anvil_getIntervalMining", json!([])).await, Value::Null);
    let height = dev.height().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(dev.height().await <= height + 1, "at most the one that was being made");

    let interval = Dev::start(&["--block-time", "1"]).await;
    assert_eq!(interval.call("anvil_getIntervalMining", json!([])).await, 1);
}

#[tokio::test]
async fn many_blocks_are_made_at_once() {
    let dev = Dev::start(&["--no-mining"]).await;
    dev.pay(ALICE, NOBODY).await;
    let before = dev.number("eth_blockNumber", json!([])).await;
    assert_eq!(dev.call("anvil_mine", json!([100, 12])).await, Value::Null);
    assert_eq!(dev.height().await, before + 100);
    assert_eq!(dev.balance(NOBODY).await, 1);
    let block = async |number: u128| {
        dev.call("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await
    };
    let first = quantity(&block(1).await["timestamp"]);
    for number in 2..=100 {
        let block = block(number).await;
        assert_eq!(quantity(&block["timestamp"]), first + 12 * (number - 1), "block {number}");
    }
    // A second apart unless told otherwise.
    let time = dev.time().await;
    dev.call("hardhat_mine", json!(["0x3"])).await;
    let now = dev.time().await;
    assert!((time + 2..time + 60).contains(&now), "{time} {now}");
    dev.call("hardhat_mine", json!([])).await;
    dev.call("hardhat_mine", json!(["0x0"])).await;
    dev.call("evm_mine", json!([{ "blocks": 4 }])).await;
    assert_eq!(dev.height().await, before + 108);
    let said = dev.fail("hardhat_mine", json!(["0xffffffff"])).await;
    assert!(said.contains("too many"), "{said}");
    let said = dev.fail("hardhat_mine", json!(["0x2", "0xffffffffffffffff"])).await;
    assert!(said.contains("cannot be later"), "{said}");
    let said = dev.fail("anvil_mine", json!(["junk"])).await;
    assert!(said.contains("invalid argument 0"), "{said}");
    assert_eq!(dev.height().await, before + 108);
}

#[tokio::test]
async fn time_moves_as_it_is_told() {
    let dev = Dev::start(&[]).await;
    dev.call("evm_mine", json!([])).await;
    let start = dev.time().await;
    assert_eq!(dev.call("evm_increaseTime", json!([3_600])).await, 3_600);
    assert_eq!(dev.call("evm_increaseTime", json!(["0x3c"])).await, 3_660);
    dev.pay(ALICE, NOBODY).await;
    let later = dev.time().await;
    assert!((start + 3_660..start + 3_760).contains(&later), "{start} {later}");

    // The next block is at this second, and time goes on from there.
    let at = later + 1_000_000;
    dev.call("evm_setNextBlockTimestamp", json!([u64::try_from(at).unwrap()])).await;
    dev.call("anvil_setBalance", json!([NOBODY, "0x5"])).await;
    assert_eq!(dev.time().await, later, "state by hand takes no time");
    dev.pay(ALICE, NOBODY).await;
    assert_eq!(dev.time().await, at);
    dev.pay(ALICE, NOBODY).await;
    let next = dev.time().await;
    assert!((at..at + 100).contains(&next), "{at} {next}");
    dev.call("evm_mine", json!([format!("{:#x}", at + 500)])).await;
    assert_eq!(dev.time().await, at + 500);
    dev.call("evm_mine", json!([{ "timestamp": u64::try_from(at + 600).unwrap() }])).await;
    assert_eq!(dev.time().await, at + 600);

    // The contracts see it.
    let code = "0x4260005260206000f3"; // TIMESTAMP
    dev.call("anvil_setCode", json!([NOBODY, code])).await;
    let seen = dev.call("eth_call", json!([{ "to": NOBODY }, "latest"])).await;
    assert_eq!(quantity(&seen), at + 600);

    let height = dev.height().await;
    for (method, params, words) in [
        ("evm_setNextBlockTimestamp", json!([1]), "is before that of the last block"),
        ("evm_setNextBlockTimestamp", json!([u64::MAX]), "cannot be later"),
        ("evm_mine", json!([1]), "is before that of the last block"),
        ("evm_increaseTime", json!([u64::MAX]), "are too many"),
        ("evm_increaseTime", json!([-5]), "invalid argument 0"),
        ("evm_increaseTime", json!([]), "missing value for required argument 0"),
        ("evm_setAutomine", json!(["yes"]), "invalid argument 0"),
        ("evm_mine", json!([1, 2]), "too many arguments"),
    ] {
        let said = dev.fail(method, params).await;
        assert!(said.contains(words), "{method}: {said}");
    }
    assert_eq!(dev.height().await, height);
}

#[tokio::test]
async fn the_command_line_is_checked() {
    for (args, words) in [
        (["--block-time", "1", "--no-mining", ""], "cannot be used with"),
        (["--block-time", "0", "", ""], "0 is not in"),
        (["--gas-limit", "21000", "", ""], "21000 is not in"),
    ] {
        let args = args.into_iter().filter(|arg| !arg.is_empty());
        let mut command = tokio::process::Command::new(QENEX);
        let output = command.arg("dev").args(args).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{said}");
    }
    let dev = Dev::start(&["--gas-limit", "60000000"]).await;
    let block = dev.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(quantity(&block["gasLimit"]), 60_000_000);
    assert_eq!(dev.number("eth_chainId", json!([])).await, 0x5158);

    // A busy port is told apart, and nothing else is printed.
    let port = dev.url.rsplit(':').next().unwrap().to_owned();
    let mut command = tokio::process::Command::new(QENEX);
    let output = command.args(["dev", "--silent", "--port", &port]).output().await.unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("port is in use"));
    assert!(output.stdout.is_empty() && output.status.code() == Some(78));
}
