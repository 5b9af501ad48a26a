//! A node without blocks begins with a state of its peers, while they go on; also when it is killed
//! again and again meanwhile.

use std::{process::Stdio, time::Duration};

use alloy_primitives::Address;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use tokio::{process::Command, time::sleep};

use crate::{
    harness::{Net, QENEX, text_of, until},
    wallet::Wallet,
};

const ALL: [usize; 4] = [0, 1, 2, 3];
const OLD: [usize; 3] = [0, 1, 2];
const NEW: usize = 3;

/// More blocks than are fetched before the state.
const ENOUGH: u64 = 700;

async fn verified(net: &Net) {
    let mut verify = Command::new(QENEX);
    let said = text_of(verify.args(["db", "verify", "--config"]).arg(net.config(NEW))).await;
    assert!(said.contains("everything fits together"), "{said}");
}

/// Waits until the new node has every block, and compares what it says about some with the others.
async fn all_blocks_come(net: &Net) {
    let height = net.agree(&ALL).await.number;
    for number in (1..height).step_by(97).chain([height]) {
        // They come in order.
        let what = format!("the new node has block {number}");
        let block = until(&what, async || net.block(NEW, number).await).await;
        assert_eq!(Some(block), net.block(0, number).await);
        let params = json!([format!("{number:#x}")]);
        let [ours, theirs] =
            [NEW, 0].map(|index| net.call(index, "eth_getBlockReceipts", params.clone()));
        assert_eq!(ours.await, theirs.await, "receipts of block {number}");
        // Each validator may have the certificate of another quorum; `db verify` checks them.
        let certificate = net.call(NEW, "qenex_getFinalityCertificate", params).await;
        assert!(certificate.is_string(), "certificate of block {number}: {certificate}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_node_begins_with_a_state_of_its_peers_and_fetches_the_rest() {
    let mut net = Net::made(4).await;
    let config = net.config(NEW);
    let text = std::fs::read_to_string(&config).unwrap();
    let soon = text.replace("fetch_state_after = 10000", "fetch_state_after = 50");
    assert_ne!(soon, text);
    std::fs::write(&config, soon).unwrap();
    for index in OLD {
        net.network.start(index).unwrap();
    }
    net.ready().await;
    let urls: Vec<String> = OLD.iter().map(|index| net.rpc(*index)).collect();
    let mut bench = Command::new(QENEX);
    bench.args(["bench", "load", "--quiet", "--rpc", &urls.join(",")]);
    bench.args(["--senders", "64", "--txs", "30000", "--rate", "400"]);
    let mut load = bench.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let what = "more blocks than the window before a state";
    until(what, async || (net.height(0).await > ENOUGH).then_some(())).await;

    net.network.start(NEW).unwrap();
    net.ready().await;
    let log = net.network.log_file(NEW);
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("fetched the state"), "{said}");
    let (mut wallet, to) = (Wallet::dev(9), Address::repeat_byte(0xf1));
    net.pay(NEW, &mut wallet, to, &ALL).await;
    all_blocks_come(&net).await;
    net.network.kill(NEW).await.unwrap();
    verified(&net).await;

    // Its database is lost, its votes are not; and it is killed at every stage of the fetch.
    let folder = net.network.folder(NEW).join("data/db");
    let begun = || std::fs::read_to_string(&log).unwrap().matches("fetching the state").count();
    let mut moments = StdRng::seed_from_u64(0x5158);
    std::fs::remove_dir_all(&folder).unwrap();
    for round in 0..6 {
        let before = begun();
        net.network.start(NEW).unwrap();
        if round % 2 == 0 {
            let what = "the new node has begun";
            until(what, async || (begun() > before).then_some(())).await;
        }
        sleep(Duration::from_millis(moments.random_range(0..500))).await;
        net.network.kill(NEW).await.unwrap();
        if round % 2 == 1 {
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
    net.network.start(NEW).unwrap();
    net.ready().await;
    net.pay(NEW, &mut wallet, to, &ALL).await;
    all_blocks_come(&net).await;
    assert!(load.try_wait().unwrap().is_none(), "the load was over before the end");
    load.kill().await.unwrap();
    net.agree(&ALL).await;
    net.all_alive();
    net.network.stop().await.unwrap();
    verified(&net).await;
}
