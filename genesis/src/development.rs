//! The specification of a development network: well-known keys, two currencies, funded accounts.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256, address, keccak256};
use qenex_types::{
    BaseFee, ChainSpec, CurrencySpec, GenesisAccount, LedgerAccountSpec, LedgerSpec, ValidatorSpec,
};

use crate::predeploys::predeploys;

/// EIP-155 chain id of development networks: 0x5158, "QX".
pub const DEV_CHAIN_ID: u64 = 0x5158;

/// The mnemonic of every Ethereum development network. Its keys are public: never use them elsewhere.
pub const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// The first ten accounts of [`DEV_MNEMONIC`] (path m/44'/60'/0'/0/i).
pub const DEV_ACCOUNTS: [Address; 10] = [
    address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
    address!("0x976EA74026E726554dB657fA54763abd0C3a0aa9"),
    address!("0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
    address!("0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
    address!("0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
];

/// Deploys the contract suite on development networks: account 10 of [`DEV_MNEMONIC`]. Its own, so that the nonces of
/// [`DEV_ACCOUNTS`], and what follows from them, begin at 0.
pub const SUITE_DEPLOYER: Address = address!("0xBcd4042DE499D14e55001CcbB24a551F3b954096");

/// The place of [`SUITE_DEPLOYER`] in the mnemonic.
pub const SUITE_DEPLOYER_INDEX: u32 = 10;

/// A ledger account of the development network that the bank facade can pay from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DemoAccount {
    /// The account.
    #[serde(serialize_with = "checksummed")]
    pub id: Address,
    /// ISO 4217.
    pub currency: String,
    /// Balance at genesis, major units.
    pub balance: String,
}

/// As the bank facade writes addresses (EIP-55).
fn checksummed<S: serde::Serializer>(id: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&id.to_checksum(None))
}

/// The demo accounts that the gateway's key owns.
#[must_use]
pub fn demo_accounts() -> Vec<DemoAccount> {
    [("alice", "USD"), ("bob", "USD"), ("carol", "EUR"), ("dave", "EUR")]
        .into_iter()
        .map(|(name, currency)| DemoAccount {
            id: Address::from_word(keccak256(format!("qenex demo account {name}"))),
            currency: currency.into(),
            balance: "1000000.00".into(),
        })
        .collect()
}

/// Gives [`SUITE_DEPLOYER`] what it needs to deploy the contract suite and to fill it: the admin's role, coins,
/// ledger money.
pub fn prepare_for_suite(spec: &mut ChainSpec) {
    spec.alloc.insert(SUITE_DEPLOYER, coins(10_000_000));
    spec.ledger.more_admins.push(SUITE_DEPLOYER);
    spec.ledger.accounts.push(LedgerAccountSpec {
        id: SUITE_DEPLOYER,
        owner: SUITE_DEPLOYER,
        account_type: "TREASURY".into(),
        jurisdiction: "US".into(),
        currency: "USD".into(),
        balances: amounts(&[("EUR", "10000000.00"), ("USD", "10000000.00")]),
    });
}

/// So many whole coins.
fn coins(amount: u64) -> GenesisAccount {
    GenesisAccount {
        balance: U256::from(amount).saturating_mul(U256::from(10).pow(U256::from(18))),
        ..GenesisAccount::default()
    }
}

fn amounts(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(code, amount)| ((*code).to_owned(), (*amount).to_owned())).collect()
}

/// A network of `validators` whose bank facade signs with the key of `gateway`.
#[must_use]
pub fn development(
    validators: Vec<ValidatorSpec>,
    gateway: Address,
    timestamp_ms: u64,
) -> ChainSpec {
    let mut alloc: BTreeMap<_, _> =
        DEV_ACCOUNTS.into_iter().map(|account| (account, coins(1_000_000))).collect();
    alloc.insert(gateway, coins(1_000_000));
    alloc.extend(predeploys(DEV_CHAIN_ID));
    let currency = |code: &str, name: &str| CurrencySpec {
        code: code.into(),
        exponent: 2,
        name: name.into(),
        issuer: gateway,
        supply_cap: "1000000000000.00".into(),
    };
    let account = |id, owner, account_type: &str, currency: &str, balances| LedgerAccountSpec {
        id,
        owner,
        account_type: account_type.into(),
        jurisdiction: "US".into(),
        currency: currency.into(),
        balances,
    };
    let mut accounts: Vec<_> = demo_accounts()
        .into_iter()
        .map(|demo| {
            let balances = amounts(&[(&demo.currency, &demo.balance)]);
            account(demo.id, gateway, "BUSINESS", &demo.currency, balances)
        })
        .collect();
    accounts.extend(DEV_ACCOUNTS.into_iter().map(|id| {
        let balances = amounts(&[("EUR", "10000.00"), ("USD", "10000.00")]);
        account(id, id, "RETAIL", "USD", balances)
    }));
    ChainSpec {
        name: "qenex-dev".into(),
        chain_id: DEV_CHAIN_ID,
        timestamp_ms,
        gas_limit: 300_000_000,
        base_fee: BaseFee { initial: 1_000_000_000, minimum: 1_000_000 },
        heartbeat_ms: 10_000,
        validators,
        alloc,
        coin_face: None,
        ledger: LedgerSpec {
            admin: gateway,
            more_admins: Vec::new(),
            registrars: vec![gateway],
            currencies: vec![currency("USD", "US Dollar"), currency("EUR", "Euro")],
            accounts,
        },
    }
}
