//! A bank's payments over REST, and the same money as a wallet sees it.

use alloy_primitives::{Address, U256, hex};
use qenex_precompiles::face_address;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{LIMIT, Net, until};

const ALL: [usize; 4] = [0, 1, 2, 3];

/// A client of the bank facade.
struct Client {
    url: String,
    key: String,
    http: reqwest::Client,
}

/// What the facade answered.
struct Answer {
    status: StatusCode,
    replayed: bool,
    body: Value,
}

impl Answer {
    fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field}: {}", self.body)).to_owned()
    }
}

impl Client {
    fn of(net: &Net) -> Self {
        let endpoint = &net.network.endpoints().validators[0];
        let key = std::fs::read_to_string(net.network.datadir().join("api-key")).unwrap();
        Self {
            url: format!("{}/api/v1", endpoint.rest.as_ref().unwrap()),
            key: key.trim().to_owned(),
            http: net.client.clone(),
        }
    }

    async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.bearer_auth(&self.key).timeout(LIMIT).send().await.unwrap();
        let status = response.status();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let text = response.text().await.unwrap();
        Answer { status, replayed, body: serde_json::from_str(&text).unwrap() }
    }

    /// Opens a retail account in USD.
    async fn open(&self, key: &str) -> Address {
        let body = json!({ "account_type": "RETAIL", "currency": "USD", "jurisdiction": "US" });
        let answer = self.ask(Method::POST, "/accounts", Some(key), &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.text("id").parse().unwrap()
    }

    async fn pay(&self, key: &str, body: &Value) -> Answer {
        self.ask(Method::POST, "/transactions", Some(key), body).await
    }

    async fn balance(&self, account: Address) -> String {
        let path = format!("/accounts/{account}");
        let answer = self.ask(Method::GET, &path, None, &Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.text("balance")
    }
}

/// US cents of an account as a wallet sees them: `balanceOf` of the USD token.
async fn cents(net: &Net, index: usize, account: Address) -> U256 {
    let token = face_address("USD".parse().unwrap());
    let data = format!("0x70a08231{}", hex::encode(account.into_word()));
    let call = json!([{ "to": token, "data": data }, "latest"]);
    serde_json::from_value(net.call(index, "eth_call", call).await).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_settles_once_and_every_validator_and_wallet_sees_it() {
    let mut net = Net::started(4).await;
    let bank = Client::of(&net);
    let text = std::fs::read_to_string(net.network.datadir().join("accounts.json")).unwrap();
    let demo: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut funded = demo.iter().filter(|account| account["currency"] == "USD");
    let source = funded.next().unwrap()["id"].clone();
    assert!(funded.next().is_some(), "two accounts funded in USD");

    let (payer, payee) = (bank.open("open-payer").await, bank.open("open-payee").await);
    assert_ne!(payer, payee);
    let body = json!({ "from": source, "to": payer, "amount": "100.00", "currency": "USD" });
    assert_eq!(bank.pay("fund", &body).await.status, StatusCode::CREATED);

    let key = "8e03978e-40d5-43e8-bc93-6894a57f9324";
    let body = json!({ "from": payer, "to": payee, "amount": "12.34", "currency": "USD" });
    let first = bank.pay(key, &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    assert_eq!((first.text("status"), first.text("amount")), ("SETTLED".into(), "12.34".into()));
    let height = first.body["block_height"].as_u64().unwrap();
    assert!(!first.replayed);
    for index in ALL {
        let what = format!("validator {index} has block {height}");
        let block = until(&what, async || net.block(index, height).await).await;
        assert_eq!(block.hash, first.text("block_hash"));
        assert_eq!(cents(&net, index, payer).await, U256::from(8_766), "validator {index}");
        assert_eq!(cents(&net, index, payee).await, U256::from(1_234), "validator {index}");
    }
    let hash = first.text("transaction_hash").parse().unwrap();
    net.settled(&ALL, hash).await;

    // Again, by two at once, and after the process was killed: the same answer, one effect.
    let (again, at_once) = tokio::join!(bank.pay(key, &body), bank.pay(key, &body));
    net.network.kill(0).await.unwrap();
    net.network.start(0).unwrap();
    net.ready().await;
    let after_crash = bank.pay(key, &body).await;
    for answer in [again, at_once, after_crash] {
        assert_eq!((answer.status, &answer.body), (StatusCode::CREATED, &first.body));
        assert!(answer.replayed);
    }
    assert_eq!(bank.balance(payer).await, "87.66");
    assert_eq!(bank.balance(payee).await, "12.34");
    let by_id = format!("/transactions/{}", first.text("id"));
    assert_eq!(bank.ask(Method::GET, &by_id, None, &Value::Null).await.body, first.body);

    // The key is taken: for another amount it is refused.
    let other = json!({ "from": payer, "to": payee, "amount": "12.35", "currency": "USD" });
    let conflict = bank.pay(key, &other).await;
    assert_eq!(conflict.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", conflict.body);
    assert_eq!(conflict.text("code"), "ReferenceConflict");

    // More than there is is refused and moves nothing; without the API key nothing is answered.
    let too_much = json!({ "from": payer, "to": payee, "amount": "87.67", "currency": "USD" });
    let refused = bank.pay("too-much", &too_much).await;
    assert_eq!(refused.text("code"), "InsufficientFunds");
    let stranger = Client { key: "wrong".into(), ..Client::of(&net) };
    assert_eq!(stranger.pay("stranger", &body).await.status, StatusCode::UNAUTHORIZED);

    // And the restarted gateway pays on.
    let next = bank.pay("next", &json!({ "from": payer, "to": payee, "amount": "0.66" })).await;
    assert_eq!((next.status, next.text("status")), (StatusCode::CREATED, "SETTLED".into()));
    net.settled(&ALL, next.text("transaction_hash").parse().unwrap()).await;
    for index in ALL {
        assert_eq!(cents(&net, index, payer).await, U256::from(8_700), "validator {index}");
        assert_eq!(cents(&net, index, payee).await, U256::from(1_300), "validator {index}");
    }
    net.agree(&ALL).await;
    net.all_alive();
}
