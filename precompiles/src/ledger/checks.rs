//! The verdicts over a payment: pure functions over what `case.rs` read, in the order of precedence.
//!
//! A posting takes the first refusal; `explain` lists them all.

use qenex_types::{Corridor, TransferKind};

use super::case::{Case, Payer};
use crate::accounts::Side;
use crate::risk::records::{Count, minor};
use crate::{IQenexErrors, Refusal};

/// One check: why the payment is refused, if it is.
type Check = fn(&Case) -> Option<Refusal>;

/// All checks; the order is part of the interface.
pub(crate) const CHECKS: [Check; 14] = [
    amount,
    accounts,
    expiry,
    currency,
    payer,
    payee,
    corridor,
    payment_limit,
    day_limit,
    thirty_days_limit,
    delegation_cap,
    travel_rule,
    funds,
    risk,
];

impl Case {
    /// The first refusal, by precedence.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        CHECKS.iter().find_map(|check| check(self))
    }
}

/// The first refusal, by precedence, of a payment whose money need not be there yet.
pub(crate) fn refusal_without_funds(case: &Case) -> Option<Refusal> {
    let others = CHECKS.iter().filter(|&&check| !std::ptr::fn_addr_eq(check, funds as Check));
    others.into_iter().find_map(|check| check(case))
}

fn amount(case: &Case) -> Option<Refusal> {
    let zero = case.order.amount == 0 && case.order.reference.is_some();
    zero.then(|| IQenexErrors::ZeroAmount {}.into())
}

fn accounts(case: &Case) -> Option<Refusal> {
    let same = case.payer.is_some() && case.order.account == case.order.to;
    same.then(|| IQenexErrors::SameAccount {}.into())
}

fn expiry(case: &Case) -> Option<Refusal> {
    let expires = case.order.expires;
    let over = case.order.kind == TransferKind::Hold && !in_time(expires, case.now);
    over.then(|| IQenexErrors::InvalidExpiry { expires }.into())
}

/// A hold ends in the future, and at a time that its record can tell.
const fn in_time(expires: u64, now: u64) -> bool {
    expires > now && expires <= crate::storage::Seconds::MAX
}

fn currency(case: &Case) -> Option<Refusal> {
    let currency = case.order.currency;
    (!case.class.active).then(|| IQenexErrors::CurrencyNotActive { currency }.into())
}

fn payer(case: &Case) -> Option<Refusal> {
    case.payer.as_ref().and_then(|payer| payer.party.bar(Side::Debit))
}

fn payee(case: &Case) -> Option<Refusal> {
    case.payee.as_ref().and_then(|payee| payee.bar(Side::Credit))
}

fn corridor(case: &Case) -> Option<Refusal> {
    let (payer, payee) = (case.payer.as_ref()?, case.payee.as_ref()?);
    let (from, to) = (payer.party.head.jurisdiction, payee.head.jurisdiction);
    let blocked = payer.corridor.corridor == Some(Corridor::Blocked);
    blocked.then(|| IQenexErrors::CorridorBlocked { from, to }.into())
}

fn payment_limit(case: &Case) -> Option<Refusal> {
    let payer = case.payer.as_ref()?;
    if case.class.per_payment.get() == 0 && case.count.get() > 0 {
        let tier = payer.party.tier(case.now);
        return Some(IQenexErrors::TierTooLow { tier }.into());
    }
    limit(case, "payment", payer.limits.per_payment, Count::default())
}

fn day_limit(case: &Case) -> Option<Refusal> {
    let payer = case.payer.as_ref()?;
    limit(case, "day", payer.limits.per_day, payer.counters?.flow.day_outgoing)
}

fn thirty_days_limit(case: &Case) -> Option<Refusal> {
    let payer = case.payer.as_ref()?;
    limit(case, "thirtyDays", payer.limits.per_thirty_days, payer.counters?.habit.period_outgoing)
}

fn delegation_cap(case: &Case) -> Option<Refusal> {
    let (_, delegation) = case.payer.as_ref()?.delegation?;
    limit(case, "delegation", delegation.cap, delegation.used)
}

fn limit(case: &Case, which: &str, limit: Count, used: Count) -> Option<Refusal> {
    // The greatest count is no limit. A sum that saturates is more than any other limit.
    let within = limit == Count::GREATEST || used.plus(case.count.get()) <= limit;
    let exponent = case.class.exponent;
    (!within).then(|| {
        IQenexErrors::LimitExceeded {
            which: which.to_owned(),
            limit: minor(limit, exponent),
            used: minor(used, exponent),
        }
        .into()
    })
}

fn travel_rule(case: &Case) -> Option<Refusal> {
    case.travel_rule.map(|field| IQenexErrors::TravelRuleMissing { field: field.to_owned() }.into())
}

fn funds(case: &Case) -> Option<Refusal> {
    let needed = case.order.amount;
    if let Some(Payer { balance, .. }) = &case.payer {
        let available = balance.available();
        let short = available < needed;
        return short.then(|| IQenexErrors::InsufficientFunds { available, needed }.into());
    }
    let outstanding = case.outstanding?;
    let fits = outstanding.raised(needed).is_some();
    (!fits).then(|| {
        let (cap, supply) = (outstanding.cap, outstanding.supply);
        IQenexErrors::SupplyCapExceeded { cap, supply, amount: needed }.into()
    })
}

fn risk(case: &Case) -> Option<Refusal> {
    let verdict = case.payer.as_ref()?.verdict;
    let rejected = verdict.outcome == qenex_types::RiskOutcome::Reject;
    rejected
        .then(|| IQenexErrors::RiskRejected { score: verdict.score, rules: verdict.rules }.into())
}
