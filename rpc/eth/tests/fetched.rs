//! A node that began with the state of a peer: what it does not have yet it does not deny.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod common;

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes};
use common::{Node, alice, sign, transfer};
use qenex_exec::{Chain, ExecError, InvalidBlock, record_unexecuted, verify_chain};
use qenex_rpc_eth::RpcConfig;
use qenex_store::{BlockRecord, StateHead, Store, StoreOptions};
use qenex_trie::{StateFetch, Wanted};
use serde_json::{Value, json};

/// The block whose state is fetched, and the first that is there with it.
const STATE: u64 = 8;
const FIRST: u64 = 6;

fn proof() -> Bytes {
    Bytes::from_static(b"certificate")
}

fn record(chain: &Chain, number: u64) -> BlockRecord {
    let payload = chain.block(number).unwrap().unwrap().encode();
    let receipts = chain.encoded_receipts(number).unwrap().unwrap();
    record_unexecuted(&payload, &receipts, proof()).unwrap()
}

/// A database with the state after block [`STATE`] of another chain and a few blocks around it.
fn fetched(from: &Chain) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = || Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let spec = qenex_genesis::development(Vec::new(), alice().address(), 1_700_000_000_000);
    let changes = qenex_genesis::state_changes(&spec).unwrap();
    drop(Chain::open(Arc::new(spec.clone()), store(), changes.clone()).unwrap());

    let header = from.block(STATE).unwrap().unwrap();
    let head = StateHead { number: STATE, hash: header.hash, root: header.header.state_root };
    let mut fetch = StateFetch::begin(store(), head).unwrap();
    let opened = Chain::open(Arc::new(spec), store_of(&fetch), changes);
    assert!(matches!(opened, Err(ExecError::StateIncomplete { number: STATE })));
    assert!(matches!(
        verify_chain(&store_of(&fetch), &mut |_, _| ()),
        Err(ExecError::StateIncomplete { .. })
    ));
    let blocks: Vec<_> = (FIRST..=STATE + 1).map(|number| record(from, number)).collect();
    store_of(&fetch).skip_to_blocks(&blocks).unwrap();
    let state = from.state(STATE).unwrap().unwrap();
    loop {
        match fetch.wanted() {
            Wanted::Accounts(start) => {
                fetch.accounts(&state.account_range(&start, 1_000).unwrap()).unwrap();
            }
            Wanted::Slots(wanted) => {
                let (ah, start) = &wanted[0];
                fetch.slots(&[state.storage_range(ah, start, 1_000).unwrap()]).unwrap();
            }
            Wanted::Codes(wanted) => {
                fetch.codes(&[from.code(&wanted[0]).unwrap().unwrap()]).unwrap();
            }
            Wanted::Nothing => break,
        }
    }
    drop(fetch);
    folder
}

fn store_of(fetch: &StateFetch) -> Store {
    fetch.store().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_being_fetched_is_not_denied() {
    let old = Node::start().await;
    let contract = old.deploy(0).await;
    let mut hashes = Vec::new();
    for nonce in 1..=9 {
        hashes.push(old.send(transfer(old.chain_id(), nonce)).await);
        old.mine();
    }
    let theirs = &old.chain;
    let spec = qenex_genesis::development(Vec::new(), alice().address(), 1_700_000_000_000);
    let config = RpcConfig::new("127.0.0.1:0".parse().unwrap());
    let node = Node::over(fetched(theirs), spec, config).await;
    let chain = &node.chain;
    assert_eq!((chain.head().header.number, chain.missing_blocks()), (STATE + 1, 1..FIRST));
    assert_eq!(chain.state_floor(), STATE);
    assert_eq!(
        chain.state(STATE + 1).unwrap().unwrap().root(),
        theirs.header(STATE + 1).unwrap().unwrap().1.state_root
    );

    let both = async |method: &'static str, params: Value| {
        (node.call(method, params.clone()).await, old.call(method, params).await)
    };
    for (method, params) in [
        ("eth_getBlockByNumber", json!([format!("{FIRST:#x}"), true])),
        ("eth_getBlockByNumber", json!(["0x0", true])),
        ("eth_getTransactionReceipt", json!([hashes[7]])),
        ("eth_getCode", json!([contract, format!("{STATE:#x}")])),
        ("eth_getBalance", json!([alice().address(), format!("{:#x}", STATE + 1)])),
        ("eth_getLogs", json!([{ "fromBlock": format!("{FIRST:#x}") }])),
    ] {
        let (ours, theirs) = both(method, params).await;
        assert_eq!(ours, theirs, "{method}");
    }
    let early = theirs.block(2).unwrap().unwrap().hash;
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x1", false])),
        ("eth_getBlockReceipts", json!(["0x5"])),
        ("eth_getBlockByHash", json!([early, false])),
        ("eth_getTransactionReceipt", json!([hashes[0]])),
        ("eth_getTransactionByHash", json!([B256::repeat_byte(9)])),
        ("eth_getRawTransactionByHash", json!([hashes[0]])),
        ("eth_getLogs", json!([{ "fromBlock": "0x2" }])),
        ("eth_getLogs", json!([{ "blockHash": early }])),
        ("eth_getBalance", json!([contract, { "blockHash": early }])),
        ("eth_call", json!([{ "to": contract }, "0x3"])),
        ("debug_traceTransaction", json!([hashes[0]])),
        ("trace_block", json!(["0x4"])),
        ("ots_getTransactionError", json!([hashes[0]])),
    ] {
        let (code, said, _) = node.fail(method, params).await;
        assert_eq!((code, &*said), (4444, "blocks 1 to 5 are still being fetched"), "{method}");
    }
    // A state that is there no more is another matter, and what waits in the pool is known.
    let (code, said, _) = node.fail("eth_getBalance", json!([contract, "0x6"])).await;
    assert_eq!(
        (code, &*said),
        (-32000, "the state of block 6 is pruned: states are kept from block 8 on")
    );
    let waiting = transfer(node.chain_id(), 9);
    let hash = node.send(waiting).await;
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(node.call("eth_getTransactionByHash", json!([hash])).await["hash"], json!(hash));
    let kept = node.call("eth_capabilities", json!([])).await;
    assert_eq!(
        (&kept["receipts"]["oldestBlock"], &kept["state"]["oldestBlock"]),
        (&json!("0x6"), &json!("0x8"))
    );
    assert_eq!(kept["stateproofs"]["oldestBlock"], "0x8");

    // The chain goes on, and the old blocks come, in order and nothing else.
    assert_eq!(node.mine().header.number, STATE + 2);
    assert!(chain.fill(&[record(theirs, 2)]).is_err());
    chain.fill(&[record(theirs, 1), record(theirs, 2)]).unwrap();
    let (code, said, _) = node.fail("eth_getBlockByNumber", json!(["0x3", false])).await;
    assert_eq!((code, &*said), (4444, "blocks 3 to 5 are still being fetched"));
    chain.fill(&(3..FIRST).map(|number| record(theirs, number)).collect::<Vec<_>>()).unwrap();
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x1", true])),
        ("eth_getTransactionReceipt", json!([hashes[0]])),
        ("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": format!("{STATE:#x}") }])),
    ] {
        let (ours, theirs) = both(method, params).await;
        assert_eq!(ours, theirs, "{method}");
    }
    assert_eq!(node.call("eth_getTransactionReceipt", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.call("eth_capabilities", json!([])).await["blocks"]["oldestBlock"], "0x0");
}

#[test]
fn a_fetched_database_is_verified_with_and_without_its_old_blocks() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let old = runtime.block_on(async {
        let old = Node::start().await;
        for nonce in 0..10 {
            old.send(transfer(old.chain_id(), nonce)).await;
            old.mine();
        }
        old
    });
    let theirs = &old.chain;
    let folder = fetched(theirs);
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let verified = || verify_chain(&store, &mut |_, _| ());
    let report = verified().unwrap();
    assert_eq!((report.head, report.missing, report.state.floor), (STATE + 1, 1..FIRST, STATE));
    store.fill_blocks(&[record(theirs, 1)]).unwrap();
    assert_eq!(verified().unwrap().missing, 2..FIRST);
    store
        .fill_blocks(&(2..FIRST).map(|number| record(theirs, number)).collect::<Vec<_>>())
        .unwrap();
    let report = verified().unwrap();
    assert_eq!((report.missing, report.transactions), (0..0, STATE + 1));
}

#[test]
fn receipts_and_transactions_must_be_those_of_the_header() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let old = runtime.block_on(async {
        let old = Node::start().await;
        old.deploy(0).await;
        for nonce in 1..4 {
            old.send(transfer(old.chain_id(), nonce)).await;
        }
        old.mine();
        old
    });
    let chain = &old.chain;
    let [first, second] = [1, 2].map(|n| chain.block(n).unwrap().unwrap().encode());
    let [of_first, of_second] = [1, 2].map(|n| chain.encoded_receipts(n).unwrap().unwrap());
    assert!(record_unexecuted(&second, &of_second, proof()).is_ok());
    let field = |verdict: Result<BlockRecord, ExecError>| match verdict {
        Err(ExecError::Invalid(InvalidBlock::Field { field, .. })) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(record_unexecuted(&second, &of_first, proof())), "receiptsRoot");
    assert_eq!(field(record_unexecuted(&first, &of_second, proof())), "receiptsRoot");
    for garbage in [&[][..], &of_second[1..], b"receipts"] {
        assert!(matches!(
            record_unexecuted(&second, garbage, proof()),
            Err(ExecError::Invalid(InvalidBlock::Encoding(_)))
        ));
    }
    // Another signer than the header's.
    let stranger = alloy_signer_local::PrivateKeySigner::random();
    let theirs = sign(transfer(old.chain_id(), 3), &stranger);
    let ours = sign(transfer(old.chain_id(), 3), &alice());
    assert_eq!(theirs.len(), ours.len(), "the block's frame stays");
    let at = second.windows(ours.len()).position(|part| part == &ours[..]).unwrap();
    let mut forged = second.to_vec();
    forged[at..at + ours.len()].copy_from_slice(&theirs);
    assert_eq!(field(record_unexecuted(&forged.into(), &of_second, proof())), "transactionsRoot");
    assert_ne!(Address::ZERO, stranger.address());
}
