//! A look at RocksDB's log before RocksDB reads it.
//!
//! RocksDB can reuse log files, and takes a record that says it is of an earlier use for the end of
//! the log, before it looks at the checksum: one flipped bit in the type of a record would drop, in
//! silence, all blocks written after it, or send recovery into an endless loop (RocksDB 11.8). This
//! database reuses no log files, so such a record is damage.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use crate::error::{StoreError, extension, names};

/// Bytes of a block of the log (`db/log_format.h` of RocksDB); no record crosses its end.
const BLOCK: usize = 32 << 10;
/// Bytes before a record: checksum (4), length (2, little-endian), type (1).
const HEADER: usize = 7;
/// The types of records in reused files.
const REUSED: [u8; 6] = [5, 6, 7, 8, 11, 131];

/// Refuses a database with a log that RocksDB would misread. What else is wrong with it RocksDB says.
pub(crate) fn check(database: &Path) -> Result<(), StoreError> {
    for name in names(database, |name| extension(name) == Some("log")) {
        let file = File::open(database.join(&name));
        match file.and_then(|file| reused_record(&mut BufReader::new(file))) {
            Ok(None) => {}
            Ok(Some(offset)) => {
                let detail = format!("the record at byte {offset} of the log {name} is no record");
                return Err(StoreError::Corrupt { path: database.to_owned(), detail });
            }
            Err(error) => {
                let detail = format!("cannot read {}: {error}", database.join(&name).display());
                return Err(StoreError::Io { detail });
            }
        }
    }
    Ok(())
}

/// Where the first record of a reused file begins.
fn reused_record(log: &mut impl Read) -> io::Result<Option<usize>> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut start = 0;
    loop {
        block.clear();
        if log.by_ref().take(BLOCK as u64).read_to_end(&mut block)? == 0 {
            return Ok(None);
        }
        let mut at = 0;
        while let Some([_, _, _, _, low, high, kind]) =
            block.get(at..).and_then(|rest| rest.first_chunk::<HEADER>())
        {
            if REUSED.contains(kind) {
                return Ok(Some(start + at));
            }
            at += HEADER + usize::from(u16::from_le_bytes([*low, *high]));
        }
        start += BLOCK;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: u16) -> Vec<u8> {
        let [low, high] = length.to_le_bytes();
        let data = std::iter::repeat_n(8, usize::from(length));
        [0, 0, 0, 0, low, high, kind].into_iter().chain(data).collect()
    }

    #[test]
    fn records_of_reused_files_are_found_wherever_they_are() {
        let fill = u16::try_from(BLOCK - HEADER - 20).unwrap();
        // The second leaves too little of the block for another; zeros fill the rest.
        let good = [record(1, 3), record(2, fill - 10), vec![0; 20]].concat();
        assert_eq!(good.len(), BLOCK);
        let find = |log: &[u8]| reused_record(&mut &log[..]).unwrap();
        assert_eq!(find(&good), None);
        assert_eq!(find(&[good.clone(), record(4, 100), record(1, 0)].concat()), None);
        for kind in REUSED {
            let bad = [good.clone(), record(4, 100), record(kind, 50)].concat();
            assert_eq!(find(&bad), Some(BLOCK + HEADER + 100));
        }
        assert_eq!(find(&good[..100]), None);
    }
}
