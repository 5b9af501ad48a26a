//! What a log says after a crash: its last good record, or where it is damaged.
//!
//! Each region is read from its start as long as whole records with consecutive sequence numbers
//! follow one another. Behind that chain lies the place of the next write, which may be torn, and
//! behind that blocks of earlier rounds, whose numbers are lower. So with `last` the highest number
//! of a whole record, a good block may say `last + 1` (the torn record's other parts) but never
//! more: whoever wrote `last + 2` had synced `last + 1` before, and it has been damaged since.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::layout::{self, BLOCK, BadHeader, Block, DATA, Geometry, HEAD};
use crate::{WalError, fail};

/// A log as found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) geometry: Geometry,
    /// Sequence of the last good record; 0 if there is none.
    pub(crate) last_sequence: u64,
    /// Where the next record goes.
    pub(crate) next_block: u32,
    /// The last good record.
    pub(crate) record: Option<Vec<u8>>,
}

/// Whole records, one after the other, from a region's start.
#[derive(Clone, Copy, Debug)]
struct Chain {
    first_sequence: u64,
    last_sequence: u64,
    /// Where the last record lies, in blocks.
    last_start: u32,
    last_end: u32,
    /// Bytes in the last record.
    length: u32,
}

/// Reads the log.
pub(crate) fn recover(file: &File, path: &Path) -> Result<Found, WalError> {
    let geometry = read_header(file, path)?;
    let mut blocks = Vec::new();
    let mut bytes = [0; BLOCK];
    for position in 1..geometry.total_blocks() {
        read(file, path, layout::offset(position), &mut bytes)?;
        blocks.push(Block::parse(&bytes, position));
    }

    let chains = [chain(&blocks, geometry, 0), chain(&blocks, geometry, 1)];
    let newest = chains.into_iter().flatten().max_by_key(|chain| chain.last_sequence);
    let last_sequence = newest.map_or(0, |chain| chain.last_sequence);
    let next_block = newest.map_or(geometry.start_of(0), |chain| {
        geometry.place_after(chain.last_start, chain.last_end)
    });

    check_tail(&blocks, last_sequence, next_block, path)?;
    if let Some(newest) = newest {
        check_older(newest, chains, geometry, next_block, path)?;
    }
    let record = newest.map(|chain| read_record(file, path, chain)).transpose()?;
    Ok(Found { geometry, last_sequence, next_block, record })
}

fn read_header(file: &File, path: &Path) -> Result<Geometry, WalError> {
    let mut header = [0; BLOCK];
    read(file, path, 0, &mut header)?;
    let geometry = Geometry::parse(&header).map_err(|bad| match bad {
        BadHeader::Damaged(what) => damaged(path, 0, what.to_owned()),
        BadHeader::Version(found) => {
            WalError::Version { path: path.to_owned(), found, known: layout::VERSION }
        }
    })?;
    let length = file.metadata().map_err(|e| fail("examine", path, e))?.len();
    let expected = layout::offset(geometry.total_blocks());
    if length == expected {
        Ok(geometry)
    } else {
        let what = format!("the file has {length} bytes instead of {expected}");
        Err(damaged(path, length.min(expected), what))
    }
}

/// The chain of whole records at the start of a region.
fn chain(blocks: &[Option<Block>], geometry: Geometry, region: u32) -> Option<Chain> {
    let end = geometry.start_of(region.saturating_add(1));
    let mut chain: Option<Chain> = None;
    let mut at = geometry.start_of(region);
    while let Some(head) = block_at(blocks, at) {
        let expected = chain.map_or(head.sequence, |chain| chain.last_sequence.saturating_add(1));
        let count = layout::blocks_of(head.length as usize);
        let last_end = at.saturating_add(count);
        let whole = head.sequence == expected
            && count <= geometry.record
            && last_end <= end
            && (0..count).all(|part| {
                block_at(blocks, at.saturating_add(part)) == Some(Block { part, ..head })
            });
        if !whole {
            break;
        }
        chain = Some(Chain {
            first_sequence: chain.map_or(head.sequence, |chain| chain.first_sequence),
            last_sequence: head.sequence,
            last_start: at,
            last_end,
            length: head.length,
        });
        at = last_end;
    }
    chain
}

fn block_at(blocks: &[Option<Block>], position: u32) -> Option<Block> {
    // Block 0 is the header, which the list leaves out.
    let index = usize::try_from(position.checked_sub(1)?).ok()?;
    blocks.get(index).copied().flatten()
}

/// No block may belong to a record behind the one that may be torn.
fn check_tail(
    blocks: &[Option<Block>],
    last_sequence: u64,
    next_block: u32,
    path: &Path,
) -> Result<(), WalError> {
    let torn = last_sequence.saturating_add(1);
    let later = (1_u32..).zip(blocks).find_map(|(position, block)| {
        block.filter(|block| block.sequence > torn).map(|block| (position, block))
    });
    let Some((position, block)) = later else { return Ok(()) };
    let what = format!(
        "record {torn} is unreadable, but record {} was written after it at byte {}",
        block.sequence,
        layout::offset(position),
    );
    Err(damaged(path, layout::offset(next_block), what))
}

/// The other region must end where the newest begins, unless a torn write has just begun it anew:
/// such a write may have destroyed anything in the place of the longest record, not only the first
/// block, because sectors reach the disk in any order.
fn check_older(
    newest: Chain,
    chains: [Option<Chain>; 2],
    geometry: Geometry,
    next_block: u32,
    path: &Path,
) -> Result<(), WalError> {
    let other = 1_u32.saturating_sub(geometry.region_of(newest.last_start));
    let start = geometry.start_of(other);
    let [zero, one] = chains;
    let older = if other == 0 { zero } else { one };
    let (last, end) = older.map_or((0, start), |chain| (chain.last_sequence, chain.last_end));
    let begun_anew = next_block == start && end < start.saturating_add(geometry.record);
    if last.saturating_add(1) == newest.first_sequence || begun_anew {
        return Ok(());
    }
    let what = format!(
        "record {} is unreadable, but record {} was written after it",
        last.saturating_add(1),
        newest.first_sequence,
    );
    Err(damaged(path, layout::offset(end), what))
}

fn read_record(file: &File, path: &Path, chain: Chain) -> Result<Vec<u8>, WalError> {
    let length = chain.length as usize;
    let mut record = Vec::with_capacity(length);
    let mut bytes = [0; BLOCK];
    for position in chain.last_start..chain.last_end {
        read(file, path, layout::offset(position), &mut bytes)?;
        let take = length.saturating_sub(record.len()).min(DATA).saturating_add(HEAD);
        record.extend_from_slice(bytes.get(HEAD..take).unwrap_or_default());
    }
    Ok(record)
}

fn read(file: &File, path: &Path, offset: u64, bytes: &mut [u8]) -> Result<(), WalError> {
    file.read_exact_at(bytes, offset).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => damaged(path, offset, "the file ends early".to_owned()),
        _ => fail("read", path, e),
    })
}

fn damaged(path: &Path, offset: u64, what: String) -> WalError {
    WalError::Damaged { path: path.to_owned(), offset, what }
}
