//! Instructions of several legs: affirmed by their payers, settled all at once.
//!
//! Invariant: an affirmed leg has a hold of the ledger, of its amount and until its end; a settled
//! instruction has posted every leg, one that ended otherwise none.

use alloy_primitives::{Address, B256, FixedBytes, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use qenex_types::{Currency, TransferKind, TransferStatus};

use super::abi::ISettlement;
use super::records::{INSTRUCTIONS, Instruction, LEGS, LegSlots, Paying};
use super::{id_of, part_reference};
use crate::accounts::records::PROFILES;
use crate::errors::{refusal, refuse};
use crate::ledger::order::{Authority, Order};
use crate::ledger::post::post;
use crate::ledger::{pending, registered, signed as ledger_signed};
use crate::registry::SETTLEMENT;
use crate::signatures::{self, Scheme};
use crate::storage::Seconds;
use crate::{EngineError, Host, HostError, IQenexErrors, gas};

/// Most legs of an instruction.
const MAX_LEGS: usize = 32;

const UNKNOWN: u8 = 0;
const OPEN: u8 = 1;
const SETTLED: u8 = 2;
const CANCELLED: u8 = 3;
const EXPIRED: u8 = 4;

/// A leg, read.
struct Leg {
    slots: LegSlots,
    paying: Paying,
    payee: Address,
    amount: u128,
    /// The ledger's reference of its hold.
    reference: FixedBytes<16>,
}

fn leg(host: &mut dyn Host, id: B256, index: u8) -> Result<Leg, HostError> {
    let slots = LEGS.at(host, &id)?.at(host, &index)?;
    Ok(Leg {
        paying: slots.paying.load(host)?,
        payee: slots.payee.load(host)?,
        amount: slots.amount.load(host)?,
        reference: part_reference(host, id, B256::with_last_byte(index))?,
        slots,
    })
}

fn open(host: &mut dyn Host, id: B256) -> Result<Instruction, EngineError> {
    let instruction = INSTRUCTIONS.at(host, &id)?.load(host)?;
    require_status(id, &instruction, instruction.status == OPEN)?;
    Ok(instruction)
}

fn require_status(id: B256, instruction: &Instruction, fits: bool) -> Result<(), EngineError> {
    if fits {
        return Ok(());
    }
    refuse(IQenexErrors::InstructionNotOpen { id, status: instruction.status })
}

/// Makes an instruction. A repetition with the same reference is refused: its content may differ.
pub(super) fn instruct(
    host: &mut dyn Host,
    caller: Address,
    call: &ISettlement::instructCall,
) -> Result<B256, EngineError> {
    // Check.
    let legs = u8::try_from(call.legs.len()).ok().filter(|&legs| legs > 0);
    let Some(count) = legs.filter(|&legs| usize::from(legs) <= MAX_LEGS) else {
        let given = u64::try_from(call.legs.len()).unwrap_or(u64::MAX);
        return refuse(IQenexErrors::TooManyItems { most: 32, given });
    };
    let id = id_of(host, caller, call.clientReference)?;
    let slot = INSTRUCTIONS.at(host, &id)?;
    if slot.load(host)?.status != 0 {
        return refuse(IQenexErrors::ReferenceConflict { field: "clientReference".into() });
    }
    if call.expires <= host.block().timestamp || call.expires > Seconds::MAX {
        return refuse(IQenexErrors::InvalidExpiry { expires: call.expires });
    }
    for leg in &call.legs {
        if leg.amount == 0 {
            return refuse(IQenexErrors::ZeroAmount {});
        }
        if leg.payer == leg.payee {
            return refuse(IQenexErrors::SameAccount {});
        }
        registered(host, leg.currency)?;
    }

    // Write and emit.
    let expires = Seconds::new(call.expires);
    let instruction =
        Instruction { instructor: caller, status: OPEN, legs: count, open: count, expires };
    slot.store(host, &instruction)?;
    for (index, leg) in (0..count).zip(&call.legs) {
        let slots = LEGS.at(host, &id)?.at(host, &index)?;
        let currency = Currency::try_from(leg.currency).ok();
        slots.paying.store(host, &Paying { payer: leg.payer, currency, affirmed: false })?;
        slots.payee.store(host, &leg.payee)?;
        slots.amount.store(host, &leg.amount)?;
    }
    let event = ISettlement::Instructed {
        id,
        instructor: caller,
        expires: call.expires,
        payloadHash: call.payloadHash,
        legs: call.legs.clone(),
    };
    host.log(SETTLEMENT, event.encode_log_data())?;
    Ok(id)
}

/// Affirms the legs of a payer; the last affirmation settles.
pub(super) fn affirm(
    host: &mut dyn Host,
    id: B256,
    payer: Address,
    authority: Authority,
) -> Result<(), EngineError> {
    // Check.
    let instruction = open(host, id)?;
    let last = instruction.expires.get();
    if host.block().timestamp > last {
        return refuse(IQenexErrors::Expired { last });
    }
    let mut legs = Vec::new();
    for index in 0..instruction.legs {
        let leg = leg(host, id, index)?;
        if leg.paying.payer == payer && !leg.paying.affirmed {
            legs.push(leg);
        }
    }
    if legs.is_empty() {
        return refuse(IQenexErrors::NothingToAffirm { id, payer });
    }

    // Hold, write and emit.
    let mut open = instruction.open;
    for leg in legs {
        let order = Order {
            kind: TransferKind::Hold,
            account: payer,
            reference: Some(leg.reference),
            to: leg.payee,
            currency: leg.paying.currency.map(FixedBytes::from).unwrap_or_default(),
            amount: leg.amount,
            expires: last,
            end_to_end_id: id,
            payload_hash: B256::ZERO,
        };
        post(host, &order, authority)?;
        leg.slots.paying.store(host, &Paying { affirmed: true, ..leg.paying })?;
        open = open.saturating_sub(1);
    }
    INSTRUCTIONS.at(host, &id)?.store(host, &Instruction { open, ..instruction })?;
    let event = ISettlement::Affirmed { id, payer, open };
    host.log(SETTLEMENT, event.encode_log_data())?;
    if open == 0 && all_held(host, id, instruction.legs)? {
        return settle(host, id);
    }
    Ok(())
}

/// Whether every leg's hold can be captured: none waits for approvals or an officer.
fn all_held(host: &mut dyn Host, id: B256, legs: u8) -> Result<bool, EngineError> {
    for index in 0..legs {
        let leg = leg(host, id, index)?;
        let hold = pending::Transfer::load(host, leg.paying.payer, leg.reference)?;
        if hold.status != TransferStatus::Held {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Posts every leg.
pub(super) fn settle(host: &mut dyn Host, id: B256) -> Result<(), EngineError> {
    let instruction = open(host, id)?;
    if instruction.open > 0 {
        return refuse(IQenexErrors::NotAffirmed { id, open: instruction.open });
    }
    for index in 0..instruction.legs {
        let leg = leg(host, id, index)?;
        let hold = pending::Transfer::load(host, leg.paying.payer, leg.reference)?;
        hold.capture(host, leg.amount, SETTLEMENT)?;
    }
    let settled = Instruction { status: SETTLED, ..instruction };
    INSTRUCTIONS.at(host, &id)?.store(host, &settled)?;
    let event = ISettlement::InstructionSettled { id };
    Ok(host.log(SETTLEMENT, event.encode_log_data())?)
}

/// Takes an instruction back, for its instructor or the owner of a payer.
pub(super) fn cancel(host: &mut dyn Host, caller: Address, id: B256) -> Result<(), EngineError> {
    let instruction = INSTRUCTIONS.at(host, &id)?.load(host)?;
    require_status(id, &instruction, instruction.status != UNKNOWN)?;
    let mut may = instruction.instructor == caller;
    for index in 0..instruction.legs {
        if may {
            break;
        }
        let payer = leg(host, id, index)?.paying.payer;
        may = PROFILES.at(host, &payer)?.head.load(host)?.owner == caller;
    }
    if !may {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    require_status(id, &instruction, instruction.status == OPEN)?;
    end(host, id, &instruction, CANCELLED, caller)
}

/// Ends an instruction whose time is over, for anybody.
pub(super) fn expire(host: &mut dyn Host, caller: Address, id: B256) -> Result<(), EngineError> {
    let instruction = open(host, id)?;
    let last = instruction.expires.get();
    if host.block().timestamp <= last {
        return refuse(IQenexErrors::NotExpired { last });
    }
    end(host, id, &instruction, EXPIRED, caller)
}

/// Gives back what is held. A hold that has ended otherwise (refused by an officer, expired) holds
/// nothing any more.
fn end(
    host: &mut dyn Host,
    id: B256,
    instruction: &Instruction,
    status: u8,
    by: Address,
) -> Result<(), EngineError> {
    for index in 0..instruction.legs {
        let leg = leg(host, id, index)?;
        if !leg.paying.affirmed {
            continue;
        }
        let hold = pending::Transfer::load(host, leg.paying.payer, leg.reference)?;
        if pending::waits(hold.status) {
            hold.end(host, TransferStatus::Voided, by)?;
        }
    }
    INSTRUCTIONS.at(host, &id)?.store(host, &Instruction { status, ..*instruction })?;
    let event = ISettlement::InstructionEnded { id, status, by };
    Ok(host.log(SETTLEMENT, event.encode_log_data())?)
}

/// Name of this engine's EIP-712 domain.
pub(crate) const DOMAIN_NAME: &str = "QENEX Settlement";

/// EIP-712 type of what a key signs to affirm.
pub(crate) const AFFIRMATION_TYPE: &str = "Affirmation(bytes32 id,address payer)";

/// What a key signs to affirm on a chain: the engine's `affirmationDigest`, for who has no node at
/// hand.
pub fn affirmation_digest(chain_id: u64, id: B256, payer: Address) -> B256 {
    let domain = ledger_signed::domain_of(DOMAIN_NAME, chain_id, SETTLEMENT);
    let affirmation = keccak256((keccak256(AFFIRMATION_TYPE), id, payer).abi_encode());
    keccak256([&[0x19, 0x01], domain.as_slice(), affirmation.as_slice()].concat())
}

/// The same, charged for.
pub(super) fn digest(host: &mut dyn Host, id: B256, payer: Address) -> Result<B256, HostError> {
    gas::charge_keccak(host, 32 * 11)?;
    Ok(affirmation_digest(host.block().chain_id, id, payer))
}

/// The key that signed an affirmation.
pub(super) fn signed(
    host: &mut dyn Host,
    call: &ISettlement::affirmSignedCall,
) -> Result<Authority, EngineError> {
    let digest = digest(host, call.id, call.payer)?;
    let scheme = Scheme::from_number(call.scheme)
        .ok_or_else(|| refusal(IQenexErrors::InvalidKey { scheme: call.scheme }))?;
    host.charge(signatures::gas(scheme, call.proof.len()))?;
    signatures::signer(scheme, &digest, &call.proof)
        .map(Authority::Key)
        .ok_or_else(|| refusal(IQenexErrors::InvalidSignature {}))
}

/// An instruction as the interface shows it.
pub(super) fn view(
    host: &mut dyn Host,
    id: B256,
) -> Result<ISettlement::instructionReturn, EngineError> {
    let instruction = INSTRUCTIONS.at(host, &id)?.load(host)?;
    let mut legs = Vec::with_capacity(instruction.legs.into());
    let mut affirmed = Vec::with_capacity(instruction.legs.into());
    for index in 0..instruction.legs {
        let leg = leg(host, id, index)?;
        affirmed.push(leg.paying.affirmed);
        legs.push(ISettlement::Leg {
            payer: leg.paying.payer,
            payee: leg.payee,
            currency: leg.paying.currency.map(FixedBytes::from).unwrap_or_default(),
            amount: leg.amount,
        });
    }
    Ok(ISettlement::instructionReturn {
        instructor: instruction.instructor,
        status: instruction.status,
        expires: instruction.expires.get(),
        open: instruction.open,
        legs,
        affirmed,
    })
}
