//! What the explorer Otterscan asks of a node, as far as it needs no index of addresses.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U256, map::HashSet};
use alloy_rpc_types_trace::{
    otterscan::{BlockDetails, InternalIssuance, OtsBlock, TraceEntry},
    parity::{Action, CreateOutput, TraceOutput},
};
use qenex_exec::SealedBlock;
use serde_json::{Value, json as object};

use super::{Json, blocks, hash, json, tag};
use crate::{
    api::Api,
    args::{Args, Quantity},
    convert,
    error::Failure,
};

/// Version of Otterscan's interface this is.
const API_LEVEL: u64 = 8;

/// Most transactions of a page.
const MAX_PAGE: usize = 500;

pub(super) async fn api_level(_: Arc<Api>, _: Args) -> Result<u64, Failure> {
    Ok(API_LEVEL)
}

pub(super) async fn has_code(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    let address: Address = args.get(0)?;
    let number = api.state_arg(&args, 1)?;
    api.at(number, move |api| Ok(!api.chain().code_at(number, address)?.is_empty())).await
}

fn find(api: &Api, args: &Args) -> Result<(Arc<SealedBlock>, usize), Failure> {
    let found = api.transaction(args.get(0)?)?;
    found.ok_or_else(|| Failure::refused("transaction not found"))
}

pub(super) async fn internal_operations(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let (block, index) = find(&api, &args)?;
    api.trace(None, move |api, bounds| {
        json(&api.chain().internal_operations(&block, index, bounds)?)
    })
    .await
}

pub(super) async fn trace_transaction(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let (block, index) = find(&api, &args)?;
    api.trace(None, move |api, bounds| {
        let traces = api.chain().parity_traces(&block, Some(index), bounds)?;
        let entries =
            traces.iter().filter_map(|one| TraceEntry::from_transaction_trace(&one.trace));
        json(&entries.collect::<Vec<_>>())
    })
    .await
}

/// The revert data of a failed transaction; nothing of one that succeeded.
pub(super) async fn transaction_error(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    let (block, index) = find(&api, &args)?;
    if block.receipts.get(index).is_none_or(|receipt| receipt.success) {
        return Ok(Bytes::new());
    }
    api.trace(None, move |api, bounds| {
        let none = HashSet::default();
        let traces = api.chain().parity_replay(&block, Some(index), &none, bounds)?;
        Ok(traces.into_iter().next().map(|one| one.full_trace.output).unwrap_or_default())
    })
    .await
}

pub(super) async fn block_details(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let id = ots_number(&args)?;
    details(api, id).await
}

pub(super) async fn block_details_by_hash(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<Json>, Failure> {
    let id = hash(&args, 0)?;
    details(api, id).await
}

/// Otterscan writes heights as JSON numbers.
fn ots_number(args: &Args) -> Result<BlockId, Failure> {
    match args.get::<Quantity>(0) {
        Ok(Quantity(number)) => Ok(BlockId::Number(BlockNumberOrTag::Number(number))),
        Err(_) => tag(args, 0),
    }
}

async fn details(api: Arc<Api>, id: BlockId) -> Result<Option<Json>, Failure> {
    let Some(block) = api.block(id).await? else { return Ok(None) };
    let fees = (0..block.transactions.len()).fold(U256::ZERO, |sum, index| {
        let gas = U256::from(block.gas_used(index));
        let price = convert::transaction(&block, index).and_then(|tx| tx.effective_gas_price);
        sum.saturating_add(gas.saturating_mul(U256::from(price.unwrap_or_default())))
    });
    let shown = convert::block(&block, false);
    json(&BlockDetails::new(shown, InternalIssuance::default(), fees)).map(Some)
}

/// A page of a block's transactions with their receipts, the logs left out.
pub(super) async fn block_transactions(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let id = ots_number(&args)?;
    let (Quantity(page), Quantity(size)): (Quantity, Quantity) = (args.get(1)?, args.get(2)?);
    let Some(block) = api.block(id).await? else { return Ok(None) };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > MAX_PAGE {
        return Err(Failure::limit(format!("page is too large: at most {MAX_PAGE}")));
    }
    let start = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(size);
    api.heavy(move |api| {
        let wanted = start..start.saturating_add(size).min(block.transactions.len());
        let mut shown = convert::block(&block, true);
        if let alloy_rpc_types_eth::BlockTransactions::Full(all) = &mut shown.transactions {
            *all = wanted.clone().filter_map(|index| convert::transaction(&block, index)).collect();
        }
        let receipts: Vec<Value> = wanted
            .filter_map(|index| convert::receipt(api.chain().rules(), &block, index))
            .map(|receipt| {
                let mut value = serde_json::to_value(receipt).map_err(Failure::internal)?;
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("logs".into(), Value::Null);
                    fields.insert("logsBloom".into(), Value::Null);
                    fields.insert("timestamp".into(), block.header.timestamp.into());
                }
                Ok(value)
            })
            .collect::<Result<_, Failure>>()?;
        let count = block.transactions.len();
        let fullblock = OtsBlock { block: shown, transaction_count: count };
        json(&object!({ "fullblock": fullblock, "receipts": receipts }))
    })
    .await
    .map(Some)
}

pub(super) async fn transaction_by_sender(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<B256>, Failure> {
    let found = blocks::transaction_by_sender(api, args).await?;
    Ok(found.filter(|tx| tx.block_hash.is_some()).map(|tx| *tx.inner.inner().tx_hash()))
}

/// Who made a contract, and with which transaction. There is no index: the block is found by
/// bisection over the contract's past code, and its transactions are traced.
pub(super) async fn contract_creator(api: Arc<Api>, args: Args) -> Result<Option<Value>, Failure> {
    let address: Address = args.get(0)?;
    api.trace(None, move |api, bounds| {
        let has_code = |number: u64| -> Result<bool, Failure> {
            Ok(!api.chain().code_at(number, address)?.is_empty())
        };
        if !has_code(api.height())? {
            return Ok(None);
        }
        let (mut from, mut there) = (0, api.height());
        while from < there {
            let middle = from.saturating_add(there.saturating_sub(from) / 2);
            if has_code(middle)? {
                there = middle;
            } else {
                from = middle.saturating_add(1);
            }
        }
        let Some(block) = api.chain().block(there)? else { return Ok(None) };
        if block.transactions.is_empty() {
            // Part of genesis.
            return Ok(None);
        }
        let traces = api.chain().parity_traces(&block, None, bounds)?;
        let made = traces.iter().find_map(|one| match (&one.trace.action, &one.trace.result) {
            (
                Action::Create(create),
                Some(TraceOutput::Create(CreateOutput { address: at, .. })),
            ) if *at == address => {
                Some(object!({ "hash": one.transaction_hash, "creator": create.from }))
            }
            _ => None,
        });
        Ok(made)
    })
    .await
}
