//! Settlement: delivery and payment at once (`instructions.rs`), and netting (`netting.rs`).
//!
//! It owns no money: legs are holds of the ledger until all are posted in one transaction, net positions
//! are the ledger's postings.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;

use self::abi::ISettlement;
use self::abi::ISettlement::ISettlementCalls as Calls;
use crate::ledger::order::Authority;
use crate::ledger::records::{Reference, settlement_reference, transfer_id};
use crate::registry::{Engine, SETTLEMENT, decode_call};
use crate::{Call, EngineError, Host, HostError, gas};

pub mod abi;
pub(crate) mod instructions;
mod netting;
pub mod records;
#[cfg(test)]
mod tests;

pub use instructions::affirmation_digest;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "ISettlement",
    address: Some(SETTLEMENT),
    abi: ISettlement::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let caller = call.caller;
    match decode_call::<Calls>(call.input)? {
        Calls::instruct(c) => {
            let id = instructions::instruct(host, caller, &c)?;
            return Ok(ISettlement::instructCall::abi_encode_returns(&id));
        }
        Calls::affirm(c) => {
            instructions::affirm(host, c.id, c.payer, Authority::Caller(caller))?;
        }
        Calls::affirmSigned(c) => {
            let authority = instructions::signed(host, &c)?;
            instructions::affirm(host, c.id, c.payer, authority)?;
        }
        Calls::settle(c) => instructions::settle(host, c.id)?,
        Calls::cancel(c) => instructions::cancel(host, caller, c.id)?,
        Calls::expire(c) => instructions::expire(host, caller, c.id)?,
        Calls::openCycle(c) => {
            let id = netting::open(host, caller, &c)?;
            return Ok(ISettlement::openCycleCall::abi_encode_returns(&id));
        }
        Calls::oblige(c) => netting::oblige(host, caller, &c)?,
        Calls::closeCycle(c) => netting::close(host, caller, c.id)?,
        Calls::instruction(c) => {
            let instruction = instructions::view(host, c.id)?;
            return Ok(ISettlement::instructionCall::abi_encode_returns(&instruction));
        }
        Calls::affirmationDigest(c) => {
            let digest = instructions::digest(host, c.id, c.payer)?;
            return Ok(ISettlement::affirmationDigestCall::abi_encode_returns(&digest));
        }
        Calls::cycle(c) => {
            let cycle = netting::view(host, c.id)?;
            return Ok(ISettlement::cycleCall::abi_encode_returns(&cycle));
        }
    }
    Ok(Vec::new())
}

/// The id of what somebody made under a reference: keccak256(maker ‖ reference).
fn id_of(host: &mut dyn Host, maker: Address, reference: Reference) -> Result<B256, HostError> {
    gas::charge_keccak(host, 36)?;
    Ok(transfer_id(maker, reference))
}

/// The ledger's reference for a part of something here, from keccak256(id ‖ part).
fn part_reference(host: &mut dyn Host, id: B256, part: B256) -> Result<Reference, HostError> {
    gas::charge_keccak(host, 64)?;
    let hash = alloy_primitives::keccak256([id.as_slice(), part.as_slice()].concat());
    Ok(settlement_reference(&hash))
}
