//! Building, checking, proposals, finality: what is accepted, what is refused and by which name.

use alloy_consensus::{
    Block, BlockBody, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, SignableTransaction,
    TxEip1559, TxEip4844,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use alloy_signer::SignerSync;
use qenex_exec::{
    Chain, EthereumBody, ExecError, InvalidBlock, MAX_BLOCK_BYTES, decode_block, encode_block,
};
use qenex_genesis::{DEV_ACCOUNTS, DEV_CHAIN_ID};
use qenex_precompiles::LEDGER;
use qenex_types::Transaction;

use crate::support::{
    BENEFICIARY, HASHES, World, call, logs, open, pay, payment, sign, signer, spec, template,
};

fn check(chain: &Chain, encoded: impl Into<Bytes>) -> Result<B256, ExecError> {
    chain.check(&encoded.into(), &|_| None).map(|executed| executed.block.hash)
}

fn refusal(chain: &Chain, encoded: impl Into<Bytes>) -> InvalidBlock {
    match check(chain, encoded) {
        Err(ExecError::Invalid(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_one_chain_builds_another_accepts() {
    let (builder, checker) = (World::new(), World::new());
    for round in 0..3_u64 {
        let head = builder.chain.head();
        let transactions = [
            pay(1, round, DEV_ACCOUNTS[2], 5),
            call(
                2,
                round,
                LEDGER,
                payment(u128::from(round) + 1, DEV_ACCOUNTS[2], DEV_ACCOUNTS[3], 100),
            ),
            call(3, round, HASHES, []),
        ];
        let known: Vec<_> = transactions.to_vec();
        let built = builder.build(&head, transactions);
        assert_eq!(built.block.receipts.len(), 3);
        assert!(built.block.receipts.iter().all(|receipt| receipt.success));
        assert_eq!(built.block.size, built.encoded.len());

        // One transaction is known to the checker's pool, the senders of the others are recovered.
        let lookup =
            |hash: &B256| known[..1].iter().find(|tx| tx.inner().tx_hash() == hash).cloned();
        let checked = checker.chain.check(&built.encoded, &lookup).unwrap();
        assert_eq!(checked.block.hash, built.block.hash);
        assert_eq!(checked.block.header, built.block.header);
        assert_eq!(checked.block.receipts, built.block.receipts);
        assert_eq!(checked.encoded, built.encoded);
        // Checking again, also what one built oneself, changes nothing.
        assert_eq!(check(&checker.chain, built.encoded.clone()).unwrap(), built.block.hash);
        assert_eq!(check(&builder.chain, built.encoded.clone()).unwrap(), built.block.hash);
        builder.finalise(&[&built]);
        checker.finalise(&[&checked]);
    }
    assert_eq!(builder.posted(DEV_ACCOUNTS[3]), 1_000_300);
}

#[test]
fn a_manipulated_header_is_refused_by_the_name_of_the_field() {
    type Edit = fn(&mut Header);
    let cases: [(&str, Edit); 16] = [
        ("stateRoot", |h| h.state_root = B256::ZERO),
        ("receiptsRoot", |h| h.receipts_root = B256::ZERO),
        ("transactionsRoot", |h| h.transactions_root = B256::ZERO),
        ("logsBloom", |h| h.logs_bloom = Bloom::ZERO),
        ("gasUsed", |h| h.gas_used += 1),
        ("baseFeePerGas", |h| h.base_fee_per_gas = Some(u64::MAX)),
        ("baseFeePerGas", |h| h.base_fee_per_gas = Some(0)),
        ("number", |h| h.number += 1),
        ("gasLimit", |h| h.gas_limit += 1),
        ("timestamp", |h| h.timestamp -= 3),
        ("extraData", |h| h.extra_data = Bytes::from_static(b"hello")),
        ("hash", |h| h.ommers_hash = B256::ZERO),
        ("hash", |h| h.nonce = [1; 8].into()),
        ("hash", |h| h.difficulty = U256::from(1)),
        ("hash", |h| h.excess_blob_gas = Some(1)),
        ("hash", |h| h.requests_hash = Some(B256::ZERO)),
    ];
    let (builder, checker) = (World::new(), World::new());
    let payment = payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 1);
    let built = builder.build(&builder.chain.head(), [call(1, 0, LEDGER, payment)]);
    for (expected, edit) in cases {
        let mut header = built.block.header.clone();
        edit(&mut header);
        let encoded = encode_block(&header, &built.block.transactions, &EthereumBody::default());
        match refusal(&checker.chain, encoded) {
            InvalidBlock::Field { field, .. } => assert_eq!(field, expected),
            other => panic!("{expected}: {other}"),
        }
    }
    // The parent's own time is allowed, and none of the refused ones was kept.
    assert!(checker.chain.proposal(&built.block.hash).is_none());
    assert!(check(&checker.chain, built.encoded).is_ok());
    let mut orphan = built.block.header.clone();
    orphan.parent_hash = B256::repeat_byte(7);
    let encoded = encode_block(&orphan, &built.block.transactions, &EthereumBody::default());
    let unknown = check(&checker.chain, encoded);
    assert!(matches!(unknown, Err(ExecError::UnknownParent(hash)) if hash == orphan.parent_hash));
}

#[test]
fn a_block_with_a_transaction_that_may_not_stand_there_is_refused() {
    let (builder, checker) = (World::new(), World::new());
    let built = builder.build(&builder.chain.head(), [pay(1, 0, DEV_ACCOUNTS[2], 5)]);
    let blob = TxEip4844 {
        chain_id: DEV_CHAIN_ID,
        nonce: 0,
        gas_limit: 100_000,
        max_fee_per_gas: 5_000_000_000,
        max_fee_per_blob_gas: 1,
        blob_versioned_hashes: vec![B256::with_last_byte(1)],
        ..TxEip4844::default()
    };
    let poor = TxEip1559 { value: U256::MAX >> 8, ..template(0, DEV_ACCOUNTS[1]) };
    let foreign = TxEip1559 { chain_id: 1, ..template(0, DEV_ACCOUNTS[1]) };
    let hungry = TxEip1559 { gas_limit: 16_777_217, ..template(0, DEV_ACCOUNTS[1]) };
    let cheap =
        TxEip1559 { max_fee_per_gas: 1, max_priority_fee_per_gas: 0, ..template(0, HASHES) };
    let cases = [
        (pay(1, 0, DEV_ACCOUNTS[2], 6), "nonce"),
        (pay(2, 1, DEV_ACCOUNTS[2], 6), "nonce"),
        (sign(2, blob), "blob transactions are not accepted"),
        (sign(2, poor), "lack of funds"),
        (sign(2, foreign), "chain"),
        (sign(2, hungry), "gas limit"),
        (sign(2, cheap), "basefee"),
    ];
    for (bad, expected) in cases {
        let transactions = [built.block.transactions[0].clone(), bad];
        let bodies: Vec<_> = transactions.iter().map(|tx| tx.inner().clone()).collect();
        let mut header = built.block.header.clone();
        header.transactions_root = calculate_transaction_root(&bodies);
        match refusal(
            &checker.chain,
            encode_block(&header, &transactions, &EthereumBody::default()),
        ) {
            InvalidBlock::Transaction { index: 1, reason } => {
                assert!(reason.contains(expected), "{reason} has no {expected:?}");
            }
            other => panic!("{expected}: {other}"),
        }
    }
    // A signature that gives no sender.
    let transaction = template(0, HASHES);
    let broken = alloy_primitives::Signature::new(U256::ZERO, U256::ZERO, false);
    let broken = Transaction::from(transaction.into_signed(broken));
    let block = Block {
        header: built.block.header.clone(),
        body: BlockBody {
            transactions: vec![broken],
            ommers: Vec::new(),
            withdrawals: Some(Default::default()),
        },
    };
    let refused = refusal(&checker.chain, alloy_rlp::encode(&block));
    assert!(matches!(refused, InvalidBlock::Transaction { index: 0, .. }), "{refused}");
}

#[test]
fn bytes_that_are_not_exactly_one_block_are_refused() {
    let (builder, checker) = (World::new(), World::new());
    let built = builder.build(&builder.chain.head(), [pay(1, 0, DEV_ACCOUNTS[2], 5)]);
    let block = |ommers, withdrawals| Block::<Transaction> {
        header: built.block.header.clone(),
        body: BlockBody {
            transactions: built.block.transactions.iter().map(|tx| tx.inner().clone()).collect(),
            ommers,
            withdrawals,
        },
    };
    let good = alloy_rlp::encode(block(Vec::new(), Some(Default::default())));
    assert_eq!(good, built.encoded);
    assert_eq!(decode_block(&good).unwrap().header, built.block.header);

    let encoding = |bytes: Vec<u8>| match refusal(&checker.chain, bytes) {
        InvalidBlock::Encoding(reason) => reason,
        other => panic!("{other}"),
    };
    let trailing = [good.as_slice(), &[0]].concat();
    assert_eq!(encoding(trailing), "1 bytes behind the block");
    let ommers = block(vec![Header::default()], Some(Default::default()));
    assert_eq!(encoding(alloy_rlp::encode(ommers)), "ommers or withdrawals");
    let none = block(Vec::new(), None);
    assert_eq!(encoding(alloy_rlp::encode(none)), "ommers or withdrawals");
    let paid = block(Vec::new(), Some(vec![Default::default()].into()));
    assert_eq!(encoding(alloy_rlp::encode(paid)), "ommers or withdrawals");
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        encoding(good[..cut].to_vec());
    }
    let large = refusal(&checker.chain, vec![0; MAX_BLOCK_BYTES + 1]);
    let expected = InvalidBlock::TooLarge { bytes: MAX_BLOCK_BYTES + 1, max: MAX_BLOCK_BYTES };
    assert_eq!(large, expected);
    // No byte of a block can be changed without its hash or its acceptance changing.
    for at in (0..good.len()).step_by(7) {
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        if let Ok(hash) = check(&checker.chain, damaged) {
            assert_ne!(hash, built.block.hash, "byte {at}");
        }
    }
}

#[test]
fn proposals_are_a_tree_and_the_branch_that_loses_is_dropped() {
    let world = World::new();
    let chain = &world.chain;
    let head = chain.head();
    // Given two siblings, and two more blocks on the first,
    let first = world.build_salted(&head, [pay(1, 0, DEV_ACCOUNTS[2], 1)], 1);
    let rival = world.build_salted(&head, [pay(1, 0, DEV_ACCOUNTS[2], 9)], 2);
    let second = world.build(&first.block, [pay(1, 1, DEV_ACCOUNTS[2], 2)]);
    let third = world.build(&second.block, [pay(1, 2, DEV_ACCOUNTS[2], 3)]);
    let on_rival = world.build(&rival.block, []);
    assert_ne!(first.block.hash, rival.block.hash);
    let branch = chain.open_branch(third.block.hash);
    let hashes: Vec<_> = branch.iter().map(|executed| executed.block.hash).collect();
    assert_eq!(hashes, [third.block.hash, second.block.hash, first.block.hash]);
    assert_eq!(chain.head().hash, head.hash);

    // when blocks are made final in a wrong order, nothing happens,
    let one = |hash| (hash, Bytes::new());
    let skipping = chain.finalise(&[one(second.block.hash)]);
    assert!(matches!(skipping, Err(ExecError::UnknownParent(hash)) if hash == first.block.hash));
    let backwards = chain.finalise(&[one(second.block.hash), one(first.block.hash)]);
    assert!(matches!(backwards, Err(ExecError::UnknownParent(_))));
    let mixed = chain.finalise(&[one(first.block.hash), one(rival.block.hash)]);
    assert!(matches!(mixed, Err(ExecError::UnknownParent(_))));
    let unknown = B256::repeat_byte(5);
    let never = chain.finalise(&[one(unknown)]);
    assert!(matches!(never, Err(ExecError::NotExecuted(hash)) if hash == unknown));
    assert_eq!(chain.head().hash, head.hash);

    // and when the first is made final, its rival and all on it are gone, its own children stay.
    world.finalise(&[&first]);
    assert!(chain.proposal(&rival.block.hash).is_none());
    let late = chain.check(&on_rival.encoded, &|_| None);
    assert!(matches!(late, Err(ExecError::UnknownParent(_))), "{late:?}");
    world.finalise(&[&second, &third]);
    assert_eq!(chain.head().hash, third.block.hash);
    let twice = chain.finalise(&[one(third.block.hash)]);
    assert!(twice.is_err());
    // Genesis gives a million coins; the payee got 1 + 2 + 3.
    let coins = U256::from(10).pow(U256::from(24));
    let payee = chain.head_account(DEV_ACCOUNTS[2]).unwrap().unwrap();
    assert_eq!(payee.balance, coins + U256::from(6));
}

#[test]
fn blockhash_sees_final_and_open_ancestors() {
    let world = World::new();
    let genesis = world.chain.head();
    let final_one = world.run([]);
    let open_one = world.build(&final_one, []);
    let open_two = world.build(&open_one.block, []);
    let reader = world.build(&open_two.block, [call(1, 0, HASHES, [])]);
    world.finalise(&[&open_one, &open_two, &reader]);
    let hashes = [open_two.block.hash, open_one.block.hash, final_one.hash, genesis.hash];
    for (slot, hash) in (1_u64..).zip(hashes) {
        assert_eq!(B256::from(world.slot(HASHES, slot)), hash, "NUMBER - {slot}");
    }
    // After a restart, from the store alone.
    let again = world.run([call(1, 1, HASHES, [])]);
    assert_eq!(B256::from(world.slot(HASHES, 1)), again.header.parent_hash);
}

#[test]
fn receipts_root_and_blooms_are_those_of_an_independent_computation() {
    let world = World::new();
    let block = world.run([
        call(1, 0, LEDGER, payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 100)),
        pay(2, 0, DEV_ACCOUNTS[3], 5),
        call(3, 0, LEDGER, payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 100)), // not the owner
        call(1, 1, LEDGER, payment(2, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 200)),
    ]);
    let status: Vec<_> = block.receipts.iter().map(|receipt| receipt.success).collect();
    assert_eq!(status, [true, true, false, true]);
    let mut bloom = Bloom::ZERO;
    let envelopes: Vec<ReceiptEnvelope> = block
        .receipts
        .iter()
        .map(|receipt| {
            let mut own = Bloom::ZERO;
            receipt.logs.iter().for_each(|log| own.accrue_log(log));
            bloom |= own;
            let receipt = Receipt {
                status: receipt.success.into(),
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt.logs.clone(),
            };
            ReceiptEnvelope::Eip1559(ReceiptWithBloom::new(receipt, own))
        })
        .collect();
    assert_eq!(calculate_receipt_root(&envelopes), block.header.receipts_root);
    assert_eq!(bloom, block.header.logs_bloom);
    assert_eq!(logs(&block).len(), 6); // Settled, Transfer and Assessed of two payments.
    let bodies: Vec<_> = block.transactions.iter().map(|tx| tx.inner().clone()).collect();
    assert_eq!(calculate_transaction_root(&bodies), block.header.transactions_root);
    assert_eq!(block.receipts[3].cumulative_gas_used, block.header.gas_used);
    assert_eq!(block.gas_used(1), 21_000);
    assert_eq!([0, 1, 2, 3].map(|index| block.first_log_index(index)), [0, 3, 3, 3]);
    assert!(block.receipt_bloom(1).is_zero() && !block.receipt_bloom(3).is_zero());
    // What the store gives back is the same block.
    let folder = world.folder;
    drop(world.chain);
    let again = open(folder.path(), &spec()).unwrap();
    let stored = again.block(1).unwrap().unwrap();
    assert_eq!((&stored.header, stored.hash), (&block.header, block.hash));
    assert_eq!(stored.transactions, block.transactions);
    assert_eq!((&stored.receipts, stored.size), (&block.receipts, block.size));
    let hash = *block.transactions[2].inner().tx_hash();
    assert_eq!(
        again.transaction(hash).unwrap().map(|(b, index)| (b.hash, index)),
        Some((block.hash, 2))
    );
}

#[test]
fn the_base_fee_is_burned_and_the_tip_goes_to_the_beneficiary() {
    let world = World::new();
    let payer = signer(1).address();
    let before = world.chain.head_account(payer).unwrap().unwrap().balance;
    let fees = TxEip1559 {
        value: U256::from(77),
        max_fee_per_gas: 3_000_000_000,
        max_priority_fee_per_gas: 500_000_000,
        ..template(0, Address::repeat_byte(0x11))
    };
    // The second pays its whole cap: base fee 1 gwei, cap 1.2 gwei, so a tip of 0.2 of the 1 asked.
    let capped = TxEip1559 {
        max_fee_per_gas: 1_200_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        ..template(1, Address::repeat_byte(0x11))
    };
    let block = world.run([sign(1, fees), sign(1, capped)]);
    let base = u64::from(1_000_000_000_u32);
    assert_eq!(block.header.base_fee_per_gas, Some(base));
    let tips = U256::from(21_000) * U256::from(500_000_000 + 200_000_000);
    let burned = U256::from(2 * 21_000) * U256::from(base);
    let balance = |address| world.chain.head_account(address).unwrap().unwrap().balance;
    assert_eq!(balance(BENEFICIARY), tips);
    assert_eq!(balance(payer), before - U256::from(77) - tips - burned);
    // An almost empty block lowers the fee by almost an eighth.
    let next = world.run([]);
    let target = u128::from(block.header.gas_limit / 2);
    let delta = u128::from(base) * (target - 42_000) / target / 8;
    assert_eq!(next.header.base_fee_per_gas.map(u128::from), Some(u128::from(base) - delta));
}

#[test]
fn a_wrong_sender_from_the_pool_cannot_be_smuggled_in() {
    // A lookup answers by hash, and a hash names one signature: the chain trusts it. What a peer sends
    // is recovered here, so a peer cannot choose the sender.
    let world = World::new();
    let transaction = template(0, DEV_ACCOUNTS[2]);
    let signature = signer(5).sign_hash_sync(&transaction.signature_hash()).unwrap();
    let signed = Transaction::from(transaction.into_signed(signature));
    let block = {
        let other = World::new();
        let built = other.build(&other.chain.head(), [pay(5, 0, DEV_ACCOUNTS[2], 0)]);
        assert_eq!(built.block.transactions[0].inner(), &signed);
        built
    };
    let checked = world.chain.check(&block.encoded, &|_| None).unwrap();
    assert_eq!(checked.block.transactions[0].signer(), DEV_ACCOUNTS[5]);
}
