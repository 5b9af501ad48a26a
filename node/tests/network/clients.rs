//! The tools people use: viem, ethers, web3.py, Hardhat, Forge and Cast; and the ledger, checked through them.

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
pub(crate) fn workspace(path: &str, packages: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let installed = root.join(packages).join("node_modules");
    assert!(installed.is_dir(), "{} is missing: run `scripts/setup test`", installed.display());
    root.join(path)
}

/// A program of the Foundry project, in its folder.
pub(crate) fn tool(name: &str) -> Command {
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

/// web3.py, in the folder where `scripts/setup test` puts it.
async fn python(net: &Net, wallet: &Wallet) {
    let home = std::env::var("HOME").unwrap();
    let python = Path::new(&home).join(".cache/qenex/tools/web3/bin/python");
    assert!(python.exists(), "{} is missing: run `scripts/setup test`", python.display());
    let endpoint = &net.network.endpoints().validators[3];
    let mut client = Command::new(python);
    client.arg(workspace("testnet/clients/web3_client.py", "contracts"));
    client.args(["--rpc", &endpoint.rpc, "--ws", &endpoint.ws]);
    let said = text_of(client.args(["--key", &wallet.key.to_string()])).await;
    assert!(said.contains("web3.py: ok in "), "{said}");
}

async fn hardhat(net: &Net, wallet: &Wallet) {
    let folder = workspace("testnet/clients/hardhat", "testnet/clients/hardhat");
    let mut hardhat = Command::new(folder.join("node_modules/.bin/hardhat"));
    hardhat.args(["test", "--no-compile", "--network", "qenex"]).current_dir(folder);
    hardhat.env("QENEX_RPC", net.rpc(0)).env("QENEX_KEY", wallet.key.to_string());
    hardhat.env("HARDHAT_DISABLE_TELEMETRY_PROMPT", "true");
    let said = text_of(&mut hardhat).await;
    assert!(said.contains("4 passing"), "{said}");
}

/// Cast and Forge beyond sending: traces, replacing, EIP-7702, batches of reads, a fork.
async fn more_foundry(net: &Net, wallet: &Wallet) {
    let (key, url) = (wallet.key.to_string(), net.rpc(1));
    let cast = |args: &[&str]| {
        let mut cast = tool("cast");
        cast.args(args).args(["--rpc-url", &url]);
        cast
    };
    let created = |what: &str| {
        let mut forge = tool("forge");
        forge.args(["create", what, "--rpc-url", &url, "--private-key", &key, "--broadcast"]);
        forge
    };
    let reverter =
        address_after("Deployed to:", &text_of(&mut created("test/Reverter.sol:Reverter")).await);
    let probe = address_after("Deployed to:", &text_of(&mut created("test/Probe.sol:Probe")).await);
    let (reverter, probe) = (reverter.to_string(), probe.to_string());

    // What a call is refused with.
    let output = crate::harness::run_to_end(&mut cast(&["call", &reverter, "refuse()"])).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("refused: always"), "{said}");

    let relay = ["send", &probe, "relay(address,uint256)", &reverter, "101", "--json"];
    let said = text_of(cast(&relay).args(["--private-key", &key])).await;
    let receipt: Value = serde_json::from_str(&said).unwrap();
    let hash = receipt["transactionHash"].as_str().unwrap();
    let options = r#"{"tracer":"callTracer"}"#;
    let said = text_of(&mut cast(&["rpc", "debug_traceTransaction", hash, options])).await;
    let trace: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(trace["calls"][0]["error"], "execution reverted");
    // Executes the transaction again, locally, on the state it fetches.
    let said = text_of(&mut cast(&["run", hash])).await;
    assert!(said.contains("Transaction successfully executed"), "{said}");
    let said = text_of(&mut cast(&["storage", &probe, "0"])).await;
    assert_eq!(said.trim(), format!("0x{:064x}", 101));
    let said = text_of(&mut cast(&["proof", &probe, "0x0"])).await;
    let proof: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(proof["storageProof"][0]["value"], "0x65");

    // A waiting transaction is replaced by a dearer one.
    let nonce: u64 =
        text_of(&mut cast(&["nonce", &wallet.address.to_string()])).await.trim().parse().unwrap();
    let to = Address::repeat_byte(0xd7).to_string();
    let send = |nonce: u64, value: &str, price: &str, wait: bool| {
        let mut send = cast(&["send", &to, "--value", value, "--nonce", &nonce.to_string()]);
        send.args(["--gas-price", price, "--priority-gas-price", price, "--private-key", &key]);
        send.args(if wait { vec!["--json"] } else { vec!["--async"] });
        send
    };
    let replaced = text_of(&mut send(nonce + 1, "5", "100gwei", false)).await;
    let output = crate::harness::run_to_end(&mut send(nonce + 1, "6", "100gwei", false)).await;
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("replacement transaction underpriced")
    );
    let replacement = text_of(&mut send(nonce + 1, "7", "200gwei", false)).await;
    text_of(&mut send(nonce, "1", "100gwei", true)).await;
    let replacement: B256 = replacement.trim().parse().unwrap();
    net.settled(&ALL, replacement).await;
    assert_eq!(net.receipt(1, replaced.trim().parse().unwrap()).await, None);
    assert_eq!(text_of(&mut cast(&["balance", &to])).await.trim(), "8");

    // An account with the code of a contract (EIP-7702).
    let own = wallet.address.to_string();
    let store = ["send", &own, "store(uint256)", "9", "--auth", &probe, "--json"];
    let said = text_of(cast(&store).args(["--private-key", &key])).await;
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["status"], "0x1", "{said}");
    assert_eq!(text_of(&mut cast(&["storage", &own, "0"])).await.trim(), format!("0x{:064x}", 9));

    // Forge's tests, on a fork of the network.
    let mut forge = tool("forge");
    forge.args(["test", "--fork-url", &url]).env("FOUNDRY_PROFILE", "fork");
    forge.env("QENEX_FORK_PROBE", &probe);
    let said = text_of(&mut forge).await;
    assert!(said.contains("1 passed; 0 failed; 0 skipped"), "{said}");
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
            .args([
                "create",
                "src/examples/ExampleToken.sol:ExampleToken",
                "--rpc-url",
                &url,
                "--private-key",
                &key,
            ])
            .args(["--broadcast", "--constructor-args", &holder]),
    )
    .await;
    let created = address_after("Deployed to:", &said);

    let logs = tempfile::tempdir().unwrap();
    let said = text_of(
        tool("forge")
            .args(["script", "script/DeployToken.s.sol", "--rpc-url", &url, "--private-key", &key])
            .args(["--broadcast", "--non-interactive"])
            .env("FOUNDRY_BROADCAST", logs.path()),
    )
    .await;
    assert!(said.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{said}");
    let scripted = address_after("Token at", &said);
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
async fn viem_ethers_web3_py_hardhat_and_foundry_work() {
    let mut net = Net::started(4).await;
    // The scripts deploy what Forge compiles.
    text_of(tool("forge").arg("build")).await;
    let [one, two, three, four, five, six] = [1, 2, 3, 4, 5, 6].map(Wallet::dev);
    tokio::join!(
        script(&net, "viem.mjs", &one),
        script(&net, "ethers.mjs", &two),
        foundry(&net, &three),
        more_foundry(&net, &four),
        python(&net, &five),
        hardhat(&net, &six),
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

/// A short run: the first round of all kinds of payments, and a little more. Longer ones are in
/// docs/benchmarks.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledgers_invariants_hold_while_payments_flow() {
    let mut net = Net::started(4).await;
    let mut node = Command::new("node");
    node.arg(workspace("testnet/clients/ledger.mjs", "testnet/clients"));
    node.args(["--rpc", &ALL.map(|index| net.rpc(index)).join(",")]);
    node.args(["--seconds", "10", "--seed", "1", "--admin"]);
    node.arg(net.network.datadir().join("gateway.key"));
    let said = text_of(&mut node).await;
    assert!(said.contains("ledger: ok in "), "{said}");
    net.agree(&ALL).await;
    net.all_alive();
}
