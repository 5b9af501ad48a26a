//! The tree against a naive model: every state is a map, every root a full recomputation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, HashBuilder, Nibbles,
    proof::{ProofVerificationError, verify_proof},
};
use proptest::prelude::*;
use qenex_store::{Account, Store, StoreOptions, tables::KECCAK_EMPTY};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    AccountInfo, State, StateChanges, StateError, StateTree, TreeOptions,
    proof::walk,
    state::{AccountTrie, StorageTrie, leaf_value, slot_value},
};

mod fetch;
mod large;
mod range;
mod verify;

/// A state as a map.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model(BTreeMap<B256, (AccountInfo, BTreeMap<B256, U256>)>);

impl Model {
    fn account(&self, ah: &B256) -> Option<Account> {
        let (info, slots) = self.0.get(ah)?;
        let leaves = slots.iter().map(|(sh, value)| (*sh, slot_value(*value)));
        Some(Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root: root(leaves),
        })
    }

    fn slot(&self, ah: &B256, sh: &B256) -> U256 {
        self.0.get(ah).and_then(|(_, slots)| slots.get(sh)).copied().unwrap_or_default()
    }

    fn root(&self) -> B256 {
        root(self.0.keys().map(|ah| (*ah, leaf_value(&self.account(ah).unwrap()))))
    }

    fn apply(&mut self, changes: &StateChanges) {
        for ah in &changes.wiped {
            if let Some((_, slots)) = self.0.get_mut(ah) {
                slots.clear();
            }
        }
        for (ah, info) in &changes.accounts {
            match info {
                None => drop(self.0.remove(ah)),
                Some(info) => self.0.entry(*ah).or_insert((*info, BTreeMap::new())).0 = *info,
            }
        }
        for (ah, slots) in &changes.storage {
            for (sh, value) in slots {
                let Some((_, own)) = self.0.get_mut(ah) else { continue };
                if value.is_zero() {
                    own.remove(sh);
                } else {
                    own.insert(*sh, *value);
                }
            }
        }
    }
}

fn root(leaves: impl Iterator<Item = (B256, Vec<u8>)>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack(key), &value);
    }
    builder.root()
}

/// Keys that share long and short prefixes, so that branches, extensions and inline nodes come and
/// go all the time.
fn key(index: u8) -> B256 {
    let mut key = [[0x00, 0x11, 0x12][usize::from(index % 3)]; 32];
    let index = index / 3;
    let place = [0, 1, 2, 15, 16, 30, 31, 31][usize::from(index % 8)];
    key[place] = [0x00, 0x10, 0x01, 0x5f][usize::from(index / 8 % 4)];
    B256::from(key)
}

const KEYS: u8 = 3 * 8 * 4;

fn info(nonce: u64) -> AccountInfo {
    AccountInfo { nonce, balance: U256::from(nonce) << 70, code_hash: KECCAK_EMPTY }
}

/// A change of a random block.
#[derive(Clone, Debug)]
enum Op {
    Put(u8, u64),
    Delete(u8),
    /// Destroyed and made again, with a slot.
    Again(u8, u8),
    Slot(u8, u8, u64),
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    /// A proposal on top of the last one, and whether a sibling is proposed as well.
    Propose(Vec<Op>, bool),
    Commit,
    Flush,
    Reopen,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let few = 0..6_u8; // Accounts that have storage.
    let op = prop_oneof![
        4 => (0..KEYS, 1..4_u64).prop_map(|(a, n)| Op::Put(a, n)),
        2 => (0..KEYS).prop_map(Op::Delete),
        1 => (few.clone(), 0..KEYS).prop_map(|(a, s)| Op::Again(a, s)),
        8 => (few, 0..KEYS, prop_oneof![2 => Just(0), 3 => 1..3_u64, 1 => any::<u64>()])
            .prop_map(|(a, s, v)| Op::Slot(a, s, v)),
    ];
    prop::collection::vec(op, 0..14)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (ops(), any::<bool>()).prop_map(|(ops, fork)| Step::Propose(ops, fork)),
        6 => Just(Step::Commit),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

fn changes(model: &Model, ops: &[Op]) -> StateChanges {
    let mut changes = StateChanges::default();
    let alive = |changes: &StateChanges, ah: &B256| {
        changes.accounts.get(ah).map_or(model.0.contains_key(ah), Option::is_some)
    };
    for op in ops {
        match op {
            Op::Put(a, nonce) => drop(changes.accounts.insert(key(*a), Some(info(*nonce)))),
            Op::Delete(a) => {
                changes.accounts.insert(key(*a), None);
                changes.storage.remove(&key(*a));
            }
            Op::Again(a, s) => {
                changes.wiped.insert(key(*a));
                changes.accounts.insert(key(*a), Some(info(1)));
                changes.storage.insert(key(*a), BTreeMap::from([(key(*s), U256::from(7))]));
            }
            Op::Slot(a, s, value) => {
                if !alive(&changes, &key(*a)) {
                    changes.accounts.insert(key(*a), Some(info(1)));
                    changes.wiped.insert(key(*a)); // It may have been deleted just now.
                }
                let slots = changes.storage.entry(key(*a)).or_default();
                slots.insert(key(*s), U256::from(*value));
            }
        }
    }
    changes
}

struct Run {
    dir: tempfile::TempDir,
    options: TreeOptions,
    tree: Option<StateTree>,
    /// By version; the first is the empty state.
    models: Vec<Model>,
    hashes: Vec<B256>,
    /// What led to each committed block.
    blocks: Vec<StateChanges>,
    /// Open proposals, a chain.
    open: Vec<(B256, StateChanges, Model)>,
    /// A proposal beside the first open one.
    sibling: Option<(u64, B256, State, Model)>,
    made: u64,
}

fn store(dir: &tempfile::TempDir) -> Store {
    let options = StoreOptions { cache_bytes: 8 << 20, ..StoreOptions::default() };
    Store::open(dir.path(), &options).unwrap()
}

impl Run {
    fn new(options: TreeOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = StateTree::open(store(&dir), options).unwrap();
        let (models, hashes) = (vec![Model::default()], vec![B256::ZERO]);
        let (blocks, open) = (Vec::new(), Vec::new());
        Self {
            dir,
            options,
            tree: Some(tree),
            models,
            hashes,
            blocks,
            open,
            sibling: None,
            made: 0,
        }
    }

    fn tree(&self) -> &StateTree {
        self.tree.as_ref().unwrap()
    }

    fn tip(&self) -> (State, Model) {
        match self.open.last() {
            Some((hash, _, model)) => (self.tree().state(hash).unwrap(), model.clone()),
            None => (self.tree().head(), self.models.last().unwrap().clone()),
        }
    }

    fn propose(&mut self, state: &State, model: &Model, changes: &StateChanges) -> (B256, Model) {
        let mut after = model.clone();
        after.apply(changes);
        let pending = state.apply(changes).unwrap();
        assert_eq!(pending.root(), after.root(), "root after {changes:?}");
        self.made += 1;
        let hash = keccak256(self.made.to_be_bytes());
        self.tree().insert(pending.seal(hash)).unwrap();
        (hash, after)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Propose(ops, fork) => {
                let (state, model) = self.tip();
                let block = changes(&model, ops);
                let (hash, after) = self.propose(&state, &model, &block);
                assert_equal(&self.tree().state(&hash).unwrap(), &after);
                if *fork && self.sibling.is_none() {
                    let half = changes(&model, &ops[ops.len() / 2..]);
                    let (hash, after) = self.propose(&state, &model, &half);
                    let state = self.tree().state(&hash).unwrap();
                    let number = state.number();
                    self.sibling = Some((number, hash, state, after));
                }
                self.open.push((hash, block, after));
            }
            Step::Commit if self.open.is_empty() => {}
            Step::Commit => {
                let (hash, changes, model) = self.open.remove(0);
                self.tree().commit(&hash).unwrap();
                self.models.push(model);
                self.hashes.push(hash);
                self.blocks.push(changes);
                let lost = self.sibling.take_if(|(number, ..)| *number < self.blocks.len() as u64);
                if let Some((_, hash, state, model)) = lost {
                    assert!(self.tree().state(&hash).is_none(), "a lost proposal is dropped");
                    assert_equal(&state, &model); // But who holds it can go on reading.
                }
            }
            Step::Flush => self.tree().flush_now().unwrap(),
            Step::Reopen => self.reopen(),
        }
    }

    /// Closes and opens again, then executes again what was not flushed.
    fn reopen(&mut self) {
        self.open.clear();
        self.sibling = None;
        self.tree = None;
        self.tree = Some(StateTree::open(store(&self.dir), self.options).unwrap());
        let head = self.tree().head();
        let mut version =
            if head.is_void() { 0 } else { usize::try_from(head.number()).unwrap() + 1 };
        assert_equal(&head, &self.models[version]);
        while version < self.blocks.len() {
            let pending = self.tree().head().apply(&self.blocks[version]).unwrap();
            version += 1;
            assert_eq!(pending.root(), self.models[version].root());
            self.tree().insert(pending.seal(self.hashes[version])).unwrap();
            self.tree().commit(&self.hashes[version]).unwrap();
        }
    }

    /// Every committed state there has been can be read and proved.
    fn check_history(&self) {
        for (version, model) in self.models.iter().enumerate().skip(1) {
            let number = version as u64 - 1;
            let state = self.tree().state_at(number).unwrap().unwrap();
            assert_eq!((state.number(), state.block_hash()), (number, self.hashes[version]));
            assert_equal(&state, model);
            assert_provable(&state, model);
        }
        assert!(self.tree().state_at(self.models.len() as u64 - 1).unwrap().is_none());
    }
}

fn assert_equal(state: &State, model: &Model) {
    assert_eq!(state.root(), model.root());
    for ah in (0..KEYS).map(key) {
        assert_eq!(state.account(&ah).unwrap(), model.account(&ah), "{ah}");
    }
    for (ah, sh) in (0..6).flat_map(|a| (0..KEYS).map(move |s| (key(a), key(s)))) {
        assert_eq!(state.storage(&ah, &sh).unwrap(), model.slot(&ah, &sh), "{ah} {sh}");
    }
}

fn check(
    root: B256,
    key: B256,
    value: Option<Vec<u8>>,
    proof: &[Bytes],
) -> Result<(), ProofVerificationError> {
    verify_proof(root, Nibbles::unpack(key), value, proof)
}

fn assert_provable(state: &State, model: &Model) {
    let accounts: Vec<_> = (0..KEYS).map(key).map(|ah| (ah, model.account(&ah))).collect();
    let slots = (0..6).flat_map(|a| (0..KEYS).map(move |s| (key(a), key(s))));
    let slots: Vec<_> = slots.map(|(ah, sh)| (ah, sh, model.slot(&ah, &sh))).collect();
    let roots: BTreeMap<B256, B256> = accounts
        .iter()
        .map(|(ah, account)| (*ah, account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root)))
        .collect();
    let (of_accounts, of_slots) = state
        .with_nodes(|state| {
            let account = |(ah, _): &(B256, _)| walk(&AccountTrie(state), state.root(), ah);
            let slot = |(ah, sh, _): &(B256, B256, U256)| {
                walk(&StorageTrie { state, ah: *ah }, roots[ah], sh)
            };
            let of_accounts = accounts.iter().map(account).collect::<Result<Vec<_>, _>>()?;
            Ok((of_accounts, slots.iter().map(slot).collect::<Result<Vec<_>, _>>()?))
        })
        .unwrap();
    for ((ah, account), proof) in accounts.iter().zip(of_accounts) {
        check(state.root(), *ah, account.as_ref().map(leaf_value), &proof).unwrap();
    }
    for ((ah, sh, value), proof) in slots.iter().zip(of_slots) {
        check(roots[ah], *sh, (!value.is_zero()).then(|| slot_value(*value)), &proof).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("QENEX_TRIE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(48),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_random_history_equals_a_full_recomputation(
        steps in steps(), flush_blocks in 1_usize..5, cached in 1_usize..2000,
    ) {
        let options = TreeOptions {
            flush_blocks,
            cached_nodes: cached,
            cached_accounts: cached,
            cached_slots: cached,
            ..TreeOptions::default()
        };
        let mut run = Run::new(options);
        for step in &steps {
            run.step(step);
        }
        run.check_history();
        run.reopen();
        run.tree().flush_now().unwrap();
        run.check_history();
    }
}

fn random_key(rng: &mut StdRng) -> B256 {
    B256::from(rng.random::<[u8; 32]>())
}

#[test]
fn large_blocks_worked_on_in_parallel_give_the_same_roots() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut run = Run::new(TreeOptions { flush_blocks: 2, ..TreeOptions::default() });
    let hot = random_key(&mut rng);
    for block in 0..8_u64 {
        let (state, model) = run.tip();
        let mut changes = StateChanges::default();
        changes.accounts.insert(hot, Some(info(block)));
        let old: Vec<B256> = model.0.keys().copied().filter(|ah| *ah != hot).collect();
        let old_slots: Vec<B256> =
            model.0.get(&hot).into_iter().flat_map(|(_, slots)| slots.keys().copied()).collect();
        for _ in 0..1500 {
            let ah = random_key(&mut rng);
            changes.accounts.insert(ah, Some(info(block)));
            let slots = changes.storage.entry(hot).or_default();
            slots.insert(random_key(&mut rng), U256::from(rng.random::<u64>() | 1));
            if !old.is_empty() {
                let gone = old[rng.random_range(0..old.len())];
                changes.accounts.insert(gone, rng.random::<bool>().then(|| info(block + 100)));
                let slot = old_slots[rng.random_range(0..old_slots.len())];
                let value = U256::from(rng.random_range(0..2_u64));
                changes.storage.entry(hot).or_default().insert(slot, value);
            }
        }
        let (hash, after) = run.propose(&state, &model, &changes);
        run.open.push((hash, changes, after));
        run.step(&Step::Commit);
    }
    run.reopen();
    // And all of it away again, in one block.
    let (state, model) = run.tip();
    let accounts = model.0.keys().map(|ah| (*ah, None)).collect();
    let nothing = StateChanges { accounts, ..StateChanges::default() };
    let (hash, _) = run.propose(&state, &model, &nothing);
    assert_eq!(run.tree().state(&hash).unwrap().root(), EMPTY_ROOT_HASH);
}

/// States below the floor are refused, those above stay right, also after a restart and for who held
/// one before.
#[test]
fn old_states_are_forgotten_and_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let options = TreeOptions {
        flush_blocks: 1,
        proof_window: 4,
        keep_states: Some(10),
        cached_accounts: 1,
        cached_slots: 1,
        ..TreeOptions::default()
    };
    let (ah, sh) = (keccak256([0]), key(0));
    let tree = StateTree::open(store(&dir), options).unwrap();
    let commit = |number: u64| {
        let changes = StateChanges {
            accounts: BTreeMap::from([(ah, Some(info(number)))]),
            storage: BTreeMap::from([(ah, BTreeMap::from([(sh, U256::from(number + 1))]))]),
            ..StateChanges::default()
        };
        let hash = keccak256(number.to_be_bytes());
        tree.insert(tree.head().apply(&changes).unwrap().seal(hash)).unwrap();
        tree.commit(&hash).unwrap();
        tree.flush_now().unwrap();
    };
    (0..6).for_each(commit);
    assert_eq!(tree.floor(), 0);
    let held = tree.state_at(2).unwrap().unwrap();
    (6..30).for_each(commit);

    let look = |tree: &StateTree| {
        assert_eq!(tree.floor(), 19);
        for number in 0..30 {
            let state = tree.state_at(number);
            if number < 19 {
                let pruned = StateError::Pruned { number, floor: 19 };
                assert_eq!(state.map(|_| ()), Err(pruned));
                continue;
            }
            let state = state.unwrap().unwrap();
            assert_eq!(state.account(&ah).unwrap().unwrap().nonce, number);
            assert_eq!(state.storage(&ah, &sh).unwrap(), U256::from(number + 1));
        }
        assert!(tree.state_at(30).unwrap().is_none());
    };
    look(&tree);
    assert_eq!(held.account(&ah), Err(StateError::Pruned { number: 2, floor: 19 }));
    assert_eq!(held.storage(&ah, &sh), Err(StateError::Pruned { number: 2, floor: 19 }));
    drop((tree, held));
    let store = store(&dir);
    for number in 0..=19 {
        assert_eq!(store.changes(number).unwrap().is_some(), number == 19, "{number}");
        // What was before a forgotten block: the first row still there is that of block 20.
        let before = store.account_before(&ah, number).unwrap().unwrap().unwrap();
        assert_eq!(before.nonce, 19);
    }
    // Kept without bound from now on: what is gone stays gone, and says so.
    let options = TreeOptions { keep_states: None, ..options };
    look(&StateTree::open(store, options).unwrap());
}

#[test]
fn readers_see_one_consistent_state_while_blocks_are_committed_and_flushed() {
    const BLOCKS: u64 = 400;
    let dir = tempfile::tempdir().unwrap();
    let options = TreeOptions {
        flush_blocks: 3,
        cached_accounts: 8,
        cached_slots: 8,
        ..TreeOptions::default()
    };
    let tree = StateTree::open(store(&dir), options).unwrap();
    let next = |nonce: u64| StateChanges {
        // Twelve accounts; in every block eight change, so that some values are older.
        accounts: (0..8).map(|i| (keccak256([i]), Some(info(nonce)))).collect(),
        storage: BTreeMap::from([(keccak256([0]), BTreeMap::from([(key(0), U256::from(nonce))]))]),
        ..StateChanges::default()
    };
    let commit = |nonce: u64| {
        let pending = tree.head().apply(&next(nonce)).unwrap();
        let hash = keccak256(nonce.to_be_bytes());
        tree.insert(pending.seal(hash)).unwrap();
        tree.commit(&hash).unwrap();
    };
    commit(1); // Block n has nonces n + 1.
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|seed| {
                let tree = tree.clone();
                scope.spawn(move || {
                    let mut rng = StdRng::seed_from_u64(seed);
                    let mut held: Vec<State> = Vec::new();
                    let mut proofs = 0_u64;
                    loop {
                        let head = tree.head();
                        let number = rng.random_range(0..=head.number());
                        held.push(head.clone());
                        held.push(tree.state_at(number).unwrap().unwrap());
                        let state = held.swap_remove(rng.random_range(0..held.len()));
                        let nonce = state.number() + 1;
                        for i in 0..8 {
                            let account = state.account(&keccak256([i])).unwrap().unwrap();
                            assert_eq!(account.nonce, nonce);
                        }
                        let slot = state.storage(&keccak256([0]), &key(0)).unwrap();
                        assert_eq!(slot, U256::from(nonce));
                        match state.with_nodes(|s| walk(&AccountTrie(s), s.root(), &key(1))) {
                            Ok(proof) => {
                                check(state.root(), key(1), None, &proof).unwrap();
                                proofs += 1;
                            }
                            Err(StateError::OutsideProofWindow { .. } | StateError::Stale(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                        held.truncate(50);
                        if head.number() + 1 == BLOCKS {
                            return proofs;
                        }
                    }
                })
            })
            .collect();
        (2..=BLOCKS).for_each(commit);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

#[test]
fn an_account_is_proved_as_an_rpc_client_asks_for_it() {
    let run = Run::new(TreeOptions::default());
    let addresses: Vec<Address> = (1..50).map(Address::with_last_byte).collect();
    let slot = |n: u64| B256::from(U256::from(n));
    let mut changes = StateChanges::default();
    for address in &addresses[..40] {
        changes.accounts.insert(keccak256(address), Some(info(3)));
    }
    let slots = (0..30).map(|n| (keccak256(slot(n)), U256::from(n + 1))).collect();
    changes.storage.insert(keccak256(addresses[0]), slots);
    let state = run.tree().head();
    let pending = state.apply(&changes).unwrap();
    let hash = keccak256("block");
    run.tree().insert(pending.seal(hash)).unwrap();
    for committed in [false, true] {
        if committed {
            run.tree().commit(&hash).unwrap();
            run.tree().flush_now().unwrap();
        }
        let state = run.tree().state(&hash).unwrap();
        for address in &addresses {
            let asked = [slot(3), slot(1000)];
            let answer = state.proof(*address, &asked).unwrap();
            let value = answer.account.as_ref().map(leaf_value);
            check(state.root(), keccak256(address), value, &answer.account_proof).unwrap();
            assert_eq!(answer.account.is_some(), addresses[..40].contains(address));
            let root = answer.account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
            for storage in &answer.storage {
                let value = (!storage.value.is_zero()).then(|| slot_value(storage.value));
                check(root, keccak256(storage.slot), value, &storage.proof).unwrap();
            }
            let there = *address == addresses[0];
            assert_eq!(answer.storage[0].value, U256::from(if there { 4 } else { 0 }));
        }
    }
}

#[test]
fn what_cannot_be_built_on_is_refused() {
    let mut run = Run::new(TreeOptions::default());
    for nonce in 1..4 {
        run.step(&Step::Propose(vec![Op::Put(1, nonce)], false));
        run.step(&Step::Commit);
    }
    let tree = run.tree().clone();
    let old = tree.state_at(1).unwrap().unwrap();
    let fresh = old.apply(&StateChanges::default()).unwrap();
    let refused = tree.insert(fresh.seal(B256::repeat_byte(1)));
    assert!(matches!(refused, Err(StateError::UnknownParent { number: 2, .. })));
    let unknown = B256::repeat_byte(2);
    assert_eq!(tree.commit(&unknown), Err(StateError::NotAChild(unknown)));
    tree.flush_now().unwrap();
    assert_eq!(old.apply(&StateChanges::default()).unwrap_err(), StateError::Stale(1));
    assert_eq!(old.account(&key(1)).unwrap().unwrap().nonce, 2, "it still reads");
    let ghost = StateChanges {
        storage: BTreeMap::from([(key(9), BTreeMap::from([(key(0), U256::from(1))]))]),
        ..StateChanges::default()
    };
    let refused = tree.head().apply(&ghost).unwrap_err();
    assert_eq!(refused, StateError::StorageWithoutAccount(key(9)));
    let narrow = TreeOptions { proof_window: 1, ..run.options };
    run.options = narrow;
    drop((tree, old));
    run.reopen();
    let oldest = run.tree().state_at(0).unwrap().unwrap();
    let refused = oldest.proof(Address::ZERO, &[]).unwrap_err();
    assert_eq!(refused, StateError::OutsideProofWindow { number: 0, window: 1 });
}

#[test]
fn code_is_found_in_proposals_overlays_and_the_store() {
    let mut run = Run::new(TreeOptions::default());
    let code = Bytes::from(vec![0x60; 5000]);
    let hash = keccak256(&code);
    let account = AccountInfo { code_hash: hash, ..info(1) };
    let changes = StateChanges {
        accounts: BTreeMap::from([(key(0), Some(account))]),
        code: BTreeMap::from([(hash, code.clone())]),
        wiped: BTreeSet::new(),
        storage: BTreeMap::new(),
    };
    let (state, model) = run.tip();
    let (block, after) = run.propose(&state, &model, &changes);
    let found = |state: State| state.code(&hash).unwrap();
    assert_eq!(found(run.tree().head()), None);
    assert_eq!(found(run.tree().state(&block).unwrap()), Some(code.clone()));
    run.open.push((block, changes, after));
    run.step(&Step::Commit);
    drop(state); // A state keeps the store open.
    assert_eq!(found(run.tree().head()), Some(code.clone()));
    run.step(&Step::Flush);
    run.step(&Step::Reopen);
    assert_eq!(found(run.tree().head()), Some(code));
    assert_eq!(run.tree().head().code(&KECCAK_EMPTY).unwrap(), Some(Bytes::new()));
}

#[test]
fn a_layer_is_shared_not_copied() {
    let run = Run::new(TreeOptions::default());
    let changes = changes(&Model::default(), &[Op::Put(0, 1), Op::Slot(1, 1, 1)]);
    let layer = run.tree().head().apply(&changes).unwrap().seal(B256::repeat_byte(1));
    run.tree().insert(layer.clone()).unwrap();
    run.tree().insert(layer.clone()).unwrap();
    let state = run.tree().state(&layer.hash()).unwrap();
    assert!(Arc::ptr_eq(&state.open[0], &layer));
    assert_eq!(layer.accounts().count(), 2);
}
