//! Copies of a database: as it is at one moment while it goes on, and row by row under another key.

use std::path::Path;

use rocksdb::{WriteBatch, checkpoint::Checkpoint};

use crate::{error::StoreError, options::StoreOptions, seal, store::Store, tables};

impl Store {
    /// Makes a whole database of its own in the folder `to`, which must not exist: this one's table
    /// files, linked where the file system can and copied where it cannot, after what is only in
    /// memory has been written to such files. Others may write meanwhile; the copy has each of their
    /// writes whole or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged, or the folder exists.
    pub fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        let made = Checkpoint::new(&self.inner.db).and_then(|made| made.create_checkpoint(to));
        made.map_err(|error| self.fail(error))
    }
}

/// Bytes written at a time when a database is copied row by row.
const BATCH: usize = 4 << 20;

impl Store {
    /// Copies every row to a new database in the folder `to`, encrypted as `options` say: how a
    /// database gets another key, or its first, or none. Nobody may write meanwhile. `progress` is
    /// told a table and how many of its rows are done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if either disk fails, or this one is damaged.
    pub fn copy_to(
        &self,
        to: &Path,
        options: &StoreOptions,
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<(), StoreError> {
        let copy = Self::open(to, options)?;
        for table in tables::TABLES {
            let mut batch = WriteBatch::default();
            let mut rows = 0;
            for row in self.rows(table)? {
                let (key, value) = row?;
                if seal::is_plain(table, &key) {
                    continue; // The copy has its own.
                }
                copy.put(&mut batch, table, &key, &value)?;
                rows += 1;
                if batch.size_in_bytes() >= BATCH {
                    copy.write(std::mem::take(&mut batch))?;
                    progress(table, rows);
                }
            }
            copy.write(batch)?;
        }
        copy.settle()
    }
}
