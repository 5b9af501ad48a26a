//! States that are given to new nodes: each of one block, read from a checkpoint of the database made
//! for it. The node goes on meanwhile; the checkpoint costs the files that the database would have
//! given up since.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use parking_lot::Mutex;
use qenex_exec::Chain;
use qenex_store::{Store, StoreOptions};
use qenex_trie::{State, StateTree, TreeOptions};

use super::serve::Offer;
use crate::clock::{Monotonic, unix_ms};

/// States held at a time. A new one takes the place of the one that was asked for longest ago.
const HELD: usize = 2;

/// A state that nobody asked for in this time is given up, and no other takes the place of one that
/// was asked for within it.
const IDLE: Duration = Duration::from_secs(600);

/// A held state that is so many blocks old is not offered to who begins.
const FRESH: u64 = 1_024;

/// Memory for the blocks of a checkpoint.
const CACHE: usize = 32 << 20;

/// The states that a node holds for others.
pub(crate) struct States {
    folder: PathBuf,
    options: StoreOptions,
    /// Locked while one is made: several who ask get the same.
    held: Mutex<Vec<Held>>,
}

struct Held {
    offer: Offer,
    state: State,
    used: Monotonic,
    /// Before the folder: it has the database open.
    _tree: StateTree,
    _folder: Folder,
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(folder: &Path) {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "cannot remove a checkpoint");
        }
        _ => {}
    }
}

impl States {
    /// Those of a node with its data in a folder and a database that is opened with these options.
    pub(crate) fn new(data: &Path, options: StoreOptions) -> Self {
        let folder = data.join("states");
        remove(&folder); // Left by a node that was killed.
        let options = StoreOptions { cache_bytes: CACHE, ..options };
        Self { folder, options, held: Mutex::default() }
    }

    /// Makes ready the state of a block, or of a recent one, and says which it is; nothing if that
    /// cannot be had.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(crate) fn offer(&self, chain: &Chain, number: Option<u64>) -> Result<Option<Offer>> {
        let mut held = self.held.lock();
        let head = chain.head().header.number;
        let fits = |held: &&mut Held| match number {
            Some(number) => held.offer.number == number,
            None => held.offer.number.saturating_add(FRESH) >= head,
        };
        if let Some(held) = held.iter_mut().rev().find(fits) {
            held.used = Monotonic::start();
            return Ok(Some(held.offer));
        }
        let far = |number: u64| number.saturating_add(chain.proof_window()) < head;
        if number.is_some_and(|number| number > head || far(number)) {
            return Ok(None);
        }
        if held.len() >= HELD {
            let oldest = held.iter().enumerate().max_by_key(|(_, held)| held.used.elapsed());
            match oldest {
                Some((index, oldest)) if oldest.used.elapsed() > IDLE => drop(held.remove(index)),
                _ => return Ok(None),
            }
        }
        let made = self.make(chain, number)?;
        let offer = made.as_ref().map(|made| made.offer);
        held.extend(made);
        Ok(offer)
    }

    fn make(&self, chain: &Chain, number: Option<u64>) -> Result<Option<Held>> {
        // Named after nothing that repeats: an older one may still be read while it goes.
        let at = self.folder.join(format!("{}", unix_ms()));
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let folder = Folder(at);
        chain.flush()?;
        chain.checkpoint(&folder.0)?;
        let store = Store::open(&folder.0, &self.options)?;
        let small = 1 << 14;
        let options = TreeOptions {
            cached_nodes: small,
            cached_accounts: small,
            cached_slots: small,
            proof_window: chain.proof_window(),
            ..TreeOptions::default()
        };
        let tree = StateTree::open(store, options)?;
        let number = number.unwrap_or_else(|| tree.head().number());
        let Some(state) = tree.state_at(number)? else { return Ok(None) };
        let offer = Offer { number, hash: state.block_hash(), root: state.root() };
        let state = state.at_hand()?;
        tracing::info!(number, "a peer begins with the state of this block");
        let used = Monotonic::start();
        Ok(Some(Held { offer, state, used, _tree: tree, _folder: folder }))
    }

    /// The state of the block with this hash, if it is held.
    pub(crate) fn of(&self, hash: &B256) -> Option<State> {
        let mut held = self.held.lock();
        let held = held.iter_mut().find(|held| held.offer.hash == *hash)?;
        held.used = Monotonic::start();
        Some(held.state.clone())
    }

    /// Gives up what nobody asks for any more.
    pub(crate) fn expire(&self) {
        // Who makes one holds the lock; there is time.
        if let Some(mut held) = self.held.try_lock() {
            held.retain(|held| held.used.elapsed() <= IDLE);
        }
    }
}
