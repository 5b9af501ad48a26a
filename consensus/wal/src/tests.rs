//! Crashes, rot and misuse of the log.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::layout::DATA;

/// Small regions, so that tests go around them often.
const SMALL: Geometry = Geometry { region: 7, record: 3 };

struct Disk {
    dir: TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("votes.wal")
    }

    fn open(&self) -> Result<(Wal, Option<Vec<u8>>), WalError> {
        Wal::open_with(&self.path(), SMALL)
    }

    fn image(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    fn put(&self, image: &[u8]) {
        fs::write(self.path(), image).unwrap();
    }

    fn recovered(&self) -> Option<Vec<u8>> {
        self.open().unwrap().1
    }

    /// What recovery makes of an image, without the file-creating parts of `open`.
    fn judge(&self, image: &[u8]) -> Result<Option<Vec<u8>>, WalError> {
        self.put(image);
        let file = File::open(self.path()).unwrap();
        recover::recover(&file, &self.path()).map(|found| found.record)
    }
}

fn record(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|i| u8::try_from((i * 31 + seed * 7 + i / 251) % 251).unwrap()).collect()
}

/// Appends records of the given lengths; answers with the images before and after the last one.
fn write_all(disk: &Disk, lengths: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let (mut wal, _) = disk.open().unwrap();
    let mut before = disk.image();
    for (seed, length) in lengths.iter().enumerate() {
        before = disk.image();
        wal.append(&record(seed, *length)).unwrap();
    }
    (before, disk.image())
}

#[test]
fn a_new_log_is_empty_and_private() {
    let disk = Disk::new();

    let (_wal, last) = Wal::open(disk.path()).unwrap();

    assert_eq!(last, None);
    for file in [disk.path(), beside(&disk.path(), ".lock")] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(MAX_RECORD, 1_040_384);
}

#[test]
fn the_last_record_comes_back_after_every_append() {
    let disk = Disk::new();
    for round in 0..40 {
        let length = (round * 997) % (3 * DATA + 1);
        let (mut wal, last) = disk.open().unwrap();
        assert_eq!(
            last,
            (round > 0).then(|| record(round - 1, ((round - 1) * 997) % (3 * DATA + 1)))
        );
        wal.append(&record(round, length)).unwrap();
    }
}

#[test]
fn records_of_every_border_length_come_back() {
    let disk = Disk::new();
    for length in [0, 1, DATA - 1, DATA, DATA + 1, 2 * DATA, 3 * DATA - 1, 3 * DATA] {
        disk.open().unwrap().0.append(&record(length, length)).unwrap();
        assert_eq!(disk.recovered(), Some(record(length, length)), "{length} bytes");
    }
}

#[test]
fn a_full_size_log_turns_over_its_regions() {
    let disk = Disk::new();
    {
        let (mut wal, _) = Wal::open(disk.path()).unwrap();
        for seed in 0..12 {
            wal.append(&record(seed, MAX_RECORD)).unwrap();
        }
    }
    assert_eq!(Wal::open(disk.path()).unwrap().1, Some(record(11, MAX_RECORD)));
    assert_eq!(fs::metadata(disk.path()).unwrap().len(), 2049 * 4096);
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let disk = Disk::new();
    let first = disk.open().unwrap();

    assert!(matches!(disk.open(), Err(WalError::Locked { .. })));
    drop(first);
    assert!(disk.open().is_ok());
}

#[test]
fn any_error_poisons() {
    let disk = Disk::new();
    let (mut wal, _) = disk.open().unwrap();
    wal.append(b"good").unwrap();

    // A file that cannot be written stands for a disk that fails.
    wal.file = File::open(disk.path()).unwrap();
    assert!(matches!(wal.append(b"lost"), Err(WalError::Io { doing: "write", .. })));
    wal.file = OpenOptions::new().write(true).open(disk.path()).unwrap();
    assert!(matches!(wal.append(b"again"), Err(WalError::Poisoned { .. })));
    drop(wal);
    assert_eq!(disk.recovered(), Some(b"good".to_vec()));

    let (mut wal, _) = disk.open().unwrap();
    let long = vec![0; 3 * DATA + 1];
    assert!(matches!(wal.append(&long), Err(WalError::TooLong { .. })));
    assert!(matches!(wal.append(b"x"), Err(WalError::Poisoned { .. })));
}

#[test]
fn a_write_torn_at_every_byte_leaves_the_old_or_the_new_record() {
    // The last record lies: at the very start; behind others; in three parts; at the start of the
    // second region; at the start of the first region once more, over old records.
    let cases: [&[usize]; 6] = [
        &[100],
        &[100, 200],
        &[100, 2 * DATA + 5],
        &[10, 20, 30, 40, 50, 60],
        &[10, 20, 30, 40, 50, 60, 70, 80, 90, 95, DATA + 7],
        &[3 * DATA, 3 * DATA, 3 * DATA],
    ];
    for lengths in cases {
        let disk = Disk::new();
        let (before, after) = write_all(&disk, lengths);
        let new = lengths.len() - 1;
        let old = new.checked_sub(1).map(|old| record(old, lengths[old]));
        let new = Some(record(new, lengths[new]));
        let changed: Vec<usize> = (0..after.len()).filter(|i| before[*i] != after[*i]).collect();
        let (first, last) = (changed[0], changed[changed.len() - 1]);
        disk.put(&before);
        let file = OpenOptions::new().read(true).write(true).open(disk.path()).unwrap();

        for cut in first..=last + 1 {
            if cut > first {
                file.write_all_at(&after[cut - 1..cut], (cut - 1) as u64).unwrap();
            }
            let got = recover::recover(&file, &disk.path()).unwrap().record;
            assert!(got == old || got == new, "{lengths:?} cut at {cut}");
            assert_eq!(got == new, cut > last, "{lengths:?} cut at {cut}");
        }
    }
}

#[test]
fn after_a_torn_write_the_log_goes_on() {
    let disk = Disk::new();
    let (before, after) = write_all(&disk, &[10, 20, 3 * DATA]);
    // Only the last part reached the disk.
    let mut torn = before;
    let last_part = 5 * BLOCK;
    torn[last_part..last_part + BLOCK].copy_from_slice(&after[last_part..last_part + BLOCK]);
    disk.put(&torn);

    let (mut wal, last) = disk.open().unwrap();
    assert_eq!(last, Some(record(1, 20)));
    for seed in 50..90 {
        wal.append(&record(seed, 33)).unwrap();
        assert_eq!(disk.judge(&disk.image()).unwrap(), Some(record(seed, 33)));
    }
}

#[test]
fn a_damaged_record_before_a_good_one_is_an_error_that_says_where() {
    let disk = Disk::new();
    let (_, image) = write_all(&disk, &[10, 20, 30, 40]);

    for (block, record) in [(1, 1), (2, 2), (3, 3)] {
        let mut bad = image.clone();
        bad[block * BLOCK + 50] ^= 1;
        match disk.judge(&bad).unwrap_err() {
            WalError::Damaged { path, offset, what } => {
                assert_eq!(path, disk.path());
                assert_eq!(offset, (block * BLOCK) as u64);
                assert!(what.contains(&format!("record {record} is unreadable")), "{what}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn damage_in_the_older_region_is_an_error() {
    let disk = Disk::new();
    // Five records fill a region of seven blocks that must keep three free.
    let (_, image) = write_all(&disk, &[1, 2, 3, 4, 5, 6, 7]);
    for block in 1..=5 {
        let mut bad = image.clone();
        bad[block * BLOCK + 20] ^= 0x80;
        assert!(matches!(disk.judge(&bad), Err(WalError::Damaged { .. })), "block {block}");
    }
}

#[test]
fn a_write_torn_behind_its_first_block_leaves_the_old_record() {
    let disk = Disk::new();
    // Two short records and a long one fill the second region, so that the first block of the next
    // write there is a whole record of its own.
    let lengths = [3 * DATA, 2 * DATA, 1, 1, 3 * DATA, 3 * DATA, 2 * DATA, 2 * DATA];
    let (before, after) = write_all(&disk, &lengths);
    let second = SMALL.start_of(1) as usize + 1;
    let mut torn = before;
    torn[second * BLOCK + 512..(second + 1) * BLOCK]
        .copy_from_slice(&after[second * BLOCK + 512..(second + 1) * BLOCK]);

    assert_eq!(disk.judge(&torn).unwrap(), Some(record(6, 2 * DATA)));
}

#[test]
fn every_flipped_bit_of_the_header_is_noticed() {
    let disk = Disk::new();
    let (_, image) = write_all(&disk, &[10]);
    for bit in 0..24 * 8 {
        let mut bad = image.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(disk.judge(&bad).is_err(), "bit {bit}");
    }
}

#[test]
fn another_version_is_named() {
    let disk = Disk::new();
    let (_, mut image) = write_all(&disk, &[10]);
    image[8] = 9;
    let crc = crc32fast::hash(&image[..20]);
    image[20..24].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(disk.judge(&image), Err(WalError::Version { found: 9, known: 1, .. })));
}

#[test]
fn a_file_of_the_wrong_size_is_refused() {
    let disk = Disk::new();
    let (_, image) = write_all(&disk, &[10]);
    let longer = [image.clone(), vec![0]].concat();
    for bad in [&[], &image[..100], &image[..image.len() - 1], longer.as_slice()] {
        assert!(matches!(disk.judge(bad), Err(WalError::Damaged { .. })), "{} bytes", bad.len());
    }
}

#[test]
fn a_half_made_log_is_made_again() {
    let disk = Disk::new();
    fs::write(beside(&disk.path(), ".new"), b"half").unwrap();
    assert_eq!(disk.recovered(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever part of the last write's sectors reached the disk, in whatever order, the old or
    /// the new record is there, and the log can go on.
    #[test]
    fn any_subset_of_sectors_leaves_the_old_or_the_new_record(
        lengths in prop::collection::vec(0..3 * DATA, 1..20),
        kept in prop::collection::vec(any::<bool>(), 3 * BLOCK / 512),
        next in 0..3 * DATA,
    ) {
        let disk = Disk::new();
        let (before, after) = write_all(&disk, &lengths);
        let mut file = before.clone();
        let mut sector = 0;
        for (at, (old, new)) in before.chunks(512).zip(after.chunks(512)).enumerate() {
            if old != new {
                if kept[sector % kept.len()] {
                    file[at * 512..(at + 1) * 512].copy_from_slice(new);
                }
                sector += 1;
            }
        }
        disk.put(&file);

        let last = lengths.len() - 1;
        let old = last.checked_sub(1).map(|at| record(at, lengths[at]));
        let (mut wal, got) = disk.open().unwrap();
        prop_assert!(got == old || got == Some(record(last, lengths[last])));
        wal.append(&record(99, next)).unwrap();
        drop(wal);
        prop_assert_eq!(disk.recovered(), Some(record(99, next)));
    }

    /// A flipped bit is an error, or drops the last record (which a torn write might have left so),
    /// or hits bytes that no longer matter. What comes back is never a record nobody wrote.
    #[test]
    fn a_flipped_bit_never_makes_up_a_record(
        lengths in prop::collection::vec(0..3 * DATA, 2..20),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let disk = Disk::new();
        let (_, mut image) = write_all(&disk, &lengths);
        let at = at.index(image.len());
        image[at] ^= 1_u8 << bit;

        let last = lengths.len() - 1;
        match disk.judge(&image) {
            Ok(got) => prop_assert!(
                got == Some(record(last, lengths[last]))
                    || got == Some(record(last - 1, lengths[last - 1]))
            ),
            Err(WalError::Damaged { path, .. }) => prop_assert_eq!(path, disk.path()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    /// Noise is an error or an empty log, never a panic.
    #[test]
    fn noise_is_no_record(noise in prop::collection::vec(any::<u8>(), 0..15 * BLOCK)) {
        let disk = Disk::new();
        let (mut image, _) = write_all(&disk, &[1]);
        let end = noise.len().min(image.len() - BLOCK);
        image[BLOCK..BLOCK + end].copy_from_slice(&noise[..end]);
        prop_assert_eq!(disk.judge(&image).unwrap(), None);
    }
}
