//! The block tables: one synced batch per commit, and lookups.

use std::ops::Range;

use alloy_primitives::{B256, Bytes};
use rocksdb::WriteBatch;

use crate::{
    error::StoreError,
    store::Store,
    tables::{self, Head, RowError},
};

/// A final block with everything that is kept of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockRecord {
    /// Its number; block 0 is genesis.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// RLP of the header.
    pub header: Bytes,
    /// The body, opaque: transactions in the executor's own form.
    pub transactions: Bytes,
    /// The receipts, opaque.
    pub receipts: Bytes,
    /// The commit certificate, opaque; empty for genesis.
    pub certificate: Bytes,
    /// Hashes of the transactions, in the order of the block.
    pub tx_hashes: Vec<B256>,
}

impl Store {
    /// Writes final blocks, in one batch, and moves the head to the last of them. When this
    /// returns, they survive a power cut. An empty slice does nothing.
    ///
    /// # Errors
    ///
    /// - [`StoreError::NotNext`] if the first does not follow the head, or a number is left out;
    ///   nothing is written then.
    /// - [`StoreError::Io`] if the disk fails: whether the blocks are on disk is then unknown, and
    ///   the node must stop.
    pub fn commit_blocks(&self, blocks: &[BlockRecord]) -> Result<(), StoreError> {
        let mut head = self.inner.head.lock();
        let next = head.map_or(0, |head| head.number.saturating_add(1));
        let Some((new, mut batch)) = self.batch_from(next, blocks)? else { return Ok(()) };
        self.put(&mut batch, tables::META, tables::META_HEAD, &new.encode())?;
        self.write_synced(batch)?;
        *head = Some(new);
        Ok(())
    }

    /// Writes the newest final blocks of a chain of which only block 0 is there, and notes that
    /// those between are still to be fetched: [`Store::fill_blocks`].
    ///
    /// # Errors
    ///
    /// As [`Store::commit_blocks`], but the number of the first is free.
    pub fn skip_to_blocks(&self, blocks: &[BlockRecord]) -> Result<(), StoreError> {
        let Some(first) = blocks.first().map(|block| block.number) else { return Ok(()) };
        let mut head = self.inner.head.lock();
        if head.is_none_or(|head| head.number != 0) || first == 0 {
            let expected = head.map_or(0, |head| head.number.saturating_add(1));
            return Err(StoreError::NotNext { given: first, expected });
        }
        let Some((new, mut batch)) = self.batch_from(first, blocks)? else { return Ok(()) };
        self.put_missing(&mut batch, &(1..first))?;
        self.put(&mut batch, tables::META, tables::META_HEAD, &new.encode())?;
        self.write_synced(batch)?;
        *self.inner.missing.write() = 1..first;
        *head = Some(new);
        Ok(())
    }

    /// Writes final blocks that were skipped, oldest first; the head stays. Not synced: after a
    /// power cut they may be missing again.
    ///
    /// # Errors
    ///
    /// As [`Store::commit_blocks`]: the first must be the first that is missing.
    pub fn fill_blocks(&self, blocks: &[BlockRecord]) -> Result<(), StoreError> {
        let mut missing = self.inner.missing.write();
        let Range { start, end } = missing.clone();
        let Some((last, mut batch)) = self.batch_from(start, blocks)? else { return Ok(()) };
        if last.number >= end {
            return Err(StoreError::NotNext { given: last.number, expected: start });
        }
        let next = last.number.saturating_add(1);
        let left = if next == end { 0..0 } else { next..end };
        self.put_missing(&mut batch, &left)?;
        self.write(batch)?;
        *missing = left;
        Ok(())
    }

    /// Blocks that were skipped and are still to be fetched; `0..0` if there are none.
    #[must_use]
    pub fn missing_blocks(&self) -> Range<u64> {
        self.inner.missing.read().clone()
    }

    fn put_missing(&self, batch: &mut WriteBatch, range: &Range<u64>) -> Result<(), StoreError> {
        let row = [range.start.to_be_bytes(), range.end.to_be_bytes()].concat();
        self.put(batch, tables::META, tables::META_MISSING_BLOCKS, &row)
    }

    pub(crate) fn read_missing(&self) -> Result<Range<u64>, StoreError> {
        let range = self.decoded(tables::META, tables::META_MISSING_BLOCKS, |row| {
            let (start, end) = row.split_at_checked(8).ok_or(RowError::Length(row.len()))?;
            Ok(tables::decode_number(start)?..tables::decode_number(end)?)
        })?;
        Ok(range.unwrap_or_default())
    }

    /// A batch of blocks numbered from `next` on, and the last of them; nothing for no blocks.
    fn batch_from(
        &self,
        next: u64,
        blocks: &[BlockRecord],
    ) -> Result<Option<(Head, WriteBatch)>, StoreError> {
        let Some(last) = blocks.last() else { return Ok(None) };
        let mut batch = WriteBatch::default();
        for (expected, block) in (next..).zip(blocks) {
            if block.number != expected {
                return Err(StoreError::NotNext { given: block.number, expected });
            }
            self.add_block(&mut batch, block)?;
        }
        Ok(Some((Head { number: last.number, hash: last.hash }, batch)))
    }

    fn add_block(&self, batch: &mut WriteBatch, block: &BlockRecord) -> Result<(), StoreError> {
        let number = block.number.to_be_bytes();
        let header = [block.hash.as_slice(), &block.header].concat();
        self.put(batch, tables::HEADERS, &number, &header)?;
        self.put(batch, tables::BODIES, &number, &block.transactions)?;
        self.put(batch, tables::RECEIPTS, &number, &block.receipts)?;
        self.put(batch, tables::CERTIFICATES, &number, &block.certificate)?;
        self.put(batch, tables::BLOCK_BY_HASH, block.hash.as_slice(), &number)?;
        let mut location = [0; 12];
        location[..8].copy_from_slice(&number);
        for (index, hash) in (0_u32..).zip(&block.tx_hashes) {
            location[8..].copy_from_slice(&index.to_be_bytes());
            self.put(batch, tables::TX_BY_HASH, hash.as_slice(), &location)?;
        }
        Ok(())
    }

    /// The last committed block, from memory.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        *self.inner.head.lock()
    }

    /// RLP of a block's header.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn header(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.decoded(tables::HEADERS, &number.to_be_bytes(), |row| {
            let rlp = row.get(32..).ok_or(RowError::Length(row.len()))?;
            Ok(Bytes::copy_from_slice(rlp))
        })
    }

    /// Hash of a block.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.decoded(tables::HEADERS, &number.to_be_bytes(), |row| {
            tables::decode_hash(row.get(..32).ok_or(RowError::Length(row.len()))?)
        })
    }

    /// The body of a block as it was committed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn body(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.get(tables::BODIES, &number.to_be_bytes())
    }

    /// The receipts of a block as they were committed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn receipts(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.get(tables::RECEIPTS, &number.to_be_bytes())
    }

    /// The commit certificate of a block as it was committed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn certificate(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.get(tables::CERTIFICATES, &number.to_be_bytes())
    }

    /// Number of the committed block with this hash.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn block_number(&self, hash: &B256) -> Result<Option<u64>, StoreError> {
        self.decoded(tables::BLOCK_BY_HASH, hash.as_slice(), tables::decode_number)
    }

    /// Block number and index of a committed transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk fails or is damaged.
    pub fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, u32)>, StoreError> {
        self.decoded(tables::TX_BY_HASH, hash.as_slice(), |row| {
            let (number, index) = row.split_at_checked(8).ok_or(RowError::Length(row.len()))?;
            Ok((tables::decode_number(number)?, tables::decode_index(index)?))
        })
    }
}
