//! Encrypted databases: readable with their key only, and not to be rearranged.

use rocksdb::IteratorMode;
use zeroize::Zeroizing;

use super::*;
use crate::{OVERHEAD, StoreKey, tables};

fn key(epoch: u32, byte: u8) -> StoreKey {
    StoreKey { epoch, bytes: Zeroizing::new([byte; 32]) }
}

fn with(key: Option<StoreKey>) -> StoreOptions {
    StoreOptions { cache_bytes: 8 << 20, key, ..StoreOptions::default() }
}

/// Everything a folder's files hold.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn filled(path: &Path, options: &StoreOptions) -> Store {
    let store = Store::open(path, options).unwrap();
    store.commit_blocks(&[block(0), block(1), block(2)]).unwrap();
    let mut batch = store.state_batch();
    let account = Account { nonce: 5, ..Account::default() };
    for name in ["a", "b"] {
        let ah = keccak256(name);
        batch.add(&StateChange::Account(ah, Some(account))).unwrap();
        batch.add(&StateChange::Storage(ah, ah, U256::from(77))).unwrap();
        batch.add(&StateChange::AccountBefore(ah, 2, None)).unwrap();
        batch.add(&StateChange::StorageBefore(ah, ah, 2, U256::ZERO)).unwrap();
    }
    let code = Bytes::from_static(b"some code of a contract");
    batch.add(&StateChange::Code(keccak256(&code), code)).unwrap();
    let changes = ChangesRow { accounts: vec![(keccak256("a"), vec![])], ..ChangesRow::default() };
    batch.add(&StateChange::Changes(2, changes)).unwrap();
    let head = StateHead { number: 2, hash: block(2).hash, root: keccak256("root") };
    store.flush_state(batch, head).unwrap();
    store
}

fn assert_filled(store: &Store) {
    for number in 0..3 {
        assert_has(store, &block(number));
    }
    let ah = keccak256("b");
    assert_eq!(store.head().unwrap().number, 2);
    assert_eq!(store.state_head().unwrap().unwrap().root, keccak256("root"));
    assert_eq!(store.account(&ah).unwrap().unwrap().nonce, 5);
    assert_eq!(store.storage(&ah, &ah).unwrap(), U256::from(77));
    assert_eq!(store.account_before(&ah, 1).unwrap(), Some(None));
    assert_eq!(store.storage_before(&ah, &ah, 1).unwrap(), Some(U256::ZERO));
    assert_eq!(store.changes(2).unwrap().unwrap().accounts.len(), 1);
    assert_eq!(store.accounts(&B256::ZERO).unwrap().count(), 2);
    assert!(
        store.codes().unwrap().all(|row| row.is_ok_and(|(hash, code)| hash == keccak256(code)))
    );
}

#[test]
fn nothing_written_can_be_read_on_the_disk() {
    for (options, readable) in [(with(None), true), (with(Some(key(1, 7))), false)] {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &options);
        assert_filled(&store);
        assert_eq!(store.is_encrypted(), !readable);
        let in_the_log = bytes_in(dir.path());
        store.settle().unwrap();
        drop(store);
        let secrets = [block(1).header, Bytes::from_static(b"some code of a contract")];
        for secret in secrets {
            assert_eq!(holds(&in_the_log, &secret), readable);
        }
        for _ in 0..3 {
            assert_filled(&Store::open(dir.path(), &options).unwrap());
        }
    }
}

#[test]
fn another_key_or_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), &with(Some(key(1, 7)))));
    for (wrong, words) in [
        (None, "is encrypted: its key is needed"),
        (Some(key(1, 8)), "is encrypted with another key"),
        (Some(key(2, 7)), "is encrypted with another key"),
    ] {
        let error = Store::open(dir.path(), &with(wrong)).unwrap_err();
        assert!(
            matches!(error, StoreError::Key { .. }) && error.to_string().contains(words),
            "{error}"
        );
    }
    assert_filled(&Store::open(dir.path(), &with(Some(key(1, 7)))).unwrap());
    let plain = tempfile::tempdir().unwrap();
    drop(filled(plain.path(), &with(None)));
    let error = Store::open(plain.path(), &with(Some(key(1, 7)))).unwrap_err();
    assert!(error.to_string().contains("is not encrypted"), "{error}");
}

#[test]
fn a_value_changed_moved_or_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), &with(Some(key(1, 7))));
    let raw = |table, key: &[u8]| {
        store.inner.db.get_cf(store.table(table).unwrap(), key).unwrap().unwrap()
    };
    let write = |table, key: &[u8], row: &[u8]| {
        store.inner.db.put_cf(store.table(table).unwrap(), key, row).unwrap();
    };
    let (a, b) = (keccak256("a"), keccak256("b"));
    let good = raw(tables::ACCOUNTS, a.as_slice());
    assert_eq!(good.len(), Account { nonce: 5, ..Account::default() }.encode().len() + OVERHEAD);
    // Both accounts are equal, and still one's row is not the other's.
    assert_ne!(good, raw(tables::ACCOUNTS, b.as_slice()));
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let bad = [
        raw(tables::ACCOUNTS, b.as_slice()),
        raw(tables::ACCOUNT_HISTORY, &tables::account_history_key(&a, 2)),
        flipped,
        good[..good.len() - 1].to_vec(),
        Vec::new(),
        Account { nonce: 5, ..Account::default() }.encode(),
    ];
    for row in bad {
        write(tables::ACCOUNTS, a.as_slice(), &row);
        let error = store.account(&a).unwrap_err();
        assert!(error.to_string().contains("was not encrypted for this row"), "{error}");
        assert!(store.accounts(&B256::ZERO).unwrap().any(|row| row.is_err()));
    }
    write(tables::ACCOUNTS, a.as_slice(), &good);
    assert_filled(&store);
}

#[test]
fn no_nonce_is_used_twice_whatever_is_opened_or_copied() {
    let dir = tempfile::tempdir().unwrap();
    let options = with(Some(key(1, 7)));
    drop(filled(dir.path(), &options));
    // Two copies of one database that go on, each by itself, with the same writes.
    let mut rows = Vec::new();
    for _ in 0..2 {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        let store = Store::open(copy.path(), &options).unwrap();
        store.commit_blocks(&[block(3)]).unwrap();
        let bodies =
            store.inner.db.iterator_cf(store.table(tables::BODIES).unwrap(), IteratorMode::End);
        rows.push(bodies.take(1).map(|row| row.unwrap().1).next().unwrap());
    }
    // The same nonce, but under keys of their own: XOR of the two tells nothing.
    assert_eq!(rows[0][..12], rows[1][..12]);
    assert_ne!(rows[0][12..], rows[1][12..]);
}

#[test]
fn a_database_gets_its_first_another_and_no_key() {
    let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let keys = [None, Some(key(1, 7)), Some(key(2, 9)), None];
    drop(filled(folders[0].path(), &with(keys[0].clone())));
    for step in 1..4 {
        let store = Store::open(folders[step - 1].path(), &with(keys[step - 1].clone())).unwrap();
        store.copy_to(folders[step].path(), &with(keys[step].clone()), &mut |_, _| ()).unwrap();
        let copy = Store::open(folders[step].path(), &with(keys[step].clone())).unwrap();
        assert_filled(&copy);
        assert_eq!(copy.is_encrypted(), keys[step].is_some());
    }
}
