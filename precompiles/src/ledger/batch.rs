//! Many orders in one call: independent of each other, all or none, or signed by their payers.

use alloy_primitives::{Address, B256};
use qenex_types::TransferStatus;

use super::abi::ILedger;
use super::case::{Loaded, load};
use super::foresight::look_ahead;
use super::order::{Authority, Order};
use super::post::{carry_out, keep_refused, post_at_once};
use super::signed;
use crate::errors::{encode, refuse};
use crate::{EngineError, Host, IQenexErrors, Refusal};

/// Most orders in one call.
pub(crate) const MAX_ORDERS: usize = 1_000;

/// Carries out the caller's orders, each with its own result.
pub(crate) fn batch(
    host: &mut dyn Host,
    caller: Address,
    orders: &[ILedger::Order],
) -> Result<Vec<ILedger::Result>, EngineError> {
    require_few(orders.len())?;
    let mut results = Vec::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        look_ahead(host, index, orders.iter());
        results.push(result_of(one(host, order, Ok(Authority::Caller(caller))))?);
    }
    Ok(results)
}

/// Carries out the caller's orders, all or none: what an officer or approvers could still refuse is
/// refused.
pub(crate) fn atomic(
    host: &mut dyn Host,
    caller: Address,
    orders: &[ILedger::Order],
) -> Result<Vec<ILedger::Result>, EngineError> {
    require_few(orders.len())?;
    let mut results = Vec::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        look_ahead(host, index, orders.iter());
        let posted = Order::try_from(order)
            .and_then(|order| post_at_once(host, &order, Authority::Caller(caller)));
        match posted {
            Ok(posted) => results.push(done(posted.id, posted.status)),
            Err(EngineError::Refused(reason)) => {
                let reason = encode(&reason);
                let index = u64::try_from(index).unwrap_or(u64::MAX);
                return refuse(IQenexErrors::ItemRefused { index, reason });
            }
            Err(host) => return Err(host),
        }
    }
    Ok(results)
}

/// Carries out signed orders, each with its own result.
pub(crate) fn submit(
    host: &mut dyn Host,
    orders: &[ILedger::SignedOrder],
) -> Result<Vec<ILedger::Result>, EngineError> {
    require_few(orders.len())?;
    let authorities = signed::authorities(host, orders)?;
    let mut results = Vec::with_capacity(orders.len());
    for (index, (signed, authority)) in orders.iter().zip(authorities).enumerate() {
        look_ahead(host, index, orders.iter().map(|signed| &signed.order));
        results.push(result_of(one(host, &signed.order, authority))?);
    }
    Ok(results)
}

fn require_few(orders: usize) -> Result<(), EngineError> {
    if orders <= MAX_ORDERS {
        return Ok(());
    }
    let given = u64::try_from(orders).unwrap_or(u64::MAX);
    refuse(IQenexErrors::TooManyItems { most: 1_000, given })
}

/// What one order of many came to.
struct Done {
    id: B256,
    status: TransferStatus,
    reason: Option<Refusal>,
}

/// Carries out one order. One that is refused is kept under its reference, once it is known that its
/// giver may use that: else strangers could use up others' references.
fn one(
    host: &mut dyn Host,
    order: &ILedger::Order,
    authority: Result<Authority, Refusal>,
) -> Result<Done, EngineError> {
    let order = Order::try_from(order)?;
    let authority = authority.map_err(EngineError::Refused)?;
    let case = match load(host, &order, authority)? {
        Loaded::Replay(first) => {
            return Ok(Done { id: first.id, status: first.status, reason: None });
        }
        Loaded::New(case) => case,
    };
    match case.refusal() {
        None => {
            let posted = carry_out(host, &case)?;
            Ok(Done { id: posted.id, status: posted.status, reason: None })
        }
        Some(reason) => {
            let id = keep_refused(host, &case, &reason)?;
            Ok(Done { id, status: TransferStatus::Rejected, reason: Some(reason) })
        }
    }
}

fn result_of(done: Result<Done, EngineError>) -> Result<ILedger::Result, EngineError> {
    match done {
        Ok(Done { id, status, reason: None }) => Ok(self::done(id, status)),
        Ok(Done { id, status, reason: Some(reason) }) => {
            Ok(ILedger::Result { id, status: status.number(), reason: encode(&reason) })
        }
        Err(EngineError::Refused(reason)) => Ok(ILedger::Result {
            id: B256::ZERO,
            status: TransferStatus::Rejected.number(),
            reason: encode(&reason),
        }),
        Err(host) => Err(host),
    }
}

fn done(id: B256, status: TransferStatus) -> ILedger::Result {
    ILedger::Result { id, status: status.number(), reason: Default::default() }
}
