//! The contract suite on a network of four validators, as `qenex testnet run` starts it.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    clients::{tool, workspace},
    harness::{LIMIT, Net, QENEX, text_of, text_within, until},
    suite_in_use::{published, use_it},
    wallet::Wallet,
};

const ALL: [usize; 4] = [0, 1, 2, 3];

/// How long the script may take: its first round has several hundred transactions, one after the other.
const LONG: Duration = Duration::from_secs(400);

/// A running command, and what it prints: somebody must read it.
struct Run {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The command on the folder of a network, once that is up.
async fn run(net: &Net) -> Run {
    let mut run = Command::new(QENEX);
    run.args(["testnet", "run", "--validators", "4", "--datadir"])
        .arg(net.network.datadir())
        .args(["--rpc-port", &net.ports.rpc.to_string()])
        .args(["--rest-port", &net.ports.rest.to_string()])
        .args(["--metrics-port", &net.ports.metrics.to_string()])
        .args(["--p2p-port", &net.ports.p2p.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut process = run.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let coming_up = async {
        let mut said = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("The network is up.") {
                assert!(said.contains("contracts.json"), "{said}");
                return;
            }
            said.push_str(&line);
        }
        panic!("it ended: {said}");
    };
    timeout(LIMIT, coming_up).await.unwrap();
    Run { process, lines }
}

async fn stop(Run { mut process, mut lines }: Run) {
    let pid = process.id().unwrap().to_string();
    text_of(Command::new("kill").args(["-INT", &pid])).await;
    while let Some(_line) = lines.next_line().await.unwrap() {}
    assert!(timeout(LIMIT, process.wait()).await.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_validators_have_the_suite_and_publish_it() {
    let net = Net::made_with(4, &["--suite"]).await;
    let process = run(&net).await;
    net.agree(&ALL).await;
    for index in ALL {
        for (name, address) in published() {
            let code = net.call(index, "eth_getCode", json!([address, "latest"])).await;
            assert_ne!(code, "0x", "{name} at validator {index}");
        }
    }

    // The bank facade names them.
    let endpoint = net.network.endpoints().validators[0].rest.clone().unwrap();
    let key = std::fs::read_to_string(net.network.datadir().join("api-key")).unwrap();
    let request = net.client.get(format!("{endpoint}/api/v1/contracts")).bearer_auth(key.trim());
    let response = request.timeout(LIMIT).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(answer["chain_id"], 20_824);
    let expected: Vec<_> = published()
        .into_iter()
        .map(|(name, address)| json!({ "name": name, "address": address.to_string(), "deployed": true }))
        .collect();
    assert_eq!(answer["contracts"], json!(expected));

    // People use them, through another validator than the one that got the suite.
    let wallet = Wallet::dev(1);
    use_it(&net.rpc(2), &wallet.signer()).await;
    net.agree(&ALL).await;
    let deployer = qenex_genesis::SUITE_DEPLOYER;
    let nonce = net.call(3, "eth_getTransactionCount", json!([deployer, "latest"])).await;
    stop(process).await;

    // The next start finds it there.
    let process = run(&net).await;
    let again = until("validator 3 answers", async || {
        net.network.call(3, "eth_getTransactionCount", json!([deployer, "latest"])).await.ok()
    });
    assert_eq!(again.await, nonce);
    stop(process).await;
}

/// A short run: the first round of all kinds of actions, and a little more. Longer ones are in
/// docs/benchmarks.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suites_properties_hold_while_people_use_it() {
    let net = Net::made_with(4, &["--suite"]).await;
    let process = run(&net).await;
    // The script reads what Forge compiles.
    text_of(tool("forge").arg("build")).await;
    let rest = net.network.endpoints().validators[0].rest.clone().unwrap();
    let mut node = Command::new("node");
    node.arg(workspace("testnet/clients/suite.mjs", "testnet/clients"));
    node.args(["--rpc", &ALL.map(|index| net.rpc(index)).join(",")]);
    node.args(["--seconds", "20", "--seed", "1"]);
    node.args(["--contracts", &format!("{rest}/api/v1/contracts"), "--api-key"]);
    node.arg(net.network.datadir().join("api-key"));
    let said = text_within(LONG, &mut node).await;
    assert!(said.contains("suite: ok in "), "{said}");
    net.agree(&ALL).await;
    stop(process).await;
}
