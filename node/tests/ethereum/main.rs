//! `qenex eth` and `qenex evm` as their users run them.
//!
//! The fixtures are filled by Ethereum's executable specification (`scripts/conformance --write`): a
//! chain through all forks, and state tests of each.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, helpers included")]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use alloy_primitives::{B256, keccak256};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ethereum/fixtures").join(name)
}

fn qenex(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qenex")).args(arguments).output().unwrap()
}

fn import(datadir: &Path, genesis: &Path, blocks: &Path) -> Output {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (datadir, genesis, blocks) = (text(datadir), text(genesis), text(blocks));
    qenex(&["eth", "import", "--datadir", &datadir, "--genesis", &genesis, "--blocks", &blocks])
}

/// Number and hash of the head that an import ended with.
fn head(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{output:?}"));
    last.strip_prefix("head ").unwrap().to_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The blocks of the fixture, each by itself.
fn blocks() -> Vec<Vec<u8>> {
    let bytes = std::fs::read(fixture("blocks.rlp")).unwrap();
    let mut rest = bytes.as_slice();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let mut after = rest;
        let header = alloy_rlp::Header::decode(&mut after).unwrap();
        let length = rest.len() - after.len() + header.payload_length;
        let (block, others) = rest.split_at(length);
        blocks.push(block.to_vec());
        rest = others;
    }
    blocks
}

#[test]
fn a_chain_through_all_forks_is_imported_and_again_known() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = std::fs::read_to_string(fixture("head.txt")).unwrap();
    for (round, known) in [(1, "(0 known)"), (2, "(48 known)")] {
        let output =
            import(&folder.path().join("data"), &fixture("genesis.json"), &fixture("blocks.rlp"));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(head(&output), wanted.trim(), "round {round}: {}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains(known), "{output:?}");
    }
}

#[test]
fn import_stops_at_the_first_invalid_block_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks();
    for (name, at) in [("early", 2), ("late", 40)] {
        let mut offered = blocks.clone();
        // The last byte of the header's first hash: the parent's.
        let block = offered.get_mut(at).unwrap();
        let parent = block.windows(32).position(|window| {
            let hash = hash_of(blocks.get(at - 1).unwrap());
            window == hash.as_slice()
        });
        // Of what follows, the 33rd byte on is the uncles' hash.
        *block.get_mut(parent.unwrap() + 40).unwrap() ^= 1;
        let file = folder.path().join(format!("{name}.rlp"));
        std::fs::write(&file, offered.concat()).unwrap();
        let output = import(&folder.path().join(name), &fixture("genesis.json"), &file);
        assert!(output.status.success(), "{output:?}");
        let kept = hash_of(blocks.get(at - 1).unwrap());
        assert_eq!(head(&output), format!("{at} {kept}"));
        let problem = stderr(&output);
        assert!(
            problem.contains("sha3Uncles") && problem.contains(&format!("block {at} ")),
            "{problem}"
        );
    }
}

/// Hash of a block's header.
fn hash_of(block: &[u8]) -> B256 {
    let mut payload = block;
    alloy_rlp::Header::decode(&mut payload).unwrap();
    let mut after = payload;
    let header = alloy_rlp::Header::decode(&mut after).unwrap();
    let length = payload.len() - after.len() + header.payload_length;
    keccak256(payload.get(..length).unwrap())
}

#[test]
fn what_is_no_chain_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let data = folder.path().join("data");
    // A bad genesis: status 78.
    let bad = import(&data, &write("bad.json", b"{\"alloc\": 7}"), &fixture("blocks.rlp"));
    assert_eq!(bad.status.code(), Some(78), "{bad:?}");
    assert!(stderr(&bad).contains("bad.json is no geth genesis"), "{bad:?}");
    // A file that ends inside a block, and one that holds none.
    let whole = std::fs::read(fixture("blocks.rlp")).unwrap();
    let cut = import(
        &data,
        &fixture("genesis.json"),
        &write("cut.rlp", whole.get(..whole.len() - 10).unwrap()),
    );
    assert!(cut.status.success() && head(&cut).starts_with("47 "), "{cut:?}");
    assert!(stderr(&cut).contains("the file ends inside a block"), "{cut:?}");
    let junk = import(&data, &fixture("genesis.json"), &write("junk.rlp", b"no blocks"));
    assert!(stderr(&junk).contains("not a block"), "{junk:?}");
    // Another genesis on the same data.
    let mut genesis: Value =
        serde_json::from_slice(&std::fs::read(fixture("genesis.json")).unwrap()).unwrap();
    *genesis.get_mut("gasLimit").unwrap() = json!("0x5000");
    let other = write("other.json", genesis.to_string().as_bytes());
    let other = import(&data, &other, &fixture("blocks.rlp"));
    assert_eq!(other.status.code(), Some(78), "{other:?}");
    assert!(stderr(&other).contains("holds another chain"), "{other:?}");
}

#[test]
fn state_tests_of_all_forks_pass_and_a_wrong_one_fails() {
    let folder = tempfile::tempdir().unwrap();
    let tests = fixture("state-tests.json");
    let output = qenex(&["evm", "statetest", "--json", tests.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("64 passed, 0 failed"), "{}", stderr(&output));
    for line in output.stdout.lines().map(Result::unwrap) {
        let case: Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<_> = case.as_object().unwrap().keys().cloned().collect();
        let wanted = ["name", "fork", "d", "g", "v", "pass", "stateRoot", "logsRoot", "error"];
        assert!(wanted.iter().all(|key| keys.iter().any(|k| k == key)), "{line}");
    }
    let mut tests: Value = serde_json::from_slice(&std::fs::read(tests).unwrap()).unwrap();
    let tests = tests.as_object_mut().unwrap();
    let (good, _) = tests
        .iter()
        .find(|(_, test)| {
            test.pointer("/post/London/0").is_some_and(|p| p.get("expectException").is_none())
        })
        .map(|(name, test)| (name.clone(), test.clone()))
        .unwrap();
    let test = tests.get_mut(&good).unwrap();
    *test.pointer_mut("/post/London/0/hash").unwrap() = json!(B256::repeat_byte(7));
    let file = folder.path().join("wrong.json");
    std::fs::write(&file, json!({ &good: test }).to_string()).unwrap();
    let output = qenex(&["evm", "statetest", "--json", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("state root"), "{output:?}");
}

/// A server that ends with the test.
struct Server(Child, String);

impl Server {
    fn start(datadir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_qenex"))
            .args(["eth", "serve", "--http", "127.0.0.1:0", "--datadir", datadir.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split(" on ").last().unwrap().trim().to_owned();
        Self(child, url)
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let client = reqwest::Client::new();
        let answer =
            client.post(&self.1).body(body.to_string()).header("content-type", "application/json");
        let text = answer.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        answer.get_mut("result").unwrap_or_else(|| panic!("{method}: {text}")).take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_imported_chain_is_served_with_the_fields_of_each_fork() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = import(&data, &fixture("genesis.json"), &fixture("blocks.rlp"));
    assert!(output.status.success(), "{output:?}");
    let server = Server::start(&data);
    let wanted = std::fs::read_to_string(fixture("head.txt")).unwrap();
    for tag in ["latest", "safe", "finalized"] {
        let block = server.ask("eth_getBlockByNumber", json!([tag, false])).await;
        assert_eq!(block["hash"], wanted.split_whitespace().last().unwrap());
    }
    let (mut roots, mut statuses, mut uncles, mut withdrawals, mut blobs) = (0, 0, 0, 0, 0);
    for (number, raw) in (1..).zip(blocks()) {
        let height = json!(format!("{number:#x}"));
        let block = server.ask("eth_getBlockByNumber", json!([height, true])).await;
        assert_eq!(block["hash"], json!(hash_of(&raw)));
        assert_eq!(block["size"], json!(format!("{:#x}", raw.len())), "block {number}");
        let served = server.ask("debug_getRawBlock", json!([height])).await;
        assert_eq!(served, json!(alloy_primitives::Bytes::from(raw)));
        assert!(block.get("totalDifficulty").is_none(), "{block}");
        let (london, shanghai, prague) = (number >= 25, number >= 31, number >= 37);
        assert_eq!(block.get("baseFeePerGas").is_some(), london, "{block}");
        assert_eq!(block.get("withdrawals").is_some(), shanghai, "{block}");
        assert_eq!(block.get("requestsHash").is_some(), prague, "{block}");
        withdrawals += block.get("withdrawals").and_then(Value::as_array).map_or(0, Vec::len);
        for (index, uncle) in block["uncles"].as_array().unwrap().iter().enumerate() {
            let place = json!([height, format!("{index:#x}")]);
            let found = server.ask("eth_getUncleByBlockNumberAndIndex", place).await;
            assert_eq!(&found["hash"], uncle);
            uncles += 1;
        }
        let receipts = server.ask("eth_getBlockReceipts", json!([height])).await;
        for receipt in receipts.as_array().unwrap() {
            let early = number < 13;
            assert_eq!(receipt.get("root").is_some(), early, "block {number}: {receipt}");
            assert_eq!(receipt.get("status").is_some(), !early, "block {number}: {receipt}");
            (roots, statuses) = (roots + usize::from(early), statuses + usize::from(!early));
            let blob = receipt["type"] == "0x3";
            assert_eq!(receipt.get("blobGasUsed").is_some(), blob, "{receipt}");
            blobs += usize::from(blob);
        }
    }
    for count in [roots, statuses, uncles, withdrawals, blobs] {
        assert!(count > 0, "{roots} {statuses} {uncles} {withdrawals} {blobs}");
    }
    // State of the past, and a call on it.
    let coinbase = format!("0x{}", "c0".repeat(20));
    let early = server.ask("eth_getBalance", json!([coinbase, "0x1"])).await;
    assert_eq!(early.as_str().unwrap().len(), "0x4563918244f40000".len(), "five coins and fees");
    let code = server.ask("eth_call", json!([{ "to": coinbase }, "0x5"])).await;
    assert_eq!(code, "0x");
}
