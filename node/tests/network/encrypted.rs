//! Encrypted databases of real nodes: what is on the disk, changes of keys, snapshots, and an older
//! copy put in the place of the newest.

use std::path::Path;

use alloy_primitives::Address;
use tokio::process::Command;

use crate::{
    harness::{EX_CONFIG, Net, QENEX, copy, refused, text_of},
    wallet::Wallet,
};

const ALL: [usize; 4] = [0, 1, 2, 3];

/// Sets whether a node's database is to be encrypted.
fn set_encrypt(config: &Path, encrypt: bool) {
    let text = std::fs::read_to_string(config).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("encrypt = ")).collect();
    let text = kept.join("\n").replace("[store]", &format!("[store]\nencrypt = {encrypt}"));
    assert!(text.contains("encrypt = "), "{text}");
    std::fs::write(config, text).unwrap();
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| std::fs::read(path).unwrap())
        .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

fn db(command: &str, config: &Path) -> Command {
    let mut db = Command::new(QENEX);
    db.args(["db", command, "--config"]).arg(config);
    db
}

async fn node_refuses(net: &Net, config: &Path, words: &[&str]) {
    let (status, said) = net.refusal(config).await;
    assert_eq!(status, Some(EX_CONFIG), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_node_works_as_the_others_and_shows_nothing_on_its_disk() {
    let mut net = Net::made(4).await;
    let (config, data) = (net.config(1), net.network.folder(1).join("data"));
    set_encrypt(&config, true);
    net.network.start_all().unwrap();
    net.ready().await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xf1));
    for via in [0, 1, 2, 3, 1] {
        net.pay(via, &mut wallet, to, &ALL).await;
    }
    // Killed, so that the log is read back; stopped, so that table files are.
    net.network.kill(1).await.unwrap();
    net.network.start(1).unwrap();
    net.ready().await;
    net.pay(1, &mut wallet, to, &ALL).await;
    let folder = net.network.datadir().join("snapshot");
    let mut create = Command::new(QENEX);
    create.args(["snapshot", "create", "--config"]).arg(&config).arg("--to").arg(&folder);
    text_of(&mut create).await;
    net.network.stop().await.unwrap();
    assert!(holds(&net.network.folder(0).join("data/db"), to.as_slice()));
    for folder in [data.join("db"), data.join("open-blocks"), folder.join("db")] {
        assert!(!holds(&folder, to.as_slice()), "{}", folder.display());
    }

    let verified = text_of(&mut db("verify", &config)).await;
    assert!(verified.contains("everything fits together"));
    set_encrypt(&config, false);
    node_refuses(&net, &config, &["is encrypted, but store.encrypt is not set"]).await;
    set_encrypt(&config, true);
    set_encrypt(&net.config(0), true);
    node_refuses(&net, &net.config(0), &["is not encrypted", "qenex db encrypt"]).await;
    set_encrypt(&net.config(0), false);
    let key = data.join("db/key.json");
    let good = std::fs::read_to_string(&key).unwrap();
    let bad = good.replace("\"key\": \"", "\"key\": \"00");
    std::fs::write(&key, bad).unwrap();
    node_refuses(&net, &config, &["key.json is damaged"]).await;
    std::fs::write(&key, &good).unwrap();

    // Another key, none, and one again; the chain goes on with each.
    refused(&mut db("encrypt", &config), 1, &["is encrypted already"]).await;
    assert!(text_of(&mut db("rekey", &config)).await.contains("the key has epoch 2"));
    assert_ne!(std::fs::read_to_string(&key).unwrap(), good);
    net.network.start_all().unwrap();
    net.ready().await;
    net.pay(1, &mut wallet, to, &ALL).await;
    net.network.stop().await.unwrap();
    assert!(text_of(&mut db("decrypt", &config)).await.contains("store.encrypt = false"));
    assert!(!key.exists());
    refused(&mut db("rekey", &config), 1, &["is not encrypted"]).await;
    set_encrypt(&config, false);
    net.network.start_all().unwrap();
    net.ready().await;
    net.pay(1, &mut wallet, to, &ALL).await;
    net.network.stop().await.unwrap();
    assert!(text_of(&mut db("encrypt", &config)).await.contains("store.encrypt = true"));
    set_encrypt(&config, true);
    assert!(!holds(&data.join("db"), to.as_slice()));

    // The snapshot opens with this validator's keystore, and with no other.
    std::fs::rename(data.join("db"), data.join("db.away")).unwrap();
    let restore = |config: &Path| {
        let mut restore = Command::new(QENEX);
        restore.args(["snapshot", "restore", "--config"]).arg(config).arg("--from").arg(&folder);
        restore
    };
    let other = net.network.folder(0).join("data");
    std::fs::rename(other.join("db"), other.join("db.away")).unwrap();
    refused(&mut restore(&net.config(0)), EX_CONFIG, &["key.json", "made with other keys"]).await;
    std::fs::rename(other.join("db.away"), other.join("db")).unwrap();
    text_of(&mut restore(&config)).await;
    net.network.start_all().unwrap();
    net.ready().await;
    net.agree(&ALL).await;
    net.pay(1, &mut wallet, to, &ALL).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_database_is_noticed() {
    let mut net = Net::started(4).await;
    let (config, data) = (net.config(3), net.network.folder(3).join("data"));
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xf2));
    net.pay(0, &mut wallet, to, &ALL).await;
    net.network.stop().await.unwrap();
    let older = net.network.datadir().join("older");
    copy(&data.join("db"), &older);
    net.network.start_all().unwrap();
    net.ready().await;
    // Two payments: with the votes on the second block goes that the first is final.
    for via in [3, 0] {
        net.pay(via, &mut wallet, to, &ALL).await;
    }
    net.network.stop().await.unwrap();
    let newest = net.network.datadir().join("newest");
    std::fs::rename(data.join("db"), &newest).unwrap();
    copy(&older, &data.join("db"));
    node_refuses(&net, &config, &["it is an older copy", "move its folder `db` away"]).await;
    // The newest is taken, and none at all.
    std::fs::remove_dir_all(data.join("db")).unwrap();
    std::fs::rename(&newest, data.join("db")).unwrap();
    net.network.start_all().unwrap();
    net.ready().await;
    net.pay(3, &mut wallet, to, &ALL).await;
    net.network.stop().await.unwrap();
    std::fs::remove_dir_all(data.join("db")).unwrap();
    net.network.start_all().unwrap();
    net.ready().await;
    net.pay(3, &mut wallet, to, &ALL).await;
    net.agree(&ALL).await;
    net.all_alive();
}
