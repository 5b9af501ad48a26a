//! Permits (EIP-2612): an allowance by the owner's signature.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;
use qenex_types::Currency;

use super::abi::ICurrencyToken;
use super::set_allowance;
use crate::errors::refuse;
use crate::ledger::records::{CurrencySlots, NONCES};
use crate::signatures::{self, Scheme};
use crate::{EngineError, Host, HostError, IQenexErrors, face_address, gas};

const DOMAIN_TYPE: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const PERMIT_TYPE: &str =
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";

/// Words hashed for a permit: domain, permit, and both together.
const HASHED: u64 = 32 * (5 + 6 + 3);

/// EIP-712 domain separator of a currency's face.
pub(super) fn domain(
    host: &mut dyn Host,
    currency: Currency,
    slots: &CurrencySlots,
) -> Result<B256, HostError> {
    gas::charge_keccak(host, HASHED)?;
    let name = slots.name.load(host)?.into_string();
    let fields = (
        keccak256(DOMAIN_TYPE),
        keccak256(name),
        keccak256("1"),
        U256::from(host.block().chain_id),
        face_address(currency),
    );
    Ok(keccak256(fields.abi_encode()))
}

/// Sets an allowance as its owner signed it.
pub(super) fn permit(
    host: &mut dyn Host,
    currency: Currency,
    slots: &CurrencySlots,
    call: &ICurrencyToken::permitCall,
) -> Result<(), EngineError> {
    // Check.
    let &ICurrencyToken::permitCall { owner, spender, value, deadline, v, r, s } = call;
    if U256::from(host.block().timestamp) > deadline {
        return refuse(IQenexErrors::ERC2612ExpiredSignature { deadline });
    }
    let domain = domain(host, currency, slots)?;
    let nonces = NONCES.at(host, &currency)?.at(host, &owner)?;
    let nonce = nonces.load(host)?;
    let fields = (keccak256(PERMIT_TYPE), owner, spender, value, U256::from(nonce), deadline);
    let permit = keccak256(fields.abi_encode());
    let digest = keccak256([&[0x19, 0x01], domain.as_slice(), permit.as_slice()].concat());
    host.charge(signatures::gas(Scheme::Secp256k1, 65))?;
    let proof = [r.as_slice(), s.as_slice(), &[v]].concat();
    let signer = signatures::recover(&digest, &proof).unwrap_or(Address::ZERO);
    if signer != owner || owner.is_zero() {
        return refuse(IQenexErrors::ERC2612InvalidSigner { signer, owner });
    }
    if spender.is_zero() {
        return refuse(IQenexErrors::ERC20InvalidSpender { spender });
    }

    // Write and emit.
    nonces.store(host, &nonce.saturating_add(1))?;
    set_allowance(host, currency, owner, spender, value)
}
