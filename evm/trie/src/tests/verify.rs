//! The full check of a state: silent where all is well, and not where one row is wrong.

use qenex_store::{BlockRecord, StateChange, StateHead, tables};

use super::*;
use crate::{StateReport, verify_state};

fn record(number: u64) -> BlockRecord {
    BlockRecord { number, hash: keccak256(number.to_be_bytes()), ..BlockRecord::default() }
}

/// A flushed state of some blocks, of the last `keep` of which the states are kept.
fn flushed(dir: &tempfile::TempDir, keep: Option<u64>) -> (Store, Model) {
    let store = store(dir);
    let options = TreeOptions { keep_states: keep, proof_window: 2, ..TreeOptions::default() };
    let tree = StateTree::open(store.clone(), options).unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    let mut model = Model::default();
    for number in 0..40_u64 {
        let mut block = StateChanges::default();
        for _ in 0..6 {
            let ah = keccak256([rng.random_range(0..40_u8)]);
            block.accounts.insert(ah, Some(info(rng.random_range(1..9))));
            if rng.random_bool(0.3) {
                let slots = block.storage.entry(ah).or_default();
                for _ in 0..rng.random_range(1..9) {
                    let value = U256::from(rng.random_range(0..3_u64));
                    slots.insert(keccak256([rng.random_range(0..20_u8)]), value);
                }
            }
        }
        if number % 5 == 4 {
            let ah = keccak256([rng.random_range(0..40_u8)]);
            block.storage.remove(&ah);
            block.accounts.insert(ah, None);
        }
        if number % 7 == 0 {
            let code = Bytes::from(vec![1, u8::try_from(number).unwrap()]);
            let hash = keccak256(&code);
            block.accounts.insert(hash, Some(AccountInfo { code_hash: hash, ..info(1) }));
            block.code.insert(hash, code);
        }
        model.apply(&block);
        let pending = tree.head().apply(&block).unwrap();
        assert_eq!(pending.root(), model.root());
        let block = record(number);
        store.commit_blocks(std::slice::from_ref(&block)).unwrap();
        tree.insert(pending.seal(block.hash)).unwrap();
        tree.commit(&block.hash).unwrap();
        tree.flush_now().unwrap();
    }
    (store, model)
}

fn check(store: &Store) -> Result<StateReport, qenex_store::StoreError> {
    verify_state(store, &mut |_, _| ())
}

#[test]
fn a_sound_state_is_found_sound_and_counted() {
    for keep in [None, Some(9)] {
        let dir = tempfile::tempdir().unwrap();
        let (store, model) = flushed(&dir, keep);
        let report = check(&store).unwrap();
        assert_eq!(report.root, model.root());
        assert_eq!(report.accounts, model.0.len() as u64);
        assert_eq!(report.slots, model.0.values().map(|(_, slots)| slots.len() as u64).sum());
        assert_eq!((report.number, report.codes), (39, 6));
        assert_eq!(report.floor, keep.map_or(0, |keep| 39 - keep));
        assert!(report.nodes > 0 && report.accounts_before > 0 && report.slots_before > 0);
        assert_ne!(report.floor_root, report.root);
        assert_eq!(store.damage(), None);
    }
}

#[test]
fn one_wrong_row_anywhere_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (store, model) = flushed(&dir, Some(30));
    let head = store.state_head().unwrap().unwrap();
    let write = |change: &StateChange| {
        let mut batch = store.state_batch();
        batch.add(change).unwrap();
        store.flush_state(batch, head).unwrap();
    };
    let (ah, (_, slots)) = model.0.iter().find(|(_, (_, slots))| !slots.is_empty()).unwrap();
    let (sh, value) = slots.iter().next().unwrap();
    let (ah, sh, stranger) = (*ah, *sh, B256::repeat_byte(0x5a));
    let account = store.account(&ah).unwrap().unwrap();
    let richer = Account { balance: account.balance + U256::from(1), ..account };
    let (hash, code) = store.codes().unwrap().next().unwrap().unwrap();
    let (key, row) = store.nodes().unwrap().last().unwrap().unwrap();
    let mut other_row = row.to_vec();
    *other_row.last_mut().unwrap() ^= 1;
    let orphan = tables::node_key(Some(&stranger), &[], 0);
    let (before, number, old) = store.accounts_before().unwrap().next().unwrap().unwrap();
    let newer = Account { nonce: 77, ..old.unwrap_or_default() };
    let (slot_of, slot, at, was) = store.slots_before().unwrap().next().unwrap().unwrap();
    let changes = store.changes(20).unwrap().unwrap();
    let mut longer = changes.clone();
    longer.accounts.push((stranger, Vec::new()));
    let elsewhere = tables::ChangesRow { hash: stranger, ..changes.clone() };

    use StateChange::{Account as Acc, AccountBefore, Changes, Code, Node, Storage, StorageBefore};
    let cases = [
        ("have the root", Acc(ah, Some(richer)), Acc(ah, Some(account))),
        ("which does not exist", Acc(ah, None), Acc(ah, Some(account))),
        ("have the root", Acc(stranger, Some(Account::default())), Acc(stranger, None)),
        ("the account says", Storage(ah, sh, value + U256::from(1)), Storage(ah, sh, *value)),
        ("the account says", Storage(ah, sh, U256::ZERO), Storage(ah, sh, *value)),
        (
            "which does not exist",
            Storage(stranger, sh, U256::from(1)),
            Storage(stranger, sh, U256::ZERO),
        ),
        ("has another hash", Code(hash, Bytes::from_static(b"no")), Code(hash, code)),
        ("trie node", Node(key.to_vec(), Some(other_row)), Node(key.to_vec(), Some(row.to_vec()))),
        ("has a lost child", Node(key.to_vec(), None), Node(key.to_vec(), Some(row.to_vec()))),
        ("trie node", Node(orphan.clone(), Some(row.to_vec())), Node(orphan, None)),
        (
            "the history leads to the root",
            AccountBefore(before, number, Some(newer)),
            AccountBefore(before, number, old),
        ),
        (
            "the account says",
            StorageBefore(slot_of, slot, at, was + U256::from(9)),
            StorageBefore(slot_of, slot, at, was),
        ),
        ("the earlier values are not", Changes(20, longer), Changes(20, changes.clone())),
        ("are of another", Changes(20, elsewhere), Changes(20, changes)),
    ];
    for (expected, bad, good) in &cases {
        check(&store).unwrap();
        write(bad);
        let error = check(&store).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("is damaged"), "{bad:?}: {error}");
        write(good);
    }
    let moved = StateHead { root: stranger, ..head };
    store.flush_state(store.state_batch(), moved).unwrap();
    assert!(check(&store).unwrap_err().to_string().contains("have the root"));
    // What is in no list cannot be taken away again: the last.
    store.flush_state(store.state_batch(), head).unwrap();
    write(&AccountBefore(stranger, 30, None));
    assert!(check(&store).unwrap_err().to_string().contains("the earlier values are not"));
    assert!(store.damage().is_some());
}
