//! The bytes of the log file: header, blocks, regions.
//!
//! All numbers are little-endian. Block 0 is the header; two regions of equal size follow.
//!
//! ```text
//! header  "QENEXWAL" | version u32 | blocks per region u32 | blocks per record u32 | crc u32 | 0...
//! block   crc u32 | magic u32 | sequence u64 | position u32 | length u32 | part u32 | 0 u32 | data
//! ```
//!
//! A record is cut into parts of [`DATA`] bytes, one to a block, the last one padded with zeros.
//! Each block says whose part it is and carries a checksum over all of itself but the checksum:
//! a block can be judged alone, and data inside a record can never pass for the head of one.

/// Bytes in a block: what file systems write at once.
pub(crate) const BLOCK: usize = 4096;
/// Bytes of a block before its data.
pub(crate) const HEAD: usize = 32;
/// Bytes of data in a block.
pub(crate) const DATA: usize = BLOCK - HEAD;
/// The format written by this program.
pub(crate) const VERSION: u32 = 1;

const FILE_MAGIC: &[u8; 8] = b"QENEXWAL";
const BLOCK_MAGIC: u32 = 0x6c61_7771;

/// How many blocks a region and a record may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Blocks in each of the two regions.
    pub(crate) region: u32,
    /// Blocks in the longest record. Invariant: `0 < record <= region`.
    pub(crate) record: u32,
}

impl Geometry {
    /// Regions of 4 MiB, records of up to 1,040,384 bytes.
    pub(crate) const DEFAULT: Self = Self { region: 1024, record: 256 };

    /// The longest record, in bytes.
    pub(crate) const fn max_record(self) -> usize {
        (self.record as usize).saturating_mul(DATA)
    }

    /// Blocks in the file.
    pub(crate) const fn total_blocks(self) -> u32 {
        self.region.saturating_mul(2).saturating_add(1)
    }

    /// The first block of region 0 or 1.
    pub(crate) const fn start_of(self, region: u32) -> u32 {
        self.region.saturating_mul(region).saturating_add(1)
    }

    /// The region that holds a block.
    pub(crate) const fn region_of(self, block: u32) -> u32 {
        if block < self.start_of(1) { 0 } else { 1 }
    }

    /// Where the record after one that lies in `[start, end)` begins.
    ///
    /// It must not depend on that record's length: recovery has to know where a write may have
    /// been torn. So a region is left as soon as the longest record no longer fits.
    pub(crate) const fn place_after(self, start: u32, end: u32) -> u32 {
        let region = self.region_of(start);
        let region_end = self.start_of(region.saturating_add(1));
        if end.saturating_add(self.record) <= region_end {
            end
        } else {
            self.start_of(1_u32.saturating_sub(region))
        }
    }

    /// The header block.
    pub(crate) fn header(self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        put(&mut block, 0, FILE_MAGIC);
        put(&mut block, 8, &VERSION.to_le_bytes());
        put(&mut block, 12, &self.region.to_le_bytes());
        put(&mut block, 16, &self.record.to_le_bytes());
        let crc = crc32fast::hash(block.get(..20).unwrap_or_default());
        put(&mut block, 20, &crc.to_le_bytes());
        block
    }

    /// Reads a header block.
    pub(crate) fn parse(block: &[u8]) -> Result<Self, BadHeader> {
        if block.get(..8) != Some(FILE_MAGIC.as_slice()) {
            return Err(BadHeader::Damaged("this is not a vote state log"));
        }
        let crc = crc32fast::hash(block.get(..20).unwrap_or_default());
        if number(block, 20) != crc {
            return Err(BadHeader::Damaged("the header's checksum is wrong"));
        }
        let version = number(block, 8);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        let geometry = Self { region: number(block, 12), record: number(block, 16) };
        // 1 GiB is far above anything this program creates, and keeps the arithmetic exact.
        let sane =
            geometry.record > 0 && geometry.record <= geometry.region && geometry.region <= 1 << 18;
        if sane {
            Ok(geometry)
        } else {
            Err(BadHeader::Damaged("the header's sizes make no sense"))
        }
    }
}

/// Why a header block is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// It is not a header, or no longer one.
    Damaged(&'static str),
    /// Another format version.
    Version(u32),
}

/// What a valid block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The record's sequence number.
    pub(crate) sequence: u64,
    /// Bytes in the whole record.
    pub(crate) length: u32,
    /// Which part of the record, from 0.
    pub(crate) part: u32,
}

impl Block {
    /// Reads the block at `position`; `None` if it was never written whole.
    pub(crate) fn parse(bytes: &[u8], position: u32) -> Option<Self> {
        let checked = bytes.get(4..BLOCK)?;
        if number(bytes, 4) != BLOCK_MAGIC || number(bytes, 16) != position {
            return None;
        }
        if crc32fast::hash(checked) != number(bytes, 0) {
            return None;
        }
        let sequence = u64::from(number(bytes, 12)) << 32 | u64::from(number(bytes, 8));
        // The last number has no successor, and no honest log ever gets there.
        let sane = sequence > 0 && sequence < u64::MAX;
        sane.then(|| Self { sequence, length: number(bytes, 20), part: number(bytes, 24) })
    }
}

/// Blocks that a record of `length` bytes takes: at least one.
pub(crate) fn blocks_of(length: usize) -> u32 {
    u32::try_from(length.div_ceil(DATA)).unwrap_or(u32::MAX).max(1)
}

/// Byte offset of a block in the file.
pub(crate) const fn offset(block: u32) -> u64 {
    (block as u64).saturating_mul(BLOCK as u64)
}

/// A record as blocks, the first of them at `position`; `None` if its length has no u32.
pub(crate) fn encode(record: &[u8], sequence: u64, position: u32) -> Option<Vec<u8>> {
    let length = u32::try_from(record.len()).ok()?;
    let count = blocks_of(record.len());
    let mut out = Vec::with_capacity((count as usize).saturating_mul(BLOCK));
    let mut parts = record.chunks(DATA);
    for part in 0..count {
        let mut block = [0; BLOCK];
        put(&mut block, 4, &BLOCK_MAGIC.to_le_bytes());
        put(&mut block, 8, &sequence.to_le_bytes());
        put(&mut block, 16, &position.saturating_add(part).to_le_bytes());
        put(&mut block, 20, &length.to_le_bytes());
        put(&mut block, 24, &part.to_le_bytes());
        put(&mut block, HEAD, parts.next().unwrap_or_default());
        let crc = crc32fast::hash(block.get(4..).unwrap_or_default());
        put(&mut block, 0, &crc.to_le_bytes());
        out.extend_from_slice(&block);
    }
    Some(out)
}

/// Copies `bytes` into `block` at `at`; the callers' constants keep it inside.
fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    if let Some(room) = block.get_mut(at..at.saturating_add(bytes.len())) {
        room.copy_from_slice(bytes);
    }
}

/// The u32 at `at`, or 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at.saturating_add(4))
        .and_then(|four| four.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}
