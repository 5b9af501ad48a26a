//! The order in which a block takes transactions.
//!
//! By effective tip, then by arrival; a sender's in the order of its nonces. Nothing is sorted
//! when a block begins: the pool keeps the first executable transaction of each sender in two
//! ordered indices, by `maxPriorityFeePerGas` and by `gasPrice`. The real tip under some base fee
//! is never above the first and exactly `gasPrice - baseFee` for the second, so one only has to
//! pull from an index while its next could still beat the best candidate at hand. Taking k
//! transactions costs O(k log n).

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use alloy_primitives::{Address, map::AddressHashSet};
use parking_lot::RwLock;
use qenex_types::PooledTransaction;

use crate::{
    entry::{Entry, HeadKey},
    index::Index,
};

/// Transactions, best first. The pool may change meanwhile: what is removed stops appearing, what
/// arrives may or may not appear; the nonces of one sender always come in order and without gap.
#[derive(Debug)]
pub struct Best<'a> {
    index: &'a RwLock<Index>,
    base_fee: u64,
    candidates: BinaryHeap<Candidate>,
    dynamic: Cursor,
    flat: Cursor,
    /// Senders whose first transaction was a candidate already.
    seen: AddressHashSet,
    skipped: AddressHashSet,
}

/// How far one of the two indices has been read.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    flat: bool,
    /// The next head not yet pulled, if there is one.
    next: Option<HeadKey>,
}

/// The highest tip, then the earliest arrival, is the greatest.
type Rank = (u128, Reverse<u64>);

#[derive(Debug)]
struct Candidate {
    rank: Rank,
    entry: Arc<Entry>,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}
impl Eq for Candidate {}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Cursor {
    /// No head still to pull ranks above this. `None` if there is none left that can pay.
    fn bound(&self, base_fee: u64) -> Option<Rank> {
        let (Reverse(price), arrival, _) = self.next?;
        let tip = if self.flat { price.checked_sub(u128::from(base_fee))? } else { price };
        Some((tip, Reverse(arrival)))
    }
}

impl<'a> Best<'a> {
    pub(crate) fn new<'n>(
        lock: &'a RwLock<Index>,
        base_fee: u64,
        next_nonces: impl IntoIterator<Item = (&'n Address, &'n u64)>,
    ) -> Self {
        let index = lock.read();
        let mut best = Self {
            index: lock,
            base_fee,
            candidates: BinaryHeap::new(),
            dynamic: Cursor { flat: false, next: index.head_after(false, None) },
            flat: Cursor { flat: true, next: index.head_after(true, None) },
            seen: AddressHashSet::default(),
            skipped: AddressHashSet::default(),
        };
        for (sender, nonce) in next_nonces {
            best.seen.insert(*sender);
            if let Some(entry) = index.at(sender, *nonce) {
                best.offer(entry);
            }
        }
        best
    }

    /// Leaves out all further transactions of a sender: the last one turned out invalid, so the
    /// next nonces cannot run.
    pub fn skip_sender(&mut self, sender: Address) {
        self.skipped.insert(sender);
    }

    fn offer(&mut self, entry: &Arc<Entry>) {
        if let Some(tip) = entry.effective_tip(self.base_fee) {
            let rank = (tip, Reverse(entry.arrival));
            self.candidates.push(Candidate { rank, entry: Arc::clone(entry) });
        }
    }

    /// Pulls heads until none left behind could beat the best candidate.
    fn pull(&mut self, index: &Index) {
        loop {
            let dynamic = self.dynamic.bound(self.base_fee);
            let flat = self.flat.bound(self.base_fee);
            let Some(bound) = dynamic.max(flat) else { return };
            if self.candidates.peek().is_some_and(|best| best.rank >= bound) {
                return;
            }
            let cursor = if flat == Some(bound) { &mut self.flat } else { &mut self.dynamic };
            let Some(key) = cursor.next else { return };
            cursor.next = index.head_after(cursor.flat, Some(key));
            if !self.seen.insert(key.2) {
                continue;
            }
            let account = index.accounts.get(&key.2);
            if let Some(head) = account.and_then(|a| a.txs.get(&a.state.nonce)) {
                self.offer(head);
            }
        }
    }
}

impl Iterator for Best<'_> {
    type Item = PooledTransaction;

    fn next(&mut self) -> Option<PooledTransaction> {
        let lock = self.index;
        let index = lock.read();
        loop {
            self.pull(&index);
            let entry = self.candidates.pop()?.entry;
            if self.skipped.contains(&entry.sender) {
                continue;
            }
            if let Some(later) = index.at(&entry.sender, entry.nonce.saturating_add(1)) {
                self.offer(later);
            }
            // Gone or replaced since it became a candidate: nothing of the sender is certain to run
            // in this block any more.
            if index.by_hash.contains_key(&entry.hash) {
                return Some(Arc::clone(&entry.tx));
            }
            self.skipped.insert(entry.sender);
        }
    }
}
