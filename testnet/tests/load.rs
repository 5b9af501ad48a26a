//! The load generator against Anvil, a node that is not ours.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use qenex_testnet::load::{LoadOptions, run};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Starts Anvil with 100 ms blocks on a free port, and answers with its URL.
async fn anvil() -> (Child, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/bin/anvil");
    let mut child = Command::new(program)
        .args(["--port", "0", "--block-time", "0.1"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("contracts/bin/anvil starts");
    let stdout = child.stdout.take().expect("standard output is a pipe");
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.expect("standard output can be read") {
        if let Some(address) = line.strip_prefix("Listening on ") {
            let url = format!("http://{address}");
            // A full pipe would stop it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, url);
        }
    }
    panic!("anvil ended at once: run `npm ci --ignore-scripts` in contracts/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anvil_includes_every_transfer_of_both_loops() {
    let (_anvil, url) = anvil().await;
    let base = LoadOptions {
        rpc: vec![url],
        senders: 20,
        txs: 1_000,
        timeout: Duration::from_secs(20),
        ..LoadOptions::default()
    };
    let closed = run(base.clone()).await.expect("a closed loop");
    // The second run finds the accounts funded and goes on from their nonces.
    let open = run(LoadOptions { rate: Some(500), ..base }).await.expect("an open loop");
    for report in [&closed, &open] {
        assert_eq!((report.submitted, report.accepted), (1_000, 1_000), "{report}");
        assert_eq!((report.included, report.errors.len()), (1_000, 0), "{report}");
        assert!(report.blocks > 0 && report.latency_ms.p50 <= report.latency_ms.p99, "{report}");
        let json = serde_json::to_value(report).expect("a report is JSON");
        assert_eq!(json["included"], 1_000);
        assert!(report.to_string().contains("included     1000 in "), "{report}");
    }
    assert!(open.seconds >= 1.9, "the last of 1,000 is due after 1.998 s: {open}");
}
