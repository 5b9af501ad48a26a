//! What a restart finds, what old heights answer, contracts that come and go.

use alloy_consensus::{TxEip1559, TxEip7702};
use alloy_eips::{eip2935, eip4788, eip7702::Authorization};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use qenex_exec::{CallRequest, ExecError, Overrides};
use qenex_genesis::{DEV_ACCOUNTS, DEV_CHAIN_ID};
use qenex_precompiles::LEDGER;

use crate::support::{
    CALLER, FACTORY, HASHES, World, attributes, call, child, open, pay, payment, sign, signer,
    spec, template, through,
};

#[test]
fn a_crash_loses_no_final_block() {
    for blocks in [1_u64, 5, 70] {
        // Given final blocks whose state was not flushed, or only in part,
        let world = World::new();
        for nonce in 0..blocks {
            // Two payers in turn: one that pays so often in an hour is for an officer to look at.
            let (payer, from) =
                if nonce % 2 == 0 { (1, DEV_ACCOUNTS[1]) } else { (4, DEV_ACCOUNTS[4]) };
            let transfer = payment(u128::from(nonce) + 1, from, DEV_ACCOUNTS[2], 1);
            world.run([call(payer, nonce / 2, LEDGER, transfer), pay(2, nonce, HASHES, 0)]);
        }
        let open_block = world.build(&world.chain.head(), [pay(3, 0, CALLER, 0)]);
        let head = world.chain.head();
        assert_eq!(head.header.number, blocks);

        // when the node ends without a word and starts again,
        let World { chain, folder } = world;
        drop(chain);
        let again = open(folder.path(), &spec()).unwrap();

        // then it has the same head and the same state, and goes on; what was not final is forgotten.
        assert_eq!(again.head().hash, head.hash);
        let state = again.state(blocks).unwrap().unwrap();
        assert_eq!(state.root(), head.header.state_root);
        assert!(again.proposal(&open_block.block.hash).is_none());
        assert_eq!(again.open_branch(open_block.block.hash).len(), 0);
        let checked = again.check(&open_block.encoded, &|_| None).unwrap();
        assert_eq!(checked.block.hash, open_block.block.hash);
        drop(state);
        let world = World { chain: again, folder };
        assert_eq!(world.posted(DEV_ACCOUNTS[2]), 1_000_000 + u128::from(blocks));
        // A clean shutdown gives the same.
        world.finalise(&[&checked]);
        world.chain.flush().unwrap();
        let World { chain, folder } = world;
        drop(chain);
        let again = open(folder.path(), &spec()).unwrap();
        assert_eq!(again.head().hash, checked.block.hash);
        let root = again.state(blocks + 1).unwrap().unwrap().root();
        assert_eq!(root, checked.block.header.state_root);
    }
}

#[test]
fn the_folder_of_another_network_is_refused() {
    let World { chain, folder } = World::new();
    let stored_hash = chain.genesis_hash().unwrap();
    drop(chain);
    let mut other = spec();
    other.alloc.remove(&HASHES);
    match open(folder.path(), &other) {
        Err(ExecError::WrongGenesis { stored, given }) => {
            assert_eq!(stored, stored_hash);
            assert_ne!(given, stored);
        }
        other => panic!("{other:?}"),
    }
    // The same accounts under other validators are another network too.
    let mut other = spec();
    other.validators.pop();
    other.name.push('2');
    assert!(matches!(open(folder.path(), &other), Err(ExecError::WrongGenesis { .. })));
    assert!(open(folder.path(), &spec()).is_ok());
}

#[test]
fn old_heights_answer_with_their_own_state() {
    let world = World::new();
    // Runtime code `STOP`, by MSTORE8.
    let init = hex!("60006000536001 6000 f3");
    let create = TxEip1559 { to: TxKind::Create, input: init.into(), ..template(0, HASHES) };
    let payee = Address::repeat_byte(0x44);
    let contract = signer(2).address().create(0);
    let hashes = |nonce| call(3, nonce, HASHES, []);
    let blocks = [
        world.run([pay(1, 0, payee, 10), hashes(0)]),
        world.run([pay(1, 1, payee, 20), hashes(1)]),
        world.run([sign(2, create), hashes(2)]),
        world.run([]),
    ];
    for again in [false, true] {
        let chain = &world.chain;
        if again {
            chain.flush().unwrap();
        }
        let balance = |n| chain.account(n, payee).unwrap().map(|account| account.balance);
        let balances: Vec<_> = (0..6).map(balance).collect();
        let [ten, thirty] = [10, 30].map(|wei| Some(U256::from(wei)));
        assert_eq!(balances, [None, ten, thirty, thirty, thirty, None]);
        for n in 1..4_usize {
            let number = u64::try_from(n).unwrap();
            let stored = chain.storage_at(number, HASHES, U256::from(1)).unwrap();
            assert_eq!(B256::from(stored), blocks[n - 1].header.parent_hash, "block {n}");
        }
        assert_eq!(chain.storage_at(0, HASHES, U256::from(1)).unwrap(), U256::ZERO);
        let code: Vec<_> = (0..5).map(|n| chain.code_at(n, contract).unwrap().len()).collect();
        assert_eq!(code, [0, 0, 0, 1, 1]);
        for block in &blocks {
            let state = chain.state(block.header.number).unwrap().unwrap();
            assert_eq!(state.root(), block.header.state_root);
            assert_eq!(chain.block(block.header.number).unwrap().unwrap().hash, block.hash);
            let by_hash = chain.block_by_hash(block.hash).unwrap().unwrap();
            assert_eq!(by_hash.header, block.header);
        }
        assert!(chain.state(5).unwrap().is_none() && chain.block(5).unwrap().is_none());
    }
}

#[test]
fn the_system_contracts_know_block_and_consensus_hashes() {
    let world = World::new();
    let blocks = [world.run([]), world.run([]), world.run([])];
    let ask = |to, word: U256| {
        let request = CallRequest {
            to: TxKind::Call(to),
            data: word.to_be_bytes::<32>().into(),
            ..CallRequest::default()
        };
        world.chain.call(3, &request, &Overrides::default(), 1_000_000).unwrap().output
    };
    for block in &blocks {
        let parent = U256::from(block.header.number - 1);
        let hash = ask(eip2935::HISTORY_STORAGE_ADDRESS, parent);
        assert_eq!(hash.as_ref(), block.header.parent_hash.as_slice());
        let root = ask(eip4788::BEACON_ROOTS_ADDRESS, U256::from(block.header.timestamp));
        let expected = keccak256((block.header.number - 1).to_be_bytes());
        assert_eq!(root.as_ref(), expected.as_slice());
        assert_eq!(block.header.parent_beacon_block_root, Some(expected));
    }
    let genesis = open(tempfile::tempdir().unwrap().path(), &spec()).unwrap().head();
    assert_eq!(attributes(&genesis.header).timestamp, blocks[0].header.timestamp);
}

#[test]
fn an_account_can_delegate_to_code_by_eip_7702() {
    let world = World::new();
    let authority = signer(4);
    let authorization =
        Authorization { chain_id: U256::from(DEV_CHAIN_ID), address: CALLER, nonce: 0 };
    let signature = authority.sign_hash_sync(&authorization.signature_hash()).unwrap();
    let transfer = payment(1, authority.address(), DEV_ACCOUNTS[2], 250);
    let delegate = TxEip7702 {
        chain_id: DEV_CHAIN_ID,
        nonce: 0,
        gas_limit: 1_000_000,
        max_fee_per_gas: 5_000_000_000,
        max_priority_fee_per_gas: 0,
        to: authority.address(),
        input: through(LEDGER, &transfer).into(),
        authorization_list: vec![authorization.clone().into_signed(signature)],
        ..TxEip7702::default()
    };
    // A sponsor pays the gas; the authority's account runs CALLER's code in its own name, so the
    // ledger sees the owner.
    let block = world.run([sign(5, delegate)]);
    assert!(block.receipts[0].success);
    assert_eq!(world.posted(DEV_ACCOUNTS[2]), 1_000_250);
    let code = world.chain.code_at(1, authority.address()).unwrap();
    assert_eq!(code, Bytes::from([hex!("ef0100").as_slice(), CALLER.as_slice()].concat()));
    assert_eq!(world.slot(authority.address(), 0), U256::from(2));
    let account = world.chain.head_account(authority.address()).unwrap().unwrap();
    assert_eq!(account.nonce, 1);
    // The delegation is taken back by one to the zero address; the storage stays.
    let back = Authorization { address: Address::ZERO, nonce: 1, ..authorization };
    let signature = authority.sign_hash_sync(&back.signature_hash()).unwrap();
    let undo = TxEip7702 {
        chain_id: DEV_CHAIN_ID,
        nonce: 1,
        gas_limit: 1_000_000,
        max_fee_per_gas: 5_000_000_000,
        to: HASHES,
        authorization_list: vec![back.into_signed(signature)],
        ..TxEip7702::default()
    };
    world.run([sign(5, undo)]);
    let account = world.chain.head_account(authority.address()).unwrap().unwrap();
    assert_eq!((account.nonce, account.code_hash), (2, KECCAK256_EMPTY));
    assert_eq!(world.slot(authority.address(), 0), U256::from(2));
}

#[test]
fn a_contract_destroyed_in_its_own_transaction_can_come_back_empty() {
    let world = World::new();
    let destroyed = || [1]; // Any input: the factory calls what it created.
    let number = || world.chain.head().header.number;
    let child_now = || world.chain.account(number(), child()).unwrap();

    // Created and destroyed: nothing is left.
    world.run([call(1, 0, FACTORY, destroyed())]);
    assert!(child_now().is_none());
    assert_eq!(world.slot(child(), 1), U256::ZERO);

    // Destroyed twice and then kept, in one block.
    world.run([
        call(1, 1, FACTORY, destroyed()),
        pay(1, 2, child(), 7), // Money sent to where it was.
        call(2, 0, FACTORY, destroyed()),
        call(3, 0, FACTORY, []),
    ]);
    let account = child_now().unwrap();
    assert_eq!((account.nonce, account.balance), (1, U256::ZERO));
    assert_eq!(world.slot(child(), 1), U256::from(2), "slot 1 holds the number of the block");
    assert_eq!(world.chain.code_at(number(), child()).unwrap().as_ref(), hex!("33ff"));

    // Later SELFDESTRUCT only sends the money away (EIP-6780), and CREATE2 cannot replace it.
    world.run([pay(1, 3, child(), 9), call(4, 0, FACTORY, [])]);
    let account = child_now().unwrap();
    assert_eq!((account.nonce, account.balance), (1, U256::ZERO));
    assert_eq!(world.slot(child(), 1), U256::from(2));
    assert_eq!(world.chain.code_at(1, child()).unwrap().len(), 0);
}
