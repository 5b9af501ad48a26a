//! The public state tests: one transaction on a given state, for each fork a root and a hash of the
//! logs.
//!
//! The format is that of ethereum/tests `GeneralStateTests` and of execution-spec-tests
//! `state_tests`. The state is laid, as a layer that is never committed, over the empty trie of a
//! store: reads, hashing and proofs are the node's own, and nothing is written.

use std::collections::BTreeMap;

use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::{
    eip2718::Decodable2718,
    eip2930::AccessList,
    eip7702::{Authorization, SignedAuthorization},
    eip7840::BlobParams,
};
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use qenex_store::Store;
use qenex_trie::{State, StateTree, TreeOptions};
use qenex_types::Transaction;
use revm::{
    Database, DatabaseCommit, ExecuteEvm,
    context::{BlockEnv, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, either::Either, result::EVMError},
    primitives::hardfork::SpecId,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::{forks::EthereumRules, genesis::genesis_state};
use crate::{
    chain::Ancestors,
    database::BlockState,
    error::ExecError,
    evm::{Mode, evm},
    rules::Rules,
};

/// What became of one case.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseOutcome {
    /// Name of the test.
    pub name: String,
    /// Name of the fork, as in the test.
    pub fork: String,
    /// Index of the data.
    pub d: usize,
    /// Index of the gas limit.
    pub g: usize,
    /// Index of the value.
    pub v: usize,
    /// Whether root, logs and refusal are as demanded.
    pub pass: bool,
    /// The state root after the transaction.
    pub state_root: B256,
    /// keccak256 of the RLP of the logs.
    pub logs_root: B256,
    /// Why the transaction was refused, or why the case failed.
    pub error: Option<String>,
}

/// Runs state tests over a store.
#[derive(Debug)]
pub struct StateTests {
    tree: StateTree,
    store: Store,
}

impl StateTests {
    /// Uses an empty store; nothing will be written to it.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if it cannot be read or holds a state.
    pub fn open(store: Store) -> Result<Self, ExecError> {
        let tree =
            StateTree::open(store.clone(), TreeOptions::default()).map_err(ExecError::state)?;
        if !tree.head().is_void() {
            return Err(ExecError::State("state tests need an empty store".into()));
        }
        Ok(Self { tree, store })
    }

    /// Runs all cases of a file; the outcomes, and how many cases name a fork that is not supported.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the file is not in the format, or the store cannot be read.
    pub fn run(&self, json: &str) -> Result<(Vec<CaseOutcome>, usize), ExecError> {
        let tests: BTreeMap<String, Test> = serde_json::from_str(json).map_err(ExecError::state)?;
        let (mut outcomes, mut skipped) = (Vec::new(), 0);
        for (name, test) in &tests {
            let genesis = Genesis { alloc: test.pre.clone(), ..Genesis::default() };
            let void = self.tree.head();
            let layer = void.apply(&genesis_state(&genesis)).map_err(ExecError::state)?;
            let state = void.above(layer.seal(B256::repeat_byte(1))).map_err(ExecError::state)?;
            for (fork, cases) in &test.post {
                let Some(spec) = spec_of(fork) else {
                    skipped += cases.len();
                    continue;
                };
                let blobs = test.config.as_ref().and_then(|config| config.blob_schedule.get(fork));
                let chain_id = test.config.as_ref().and_then(|config| config.chain_id);
                let config =
                    config_of(spec, fork, chain_id.map_or(1, |id| id.0.saturating_to()), blobs);
                let rules = Rules::Ethereum(EthereumRules::new(&config).into());
                let env = test.env.block(&rules, spec);
                let parent = test.env.current_number.0.saturating_to::<u64>().saturating_sub(1);
                for case in cases {
                    let ancestors = Ancestors::pretended(self.store.clone(), parent);
                    let run = Run { rules: &rules, spec, env: &env, state: &state, ancestors };
                    outcomes.push(run.case(name, fork, &test.transaction, case)?);
                }
            }
        }
        Ok((outcomes, skipped))
    }
}

/// What a case runs on.
struct Run<'a> {
    rules: &'a Rules,
    spec: SpecId,
    env: &'a BlockEnv,
    state: &'a State,
    ancestors: Ancestors,
}

impl Run<'_> {
    fn case(
        self,
        name: &str,
        fork: &str,
        transaction: &TestTransaction,
        case: &Case,
    ) -> Result<CaseOutcome, ExecError> {
        let database = BlockState::new(self.state.clone(), self.ancestors);
        let mut evm = evm(self.rules, self.env.clone(), database, Mode::Consensus, ());
        let mut logs: Vec<Log> = Vec::new();
        let refusal = match transaction.env(case, self.rules.chain_id()) {
            Err(reason) => Some(reason),
            Ok(tx) => match evm.transact(tx) {
                Ok(done) => {
                    evm.ctx.journaled_state.database.commit(done.state);
                    logs = done.result.into_logs();
                    None
                }
                Err(EVMError::Database(error)) => return Err(ExecError::state(error)),
                Err(error) => Some(error.to_string()),
            },
        };
        let mut state = evm.ctx.journaled_state.database;
        // A block pays its proposer, if nothing: that touches the account (geth,
        // tests/state_test_util.go).
        let proposer = self.env.beneficiary;
        let held = state.basic(proposer).map_err(ExecError::state)?.unwrap_or_default().balance;
        let keep = self.spec < SpecId::SPURIOUS_DRAGON;
        state.set_balance(proposer, held, keep).map_err(ExecError::state)?;
        let state_root = self.state.apply(&state.changes()).map_err(ExecError::state)?.root();
        let logs_root = keccak256(alloy_rlp::encode(&logs));
        let problem = match (&refusal, &case.expect_exception) {
            (Some(_), Some(_)) => None,
            (None, Some(expected)) => Some(format!("accepted; {expected} expected")),
            (Some(reason), None) => Some(format!("refused: {reason}")),
            (None, None) if state_root != case.hash => {
                Some(format!("state root {state_root}; {} expected", case.hash))
            }
            (None, None) if logs_root != case.logs => {
                Some(format!("logs root {logs_root}; {} expected", case.logs))
            }
            (None, None) => None,
        };
        Ok(CaseOutcome {
            name: name.to_owned(),
            fork: fork.to_owned(),
            d: case.indexes.data,
            g: case.indexes.gas,
            v: case.indexes.value,
            pass: problem.is_none(),
            state_root,
            logs_root,
            error: problem.or(refusal),
        })
    }
}

/// The rules a fork's name in the tests stands for.
fn spec_of(fork: &str) -> Option<SpecId> {
    Some(match fork {
        "Frontier" => SpecId::FRONTIER,
        "Homestead" => SpecId::HOMESTEAD,
        "EIP150" => SpecId::TANGERINE,
        "EIP158" => SpecId::SPURIOUS_DRAGON,
        "Byzantium" => SpecId::BYZANTIUM,
        "ConstantinopleFix" | "Petersburg" => SpecId::PETERSBURG,
        "Istanbul" | "MuirGlacier" => SpecId::ISTANBUL,
        "Berlin" => SpecId::BERLIN,
        "London" | "ArrowGlacier" | "GrayGlacier" => SpecId::LONDON,
        "Merge" | "Paris" => SpecId::MERGE,
        "Shanghai" => SpecId::SHANGHAI,
        "Cancun" => SpecId::CANCUN,
        "Prague" => SpecId::PRAGUE,
        "Osaka" | "BPO1" | "BPO2" => SpecId::OSAKA,
        _ => return None,
    })
}

/// A chain that is at `spec` from the first block on.
fn config_of(spec: SpecId, fork: &str, chain_id: u64, blobs: Option<&BlobParams>) -> ChainConfig {
    let from = |fork: SpecId| (spec >= fork).then_some(0);
    let name = match spec {
        SpecId::CANCUN => "cancun".to_owned(),
        SpecId::PRAGUE => "prague".to_owned(),
        _ => fork.to_lowercase(),
    };
    ChainConfig {
        chain_id,
        homestead_block: from(SpecId::HOMESTEAD),
        eip150_block: from(SpecId::TANGERINE),
        eip155_block: from(SpecId::SPURIOUS_DRAGON),
        eip158_block: from(SpecId::SPURIOUS_DRAGON),
        byzantium_block: from(SpecId::BYZANTIUM),
        constantinople_block: from(SpecId::PETERSBURG),
        petersburg_block: from(SpecId::PETERSBURG),
        istanbul_block: from(SpecId::ISTANBUL),
        berlin_block: from(SpecId::BERLIN),
        london_block: from(SpecId::LONDON),
        terminal_total_difficulty: from(SpecId::MERGE).map(U256::from),
        shanghai_time: from(SpecId::SHANGHAI),
        cancun_time: from(SpecId::CANCUN),
        prague_time: from(SpecId::PRAGUE),
        osaka_time: from(SpecId::OSAKA),
        bpo1_time: matches!(fork, "BPO1" | "BPO2").then_some(0),
        bpo2_time: (fork == "BPO2").then_some(0),
        blob_schedule: blobs.map(|params| (name, *params)).into_iter().collect(),
        ..ChainConfig::default()
    }
}

/// A number as tests write it: hexadecimal or decimal, `0x` for zero.
#[derive(Clone, Copy, Debug, Default)]
struct Number(U256);

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let parsed = match text.strip_prefix("0x") {
            Some("") => Ok(U256::ZERO),
            Some(digits) => U256::from_str_radix(digits, 16),
            None => U256::from_str_radix(text, 10),
        };
        parsed.ok().map(Self)
    }

    fn u64(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}`: not a number")))
    }
}

#[derive(Debug, Deserialize)]
struct Test {
    env: Env,
    pre: BTreeMap<Address, GenesisAccount>,
    transaction: TestTransaction,
    post: BTreeMap<String, Vec<Case>>,
    config: Option<TestConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestConfig {
    #[serde(alias = "chainid")]
    chain_id: Option<Number>,
    #[serde(default)]
    blob_schedule: BTreeMap<String, BlobParams>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env {
    current_coinbase: Address,
    #[serde(default)]
    current_difficulty: Number,
    current_gas_limit: Number,
    current_number: Number,
    current_timestamp: Number,
    current_base_fee: Option<Number>,
    current_random: Option<Number>,
    current_excess_blob_gas: Option<Number>,
}

impl Env {
    fn block(&self, rules: &Rules, spec: SpecId) -> BlockEnv {
        let merged = spec >= SpecId::MERGE;
        let timestamp = self.current_timestamp.0;
        let blobs = rules.blob_params(timestamp.saturating_to());
        let excess: u64 = self.current_excess_blob_gas.unwrap_or_default().0.saturating_to();
        BlockEnv {
            number: self.current_number.0,
            beneficiary: self.current_coinbase,
            timestamp,
            gas_limit: self.current_gas_limit.0.saturating_to(),
            // Tests from before London leave it out; geth takes 10 then.
            basefee: match spec >= SpecId::LONDON {
                true => self.current_base_fee.map_or(10, |fee| fee.0.saturating_to()),
                false => 0,
            },
            difficulty: if merged { U256::ZERO } else { self.current_difficulty.0 },
            prevrandao: merged.then(|| self.current_random.unwrap_or_default().0.into()),
            blob_excess_gas_and_price: blobs.map(|params| BlobExcessGasAndPrice {
                excess_blob_gas: excess,
                blob_gasprice: params.calc_blob_fee(excess),
            }),
            slot_num: 0,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestTransaction {
    data: Vec<Bytes>,
    gas_limit: Vec<Number>,
    /// Text, because some are no numbers on purpose.
    value: Vec<String>,
    gas_price: Option<Number>,
    max_fee_per_gas: Option<Number>,
    max_priority_fee_per_gas: Option<Number>,
    max_fee_per_blob_gas: Option<Number>,
    blob_versioned_hashes: Option<Vec<B256>>,
    nonce: Number,
    #[serde(default)]
    to: String,
    secret_key: Option<B256>,
    sender: Option<Address>,
    access_lists: Option<Vec<Option<AccessList>>>,
    authorization_list: Option<Vec<TestAuthorization>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestAuthorization {
    chain_id: Number,
    address: Address,
    nonce: Number,
    #[serde(alias = "yParity")]
    v: Number,
    r: Number,
    s: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    hash: B256,
    logs: B256,
    indexes: Indexes,
    expect_exception: Option<String>,
    txbytes: Option<Bytes>,
}

#[derive(Debug, Deserialize)]
struct Indexes {
    data: usize,
    gas: usize,
    value: usize,
}

impl TestTransaction {
    /// The transaction of a case, or why there can be none.
    fn env(&self, case: &Case, chain_id: u64) -> Result<TxEnv, String> {
        let Indexes { data, gas, value } = case.indexes;
        let missing = |what: &str| format!("no {what} with the index of the case");
        let large = |what: &str| format!("{what} does not fit");
        let mut signed_for = Some(chain_id);
        if let Some(bytes) = &case.txbytes {
            let signed =
                Transaction::decode_2718_exact(bytes).map_err(|error| error.to_string())?;
            signed.recover_signer_unchecked().map_err(|error| error.to_string())?;
            signed_for = alloy_consensus::Transaction::chain_id(&signed);
        }
        let caller = match (self.secret_key, self.sender) {
            (Some(key), _) => {
                PrivateKeySigner::from_bytes(&key).map_err(|error| error.to_string())?.address()
            }
            (None, Some(sender)) => sender,
            (None, None) => return Err("neither secretKey nor sender".into()),
        };
        let kind = match self.to.as_str() {
            "" => TxKind::Create,
            to => TxKind::Call(to.parse().map_err(|_| format!("`{to}` is no address"))?),
        };
        let access_list = match &self.access_lists {
            None => None,
            Some(lists) => lists.get(data).ok_or_else(|| missing("access list"))?.clone(),
        };
        let (tx_type, to_needed) = if self.authorization_list.is_some() {
            (4, true)
        } else if self.blob_versioned_hashes.is_some() || self.max_fee_per_blob_gas.is_some() {
            (3, true)
        } else if self.max_fee_per_gas.is_some() {
            (2, false)
        } else {
            (u8::from(access_list.is_some()), false)
        };
        if to_needed && kind.is_create() {
            return Err(format!("a transaction of type {tx_type} cannot create a contract"));
        }
        let narrow = |number: Number, what: &str| u128::try_from(number.0).map_err(|_| large(what));
        let price = self.max_fee_per_gas.or(self.gas_price).ok_or("no gas price")?;
        let value = self.value.get(value).ok_or_else(|| missing("value"))?;
        let tip = self.max_priority_fee_per_gas.filter(|_| tx_type >= 2);
        Ok(TxEnv {
            tx_type,
            caller,
            gas_limit: self
                .gas_limit
                .get(gas)
                .ok_or_else(|| missing("gas limit"))?
                .u64()
                .ok_or_else(|| large("gasLimit"))?,
            gas_price: narrow(price, "gas price")?,
            kind,
            value: Number::parse(value).ok_or_else(|| format!("value `{value}` is invalid"))?.0,
            data: self.data.get(data).ok_or_else(|| missing("data"))?.clone(),
            nonce: self.nonce.u64().ok_or_else(|| large("nonce"))?,
            chain_id: signed_for,
            access_list: access_list.unwrap_or_default(),
            gas_priority_fee: tip.map(|tip| narrow(tip, "priority fee")).transpose()?,
            blob_hashes: self.blob_versioned_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: narrow(
                self.max_fee_per_blob_gas.unwrap_or_default(),
                "blob fee",
            )?,
            authorization_list: self
                .authorization_list
                .iter()
                .flatten()
                .map(|one| one.signed().map(Either::Left).ok_or_else(|| large("authorization")))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TestAuthorization {
    fn signed(&self) -> Option<SignedAuthorization> {
        let Self { chain_id, address, nonce, v, r, s } = self;
        let parity = u8::try_from(v.0).ok()?;
        let inner = Authorization { chain_id: chain_id.0, address: *address, nonce: nonce.u64()? };
        Some(SignedAuthorization::new_unchecked(inner, parity, r.0, s.0))
    }
}
