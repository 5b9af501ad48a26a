//! The store against a real folder: commits, reopening, refusals, damage, history.

use std::path::Path;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use proptest::prelude::*;

use crate::{
    Account, BlockRecord, Head, StateChange, StateHead, Store, StoreError, StoreOptions,
    tables::ChangesRow,
};

mod sealed;

fn open(path: &Path) -> Result<Store, StoreError> {
    let options = StoreOptions { cache_bytes: 8 << 20, ..StoreOptions::default() };
    Store::open(path, &options)
}

fn block(number: u64) -> BlockRecord {
    let tag = |what: &str| keccak256(format!("{what} {number}"));
    BlockRecord {
        number,
        hash: tag("hash"),
        header: Bytes::from(tag("header").to_vec()),
        // Large enough for a blob file.
        transactions: Bytes::from(tag("body").repeat(300)),
        receipts: Bytes::from(tag("receipts").repeat(2)),
        certificate: Bytes::from(tag("certificate").repeat(200)),
        tx_hashes: vec![tag("tx 0"), tag("tx 1")],
    }
}

fn assert_has(store: &Store, block: &BlockRecord) {
    let number = block.number;
    assert_eq!(store.header(number).unwrap(), Some(block.header.clone()));
    assert_eq!(store.block_hash(number).unwrap(), Some(block.hash));
    assert_eq!(store.body(number).unwrap(), Some(block.transactions.clone()));
    assert_eq!(store.receipts(number).unwrap(), Some(block.receipts.clone()));
    assert_eq!(store.certificate(number).unwrap(), Some(block.certificate.clone()));
    assert_eq!(store.block_number(&block.hash).unwrap(), Some(number));
    for (index, hash) in (0..).zip(&block.tx_hashes) {
        assert_eq!(store.transaction_location(hash).unwrap(), Some((number, index)));
    }
}

#[test]
fn committed_blocks_are_found_again_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let blocks: Vec<_> = (0..5).map(block).collect();
    let store = open(dir.path()).unwrap();
    assert_eq!(store.head(), None);
    store.set_chain(7, blocks[0].hash).unwrap();
    store.commit_blocks(&blocks[..1]).unwrap();
    store.commit_blocks(&blocks[1..]).unwrap();
    store.commit_blocks(&[]).unwrap();
    for settle in [false, true] {
        if settle {
            store.settle().unwrap();
        }
        blocks.iter().for_each(|block| assert_has(&store, block));
    }
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(store.head(), Some(Head { number: 4, hash: blocks[4].hash }));
    assert_eq!(store.chain_id().unwrap(), Some(7));
    assert_eq!(store.genesis_hash().unwrap(), Some(blocks[0].hash));
    blocks.iter().for_each(|block| assert_has(&store, block));
    assert_eq!(store.header(5).unwrap(), None);
    assert_eq!(store.block_number(&B256::ZERO).unwrap(), None);
    assert_eq!(store.transaction_location(&B256::ZERO).unwrap(), None);
}

#[test]
fn skipped_blocks_are_filled_in_order_and_the_chain_goes_on_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let blocks: Vec<_> = (0..14).map(block).collect();
    let store = open(dir.path()).unwrap();
    let not_next = |given, expected| Err(StoreError::NotNext { given, expected });
    // Only a chain with nothing but block 0 skips.
    assert_eq!(store.skip_to_blocks(&blocks[9..11]), not_next(9, 0));
    store.commit_blocks(&blocks[..1]).unwrap();
    assert_eq!(store.skip_to_blocks(&[blocks[9].clone(), blocks[11].clone()]), not_next(11, 10));
    assert_eq!(store.skip_to_blocks(&blocks[..1]), not_next(0, 1));
    assert_eq!(store.missing_blocks(), 0..0);
    store.skip_to_blocks(&blocks[9..11]).unwrap();
    assert_eq!(store.skip_to_blocks(&blocks[12..]), not_next(12, 11));
    assert_eq!(store.missing_blocks(), 1..9);
    assert_eq!(store.header(8).unwrap(), None);
    store.commit_blocks(&blocks[11..13]).unwrap();
    assert_eq!(store.fill_blocks(&blocks[2..4]), not_next(2, 1));
    store.fill_blocks(&blocks[1..4]).unwrap();
    drop(store);

    let store = open(dir.path()).unwrap();
    assert_eq!(store.missing_blocks(), 4..9);
    assert_eq!(store.head(), Some(Head { number: 12, hash: blocks[12].hash }));
    // Never over what is there.
    assert_eq!(store.fill_blocks(&blocks[4..10]), not_next(9, 4));
    store.fill_blocks(&[]).unwrap();
    store.fill_blocks(&blocks[4..9]).unwrap();
    assert_eq!(store.missing_blocks(), 0..0);
    assert_eq!(store.fill_blocks(&blocks[9..10]), not_next(9, 0));
    store.commit_blocks(&blocks[13..]).unwrap();
    blocks.iter().for_each(|block| assert_has(&store, block));
}

#[test]
fn a_block_that_does_not_follow_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let refused = |blocks: &[BlockRecord], given, expected| {
        assert_eq!(store.commit_blocks(blocks), Err(StoreError::NotNext { given, expected }));
    };
    refused(&[block(1)], 1, 0);
    store.commit_blocks(&[block(0), block(1)]).unwrap();
    refused(&[block(1)], 1, 2);
    refused(&[block(3)], 3, 2);
    refused(&[block(2), block(4)], 4, 3);
    assert_eq!(store.head().map(|head| head.number), Some(1));
    assert_eq!(store.header(2).unwrap(), None);
}

#[test]
fn indexes_and_filters_come_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut batch = store.state_batch();
    for slot in 0..100_000_u64 {
        let value = U256::from(slot + 1);
        batch.add(&StateChange::Storage(B256::ZERO, keccak256(slot.to_be_bytes()), value)).unwrap();
    }
    let head = StateHead { number: 0, hash: B256::ZERO, root: B256::ZERO };
    store.flush_state(batch, head).unwrap();
    store.settle().unwrap();
    let table = store.table(crate::tables::STORAGE).unwrap();
    let said = store.inner.db.property_value_cf(table, "rocksdb.aggregated-table-properties");
    let said = said.unwrap().unwrap();
    let parts = said.split("; ").find_map(|each| each.strip_prefix("# index partitions="));
    let parts: u32 = parts.unwrap_or_else(|| panic!("one whole index: {said}")).parse().unwrap();
    assert!(parts > 1, "{parts}");
}

#[test]
fn a_second_opening_is_told_that_the_database_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert_eq!(error, StoreError::Locked { path: dir.path().to_owned() });
    drop(store);
    open(dir.path()).unwrap();
}

#[test]
fn another_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.put_meta(crate::tables::META_SCHEMA, &2_u32.to_be_bytes()).unwrap();
    drop(store);
    assert!(matches!(open(dir.path()), Err(StoreError::WrongSchema { expected: 1, .. })));

    let stranger = tempfile::tempdir().unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    let mut db = rocksdb::DB::open(&options, stranger.path()).unwrap();
    db.create_cf("other", &options).unwrap();
    drop(db);
    assert!(matches!(open(stranger.path()), Err(StoreError::WrongSchema { .. })));
}

/// The file of RocksDB's log with the most in it.
fn log_file(dir: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

/// A folder as a power cut would leave it: RocksDB writes its memory out when closed.
fn cut(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

#[test]
fn a_torn_tail_loses_only_the_last_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.commit_blocks(&[block(0)]).unwrap();
    let whole = log_file(dir.path()).metadata().unwrap().len();
    store.commit_blocks(&[block(1)]).unwrap();
    let both = log_file(dir.path()).metadata().unwrap().len();
    for length in [whole, whole + 1, whole + 7, (whole + both) / 2, both - 1] {
        let copy = cut(dir.path());
        let log = std::fs::OpenOptions::new().write(true).open(log_file(copy.path())).unwrap();
        log.set_len(length).unwrap();
        drop(log);
        let store = open(copy.path()).unwrap();
        assert_eq!(store.head().map(|head| head.number), Some(0), "cut at {length}");
        assert_has(&store, &block(0));
        assert_eq!(store.header(1).unwrap(), None);
        store.commit_blocks(&[block(1)]).unwrap();
    }
    let copy = cut(dir.path());
    assert_eq!(open(copy.path()).unwrap().head().map(|head| head.number), Some(1));
}

#[test]
fn a_flipped_bit_in_the_middle_of_the_log_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.commit_blocks(&[block(0)]).unwrap();
    let whole = usize::try_from(log_file(dir.path()).metadata().unwrap().len()).unwrap();
    store.commit_blocks(&[block(1)]).unwrap();
    store.commit_blocks(&[block(2)]).unwrap();
    for offset in [whole / 2, whole + 20, whole + 400] {
        let copy = cut(dir.path());
        let log = log_file(copy.path());
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[offset] ^= 1;
        std::fs::write(&log, bytes).unwrap();
        let error = open(copy.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "at {offset}: {error}");
    }
}

#[test]
fn a_flush_is_read_back_with_its_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let (a, s, t) = (B256::repeat_byte(1), B256::repeat_byte(2), B256::repeat_byte(3));
    let account = |nonce| Some(Account { nonce, ..Account::default() });
    let code = Bytes::from_static(b"code");
    let changes = ChangesRow { hash: s, root: t, accounts: vec![(a, vec![s])] };
    let mut batch = store.state_batch();
    for change in [
        StateChange::Account(a, account(9)),
        StateChange::Storage(a, s, U256::from(9)),
        StateChange::Storage(a, t, U256::ZERO),
        StateChange::Code(t, code.clone()),
        StateChange::Node(vec![0, 0], Some(vec![1, 2])),
        StateChange::AccountBefore(a, 3, None),
        StateChange::AccountBefore(a, 7, account(5)),
        StateChange::StorageBefore(a, s, 3, U256::ZERO),
        StateChange::StorageBefore(a, s, 7, U256::from(5)),
        StateChange::Changes(7, changes.clone()),
    ] {
        batch.add(&change).unwrap();
    }
    let head = StateHead { number: 7, hash: s, root: t };
    store.flush_state(batch, head).unwrap();
    for settle in [false, true] {
        if settle {
            store.settle().unwrap();
        }
        assert_eq!(store.state_head().unwrap(), Some(head));
        assert_eq!(store.account(&a).unwrap(), account(9));
        assert_eq!(store.account(&s).unwrap(), None);
        assert_eq!(store.storage(&a, &s).unwrap(), U256::from(9));
        assert_eq!(store.storage(&a, &t).unwrap(), U256::ZERO);
        assert_eq!(store.code(&t).unwrap(), Some(code.clone()));
        assert_eq!(store.node(&[0, 0], |row| Ok(row.to_vec())).unwrap(), Some(vec![1, 2]));
        assert_eq!(store.changes(7).unwrap(), Some(changes.clone()));
        let before: Vec<_> = [0, 3, 4, 7, 8].map(|n| store.account_before(&a, n).unwrap()).into();
        assert_eq!(before, [Some(None), Some(None), Some(account(5)), Some(account(5)), None]);
        let before: Vec<_> = [3, 4, 8].map(|n| store.storage_before(&a, &s, n).unwrap()).into();
        assert_eq!(before, [Some(U256::ZERO), Some(U256::from(5)), None]);
        assert_eq!(store.storage_before(&a, &t, 0).unwrap(), None);
        assert_eq!(store.account_before(&B256::ZERO, 0).unwrap(), None);
        assert_eq!(store.account_before(&B256::repeat_byte(0xff), 0).unwrap(), None);
    }
    let mut batch = store.state_batch();
    for change in [
        StateChange::Account(a, None),
        StateChange::Storage(a, s, U256::ZERO),
        StateChange::Node(vec![0, 0], None),
    ] {
        batch.add(&change).unwrap();
    }
    store.flush_state(batch, head).unwrap();
    assert_eq!(store.account(&a).unwrap(), None);
    assert_eq!(store.storage(&a, &s).unwrap(), U256::ZERO);
    assert_eq!(store.node(&[0, 0], |row| Ok(row.to_vec())).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn history_answers_as_a_list_of_changes_would(
        changes in prop::collection::vec((0_u8..3, 0_u8..3, 0_u64..300), 1..60),
        settle: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        let key = B256::repeat_byte;
        let mut batch = store.state_batch();
        for (a, s, number) in &changes {
            let before = StateChange::StorageBefore(key(*a), key(*s), *number, U256::from(*number));
            batch.add(&before).unwrap();
        }
        let head = StateHead { number: 300, hash: B256::ZERO, root: B256::ZERO };
        store.flush_state(batch, head).unwrap();
        if settle {
            store.settle().unwrap();
        }
        for (a, s, from) in (0..3).flat_map(|a| (0..3).map(move |s| (a, s, u64::from(a + s) * 70))) {
            let mine = changes.iter().filter(|c| c.0 == a && c.1 == s && c.2 >= from);
            let expected = mine.map(|c| c.2).min().map(U256::from);
            prop_assert_eq!(store.storage_before(&key(a), &key(s), from).unwrap(), expected);
        }
    }
}
