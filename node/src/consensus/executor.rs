//! The executor: the one thread that builds, checks and commits blocks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use qenex_consensus::{
    Block, BlockMeta, Built, Certificate, ConsensusHeader, Input, Purpose, View,
};
use qenex_exec::{BlockAttributes, BuildLimits, Candidates, ExecError, SealedBlock};
use qenex_pool::Best;
use qenex_types::PooledTransaction;

use super::{FinalityProof, Shared, driver::to_gauge, prev_randao, sync};
use crate::{accounts::HeadAccounts, clock::unix_ms, fetch::Needed};

/// How often an idle executor looks whether a heartbeat is due.
const IDLE: Duration = Duration::from_millis(250);

/// How far a proposer's clock may be ahead of ours, milliseconds.
const MAX_AHEAD_MS: u64 = 5_000;

/// What the driver asks for.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make a block.
    Build(Order),
    /// Execute a block and say whether it is right.
    Validate {
        /// To be repeated.
        view: View,
        /// What for.
        purpose: Purpose,
        /// The block.
        block: Block,
    },
    /// Commit blocks.
    Finalise {
        /// In rising height.
        chain: Vec<BlockMeta>,
        /// Of the last one.
        certificate: Certificate,
    },
    /// Catch up.
    SyncTo {
        /// Of the block to reach.
        certificate: Certificate,
    },
    /// Flush and end.
    Stop,
}

/// What block is wanted.
#[derive(Debug)]
pub(crate) struct Order {
    /// The view to propose in.
    pub(crate) view: View,
    /// Hash of what to build on.
    pub(crate) parent: B256,
    /// Complete but for the time.
    pub(crate) template: ConsensusHeader,
    /// Whether an empty block is wanted too.
    pub(crate) required: bool,
}

/// Whether the machine was told that transactions wait.
#[derive(Debug, Default)]
pub(crate) struct WorkFlag(AtomicBool);

impl WorkFlag {
    /// More has come in. Always told, for a leader that had nothing to propose a moment ago waits
    /// for it.
    pub(crate) fn announce(&self, shared: &Shared) {
        self.0.store(true, Ordering::SeqCst);
        shared.driver.send(Input::Work);
    }

    /// Something waits; told only if it was not known.
    fn remind(&self, shared: &Shared) {
        if !self.0.swap(true, Ordering::SeqCst) {
            shared.driver.send(Input::Work);
        }
    }
}

/// The executor's own things.
pub(crate) struct Executor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) work: Arc<WorkFlag>,
    /// Time of the newest block, milliseconds since 1970.
    tip_time_ms: u64,
}

impl Executor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        jobs: Receiver<Job>,
        work: Arc<WorkFlag>,
        tip_time_ms: u64,
    ) -> Self {
        Self { shared, jobs, work, tip_time_ms }
    }

    /// Runs until [`Job::Stop`], then writes what is only in memory.
    ///
    /// # Errors
    ///
    /// If the node's own state fails: the process must end. [`Needed`] if there is no block yet and
    /// the network is `fetch_state_after` views ahead.
    pub(crate) fn run(mut self, fetch_state_after: u64) -> Result<()> {
        let mut deferred: Option<(u64, Order)> = None;
        loop {
            let wait = deferred.as_ref().map_or(IDLE, |(due, _)| {
                Duration::from_millis(due.saturating_sub(unix_ms())).min(IDLE)
            });
            match self.jobs.recv_timeout(wait) {
                Ok(Job::Build(order)) => deferred = Some((self.due(&order), order)),
                Ok(Job::Validate { view, purpose, block }) => {
                    self.validate(view, purpose, &block)?;
                }
                Ok(Job::Finalise { chain, certificate }) => self.finalise(&chain, &certificate)?,
                Ok(Job::SyncTo { certificate }) => {
                    let ahead = certificate.reference.view.0;
                    let empty = self.shared.chain.head().header.number == 0;
                    if empty && fetch_state_after > 0 && ahead >= fetch_state_after {
                        return Err(Needed.into());
                    }
                    self.sync(&certificate)?;
                }
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            // Votes and commits that come in between go first.
            if let Some((_, order)) = deferred.take_if(|(due, _)| *due <= unix_ms()) {
                self.build(order)?;
            }
            self.look_for_work();
        }
        self.shared.chain.flush().context("cannot write the state")
    }

    /// When an order may be carried out, milliseconds since 1970.
    fn due(&self, order: &Order) -> u64 {
        let parent = self.shared.consensus_header(&order.parent);
        let pause = self.shared.config.min_block_ms;
        // Never longer than one pause from now, whatever the clock of the parent's leader says.
        parent.map_or(0, |header| {
            header.time_ms.saturating_add(pause).min(unix_ms().saturating_add(pause))
        })
    }

    fn build(&mut self, order: Order) -> Result<()> {
        let Order { view, parent, template, required } = order;
        let shared = self.shared.clone();
        let parent_header = match self.header_of(parent)? {
            Some(header) => header,
            None => {
                tracing::warn!(%view, %parent, "cannot build on an unknown parent");
                shared.driver.send(Input::Built { view, result: None });
                return Ok(());
            }
        };
        let parent_time = shared
            .consensus_header(&parent)
            .map_or(parent_header.timestamp.saturating_mul(1_000), |header| header.time_ms);
        let time_ms = unix_ms().max(parent_time.saturating_add(1));
        let consensus_header = ConsensusHeader { time_ms, ..template };
        let beneficiary = shared
            .spec
            .validators
            .get(shared.me.position())
            .map_or(Address::ZERO, |validator| validator.fee_recipient);
        let attributes = BlockAttributes {
            timestamp: time_ms / 1_000,
            beneficiary,
            prev_randao: prev_randao(&parent, &consensus_header),
            consensus_hash: consensus_header.digest(),
        };
        let base_fee = shared.chain.rules().next_base_fee(&parent_header);
        let mut candidates = PoolCandidates {
            best: shared.pool.best(base_fee, &self.next_nonces(parent)),
            invalid: Vec::new(),
        };
        let limits = BuildLimits {
            time: Duration::from_millis(shared.config.build_ms),
            transactions: shared.config.max_transactions,
            ..BuildLimits::default()
        };
        let (executed, built) =
            match shared.chain.build(parent, attributes, &mut candidates, limits) {
                Ok(done) => done,
                Err(error @ ExecError::State(_)) => return Err(error.into()),
                Err(error) => {
                    // An engine that breaks the books is a bug: better no block than a wrong one.
                    metrics::counter!("qenex_blocks_refused_total").increment(1);
                    tracing::error!(%view, %parent, %error, "cannot build a block");
                    shared.driver.send(Input::Built { view, result: None });
                    return Ok(());
                }
            };
        let invalid = std::mem::take(&mut candidates.invalid);
        drop(candidates);
        // On an open parent the reason may vanish with it; on the final head it stays.
        if parent == shared.chain.head().hash {
            for hash in invalid {
                shared.pool.remove_invalid(hash);
            }
        }
        let result = (built.included > 0 || required || self.heartbeat_due()).then(|| {
            self.tip_time_ms = time_ms;
            let header = consensus_header.clone();
            shared.headers.write().insert(executed.block.hash, header);
            Built {
                block: BlockMeta {
                    hash: executed.block.hash,
                    parent,
                    height: executed.block.header.number,
                },
                consensus_header,
                payload: executed.encoded,
            }
        });
        shared.driver.send(Input::Built { view, result });
        Ok(())
    }

    fn validate(&mut self, view: View, purpose: Purpose, block: &Block) -> Result<()> {
        let hash = block.meta.hash;
        let valid = match self.check(purpose, block) {
            Ok(()) => true,
            Err(Refusal::Invalid(reason)) => {
                metrics::counter!("qenex_blocks_refused_total").increment(1);
                tracing::warn!(%view, height = block.meta.height, %hash, reason, "block refused");
                false
            }
            Err(Refusal::Fatal(error)) => return Err(error),
        };
        if valid {
            self.tip_time_ms = block.consensus_header.time_ms;
            self.shared.headers.write().insert(hash, block.consensus_header.clone());
        }
        self.shared.driver.send(Input::BlockChecked { view, hash, valid });
        Ok(())
    }

    fn check(&self, purpose: Purpose, block: &Block) -> Result<(), Refusal> {
        let shared = &self.shared;
        if let Some((known, _)) = shared.chain.header(block.meta.height)? {
            return if known == block.meta.hash {
                Ok(())
            } else {
                Err(Refusal::Invalid("another block is final at its height".into()))
            };
        }
        let consensus = &block.consensus_header;
        if purpose == Purpose::Vote {
            let latest = unix_ms().saturating_add(MAX_AHEAD_MS);
            if consensus.time_ms > latest {
                return Err(Refusal::Invalid(format!(
                    "its time {} is ahead of this node's clock",
                    consensus.time_ms
                )));
            }
        }
        if let Some(parent) = shared.consensus_header(&block.meta.parent)
            && consensus.time_ms <= parent.time_ms
        {
            return Err(Refusal::Invalid("its time is not after its parent's".into()));
        }
        let executed = shared.chain.check(&block.payload, &|hash| shared.pool.get(hash))?;
        let header = &executed.block.header;
        let proposer = shared.spec.validators.get(consensus.proposer.position());
        let expected = [
            ("timestamp", header.timestamp == consensus.time_ms / 1_000),
            ("mixHash", header.mix_hash == prev_randao(&block.meta.parent, consensus)),
            ("miner", proposer.is_some_and(|p| p.fee_recipient == header.beneficiary)),
        ];
        match expected.iter().find(|(_, right)| !right) {
            Some((field, _)) => Err(Refusal::Invalid(format!("wrong {field}"))),
            None => Ok(()),
        }
    }

    fn finalise(&self, chain: &[BlockMeta], certificate: &Certificate) -> Result<()> {
        let head = self.shared.chain.head().header.number;
        let mut proven = Vec::with_capacity(chain.len());
        for block in chain.iter().filter(|block| block.height > head) {
            let consensus_header = self
                .shared
                .consensus_header(&block.hash)
                .with_context(|| format!("no consensus header of block {}", block.height))?;
            let own = certificate.reference.hash == block.hash;
            let proof =
                FinalityProof { consensus_header, certificate: own.then(|| certificate.clone()) };
            proven.push((block.hash, proof.encode()));
        }
        let blocks = self.shared.chain.finalise(&proven)?;
        self.committed(&blocks, certificate.reference.view);
        Ok(())
    }

    fn sync(&self, certificate: &Certificate) -> Result<()> {
        self.shared.standing.write().syncing = true;
        tracing::info!(view = %certificate.reference.view, "catching up with final blocks of peers");
        let shared = self.shared.clone();
        let result = sync::run(&shared, certificate, |blocks, view| self.committed(blocks, view));
        shared.standing.write().syncing = false;
        match result {
            Err(_) if shared.is_stopping() => Ok(()),
            other => other,
        }
    }

    /// Tells everybody about new final blocks.
    fn committed(&self, blocks: &[Arc<SealedBlock>], view: View) {
        let shared = self.shared.clone();
        let Some(last) = blocks.last() else { return };
        let accounts = HeadAccounts(shared.chain.clone());
        for block in blocks {
            let included = block
                .transactions
                .iter()
                .map(|tx| (*tx.inner().tx_hash(), tx.signer(), tx.inner().nonce()));
            let recipients = block.transactions.iter().filter_map(|tx| tx.inner().to());
            shared.pool.on_final(included, recipients, &accounts);
            let count = block.transactions.len() as u64;
            metrics::counter!("qenex_transactions_final_total").increment(count);
            metrics::counter!("qenex_blocks_final_total").increment(1);
            // Nobody listening is fine.
            let _listeners = shared.heads.send(block.clone());
        }
        let number = last.header.number;
        metrics::gauge!("qenex_chain_height").set(to_gauge(number));
        tracing::debug!(number, transactions = last.transactions.len(), hash = %last.hash, "final");
        shared
            .headers
            .write()
            .retain(|hash, _| *hash == last.hash || shared.chain.proposal(hash).is_some());
        shared.driver.send(Input::Finalised { height: number, view, hash: last.hash });
    }

    /// Tells the driver whether transactions wait that are not final yet, or a heartbeat is due.
    fn look_for_work(&self) {
        if self.has_work() {
            self.work.remind(&self.shared);
        } else if self.work.0.load(Ordering::SeqCst) {
            self.shared.driver.send(Input::NoWork);
            self.work.0.store(false, Ordering::SeqCst);
            // What was admitted between the look and the store would be forgotten.
            if self.has_work() {
                self.work.remind(&self.shared);
            }
        }
    }

    fn has_work(&self) -> bool {
        if self.heartbeat_due() {
            return true;
        }
        if self.shared.pool.is_empty_of_pending() {
            return false;
        }
        let base_fee = self.shared.chain.rules().next_base_fee(&self.shared.chain.head().header);
        self.shared.pool.has_executable(base_fee, &BTreeMap::new())
    }

    fn heartbeat_due(&self) -> bool {
        let interval = self.shared.spec.heartbeat_ms;
        interval > 0 && unix_ms() >= self.tip_time_ms.saturating_add(interval)
    }

    fn header_of(&self, hash: B256) -> Result<Option<alloy_consensus::Header>> {
        let chain = &self.shared.chain;
        let head = chain.head();
        if head.hash == hash {
            return Ok(Some(head.header.clone()));
        }
        if let Some(executed) = chain.proposal(&hash) {
            return Ok(Some(executed.block.header.clone()));
        }
        Ok(chain.block_by_hash(hash)?.map(|block| block.header.clone()))
    }

    /// Next nonces of senders with transactions in open blocks under `tip`.
    fn next_nonces(&self, tip: B256) -> BTreeMap<Address, u64> {
        let mut nonces = BTreeMap::new();
        for executed in self.shared.chain.open_branch(tip).iter().rev() {
            nonces.extend(executed.block.next_nonces());
        }
        nonces
    }
}

/// Why a block gets no vote.
enum Refusal {
    Invalid(String),
    Fatal(anyhow::Error),
}

impl From<ExecError> for Refusal {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::State(_) => Self::Fatal(error.into()),
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// The pool's best transactions, as the builder takes them.
struct PoolCandidates<'a> {
    best: Best<'a>,
    invalid: Vec<B256>,
}

impl Candidates for PoolCandidates<'_> {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.best.next()
    }

    fn refuse(&mut self, transaction: &PooledTransaction, reason: &str) {
        tracing::debug!(hash = %transaction.inner().tx_hash(), reason, "not in this block");
        self.best.skip_sender(transaction.signer());
        // What only lacks room stays in the pool.
        if !reason.starts_with("exceeds block gas limit") {
            self.invalid.push(*transaction.inner().tx_hash());
        }
    }
}
