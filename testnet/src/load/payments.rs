//! Batches of payments between the accounts of a population, and how many of them were posted.

use std::sync::Arc;

use alloy_primitives::{Address, B256, FixedBytes, U64, keccak256};
use alloy_sol_types::SolCall as _;
use anyhow::Context as _;
use qenex_precompiles::ILedger;
use qenex_types::TransferKind;
use serde::Deserialize;
use serde_json::json;

use super::prepare::Account;
use qenex_client::rpc::Endpoint;

/// The currency that is paid in.
const CURRENCY: [u8; 3] = *b"USD";

/// Gas that a payment of a batch is given: a new transfer record and ten other slots, all cold.
pub(super) const PAYMENT_GAS: u64 = 200_000;

/// The owners of a population's accounts: senders of the load with this seed.
///
/// # Errors
///
/// Never in practice: if a hash is no private key.
pub fn owners(seed: u64, count: u32) -> anyhow::Result<Vec<Address>> {
    (0..count).map(|number| Ok(Account::of_sender(seed, number)?.address)).collect()
}

/// The account of a number in a population.
#[must_use]
pub fn population(number: u32) -> Address {
    Address::from_word(keccak256([b"qenex population".as_slice(), &number.to_be_bytes()].concat()))
}

/// The call data of a sender's batch: payments from its own accounts, which are those of its number
/// modulo the number of senders, to any.
pub(super) fn batch(
    (sender, senders): (u32, u32),
    nonce: u64,
    (accounts, each): (u32, u32),
) -> anyhow::Result<Vec<u8>> {
    let own = accounts.saturating_sub(sender).div_ceil(senders);
    let order = |item: u32| {
        let material = [sender.to_be_bytes(), item.to_be_bytes()].concat();
        let random = keccak256([material.as_slice(), &nonce.to_be_bytes()].concat());
        let number = |at: usize, below: u32| -> anyhow::Result<u32> {
            let bytes = random.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            let wide = u64::from_be_bytes(bytes.context("a hash has 32 bytes")?);
            Ok(u32::try_from(wide % u64::from(below))?)
        };
        let from = sender + senders * number(0, own)?;
        let to = number(8, accounts - 1)?;
        Ok(ILedger::Order {
            clientReference: FixedBytes::from_slice(&keccak256(random)[..16]),
            kind: TransferKind::Transfer.number(),
            from: population(from),
            // Any account but the payer.
            to: population(if to < from { to } else { to + 1 }),
            currency: CURRENCY.into(),
            amount: 1,
            expires: 0,
            endToEndId: B256::ZERO,
            payloadHash: B256::ZERO,
        })
    };
    let orders = (0..each).map(order).collect::<anyhow::Result<_>>()?;
    Ok(ILedger::batchCall { orders }.abi_encode())
}

/// Postings in some blocks, by their trial balances.
pub(super) async fn settled(endpoints: &[Arc<Endpoint>], blocks: &[u64]) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct TrialBalance {
        currencies: Vec<Line>,
    }
    #[derive(Deserialize)]
    struct Line {
        postings: u64,
    }
    let endpoint = endpoints.first().context("at least one RPC URL is needed")?;
    let mut settled = 0;
    for &block in blocks {
        let balance: TrialBalance =
            endpoint.call("qenex_getTrialBalance", json!([U64::from(block)])).await?;
        settled += balance.currencies.iter().map(|line| line.postings).sum::<u64>();
    }
    Ok(settled)
}
