//! Reversals: the payee gives back what it was paid, all or a part, linked to the payment.

use alloy_primitives::{Address, FixedBytes};
use alloy_sol_types::SolEvent;
use qenex_types::TransferKind;

use super::abi::ILedger;
use super::case::{Loaded, load};
use super::order::{Authority, Order, Posted, client_reference};
use super::pending::{Transfer, note_reversal, posted};
use super::post::carry_out;
use super::records::Progress;
use crate::errors::refuse;
use crate::registry::LEDGER;
use crate::{EngineError, Host, IQenexErrors};

/// Reverses a payment, for the owner of its payee or a delegate. Neither limits nor risk rules count
/// it; statuses, freezes and funds are checked as for any payment.
pub(crate) fn reverse(
    host: &mut dyn Host,
    caller: Address,
    call: &ILedger::reverseCall,
) -> Result<Posted, EngineError> {
    // Check.
    let reference = client_reference(call.clientReference)?;
    let original = Transfer::load(host, call.payer, call.original)?;
    let progress = original.record.slots.progress.load(host)?;
    let order = Order {
        kind: TransferKind::Reversal,
        account: original.parties.to,
        reference: Some(reference),
        to: call.payer,
        currency: FixedBytes::from(original.currency),
        amount: call.amount,
        expires: 0,
        end_to_end_id: original.record.id,
        payload_hash: alloy_primitives::B256::right_padding_from(call.reason.as_slice()),
    };
    // Neither has a payment between accounts that somebody could have a right to give back.
    if original.parties.to.is_zero() || original.kind == TransferKind::Issue {
        let status = original.status.number();
        return refuse(IQenexErrors::InvalidTransferStatus { status });
    }
    let case = match load(host, &order, Authority::Caller(caller))? {
        Loaded::Replay(first) => return Ok(first),
        Loaded::New(case) => case,
    };
    let posted = posted(&original, &progress)?;
    let rest = posted.saturating_sub(progress.reversed);
    if call.amount > rest {
        return refuse(IQenexErrors::AmountTooLarge { most: rest, amount: call.amount });
    }
    if let Some(refusal) = case.refusal() {
        return Err(EngineError::Refused(refusal));
    }

    // Write and emit.
    let done = carry_out(host, &case)?;
    let reversed = progress.reversed.saturating_add(call.amount);
    note_reversal(host, &original, &Progress { reversed, ..progress }, posted)?;
    let event = ILedger::Reversed {
        id: original.record.id,
        reversal: done.id,
        amount: call.amount,
        total: reversed,
        reason: call.reason,
    };
    host.log(LEDGER, event.encode_log_data())?;
    Ok(done)
}
