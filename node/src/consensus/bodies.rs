//! Blocks that are voted on but not final yet, kept over a crash.
//!
//! A vote names a block by hash. If all validators lose power after certifying one, somebody must
//! still have its body or the chain cannot go on. Before a vote leaves, the block is therefore
//! appended here and synced. Segments whose blocks are all final are deleted; a torn tail is
//! dropped on opening, since no vote rested on it.
//!
//! An encrypted segment begins with a mark and a salt; its records are encrypted under a key of its
//! own and numbered, so that none can be changed, moved or left out.

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
use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use qenex_consensus::Block;

use crate::db_key::FileKeys;

/// A segment above this size is closed and a new one started.
const SEGMENT_BYTES: u64 = 32 * 1024 * 1024;

/// A record: 4 bytes of length, 8 bytes of keccak256 over the rest, the block's RLP (encrypted in an
/// encrypted segment).
const HEADER_BYTES: usize = 12;

/// Where a record's length would be: the segment is encrypted, and its salt follows.
const SEALED: [u8; 4] = [0xff; 4];

/// Bytes of a salt.
const SALT_BYTES: usize = 32;

/// Encrypts the records of a segment, in order.
struct Seal {
    key: LessSafeKey,
    next: u64,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Seal {
    /// Of the segment with this salt, from its first record on.
    fn new(keys: &FileKeys, salt: &[u8]) -> Result<Self> {
        Ok(Self { key: keys.of(salt)?, next: 0 })
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.saturating_add(1);
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&mut self, mut record: Vec<u8>) -> Result<Vec<u8>> {
        let nonce = self.nonce();
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record);
        sealed.ok().context("cannot encrypt an open block")?;
        Ok(record)
    }

    /// The record in plain text; none if it was not encrypted for this place.
    fn open(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        let (nonce, mut record) = (self.nonce(), record.to_vec());
        let length = self.key.open_in_place(nonce, Aad::empty(), &mut record).ok()?.len();
        record.truncate(length);
        Some(record)
    }
}

/// The log of open blocks.
#[derive(Debug)]
pub(crate) struct Bodies {
    folder: PathBuf,
    /// Set if new segments are to be encrypted.
    keys: Option<FileKeys>,
    current: File,
    /// Of the current segment.
    seal: Option<Seal>,
    number: u64,
    written: u64,
    /// Highest block in each segment, the current one included.
    highest: BTreeMap<u64, u64>,
    /// Blocks above the final height, by hash: what peers may fetch.
    open: BTreeMap<B256, Block>,
}

impl Bodies {
    /// Opens the log in `folder`, creating it if there is none. With `encrypt` new segments are
    /// encrypted; old ones are read as they are.
    ///
    /// # Errors
    ///
    /// If the operating system refuses, or a segment is damaged.
    pub(crate) fn open(
        folder: &Path,
        final_height: u64,
        keys: FileKeys,
        encrypt: bool,
    ) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mut highest = BTreeMap::new();
        let mut open = BTreeMap::new();
        let mut last = 0;
        for (number, path) in segments(folder)? {
            last = last.max(number);
            let blocks = read_segment(&path, Some(&keys))?;
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
        let keys = encrypt.then_some(keys);
        let (current, seal) = create_segment(folder, number, keys.as_ref())?;
        let folder = folder.into();
        let mut bodies = Self { folder, keys, current, seal, number, written: 0, highest, open };
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
        if self.written > SEGMENT_BYTES {
            self.number = self.number.saturating_add(1);
            (self.current, self.seal) =
                create_segment(&self.folder, self.number, self.keys.as_ref())?;
            self.written = 0;
        }
        let bytes = alloy_rlp::encode(&block);
        let bytes = match &mut self.seal {
            None => bytes,
            Some(seal) => seal.seal(bytes)?,
        };
        let length = u32::try_from(bytes.len()).context("block above 4 GiB")?;
        let digest = keccak256(&bytes);
        let mut record = Vec::with_capacity(bytes.len().saturating_add(HEADER_BYTES));
        record.extend(length.to_be_bytes());
        record.extend(&digest[..8]);
        record.extend(&bytes);
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
pub(crate) fn open_blocks(folder: &Path, keys: Option<&FileKeys>) -> Result<usize> {
    let mut blocks = 0_usize;
    for (_, path) in segments(folder)? {
        blocks = blocks.saturating_add(read_segment(&path, keys)?.len());
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

fn create_segment(
    folder: &Path,
    number: u64,
    keys: Option<&FileKeys>,
) -> Result<(File, Option<Seal>)> {
    let path = segment(folder, number);
    let mut file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    let mut seal = None;
    if let Some(keys) = keys {
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).ok().context("cannot draw a salt")?;
        file.write_all(&[&SEALED[..], &salt].concat()).context("cannot write an open block")?;
        seal = Some(Seal::new(keys, &salt)?);
    }
    File::open(folder)?.sync_all().with_context(|| format!("cannot sync {}", folder.display()))?;
    Ok((file, seal))
}

/// The whole records of a segment, up to a torn one at its end.
///
/// A record is written only after the one before was synced: a bad one with more behind it was
/// damaged since.
fn read_segment(path: &Path, keys: Option<&FileKeys>) -> Result<Vec<Block>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut rest = bytes.as_slice();
    let mut seal = None;
    if let Some(sealed) = rest.strip_prefix(&SEALED) {
        // Cut off before the first record: nothing rested on it.
        let Some((salt, records)) = sealed.split_first_chunk::<SALT_BYTES>() else {
            return Ok(Vec::new());
        };
        let keys = keys.with_context(|| format!("{} is encrypted", path.display()))?;
        seal = Some(Seal::new(keys, salt)?);
        rest = records;
    }
    let mut blocks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((digest, after)) = after.split_first_chunk::<8>() else { break };
        let Some((record, after)) = after.split_at_checked(length) else { break };
        let whole = keccak256(record)[..8] == digest[..];
        let opened = match &mut seal {
            None => Some(record.to_vec()),
            Some(seal) => seal.open(record),
        };
        let block = opened.and_then(|block| Block::decode(&mut block.as_slice()).ok());
        let Some(block) = block.filter(|_| whole) else {
            // A whole record that cannot be read was not torn either.
            if after.is_empty() && !whole {
                break;
            }
            bail!(
                "{} is damaged at byte {}: an open block is unreadable that was written whole; check \
                 the disk, then move this file away and start again: the node fetches open blocks \
                 from its peers",
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

    fn open(folder: &Path, final_height: u64, encrypt: bool) -> Result<Bodies> {
        Bodies::open(folder, final_height, FileKeys::of_secret(vec![7; 64]), encrypt)
    }

    #[test]
    fn encrypted_blocks_come_back_whole_and_in_their_places_only() {
        let folder = tempfile::tempdir().unwrap();
        for encrypt in [true, false, true] {
            let mut bodies = open(folder.path(), 0, encrypt).unwrap();
            let first = u8::try_from(bodies.blocks().len()).unwrap() + 1;
            bodies.store(block(first)).unwrap();
            bodies.store(block(first + 1)).unwrap();
        }
        assert_eq!(open(folder.path(), 0, true).unwrap().blocks().len(), 6);
        let path = segment(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        assert!(!whole.windows(20).any(|window| window == [7; 20]), "the payload can be read");
        let keys = FileKeys::of_secret(vec![7; 64]);
        let other = FileKeys::of_secret(vec![8; 64]);
        assert_eq!(read_segment(&path, Some(&keys)).unwrap(), [block(1), block(2)]);
        assert!(read_segment(&path, Some(&other)).is_err() && read_segment(&path, None).is_err());
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let found = read_segment(&path, Some(&keys));
            assert!(found.is_ok_and(|found| found.len() < 2), "cut at {cut}");
        }
        // The two records in each other's places.
        let (head, records) = whole.split_at(SEALED.len() + SALT_BYTES);
        let (one, two) = records.split_at(records.len() / 2);
        fs::write(&path, [head, two, one].concat()).unwrap();
        assert!(read_segment(&path, Some(&keys)).is_err());
    }

    #[test]
    fn open_blocks_come_back_and_final_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = open(folder.path(), 0, false).unwrap();
        for height in 1..=3 {
            bodies.store(block(height)).unwrap();
        }
        drop(bodies);
        let bodies = open(folder.path(), 2, false).unwrap();
        assert_eq!(bodies.blocks(), [block(3)]);
    }

    #[test]
    fn a_torn_tail_is_dropped_wherever_it_tears() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = open(folder.path(), 0, false).unwrap();
        bodies.store(block(1)).unwrap();
        bodies.store(block(2)).unwrap();
        drop(bodies);
        let path = segment(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let found = read_segment(&path, None).unwrap();
            let expected = usize::from(cut >= whole.len() / 2);
            assert_eq!(found.len(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_block_before_a_good_one_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = open(folder.path(), 0, false).unwrap();
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
            let error = read_segment(&path, None).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn segments_of_final_blocks_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut bodies = open(folder.path(), 0, false).unwrap();
        bodies.store(block(1)).unwrap();
        drop(bodies);
        let mut bodies = open(folder.path(), 0, false).unwrap();
        bodies.store(block(2)).unwrap();
        bodies.prune(1).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(bodies.blocks(), [block(2)]);
    }
}
