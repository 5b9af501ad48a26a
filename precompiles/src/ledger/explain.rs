//! A dry run: every verdict on an order, what is left of the limits, and what would become of it.

use alloy_primitives::Address;
use qenex_types::{RiskOutcome, TransferStatus};

use super::abi::ILedger;
use super::case::{Case, Loaded, load};
use super::checks::CHECKS;
use super::order::{Authority, Order};
use crate::accounts::records::Limits;
use crate::errors::encode;
use crate::risk::records::{Count, minor};
use crate::{EngineError, Host};

/// Explains an order that `caller` would give. Only what cannot be understood is refused: an unknown
/// account or currency, a caller who may not, a reference that is used otherwise.
pub(crate) fn explain(
    host: &mut dyn Host,
    caller: Address,
    order: &ILedger::Order,
) -> Result<ILedger::Explanation, EngineError> {
    let order = Order::try_from(order)?;
    let case = match load(host, &order, Authority::Caller(caller))? {
        Loaded::New(case) => case,
        Loaded::Replay(first) => return Ok(replayed(first.status)),
    };
    let refusals: Vec<_> = CHECKS.iter().filter_map(|check| check(&case)).collect();
    let status = if refusals.is_empty() { case.next_status() } else { TransferStatus::Rejected };
    let refusals = refusals.iter().map(encode).collect();
    Ok(ILedger::Explanation { refusals, ..outlook(&case, status) })
}

fn replayed(status: TransferStatus) -> ILedger::Explanation {
    ILedger::Explanation {
        status: status.number(),
        refusals: Vec::new(),
        authorisation: 0,
        outcome: RiskOutcome::Allow.number(),
        score: 0,
        rules: 0,
        ruleSet: 0,
        available: 0,
        perPayment: u128::MAX,
        leftToday: u128::MAX,
        leftThirtyDays: u128::MAX,
        approvals: 0,
    }
}

fn outlook(case: &Case, status: TransferStatus) -> ILedger::Explanation {
    let exponent = case.class.exponent;
    let payer = case.payer.as_ref();
    let limits = payer.map_or(Limits::NONE, |payer| payer.limits);
    let counters = payer.and_then(|payer| payer.counters);
    let left = |limit: Count, used: Count| {
        if limit == Count::GREATEST {
            return u128::MAX;
        }
        minor(Count::new(limit.get().saturating_sub(used.get())), exponent)
    };
    let today = counters.map(|counters| counters.flow.day_outgoing).unwrap_or_default();
    let period = counters.map(|counters| counters.habit.period_outgoing).unwrap_or_default();
    ILedger::Explanation {
        status: status.number(),
        refusals: Vec::new(),
        authorisation: case.right.authorisation.number(),
        outcome: payer.map_or(RiskOutcome::Allow, |payer| payer.verdict.outcome).number(),
        score: payer.map_or(0, |payer| payer.verdict.score),
        rules: payer.map_or(0, |payer| payer.verdict.rules),
        ruleSet: payer.map_or(0, |payer| payer.terms.version),
        available: payer.map_or(0, |payer| payer.balance.available()),
        perPayment: minor(limits.per_payment, exponent),
        leftToday: left(limits.per_day, today),
        leftThirtyDays: left(limits.per_thirty_days, period),
        approvals: case.policy.map_or(0, |policy| policy.required),
    }
}
