//! Reads every new block and notes which transfers it holds.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{B256, U64};
use anyhow::{Context as _, bail};
use qenex_client::rpc::{Endpoint, RpcError};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::LoadOptions;
use super::board::{Board, micros};
use super::prepare::Plan;

/// Shortest time between two looks for the next block. Looking costs the node CPU, and generator
/// and node often share a machine.
const SHORTEST_POLL: Duration = Duration::from_millis(2);
/// Longest time between two looks.
const LONGEST_POLL: Duration = Duration::from_millis(25);
/// Looks per block, as far as the bounds allow: latencies are late by this share of a block.
const POLLS_PER_BLOCK: u32 = 20;
/// Time between two lines on standard error.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// A block, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Block {
    /// Hashes of its transactions.
    transactions: Vec<B256>,
}

/// The block of a number, or `None` if there is none yet.
async fn block(endpoint: &Endpoint, number: u64) -> Result<Option<Block>, RpcError> {
    endpoint.call("eth_getBlockByNumber", json!([U64::from(number), false])).await
}

/// What the blocks showed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Microseconds from sending (or due time) to inclusion, of every included transfer.
    pub(super) latencies: Vec<u64>,
    /// Numbers of the blocks that hold transfers of this run.
    pub(super) blocks: Vec<u64>,
    /// When the last of them was seen, in microseconds after the start.
    pub(super) last: Option<u64>,
}

/// Follows the chain from the block after `head` until every transfer has met its fate, or nothing
/// has moved for the timeout of the options.
///
/// # Errors
///
/// If no endpoint has answered for that timeout.
pub(super) async fn follow(
    options: &LoadOptions,
    plan: &Plan,
    board: &Board,
    endpoints: &[Arc<Endpoint>],
    head: u64,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut progress = Progress { shown: Duration::ZERO, included: 0 };
    let mut next = head + 1;
    let mut source = 0_usize;
    let mut last_block = board.elapsed();
    let mut last_answer = board.elapsed();
    let mut gap = Duration::from_millis(100);
    while board.open() > 0 && board.idle() < options.timeout {
        let endpoint = endpoints.get(source % endpoints.len()).context("no endpoint to follow")?;
        match block(endpoint, next).await {
            Ok(Some(block)) => {
                let at = board.elapsed();
                note_block(plan, board, &block, (next, at), &mut seen);
                // A moving average over about four blocks.
                gap = (gap * 3 + at.saturating_sub(last_block)) / 4;
                (last_block, last_answer, next) = (at, at, next + 1);
            }
            Ok(None) => {
                last_answer = board.elapsed();
                sleep((gap / POLLS_PER_BLOCK).clamp(SHORTEST_POLL, LONGEST_POLL)).await;
            }
            Err(error) => {
                // Another endpoint knows the same chain.
                board.note(&format!("{error:#}"));
                source += 1;
                if board.elapsed().saturating_sub(last_answer) > options.timeout {
                    bail!("no endpoint answers: {error:#}");
                }
                sleep(LONGEST_POLL).await;
            }
        }
        if options.progress {
            progress.show(board, &seen);
        }
    }
    Ok(seen)
}

/// Notes the transfers of one block, and gives their lanes room.
fn note_block(
    plan: &Plan,
    board: &Board,
    block: &Block,
    (number, at): (u64, Duration),
    seen: &mut Seen,
) {
    let mut freed: Vec<u32> = plan.lanes.iter().map(|_| 0).collect();
    let before = seen.latencies.len();
    for hash in &block.transactions {
        let Some(&transfer) = plan.by_hash.get(hash) else { continue };
        if let Some(began) = board.included(transfer, at) {
            seen.latencies.push(micros(at).saturating_sub(began));
            if let Some(count) = plan.lane_of(transfer).and_then(|lane| freed.get_mut(lane)) {
                *count += 1;
            }
        }
    }
    if seen.latencies.len() > before {
        seen.blocks.push(number);
        seen.last = Some(micros(at));
    }
    for (lane, count) in freed.into_iter().enumerate() {
        board.free(lane, count);
    }
}

/// The lines on standard error.
struct Progress {
    shown: Duration,
    included: usize,
}

impl Progress {
    fn show(&mut self, board: &Board, seen: &Seen) {
        let now = board.elapsed();
        let since = now.saturating_sub(self.shown);
        if since < PROGRESS_EVERY {
            return;
        }
        let included = seen.latencies.len();
        let fresh = u128::try_from(included - self.included).unwrap_or(0);
        let rate = fresh * 1_000 / since.as_millis().max(1);
        let (sent, failed) = board.sent_and_failed();
        eprintln!(
            "load: {:>4} s: {sent} sent, {included} included ({rate}/s), {failed} failed",
            now.as_secs()
        );
        (self.shown, self.included) = (now, included);
    }
}
