//! `cargo bench -p qenex-pool`: admission of signed transfers, and selection for a block.

use std::{collections::BTreeMap, hint::black_box};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qenex_pool::{AccountReader, AccountState, Pool, PoolConfig};
use qenex_types::Transaction;

struct Rich;

impl AccountReader for Rich {
    fn account(&self, _: Address) -> Result<AccountState, String> {
        Ok(AccountState { balance: U256::MAX >> 1, ..Default::default() })
    }
}

/// Signed transfers of `senders` accounts, `each` of every one, in the order of nonces.
fn transfers(senders: u64, each: u64) -> Vec<Bytes> {
    let keys: Vec<PrivateKeySigner> = (1..=senders)
        .filter_map(|n| PrivateKeySigner::from_slice(&U256::from(n).to_be_bytes::<32>()).ok())
        .collect();
    let mut raws = Vec::new();
    for nonce in 0..each {
        for (at, key) in (0_u128..).zip(&keys) {
            let tx = TxEip1559 {
                chain_id: 1,
                nonce,
                gas_limit: 21_000,
                max_fee_per_gas: 2_000_000_000,
                max_priority_fee_per_gas: 1_000_000 + at % 97,
                to: TxKind::Call(Address::ZERO),
                ..Default::default()
            };
            if let Ok(signature) = key.sign_hash_sync(&tx.signature_hash()) {
                raws.push(Transaction::from(tx.into_signed(signature)).encoded_2718().into());
            }
        }
    }
    raws
}

fn pool() -> Pool {
    Pool::new(PoolConfig::new(1, 30_000_000, 7))
}

fn add(c: &mut Criterion) {
    let mut group = c.benchmark_group("pool::add");
    group.sample_size(20);
    let raws = transfers(100, 10);
    group.throughput(Throughput::Elements(raws.len() as u64));
    group.bench_with_input(BenchmarkId::from_parameter("batch=1000"), &raws, |b, raws| {
        b.iter_batched(
            pool,
            |pool| {
                black_box(pool.add_raw_batch(raws, &Rich, None));
                pool
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn best(c: &mut Criterion) {
    let mut group = c.benchmark_group("pool::best");
    for (senders, each) in [(100, 200), (20_000, 1)] {
        let pool = pool();
        pool.add_raw_batch(&transfers(senders, each), &Rich, None);
        group.throughput(Throughput::Elements(1_000));
        let name = format!("taken=1000/pooled=20000/senders={senders}");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| black_box(pool.best(7, &BTreeMap::new()).take(1_000).count()));
        });
    }
    group.finish();
}

criterion_group!(benches, add, best);
criterion_main!(benches);
