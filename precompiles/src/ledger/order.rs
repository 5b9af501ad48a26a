//! What is asked of the ledger: an order, and by what right it is given.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use qenex_types::{Authorisation, TransferKind};

use super::abi::ILedger;
use super::records::{Reference, is_client_reference};
use crate::errors::{refusal, refuse};
use crate::{EngineError, IQenexErrors};

/// By what right money moves. It is checked in `checks.rs` and nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Authority {
    /// The caller of the engine: owner of the paying account, or its delegate.
    Caller(Address),
    /// A key that signed the order: its id. Whether it is a key of the payer is still to be checked.
    Key(B256),
    /// The caller has an ERC-20 allowance of the payer. It counts only while the paying account owns
    /// itself, else its owner's word would be bypassed.
    Allowance {
        /// The caller.
        spender: Address,
        /// What is asked for, which may be more than any order's amount.
        value: U256,
    },
    /// The caller issues the currency: the one authority without a payer.
    Issuer(Address),
}

/// A reference that a client gave, unless it is one that clients may not use.
pub(crate) fn client_reference(reference: Reference) -> Result<Reference, EngineError> {
    if is_client_reference(reference) {
        return Ok(reference);
    }
    refuse(IQenexErrors::InvalidReference {})
}

/// A posting as asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// What it is. An issue has no payer, a redemption no payee.
    pub(crate) kind: TransferKind,
    /// Whose reference it is: the payer's, or the issuer's.
    pub(crate) account: Address,
    /// The client reference; `None` for a posting through a face, which also may be of zero.
    pub(crate) reference: Option<Reference>,
    /// The payee; zero for a redemption.
    pub(crate) to: Address,
    /// In which currency.
    pub(crate) currency: FixedBytes<3>,
    /// Minor units.
    pub(crate) amount: u128,
    /// Last second of a hold; 0 for others.
    pub(crate) expires: u64,
    /// End-to-end id, or zero.
    pub(crate) end_to_end_id: B256,
    /// Hash of the payload kept off chain, or zero.
    pub(crate) payload_hash: B256,
}

impl Order {
    /// Whether limits and risk rules count it: what customers pay. Redemptions and reversals are not
    /// counted.
    pub(crate) const fn is_counted(&self) -> bool {
        matches!(self.kind, TransferKind::Transfer | TransferKind::Hold)
    }
}

impl TryFrom<&ILedger::Order> for Order {
    type Error = EngineError;

    /// Refuses kinds that no order has, payees and times that do not fit the kind, and references that
    /// no client may use; in this order.
    fn try_from(order: &ILedger::Order) -> Result<Self, EngineError> {
        use TransferKind::{Hold, Redeem, Transfer};
        let kind = TransferKind::from_number(order.kind)
            .filter(|kind| matches!(kind, Transfer | Hold | Redeem))
            .ok_or_else(|| refusal(IQenexErrors::InvalidKind { kind: order.kind }))?;
        if kind != Hold && order.expires != 0 {
            return refuse(IQenexErrors::InvalidExpiry { expires: order.expires });
        }
        if kind == Redeem && !order.to.is_zero() {
            return refuse(IQenexErrors::InvalidAccount { account: order.to });
        }
        Ok(Self {
            kind,
            account: order.from,
            reference: Some(client_reference(order.clientReference)?),
            to: order.to,
            currency: order.currency,
            amount: order.amount,
            expires: order.expires,
            end_to_end_id: order.endToEndId,
            payload_hash: order.payloadHash,
        })
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    /// The transfer's id.
    pub(crate) id: B256,
    /// Where it stands.
    pub(crate) status: qenex_types::TransferStatus,
}

/// By what right an order was found to be given, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right {
    pub(crate) authorisation: Authorisation,
    /// Whose call or key it was: may not approve it.
    pub(crate) initiator: Address,
}
