//! The pool as the rest of the node uses it: thread-safe, batches in, answers out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_consensus::transaction::{Recovered, SignerRecoverable};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressHashMap};
use parking_lot::RwLock;
use qenex_types::{PooledTransaction, Transaction, TransactionBounds};
use rayon::prelude::*;

use crate::{Best, PoolConfig, PoolError, check, decode, entry::Entry, index::Index};

/// Transactions one thread recovers at a time; below this a batch stays on the caller's thread.
const CHUNK: usize = 16;
/// Transactions inserted under one hold of the lock, so that readers wait well under 1 ms.
const INSERT_CHUNK: usize = 128;

/// What admission needs to know of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// The next nonce.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Whether the account has code or an EIP-7702 delegation: it may have one transaction in
    /// flight, as anyone may move its balance or nonce.
    pub has_code_or_delegation: bool,
}

/// Reads accounts of the latest final state.
pub trait AccountReader: Send + Sync {
    /// The account, or an empty one if it does not exist.
    ///
    /// # Errors
    ///
    /// What keeps the node from reading its state, in words.
    fn account(&self, address: Address) -> Result<AccountState, String>;
}

/// How full the pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Executable transactions.
    pub pending: usize,
    /// Transactions behind a nonce gap.
    pub queued: usize,
    /// Encoded size of all, bytes.
    pub bytes: usize,
}

/// A sender's transactions by nonce.
#[derive(Clone, Debug, Default)]
pub struct SenderContent {
    /// Executable.
    pub pending: BTreeMap<u64, PooledTransaction>,
    /// Behind a nonce gap.
    pub queued: BTreeMap<u64, PooledTransaction>,
}

/// All transactions by sender.
pub type Content = BTreeMap<Address, SenderContent>;

/// The transaction pool.
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    index: RwLock<Index>,
    generation: AtomicU64,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(config: PoolConfig) -> Self {
        Self { config, index: RwLock::default(), generation: AtomicU64::new(0) }
    }

    /// The bounds.
    pub const fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// Admits one encoded transaction; see [`Self::add_raw_batch`].
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn add_raw(&self, raw: &Bytes, accounts: &dyn AccountReader) -> Result<B256, PoolError> {
        let prepared = self.prepare(raw, None)?;
        self.admit(vec![Ok(prepared)], accounts).pop().unwrap_or(Err(PoolError::PoolFull))
    }

    /// Admits encoded transactions, in order; one answer each: the hash, or why it is refused.
    ///
    /// Decoding, checks without state and sender recovery run on the rayon pool. With a `fee_cap`,
    /// wei, what could pay more for gas is refused as a mistake: a rule for the node's own clients,
    /// not for what peers pass on.
    pub fn add_raw_batch(
        &self,
        raws: &[Bytes],
        accounts: &dyn AccountReader,
        fee_cap: Option<U256>,
    ) -> Vec<Result<B256, PoolError>> {
        let one = |raw| self.prepare(raw, fee_cap);
        let prepared: Vec<_> = if raws.len() <= CHUNK {
            raws.iter().map(one).collect()
        } else {
            raws.par_iter().with_min_len(CHUNK).map(one).collect()
        };
        self.admit(prepared, accounts)
    }

    /// Admits transactions whose senders are known, e.g. from a block that was not finalised.
    pub fn add_recovered(
        &self,
        transactions: Vec<(PooledTransaction, Bytes)>,
        accounts: &dyn AccountReader,
    ) -> Vec<Result<B256, PoolError>> {
        let prepared = transactions.into_iter().map(|(tx, raw)| {
            check::check(tx.inner(), raw.len(), &self.config)?;
            Ok(Entry::new(tx, raw))
        });
        self.admit(prepared.collect(), accounts)
    }

    /// Decodes, checks what needs no state, recovers the sender.
    fn prepare(&self, raw: &Bytes, fee_cap: Option<U256>) -> Result<Entry, PoolError> {
        // Whatever it calls; `check` knows what it calls.
        let limit = TransactionBounds::LEDGER.bytes;
        if raw.len() > limit && raw.first() != Some(&3) {
            return Err(PoolError::Oversized { size: raw.len(), limit });
        }
        let tx: Transaction = decode(raw)?;
        let hash = *tx.tx_hash();
        if self.index.read().by_hash.contains_key(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        check::check(&tx, raw.len(), &self.config)?;
        check::check_fee_cap(&tx, fee_cap)?;
        let recent = self.index.read().recent(&hash);
        let sender = match recent {
            Some((sender, _)) => sender,
            None => tx.recover_signer().map_err(|_| PoolError::Signature)?,
        };
        Ok(Entry::new(Arc::new(Recovered::new_unchecked(tx, sender)), raw.clone()))
    }

    fn admit(
        &self,
        prepared: Vec<Result<Entry, PoolError>>,
        accounts: &dyn AccountReader,
    ) -> Vec<Result<B256, PoolError>> {
        let mut answers = Vec::with_capacity(prepared.len());
        let mut added = false;
        let mut prepared = prepared.into_iter().peekable();
        while prepared.peek().is_some() {
            let chunk: Vec<_> = prepared.by_ref().take(INSERT_CHUNK).collect();
            // State is read before the lock is taken, and again under it in the rare case that a
            // block became final in between.
            let (finals, mut states) = self.read_states(&chunk, accounts);
            let mut index = self.index.write();
            if index.finals != finals {
                states.clear();
            }
            for entry in chunk {
                let answer = entry.and_then(|entry| {
                    let state = match states.get(&entry.sender) {
                        Some(state) => *state,
                        None if index.accounts.contains_key(&entry.sender) => {
                            AccountState::default() // Not used: the pool knows the sender.
                        }
                        None => accounts.account(entry.sender).map_err(PoolError::State)?,
                    };
                    match index.insert(entry.clone(), state, &self.config) {
                        // The sender may have been paid by a contract, which no one told us of.
                        Err(PoolError::Funds { sender, .. })
                            if index.accounts.contains_key(&sender) =>
                        {
                            let state = accounts.account(sender).map_err(PoolError::State)?;
                            index.refresh(sender, state, &self.config);
                            index.insert(entry, state, &self.config)
                        }
                        other => other,
                    }
                    .map(|entry| entry.hash)
                });
                added |= answer.is_ok();
                answers.push(answer);
            }
        }
        if added {
            self.generation.fetch_add(1, Ordering::Release);
        }
        answers
    }

    /// States of the senders the pool does not know, and the count of final blocks before.
    fn read_states(
        &self,
        chunk: &[Result<Entry, PoolError>],
        accounts: &dyn AccountReader,
    ) -> (u64, AddressHashMap<AccountState>) {
        let mut states = AddressHashMap::default();
        let finals = {
            let index = self.index.read();
            for entry in chunk.iter().flatten() {
                if !index.accounts.contains_key(&entry.sender) {
                    states.insert(entry.sender, AccountState::default());
                }
            }
            index.finals
        };
        // What cannot be read is asked for again at insertion, where the error has an addressee.
        states.retain(|sender, state| accounts.account(*sender).map(|read| *state = read).is_ok());
        (finals, states)
    }

    /// Transactions for a block, best first.
    ///
    /// `next_nonces` are the senders with transactions in proposals that are not final yet: theirs
    /// start at the given nonce instead of the final one.
    pub fn best(&self, base_fee: u64, next_nonces: &BTreeMap<Address, u64>) -> Best<'_> {
        Best::new(&self.index, base_fee, next_nonces)
    }

    /// Whether a block on top of those proposals would have a transaction to take.
    pub fn has_executable(&self, base_fee: u64, next_nonces: &BTreeMap<Address, u64>) -> bool {
        self.best(base_fee, next_nonces).next().is_some()
    }

    /// A block became final. The reader must already show its state.
    ///
    /// `included` are its transactions (hash, sender, nonce); `changed` all further accounts whose
    /// nonce, balance or code it changed. Used and no longer payable transactions are dropped and
    /// answered; queued ones that have become executable are promoted. A sender whose state cannot
    /// be read keeps its transactions.
    pub fn on_final(
        &self,
        included: impl IntoIterator<Item = (B256, Address, u64)>,
        changed: impl IntoIterator<Item = Address>,
        accounts: &dyn AccountReader,
    ) -> Vec<PooledTransaction> {
        let included: Vec<_> = included.into_iter().collect();
        let mut touched: Vec<Address> =
            included.iter().map(|(_, sender, _)| *sender).chain(changed).collect();
        touched.sort_unstable();
        touched.dedup();

        let mut states = AddressHashMap::default();
        {
            let index = self.index.read();
            for address in touched.iter().filter(|a| index.accounts.contains_key(*a)) {
                states.insert(*address, AccountState::default());
            }
        }
        states
            .retain(|address, state| accounts.account(*address).map(|read| *state = read).is_ok());

        let mut index = self.index.write();
        index.finals = index.finals.wrapping_add(1);
        for (hash, sender, nonce) in included {
            index.remember(hash, sender, nonce);
        }
        let mut gone = Vec::new();
        for address in touched {
            if !index.accounts.contains_key(&address) {
                continue;
            }
            let state = match states.get(&address) {
                Some(state) => *state,
                // Came in while we read.
                None => match accounts.account(address) {
                    Ok(state) => state,
                    Err(_) => continue,
                },
            };
            gone.extend(index.refresh(address, state, &self.config));
        }
        drop(index);
        self.generation.fetch_add(1, Ordering::Release);
        gone.into_iter().map(|entry| Arc::clone(&entry.tx)).collect()
    }

    /// Takes out a transaction that turned out invalid; the sender's later ones become queued.
    /// Answers whether it was here.
    pub fn remove_invalid(&self, hash: B256) -> bool {
        !self.index.write().remove(hash, &self.config).is_empty()
    }

    /// Tells the pool the time and drops what has waited too long behind a nonce gap. Answers what
    /// went. To be called every few seconds.
    pub fn expire(&self, now_ms: u64) -> Vec<PooledTransaction> {
        let mut index = self.index.write();
        index.now_ms = index.now_ms.max(now_ms);
        let deadline = index.now_ms.saturating_sub(self.config.queued_lifetime_ms);
        let gone = index.expire(deadline, &self.config);
        gone.into_iter().map(|entry| Arc::clone(&entry.tx)).collect()
    }

    /// A transaction with its sender.
    pub fn get(&self, hash: &B256) -> Option<PooledTransaction> {
        self.index.read().by_hash.get(hash).map(|entry| Arc::clone(&entry.tx))
    }

    /// Many of [`Self::get`] under one lock: what a block validator needs.
    pub fn get_many(&self, hashes: &[B256]) -> Vec<Option<PooledTransaction>> {
        let index = self.index.read();
        hashes
            .iter()
            .map(|hash| index.by_hash.get(hash).map(|entry| Arc::clone(&entry.tx)))
            .collect()
    }

    /// The EIP-2718 bytes of a transaction.
    pub fn raw(&self, hash: &B256) -> Option<Bytes> {
        self.index.read().by_hash.get(hash).map(|entry| entry.raw.clone())
    }

    /// Whether a transaction is here.
    pub fn contains(&self, hash: &B256) -> bool {
        self.index.read().by_hash.contains_key(hash)
    }

    /// Whether a transaction is here or was in one of the last final blocks.
    pub fn knows(&self, hash: &B256) -> bool {
        let index = self.index.read();
        index.by_hash.contains_key(hash) || index.recent(hash).is_some()
    }

    /// The nonce a sender's next transaction should have: past its executable ones.
    pub fn pending_nonce(&self, sender: Address, state_nonce: u64) -> u64 {
        let index = self.index.read();
        index.accounts.get(&sender).map_or(state_nonce, |a| a.executable.max(state_nonce))
    }

    /// A sender's transactions.
    pub fn by_sender(&self, sender: Address) -> SenderContent {
        let index = self.index.read();
        index.accounts.get(&sender).map(sender_content).unwrap_or_default()
    }

    /// A sender's transaction at a nonce.
    pub fn at(&self, sender: Address, nonce: u64) -> Option<PooledTransaction> {
        self.index.read().at(&sender, nonce).map(|entry| Arc::clone(&entry.tx))
    }

    /// All transactions by sender and nonce.
    pub fn content(&self) -> Content {
        let index = self.index.read();
        index.accounts.iter().map(|(sender, a)| (*sender, sender_content(a))).collect()
    }

    /// The bytes of the `most` transactions that have waited longest, in the order of arrival: for
    /// peers that missed them.
    pub fn raws(&self, most: usize) -> Vec<Bytes> {
        let mut all: Vec<Arc<Entry>> = self.index.read().by_hash.values().map(Arc::clone).collect();
        if most < all.len() {
            all.select_nth_unstable_by_key(most, |entry| entry.arrival);
            all.truncate(most);
        }
        all.sort_unstable_by_key(|entry| entry.arrival);
        all.into_iter().map(|entry| entry.raw.clone()).collect()
    }

    /// How full the pool is.
    pub fn status(&self) -> Status {
        let index = self.index.read();
        Status { pending: index.pending(), queued: index.queued, bytes: index.bytes }
    }

    /// Whether there is no executable transaction.
    pub fn is_empty_of_pending(&self) -> bool {
        self.index.read().pending() == 0
    }

    /// Changes whenever transactions were admitted or a block became final.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(crate) fn with_index<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.index.read())
    }
}

fn sender_content(account: &crate::index::Account) -> SenderContent {
    let mut content = SenderContent::default();
    for (nonce, entry) in &account.txs {
        let part =
            if *nonce < account.executable { &mut content.pending } else { &mut content.queued };
        part.insert(*nonce, Arc::clone(&entry.tx));
    }
    content
}
