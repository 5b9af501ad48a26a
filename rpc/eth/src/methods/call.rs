//! Calls that change nothing: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Bytes, TxKind, U64, U256};
use alloy_rpc_types_eth::{
    AccessList, BlockOverrides, StateContext, TransactionIndex, TransactionRequest,
    state::StateOverride,
};
use qenex_exec::{
    AccountOverride, BlockOverride, Bundle, CallRequest, CallStatus, Called, Overrides,
};
use serde::Serialize;

use crate::{
    api::Api,
    args::Args,
    error::{Failure, revert_message},
};

/// Most accounts and most slots of one account that a call may override.
const MAX_OVERRIDES: usize = 10_000;

/// Most calls of one `eth_callMany`.
const MAX_CALLS: usize = 1_000;

pub(super) async fn call(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    let request = request(&api, args.get(0)?)?;
    let number = api.state_arg(&args, 1)?;
    let overrides = overrides(args.optional(2)?, args.optional(3)?)?;
    api.call(move |api, stop| {
        let cap = api.config.gas_cap;
        let done = api.chain().call_within(number, &request, &overrides, cap, stop)?;
        match done.status {
            CallStatus::Success => Ok(done.output),
            CallStatus::Revert => Err(Failure::revert(&done.output)),
            CallStatus::Halt(reason) => Err(Failure::refused(reason)),
        }
    })
    .await
}

/// Calls on each other's state; see [`qenex_exec::Bundle`].
pub(super) async fn call_many(api: Arc<Api>, args: Args) -> Result<Vec<Vec<Answer>>, Failure> {
    let given: Vec<alloy_rpc_types_eth::Bundle> = args.get(0)?;
    let context: StateContext = args.optional(1)?.unwrap_or_default();
    let accounts = overrides(args.optional(2)?, None)?;
    if given.iter().map(|bundle| bundle.transactions.len()).sum::<usize>() > MAX_CALLS {
        return Err(Failure::limit(format!("too many calls: at most {MAX_CALLS}")));
    }
    let number = api.resolve(context.block_number)?;
    let transactions = match context.transaction_index.unwrap_or_default() {
        TransactionIndex::All => None,
        TransactionIndex::Index(count) => Some(count),
    };
    let mut bundles = Vec::with_capacity(given.len());
    for bundle in given {
        let calls = bundle.transactions.into_iter().map(|call| request(&api, call));
        let block = overrides(None, bundle.block_override)?.block;
        bundles.push(Bundle { calls: calls.collect::<Result<_, _>>()?, block });
    }
    api.call(move |api, stop| {
        let cap = api.config.gas_cap;
        let all = api.chain().call_many(number, transactions, &bundles, &accounts, cap, stop)?;
        Ok(all.into_iter().map(|bundle| bundle.into_iter().map(Answer::from).collect()).collect())
    })
    .await
}

/// Answer to one call of `eth_callMany`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    Value(Bytes),
    Error(String),
}

impl From<Called> for Answer {
    fn from(called: Called) -> Self {
        match called {
            Err(error) => Self::Error(error.to_string()),
            Ok(outcome) => match outcome.status {
                CallStatus::Success => Self::Value(outcome.output),
                CallStatus::Revert => Self::Error(revert_message(&outcome.output)),
                CallStatus::Halt(reason) => Self::Error(reason),
            },
        }
    }
}

pub(super) async fn estimate_gas(api: Arc<Api>, args: Args) -> Result<U64, Failure> {
    let request = request(&api, args.get(0)?)?;
    let number = api.state_arg(&args, 1)?;
    let overrides = overrides(args.optional(2)?, args.optional(3)?)?;
    api.call(move |api, stop| {
        Ok(U64::from(api.chain().estimate_gas(number, &request, &overrides, stop)?))
    })
    .await
}

/// Answer of `eth_createAccessList`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccessListAnswer {
    access_list: AccessList,
    gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn create_access_list(
    api: Arc<Api>,
    args: Args,
) -> Result<AccessListAnswer, Failure> {
    let request = request(&api, args.get(0)?)?;
    let number = api.state_arg(&args, 1)?;
    api.call(move |api, stop| {
        let (access_list, gas, error) =
            api.chain().access_list(number, &request, api.config.gas_cap, stop)?;
        Ok(AccessListAnswer { access_list, gas_used: U64::from(gas), error })
    })
    .await
}

/// A request as the executor takes it, contradictions refused in geth's words.
pub(super) fn request(api: &Api, request: TransactionRequest) -> Result<CallRequest, Failure> {
    let chain_id = api.chain().rules().chain_id();
    if let Some(have) = request.chain_id.filter(|have| *have != chain_id) {
        return Err(Failure::refused(format!(
            "chainId does not match node's (have={have}, want={chain_id})"
        )));
    }
    if request.blob_versioned_hashes.is_some() || request.max_fee_per_blob_gas.is_some() {
        return Err(Failure::refused("blob transactions are not accepted on this chain"));
    }
    let (max_fee, tip) = (request.max_fee_per_gas, request.max_priority_fee_per_gas);
    if request.gas_price.is_some() && (max_fee.is_some() || tip.is_some()) {
        return Err(Failure::refused(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ));
    }
    if let (Some(max_fee), Some(tip)) = (max_fee, tip)
        && max_fee < tip
        && max_fee > 0
    {
        return Err(Failure::refused(format!(
            "maxFeePerGas ({max_fee}) < maxPriorityFeePerGas ({tip})"
        )));
    }
    // A fee of zero is no fee: nothing is charged and the base fee is not compared.
    let fee = request.gas_price.or(max_fee).filter(|fee| *fee > 0);
    let data = request.input.try_into_unique_input().map_err(|_| {
        Failure::refused(
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass \
             transaction call data",
        )
    })?;
    Ok(CallRequest {
        from: request.from.unwrap_or_default(),
        to: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: data.unwrap_or_default(),
        gas: request.gas.filter(|gas| *gas > 0),
        gas_price: fee,
        priority_fee: if max_fee.is_some() { fee.and(tip.or(Some(0))) } else { None },
        nonce: request.nonce,
        access_list: request.access_list.unwrap_or_default(),
        authorization_list: request.authorization_list.unwrap_or_default(),
    })
}

/// State and block overrides as the executor takes them.
pub(super) fn overrides(
    accounts: Option<StateOverride>,
    block: Option<BlockOverrides>,
) -> Result<Overrides, Failure> {
    let mut changed = BTreeMap::new();
    for (address, change) in accounts.unwrap_or_default() {
        if change.state.is_some() && change.state_diff.is_some() {
            return Err(Failure::refused(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        let slots = |slots: alloy_primitives::map::B256HashMap<alloy_primitives::B256>| {
            let pairs = slots.into_iter();
            pairs.map(|(key, value)| (key.into(), value.into())).collect::<BTreeMap<U256, U256>>()
        };
        let change = AccountOverride {
            balance: change.balance,
            nonce: change.nonce,
            code: change.code,
            state: change.state.map(slots),
            state_diff: change.state_diff.map(slots).unwrap_or_default(),
            move_precompile_to: change.move_precompile_to,
        };
        let slots = change.state.as_ref().map_or(0, BTreeMap::len) + change.state_diff.len();
        if changed.len() >= MAX_OVERRIDES || slots > MAX_OVERRIDES {
            return Err(Failure::params("too many overrides"));
        }
        changed.insert(address, change);
    }
    let block = block.unwrap_or_default();
    let narrow = |value: Option<U256>, name: &str| {
        let narrowed = value.map(u64::try_from).transpose();
        narrowed.map_err(|_| Failure::params(format!("block override {name} is too large")))
    };
    if block.difficulty.is_some_and(|difficulty| !difficulty.is_zero()) {
        return Err(Failure::refused("block override difficulty: it is 0 since the merge"));
    }
    if block.block_hash.as_ref().map_or(0, BTreeMap::len) > MAX_OVERRIDES {
        return Err(Failure::params("too many overrides"));
    }
    let blob_base_fee = block.blob_base_fee.map(u128::try_from).transpose();
    Ok(Overrides {
        accounts: changed,
        block: BlockOverride {
            number: narrow(block.number, "number")?,
            timestamp: block.time,
            gas_limit: block.gas_limit,
            base_fee: narrow(block.base_fee, "baseFeePerGas")?,
            beneficiary: block.coinbase,
            prev_randao: block.random,
            beacon_root: block.beacon_root,
            blob_base_fee: blob_base_fee
                .map_err(|_| Failure::params("block override blobBaseFee is too large"))?,
            block_hashes: block.block_hash.unwrap_or_default(),
        },
    })
}
