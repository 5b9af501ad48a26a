//! The client against the engines themselves, behind a node's JSON-RPC that this file serves.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, helpers included")]

use std::sync::{Arc, Mutex};

use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{SignableTransaction as _, Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, U64, U128};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use qenex_client::engines::{
    ACCOUNTS, Block, Call, Host as _, IAccounts, ILedger, IQenexErrors, ISettlement, LEDGER,
    MemoryHost, Outcome, SETTLEMENT, decode, genesis, is_engine,
};
use qenex_client::rpc::RpcError;
use qenex_client::types::{
    Currency, CurrencySpec, ErrorCode, LedgerAccountSpec, LedgerSpec, TransferStatus,
    client_reference,
};
use qenex_client::{Client, ClientError, Instruction, Key, code, sign_affirmation};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const BLOCK: Block = Block { number: 0, timestamp: 1_800_000_000, chain_id: 5_158 };

fn signer(seed: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap()
}

/// Has 1,000.00 USD.
fn alice() -> PrivateKeySigner {
    signer(1)
}

/// Has 500.00 EUR.
fn bob() -> PrivateKeySigner {
    signer(2)
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

/// A transaction in a block of its own.
struct Included {
    hash: B256,
    succeeded: bool,
    logs: Vec<Log>,
}

/// A chain of engine calls. `states[n]` is the state after block n.
struct Chain {
    states: Vec<MemoryHost>,
    blocks: Vec<Included>,
    /// Takes transactions, and says that they are not final yet.
    late: bool,
}

impl Chain {
    fn new() -> Self {
        let account = |owner: Address, code: &str, balance: &str| LedgerAccountSpec {
            id: owner,
            owner,
            account_type: "BUSINESS".into(),
            jurisdiction: "CH".into(),
            currency: code.into(),
            balances: [(code.into(), balance.into())].into(),
        };
        let currency = |code: &str| CurrencySpec {
            code: code.into(),
            exponent: 2,
            name: code.into(),
            issuer: Address::repeat_byte(0x15),
            supply_cap: "1000000.00".into(),
        };
        let spec = LedgerSpec {
            admin: Address::repeat_byte(0xad),
            more_admins: Vec::new(),
            registrars: vec![],
            currencies: vec![currency("USD"), currency("EUR")],
            accounts: vec![
                account(alice().address(), "USD", "1000.00"),
                account(bob().address(), "EUR", "500.00"),
            ],
        };
        let mut host = MemoryHost::new(BLOCK);
        for (address, slots) in genesis(&spec, BLOCK).unwrap() {
            for (slot, value) in slots {
                host.sstore(address, slot, value).unwrap();
            }
        }
        Self { states: vec![host], blocks: Vec::new(), late: false }
    }

    /// Runs a call after a block, and changes nothing.
    fn simulate(&self, request: &Value, height: usize) -> (MemoryHost, Result<Outcome, Value>) {
        let mut host = self.states[height].clone();
        let field = |name: &str| serde_json::from_value(request[name].clone()).unwrap();
        let (from, to): (Address, Address) = (field("from"), field("to"));
        let data: Bytes = serde_json::from_value(request["data"].clone()).unwrap();
        host.begin_transaction(None);
        let outcome = if is_engine(to) {
            host.call(&Call::new(from, to, &data)).unwrap()
        } else if to == Address::repeat_byte(0xbb) {
            Outcome::Revert(Bytes::from_static(&[1, 2, 3, 4]))
        } else {
            Outcome::Success(Bytes::new())
        };
        let outcome = match outcome {
            Outcome::Revert(data) => {
                Err(json!({ "code": 3, "message": "execution reverted", "data": data }))
            }
            success => Ok(success),
        };
        (host, outcome)
    }

    fn include(&mut self, raw: &Bytes) -> Result<B256, Value> {
        let refused = |message: &str| json!({ "code": -32000, "message": message });
        let tx = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
        let sender = tx.recover_signer().map_err(|_| refused("invalid sender"))?;
        if tx.chain_id() != Some(BLOCK.chain_id) {
            return Err(refused("invalid chain id"));
        }
        let next = self.states.last().unwrap().block().number + 1;
        let mut host = self.states.last().unwrap().clone();
        host.set_block(Block { number: next, timestamp: BLOCK.timestamp + next, ..BLOCK });
        host.begin_transaction(Some(tx.gas_limit() - 21_000));
        let outcome = host.call(&Call::new(sender, tx.to().unwrap(), tx.input()));
        let included = Included {
            hash: *tx.hash(),
            succeeded: outcome.is_ok_and(|outcome| outcome.is_success()),
            logs: host.logs().to_vec(),
        };
        self.states.push(host);
        self.blocks.push(included);
        Ok(*tx.hash())
    }

    fn receipt(&self, hash: B256) -> Value {
        let Some(index) = self.blocks.iter().position(|block| block.hash == hash) else {
            return Value::Null;
        };
        json!({
            "transactionHash": hash,
            "blockHash": B256::with_last_byte(u8::try_from(index + 1).unwrap()),
            "blockNumber": U64::from(index + 1),
            "gasUsed": U64::from(50_000),
            "status": U64::from(u8::from(self.blocks[index].succeeded)),
            "logs": self.logs(index),
            "type": "0x2",
        })
    }

    fn logs(&self, index: usize) -> Vec<Value> {
        let block = &self.blocks[index];
        let log = |(log_index, log): (usize, &Log)| {
            json!({
                "address": log.address,
                "topics": log.topics(),
                "data": log.data.data,
                "blockNumber": U64::from(index + 1),
                "transactionHash": block.hash,
                "logIndex": U64::from(log_index),
                "removed": false,
            })
        };
        block.logs.iter().enumerate().map(log).collect()
    }

    fn find_logs(&self, filter: &Value) -> Value {
        let number = |name: &str| serde_json::from_value::<U64>(filter[name].clone()).unwrap();
        let (from, to): (usize, usize) = (number("fromBlock").to(), number("toBlock").to());
        let found = (from.max(1)..=to.min(self.blocks.len())).flat_map(|n| self.logs(n - 1));
        let address = |value: &Value| value.as_str().unwrap().to_lowercase();
        found
            .filter(|log| address(&log["address"]) == address(&filter["address"]))
            .filter(|log| log["topics"][0] == filter["topics"][0])
            .collect()
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let hash = || serde_json::from_value(params[0].clone()).unwrap();
        match method {
            "eth_chainId" => Ok(json!(U64::from(BLOCK.chain_id))),
            "eth_blockNumber" => Ok(json!(U64::from(self.blocks.len()))),
            "eth_getTransactionCount" => Ok(json!(U64::from(self.blocks.len()))),
            "eth_maxPriorityFeePerGas" => Ok(json!(U128::from(3))),
            "eth_getBlockByNumber" => Ok(json!({ "baseFeePerGas": "0x7" })),
            "eth_getTransactionReceipt" => Ok(self.receipt(hash())),
            "eth_getLogs" => Ok(self.find_logs(&params[0])),
            "eth_call" => {
                let height = match params[1].as_str().unwrap() {
                    "latest" => self.blocks.len(),
                    number => number.parse::<U64>().unwrap().to(),
                };
                match self.simulate(&params[0], height).1? {
                    Outcome::Success(output) | Outcome::Revert(output) => Ok(json!(output)),
                }
            }
            "eth_estimateGas" => {
                let (host, outcome) = self.simulate(&params[0], self.blocks.len());
                outcome.map(|_| json!(U64::from(host.gas_used() + 21_000)))
            }
            "eth_sendRawTransactionSync" => {
                let raw = serde_json::from_value(params[0].clone()).unwrap();
                let hash = self.include(&raw)?;
                if self.late {
                    return Err(json!({ "code": 4, "message": "not final", "data": hash }));
                }
                Ok(self.receipt(hash))
            }
            _ => Err(json!({ "code": -32601, "message": "no such method" })),
        }
    }

    fn respond(&mut self, request: &Value) -> Value {
        let id = &request["id"];
        match self.answer(request["method"].as_str().unwrap(), &request["params"]) {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
        }
    }
}

/// A running node; it ends when dropped.
struct Node {
    client: Client,
    chain: Arc<Mutex<Chain>>,
    _tasks: JoinSet<()>,
}

impl Node {
    async fn start() -> Self {
        let chain = Arc::new(Mutex::new(Chain::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        let served = Arc::clone(&chain);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { client: Client::connect(&url).await.unwrap(), chain, _tasks: tasks }
    }
}

/// One HTTP connection, request after request.
async fn serve(mut stream: TcpStream, chain: Arc<Mutex<Chain>>) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
                let length = text.split("content-length:").nth(1)?.lines().next()?.trim();
                break (head + 4, length.parse::<usize>().ok()?);
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        while buffer.len() < head + length {
            stream.read_buf(&mut buffer).await.ok()?;
        }
        let request: Vec<u8> = buffer.drain(..head + length).skip(head).collect();
        let request = serde_json::from_slice(&request).unwrap();
        let response = chain.lock().unwrap().respond(&request).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", response.len());
        stream.write_all((head + &response).as_bytes()).await.ok()?;
    }
}

fn reference(text: &str) -> FixedBytes<16> {
    client_reference(text)
}

/// From ALICE to BOB, in USD.
fn payment(text: &str, amount: u128) -> ILedger::transferCall {
    ILedger::transferCall {
        clientReference: reference(text),
        from: alice().address(),
        to: bob().address(),
        currency: code(usd()),
        amount,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
}

fn order(text: &str, amount: u128) -> ILedger::Order {
    ILedger::Order {
        clientReference: reference(text),
        kind: 1,
        from: alice().address(),
        to: bob().address(),
        currency: code(usd()),
        amount,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
}

async fn cents(client: &Client, account: &PrivateKeySigner) -> u128 {
    client.balance(account.address(), usd()).await.unwrap().posted
}

#[tokio::test]
async fn a_payment_is_tried_made_and_found_again() {
    let node = Node::start().await;
    let client = &node.client;
    let (alice, bob) = (alice(), bob());
    assert_eq!(client.chain_id(), BLOCK.chain_id);
    let profile = client.profile(alice.address()).await.unwrap().unwrap();
    assert_eq!((profile.owner, profile.status), (alice.address(), 2));
    assert_eq!(client.transfer(alice.address(), reference("a")).await.unwrap(), None);

    let settled = TransferStatus::Settled.number();
    let explanation = client.explain(alice.address(), order("a", 1_234)).await.unwrap();
    assert_eq!((explanation.status, explanation.available), (settled, 100_000));
    let id = client.simulate(alice.address(), LEDGER, &payment("a", 1_234)).await.unwrap();
    assert_eq!(cents(client, &bob).await, 0);

    let receipt = client.execute(&alice, LEDGER, &payment("a", 1_234)).await.unwrap();
    let events: Vec<ILedger::Settled> = receipt.events(LEDGER);
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.id, event.amount, event.to), (id, 1_234, bob.address()));
    assert_eq!(receipt.events::<ILedger::Settled>(SETTLEMENT), []);
    assert_eq!(receipt.events::<ILedger::Held>(LEDGER), []);
    assert_eq!((cents(client, &alice).await, cents(client, &bob).await), (98_766, 1_234));
    let transfer = client.transfer(alice.address(), reference("a")).await.unwrap().unwrap();
    assert_eq!((transfer.id, transfer.status), (id, settled));
    let again = client.receipt(receipt.transaction_hash).await.unwrap().unwrap();
    assert_eq!(again, receipt);

    // Once more changes nothing; the past is still there.
    client.execute(&alice, LEDGER, &payment("a", 1_234)).await.unwrap();
    client.execute(&alice, LEDGER, &payment("b", 6)).await.unwrap();
    assert_eq!(cents(client, &bob).await, 1_240);
    assert_eq!(cents(&client.at(receipt.block_number()), &bob).await, 1_234);
    assert_eq!(cents(&client.at(0), &bob).await, 0);
    let found = client.events::<ILedger::Settled>(LEDGER, 0, 9).await.unwrap();
    let amounts: Vec<_> = found.iter().map(|e| (e.block_number, e.event.amount)).collect();
    assert_eq!(amounts, [(1, 1_234), (3, 6)]);
    assert_eq!(found[0].transaction_hash, receipt.transaction_hash);
    assert_eq!(client.events::<ILedger::Settled>(LEDGER, 2, 2).await.unwrap(), []);
}

#[tokio::test]
async fn why_a_call_has_no_result_is_told_apart() {
    let node = Node::start().await;
    let client = &node.client;
    let (alice, bob) = (alice(), bob());

    // An engine refuses: before anything is sent.
    let error = client.execute(&alice, LEDGER, &payment("a", 100_001)).await.unwrap_err();
    let ClientError::Refused(decoded) = &error else { panic!("{error}") };
    let short = IQenexErrors::InsufficientFunds { available: 100_000, needed: 100_001 };
    assert_eq!(decoded.refusal, short.into());
    assert_eq!(error.code(), Some(ErrorCode::InsufficientFunds));
    assert_eq!(
        error.to_string(),
        "refused: InsufficientFunds { available: 100000, needed: 100001 }"
    );
    let error = client.execute(&bob, LEDGER, &payment("a", 1)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotAuthorised));
    assert_eq!(node.chain.lock().unwrap().blocks.len(), 0);
    assert_eq!(client.profile(Address::repeat_byte(9)).await.unwrap(), None);

    // A contract reverts, or there is none.
    let call = ILedger::supplyCall { code: code(usd()) };
    let error = client.read(Address::repeat_byte(0xbb), &call).await.unwrap_err();
    assert!(matches!(&error, ClientError::Reverted(data) if data[..] == [1, 2, 3, 4]), "{error}");
    assert_eq!(error.code(), None);
    let error = client.read(Address::repeat_byte(0xcc), &call).await.unwrap_err();
    assert!(matches!(error, ClientError::NoEngine("supply(bytes3)")), "{error}");

    // It was right when it was drafted, and is not any more.
    let draft = client.draft(alice.address(), LEDGER, &payment("b", 60_000)).await.unwrap();
    assert_eq!((draft.max_fee_per_gas, draft.max_priority_fee_per_gas), (17, 3));
    client.execute(&alice, LEDGER, &payment("c", 60_000)).await.unwrap();
    let signature = alice.sign_hash_sync(&draft.signature_hash()).unwrap();
    let error = client.submit(draft.clone(), signature).await.unwrap_err();
    let ClientError::Failed(receipt) = &error else { panic!("{error}") };
    assert_eq!((receipt.succeeded(), receipt.block_number(), receipt.logs.len()), (false, 2, 0));
    let error = client.receipt(receipt.transaction_hash).await.unwrap_err();
    assert!(matches!(error, ClientError::Failed(_)), "{error}");
    assert_eq!(cents(client, &bob).await, 60_000);

    // It takes too long.
    node.chain.lock().unwrap().late = true;
    let error = client.execute(&alice, LEDGER, &payment("d", 1)).await.unwrap_err();
    let ClientError::NotFinal(hash) = error else { panic!("{error}") };
    assert!(client.receipt(hash).await.unwrap().unwrap().succeeded());
    assert_eq!(client.receipt(B256::ZERO).await.unwrap(), None);

    // The node refuses, and one that is not there.
    let mut foreign = draft;
    foreign.chain_id += 1;
    let signature = alice.sign_hash_sync(&foreign.signature_hash()).unwrap();
    let error = client.submit(foreign, signature).await.unwrap_err();
    assert!(error.to_string().ends_with("error -32000: invalid chain id"), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, ClientError::Rpc(RpcError::Unreachable { .. })), "{error}");
}

#[tokio::test]
async fn orders_signed_with_either_kind_of_key_are_handed_in_by_anybody() {
    let node = Node::start().await;
    let client = &node.client;
    let (alice, bob) = (alice(), bob());
    let keys = [Key::secp256k1(&B256::repeat_byte(7)).unwrap(), Key::ml_dsa_65(&[8; 32]).unwrap()];
    for key in &keys {
        let add = IAccounts::addKeyCall {
            account: alice.address(),
            scheme: key.scheme().number(),
            publicKey: key.public_key(),
            validUntil: 0,
        };
        let receipt = client.execute(&alice, ACCOUNTS, &add).await.unwrap();
        let added: Vec<IAccounts::KeyAdded> = receipt.events(ACCOUNTS);
        assert_eq!(added[0].keyId, key.id());
    }

    let instruction = |text: &str| Instruction {
        order: order(text, 1_000),
        valid_after: BLOCK.timestamp,
        valid_before: BLOCK.timestamp + 60,
    };
    let digest = ILedger::digestCall {
        order: order("a", 1_000),
        validAfter: BLOCK.timestamp,
        validBefore: BLOCK.timestamp + 60,
    };
    let asked = client.read(LEDGER, &digest).await.unwrap();
    assert_eq!(asked, instruction("a").digest(client.chain_id()));

    let stranger = Key::ml_dsa_65(&[9; 32]).unwrap();
    let orders = vec![
        instruction("a").sign(client.chain_id(), &keys[0]).unwrap(),
        instruction("b").sign(client.chain_id(), &keys[1]).unwrap(),
        instruction("c").sign(client.chain_id(), &stranger).unwrap(),
        instruction("d").sign(client.chain_id() + 1, &keys[1]).unwrap(),
    ];
    let call = ILedger::submitCall { orders };
    let results = client.simulate(bob.address(), LEDGER, &call).await.unwrap();
    let statuses: Vec<u8> = results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [4, 4, 5, 5]);
    let why = |index: usize| decode(&results[index].reason).unwrap().code;
    assert_eq!((why(2), why(3)), (ErrorCode::UnknownKey, ErrorCode::InvalidSignature));
    let receipt = client.execute(&bob, LEDGER, &call).await.unwrap();
    assert_eq!(receipt.events::<ILedger::Settled>(LEDGER).len(), 2);
    assert_eq!(cents(client, &bob).await, 2_000);
}

#[tokio::test]
async fn an_instruction_settles_with_affirmations_signed_with_keys() {
    let node = Node::start().await;
    let client = &node.client;
    let (alice, bob) = (alice(), bob());
    let leg = |payer: &PrivateKeySigner, payee: &PrivateKeySigner, currency, amount| {
        let (payer, payee) = (payer.address(), payee.address());
        ISettlement::Leg { payer, payee, currency: code(currency), amount }
    };
    let call = ISettlement::instructCall {
        clientReference: reference("trade"),
        legs: vec![leg(&alice, &bob, usd(), 1_100), leg(&bob, &alice, eur(), 1_000)],
        expires: BLOCK.timestamp + 600,
        payloadHash: B256::ZERO,
    };
    let id = client.simulate(bob.address(), SETTLEMENT, &call).await.unwrap();
    client.execute(&bob, SETTLEMENT, &call).await.unwrap();
    let mut settled: Vec<ISettlement::InstructionSettled> = Vec::new();
    for (seed, owner) in [(11, &alice), (12, &bob)] {
        let key = Key::ml_dsa_65(&[seed; 32]).unwrap();
        let add = IAccounts::addKeyCall {
            account: owner.address(),
            scheme: key.scheme().number(),
            publicKey: key.public_key(),
            validUntil: 0,
        };
        client.execute(owner, ACCOUNTS, &add).await.unwrap();
        let call = sign_affirmation(client.chain_id(), id, owner.address(), &key).unwrap();
        // Bob hands in both.
        settled = client.execute(&bob, SETTLEMENT, &call).await.unwrap().events(SETTLEMENT);
    }
    assert_eq!(settled, [ISettlement::InstructionSettled { id }]);
    assert_eq!(cents(client, &bob).await, 1_100);
    assert_eq!(client.balance(alice.address(), eur()).await.unwrap().available, 1_000);
}
