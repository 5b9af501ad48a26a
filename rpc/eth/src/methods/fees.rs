//! What a transaction should offer, from what recent ones paid.

use std::sync::Arc;

use alloy_consensus::{Header, Transaction as _};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U256;
use alloy_rpc_types_eth::FeeHistory;
use qenex_exec::SealedBlock;

use crate::{
    api::Api,
    args::{Args, Quantity},
    error::Failure,
};

/// Blocks whose transactions the suggestion looks at.
const SAMPLED_BLOCKS: u64 = 20;
/// Transactions of each, those that paid least.
const SAMPLED_TRANSACTIONS: usize = 3;
/// The suggestion is this percentile of the samples.
const PERCENTILE: usize = 60;
/// Tips below are not taken as examples, wei per gas.
const IGNORED_TIP: u128 = 2;
/// The suggestion is never above, wei per gas.
const MAX_TIP: u128 = 500_000_000_000;
/// Most blocks of a fee history.
const MAX_HISTORY: u64 = 1_024;
/// Most percentiles of a fee history.
const MAX_PERCENTILES: usize = 100;

pub(super) async fn gas_price(api: Arc<Api>, _: Args) -> Result<U256, Failure> {
    let base = U256::from(upcoming_base_fee(&api));
    let tip = tip(&api).await?;
    Ok(base.saturating_add(U256::from(tip)))
}

pub(super) async fn priority_fee(api: Arc<Api>, _: Args) -> Result<U256, Failure> {
    Ok(U256::from(tip(&api).await?))
}

pub(super) async fn base_fee(api: Arc<Api>, _: Args) -> Result<U256, Failure> {
    Ok(U256::from(upcoming_base_fee(&api)))
}

pub(super) async fn blob_base_fee(api: Arc<Api>, _: Args) -> Result<U256, Failure> {
    Ok(U256::from(next_blob_fee(&api, &api.chain().head().header)))
}

/// Price of blob gas in the child of a block: on QENEX, which has no blobs, the protocol's least.
fn next_blob_fee(api: &Api, parent: &Header) -> u128 {
    let Some(params) = api.chain().rules().blob_params(parent.timestamp) else { return 0 };
    let base_fee = parent.base_fee_per_gas.unwrap_or_default();
    let (excess, used) = (parent.excess_blob_gas, parent.blob_gas_used.unwrap_or_default());
    params.calc_blob_fee(
        excess.map_or(0, |excess| params.next_block_excess_blob_gas_osaka(excess, used, base_fee)),
    )
}

/// Price of blob gas in a block; 0 before there were blobs.
fn blob_fee(api: &Api, header: &Header) -> u128 {
    let params = api.chain().rules().blob_params(header.timestamp);
    header.excess_blob_gas.zip(params).map_or(0, |(excess, params)| params.calc_blob_fee(excess))
}

pub(super) fn upcoming_base_fee(api: &Api) -> u64 {
    api.chain().rules().next_base_fee(&api.chain().head().header)
}

/// The suggested priority fee; computed once for each height.
pub(super) async fn tip(api: &Arc<Api>) -> Result<u128, Failure> {
    let height = api.height();
    if let Some((at, tip)) = *api.suggested_tip.lock()
        && at == height
    {
        return Ok(tip);
    }
    let tip = api.heavy(move |api| sample(api, height)).await?;
    *api.suggested_tip.lock() = Some((height, tip));
    Ok(tip)
}

fn sample(api: &Api, height: u64) -> Result<u128, Failure> {
    let mut samples = Vec::new();
    for number in height.saturating_sub(SAMPLED_BLOCKS - 1)..=height {
        let Some(block) = api.chain().block(number)? else { continue };
        let mut tips = tips(&block);
        tips.retain(|tip| *tip >= IGNORED_TIP);
        tips.sort_unstable();
        samples.extend(tips.into_iter().take(SAMPLED_TRANSACTIONS));
    }
    samples.sort_unstable();
    let at = samples.len().saturating_sub(1).saturating_mul(PERCENTILE) / 100;
    let found = samples.get(at).copied().unwrap_or(api.config.default_priority_fee);
    Ok(found.min(MAX_TIP).max(api.context.pool.config().min_priority_fee))
}

/// What each transaction of a block paid its proposer per gas.
fn tips(block: &SealedBlock) -> Vec<u128> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let txs = block.transactions.iter();
    txs.map(|tx| tx.effective_tip_per_gas(base_fee).unwrap_or_default()).collect()
}

pub(super) async fn fee_history(api: Arc<Api>, args: Args) -> Result<FeeHistory, Failure> {
    let Quantity(count) = args.get(0)?;
    let newest: BlockNumberOrTag = args.get(1)?;
    let percentiles: Vec<f64> = args.optional(2)?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let newest = api.number(newest).ok_or_else(|| {
        Failure::refused(format!(
            "request beyond head block: requested {newest}, head {}",
            api.height()
        ))
    })?;
    let count = count.min(MAX_HISTORY).min(newest.saturating_add(1));
    if count == 0 {
        return Ok(FeeHistory { oldest_block: 0, ..Default::default() });
    }
    api.heavy(move |api| history(api, newest, count, &percentiles)).await
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), Failure> {
    if percentiles.len() > MAX_PERCENTILES {
        return Err(Failure::params(format!(
            "invalid reward percentile: over the query limit {MAX_PERCENTILES}"
        )));
    }
    let mut previous = 0.0;
    for (at, percentile) in percentiles.iter().enumerate() {
        if !(0.0..=100.0).contains(percentile) {
            return Err(Failure::params(format!("invalid reward percentile: {percentile}")));
        }
        if *percentile < previous {
            let before = at.saturating_sub(1);
            return Err(Failure::params(format!(
                "invalid reward percentile: #{before}:{previous} >= #{at}:{percentile}"
            )));
        }
        previous = *percentile;
    }
    Ok(())
}

fn history(api: &Api, newest: u64, count: u64, percentiles: &[f64]) -> Result<FeeHistory, Failure> {
    let oldest = newest.saturating_add(1).saturating_sub(count);
    let mut history = FeeHistory { oldest_block: oldest, ..Default::default() };
    let mut rewards = Vec::new();
    for number in oldest..=newest {
        let (_, header) = api.chain().header(number)?.ok_or_else(Failure::unknown_block)?;
        history.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
        history.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
        history.base_fee_per_blob_gas.push(blob_fee(api, &header));
        let most = api.chain().rules().blob_params(header.timestamp);
        let most = most.map_or(0, |params| params.max_blob_gas_per_block());
        history.blob_gas_used_ratio.push(ratio(header.blob_gas_used.unwrap_or_default(), most));
        if !percentiles.is_empty() {
            let block = api.chain().block(number)?.ok_or_else(Failure::unknown_block)?;
            rewards.push(reward(&block, percentiles));
        }
        if number == newest {
            let next = api.chain().rules().next_base_fee(&header);
            history.base_fee_per_gas.push(next.into());
            history.base_fee_per_blob_gas.push(next_blob_fee(api, &header));
        }
    }
    history.reward = (!percentiles.is_empty()).then_some(rewards);
    Ok(history)
}

#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a ratio for display, as the format demands; nothing is decided by it"
)]
fn ratio(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 }
}

/// The tip at each percentile of the block's gas.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percentiles come as floats; the result is between 0 and the block's gas"
)]
fn reward(block: &SealedBlock, percentiles: &[f64]) -> Vec<u128> {
    let mut before = 0;
    let gas = block.receipts.iter().map(|receipt| {
        let used = receipt.cumulative_gas_used.saturating_sub(before);
        before = receipt.cumulative_gas_used;
        used
    });
    let mut paid: Vec<(u128, u64)> = tips(block).into_iter().zip(gas).collect();
    paid.sort_unstable();

    let mut all = paid.iter();
    let (mut tip, mut sum) = (0, 0_u64);
    let thresholds =
        percentiles.iter().map(|percentile| block.header.gas_used as f64 * percentile / 100.0);
    thresholds
        .map(|threshold| {
            while (sum < threshold as u64 || sum == 0)
                && let Some((next, gas)) = all.next()
            {
                tip = *next;
                sum = sum.saturating_add(*gas);
            }
            tip
        })
        .collect()
}
