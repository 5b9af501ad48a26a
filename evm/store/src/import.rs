//! A state fetched piece by piece from peers: the rows of one flush, written over many batches.
//!
//! While a [`StateImport`] is noted the state tables are not whole and there is no state head. Every
//! piece is written together with how far the import then is, so a crash loses at most the last
//! pieces.

use rocksdb::WriteBatch;

use crate::{
    error::StoreError,
    state::StateBatch,
    store::Store,
    tables::{self, ChangesRow, StateImport},
};

/// Behind all keys of the state tables, which have at most 97 bytes.
const END: [u8; 128] = [0xff; 128];

impl Store {
    /// The state that is being fetched, if there is one, and how far it is.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn state_import(&self) -> Result<Option<StateImport>, StoreError> {
        self.decoded(tables::META, tables::META_STATE_IMPORT, StateImport::decode)
    }

    /// Forgets the state there is, with its history, and notes that another will be fetched.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn begin_state_import(&self, import: StateImport) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for table in [
            tables::ACCOUNTS,
            tables::STORAGE,
            tables::TRIE,
            tables::ACCOUNT_HISTORY,
            tables::STORAGE_HISTORY,
            tables::CHANGES,
        ] {
            batch.delete_range_cf(self.table(table)?, &[][..], &END[..]);
        }
        let meta = self.table(tables::META)?;
        batch.delete_cf(meta, tables::META_STATE_HEAD);
        batch.delete_cf(meta, tables::META_STATE_FLOOR);
        self.put(&mut batch, tables::META, tables::META_STATE_IMPORT, &import.encode())?;
        self.write_synced(batch)
    }

    /// Writes a piece, and how far the import is with it. Not synced: see [`Store::flush_state`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn write_state_import(
        &self,
        piece: StateBatch<'_>,
        import: StateImport,
    ) -> Result<(), StoreError> {
        let mut batch = piece.batch;
        self.put(&mut batch, tables::META, tables::META_STATE_IMPORT, &import.encode())?;
        self.write(batch)
    }

    /// Writes the last piece: with it the state is whole, and that of the block it was fetched for.
    /// Older states cannot be read.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails.
    pub fn finish_state_import(
        &self,
        mut piece: StateBatch<'_>,
        import: StateImport,
    ) -> Result<(), StoreError> {
        let head = import.head;
        let changes = ChangesRow { hash: head.hash, root: head.root, accounts: Vec::new() };
        piece.add(&crate::StateChange::Changes(head.number, changes))?;
        let mut batch = piece.batch;
        let floor = head.number.to_be_bytes();
        self.put(&mut batch, tables::META, tables::META_STATE_FLOOR, &floor)?;
        self.put(&mut batch, tables::META, tables::META_STATE_HEAD, &head.encode())?;
        batch.delete_cf(self.table(tables::META)?, tables::META_STATE_IMPORT);
        self.write_synced(batch)
    }
}
