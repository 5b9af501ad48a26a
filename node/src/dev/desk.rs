//! Where the blocks of a development node are made, one after the other, and its clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use qenex_exec::{
    AccountOverride, BlockAttributes, BuildLimits, Built, Candidates, Chain, ExecError,
    ExecutedBlock, SealedBlock,
};
use qenex_genesis::SUITE_DEPLOYER;
use qenex_pool::{AccountReader as _, Best, Pool};
use qenex_rpc_eth::DevelopmentError;
use qenex_types::PooledTransaction;
use tokio::sync::broadcast;

use crate::{accounts::HeadAccounts, clock::unix_ms, suite::Suite};

/// Latest time of a block, seconds: the engines keep times in 40 bits.
const MAX_TIMESTAMP: u64 = (1 << 40) - 1;

/// Empty blocks written at a time.
const BATCH: u64 = 64;

/// What blocks are made of and told to.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) pool: Arc<Pool>,
    pub(super) heads: broadcast::Sender<Arc<SealedBlock>>,
    pub(super) clock: Clock,
    /// Whether blocks are not told of in the log.
    pub(super) silent: bool,
}

/// The time of blocks: the machine's, moved, and never back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Seconds ahead of the machine's clock.
    ahead: i64,
    /// Set for the next block.
    next: Option<u64>,
}

impl Clock {
    /// Now, seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        (unix_ms() / 1_000).saturating_add_signed(self.ahead)
    }

    /// Sets it.
    pub(super) fn set(&mut self, now: u64) {
        let machine = unix_ms() / 1_000;
        self.ahead =
            i64::try_from(i128::from(now).saturating_sub(i128::from(machine))).unwrap_or(i64::MAX);
    }

    /// The time of a block on a parent of this time.
    fn of_child(&self, parent: u64) -> u64 {
        self.next.unwrap_or_else(|| self.now()).max(parent)
    }

    /// A block was made at this time.
    fn used(&mut self, timestamp: u64) {
        if self.next.take().is_some() {
            self.set(timestamp);
        }
    }
}

fn failed(error: impl std::fmt::Display) -> DevelopmentError {
    DevelopmentError::Failed(error.to_string())
}

/// The fate of a block that cannot be made.
fn fate(error: ExecError) -> DevelopmentError {
    match error {
        ExecError::ByHand(_) | ExecError::Invalid(_) => {
            DevelopmentError::Refused(error.to_string())
        }
        other => failed(other),
    }
}

fn checked(timestamp: Option<u64>) -> Result<u64, DevelopmentError> {
    timestamp.filter(|time| *time <= MAX_TIMESTAMP).ok_or_else(|| {
        DevelopmentError::Refused(format!("blocks cannot be later than {MAX_TIMESTAMP}"))
    })
}

impl Desk {
    /// Makes a block of each transaction that waits.
    pub(super) fn mine_waiting(&mut self, chain: &Arc<Chain>) -> Result<(), DevelopmentError> {
        loop {
            let base_fee = chain.rules().next_base_fee(&chain.head().header);
            if !self.pool.has_executable(base_fee, &BTreeMap::new()) {
                return Ok(());
            }
            let built = self.attempt(chain, 1, false)?;
            if built == Built::default() {
                return Ok(());
            }
        }
    }

    /// Makes blocks, so many seconds apart, the first at this time.
    pub(super) fn mine(
        &mut self,
        chain: &Arc<Chain>,
        blocks: u64,
        apart: u64,
        first_at: Option<u64>,
    ) -> Result<(), DevelopmentError> {
        let clock = self.clock;
        if let Some(first_at) = first_at {
            self.set_next(chain, first_at)?;
        }
        let first = self.clock.of_child(chain.head().header.timestamp);
        let span = apart.checked_mul(blocks.saturating_sub(1));
        if let Err(refused) = checked(span.and_then(|span| first.checked_add(span))) {
            self.clock = clock;
            return Err(refused);
        }
        let mut left = blocks;
        while left > 0 {
            if left < blocks && apart > 0 {
                let head = chain.head().header.timestamp;
                self.clock.next = Some(head.saturating_add(apart));
            }
            if self.pool.is_empty_of_pending() && left > 1 {
                let count = left.min(BATCH);
                self.mine_empty(chain, count, apart)?;
                left = left.saturating_sub(count);
            } else {
                self.attempt(chain, usize::MAX, true)?;
                left = left.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Deploys what the chain has not got of the contract suite, in one block if there is room.
    pub(super) fn deploy(
        &mut self,
        chain: &Arc<Chain>,
        suite: &Suite,
    ) -> Result<(), DevelopmentError> {
        let accounts = HeadAccounts(chain.clone());
        let done = || accounts.account(SUITE_DEPLOYER).map(|account| account.nonce).map_err(failed);
        let before = chain.head();
        let sending = suite.transactions(done()?, before.header.timestamp).map_err(failed)?;
        let raws: Vec<Bytes> = sending.into_iter().map(|signed| signed.raw).collect();
        for admitted in self.pool.add_raw_batch(&raws, &accounts, None) {
            admitted.map_err(failed)?;
        }
        self.silent = true;
        let mut made = Ok(());
        while made.is_ok() && done()? < suite.len() {
            made = self.attempt(chain, usize::MAX, false).and_then(|built| {
                let nothing = "the contract suite does not fit into blocks of this chain";
                if built.included > 0 { Ok(()) } else { Err(failed(nothing)) }
            });
        }
        self.silent = false;
        made?;
        for number in before.header.number.saturating_add(1)..=chain.head().header.number {
            let block = chain.block(number).map_err(failed)?;
            if let Some(block) = block.filter(|block| block.receipts.iter().any(|r| !r.success)) {
                return Err(failed(format!(
                    "a transaction of the contract suite failed in block {}",
                    block.header.number
                )));
            }
        }
        Ok(())
    }

    /// Makes some blocks without transactions and writes them together.
    fn mine_empty(
        &mut self,
        chain: &Arc<Chain>,
        count: u64,
        apart: u64,
    ) -> Result<(), DevelopmentError> {
        let head = chain.head();
        let (mut parent, mut time) = (head.hash, self.clock.of_child(head.header.timestamp));
        let mut made = Vec::new();
        for _ in 0..count {
            let attributes = attributes(parent, time);
            let limits = BuildLimits::default();
            let (executed, _) =
                chain.build(parent, attributes, &mut Nothing, limits).map_err(fate)?;
            parent = executed.block.hash;
            made.push(parent);
            time = time.saturating_add(apart);
        }
        let last = time.saturating_sub(apart);
        if apart > 0 {
            self.clock.next = Some(last);
        }
        self.finalise(chain, &made, last)
    }

    /// Builds a block of at most so many transactions from the pool. It becomes final if it has some,
    /// or `empty` ones are wanted too.
    fn attempt(
        &mut self,
        chain: &Arc<Chain>,
        transactions: usize,
        empty: bool,
    ) -> Result<Built, DevelopmentError> {
        let head = chain.head();
        let time = self.clock.of_child(head.header.timestamp);
        let pool = self.pool.clone();
        let base_fee = chain.rules().next_base_fee(&head.header);
        let mut candidates =
            Waiting { best: pool.best(base_fee, &BTreeMap::new()), refused: Vec::new() };
        let limits = BuildLimits {
            transactions,
            bytes: usize::MAX,
            // A developer may send what takes long.
            time: Duration::from_secs(600),
        };
        let (executed, built) = chain
            .build(head.hash, attributes(head.hash, time), &mut candidates, limits)
            .map_err(fate)?;
        let refused = std::mem::take(&mut candidates.refused);
        drop(candidates);
        for (hash, reason, lacks_room) in refused {
            // What does not even fit into an empty block never will.
            if !lacks_room || built.included == 0 {
                tracing::warn!(%hash, reason, "transaction dropped");
                self.pool.remove_invalid(hash);
            }
        }
        if built.included > 0 || empty {
            self.finalise(chain, &[executed.block.hash], time)?;
        }
        Ok(built)
    }

    /// Sets accounts, in a block of its own at the time of its parent.
    pub(super) fn set_accounts(
        &mut self,
        chain: &Arc<Chain>,
        accounts: &BTreeMap<Address, AccountOverride>,
    ) -> Result<(), DevelopmentError> {
        let head = chain.head();
        let attributes = attributes(head.hash, head.header.timestamp);
        let executed: ExecutedBlock = chain.build_by_hand(attributes, accounts).map_err(fate)?;
        let clock = self.clock;
        self.finalise(chain, &[executed.block.hash], head.header.timestamp)?;
        // Whoever set the next block's time means the next one with transactions.
        self.clock = clock;
        chain.flush().map_err(failed)?;
        for (address, change) in accounts {
            if change.nonce.is_some() {
                // The pool never lets a nonce go back.
                let waiting = self.pool.by_sender(*address);
                for transaction in waiting.pending.values().chain(waiting.queued.values()) {
                    self.pool.remove_invalid(*transaction.inner().tx_hash());
                }
            }
        }
        let changed = accounts.keys().copied();
        self.pool.on_final([], changed, &HeadAccounts(chain.clone()));
        Ok(())
    }

    fn finalise(
        &mut self,
        chain: &Arc<Chain>,
        hashes: &[B256],
        time: u64,
    ) -> Result<(), DevelopmentError> {
        let unproven: Vec<_> = hashes.iter().map(|hash| (*hash, Bytes::new())).collect();
        let blocks = chain.finalise(&unproven).map_err(failed)?;
        self.clock.used(time);
        for block in blocks {
            let included = block.transactions.iter().map(|tx| {
                let nonce = alloy_consensus::Transaction::nonce(tx.inner());
                (*tx.inner().tx_hash(), tx.signer(), nonce)
            });
            let recipients: BTreeSet<Address> = block
                .transactions
                .iter()
                .filter_map(|tx| alloy_consensus::Transaction::to(tx.inner()))
                .collect();
            self.pool.on_final(included, recipients, &HeadAccounts(chain.clone()));
            if !self.silent {
                report(&block);
            }
            // Nobody listening is fine.
            let _listeners = self.heads.send(block);
        }
        Ok(())
    }

    /// Moves the clock forward; by how much it is ahead then.
    pub(super) fn increase_time(&mut self, seconds: u64) -> Result<i64, DevelopmentError> {
        let now = checked(self.clock.now().checked_add(seconds))?;
        self.clock.set(now);
        Ok(self.clock.ahead)
    }

    /// Sets the time of the next block.
    pub(super) fn set_next(&mut self, chain: &Chain, time: u64) -> Result<(), DevelopmentError> {
        let head = chain.head().header.timestamp;
        if time < head {
            return Err(DevelopmentError::Refused(format!(
                "timestamp {time} is before that of the last block, {head}"
            )));
        }
        self.clock.next = Some(checked(Some(time))?);
        Ok(())
    }

    /// Forgets all that waits.
    pub(super) fn clear_pool(&self, chain: &Arc<Chain>) {
        for content in self.pool.content().into_values() {
            for transaction in content.pending.values().chain(content.queued.values()) {
                self.pool.remove_invalid(*transaction.inner().tx_hash());
            }
        }
        // Admissions under way read the old state: they notice that they have to read again.
        self.pool.on_final([], [], &HeadAccounts(chain.clone()));
    }
}

/// What consensus would decide about a block.
fn attributes(parent: B256, timestamp: u64) -> BlockAttributes {
    let mark = |purpose: &[u8]| keccak256([purpose, parent.as_slice()].concat());
    BlockAttributes {
        timestamp,
        beneficiary: Address::ZERO,
        prev_randao: mark(b"randao"),
        consensus_hash: mark(b"consensus"),
    }
}

fn report(block: &SealedBlock) {
    for (index, transaction) in block.transactions.iter().enumerate() {
        let ok = block.receipts.get(index).is_some_and(|receipt| receipt.success);
        let hash = transaction.inner().tx_hash();
        let from = transaction.signer();
        let status = if ok { "success" } else { "reverted" };
        tracing::info!(%hash, %from, gas = block.gas_used(index), status, "transaction");
    }
    let header = &block.header;
    let transactions = block.transactions.len();
    tracing::info!(number = header.number, transactions, timestamp = header.timestamp, "block");
}

/// The pool's best transactions, as the builder takes them.
struct Waiting<'a> {
    best: Best<'a>,
    /// Hash, reason, and whether it only lacks room.
    refused: Vec<(B256, String, bool)>,
}

impl Candidates for Waiting<'_> {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.best.next()
    }

    fn refuse(&mut self, transaction: &PooledTransaction, reason: &str) {
        self.best.skip_sender(transaction.signer());
        let lacks_room = reason.starts_with("exceeds block gas limit");
        self.refused.push((*transaction.inner().tx_hash(), reason.to_owned(), lacks_room));
    }
}

/// For blocks without transactions.
struct Nothing;

impl Candidates for Nothing {
    fn next(&mut self) -> Option<PooledTransaction> {
        None
    }

    fn refuse(&mut self, _: &PooledTransaction, _: &str) {}
}
