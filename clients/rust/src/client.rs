//! Calls to the engines of one chain: read, tried, signed, sent.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Signature, U64, U128};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent};
use qenex_precompiles::{ACCOUNTS, Decoded, IAccounts, ILedger, LEDGER, decode};
use qenex_types::{Currency, ErrorCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::receipt::{Emitted, Found, Receipt};
use crate::rpc::{Endpoint, RpcError};

/// How long a node is asked to wait until a transaction is final, milliseconds: under the timeout of
/// a request.
const FINAL_MS: u64 = 15_000;

/// Error code of a transaction that is not final in that time (EIP-7966).
const NOT_FINAL: i64 = 4;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// An engine refused, and nothing changed.
    #[error("refused: {0}")]
    Refused(Box<Decoded>),
    /// The call reverted with something that is not in the error catalogue: a contract did.
    #[error("reverted with {0}")]
    Reverted(Bytes),
    /// The node refused the request, or there is no answer. What was sent may have reached it.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The answer is not one of the function that was called: there is no such engine.
    #[error("the answer is not one of {0}")]
    NoEngine(&'static str),
    /// The transaction was sent, and is not final yet: ask for its receipt.
    #[error("transaction {0} is not final yet")]
    NotFinal(B256),
    /// The transaction is final, and failed: something changed since it was estimated.
    #[error("transaction {} failed in block {}", .0.transaction_hash, .0.block_number())]
    Failed(Box<Receipt>),
    /// The key does not sign.
    #[error(transparent)]
    Signer(#[from] alloy_signer::Error),
}

impl ClientError {
    /// Tells a revert from other errors of a call.
    fn of(error: RpcError) -> Self {
        let RpcError::Refused { error: answered, .. } = &error else { return Self::Rpc(error) };
        match answered.reverted() {
            None => Self::Rpc(error),
            Some(data) => match decode(&data) {
                Some(decoded) => Self::Refused(Box::new(decoded)),
                None => Self::Reverted(data),
            },
        }
    }

    /// The entry of the error catalogue, if an engine refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(decoded) => Some(decoded.code),
            _ => None,
        }
    }
}

/// A currency's code, as the engines have it.
pub fn code(currency: Currency) -> FixedBytes<3> {
    currency.code().into()
}

/// The engines of a chain, through one of its nodes.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    chain_id: u64,
    height: Option<u64>,
}

/// What a draft needs of the head.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    base_fee_per_gas: U128,
}

impl Client {
    /// The engines of the chain of the node at `url`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Rpc`] if it does not answer.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let endpoint = Endpoint::new(url)?;
        let chain_id = endpoint.call::<U64>("eth_chainId", json!([])).await?.to();
        Ok(Self { endpoint, chain_id, height: None })
    }

    /// The chain's id (EIP-155), which everything signed names.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The node, for all that has nothing to do with engines.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The same, but reading the state after a block of the past.
    #[must_use]
    pub fn at(&self, height: u64) -> Self {
        Self { height: Some(height), ..self.clone() }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, ClientError> {
        self.endpoint.call(method, params).await.map_err(ClientError::of)
    }

    /// Calls a function that reads.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn read<C: SolCall>(
        &self,
        engine: Address,
        call: &C,
    ) -> Result<C::Return, ClientError> {
        self.simulate(Address::ZERO, engine, call).await
    }

    /// What a function would return to a caller. Nothing changes.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn simulate<C: SolCall>(
        &self,
        caller: Address,
        engine: Address,
        call: &C,
    ) -> Result<C::Return, ClientError> {
        let at = self.height.map_or_else(|| json!("latest"), |height| json!(U64::from(height)));
        let output: Bytes =
            self.ask("eth_call", json!([request(caller, engine, call), at])).await?;
        C::abi_decode_returns_validate(&output).map_err(|_| ClientError::NoEngine(C::SIGNATURE))
    }

    /// The balance of an account, minor units.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn balance(
        &self,
        account: Address,
        currency: Currency,
    ) -> Result<ILedger::balanceOfReturn, ClientError> {
        self.read(LEDGER, &ILedger::balanceOfCall { account, currency: code(currency) }).await
    }

    /// What is known of an account; `None` if it is not open.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn profile(
        &self,
        account: Address,
    ) -> Result<Option<IAccounts::Profile>, ClientError> {
        let profile = self.read(ACCOUNTS, &IAccounts::profileCall { account }).await;
        absent(profile, ErrorCode::UnknownAccount)
    }

    /// A transfer (a payment, an issue, a hold ...) as it stands; `None` if `account` has none with
    /// this reference.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn transfer(
        &self,
        account: Address,
        reference: FixedBytes<16>,
    ) -> Result<Option<ILedger::Transfer>, ClientError> {
        let call = ILedger::transferOfCall { account, clientReference: reference };
        absent(self.read(LEDGER, &call).await, ErrorCode::TransferNotFound)
    }

    /// What would become of an order of `caller`, with every verdict.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn explain(
        &self,
        caller: Address,
        order: ILedger::Order,
    ) -> Result<ILedger::Explanation, ClientError> {
        self.read(LEDGER, &ILedger::explainCall { caller, order }).await
    }

    /// Events of one kind that an engine emitted from block `from` to block `to`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Rpc`], also if the node does not look at so many blocks at once.
    pub async fn events<E: SolEvent>(
        &self,
        engine: Address,
        from: u64,
        to: u64,
    ) -> Result<Vec<Emitted<E>>, ClientError> {
        let (from, to) = (U64::from(from), U64::from(to));
        let topics = [E::SIGNATURE_HASH];
        let filter =
            json!({ "address": engine, "topics": topics, "fromBlock": from, "toBlock": to });
        let found: Vec<Found> = self.ask("eth_getLogs", json!([filter])).await?;
        Ok(found.into_iter().filter_map(Found::decode).collect())
    }

    /// A transaction that calls an engine, complete but for the signature: with the caller's next
    /// nonce, a quarter more gas than it takes now, and fees for a base fee of twice the present one.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the engine would refuse, and others.
    pub async fn draft<C: SolCall>(
        &self,
        caller: Address,
        engine: Address,
        call: &C,
    ) -> Result<TxEip1559, ClientError> {
        let gas: U64 = self.ask("eth_estimateGas", json!([request(caller, engine, call)])).await?;
        let nonce: U64 = self.ask("eth_getTransactionCount", json!([caller, "pending"])).await?;
        let tip: U128 = self.ask("eth_maxPriorityFeePerGas", json!([])).await?;
        let head: Head = self.ask("eth_getBlockByNumber", json!(["latest", false])).await?;
        let (gas, tip): (u64, u128) = (gas.to(), tip.to());
        let base: u128 = head.base_fee_per_gas.to();
        Ok(TxEip1559 {
            chain_id: self.chain_id,
            nonce: nonce.to(),
            gas_limit: gas.saturating_add(gas / 4),
            max_fee_per_gas: base.saturating_mul(2).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            to: engine.into(),
            input: call.abi_encode().into(),
            ..TxEip1559::default()
        })
    }

    /// Sends a transaction with the signature of its caller on `signature_hash()`, and waits until
    /// it is final.
    ///
    /// # Errors
    ///
    /// [`ClientError::Failed`] if it failed in its block, [`ClientError::NotFinal`] if it took too
    /// long, and others.
    pub async fn submit(
        &self,
        draft: TxEip1559,
        signature: Signature,
    ) -> Result<Receipt, ClientError> {
        let signed = draft.into_signed(signature);
        let raw = Bytes::from(signed.encoded_2718());
        let params = json!([raw, U64::from(FINAL_MS)]);
        let receipt = match self.endpoint.call("eth_sendRawTransactionSync", params).await {
            Err(RpcError::Refused { error, .. }) if error.code == NOT_FINAL => {
                return Err(ClientError::NotFinal(*signed.hash()));
            }
            answer => answer.map_err(ClientError::of)?,
        };
        succeeded(receipt)
    }

    /// Calls an engine in the name of a key's address, and waits until the call is final. Calls of
    /// one address go one after the other: each takes the next nonce.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the engine refuses, and others. After [`ClientError::Rpc`] it may
    /// have been carried out all the same: what has a client reference may simply be sent again.
    pub async fn execute<C: SolCall>(
        &self,
        signer: &PrivateKeySigner,
        engine: Address,
        call: &C,
    ) -> Result<Receipt, ClientError> {
        let draft = self.draft(signer.address(), engine, call).await?;
        let signature = signer.sign_hash_sync(&draft.signature_hash())?;
        self.submit(draft, signature).await
    }

    /// The receipt of a transaction; `None` as long as it is not final.
    ///
    /// # Errors
    ///
    /// [`ClientError::Failed`] if it failed, and others.
    pub async fn receipt(&self, transaction: B256) -> Result<Option<Receipt>, ClientError> {
        let receipt: Option<Receipt> =
            self.ask("eth_getTransactionReceipt", json!([transaction])).await?;
        receipt.map(succeeded).transpose()
    }
}

/// A call as JSON-RPC has it.
fn request<C: SolCall>(caller: Address, engine: Address, call: &C) -> Value {
    json!({ "from": caller, "to": engine, "data": Bytes::from(call.abi_encode()) })
}

/// Makes an error that says that something is not there `None`.
fn absent<T>(result: Result<T, ClientError>, code: ErrorCode) -> Result<Option<T>, ClientError> {
    match result {
        Err(error) if error.code() == Some(code) => Ok(None),
        other => other.map(Some),
    }
}

fn succeeded(receipt: Receipt) -> Result<Receipt, ClientError> {
    if receipt.succeeded() { Ok(receipt) } else { Err(ClientError::Failed(Box::new(receipt))) }
}
