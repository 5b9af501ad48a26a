//! The ledger at genesis: the specification, carried out by the engines' own functions.

use std::collections::BTreeMap;

use alloy_primitives::{Address, FixedBytes, U256, keccak256};
use qenex_types::{AccountStatus, AccountType, Amount, AmountError, Currency, LedgerSpec, Role};

use crate::access;
use crate::accounts::profile::{self, Opening};
use crate::errors::EngineError;
use crate::{Block, Host, ILedger, MemoryHost, engine_addresses, ledger};

/// Why a specification is not a ledger.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The engine refused an entry.
    #[error("{entry}: {source}")]
    Refused {
        /// Which entry.
        entry: String,
        /// Why.
        source: EngineError,
    },
    /// An entry cannot be read.
    #[error("{entry}: {reason}")]
    Malformed {
        /// Which entry.
        entry: String,
        /// Why.
        reason: String,
    },
}

/// The storage of every engine and face at genesis. All of them, also those without storage, need
/// [`crate::ENGINE_CODE`] and [`crate::ENGINE_NONCE`].
///
/// `block` is the genesis block: its time is when the accounts were opened.
///
/// # Errors
///
/// [`GenesisError`] names the entry that is wrong.
pub fn genesis(
    spec: &LedgerSpec,
    block: Block,
) -> Result<BTreeMap<Address, BTreeMap<U256, U256>>, GenesisError> {
    let mut host = MemoryHost::new(block);
    carry_out(&mut host, spec)?;
    let marked: Vec<Address> = engine_addresses().chain(host.marks().iter().copied()).collect();
    let mut storage = host.into_storage();
    for address in marked {
        storage.entry(address).or_default();
    }
    Ok(storage)
}

/// Carries out a specification on an empty chain: roles, currencies, accounts, balances.
///
/// # Errors
///
/// As [`genesis`].
pub(crate) fn carry_out(host: &mut dyn Host, spec: &LedgerSpec) -> Result<(), GenesisError> {
    // A ledger without an admin is one that nobody rules.
    if !spec.admin.is_zero() {
        access::grant(host, Role::Admin, spec.admin, spec.admin)
            .map_err(|e| refused("admin", e))?;
    }
    for admin in &spec.more_admins {
        access::grant(host, Role::Admin, *admin, spec.admin)
            .map_err(|e| refused(&format!("admin {admin}"), e))?;
    }
    for registrar in &spec.registrars {
        access::grant(host, Role::Registrar, *registrar, spec.admin)
            .map_err(|e| refused(&format!("registrar {registrar}"), e))?;
    }
    for currency in &spec.currencies {
        let entry = format!("currency {}", currency.code);
        let code = parse_currency(&entry, &currency.code)?;
        let cap = parse_amount(&entry, &currency.supply_cap, currency.exponent)?;
        let call = ILedger::registerCurrencyCall {
            code: code.into(),
            exponent: currency.exponent,
            name: currency.name.clone(),
            issuer: currency.issuer,
            cap: cap.minor(),
        };
        ledger::register_currency(host, call).map_err(|e| refused(&entry, e))?;
    }
    for account in &spec.accounts {
        let entry = format!("account {}", account.id);
        let account_type: AccountType =
            account.account_type.parse().map_err(|e| malformed(&entry, e))?;
        let jurisdiction = <[u8; 2]>::try_from(account.jurisdiction.as_bytes())
            .map_err(|_| malformed(&entry, "a jurisdiction is two letters"))?;
        let opening = Opening {
            account: account.id,
            owner: account.owner,
            account_type: account_type.number(),
            jurisdiction: FixedBytes::new(jurisdiction),
            home_currency: parse_currency(&entry, &account.currency)?.into(),
        };
        profile::open(host, &opening, AccountStatus::Active).map_err(|e| refused(&entry, e))?;
        for (code, balance) in &account.balances {
            let entry = format!("{entry}, balance in {code}");
            issue(host, &entry, account.id, code, balance)?;
        }
    }
    Ok(())
}

fn issue(
    host: &mut dyn Host,
    entry: &str,
    to: Address,
    code: &str,
    balance: &str,
) -> Result<(), GenesisError> {
    let currency = parse_currency(entry, code)?;
    let terms = ledger::describe(host, currency.into()).map_err(|e| refused(entry, e))?;
    let amount = parse_amount(entry, balance, terms.exponent)?;
    if amount == Amount::ZERO {
        return Ok(());
    }
    // The issuer's reference of a genesis balance: unique per account and currency.
    let digest = keccak256([b"genesis".as_slice(), to.as_slice(), &currency.code()].concat());
    let call = ILedger::issueCall {
        clientReference: FixedBytes::from_slice(&digest[..16]),
        to,
        currency: currency.into(),
        amount: amount.minor(),
    };
    ledger::issue(host, terms.issuer, &call).map(drop).map_err(|e| refused(entry, e))
}

fn parse_currency(entry: &str, code: &str) -> Result<Currency, GenesisError> {
    code.parse().map_err(|e| malformed(entry, e))
}

fn parse_amount(entry: &str, text: &str, exponent: u8) -> Result<Amount, GenesisError> {
    Amount::parse(text, exponent)
        .map_err(|e: AmountError| malformed(entry, format!("{text:?}: {e}")))
}

fn refused(entry: &str, source: impl Into<EngineError>) -> GenesisError {
    GenesisError::Refused { entry: entry.to_owned(), source: source.into() }
}

fn malformed(entry: &str, reason: impl ToString) -> GenesisError {
    GenesisError::Malformed { entry: entry.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
