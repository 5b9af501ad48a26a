//! What the node prints at its start: who has money, and where the engines are.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use alloy_primitives::{Address, hex};
use anyhow::Result;
use qenex_genesis::{DEV_MNEMONIC, demo_accounts};
use qenex_precompiles::{
    ACCESS, ACCOUNTS, COMPLIANCE, LEDGER, NATIVE_COIN, ORACLE, PQ_VERIFY, RISK, SETTLEMENT,
    face_address,
};
use qenex_rpc_eth::Mining;
use qenex_types::ChainSpec;

use super::{Options, signers};
use crate::suite::{ADDRESSES, Published, Suite};

/// The text.
pub(super) struct Welcome<'a> {
    pub(super) spec: &'a ChainSpec,
    pub(super) address: SocketAddr,
    pub(super) options: &'a Options,
}

/// Of the suite, if the chain has it.
fn contracts(spec: &ChainSpec) -> Result<Option<BTreeMap<String, Address>>> {
    let suite = Suite::of(spec)?;
    let published: Published = serde_json::from_str(ADDRESSES)?;
    Ok(suite.map(|_| published.contracts))
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, address, options } = self;
        writeln!(
            f,
            "QENEX development node: its keys are public, never send it anything of value\n"
        )?;
        let signers = signers().unwrap_or_default();
        writeln!(f, "Accounts, 1,000,000 QXC each and 10,000 USD and EUR in the ledger")?;
        for (index, signer) in signers.iter().enumerate() {
            writeln!(f, "  ({index}) {}", signer.address())?;
        }
        writeln!(f, "\nPrivate keys")?;
        for (index, signer) in signers.iter().enumerate() {
            writeln!(f, "  ({index}) {}", hex::encode_prefixed(signer.to_bytes()))?;
        }
        writeln!(f, "\nMnemonic\n  {DEV_MNEMONIC}\n  m/44'/60'/0'/0/")?;
        writeln!(f, "\nLedger accounts of (0), who is administrator, registrar and issuer")?;
        for account in demo_accounts() {
            writeln!(f, "  {} {} {}", account.id, account.balance, account.currency)?;
        }
        writeln!(f, "\nEngines")?;
        for (name, engine) in [
            ("Accounts", ACCOUNTS),
            ("Ledger", LEDGER),
            ("Compliance", COMPLIANCE),
            ("Risk", RISK),
            ("Settlement", SETTLEMENT),
            ("Oracle", ORACLE),
            ("Access", ACCESS),
            ("PqVerify", PQ_VERIFY),
            ("NativeCoin", NATIVE_COIN),
        ] {
            writeln!(f, "  {name:<10} {engine}")?;
        }
        for currency in &spec.ledger.currencies {
            if let Ok(code) = currency.code.parse() {
                writeln!(
                    f,
                    "  {:<10} {}",
                    format!("ERC-20 {}", currency.code),
                    face_address(code)
                )?;
            }
        }
        if let Ok(Some(contracts)) = contracts(spec) {
            writeln!(f, "\nContracts, deployed by account 10 of the mnemonic")?;
            for (name, address) in contracts {
                writeln!(f, "  {name:<16} {address}")?;
            }
        }
        writeln!(f, "\nChain id   {}", spec.chain_id)?;
        writeln!(f, "Gas limit  {}", spec.gas_limit)?;
        match options.mining {
            Mining::Auto => writeln!(f, "Blocks     one for each transaction, at once")?,
            Mining::Interval(seconds) => writeln!(f, "Blocks     every {seconds} s")?,
            Mining::Manual => writeln!(f, "Blocks     when asked for")?,
        }
        match &options.datadir {
            Some(folder) => writeln!(f, "Data       {}", folder.display())?,
            None => writeln!(f, "Data       gone when the node stops")?,
        }
        writeln!(f, "\nListening on http://{address} and ws://{address}")
    }
}
