//! A state fetched in pieces is the state, whatever the size of the pieces, lies and crashes.

use qenex_store::{BlockRecord, StateHead};

use super::*;
use crate::{FetchError, RangeProof, StateFetch, Wanted, verify_state};

/// A chain with one block that makes these changes.
fn chain(dir: &tempfile::TempDir, block: &StateChanges) -> (StateTree, StateHead) {
    let store = store(dir);
    let tree = StateTree::open(store.clone(), TreeOptions::default()).unwrap();
    let pending = tree.head().apply(block).unwrap();
    let head = StateHead { number: 0, hash: keccak256("block"), root: pending.root() };
    let record = BlockRecord { hash: head.hash, ..BlockRecord::default() };
    store.commit_blocks(&[record]).unwrap();
    tree.insert(pending.seal(head.hash)).unwrap();
    tree.commit(&head.hash).unwrap();
    tree.flush_now().unwrap();
    (tree, head)
}

/// Code of an account, to be added to changes.
fn with_code(mut changes: StateChanges, codes: &BTreeSet<u8>) -> StateChanges {
    for code in codes {
        let ah = key(*code);
        let code = Bytes::from(vec![*code % 4; 50]); // Some have the same.
        let hash = keccak256(&code);
        changes.accounts.insert(ah, Some(AccountInfo { code_hash: hash, ..info(1) }));
        changes.code.insert(hash, code);
    }
    changes
}

/// Answers honestly, with ranges of about so many bytes.
fn answer(state: &State, fetch: &mut StateFetch, bytes: usize) -> Result<bool, FetchError> {
    match fetch.wanted() {
        Wanted::Accounts(start) => fetch.accounts(&state.account_range(&start, bytes).unwrap())?,
        Wanted::Slots(wanted) => fetch.slots(&ranges(state, &wanted, bytes))?,
        Wanted::Codes(wanted) => {
            let codes: Vec<_> =
                wanted.iter().map(|hash| state.code(hash).unwrap().unwrap()).collect();
            fetch.codes(&codes[..codes.len().min(bytes / 50 + 1)])?;
        }
        Wanted::Nothing => return Ok(false),
    }
    Ok(true)
}

fn ranges(state: &State, wanted: &[(B256, B256)], bytes: usize) -> Vec<RangeProof> {
    let mut ranges: Vec<RangeProof> = Vec::new();
    for (ah, start) in wanted.iter().take(bytes / 100 + 1) {
        ranges.push(state.storage_range(ah, start, bytes).unwrap());
        if ranges.last().unwrap().end != B256::repeat_byte(0xff) {
            break;
        }
    }
    ranges
}

fn pieces() -> impl Strategy<Value = (Vec<Op>, BTreeSet<u8>)> {
    let codes = prop::collection::btree_set(6..KEYS, 0..8);
    (prop::collection::vec(ops(), 1..5).prop_map(|ops| ops.concat()), codes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_fetched_state_is_the_state(
        (here, codes) in pieces(),
        other in ops(),
        next in ops(),
        bytes in prop_oneof![0..300_usize, Just(1 << 20)],
        every in prop_oneof![1..4_usize, 4..64_usize],
    ) {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let mut model = Model::default();
        let block = with_code(changes(&model, &here), &codes);
        model.apply(&block);
        let (source, head) = chain(&dirs[0], &block);
        // Where another state was: nothing of it may be left.
        drop(chain(&dirs[1], &changes(&Model::default(), &other)));
        let mut fetch = StateFetch::begin(store(&dirs[1]), head).unwrap();
        // Every answer brings a leaf or a code, or ends a trie; after a crash, accounts that wait for what
        // belongs to them are asked for again.
        let most = 1 + model.0.values().map(|(_, slots)| 2 + slots.len()).sum::<usize>() + codes.len();
        let (mut steps, mut crashes) = (0, 0);
        while answer(&source.head(), &mut fetch, bytes).unwrap() {
            steps += 1;
            prop_assert!(steps <= most + crashes, "{steps} steps, {crashes} crashes, {most}");
            // To open a database takes longer than all the rest; and who crashes after every answer never gets
            // beyond the first accounts.
            if steps.is_multiple_of(every) && crashes < 24 && fetch.wanted() != Wanted::Nothing {
                crashes += 1;
                let before = (fetch.head(), fetch.permille());
                drop(fetch);
                fetch = StateFetch::resume(store(&dirs[1])).unwrap().expect("it was not done");
                prop_assert_eq!((fetch.head(), fetch.permille()), before);
            }
        }
        prop_assert_eq!(fetch.permille(), 1_000);
        drop(fetch);
        let store = store(&dirs[1]);
        prop_assert!(StateFetch::resume(store.clone()).unwrap().is_none());
        let report = verify_state(&store, &mut |_, _| ()).unwrap();
        prop_assert_eq!((report.root, report.floor), (model.root(), 0));
        // The trie is one to build on.
        let fetched = StateTree::open(store, TreeOptions::default()).unwrap();
        let next = changes(&model, &next);
        let roots = [&source, &fetched].map(|tree| tree.head().apply(&next).unwrap().root());
        prop_assert_eq!(roots[0], roots[1]);
    }
}

#[test]
fn lies_are_refused_and_change_nothing() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let block = [Op::Slot(0, 1, 1), Op::Slot(0, 2, 2), Op::Slot(1, 3, 3), Op::Put(4, 4)];
    let block = with_code(changes(&Model::default(), &block), &BTreeSet::from([9, 10]));
    let (source, head) = chain(&dirs[0], &block);
    let state = source.head();
    let mut fetch = StateFetch::begin(store(&dirs[1]), head).unwrap();
    let all = 1 << 20;
    let accounts = state.account_range(&B256::ZERO, all).unwrap();
    let shape = |verdict| matches!(verdict, Err(FetchError::Shape));
    let range = |verdict| matches!(verdict, Err(FetchError::Range(_)));

    // Out of turn, incomplete, changed.
    assert!(shape(fetch.slots(&[])) && shape(fetch.codes(&[])));
    let mut lie = accounts.clone();
    lie.leaves.remove(1);
    assert!(range(fetch.accounts(&lie)));
    assert_eq!(fetch.wanted(), Wanted::Accounts(B256::ZERO));
    fetch.accounts(&accounts).unwrap();
    assert!(shape(fetch.accounts(&accounts)));

    let Wanted::Slots(wanted) = fetch.wanted() else { panic!("{:?}", fetch.wanted()) };
    assert_eq!(wanted, [(key(0), B256::ZERO), (key(1), B256::ZERO)]);
    let whole = ranges(&state, &wanted, all);
    let mut lie = whole.clone();
    lie[1].leaves[0].1 = vec![9].into();
    assert!(range(fetch.slots(&lie)));
    assert!(shape(fetch.slots(&[])));
    let part = state.storage_range(&key(0), &B256::ZERO, 0).unwrap();
    assert!(shape(fetch.slots(&[part.clone(), whole[1].clone()])));
    assert!(shape(fetch.slots(&[whole.clone(), whole.clone()].concat())));
    assert!(range(fetch.slots(&[whole[1].clone(), whole[0].clone()])));
    assert_eq!(fetch.wanted(), Wanted::Slots(wanted));
    fetch.slots(&[part]).unwrap();
    let Wanted::Slots(wanted) = fetch.wanted() else { panic!("{:?}", fetch.wanted()) };
    assert!(wanted[0].1 > B256::ZERO && wanted[0].0 == key(0));
    fetch.slots(&ranges(&state, &wanted, all)).unwrap();

    let Wanted::Codes(wanted) = fetch.wanted() else { panic!("{:?}", fetch.wanted()) };
    assert_eq!(wanted.len(), 2);
    let codes: Vec<_> = wanted.iter().map(|hash| state.code(hash).unwrap().unwrap()).collect();
    let swapped = [codes[1].clone(), codes[0].clone()];
    assert!(matches!(fetch.codes(&swapped), Err(FetchError::Code(hash)) if hash == wanted[0]));
    assert!(shape(fetch.codes(&[])) && shape(fetch.codes(&[&codes[..], &codes].concat())));
    fetch.codes(&codes[..1]).unwrap();
    assert_eq!(fetch.wanted(), Wanted::Codes(wanted[1..].to_vec()));
    fetch.codes(&codes[1..]).unwrap();
    assert_eq!(fetch.wanted(), Wanted::Nothing);
    assert!(shape(fetch.accounts(&accounts)));
}
