//! Polling filters (`eth_newFilter` and its like).

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use alloy_primitives::B256;
use alloy_rpc_types_eth::Filter;
use parking_lot::Mutex;
use qenex_types::PooledTransaction;
use tokio::{
    sync::broadcast::{Receiver, error::TryRecvError},
    time::{Duration, Instant},
};

use crate::error::Failure;

/// A filter that nobody asks for so long is forgotten.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What a filter watches.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Logs, as a query.
    Logs(Box<Filter>),
    /// Block hashes.
    Blocks,
    /// Transactions new in the pool.
    Pending(Receiver<PooledTransaction>),
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    /// The first block not yet reported.
    next: u64,
    asked: Instant,
}

/// What is new for a filter.
#[derive(Debug)]
pub(crate) enum Changes {
    /// Logs of the blocks from the number on.
    Logs(Box<Filter>, u64),
    /// Hashes of the blocks from the number on.
    Blocks(u64),
    /// These transactions.
    Pending(Vec<B256>),
}

/// All filters by id.
#[derive(Debug)]
pub(crate) struct Filters {
    entries: Mutex<BTreeMap<u128, Entry>>,
    ids: Ids,
    most: usize,
}

impl Filters {
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: Mutex::default(), ids: Ids::default(), most }
    }

    /// Keeps a filter that reports what comes after block `height`.
    pub(crate) fn add(&self, kind: Kind, height: u64) -> Result<String, Failure> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        entries.retain(|_, entry| now.duration_since(entry.asked) < LIFETIME);
        if entries.len() >= self.most {
            return Err(Failure::limit("too many filters"));
        }
        let id = self.ids.next();
        entries.insert(id, Entry { kind, next: height.saturating_add(1), asked: now });
        Ok(format!("{id:#x}"))
    }

    /// What is new for a filter since it was last asked, up to block `height`.
    pub(crate) fn changes(&self, id: &str, height: u64) -> Result<Changes, Failure> {
        self.changes_at(id, height, Instant::now())
    }

    fn changes_at(&self, id: &str, height: u64, now: Instant) -> Result<Changes, Failure> {
        let mut entries = self.entries.lock();
        let entry = live(&mut entries, id, now)?;
        let from = entry.next;
        entry.next = height.saturating_add(1);
        Ok(match &mut entry.kind {
            Kind::Logs(filter) => Changes::Logs(filter.clone(), from),
            Kind::Blocks => Changes::Blocks(from),
            Kind::Pending(receiver) => Changes::Pending(drain(receiver)),
        })
    }

    /// The query of a log filter.
    pub(crate) fn logs(&self, id: &str) -> Result<Box<Filter>, Failure> {
        let mut entries = self.entries.lock();
        match &live(&mut entries, id, Instant::now())?.kind {
            Kind::Logs(filter) => Ok(filter.clone()),
            _ => Err(not_found()),
        }
    }

    /// Forgets a filter; whether there was one.
    pub(crate) fn remove(&self, id: &str) -> bool {
        parse(id).is_some_and(|id| self.entries.lock().remove(&id).is_some())
    }
}

fn live<'a>(
    entries: &'a mut BTreeMap<u128, Entry>,
    id: &str,
    now: Instant,
) -> Result<&'a mut Entry, Failure> {
    let entry = parse(id).and_then(|id| entries.get_mut(&id)).ok_or_else(not_found)?;
    if now.duration_since(entry.asked) >= LIFETIME {
        return Err(not_found());
    }
    entry.asked = now;
    Ok(entry)
}

fn not_found() -> Failure {
    Failure::refused("filter not found")
}

fn parse(id: &str) -> Option<u128> {
    u128::from_str_radix(id.strip_prefix("0x")?, 16).ok()
}

/// Everything waiting; what was lost for want of room is skipped.
fn drain(receiver: &mut Receiver<PooledTransaction>) -> Vec<B256> {
    let mut hashes = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(tx) => hashes.push(*tx.inner().tx_hash()),
            Err(TryRecvError::Lagged(_)) => (),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return hashes,
        }
    }
}

/// Ids that another client cannot guess: a keyed hash of a counter.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    counter: AtomicU64,
    keys: (RandomState, RandomState),
}

impl Ids {
    pub(crate) fn next(&self) -> u128 {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        u128::from(self.keys.0.hash_one(n)) << 64 | u128::from(self.keys.1.hash_one(n))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, Instant};

    use super::{Changes, Filters, Kind, LIFETIME};

    #[test]
    fn a_filter_reports_each_block_once_and_is_forgotten_when_unused() {
        let filters = Filters::new(2);
        let id = filters.add(Kind::Blocks, 7).unwrap();
        assert!(matches!(filters.changes(&id, 9), Ok(Changes::Blocks(8))));
        assert!(matches!(filters.changes(&id, 9), Ok(Changes::Blocks(10))));
        assert!(filters.logs(&id).is_err());

        let now = Instant::now();
        let just = now + LIFETIME - Duration::from_secs(1);
        assert!(filters.changes_at(&id, 9, just).is_ok());
        assert!(filters.changes_at(&id, 9, now + LIFETIME).is_ok(), "asked a second ago");
        assert!(filters.changes_at(&id, 9, now + LIFETIME * 2).is_err());
    }

    #[test]
    fn filters_are_bounded_and_removed_by_id() {
        let filters = Filters::new(1);
        let id = filters.add(Kind::Blocks, 0).unwrap();
        assert!(filters.add(Kind::Blocks, 0).is_err());
        assert!(!filters.remove("0x1") && !filters.remove("junk"));
        assert!(filters.remove(&id) && !filters.remove(&id));
    }
}
