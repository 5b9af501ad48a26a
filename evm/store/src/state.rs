//! The state tables: one batch per flush, point reads, and the history of pre-values.

use alloy_primitives::{B256, Bytes, U256};
use rocksdb::{ReadOptions, WriteBatch};

use crate::{
    error::StoreError,
    seal,
    store::Store,
    tables::{self, Account, ChangesRow, RowError, StateHead},
};

/// One row of a [`StateBatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// An account, or its end.
    Account(B256, Option<Account>),
    /// A slot of an account; zero ends it.
    Storage(B256, B256, U256),
    /// Code by its hash.
    Code(B256, Bytes),
    /// A trie node by its [`tables::node_key`], or its end.
    Node(Vec<u8>, Option<Vec<u8>>),
    /// What an account was before a block.
    AccountBefore(B256, u64, Option<Account>),
    /// What a slot was before a block.
    StorageBefore(B256, B256, u64, U256),
    /// Which keys a block touched.
    Changes(u64, ChangesRow),
}

/// A state flush in the making: changes, and the block they lead to.
pub struct StateBatch<'a> {
    store: &'a Store,
    pub(crate) batch: WriteBatch,
}

impl std::fmt::Debug for StateBatch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateBatch").field("rows", &self.batch.len()).finish_non_exhaustive()
    }
}

impl StateBatch<'_> {
    /// Adds a row. Of two rows with one key the later wins.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] if a table is missing.
    pub fn add(&mut self, change: &StateChange) -> Result<(), StoreError> {
        let store = self.store;
        let batch = &mut self.batch;
        match change {
            StateChange::Account(ah, Some(account)) => {
                store.put(batch, tables::ACCOUNTS, ah.as_slice(), &account.encode())?;
            }
            StateChange::Account(ah, None) => {
                batch.delete_cf(store.table(tables::ACCOUNTS)?, ah);
            }
            StateChange::Storage(ah, sh, value) => {
                let key = tables::storage_key(ah, sh);
                if value.is_zero() {
                    batch.delete_cf(store.table(tables::STORAGE)?, key);
                } else {
                    store.put(batch, tables::STORAGE, &key, &tables::encode_word(*value))?;
                }
            }
            StateChange::Code(hash, code) => {
                store.put(batch, tables::CODE, hash.as_slice(), code)?;
            }
            StateChange::Node(key, Some(row)) => store.put(batch, tables::TRIE, key, row)?,
            StateChange::Node(key, None) => batch.delete_cf(store.table(tables::TRIE)?, key),
            StateChange::AccountBefore(ah, number, before) => {
                let key = tables::account_history_key(ah, *number);
                let row = before.map(|account| account.encode()).unwrap_or_default();
                store.put(batch, tables::ACCOUNT_HISTORY, &key, &row)?;
            }
            StateChange::StorageBefore(ah, sh, number, before) => {
                let key = tables::storage_history_key(ah, sh, *number);
                store.put(batch, tables::STORAGE_HISTORY, &key, &tables::encode_word(*before))?;
            }
            StateChange::Changes(number, changes) => {
                store.put(batch, tables::CHANGES, &number.to_be_bytes(), &changes.encode())?;
            }
        }
        Ok(())
    }

    /// Bytes collected so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.batch.size_in_bytes()
    }
}

impl Store {
    /// Begins a state flush; [`Store::flush_state`] writes it.
    #[must_use]
    pub fn state_batch(&self) -> StateBatch<'_> {
        StateBatch { store: self, batch: WriteBatch::default() }
    }

    /// Writes a state flush: all of it or nothing, with the block it leads to.
    ///
    /// Not synced: after a power cut an older state head may be found, never a mixture.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk fails; the node must stop.
    pub fn flush_state(&self, batch: StateBatch<'_>, head: StateHead) -> Result<(), StoreError> {
        let mut batch = batch.batch;
        self.put(&mut batch, tables::META, tables::META_STATE_HEAD, &head.encode())?;
        self.write(batch)
    }

    /// The account as of the state head.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn account(&self, ah: &B256) -> Result<Option<Account>, StoreError> {
        self.decoded(tables::ACCOUNTS, ah.as_slice(), Account::decode)
    }

    /// The slot as of the state head; zero if it is not set.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn storage(&self, ah: &B256, sh: &B256) -> Result<U256, StoreError> {
        let key = tables::storage_key(ah, sh);
        let value = self.decoded(tables::STORAGE, &key, |row| {
            if row.is_empty() { Err(RowError::NotCanonical) } else { tables::decode_word(row) }
        })?;
        Ok(value.unwrap_or_default())
    }

    /// Code by its hash.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>, StoreError> {
        self.get(tables::CODE, hash.as_slice())
    }

    /// A trie node as of the state head, decoded in place.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn node<T>(
        &self,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, RowError>,
    ) -> Result<Option<T>, StoreError> {
        self.decoded(tables::TRIE, key, decode)
    }

    /// What the account was before the first flushed block at or above `number` that changed it.
    /// The outer `None` says that no such block changed it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn account_before(
        &self,
        ah: &B256,
        number: u64,
    ) -> Result<Option<Option<Account>>, StoreError> {
        let key = tables::account_history_key(ah, number);
        self.seek(tables::ACCOUNT_HISTORY, &key, |row| {
            if row.is_empty() { Ok(None) } else { Account::decode(row).map(Some) }
        })
    }

    /// What the slot was before the first flushed block at or above `number` that changed it.
    /// `None` says that no such block changed it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn storage_before(
        &self,
        ah: &B256,
        sh: &B256,
        number: u64,
    ) -> Result<Option<U256>, StoreError> {
        let key = tables::storage_history_key(ah, sh, number);
        self.seek(tables::STORAGE_HISTORY, &key, tables::decode_word)
    }

    /// Which keys a flushed block touched.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn changes(&self, number: u64) -> Result<Option<ChangesRow>, StoreError> {
        self.decoded(tables::CHANGES, &number.to_be_bytes(), ChangesRow::decode)
    }

    /// The oldest block whose state can still be read.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn state_floor(&self) -> Result<u64, StoreError> {
        let row = self.decoded(tables::META, tables::META_STATE_FLOOR, tables::decode_number)?;
        Ok(row.unwrap_or(0))
    }

    /// Forgets the states before that of block `floor`, all at once: their history and what names
    /// them. Reads nothing but the rows of the blocks concerned, so a few blocks at a time cost
    /// little. Nothing happens if they are forgotten already.
    ///
    /// Not synced, as a flush is not: after a power cut they may be there again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn forget_states_before(&self, floor: u64) -> Result<(), StoreError> {
        let old = self.state_floor()?;
        if floor <= old {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        let accounts = self.table(tables::ACCOUNT_HISTORY)?;
        let storage = self.table(tables::STORAGE_HISTORY)?;
        let changes = self.table(tables::CHANGES)?;
        // The state of block `floor` needs what was before the blocks above it, and its own name.
        for number in old.saturating_add(1)..=floor {
            let missing = || self.bad_row(tables::CHANGES, RowError::Missing);
            for (ah, slots) in self.changes(number)?.ok_or_else(missing)?.accounts {
                batch.delete_cf(accounts, tables::account_history_key(&ah, number));
                for sh in &slots {
                    batch.delete_cf(storage, tables::storage_history_key(&ah, sh, number));
                }
            }
            batch.delete_cf(changes, number.saturating_sub(1).to_be_bytes());
        }
        self.put(&mut batch, tables::META, tables::META_STATE_FLOOR, &floor.to_be_bytes())?;
        self.write(batch)
    }

    /// The first row at or after `key` whose key differs only in the block number at its end.
    fn seek<T>(
        &self,
        name: &'static str,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, RowError>,
    ) -> Result<Option<T>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mut rows = self.inner.db.raw_iterator_cf_opt(self.table(name)?, options);
        rows.seek(key);
        let prefix = &key[..key.len().saturating_sub(8)];
        match rows.item() {
            Some((found, row)) if found.starts_with(prefix) => {
                seal::open(self.inner.seal.as_ref(), name, found, row)
                    .and_then(|value| decode(&value))
                    .map(Some)
                    .map_err(|error| self.bad_row(name, error))
            }
            Some(_) => Ok(None),
            None => rows.status().map(|()| None).map_err(|error| self.fail(error)),
        }
    }
}
