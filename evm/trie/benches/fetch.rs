//! How fast a state is fetched, but for the network: pieces read and proven on one side, checked and
//! written on the other, over two real databases.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256, keccak256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use qenex_store::{StateHead, Store, StoreOptions, tables::KECCAK_EMPTY};
use qenex_trie::{
    AccountInfo, RangeProof, State, StateChanges, StateError, StateFetch, StateTree, TreeOptions,
    Wanted,
};

/// Accounts, and slots of one of them.
const EACH: u64 = 100_000;

/// Bytes of a piece, as a node gives them.
const PIECE: usize = 1 << 20;

type Error = Box<dyn std::error::Error>;

fn fetch(criterion: &mut Criterion) {
    if let Err(error) = run(criterion) {
        panic!("{error}");
    }
}

fn run(criterion: &mut Criterion) -> Result<(), Error> {
    let dir = tempfile::tempdir()?;
    let tree = StateTree::open(
        Store::open(dir.path(), &StoreOptions::default())?,
        TreeOptions::default(),
    )?;
    let key = |n: u64| keccak256(n.to_be_bytes());
    let info =
        |nonce| AccountInfo { nonce, balance: U256::from(nonce) << 60, code_hash: KECCAK_EMPTY };
    let changes = StateChanges {
        accounts: (0..EACH).map(|n| (key(n), Some(info(n)))).collect(),
        storage: BTreeMap::from([(
            key(0),
            (0..EACH).map(|n| (key(n), U256::from(n + 1) << 100)).collect(),
        )]),
        ..StateChanges::default()
    };
    let pending = tree.head().apply(&changes)?;
    let head = StateHead { number: 0, hash: B256::repeat_byte(1), root: pending.root() };
    tree.insert(pending.seal(head.hash))?;
    tree.commit(&head.hash)?;
    tree.flush_now()?;
    let state = tree.head();

    let mut group = criterion.benchmark_group("trie::fetch");
    group.sample_size(10).throughput(Throughput::Elements(2 * EACH));
    group.bench_function("accounts+slots", |bencher| {
        bencher.iter_batched(
            tempfile::tempdir,
            |dir| match dir.map_err(Error::from).and_then(|dir| whole(&state, head, dir.path())) {
                Ok(()) => (),
                Err(error) => panic!("{error}"),
            },
            BatchSize::PerIteration,
        );
    });
    Ok(())
}

fn whole(state: &State, head: StateHead, to: &std::path::Path) -> Result<(), Error> {
    let mut fetch = StateFetch::begin(Store::open(to, &StoreOptions::default())?, head)?;
    loop {
        match fetch.wanted() {
            Wanted::Accounts(start) => fetch.accounts(&state.account_range(&start, PIECE)?)?,
            Wanted::Slots(wanted) => {
                let range = |(ah, start): &(B256, B256)| state.storage_range(ah, start, PIECE);
                let ranges: Result<Vec<RangeProof>, StateError> =
                    wanted.iter().map(range).collect();
                fetch.slots(&ranges?)?;
            }
            Wanted::Codes(_) => return Err("there is no code".into()),
            Wanted::Nothing => return Ok(()),
        }
    }
}

criterion_group!(benches, fetch);
criterion_main!(benches);
