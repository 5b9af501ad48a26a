//! A payment and all that decides over it, read before anything is written.
//!
//! [`load`] finds out by what right an order is given, answers replays, and reads the state; the
//! verdicts over what it read are pure functions in `checks.rs`.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use qenex_types::{Authorisation, Corridor, Currency, TransferKind};

use super::order::{Authority, Order, Posted, Right};
use super::records::{
    ALLOWANCES, BALANCES, Balance, CURRENCIES, Outstanding, Reference, TRANSFERS, TransferSlots,
    transfer_id_preimage,
};
use crate::accounts::records::{Delegation, Limits, Policy, flag};
use crate::accounts::{self, Party};
use crate::compliance::records::{Class, CorridorTerms};
use crate::errors::{refusal, refuse};
use crate::risk::Assessment;
use crate::risk::records::{Count, FLOWS, Flow, HABITS, Habit, PAIRS, Pair, TERMS, Terms, count};
use crate::risk::rules::{Facts, Verdict, is_judged, judge};
use crate::storage::Slot;
use crate::{EngineError, Host, HostError, IQenexErrors, compliance, gas};

/// A finite allowance that a posting uses up.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) slot: Slot<U256>,
    pub(crate) spender: Address,
    pub(crate) rest: U256,
}

/// What a payment does to the payer's counters.
#[derive(Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) flow_slot: Slot<Flow>,
    pub(crate) flow: Flow,
    pub(crate) habit_slot: Slot<Habit>,
    pub(crate) habit: Habit,
    /// Only for payers that the rules judge.
    pub(crate) pair: Option<(Slot<Pair>, Pair)>,
}

/// The paying side.
#[derive(Clone, Copy)]
pub(crate) struct Payer {
    pub(crate) party: Party,
    pub(crate) balance_slot: Slot<Balance>,
    pub(crate) balance: Balance,
    /// The tighter of tier and account.
    pub(crate) limits: Limits,
    pub(crate) delegation: Option<(Slot<Delegation>, Delegation)>,
    pub(crate) allowance: Option<Allowance>,
    /// `None` if the payment is not counted: institutions without limits, redemptions, reversals.
    pub(crate) counters: Option<Counters>,
    pub(crate) corridor: CorridorTerms,
    /// Whether every attestation that the tier needs is there.
    pub(crate) attested: bool,
    pub(crate) terms: Terms,
    pub(crate) verdict: Verdict,
}

/// The transfer's record to be, if it has one: postings through a face have none.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) id: B256,
    pub(crate) reference: Reference,
    pub(crate) slots: TransferSlots,
}

/// A payment, read.
pub(crate) struct Case {
    pub(crate) order: Order,
    pub(crate) right: Right,
    pub(crate) record: Option<Record>,
    pub(crate) currency: Currency,
    pub(crate) now: u64,
    /// The amount, counted.
    pub(crate) count: Count,
    pub(crate) class: Class,
    /// `None` for an issue.
    pub(crate) payer: Option<Payer>,
    /// `None` for a redemption.
    pub(crate) payee: Option<Party>,
    /// Only for an issue.
    pub(crate) outstanding: Option<Outstanding>,
    /// What field of the travel rule's data is missing.
    pub(crate) travel_rule: Option<&'static str>,
    /// The approvals that it needs.
    pub(crate) policy: Option<Policy>,
}

/// What an order is before it is judged.
pub(crate) enum Loaded {
    /// It was carried out before: the first result.
    Replay(Posted),
    /// It is new.
    New(Box<Case>),
}

/// Who was found to have the right.
struct Claim {
    right: Right,
    payer: Option<Party>,
    delegation: Option<(Slot<Delegation>, Delegation)>,
    allowance: Option<Allowance>,
}

/// Reads all that decides over an order.
///
/// Order of the refusals here, before those of `checks.rs`: right, replay, currency, payee.
pub(crate) fn load(
    host: &mut dyn Host,
    order: &Order,
    authority: Authority,
) -> Result<Loaded, EngineError> {
    let claim = authorise(host, order, authority)?;
    let record = match order.reference {
        None => None,
        Some(reference) => {
            let record = record_of(host, order.account, reference)?;
            if let Some(first) = replayed(host, order, &record)? {
                return Ok(Loaded::Replay(first));
            }
            Some(record)
        }
    };
    read(host, order, claim, record).map(|case| Loaded::New(Box::new(case)))
}

/// Where the transfer of an account under a reference is.
pub(crate) fn record_of(
    host: &mut dyn Host,
    account: Address,
    reference: Reference,
) -> Result<Record, EngineError> {
    gas::charge_keccak(host, 36)?;
    let id = host.keccak(&transfer_id_preimage(account, reference));
    Ok(Record { id, reference, slots: TRANSFERS.at(host, &id)? })
}

fn currency_of(code: FixedBytes<3>) -> Result<Currency, EngineError> {
    Currency::try_from(code).map_err(|_| refusal(IQenexErrors::UnknownCurrency { currency: code }))
}

fn authorise(
    host: &mut dyn Host,
    order: &Order,
    authority: Authority,
) -> Result<Claim, EngineError> {
    let right = |authorisation, initiator| Right { authorisation, initiator };
    if order.kind == TransferKind::Redeem {
        require_issuer(host, order, authority)?;
    }
    let claim = |host: &mut dyn Host, right| -> Result<Claim, EngineError> {
        let payer = Party::load(host, order.account)?;
        Ok(Claim { right, payer: Some(payer), delegation: None, allowance: None })
    };
    match authority {
        Authority::Issuer(caller) => {
            require_issuer(host, order, authority)?;
            let right = right(Authorisation::Issuer, caller);
            Ok(Claim { right, payer: None, delegation: None, allowance: None })
        }
        Authority::Caller(caller) => {
            let claim = claim(host, right(Authorisation::Owner, caller))?;
            if claim.payer.as_ref().is_some_and(|payer| payer.head.owner == caller) {
                return Ok(claim);
            }
            // A code that no currency can have has no delegates either.
            let Ok(currency) = Currency::try_from(order.currency) else {
                return refuse(IQenexErrors::NotAuthorised { caller });
            };
            let bit = order.kind.number();
            let payee = (!order.to.is_zero()).then_some(order.to);
            let delegation =
                accounts::delegation_of(host, order.account, caller, currency, bit, payee)?;
            let right = right(Authorisation::Delegate, caller);
            Ok(Claim { right, delegation: Some(delegation), ..claim })
        }
        Authority::Key(id) => {
            let mut claim = claim(host, right(Authorisation::Key, Address::ZERO))?;
            accounts::require_key(host, order.account, id)?;
            // A key speaks for the owner.
            if let Some(payer) = &claim.payer {
                claim.right.initiator = payer.head.owner;
            }
            Ok(claim)
        }
        Authority::Allowance { spender, value: needed } => {
            let mut claim = claim(host, right(Authorisation::Allowance, spender))?;
            if claim.payer.as_ref().is_none_or(|payer| payer.head.owner != order.account) {
                return refuse(IQenexErrors::NotAuthorised { caller: spender });
            }
            let currency = currency_of(order.currency)?;
            let slot = allowance_slot(host, currency, order.account, spender)?;
            let allowance = slot.load(host)?;
            let Some(rest) = allowance.checked_sub(needed) else {
                let error = IQenexErrors::ERC20InsufficientAllowance { spender, allowance, needed };
                return refuse(error);
            };
            // As everywhere in ERC-20, the greatest allowance never runs out.
            let finite = allowance != U256::MAX;
            claim.allowance = finite.then_some(Allowance { slot, spender, rest });
            Ok(claim)
        }
    }
}

/// Refuses unless it is the currency's issuer who gives the order.
fn require_issuer(
    host: &mut dyn Host,
    order: &Order,
    authority: Authority,
) -> Result<(), EngineError> {
    let caller = match authority {
        Authority::Caller(caller) | Authority::Issuer(caller) => caller,
        Authority::Key(_) | Authority::Allowance { .. } => Address::ZERO,
    };
    let (_, slots) = super::registered(host, order.currency)?;
    if slots.terms.load(host)?.issuer == caller {
        return Ok(());
    }
    refuse(IQenexErrors::NotAuthorised { caller })
}

/// The slot of an ERC-20 allowance.
pub(crate) fn allowance_slot(
    host: &mut dyn Host,
    currency: Currency,
    owner: Address,
    spender: Address,
) -> Result<Slot<U256>, HostError> {
    ALLOWANCES.at(host, &currency)?.at(host, &owner)?.at(host, &spender)
}

/// The first result if this very order was carried out before; refuses if another one was under the
/// same reference.
fn replayed(
    host: &mut dyn Host,
    order: &Order,
    record: &Record,
) -> Result<Option<Posted>, EngineError> {
    let slots = &record.slots;
    let parties = slots.parties.load(host)?;
    let (Some(kind), Some(status)) = (parties.kind, parties.status) else {
        return Ok(None);
    };
    let currency = parties.currency.map(FixedBytes::from).unwrap_or_default();
    let settlement = slots.settlement.load(host)?;
    let same = [
        ("kind", kind == order.kind),
        ("to", parties.to == order.to),
        ("currency", currency == order.currency),
        ("amount", settlement.amount == order.amount),
        ("expires", kind != TransferKind::Hold || settlement.expires.get() == order.expires),
        ("endToEndId", slots.end_to_end_id.load(host)? == order.end_to_end_id),
        ("payloadHash", slots.payload_hash.load(host)? == order.payload_hash),
    ];
    match same.iter().find(|(_, same)| !same) {
        None => Ok(Some(Posted { id: record.id, status })),
        Some((field, _)) => refuse(IQenexErrors::ReferenceConflict { field: (*field).to_owned() }),
    }
}

fn read(
    host: &mut dyn Host,
    order: &Order,
    claim: Claim,
    record: Option<Record>,
) -> Result<Case, EngineError> {
    let now = host.block().timestamp;
    let currency = currency_of(order.currency)?;
    let tier = claim.payer.as_ref().map_or(0, |payer| payer.tier(now));
    let class = compliance::class(host, currency, tier)?;
    if !class.registered {
        return refuse(IQenexErrors::UnknownCurrency { currency: order.currency });
    }
    let payee = match order.kind {
        TransferKind::Redeem => None,
        _ => Some(Party::load(host, order.to)?),
    };
    let mut case = Case {
        order: *order,
        right: claim.right,
        record,
        currency,
        now,
        count: count(order.amount, class.exponent),
        class,
        payer: None,
        payee,
        outstanding: None,
        travel_rule: None,
        policy: None,
    };
    match claim.payer {
        None => {
            case.outstanding = Some(CURRENCIES.at(host, &currency)?.outstanding.load(host)?);
            case.policy = accounts::policy_of(host, order.account, currency, order.amount)?;
        }
        Some(party) => {
            if case.order.is_counted() {
                case.travel_rule = travel_rule(host, &case, &party)?;
            }
            if party.has(flag::POLICY) && order.kind != TransferKind::Reversal {
                case.policy = accounts::policy_of(host, order.account, currency, order.amount)?;
            }
            let payer = read_payer(host, &case, party, claim.delegation, claim.allowance)?;
            case.payer = Some(payer);
        }
    }
    Ok(case)
}

fn read_payer(
    host: &mut dyn Host,
    case: &Case,
    party: Party,
    delegation: Option<(Slot<Delegation>, Delegation)>,
    allowance: Option<Allowance>,
) -> Result<Payer, EngineError> {
    let (account, currency) = (case.order.account, case.currency);
    let balance_slot = BALANCES.at(host, &account)?.at(host, &currency)?;
    let mut payer = Payer {
        party,
        balance_slot,
        balance: balance_slot.load(host)?,
        limits: Limits::NONE,
        delegation,
        allowance,
        counters: None,
        corridor: CorridorTerms::default(),
        attested: true,
        terms: Terms::default(),
        verdict: Verdict::NONE,
    };
    if !case.order.is_counted() {
        return Ok(payer);
    }
    payer.limits = case.class.limits();
    if party.has(flag::LIMITS) {
        let own = accounts::limits_of(host, account, currency)?;
        payer.limits = payer.limits.tightest(own);
    }
    if let Some(payee) = &case.payee {
        let (from, to) = (party.head.jurisdiction, payee.head.jurisdiction);
        if from != to {
            payer.corridor = compliance::corridor_of(host, from, to)?;
        }
    }
    if case.class.attestations != 0 {
        payer.attested = compliance::is_attested(host, account, case.class.attestations)?;
    }
    let judged = is_judged(party.kind);
    if !judged && payer.limits == Limits::NONE {
        // Nothing would ever be read of it: an institution's books pay at the cost of the postings.
        if payer.corridor.watched {
            payer.terms = TERMS.at(host, &currency)?.load(host)?;
            payer.verdict = assess(host, case, &payer);
        }
        return Ok(payer);
    }
    let flow_slot = FLOWS.at(host, &account)?.at(host, &currency)?;
    let habit_slot = HABITS.at(host, &account)?.at(host, &currency)?;
    let pair = if judged {
        let slot = PAIRS.at(host, &account)?.at(host, &case.order.to)?;
        Some((slot, slot.load(host)?))
    } else {
        None
    };
    payer.counters = Some(Counters {
        flow_slot,
        flow: flow_slot.load(host)?.at(case.now),
        habit_slot,
        habit: habit_slot.load(host)?.at(case.now),
        pair,
    });
    payer.terms = TERMS.at(host, &currency)?.load(host)?;
    payer.verdict = assess(host, case, &payer);
    Ok(payer)
}

/// Judges a payment, and tells the host.
fn assess(host: &mut dyn Host, case: &Case, payer: &Payer) -> Verdict {
    let (facts, terms) = (facts(case, payer), payer.terms);
    let verdict = judge(&facts, &terms);
    host.assessed(&Assessment {
        id: case.record.as_ref().map(|record| record.id),
        payer: case.order.account,
        payee: case.order.to,
        currency: case.currency,
        facts,
        terms,
        verdict,
    });
    verdict
}

fn facts(case: &Case, payer: &Payer) -> Facts {
    let counters = payer.counters;
    Facts {
        amount: case.count,
        exponent: case.class.exponent,
        today: case.now / crate::risk::records::DAY,
        payer: payer.party.kind,
        opened_on: payer.party.head.opened_on.get(),
        last_active: payer.party.head.last_active.get(),
        flow: counters.map(|counters| counters.flow).unwrap_or_default(),
        habit: counters.map(|counters| counters.habit).unwrap_or_default(),
        pair: counters.and_then(|counters| counters.pair).map(|(_, pair)| pair).unwrap_or_default(),
        watched_corridor: payer.corridor.watched,
    }
}

/// What the travel rule asks for and the order lacks: from its threshold on, between accounts that are
/// not with one custodian, the hash of the payload with originator and beneficiary, and an institution
/// on the payee's side.
fn travel_rule(
    host: &mut dyn Host,
    case: &Case,
    payer: &Party,
) -> Result<Option<&'static str>, HostError> {
    use crate::accounts::records::PROFILES;
    let threshold = case.class.travel_rule;
    if threshold == Count::GREATEST || case.count < threshold {
        return Ok(None);
    }
    let custodian = PROFILES.at(host, &payer.account)?.origin.load(host)?.custodian;
    let other = match &case.payee {
        None => return Ok(None),
        Some(payee) if !is_judged(payee.kind) => payee.account,
        Some(payee) => PROFILES.at(host, &payee.account)?.origin.load(host)?.custodian,
    };
    Ok(if custodian == other && !custodian.is_zero() {
        None
    } else if case.order.payload_hash.is_zero() {
        Some("payloadHash")
    } else if other.is_zero() {
        Some("institution")
    } else {
        None
    })
}

impl Case {
    /// Whether an officer must decide.
    pub(crate) fn needs_review(&self) -> bool {
        self.payer.as_ref().is_some_and(|payer| {
            payer.verdict.outcome == qenex_types::RiskOutcome::Review
                || payer.corridor.corridor == Some(Corridor::Review)
                || !payer.attested
        })
    }
}
