//! Bad input, and the exact words that answer it.

use std::{
    net::{TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, U256};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
};

use crate::{
    harness::{Net, QENEX, run_to_end},
    wallet::{VALUE, Wallet},
};

/// Exit status for what a restart cannot mend.
const EX_CONFIG: Option<i32> = Some(78);

const ALL: [usize; 4] = [0, 1, 2, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_transactions_say_why() {
    let mut net = Net::started(1).await;
    let to = Address::repeat_byte(0xc1);
    let mut rich = Wallet::dev(1);
    net.pay(0, &mut rich, to, &[0]).await;
    let poor = Wallet::poor("no coins");
    let raw = |wallet: &Wallet, change: &dyn Fn(&mut TxEip1559)| {
        let mut draft = wallet.draft(to);
        change(&mut draft);
        json!(wallet.sign(draft).raw)
    };
    let cost = U256::from(21_000) * U256::from(1_000_000_000_000_u64) + U256::from(VALUE);
    let good = raw(&rich, &|_| {});
    let mut damaged = rich.sign(rich.draft(to)).raw.to_vec();
    let middle = damaged.len() / 2;
    damaged.truncate(middle);
    let large = raw(&rich, &|tx| {
        tx.input = vec![1_u8; 200_000].into();
        tx.gas_limit = 16_000_000;
        tx.max_fee_per_gas = 10_000_000_000; // Below the cap of fees, which is looked at first.
    });
    let size = (large.as_str().unwrap().len() - 2) / 2;
    let table: Vec<(&str, Value, i64, String)> = vec![
        ("not hexadecimal", json!("0xzz"), -32_602, "invalid argument 0: ".into()),
        ("odd digits", json!("0x123"), -32_602, "invalid argument 0: ".into()),
        ("empty", json!("0x"), -32_000, "failed to decode signed transaction: empty input".into()),
        (
            "cut in the middle",
            json!(Bytes::from(damaged)),
            -32_000,
            "failed to decode signed transaction: ".into(),
        ),
        (
            "trailing bytes",
            json!(format!("{}00", good.as_str().unwrap())),
            -32_000,
            "failed to decode signed transaction: ".into(),
        ),
        ("unknown type", json!("0x7f00"), -32_000, "transaction type not supported: 0x7f".into()),
        (
            "wrong chain id",
            raw(&rich, &|tx| tx.chain_id = 1),
            -32_000,
            "invalid chain id for signer: have 1 want 20824".into(),
        ),
        (
            "nonce too low",
            raw(&rich, &|tx| tx.nonce = 0),
            -32_000,
            "nonce too low: next nonce 1, tx nonce 0".into(),
        ),
        (
            "insufficient funds",
            raw(&poor, &|_| {}),
            -32_000,
            format!(
                "insufficient funds for gas * price + value: address {} have 0 want {cost}",
                poor.address
            ),
        ),
        (
            "too little gas",
            raw(&rich, &|tx| tx.gas_limit = 20_999),
            -32_000,
            "intrinsic gas too low: gas 20999, minimum needed 21000".into(),
        ),
        (
            "too large",
            large,
            -32_000,
            format!("oversized data: transaction size {size}, limit 131072"),
        ),
    ];
    for (what, raw, code, message) in table {
        let (got, said) = net.fail(0, "eth_sendRawTransaction", json!([raw])).await;
        assert_eq!(got, code, "{what}: {said}");
        let whole = !message.ends_with(": ");
        assert!(
            if whole { said == message } else { said.starts_with(&message) },
            "{what}: {said:?} is not {message:?}"
        );
    }
    let (code, said) = net.fail(0, "eth_nope", json!([])).await;
    assert_eq!(
        (code, said.as_str()),
        (-32_601, "the method eth_nope does not exist/is not available")
    );
    let (code, said) = net.fail(0, "eth_sendRawTransaction", json!([])).await;
    assert_eq!((code, said.as_str()), (-32_602, "missing value for required argument 0"));
    // The good one was not spoiled by all that.
    net.pay(0, &mut rich, to, &[0]).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_none_say_why() {
    let mut net = Net::started(1).await;
    for (body, code, message) in [
        ("{junk", -32_700, "Parse error"),
        ("", -32_700, "Parse error"),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32_600, "Invalid request"),
        ("[]", -32_600, "Invalid request"),
    ] {
        let (_, answer) = net.post(0, body.to_owned()).await;
        assert_eq!(answer["error"]["code"], code, "{body:?}: {answer}");
        assert_eq!(answer["error"]["message"], message, "{body:?}: {answer}");
    }
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let (_, answer) = net.post(0, json!(vec![call; 1_001]).to_string()).await;
    assert_eq!(answer["error"]["code"], -32_010, "{answer}");
    assert_eq!(answer["error"]["message"], "The batch request was too large");

    // Refused by its length alone: none of the 10 MiB and one byte are sent.
    let mut stream = TcpStream::connect(("127.0.0.1", net.ports.rpc)).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        (10 << 20) + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], -32_007, "{body}");
    assert_eq!(body["error"]["message"], "Request is too big");

    // Sent as a stream of unknown length, it is cut off at the limit.
    let mut stream = TcpStream::connect(("127.0.0.1", net.ports.rpc)).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16));
    for _ in 0..200 {
        // The node may close before all is written.
        if stream.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
    }
    drop(stream);
    net.pay(0, &mut Wallet::dev(1), Address::repeat_byte(0xc2), &[0]).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_peers_port_does_not_stop_the_chain() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xc3));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..4 {
        for _ in 0..500 {
            let size = random.random_range(0..1_400);
            let mut datagram = vec![0_u8; size];
            random.fill_bytes(&mut datagram);
            // Half of them claim to be the first packet of a QUIC connection.
            if let Some(head) = datagram.get_mut(..6)
                && random.random_bool(0.5)
            {
                head.copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
            }
            for index in 0..4 {
                let _full = socket.send_to(&datagram, ("127.0.0.1", net.ports.p2p_of(index)));
            }
        }
        net.pay(round, &mut wallet, to, &ALL).await;
    }
    net.agree(&ALL).await;
    net.all_alive();
}

/// Starts a node with one file replaced, and restores it: exit status 78, all of `expected` said.
async fn damaged(net: &Net, path: &Path, text: &str, expected: &[&str]) {
    let config = net.config(0);
    let original = std::fs::read(path).unwrap();
    std::fs::write(path, text).unwrap();
    let (status, said) = net.refusal(&config).await;
    std::fs::write(path, original).unwrap();
    assert_eq!(status, EX_CONFIG, "{said}");
    for part in expected {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_folder_is_refused_with_file_and_place() {
    let mut net = Net::started(1).await;
    net.network.stop().await.unwrap();
    let (folder, genesis) = (net.network.folder(0), net.network.datadir().join("genesis.json"));
    let config = net.config(0);
    let good = std::fs::read_to_string(&config).unwrap();
    let file = config.display().to_string();
    for (text, place) in [
        (good.replace("[rpc]", "[rpc"), "line"),
        (good.replace("data = ", "date = "), "unknown field `date`"),
        (good.replace("127.0.0.1", "127.0.0.1.2"), "line"),
        (good.split_at(good.len() / 3).0.to_owned(), "configuration"),
        ("\u{0}\u{1}".to_owned(), "line 1"),
    ] {
        assert_ne!(text, good);
        damaged(&net, &config, &text, &[&file, place]).await;
    }
    let (status, said) = net.refusal(&folder.join("none.toml")).await;
    assert_eq!(status, EX_CONFIG, "{said}");
    assert!(said.contains("none.toml") && said.contains("No such file"), "{said}");

    // The network's specification: broken, and one that is whole but of another network.
    let good = std::fs::read_to_string(&genesis).unwrap();
    let place = ["genesis.json", "line 2"];
    damaged(&net, &genesis, &good.replacen("\"name\"", "name\"", 1), &place).await;
    let other = good.replacen("\"gas_limit\": 300000000", "\"gas_limit\": 200000000", 1);
    assert_ne!(other, good);
    let data = folder.join("data").display().to_string();
    let words = ["genesis.json", "is not the specification of the data folder", &data];
    damaged(&net, &genesis, &other, &words).await;

    // The validator's key.
    let password = folder.join("password");
    let keystore = folder.join("keystore.json").display().to_string();
    damaged(&net, &password, "not the password", &["wrong password for", &keystore]).await;
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o644)).unwrap();
    let (status, said) = net.refusal(&config).await;
    assert_eq!(status, EX_CONFIG, "{said}");
    assert!(said.contains("can be read by others (mode 644): chmod 600 it"), "{said}");
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    let good = std::fs::read_to_string(folder.join("keystore.json")).unwrap();
    let cut = good.split_at(good.len() / 2).0;
    damaged(&net, &folder.join("keystore.json"), cut, &["keystore.json"]).await;

    // Nothing of that did harm.
    net.network.start_all().unwrap();
    net.ready().await;

    // While it runs, the folder is taken.
    let second = folder.join("second.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    let free = qenex_testnet::network::Ports::free(1).unwrap();
    for (port, other) in [
        (net.ports.rpc, free.rpc),
        (net.ports.rest, free.rest),
        (net.ports.metrics, free.metrics),
        (net.ports.p2p, free.p2p),
    ] {
        text = text.replace(&format!(":{port}\""), &format!(":{other}\""));
    }
    std::fs::write(&second, text).unwrap();
    let (status, said) = net.refusal(&second).await;
    assert_eq!(status, EX_CONFIG, "{said}");
    let words = format!("the data folder {data} is in use by another process");
    assert!(said.contains(&words), "{said}");
    net.pay(0, &mut Wallet::dev(1), Address::repeat_byte(0xc4), &[0]).await;
    net.all_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_port_is_named() {
    let net = Net::made(4).await;
    let ports = net.ports;
    // More than once each: ending early must not race with what was started already.
    let tcp = [ports.rpc, ports.rest, ports.metrics];
    for port in tcp.into_iter().cycle().take(12) {
        let busy = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (status, said) = net.refusal(&net.config(0)).await;
        assert_eq!(status, EX_CONFIG, "{port}: {said}");
        assert!(said.contains(&port.to_string()) && said.contains("in use"), "{port}: {said}");
        drop(busy);
    }
    let busy = UdpSocket::bind(("127.0.0.1", ports.p2p)).unwrap();
    let (status, said) = net.refusal(&net.config(0)).await;
    assert_eq!(status, EX_CONFIG, "{said}");
    let words = format!("UDP 127.0.0.1:{}", ports.p2p);
    assert!(said.contains(&words) && said.contains("in use"), "{said}");

    // The command for the whole network looks before it starts anything.
    let mut run = Command::new(QENEX);
    run.args(["testnet", "run", "--datadir"])
        .arg(net.network.datadir())
        .args(["--rpc-port", &ports.rpc.to_string(), "--rest-port", &ports.rest.to_string()])
        .args(["--metrics-port", &ports.metrics.to_string()])
        .args(["--p2p-port", &ports.p2p.to_string()]);
    let output = run_to_end(&mut run).await;
    let said = String::from_utf8_lossy(&output.stderr);
    let words = format!("UDP port 127.0.0.1:{} of validator-0 is busy", ports.p2p);
    assert!(!output.status.success() && said.contains(&words), "{said}");
    drop(busy);
    let busy = TcpListener::bind(("127.0.0.1", ports.rpc_of(2))).unwrap();
    let output = run_to_end(&mut run).await;
    let said = String::from_utf8_lossy(&output.stderr);
    let words = format!("port 127.0.0.1:{} of validator-2 is busy", ports.rpc_of(2));
    assert!(!output.status.success() && said.contains(&words), "{said}");
    drop(busy);
}
