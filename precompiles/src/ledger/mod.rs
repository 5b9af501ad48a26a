//! Ledger: currencies, balances and transfers, all money through one posting function (`post.rs`).
//!
//! The way of an order: `order.rs` what is asked, `case.rs` everything read that decides, `checks.rs` the
//! verdicts, `post.rs` what is written. What waits (holds, approvals, reviews) goes on in `pending.rs`;
//! `reverse.rs` gives back, `batch.rs` takes many, `signed.rs` takes them from keys, `explain.rs` only
//! tells. `foresight.rs` lets the host work ahead of a batch.
//!
//! Invariants: per currency, the sum of posted balances is the supply; `held <= posted`; a client
//! reference settles at most once. `../../histories` checks them after random histories.
//!
//! A customer's transfer touches these storage slots: two profile heads, one word of the currency's
//! terms, one of the risk rules', two balances, two flows, a habit and a pair, and two to four words of
//! the transfer's record: 12 without memo (a test counts them). When a balance leaves or reaches zero, the
//! holdings of that account come on top.

use alloy_primitives::{Address, B256, FixedBytes};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{Currency, MAX_EXPONENT, TransferKind};

use self::abi::ILedger;
use self::abi::ILedger::ILedgerCalls as Calls;
use self::order::{Authority, Order, Posted, client_reference};
use self::post::post;
use self::records::{
    BALANCES, Balance, CURRENCIES, CurrencySlots, HOLDINGS, LATEST, Outstanding, PREVIOUS,
    Reference, Terms,
};
use crate::access::{self, Role};
use crate::errors::{refusal, refuse};
use crate::registry::{Engine, LEDGER, decode_call};
use crate::storage::ShortString;
use crate::{
    Call, EngineError, Host, HostError, IQenexErrors, compliance, face_address, gas, is_engine,
    risk,
};

pub mod abi;
mod batch;
pub(crate) mod case;
pub(crate) mod checks;
mod explain;
mod foresight;
pub(crate) mod order;
pub(crate) mod pending;
pub(crate) mod post;
pub mod records;
mod reverse;
pub(crate) mod signed;
#[cfg(test)]
mod tests;

pub use signed::order_digest;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "ILedger",
    address: Some(LEDGER),
    abi: ILedger::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let caller = call.caller;
    let calls = decode_call::<Calls>(call.input)?;
    match calls {
        Calls::registerCurrency(c) => {
            access::require_approved(host, Role::Admin, call)?;
            register_currency(host, c)?;
        }
        Calls::setCurrencyActive(c) => {
            access::require_approved(host, Role::Admin, call)?;
            set_currency_active(host, c.code, c.active)?;
        }
        Calls::setCap(c) => {
            access::require_approved(host, Role::Admin, call)?;
            set_cap(host, c.code, c.cap)?;
        }
        Calls::issue(c) => {
            let id = issue(host, caller, &c)?;
            return Ok(ILedger::issueCall::abi_encode_returns(&id));
        }
        Calls::redeem(c) => {
            let order = ILedger::Order {
                clientReference: c.clientReference,
                kind: TransferKind::Redeem.number(),
                from: c.from,
                to: Address::ZERO,
                currency: c.currency,
                amount: c.amount,
                expires: 0,
                endToEndId: B256::ZERO,
                payloadHash: B256::ZERO,
            };
            let posted = given(host, caller, &order)?;
            return Ok(ILedger::redeemCall::abi_encode_returns(&posted.id));
        }
        Calls::transfer(c) => {
            let order = ILedger::Order {
                clientReference: c.clientReference,
                kind: TransferKind::Transfer.number(),
                from: c.from,
                to: c.to,
                currency: c.currency,
                amount: c.amount,
                expires: 0,
                endToEndId: c.endToEndId,
                payloadHash: c.payloadHash,
            };
            let posted = given(host, caller, &order)?;
            return Ok(ILedger::transferCall::abi_encode_returns(&posted.id));
        }
        Calls::hold(c) => {
            let order = ILedger::Order {
                clientReference: c.clientReference,
                kind: TransferKind::Hold.number(),
                from: c.from,
                to: c.to,
                currency: c.currency,
                amount: c.amount,
                expires: c.expires,
                endToEndId: c.endToEndId,
                payloadHash: c.payloadHash,
            };
            let posted = given(host, caller, &order)?;
            return Ok(ILedger::holdCall::abi_encode_returns(&posted.id));
        }
        Calls::capture(c) => pending::capture(host, caller, &c)?,
        Calls::voidHold(c) => pending::void(host, caller, &c)?,
        Calls::expire(c) => pending::expire(host, caller, &c)?,
        Calls::approve(c) => pending::approve(host, caller, &c)?,
        Calls::disapprove(c) => pending::disapprove(host, caller, &c)?,
        Calls::decide(c) => pending::decide(host, caller, &c)?,
        Calls::reverse(c) => {
            let posted = reverse::reverse(host, caller, &c)?;
            return Ok(ILedger::reverseCall::abi_encode_returns(&posted.id));
        }
        Calls::batch(c) => {
            let results = batch::batch(host, caller, &c.orders)?;
            return Ok(ILedger::batchCall::abi_encode_returns(&results));
        }
        Calls::atomic(c) => {
            let results = batch::atomic(host, caller, &c.orders)?;
            return Ok(ILedger::atomicCall::abi_encode_returns(&results));
        }
        Calls::submit(c) => {
            let results = batch::submit(host, &c.orders)?;
            return Ok(ILedger::submitCall::abi_encode_returns(&results));
        }
        view => return answer(host, view),
    }
    Ok(Vec::new())
}

/// Answers the functions that only read.
fn answer(host: &mut dyn Host, calls: Calls) -> Result<Vec<u8>, EngineError> {
    Ok(match calls {
        Calls::explain(c) => {
            let explanation = explain::explain(host, c.caller, &c.order)?;
            ILedger::explainCall::abi_encode_returns(&explanation)
        }
        Calls::digest(c) => {
            gas::charge_keccak(host, 1_024)?;
            let domain = signed::domain(host.block().chain_id);
            let digest = signed::digest(&domain, &c.order, c.validAfter, c.validBefore);
            ILedger::digestCall::abi_encode_returns(&digest)
        }
        Calls::balanceOf(c) => {
            let (currency, _) = registered(host, c.currency)?;
            let balance = balance(host, c.account, currency)?;
            ILedger::balanceOfCall::abi_encode_returns(&ILedger::balanceOfReturn {
                posted: balance.posted,
                held: balance.held,
                available: balance.available(),
            })
        }
        Calls::currency(c) => {
            let terms = describe(host, c.code)?;
            ILedger::currencyCall::abi_encode_returns(&terms)
        }
        Calls::currencies(_) => {
            let codes = currencies(host)?.into_iter().map(FixedBytes::from).collect();
            ILedger::currenciesCall::abi_encode_returns(&codes)
        }
        Calls::supply(c) => {
            let (_, slots) = registered(host, c.code)?;
            let supply = slots.outstanding.load(host)?.supply;
            ILedger::supplyCall::abi_encode_returns(&supply)
        }
        Calls::transferOf(c) => {
            let record = transfer_of(host, c.account, c.clientReference)?;
            ILedger::transferOfCall::abi_encode_returns(&record)
        }
        Calls::hasApproved(c) => {
            let transfer = pending::Transfer::load(host, c.account, c.clientReference)?;
            let approved = pending::has_approved(host, transfer.record.id, c.approver)?;
            ILedger::hasApprovedCall::abi_encode_returns(&approved)
        }
        // `dispatch` carries out the rest.
        _ => return refuse(IQenexErrors::MalformedCall {}),
    })
}

/// Carries out an order of the caller.
fn given(
    host: &mut dyn Host,
    caller: Address,
    order: &ILedger::Order,
) -> Result<Posted, EngineError> {
    post(host, &Order::try_from(order)?, Authority::Caller(caller))
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
    slots.terms.store(host, &Terms { issuer, exponent })?;
    slots.outstanding.store(host, &Outstanding { supply: 0, cap })?;
    slots.name.store(host, &stored_name)?;
    let previous = LATEST.load(host)?;
    PREVIOUS.at(host, &currency)?.store(host, &previous)?;
    LATEST.store(host, &Some(currency))?;
    compliance::open_currency(host, currency, exponent)?;
    risk::open_currency(host, currency)?;
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
    let (currency, _) = registered(host, code)?;
    compliance::set_active(host, currency, active)?;
    let event = ILedger::CurrencyStatusSet { currency: code, active };
    Ok(host.log(LEDGER, event.encode_log_data())?)
}

fn set_cap(host: &mut dyn Host, code: FixedBytes<3>, cap: u128) -> Result<(), EngineError> {
    let (_, slots) = registered(host, code)?;
    let outstanding = slots.outstanding.load(host)?;
    if cap < outstanding.supply {
        let supply = outstanding.supply;
        return refuse(IQenexErrors::SupplyCapExceeded { cap, supply, amount: 0 });
    }
    slots.outstanding.store(host, &Outstanding { cap, ..outstanding })?;
    let event = ILedger::CapChanged { currency: code, cap };
    Ok(host.log(LEDGER, event.encode_log_data())?)
}

/// Issues money, if `caller` is the currency's issuer.
pub(crate) fn issue(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::issueCall,
) -> Result<B256, EngineError> {
    let order = Order {
        kind: TransferKind::Issue,
        account: caller,
        reference: Some(client_reference(call.clientReference)?),
        to: call.to,
        currency: call.currency,
        amount: call.amount,
        expires: 0,
        end_to_end_id: B256::ZERO,
        payload_hash: B256::ZERO,
    };
    post(host, &order, Authority::Issuer(caller)).map(|posted| posted.id)
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

/// All currencies, the last registered first.
pub(crate) fn currencies(host: &mut dyn Host) -> Result<Vec<Currency>, HostError> {
    let mut all = Vec::new();
    let mut next = LATEST.load(host)?;
    while let Some(currency) = next {
        all.push(currency);
        next = PREVIOUS.at(host, &currency)?.load(host)?;
    }
    Ok(all)
}

/// A currency as the interface shows it.
pub(crate) fn describe(
    host: &mut dyn Host,
    code: FixedBytes<3>,
) -> Result<ILedger::currencyReturn, EngineError> {
    let (currency, slots) = registered(host, code)?;
    let terms = slots.terms.load(host)?;
    let name = slots.name.load(host)?.into_string();
    let cap = slots.outstanding.load(host)?.cap;
    Ok(ILedger::currencyReturn {
        exponent: terms.exponent,
        name,
        issuer: terms.issuer,
        cap,
        active: compliance::class(host, currency, 0)?.active,
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
) -> Result<ILedger::Transfer, EngineError> {
    let pending::Transfer { record, parties, settlement, currency, kind, status, .. } =
        pending::Transfer::load(host, account, reference)?;
    let progress = record.slots.progress.load(host)?;
    let waiting = record.slots.pending.load(host)?;
    Ok(ILedger::Transfer {
        id: record.id,
        from: if kind == TransferKind::Issue { Address::ZERO } else { account },
        to: parties.to,
        currency: currency.into(),
        amount: settlement.amount,
        kind: kind.number(),
        status: status.number(),
        authorisation: parties.authorisation.map_or(0, qenex_types::Authorisation::number),
        score: parties.score,
        rules: parties.rules,
        blockNumber: settlement.block.get(),
        timestamp: settlement.timestamp.get(),
        expires: settlement.expires.get(),
        endToEndId: record.slots.end_to_end_id.load(host)?,
        payloadHash: record.slots.payload_hash.load(host)?,
        captured: progress.captured,
        reversed: progress.reversed,
        approvals: waiting.approvals,
        approvalsNeeded: waiting.required,
    })
}
