//! Blocks of random programs against revm's own in-memory state, with the roots recomputed from
//! scratch; the books; the fee of the next block.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use alloy_consensus::{
    EthereumReceipt, Header, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::Recovered,
};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_trie::{
    TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use qenex_precompiles::{ENGINE_CODE, ENGINE_NONCE, LEDGER};
use qenex_store::{Store, StoreOptions};
use qenex_trie::{AccountInfo, StateChanges};
use qenex_types::{BaseFee, ChainSpec, LedgerSpec, PooledTransaction, Transaction};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use revm::{
    Context, Database, DatabaseCommit, ExecuteCommitEvm, MainBuilder, MainContext, SystemCallEvm,
    bytecode::Bytecode,
    database::{AccountState, CacheDB, EmptyDB},
    state::{Account, AccountStatus, EvmStorageSlot},
};

use crate::{
    BlockAttributes, BuildLimits, Candidates, Chain, ExecError, InvalidBlock,
    block::{Executed, Execution},
    evm::{block_env, tx_env},
    rules::{Rules, SPEC, next_base_fee, system_contracts, template},
};

mod at_rest;
mod costs;
mod development;
mod histories;
mod speed;

const CHAIN_ID: u64 = 77;
const BENEFICIARY: Address = Address::repeat_byte(0xbe);
const NOBODY: Address = Address::repeat_byte(0x0e);

/// An account of the genesis state, for chain and oracle.
#[derive(Clone, Default)]
struct Alloc {
    nonce: u64,
    balance: U256,
    code: Vec<u8>,
    storage: BTreeMap<U256, U256>,
}

fn spec() -> ChainSpec {
    ChainSpec {
        name: "test".into(),
        chain_id: CHAIN_ID,
        timestamp_ms: 1_700_000_000_000,
        gas_limit: 30_000_000,
        base_fee: BaseFee { initial: 1_000, minimum: 7 },
        heartbeat_ms: 0,
        validators: Vec::new(),
        alloc: BTreeMap::new(),
        coin_face: None,
        ledger: LedgerSpec::default(),
    }
}

fn changes(alloc: &BTreeMap<Address, Alloc>) -> StateChanges {
    let mut changes = StateChanges::default();
    for (address, account) in alloc {
        let code_hash = keccak256(&account.code);
        if code_hash != KECCAK256_EMPTY {
            changes.code.insert(code_hash, account.code.clone().into());
        }
        let info = AccountInfo { nonce: account.nonce, balance: account.balance, code_hash };
        changes.accounts.insert(keccak256(address), Some(info));
        let slots: BTreeMap<_, _> = account
            .storage
            .iter()
            .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), *value))
            .collect();
        if !slots.is_empty() {
            changes.storage.insert(keccak256(address), slots);
        }
    }
    changes
}

fn open(folder: &tempfile::TempDir, alloc: &BTreeMap<Address, Alloc>) -> Chain {
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    Chain::open(Arc::new(spec()), store, changes(alloc)).unwrap()
}

fn attributes(parent: &Header) -> BlockAttributes {
    BlockAttributes {
        timestamp: parent.timestamp + 1,
        beneficiary: BENEFICIARY,
        prev_randao: B256::repeat_byte(3),
        consensus_hash: keccak256(parent.number.to_be_bytes()),
    }
}

/// Gives what it has, counts what is refused.
struct Queue {
    waiting: VecDeque<PooledTransaction>,
    refused: usize,
}

impl Candidates for Queue {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.waiting.pop_front()
    }

    fn refuse(&mut self, _: &PooledTransaction, _: &str) {
        self.refused += 1;
    }
}

fn sign<T>(signer: &PrivateKeySigner, transaction: T) -> PooledTransaction
where
    T: SignableTransaction<alloy_primitives::Signature>,
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let signed = Transaction::from(transaction.into_signed(signature));
    Arc::new(Recovered::new_unchecked(signed, signer.address()))
}

// ---- the oracle: revm's in-memory database, roots by alloy-trie

type Oracle = CacheDB<EmptyDB>;

fn oracle(alloc: &BTreeMap<Address, Alloc>) -> Oracle {
    let mut oracle = Oracle::default();
    for (address, account) in alloc {
        let code = Bytecode::new_raw(account.code.clone().into());
        let info = revm::state::AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: code.hash_slow(),
            code: Some(code),
            ..Default::default()
        };
        oracle.insert_account_info(*address, info);
        for (slot, value) in &account.storage {
            oracle.insert_account_storage(*address, *slot, *value).unwrap();
        }
    }
    oracle
}

fn root(oracle: &Oracle) -> B256 {
    let accounts = oracle.cache.accounts.iter().filter_map(|(address, account)| {
        if account.account_state == AccountState::NotExisting || account.info.is_empty() {
            return None;
        }
        let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
        let slots = slots.map(|(slot, value)| (B256::from(*slot), *value));
        let account = TrieAccount {
            nonce: account.info.nonce,
            balance: account.info.balance,
            storage_root: storage_root_unhashed(slots),
            code_hash: account.info.code_hash,
        };
        Some((*address, account))
    });
    state_root_unhashed(accounts)
}

/// Executes a block; the receipts.
fn execute(
    oracle: &mut Oracle,
    header: &Header,
    transactions: &[PooledTransaction],
) -> Vec<EthereumReceipt> {
    let mut evm = Context::mainnet()
        .with_db(oracle)
        .with_block(block_env(&Rules::Qenex(Arc::new(spec())), header))
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SPEC);
            cfg.chain_id = CHAIN_ID;
        })
        .build_mainnet();
    let arguments = [header.parent_hash, header.parent_beacon_block_root.unwrap()];
    for ((contract, _), argument) in system_contracts().into_iter().zip(arguments) {
        let mut outcome = evm.system_call(contract, argument.into()).unwrap();
        outcome.state.retain(|address, _| *address == contract);
        evm.ctx.journaled_state.database.commit(outcome.state);
    }
    let mut cumulative_gas_used = 0;
    let run = |transaction: &PooledTransaction| {
        let result = evm.transact_commit(tx_env(transaction)).unwrap();
        cumulative_gas_used += result.tx_gas_used();
        EthereumReceipt {
            tx_type: transaction.inner().tx_type(),
            success: result.is_success(),
            cumulative_gas_used,
            logs: if result.is_success() { result.into_logs() } else { Vec::new() },
        }
    };
    transactions.iter().map(run).collect()
}

// ---- random programs

/// Who there is to be called, and what to be created.
struct Zoo {
    targets: Vec<Address>,
    children: Vec<[u8; 32]>,
}

/// Creation code of 32 bytes: writes a slot, may destroy itself, returns ten bytes of code that
/// write a slot and may destroy the account.
fn child(rng: &mut StdRng) -> [u8; 32] {
    let small = |rng: &mut StdRng| rng.random_range(0..3_u8);
    let mut code = vec![0x60, 1 + small(rng), 0x60, small(rng), 0x55];
    if rng.random_bool(0.2) {
        code.extend([0x33, 0xff]); // CALLER SELFDESTRUCT
    }
    code.extend([0x69, 0x60, small(rng), 0x60, small(rng), 0x55]); // PUSH10: SSTORE ..
    code.extend(if rng.random_bool(0.6) { [0x33, 0xff, 0, 0, 0] } else { [0; 5] });
    code.extend([0x60, 0, 0x52, 0x60, 10, 0x60, 22, 0xf3]); // .. MSTORE, RETURN(22, 10)
    let mut padded = [0; 32];
    padded[..code.len()].copy_from_slice(&code);
    padded
}

fn program(rng: &mut StdRng, zoo: &Zoo) -> Vec<u8> {
    let mut code = Vec::new();
    for _ in 0..rng.random_range(1..7) {
        statement(rng, zoo, &mut code);
    }
    code
}

fn statement(rng: &mut StdRng, zoo: &Zoo, code: &mut Vec<u8>) {
    let target = *zoo.targets.choose(rng).unwrap();
    let (a, b) = (rng.random_range(0..4_u8), rng.random_range(0..4_u8));
    let push_target = |code: &mut Vec<u8>| {
        code.push(0x73);
        code.extend(target.as_slice());
    };
    match rng.random_range(0..17) {
        0 | 1 => code.extend([0x60, a, 0x60, b, 0x55]), // SSTORE(b, a)
        2 => code.extend([0x60, 0, 0x35, 0x60, a, 0x55]), // SSTORE(a, CALLDATALOAD(0))
        3 => code.extend([0x60, a, 0x54, 0x60, 1, 0x01, 0x60, b, 0x55]), // SSTORE(b, SLOAD(a) + 1)
        4..=6 => {
            // CALL with a few wei
            code.extend([0x60, 0, 0x60, 0, 0x60, 32, 0x60, 0, 0x60, a]);
            push_target(code);
            code.extend([0x5a, 0xf1, 0x50]);
        }
        7 | 8 => {
            // DELEGATECALL or STATICCALL
            code.extend([0x60, 0, 0x60, 0, 0x60, 32, 0x60, 0]);
            push_target(code);
            code.extend([0x5a, if a < 2 { 0xf4 } else { 0xfa }, 0x50]);
        }
        9..=11 => {
            // CREATE2 (or CREATE) of a child, which may be called at once
            code.push(0x7f);
            code.extend(zoo.children.choose(rng).unwrap());
            code.extend([0x60, 0, 0x52]);
            if rng.random_bool(0.8) {
                code.extend([0x60, a % 2, 0x60, 32, 0x60, 0, 0x60, b % 2, 0xf5]);
            } else {
                code.extend([0x60, 32, 0x60, 0, 0x60, b % 2, 0xf0]);
            }
            if rng.random_bool(0.6) {
                code.extend([0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x85, 0x5a, 0xf1, 0x50]);
            }
            code.push(0x50);
        }
        12 => code.extend([0x60, a, 0x60, 32, 0x60, 0, 0xa1]), // LOG1
        13 => {
            // BALANCE or EXTCODEHASH into a slot
            push_target(code);
            code.extend([if a < 2 { 0x31 } else { 0x3f }, 0x60, b, 0x55]);
        }
        14 => code.extend([0x60, a, 0x60, b, 0x5d, 0x60, a, 0x5c, 0x60, b, 0x55]), // TSTORE, TLOAD
        15 => code.extend([0x60, a, 0x43, 0x03, 0x40, 0x60, b, 0x55]), // BLOCKHASH(NUMBER - a)
        _ => match a {
            0 => code.extend([0x60, 0, 0x60, 0, 0xfd]), // REVERT
            1 => code.push(0xfe),                       // INVALID
            _ => {
                push_target(code);
                code.push(0xff); // SELFDESTRUCT
            }
        },
    }
}

fn transaction(
    rng: &mut StdRng,
    zoo: &Zoo,
    signers: &[PrivateKeySigner],
    nonces: &mut BTreeMap<Address, u64>,
) -> PooledTransaction {
    let signer = signers.choose(rng).unwrap();
    let sender = nonces.get_mut(&signer.address()).unwrap();
    let nonce = *sender;
    *sender += 1;
    let gas_limit = rng.random_range(60_000..600_000);
    let value = U256::from(rng.random_range(0..4_u64));
    let to = *zoo.targets.choose(rng).unwrap();
    let input = Bytes::from(U256::from(rng.random_range(0..3_u64)).to_be_bytes::<32>());
    match rng.random_range(0..10) {
        0 => {
            let (chain_id, gas_price, to) = (Some(CHAIN_ID), 5_000, TxKind::Call(to));
            sign(signer, TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input })
        }
        1 => {
            let init = program(rng, zoo).into();
            let (gas_price, to) = (5_000, TxKind::Create);
            let (chain_id, access_list) = (CHAIN_ID, Default::default());
            sign(
                signer,
                TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input: init,
                },
            )
        }
        2 => {
            let authority = signers.choose(rng).unwrap();
            let expected = nonces.get_mut(&authority.address()).unwrap();
            let nonce_of_authority = *expected;
            *expected += 1;
            let authorization = Authorization {
                chain_id: U256::from(CHAIN_ID),
                address: *zoo.targets.choose(rng).unwrap(),
                nonce: nonce_of_authority,
            };
            let signature = authority.sign_hash_sync(&authorization.signature_hash()).unwrap();
            sign(
                signer,
                TxEip7702 {
                    chain_id: CHAIN_ID,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: 9_000,
                    max_priority_fee_per_gas: 3,
                    to,
                    value,
                    access_list: Default::default(),
                    authorization_list: vec![authorization.into_signed(signature)],
                    input,
                },
            )
        }
        _ => sign(
            signer,
            TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit,
                max_fee_per_gas: 9_000,
                max_priority_fee_per_gas: rng.random_range(0..20),
                to: TxKind::Call(to),
                value,
                access_list: Default::default(),
                input,
            },
        ),
    }
}

fn random_world(rng: &mut StdRng) -> (Zoo, Vec<PrivateKeySigner>, BTreeMap<Address, Alloc>) {
    let signers: Vec<_> =
        (1..=4_u8).map(|n| PrivateKeySigner::from_bytes(&B256::repeat_byte(n)).unwrap()).collect();
    let contracts: Vec<_> = (0..6_u8).map(|n| Address::repeat_byte(0xc0 + n)).collect();
    let children: Vec<_> = (0..3).map(|_| child(rng)).collect();
    let mut targets: Vec<_> = signers.iter().map(PrivateKeySigner::address).collect();
    targets.extend(&contracts);
    targets.extend([NOBODY, Address::with_last_byte(2), Address::with_last_byte(4)]);
    for contract in &contracts {
        for init in &children {
            let salt = B256::with_last_byte(rng.random_range(0..2));
            targets.push(contract.create2(salt, keccak256(init)));
        }
    }
    let zoo = Zoo { targets, children };
    let mut alloc = BTreeMap::new();
    for (contract, code) in system_contracts() {
        alloc.insert(contract, Alloc { nonce: 1, code: code.to_vec(), ..Alloc::default() });
    }
    for signer in &signers {
        let balance = U256::from(10_u64.pow(18));
        alloc.insert(signer.address(), Alloc { balance, ..Alloc::default() });
    }
    for contract in contracts {
        let storage = BTreeMap::from([(U256::from(1), U256::from(9))]);
        let (balance, code) = (U256::from(rng.random_range(0..50_u64)), program(rng, &zoo));
        alloc.insert(contract, Alloc { nonce: 1, balance, code, storage });
    }
    (zoo, signers, alloc)
}

#[test]
fn random_blocks_give_the_roots_and_receipts_of_an_independent_state() {
    let (mut included, mut failed, mut gone) = (0, 0, 0);
    for seed in 0..24 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (zoo, signers, alloc) = random_world(&mut rng);
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [builder, checker] = [open(&folders[0], &alloc), open(&folders[1], &alloc)];
        let mut oracle = oracle(&alloc);
        assert_eq!(builder.head().header.state_root, root(&oracle));
        let mut parent = builder.head();
        let mut open_blocks = Vec::new();
        for height in 1..=7_u64 {
            oracle.cache.block_hashes.insert(U256::from(height - 1), parent.hash);
            let mut nonces: BTreeMap<_, _> = signers
                .iter()
                .map(PrivateKeySigner::address)
                .map(|address| (address, oracle.basic(address).unwrap().unwrap().nonce))
                .collect();
            let waiting =
                (0..15).map(|_| transaction(&mut rng, &zoo, &signers, &mut nonces)).collect();
            let mut queue = Queue { waiting, refused: 0 };
            let limits = BuildLimits { time: Duration::from_secs(60), ..BuildLimits::default() };
            let (built, _) =
                builder.build(parent.hash, attributes(&parent.header), &mut queue, limits).unwrap();
            let checked = checker.check(&built.encoded, &|_| None).unwrap();
            assert_eq!(checked.block.hash, built.block.hash);

            let block = built.block;
            let receipts = execute(&mut oracle, &block.header, &block.transactions);
            assert_eq!(receipts, block.receipts, "seed {seed}, block {height}");
            assert_eq!(root(&oracle), block.header.state_root, "seed {seed}, block {height}");

            included += block.transactions.len();
            failed += receipts.iter().filter(|receipt| !receipt.success).count();
            open_blocks.push((block.hash, Bytes::new()));
            if height % 3 == 0 {
                for chain in [&builder, &checker] {
                    chain.finalise(&open_blocks).unwrap();
                }
                open_blocks.clear();
            }
            parent = block;
        }
        gone += oracle
            .cache
            .accounts
            .values()
            .filter(|account| account.account_state == AccountState::NotExisting)
            .count();
        // Final blocks 1 to 6 are executed again by a node that crashed.
        let head = builder.head();
        assert_eq!(head.header.number, 6);
        drop(builder);
        let again = open(&folders[0], &alloc);
        assert_eq!(again.head().hash, head.hash);
        assert_eq!(again.state(6).unwrap().unwrap().root(), head.header.state_root);
    }
    println!("{included} included, {failed} failed, {gone} destroyed or never there");
    assert!(included > 1_000 && failed > 50 && gone > 50);
}

// ---- the books

/// A block on a chain whose ledger is empty.
fn execution(chain: &Chain) -> Execution {
    let parent = chain.head();
    let attributes = attributes(&parent.header);
    let header = Header {
        parent_hash: parent.hash,
        number: 1,
        timestamp: attributes.timestamp,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(1_000),
        parent_beacon_block_root: Some(attributes.consensus_hash),
        ..template()
    };
    let state = chain.state(0).unwrap().unwrap();
    Execution::start(chain.rules(), &header, state, chain.ancestors_of_final(0)).unwrap()
}

#[test]
fn a_block_whose_books_do_not_close_is_not_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap();
    let engine = Alloc { nonce: ENGINE_NONCE, code: ENGINE_CODE.to_vec(), ..Alloc::default() };
    let rich = Alloc { balance: U256::from(10_u64.pow(18)), ..Alloc::default() };
    let chain = open(&folder, &BTreeMap::from([(LEDGER, engine), (signer.address(), rich)]));
    let payment = sign(
        &signer,
        TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: 21_000,
            max_fee_per_gas: 9_000,
            to: TxKind::Call(NOBODY),
            value: U256::from(1),
            ..TxEip1559::default()
        },
    );

    // Given a block that balances,
    let mut honest = execution(&chain);
    assert!(matches!(honest.execute(&payment).unwrap(), Executed::Included));
    assert!(honest.seal().is_ok());

    // when a slot of the ledger changes without an event,
    let mut forged = execution(&chain);
    assert!(matches!(forged.execute(&payment).unwrap(), Executed::Included));
    let slot = U256::from(5);
    let database = forged.database();
    let info = database.basic(LEDGER).unwrap().unwrap();
    assert_eq!(database.storage(LEDGER, slot).unwrap(), U256::ZERO);
    let mut account = Account::from(info);
    account.status = AccountStatus::Touched;
    account
        .storage
        .insert(slot, EvmStorageSlot::new_changed(U256::ZERO, U256::from(1), Default::default()));
    database.commit([(LEDGER, account)].into_iter().collect());

    // then there is no block.
    match forged.seal() {
        Err(ExecError::Invalid(InvalidBlock::Books(reason))) => {
            assert_eq!(reason, "slot 0x5 of the ledger changed without an event");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("sealed"),
    }
}

#[test]
fn the_base_fee_follows_eip_1559_and_stays_above_the_minimum() {
    let spec = spec();
    // (number, gas used, base fee of the parent) -> base fee of the child; the target is 15 million.
    let cases = [
        ((0, 0, 1_000), 1_000, "the first block has the initial fee"),
        ((1, 15_000_000, 1_000), 1_000, "on target"),
        ((1, 30_000_000, 1_000), 1_125, "full: one eighth more"),
        ((1, 0, 1_000), 875, "empty: one eighth less"),
        ((1, 15_000_001, 8), 9, "above target: at least 1 more"),
        ((1, 0, 7), 7, "never under the minimum"),
    ];
    for ((number, gas_used, fee), expected, why) in cases {
        let parent = Header {
            number,
            gas_used,
            gas_limit: spec.gas_limit,
            base_fee_per_gas: Some(fee),
            ..template()
        };
        assert_eq!(next_base_fee(&parent, &spec), expected, "{why}");
    }
}
