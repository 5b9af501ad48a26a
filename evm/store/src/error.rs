//! Why the store refuses or fails.

use std::path::{Path, PathBuf};

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
    /// The key does not fit to the database, or one of the two has none.
    #[error("the database at {} {what}", path.display())]
    Key {
        /// The database folder.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// A checksum or a structure on disk is wrong, or rows contradict each other.
    #[error("the database at {} is damaged: {detail}; {REMEDY}", path.display())]
    Corrupt {
        /// The database folder.
        path: PathBuf,
        /// What is damaged, in RocksDB's or our own words; names the file where RocksDB does.
        detail: String,
    },
    /// A row cannot be decoded.
    #[error("the database at {} is damaged: table {table}: {source}; {REMEDY}", path.display())]
    Row {
        /// The database folder.
        path: PathBuf,
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

/// What to do about a damaged database.
const REMEDY: &str = "check the disk, then move this folder away and start again: the node fetches \
                      the chain from its peers (leave votes.wal where it is), or restore a snapshot";

impl StoreError {
    /// Whether the disk gave back something else than was written; a restart cannot mend it.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Row { .. })
    }

    /// What RocksDB said, about the database at `path`.
    pub(crate) fn rocksdb(path: &Path, error: rocksdb::Error) -> Self {
        let corruption = error.kind() == rocksdb::ErrorKind::Corruption;
        let mut detail = error.into_string();
        // A file that others name and that is not there: they say something wrong, or it is lost.
        if !corruption && !detail.contains("No such file") {
            return Self::Io { detail };
        }
        if !corruption && detail.contains("MANIFEST-") {
            detail.push_str(" (named by CURRENT)");
        }
        // About its log and its blob files RocksDB does not say which one it means.
        if !path.to_str().is_some_and(|path| detail.contains(path)) && !detail.contains("CURRENT") {
            let kind = if detail.to_lowercase().contains("blob") { "blob" } else { "log" };
            let suspects = names(path, |name| extension(name) == Some(kind));
            detail = format!("{detail} (in {})", suspects.join(" or "));
        }
        // Of a table file with unreadable properties it only says which file names it.
        if detail.contains("MANIFEST-") && !detail.contains(".sst") && detail.contains("properties")
        {
            detail.push_str(" Or one of the table files (*.sst) is.");
        }
        Self::Corrupt { path: path.to_owned(), detail }
    }
}

/// Those files of a folder that are wanted, by name.
pub(crate) fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        files.filter_map(|file| file.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| wanted(name));
    names.sort_unstable();
    names
}

pub(crate) fn extension(name: &str) -> Option<&str> {
    Path::new(name).extension()?.to_str()
}
