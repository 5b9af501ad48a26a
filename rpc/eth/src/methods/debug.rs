//! Blocks in their binary form, and geth's traces.

use std::{sync::Arc, time::Duration};

use alloy_eips::BlockId;
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_trace::geth::{GethDebugTracingCallOptions, GethDebugTracingOptions};
use qenex_exec::SealedBlock;

use super::{Json, call, hash, json, tag};
use crate::{api::Api, args::Args, convert, error::Failure};

pub(super) async fn raw_header(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    Ok(alloy_rlp::encode(&block(&api, &args).await?.header).into())
}

pub(super) async fn raw_block(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    let block = block(&api, &args).await?;
    Ok(block.encode())
}

pub(super) async fn raw_receipts(api: Arc<Api>, args: Args) -> Result<Vec<Bytes>, Failure> {
    let block = block(&api, &args).await?;
    Ok((0..block.receipts.len()).filter_map(|index| convert::raw_receipt(&block, index)).collect())
}

pub(super) async fn bad_blocks(_: Arc<Api>, _: Args) -> Result<[(); 0], Failure> {
    // A block that breaks a rule is refused before it is a block of the chain.
    Ok([])
}

pub(super) async fn trace_transaction(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let hash: B256 = args.get(0)?;
    let options: GethDebugTracingOptions = args.optional(1)?.unwrap_or_default();
    let timeout = timeout(&options)?;
    api.trace(timeout, move |api, bounds| {
        let found = api.transaction(hash)?;
        let (block, index) = found.ok_or_else(|| Failure::refused("transaction not found"))?;
        json(&api.chain().debug_transaction(&block, index, options, bounds)?)
    })
    .await
}

pub(super) async fn trace_block_by_number(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let id = tag(&args, 0)?;
    trace_block(api, id, &args).await
}

pub(super) async fn trace_block_by_hash(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let id = hash(&args, 0)?;
    trace_block(api, id, &args).await
}

async fn trace_block(api: Arc<Api>, id: BlockId, args: &Args) -> Result<Json, Failure> {
    let options: GethDebugTracingOptions = args.optional(1)?.unwrap_or_default();
    let timeout = timeout(&options)?;
    let block = api.block(id).await?.ok_or_else(|| Failure::refused("block not found"))?;
    api.trace(timeout, move |api, bounds| json(&api.chain().debug_block(&block, options, bounds)?))
        .await
}

pub(super) async fn trace_call(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let request = call::request(&api, args.get(0)?)?;
    let number = api.state_arg(&args, 1)?;
    let options: GethDebugTracingCallOptions = args.optional(2)?.unwrap_or_default();
    if options.tx_index.is_some() {
        return Err(Failure::params("txIndex is not supported: trace on the state after a block"));
    }
    let overrides = call::overrides(options.state_overrides, options.block_overrides)?;
    let options = options.tracing_options;
    let timeout = timeout(&options)?;
    api.trace(timeout, move |api, bounds| {
        let gas_cap = api.config.gas_cap;
        json(&api.chain().debug_call(number, &request, &overrides, gas_cap, options, bounds)?)
    })
    .await
}

/// The option `timeout`: a number with `ms`, `s` or `m`.
fn timeout(options: &GethDebugTracingOptions) -> Result<Option<Duration>, Failure> {
    let Some(text) = &options.timeout else { return Ok(None) };
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    let number: Option<u64> = digits.parse().ok();
    millis
        .zip(number)
        .map(|(millis, number)| Some(Duration::from_millis(number.saturating_mul(millis))))
        .ok_or_else(|| {
            Failure::params(format!("timeout `{text}`: not a number with ms, s or m behind it"))
        })
}

async fn block(api: &Arc<Api>, args: &Args) -> Result<Arc<SealedBlock>, Failure> {
    let id: BlockId = args.get(0)?;
    api.block(id).await?.ok_or_else(|| Failure::refused("block not found"))
}
