//! Snapshots of running nodes: made under load, looked at, damaged, and put back.

use std::path::Path;

use alloy_primitives::Address;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    harness::{EX_CONFIG, Net, QENEX, refused, run_to_end, text_of},
    wallet::Wallet,
};

const ALL: [usize; 4] = [0, 1, 2, 3];

fn snapshot(command: &str) -> Command {
    let mut snapshot = Command::new(QENEX);
    snapshot.args(["snapshot", command]);
    snapshot
}

fn restore(config: &Path, from: &Path) -> Command {
    let mut restore = snapshot("restore");
    restore.arg("--config").arg(config).arg("--from").arg(from);
    restore
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_a_running_node_is_restored_and_the_node_goes_on() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xe1));
    for via in ALL {
        net.pay(via, &mut wallet, to, &ALL).await;
    }
    // While payments come in.
    let signed: Vec<_> = (0..40).map(|_| wallet.transfer(to)).collect();
    for payment in &signed {
        net.send(1, payment).await;
    }
    let folder = net.network.datadir().join("snapshot");
    let (config, data) = (net.config(2), net.network.folder(2).join("data"));
    let made =
        text_of(snapshot("create").arg("--config").arg(&config).arg("--to").arg(&folder)).await;
    net.settled(&ALL, signed[39].hash).await;
    let shown = text_of(snapshot("info").arg(&folder)).await;
    assert!(shown.starts_with(&made) && shown.contains("every file is as it was"), "{shown}");
    let list = text_of(snapshot("info").arg(&folder).arg("--json")).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let height = list["height"].as_u64().unwrap();
    let block = net.block(2, height).await.unwrap();
    assert_eq!(list["hash"], block.hash.as_str());
    let again =
        run_to_end(snapshot("create").arg("--config").arg(&config).arg("--to").arg(&folder)).await;
    assert!(String::from_utf8_lossy(&again.stderr).contains("File exists"));

    // The node loses its database, keeps its votes, and goes on from the snapshot.
    refused(
        &mut restore(&config, &folder),
        EX_CONFIG,
        &["exists: stop the node and move that folder away"],
    )
    .await;
    net.network.kill(2).await.unwrap();
    std::fs::rename(data.join("db"), data.join("db.lost")).unwrap();

    // A flipped byte, a missing and a strange file, a list of another database.
    let files = list["files"].as_array().unwrap();
    let largest = files.iter().max_by_key(|file| file["bytes"].as_u64()).unwrap();
    let victim = folder.join("db").join(largest["name"].as_str().unwrap());
    let whole = std::fs::read(&victim).unwrap();
    let mut bad = whole.clone();
    bad[whole.len() / 3] ^= 2;
    // The files may be links to those of the node: not written in place.
    std::fs::remove_file(&victim).unwrap();
    let name = victim.display().to_string();
    refused(&mut restore(&config, &folder), EX_CONFIG, &[&name, "No such file"]).await;
    std::fs::write(&victim, bad).unwrap();
    refused(&mut restore(&config, &folder), EX_CONFIG, &[&name, "is damaged", "take another copy"])
        .await;
    std::fs::write(&victim, whole).unwrap();
    std::fs::write(folder.join("db/000999.sst"), "strange").unwrap();
    refused(&mut restore(&config, &folder), EX_CONFIG, &["000999.sst is not in the list"]).await;
    std::fs::remove_file(folder.join("db/000999.sst")).unwrap();
    refused(
        &mut restore(&config, &folder.join("db")),
        EX_CONFIG,
        &["this is no finished snapshot"],
    )
    .await;
    let other = net.another().await.join("validator-0/node.toml");
    refused(&mut restore(&other, &folder), EX_CONFIG, &["the proof that block"]).await;
    assert!(!data.join("db").exists());

    let said = text_of(&mut restore(&config, &folder)).await;
    assert!(said.contains(&block.state_root), "{} is not in {said}", block.state_root);
    assert!(!said.contains("votes.wal"), "{said}");
    net.network.start(2).unwrap();
    net.ready().await;
    net.agree(&ALL).await;
    net.pay(2, &mut wallet, to, &ALL).await;
    assert_eq!(net.block(2, height).await.unwrap(), block);
    net.network.stop().await.unwrap();
    let mut verify = Command::new(QENEX);
    let said = text_of(verify.args(["db", "verify", "--config"]).arg(&config)).await;
    assert!(said.contains("everything fits together"), "{said}");

    // Of a node that does not run; and onto an empty machine, where the votes are missing.
    let cold = net.network.datadir().join("cold");
    text_of(snapshot("create").arg("--config").arg(&config).arg("--to").arg(&cold)).await;
    std::fs::remove_dir_all(&data).unwrap();
    let said = text_of(&mut restore(&config, &cold)).await;
    assert!(said.contains("there is no votes.wal"), "{said}");
    let (status, said) = net.refusal(&config).await;
    assert_eq!(status, Some(EX_CONFIG), "{said}");
    assert!(said.contains("has blocks but no vote log"), "{said}");
}
