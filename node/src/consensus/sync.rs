//! Catching up: final blocks and their certificates from peers, verified and executed.
//!
//! A node that was away holds a commit certificate for a block it cannot reach. It asks peers for
//! final blocks from its own head on. Every answer proves that its blocks are final (`rows.rs`), and
//! every block is executed before it is stored. So a peer can delay a node, never mislead it.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use qenex_consensus::{Certificate, View};
use qenex_exec::{ExecError, SealedBlock};
use qenex_net::NetworkHandle;

use super::{
    Shared,
    rows::{FinalBlock, FinalRows},
    serve::Question,
};

/// Pause after all peers failed to help.
const PAUSE: Duration = Duration::from_millis(200);

/// Fetches, executes and commits final blocks until the certificate's block is final here. Calls
/// `committed` with what became final, batch by batch, and the view of its proof.
///
/// # Errors
///
/// Only if the node's own state fails, or it is stopping.
pub(crate) fn run(
    shared: &Arc<Shared>,
    target: &Certificate,
    mut committed: impl FnMut(&[Arc<SealedBlock>], View),
) -> Result<()> {
    let Some(network) = &shared.network else { bail!("no peers to catch up from") };
    let mut turn = 0_usize;
    loop {
        if shared.chain.block_by_hash(target.reference.hash)?.is_some() {
            return Ok(());
        }
        if shared.is_stopping() {
            bail!("stopping");
        }
        let peers = network.connected();
        let peer = peers.get(turn.checked_rem(peers.len()).unwrap_or(0)).copied();
        turn = turn.wrapping_add(1);
        let Some(peer) = peer else {
            std::thread::sleep(PAUSE);
            continue;
        };
        match from_peer(shared, network, peer) {
            Ok((blocks, view)) => committed(&blocks, view),
            Err(error) => {
                if error.downcast_ref::<ExecError>().is_some_and(is_fatal) {
                    return Err(error);
                }
                tracing::debug!(peer, error = format!("{error:#}"), "a peer could not help");
                if turn.checked_rem(peers.len()) == Some(0) {
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }
}

fn is_fatal(error: &ExecError) -> bool {
    matches!(error, ExecError::State(_))
}

/// Final blocks of one peer up to one with a certificate of its own: executed and committed.
fn from_peer(
    shared: &Arc<Shared>,
    network: &NetworkHandle,
    peer: u16,
) -> Result<(Vec<Arc<SealedBlock>>, View)> {
    let head = shared.chain.head();
    let (mut from, mut parent) = (head.header.number.saturating_add(1), head.hash);
    let mut proven = Vec::new();
    loop {
        let answer = shared
            .runtime
            .block_on(network.request(peer, Question::Final(from).encode()))
            .context("no answer")?;
        let rows: FinalRows = alloy_rlp::decode_exact(&answer).context("malformed answer")?;
        let mut certified = None;
        for FinalBlock { block, proof, view, .. } in
            rows.prove(from, Some(parent), &shared.verify_context())?
        {
            shared.chain.check(&block.payload, &|hash| shared.pool.get(hash))?;
            proven.push((block.meta.hash, proof));
            (from, parent) = (block.meta.height.saturating_add(1), block.meta.hash);
            if let Some(view) = view {
                certified = Some((proven.len(), view, parent, block.consensus_header));
            }
        }
        // What the machine is told ends with a block that has its own certificate.
        if let Some((count, view, hash, header)) = certified {
            let done = shared.chain.finalise(proven.get(..count).unwrap_or_default())?;
            shared.headers.write().insert(hash, header);
            return Ok((done, view));
        }
    }
}
