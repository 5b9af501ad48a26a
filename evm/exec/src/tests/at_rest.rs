//! The chain on disk: cut off at every write, and checked row by row.

use std::path::Path;

use alloy_rlp::Encodable as _;
use qenex_store::BlockRecord;
use qenex_trie::TreeOptions;

use super::*;
use crate::{chain::read_block, codec::encode_body, verify_chain};

/// A chain of random blocks, flushed now and then, and what it was made of.
struct World {
    folder: tempfile::TempDir,
    alloc: BTreeMap<Address, Alloc>,
    chain: Chain,
    blocks: Vec<(B256, Bytes)>,
}

const FLUSHED_EVERY: TreeOptions = TreeOptions {
    cached_nodes: 1 << 10,
    cached_accounts: 1 << 10,
    cached_slots: 1 << 10,
    flush_blocks: 3,
    flush_bytes: 1 << 20,
    proof_window: 8,
    keep_states: Some(8),
};

fn reopen(folder: &Path, alloc: &BTreeMap<Address, Alloc>) -> Result<Chain, ExecError> {
    let options = StoreOptions { cache_bytes: 4 << 20, ..StoreOptions::default() };
    let store = Store::open(folder, &options).map_err(ExecError::state)?;
    Chain::open_with(Arc::new(spec()), store, changes(alloc), FLUSHED_EVERY)
}

fn world(seed: u64, height: usize) -> World {
    let mut rng = StdRng::seed_from_u64(seed);
    let (zoo, signers, alloc) = random_world(&mut rng);
    let folder = tempfile::tempdir().unwrap();
    let chain = reopen(folder.path(), &alloc).unwrap();
    let mut blocks = Vec::new();
    for _ in 0..height {
        let parent = chain.head();
        let mut nonces: BTreeMap<_, _> = signers
            .iter()
            .map(PrivateKeySigner::address)
            .map(|address| (address, chain.head_account(address).unwrap().unwrap().nonce))
            .collect();
        let waiting = (0..8).map(|_| transaction(&mut rng, &zoo, &signers, &mut nonces)).collect();
        let mut queue = Queue { waiting, refused: 0 };
        let limits = BuildLimits { time: Duration::from_secs(60), ..BuildLimits::default() };
        let (built, _) =
            chain.build(parent.hash, attributes(&parent.header), &mut queue, limits).unwrap();
        chain.finalise(&[(built.block.hash, Bytes::from_static(b"proof"))]).unwrap();
        blocks.push((built.block.hash, built.encoded));
    }
    World { folder, alloc, chain, blocks }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Ends of the physical records of a RocksDB log (`db/log_format.h`): every write ends at one.
fn record_ends(log: &[u8]) -> Vec<usize> {
    const BLOCK: usize = 32 << 10;
    let mut ends = vec![0];
    let mut at = 0;
    while at + 7 <= log.len() {
        if at % BLOCK + 7 > BLOCK {
            at = at.next_multiple_of(BLOCK);
            continue;
        }
        at += 7 + usize::from(u16::from_le_bytes([log[at + 4], log[at + 5]]));
        ends.push(at);
    }
    assert_eq!(at, log.len(), "the whole log was understood");
    ends
}

/// A crash leaves a prefix of what was written. Whatever the prefix, the chain opens with the blocks
/// in it, has their roots, and takes the others again to the same end.
///
/// `QENEX_CRASH_WORLDS` tries more chains.
#[test]
fn a_crash_after_any_write_leaves_a_chain_that_goes_on() {
    let worlds = std::env::var("QENEX_CRASH_WORLDS").map_or(1, |text| text.parse().unwrap());
    for seed in 0..worlds {
        let World { folder, alloc, chain, blocks } = world(seed, 24);
        chain.flush().unwrap();
        let saved = tempfile::tempdir().unwrap();
        copy(folder.path(), saved.path());
        let head = chain.head();
        drop(chain);

        let names = std::fs::read_dir(saved.path()).unwrap().map(|entry| entry.unwrap().path());
        let logs: Vec<_> =
            names.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
        let [log] = logs.as_slice() else { panic!("more than one log: {logs:?}") };
        let whole = std::fs::read(log).unwrap();
        let ends = record_ends(&whole);
        let torn = ends.iter().skip(1).step_by(7).map(|end| end - 3);
        let (mut heights, mut refused) = (std::collections::BTreeSet::new(), 0);
        for cut in ends.iter().copied().chain(torn) {
            let crashed = tempfile::tempdir().unwrap();
            copy(saved.path(), crashed.path());
            std::fs::write(crashed.path().join(log.file_name().unwrap()), &whole[..cut]).unwrap();
            let chain = match reopen(crashed.path(), &alloc) {
                Ok(chain) => chain,
                Err(error) => panic!("seed {seed}, cut at {cut}: {error}"),
            };
            let height = usize::try_from(chain.head().header.number).unwrap();
            heights.insert(height);
            if let Some(known) = height.checked_sub(1) {
                assert_eq!(chain.head().hash, blocks[known].0, "seed {seed}, cut at {cut}");
            }
            for (hash, encoded) in &blocks[height..] {
                chain.check(encoded, &|_| None).unwrap();
                chain.finalise(&[(*hash, Bytes::from_static(b"proof"))]).unwrap();
            }
            assert_eq!(chain.head().hash, head.hash);
            assert_eq!(chain.state(24).unwrap().unwrap().root(), head.header.state_root);
            chain.flush().unwrap();
            refused += usize::from(chain.damage().is_some());
            drop(chain);
            let store = Store::open(crashed.path(), &StoreOptions::default()).unwrap();
            let report = verify_chain(&store, &mut |_, _| ()).unwrap();
            assert_eq!((report.head, report.state.root), (24, head.header.state_root));
        }
        println!("seed {seed}: {} cuts, heights {heights:?}", ends.len() + ends.len() / 7);
        assert_eq!((heights.len(), refused), (25, 0));
    }
}

/// The stored form of a block of a chain.
fn stored(store: &Store, number: u64) -> BlockRecord {
    let block = read_block(store, number).unwrap().unwrap();
    BlockRecord {
        number,
        hash: store.block_hash(number).unwrap().unwrap(),
        header: store.header(number).unwrap().unwrap(),
        transactions: store.body(number).unwrap().unwrap(),
        receipts: store.receipts(number).unwrap().unwrap(),
        certificate: store.certificate(number).unwrap().unwrap(),
        tx_hashes: block.transactions.iter().map(|tx| *tx.inner().tx_hash()).collect(),
    }
}

#[test]
fn a_block_that_is_not_what_its_header_says_is_found() {
    let World { folder, chain, blocks, .. } = world(3, 6);
    chain.flush().unwrap();
    drop(chain);
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let report = verify_chain(&store, &mut |_, _| ()).unwrap();
    assert_eq!((report.head, report.transactions > 30), (blocks.len() as u64, true));

    let good: Vec<_> = (0..=6).map(|number| stored(&store, number)).collect();
    let four = read_block(&store, 4).unwrap().unwrap();
    let strangers: Vec<_> = four
        .transactions
        .iter()
        .map(|tx| Arc::new(Recovered::new_unchecked(tx.inner().clone(), NOBODY)))
        .collect();
    let mut later = four.header.clone();
    later.timestamp += 1;
    let (mut header, mut orphan) = (Vec::new(), Vec::new());
    later.encode(&mut header);
    Header { parent_hash: B256::ZERO, ..four.header.clone() }.encode(&mut orphan);
    let same = || good[4].clone();
    let cases = [
        (
            "parentHash",
            BlockRecord { header: orphan.clone().into(), hash: keccak256(&orphan), ..same() },
        ),
        ("hash", BlockRecord { header: header.into(), ..same() }),
        ("transactionsRoot", BlockRecord { transactions: good[5].transactions.clone(), ..same() }),
        ("receiptsRoot", BlockRecord { receipts: good[5].receipts.clone(), ..same() }),
        ("sender", BlockRecord { transactions: encode_body(&strangers, &four.ethereum), ..same() }),
        (
            "not found by its hash",
            BlockRecord { tx_hashes: good[4].tx_hashes[1..].to_vec(), ..same() },
        ),
        (
            "hashes of",
            BlockRecord {
                tx_hashes: [good[4].tx_hashes.clone(), vec![B256::ZERO]].concat(),
                ..same()
            },
        ),
        (
            "the receipts of block 4: ",
            BlockRecord { receipts: Bytes::from_static(b"no"), ..same() },
        ),
    ];
    for (expected, bad) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        let mut blocks = good.clone();
        blocks[4] = bad;
        store.commit_blocks(&blocks).unwrap();
        let error = verify_chain(&store, &mut |_, _| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?} is not in {error}");
        assert!(error.contains("damaged"), "{error}");
    }
}
