//! Durable vote state: append, fdatasync, torn-write recovery.
//!
//! A [`Wal`] remembers one thing over crashes: the last record given to [`Wal::append`]. It never
//! looks into a record, never repairs a damaged log and never answers before the data is on disk.
//! What a record means is the business of whoever writes it (`node/src/driver.rs`).
//!
//! The file has a fixed size: a header block and two regions (`layout.rs`). Records fill one
//! region, then the other from its start. A record begins on a block border and a block that holds
//! the last good record is never rewritten, so a write torn anywhere leaves that record readable.
//! All blocks are written once at creation, so that an append changes no file metadata and
//! fdatasync waits for data alone.
//!
//! Limit: a last record that rots *after* it was synced looks exactly like one whose write was
//! torn, and is dropped like one. Every other damage is an error.

mod layout;
mod recover;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::layout::{BLOCK, Geometry};

/// The longest record, in bytes.
///
/// Holds the signed messages of one view with a timeout certificate of about a hundred validators.
pub const MAX_RECORD: usize = Geometry::DEFAULT.max_record();

/// Why the log cannot be opened or written. Every variant is a reason to stop the node.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has the log open.
    #[error("{path} is locked by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The log holds something that no torn write explains. It is left as it is.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins, in bytes from the start of the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The file was written by a version of this program that lays it out differently.
    #[error("{path} has format version {found}, this program knows {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The version this program writes.
        known: u32,
    },
    /// The record is longer than [`MAX_RECORD`].
    #[error("a record of {length} bytes is above the limit of {limit}")]
    TooLong {
        /// Bytes in the record.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// An earlier append failed, so what the disk holds is uncertain.
    #[error("an earlier write to {path} failed")]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
}

/// The log, locked for this process until it is dropped.
#[derive(Debug)]
pub struct Wal {
    path: PathBuf,
    file: File,
    geometry: Geometry,
    /// Sequence of the next record; records count from 1.
    sequence: u64,
    /// Block at which the next record begins.
    next_block: u32,
    poisoned: bool,
    /// Held, never read: the lock lives as long as the file is open.
    _lock: File,
}

impl Wal {
    /// Opens the log at `path`, creating it if there is none, and answers with the last good
    /// record. `path` with `.lock` added is the lock file beside it.
    ///
    /// # Errors
    ///
    /// - [`WalError::Locked`] if another process has it open.
    /// - [`WalError::Damaged`] if there is more wrong with it than a torn last write.
    /// - [`WalError::Version`] if another format version wrote it.
    /// - [`WalError::Io`] if the operating system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, Option<Vec<u8>>), WalError> {
        Self::open_with(path.as_ref(), Geometry::DEFAULT)
    }

    fn open_with(path: &Path, geometry: Geometry) -> Result<(Self, Option<Vec<u8>>), WalError> {
        let lock = lock(&beside(path, ".lock"))?;
        let exists = path.try_exists().map_err(|e| fail("look for", path, e))?;
        if !exists {
            create(path, geometry)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| fail("open", path, e))?;

        let found = recover::recover(&file, path)?;
        let wal = Self {
            path: path.to_owned(),
            file,
            geometry: found.geometry,
            sequence: found.last_sequence.saturating_add(1),
            next_block: found.next_block,
            poisoned: false,
            _lock: lock,
        };
        Ok((wal, found.record))
    }

    /// Makes `record` the last record. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// - [`WalError::TooLong`] if it has more than [`MAX_RECORD`] bytes.
    /// - [`WalError::Io`] if it could not be written or synced.
    /// - [`WalError::Poisoned`] after any earlier error of this function: whether the record of
    ///   the failed append survives a crash is unknown, so nothing may be promised after it.
    pub fn append(&mut self, record: &[u8]) -> Result<(), WalError> {
        if self.poisoned {
            return Err(WalError::Poisoned { path: self.path.clone() });
        }
        self.poisoned = true;
        self.write(record)?;
        self.poisoned = false;
        Ok(())
    }

    fn write(&mut self, record: &[u8]) -> Result<(), WalError> {
        let limit = self.geometry.max_record();
        let too_long = || WalError::TooLong { length: record.len(), limit };
        if record.len() > limit {
            return Err(too_long());
        }
        let at = self.next_block;
        let bytes = layout::encode(record, self.sequence, at).ok_or_else(too_long)?;
        let offset = layout::offset(at);
        self.file.write_all_at(&bytes, offset).map_err(|e| fail("write", &self.path, e))?;
        self.file.sync_data().map_err(|e| fail("sync", &self.path, e))?;

        self.sequence = self.sequence.saturating_add(1);
        let end = at.saturating_add(layout::blocks_of(record.len()));
        self.next_block = self.geometry.place_after(at, end);
        Ok(())
    }
}

fn fail(doing: &'static str, path: &Path, source: io::Error) -> WalError {
    WalError::Io { doing, path: path.to_owned(), source }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Locks a file of its own: the log itself is renamed into place, and a lock on a file that has
/// since been replaced would exclude nobody.
fn lock(path: &Path) -> Result<File, WalError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|e| fail("open", path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(WalError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(e)) => Err(fail("lock", path, e)),
    }
}

/// Writes an empty log under another name and renames it, so that a log is either absent or whole.
fn create(path: &Path, geometry: Geometry) -> Result<(), WalError> {
    let draft = beside(path, ".new");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|e| fail("create", &draft, e))?;
    let mut offset = 0;
    file.write_all_at(&geometry.header(), offset).map_err(|e| fail("write", &draft, e))?;
    for _ in 1..geometry.total_blocks() {
        offset = u64::saturating_add(offset, BLOCK as u64);
        file.write_all_at(&[0; BLOCK], offset).map_err(|e| fail("write", &draft, e))?;
    }
    file.sync_all().map_err(|e| fail("sync", &draft, e))?;
    std::fs::rename(&draft, path).map_err(|e| fail("rename", &draft, e))?;

    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(|e| fail("sync", parent, e))
}
