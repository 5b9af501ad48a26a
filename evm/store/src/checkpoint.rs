//! A copy of the database as it is at one moment, while it goes on.

use std::path::Path;

use rocksdb::checkpoint::Checkpoint;

use crate::{error::StoreError, store::Store};

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
