//! `kill -9`: of one, of two, and of all in the middle of load.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_primitives::{Address, U256};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};
use tokio::{process::Command, time::sleep};

use crate::{
    harness::{Net, QENEX, text_of, until},
    wallet::{VALUE, Wallet},
};

const ALL: [usize; 4] = [0, 1, 2, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_killed_the_chain_goes_on_and_the_killed_one_catches_up() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xb1));
    net.pay(0, &mut wallet, to, &ALL).await;
    net.network.kill(2).await.unwrap();
    for via in [0, 1, 3, 0, 1, 3] {
        net.pay(via, &mut wallet, to, &[0, 1, 3]).await;
    }
    let missed = net.agree(&[0, 1, 3]).await;
    net.network.start(2).unwrap();
    net.ready().await;
    let what = "the killed one has what it missed";
    let caught_up = until(what, async || net.block(2, missed.number).await).await;
    assert_eq!(caught_up, missed);
    net.agree(&ALL).await;
    net.pay(2, &mut wallet, to, &ALL).await;
    assert_eq!(net.coins(2, to).await, U256::from(8 * VALUE));
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_killed_nothing_is_final_until_one_is_back() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xb2));
    net.pay(0, &mut wallet, to, &ALL).await;
    net.network.kill(1).await.unwrap();
    net.network.kill(3).await.unwrap();
    // What four had agreed on when two died may still become final, and one may tell the other.
    let mut heights = (net.height(0).await, net.height(2).await);
    let stalled = until("two survivors stand still", async || {
        sleep(Duration::from_secs(2)).await;
        let before = heights;
        heights = (net.height(0).await, net.height(2).await);
        (heights == before && heights.0 == heights.1).then_some(heights.0)
    })
    .await;
    let signed = wallet.transfer(to);
    net.send(0, &signed).await;
    for _ in 0..32 {
        sleep(Duration::from_millis(250)).await;
        assert_eq!((net.height(0).await, net.height(2).await), (stalled, stalled));
        for index in [0, 2] {
            assert_eq!(net.receipt(index, signed.hash).await, None, "final without a quorum");
        }
    }
    net.network.start(3).unwrap();
    net.settled(&[0, 2, 3], signed.hash).await;
    net.agree(&[0, 2, 3]).await;
    net.network.start(1).unwrap();
    net.ready().await;
    net.settled(&ALL, signed.hash).await;
    net.agree(&ALL).await;
    for index in ALL {
        assert_eq!(net.coins(index, to).await, U256::from(2 * VALUE), "validator {index}");
    }
    net.all_alive();
}

/// Receipts that some validator has given, by block number, with how many there are.
#[derive(Default)]
struct Acknowledged {
    blocks: BTreeMap<u64, Value>,
    transactions: usize,
}

/// Reads every block's receipts from one validator as soon as it has them, until it is gone.
async fn record(url: String, mut next: u64, seen: Arc<Mutex<Acknowledged>>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let params = json!([format!("{next:#x}")]);
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "eth_getBlockReceipts", "params": params
        });
        let request = client.post(&url).timeout(Duration::from_secs(10)).json(&call);
        let Ok(response) = request.send().await else { return };
        let Ok(answer) = response.json::<Value>().await else { return };
        let Some(receipts) = answer["result"].as_array() else {
            sleep(Duration::from_millis(2)).await;
            continue;
        };
        let mut seen = seen.lock().unwrap();
        if let Some(first) = seen.blocks.get(&next) {
            assert_eq!(first, &answer["result"], "two validators differ about block {next}");
        } else {
            seen.transactions += receipts.len();
            seen.blocks.insert(next, answer["result"].clone());
        }
        next += 1;
    }
}

/// A number from the environment, for long runs.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// `QENEX_CRASH_SEED` and `QENEX_CRASH_ROUNDS` choose other moments, and more of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_all_killed_under_load_nothing_acknowledged_is_lost() {
    const TRANSACTIONS: &str = "4000";
    let (seed, rounds) = (setting("QENEX_CRASH_SEED", 0x5158), setting("QENEX_CRASH_ROUNDS", 3));
    let mut moments = StdRng::seed_from_u64(seed);
    let mut net = Net::started(4).await;
    let urls: Vec<String> = ALL.iter().map(|index| net.rpc(*index)).collect();
    let (mut wallet, to) = (Wallet::dev(9), Address::repeat_byte(0xb3));
    for round in 0..rounds {
        let from = net.agree(&ALL).await.number + 1;
        let seen = Arc::new(Mutex::new(Acknowledged::default()));
        let recorders: Vec<_> =
            urls.iter().map(|url| tokio::spawn(record(url.clone(), from, seen.clone()))).collect();
        let mut bench = Command::new(QENEX);
        bench.args(["bench", "load", "--quiet", "--rpc", &urls.join(",")]);
        bench.args(["--senders", "32", "--txs", TRANSACTIONS, "--outstanding", "500"]);
        let mut load = bench.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let enough = moments.random_range(100..2_000);
        let pause = Duration::from_millis(moments.random_range(0..100));
        until("acknowledged transactions", async || {
            assert_eq!(load.try_wait().unwrap(), None, "the load ended early");
            (seen.lock().unwrap().transactions >= enough).then_some(())
        })
        .await;
        sleep(pause).await;
        let under_load = load.try_wait().unwrap().is_none();
        net.network.kill_all().await.unwrap();
        load.kill().await.unwrap();
        for recorder in recorders {
            recorder.await.expect("validators agree while they live");
        }
        let acknowledged = std::mem::take(&mut *seen.lock().unwrap());
        let last = *acknowledged.blocks.keys().last().unwrap();
        eprintln!(
            "round {round}: killed after {} transactions in blocks {from} to {last}",
            acknowledged.transactions
        );
        assert!(under_load, "the load was over before the kill");

        // Back in any order; sometimes one dies again while it recovers.
        let mut order = ALL;
        order.shuffle(&mut moments);
        for index in order {
            net.network.start(index).unwrap();
            sleep(Duration::from_millis(moments.random_range(0..200))).await;
        }
        if moments.random_bool(0.5) {
            net.network.kill(order[0]).await.unwrap();
            net.network.start(order[0]).unwrap();
        }
        net.ready().await;
        for index in ALL {
            for (number, receipts) in &acknowledged.blocks {
                let what = format!("validator {index} has block {number}");
                let found = until(&what, async || {
                    let params = json!([format!("{number:#x}")]);
                    let found = net.network.call(index, "eth_getBlockReceipts", params).await;
                    found.ok().filter(Value::is_array)
                })
                .await;
                assert_eq!(&found, receipts, "block {number} at validator {index}");
            }
        }
        // By hash, as a client asks.
        for receipt in acknowledged.blocks.values().filter_map(|block| block.get(0)) {
            let hash = receipt["transactionHash"].as_str().unwrap().parse().unwrap();
            for index in ALL {
                assert_eq!(net.receipt(index, hash).await.as_ref(), Some(receipt));
            }
        }
        net.pay(usize::try_from(round % 4).unwrap(), &mut wallet, to, &ALL).await;
        assert!(net.agree(&ALL).await.number > last);
        net.all_alive();
    }
    assert_eq!(net.coins(0, to).await, U256::from(rounds * VALUE));
    net.network.kill_all().await.unwrap();
    for index in ALL {
        let mut verify = Command::new(QENEX);
        verify.args(["db", "verify", "--config"]).arg(net.config(index));
        assert!(text_of(&mut verify).await.contains("everything fits together"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_after_another_killed_under_load_each_catches_up_with_a_chain_that_goes_on() {
    let (seed, rounds) = (setting("QENEX_CRASH_SEED", 0x5159), setting("QENEX_CRASH_ROUNDS", 4));
    let mut moments = StdRng::seed_from_u64(seed);
    let mut net = Net::started(4).await;
    let urls: Vec<String> = ALL.iter().map(|index| net.rpc(*index)).collect();
    let (mut wallet, to) = (Wallet::dev(9), Address::repeat_byte(0xb4));
    let mut bench = Command::new(QENEX);
    bench.args(["bench", "load", "--quiet", "--rpc", &urls.join(",")]);
    // Ten seconds a round; rounds usually take less.
    let transactions = (3_000 * rounds).to_string();
    bench.args(["--senders", "32", "--txs", &transactions, "--rate", "300"]);
    let mut load = bench.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let what = "more blocks than giving its senders coins takes";
    until(what, async || {
        assert_eq!(load.try_wait().unwrap(), None, "the load ended before its first block");
        let head = net.height(0).await;
        (head > 40).then_some(())
    })
    .await;
    for round in 0..rounds {
        let victim = moments.random_range(0..4);
        let others: Vec<usize> = ALL.into_iter().filter(|index| *index != victim).collect();
        sleep(Duration::from_millis(moments.random_range(0..300))).await;
        net.network.kill(victim).await.unwrap();
        let at_kill = net.height(others[0]).await;
        let what = format!("round {round}: blocks without validator {victim}");
        until(&what, async || (net.height(others[0]).await >= at_kill + 5).then_some(())).await;
        net.pay(others[1], &mut wallet, to, &others).await;
        net.network.start(victim).unwrap();
        let target = net.height(others[2]).await;
        let what = format!("round {round}: validator {victim} has block {target}");
        let caught_up = until(&what, async || net.block(victim, target).await).await;
        assert_eq!(Some(caught_up), net.block(others[0], target).await);
        // It is not only fed: it takes transactions and finalises them.
        net.pay(victim, &mut wallet, to, &ALL).await;
        net.all_alive();
    }
    load.kill().await.unwrap();
    net.agree(&ALL).await;
    for index in ALL {
        assert_eq!(net.coins(index, to).await, U256::from(2 * rounds * VALUE));
    }
}
