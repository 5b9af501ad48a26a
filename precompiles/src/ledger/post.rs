//! The one way money moves: issues, transfers, holds, reversals and the ERC-20 faces all come through
//! [`post`], and every change of a posted balance through [`move_money`].
//!
//! Everything is read (`case.rs`) and checked (`checks.rs`) before anything is written: a refused order
//! leaves no trace, also in the middle of a batch.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::SolEvent;
use qenex_types::{Currency, TransferKind, TransferStatus};

use super::abi::ILedger;
use super::case::{Case, Loaded, Record, load};
use super::order::{Authority, Order, Posted};
use super::records::{
    BALANCES, Balance, CURRENCIES, FACE_POSTINGS, HOLDINGS, Outstanding, Parties, Pending,
    Reference, Settlement, face_reference, transfer_id,
};
use crate::accounts::records::Delegation;
use crate::errors::encode;
use crate::face::abi::ICurrencyToken;
use crate::registry::LEDGER;
use crate::risk;
use crate::risk::records::{Count, DAY, FLOWS, count};
use crate::risk::rules::{is_banded, is_judged};
use crate::storage::{Days, Narrow, Seconds};
use crate::{EngineError, Host, HostError, IQenexErrors, Refusal, face_address, gas};

/// How long an officer has to decide on a payment under review, seconds. After that it expires.
pub(crate) const REVIEW_TIME: u64 = 7 * DAY;

/// Posts an order, or answers a replay with what became of it.
pub(crate) fn post(
    host: &mut dyn Host,
    order: &Order,
    authority: Authority,
) -> Result<Posted, EngineError> {
    post_if(host, order, authority, |_| None)
}

/// Posts an order that must be done with it: one that would wait for approvals or an officer is refused.
pub(crate) fn post_at_once(
    host: &mut dyn Host,
    order: &Order,
    authority: Authority,
) -> Result<Posted, EngineError> {
    post_if(host, order, authority, Case::waits_for)
}

fn post_if(
    host: &mut dyn Host,
    order: &Order,
    authority: Authority,
    further: fn(&Case) -> Option<Refusal>,
) -> Result<Posted, EngineError> {
    let case = match load(host, order, authority)? {
        Loaded::Replay(first) => return Ok(first),
        Loaded::New(case) => case,
    };
    match case.refusal().or_else(|| further(&case)) {
        Some(refusal) => Err(EngineError::Refused(refusal)),
        None => carry_out(host, &case),
    }
}

impl Case {
    /// Where the transfer stands once it is carried out.
    pub(crate) fn next_status(&self) -> TransferStatus {
        if self.policy.is_some() {
            TransferStatus::PendingApproval
        } else if self.needs_review() {
            TransferStatus::UnderReview
        } else if self.order.kind == TransferKind::Hold {
            TransferStatus::Held
        } else {
            TransferStatus::Settled
        }
    }

    /// What it would wait for, as the refusal of a call that cannot wait.
    pub(crate) fn waits_for(&self) -> Option<Refusal> {
        if let Some(policy) = self.policy {
            return Some(IQenexErrors::ApprovalMissing { have: 0, need: policy.required }.into());
        }
        let verdict = self.payer.as_ref().filter(|_| self.needs_review())?.verdict;
        let (score, rules) = (verdict.score, verdict.rules);
        Some(IQenexErrors::ReviewRequired { score, rules }.into())
    }

    /// Last second of a transfer that waits. A hold that waits ends when it would end anyhow.
    fn deadline(&self, status: TransferStatus) -> u64 {
        match status {
            TransferStatus::Settled => 0,
            _ if self.order.kind == TransferKind::Hold => self.order.expires,
            TransferStatus::PendingApproval => {
                let time = self.policy.map_or(0, |policy| policy.time);
                self.now.saturating_add(u64::from(time))
            }
            _ => self.now.saturating_add(REVIEW_TIME),
        }
    }
}

/// Carries out what was checked.
pub(crate) fn carry_out(host: &mut dyn Host, case: &Case) -> Result<Posted, EngineError> {
    host.charge(gas::POSTING)?;
    let order = &case.order;
    let status = case.next_status();
    let Some(record) = case.record else { return carry_out_face(host, case) };
    if order.amount > 0 {
        remember(host, case)?;
        write_record(host, case, &record, status)?;
    }
    if status == TransferStatus::Settled {
        let from = case.payer.as_ref().map(|_| order.account);
        move_money(host, &Movement::of(order, case.currency, record.id, record.reference, from))?;
        if case.payee.as_ref().is_some_and(|payee| is_judged(payee.kind)) && case.payer.is_some() {
            receive(host, order.to, case.currency, case.count)?;
        }
    } else {
        wait(host, case, &record, status)?;
    }
    risk::say(host, record.id, case)?;
    Ok(Posted { id: record.id, status })
}

/// A posting through a face: no record.
fn carry_out_face(host: &mut dyn Host, case: &Case) -> Result<Posted, EngineError> {
    let status = TransferStatus::Settled;
    let order = &case.order;
    if order.amount == 0 {
        let transfer =
            ICurrencyToken::Transfer { from: order.account, to: order.to, value: U256::ZERO };
        host.log(face_address(case.currency), transfer.encode_log_data())?;
        return Ok(Posted { id: B256::ZERO, status });
    }
    remember(host, case)?;
    let slot = FACE_POSTINGS.at(host, &order.account)?;
    let posted = slot.load(host)?;
    slot.store(host, &posted.saturating_add(1))?;
    let reference = face_reference(posted);
    gas::charge_keccak(host, 36)?;
    let id = transfer_id(order.account, reference);
    move_money(host, &Movement::of(order, case.currency, id, reference, Some(order.account)))?;
    if case.payee.as_ref().is_some_and(|payee| is_judged(payee.kind)) {
        receive(host, order.to, case.currency, case.count)?;
    }
    risk::say(host, id, case)?;
    Ok(Posted { id, status })
}

/// Uses up allowance and delegation, counts for limits and rules, notes the accounts' activity.
pub(crate) fn remember(host: &mut dyn Host, case: &Case) -> Result<(), EngineError> {
    let Some(payer) = &case.payer else {
        return Ok(case.payee.as_ref().map_or(Ok(()), |payee| payee.touch(host))?);
    };
    if let Some(allowance) = &payer.allowance {
        allowance.slot.store(host, &allowance.rest)?;
        // Not required by ERC-20; with it every change of the ledger's state has an event.
        let (owner, spender) = (case.order.account, allowance.spender);
        let approval = ICurrencyToken::Approval { owner, spender, value: allowance.rest };
        host.log(face_address(case.currency), approval.encode_log_data())?;
    }
    if let Some((slot, delegation)) = &payer.delegation
        && delegation.cap != Count::GREATEST
    {
        let used = delegation.used.plus(case.count.get());
        slot.store(host, &Delegation { used, ..*delegation })?;
    }
    if let Some(counters) = &payer.counters {
        let banded = is_banded(case.count, case.class.exponent, &payer.terms);
        counters.flow_slot.store(host, &counters.flow.paid(case.count, banded))?;
        counters.habit_slot.store(host, &counters.habit.paid(case.count))?;
        if let Some((slot, pair)) = counters.pair {
            let today = Days::new(case.now / DAY);
            if pair.first.get() == 0 {
                let first = Seconds::new(case.now);
                slot.store(host, &risk::records::Pair { first, last: today })?;
            } else if pair.last != today {
                slot.store(host, &risk::records::Pair { last: today, ..pair })?;
            }
        }
    }
    payer.party.touch(host)?;
    Ok(case.payee.as_ref().map_or(Ok(()), |payee| payee.touch(host))?)
}

/// Counts what came in, for the rule of money that passes through.
pub(crate) fn receive(
    host: &mut dyn Host,
    payee: Address,
    currency: Currency,
    amount: Count,
) -> Result<(), HostError> {
    let slot = FLOWS.at(host, &payee)?.at(host, &currency)?;
    let flow = slot.load(host)?.at(host.block().timestamp);
    slot.store(host, &flow.received(amount))
}

fn write_record(
    host: &mut dyn Host,
    case: &Case,
    record: &Record,
    status: TransferStatus,
) -> Result<(), HostError> {
    let order = &case.order;
    let verdict = case.payer.as_ref().map(|payer| payer.verdict);
    let parties = Parties {
        to: order.to,
        currency: Some(case.currency),
        kind: Some(order.kind),
        status: Some(status),
        authorisation: Some(case.right.authorisation),
        score: verdict.map_or(0, |verdict| verdict.score),
        rules: verdict.map_or(0, |verdict| verdict.rules),
    };
    record.slots.parties.store(host, &parties)?;
    let expires = Seconds::new(match status {
        TransferStatus::Rejected => order.expires,
        _ => case.deadline(status),
    });
    let settlement = settlement(host, order.amount, expires);
    record.slots.settlement.store(host, &settlement)?;
    // A record is written once, so zero is there already.
    if !order.end_to_end_id.is_zero() {
        record.slots.end_to_end_id.store(host, &order.end_to_end_id)?;
    }
    if !order.payload_hash.is_zero() {
        record.slots.payload_hash.store(host, &order.payload_hash)?;
    }
    Ok(())
}

/// The second word of a transfer whose status changes in this block.
pub(crate) fn settlement(host: &dyn Host, amount: u128, expires: Seconds) -> Settlement {
    let block = host.block();
    Settlement {
        amount,
        block: Narrow::new(block.number),
        timestamp: Seconds::new(block.timestamp),
        expires,
    }
}

/// Makes a transfer wait: for its payee, for approvals or for an officer. The payer's money is held.
fn wait(
    host: &mut dyn Host,
    case: &Case,
    record: &Record,
    status: TransferStatus,
) -> Result<(), EngineError> {
    let order = &case.order;
    let expires = Seconds::new(case.deadline(status)).get();
    let required = case.policy.map_or(0, |policy| policy.required);
    if status != TransferStatus::Held {
        let pending = Pending {
            initiator: case.right.initiator,
            required,
            approvals: 0,
            review: case.needs_review(),
        };
        record.slots.pending.store(host, &pending)?;
    }
    let Some(payer) = &case.payer else {
        let event = ILedger::IssueProposed {
            id: record.id,
            issuer: order.account,
            to: order.to,
            currency: order.currency,
            amount: order.amount,
            needed: required,
            expires,
        };
        return Ok(host.log(LEDGER, event.encode_log_data())?);
    };
    // `amount <= posted - held` was checked: the sum is at most `posted`.
    let held = payer.balance.held.saturating_add(order.amount);
    payer.balance_slot.store(host, &Balance { held, ..payer.balance })?;
    let event = ILedger::Held {
        id: record.id,
        from: order.account,
        to: order.to,
        currency: order.currency,
        amount: order.amount,
        status: status.number(),
        expires,
        clientReference: record.reference,
        endToEndId: order.end_to_end_id,
        payloadHash: order.payload_hash,
    };
    Ok(host.log(LEDGER, event.encode_log_data())?)
}

/// Keeps the reference of an order that was refused: a failed reference stays failed.
pub(crate) fn keep_refused(
    host: &mut dyn Host,
    case: &Case,
    reason: &Refusal,
) -> Result<B256, EngineError> {
    let Some(record) = case.record else { return Ok(B256::ZERO) };
    write_record(host, case, &record, TransferStatus::Rejected)?;
    let event =
        ILedger::Rejected { id: record.id, from: case.order.account, reason: encode(reason) };
    host.log(LEDGER, event.encode_log_data())?;
    Ok(record.id)
}

/// Money from one balance to another, from an issue, or to a redemption.
pub(crate) struct Movement {
    pub(crate) id: B256,
    /// The payer; `None` if money is issued.
    pub(crate) from: Option<Address>,
    /// The payee; `None` if money is redeemed.
    pub(crate) to: Option<Address>,
    pub(crate) currency: Currency,
    pub(crate) amount: u128,
    /// Whether it was held at the payer's.
    pub(crate) held: bool,
    pub(crate) reference: Reference,
    pub(crate) end_to_end_id: B256,
    pub(crate) payload_hash: B256,
}

impl Movement {
    fn of(
        order: &Order,
        currency: Currency,
        id: B256,
        reference: Reference,
        from: Option<Address>,
    ) -> Self {
        Self {
            id,
            from,
            to: (order.kind != TransferKind::Redeem).then_some(order.to),
            currency,
            amount: order.amount,
            held: false,
            reference,
            end_to_end_id: order.end_to_end_id,
            payload_hash: order.payload_hash,
        }
    }
}

/// Moves money that is known to be there, and says so: `Settled` in the ledger's name, `Transfer` in
/// the face's, so that wallets see every posting.
pub(crate) fn move_money(host: &mut dyn Host, movement: &Movement) -> Result<(), EngineError> {
    let &Movement { id, from, to, currency, amount, held, .. } = movement;
    let damaged = |what: &str| HostError::Fatal(format!("transfer {id}: {what}"));
    if let Some(from) = from {
        let slot = BALANCES.at(host, &from)?.at(host, &currency)?;
        let before = slot.load(host)?;
        let posted = before.posted.checked_sub(amount);
        let rest = if held { before.held.checked_sub(amount) } else { Some(before.held) };
        // What callers checked, or what a hold promises: only damaged state fails here.
        let after = posted.zip(rest).map(|(posted, held)| Balance { posted, held });
        let after = after
            .filter(|after| after.held <= after.posted)
            .ok_or_else(|| damaged("the payer lacks what was promised"))?;
        slot.store(host, &after)?;
        if after.posted == 0 {
            count_holding(host, from, -1)?;
        }
    }
    if let Some(to) = to {
        let slot = BALANCES.at(host, &to)?.at(host, &currency)?;
        let before = slot.load(host)?;
        let posted = before.posted.checked_add(amount);
        let posted = posted.ok_or_else(|| damaged("the payee's balance exceeds the supply"))?;
        slot.store(host, &Balance { posted, ..before })?;
        if before.posted == 0 {
            count_holding(host, to, 1)?;
        }
    }
    if from.is_none() || to.is_none() {
        let slot = CURRENCIES.at(host, &currency)?.outstanding;
        let before = slot.load(host)?;
        let after = if from.is_none() {
            before.raised(amount)
        } else {
            let supply = before.supply.checked_sub(amount);
            supply.map(|supply| Outstanding { supply, ..before })
        };
        slot.store(host, &after.ok_or_else(|| damaged("the supply does not cover it"))?)?;
    }
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    let settled = ILedger::Settled {
        id,
        from,
        to,
        currency: currency.into(),
        amount,
        clientReference: movement.reference,
        endToEndId: movement.end_to_end_id,
        payloadHash: movement.payload_hash,
    };
    host.log(LEDGER, settled.encode_log_data())?;
    let transfer = ICurrencyToken::Transfer { from, to, value: U256::from(amount) };
    Ok(host.log(face_address(currency), transfer.encode_log_data())?)
}

/// Counts a currency that an account now has, or has no more.
fn count_holding(host: &mut dyn Host, account: Address, change: i64) -> Result<(), HostError> {
    let slot = HOLDINGS.at(host, &account)?;
    let holdings = slot.load(host)?.checked_add_signed(change).ok_or_else(|| {
        HostError::Fatal(format!("the holdings of {account} are fewer than none"))
    })?;
    slot.store(host, &holdings)
}

/// A payee's inflow of `amount` minor units of a currency with `exponent` decimals.
pub(crate) fn receive_minor(
    host: &mut dyn Host,
    payee: Address,
    currency: Currency,
    amount: u128,
    exponent: u8,
) -> Result<(), HostError> {
    receive(host, payee, currency, count(amount, exponent))
}

/// The code of a currency in the interface.
pub(crate) fn code(currency: Option<Currency>) -> FixedBytes<3> {
    currency.map(FixedBytes::from).unwrap_or_default()
}
