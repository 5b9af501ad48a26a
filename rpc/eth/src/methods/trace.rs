//! Traces as Parity gives them: flat lists of frames.

use std::sync::Arc;

use alloy_consensus::{Transaction as _, transaction::SignerRecoverable as _};
use alloy_eips::{BlockId, BlockNumberOrTag, eip2718::Decodable2718 as _};
use alloy_primitives::{B256, Bytes, map::HashSet};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_rpc_types_trace::{
    filter::TraceFilter,
    parity::{LocalizedTransactionTrace, TraceType},
};
use qenex_exec::{CallRequest, Overrides, SealedBlock};
use serde_json::Value;

use super::{Json, call, json};
use crate::{
    api::Api,
    args::{Args, Quantity},
    error::Failure,
};

/// Most calls of `trace_callMany`.
const MAX_CALLS: usize = 100;

pub(super) async fn block(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let Some(block) = api.block(args.get(0)?).await? else { return Ok(None) };
    api.trace(None, move |api, bounds| json(&traces(api, &block, None, bounds)?)).await.map(Some)
}

/// The frames of a block; none of genesis, which nothing was executed for.
fn traces(
    api: &Api,
    block: &SealedBlock,
    index: Option<usize>,
    bounds: qenex_exec::TraceBounds<'_>,
) -> Result<Vec<LocalizedTransactionTrace>, Failure> {
    if block.transactions.is_empty() {
        return Ok(Vec::new());
    }
    Ok(api.chain().parity_traces(block, index, bounds)?)
}

pub(super) async fn transaction(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let hash: B256 = args.get(0)?;
    let Some((block, index)) = api.transaction(hash)? else { return Ok(None) };
    api.trace(None, move |api, bounds| json(&traces(api, &block, Some(index), bounds)?))
        .await
        .map(Some)
}

/// The frame at a place in a transaction's tree of calls.
pub(super) async fn get(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let hash: B256 = args.get(0)?;
    let place: Vec<Quantity> = args.get(1)?;
    let Some((block, index)) = api.transaction(hash)? else { return Ok(None) };
    api.trace(None, move |api, bounds| {
        let all = traces(api, &block, Some(index), bounds)?;
        let at = |trace: &LocalizedTransactionTrace| {
            trace.trace.trace_address.iter().map(|n| *n as u64).eq(place.iter().map(|n| n.0))
        };
        all.into_iter().find(at).map(|found| json(&found)).transpose()
    })
    .await
}

pub(super) async fn filter(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let mut filter: Value = args.get(0)?;
    for field in ["fromBlock", "toBlock"] {
        // Tags are heights here; the rest of a filter has no tags.
        let Some(given) = filter.get_mut(field) else { continue };
        if let Ok(tag) = serde_json::from_value::<BlockNumberOrTag>(given.clone()) {
            let number = api
                .number(tag)
                .ok_or_else(|| Failure::params(format!("{field}: there is no such block yet")))?;
            *given = format!("{number:#x}").into();
        }
    }
    let filter: TraceFilter = serde_json::from_value(filter)
        .map_err(|error| Failure::params(format!("invalid argument 0: {error}")))?;
    let from = filter.from_block.unwrap_or(0);
    let to = filter.to_block.unwrap_or_else(|| api.height());
    if from > to {
        return Err(Failure::params(format!("fromBlock {from} is after toBlock {to}")));
    }
    let most = api.config.max_trace_blocks;
    if to.saturating_sub(from) >= most {
        return Err(Failure::limit(format!("block range is too large: at most {most} blocks")));
    }
    api.trace(None, move |api, bounds| {
        let matcher = filter.matcher();
        let mut found = Vec::new();
        for number in from..=to {
            let Some(block) = api.chain().block(number)? else { break };
            let all = traces(api, &block, None, bounds)?;
            found.extend(all.into_iter().filter(|trace| matcher.matches(&trace.trace)));
        }
        let whole = |n: Option<u64>| n.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let skipped = found.into_iter().skip(whole(filter.after).unwrap_or(0));
        json(&skipped.take(whole(filter.count).unwrap_or(usize::MAX)).collect::<Vec<_>>())
    })
    .await
}

pub(super) async fn replay_transaction(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let (hash, types): (B256, HashSet<TraceType>) = (args.get(0)?, args.get(1)?);
    let found = api.transaction(hash)?;
    let (block, index) = found.ok_or_else(|| Failure::refused("transaction not found"))?;
    api.trace(None, move |api, bounds| {
        let traces = api.chain().parity_replay(&block, Some(index), &types, bounds)?;
        json(&traces.into_iter().next().map(|trace| trace.full_trace))
    })
    .await
}

pub(super) async fn replay_block(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let (id, types): (BlockId, HashSet<TraceType>) = (args.get(0)?, args.get(1)?);
    let Some(block) = api.block(id).await? else { return Ok(None) };
    api.trace(None, move |api, bounds| {
        if block.transactions.is_empty() {
            return json(&[(); 0]);
        }
        json(&api.chain().parity_replay(&block, None, &types, bounds)?)
    })
    .await
    .map(Some)
}

pub(super) async fn call_one(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let request = call::request(&api, args.get(0)?)?;
    let types: HashSet<TraceType> = args.get(1)?;
    let number = api.state_arg(&args, 2)?;
    let overrides = call::overrides(args.optional(3)?, args.optional(4)?)?;
    first(api, number, vec![(request, types)], overrides).await
}

pub(super) async fn call_many(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let calls: Vec<(TransactionRequest, HashSet<TraceType>)> = args.get(0)?;
    if calls.len() > MAX_CALLS {
        return Err(Failure::limit(format!("too many calls: at most {MAX_CALLS}")));
    }
    let calls: Result<Vec<_>, Failure> = calls
        .into_iter()
        .map(|(request, types)| Ok((call::request(&api, request)?, types)))
        .collect();
    let (calls, number) = (calls?, api.state_arg(&args, 1)?);
    api.trace(None, move |api, bounds| {
        let (gas_cap, none) = (api.config.gas_cap, Overrides::default());
        json(&api.chain().parity_calls(number, &calls, &none, gas_cap, bounds)?)
    })
    .await
}

pub(super) async fn raw_transaction(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let (raw, types): (Bytes, HashSet<TraceType>) = (args.get(0)?, args.get(1)?);
    let number = api.state_arg(&args, 2)?;
    let decoded = |error: &dyn std::fmt::Display| {
        Failure::refused(format!("failed to decode signed transaction: {error}"))
    };
    let tx = qenex_types::Transaction::decode_2718_exact(&raw).map_err(|error| decoded(&error))?;
    let request = CallRequest {
        from: tx.recover_signer().map_err(|error| decoded(&error))?,
        to: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        gas: Some(tx.gas_limit()),
        gas_price: Some(tx.max_fee_per_gas()),
        priority_fee: tx.max_priority_fee_per_gas(),
        nonce: Some(tx.nonce()),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        authorization_list: tx.authorization_list().map(<[_]>::to_vec).unwrap_or_default(),
    };
    first(api, number, vec![(request, types)], Overrides::default()).await
}

/// The trace of the one call there is.
async fn first(
    api: Arc<Api>,
    number: u64,
    calls: Vec<(CallRequest, HashSet<TraceType>)>,
    overrides: Overrides,
) -> Result<Json, Failure> {
    api.trace(None, move |api, bounds| {
        let gas_cap = api.config.gas_cap;
        let traces = api.chain().parity_calls(number, &calls, &overrides, gas_cap, bounds)?;
        json(&traces.into_iter().next())
    })
    .await
}
