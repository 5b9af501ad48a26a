//! One flipped byte in every kind of file that a node reads: it refuses with exit status 78, names
//! the file and says what to do, or it answers exactly as before. Never anything else.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::Address;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    harness::{EX_CONFIG, Net, QENEX, copy, refused, text_of, until},
    wallet::Wallet,
};

/// Blocks with a payment before the damage.
const PAYMENTS: usize = 40;

/// Everything a client can ask about the blocks up to `height`, by number.
fn questions(height: u64, account: Address) -> Value {
    let ask = |id: String, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let all = (0..=height).flat_map(|number| {
        let at = format!("{number:#x}");
        [
            ask(format!("block {number}"), "eth_getBlockByNumber", json!([at, true])),
            ask(format!("receipts {number}"), "eth_getBlockReceipts", json!([at])),
            ask(format!("balance {number}"), "eth_getBalance", json!([account, at])),
            ask(format!("certificate {number}"), "qenex_getFinalityCertificate", json!([at])),
        ]
    });
    all.collect()
}

/// The answers, by what was asked; nothing if the node is not there or has an error to tell.
async fn answers(net: &Net, questions: &Value) -> Option<BTreeMap<String, Value>> {
    let request = net.client.post(net.rpc(0)).json(questions);
    let answers: Vec<Value> = request.send().await.ok()?.json().await.ok()?;
    let by_id = |answer: Value| {
        let id = answer["id"].as_str()?.to_owned();
        Some((id, answer.get("result")?.clone()))
    };
    answers.into_iter().map(by_id).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What kind of file this is; nothing for locks and for what people read.
fn kind(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    match (name, extension) {
        ("LOCK" | "LOG" | "IDENTITY", _) | (_, Some("lock" | "log.old")) => None,
        _ if name.starts_with("LOG.old") => None,
        ("CURRENT" | "votes.wal" | "keystore.json" | "genesis.json", _) => Some(name.to_owned()),
        (_, Some(extension @ ("sst" | "blob" | "log" | "blocks"))) => Some(extension.to_owned()),
        _ => Some(name.split('-').next()?.to_owned()),
    }
}

/// How the node took the damage.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Refused,
    AsBefore,
}

/// Starts the node and asks it everything.
async fn judge(
    net: &Net,
    asked: &Value,
    expected: &BTreeMap<String, Value>,
    file: &Path,
) -> Outcome {
    let mut node = Command::new(QENEX);
    node.arg("node").arg("--config").arg(net.config(0)).args(["--log", "error"]);
    let mut node =
        node.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut status = None;
    until(&format!("an answer or an end with {} damaged", file.display()), async || {
        status = node.try_wait().unwrap();
        if status.is_some() {
            return Some(());
        }
        match answers(net, asked).await {
            Some(found) => {
                for (id, answer) in &found {
                    assert_eq!(
                        Some(answer),
                        expected.get(id),
                        "{id} with {} damaged",
                        file.display()
                    );
                }
                Some(())
            }
            None => None,
        }
    })
    .await;
    if status.is_none() {
        // A node that answered must also come to its end, in peace or because of the damage.
        let pid = node.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    }
    let output = node.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{}: {said}", file.display());
    if output.status.success() {
        return Outcome::AsBefore;
    }
    assert_eq!(output.status.code(), Some(EX_CONFIG), "{}: {said}", file.display());
    let name = file.file_name().unwrap().to_str().unwrap();
    let of_its_kind = |end: &str| name.ends_with(end) && said.contains(&format!("(*{end})"));
    let named = said.contains(name) || of_its_kind(".sst") || of_its_kind(".log");
    assert!(named, "{name} is not named: {said}");
    Outcome::Refused
}

/// `QENEX_DAMAGE_ALL=1` damages every file in more places instead of the largest of each kind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_any_file_never_changes_an_answer() {
    let all = std::env::var_os("QENEX_DAMAGE_ALL").is_some();
    let mut net = Net::started(1).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xda));
    for half in 0..2 {
        for _ in 0..PAYMENTS / 2 {
            net.pay(0, &mut wallet, to, &[0]).await;
        }
        // A body of this size goes to a blob file.
        let memo: Vec<u8> =
            (0..9_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let draft = TxEip1559 { gas_limit: 900_000, input: memo.into(), ..wallet.draft(to) };
        let noted = wallet.sign(draft);
        wallet.nonce += 1;
        net.send(0, &noted).await;
        net.settled(&[0], noted.hash).await;
        // At a start what the log holds goes to table files.
        if half == 0 {
            net.network.kill(0).await.unwrap();
            net.network.start(0).unwrap();
            net.ready().await;
        }
    }
    let asked = questions(net.height(0).await, to);
    let expected = answers(&net, &asked).await.unwrap();
    net.network.kill(0).await.unwrap();

    let (folder, good) = (net.network.folder(0), net.network.datadir().join("good"));
    let (data, genesis) = (folder.join("data"), net.network.datadir().join("genesis.json"));
    copy(&data, &good);
    let mut victims: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let outside = [folder.join("keystore.json"), genesis];
    for path in files(&data).into_iter().chain(outside) {
        let Some(kind) = kind(&path) else { continue };
        if std::fs::metadata(&path).unwrap().len() > 0 {
            victims.entry(kind).or_default().push(path);
        }
    }
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut tries = 0;
    for (kind, paths) in &mut victims {
        paths.sort_by_key(|path| std::cmp::Reverse(std::fs::metadata(path).unwrap().len()));
        paths.truncate(if all { usize::MAX } else { 4 });
        for path in paths {
            let whole = std::fs::read(&*path).unwrap();
            let places: Vec<usize> = match all {
                true => (0..12).map(|n| whole.len() * n / 12 + n).collect(),
                false => vec![5, 4_100, whole.len() / 2, whole.len() - whole.len().min(21)],
            };
            for at in places {
                let flip = 1_u8 << (tries % 8);
                let mut bad = whole.clone();
                bad[at % whole.len()] ^= flip;
                std::fs::write(&*path, bad).unwrap();
                let outcome = judge(&net, &asked, &expected, path).await;
                if outcome == Outcome::Refused {
                    *refused.entry(kind.clone()).or_default() += 1;
                }
                tries += 1;
                std::fs::write(&*path, &whole).unwrap();
                std::fs::remove_dir_all(&data).unwrap();
                copy(&good, &data);
            }
        }
    }
    println!("{} kinds of file, {tries} flips, refused: {refused:?}", victims.len());
    let kinds: Vec<&str> = victims.keys().map(String::as_str).collect();
    let known = ["CURRENT", "MANIFEST", "OPTIONS", "blob", "blocks", "genesis.json"];
    for kind in known.into_iter().chain(["keystore.json", "log", "sst", "votes.wal"]) {
        assert!(kinds.contains(&kind), "no {kind} among {kinds:?}");
    }
    for kind in known.into_iter().chain(["keystore.json", "log", "sst", "votes.wal"]) {
        if kind == "OPTIONS" {
            continue; // Written for people: nothing reads it.
        }
        assert!(refused.contains_key(kind), "no damage to {kind} was noticed: {refused:?}");
    }
    net.network.start_all().unwrap();
    net.ready().await;
    net.pay(0, &mut wallet, to, &[0]).await;
}

/// The remedy that the message gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_without_its_database_fetches_the_chain_and_keeps_its_votes() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xdb));
    for via in [0, 1, 2, 3] {
        net.pay(via, &mut wallet, to, &[0, 1, 2, 3]).await;
    }
    net.network.kill(2).await.unwrap();
    let data = net.network.folder(2).join("data");
    std::fs::remove_file(data.join("db/CURRENT")).unwrap();
    let (status, said) = net.refusal(&net.config(2)).await;
    assert_eq!(status, Some(EX_CONFIG), "{said}");
    for words in ["the file CURRENT is missing", "move this folder away", "leave votes.wal"] {
        assert!(said.contains(words), "{said}");
    }
    std::fs::rename(data.join("db"), data.join("db.damaged")).unwrap();
    net.network.start(2).unwrap();
    net.ready().await;
    net.agree(&[0, 1, 2, 3]).await;
    net.pay(2, &mut wallet, to, &[0, 1, 2, 3]).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_database_is_verified_and_measured_and_a_damaged_one_is_not() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xdc));
    for via in [0, 1, 2, 3, 0, 1] {
        net.pay(via, &mut wallet, to, &[0, 1, 2, 3]).await;
    }
    net.agree(&[0, 1, 2, 3]).await;
    let height = net.height(3).await;
    net.network.kill_all().await.unwrap();
    let mut heights = Vec::new();
    for index in 0..4 {
        let config = net.config(index);
        let verify = |command: &str| {
            let mut db = Command::new(QENEX);
            db.args(["db", command, "--config"]).arg(&config);
            db
        };
        let said = text_of(&mut verify("verify")).await;
        for words in
            ["blocks    0 to ", "commit certificates", "root 0x", "everything fits together"]
        {
            assert!(said.contains(words), "{words:?} is not in {said}");
        }
        let said = text_of(verify("stats").arg("--json")).await;
        let stats: Value = serde_json::from_str(&said).unwrap();
        heights.push(stats["head"].as_u64().unwrap());
        assert_eq!(stats["tables"].as_array().unwrap().len(), 14, "{said}");
        assert!(text_of(&mut verify("stats")).await.contains("tx_by_hash"));

        // The largest table file, in its middle.
        let db = net.network.folder(index).join("data/db");
        let mut tables = files(&db);
        tables.retain(|path| path.extension().is_some_and(|end| end == "sst"));
        let victim =
            tables.iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
        let mut bytes = std::fs::read(victim).unwrap();
        let middle = bytes.len() / 4;
        bytes[middle] ^= 1;
        std::fs::write(victim, bytes).unwrap();
        let name = victim.file_name().unwrap().to_str().unwrap();
        refused(&mut verify("verify"), EX_CONFIG, &[name, "move this folder away"]).await;
    }
    assert!(heights.iter().max() >= Some(&height), "{heights:?}");
}
