//! The contract suite of development networks, and published addresses of contracts.
//!
//! `contracts/bin/suite` makes the list of transactions (`contracts/deployments/`), which is part of this
//! program: so a network begins with the suite without Foundry, at the same addresses each time. They are
//! signed here with the public key of account 10 of the development mnemonic, whose nonce tells how many are done; a
//! network that was stopped halfway goes on where it was. Knows no protocol of the contracts.

use std::{collections::BTreeMap, path::Path, time::Duration};

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context, Result, bail, ensure};
use qenex_client::rpc::Endpoint;
use qenex_genesis::{DEV_MNEMONIC, SUITE_DEPLOYER, SUITE_DEPLOYER_INDEX};
use qenex_types::ChainSpec;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where the contracts are, as the script publishes it.
pub(crate) const ADDRESSES: &str = include_str!("../../contracts/deployments/20824.json");

/// What makes them.
const TRANSACTIONS: &str = include_str!("../../contracts/deployments/20824.transactions.json");

/// Most that gas may cost, wei. The base fee of a new network is a tenth.
const MAX_FEE: u128 = 10_000_000_000;

/// What the proposer gets for gas, wei.
const TIP: u128 = 1_000_000_000;

/// Transactions in a request: the largest have 50 KB as JSON text.
const BATCH: u32 = 8;

/// How long a network may take for all of them. It takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// Addresses of contracts, by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// EIP-155 chain id.
    pub(crate) chain_id: u64,
    /// Addresses by name.
    pub(crate) contracts: BTreeMap<String, Address>,
}

impl Published {
    /// Reads a file for a chain.
    ///
    /// # Errors
    ///
    /// If it is not such a file, or one of another chain.
    pub(crate) fn read(file: &Path, chain_id: u64) -> Result<Self> {
        let shown = file.display();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
        let read: Self =
            serde_json::from_str(&text).with_context(|| format!("{shown} names no contracts"))?;
        if read.chain_id != chain_id {
            bail!("{shown}: chain_id is {}, and this chain's is {chain_id}", read.chain_id);
        }
        Ok(read)
    }
}

/// The transactions.
#[derive(Clone, Debug)]
pub(crate) struct Suite {
    chain_id: u64,
    signer: PrivateKeySigner,
    steps: Vec<Step>,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    chain_id: u64,
    deployer: Address,
    transactions: Vec<Step>,
}

/// A transaction without nonce, fees and signature.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// For people.
    what: String,
    /// The contract that it makes.
    creates: Option<Address>,
    /// What it calls otherwise.
    to: Option<Address>,
    #[serde(default)]
    value: U256,
    gas: u64,
    data: Bytes,
    /// A time to be set in the data.
    time: Option<Time>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    /// Where its word begins.
    offset: usize,
    /// Seconds after now.
    ahead: u64,
}

/// A transaction to send.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    /// For people.
    pub(crate) what: String,
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
}

impl Suite {
    /// The suite of networks with this specification, if they have it.
    ///
    /// # Errors
    ///
    /// If the specification gives the deployer its role on a chain that the suite was not made for.
    pub(crate) fn of(spec: &ChainSpec) -> Result<Option<Self>> {
        if !spec.ledger.more_admins.contains(&SUITE_DEPLOYER) {
            return Ok(None);
        }
        let Plan { chain_id, deployer, transactions } =
            serde_json::from_str(TRANSACTIONS).context("the suite's transactions are damaged")?;
        let signer =
            MnemonicBuilder::english().phrase(DEV_MNEMONIC).index(SUITE_DEPLOYER_INDEX)?.build()?;
        ensure!(
            deployer == SUITE_DEPLOYER && signer.address() == deployer,
            "the suite's transactions are of {deployer}, not of {SUITE_DEPLOYER}"
        );
        ensure!(
            chain_id == spec.chain_id,
            "ledger.more_admins names the suite's deployer, whose transactions are for chain \
             {chain_id}, not {}",
            spec.chain_id
        );
        Ok(Some(Self { chain_id, signer, steps: transactions }))
    }

    /// How many transactions there are.
    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.steps.len()).unwrap_or(u64::MAX)
    }

    /// The transactions from a nonce on, as of a time in seconds that no block to come is before.
    ///
    /// # Errors
    ///
    /// None with the list that is part of the program.
    pub(crate) fn transactions(&self, nonce: u64, now: u64) -> Result<Vec<Signed>> {
        let done = usize::try_from(nonce)?;
        let steps = (nonce..).zip(self.steps.iter().skip(done));
        steps.map(|(nonce, step)| self.sign(nonce, step, now)).collect()
    }

    fn sign(&self, nonce: u64, step: &Step, now: u64) -> Result<Signed> {
        let about = || format!("transaction {nonce} of the suite ({})", step.what);
        let mut input = step.data.to_vec();
        if let Some(Time { offset, ahead }) = step.time {
            let time = U256::from(now.saturating_add(ahead));
            input
                .get_mut(offset..offset.saturating_add(32))
                .with_context(|| format!("{}: time.offset is beyond its data", about()))?
                .copy_from_slice(&time.to_be_bytes::<32>());
        }
        let to = match (step.to, step.creates) {
            (Some(to), None) => TxKind::Call(to),
            (None, Some(_)) => TxKind::Create,
            _ => bail!("{}: has to and creates, or neither", about()),
        };
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: step.gas,
            max_fee_per_gas: MAX_FEE,
            max_priority_fee_per_gas: TIP,
            to,
            value: step.value,
            input: input.into(),
            ..TxEip1559::default()
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash())?;
        let signed = transaction.into_signed(signature);
        Ok(Signed {
            what: step.what.clone(),
            hash: *signed.hash(),
            raw: signed.encoded_2718().into(),
        })
    }

    /// Sends what the network has not got yet, and waits until all of it is final.
    ///
    /// # Errors
    ///
    /// If the node cannot be reached, or a transaction is refused or fails.
    pub(crate) async fn deploy(&self, rpc: &str) -> Result<()> {
        let node = Endpoint::new(rpc)?;
        let done = async || -> Result<u64> {
            let params = json!([SUITE_DEPLOYER, "latest"]);
            Ok(node.call::<U64>("eth_getTransactionCount", params).await?.to())
        };
        let first = done().await?;
        if first >= self.len() {
            return Ok(());
        }
        let head: Value = node.call("eth_getBlockByNumber", json!(["latest", false])).await?;
        let now: U64 = serde_json::from_value(head["timestamp"].clone())
            .context("the last block has no timestamp")?;
        let sending = self.transactions(first, now.to())?;
        let calls: Vec<_> = sending
            .iter()
            .map(|signed| ("eth_sendRawTransaction", json!([signed.raw]).to_string()))
            .collect();
        let _hashes: Vec<B256> = node.all(&calls, BATCH).await?;
        let waiting = async {
            while done().await? < self.len() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .context("the contract suite is not final after a minute")??;
        let calls: Vec<_> = sending
            .iter()
            .map(|signed| ("eth_getTransactionReceipt", json!([signed.hash]).to_string()))
            .collect();
        let receipts: Vec<Value> = node.all(&calls, BATCH).await?;
        for (signed, receipt) in sending.iter().zip(receipts) {
            ensure!(
                receipt["status"] == "0x1",
                "a transaction of the contract suite failed: {} ({})",
                signed.what,
                signed.hash
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloy_consensus::Transaction as _;
    use alloy_eips::eip2718::Decodable2718 as _;

    use super::*;

    fn suite() -> Suite {
        let mut spec = qenex_genesis::development(Vec::new(), Address::repeat_byte(9), 1_000);
        assert!(Suite::of(&spec).unwrap().is_none(), "only where the deployer has its role");
        qenex_genesis::prepare_for_suite(&mut spec);
        Suite::of(&spec).unwrap().unwrap()
    }

    #[test]
    fn creations_are_where_the_addresses_say() {
        let suite = suite();
        let published: Published = serde_json::from_str(ADDRESSES).unwrap();
        assert_eq!(published.chain_id, suite.chain_id);
        for (nonce, step) in (0..).zip(&suite.steps) {
            if let Some(created) = step.creates {
                assert_eq!(created, SUITE_DEPLOYER.create(nonce), "{}", step.what);
            }
        }
        for name in ["QXC", "LendingPool", "PoolRouter", "OracleAdapter", "QenexGovernor"] {
            let address = published.contracts.get(name).unwrap();
            assert!(suite.steps.iter().any(|step| step.creates == Some(*address)), "{name}");
        }
    }

    #[test]
    fn times_are_those_of_the_network() {
        let suite = suite();
        let signed = suite.transactions(0, 1_900_000_000).unwrap();
        assert_eq!(signed.len(), suite.steps.len());
        let mut times = 0;
        for (step, signed) in suite.steps.iter().zip(&signed) {
            let Some(Time { offset, ahead }) = step.time else { continue };
            let sent = alloy_consensus::TxEnvelope::decode_2718_exact(&signed.raw).unwrap();
            let word = U256::from_be_slice(&sent.input()[offset..offset + 32]);
            assert_eq!(word, U256::from(1_900_000_000 + ahead), "{}", step.what);
            times += 1;
        }
        assert_eq!(times, 5, "three prices, two farms");
    }

    #[test]
    fn a_network_that_has_some_goes_on_with_the_rest() {
        let suite = suite();
        let all = suite.transactions(0, 1_000).unwrap();
        let rest = suite.transactions(suite.len() - 2, 1_000).unwrap();
        let hashes = |list: &[Signed]| list.iter().map(|one| one.hash).collect::<Vec<_>>();
        assert_eq!(hashes(&rest), hashes(&all[all.len() - 2..]));
        assert!(suite.transactions(suite.len(), 1_000).unwrap().is_empty());
    }

    #[test]
    fn addresses_of_another_chain_are_refused_with_the_field() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("contracts.json");
        std::fs::write(&file, ADDRESSES).unwrap();
        assert!(Published::read(&file, 20_824).is_ok());
        let error = format!("{:#}", Published::read(&file, 1).unwrap_err());
        assert!(error.contains("chain_id is 20824"), "{error}");
        std::fs::write(&file, r#"{"chain_id": 1, "contracts": {"A": "0x12"}}"#).unwrap();
        let error = format!("{:#}", Published::read(&file, 1).unwrap_err());
        assert!(error.contains("names no contracts") && error.contains("line 1"), "{error}");
    }
}
