//! Blocks that are voted on but not final yet, kept over a crash.
//!
//! A vote names a block by hash. If all validators lose power after certifying one, somebody must
//! still have its body or the chain cannot go on. Before a vote leaves, the block is therefore
//! appended here and synced. Segments whose blocks are all final are deleted; a torn tail is
//! dropped on opening, since no vote rested on it.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use alloy_rlp::Decodable;
use anyhow::{Context, Result, bail};
use qenex_consensus::Block;

/// A segment above this size is closed and a new one started.
const SEGMENT_BYTES: u64 = 32 * 1024 * 1024;

/// A record: 4 bytes of length, 8 bytes of keccak256 over the block, the block's RLP.
const HEADER_BYTES: usize = 12;

/// The log of open blocks.
#[derive(Debug)]
pub(crate) struct Bodies {
    folder: PathBuf,
    current: File,
    number: u64,
    written: u64,
    /// Highest block in each segment, the current one included.
    highest: BTreeMap<u64, u64>,
    /// Blocks above the final height, by hash: what peers may fetch.
    open: BTreeMap<B256, Block>,
}

impl Bodies {
    /// Opens the log in `folder`, creating it if there is none.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub(crate) fn open(folder: &Path, final_height: u64) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mut highest = BTreeMap::new();
        let mut open = BTreeMap::new();
        let mut last = 0;
        for (number, path) in segments(folder)? {
            last = last.max(number);
            let blocks = read_segment(&path)?;
            highest.insert(number, blocks.iter().map(|b| b.meta.height).max().unwrap_or(0));
            open.extend(
                blocks
                    .into_iter()
                    .filter(|block| block.meta.height > final_height)
                    .map(|block| (block.meta.hash, block)),
            );
        }
        // Never appended to an old segment: its tail may be torn.
        let number = last.saturating_add(1);
        let current = create_segment(folder, number)?;
        let mut bodies = Self { folder: folder.into(), current, number, written: 0, highest, open };
        bodies.prune(final_height)?;
        Ok(bodies)
    }

    /// The open blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.open.values().cloned().collect()
    }

    /// The open block with this hash.
    pub(crate) fn get(&self, hash: &B256) -> Option<Block> {
        self.open.get(hash).cloned()
    }

    /// Makes a block durable. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If it cannot be written or synced: the node must stop.
    pub(crate) fn store(&mut self, block: Block) -> Result<()> {
        if self.open.contains_key(&block.meta.hash) {
            return Ok(());
        }
        let bytes = alloy_rlp::encode(&block);
        let length = u32::try_from(bytes.len()).context("block above 4 GiB")?;
        let digest = keccak256(&bytes);
        let mut record = Vec::with_capacity(bytes.len().saturating_add(HEADER_BYTES));
        record.extend(length.to_be_bytes());
        record.extend(&digest[..8]);
        record.extend(&bytes);
        if self.written > SEGMENT_BYTES {
            self.number = self.number.saturating_add(1);
            self.current = create_segment(&self.folder, self.number)?;
            self.written = 0;
        }
        self.current.write_all(&record).context("cannot write an open block")?;
        self.current.sync_data().context("cannot sync an open block")?;
        self.written = self.written.saturating_add(record.len() as u64);
        let highest = self.highest.entry(self.number).or_default();
        *highest = (*highest).max(block.meta.height);
        self.open.insert(block.meta.hash, block);
        Ok(())
    }

    /// Forgets blocks up to the final height.
    ///
    /// # Errors
    ///
    /// If a segment cannot be deleted.
    pub(crate) fn prune(&mut self, final_height: u64) -> Result<()> {
        self.open.retain(|_, block| block.meta.height > final_height);
        let done: Vec<u64> = self
            .highest
            .iter()
            .filter(|(number, highest)| **number != self.number && **highest <= final_height)
            .map(|(number, _)| *number)
            .collect();
        for number in done {
            let path = segment(&self.folder, number);
            fs::remove_file(&path).with_context(|| format!("cannot delete {}", path.display()))?;
            self.highest.remove(&number);
        }
        Ok(())
    }
}

/// How many blocks the log in `folder` holds, final ones included; changes nothing.
///
/// # Errors
///
/// If a segment cannot be read or is damaged.
pub(crate) fn open_blocks(folder: &Path) -> Result<usize> {
    let mut blocks = 0_usize;
    for (_, path) in segments(folder)? {
        blocks = blocks.saturating_add(read_segment(&path)?.len());
    }
    Ok(blocks)
}

/// The files of the log, with their numbers.
fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let number = path.file_stem().and_then(|name| name.to_str()?.parse::<u64>().ok());
        found.extend(number.map(|number| (number, path)));
    }
    Ok(found)
}

fn segment(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.blocks"))
}

fn create_segment(folder: &Path, number: u64) -> Result<File> {
    let path = segment(folder, number);
    let file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    File::open(folder)?.sync_all().with_context(|| format!("cannot sync {}", folder.display()))?;
    Ok(file)
}

/// The whole records of a segment, up to a torn one at its end.
///
/// A record is written only after the one before was synced: a bad one with more behind it was
/// damaged since.
fn read_segment(path: &Path) -> Result<Vec<Block>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut rest = bytes.as_slice();
    let mut blocks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((digest, after)) = after.split_first_chunk::<8>() else { break };
        let Some((record, after)) = after.split_at_checked(length) else { break };
        let whole = keccak256(record)[..8] == digest[..];
        let block = Block::decode(&mut &record[..]).ok().filter(|_| whole);
        let Some(block) = block else {
            if after.is_empty() {
                break;
            }
            bail!(
                "{} is damaged at byte {}: an open block is unreadable, but another was written \
                 after it; check the disk, then move this file away and start again: the node \
                 fetches open blocks from its peers",
                path.display(),
                bytes.len().saturating_sub(rest.len())
            );
        };
        blocks.push(block);
        rest = after;
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use qenex_consensus::{BlockMeta, ConsensusHeader};

    use super::*;

    fn block(height: u8) -> Block {
        Block {
            meta: BlockMeta {
                hash: B256::with_last_byte(height),
                parent: B256::ZERO,
                height: height.into(),
            },
            consensus_header: ConsensusHeader::default(),
            payload: Bytes::from(vec![7; 100]),
        }
    }

    #[test]
    fn open_blocks_come_back_and_final_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = Bodies::open(folder.path(), 0).unwrap();
        for height in 1..=3 {
            bodies.store(block(height)).unwrap();
        }
        drop(bodies);
        let bodies = Bodies::open(folder.path(), 2).unwrap();
        assert_eq!(bodies.blocks(), [block(3)]);
    }

    #[test]
    fn a_torn_tail_is_dropped_wherever_it_tears() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = Bodies::open(folder.path(), 0).unwrap();
        bodies.store(block(1)).unwrap();
        bodies.store(block(2)).unwrap();
        drop(bodies);
        let path = segment(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let found = read_segment(&path).unwrap();
            let expected = usize::from(cut >= whole.len() / 2);
            assert_eq!(found.len(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_block_before_a_good_one_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = Bodies::open(folder.path(), 0).unwrap();
        for height in 1..=3 {
            bodies.store(block(height)).unwrap();
        }
        drop(bodies);
        let path = segment(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        let record = whole.len() / 3;
        for at in [HEADER_BYTES - 1, HEADER_BYTES, record - 1, record + HEADER_BYTES] {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            let error = read_segment(&path).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn segments_of_final_blocks_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = Bodies::open(folder.path(), 0).unwrap();
        bodies.store(block(1)).unwrap();
        drop(bodies);
        let mut bodies = Bodies::open(folder.path(), 0).unwrap();
        bodies.store(block(2)).unwrap();
        bodies.prune(1).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(bodies.blocks(), [block(2)]);
    }
}
