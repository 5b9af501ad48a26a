//! PqVerify: the ledger's signature schemes, for contracts. Owns no state.

use alloy_sol_types::SolCall;

use self::abi::IPqVerify;
use self::abi::IPqVerify::IPqVerifyCalls as Calls;
use crate::errors::{refusal, refuse};
use crate::registry::{Engine, PQ_VERIFY, decode_call};
use crate::signatures::{self, Scheme};
use crate::{Call, EngineError, Host, IQenexErrors, gas};

pub mod abi;
#[cfg(test)]
mod tests;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IPqVerify",
    address: Some(PQ_VERIFY),
    abi: IPqVerify::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    Ok(match decode_call::<Calls>(call.input)? {
        Calls::verifyMlDsa65(c) => {
            let length = c.message.len().saturating_add(c.signature.len());
            host.charge(signatures::gas(Scheme::MlDsa65, length))?;
            let valid = signatures::verify_ml_dsa_65(&c.publicKey, &c.message, &c.signature);
            IPqVerify::verifyMlDsa65Call::abi_encode_returns(&valid)
        }
        Calls::keyId(c) => {
            gas::charge_keccak(host, u64::try_from(c.publicKey.len()).unwrap_or(u64::MAX))?;
            let scheme = scheme(c.scheme)?;
            match signatures::key_id(scheme, &c.publicKey) {
                Some(id) => IPqVerify::keyIdCall::abi_encode_returns(&id),
                None => return refuse(IQenexErrors::InvalidKey { scheme: c.scheme }),
            }
        }
        Calls::signer(c) => {
            let scheme = scheme(c.scheme)?;
            host.charge(signatures::gas(scheme, c.proof.len()))?;
            let signer = signatures::signer(scheme, &c.digest, &c.proof).unwrap_or_default();
            IPqVerify::signerCall::abi_encode_returns(&signer)
        }
    })
}

fn scheme(number: u8) -> Result<Scheme, EngineError> {
    Scheme::from_number(number).ok_or_else(|| refusal(IQenexErrors::InvalidKey { scheme: number }))
}
