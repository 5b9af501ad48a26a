//! A step as a call of an engine.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::SolCall;
use qenex_precompiles::{COMPLIANCE, ICompliance, ICurrencyToken, ILedger, LEDGER, face_address};

use crate::setting::{CURRENCIES, PARTIES};
use crate::steps::{Pay, Step};
use crate::world::{ISSUER, OFFICER, STRANGER, freezing, reference, u};

fn order(pay: &Pay, now: u64) -> ILedger::Order {
    ILedger::Order {
        clientReference: reference(pay.reference),
        kind: if pay.hold { 3 } else { 1 },
        from: PARTIES[pay.from],
        to: PARTIES[pay.to],
        currency: CURRENCIES[pay.currency],
        amount: pay.amount,
        expires: if pay.hold { now + pay.lasts } else { 0 },
        endToEndId: B256::repeat_byte(pay.memo),
        payloadHash: B256::repeat_byte(pay.memo / 2),
    }
}

/// The transaction of a step: caller, engine, call data. Time passes without one.
pub fn transaction(step: &Step, now: u64) -> Option<(Address, Address, Vec<u8>)> {
    let face = |currency: usize| face_address(CURRENCIES[currency].try_into().unwrap());
    let value = |amount: u128| if amount == u128::MAX { U256::MAX } else { u(amount) };
    Some(match *step {
        Step::Issue { reference: n, to, currency, amount } => {
            let (to, currency) = (PARTIES[to], CURRENCIES[currency]);
            let call = ILedger::issueCall { clientReference: reference(n), to, currency, amount };
            (ISSUER, LEDGER, call.abi_encode())
        }
        Step::Redeem { reference: n, from, currency, amount } => {
            let call = ILedger::redeemCall {
                clientReference: reference(n),
                from: PARTIES[from],
                currency: CURRENCIES[currency],
                amount,
            };
            (ISSUER, LEDGER, call.abi_encode())
        }
        Step::Pay(ref pay) if pay.hold => {
            let order = order(pay, now);
            let call = ILedger::holdCall {
                clientReference: order.clientReference,
                from: order.from,
                to: order.to,
                currency: order.currency,
                amount: order.amount,
                expires: order.expires,
                endToEndId: order.endToEndId,
                payloadHash: order.payloadHash,
            };
            (pay.actor, LEDGER, call.abi_encode())
        }
        Step::Pay(ref pay) => {
            let order = order(pay, now);
            let call = ILedger::transferCall {
                clientReference: order.clientReference,
                from: order.from,
                to: order.to,
                currency: order.currency,
                amount: order.amount,
                endToEndId: order.endToEndId,
                payloadHash: order.payloadHash,
            };
            (pay.actor, LEDGER, call.abi_encode())
        }
        Step::Batch { actor, ref pays } => {
            let orders = pays.iter().map(|pay| order(pay, now)).collect();
            (actor, LEDGER, ILedger::batchCall { orders }.abi_encode())
        }
        Step::Capture { actor, payer, reference: n, amount } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::captureCall { account, clientReference: reference, amount };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Void { actor, payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::voidHoldCall { account, clientReference: reference };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Expire { payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::expireCall { account, clientReference: reference };
            (STRANGER, LEDGER, call.abi_encode())
        }
        Step::Reverse { actor, reference: n, payer, original, amount } => {
            let call = ILedger::reverseCall {
                clientReference: reference(n),
                payer: PARTIES[payer],
                original: reference(original),
                amount,
                reason: FixedBytes(*b"CUST"),
            };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Approve { actor, payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::approveCall { account, clientReference: reference };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Disapprove { actor, payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::disapproveCall { account, clientReference: reference };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Decide { actor, payer, reference: n, accept } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::decideCall { account, clientReference: reference, accept };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Send { from, to, currency, amount } => {
            let call = ICurrencyToken::transferCall { to: PARTIES[to], value: u(amount) };
            (PARTIES[from], face(currency), call.abi_encode())
        }
        Step::Allow { owner, spender, currency, amount } => {
            let (spender, value) = (PARTIES[spender], value(amount));
            let call = ICurrencyToken::approveCall { spender, value };
            (PARTIES[owner], face(currency), call.abi_encode())
        }
        Step::SendFrom { spender, from, to, currency, amount } => {
            let (from, to) = (PARTIES[from], PARTIES[to]);
            let call = ICurrencyToken::transferFromCall { from, to, value: u(amount) };
            (PARTIES[spender], face(currency), call.abi_encode())
        }
        Step::Freeze { account, sides } => {
            (OFFICER, COMPLIANCE, freezing(PARTIES[account], sides).abi_encode())
        }
        Step::Release { account } => {
            let call = ICompliance::releaseCall { account: PARTIES[account] };
            (OFFICER, COMPLIANCE, call.abi_encode())
        }
        Step::Pass { .. } => return None,
    })
}
