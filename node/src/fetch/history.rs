//! The blocks before the state that a node began with, fetched beside everything else.

use anyhow::{Context, Result};
use qenex_exec::Chain;

use super::{Peers, records};
use crate::consensus::{Validators, to_gauge};

/// Fetches the blocks that are missing, oldest first, until there are none or the node stops.
///
/// # Errors
///
/// If the chain cannot be read or written.
pub(crate) fn fill(chain: &Chain, peers: &Peers, validators: &Validators) -> Result<()> {
    let mut turn = 0;
    let mut told = 0;
    loop {
        let missing = chain.missing_blocks();
        let left = missing.end.saturating_sub(missing.start);
        metrics::gauge!("qenex_history_missing_blocks").set(to_gauge(left));
        if missing.is_empty() {
            tracing::info!("all blocks are there");
            return Ok(());
        }
        if peers.is_stopping() {
            return Ok(());
        }
        if told == 0 || told >= left.saturating_add(TELL) {
            tracing::info!(from = missing.start, to = missing.end - 1, "fetching old blocks");
            told = left;
        }
        let before = missing.start.saturating_sub(1);
        let (parent, _) = chain.header(before)?.context("the block before is missing")?;
        let Some(peer) = peers.next(&mut turn) else { continue };
        match records(peers, validators, peer, missing.start, Some(parent)) {
            Ok(mut records) => {
                records.retain(|record| record.number < missing.end);
                chain.fill(&records)?;
                // Who has given goes on giving.
                turn = turn.saturating_sub(1);
            }
            Err(error) => tracing::debug!(peer, error = format!("{error:#}"), "no old blocks"),
        }
    }
}

/// Blocks between two lines of the log.
const TELL: u64 = 10_000;
