//! Measurements, run by hand one at a time (docs/benchmarks.md has the commands): blocks beside bare
//! revm on the same transactions, import by a follower, disk, reads, and what encryption costs.

#![expect(
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::double_ended_iterator_last,
    reason = "measurements for people: all work of a sample is done, then its time is divided"
)]

use std::time::Instant;

use qenex_store::StoreKey;
use zeroize::Zeroizing;

use super::*;
const TRANSACTIONS: usize = 1_000;
const PEOPLE: usize = 10_000;
const ROUNDS: usize = 7;
/// Blocks of one sample.
const REPEATED: usize = 20;

/// Seconds of processor time that this process has used so far.
fn cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let text = threads.map(|entry| std::fs::read_to_string(entry.path().join("schedstat")));
    let used = text.map(|text| text.unwrap_or_default().split(' ').next().unwrap().parse::<u64>());
    used.map(|used| used.unwrap_or(0)).sum::<u64>() as f64 / 1e9
}

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu();
    let done = work();
    (done, cpu() - before)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// What the transactions of a block call.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Coins from one account to another.
    Transfers,
    /// A token: two slots and an event.
    Token,
    /// 2,000 rounds of a hash in memory.
    Hashing,
}

const TOKEN: Address = Address::repeat_byte(0x70);
const HASHER: Address = Address::repeat_byte(0x4a);

/// `transfer(to, amount)` with each account's balance in the slot of its address.
fn token_code() -> Vec<u8> {
    let mut code =
        alloy_primitives::hex!("60243580335403335580600435540160043555600052600435337f").to_vec();
    code.extend(keccak256("Transfer(address,address,uint256)"));
    code.extend(alloy_primitives::hex!("60206000a300"));
    code
}

/// Hashes the first word of memory as often as the call data's first word says.
const HASHING: [u8; 19] = alloy_primitives::hex!("6000355b60205f205f52600190038060035700");

fn people() -> Vec<PrivateKeySigner> {
    (0..PEOPLE)
        .map(|n| PrivateKeySigner::from_bytes(&keccak256(n.to_be_bytes())).unwrap())
        .collect()
}

fn alloc(people: &[PrivateKeySigner]) -> BTreeMap<Address, Alloc> {
    let rich = U256::from(10_u64.pow(18));
    let mut alloc: BTreeMap<_, _> = people
        .iter()
        .map(|signer| (signer.address(), Alloc { balance: rich, ..Alloc::default() }))
        .collect();
    let balances = people.iter().map(|signer| (signer.address().into_word().into(), rich));
    let storage = balances.collect();
    alloc.insert(TOKEN, Alloc { nonce: 1, code: token_code(), storage, ..Alloc::default() });
    alloc.insert(HASHER, Alloc { nonce: 1, code: HASHING.to_vec(), ..Alloc::default() });
    for (address, code) in system_contracts() {
        alloc.insert(address, Alloc { nonce: 1, code: code.to_vec(), ..Alloc::default() });
    }
    alloc
}

fn transactions(people: &[PrivateKeySigner], work: Work, nonce: u64) -> Vec<PooledTransaction> {
    let payees = people.iter().rev().step_by(7).cycle();
    let one = |(signer, payee): (&PrivateKeySigner, &PrivateKeySigner)| {
        let payee = payee.address();
        let (to, input) = match work {
            Work::Transfers => (payee, Vec::new()),
            Work::Token => (TOKEN, [&[0; 4][..], &payee.into_word()[..], &[0; 31], &[1]].concat()),
            Work::Hashing => (HASHER, U256::from(2_000).to_be_bytes_vec()),
        };
        sign(
            signer,
            TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: if matches!(work, Work::Transfers) { 21_000 } else { 250_000 },
                max_fee_per_gas: 2_000,
                max_priority_fee_per_gas: 1,
                to: TxKind::Call(to),
                value: U256::from(u8::from(matches!(work, Work::Transfers))),
                input: input.into(),
                ..TxEip1559::default()
            },
        )
    };
    people.iter().take(TRANSACTIONS).zip(payees).map(one).collect()
}

fn big_spec() -> ChainSpec {
    ChainSpec { gas_limit: 300_000_000, ..spec() }
}

fn chain(
    folder: &std::path::Path,
    alloc: &BTreeMap<Address, Alloc>,
    key: Option<StoreKey>,
) -> Chain {
    let store = Store::open(folder, &StoreOptions { key, ..StoreOptions::default() }).unwrap();
    Chain::open(Arc::new(big_spec()), store, changes(alloc)).unwrap()
}

/// Execution, the roots of transactions and receipts, and the state's root of a block, beside revm
/// with everything in memory: in turns, since the machine is not always equally fast.
#[test]
#[ignore = "a measurement"]
fn speed_of_blocks_beside_bare_revm() {
    let people = people();
    let alloc = alloc(&people);
    println!("CPU a block of {TRANSACTIONS}: bare revm | execution | other roots | state root");
    for work in [Work::Transfers, Work::Token, Work::Hashing] {
        let folder = tempfile::tempdir().unwrap();
        let chain = chain(folder.path(), &alloc, None);
        let transactions = transactions(&people, work, 0);
        let head = chain.head();
        let header = chain.child_header(&head.header, head.hash, attributes(&head.header)).unwrap();
        let oracle = oracle(&alloc);
        let [mut bare, mut execution, mut sealing, mut root] = [(); 4].map(|()| Vec::new());
        let mut gas = 0;
        for _ in 0..ROUNDS {
            // Many at a time: the kernel counts a thread's time in steps of some milliseconds.
            let mut oracles = vec![oracle.clone(); REPEATED];
            let (receipts, seconds) = timed(|| {
                let run = |oracle| super::execute(oracle, &header, &transactions);
                oracles.iter_mut().map(run).last().unwrap()
            });
            assert!(receipts.iter().all(|receipt| receipt.success));
            gas = receipts.last().unwrap().cumulative_gas_used;
            bare.push(seconds);

            let (_, state, ancestors) = chain.parent(head.hash).unwrap();
            let one = || {
                let (state, ancestors) = (state.clone(), ancestors.clone());
                let mut block = Execution::start(chain.rules(), &header, state, ancestors).unwrap();
                for transaction in &transactions {
                    assert!(matches!(block.execute(transaction).unwrap(), Executed::Included));
                }
                block
            };
            let (mut blocks, seconds) = timed(|| (0..REPEATED).map(|_| one()).collect::<Vec<_>>());
            execution.push(seconds);
            let changes = blocks[0].database().changes();
            let (sealed, all) =
                timed(|| blocks.into_iter().map(|block| block.seal().unwrap()).last().unwrap());
            assert_eq!(sealed.gas_used, gas);
            let (layer, seconds) =
                timed(|| (0..REPEATED).map(|_| state.apply(&changes).unwrap()).last().unwrap());
            assert_eq!(layer.root(), sealed.state.root());
            root.push(seconds);
            sealing.push(all - seconds);
        }
        let milliseconds = |all| median(all) / REPEATED as f64 * 1e3;
        let [bare, execution, sealing, root] = [bare, execution, sealing, root].map(milliseconds);
        println!(
            "{:<10} {:>6.1} Mgas | {bare:.2} ms | {execution:.2} ms | {sealing:.2} ms | {root:.2} ms | \
             all but the state root {:+.0} %, execution alone {:+.0} %; {:.0} Mgas a CPU second",
            format!("{work:?}"),
            gas as f64 / 1e6,
            ((execution + sealing) / bare - 1.0) * 100.0,
            (execution / bare - 1.0) * 100.0,
            gas as f64 / 1e3 / (execution + sealing + root),
        );
    }
}

/// A follower takes ready blocks: it decodes them, recovers senders, executes, compares every field,
/// commits and flushes. Plain, and encrypted.
#[test]
#[ignore = "a measurement"]
fn speed_of_import_disk_and_encryption() {
    const BLOCKS: u64 = 100;
    let people = people();
    let alloc = alloc(&people);
    let folder = tempfile::tempdir().unwrap();
    let leader = chain(folder.path(), &alloc, None);
    let mut blocks = Vec::new();
    for nonce in 0..BLOCKS {
        let head = leader.head();
        let mut queue =
            Queue { waiting: transactions(&people, Work::Transfers, nonce).into(), refused: 0 };
        let limits = BuildLimits { time: Duration::from_secs(60), ..BuildLimits::default() };
        let (built, done) =
            leader.build(head.hash, attributes(&head.header), &mut queue, limits).unwrap();
        assert_eq!(done.included, TRANSACTIONS);
        leader.finalise(&[(built.block.hash, Bytes::from_static(b"proof"))]).unwrap();
        blocks.push((built.block.hash, built.encoded));
    }
    let key = || StoreKey { epoch: 1, bytes: Zeroizing::new([7; 32]) };
    for round in 0..3 {
        for (name, key) in [("plain", None), ("encrypted", Some(key()))] {
            let folder = tempfile::tempdir().unwrap();
            let follower = chain(folder.path(), &alloc, key.clone());
            let started = Instant::now();
            let ((), seconds) = timed(|| {
                for (hash, encoded) in &blocks {
                    follower.check(encoded, &|_| None).unwrap();
                    follower.finalise(&[(*hash, Bytes::from_static(b"proof"))]).unwrap();
                }
                follower.flush().unwrap();
            });
            let wall = started.elapsed().as_secs_f64();
            let transfers = (BLOCKS as usize * TRANSACTIONS) as f64;
            drop(follower);
            let options = StoreOptions { key, ..StoreOptions::default() };
            let store = Store::open(folder.path(), &options).unwrap();
            store.settle().unwrap();
            let stats = store.stats().unwrap();
            let bytes: u64 = stats.iter().map(|table| table.files + table.blobs).sum();

            let addresses: Vec<_> = people.iter().map(|p| keccak256(p.address())).collect();
            let (_, reads) = timed(|| {
                for address in addresses.iter().cycle().take(200_000) {
                    std::hint::black_box(store.account(address).unwrap());
                }
            });
            let mut rows = 0_u64;
            let (_, scan) = timed(|| {
                for _ in 0..10 {
                    rows += store.accounts(&B256::ZERO).unwrap().count() as u64;
                }
            });
            println!(
                "round {round} {name:<9} import {:>6.0} transfers/s, {:>4.0} Mgas/s, CPU {:>4.1} us a \
                 transfer; disk {:>4.0} bytes a transfer; point read {:>4.0} ns of CPU, scan {:>4.0} ns a row",
                transfers / wall,
                transfers * 21_000.0 / 1e6 / wall,
                seconds / transfers * 1e6,
                bytes as f64 / transfers,
                reads / 200_000.0 * 1e9,
                scan / rows as f64 * 1e9,
            );
        }
    }
}
