//! The engines through the clients that are for users: the Rust crate, the TypeScript package.

use alloy_primitives::{Address, B256, FixedBytes};
use alloy_signer_local::PrivateKeySigner;
use qenex_client::engines::{ACCOUNTS, IAccounts, ILedger, LEDGER};
use qenex_client::types::{Currency, ErrorCode, TransferStatus, client_reference};
use qenex_client::{Client, Instruction, Key, code};
use tokio::process::Command;

use crate::{
    clients::workspace,
    harness::{Net, text_of, until},
    wallet::Wallet,
};

const ALL: [usize; 4] = [0, 1, 2, 3];

/// The package's own script, built as `npm test` builds it.
async fn typescript(net: &Net, wallet: &Wallet) {
    let folder = workspace("clients/typescript", "clients/typescript");
    for project in [".", "test"] {
        let mut compiler = Command::new(folder.join("node_modules/.bin/tsc"));
        text_of(compiler.args(["--project", project]).current_dir(&folder)).await;
    }
    let mut script = Command::new("node");
    script.arg(folder.join("build/network.js")).args(["--rpc", &net.rpc(1)]);
    let said = text_of(script.args(["--key", &wallet.key.to_string()])).await;
    assert!(said.contains("engines: ok in "), "{said}");
}

async fn posted(client: &Client, account: Address, currency: Currency) -> u128 {
    client.balance(account, currency).await.unwrap().posted
}

/// A payment, one by a quantum-resistant key, and one too many. Returns what the payer has then.
async fn rust(net: &Net, payer: &PrivateKeySigner, payee: Address) -> u128 {
    let client = Client::connect(&net.rpc(2)).await.unwrap();
    let usd: Currency = "USD".parse().unwrap();
    let account = payer.address();
    let before = posted(&client, account, usd).await;
    assert_eq!(client.profile(account).await.unwrap().unwrap().owner, account);
    let reference = |text: &str| -> FixedBytes<16> { client_reference(text) };

    let payment = |text: &str, amount: u128| ILedger::transferCall {
        clientReference: reference(text),
        from: account,
        to: payee,
        currency: code(usd),
        amount,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    let receipt = client.execute(payer, LEDGER, &payment("a", 1_234)).await.unwrap();
    let settled: Vec<ILedger::Settled> = receipt.events(LEDGER);
    assert_eq!((settled.len(), settled[0].amount), (1, 1_234));
    client.execute(payer, LEDGER, &payment("a", 1_234)).await.unwrap();
    assert_eq!(posted(&client, account, usd).await, before - 1_234);
    let past = client.at(receipt.block_number() - 1);
    assert_eq!(posted(&past, account, usd).await, before);
    let error = client.execute(payer, LEDGER, &payment("b", before)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InsufficientFunds));

    let key = Key::ml_dsa_65(&[7; 32]).unwrap();
    let (scheme, public_key) = (key.scheme().number(), key.public_key());
    let add = IAccounts::addKeyCall { account, scheme, publicKey: public_key, validUntil: 0 };
    client.execute(payer, ACCOUNTS, &add).await.unwrap();
    let order = ILedger::Order {
        clientReference: reference("c"),
        kind: 1,
        from: account,
        to: payee,
        currency: code(usd),
        amount: 66,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    let instruction = Instruction { order, valid_after: 0, valid_before: 0 };
    let orders = vec![instruction.sign(client.chain_id(), &key).unwrap()];
    client.execute(payer, LEDGER, &ILedger::submitCall { orders }).await.unwrap();
    let transfer = client.transfer(account, reference("c")).await.unwrap().unwrap();
    assert_eq!(transfer.status, TransferStatus::Settled.number());

    let last = client.endpoint().block_number().await.unwrap();
    let found = client.events::<ILedger::Settled>(LEDGER, 1, last).await.unwrap();
    let paid = found.iter().filter(|found| found.event.from == account);
    assert_eq!(paid.map(|found| found.event.amount).collect::<Vec<_>>(), [1_234, 66]);
    before - 1_300
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_clients_pay_and_every_validator_shows_it() {
    let mut net = Net::started(4).await;
    // The script pays the second or third account.
    let (wallet, scripted) = (Wallet::dev(5), Wallet::dev(4));
    let payer = PrivateKeySigner::from_bytes(&wallet.key).unwrap();
    let payee = Wallet::dev(3).address;
    let (rest, ()) = tokio::join!(rust(&net, &payer, payee), typescript(&net, &scripted));
    for index in ALL {
        let client = Client::connect(&net.rpc(index)).await.unwrap();
        let what = format!("validator {index} shows the payments");
        let usd: Currency = "USD".parse().unwrap();
        until(&what, async || (posted(&client, payer.address(), usd).await == rest).then_some(()))
            .await;
    }
    net.agree(&ALL).await;
    net.all_alive();
}
