//! Why the store refuses or fails.

use std::path::PathBuf;

use crate::tables::RowError;

/// Why a store operation failed. All but [`StoreError::Locked`], [`StoreError::WrongSchema`] and
/// [`StoreError::NotNext`] mean that the disk or its content cannot be trusted: stop the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data directory open.
    #[error("the database at {} is in use by another process", path.display())]
    Locked {
        /// The database folder.
        path: PathBuf,
    },
    /// The database was written by another version, or is not ours at all.
    #[error("the database at {} has schema {found}, this program needs {expected}", path.display())]
    WrongSchema {
        /// The database folder.
        path: PathBuf,
        /// What the database says of itself.
        found: String,
        /// What this program reads and writes.
        expected: u32,
    },
    /// A checksum or a structure on disk is wrong.
    #[error("the database is damaged: {detail}")]
    Corrupt {
        /// What is damaged, in RocksDB's or our own words.
        detail: String,
    },
    /// A row cannot be decoded.
    #[error("the database is damaged: table {table}: {source}")]
    Row {
        /// The table the row is in.
        table: &'static str,
        /// What is wrong with the row.
        source: RowError,
    },
    /// A block does not follow the head.
    #[error("block {given} cannot be stored: the next block is {expected}")]
    NotNext {
        /// The number of the refused block.
        given: u64,
        /// The number that is due.
        expected: u64,
    },
    /// The operating system or RocksDB failed.
    #[error("the database failed: {detail}")]
    Io {
        /// RocksDB's words.
        detail: String,
    },
}

impl From<rocksdb::Error> for StoreError {
    fn from(error: rocksdb::Error) -> Self {
        match error.kind() {
            rocksdb::ErrorKind::Corruption => Self::Corrupt { detail: error.into_string() },
            _ => Self::Io { detail: error.into_string() },
        }
    }
}

impl StoreError {
    /// A row of `table` that cannot be decoded.
    pub(crate) const fn row(table: &'static str, source: RowError) -> Self {
        Self::Row { table, source }
    }
}
