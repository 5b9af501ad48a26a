//! Ledger: currencies, balances and transfers, all money through one posting function (`post.rs`).
//!
//! Invariants: per currency, the sum of posted balances is the supply; `held <= posted`; a client
//! reference settles at most once. `../invariants.rs` checks them after random histories.
//!
//! A transfer touches these storage slots: two profile heads, the currency's terms, two balances,
//! two to four words of the transfer's record, and, only when a balance leaves or reaches zero, the
//! holdings of that account: 7 to 11 (a test counts them). An issue has one profile less and the
//! supply more.

use alloy_primitives::{Address, B256, FixedBytes};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{Currency, MAX_EXPONENT, TransferKind};

use self::abi::ILedger;
use self::abi::ILedger::ILedgerCalls as Calls;
use self::post::{Authority, Posting, post};
use self::records::{
    BALANCES, Balance, CURRENCIES, CurrencySlots, HOLDINGS, Outstanding, Reference, TRANSFERS,
    Terms, transfer_id,
};
use crate::errors::{refusal, refuse};
use crate::registry::{Engine, LEDGER, decode_call};
use crate::storage::ShortString;
use crate::{
    Call, EngineError, Host, HostError, IQenexErrors, accounts, face_address, gas, is_engine,
};

pub mod abi;
pub(crate) mod post;
pub mod records;
#[cfg(test)]
mod tests;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "ILedger",
    address: Some(LEDGER),
    abi: ILedger::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    match decode_call::<Calls>(call.input)? {
        Calls::registerCurrency(c) => {
            accounts::require_admin(host, call.caller)?;
            register_currency(host, c)?;
            Ok(Vec::new())
        }
        Calls::setCurrencyActive(c) => {
            accounts::require_admin(host, call.caller)?;
            set_currency_active(host, c.code, c.active)?;
            Ok(Vec::new())
        }
        Calls::issue(c) => {
            let id = issue(host, call.caller, &c)?;
            Ok(ILedger::issueCall::abi_encode_returns(&id))
        }
        Calls::transfer(c) => {
            let posting = Posting {
                kind: TransferKind::Transfer,
                account: c.from,
                reference: Some(c.clientReference),
                to: c.to,
                currency: c.currency,
                amount: c.amount,
                end_to_end_id: c.endToEndId,
                payload_hash: c.payloadHash,
                authority: Authority::Owner(call.caller),
            };
            let id = post(host, &posting)?;
            Ok(ILedger::transferCall::abi_encode_returns(&id))
        }
        Calls::balanceOf(c) => {
            let (currency, _) = registered(host, c.currency)?;
            let balance = balance(host, c.account, currency)?;
            Ok(ILedger::balanceOfCall::abi_encode_returns(&ILedger::balanceOfReturn {
                posted: balance.posted,
                held: balance.held,
                available: balance.available(),
            }))
        }
        Calls::currency(c) => {
            let terms = describe(host, c.code)?;
            Ok(ILedger::currencyCall::abi_encode_returns(&terms))
        }
        Calls::supply(c) => {
            let (_, slots) = registered(host, c.code)?;
            let supply = slots.outstanding.load(host)?.supply;
            Ok(ILedger::supplyCall::abi_encode_returns(&supply))
        }
        Calls::transferOf(c) => {
            let record = transfer_of(host, c.account, c.clientReference)?;
            Ok(ILedger::transferOfCall::abi_encode_returns(&record))
        }
    }
}

/// Registers a currency, for a caller who may.
pub(crate) fn register_currency(
    host: &mut dyn Host,
    call: ILedger::registerCurrencyCall,
) -> Result<(), EngineError> {
    // Check.
    let ILedger::registerCurrencyCall { code, exponent, name, issuer, cap } = call;
    let currency = Currency::try_from(code)
        .map_err(|_| refusal(IQenexErrors::InvalidCurrencyCode { currency: code }))?;
    if exponent > MAX_EXPONENT {
        return refuse(IQenexErrors::InvalidExponent { exponent });
    }
    let stored_name = Some(name.clone())
        .filter(|name| !name.is_empty())
        .and_then(ShortString::new)
        .ok_or_else(|| refusal(IQenexErrors::InvalidName {}))?;
    if issuer.is_zero() || is_engine(issuer) {
        return refuse(IQenexErrors::InvalidAccount { account: issuer });
    }
    let slots = CURRENCIES.at(host, &currency)?;
    if !slots.terms.load(host)?.issuer.is_zero() {
        return refuse(IQenexErrors::CurrencyExists { currency: code });
    }

    // Write.
    slots.terms.store(host, &Terms { issuer, exponent, active: true })?;
    slots.outstanding.store(host, &Outstanding { supply: 0, cap })?;
    slots.name.store(host, &stored_name)?;
    host.charge(gas::MARK)?;
    host.mark(face_address(currency))?;

    // Emit.
    let event = ILedger::CurrencyRegistered { currency: code, exponent, name, issuer, cap };
    Ok(host.log(LEDGER, event.encode_log_data())?)
}

fn set_currency_active(
    host: &mut dyn Host,
    code: FixedBytes<3>,
    active: bool,
) -> Result<(), EngineError> {
    let (_, slots) = registered(host, code)?;
    let terms = slots.terms.load(host)?;
    slots.terms.store(host, &Terms { active, ..terms })?;
    let event = ILedger::CurrencyStatusSet { currency: code, active };
    Ok(host.log(LEDGER, event.encode_log_data())?)
}

/// Issues money, if `caller` is the currency's issuer.
pub(crate) fn issue(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::issueCall,
) -> Result<B256, EngineError> {
    let posting = Posting {
        kind: TransferKind::Issue,
        account: caller,
        reference: Some(call.clientReference),
        to: call.to,
        currency: call.currency,
        amount: call.amount,
        end_to_end_id: B256::ZERO,
        payload_hash: B256::ZERO,
        authority: Authority::Issuer(caller),
    };
    post(host, &posting)
}

/// The currency of a code, unless it is not registered.
pub(crate) fn registered(
    host: &mut dyn Host,
    code: FixedBytes<3>,
) -> Result<(Currency, CurrencySlots), EngineError> {
    let unknown = || refusal(IQenexErrors::UnknownCurrency { currency: code });
    let currency = Currency::try_from(code).map_err(|_| unknown())?;
    let slots = CURRENCIES.at(host, &currency)?;
    if slots.terms.load(host)?.issuer.is_zero() {
        return Err(unknown());
    }
    Ok((currency, slots))
}

/// A currency as the interface shows it.
pub(crate) fn describe(
    host: &mut dyn Host,
    code: FixedBytes<3>,
) -> Result<ILedger::currencyReturn, EngineError> {
    let (_, slots) = registered(host, code)?;
    let terms = slots.terms.load(host)?;
    let name = slots.name.load(host)?.into_string();
    let cap = slots.outstanding.load(host)?.cap;
    Ok(ILedger::currencyReturn {
        exponent: terms.exponent,
        name,
        issuer: terms.issuer,
        cap,
        active: terms.active,
    })
}

/// The balance of an account, known or not.
pub(crate) fn balance(
    host: &mut dyn Host,
    account: Address,
    currency: Currency,
) -> Result<Balance, HostError> {
    BALANCES.at(host, &account)?.at(host, &currency)?.load(host)
}

/// Whether an account has money in any currency.
pub(crate) fn holds_money(host: &mut dyn Host, account: Address) -> Result<bool, HostError> {
    Ok(HOLDINGS.at(host, &account)?.load(host)? > 0)
}

fn transfer_of(
    host: &mut dyn Host,
    account: Address,
    reference: Reference,
) -> Result<ILedger::transferOfReturn, EngineError> {
    gas::charge_keccak(host, 36)?;
    let id = transfer_id(account, reference);
    let slots = TRANSFERS.at(host, &id)?;
    let parties = slots.parties.load(host)?;
    let (Some(kind), Some(status)) = (parties.kind, parties.status) else {
        return refuse(IQenexErrors::TransferNotFound { account, clientReference: reference });
    };
    let settlement = slots.settlement.load(host)?;
    Ok(ILedger::transferOfReturn {
        id,
        from: if kind == TransferKind::Issue { Address::ZERO } else { account },
        to: parties.to,
        currency: parties.currency.map(Into::into).unwrap_or_default(),
        amount: settlement.amount,
        kind: kind.number(),
        status: status.number(),
        blockNumber: settlement.block,
        timestamp: settlement.timestamp,
        endToEndId: slots.end_to_end_id.load(host)?,
        payloadHash: slots.payload_hash.load(host)?,
    })
}
