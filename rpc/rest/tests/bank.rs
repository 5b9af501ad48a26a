//! The facade over real HTTP and a real chain; only consensus is left out: a loop builds a block
//! whenever something waits and makes it final at once.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, helpers included")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use metrics_exporter_prometheus::PrometheusBuilder;
use qenex_exec::{
    BlockAttributes, BuildLimits, CallRequest, Candidates, Chain, Overrides, SealedBlock,
};
use qenex_precompiles::{ICurrencyToken, face_address};
use qenex_rpc_rest::{
    ApiKey, Gateway, Idempotency, OpsContext, RestConfig, RestContext, RestError, RestServer,
    serve, serve_ops,
};
use qenex_store::{Store, StoreOptions};
use qenex_types::{PooledTransaction, Transaction, ValidatorSpec};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};

const KEY: &str = "a-test-key-of-some-length";

/// Transactions that wait for a block, by sender and nonce; refuses what a pool would.
#[derive(Default)]
struct Queue {
    waiting: Mutex<BTreeMap<(Address, u64), PooledTransaction>>,
    added: Notify,
}

/// The queue's content, in nonce order, without gaps, from the chain's nonces on.
struct Ready(VecDeque<PooledTransaction>);

impl Candidates for Ready {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.0.pop_front()
    }

    fn refuse(&mut self, _: &PooledTransaction, reason: &str) {
        panic!("the builder refuses: {reason}");
    }
}

impl Queue {
    fn add(&self, raw: &[u8], chain: &Chain) -> Result<B256, String> {
        let transaction = Transaction::decode_2718_exact(raw).map_err(|e| e.to_string())?;
        let hash = *transaction.tx_hash();
        let recovered = transaction.try_into_recovered().map_err(|e| e.to_string())?;
        let (sender, nonce) = (recovered.signer(), recovered.inner().nonce());
        let account = chain.head_account(sender).map_err(|e| e.to_string())?;
        if nonce < account.map_or(0, |account| account.nonce) {
            return Err("nonce too low".into());
        }
        let mut waiting = self.waiting.lock().unwrap();
        if waiting.contains_key(&(sender, nonce)) {
            return Err("replacement transaction underpriced".into());
        }
        waiting.insert((sender, nonce), Arc::new(recovered));
        drop(waiting);
        self.added.notify_one();
        Ok(hash)
    }

    fn ready(&self, chain: &Chain) -> Ready {
        let mut waiting = self.waiting.lock().unwrap();
        let mut next: BTreeMap<Address, u64> = BTreeMap::new();
        waiting.retain(|(sender, nonce), _| {
            let account = chain.head_account(*sender).unwrap();
            *nonce >= *next.entry(*sender).or_insert(account.map_or(0, |account| account.nonce))
        });
        let executable = waiting.iter().filter(|((sender, nonce), _)| {
            let expected = next.get_mut(sender).unwrap();
            let fits = *nonce == *expected;
            *expected += u64::from(fits);
            fits
        });
        Ready(executable.map(|(_, transaction)| transaction.clone()).collect())
    }
}

/// A bank with its chain.
struct Bank {
    _folder: tempfile::TempDir,
    chain: Arc<Chain>,
    queue: Arc<Queue>,
    heads: broadcast::Sender<Arc<SealedBlock>>,
    signer: PrivateKeySigner,
    server: RestServer,
    client: Client,
    url: String,
    producer: tokio::task::JoinHandle<()>,
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.producer.abort();
    }
}

fn produce(chain: &Chain, queue: &Queue, heads: &broadcast::Sender<Arc<SealedBlock>>) {
    let mut candidates = queue.ready(chain);
    if candidates.0.is_empty() {
        return;
    }
    let head = chain.head();
    let attributes = BlockAttributes {
        timestamp: head.header.timestamp + 1,
        beneficiary: Address::repeat_byte(7),
        prev_randao: B256::ZERO,
        consensus_hash: B256::ZERO,
    };
    let limits = BuildLimits { time: Duration::from_secs(5), ..BuildLimits::default() };
    let (executed, _) = chain.build(head.hash, attributes, &mut candidates, limits).unwrap();
    let proven = (executed.block.hash, Bytes::from_static(b"final"));
    for block in chain.finalise(&[proven]).unwrap() {
        let _ = heads.send(block);
    }
}

fn gateway(signer: &PrivateKeySigner, chain: &Arc<Chain>, queue: &Arc<Queue>) -> Arc<Gateway> {
    let (for_submit, queue) = (chain.clone(), queue.clone());
    let submit = Box::new(move |raw: Bytes| queue.add(&raw, &for_submit));
    Arc::new(Gateway::new(signer.clone(), chain.clone(), submit))
}

fn context(
    chain: &Arc<Chain>,
    gateway: Arc<Gateway>,
    heads: &broadcast::Sender<Arc<SealedBlock>>,
) -> Arc<RestContext> {
    let height = chain.clone();
    Arc::new(RestContext {
        chain: chain.clone(),
        gateway,
        api_key: ApiKey::new(KEY).unwrap(),
        heads: heads.clone(),
        info: Arc::new(move || json!({ "height": height.head().header.number })),
        contracts: [("Token", face_address("USD".parse().unwrap())), ("Nothing", Address::ZERO)]
            .map(|(name, address)| (name.to_owned(), address))
            .into(),
        ready: Arc::new(|| vec![("store".into(), true, "open".into())]),
        prometheus: PrometheusBuilder::new().build_recorder().handle(),
    })
}

fn config() -> RestConfig {
    let idempotency = Idempotency::Optional;
    RestConfig { idempotency, ..RestConfig::new(([127, 0, 0, 1], 0).into()) }
}

impl Bank {
    async fn open() -> Self {
        let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap();
        let validator = ValidatorSpec {
            name: "validator-0".into(),
            ed25519: Bytes::from(vec![1; 32]),
            mldsa65: Bytes::from(vec![1; 1_952]),
            peer_id: "peer-0".into(),
            fee_recipient: Address::repeat_byte(7),
        };
        let spec = qenex_genesis::development(vec![validator], signer.address(), 1_700_000_000_000);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        let changes = qenex_genesis::state_changes(&spec).unwrap();
        let chain = Arc::new(Chain::open(Arc::new(spec), store, changes).unwrap());
        let queue = Arc::new(Queue::default());
        let (heads, _) = broadcast::channel(64);
        let producer = {
            let (chain, queue, heads) = (chain.clone(), queue.clone(), heads.clone());
            tokio::spawn(async move {
                loop {
                    queue.added.notified().await;
                    // Several requests shall meet in a block.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let (chain, queue, heads) = (chain.clone(), queue.clone(), heads.clone());
                    let work = move || produce(&chain, &queue, &heads);
                    tokio::task::spawn_blocking(work).await.unwrap();
                }
            })
        };
        let context = context(&chain, gateway(&signer, &chain, &queue), &heads);
        let server = serve(config(), context).await.unwrap();
        let url = format!("http://{}", server.local_addr());
        let client = Client::new();
        Self { _folder: folder, chain, queue, heads, signer, server, client, url, producer }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(KEY)
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, key: Option<&str>, body: Value) -> Answer {
        let mut request = self.request(Method::POST, path).json(&body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        Answer::of(request).await
    }

    async fn pay(&self, key: &str, body: Value) -> Answer {
        self.post("/api/v1/transactions", Some(key), body).await
    }

    async fn account(&self, currency: &str) -> String {
        let body = json!({ "type": "RETAIL", "currency": currency });
        let answer = self.post("/api/v1/accounts", None, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.text("account_id")
    }

    async fn balance(&self, account: &str) -> String {
        self.get(&format!("/api/v1/accounts/{account}")).await.text("balance")
    }

    /// The balance as a wallet sees it.
    fn erc20(&self, account: &str, currency: &str) -> U256 {
        let data = ICurrencyToken::balanceOfCall { account: account.parse().unwrap() };
        let call = CallRequest {
            to: TxKind::Call(face_address(currency.parse().unwrap())),
            data: data.abi_encode().into(),
            ..CallRequest::default()
        };
        let head = self.chain.head().header.number;
        let outcome = self.chain.call(head, &call, &Overrides::default(), 1_000_000).unwrap();
        ICurrencyToken::balanceOfCall::abi_decode_returns(&outcome.output).unwrap()
    }
}

/// A genesis account that the gateway owns.
fn alice() -> String {
    qenex_genesis::demo_accounts()[0].id.to_string()
}

fn carol() -> String {
    qenex_genesis::demo_accounts()[2].id.to_string()
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {self:?}")).to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem of the catalogue, whole.
    fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.text("code"), code, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.text("type"), format!("urn:qenex:error:{code}"));
        assert_eq!(self.text("request_id"), self.header("x-request-id"));
        assert!(self.text("instance").starts_with('/'));
        assert!(!self.text("title").is_empty() && self.body["errors"].is_array());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_between_two_new_accounts_settles_once() {
    let bank = Bank::open().await;
    let (from, to) = (bank.account("USD").await, bank.account("USD").await);

    // Given 100 USD from a genesis account,
    let funding = bank.pay("fund", json!({ "from": alice(), "to": from, "amount": 100.00 })).await;
    assert_eq!((funding.status, funding.text("amount")), (StatusCode::CREATED, "100.00".into()));

    // when 12.34 of it is paid,
    let key = "8e03978e-40d5-43e8-bc93-6894a57f9324";
    let body = json!({ "from": from, "to": to, "amount": "12.34", "currency": "USD",
        "type": "transfer", "memo": "rent" });
    let first = bank.pay(key, body.clone()).await;

    // then it is settled in a block that is final,
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert_eq!(first.text("status"), "SETTLED");
    assert_eq!(first.text("currency"), "USD");
    assert_eq!(first.text("from_account"), from);
    assert_eq!(first.text("end_to_end_id"), "rent");
    assert_eq!(first.text("reference"), format!("0x{}", key.replace('-', "")));
    assert_eq!(first.body["risk_metrics"]["outcome"], "ALLOW");
    let fired = first.body["risk_metrics"]["rules"].as_array().unwrap();
    assert!(fired.contains(&json!("new counterparty")), "{fired:?}");
    let height = first.body["block_height"].as_u64().unwrap();
    let block = bank.chain.block(height).unwrap().unwrap();
    assert_eq!(first.text("block_hash"), block.hash.to_string());
    let hash: B256 = first.text("transaction_hash").parse().unwrap();
    assert_eq!(bank.chain.transaction(hash).unwrap().unwrap().0.hash, block.hash);
    assert_eq!(first.header("idempotency-replayed"), "");

    // and repeating it gives the same answer and has no second effect.
    let again = bank.pay(key, body.clone()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let by_id = bank.get(first.header("location")).await;
    assert_eq!((by_id.status, &by_id.body), (StatusCode::OK, &first.body));
    assert_eq!(
        (bank.balance(&from).await, bank.balance(&to).await),
        ("87.66".into(), "12.34".into())
    );
    assert_eq!(
        (bank.erc20(&from, "USD"), bank.erc20(&to, "USD")),
        (U256::from(8_766), U256::from(1_234))
    );

    // Another gateway process over the same chain knows the key too.
    let context =
        context(&bank.chain, gateway(&bank.signer, &bank.chain, &bank.queue), &bank.heads);
    let second = serve(config(), context).await.unwrap();
    let url = format!("http://{}/api/v1/transactions", second.local_addr());
    let request = bank.client.post(url).bearer_auth(KEY).header("Idempotency-Key", key);
    let elsewhere = Answer::of(request.json(&body)).await;
    assert_eq!((elsewhere.status, &elsewhere.body), (first.status, &first.body));
    second.stop().await;

    // The same key with another body is refused, naming the field.
    for (field, value) in
        [("amount", json!("12.35")), ("to", json!(alice())), ("memo", json!("food"))]
    {
        let mut other = body.clone();
        other[field] = value;
        let conflict = bank.pay(key, other).await;
        conflict.is_problem(422, "ReferenceConflict");
        let named = if field == "memo" { "end_to_end_id" } else { field };
        assert_eq!(conflict.body["errors"][0]["field"], named);
    }
    assert_eq!(bank.balance(&to).await, "12.34");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_opened_once_and_read() {
    let bank = Bank::open().await;
    let body = json!({ "account_type": "BUSINESS", "currency": "EUR", "jurisdiction": "DE" });
    let first = bank.post("/api/v1/accounts", Some("open-1"), body.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    for (field, value) in [
        ("account_type", json!("BUSINESS")),
        ("balance", json!("0.00")),
        ("available_balance", json!("0.00")),
        ("currency", json!("EUR")),
        ("status", json!("ACTIVE")),
        ("compliance_level", json!(0)),
        ("daily_limit", Value::Null),
        ("transaction_limit", Value::Null),
        ("jurisdiction", json!("DE")),
        ("version", json!(1)),
        ("balances", json!([])),
        ("owner", json!(bank.signer.address().to_string())),
    ] {
        assert_eq!(first.body[field], value, "{field}");
    }
    let read = bank.get(first.header("location")).await;
    assert_eq!((read.status, read.header("etag")), (StatusCode::OK, "\"1\""));
    assert_eq!(read.text("account_id"), first.text("account_id"));

    let again = bank.post("/api/v1/accounts", Some("open-1"), body.clone()).await;
    assert_eq!((again.status, again.text("id")), (StatusCode::CREATED, first.text("id")));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let mut other = body.clone();
    other["currency"] = json!("USD");
    bank.post("/api/v1/accounts", Some("open-1"), other).await.is_problem(422, "ReferenceConflict");

    // An owner's account has the owner's address, and exists once.
    let owner = Address::repeat_byte(0x42).to_string();
    let owned = json!({ "type": "RETAIL", "currency": "USD", "owner": owner });
    let opened = bank.post("/api/v1/accounts", None, owned.clone()).await;
    assert_eq!((opened.status, opened.text("id")), (StatusCode::CREATED, owner.clone()));
    bank.post("/api/v1/accounts", None, owned).await.is_problem(409, "AccountExists");

    // What the gateway does not own it cannot move.
    let foreign = json!({ "from": owner, "to": alice(), "amount": "1" });
    bank.pay("theft", foreign).await.is_problem(403, "NotAuthorised");
    let unknown = json!({ "type": "RETAIL", "currency": "XYZ" });
    bank.post("/api/v1/accounts", None, unknown).await.is_problem(422, "UnknownCurrency");
    let demo = bank.get(&format!("/api/v1/accounts/{}", alice())).await;
    assert_eq!(demo.body["balances"][0]["balance"], "1000000.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_payments_name_the_reason_and_cost_nothing() {
    let bank = Bank::open().await;
    let to = bank.account("USD").await;
    let nobody = Address::repeat_byte(0x99).to_string();
    let nonce = || bank.chain.head_account(bank.signer.address()).unwrap().unwrap().nonce;
    let before = nonce();
    let pay = |fields: Value| {
        let mut body = json!({ "from": alice(), "to": to, "amount": "1.00" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    for (body, status, code, detail) in [
        (
            pay(json!({ "amount": "1000000.01" })),
            422,
            "InsufficientFunds",
            "1000000.00 available, 1000000.01 needed",
        ),
        (pay(json!({ "amount": "1.234" })), 422, "PrecisionTooFine", "3 digits"),
        (pay(json!({ "amount": "-1" })), 422, "InvalidAmount", "plain decimal"),
        (pay(json!({ "amount": "1e3" })), 422, "InvalidAmount", "plain decimal"),
        (pay(json!({ "amount": "0.00" })), 422, "ZeroAmount", "zero"),
        (pay(json!({ "to": nobody })), 404, "UnknownAccount", nobody.as_str()),
        (pay(json!({ "from": nobody })), 404, "UnknownAccount", nobody.as_str()),
        (pay(json!({ "to": alice() })), 422, "SameAccount", "same"),
        (pay(json!({ "currency": "GBP" })), 422, "UnknownCurrency", "GBP"),
        (pay(json!({ "currency": "EUR" })), 422, "InsufficientFunds", "0.00 available"),
        (pay(json!({ "metadata": {} })), 422, "InvalidField", "metadata"),
        (pay(json!({ "to": "bob" })), 422, "InvalidField", "to: \"bob\""),
        (pay(json!({ "reference": "other" })), 422, "InvalidField", "reference"),
    ] {
        let answer = bank.pay("refused", body.clone()).await;
        answer.is_problem(status, code);
        assert!(answer.text("detail").contains(detail), "{body}: {}", answer.text("detail"));
    }
    assert_eq!(nonce(), before);
    // A refused key is free: nothing was done with it.
    let answer = bank.pay("refused", pay(json!({}))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_answered_precisely() {
    let bank = Bank::open().await;
    let raw =
        |method: Method, path: &str| bank.client.request(method, format!("{}{path}", bank.url));

    // Without the key nothing under the API answers, not even that a path does not exist.
    for path in ["/api/v1/accounts/x", "/api/v1/blockchain/info", "/api/v1/nothing", "/api/v2"] {
        let answer = Answer::of(raw(Method::GET, path)).await;
        answer.is_problem(401, "Unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    let wrong = raw(Method::GET, "/api/v1/blockchain/info").bearer_auth("not-the-key-at-all");
    Answer::of(wrong).await.is_problem(401, "Unauthenticated");

    let post = |text: &str| {
        bank.request(Method::POST, "/api/v1/transactions")
            .header("content-type", "application/json")
            .body(text.to_owned())
    };
    let malformed = Answer::of(post("{\"from\": ")).await;
    malformed.is_problem(400, "BadRequest");
    assert!(malformed.text("detail").contains("line 1 column 9"), "{malformed:?}");
    let untyped = bank.request(Method::POST, "/api/v1/transactions").body("{}");
    Answer::of(untyped).await.is_problem(415, "UnsupportedMediaType");
    let huge = format!("{{\"memo\":\"{}\"}}", "x".repeat(300 * 1024));
    Answer::of(post(&huge)).await.is_problem(413, "PayloadTooLarge");
    Answer::of(post("{}").header("Idempotency-Key", "a b")).await.is_problem(400, "BadRequest");

    bank.get("/api/v1/nothing").await.is_problem(404, "NotFound");
    bank.get("/nothing").await.is_problem(404, "NotFound");
    bank.get("/api/v1/accounts/0x12").await.is_problem(404, "UnknownAccount");
    let id = B256::repeat_byte(1);
    bank.get(&format!("/api/v1/transactions/{id}")).await.is_problem(404, "NotFound");
    bank.get("/api/v1/transactions/7").await.is_problem(404, "NotFound");
    let delete = Answer::of(bank.request(Method::DELETE, "/api/v1/transactions")).await;
    delete.is_problem(405, "MethodNotAllowed");
    assert_eq!(delete.header("allow"), "POST");

    let traced = bank.request(Method::GET, "/api/v1/blockchain/info").header("x-request-id", "r-1");
    let traced = Answer::of(traced).await;
    assert_eq!((traced.status, traced.header("x-request-id")), (StatusCode::OK, "r-1"));
    assert_eq!(traced.header("cache-control"), "no-store");
    assert_eq!(traced.body["height"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_contracts_are_listed_with_whether_they_are_there() {
    let bank = Bank::open().await;
    let answer = bank.get("/api/v1/contracts").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let usd = face_address("USD".parse().unwrap());
    assert_eq!(
        answer.body,
        json!({
            "chain_id": 20_824,
            "contracts": [
                { "name": "Nothing", "address": Address::ZERO.to_string(), "deployed": false },
                { "name": "Token", "address": usd.to_string(), "deployed": true },
            ],
            "block_height": 0,
        })
    );
    let keyless = bank.client.get(format!("{}/api/v1/contracts", bank.url));
    Answer::of(keyless).await.is_problem(401, "Unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_need_a_key_where_it_is_required() {
    let bank = Bank::open().await;
    let context =
        context(&bank.chain, gateway(&bank.signer, &bank.chain, &bank.queue), &bank.heads);
    let config = RestConfig::new(([127, 0, 0, 1], 0).into());
    let strict = serve(config, context).await.unwrap();
    let to = bank.account("USD").await;
    let body = json!({ "from": alice(), "to": to, "amount": "1" });
    let url = format!("http://{}/api/v1/transactions", strict.local_addr());
    let bare = Answer::of(bank.client.post(&url).bearer_auth(KEY).json(&body)).await;
    bare.is_problem(400, "IdempotencyKeyMissing");
    // The other gateway makes one and returns it, and it can be used again.
    let made = bank.post("/api/v1/transactions", None, body.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let again = bank.pay(made.header("idempotency-key"), body).await;
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&made.body, "true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_can_be_followed_instead_of_awaited() {
    let bank = Bank::open().await;
    let to = bank.account("USD").await;
    let body = json!({ "from": alice(), "to": to, "amount": "3.00" });
    let request = bank.request(Method::POST, "/api/v1/transactions").json(&body);
    let answer = Answer::of(request.header("Prefer", "respond-async")).await;
    assert_eq!((answer.status, answer.text("status")), (StatusCode::ACCEPTED, "PENDING".into()));
    let mut status = String::new();
    for _ in 0..200 {
        let seen = bank.get(answer.header("location")).await;
        assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
        status = seen.text("status");
        if status == "SETTLED" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((status, bank.balance(&to).await), ("SETTLED".into(), "3.00".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_payments_run_at_once_and_the_books_agree() {
    let bank = Arc::new(Bank::open().await);
    let to = bank.account("USD").await;
    let many = |count: usize, key: fn(usize) -> String| {
        let tasks: Vec<_> = (0..count)
            .map(|index| {
                let (bank, to) = (bank.clone(), to.clone());
                tokio::spawn(async move {
                    let body = json!({ "from": alice(), "to": to, "amount": "0.01" });
                    bank.pay(&key(index), body).await
                })
            })
            .collect();
        async move {
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(task.await.unwrap());
            }
            answers
        }
    };
    let started = tokio::time::Instant::now();
    let answers = many(600, |index| format!("many-{index}")).await;
    println!("600 payments at once: {:?}", started.elapsed());
    assert!(answers.iter().all(|answer| answer.text("status") == "SETTLED"), "{answers:?}");
    assert_eq!(bank.balance(&to).await, "6.00");

    // The same payment a hundred times at once has one effect.
    let answers = many(100, |_| "the-same".into()).await;
    let replayed = answers.iter().filter(|a| a.header("idempotency-replayed") == "true").count();
    assert_eq!((answers.len(), replayed), (100, 99));
    assert!(answers.windows(2).all(|pair| pair[0].body == pair[1].body));
    assert_eq!((bank.balance(&to).await, bank.erc20(&to, "USD")), ("6.01".into(), U256::from(601)));

    // Of two payments that together are too much, one is refused, on the chain if not before.
    let all = json!({ "from": carol(), "to": to, "amount": "600000.00" });
    let (one, two) = tokio::join!(bank.pay("big-1", all.clone()), bank.pay("big-2", all));
    let (good, bad) = if one.status == StatusCode::CREATED { (one, two) } else { (two, one) };
    assert_eq!(good.text("status"), "SETTLED");
    bad.is_problem(422, "InsufficientFunds");
    assert_eq!(bank.erc20(&to, "EUR"), U256::from(60_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_and_the_description_are_served_without_a_key() {
    let bank = Bank::open().await;
    let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    let ops = OpsContext {
        ready: Arc::new(|| vec![("peers".into(), false, "0 of 3".into())]),
        prometheus: recorder,
    };
    let listen = ([127, 0, 0, 1], 0).into();
    let ops = serve_ops(listen, ops).await.unwrap();
    let ops_url = format!("http://{}", ops.local_addr());
    let get = |url: String| Answer::of(bank.client.get(url));

    for path in ["/health", "/ready"] {
        let answer = get(format!("{}{path}", bank.url)).await;
        assert_eq!((answer.status, answer.text("status")), (StatusCode::OK, "ok".into()));
        assert_eq!(answer.body["checks"]["store"]["detail"], "open");
        assert!(answer.text("timestamp").ends_with('Z'));
    }
    let failing = get(format!("{ops_url}/ready")).await;
    assert_eq!(failing.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(failing.body["checks"]["peers"]["status"], "failing");
    assert_eq!(get(format!("{ops_url}/health")).await.text("status"), "degraded");
    get(format!("{ops_url}/api/v1/blockchain/info")).await.is_problem(404, "NotFound");

    let metrics = get(format!("{ops_url}/metrics")).await;
    let text = metrics.body.as_str().unwrap();
    assert!(text.contains("qenex_rest_requests_total{route=\"/ready\",status=\"503\"}"), "{text}");
    assert!(text.contains("qenex_rest_request_duration_seconds"), "{text}");
    let openapi = get(format!("{}/api/v1/openapi.json", bank.url)).await;
    assert!(openapi.text("openapi").starts_with("3.1"));
    // Every path of the description exists: asked without a key it is refused, never unknown.
    for (path, methods) in openapi.body["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let url = format!("{}{path}", bank.url);
            let answer = Answer::of(bank.client.request(method, url)).await;
            assert!(matches!(answer.status.as_u16(), 200 | 401), "{path}: {answer:?}");
        }
    }
    for path in ["/docs", "/api/v1/docs"] {
        let page = get(format!("{}{path}", bank.url)).await;
        assert!(page.body.as_str().unwrap().contains("QENEX bank API"));
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
    }

    // A busy port is named.
    let busy = RestConfig::new(bank.server.local_addr());
    let context =
        context(&bank.chain, gateway(&bank.signer, &bank.chain, &bank.queue), &bank.heads);
    let error = serve(busy, context).await.unwrap_err();
    assert!(matches!(error, RestError::PortInUse(_)));
    assert!(error.to_string().contains("in use by another process"), "{error}");
}
