//! The chain specification: what all nodes of a network must agree on before block 1.
//!
//! Stored as `genesis.json`; `qenex-genesis` turns it into the genesis state and block.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};

/// Everything that defines a network. Two nodes with different specifications never talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSpec {
    /// Name for people, e.g. `qenex-dev`.
    pub name: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Time of the genesis block, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// EIP-1559 base fee.
    pub base_fee: BaseFee,
    /// An idle chain makes a block this often, milliseconds. 0: only blocks with transactions.
    pub heartbeat_ms: u64,
    /// The validators, in the order of their indices.
    pub validators: Vec<ValidatorSpec>,
    /// Native coin (QXC, wei), code and storage at genesis.
    pub alloc: BTreeMap<Address, GenesisAccount>,
    /// The ERC-20 face of the native coin: the contract that may move everybody's. None: an admin of the
    /// ledger names it later, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coin_face: Option<Address>,
    /// Currencies and ledger accounts at genesis.
    pub ledger: LedgerSpec,
}

impl ChainSpec {
    /// Names the network: bound into the genesis block, every consensus signature and the peers'
    /// protocol names. keccak256 of the canonical JSON, so that white space and the order of fields
    /// in the file do not matter.
    ///
    /// # Errors
    ///
    /// None for any value of this type; `serde_json`'s signature has one.
    pub fn digest(&self) -> Result<B256, serde_json::Error> {
        Ok(keccak256(serde_json::to_vec(self)?))
    }
}

/// EIP-1559 base fee, wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFee {
    /// Base fee of block 1.
    pub initial: u64,
    /// The base fee never falls below this. Keep it above 0: wallets read 0 as "no EIP-1559".
    pub minimum: u64,
}

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorSpec {
    /// Name for people, e.g. `validator-0`.
    pub name: String,
    /// Ed25519 public key, 32 bytes.
    pub ed25519: Bytes,
    /// ML-DSA-65 public key (FIPS 204), 1,952 bytes.
    pub mldsa65: Bytes,
    /// libp2p peer id, base58.
    pub peer_id: String,
    /// Receives the priority fees of the blocks it proposes (`beneficiary` of the header).
    pub fee_recipient: Address,
}

/// An account of the EVM at genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Native coin, wei.
    #[serde(default)]
    pub balance: U256,
    /// Nonce.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nonce: u64,
    /// Contract code.
    #[serde(default, skip_serializing_if = "no_code")]
    pub code: Bytes,
    /// Contract storage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<B256, B256>,
}

/// The ledger at genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerSpec {
    /// May register currencies and appoint registrars.
    pub admin: Address,
    /// Others who may do the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_admins: Vec<Address>,
    /// May open ledger accounts.
    pub registrars: Vec<Address>,
    /// Currencies.
    pub currencies: Vec<CurrencySpec>,
    /// Ledger accounts with their balances; a balance at genesis is issued money.
    pub accounts: Vec<LedgerAccountSpec>,
}

/// A currency of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrencySpec {
    /// ISO 4217 or private code, three capital letters.
    pub code: String,
    /// Digits after the decimal point; frozen for ever.
    pub exponent: u8,
    /// Name for people and for the ERC-20 face.
    pub name: String,
    /// May issue.
    pub issuer: Address,
    /// Most that may ever be outstanding, in major units as a decimal string.
    pub supply_cap: String,
}

/// A ledger account at genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerAccountSpec {
    /// The account.
    pub id: Address,
    /// Whose transactions may move its money.
    pub owner: Address,
    /// `RETAIL BUSINESS INSTITUTION MERCHANT TREASURY SETTLEMENT CONTRACT`.
    #[serde(rename = "type")]
    pub account_type: String,
    /// ISO 3166-1 alpha-2.
    pub jurisdiction: String,
    /// Home currency.
    pub currency: String,
    /// Balances by currency, in major units as decimal strings.
    #[serde(default)]
    pub balances: BTreeMap<String, String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn no_code(code: &Bytes) -> bool {
    code.is_empty()
}
