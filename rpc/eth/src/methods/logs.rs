//! Logs and polling filters.

use std::sync::Arc;

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::B256;
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};

use super::{Json, json};
use crate::{
    api::Api,
    args::Args,
    convert,
    error::Failure,
    filters::{Changes, Kind},
};

/// Most addresses, and most topics at one position, of a query.
const MAX_ALTERNATIVES: usize = 1_000;

pub(super) async fn get_logs(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let filter: Box<Filter> = args.get(0)?;
    api.heavy(move |api| json(&query(api, &filter, None)?)).await
}

pub(super) async fn new_filter(api: Arc<Api>, args: Args) -> Result<String, Failure> {
    let filter: Box<Filter> = args.get(0)?;
    check(&filter)?;
    range(&api, &filter)?;
    api.filters.add(Kind::Logs(filter), api.height())
}

pub(super) async fn new_block_filter(api: Arc<Api>, _: Args) -> Result<String, Failure> {
    api.filters.add(Kind::Blocks, api.height())
}

pub(super) async fn new_pending_filter(api: Arc<Api>, _: Args) -> Result<String, Failure> {
    api.filters.add(Kind::Pending(api.context.pending.subscribe()), api.height())
}

pub(super) async fn filter_changes(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let height = api.height();
    match api.filters.changes(&args.text(0)?, height)? {
        Changes::Pending(hashes) => json(&hashes),
        Changes::Blocks(from) => {
            let from = from.max(height.saturating_sub(api.config.max_log_blocks));
            api.heavy(move |api| {
                let mut hashes: Vec<B256> = Vec::new();
                for number in from..=height {
                    hashes.extend(api.chain().header(number)?.map(|(hash, _)| hash));
                }
                json(&hashes)
            })
            .await
        }
        Changes::Logs(filter, from) => {
            api.heavy(move |api| json(&query(api, &filter, Some((from, height)))?)).await
        }
    }
}

pub(super) async fn filter_logs(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let filter = api.filters.logs(&args.text(0)?)?;
    api.heavy(move |api| json(&query(api, &filter, None)?)).await
}

pub(super) async fn uninstall(api: Arc<Api>, args: Args) -> Result<bool, Failure> {
    Ok(api.filters.remove(&args.text(0)?))
}

/// The logs a filter matches; with `window`, only those of these blocks.
fn query(api: &Api, filter: &Filter, window: Option<(u64, u64)>) -> Result<Vec<Log>, Failure> {
    check(filter)?;
    if let FilterBlockOption::AtBlockHash(hash) = filter.block_option {
        let block = api.block_by_hash(hash)?;
        let block = block.ok_or_else(|| Failure::refused("unknown block"))?;
        return match window {
            Some((from, to)) if !(from..=to).contains(&block.header.number) => Ok(Vec::new()),
            _ => Ok(convert::logs(&block, filter)),
        };
    }
    let (from, to) = match window {
        None => range(api, filter)?,
        Some((from, to)) => {
            // A filter's own end may lie in the future.
            let end = filter.get_to_block().unwrap_or(u64::MAX);
            (from.max(filter.get_from_block().unwrap_or(0)), to.min(end))
        }
    };
    if to.saturating_sub(from) >= api.config.max_log_blocks {
        return Err(Failure::limit(format!(
            "query exceeds max block range {}",
            api.config.max_log_blocks
        )));
    }
    let mut found = Vec::new();
    for number in from..=to {
        let Some((_, header)) = api.chain().header(number)? else { break };
        if !filter.matches_bloom(header.logs_bloom) {
            continue;
        }
        let Some(block) = api.chain().block(number)? else { break };
        found.extend(convert::logs(&block, filter));
        if found.len() > api.config.max_logs {
            return Err(Failure::limit(format!(
                "query returned more than {} results",
                api.config.max_logs
            )));
        }
    }
    Ok(found)
}

/// Bounds what one query may ask for.
fn check(filter: &Filter) -> Result<(), Failure> {
    let most = filter.topics.iter().map(|topic| topic.len()).chain([filter.address.len()]).max();
    if most.unwrap_or(0) > MAX_ALTERNATIVES {
        return Err(Failure::params(format!(
            "exceed max addresses or topics per search position: {MAX_ALTERNATIVES}"
        )));
    }
    Ok(())
}

/// The blocks a query names, in geth's words if they make no sense.
fn range(api: &Api, filter: &Filter) -> Result<(u64, u64), Failure> {
    let FilterBlockOption::Range { from_block, to_block } = filter.block_option else {
        return Ok((0, 0));
    };
    let pending = Some(BlockNumberOrTag::Pending);
    if from_block == pending || to_block == pending {
        return Err(Failure::params("pending logs are not supported"));
    }
    let height = api.height();
    let place = |tag: Option<BlockNumberOrTag>| match tag {
        Some(BlockNumberOrTag::Number(number)) => number,
        Some(BlockNumberOrTag::Earliest) => 0,
        _ => height,
    };
    let (from, to) = (place(from_block), place(to_block));
    let both = |tag: Option<BlockNumberOrTag>| tag.is_some_and(|tag| tag.is_number());
    if from > to && (both(from_block) && both(to_block) || to_block.is_none() && from <= height) {
        return Err(Failure::params("invalid block range params"));
    }
    if to > height {
        return Err(Failure::params("block range extends beyond current head block"));
    }
    Ok((from, to))
}
