//! The development node as JSON-RPC asks it: one lock around everything that makes or undoes blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use alloy_primitives::{Address, B256, Signature};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use anyhow::Result;
use parking_lot::{Mutex, RwLock};
use qenex_exec::{AccountOverride, Chain, SealedBlock};
use qenex_pool::Pool;
use qenex_rpc_eth::{Development, DevelopmentError, Mining};
use tokio::sync::{broadcast, watch};

use super::{
    desk::{Clock, Desk},
    folders::{Folders, closed},
};
use crate::suite::Suite;

/// Most blocks of one request.
const MAX_BLOCKS: u64 = 100_000;

/// Most snapshots at a time.
const MAX_SNAPSHOTS: usize = 1_000;

/// The node.
#[derive(Debug)]
pub(crate) struct DevNode {
    chain: RwLock<Arc<Chain>>,
    put_back: AtomicU64,
    mining: watch::Sender<Mining>,
    signers: Vec<PrivateKeySigner>,
    impersonated: RwLock<BTreeSet<Address>>,
    impersonates_all: AtomicBool,
    work: Mutex<Option<Work>>,
}

/// What one may use at a time; nothing once the node is closed.
#[derive(Debug)]
struct Work {
    desk: Desk,
    folders: Folders,
    /// What a chain begins with.
    suite: Option<Suite>,
    /// By number, with the number of its database and the time it was made at.
    snapshots: BTreeMap<u64, Snapshot>,
    last_snapshot: u64,
}

impl Work {
    fn deploy_suite(&mut self, chain: &Arc<Chain>) -> Result<(), DevelopmentError> {
        self.suite.as_ref().map_or(Ok(()), |suite| self.desk.deploy(chain, suite))
    }
}

#[derive(Clone, Copy, Debug)]
struct Snapshot {
    database: u64,
    time: u64,
}

fn failed(error: impl std::fmt::Display) -> DevelopmentError {
    DevelopmentError::Failed(format!("{error:#}"))
}

impl DevNode {
    /// A node on a chain.
    pub(super) fn new(
        folders: Folders,
        chain: Arc<Chain>,
        pool: Arc<Pool>,
        heads: broadcast::Sender<Arc<SealedBlock>>,
        mining: watch::Sender<Mining>,
        signers: Vec<PrivateKeySigner>,
        suite: Option<Suite>,
    ) -> Self {
        let desk = Desk { pool, heads, clock: Clock::default(), silent: false };
        let work = Work { desk, folders, suite, snapshots: BTreeMap::new(), last_snapshot: 0 };
        Self {
            chain: RwLock::new(chain),
            put_back: AtomicU64::new(0),
            mining,
            signers,
            impersonated: RwLock::default(),
            impersonates_all: AtomicBool::new(false),
            work: Mutex::new(Some(work)),
        }
    }

    /// Deploys the contract suite where the chain is to have it and has not.
    pub(super) fn deploy_suite(&self) -> Result<(), DevelopmentError> {
        self.alone(|work| work.deploy_suite(&self.chain()))
    }

    /// Transactions came into the pool.
    pub(super) fn on_transactions(&self) {
        if self.mining() == Mining::Auto
            && let Err(error) = self.with(|work, chain| work.desk.mine_waiting(chain))
        {
            tracing::error!(%error, "cannot make a block");
        }
    }

    /// Writes what is only in memory and closes the database.
    pub(super) fn close(&self) -> Result<()> {
        let Some(work) = self.work.lock().take() else { return Ok(()) };
        self.chain().flush()?;
        work.folders.close()
    }

    /// Works on the chain as it is.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Work, &Arc<Chain>) -> Result<T, DevelopmentError>,
    ) -> Result<T, DevelopmentError> {
        self.alone(|inner| work(inner, &self.chain()))
    }

    /// Works while nobody else does, and without holding a chain that may have to be closed.
    fn alone<T>(
        &self,
        work: impl FnOnce(&mut Work) -> Result<T, DevelopmentError>,
    ) -> Result<T, DevelopmentError> {
        let mut guard = self.work.lock();
        let stopping = || DevelopmentError::Refused("the node is stopping".into());
        work(guard.as_mut().ok_or_else(stopping)?)
    }

    /// Goes on with another database; the old one is removed.
    fn change_to(&self, work: &mut Work, database: Option<u64>) -> Result<(), DevelopmentError> {
        let old = work.folders.current();
        let chain = work.folders.change_to(database).map_err(failed)?;
        work.desk.clear_pool(&chain);
        let before = std::mem::replace(&mut *self.chain.write(), chain);
        self.put_back.fetch_add(1, Ordering::SeqCst);
        // Admitted in between, on the old state.
        work.desk.clear_pool(&self.chain());
        if closed(before) {
            work.folders.remove(old);
        } else {
            tracing::warn!("somebody still reads the old chain: its folder stays until the end");
        }
        Ok(())
    }
}

impl Development for DevNode {
    fn chain(&self) -> Arc<Chain> {
        self.chain.read().clone()
    }

    fn times_put_back(&self) -> u64 {
        self.put_back.load(Ordering::SeqCst)
    }

    fn accounts(&self) -> Vec<Address> {
        self.signers.iter().map(PrivateKeySigner::address).collect()
    }

    fn sign(&self, account: Address, hash: &B256) -> Option<Signature> {
        let signer = self.signers.iter().find(|signer| signer.address() == account)?;
        signer.sign_hash_sync(hash).ok()
    }

    fn impersonated(&self) -> BTreeSet<Address> {
        self.impersonated.read().clone()
    }

    fn impersonates(&self, account: Address) -> bool {
        self.impersonates_all.load(Ordering::SeqCst) || self.impersonated.read().contains(&account)
    }

    fn set_impersonated(&self, account: Address, on: bool) {
        let mut impersonated = self.impersonated.write();
        if on {
            impersonated.insert(account);
        } else {
            impersonated.remove(&account);
        }
    }

    fn set_impersonates_all(&self, on: bool) {
        self.impersonates_all.store(on, Ordering::SeqCst);
    }

    fn mining(&self) -> Mining {
        *self.mining.borrow()
    }

    fn set_mining(&self, mining: Mining) -> Result<(), DevelopmentError> {
        self.mining.send_replace(mining);
        self.with(|work, chain| match mining {
            Mining::Auto => work.desk.mine_waiting(chain),
            Mining::Interval(_) | Mining::Manual => Ok(()),
        })
    }

    fn mine(
        &self,
        blocks: u64,
        seconds_apart: u64,
        first_at: Option<u64>,
    ) -> Result<(), DevelopmentError> {
        if blocks > MAX_BLOCKS {
            return Err(DevelopmentError::Refused(format!(
                "{blocks} blocks are too many: at most {MAX_BLOCKS} at a time"
            )));
        }
        self.with(|work, chain| work.desk.mine(chain, blocks, seconds_apart, first_at))
    }

    fn increase_time(&self, seconds: u64) -> Result<i64, DevelopmentError> {
        self.alone(|work| work.desk.increase_time(seconds))
    }

    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), DevelopmentError> {
        self.with(|work, chain| work.desk.set_next(chain, timestamp))
    }

    fn set_accounts(
        &self,
        accounts: &BTreeMap<Address, AccountOverride>,
    ) -> Result<(), DevelopmentError> {
        self.with(|work, chain| work.desk.set_accounts(chain, accounts))
    }

    fn snapshot(&self) -> Result<u64, DevelopmentError> {
        self.with(|work, chain| {
            if work.snapshots.len() >= MAX_SNAPSHOTS {
                return Err(DevelopmentError::Refused(format!(
                    "there are {MAX_SNAPSHOTS} snapshots already: revert to one of them first"
                )));
            }
            let database = work.folders.checkpoint(chain).map_err(failed)?;
            let time = work.desk.clock.now();
            work.last_snapshot = work.last_snapshot.saturating_add(1);
            work.snapshots.insert(work.last_snapshot, Snapshot { database, time });
            Ok(work.last_snapshot)
        })
    }

    fn revert(&self, snapshot: u64) -> Result<bool, DevelopmentError> {
        self.alone(|work| {
            let Some(Snapshot { database, time }) = work.snapshots.get(&snapshot).copied() else {
                return Ok(false);
            };
            self.change_to(work, Some(database))?;
            work.desk.clock = Clock::default();
            work.desk.clock.set(time);
            for (_, later) in work.snapshots.split_off(&snapshot).into_iter().skip(1) {
                work.folders.remove(later.database);
            }
            Ok(true)
        })
    }

    fn reset(&self) -> Result<(), DevelopmentError> {
        self.alone(|work| {
            self.change_to(work, None)?;
            work.desk.clock = Clock::default();
            for snapshot in std::mem::take(&mut work.snapshots).into_values() {
                work.folders.remove(snapshot.database);
            }
            self.impersonated.write().clear();
            self.impersonates_all.store(false, Ordering::SeqCst);
            work.deploy_suite(&self.chain())
        })
    }
}
