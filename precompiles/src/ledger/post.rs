//! The one way money moves: issue, transfer and the ERC-20 faces all come through [`post`].
//!
//! Order of the checks, which is part of the interface: reference, authorisation (payer or currency
//! known, caller allowed), replay, amount, two different accounts, currency, payer, payee, funds.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::SolEvent;
use qenex_types::{Currency, TransferKind, TransferStatus};

use super::abi::ILedger;
use super::records::{
    ALLOWANCES, BALANCES, Balance, CurrencySlots, FACE_POSTINGS, HOLDINGS, Outstanding, Parties,
    Reference, Settlement, TRANSFERS, TransferSlots, face_reference, is_client_reference,
    transfer_id,
};
use super::registered;
use crate::accounts::Party;
use crate::errors::refuse;
use crate::face::abi::ICurrencyToken;
use crate::registry::LEDGER;
use crate::storage::Slot;
use crate::{EngineError, Host, HostError, IQenexErrors, face_address, gas};

/// By what right money moves. The engine checks it here and nowhere else; further rights (signed
/// instruction, delegation, approval policy) become further variants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Authority {
    /// The caller owns the paying account.
    Owner(Address),
    /// The caller has an ERC-20 allowance of the payer: a delegation. It counts only while the
    /// paying account owns itself, else its owner's word would be bypassed.
    Allowance(Address),
    /// The caller issues the currency.
    Issuer(Address),
}

/// A posting as asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting {
    /// What it is. An issue has no payer.
    pub(crate) kind: TransferKind,
    /// Whose reference it is: the payer's, or the issuer's.
    pub(crate) account: Address,
    /// The client reference; `None` for a posting through a face, which also may be of zero.
    pub(crate) reference: Option<Reference>,
    /// The payee.
    pub(crate) to: Address,
    /// In which currency.
    pub(crate) currency: FixedBytes<3>,
    /// Minor units.
    pub(crate) amount: u128,
    /// End-to-end id, or zero.
    pub(crate) end_to_end_id: B256,
    /// Hash of the payload kept off chain, or zero.
    pub(crate) payload_hash: B256,
    /// By what right.
    pub(crate) authority: Authority,
}

/// What the authorisation found out.
struct Claim {
    payer: Option<Party>,
    allowance: Option<Allowance>,
}

/// A finite allowance that the posting uses up.
struct Allowance {
    slot: Slot<U256>,
    spender: Address,
    rest: U256,
}

/// One side of the posting: the account, and its balance before and after.
struct Side {
    party: Party,
    account: Address,
    slot: Slot<Balance>,
    before: Balance,
    after: Balance,
}

/// Everything checked and computed, nothing written.
struct Plan {
    id: B256,
    reference: Reference,
    currency: Currency,
    record: Option<TransferSlots>,
    payer: Option<Side>,
    payee: Side,
    outstanding: Option<(Slot<Outstanding>, Outstanding)>,
    allowance: Option<Allowance>,
    face_count: Option<(Slot<u64>, u64)>,
}

/// Posts, or answers a replay with the first result. Returns the transfer's id.
pub(crate) fn post(host: &mut dyn Host, posting: &Posting) -> Result<B256, EngineError> {
    // Check and compute.
    let record = match posting.reference {
        None => None,
        Some(reference) if is_client_reference(reference) => Some(reference),
        Some(_) => return refuse(IQenexErrors::InvalidReference {}),
    };
    let claim = authorise(host, posting)?;
    let record = match record {
        None => None,
        Some(reference) => {
            gas::charge_keccak(host, 36)?;
            let id = transfer_id(posting.account, reference);
            let slots = TRANSFERS.at(host, &id)?;
            if is_replay(host, posting, &slots)? {
                return Ok(id);
            }
            Some((id, reference, slots))
        }
    };
    let plan = plan(host, posting, claim, record)?;

    // Write and emit.
    if posting.amount > 0 {
        write(host, posting, &plan)?;
    }
    emit(host, posting, &plan)?;
    Ok(plan.id)
}

fn authorise(host: &mut dyn Host, posting: &Posting) -> Result<Claim, EngineError> {
    match posting.authority {
        Authority::Issuer(caller) => {
            let (_, slots) = registered(host, posting.currency)?;
            if slots.terms.load(host)?.issuer != caller {
                return refuse(IQenexErrors::NotAuthorised { caller });
            }
            Ok(Claim { payer: None, allowance: None })
        }
        Authority::Owner(caller) => {
            let payer = Party::load(host, posting.account)?;
            if payer.head.owner != caller {
                return refuse(IQenexErrors::NotAuthorised { caller });
            }
            Ok(Claim { payer: Some(payer), allowance: None })
        }
        Authority::Allowance(spender) => {
            let payer = Party::load(host, posting.account)?;
            if payer.head.owner != posting.account {
                return refuse(IQenexErrors::NotAuthorised { caller: spender });
            }
            let (currency, _) = registered(host, posting.currency)?;
            let slot = allowance_slot(host, currency, posting.account, spender)?;
            let allowance = slot.load(host)?;
            let needed = U256::from(posting.amount);
            let Some(rest) = allowance.checked_sub(needed) else {
                return refuse(IQenexErrors::ERC20InsufficientAllowance {
                    spender,
                    allowance,
                    needed,
                });
            };
            // As everywhere in ERC-20, the greatest allowance never runs out.
            let finite = allowance != U256::MAX;
            let allowance = finite.then_some(Allowance { slot, spender, rest });
            Ok(Claim { payer: Some(payer), allowance })
        }
    }
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

/// Whether this very posting settled before; refuses if another one did under the same reference.
fn is_replay(
    host: &mut dyn Host,
    posting: &Posting,
    slots: &TransferSlots,
) -> Result<bool, EngineError> {
    let parties = slots.parties.load(host)?;
    let Some(kind) = parties.kind else {
        return Ok(false);
    };
    let currency = parties.currency.map(FixedBytes::from).unwrap_or_default();
    let same = [
        ("kind", kind == posting.kind),
        ("to", parties.to == posting.to),
        ("currency", currency == posting.currency),
        ("amount", slots.settlement.load(host)?.amount == posting.amount),
        ("endToEndId", slots.end_to_end_id.load(host)? == posting.end_to_end_id),
        ("payloadHash", slots.payload_hash.load(host)? == posting.payload_hash),
    ];
    match same.iter().find(|(_, same)| !same) {
        None => Ok(true),
        Some((field, _)) => refuse(IQenexErrors::ReferenceConflict { field: (*field).to_owned() }),
    }
}

fn plan(
    host: &mut dyn Host,
    posting: &Posting,
    claim: Claim,
    record: Option<(B256, Reference, TransferSlots)>,
) -> Result<Plan, EngineError> {
    if posting.amount == 0 && posting.reference.is_some() {
        return refuse(IQenexErrors::ZeroAmount {});
    }
    if claim.payer.is_some() && posting.account == posting.to {
        return refuse(IQenexErrors::SameAccount {});
    }
    let (currency, slots) = registered(host, posting.currency)?;
    if !slots.terms.load(host)?.active {
        return refuse(IQenexErrors::CurrencyNotActive { currency: posting.currency });
    }
    if let Some(payer) = &claim.payer {
        payer.require_active()?;
    }
    let payee = Party::load(host, posting.to)?;
    payee.require_active()?;

    let (payer, outstanding) = match claim.payer {
        Some(party) => (Some(debit(host, posting, party, currency)?), None),
        None => (None, Some(raise_supply(host, posting, slots)?)),
    };
    let payee = credit(host, posting, payee, currency)?;
    let (id, reference, face_count, record) = match record {
        Some((id, reference, slots)) => (id, reference, None, Some(slots)),
        None => {
            let slot = FACE_POSTINGS.at(host, &posting.account)?;
            let count = slot.load(host)?;
            let reference = face_reference(count);
            gas::charge_keccak(host, 36)?;
            let id = transfer_id(posting.account, reference);
            (id, reference, Some((slot, count.saturating_add(1))), None)
        }
    };
    let allowance = claim.allowance;
    Ok(Plan { id, reference, currency, record, payer, payee, outstanding, allowance, face_count })
}

fn debit(
    host: &mut dyn Host,
    posting: &Posting,
    party: Party,
    currency: Currency,
) -> Result<Side, EngineError> {
    let slot = BALANCES.at(host, &posting.account)?.at(host, &currency)?;
    let before = slot.load(host)?;
    let (available, needed) = (before.available(), posting.amount);
    if available < needed {
        return refuse(IQenexErrors::InsufficientFunds { available, needed });
    }
    // `needed <= available <= posted`: the subtraction is exact.
    let after = Balance { posted: before.posted.saturating_sub(needed), ..before };
    Ok(Side { party, account: posting.account, slot, before, after })
}

fn credit(
    host: &mut dyn Host,
    posting: &Posting,
    party: Party,
    currency: Currency,
) -> Result<Side, EngineError> {
    let slot = BALANCES.at(host, &posting.to)?.at(host, &currency)?;
    let before = slot.load(host)?;
    // A balance is at most the supply, and the supply at most 128 bits: only damaged state fails
    // here.
    let posted = before.posted.checked_add(posting.amount).ok_or_else(|| {
        HostError::Fatal(format!("the balance of {} in {currency} exceeds the supply", posting.to))
    })?;
    let after = Balance { posted, ..before };
    Ok(Side { party, account: posting.to, slot, before, after })
}

fn raise_supply(
    host: &mut dyn Host,
    posting: &Posting,
    slots: CurrencySlots,
) -> Result<(Slot<Outstanding>, Outstanding), EngineError> {
    let Outstanding { supply, cap } = slots.outstanding.load(host)?;
    match supply.checked_add(posting.amount).filter(|&raised| raised <= cap) {
        Some(raised) => Ok((slots.outstanding, Outstanding { supply: raised, cap })),
        None => refuse(IQenexErrors::SupplyCapExceeded { cap, supply, amount: posting.amount }),
    }
}

fn write(host: &mut dyn Host, posting: &Posting, plan: &Plan) -> Result<(), HostError> {
    for side in plan.payer.iter().chain([&plan.payee]) {
        side.slot.store(host, &side.after)?;
        match (side.before.posted, side.after.posted) {
            (0, after) if after > 0 => count_holding(host, side.account, 1)?,
            (before, 0) if before > 0 => count_holding(host, side.account, -1)?,
            _ => {}
        }
        side.party.touch(host)?;
    }
    if let Some((slot, outstanding)) = &plan.outstanding {
        slot.store(host, outstanding)?;
    }
    if let Some(Allowance { slot, rest, .. }) = &plan.allowance {
        slot.store(host, rest)?;
    }
    if let Some((slot, count)) = &plan.face_count {
        slot.store(host, count)?;
    }
    if let Some(record) = &plan.record {
        let block = host.block();
        record.parties.store(
            host,
            &Parties {
                to: posting.to,
                currency: Some(plan.currency),
                kind: Some(posting.kind),
                status: Some(TransferStatus::Settled),
            },
        )?;
        record.settlement.store(
            host,
            &Settlement { amount: posting.amount, block: block.number, timestamp: block.timestamp },
        )?;
        // A record is written once, so zero is there already.
        if !posting.end_to_end_id.is_zero() {
            record.end_to_end_id.store(host, &posting.end_to_end_id)?;
        }
        if !posting.payload_hash.is_zero() {
            record.payload_hash.store(host, &posting.payload_hash)?;
        }
    }
    Ok(())
}

/// Counts a currency that an account now has, or has no more.
fn count_holding(host: &mut dyn Host, account: Address, change: i64) -> Result<(), HostError> {
    let slot = HOLDINGS.at(host, &account)?;
    let count = slot.load(host)?.checked_add_signed(change).ok_or_else(|| {
        HostError::Fatal(format!("the holdings of {account} are fewer than none"))
    })?;
    slot.store(host, &count)
}

/// `Settled` in the ledger's name, the ERC-20 events in the face's, so that wallets see every
/// posting.
fn emit(host: &mut dyn Host, posting: &Posting, plan: &Plan) -> Result<(), HostError> {
    let face = face_address(plan.currency);
    let from = plan.payer.as_ref().map_or(Address::ZERO, |payer| payer.account);
    let to = posting.to;
    if posting.amount > 0 {
        let settled = ILedger::Settled {
            id: plan.id,
            from,
            to,
            currency: posting.currency,
            amount: posting.amount,
            clientReference: plan.reference,
            endToEndId: posting.end_to_end_id,
            payloadHash: posting.payload_hash,
        };
        host.log(LEDGER, settled.encode_log_data())?;
        if let Some(Allowance { spender, rest, .. }) = plan.allowance {
            // Not required by ERC-20; with it every change of the ledger's state has an event.
            let approval = ICurrencyToken::Approval { owner: from, spender, value: rest };
            host.log(face, approval.encode_log_data())?;
        }
    }
    let transfer = ICurrencyToken::Transfer { from, to, value: U256::from(posting.amount) };
    host.log(face, transfer.encode_log_data())
}
