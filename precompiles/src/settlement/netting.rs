//! Netting cycles: obligations gross, one net posting for each participant.
//!
//! Obligations are judged and counted like payments when they are recorded; the money must be there when
//! the cycle closes, and only the net of it. Who lacks it keeps the cycle from closing, with its name.

use alloy_primitives::{Address, B256, FixedBytes, I256, U256};
use alloy_sol_types::SolEvent;
use qenex_types::{AccountType, Currency, TransferKind};

use super::abi::ISettlement;
use super::records::{
    CYCLES, Cycle, CycleSlots, INDICES, OBLIGATIONS, PARTICIPANTS, POSITIONS, Position,
};
use super::{id_of, part_reference};
use crate::accounts::{Party, Side};
use crate::errors::refuse;
use crate::ledger::case::{Loaded, load};
use crate::ledger::checks;
use crate::ledger::order::{Authority, Order, client_reference};
use crate::ledger::post::{Movement, move_money, remember};
use crate::ledger::{balance, registered};
use crate::registry::SETTLEMENT;
use crate::{EngineError, Host, IQenexErrors, compliance};

/// Most participants of a cycle.
const MAX_PARTICIPANTS: usize = 64;

const UNKNOWN: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// Opens a cycle, for the owner of the settlement account.
pub(super) fn open(
    host: &mut dyn Host,
    caller: Address,
    call: &ISettlement::openCycleCall,
) -> Result<B256, EngineError> {
    // Check.
    let participants = call.participants.len();
    let count = u8::try_from(participants).ok();
    let count = count.filter(|_| (2..=MAX_PARTICIPANTS).contains(&participants));
    let Some(count) = count else {
        let given = u64::try_from(participants).unwrap_or(u64::MAX);
        return refuse(IQenexErrors::TooManyItems { most: 64, given });
    };
    let account = Party::load(host, call.account)?;
    if account.head.owner != caller {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    let id = id_of(host, caller, call.clientReference)?;
    let slots = CYCLES.at(host, &id)?;
    if slots.terms.load(host)?.status != UNKNOWN {
        return refuse(IQenexErrors::ReferenceConflict { field: "clientReference".into() });
    }
    if account.kind != AccountType::Settlement {
        let account_type = account.kind.number();
        return refuse(IQenexErrors::InvalidAccountType { accountType: account_type });
    }
    let (currency, _) = registered(host, call.currency)?;

    // Write and emit.
    let cycle =
        Cycle { operator: caller, status: OPEN, participants: count, currency: Some(currency) };
    slots.terms.store(host, &cycle)?;
    slots.account.store(host, &call.account)?;
    for (index, &participant) in (0..count).zip(&call.participants) {
        Party::load(host, participant)?;
        let place = INDICES.at(host, &id)?.at(host, &participant)?;
        if participant == call.account || place.load(host)? != 0 {
            return refuse(IQenexErrors::InvalidAccount { account: participant });
        }
        place.store(host, &index.saturating_add(1))?;
        PARTICIPANTS.at(host, &id)?.at(host, &index)?.store(host, &participant)?;
    }
    let event = ISettlement::CycleOpened {
        id,
        operator: caller,
        account: call.account,
        currency: call.currency,
        participants: call.participants.clone(),
    };
    host.log(SETTLEMENT, event.encode_log_data())?;
    Ok(id)
}

fn running(host: &mut dyn Host, id: B256) -> Result<(CycleSlots, Cycle, Currency), EngineError> {
    let slots = CYCLES.at(host, &id)?;
    let cycle = slots.terms.load(host)?;
    match (cycle.status, cycle.currency) {
        (OPEN, Some(currency)) => Ok((slots, cycle, currency)),
        (status, _) => refuse(IQenexErrors::InstructionNotOpen { id, status }),
    }
}

/// Records an obligation, for who may pay from the account. A repetition changes nothing.
pub(super) fn oblige(
    host: &mut dyn Host,
    caller: Address,
    call: &ISettlement::obligeCall,
) -> Result<(), EngineError> {
    // Check.
    let &ISettlement::obligeCall { id, clientReference, from, to, amount } = call;
    client_reference(clientReference)?;
    let (slots, _, currency) = running(host, id)?;
    for account in [from, to] {
        if INDICES.at(host, &id)?.at(host, &account)?.load(host)? == 0 {
            return refuse(IQenexErrors::NotAParticipant { id, account });
        }
    }
    let recorded = id_of(host, from, clientReference)?;
    let mark = OBLIGATIONS.at(host, &id)?.at(host, &recorded)?;
    // Judged as the payment that it stands for, under a reference that only this cycle has.
    let order = Order {
        kind: TransferKind::Transfer,
        account: from,
        reference: Some(part_reference(host, id, recorded)?),
        to,
        currency: currency.into(),
        amount,
        expires: 0,
        end_to_end_id: id,
        payload_hash: B256::ZERO,
    };
    let conflict = || refuse(IQenexErrors::ReferenceConflict { field: "clientReference".into() });
    let Loaded::New(case) = load(host, &order, Authority::Caller(caller))? else {
        return conflict();
    };
    if mark.load(host)? {
        return conflict();
    }
    if let Some(refusal) = checks::refusal_without_funds(&case).or_else(|| case.waits_for()) {
        return refuse(refusal);
    }
    let gross = slots.gross.load(host)?.checked_add(amount);
    let Some(gross) = gross else {
        return refuse(IQenexErrors::AmountTooLarge { most: 0, amount });
    };

    // Write and emit. Neither sum can pass the gross.
    remember(host, &case)?;
    mark.store(host, &true)?;
    slots.gross.store(host, &gross)?;
    let positions = POSITIONS.at(host, &id)?;
    let slot = positions.at(host, &from)?;
    let position = slot.load(host)?;
    slot.store(host, &Position { owes: position.owes.saturating_add(amount), ..position })?;
    let slot = positions.at(host, &to)?;
    let position = slot.load(host)?;
    slot.store(host, &Position { owed: position.owed.saturating_add(amount), ..position })?;
    let event = ISettlement::Obliged { id, from, to, amount, clientReference };
    Ok(host.log(SETTLEMENT, event.encode_log_data())?)
}

/// Posts the net positions, for the operator: first those who pay, then those who are paid.
pub(super) fn close(host: &mut dyn Host, caller: Address, id: B256) -> Result<(), EngineError> {
    // Check.
    let terms = CYCLES.at(host, &id)?.terms.load(host)?;
    if terms.status != UNKNOWN && terms.operator != caller {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    let (slots, cycle, currency) = running(host, id)?;
    if !compliance::class(host, currency, 0)?.active {
        return refuse(IQenexErrors::CurrencyNotActive { currency: currency.into() });
    }
    let account = slots.account.load(host)?;
    let through = Party::load(host, account)?;
    for side in [Side::Credit, Side::Debit] {
        if let Some(bar) = through.bar(side) {
            return refuse(bar);
        }
    }
    let mut nets = Vec::with_capacity(cycle.participants.into());
    for index in 0..cycle.participants {
        let participant = PARTICIPANTS.at(host, &id)?.at(host, &index)?.load(host)?;
        let position = POSITIONS.at(host, &id)?.at(host, &participant)?.load(host)?;
        let party = Party::load(host, participant)?;
        if position.owes > position.owed {
            let needed = position.owes.saturating_sub(position.owed);
            let available = balance(host, participant, currency)?.available();
            if let Some(bar) = party.bar(Side::Debit) {
                return refuse(bar);
            }
            if available < needed {
                return refuse(IQenexErrors::ParticipantShort {
                    account: participant,
                    available,
                    needed,
                });
            }
        } else if position.owed > position.owes
            && let Some(bar) = party.bar(Side::Credit)
        {
            return refuse(bar);
        }
        nets.push((party, position));
    }

    // Write and emit.
    let mut net = 0_u128;
    for (party, position) in &nets {
        if let Some(amount) = position.owes.checked_sub(position.owed).filter(|&net| net > 0) {
            net = net.saturating_add(amount);
            pay(host, id, (party.account, account), currency, amount)?;
            party.touch(host)?;
            say(host, id, party.account, I256::from_raw(U256::from(amount)).wrapping_neg())?;
        }
    }
    for (party, position) in &nets {
        if let Some(amount) = position.owed.checked_sub(position.owes).filter(|&net| net > 0) {
            pay(host, id, (account, party.account), currency, amount)?;
            party.touch(host)?;
            say(host, id, party.account, I256::from_raw(U256::from(amount)))?;
        }
    }
    slots.terms.store(host, &Cycle { status: CLOSED, ..cycle })?;
    let gross = U256::from(slots.gross.load(host)?);
    let event = ISettlement::CycleClosed { id, gross, net: U256::from(net) };
    Ok(host.log(SETTLEMENT, event.encode_log_data())?)
}

fn pay(
    host: &mut dyn Host,
    id: B256,
    (from, to): (Address, Address),
    currency: Currency,
    amount: u128,
) -> Result<(), EngineError> {
    let reference = part_reference(host, id, from.into_word() ^ to.into_word())?;
    let movement = Movement {
        id: id_of(host, from, reference)?,
        from: Some(from),
        to: Some(to),
        currency,
        amount,
        held: false,
        reference,
        end_to_end_id: id,
        payload_hash: B256::ZERO,
    };
    move_money(host, &movement)
}

fn say(host: &mut dyn Host, id: B256, participant: Address, net: I256) -> Result<(), EngineError> {
    let event = ISettlement::NetPosted { id, participant, net };
    Ok(host.log(SETTLEMENT, event.encode_log_data())?)
}

/// A cycle as the interface shows it.
pub(super) fn view(host: &mut dyn Host, id: B256) -> Result<ISettlement::cycleReturn, EngineError> {
    let slots = CYCLES.at(host, &id)?;
    let cycle = slots.terms.load(host)?;
    let mut participants = Vec::with_capacity(cycle.participants.into());
    let mut nets = Vec::with_capacity(cycle.participants.into());
    for index in 0..cycle.participants {
        let participant = PARTICIPANTS.at(host, &id)?.at(host, &index)?.load(host)?;
        let Position { owes, owed } =
            POSITIONS.at(host, &id)?.at(host, &participant)?.load(host)?;
        let wide = |amount: u128| I256::from_raw(U256::from(amount));
        participants.push(participant);
        nets.push(wide(owed).wrapping_sub(wide(owes)));
    }
    Ok(ISettlement::cycleReturn {
        operator: cycle.operator,
        account: slots.account.load(host)?,
        currency: cycle.currency.map(FixedBytes::from).unwrap_or_default(),
        status: cycle.status,
        gross: slots.gross.load(host)?,
        participants,
        nets,
    })
}
