//! The bookkeeping of the pool: by hash, by sender and nonce, by price.
//!
//! Invariants, kept by every operation and checked by the property tests:
//! 1. A sender's transactions `nonce..executable` (the executable ones) have no gap; all others are
//!    queued.
//! 2. The cost of all of a sender's transactions is at most its balance.
//! 3. The bounds of [`PoolConfig`] hold.
//! 4. `heads` has exactly the first executable transaction of every sender that has one; `worth`
//!    has every transaction.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
};

use alloy_primitives::{
    Address, B256, U256,
    map::{AddressHashMap, B256HashMap},
};

use crate::{
    AccountState, PoolConfig, PoolError,
    entry::{Entry, HeadKey, WorthKey},
};

/// Hashes of transactions in recent final blocks, so that late gossip costs no recovery.
const RECENT: usize = 65_536;

/// A sender with transactions in the pool.
#[derive(Debug)]
pub(crate) struct Account {
    /// As of the last final block this sender was touched in.
    pub(crate) state: AccountState,
    /// By nonce; none below the state's.
    pub(crate) txs: BTreeMap<u64, Arc<Entry>>,
    /// First nonce at or above the state's that is not here.
    pub(crate) executable: u64,
    /// Sum of the costs.
    cost: U256,
    /// The key of the head that stands in the index, and whether it is a flat one.
    head: Option<(bool, HeadKey)>,
}

impl Account {
    const fn new(state: AccountState) -> Self {
        let executable = state.nonce;
        Self { state, txs: BTreeMap::new(), executable, cost: U256::ZERO, head: None }
    }

    /// How many are behind a gap.
    pub(crate) fn queued(&self) -> usize {
        // Nonces in `state.nonce..executable` are all here, so the rest is queued.
        let executable = usize::try_from(self.executable.saturating_sub(self.state.nonce));
        self.txs.len().saturating_sub(executable.unwrap_or(usize::MAX))
    }
}

/// All of the pool's data; `pool.rs` puts a lock around it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) accounts: AddressHashMap<Account>,
    pub(crate) by_hash: B256HashMap<Arc<Entry>>,
    /// Heads whose tip is a cap of its own.
    pub(crate) heads: BTreeSet<HeadKey>,
    /// Heads whose tip is what the base fee leaves.
    pub(crate) flat_heads: BTreeSet<HeadKey>,
    worth: BTreeSet<WorthKey>,
    pub(crate) queued: usize,
    pub(crate) bytes: usize,
    /// Counts final blocks, so that admission notices that its state is from before one.
    pub(crate) finals: u64,
    pub(crate) now_ms: u64,
    arrivals: u64,
    recent: B256HashMap<(Address, u64)>,
    recent_order: VecDeque<B256>,
}

impl Index {
    /// Executable transactions.
    pub(crate) fn pending(&self) -> usize {
        self.by_hash.len().saturating_sub(self.queued)
    }

    /// Takes a transaction in, or says why not. `state` is used if the sender is new to the pool.
    pub(crate) fn insert(
        &mut self,
        mut entry: Entry,
        state: AccountState,
        config: &PoolConfig,
    ) -> Result<Arc<Entry>, PoolError> {
        if self.by_hash.contains_key(&entry.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let executable = self.admit(&entry, &state, config)?;
        entry.arrival = self.arrivals;
        entry.arrived_ms = self.now_ms;
        let replaced = self.at(&entry.sender, entry.nonce).map(|old| (old.hash, old.raw.len()));
        self.make_room(&entry, executable, replaced.map(|(_, bytes)| bytes), config)?;

        self.arrivals = self.arrivals.saturating_add(1);
        if let Some((hash, _)) = replaced {
            self.unlink(hash, config);
        }
        let entry = Arc::new(entry);
        let account = self.accounts.entry(entry.sender).or_insert_with(|| Account::new(state));
        account.cost = account.cost.saturating_add(entry.cost);
        account.txs.insert(entry.nonce, Arc::clone(&entry));
        self.by_hash.insert(entry.hash, Arc::clone(&entry));
        self.worth.insert(entry.worth_key(false, config.min_base_fee));
        self.queued = self.queued.saturating_add(1);
        self.bytes = self.bytes.saturating_add(entry.raw.len());
        self.settle(entry.sender, config);
        Ok(entry)
    }

    /// The checks against state and the sender's other transactions. Answers whether the
    /// transaction would be executable.
    fn admit(
        &self,
        entry: &Entry,
        fresh: &AccountState,
        config: &PoolConfig,
    ) -> Result<bool, PoolError> {
        let account = self.accounts.get(&entry.sender);
        let state = account.map_or(fresh, |account| &account.state);
        let next = account.map_or(state.nonce, |account| account.executable);

        if entry.nonce < state.nonce {
            return Err(PoolError::NonceTooLow { next: state.nonce, nonce: entry.nonce });
        }
        let old = account.and_then(|account| account.txs.get(&entry.nonce));
        if old.is_some_and(|old| !entry.may_replace(old)) {
            return Err(PoolError::Replacement);
        }
        let cost = account
            .map_or(U256::ZERO, |account| account.cost)
            .saturating_sub(old.map_or(U256::ZERO, |old| old.cost))
            .saturating_add(entry.cost);
        if cost > state.balance {
            return Err(PoolError::Funds { sender: entry.sender, balance: state.balance, cost });
        }
        if state.has_code_or_delegation && entry.nonce != state.nonce {
            return Err(PoolError::DelegatedInFlight);
        }
        let executable = entry.nonce <= next;
        if old.is_none() {
            let (total, queued) = account.map_or((0, 0), |a| (a.txs.len(), a.queued()));
            if total >= config.max_per_sender {
                return Err(PoolError::SenderLimit { limit: config.max_per_sender, kind: "" });
            }
            if !executable && queued >= config.max_queued_per_sender {
                let limit = config.max_queued_per_sender;
                return Err(PoolError::SenderLimit { limit, kind: " behind a nonce gap" });
            }
            if !executable && self.queued >= config.max_queued {
                return Err(PoolError::PoolFull);
            }
        }
        Ok(executable)
    }

    /// Drops what is worth least until the transaction fits, or refuses it.
    fn make_room(
        &mut self,
        entry: &Entry,
        executable: bool,
        replaced_bytes: Option<usize>,
        config: &PoolConfig,
    ) -> Result<(), PoolError> {
        let own = entry.worth_key(executable, config.min_base_fee);
        loop {
            let count = self.by_hash.len() + usize::from(replaced_bytes.is_none());
            let bytes = self.bytes.saturating_sub(replaced_bytes.unwrap_or(0)) + entry.raw.len();
            if count <= config.max_transactions && bytes <= config.max_bytes {
                return Ok(());
            }
            let worst = self.worth.first().copied();
            let Some(worst) = worst.filter(|w| (w.0, w.1) < (own.0, own.1) && w.3 != entry.sender)
            else {
                return Err(PoolError::PoolFull);
            };
            // The sender's last one goes: it depends on all others of the sender, none on it.
            let last = self.accounts.get(&worst.3).and_then(|a| a.txs.values().next_back());
            let Some(hash) = last.map(|last| last.hash) else {
                return Err(PoolError::PoolFull);
            };
            self.remove(hash, config);
        }
    }

    /// Takes a transaction out. The sender's later ones become queued; those beyond the bound of
    /// queued ones go too. Answers all that went.
    pub(crate) fn remove(&mut self, hash: B256, config: &PoolConfig) -> Vec<Arc<Entry>> {
        let Some(entry) = self.unlink(hash, config) else { return Vec::new() };
        let sender = entry.sender;
        let mut gone = vec![entry];
        while let Some(account) = self.accounts.get(&sender) {
            let last = account.txs.values().next_back().map(|last| last.hash);
            let too_many = account.queued() > config.max_queued_per_sender
                || (self.queued > config.max_queued && account.queued() > 0);
            let Some(last) = last.filter(|_| too_many) else { break };
            gone.extend(self.unlink(last, config));
        }
        self.settle(sender, config);
        gone
    }

    /// Brings a sender to a new state: drops used nonces and what it can no longer pay, promotes
    /// what has become executable. Answers what went.
    pub(crate) fn refresh(
        &mut self,
        sender: Address,
        state: AccountState,
        config: &PoolConfig,
    ) -> Vec<Arc<Entry>> {
        let mut gone = Vec::new();
        let mut left = 0;
        if let Some(account) = self.accounts.get_mut(&sender) {
            // A final nonce never goes back.
            let nonce = state.nonce.max(account.state.nonce);
            let kept = account.txs.split_off(&nonce);
            let used = std::mem::replace(&mut account.txs, kept);
            let executable = account.executable;
            for entry in used.values() {
                account.cost = account.cost.saturating_sub(entry.cost);
            }
            account.executable = executable.max(nonce);
            account.state = AccountState { nonce, ..state };
            left = account.txs.len();
            for entry in used.into_values() {
                self.forget(&entry, entry.nonce < executable, config);
                gone.push(entry);
            }
        }
        while left > 0 {
            let Some(account) = self.accounts.get(&sender) else { break };
            let broke = account.cost > account.state.balance;
            let in_flight = account.state.has_code_or_delegation && account.txs.len() > 1;
            let last = account.txs.values().next_back().map(|last| last.hash);
            let Some(last) = last.filter(|_| broke || in_flight) else { break };
            gone.extend(self.unlink(last, config));
            left -= 1;
        }
        self.settle(sender, config);
        gone
    }

    /// Drops transactions behind a gap that arrived before `deadline_ms`.
    pub(crate) fn expire(&mut self, deadline_ms: u64, config: &PoolConfig) -> Vec<Arc<Entry>> {
        let old: Vec<B256> = self
            .accounts
            .values()
            .filter(|account| account.queued() > 0)
            .flat_map(|account| account.txs.range(account.executable..))
            .filter(|(_, entry)| entry.arrived_ms < deadline_ms)
            .map(|(_, entry)| entry.hash)
            .collect();
        old.into_iter().flat_map(|hash| self.remove(hash, config)).collect()
    }

    /// Remembers that a transaction is in a final block.
    pub(crate) fn remember(&mut self, hash: B256, sender: Address, nonce: u64) {
        if self.recent.insert(hash, (sender, nonce)).is_none() {
            self.recent_order.push_back(hash);
        }
        while self.recent_order.len() > RECENT {
            if let Some(oldest) = self.recent_order.pop_front() {
                self.recent.remove(&oldest);
            }
        }
    }

    /// Whether a transaction is in a recent final block: its sender and nonce.
    pub(crate) fn recent(&self, hash: &B256) -> Option<(Address, u64)> {
        self.recent.get(hash).copied()
    }

    /// The transaction of a sender at a nonce.
    pub(crate) fn at(&self, sender: &Address, nonce: u64) -> Option<&Arc<Entry>> {
        self.accounts.get(sender)?.txs.get(&nonce)
    }

    /// The first head after `cursor` in one of the two indices.
    pub(crate) fn head_after(&self, flat: bool, cursor: Option<HeadKey>) -> Option<HeadKey> {
        let heads = if flat { &self.flat_heads } else { &self.heads };
        match cursor {
            None => heads.first().copied(),
            Some(key) => heads.range((Bound::Excluded(key), Bound::Unbounded)).next().copied(),
        }
    }

    #[cfg(test)]
    pub(crate) fn worth_len(&self) -> usize {
        self.worth.len()
    }

    /// Takes a transaction out of all maps; [`Self::settle`] must follow for its sender.
    fn unlink(&mut self, hash: B256, config: &PoolConfig) -> Option<Arc<Entry>> {
        let entry = self.by_hash.get(&hash).map(Arc::clone)?;
        let account = self.accounts.get_mut(&entry.sender)?;
        account.txs.remove(&entry.nonce);
        account.cost = account.cost.saturating_sub(entry.cost);

        let executable = entry.nonce < account.executable;
        if executable {
            // What came after is behind a gap now.
            for later in account.txs.range(entry.nonce..account.executable).map(|(_, e)| e) {
                self.worth.remove(&later.worth_key(true, config.min_base_fee));
                self.worth.insert(later.worth_key(false, config.min_base_fee));
                self.queued = self.queued.saturating_add(1);
            }
            account.executable = entry.nonce;
        }
        self.forget(&entry, executable, config);
        Some(entry)
    }

    /// Takes a transaction out of what is not by sender.
    fn forget(&mut self, entry: &Entry, executable: bool, config: &PoolConfig) {
        self.by_hash.remove(&entry.hash);
        self.worth.remove(&entry.worth_key(executable, config.min_base_fee));
        self.bytes = self.bytes.saturating_sub(entry.raw.len());
        if !executable {
            self.queued = self.queued.saturating_sub(1);
        }
    }

    /// Promotes what follows on the executable ones, renews the head, forgets an empty sender.
    fn settle(&mut self, sender: Address, config: &PoolConfig) {
        let Some(account) = self.accounts.get_mut(&sender) else { return };
        while let Some(entry) = account.txs.get(&account.executable) {
            self.worth.remove(&entry.worth_key(false, config.min_base_fee));
            self.worth.insert(entry.worth_key(true, config.min_base_fee));
            self.queued = self.queued.saturating_sub(1);
            account.executable = account.executable.saturating_add(1);
        }
        let head = account.txs.get(&account.state.nonce).map(|e| (e.is_flat(), e.head_key()));
        if head != account.head {
            if let Some((flat, key)) = account.head.take() {
                let heads = if flat { &mut self.flat_heads } else { &mut self.heads };
                heads.remove(&key);
            }
            if let Some((flat, key)) = head {
                let heads = if flat { &mut self.flat_heads } else { &mut self.heads };
                heads.insert(key);
            }
            account.head = head;
        }
        if account.txs.is_empty() {
            self.accounts.remove(&sender);
        }
    }
}
