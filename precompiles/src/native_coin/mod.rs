//! NativeCoin: moves native coin for its ERC-20 face, the QXC contract, and for nobody else.
//!
//! Balances are the accounts' own, not storage of the engine: the host moves them. The ledger's money
//! and rules have nothing to do with it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolEvent};

use self::abi::INativeCoin;
use self::abi::INativeCoin::INativeCoinCalls as Calls;
use crate::access::{self, Role};
use crate::errors::refuse;
use crate::registry::{Engine, NATIVE_COIN, decode_call, is_engine};
use crate::storage::{Slot, Word};
use crate::{Call, EngineError, Host, IQenexErrors};

pub mod abi;
#[cfg(test)]
mod tests;

// Storage layout. Append only: a slot's number is part of the consensus.

/// The ERC-20 face. Written once.
pub const FACE: Slot<Address> = Slot::new(NATIVE_COIN, 0);
/// All coin of the genesis state.
pub const ISSUED: Slot<U256> = Slot::new(NATIVE_COIN, 1);

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "INativeCoin",
    address: Some(NATIVE_COIN),
    abi: INativeCoin::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

/// The engine's storage at genesis: the face, if there is one already, and the sum of all balances.
pub fn genesis(face: Option<Address>, issued: U256) -> BTreeMap<U256, U256> {
    let face = face.unwrap_or_default().to_word();
    BTreeMap::from([(FACE.number(), face), (ISSUED.number(), issued)])
}

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    match decode_call::<Calls>(call.input)? {
        Calls::transfer(c) => transfer(host, call.caller, &c)?,
        Calls::setFace(c) => {
            access::require_approved(host, Role::Admin, call)?;
            set_face(host, call.caller, c.face)?;
        }
        Calls::face(_) => {
            return Ok(INativeCoin::faceCall::abi_encode_returns(&FACE.load(host)?));
        }
        Calls::issued(_) => {
            return Ok(INativeCoin::issuedCall::abi_encode_returns(&ISSUED.load(host)?));
        }
    }
    Ok(Vec::new())
}

fn transfer(
    host: &mut dyn Host,
    caller: Address,
    call: &INativeCoin::transferCall,
) -> Result<(), EngineError> {
    let &INativeCoin::transferCall { from, to, amount } = call;
    if caller.is_zero() || FACE.load(host)? != caller {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    if from.is_zero() {
        return refuse(IQenexErrors::ERC20InvalidSender { sender: from });
    }
    // Nobody could ever move it from there.
    if to.is_zero() || is_engine(to) {
        return refuse(IQenexErrors::ERC20InvalidReceiver { receiver: to });
    }
    let balance = host.move_coin(from, to, amount)?;
    if balance < amount {
        let needed = amount;
        return refuse(IQenexErrors::ERC20InsufficientBalance { sender: from, balance, needed });
    }
    Ok(())
}

fn set_face(host: &mut dyn Host, by: Address, face: Address) -> Result<(), EngineError> {
    if face.is_zero() || is_engine(face) {
        return refuse(IQenexErrors::InvalidAccount { account: face });
    }
    let present = FACE.load(host)?;
    if !present.is_zero() {
        return refuse(IQenexErrors::FaceExists { face: present });
    }
    FACE.store(host, &face)?;
    let event = INativeCoin::FaceSet { face, by };
    Ok(host.log(NATIVE_COIN, event.encode_log_data())?)
}
