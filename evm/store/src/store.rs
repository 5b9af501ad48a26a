//! Opening the database, and the plain reads all tables share.

use std::{
    borrow::Cow,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use alloy_primitives::{B256, Bytes};
use parking_lot::{Mutex, RwLock};
use rocksdb::{ColumnFamily, DB, IteratorMode, Options, WriteBatch};

use crate::{
    error::{StoreError, extension, names},
    log,
    options::{self, StoreOptions},
    seal::{self, Seal, StoreKey},
    tables::{self, Head, Origin, RowError, StateHead},
};

/// The database. Clones share it; it closes when the last one goes.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: DB,
    path: PathBuf,
    /// The committed head as last written; its lock also makes block commits one at a time.
    pub(crate) head: Mutex<Option<Head>>,
    /// Blocks that are still to be fetched.
    pub(crate) missing: RwLock<Range<u64>>,
    /// The first damage anybody met.
    damage: OnceLock<StoreError>,
    /// Encrypts values, if they are.
    pub(crate) seal: Option<Seal>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database in the folder `path`, or makes an empty one there.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Locked`] if another process, or another part of this one, has it open.
    /// - [`StoreError::WrongSchema`] if another version wrote it or it is not ours.
    /// - [`StoreError::Corrupt`] or [`StoreError::Row`] if it is damaged.
    /// - [`StoreError::Io`] if the operating system refuses.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let wrong = |found: String| StoreError::WrongSchema {
            path: path.to_owned(),
            found,
            expected: tables::SCHEMA,
        };
        if path.join("CURRENT").exists() {
            let names = DB::list_cf(&Options::default(), path)
                .map_err(|error| StoreError::rocksdb(path, error))?;
            let known = |name: &&String| *name == "default" || tables::TABLES.contains(&&***name);
            if let Some(stranger) = names.iter().find(|name| !known(name)) {
                return Err(wrong(format!("unknown (table `{stranger}`)")));
            }
            log::check(path)?;
        } else if let Some(left) = left_over(path) {
            // RocksDB would make an empty database beside it.
            let detail = format!("the file CURRENT is missing beside {left}");
            return Err(StoreError::Corrupt { path: path.to_owned(), detail });
        }
        let database = options::database(options);
        let tables = options::tables(options).map_err(|error| StoreError::rocksdb(path, error))?;
        let db = DB::open_cf_descriptors(&database, path, tables)
            .map_err(|error| classify(path, error))?;
        let inner = Inner {
            db,
            path: path.to_owned(),
            head: Mutex::default(),
            missing: RwLock::default(),
            damage: OnceLock::new(),
            seal: None,
        };
        let mut store = Self { inner: Arc::new(inner) };

        let schema = store.meta(tables::META_SCHEMA)?;
        let fresh = schema.is_none();
        match schema {
            Some(schema) if schema[..] == tables::SCHEMA.to_be_bytes() => {}
            Some(schema) => {
                return Err(wrong(format!("0x{}", alloy_primitives::hex::encode(schema))));
            }
            // Nothing in it: it was just made, or its maker was stopped before the line below.
            None if store.is_empty(tables::HEADERS)? => {}
            None => return Err(wrong("none".to_owned())),
        }
        let seal = store.prepare_seal(options.key.as_ref(), fresh)?;
        if let Some(inner) = Arc::get_mut(&mut store.inner) {
            inner.seal = seal;
        }
        if fresh {
            // Last: with it the database is one, encrypted or not.
            store.put_meta(tables::META_SCHEMA, &tables::SCHEMA.to_be_bytes())?;
        }
        *store.inner.head.lock() = store.read_head()?;
        *store.inner.missing.write() = store.read_missing()?;
        Ok(store)
    }

    /// Compares the key with the database, makes a new one an encrypted one if there is a key, and
    /// draws the salt of this opening.
    fn prepare_seal(
        &self,
        key: Option<&StoreKey>,
        fresh: bool,
    ) -> Result<Option<Seal>, StoreError> {
        let refuse = |what| StoreError::Key { path: self.inner.path.clone(), what };
        let cipher = self.meta(tables::META_CIPHER)?;
        let Some(key) = key else {
            return match cipher {
                None => Ok(None),
                Some(_) => Err(refuse("is encrypted: its key is needed")),
            };
        };
        let failed = || StoreError::Io { detail: "cannot derive keys".to_owned() };
        let check = key.check().ok_or_else(failed)?;
        let expected = [&[1][..], &key.epoch.to_be_bytes(), &check].concat();
        match cipher {
            Some(cipher) if cipher == expected => {}
            Some(_) => return Err(refuse("is encrypted with another key")),
            None if fresh => self.put_meta(tables::META_CIPHER, &expected)?,
            None => return Err(refuse("is not encrypted, but a key for it was given")),
        }
        let name = |number: u32| [tables::META_SALT, &number.to_be_bytes()].concat();
        let (mut salts, mut number) = (Vec::new(), 0_u32);
        while let Some(salt) = self.meta(&name(number))? {
            salts.push(salt.to_vec());
            number = number.saturating_add(1);
        }
        let mut salt = vec![0; 32];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| failed())?;
        self.put_meta(&name(number), &salt)?;
        salts.push(salt);
        Seal::new(key, &salts).map(Some).ok_or_else(failed)
    }

    /// Whether values are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.inner.seal.is_some()
    }

    /// The folder the database lives in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The first damage that anybody met, be it while reading for a stranger: whoever runs the node
    /// asks, and stops it, for what is wrong in one place may be wrong in others.
    #[must_use]
    pub fn damage(&self) -> Option<&StoreError> {
        self.inner.damage.get()
    }

    /// Notes that rows contradict each other; the error to give back.
    #[must_use]
    pub fn condemn(&self, detail: impl Into<String>) -> StoreError {
        self.note(StoreError::Corrupt { path: self.inner.path.clone(), detail: detail.into() })
    }

    fn note(&self, error: StoreError) -> StoreError {
        if error.is_damage() {
            let _known_already = self.inner.damage.set(error.clone());
        }
        error
    }

    /// What RocksDB said.
    pub(crate) fn fail(&self, error: rocksdb::Error) -> StoreError {
        self.note(StoreError::rocksdb(&self.inner.path, error))
    }

    /// A row of `table` that cannot be decoded.
    pub(crate) fn bad_row(&self, table: &'static str, source: RowError) -> StoreError {
        self.note(StoreError::Row { path: self.inner.path.clone(), table, source })
    }

    /// Reads a value of the table `meta`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn meta(&self, name: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.get(tables::META, name)
    }

    /// Writes a value of the table `meta`, durably.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn put_meta(&self, name: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        self.put(&mut batch, tables::META, name, value)?;
        self.write_synced(batch)
    }

    /// Writes a batch; when this returns it survives a power cut.
    pub(crate) fn write_synced(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut synced = rocksdb::WriteOptions::default();
        synced.set_sync(true);
        self.inner.db.write_opt(batch, &synced).map_err(|error| self.fail(error))
    }

    /// Writes a batch; after a power cut it may be gone, with all that was written after it.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.inner.db.write(batch).map_err(|error| self.fail(error))
    }

    /// Where the database came from, until it has caught up.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn origin(&self) -> Result<Option<Origin>, StoreError> {
        Ok(self.decoded(tables::META, tables::META_ORIGIN, Origin::decode)?.flatten())
    }

    /// Notes where the database came from, or that it has caught up since.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn set_origin(&self, origin: Option<Origin>) -> Result<(), StoreError> {
        self.put_meta(tables::META_ORIGIN, Origin::encode(origin))
    }

    /// Hash of block 0, once [`Store::set_chain`] has written it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn genesis_hash(&self) -> Result<Option<B256>, StoreError> {
        self.decoded(tables::META, tables::META_GENESIS_HASH, tables::decode_hash)
    }

    /// EIP-155 chain id, once [`Store::set_chain`] has written it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn chain_id(&self) -> Result<Option<u64>, StoreError> {
        self.decoded(tables::META, tables::META_CHAIN_ID, tables::decode_number)
    }

    /// Writes which chain this database is of, durably.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn set_chain(&self, chain_id: u64, genesis_hash: B256) -> Result<(), StoreError> {
        self.put_meta(tables::META_CHAIN_ID, &chain_id.to_be_bytes())?;
        self.put_meta(tables::META_GENESIS_HASH, genesis_hash.as_slice())
    }

    /// The block that flat state and trie stand for; nothing before genesis was flushed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn state_head(&self) -> Result<Option<StateHead>, StoreError> {
        self.decoded(tables::META, tables::META_STATE_HEAD, StateHead::decode)
    }

    /// Writes everything still in memory to table files and syncs the log.
    ///
    /// Not needed for safety; it makes the next start short.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.inner.db.flush_wal(true).map_err(|error| self.fail(error))?;
        for name in tables::TABLES {
            self.inner.db.flush_cf(self.table(name)?).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    /// The head row, checked against the rows it names.
    fn read_head(&self) -> Result<Option<Head>, StoreError> {
        let head = self.decoded(tables::META, tables::META_HEAD, Head::decode)?;
        if let Some(head) = head {
            let same = self.block_hash(head.number)? == Some(head.hash)
                && self.block_number(&head.hash)? == Some(head.number);
            if !same {
                return Err(self.bad_row(tables::HEADERS, RowError::Missing));
            }
        }
        Ok(head)
    }

    fn is_empty(&self, name: &'static str) -> Result<bool, StoreError> {
        let mut rows = self.inner.db.iterator_cf(self.table(name)?, IteratorMode::Start);
        Ok(rows.next().transpose().map_err(|error| self.fail(error))?.is_none())
    }

    pub(crate) fn table(&self, name: &'static str) -> Result<&ColumnFamily, StoreError> {
        // All tables are opened or made in `open`, so a missing one means damage.
        self.inner
            .db
            .cf_handle(name)
            .ok_or_else(|| self.condemn(format!("table `{name}` is missing")))
    }

    pub(crate) fn get(&self, name: &'static str, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let row = self.inner.db.get_cf(self.table(name)?, key);
        let Some(row) = row.map_err(|error| self.fail(error))? else { return Ok(None) };
        match &self.inner.seal {
            Some(seal) if !seal::is_plain(name, key) => {
                let value =
                    seal.open(name, key, &row).map_err(|error| self.bad_row(name, error))?;
                Ok(Some(value.into()))
            }
            // Not through `seal::open`: the row is not copied.
            _ => Ok(Some(row.into())),
        }
    }

    /// A value as it is stored.
    pub(crate) fn sealed<'a>(
        &self,
        name: &str,
        key: &[u8],
        value: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, StoreError> {
        let seal = match &self.inner.seal {
            Some(seal) if !seal::is_plain(name, key) => seal,
            _ => return Ok(Cow::Borrowed(value)),
        };
        let failed = || StoreError::Io { detail: "cannot encrypt a value".to_owned() };
        seal.seal(name, key, value).map(Cow::Owned).ok_or_else(failed)
    }

    /// Adds a row to a batch.
    pub(crate) fn put(
        &self,
        batch: &mut WriteBatch,
        name: &'static str,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        batch.put_cf(self.table(name)?, key, self.sealed(name, key, value)?);
        Ok(())
    }

    pub(crate) fn decoded<T>(
        &self,
        name: &'static str,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, RowError>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.inner.db.get_pinned_cf(self.table(name)?, key);
        let row = row.map_err(|error| self.fail(error))?;
        row.map(|row| decode(&seal::open(self.inner.seal.as_ref(), name, key, &row)?))
            .transpose()
            .map_err(|error| self.bad_row(name, error))
    }
}

/// RocksDB reports a lock held by somebody else as an I/O error; only its words tell.
fn classify(path: &Path, error: rocksdb::Error) -> StoreError {
    let text = error.to_string();
    if error.kind() == rocksdb::ErrorKind::IOError && text.to_lowercase().contains("lock ") {
        return StoreError::Locked { path: path.to_owned() };
    }
    StoreError::rocksdb(path, error)
}

/// A file that only a database leaves.
fn left_over(path: &Path) -> Option<String> {
    let ours = |name: &str| {
        let ends = matches!(extension(name), Some("sst" | "blob" | "log"));
        ends || name.starts_with("MANIFEST-")
    };
    names(path, ours).into_iter().next()
}
