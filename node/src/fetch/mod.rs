//! Beginning with a state of the peers instead of executing all blocks: what a node does that has no
//! blocks and finds the network far ahead.
//!
//! ```text
//! offers of states ──> blocks around it, proven by certificates ──> the state, piece by piece
//!                                                                        │ the node starts
//!                                                                        └─> blocks before (history.rs)
//! ```
//!
//! Peers can delay this, never mislead it: a state is begun only when a certificate proves its
//! block, and every piece of it is checked against the block's state root. All that is fetched is
//! written as it comes, so that after a stop or a crash the work goes on where it was.

mod history;
mod peers;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use alloy_primitives::{B256, Bytes};
use anyhow::{Context, Result, bail, ensure};
use qenex_exec::{ExecError, record_unexecuted};
use qenex_store::{BlockRecord, Origin, StateHead, Store, StoreError};
use qenex_trie::{FetchError, RangeProof, StateError, StateFetch, Wanted};
use rayon::prelude::*;

use crate::clock::Monotonic;
use crate::consensus::{
    FinalBlock, FinalRows, FinalityProof, Offer, Place, Question, RECEIPTS_PART, RangeRow,
    Validators,
};

pub(crate) use history::fill;
pub(crate) use peers::Peers;

/// Blocks fetched before the one whose state is fetched: contracts can ask for the hashes of 256.
const WINDOW: u64 = 256;

/// How long a state that nobody gives any more is waited for before another is begun.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most bytes of one block's receipts: what the largest gas limit in use pays for, many times over.
const MAX_RECEIPTS: usize = 512 << 20;

/// How often progress is told.
const TELL: Duration = Duration::from_secs(5);

/// The network is too far ahead of a node without blocks to execute everything.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the state is to be fetched from peers")]
pub(crate) struct Needed;

/// Fetches a state and the blocks around it into an empty database, or goes on with that.
pub(crate) struct Fetch<'a> {
    pub(crate) store: Store,
    pub(crate) peers: &'a Peers,
    pub(crate) validators: &'a Validators,
    /// Thousandths that are there.
    pub(crate) progress: &'a AtomicU32,
}

impl Fetch<'_> {
    /// Runs until the state is whole and the node can start on it, or is to stop.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub(crate) fn run(&self) -> Result<()> {
        let mut begun = StateFetch::resume(self.store.clone())?;
        let mut turn = 0;
        while !self.peers.is_stopping() {
            let mut fetch = match begun.take() {
                Some(fetch) => fetch,
                None => match self.choose(&mut turn)? {
                    Some(fetch) => fetch,
                    None => return Ok(()),
                },
            };
            self.blocks(&fetch.head())?;
            let started = Monotonic::start();
            let block = fetch.head().number;
            if self.state(&mut fetch)? {
                let seconds = started.elapsed().as_secs();
                tracing::info!(block, seconds, "fetched the state");
                return Ok(());
            }
            if !self.peers.is_stopping() {
                tracing::warn!(block, "no peer gives this state any more");
            }
        }
        Ok(())
    }

    /// Begins with a state that a peer offers and a certificate proves; nothing if the node stops.
    /// The peers are asked in turns: one that offers a state and then does not give it must not be
    /// the first every time.
    fn choose(&self, turn: &mut usize) -> Result<Option<StateFetch>> {
        let mut told = Monotonic::start();
        while !self.peers.is_stopping() {
            if told.elapsed() > TELL {
                told = Monotonic::start();
                let peers = self.peers.connected().len();
                tracing::info!(peers, "no peer offers a state to begin with yet");
            }
            let Some(peer) = self.peers.next(turn) else { continue };
            match self.offer(peer) {
                Ok(Offer { number, hash, root }) => {
                    tracing::info!(block = number, %hash, peer, "fetching the state");
                    self.store.set_origin(Some(Origin::Peers))?;
                    let head = StateHead { number, hash, root };
                    return Ok(Some(StateFetch::begin(self.store.clone(), head)?));
                }
                Err(error) => {
                    tracing::debug!(peer, error = format!("{error:#}"), "no state to begin with");
                }
            }
        }
        Ok(None)
    }

    fn offer(&self, peer: u16) -> Result<Offer> {
        let offer: Offer = self.peers.ask(peer, &Question::State(0))?;
        let have = self.store.head().map_or(0, |head| head.number);
        ensure!(offer.number > have, "it only has the state of block {}", offer.number);
        let rows: FinalRows = self.peers.ask(peer, &Question::Final(offer.number))?;
        let blocks = rows.prove(offer.number, None, &self.validators.context())?;
        let first = blocks.first().context("no block")?;
        let header = qenex_exec::decode_block(&first.block.payload)?.header;
        ensure!(
            (first.block.meta.hash, header.state_root) == (offer.hash, offer.root),
            "block {} has another state",
            offer.number
        );
        Ok(offer)
    }

    /// Fetches and stores, without executing them, the blocks up to one that is not before `target`
    /// and has a certificate of its own.
    fn blocks(&self, target: &StateHead) -> Result<()> {
        let mut turn = 0;
        while !self.peers.is_stopping() {
            let head = self.store.head().context("there is no block 0")?;
            if head.number >= target.number && self.is_certified(head.number)? {
                ensure!(
                    self.store.block_hash(target.number)? == Some(target.hash),
                    "two blocks are final at height {}",
                    target.number
                );
                return Ok(());
            }
            let (from, parent) = match head.number {
                0 => (target.number.saturating_sub(WINDOW).max(1), None),
                number => (number.saturating_add(1), Some(head.hash)),
            };
            let parent = parent.or((from == 1).then_some(head.hash));
            let Some(peer) = self.peers.next(&mut turn) else { continue };
            match records(self.peers, self.validators, peer, from, parent) {
                Ok(records) if head.number == 0 && from > 1 => {
                    self.store.skip_to_blocks(&records)?;
                }
                Ok(records) => self.store.commit_blocks(&records)?,
                Err(error) => tracing::debug!(peer, error = format!("{error:#}"), "no blocks"),
            }
        }
        Ok(())
    }

    fn is_certified(&self, number: u64) -> Result<bool> {
        let proof = self.store.certificate(number)?.unwrap_or_default();
        Ok(!proof.is_empty() && FinalityProof::decode(&proof)?.certificate.is_some())
    }

    /// Fetches the state; whether it is whole, or nobody gives it any more or the node stops.
    fn state(&self, fetch: &mut StateFetch) -> Result<bool> {
        let head = fetch.head();
        let (mut turn, mut told, mut alive) = (0, Monotonic::start(), Monotonic::start());
        // Those who have the state, or can make it now.
        let mut givers: Vec<u16> = Vec::new();
        while fetch.wanted() != Wanted::Nothing {
            if self.peers.is_stopping() || alive.elapsed() > PATIENCE {
                return Ok(false);
            }
            if givers.is_empty() {
                let question = Question::State(head.number);
                let gives = |peer: &u16| {
                    let offer = self.peers.ask::<Offer>(*peer, &question);
                    offer.is_ok_and(|offer| (offer.hash, offer.root) == (head.hash, head.root))
                };
                givers = self.peers.connected().into_iter().filter(gives).collect();
                if givers.is_empty() {
                    self.peers.pause();
                    continue;
                }
            }
            let index = turn % givers.len();
            let peer = givers.get(index).copied().unwrap_or_default();
            turn = turn.wrapping_add(1);
            match self.piece(fetch, peer) {
                Ok(()) => alive = Monotonic::start(),
                Err(error) if is_ours(&error) => return Err(error),
                Err(error) => {
                    tracing::debug!(peer, error = format!("{error:#}"), "no piece of the state");
                    givers.remove(index);
                }
            }
            self.progress.store(fetch.permille(), Ordering::Relaxed);
            metrics::gauge!("qenex_state_fetch_permille").set(f64::from(fetch.permille()));
            if told.elapsed() > TELL {
                told = Monotonic::start();
                tracing::info!(
                    block = head.number,
                    permille = fetch.permille(),
                    "fetching the state"
                );
            }
        }
        Ok(true)
    }

    /// Fetches what is wanted next from one peer.
    fn piece(&self, fetch: &mut StateFetch, peer: u16) -> Result<()> {
        let hash = fetch.head().hash;
        match fetch.wanted() {
            Wanted::Accounts(start) => {
                let row: RangeRow = self.peers.ask(peer, &Question::Accounts(hash, start))?;
                fetch.accounts(&row.try_into()?)?;
            }
            Wanted::Slots(wanted) => {
                let place = |(account, start)| Place { account, start };
                let places = wanted.into_iter().map(place).collect();
                let rows: Vec<RangeRow> = self.peers.ask(peer, &Question::Slots(hash, places))?;
                let ranges =
                    rows.into_iter().map(RangeProof::try_from).collect::<Result<Vec<_>>>()?;
                fetch.slots(&ranges)?;
            }
            Wanted::Codes(wanted) => {
                let codes: Vec<Bytes> = self.peers.ask(peer, &Question::Codes(wanted))?;
                fetch.codes(&codes)?;
            }
            Wanted::Nothing => {}
        }
        Ok(())
    }
}

/// Whether an error is of this node's own database, and not a peer's fault.
fn is_ours(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(FetchError::State(_)))
        || error.downcast_ref::<StateError>().is_some()
        || error.downcast_ref::<StoreError>().is_some()
        || matches!(error.downcast_ref(), Some(ExecError::State(_)))
}

/// Final blocks of a peer with their receipts, checked against their headers, for the store.
fn records(
    peers: &Peers,
    validators: &Validators,
    peer: u16,
    from: u64,
    parent: Option<B256>,
) -> Result<Vec<BlockRecord>> {
    let rows: FinalRows = peers.ask(peer, &Question::History(from))?;
    let blocks = rows.prove(from, parent, &validators.context())?;
    let receipts = |block: &FinalBlock| match &block.receipts {
        Some(receipts) => Ok(receipts.clone()),
        None => receipts_in_parts(peers, peer, block.block.meta.height),
    };
    let receipts = blocks.iter().map(receipts).collect::<Result<Vec<_>>>()?;
    let all: Vec<_> = blocks.into_iter().zip(receipts).collect();
    all.into_par_iter()
        .map(|(block, receipts)| {
            let height = block.block.meta.height;
            record_unexecuted(&block.block.payload, &receipts, block.proof)
                .with_context(|| format!("block {height}"))
        })
        .collect()
}

fn receipts_in_parts(peers: &Peers, peer: u16, height: u64) -> Result<Bytes> {
    let mut all = Vec::new();
    loop {
        let from = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let part = peers.ask_bytes(peer, &Question::Receipts(height, from))?;
        all.extend_from_slice(&part);
        if part.len() != RECEIPTS_PART {
            return Ok(all.into());
        }
        if all.len() > MAX_RECEIPTS {
            bail!("the receipts of block {height} have no end");
        }
    }
}
