//! The tools people use: viem, ethers, Forge and Cast.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    harness::{Net, text_of},
    wallet::Wallet,
};

const ALL: [usize; 4] = [0, 1, 2, 3];

/// One token in its smallest unit, as 32 bytes.
const ONE_TOKEN: &str = "0x0000000000000000000000000000000000000000000000000de0b6b3a7640000";

/// A path of the workspace, whose packages must have been installed.
fn workspace(path: &str, packages: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let installed = root.join(packages).join("node_modules");
    assert!(installed.is_dir(), "{} is missing: run `scripts/setup test`", installed.display());
    root.join(path)
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(workspace(&format!("contracts/bin/{name}"), "contracts"));
    command.current_dir(workspace("contracts", "contracts"));
    command
}

async fn script(net: &Net, name: &str, wallet: &Wallet) {
    let path = workspace(&format!("testnet/clients/{name}"), "testnet/clients");
    let endpoint = &net.network.endpoints().validators[1];
    let mut node = Command::new("node");
    node.arg(path).args(["--rpc", &endpoint.rpc, "--ws", &endpoint.ws]);
    let said = text_of(node.args(["--key", &wallet.key.to_string()])).await;
    assert!(said.contains(": ok in "), "{said}");
}

/// The address that follows some words.
fn address_after(words: &str, said: &str) -> Address {
    let text = said.split(words).nth(1).and_then(|rest| rest.split_whitespace().next());
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {words:?} in {said}"))
}

async fn foundry(net: &Net, wallet: &Wallet) {
    let key = wallet.key.to_string();
    let holder = wallet.address.to_string();
    let url = net.rpc(2);
    let said = text_of(
        tool("forge")
            .args(["create", "src/QXC.sol:QXC", "--rpc-url", &url, "--private-key", &key])
            .args(["--broadcast", "--constructor-args", &holder]),
    )
    .await;
    let created = address_after("Deployed to:", &said);

    let logs = tempfile::tempdir().unwrap();
    let said = text_of(
        tool("forge")
            .args(["script", "script/DeployQXC.s.sol", "--rpc-url", &url, "--private-key", &key])
            .args(["--broadcast", "--non-interactive"])
            .env("FOUNDRY_BROADCAST", logs.path()),
    )
    .await;
    assert!(said.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{said}");
    let scripted = address_after("QXC at", &said);
    assert_ne!(created, scripted);

    for token in [created, scripted] {
        let token = token.to_string();
        let to = Address::repeat_byte(0xd1);
        let said = text_of(
            tool("cast")
                .args(["send", &token, "transfer(address,uint256)", &to.to_string(), "1ether"])
                .args(["--rpc-url", &url, "--private-key", &key, "--json"]),
        )
        .await;
        let receipt: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(receipt["status"], "0x1", "{said}");
        let hash: B256 = receipt["transactionHash"].as_str().unwrap().parse().unwrap();
        net.settled(&ALL, hash).await;
        for index in ALL {
            let said = text_of(
                tool("cast")
                    .args(["logs", "--address", &token, "--from-block", "0", "--json"])
                    .args(["--rpc-url", &net.rpc(index)])
                    .arg("Transfer(address,address,uint256)"),
            )
            .await;
            let logs: Vec<Value> = serde_json::from_str(&said).unwrap();
            assert_eq!(logs.len(), 2, "the supply and the transfer: {said}");
            assert_eq!(logs[1]["transactionHash"], receipt["transactionHash"]);
            assert_eq!(logs[1]["data"], ONE_TOKEN);
        }
        let said = text_of(
            tool("cast")
                .args(["call", &token, "balanceOf(address)(uint256)", &to.to_string()])
                .args(["--rpc-url", &net.rpc(3)]),
        )
        .await;
        assert!(said.starts_with("1000000000000000000"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viem_ethers_and_foundry_work() {
    let mut net = Net::started(4).await;
    // The scripts deploy what Forge compiles.
    text_of(tool("forge").arg("build")).await;
    let (one, two, three) = (Wallet::dev(1), Wallet::dev(2), Wallet::dev(3));
    tokio::join!(
        script(&net, "viem.mjs", &one),
        script(&net, "ethers.mjs", &two),
        foundry(&net, &three)
    );
    // `cast block latest` until all four have the same height: an empty network makes a block a
    // second, and four calls take less.
    crate::harness::until("four equal latest blocks", async || {
        let mut blocks = Vec::new();
        for index in ALL {
            let mut cast = tool("cast");
            cast.args(["block", "latest", "--json", "--rpc-url", &net.rpc(index)]);
            let block: Value = serde_json::from_str(&text_of(&mut cast).await).unwrap();
            let field = |name: &str| block[name].as_str().unwrap().to_owned();
            blocks.push((field("number"), field("hash"), field("stateRoot")));
        }
        let same_height = blocks.iter().all(|block| block.0 == blocks[0].0);
        if same_height {
            assert!(blocks.iter().all(|block| *block == blocks[0]), "{blocks:?}");
        }
        same_height.then_some(())
    })
    .await;
    net.agree(&ALL).await;
    net.all_alive();
}
