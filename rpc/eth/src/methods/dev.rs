//! What test tools ask of a development node: `evm_*`, `anvil_*`, `hardhat_*`, and accounts that
//! the node signs for.
//!
//! Only registered where the chain is a development node's ([`crate::ChainSource`]). Names, parameters and answers are Anvil's;
//! where Hardhat's differ, both forms of a parameter are taken.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{SignableTransaction as _, TypedTransaction, transaction::Recovered};
use alloy_dyn_abi::{Eip712Domain, Resolver, TypedData};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Address, B256, Bytes, Signature, U64, U256, eip191_hash_message};
use alloy_rpc_types_eth::TransactionRequest;
use jsonrpsee::{RpcModule, server::RegisterMethodError, types::ErrorObjectOwned};
use qenex_exec::AccountOverride;
use qenex_pool::PoolError;
use qenex_types::Transaction;
use serde::Deserialize;
use serde_json::Value;

use super::fill;
use crate::{
    api::Api,
    args::{Args, Quantity},
    development::{Development, Mining},
    error::Failure,
};

/// Longest step of `evm_increaseTime`, seconds: a thousand years.
const MAX_STEP: u64 = 1_000 * 366 * 86_400;

/// Whether a method is one of those that only a development node serves.
pub(crate) fn is_own(method: &str) -> bool {
    let prefix = method.split_once('_').map(|(prefix, _)| prefix);
    matches!(prefix, Some("anvil" | "evm" | "hardhat" | "personal"))
}

/// `names (most parameters) => function`.
macro_rules! register {
    ($module:ident { $($($name:literal)|+ ($most:literal) => $function:path,)* }) => {$($(
        $module.register_async_method($name, |params, api: Arc<Api>, _| async move {
            let args = Args::parse(params.as_str(), $most).map_err(ErrorObjectOwned::from)?;
            $function(api, args).await.map_err(ErrorObjectOwned::from)
        })?;
    )+)*};
}

/// Adds the methods, and puts two of its own in the place of usual ones.
pub(super) fn register(module: &mut RpcModule<Api>) -> Result<(), RegisterMethodError> {
    module.remove_method("eth_accounts");
    register!(module {
        "eth_accounts" (0) => accounts,
        "eth_sendTransaction" (1) => send_transaction,
        "eth_sign" (2) => sign,
        "personal_sign" (3) => personal_sign,
        "eth_signTypedData_v4" (2) => sign_typed_data,
        "evm_snapshot" | "anvil_snapshot" (0) => snapshot,
        "evm_revert" | "anvil_revert" (1) => revert,
        "anvil_reset" | "hardhat_reset" (1) => reset,
        "evm_mine" (1) => mine_one,
        "anvil_mine" | "hardhat_mine" (2) => mine,
        "evm_increaseTime" | "anvil_increaseTime" (1) => increase_time,
        "evm_setNextBlockTimestamp" | "anvil_setNextBlockTimestamp" (1) => set_next_timestamp,
        "evm_setAutomine" | "anvil_setAutomine" (1) => set_automine,
        "anvil_getAutomine" | "hardhat_getAutomine" (0) => automine,
        "evm_setIntervalMining" | "anvil_setIntervalMining" (1) => set_interval,
        "anvil_getIntervalMining" (0) => interval,
        "anvil_setBalance" | "hardhat_setBalance" (2) => set_balance,
        "anvil_setNonce" | "hardhat_setNonce" (2) => set_nonce,
        "anvil_setCode" | "hardhat_setCode" (2) => set_code,
        "anvil_setStorageAt" | "hardhat_setStorageAt" (3) => set_storage,
        "anvil_impersonateAccount" | "hardhat_impersonateAccount" (1) => impersonate,
        "anvil_stopImpersonatingAccount" | "hardhat_stopImpersonatingAccount" (1)
            => stop_impersonating,
        "anvil_autoImpersonateAccount" (1) => impersonate_all,
    });
    Ok(())
}

/// The development node; there is one, or these methods were not registered.
fn node(api: &Api) -> Result<&dyn Development, Failure> {
    api.context.chain.development().ok_or_else(|| Failure::refused("no development node"))
}

/// Does something that may take long.
async fn with<T: Send + 'static>(
    api: Arc<Api>,
    work: impl FnOnce(&dyn Development) -> Result<T, crate::DevelopmentError> + Send + 'static,
) -> Result<T, Failure> {
    api.heavy(move |api| Ok(work(node(api)?)?)).await
}

async fn accounts(api: Arc<Api>, _: Args) -> Result<Vec<Address>, Failure> {
    let node = node(&api)?;
    let own = node.accounts();
    let others = node.impersonated().into_iter().filter(|address| !own.contains(address));
    Ok(own.iter().copied().chain(others).collect())
}

async fn send_transaction(api: Arc<Api>, args: Args) -> Result<B256, Failure> {
    let request: TransactionRequest = args.get(0)?;
    let from = match request.from {
        Some(from) => from,
        None => *node(&api)?
            .accounts()
            .first()
            .ok_or_else(|| Failure::params("missing `from`: the node has no accounts"))?,
    };
    let request = TransactionRequest { from: Some(from), ..request };
    let impersonated = node(&api)?.impersonates(from);
    if !impersonated && !node(&api)?.accounts().contains(&from) {
        return Err(Failure::refused(format!(
            "unknown account {from}: the node has no key of it, and it is not impersonated"
        )));
    }
    let filled = fill::filled(&api, request).await?;
    if impersonated {
        return api.heavy(move |api| send_as(api, from, filled)).await;
    }
    let signature = node(&api)?.sign(from, &filled.signature_hash());
    let signature = signature.ok_or_else(|| Failure::internal("the node lost a key"))?;
    let raw = filled.into_envelope(signature).encoded_2718();
    api.admission.submit_one(raw.into()).await
}

/// Sends a transaction that nobody signed. In the signature's place stands the sender, so that the
/// same transactions of two accounts have different hashes.
fn send_as(api: &Api, from: Address, filled: TypedTransaction) -> Result<B256, Failure> {
    let stand_in = Signature::new(U256::from_be_slice(from.as_slice()), U256::ONE, false);
    let raw = Bytes::from(filled.into_envelope(stand_in).encoded_2718());
    let transaction = Transaction::decode_2718_exact(&raw).map_err(Failure::internal)?;
    let transaction = Arc::new(Recovered::new_unchecked(transaction, from));
    let context = &api.context;
    let given = vec![(Arc::clone(&transaction), raw.clone())];
    let answer = context.pool.add_recovered(given, &*context.accounts).pop();
    let hash = answer.unwrap_or(Err(PoolError::PoolFull))?;
    if context.pending.receiver_count() > 0 {
        // Fails only if the last listener has just gone.
        let _ = context.pending.send(transaction);
    }
    (context.on_transactions)(vec![raw]);
    Ok(hash)
}

async fn sign(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    signed_message(&api, args.get(0)?, &args.get(1)?)
}

async fn personal_sign(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    signed_message(&api, args.get(1)?, &args.get(0)?)
}

/// EIP-191.
fn signed_message(api: &Api, account: Address, message: &Bytes) -> Result<Bytes, Failure> {
    signed_hash(api, account, &eip191_hash_message(message))
}

/// EIP-712, with the data as an object or, as ethers and viem send it, as the text of one.
async fn sign_typed_data(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    // `TypedData` reads both forms itself, but does not say what is wrong with either.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        #[serde(default)]
        domain: Eip712Domain,
        types: Resolver,
        primary_type: String,
        #[serde(default)]
        message: Value,
    }
    let bad = |error: &dyn std::fmt::Display| Failure::params(format!("typed data: {error}"));
    let account = args.get(0)?;
    let data = match args.get(1)? {
        Value::String(text) => serde_json::from_str(&text),
        data => serde_json::from_value(data),
    };
    let Data { domain, types, primary_type, message } = data.map_err(|error| bad(&error))?;
    let data = TypedData { domain, resolver: types, primary_type, message };
    let hash = data.eip712_signing_hash().map_err(|error| bad(&error))?;
    signed_hash(&api, account, &hash)
}

fn signed_hash(api: &Api, account: Address, hash: &B256) -> Result<Bytes, Failure> {
    let signature = node(api)?.sign(account, hash);
    let signature = signature.ok_or_else(|| {
        Failure::refused(format!("unknown account {account}: the node has no key of it"))
    })?;
    Ok(Bytes::from(signature.as_bytes()))
}

async fn snapshot(api: Arc<Api>, _: Args) -> Result<U64, Failure> {
    with(api, |node| node.snapshot().map(U64::from)).await
}

async fn revert(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    let Quantity(id) = args.get(0)?;
    with(api, move |node| node.revert(id)).await
}

async fn reset(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    let options: Value = args.optional(0)?.unwrap_or_default();
    // viem names a fork of nothing when it means none.
    if ["jsonRpcUrl", "blockNumber"].iter().any(|part| !options["forking"][*part].is_null()) {
        return Err(Failure::refused("this node does not fork other chains"));
    }
    with(api, |node| node.reset().map(|()| true)).await
}

/// The parameter of `evm_mine` if it is not a time: Ganache's object.
#[derive(Deserialize)]
struct MineOptions {
    timestamp: Option<Quantity>,
    blocks: Option<Quantity>,
}

async fn mine_one(api: Arc<Api>, args: Args) -> Result<&'static str, Failure> {
    let options = match args.optional(0)? {
        Some(Value::Object(_)) => args.get(0)?,
        _ => MineOptions { timestamp: args.optional(0)?, blocks: None },
    };
    let blocks = options.blocks.map_or(1, |blocks| blocks.0);
    let at = options.timestamp.map(|at| at.0);
    with(api, move |node| node.mine(blocks, 0, at)).await?;
    Ok("0x0")
}

async fn mine(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let blocks: Option<Quantity> = args.optional(0)?;
    let apart: Option<Quantity> = args.optional(1)?;
    let (blocks, apart) = (blocks.map_or(1, |n| n.0), apart.map_or(1, |n| n.0));
    with(api, move |node| node.mine(blocks, apart, None)).await?;
    Ok(Value::Null)
}

async fn increase_time(api: Arc<Api>, args: Args) -> Result<i64, Failure> {
    let Quantity(seconds) = args.get(0)?;
    if seconds > MAX_STEP {
        return Err(Failure::params(format!("{seconds} s are too many: at most {MAX_STEP}")));
    }
    with(api, move |node| node.increase_time(seconds)).await
}

async fn set_next_timestamp(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let Quantity(timestamp) = args.get(0)?;
    with(api, move |node| node.set_next_timestamp(timestamp)).await?;
    Ok(Value::Null)
}

async fn set_automine(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    let mining = if args.get(0)? { Mining::Auto } else { Mining::Manual };
    with(api, move |node| node.set_mining(mining).map(|()| true)).await
}

async fn automine(api: Arc<Api>, _: Args) -> Result<bool, Failure> {
    Ok(node(&api)?.mining() == Mining::Auto)
}

async fn set_interval(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    let Quantity(seconds) = args.get(0)?;
    let mining = if seconds == 0 { Mining::Manual } else { Mining::Interval(seconds) };
    with(api, move |node| node.set_mining(mining).map(|()| true)).await
}

async fn interval(api: Arc<Api>, _: Args) -> Result<Option<u64>, Failure> {
    Ok(match node(&api)?.mining() {
        Mining::Interval(seconds) => Some(seconds),
        Mining::Auto | Mining::Manual => None,
    })
}

async fn set_account(
    api: Arc<Api>,
    address: Address,
    change: AccountOverride,
) -> Result<(), Failure> {
    with(api, move |node| node.set_accounts(&BTreeMap::from([(address, change)]))).await
}

async fn set_balance(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let balance = Some(args.get::<U256>(1)?);
    set_account(api, args.get(0)?, AccountOverride { balance, ..Default::default() }).await?;
    Ok(Value::Null)
}

async fn set_nonce(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let nonce = Some(args.get::<Quantity>(1)?.0);
    set_account(api, args.get(0)?, AccountOverride { nonce, ..Default::default() }).await?;
    Ok(Value::Null)
}

async fn set_code(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let code = Some(args.get::<Bytes>(1)?);
    set_account(api, args.get(0)?, AccountOverride { code, ..Default::default() }).await?;
    Ok(Value::Null)
}

async fn set_storage(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    let (slot, value): (U256, U256) = (args.get(1)?, args.get(2)?);
    let state_diff = BTreeMap::from([(slot, value)]);
    set_account(api, args.get(0)?, AccountOverride { state_diff, ..Default::default() }).await?;
    Ok(true)
}

async fn impersonate(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    node(&api)?.set_impersonated(args.get(0)?, true);
    Ok(true)
}

async fn stop_impersonating(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    node(&api)?.set_impersonated(args.get(0)?, false);
    Ok(true)
}

async fn impersonate_all(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    node(&api)?.set_impersonates_all(args.get(0)?);
    Ok(true)
}
