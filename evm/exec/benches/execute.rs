//! What a block of a thousand transfers costs, over a real RocksDB: execution, books, roots, header.
//!
//! Senders are recovered beforehand, as the pool does. Measured is the processor time of all
//! threads, not the wall clock: it means about the same on a busy machine.

use std::{collections::VecDeque, hint::black_box, sync::Arc, time::Duration};

use alloy_consensus::{SignableTransaction, Transaction as _, TxEip1559, transaction::Recovered};
use alloy_primitives::{
    Address, B256, Bytes, FixedBytes, KECCAK256_EMPTY, TxKind, U256, keccak256,
};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use criterion::{
    BatchSize, Criterion, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use qenex_exec::{
    BlockAttributes, BuildLimits, CallRequest, CallStatus, Candidates, Chain, ExecutedBlock,
    Overrides, system_contracts,
};
use qenex_precompiles::{
    Block, ENGINE_CODE, ENGINE_NONCE, ICurrencyToken, ILedger, LEDGER, face_address,
};
use qenex_store::{Store, StoreOptions};
use qenex_trie::{AccountInfo, StateChanges};
use qenex_types::{
    BaseFee, ChainSpec, CurrencySpec, LedgerAccountSpec, LedgerSpec, PooledTransaction,
    Transaction, TransferKind,
};

const ACCOUNTS: usize = 10_000;
const TRANSFERS: usize = 1_000;
const CHAIN_ID: u64 = 77;

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Any error.
type Error = Box<dyn std::error::Error>;

static WALL: WallTime = WallTime;

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

struct Queue(VecDeque<PooledTransaction>);

impl Candidates for Queue {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.0.pop_front()
    }

    fn refuse(&mut self, _: &PooledTransaction, reason: &str) {
        panic!("{reason}");
    }
}

fn spec(accounts: &[Address], owner: Option<Address>) -> ChainSpec {
    let account = |id: &Address| LedgerAccountSpec {
        id: *id,
        owner: owner.unwrap_or(*id),
        account_type: "RETAIL".into(),
        jurisdiction: "US".into(),
        currency: "USD".into(),
        balances: [("USD".to_owned(), "1000.00".to_owned())].into(),
    };
    let issuer = Address::repeat_byte(1);
    ChainSpec {
        name: "bench".into(),
        chain_id: CHAIN_ID,
        timestamp_ms: 1_700_000_000_000,
        gas_limit: 300_000_000,
        base_fee: BaseFee { initial: 1_000, minimum: 7 },
        heartbeat_ms: 0,
        validators: Vec::new(),
        alloc: Default::default(),
        coin_face: None,
        ledger: LedgerSpec {
            admin: issuer,
            more_admins: Vec::new(),
            registrars: vec![issuer],
            currencies: vec![CurrencySpec {
                code: "USD".into(),
                exponent: 2,
                name: "US Dollar".into(),
                issuer,
                supply_cap: "1000000000000.00".into(),
            }],
            accounts: accounts.iter().map(account).collect(),
        },
    }
}

fn genesis(spec: &ChainSpec, accounts: &[Address]) -> Result<StateChanges, Error> {
    let mut changes = StateChanges::default();
    let mut insert = |address: &Address, nonce, balance, code: Bytes| {
        let code_hash = keccak256(&code);
        if code_hash != KECCAK256_EMPTY {
            changes.code.insert(code_hash, code);
        }
        let info = AccountInfo { nonce, balance, code_hash };
        changes.accounts.insert(keccak256(address), Some(info));
    };
    for address in accounts {
        insert(address, 0, U256::from(10_u64.pow(18)), Bytes::new());
    }
    for (address, code) in system_contracts() {
        insert(&address, 1, U256::ZERO, code);
    }
    let block = Block { number: 0, timestamp: spec.timestamp_ms / 1_000, chain_id: CHAIN_ID };
    let engines = qenex_precompiles::genesis(&spec.ledger, block)?;
    for address in engines.keys() {
        insert(address, ENGINE_NONCE, U256::ZERO, Bytes::from_static(&ENGINE_CODE));
    }
    for (address, slots) in engines.into_iter().filter(|(_, slots)| !slots.is_empty()) {
        let hashed = slots.into_iter().map(|(slot, value)| (keccak256(B256::from(slot)), value));
        changes.storage.insert(keccak256(address), hashed.collect());
    }
    Ok(changes)
}

/// One transaction of every signer, to accounts all over the state.
fn transfers(
    signers: &[PrivateKeySigner],
    accounts: &[Address],
    face: Option<Address>,
) -> Result<VecDeque<PooledTransaction>, Error> {
    let payees = accounts.iter().rev().step_by(7).cycle();
    let one = |(signer, payee): (&PrivateKeySigner, &Address)| {
        let value = U256::from(1);
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: if face.is_some() { 200_000 } else { 21_000 },
            max_fee_per_gas: 2_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(face.unwrap_or(*payee)),
            value: if face.is_some() { U256::ZERO } else { value },
            input: face.map_or_else(Bytes::new, |_| {
                ICurrencyToken::transferCall { to: *payee, value }.abi_encode().into()
            }),
            ..TxEip1559::default()
        };
        let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
        let signed = Transaction::from(transaction.into_signed(signature));
        Ok(Arc::new(Recovered::new_unchecked(signed, signer.address())))
    };
    signers.iter().zip(payees).map(one).collect()
}

/// As many payments in one transaction, each from another account of the signer to one all over the
/// state.
fn batch(signer: &PrivateKeySigner, accounts: &[Address]) -> Result<PooledTransaction, Error> {
    let payees = accounts.iter().rev().step_by(7).cycle();
    let order = |(number, (from, to)): (u128, (&Address, &Address))| ILedger::Order {
        clientReference: FixedBytes(number.to_be_bytes()),
        kind: TransferKind::Transfer.number(),
        from: *from,
        to: *to,
        currency: FixedBytes(*b"USD"),
        amount: 1,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    let orders = (1..).zip(accounts.iter().take(TRANSFERS).zip(payees)).map(order).collect();
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 250_000_000,
        max_fee_per_gas: 2_000,
        to: TxKind::Call(LEDGER),
        input: ILedger::batchCall { orders }.abi_encode().into(),
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    let signed = Transaction::from(transaction.into_signed(signature));
    Ok(Arc::new(Recovered::new_unchecked(signed, signer.address())))
}

fn build(chain: &Chain, transactions: VecDeque<PooledTransaction>, salt: u64) -> ExecutedBlock {
    let count = transactions.len();
    let head = chain.head();
    let attributes = BlockAttributes {
        timestamp: head.header.timestamp + 1,
        beneficiary: Address::repeat_byte(2),
        prev_randao: B256::from(U256::from(salt)),
        consensus_hash: B256::ZERO,
    };
    let limits = BuildLimits { time: Duration::from_secs(60), ..BuildLimits::default() };
    match chain.build(head.hash, attributes, &mut Queue(transactions), limits) {
        Ok((executed, built)) => {
            assert_eq!(built.included, count);
            assert!(executed.block.receipts.iter().all(|receipt| receipt.success));
            executed
        }
        Err(error) => panic!("{error}"),
    }
}

fn block(criterion: &mut Criterion<ProcessorTime>) {
    if let Err(error) = run(criterion) {
        panic!("{error}");
    }
}

fn run(criterion: &mut Criterion<ProcessorTime>) -> Result<(), Error> {
    let signers = (0..TRANSFERS)
        .map(|n| PrivateKeySigner::from_bytes(&keccak256(n.to_be_bytes())))
        .collect::<Result<Vec<_>, _>>()?;
    let mut accounts: Vec<_> = signers.iter().map(PrivateKeySigner::address).collect();
    accounts.extend((TRANSFERS..ACCOUNTS).map(|n| Address::from_word(keccak256(n.to_be_bytes()))));
    let usd = face_address("USD".parse()?);
    for (name, face) in [("transfers", None), ("erc20_face_transfers", Some(usd))] {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path(), &StoreOptions::default())?;
        let spec = spec(&accounts, None);
        let genesis = genesis(&spec, &accounts)?;
        let chain = Chain::open(Arc::new(spec), store, genesis)?;
        let transactions = transfers(&signers, &accounts, face)?;
        let mut salt = 0;
        criterion.bench_function(&format!("exec::block/{name}={TRANSFERS}"), |bencher| {
            bencher.iter_batched(
                || {
                    salt += 1;
                    (transactions.clone(), salt)
                },
                |(transactions, salt)| black_box(build(&chain, transactions, salt)),
                BatchSize::PerIteration,
            );
        });
    }
    let owner = signers.first().ok_or("no signers")?;
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), &StoreOptions::default())?;
    let spec = spec(&accounts, Some(owner.address()));
    let genesis = genesis(&spec, &accounts)?;
    let chain = Chain::open(Arc::new(spec), store, genesis)?;
    let payments = batch(owner, &accounts)?;
    let call = CallRequest {
        from: owner.address(),
        to: TxKind::Call(LEDGER),
        data: payments.inner().input().clone(),
        gas: Some(250_000_000),
        ..CallRequest::default()
    };
    // The execution alone: no books, no roots.
    criterion.bench_function(&format!("exec::call/ledger_batch={TRANSFERS}"), |bencher| {
        bencher.iter(|| match chain.call(0, &call, &Overrides::default(), 250_000_000) {
            Ok(outcome) => assert_eq!(outcome.status, CallStatus::Success),
            Err(error) => panic!("{error}"),
        });
    });
    let mut salt = 0;
    criterion.bench_function(&format!("exec::block/ledger_batch={TRANSFERS}"), |bencher| {
        bencher.iter_batched(
            || {
                salt += 1;
                (VecDeque::from([Arc::clone(&payments)]), salt)
            },
            |(transactions, salt)| {
                let block = black_box(build(&chain, transactions, salt));
                let receipt = block.block.receipts.first().map(|receipt| receipt.logs.len());
                assert!(receipt.is_some_and(|logs| logs >= 2 * TRANSFERS));
            },
            BatchSize::PerIteration,
        );
    });
    let block = build(&chain, VecDeque::from([payments]), 0);
    let gas = block.block.header.gas_used;
    println!("exec::block/ledger_batch={TRANSFERS}: {} gas a payment", gas / TRANSFERS as u64);
    Ok(())
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .with_measurement(ProcessorTime);
    targets = block
}
criterion_main!(benches);
