//! The ERC-20 face of a currency: the ledger's balances as wallets and contracts know them.
//!
//! Owns no state: balances, allowances and supply are the ledger's. `balanceOf` is what may be
//! spent (posted less held), `totalSupply` the supply. A payment of zero moves nothing and emits
//! `Transfer`, as ERC-20 demands. A value of more than 128 bits is more than anybody has:
//! insufficient balance.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{Currency, TransferKind};

use self::abi::ICurrencyToken;
use self::abi::ICurrencyToken::ICurrencyTokenCalls as Calls;
use crate::errors::refuse;
use crate::ledger::case::allowance_slot;
use crate::ledger::order::{Authority, Order};
use crate::ledger::post::post_at_once;
use crate::ledger::records::NONCES;
use crate::ledger::{balance, describe, registered};
use crate::registry::{Engine, decode_call, face_currency};
use crate::{Call, EngineError, Host, IQenexErrors, Refusal, face_address};

pub mod abi;
mod permit;
#[cfg(test)]
mod tests;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "ICurrencyToken",
    address: None,
    abi: ICurrencyToken::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let code = FixedBytes::<3>::from(face_currency(call.address).map_or([0; 3], Currency::code));
    let calls = decode_call::<Calls>(call.input)?;
    let (currency, slots) = registered(host, code)?;
    match calls {
        Calls::name(_) => {
            let name = slots.name.load(host)?.into_string();
            Ok(ICurrencyToken::nameCall::abi_encode_returns(&name))
        }
        Calls::symbol(_) => {
            Ok(ICurrencyToken::symbolCall::abi_encode_returns(&currency.to_string()))
        }
        Calls::decimals(_) => {
            let exponent = describe(host, code)?.exponent;
            Ok(ICurrencyToken::decimalsCall::abi_encode_returns(&exponent))
        }
        Calls::totalSupply(_) => {
            let supply = U256::from(slots.outstanding.load(host)?.supply);
            Ok(ICurrencyToken::totalSupplyCall::abi_encode_returns(&supply))
        }
        Calls::balanceOf(c) => {
            let available = U256::from(balance(host, c.account, currency)?.available());
            Ok(ICurrencyToken::balanceOfCall::abi_encode_returns(&available))
        }
        Calls::allowance(c) => {
            let allowance = allowance_slot(host, currency, c.owner, c.spender)?.load(host)?;
            Ok(ICurrencyToken::allowanceCall::abi_encode_returns(&allowance))
        }
        Calls::approve(c) => {
            approve(host, currency, call.caller, &c)?;
            Ok(ICurrencyToken::approveCall::abi_encode_returns(&true))
        }
        Calls::permit(c) => {
            permit::permit(host, currency, &slots, &c)?;
            Ok(Vec::new())
        }
        Calls::nonces(c) => {
            let nonce = NONCES.at(host, &currency)?.at(host, &c.owner)?.load(host)?;
            Ok(ICurrencyToken::noncesCall::abi_encode_returns(&U256::from(nonce)))
        }
        Calls::DOMAIN_SEPARATOR(_) => {
            let domain = permit::domain(host, currency, &slots)?;
            Ok(ICurrencyToken::DOMAIN_SEPARATORCall::abi_encode_returns(&domain))
        }
        Calls::transfer(c) => {
            let authority = Authority::Caller(call.caller);
            pay(
                host,
                currency,
                &Payment { from: call.caller, to: c.to, value: c.value, authority },
            )?;
            Ok(ICurrencyToken::transferCall::abi_encode_returns(&true))
        }
        Calls::transferFrom(c) => {
            let authority = Authority::Allowance { spender: call.caller, value: c.value };
            pay(host, currency, &Payment { from: c.from, to: c.to, value: c.value, authority })?;
            Ok(ICurrencyToken::transferFromCall::abi_encode_returns(&true))
        }
    }
}

fn approve(
    host: &mut dyn Host,
    currency: Currency,
    owner: Address,
    call: &ICurrencyToken::approveCall,
) -> Result<(), EngineError> {
    let &ICurrencyToken::approveCall { spender, value } = call;
    if spender.is_zero() {
        return refuse(IQenexErrors::ERC20InvalidSpender { spender });
    }
    set_allowance(host, currency, owner, spender, value)
}

/// Writes an allowance and says so.
fn set_allowance(
    host: &mut dyn Host,
    currency: Currency,
    owner: Address,
    spender: Address,
    value: U256,
) -> Result<(), EngineError> {
    allowance_slot(host, currency, owner, spender)?.store(host, &value)?;
    let event = ICurrencyToken::Approval { owner, spender, value };
    Ok(host.log(face_address(currency), event.encode_log_data())?)
}

/// A payment as ERC-20 asks for it.
struct Payment {
    from: Address,
    to: Address,
    value: U256,
    authority: Authority,
}

fn pay(host: &mut dyn Host, currency: Currency, payment: &Payment) -> Result<(), EngineError> {
    let &Payment { from, to, value, authority } = payment;
    if from.is_zero() {
        return refuse(IQenexErrors::ERC20InvalidSender { sender: from });
    }
    if to.is_zero() {
        return refuse(IQenexErrors::ERC20InvalidReceiver { receiver: to });
    }
    // A value of more than 128 bits is judged as the greatest amount, and then refused.
    let amount = u128::try_from(value);
    let order = Order {
        kind: TransferKind::Transfer,
        account: from,
        reference: None,
        to,
        currency: currency.into(),
        amount: amount.unwrap_or(u128::MAX),
        expires: 0,
        end_to_end_id: B256::ZERO,
        payload_hash: B256::ZERO,
    };
    let available = match post_at_once(host, &order, authority) {
        Err(EngineError::Refused(Refusal::InsufficientFunds(e))) => e.available,
        Ok(_) if amount.is_err() => u128::MAX,
        other => return other.map(drop),
    };
    let balance = U256::from(available);
    refuse(IQenexErrors::ERC20InsufficientBalance { sender: from, balance, needed: value })
}
