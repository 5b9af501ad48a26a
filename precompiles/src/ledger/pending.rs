//! What becomes of a transfer that waits: capture, void, expiry, approval, review.
//!
//! Money that waits is held at the payer's: it is promised, and was counted for limits and rules when
//! it was held. What is given back stays counted. States: docs/finance.md.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use qenex_types::{Currency, TransferKind, TransferStatus};

use super::abi::ILedger;
use super::case::{Record, record_of};
use super::order::client_reference;
use super::post::{Movement, code, move_money, receive_minor, settlement};
use super::records::{
    APPROVALS, BALANCES, Balance, CURRENCIES, Parties, Pending, Progress, Reference, Settlement,
};
use crate::access::{self, Role};
use crate::accounts::{self, Party, Side};
use crate::compliance;
use crate::errors::{refusal, refuse};
use crate::registry::LEDGER;
use crate::risk::rules::is_judged;
use crate::storage::Seconds;
use crate::{EngineError, Host, HostError, IQenexErrors};

/// Bit of a delegation to capture and void.
const CAPTURE_BIT: u8 = 0;

/// A transfer, read.
pub(crate) struct Transfer {
    pub(crate) account: Address,
    pub(crate) record: Record,
    pub(crate) parties: Parties,
    pub(crate) settlement: Settlement,
    pub(crate) currency: Currency,
    pub(crate) kind: TransferKind,
    pub(crate) status: TransferStatus,
}

impl Transfer {
    /// Reads a transfer.
    pub(crate) fn load(
        host: &mut dyn Host,
        account: Address,
        reference: Reference,
    ) -> Result<Self, EngineError> {
        let record = record_of(host, account, reference)?;
        let parties = record.slots.parties.load(host)?;
        let known = parties.kind.zip(parties.status).zip(parties.currency);
        let Some(((kind, status), currency)) = known else {
            return refuse(IQenexErrors::TransferNotFound { account, clientReference: reference });
        };
        let settlement = record.slots.settlement.load(host)?;
        Ok(Self { account, record, parties, settlement, currency, kind, status })
    }

    fn require(&self, status: TransferStatus) -> Result<(), EngineError> {
        if self.status == status {
            return Ok(());
        }
        refuse(IQenexErrors::InvalidTransferStatus { status: self.status.number() })
    }

    /// Refuses if the time of a transfer that waits is over.
    fn require_in_time(&self, host: &dyn Host) -> Result<(), EngineError> {
        let last = self.settlement.expires.get();
        if host.block().timestamp <= last {
            return Ok(());
        }
        refuse(IQenexErrors::Expired { last })
    }

    /// Whether money is held for it. An issue has no payer to hold it.
    const fn holds_money(&self) -> bool {
        !matches!(self.kind, TransferKind::Issue)
    }

    /// Writes another status.
    fn set_status(
        &self,
        host: &mut dyn Host,
        status: TransferStatus,
        expires: Seconds,
    ) -> Result<(), HostError> {
        let parties = Parties { status: Some(status), ..self.parties };
        self.record.slots.parties.store(host, &parties)?;
        let settlement = settlement(host, self.settlement.amount, expires);
        self.record.slots.settlement.store(host, &settlement)
    }

    /// Posts a part of what is held, or an issue that was agreed to. What it checks again, it checks in the
    /// order of `checks.rs`.
    fn post(&self, host: &mut dyn Host, amount: u128) -> Result<(), EngineError> {
        let class = compliance::class(host, self.currency, 0)?;
        if !class.active {
            return refuse(IQenexErrors::CurrencyNotActive { currency: self.currency.into() });
        }
        let payer = if self.holds_money() {
            let payer = Party::load(host, self.account)?;
            if let Some(bar) = payer.bar(Side::Debit) {
                return refuse(bar);
            }
            Some(payer)
        } else {
            None
        };
        let payee = match self.kind {
            TransferKind::Redeem => None,
            _ => Some(Party::load(host, self.parties.to)?),
        };
        if let Some(bar) = payee.as_ref().and_then(|payee| payee.bar(Side::Credit)) {
            return refuse(bar);
        }
        if payer.is_none() {
            let outstanding = CURRENCIES.at(host, &self.currency)?.outstanding.load(host)?;
            if outstanding.raised(amount).is_none() {
                let (cap, supply) = (outstanding.cap, outstanding.supply);
                return refuse(IQenexErrors::SupplyCapExceeded { cap, supply, amount });
            }
        }
        let movement = Movement {
            id: self.record.id,
            from: payer.as_ref().map(|payer| payer.account),
            to: payee.as_ref().map(|payee| payee.account),
            currency: self.currency,
            amount,
            held: payer.is_some(),
            reference: self.record.reference,
            end_to_end_id: self.record.slots.end_to_end_id.load(host)?,
            payload_hash: self.record.slots.payload_hash.load(host)?,
        };
        move_money(host, &movement)?;
        for party in payer.iter().chain(&payee) {
            party.touch(host)?;
        }
        if let Some(payee) = payee.filter(|payee| is_judged(payee.kind) && payer.is_some()) {
            receive_minor(host, payee.account, self.currency, amount, class.exponent)?;
        }
        Ok(())
    }

    /// Posts a held amount, all or a part, for somebody who may.
    pub(crate) fn capture(
        &self,
        host: &mut dyn Host,
        amount: u128,
        by: Address,
    ) -> Result<(), EngineError> {
        // Check.
        self.require(TransferStatus::Held)?;
        self.require_in_time(host)?;
        if amount == 0 {
            return refuse(IQenexErrors::ZeroAmount {});
        }
        let progress = self.record.slots.progress.load(host)?;
        let rest = self.settlement.amount.saturating_sub(progress.captured);
        let Some(after) = rest.checked_sub(amount) else {
            return refuse(IQenexErrors::AmountTooLarge { most: rest, amount });
        };

        // Write and emit.
        self.post(host, amount)?;
        self.say_captured(host, amount, after)?;
        let captured = progress.captured.saturating_add(amount);
        self.record.slots.progress.store(host, &Progress { captured, ..progress })?;
        if after > 0 {
            return Ok(());
        }
        self.set_status(host, TransferStatus::Settled, self.settlement.expires)?;
        self.say_status(host, TransferStatus::Settled, by)
    }

    /// Gives held money back to the payer.
    fn give_back(
        &self,
        host: &mut dyn Host,
        amount: u128,
        status: TransferStatus,
    ) -> Result<(), EngineError> {
        if !self.holds_money() {
            return Ok(());
        }
        let slot = BALANCES.at(host, &self.account)?.at(host, &self.currency)?;
        let before = slot.load(host)?;
        let held = before.held.checked_sub(amount).ok_or_else(|| {
            HostError::Fatal(format!("transfer {}: what it holds is not held", self.record.id))
        })?;
        slot.store(host, &Balance { held, ..before })?;
        let event = ILedger::Released {
            id: self.record.id,
            from: self.account,
            to: self.parties.to,
            currency: self.currency.into(),
            amount,
            status: status.number(),
            clientReference: self.record.reference,
        };
        Ok(host.log(LEDGER, event.encode_log_data())?)
    }

    fn say_captured(
        &self,
        host: &mut dyn Host,
        amount: u128,
        rest: u128,
    ) -> Result<(), EngineError> {
        let event = ILedger::Captured {
            id: self.record.id,
            from: self.account,
            currency: code(Some(self.currency)),
            amount,
            rest,
        };
        Ok(host.log(LEDGER, event.encode_log_data())?)
    }

    fn say_status(
        &self,
        host: &mut dyn Host,
        status: TransferStatus,
        by: Address,
    ) -> Result<(), EngineError> {
        let event = ILedger::StatusSet { id: self.record.id, status: status.number(), by };
        Ok(host.log(LEDGER, event.encode_log_data())?)
    }

    /// Goes on once nothing is in the way any more: a hold is held, the rest is posted.
    fn proceed(&self, host: &mut dyn Host, by: Address) -> Result<(), EngineError> {
        if self.kind == TransferKind::Hold {
            self.set_status(host, TransferStatus::Held, self.settlement.expires)?;
            return self.say_status(host, TransferStatus::Held, by);
        }
        let amount = self.settlement.amount;
        self.post(host, amount)?;
        if self.holds_money() {
            self.say_captured(host, amount, 0)?;
        }
        self.set_status(host, TransferStatus::Settled, Seconds::default())?;
        self.say_status(host, TransferStatus::Settled, by)
    }

    /// Ends without a posting.
    pub(crate) fn end(
        &self,
        host: &mut dyn Host,
        status: TransferStatus,
        by: Address,
    ) -> Result<(), EngineError> {
        self.give_back(host, self.settlement.amount, status)?;
        self.set_status(host, status, self.settlement.expires)?;
        self.say_status(host, status, by)
    }
}

/// A hold that its payee may capture or void, and `caller` for it: its owner, or its delegate. A leg of a
/// settlement is not the payee's to capture: it is posted with the others or not at all.
fn load_for_payee(
    host: &mut dyn Host,
    account: Address,
    reference: Reference,
    caller: Address,
) -> Result<Transfer, EngineError> {
    let transfer = Transfer::load(host, account, client_reference(reference)?)?;
    let payee = Party::load(host, transfer.parties.to)?;
    if payee.head.owner != caller {
        let currency = transfer.currency;
        accounts::delegation_of(host, payee.account, caller, currency, CAPTURE_BIT, None)?;
    }
    Ok(transfer)
}

/// Posts a held amount, all or a part, for the payee.
pub(crate) fn capture(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::captureCall,
) -> Result<(), EngineError> {
    let transfer = load_for_payee(host, call.account, call.clientReference, caller)?;
    transfer.capture(host, call.amount, caller)
}

/// What the rest of a hold becomes when it ends: a hold of which nothing was captured takes `otherwise`.
fn end_hold(
    host: &mut dyn Host,
    transfer: &Transfer,
    otherwise: TransferStatus,
    by: Address,
) -> Result<(), EngineError> {
    let progress = transfer.record.slots.progress.load(host)?;
    let status = if progress.captured == 0 { otherwise } else { TransferStatus::Settled };
    let rest = transfer.settlement.amount.saturating_sub(progress.captured);
    transfer.give_back(host, rest, status)?;
    transfer.set_status(host, status, transfer.settlement.expires)?;
    transfer.say_status(host, status, by)
}

/// Gives the rest of a hold back, for the payee.
pub(crate) fn void(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::voidHoldCall,
) -> Result<(), EngineError> {
    let transfer = load_for_payee(host, call.account, call.clientReference, caller)?;
    transfer.require(TransferStatus::Held)?;
    end_hold(host, &transfer, TransferStatus::Voided, caller)
}

/// Gives back what waits longer than it may, for anybody.
pub(crate) fn expire(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::expireCall,
) -> Result<(), EngineError> {
    let transfer = Transfer::load(host, call.account, call.clientReference)?;
    if !waits(transfer.status) {
        return refuse(IQenexErrors::InvalidTransferStatus { status: transfer.status.number() });
    }
    let last = transfer.settlement.expires.get();
    if host.block().timestamp <= last {
        return refuse(IQenexErrors::NotExpired { last });
    }
    if transfer.status == TransferStatus::Held {
        return end_hold(host, &transfer, TransferStatus::Expired, caller);
    }
    transfer.end(host, TransferStatus::Expired, caller)
}

/// Whether a transfer waits for somebody.
pub(crate) const fn waits(status: TransferStatus) -> bool {
    matches!(
        status,
        TransferStatus::Held | TransferStatus::UnderReview | TransferStatus::PendingApproval
    )
}

/// Agrees to a transfer, for an approver of the account.
pub(crate) fn approve(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::approveCall,
) -> Result<(), EngineError> {
    // Check.
    let transfer = Transfer::load(host, call.account, call.clientReference)?;
    let pending = transfer.record.slots.pending.load(host)?;
    if caller == pending.initiator || !accounts::is_approver(host, call.account, caller)? {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    transfer.require(TransferStatus::PendingApproval)?;
    transfer.require_in_time(host)?;
    let slot = APPROVALS.at(host, &transfer.record.id)?.at(host, &caller)?;
    if slot.load(host)? {
        return refuse(IQenexErrors::AlreadyApproved { approver: caller });
    }

    // Write and emit.
    slot.store(host, &true)?;
    let approvals = pending.approvals.saturating_add(1);
    let pending = Pending { approvals, ..pending };
    transfer.record.slots.pending.store(host, &pending)?;
    let event = ILedger::Approved {
        id: transfer.record.id,
        approver: caller,
        have: approvals,
        need: pending.required,
    };
    host.log(LEDGER, event.encode_log_data())?;
    if approvals < pending.required {
        return Ok(());
    }
    if pending.review {
        let now = host.block().timestamp;
        let expires = match transfer.kind {
            TransferKind::Hold => transfer.settlement.expires,
            _ => Seconds::new(now.saturating_add(super::post::REVIEW_TIME)),
        };
        transfer.set_status(host, TransferStatus::UnderReview, expires)?;
        return transfer.say_status(host, TransferStatus::UnderReview, caller);
    }
    transfer.proceed(host, caller)
}

/// Refuses a transfer that waits for approvals, for an approver or the owner.
pub(crate) fn disapprove(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::disapproveCall,
) -> Result<(), EngineError> {
    let transfer = Transfer::load(host, call.account, call.clientReference)?;
    let owner = match transfer.kind {
        TransferKind::Issue => call.account,
        _ => Party::load(host, call.account)?.head.owner,
    };
    if caller != owner && !accounts::is_approver(host, call.account, caller)? {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    transfer.require(TransferStatus::PendingApproval)?;
    transfer.end(host, TransferStatus::Rejected, caller)
}

/// Decides on a transfer under review, for an officer.
pub(crate) fn decide(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::decideCall,
) -> Result<(), EngineError> {
    let officer = access::has_role(host, Role::ComplianceOfficer, caller)?
        || access::has_role(host, Role::RiskOfficer, caller)?;
    if !officer {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    let transfer = Transfer::load(host, call.account, call.clientReference)?;
    let pending = transfer.record.slots.pending.load(host)?;
    if caller == pending.initiator {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    transfer.require(TransferStatus::UnderReview)?;
    if !call.accept {
        return transfer.end(host, TransferStatus::Rejected, caller);
    }
    transfer.require_in_time(host)?;
    transfer.proceed(host, caller)
}

/// What was posted of a transfer: all of it, or what was captured of a hold.
pub(crate) fn posted(transfer: &Transfer, progress: &Progress) -> Result<u128, EngineError> {
    let is_posted = matches!(
        (transfer.kind, transfer.status),
        (TransferKind::Hold, _)
            | (TransferKind::Transfer, TransferStatus::Settled | TransferStatus::Reversed)
    );
    if !is_posted {
        let status = transfer.status.number();
        return Err(refusal(IQenexErrors::InvalidTransferStatus { status }));
    }
    Ok(match transfer.kind {
        TransferKind::Hold => progress.captured,
        _ => transfer.settlement.amount,
    })
}

/// Notes that money of a transfer was given back.
pub(crate) fn note_reversal(
    host: &mut dyn Host,
    transfer: &Transfer,
    progress: &Progress,
    posted: u128,
) -> Result<(), EngineError> {
    transfer.record.slots.progress.store(host, progress)?;
    let ended = !waits(transfer.status);
    if ended && progress.reversed == posted && transfer.status != TransferStatus::Reversed {
        transfer.set_status(host, TransferStatus::Reversed, transfer.settlement.expires)?;
    }
    Ok(())
}

/// The id under which an approver's word for a transfer stands.
pub(crate) fn has_approved(
    host: &mut dyn Host,
    id: B256,
    approver: Address,
) -> Result<bool, HostError> {
    APPROVALS.at(host, &id)?.at(host, &approver)?.load(host)
}
