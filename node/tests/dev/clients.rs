//! People's tools on a development node: Cast, Forge, viem and Hardhat; and the node beside Anvil.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::harness::{ALICE, BOB, Dev, LIMIT};

/// The key of [`ALICE`].
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A path of the workspace, whose packages must have been installed.
fn workspace(path: &str, packages: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let installed = root.join(packages).join("node_modules");
    assert!(installed.is_dir(), "{} is missing: run `scripts/setup test`", installed.display());
    root.join(path)
}

/// What a program wrote; it must have succeeded.
async fn text_of(command: &mut Command) -> String {
    let output = timeout(LIMIT, command.kill_on_drop(true).output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{said}\n{errors}", command.as_std());
    said
}

fn foundry(tool: &str, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(workspace(&format!("contracts/bin/{tool}"), "contracts"));
    command.current_dir(workspace("contracts", "contracts"));
    command.args(args).args(["--rpc-url", url]);
    command
}

#[tokio::test]
async fn foundry_deploys_and_moves_time() {
    let dev = Dev::start(&[]).await;
    let cast =
        async |args: &[&str]| text_of(&mut foundry("cast", &dev.url, args)).await.trim().to_owned();
    let script = ["script", "script/DeployToken.s.sol", "--broadcast", "--private-key", KEY];
    let said = text_of(&mut foundry("forge", &dev.url, &script)).await;
    assert!(said.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{said}");
    let height: u128 = cast(&["block-number"]).await.parse().unwrap();
    assert!(height >= 1);

    let id = cast(&["rpc", "evm_snapshot"]).await;
    cast(&["send", "--unlocked", "--from", BOB, ALICE, "--value", "1ether"]).await;
    assert_eq!(cast(&["block-number"]).await, (height + 1).to_string());
    cast(&["rpc", "anvil_mine", "0x5"]).await;
    assert_eq!(cast(&["block-number"]).await, (height + 6).to_string());
    assert_eq!(cast(&["rpc", "evm_revert", id.trim_matches('"')]).await, "true");
    assert_eq!(cast(&["block-number"]).await, height.to_string());
    cast(&["rpc", "evm_increaseTime", "3600"]).await;
    cast(&["send", ALICE, "--value", "1", "--private-key", KEY]).await;
    assert_eq!(cast(&["block-number"]).await, (height + 1).to_string());
}

#[tokio::test]
async fn forge_deploys_the_suite_in_one_command() {
    let dev = Dev::start(&[]).await;
    let deployment = "cache/suite-of-a-test.json";
    let mut forge = foundry(
        "forge",
        &dev.url,
        &["script", "script/DeploySuite.s.sol", "--broadcast", "--private-key", KEY],
    );
    forge.args(["--non-interactive", "--skip-simulation", "--slow"]).env("DEPLOYMENT", deployment);
    let said = text_of(&mut forge).await;
    assert!(said.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{said}");

    // What it publishes is there, and wired.
    let file = workspace("contracts", "contracts").join(deployment);
    let published: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(published["chain_id"], 20_824);
    let at = |name: &str| published["contracts"][name].as_str().unwrap().to_owned();
    let ask = async |name: &str, call: &str| {
        let args = ["call", &at(name), call];
        text_of(&mut foundry("cast", &dev.url, &args)).await.trim().to_owned()
    };
    assert_eq!(ask("LendingPool", "marketCount()(uint256)").await, "4");
    assert_eq!(ask("OracleAdapter", "pendingOwner()(address)").await, at("QenexTimelock"));
    assert_eq!(ask("LendingPool", "pendingOwner()(address)").await, at("QenexTimelock"));
    assert_eq!(ask("PoolFactory", "owner()(address)").await, at("QenexTimelock"));
    assert_eq!(ask("QenexGovernor", "timelock()(address)").await, at("QenexTimelock"));
    assert_eq!(ask("QxcUsdFarm", "stakingToken()(address)").await, at("QxcUsdPair"));
    let face = ["call", "0x515800000000000000000000000000000000000A", "face()(address)"];
    let face = text_of(&mut foundry("cast", &dev.url, &face)).await;
    assert_eq!(face.trim(), at("QXC"));
}

#[tokio::test]
async fn forge_deploys_governance() {
    let dev = Dev::start(&[]).await;
    let script = ["script", "script/DeployGovernance.s.sol", "--broadcast", "--private-key", KEY];
    let mut forge = foundry("forge", &dev.url, &script);
    let said = text_of(forge.args(["--non-interactive", "--skip-simulation", "--slow"])).await;
    assert!(said.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{said}");
    let face = ["call", "0x515800000000000000000000000000000000000A", "face()(address)"];
    let face = text_of(&mut foundry("cast", &dev.url, &face)).await;
    assert!(said.contains(&format!("QXC at {}", face.trim())), "{face} in {said}");
}

#[tokio::test]
async fn viem_has_its_test_client() {
    let dev = Dev::start(&[]).await;
    let mut node = Command::new("node");
    node.arg(workspace("testnet/clients/dev.mjs", "testnet/clients")).args(["--rpc", &dev.url]);
    let said = text_of(&mut node).await;
    assert!(said.contains("viem on a development node: ok in "), "{said}");
}

#[tokio::test]
async fn hardhat_runs_a_project_with_fixtures() {
    let dev = Dev::start(&[]).await;
    let folder = workspace("testnet/clients/hardhat", "testnet/clients/hardhat");
    let mut hardhat = Command::new(folder.join("node_modules/.bin/hardhat"));
    hardhat.args(["test", "--no-compile", "--network", "dev", "dev/network.cjs"]);
    hardhat.current_dir(folder).env("QENEX_RPC", &dev.url);
    hardhat.env("HARDHAT_DISABLE_TELEMETRY_PROMPT", "true");
    let said = text_of(&mut hardhat).await;
    assert!(said.contains("5 passing"), "{said}");
}

/// Runs a script that lives on the node and on an Anvil at once; what it said.
async fn beside_anvil(script: &str, args: &[&str]) -> String {
    let dev = Dev::start(&[]).await;
    let anvil = workspace("contracts/bin/anvil", "contracts");
    assert!(anvil.is_file(), "{}", anvil.display());
    let mut node = Command::new("node");
    node.arg(workspace(&format!("testnet/clients/{script}"), "testnet/clients"));
    text_of(node.args(["--rpc", &dev.url]).args(args)).await
}

#[tokio::test]
async fn the_doubles_answer_as_the_engines() {
    let said = beside_anvil("doubles.mjs", &["--histories", "6", "--steps", "30"]).await;
    assert!(said.contains("all agree\ndoubles beside engines: ok in "), "{said}");
}

#[tokio::test]
async fn pools_and_farms_live_as_on_anvil() {
    let said = beside_anvil("receipts.mjs", &["--steps", "60"]).await;
    assert!(said.contains("all identical\nreceipts beside Anvil: ok in "), "{said}");
}
