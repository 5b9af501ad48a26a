//! What the tables take, as RocksDB counts it.

use crate::{error::StoreError, store::Store, tables};

/// One table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStats {
    /// Its name.
    pub name: &'static str,
    /// Rows, as RocksDB estimates: rows written twice count twice until they are compacted.
    pub rows: u64,
    /// Bytes of table files.
    pub files: u64,
    /// Bytes of blob files.
    pub blobs: u64,
    /// Bytes in memory that are in no table file yet (they are in the log).
    pub memory: u64,
}

impl Store {
    /// What each table takes, in the order of [`tables::TABLES`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if RocksDB does not answer.
    pub fn stats(&self) -> Result<Vec<TableStats>, StoreError> {
        let one = |name: &'static str| {
            let table = self.table(name)?;
            let read = |property: &str| {
                let value = self.inner.db.property_int_value_cf(table, property);
                Ok::<_, StoreError>(value.map_err(|error| self.fail(error))?.unwrap_or(0))
            };
            Ok(TableStats {
                name,
                rows: read("rocksdb.estimate-num-keys")?,
                files: read("rocksdb.total-sst-files-size")?,
                blobs: read("rocksdb.total-blob-file-size")?,
                memory: read("rocksdb.cur-size-all-mem-tables")?,
            })
        };
        tables::TABLES.into_iter().map(one).collect()
    }
}
