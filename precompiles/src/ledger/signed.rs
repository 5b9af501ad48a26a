//! Orders signed with keys of their payers (EIP-712).
//!
//! There is no sequential nonce: the client reference is the guard against replay, so thousands of
//! customers never queue behind one another.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;
use rayon::prelude::*;

use super::abi::ILedger;
use super::order::Authority;
use crate::registry::LEDGER;
use crate::signatures::{self, Scheme};
use crate::{Block, Host, HostError, IQenexErrors, Refusal, gas};

/// Name of the ledger's EIP-712 domain.
pub(crate) const DOMAIN_NAME: &str = "QENEX Ledger";

/// EIP-712 type of what is signed.
pub(crate) const ORDER_TYPE: &str = "Order(bytes16 clientReference,uint8 kind,address from,address to,\
    bytes3 currency,uint128 amount,uint64 expires,bytes32 endToEndId,bytes32 payloadHash,\
    uint64 validAfter,uint64 validBefore)";

/// EIP-712 type of the domain.
const DOMAIN_TYPE: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

/// Signatures that are worth a core of their own.
const CHECKS_AT_LEAST: usize = 8;

/// Words hashed for a digest.
const DIGEST_BYTES: u64 = 12 * 32 + 66;

/// EIP-712 domain separator of the ledger on a chain.
pub(crate) fn domain(chain_id: u64) -> B256 {
    domain_of(DOMAIN_NAME, chain_id, LEDGER)
}

/// EIP-712 domain separator of an engine under a name, version "1".
pub(crate) fn domain_of(name: &str, chain_id: u64, engine: Address) -> B256 {
    let fields =
        (keccak256(DOMAIN_TYPE), keccak256(name), keccak256("1"), U256::from(chain_id), engine);
    keccak256(fields.abi_encode())
}

/// What a key signs for an order on a chain: the engine's `digest`, for who has no node at hand.
pub fn order_digest(
    chain_id: u64,
    order: &ILedger::Order,
    valid_after: u64,
    valid_before: u64,
) -> B256 {
    digest(&domain(chain_id), order, valid_after, valid_before)
}

/// What a key signs.
pub(crate) fn digest(
    domain: &B256,
    order: &ILedger::Order,
    valid_after: u64,
    valid_before: u64,
) -> B256 {
    let mut fields = [0_u8; 12 * 32];
    let words = [
        type_hash(),
        B256::right_padding_from(order.clientReference.as_slice()),
        B256::left_padding_from(&[order.kind]),
        order.from.into_word(),
        order.to.into_word(),
        B256::right_padding_from(order.currency.as_slice()),
        B256::left_padding_from(&order.amount.to_be_bytes()),
        B256::left_padding_from(&order.expires.to_be_bytes()),
        order.endToEndId,
        order.payloadHash,
        B256::left_padding_from(&valid_after.to_be_bytes()),
        B256::left_padding_from(&valid_before.to_be_bytes()),
    ];
    for (to, from) in fields.chunks_exact_mut(32).zip(words) {
        to.copy_from_slice(from.as_slice());
    }
    let mut message = [0_u8; 66];
    message[0] = 0x19;
    message[1] = 0x01;
    message[2..34].copy_from_slice(domain.as_slice());
    message[34..].copy_from_slice(keccak256(fields).as_slice());
    keccak256(message)
}

fn type_hash() -> B256 {
    static HASH: std::sync::LazyLock<B256> = std::sync::LazyLock::new(|| keccak256(ORDER_TYPE));
    *HASH
}

/// The key that signed each order, if it counts now and the signature is right.
///
/// All checks are paid for before the first is made, and are made on all cores: they depend on nothing
/// but the order.
pub(crate) fn authorities(
    host: &mut dyn Host,
    orders: &[ILedger::SignedOrder],
) -> Result<Vec<Result<Authority, Refusal>>, HostError> {
    host.charge(gas::KECCAK.saturating_mul(2))?;
    let Block { timestamp, chain_id, .. } = host.block();
    let mut schemes = Vec::with_capacity(orders.len());
    for signed in orders {
        let scheme = scheme_of(signed, timestamp);
        if let Ok(scheme) = scheme {
            gas::charge_keccak(host, DIGEST_BYTES)?;
            host.charge(signatures::gas(scheme, signed.proof.len()))?;
        }
        schemes.push((signed, scheme));
    }
    let domain = domain(chain_id);
    let check = |(signed, scheme): (&ILedger::SignedOrder, Result<Scheme, Refusal>)| {
        let digest = digest(&domain, &signed.order, signed.validAfter, signed.validBefore);
        signatures::signer(scheme?, &digest, &signed.proof)
            .map(Authority::Key)
            .ok_or_else(|| IQenexErrors::InvalidSignature {}.into())
    };
    Ok(schemes.into_par_iter().with_min_len(CHECKS_AT_LEAST).map(check).collect())
}

/// The scheme of an order's signature, if both may count now.
fn scheme_of(signed: &ILedger::SignedOrder, now: u64) -> Result<Scheme, Refusal> {
    if now < signed.validAfter {
        return Err(IQenexErrors::NotYetValid { first: signed.validAfter }.into());
    }
    if signed.validBefore != 0 && now > signed.validBefore {
        return Err(IQenexErrors::Expired { last: signed.validBefore }.into());
    }
    Scheme::from_number(signed.scheme)
        .ok_or_else(|| IQenexErrors::InvalidKey { scheme: signed.scheme }.into())
}
