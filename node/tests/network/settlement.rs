//! Settlement proofs of a real network, checked by the command alone, and lies refused.

use std::path::Path;

use alloy_primitives::Address;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    harness::{Net, QENEX, run_to_end, text_of},
    wallet::Wallet,
};

fn verify(genesis: &Path, proof: &Path) -> Command {
    let mut command = Command::new(QENEX);
    command.args(["proof", "verify", "--genesis"]).arg(genesis).arg(proof);
    command
}

/// Every text of a JSON value with one hexadecimal digit changed, in its middle and at its end, and
/// every list without its first and without its last entry.
fn lies(value: &Value) -> Vec<Value> {
    let mut lies = Vec::new();
    match value {
        Value::String(text) => {
            for at in [text.len() / 2, text.len() - 1] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
                lies.push(Value::String(String::from_utf8(bytes).unwrap()));
            }
        }
        Value::Number(number) => lies.push(json!(number.as_u64().unwrap() + 1)),
        Value::Array(all) => {
            lies.push(json!(all[1..]));
            lies.push(json!(all[..all.len() - 1]));
            for (at, one) in all.iter().enumerate() {
                for lie in self::lies(one) {
                    let mut changed = all.clone();
                    changed[at] = lie;
                    lies.push(Value::Array(changed));
                }
            }
        }
        Value::Object(fields) => {
            for (name, one) in fields {
                for lie in self::lies(one) {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), lie);
                    lies.push(Value::Object(changed));
                }
            }
        }
        _ => {}
    }
    lies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_final_payment_is_proven_to_who_has_only_the_specification() {
    let mut net = Net::started(4).await;
    let (mut wallet, to) = (Wallet::dev(1), Address::repeat_byte(0xf7));
    let payments: Vec<_> = (0..12).map(|_| wallet.transfer(to)).collect();
    for payment in &payments {
        net.send(0, payment).await;
    }
    net.settled(&[0, 1, 2, 3], payments[11].hash).await;
    let genesis = net.network.datadir().join("genesis.json");
    let file = net.network.datadir().join("proof.json");
    for (index, payment) in payments.iter().enumerate().step_by(5) {
        let proof = net.call(index % 4, "qenex_getSettlementProof", json!([payment.hash])).await;
        std::fs::write(&file, proof.to_string()).unwrap();
        let said = text_of(&mut verify(&genesis, &file)).await;
        assert!(said.starts_with(&format!("transaction {} is final", payment.hash)), "{said}");
        assert!(said.trim_end().ends_with("succeeded"), "{said}");
    }
    let nothing = json!(["0x0000000000000000000000000000000000000000000000000000000000000001"]);
    assert_eq!(net.call(0, "qenex_getSettlementProof", nothing).await, Value::Null);

    let proof = net.call(2, "qenex_getSettlementProof", json!([payments[3].hash])).await;
    let lies = lies(&proof);
    assert!(lies.len() > 15, "{}", lies.len());
    for lie in &lies {
        std::fs::write(&file, lie.to_string()).unwrap();
        let output = run_to_end(&mut verify(&genesis, &file)).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{lie}");
        assert!(
            said.contains("the proof does not hold") || said.contains("no settlement proof"),
            "{said}"
        );
    }
    // Nor for another network.
    std::fs::write(&file, proof.to_string()).unwrap();
    let foreign = net.another().await.join("genesis.json");
    let output = run_to_end(&mut verify(&foreign, &file)).await;
    assert!(!output.status.success());
    println!("{} lies refused", lies.len());
    net.all_alive();
}
