//! The contract suite on a development node.

use alloy_signer_local::PrivateKeySigner;
use serde_json::json;

use crate::{
    harness::{ALICE, BOB, Dev},
    suite_in_use::{published, use_it},
};

/// Account 10 of the mnemonic.
const DEPLOYER: &str = "0xBcd4042DE499D14e55001CcbB24a551F3b954096";

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
