//! How long a block's state root takes, over a real RocksDB with a million accounts, or as many as
//! `QENEX_BENCH_ACCOUNTS` says.
//!
//! `trie::root` is [`qenex_trie::State::apply`] alone, of accounts that have just been read, as
//! execution does; trie nodes come from the store or the cache as it happens. `trie::block` also
//! reads them, keeps the result and commits it, with the flush in the background. Measured is the
//! processor time of all threads, not the wall clock: it means about the same on a busy machine.

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use alloy_primitives::{B256, U256, keccak256};
use criterion::{
    BatchSize, Criterion, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use qenex_store::{Store, StoreOptions, tables::KECCAK_EMPTY};
use qenex_trie::{AccountInfo, StateChanges, StateTree, TreeOptions};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Accounts of the state.
fn accounts() -> Result<u64, Error> {
    Ok(match std::env::var("QENEX_BENCH_ACCOUNTS") {
        Ok(text) => text.parse()?,
        Err(_) => 1_000_000,
    })
}

fn info(nonce: u64) -> Option<AccountInfo> {
    let balance = U256::from(1_000_000_007_u64) * U256::from(nonce + 1_000_000_000);
    Some(AccountInfo { nonce, balance, code_hash: KECCAK_EMPTY })
}

fn commit(tree: &StateTree, changes: &StateChanges, hash: B256) -> Result<(), Error> {
    let pending = tree.head().apply(changes)?;
    tree.insert(pending.seal(hash))?;
    tree.commit(&hash)?;
    Ok(())
}

static WALL: WallTime = WallTime;

/// Any error.
type Error = Box<dyn std::error::Error>;

/// Nanoseconds of processor time that this process has used.
struct ProcessorTime;

impl ProcessorTime {
    /// Linux counts it per thread; threads that have ended are not counted, and there are none.
    fn now() -> u64 {
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let used = |text: String| text.split(' ').next().and_then(|first| first.parse().ok());
        let one = |path| std::fs::read_to_string(path).ok().and_then(used).unwrap_or(0_u64);
        threads.map(|thread| one(thread.path().join("schedstat"))).sum()
    }
}

impl Measurement for ProcessorTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        Self::now()
    }

    fn end(&self, start: u64) -> u64 {
        Self::now().saturating_sub(start)
    }

    fn add(&self, a: &u64, b: &u64) -> u64 {
        a + b
    }

    fn zero(&self) -> u64 {
        0
    }

    #[expect(clippy::float_arithmetic, reason = "criterion counts in floats")]
    fn to_f64(&self, value: &u64) -> f64 {
        Duration::from_nanos(*value).as_secs_f64() * 1e9
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WALL.formatter()
    }
}

fn blocks(keys: &[B256], rng: &mut StdRng, dirty: usize) -> StateChanges {
    let mut accounts = BTreeMap::new();
    while accounts.len() < dirty {
        accounts.insert(keys[rng.random_range(0..keys.len())], info(rng.random_range(1..1 << 40)));
    }
    StateChanges { accounts, ..StateChanges::default() }
}

fn root(criterion: &mut Criterion<ProcessorTime>) {
    if let Err(error) = run(criterion) {
        panic!("{error}");
    }
}

fn run(criterion: &mut Criterion<ProcessorTime>) -> Result<(), Error> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), &StoreOptions::default())?;
    let options = TreeOptions { cached_nodes: 500_000, ..TreeOptions::default() };
    let tree = StateTree::open(store.clone(), options)?;
    let all = accounts()?;
    let keys: Vec<B256> = (0..all).map(|n| keccak256(n.to_be_bytes())).collect();
    for (number, part) in keys.chunks(1_000_000).enumerate() {
        let accounts = part.iter().map(|key| (*key, info(0))).collect();
        let changes = StateChanges { accounts, ..StateChanges::default() };
        commit(&tree, &changes, keccak256(number.to_be_bytes()))?;
    }
    tree.flush_now()?;
    drop(tree);
    store.settle()?;

    for dirty in [1_000, 10_000] {
        let tree = StateTree::open(store.clone(), options)?;
        let mut rng = StdRng::seed_from_u64(7);
        let name = format!("trie::root/dirty={dirty}/accounts={all}");
        let head = tree.head();
        criterion.bench_function(&name, |bencher| {
            bencher.iter_batched(
                || {
                    let changes = blocks(&keys, &mut rng, dirty);
                    changes.accounts.keys().for_each(|key| drop(black_box(head.account(key))));
                    changes
                },
                |changes| black_box(head.apply(&changes)),
                BatchSize::PerIteration,
            );
        });
    }
    for dirty in [1_000, 10_000] {
        let tree = StateTree::open(store.clone(), options)?;
        let mut rng = StdRng::seed_from_u64(8);
        let name = format!("trie::block/dirty={dirty}/accounts={all}");
        criterion.bench_function(&name, |bencher| {
            bencher.iter_batched(
                || (blocks(&keys, &mut rng, dirty), keccak256(rng.random::<[u8; 32]>())),
                |(changes, hash)| commit(&tree, &changes, hash).map_err(|error| panic!("{error}")),
                BatchSize::PerIteration,
            );
        });
        tree.flush_now()?;
    }
    Ok(())
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).with_measurement(ProcessorTime);
    targets = root
}
criterion_main!(benches);
