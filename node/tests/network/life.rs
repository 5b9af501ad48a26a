//! Starting, agreeing, joining late, stopping and starting again.

use std::process::Stdio;

use alloy_primitives::{Address, U256};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::{
    harness::{LIMIT, Net, QENEX, run_to_end, text_of, until},
    wallet::{VALUE, Wallet},
};

const ALL: [usize; 4] = [0, 1, 2, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_validator_makes_blocks() {
    let mut net = Net::started(1).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xa1));
    for _ in 0..5 {
        net.pay(0, &mut wallet, to, &[0]).await;
    }
    assert_eq!(net.coins(0, to).await, U256::from(5 * VALUE));
    let height = net.height(0).await;
    assert!(height >= 5, "five transfers, one after the other, in {height} blocks");
    // Empty blocks come by themselves.
    until("a heartbeat", async || (net.height(0).await > height).then_some(())).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_validators_agree_and_all_see_a_transfer() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xa2));
    for via in ALL {
        net.pay(via, &mut wallet, to, &ALL).await;
    }
    let block = net.agree(&ALL).await;
    for index in ALL {
        assert_eq!(net.coins(index, to).await, U256::from(4 * VALUE), "validator {index}");
    }
    // Not only the last block: every one.
    for number in 0..=block.number {
        let first = net.block(0, number).await.unwrap();
        for index in 1..4 {
            assert_eq!(net.block(index, number).await.unwrap(), first, "validator {index}");
        }
    }
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seven_validators_agree() {
    const SEVEN: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];
    let mut net = Net::started(7).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xa3));
    for via in [6, 0, 3] {
        net.pay(via, &mut wallet, to, &SEVEN).await;
    }
    assert!(net.agree(&SEVEN).await.number >= 3);
    for index in SEVEN {
        assert_eq!(net.coins(index, to).await, U256::from(3 * VALUE), "validator {index}");
    }
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_validator_fetches_verifies_executes_and_joins() {
    const EARLY: [usize; 3] = [0, 1, 2];
    let mut net = Net::made(4).await;
    for index in EARLY {
        net.network.start(index).unwrap();
    }
    net.ready().await;
    // More blocks than wait for a flush, so that the state on disk is not only the genesis.
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xa4));
    let mut sent: u64 = 0;
    while net.height(0).await <= 45 {
        net.pay(0, &mut wallet, to, &[0]).await;
        sent += 1;
    }
    assert!(!net.network.folder(3).join("data").exists(), "the late one starts from nothing");
    net.network.start(3).unwrap();
    net.ready().await;
    net.agree(&ALL).await;
    assert_eq!(net.coins(3, to).await, U256::from(sent * VALUE));
    // It takes part: with one of the others gone its votes are needed.
    net.network.kill(1).await.unwrap();
    for via in [3, 0] {
        net.pay(via, &mut wallet, to, &[0, 2, 3]).await;
    }
    net.agree(&[0, 2, 3]).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_stop_keeps_everything() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xa5));
    for round in 1..=2_u64 {
        for via in ALL {
            net.pay(via, &mut wallet, to, &ALL).await;
        }
        let before = net.agree(&ALL).await;
        // Fails unless every process ends with status 0.
        net.network.stop().await.unwrap();
        net.network.start_all().unwrap();
        net.ready().await;
        for index in ALL {
            assert_eq!(net.block(index, before.number).await.as_ref(), Some(&before));
            assert_eq!(net.coins(index, to).await, U256::from(4 * round * VALUE));
            let log = std::fs::read_to_string(net.network.log_file(index)).unwrap();
            for trouble in [
                "ERROR",
                "panicked",
                "pthread",
                "executing final blocks again",
                "ends without closing",
            ] {
                assert!(!log.contains(trouble), "{trouble:?} in the log of {index}:\n{log}");
            }
        }
    }
    net.pay(2, &mut wallet, to, &ALL).await;
    net.agree(&ALL).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_the_endpoints_and_stops_cleanly_on_ctrl_c() {
    // Made by one command, run by another: only folder and ports are taken from here.
    let net = Net::made(1).await;
    let mut heights = Vec::new();
    for _ in 0..2 {
        let mut run = Command::new(QENEX);
        run.args(["testnet", "run", "--validators", "1", "--datadir"])
            .arg(net.network.datadir())
            .args(["--rpc-port", &net.ports.rpc.to_string()])
            .args(["--rest-port", &net.ports.rest.to_string()])
            .args(["--metrics-port", &net.ports.metrics.to_string()])
            .args(["--p2p-port", &net.ports.p2p.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = run.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        let reading = async {
            while !said.contains("The network is up.") {
                assert!(stdout.read_line(&mut said).await.unwrap() > 0, "it ended: {said}");
            }
        };
        timeout(LIMIT, reading).await.expect("the network comes up");
        let endpoint = &net.network.endpoints().validators[0];
        for url in [&endpoint.rpc, &endpoint.ws, &endpoint.metrics] {
            assert!(said.contains(url.as_str()), "{url} in {said}");
        }
        assert!(said.contains(&format!("{}/api/v1", endpoint.rest.as_ref().unwrap())), "{said}");
        heights.push(net.height(0).await);
        let pid = process.id().unwrap().to_string();
        text_of(Command::new("kill").args(["-INT", &pid])).await;
        let status = timeout(LIMIT, process.wait()).await.expect("it stops").unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.unwrap();
        assert!(status.success(), "{status}: {rest}");
        assert!(net.network.height(0).await.is_err(), "the validator outlived the command");
    }
    assert!(heights[1] >= heights[0], "{heights:?}");
    // A network of another size is refused.
    let mut wrong = Command::new(QENEX);
    wrong.args(["testnet", "run", "--validators", "4", "--datadir"]).arg(net.network.datadir());
    let output = run_to_end(&mut wrong).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("a network of 1 validators"), "{stderr}");
}
