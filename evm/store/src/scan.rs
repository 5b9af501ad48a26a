//! Whole tables, row by row in the order of their keys, for those who check or copy everything.
//!
//! A scan sees the database as it was when the scan began.

use alloy_primitives::{B256, Bytes, U256};
use rocksdb::{DBIteratorWithThreadMode, Direction, IteratorMode, ReadOptions};

use crate::{
    error::StoreError,
    seal,
    store::Store,
    tables::{self, Account, ChangesRow, RowError},
};

/// Bytes read ahead: scans are sequential.
const READAHEAD: usize = 2 << 20;

/// The rows of a table. After an error there are no more.
pub struct Scan<'a, T> {
    store: &'a Store,
    table: &'static str,
    rows: Option<DBIteratorWithThreadMode<'a, rocksdb::DB>>,
    decode: fn(&[u8], &[u8]) -> Result<T, RowError>,
}

impl<T> std::fmt::Debug for Scan<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("table", &self.table).finish_non_exhaustive()
    }
}

impl<T> Iterator for Scan<'_, T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match self.rows.as_mut()?.next()? {
            Ok((key, row)) => seal::open(self.store.inner.seal.as_ref(), self.table, &key, &row)
                .and_then(|value| (self.decode)(&key, &value))
                .map_err(|error| self.store.bad_row(self.table, error)),
            Err(error) => Err(self.store.fail(error)),
        };
        if row.is_err() {
            self.rows = None;
        }
        Some(row)
    }
}

impl Store {
    fn scan<T>(
        &self,
        table: &'static str,
        from: &[u8],
        decode: fn(&[u8], &[u8]) -> Result<T, RowError>,
    ) -> Result<Scan<'_, T>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_readahead_size(READAHEAD);
        // Without it a table with a prefix extractor is only ordered within a prefix.
        options.set_total_order_seek(true);
        options.fill_cache(false);
        let start = IteratorMode::From(from, Direction::Forward);
        let rows = self.inner.db.iterator_cf_opt(self.table(table)?, options, start);
        Ok(Scan { store: self, table, rows: Some(rows), decode })
    }

    /// All rows of a table, key and value as they are.
    pub(crate) fn rows(&self, table: &'static str) -> Result<Scan<'_, (Bytes, Bytes)>, StoreError> {
        self.scan(table, &[], |key, row| {
            Ok((Bytes::copy_from_slice(key), Bytes::copy_from_slice(row)))
        })
    }

    /// Accounts as of the state head, from keccak256(address) `from` on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged, here and in all scans below.
    pub fn accounts(&self, from: &B256) -> Result<Scan<'_, (B256, Account)>, StoreError> {
        self.scan(tables::ACCOUNTS, from.as_slice(), |key, row| {
            Ok((tables::decode_hash(key)?, Account::decode(row)?))
        })
    }

    /// Slots as of the state head, of all accounts from `ah` on, and of that one from `sh` on.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn slots(&self, ah: &B256, sh: &B256) -> Result<Scan<'_, (B256, B256, U256)>, StoreError> {
        self.scan(tables::STORAGE, &tables::storage_key(ah, sh), |key, row| {
            let [ah, sh] = split(key, [32, 32])?;
            match tables::decode_word(row)? {
                U256::ZERO => Err(RowError::NotCanonical),
                value => Ok((tables::decode_hash(ah)?, tables::decode_hash(sh)?, value)),
            }
        })
    }

    /// All code with its hash.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn codes(&self) -> Result<Scan<'_, (B256, Bytes)>, StoreError> {
        self.scan(tables::CODE, &[], |key, row| {
            Ok((tables::decode_hash(key)?, Bytes::copy_from_slice(row)))
        })
    }

    /// All trie nodes, key and row as they are.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn nodes(&self) -> Result<Scan<'_, (Bytes, Bytes)>, StoreError> {
        self.rows(tables::TRIE)
    }

    /// What accounts were before blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn accounts_before(&self) -> Result<Scan<'_, (B256, u64, Option<Account>)>, StoreError> {
        self.scan(tables::ACCOUNT_HISTORY, &[], |key, row| {
            let [ah, number] = split(key, [32, 8])?;
            let account = if row.is_empty() { None } else { Some(Account::decode(row)?) };
            Ok((tables::decode_hash(ah)?, tables::decode_number(number)?, account))
        })
    }

    /// What slots were before blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn slots_before(&self) -> Result<Scan<'_, (B256, B256, u64, U256)>, StoreError> {
        self.scan(tables::STORAGE_HISTORY, &[], |key, row| {
            let [ah, sh, number] = split(key, [32, 32, 8])?;
            let (ah, sh) = (tables::decode_hash(ah)?, tables::decode_hash(sh)?);
            Ok((ah, sh, tables::decode_number(number)?, tables::decode_word(row)?))
        })
    }

    /// Which keys the flushed blocks touched.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn all_changes(&self) -> Result<Scan<'_, (u64, ChangesRow)>, StoreError> {
        self.scan(tables::CHANGES, &[], |key, row| {
            Ok((tables::decode_number(key)?, ChangesRow::decode(row)?))
        })
    }

    /// Numbers of blocks by their hashes.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn blocks_by_hash(&self) -> Result<Scan<'_, (B256, u64)>, StoreError> {
        self.scan(tables::BLOCK_BY_HASH, &[], |key, row| {
            Ok((tables::decode_hash(key)?, tables::decode_number(row)?))
        })
    }

    /// Hashes of all transactions.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn transaction_hashes(&self) -> Result<Scan<'_, B256>, StoreError> {
        self.scan(tables::TX_BY_HASH, &[], |key, _| tables::decode_hash(key))
    }

    /// Numbers that the tables of blocks have rows for: headers, bodies, receipts, certificates.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn block_rows(&self) -> Result<[Scan<'_, u64>; 4], StoreError> {
        let number = |table| self.scan(table, &[], |key, _| tables::decode_number(key));
        Ok([
            number(tables::HEADERS)?,
            number(tables::BODIES)?,
            number(tables::RECEIPTS)?,
            number(tables::CERTIFICATES)?,
        ])
    }
}

/// Cuts a key into parts of these lengths.
fn split<const N: usize>(key: &[u8], lengths: [usize; N]) -> Result<[&[u8]; N], RowError> {
    let mut rest = key;
    let mut parts = [key; N];
    for (part, length) in parts.iter_mut().zip(lengths) {
        let (head, tail) = rest.split_at_checked(length).ok_or(RowError::Length(key.len()))?;
        (*part, rest) = (head, tail);
    }
    if rest.is_empty() { Ok(parts) } else { Err(RowError::Length(key.len())) }
}
