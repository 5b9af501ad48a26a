//! A node of one process for tests: real chain, store, pool and server; blocks are made on demand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use qenex_exec::{BlockAttributes, BuildLimits, Candidates, Chain, ExecError, SealedBlock};
use qenex_pool::{AccountReader, AccountState, Best, Pool, PoolConfig};
use qenex_rpc_eth::{ChainSource, NodeInfo, RpcConfig, RpcContext, RpcHandle, serve};
use qenex_store::{Store, StoreOptions};
use qenex_types::{ChainSpec, PooledTransaction, Transaction};
use serde_json::{Value, json};
use tokio::sync::broadcast;

pub(crate) const GWEI: u128 = 1_000_000_000;

/// A contract: without calldata it logs the topic 0x1111..., with calldata it reverts with "nope".
pub(crate) const CONTRACT: &[u8] = &hex!(
    "6083" "80" "600b" "6000" "39" "6000" "f3"
    "36" "602b" "57"
    "7f1111111111111111111111111111111111111111111111111111111111111111" "6000" "6000" "a1" "00"
    "5b"
    "7f08c379a000000000000000000000000000000000000000000000000000000000" "6000" "52"
    "6020" "6004" "52" "6004" "6024" "52"
    "7f6e6f706500000000000000000000000000000000000000000000000000000000" "6044" "52"
    "6064" "6000" "fd"
);

pub(crate) struct Accounts(Arc<Chain>);

impl AccountReader for Accounts {
    fn account(&self, address: Address) -> Result<AccountState, String> {
        let account = self.0.head_account(address).map_err(|error| error.to_string())?;
        Ok(account.map_or_else(AccountState::default, |account| AccountState {
            nonce: account.nonce,
            balance: account.balance,
            has_code_or_delegation: account.code_hash != alloy_primitives::KECCAK256_EMPTY,
        }))
    }
}

struct Info;

impl NodeInfo for Info {
    fn peer_count(&self) -> usize {
        3
    }
    fn syncing(&self) -> Option<(u64, u64)> {
        None
    }
    fn blockchain_info(&self) -> Value {
        json!({ "name": "test" })
    }
    fn consensus_state(&self) -> Value {
        json!({ "view": 7 })
    }
    fn validators(&self) -> Value {
        json!([])
    }
    fn settlement_proof(&self, _: B256) -> Result<Value, ExecError> {
        Ok(Value::Null)
    }

    fn evidence(&self) -> Value {
        json!([])
    }

    fn certificate(&self, height: u64) -> Result<Option<Bytes>, ExecError> {
        Ok((height > 0).then(|| Bytes::from_static(b"certificate")))
    }
}

struct FromPool<'a>(Best<'a>);

impl Candidates for FromPool<'_> {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.0.next()
    }
    fn refuse(&mut self, transaction: &PooledTransaction, reason: &str) {
        panic!("{} refused: {reason}", transaction.inner().tx_hash());
    }
}

pub(crate) struct Node {
    pub(crate) context: Arc<RpcContext>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) rpc: RpcHandle,
    pub(crate) gossiped: Arc<Mutex<Vec<Bytes>>>,
    pub(crate) client: reqwest::Client,
    time: AtomicU64,
    _folder: tempfile::TempDir,
}

/// The first account of the usual development mnemonic.
pub(crate) fn alice() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&hex!(
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    ))
    .unwrap()
}

pub(crate) fn transfer(chain_id: u64, nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(Address::repeat_byte(0xaa)),
        value: U256::from(1),
        ..Default::default()
    }
}

pub(crate) fn sign(tx: TxEip1559, by: &PrivateKeySigner) -> Bytes {
    let signature = by.sign_hash_sync(&tx.signature_hash()).unwrap();
    Transaction::from(tx.into_signed(signature)).encoded_2718().into()
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with(|_, _| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ChainSpec, &mut RpcConfig)) -> Self {
        let mut config = RpcConfig::new("127.0.0.1:0".parse().unwrap());
        let mut spec = qenex_genesis::development(Vec::new(), alice().address(), 1_700_000_000_000);
        change(&mut spec, &mut config);
        Self::over(tempfile::tempdir().unwrap(), spec, config).await
    }

    /// On the database in a folder.
    pub(crate) async fn over(
        folder: tempfile::TempDir,
        spec: ChainSpec,
        config: RpcConfig,
    ) -> Self {
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        let changes = qenex_genesis::state_changes(&spec).unwrap();
        let pool_config = PoolConfig::new(spec.chain_id, spec.gas_limit, spec.base_fee.minimum);
        let chain = Arc::new(Chain::open(Arc::new(spec), store, changes).unwrap());
        let gossiped = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&gossiped);
        let context = Arc::new(RpcContext {
            accounts: Arc::new(Accounts(Arc::clone(&chain))),
            chain: ChainSource::Only(Arc::clone(&chain)),
            pool: Arc::new(Pool::new(pool_config)),
            heads: broadcast::channel(64).0,
            pending: broadcast::channel(4_096).0,
            on_transactions: Box::new(move |raws| sink.lock().unwrap().extend(raws)),
            info: Arc::new(Info),
            client_version: "qenex/test".to_owned(),
        });
        let rpc = serve(config, Arc::clone(&context)).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let time = AtomicU64::new(1_700_000_001);
        Self { context, chain, rpc, gossiped, client, time, _folder: folder }
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.chain.rules().chain_id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.rpc.local_addr())
    }

    /// Makes what is in the pool the next final block.
    pub(crate) fn mine(&self) -> Arc<SealedBlock> {
        let (chain, pool) = (&self.chain, &self.context.pool);
        let head = chain.head();
        let base_fee = chain.rules().next_base_fee(&head.header);
        let attributes = BlockAttributes {
            timestamp: self.time.fetch_add(1, Ordering::Relaxed),
            beneficiary: Address::repeat_byte(0xfe),
            prev_randao: B256::repeat_byte(1),
            consensus_hash: B256::repeat_byte(2),
        };
        let mut candidates = FromPool(pool.best(base_fee, &Default::default()));
        let limits = BuildLimits { time: std::time::Duration::from_secs(10), ..Default::default() };
        let (built, _) = chain.build(head.hash, attributes, &mut candidates, limits).unwrap();
        let proof = Bytes::from_static(b"certificate");
        let block = chain.finalise(&[(built.block.hash, proof)]).unwrap().remove(0);
        let included: Vec<_> = block
            .transactions
            .iter()
            .map(|tx| {
                (
                    *tx.inner().tx_hash(),
                    tx.signer(),
                    alloy_consensus::Transaction::nonce(tx.inner()),
                )
            })
            .collect();
        pool.on_final(included, [], &*self.context.accounts);
        let _ = self.context.heads.send(Arc::clone(&block));
        block
    }

    /// Posts a body and answers status and body.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self.client.post(self.url()).header("content-type", "application/json");
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(format!("{}{path}", self.url())).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn raw_call(&self, method: &str, params: Value) -> Value {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, body) = self.post(call.to_string()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The result of a call that must succeed.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = self.raw_call(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Code, message and data of a call that must fail.
    pub(crate) async fn fail(&self, method: &str, params: Value) -> (i64, String, Value) {
        let answer = self.raw_call(method, params).await;
        let error = &answer["error"];
        assert!(error.is_object(), "{method}: {answer}");
        (
            error["code"].as_i64().unwrap(),
            error["message"].as_str().unwrap().to_owned(),
            error["data"].clone(),
        )
    }

    pub(crate) async fn send(&self, tx: TxEip1559) -> B256 {
        let raw = sign(tx, &alice());
        serde_json::from_value(self.call("eth_sendRawTransaction", json!([raw])).await).unwrap()
    }

    /// Deploys [`CONTRACT`]; answers its address.
    pub(crate) async fn deploy(&self, nonce: u64) -> Address {
        let create = TxEip1559 {
            to: TxKind::Create,
            input: Bytes::from_static(CONTRACT),
            gas_limit: 300_000,
            value: U256::ZERO,
            ..transfer(self.chain_id(), nonce)
        };
        let hash = self.send(create).await;
        self.mine();
        let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }
}
