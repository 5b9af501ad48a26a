//! Catching up: final blocks and their certificates from peers, verified and executed.
//!
//! A node that was away holds a commit certificate for a block it cannot reach. It asks peers for
//! final blocks from its own head on. Every answer ends with a block that has a commit certificate;
//! the certificate is verified, the parent hashes tie the others to it, and every block is executed
//! before it is stored. So a peer can delay a node, never mislead it.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes};
use anyhow::{Context, Result, bail};
use qenex_consensus::{
    Block, BlockMeta, Certificate, CertificateKind, PayloadVerifier, Verified, View,
};
use qenex_exec::{ExecError, SealedBlock, decode_block};
use qenex_net::NetworkHandle;

use super::{
    BlockBinding, FinalityProof, Shared,
    serve::{FinalRow, Question},
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

/// One answer of one peer: executed and committed.
fn from_peer(
    shared: &Arc<Shared>,
    network: &NetworkHandle,
    peer: u16,
) -> Result<(Vec<Arc<SealedBlock>>, View)> {
    let from = shared.chain.head().header.number.saturating_add(1);
    let answer = shared
        .runtime
        .block_on(network.request(peer, Question::Final(from).encode()))
        .context("no answer")?;
    let rows: Vec<FinalRow> = alloy_rlp::decode_exact(&answer).context("malformed answer")?;
    let mut proven: Vec<(B256, Bytes)> = Vec::with_capacity(rows.len());
    let mut parent = shared.chain.head().hash;
    let mut blocks = Vec::with_capacity(rows.len());
    for row in &rows {
        let proof = FinalityProof::decode(&row.proof)?;
        let header = decode_block(&row.payload)?.header;
        let meta = BlockMeta {
            hash: header.hash_slow(),
            parent: header.parent_hash,
            height: header.number,
        };
        if meta.parent != parent {
            bail!("block {} does not follow", meta.height);
        }
        parent = meta.hash;
        let block = Block {
            meta,
            consensus_header: proof.consensus_header.clone(),
            payload: row.payload.clone(),
        };
        if !BlockBinding.binds(&block) {
            bail!("block {} is not what its header says", meta.height);
        }
        proven.push((meta.hash, row.proof.clone()));
        blocks.push((block, proof.certificate));
    }
    let view = verify_last(shared, &blocks)?;
    for (block, _) in &blocks {
        shared.chain.check(&block.payload, &|hash| shared.pool.get(hash))?;
    }
    let done = shared.chain.finalise(&proven)?;
    if let Some((block, _)) = blocks.pop() {
        shared.headers.write().insert(block.meta.hash, block.consensus_header);
    }
    Ok((done, view))
}

/// The last block's certificate must be genuine; it proves all before it.
fn verify_last(shared: &Shared, blocks: &[(Block, Option<Certificate>)]) -> Result<View> {
    let (block, certificate) = blocks.last().context("an empty answer")?;
    let certificate = certificate.clone().context("the last block has no certificate")?;
    if certificate.kind != CertificateKind::Commit || certificate.reference.hash != block.meta.hash
    {
        bail!("the certificate is not for the last block");
    }
    let verified = Verified::<Certificate>::check(certificate, &shared.verify_context())?;
    Ok(verified.get().reference.view)
}
