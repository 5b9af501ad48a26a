//! Before the clock starts: accounts, their coins, and every transfer signed.

use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::map::B256Map;
use alloy_primitives::{Address, B256, U64, U128, U256, hex, keccak256};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context as _, bail, ensure};
use qenex_client::rpc::Endpoint;
use qenex_types::{LEDGER, TransactionBounds};
use rayon::prelude::*;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::payments::{PAYMENT_GAS, batch};
use super::send::is_temporary;
use super::{Funder, LoadOptions, Work};

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// What a transfer moves, in wei.
const TRANSFER_VALUE: u64 = 1;
/// Fees are bid at this multiple of the base fee, which rises while blocks are full.
const FEE_HEADROOM: u128 = 100;
/// Lowest default `maxFeePerGas`: a base fee of a few wei may multiply within seconds.
const MIN_MAX_FEE: u128 = 10_000_000_000;
/// Highest fee of a transaction by default, wei: nodes take one above a coin for a mistake.
const MOST_FEE: u128 = 900_000_000_000_000_000;
/// Funding transfers on their way at once: nodes limit what one account may have in the pool.
const FUNDING_WINDOW: usize = 64;
/// How often funding looks whether it is included.
const FUNDING_POLL: Duration = Duration::from_millis(50);

/// A signed transfer.
pub(super) struct Transfer {
    /// Its EIP-2718 encoding.
    pub(super) raw: Box<[u8]>,
    /// The sender's number.
    pub(super) sender: u32,
}

/// The senders of one lane.
pub(super) struct LanePlan {
    /// Index of the endpoint it talks to.
    pub(super) endpoint: usize,
    /// Its transfers in the order of sending; a sender's nonces ascend.
    pub(super) order: Vec<u32>,
}

/// Everything that is to be sent.
pub(super) struct Plan {
    /// By number; transfer `i` is the `i / senders`-th of sender `i % senders`.
    pub(super) transfers: Vec<Transfer>,
    /// From a transfer's hash to its number.
    pub(super) by_hash: B256Map<u32>,
    /// Who sends what.
    pub(super) lanes: Vec<LanePlan>,
    /// The lane of each sender.
    lane_of: Vec<usize>,
}

impl Plan {
    /// The lane that sends a transfer.
    pub(super) fn lane_of(&self, transfer: u32) -> Option<usize> {
        let sender = self.transfers.get(usize::try_from(transfer).ok()?)?.sender;
        self.lane_of.get(usize::try_from(sender).ok()?).copied()
    }
}

/// What transactions bid, and on which chain.
#[derive(Clone, Copy, Debug)]
struct Terms {
    chain_id: u64,
    /// Gas limit of a transaction of the run.
    gas: u64,
    max_fee: u128,
    tip: u128,
}

impl Terms {
    /// The most that `count` transactions of the run can cost, without their value.
    fn fees(&self, count: u64) -> U256 {
        U256::from(self.max_fee) * U256::from(self.gas) * U256::from(count)
    }

    /// A signed transfer, encoded.
    fn sign(&self, key: B256, nonce: u64, to: Address, value: U256) -> anyhow::Result<Box<[u8]>> {
        let transfer =
            TxEip1559 { gas_limit: TRANSFER_GAS, to: to.into(), value, ..self.bid(nonce) };
        sign_transaction(key, transfer)
    }

    /// A transaction without content.
    fn bid(&self, nonce: u64) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.max_fee,
            max_priority_fee_per_gas: self.tip,
            ..TxEip1559::default()
        }
    }
}

fn sign_transaction(key: B256, transaction: TxEip1559) -> anyhow::Result<Box<[u8]>> {
    let signature = sign_message(key, transaction.signature_hash())?;
    Ok(transaction.into_signed(signature).encoded_2718().into())
}

/// An account that can sign.
pub(super) struct Account {
    key: B256,
    pub(super) address: Address,
}

impl Account {
    fn new(key: B256) -> anyhow::Result<Self> {
        let signer = PrivateKeySigner::from_bytes(&key).context("not a private key")?;
        Ok(Self { key, address: signer.address() })
    }

    fn of_funder(funder: &Funder) -> anyhow::Result<Self> {
        match funder {
            Funder::PrivateKey(key) => Self::new(*key),
            Funder::Mnemonic(phrase) => {
                let signer = MnemonicBuilder::english()
                    .phrase(phrase)
                    .index(0)
                    .and_then(|builder| builder.build())
                    .context("not an English BIP-39 phrase")?;
                Self::new(signer.to_bytes())
            }
        }
    }

    /// The sender of a number, the same for the same seed.
    pub(super) fn of_sender(seed: u64, number: u32) -> anyhow::Result<Self> {
        let mut material = b"qenex load sender".to_vec();
        material.extend(seed.to_be_bytes());
        material.extend(number.to_be_bytes());
        Self::new(keccak256(material))
    }
}

/// Makes the plan of a run: accounts funded, transfers signed, lanes laid.
pub(super) async fn prepare(
    options: &LoadOptions,
    endpoints: &[Arc<Endpoint>],
) -> anyhow::Result<Plan> {
    let first = endpoints.first().context("at least one RPC URL is needed")?;
    let chain_id = chain_id(endpoints).await?;
    let funder = Account::of_funder(&options.funder)?;
    let senders: Vec<Account> = (0..options.senders)
        .into_par_iter()
        .map(|number| Account::of_sender(options.seed, number))
        .collect::<anyhow::Result<_>>()?;

    let addresses: Vec<Address> = senders.iter().map(|sender| sender.address).collect();
    let balances: Vec<U256> = ask(first, "eth_getBalance", &addresses, options.batch).await?;
    let wealth: U256 = first.call("eth_getBalance", json!([funder.address, "latest"])).await?;
    let terms = terms(options, first, chain_id, wealth).await?;

    let each = u64::from(options.txs.div_ceil(options.senders));
    let need = terms.fees(each) + U256::from(TRANSFER_VALUE) * U256::from(each);
    let poor: Vec<Address> = addresses
        .iter()
        .zip(&balances)
        .filter(|&(_, balance)| *balance < need)
        .map(|(address, _)| *address)
        .collect();
    // Twice the need: the next run of the same size finds the accounts still rich enough.
    let gift = need.saturating_mul(U256::from(2));
    let funding = Funding { options, endpoint: first, terms: &terms, funder: &funder, wealth };
    funding.give(&poor, gift).await?;

    // A node that saw the funding late must not refuse what it pays for.
    for endpoint in endpoints.iter().skip(1) {
        wait_for_coins(options, endpoint, &poor, need).await?;
    }
    let nonces: Vec<U64> = ask(first, "eth_getTransactionCount", &addresses, options.batch).await?;
    let nonces: Vec<u64> = nonces.into_iter().map(|nonce| nonce.to()).collect();
    let (lanes, lane_of) = lay_lanes(options, endpoints.len())?;
    let work = (options.senders, options.txs, options.work);
    let signing = tokio::task::spawn_blocking(move || sign(work, &terms, &senders, &nonces));
    let (transfers, by_hash) = signing.await.context("signing was interrupted")??;
    Ok(Plan { transfers, by_hash, lanes, lane_of })
}

/// The chain's id, on which all endpoints must agree.
async fn chain_id(endpoints: &[Arc<Endpoint>]) -> anyhow::Result<u64> {
    let mut common = None;
    for endpoint in endpoints {
        let found: u64 = endpoint.call::<U64>("eth_chainId", json!([])).await?.to();
        let expected = *common.get_or_insert(found);
        ensure!(
            found == expected,
            "{} is on chain {found}, the first endpoint on chain {expected}",
            endpoint.url()
        );
    }
    common.context("at least one RPC URL is needed")
}

/// Asks the same of every address at the latest block.
async fn ask<T: serde::de::DeserializeOwned>(
    endpoint: &Endpoint,
    method: &str,
    addresses: &[Address],
    batch: u32,
) -> anyhow::Result<Vec<T>> {
    let call = |address| (method, json!([address, "latest"]).to_string());
    let calls: Vec<_> = addresses.iter().map(call).collect();
    Ok(endpoint.all(&calls, batch).await?)
}

/// What transfers bid: `maxFeePerGas` as told, or far above the base fee but never more than the
/// funder can pay for.
async fn terms(
    options: &LoadOptions,
    endpoint: &Endpoint,
    chain_id: u64,
    wealth: U256,
) -> anyhow::Result<Terms> {
    let head: Value = endpoint.call("eth_getBlockByNumber", json!(["latest", false])).await?;
    let base: U128 = match head.get("baseFeePerGas") {
        Some(fee) => serde_json::from_value(fee.clone()).context("the head's baseFeePerGas")?,
        None => bail!("the chain at {} has no EIP-1559 fees", endpoint.url()),
    };
    let base: u128 = base.to();
    // Not every node offers a suggestion; one gwei is what they agree on then.
    let tip: u128 = match endpoint.call::<U128>("eth_maxPriorityFeePerGas", json!([])).await {
        Ok(tip) => tip.to(),
        Err(_) => 1_000_000_000,
    };
    let gas = match options.work {
        Work::Transfers => TRANSFER_GAS,
        Work::Payments { each, .. } => {
            let gas = PAYMENT_GAS.saturating_mul(u64::from(each)).saturating_add(TRANSFER_GAS);
            gas.min(TransactionBounds::LEDGER.gas)
        }
    };
    if let Some(max_fee) = options.max_fee_per_gas {
        return Ok(Terms { chain_id, gas, max_fee, tip: tip.min(max_fee) });
    }
    // Accounts get twice their need, and half of the wealth stays for other runs.
    let count = u64::from(options.txs).saturating_add(u64::from(options.senders));
    let all = U256::from(count) * U256::from(gas);
    let affordable = (wealth / U256::from(4) / all).saturating_to::<u128>();
    let wish = base.saturating_mul(FEE_HEADROOM).max(MIN_MAX_FEE).saturating_add(tip);
    let least = base.saturating_mul(2).saturating_add(tip);
    let max_fee = wish.min(affordable).min(MOST_FEE / u128::from(gas.max(1)));
    ensure!(
        max_fee >= least,
        "the funder has {wealth} wei, which pays {affordable} wei per gas for {} transfers; \
         at least {least} are needed",
        options.txs
    );
    Ok(Terms { chain_id, gas, max_fee, tip: tip.min(max_fee) })
}

/// What it takes to give coins away.
struct Funding<'a> {
    options: &'a LoadOptions,
    endpoint: &'a Endpoint,
    terms: &'a Terms,
    funder: &'a Account,
    /// What the funder has, in wei.
    wealth: U256,
}

impl Funding<'_> {
    /// Gives `gift` wei to each account and waits until the last of it is included.
    async fn give(&self, accounts: &[Address], gift: U256) -> anyhow::Result<()> {
        let count = u64::try_from(accounts.len())?;
        let cost = gift.saturating_mul(U256::from(count)).saturating_add(self.terms.fees(count));
        ensure!(
            cost <= self.wealth,
            "funding {count} senders costs {cost} wei, but {} has {}",
            self.funder.address,
            self.wealth
        );
        if self.options.progress && count > 0 {
            eprintln!("load: funding {count} senders with {gift} wei each");
        }
        let mut left = accounts;
        while !left.is_empty() {
            let nonce = nonce_of(self.endpoint, self.funder.address).await?;
            let taken = self.offer(left, nonce, gift).await?;
            let reached = nonce + u64::try_from(taken)?;
            let included =
                async || Ok(nonce_of(self.endpoint, self.funder.address).await? >= reached);
            wait_until(self.options.timeout, "the funding to be included", included).await?;
            left = left.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends gifts to the first of the accounts; answers how many the node took, at least one.
    async fn offer(&self, to: &[Address], nonce: u64, gift: U256) -> anyhow::Result<usize> {
        let mut taken = 0;
        for (to, nonce) in to.iter().take(FUNDING_WINDOW).zip(nonce..) {
            let call = raw_call(&self.terms.sign(self.funder.key, nonce, *to, gift)?);
            match self.endpoint.batch(&[call]).await.as_deref() {
                Ok([Some(Ok(_))]) => taken += 1,
                Ok([Some(Err(error))]) if taken > 0 && is_temporary(&error.message) => break,
                other => bail!("funding was refused by {}: {other:?}", self.endpoint.url()),
            }
        }
        Ok(taken)
    }
}

/// An account's next nonce at the latest block.
async fn nonce_of(endpoint: &Endpoint, account: Address) -> anyhow::Result<u64> {
    Ok(endpoint.call::<U64>("eth_getTransactionCount", json!([account, "latest"])).await?.to())
}

/// Waits until an endpoint, too, knows that the accounts have their coins.
async fn wait_for_coins(
    options: &LoadOptions,
    endpoint: &Endpoint,
    accounts: &[Address],
    need: U256,
) -> anyhow::Result<()> {
    let done = async || {
        let found: Vec<U256> = ask(endpoint, "eth_getBalance", accounts, options.batch).await?;
        Ok(found.iter().all(|balance| *balance >= need))
    };
    wait_until(options.timeout, &format!("the funding to reach {}", endpoint.url()), done).await
}

/// Asks again and again until the answer is yes.
async fn wait_until(
    limit: Duration,
    what: &str,
    done: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let ask = async {
        while !done().await? {
            sleep(FUNDING_POLL).await;
        }
        Ok(())
    };
    tokio::time::timeout(limit, ask)
        .await
        .with_context(|| format!("waited {} s for {what}", limit.as_secs()))?
}

/// Signs all transactions. A transfer goes to another of the senders, so that all accounts stay alive
/// and no coins leave them.
fn sign(
    (senders, txs, work): (u32, u32, Work),
    terms: &Terms,
    accounts: &[Account],
    nonces: &[u64],
) -> anyhow::Result<(Vec<Transfer>, B256Map<u32>)> {
    let signed: Vec<(Transfer, B256)> = (0..txs)
        .into_par_iter()
        .map(|number| {
            let (sender, round) = (number % senders, number / senders);
            let at = usize::try_from(sender)?;
            let from = accounts.get(at).context("a sender without an account")?;
            let nonce = nonces.get(at).context("a sender without a nonce")? + u64::from(round);
            let raw = match work {
                Work::Transfers => {
                    let other = (u64::from(number) + u64::from(round) + 1) % u64::from(senders);
                    let to = accounts.get(usize::try_from(other)?);
                    let to = to.context("a recipient without an account")?.address;
                    terms.sign(from.key, nonce, to, U256::from(TRANSFER_VALUE))?
                }
                Work::Payments { accounts, each } => {
                    let input = batch((sender, senders), nonce, (accounts, each))?.into();
                    let bid = terms.bid(nonce);
                    sign_transaction(from.key, TxEip1559 { to: LEDGER.into(), input, ..bid })?
                }
            };
            let hash = keccak256(&raw);
            Ok((Transfer { raw, sender }, hash))
        })
        .collect::<anyhow::Result<_>>()?;
    let by_hash = signed.iter().map(|(_, hash)| *hash).zip(0..txs).collect();
    Ok((signed.into_iter().map(|(transfer, _)| transfer).collect(), by_hash))
}

/// Spreads senders over endpoints and each endpoint's lanes; answers with the lanes, and the lane
/// of every sender. No lane is empty.
pub(super) fn lay_lanes(
    options: &LoadOptions,
    endpoints: usize,
) -> anyhow::Result<(Vec<LanePlan>, Vec<usize>)> {
    let senders = usize::try_from(options.senders)?;
    let wanted = endpoints.saturating_mul(usize::try_from(options.lanes)?);
    // Senders beyond the number of transfers have nothing to send.
    let count = wanted.min(senders).min(usize::try_from(options.txs)?).max(1);
    let mut lanes: Vec<LanePlan> = (0..count)
        .map(|lane| LanePlan { endpoint: lane % endpoints.max(1), order: Vec::new() })
        .collect();
    let lane_of: Vec<usize> = (0..senders).map(|sender| sender % count).collect();
    for transfer in 0..options.txs {
        let sender = usize::try_from(transfer % options.senders)?;
        let lane = lane_of.get(sender).and_then(|lane| lanes.get_mut(*lane));
        lane.context("a sender without a lane")?.order.push(transfer);
    }
    Ok((lanes, lane_of))
}

/// The call that sends an encoded transaction.
pub(super) fn raw_call(raw: &[u8]) -> (&'static str, String) {
    let mut params = String::with_capacity(raw.len() * 2 + 6);
    params.push_str("[\"0x");
    params.push_str(&hex::encode(raw));
    params.push_str("\"]");
    ("eth_sendRawTransaction", params)
}
