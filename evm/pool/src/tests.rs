//! Tables for every refusal, and random histories against a naive model.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{
    EthereumTxEnvelope, SignableTransaction, Transaction as _, TxEip1559, TxEip2930, TxEip7702,
    TxLegacy, transaction::Recovered,
};
use alloy_eips::{
    eip2718::Encodable2718, eip2930::AccessList, eip7702::Authorization,
    eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use parking_lot::Mutex;
use proptest::prelude::*;
use qenex_types::{PooledTransaction, Transaction};

use crate::{AccountReader, AccountState, Pool, PoolConfig, PoolError, decode, intrinsic_gas};

const CHAIN: u64 = 1337;
const GWEI: u128 = 1_000_000_000;

/// Accounts of a state that tests change at will; unknown ones are rich and fresh.
#[derive(Default)]
struct Accounts(Mutex<BTreeMap<Address, AccountState>>);

impl Accounts {
    fn set(&self, address: Address, nonce: u64, balance: u128) {
        let state = AccountState { nonce, balance: U256::from(balance), ..rich() };
        self.0.lock().insert(address, state);
    }
}

fn rich() -> AccountState {
    AccountState { nonce: 0, balance: U256::from(10).pow(U256::from(24)), ..Default::default() }
}

impl AccountReader for Accounts {
    fn account(&self, address: Address) -> Result<AccountState, String> {
        Ok(self.0.lock().get(&address).copied().unwrap_or_else(rich))
    }
}

fn config() -> PoolConfig {
    PoolConfig::new(CHAIN, 30_000_000, 7)
}

fn signer(n: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[n; 32]).unwrap()
}

fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(Address::repeat_byte(0xaa)),
        value: U256::from(1),
        access_list: AccessList::default(),
        input: Bytes::new(),
    }
}

fn sign<T: SignableTransaction<Signature>>(tx: T, by: &PrivateKeySigner) -> Bytes
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let signature = by.sign_hash_sync(&tx.signature_hash()).unwrap();
    Transaction::from(tx.into_signed(signature)).encoded_2718().into()
}

/// A transaction as if recovered, without the cost of a signature.
fn unsigned(tx: TxEip1559, sender: Address) -> (PooledTransaction, Bytes) {
    let signed = EthereumTxEnvelope::Eip1559(tx.into_signed(Signature::test_signature()));
    // The sender is not in the bytes, and hashes must differ between senders.
    (Arc::new(Recovered::new_unchecked(signed, sender)), Bytes::from(vec![0_u8; 110]))
}

fn address(n: u8) -> Address {
    Address::repeat_byte(n)
}

/// Adds a transaction of sender `n`; `value` tells senders apart in the hash.
fn add(pool: &Pool, accounts: &Accounts, n: u8, tx: TxEip1559) -> Result<B256, PoolError> {
    let tx = TxEip1559 { to: TxKind::Call(address(n)), ..tx };
    pool.add_recovered(vec![unsigned(tx, address(n))], accounts).pop().unwrap()
}

fn taken(pool: &Pool, base_fee: u64) -> Vec<(u8, u64)> {
    let all = pool.best(base_fee, &BTreeMap::new());
    all.map(|tx| (tx.signer().0[0], tx.nonce())).collect()
}

#[test]
fn a_signed_transaction_is_admitted_and_its_sender_recovered_once() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let raw = sign(transfer(0), &signer(1));

    let hash = pool.add_raw(&raw, &accounts).unwrap();

    assert_eq!(pool.get(&hash).unwrap().signer(), signer(1).address());
    assert_eq!(pool.raw(&hash), Some(raw.clone()));
    assert_eq!(pool.add_raw(&raw, &accounts), Err(PoolError::AlreadyKnown));
    assert_eq!((pool.status().pending, pool.status().queued), (1, 0));
    assert_eq!(pool.pending_nonce(signer(1).address(), 0), 1);
}

#[test]
fn a_batch_is_answered_in_order() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let mut raws: Vec<Bytes> = (0..100).map(|n| sign(transfer(n), &signer(1))).collect();
    raws.insert(50, Bytes::from_static(b"\x02junk"));
    raws.push(raws[0].clone());

    let answers = pool.add_raw_batch(&raws, &accounts, None);

    assert!(matches!(answers[50], Err(PoolError::Decode(_))));
    assert_eq!(answers[101], Err(PoolError::AlreadyKnown));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
    assert_eq!(pool.status().pending, 100);
}

#[test]
fn every_type_is_decoded_from_exactly_its_bytes() {
    let by = signer(1);
    let to = TxKind::Call(Address::ZERO);
    let legacy = TxLegacy { chain_id: Some(CHAIN), gas_limit: 21_000, to, ..Default::default() };
    let old = TxEip2930 { chain_id: CHAIN, gas_limit: 21_000, to, ..Default::default() };
    for raw in [sign(legacy, &by), sign(old, &by), sign(transfer(0), &by)] {
        assert!(decode(&raw).is_ok());
        let mut longer = raw.to_vec();
        longer.push(0);
        assert!(matches!(decode(&longer), Err(PoolError::Decode(_))), "trailing byte");
        assert!(decode(&raw[..raw.len() - 1]).is_err(), "cut short");
    }
    assert_eq!(decode(&[3, 0xc0]), Err(PoolError::Blob));
    assert_eq!(decode(&[5, 0xc0]), Err(PoolError::UnsupportedType(5)));
    assert_eq!(decode(&[0x80]), Err(PoolError::UnsupportedType(0x80)));
    assert!(matches!(decode(&[]), Err(PoolError::Decode(_))));
}

#[test]
fn refusals_without_state_use_the_words_clients_match() {
    let by = signer(1);
    let to = TxKind::Call(Address::ZERO);
    let legacy = TxLegacy { gas_price: GWEI, gas_limit: 21_000, to, ..Default::default() };
    let empty_auth = TxEip7702 {
        chain_id: CHAIN,
        gas_limit: 100_000,
        max_fee_per_gas: GWEI,
        ..Default::default()
    };
    let create = |size| TxEip1559 {
        to: TxKind::Create,
        gas_limit: 16_000_000,
        input: vec![1; size].into(),
        ..transfer(0)
    };
    let table: Vec<(Bytes, &str)> = vec![
        (sign(legacy, &by), "only replay-protected (EIP-155) transactions allowed over RPC"),
        (
            sign(TxEip1559 { chain_id: 1, ..transfer(0) }, &by),
            "invalid chain id for signer: have 1 want 1337",
        ),
        (
            sign(TxEip1559 { gas_limit: 20_999, ..transfer(0) }, &by),
            "intrinsic gas too low: gas 20999, minimum needed 21000",
        ),
        (
            sign(TxEip1559 { input: vec![1; 100].into(), gas_limit: 22_700, ..transfer(0) }, &by),
            "insufficient gas for floor data gas cost: gas 22700, minimum needed 25000",
        ),
        (
            sign(TxEip1559 { gas_limit: 16_777_217, ..transfer(0) }, &by),
            "transaction gas limit too high (cap: 16777216, tx: 16777217)",
        ),
        (
            sign(TxEip1559 { gas_limit: 30_000_001, ..transfer(0) }, &by),
            "exceeds block gas limit: 30000001 above 30000000",
        ),
        (
            sign(TxEip1559 { max_fee_per_gas: GWEI - 1, ..transfer(0) }, &by),
            "max priority fee per gas higher than max fee per gas: \
             maxPriorityFeePerGas: 1000000000, maxFeePerGas: 999999999",
        ),
        (
            sign(TxEip1559 { max_fee_per_gas: 6, max_priority_fee_per_gas: 1, ..transfer(0) }, &by),
            "max fee per gas less than block base fee: maxFeePerGas: 6, baseFee: 7",
        ),
        (sign(transfer(u64::MAX), &by), "nonce has max value: 18446744073709551615"),
        (sign(empty_auth, &by), "EIP-7702 transaction with empty auth list"),
        (sign(create(49_153), &by), "max initcode size exceeded: code size 49153, limit 49152"),
        (Bytes::from(vec![2; 614_401]), "oversized data: transaction size 614401, limit 614400"),
    ];
    for (raw, message) in table {
        let (pool, accounts) = (Pool::new(config()), Accounts::default());
        assert_eq!(pool.add_raw(&raw, &accounts).unwrap_err().to_string(), message);
        assert_eq!(pool.status().pending, 0);
    }
    // Only a call to the ledger may be longer and have more gas.
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let large = |to| TxEip1559 {
        to: TxKind::Call(to),
        input: vec![1; 131_072].into(),
        gas_limit: 16_777_217,
        ..transfer(0)
    };
    let add = |to| pool.add_raw(&sign(large(to), &by), &accounts);
    assert!(matches!(add(Address::ZERO), Err(PoolError::Oversized { limit: 131_072, .. })));
    assert!(add(qenex_types::LEDGER).is_ok());
}

#[test]
fn a_malleable_signature_is_refused() {
    let tx = transfer(0);
    let good = signer(1).sign_hash_sync(&tx.signature_hash()).unwrap();
    let order = alloy_primitives::uint!(
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256
    );
    let high = Signature::new(good.r(), order - good.s(), !good.v());
    let raw: Bytes =
        EthereumTxEnvelope::<alloy_consensus::TxEip4844>::Eip1559(tx.into_signed(high))
            .encoded_2718()
            .into();
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    assert_eq!(pool.add_raw(&raw, &accounts), Err(PoolError::Signature));
}

#[test]
fn refusals_with_state_use_the_words_clients_match() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let cost = 21_000 * 2 * GWEI + 1;
    accounts.set(address(1), 5, 2 * cost);
    accounts.0.lock().insert(address(2), AccountState { has_code_or_delegation: true, ..rich() });

    let low = add(&pool, &accounts, 1, transfer(4)).unwrap_err();
    assert_eq!(low.to_string(), "nonce too low: next nonce 5, tx nonce 4");

    add(&pool, &accounts, 1, transfer(5)).unwrap();
    let cheap = TxEip1559 { max_fee_per_gas: 2 * GWEI + GWEI / 5, ..transfer(5) };
    let replacement = add(&pool, &accounts, 1, cheap).unwrap_err();
    assert_eq!(replacement.to_string(), "replacement transaction underpriced");

    add(&pool, &accounts, 1, transfer(6)).unwrap();
    let funds = add(&pool, &accounts, 1, transfer(7)).unwrap_err();
    assert!(
        funds.to_string().starts_with("insufficient funds for gas * price + value: "),
        "{funds}"
    );

    add(&pool, &accounts, 2, transfer(0)).unwrap();
    let delegated = add(&pool, &accounts, 2, transfer(1)).unwrap_err();
    assert_eq!(delegated.to_string(), "in-flight transaction limit reached for delegated accounts");
}

#[test]
fn ten_percent_more_in_both_fees_replaces() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let old = add(&pool, &accounts, 1, transfer(0)).unwrap();
    add(&pool, &accounts, 1, transfer(1)).unwrap();
    let better = TxEip1559 {
        max_fee_per_gas: 2 * GWEI + GWEI / 5,
        max_priority_fee_per_gas: GWEI + GWEI / 10,
        ..transfer(0)
    };
    let new = add(&pool, &accounts, 1, better).unwrap();

    assert!(!pool.contains(&old) && pool.contains(&new));
    assert_eq!(taken(&pool, 7), [(1, 0), (1, 1)]);
    check_invariants(&pool);
}

#[test]
fn a_gap_queues_and_its_filling_promotes() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    add(&pool, &accounts, 1, transfer(2)).unwrap();
    add(&pool, &accounts, 1, transfer(1)).unwrap();
    assert_eq!((pool.status().pending, pool.status().queued), (0, 2));
    assert_eq!(pool.pending_nonce(address(1), 0), 0);

    add(&pool, &accounts, 1, transfer(0)).unwrap();

    assert_eq!((pool.status().pending, pool.status().queued), (3, 0));
    assert_eq!(pool.pending_nonce(address(1), 0), 3);
    assert_eq!(taken(&pool, 7), [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn the_best_tip_comes_first_then_the_earliest() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let tip = |tip, nonce| TxEip1559 { max_priority_fee_per_gas: tip, ..transfer(nonce) };
    add(&pool, &accounts, 1, tip(1, 0)).unwrap();
    add(&pool, &accounts, 1, tip(9, 1)).unwrap();
    add(&pool, &accounts, 2, tip(5, 0)).unwrap();
    add(&pool, &accounts, 3, tip(5, 0)).unwrap();
    let flat = TxEip1559 { max_fee_per_gas: 13, max_priority_fee_per_gas: 13, ..transfer(0) };
    add(&pool, &accounts, 4, flat).unwrap();

    assert_eq!(taken(&pool, 7), [(4, 0), (2, 0), (3, 0), (1, 0), (1, 1)]);
    // At a base fee of 10 the flat one leaves 3; at 20 it cannot pay.
    assert_eq!(taken(&pool, 10), [(2, 0), (3, 0), (4, 0), (1, 0), (1, 1)]);
    assert_eq!(taken(&pool, 20), [(2, 0), (3, 0), (1, 0), (1, 1)]);
}

#[test]
fn senders_in_open_proposals_start_at_their_next_nonce() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    for nonce in 0..4 {
        add(&pool, &accounts, 1, transfer(nonce)).unwrap();
    }
    add(&pool, &accounts, 2, transfer(0)).unwrap();
    let next = BTreeMap::from([(address(1), 2), (address(2), 1)]);

    let got: Vec<_> = pool.best(7, &next).map(|tx| (tx.signer().0[0], tx.nonce())).collect();
    assert_eq!(got, [(1, 2), (1, 3)]);
    assert!(!pool.has_executable(7, &BTreeMap::from([(address(1), 4), (address(2), 1)])));

    let mut best = pool.best(7, &BTreeMap::new());
    assert_eq!(best.next().unwrap().signer(), address(1));
    best.skip_sender(address(1));
    assert_eq!(best.next().unwrap().signer(), address(2));
    assert!(best.next().is_none());
}

#[test]
fn a_final_block_drops_what_is_used_or_unpayable_and_promotes_the_rest() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let hashes: Vec<_> =
        (0..5).map(|nonce| add(&pool, &accounts, 1, transfer(nonce)).unwrap()).collect();
    let gapped = add(&pool, &accounts, 2, transfer(1)).unwrap();

    let cost = 21_000 * 2 * GWEI + 1;
    accounts.set(address(1), 2, 2 * cost);
    accounts.set(address(2), 1, cost);
    let included = [(hashes[0], address(1), 0), (hashes[1], address(1), 1)];
    let gone = pool.on_final(included, [address(2)], &accounts);

    assert_eq!(gone.len(), 3, "two used, one no longer payable");
    assert_eq!(taken(&pool, 7), [(1, 2), (1, 3), (2, 1)]);
    assert!(pool.contains(&gapped));
    assert!(pool.knows(&hashes[0]) && !pool.contains(&hashes[0]));
    check_invariants(&pool);
}

#[test]
fn an_included_transaction_sent_again_has_a_low_nonce() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let raw = sign(transfer(0), &signer(1));
    let hash = pool.add_raw(&raw, &accounts).unwrap();
    accounts.set(signer(1).address(), 1, u128::MAX);
    pool.on_final([(hash, signer(1).address(), 0)], [], &accounts);

    let again = pool.add_raw(&raw, &accounts);
    assert_eq!(again, Err(PoolError::NonceTooLow { next: 1, nonce: 0 }));
}

#[test]
fn a_full_pool_drops_the_worst_for_a_better_one_only() {
    let full = PoolConfig { max_transactions: 3, ..config() };
    let (pool, accounts) = (Pool::new(full), Accounts::default());
    let tip = |tip| TxEip1559 { max_priority_fee_per_gas: tip, ..transfer(0) };
    for (n, pays) in [(1, 3), (2, 2), (3, 4)] {
        add(&pool, &accounts, n, tip(pays)).unwrap();
    }

    assert_eq!(add(&pool, &accounts, 4, tip(2)), Err(PoolError::PoolFull));
    add(&pool, &accounts, 4, tip(3)).unwrap();

    assert_eq!(taken(&pool, 7), [(3, 0), (1, 0), (4, 0)]);
    check_invariants(&pool);
}

#[test]
fn one_sender_is_bounded() {
    let tight = PoolConfig { max_per_sender: 3, max_queued_per_sender: 1, ..config() };
    let (pool, accounts) = (Pool::new(tight), Accounts::default());
    add(&pool, &accounts, 1, transfer(5)).unwrap();
    let gapped = add(&pool, &accounts, 1, transfer(6));
    assert!(matches!(gapped, Err(PoolError::SenderLimit { limit: 1, .. })), "{gapped:?}");
    add(&pool, &accounts, 1, transfer(0)).unwrap();
    add(&pool, &accounts, 1, transfer(1)).unwrap();
    let fourth = add(&pool, &accounts, 1, transfer(2)).unwrap_err();
    assert_eq!(fourth.to_string(), "account limit exceeded: 3 transactions of one sender");
}

#[test]
fn an_invalid_one_takes_its_followers_out_of_blocks_and_old_queued_ones_expire() {
    let lifetime = PoolConfig { queued_lifetime_ms: 1_000, ..config() };
    let (pool, accounts) = (Pool::new(lifetime), Accounts::default());
    pool.expire(10_000);
    let first = add(&pool, &accounts, 1, transfer(0)).unwrap();
    add(&pool, &accounts, 1, transfer(1)).unwrap();
    add(&pool, &accounts, 2, transfer(0)).unwrap();

    assert!(pool.remove_invalid(first));
    assert!(!pool.remove_invalid(first));
    assert_eq!(taken(&pool, 7), [(2, 0)]);
    assert_eq!(pool.status().queued, 1);

    assert!(pool.expire(11_000).is_empty());
    assert_eq!(pool.expire(11_001).len(), 1);
    assert_eq!((pool.status().pending, pool.status().queued), (1, 0));
}

#[test]
fn coins_that_came_unannounced_count() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let cost = 21_000 * 2 * GWEI + 1;
    accounts.set(address(1), 0, cost);
    add(&pool, &accounts, 1, transfer(0)).unwrap();
    assert!(matches!(add(&pool, &accounts, 1, transfer(1)), Err(PoolError::Funds { .. })));
    accounts.set(address(1), 0, 2 * cost);
    add(&pool, &accounts, 1, transfer(1)).unwrap();
    check_invariants(&pool);
}

#[test]
fn peers_get_what_waits_in_the_order_of_arrival() {
    let (pool, accounts) = (Pool::new(config()), Accounts::default());
    let raws: Vec<Bytes> = (0..50).map(|nonce| sign(transfer(nonce), &signer(1))).collect();
    pool.add_raw_batch(&raws, &accounts, None);
    assert_eq!(pool.raws(100), raws);
    assert_eq!(pool.raws(20), raws[..20]);
    assert!(pool.raws(0).is_empty());
}

#[test]
fn intrinsic_gas_counts_every_part() {
    let authorization = SignedAuthorization::new_unchecked(
        Authorization { chain_id: U256::from(CHAIN), address: Address::ZERO, nonce: 0 },
        0,
        U256::from(1),
        U256::from(1),
    );
    let tx = TxEip7702 {
        input: vec![0, 0, 1].into(),
        authorization_list: vec![authorization; 2],
        access_list: vec![alloy_eips::eip2930::AccessListItem {
            address: Address::ZERO,
            storage_keys: vec![B256::ZERO; 3],
        }]
        .into(),
        ..Default::default()
    };
    let tx = Transaction::from(tx.into_signed(Signature::test_signature()));
    assert_eq!(intrinsic_gas(&tx), (21_000 + 4 + 4 + 16 + 50_000 + 2_400 + 3 * 1_900, 21_000 + 60));
    let create = TxEip1559 { to: TxKind::Create, input: vec![1; 33].into(), ..transfer(0) };
    let create = Transaction::from(create.into_signed(Signature::test_signature()));
    assert_eq!(intrinsic_gas(&create).0, 21_000 + 32_000 + 33 * 16 + 2 * 2);
}

/// All invariants of `index.rs`, recomputed from scratch.
fn check_invariants(pool: &Pool) {
    let config = pool.config();
    pool.with_index(|index| {
        let (mut count, mut queued, mut bytes, mut heads) = (0, 0, 0, 0);
        for (sender, account) in &index.accounts {
            assert!(!account.txs.is_empty(), "a sender without transactions");
            let contiguous =
                (account.state.nonce..).take_while(|nonce| account.txs.contains_key(nonce)).count();
            assert_eq!(account.executable, account.state.nonce + contiguous as u64);
            assert_eq!(account.queued(), account.txs.len() - contiguous);
            let cost: U256 = account.txs.values().map(|entry| entry.cost).sum();
            assert!(cost <= account.state.balance, "{cost} > {}", account.state.balance);
            assert!(account.txs.len() <= config.max_per_sender);
            assert!(account.queued() <= config.max_queued_per_sender);
            for (nonce, entry) in &account.txs {
                assert!(*nonce >= account.state.nonce);
                assert_eq!((entry.nonce, entry.sender), (*nonce, *sender));
                assert!(Arc::ptr_eq(entry, &index.by_hash[&entry.hash]));
                bytes += entry.raw.len();
            }
            if let Some(head) = account.txs.get(&account.state.nonce) {
                let set = if head.is_flat() { &index.flat_heads } else { &index.heads };
                assert!(set.contains(&head.head_key()));
                heads += 1;
            }
            count += account.txs.len();
            queued += account.queued();
        }
        assert_eq!(index.by_hash.len(), count);
        assert_eq!(index.worth_len(), count);
        assert_eq!(index.heads.len() + index.flat_heads.len(), heads);
        assert_eq!((index.queued, index.bytes), (queued, bytes));
        assert!(count <= config.max_transactions && bytes <= config.max_bytes);
        assert!(queued <= config.max_queued);
    });
}

/// What `Best` must give, found the slow way.
fn naive_best(pool: &Pool, base_fee: u64) -> Vec<B256> {
    pool.with_index(|index| {
        let mut next: BTreeMap<_, _> =
            index.accounts.iter().map(|(a, account)| (*a, account.state.nonce)).collect();
        let mut all = Vec::new();
        while let Some((_, entry)) = next
            .iter()
            .filter_map(|(sender, nonce)| {
                let entry = index.at(sender, *nonce)?;
                let tip = entry.effective_tip(base_fee)?;
                Some(((tip, std::cmp::Reverse(entry.arrival)), entry))
            })
            .max_by_key(|(rank, _)| *rank)
        {
            *next.get_mut(&entry.sender).unwrap() += 1;
            all.push(entry.hash);
        }
        all
    })
}

#[derive(Clone, Debug)]
enum Step {
    Add { sender: u8, nonce: u64, fee: u128, tip: u128, value: u128 },
    Final { sender: u8, by: u64, balance: u128 },
    Remove { at: usize },
    Expire,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..5_u8, 0..8_u64, 7..40_u128, 0..40_u128, 0..500_000_u128).prop_map(
            |(sender, nonce, fee, tip, value)| Step::Add { sender, nonce, fee, tip, value },
        ),
        2 => (1..5_u8, 0..3_u64, 0..6_000_000_u128)
            .prop_map(|(sender, by, balance)| Step::Final { sender, by, balance }),
        1 => (0..20_usize).prop_map(|at| Step::Remove { at }),
        1 => Just(Step::Expire),
    ]
}

/// Runs random steps, checking all invariants and the order after each.
fn run(steps: Vec<Step>, config: PoolConfig, base_fee: u64) {
    let (pool, accounts) = (Pool::new(config), Accounts::default());
    let mut nonces = BTreeMap::<u8, u64>::new();
    let mut clock = 0;
    for n in 1..5 {
        accounts.set(address(n), 0, 5_000_000);
    }
    for step in steps {
        match step {
            Step::Add { sender, nonce, fee, tip, value } => {
                let tx = TxEip1559 {
                    max_fee_per_gas: fee,
                    max_priority_fee_per_gas: tip.min(fee),
                    value: U256::from(value),
                    ..transfer(nonces.get(&sender).copied().unwrap_or(0) + nonce)
                };
                let before = pool.status();
                let answer = add(&pool, &accounts, sender, tx);
                if let Ok(hash) = answer {
                    assert!(pool.contains(&hash));
                } else {
                    assert!(pool.status().pending <= before.pending);
                }
            }
            Step::Final { sender, by, balance } => {
                let nonce = nonces.entry(sender).or_default();
                *nonce += by;
                accounts.set(address(sender), *nonce, balance);
                pool.on_final([], [address(sender)], &accounts);
            }
            Step::Remove { at } => {
                let hash = pool.with_index(|index| {
                    let mut hashes: Vec<_> = index.by_hash.keys().copied().collect();
                    hashes.sort_unstable();
                    hashes.get(at).copied()
                });
                assert_eq!(hash.is_some(), hash.is_some_and(|hash| pool.remove_invalid(hash)));
            }
            Step::Expire => {
                clock += 600;
                pool.expire(clock);
            }
        }
        check_invariants(&pool);
        let best: Vec<B256> =
            pool.best(base_fee, &BTreeMap::new()).map(|tx| *tx.inner().tx_hash()).collect();
        assert_eq!(best, naive_best(&pool, base_fee));
    }
}

proptest! {
    /// With room for all.
    #[test]
    fn random_histories_keep_every_invariant(
        steps in prop::collection::vec(any_step(), 0..80),
        base_fee in 7..30_u64,
    ) {
        run(steps, config(), base_fee);
    }

    /// With every bound in reach.
    #[test]
    fn random_histories_keep_every_invariant_in_a_tight_pool(
        steps in prop::collection::vec(any_step(), 0..80),
        base_fee in 7..30_u64,
    ) {
        let tight = PoolConfig {
            max_transactions: 6,
            max_bytes: 5 * 110,
            max_per_sender: 4,
            max_queued_per_sender: 2,
            max_queued: 3,
            queued_lifetime_ms: 1_000,
            ..config()
        };
        run(steps, tight, base_fee);
    }

    /// No bytes whatever make the decoder panic, and what it accepts encodes to the same bytes.
    #[test]
    fn decoding_is_strict(mut raw in prop::collection::vec(any::<u8>(), 0..200), flip in 0..120_usize) {
        if let Ok(tx) = decode(&raw) {
            prop_assert_eq!(tx.encoded_2718(), raw.clone());
        }
        raw = sign(transfer(1), &signer(7)).to_vec();
        let at = flip % raw.len();
        raw[at] ^= 0x41;
        if let Ok(tx) = decode(&raw) {
            prop_assert_eq!(tx.encoded_2718(), raw);
        }
    }
}
