//! The contract suite on a development node.

use alloy_primitives::{Bytes, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall as _, sol};
use qenex_client::Client;
use serde_json::json;

use crate::{
    harness::{ALICE, BOB, Dev},
    suite_in_use::{published, use_it},
};

sol! {
    function stake(uint256 amount, uint256 lockPeriod);
    interface IGoverned {
        function owner() returns (address);
        function pendingOwner() returns (address);
        function acceptOwnership();
    }
    interface IGovernor {
        function propose(
            address[] targets, uint256[] values, bytes[] calls, string description
        ) returns (uint256 id);
        function castVote(uint256 id, uint8 support) returns (uint256);
        function queue(
            address[] targets, uint256[] values, bytes[] calls, bytes32 descriptionHash
        ) returns (uint256);
        function execute(
            address[] targets, uint256[] values, bytes[] calls, bytes32 descriptionHash
        ) returns (uint256);
    }
}

/// Account 10 of the mnemonic.
const DEPLOYER: &str = "0xBcd4042DE499D14e55001CcbB24a551F3b954096";

/// Its key.
const DEPLOYERS_KEY: &str = "0xf214f2b2cd398c806f84e317254e0f0b801d0643303237d97a22a48e01628897";

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The key of [`BOB`].
const BOBS_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// The published contracts that have no code.
async fn missing(dev: &Dev) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, address) in published() {
        if dev.call("eth_getCode", json!([address, "latest"])).await == "0x" {
            missing.push(name);
        }
    }
    missing
}

#[tokio::test]
async fn a_new_chain_has_the_suite_and_it_works() {
    let dev = Dev::with_suite(&[]).await;
    for (name, address) in published() {
        let line = format!("  {name:<16} {address}\n");
        assert!(dev.welcome.contains(&line), "{line} in {}", dev.welcome);
    }
    assert!(missing(&dev).await.is_empty());
    // The accounts that people use begin with nonce 0, and the suite takes one block.
    assert_eq!((dev.nonce(ALICE).await, dev.nonce(BOB).await, dev.height().await), (0, 0, 1));
    let key: PrivateKeySigner = BOBS_KEY.parse().unwrap();
    assert_eq!(key.address().to_string(), BOB);
    use_it(&dev.url, &key).await;

    // A reset chain begins with it again.
    let deployed = dev.nonce(DEPLOYER).await;
    dev.call("anvil_reset", json!([])).await;
    assert_eq!((dev.height().await, dev.nonce(DEPLOYER).await), (1, deployed));
    assert!(missing(&dev).await.is_empty());
    use_it(&dev.url, &key).await;
    dev.stop().await;
}

#[tokio::test]
async fn the_first_vote_makes_the_timelock_the_owner() {
    let dev = Dev::with_suite(&[]).await;
    let client = Client::connect(&dev.url).await.unwrap();
    let contracts = published();
    let at = |name: &str| contracts[name];
    let (governor, timelock) = (at("QenexGovernor"), at("QenexTimelock"));
    let deployer: PrivateKeySigner = DEPLOYERS_KEY.parse().unwrap();
    let later = async |seconds: u64| {
        dev.call("evm_increaseTime", json!([seconds])).await;
        dev.call("evm_mine", json!([])).await;
    };

    // Given votes above threshold and quorum, and what the script left to accept,
    let amount = U256::from(2_000_000) * U256::from(10).pow(U256::from(18));
    let lock = stakeCall { amount, lockPeriod: U256::from(60 * DAY) };
    client.execute(&deployer, at("QXC"), &lock).await.unwrap();
    later(60).await;
    let owned = ["QXC", "OracleAdapter", "LendingPool", "EurUsdFarm", "QxcUsdFarm"].map(at);
    for contract in owned {
        let pending = client.read(contract, &IGoverned::pendingOwnerCall {}).await.unwrap();
        assert_eq!(pending, timelock);
    }

    // when it is proposed, voted for, queued and executed,
    let targets = owned.to_vec();
    let values = vec![U256::ZERO; targets.len()];
    let accept: Bytes = IGoverned::acceptOwnershipCall {}.abi_encode().into();
    let calls = vec![accept; targets.len()];
    let text = "The suite is governed from now on";
    let propose = IGovernor::proposeCall {
        targets: targets.clone(),
        values: values.clone(),
        calls: calls.clone(),
        description: text.into(),
    };
    let id = client.simulate(deployer.address(), governor, &propose).await.unwrap();
    client.execute(&deployer, governor, &propose).await.unwrap();
    later(DAY + 60).await;
    let vote = IGovernor::castVoteCall { id, support: 1 };
    client.execute(&deployer, governor, &vote).await.unwrap();
    later(5 * DAY + 60).await;
    let hash = keccak256(text);
    let queue = IGovernor::queueCall {
        targets: targets.clone(),
        values: values.clone(),
        calls: calls.clone(),
        descriptionHash: hash,
    };
    client.execute(&deployer, governor, &queue).await.unwrap();
    later(2 * DAY + 60).await;
    let execute = IGovernor::executeCall { targets, values, calls, descriptionHash: hash };
    client.execute(&deployer, governor, &execute).await.unwrap();

    // then all of it is the timelock's.
    for contract in owned.into_iter().chain([at("PoolFactory")]) {
        let owner = client.read(contract, &IGoverned::ownerCall {}).await.unwrap();
        assert_eq!(owner, timelock, "{contract}");
    }
    dev.stop().await;
}

#[tokio::test]
async fn a_folder_keeps_the_suite_and_one_without_stays_without() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().to_str().unwrap();
    let dev = Dev::with_suite(&["--datadir", datadir, "--no-mining"]).await;
    assert_eq!(dev.height().await, 1);
    let head = dev.call("eth_getBlockByNumber", json!(["latest", true])).await;
    dev.stop().await;
    let dev = Dev::in_folder(folder.path(), &[]).await;
    assert_eq!(dev.call("eth_getBlockByNumber", json!(["latest", true])).await, head);
    dev.stop().await;

    let folder = tempfile::tempdir().unwrap();
    Dev::in_folder(folder.path(), &[]).await.stop().await;
    let dev = Dev::with_suite(&["--datadir", folder.path().to_str().unwrap()]).await;
    assert_eq!((dev.height().await, dev.nonce(DEPLOYER).await), (0, 0));
    assert!(!dev.welcome.contains("Contracts"), "{}", dev.welcome);
    dev.stop().await;
}

#[tokio::test]
async fn small_blocks_hold_it_too() {
    let dev = Dev::with_suite(&["--gas-limit", "30000000"]).await;
    assert!(dev.height().await > 1);
    assert!(missing(&dev).await.is_empty());
    dev.stop().await;
}
