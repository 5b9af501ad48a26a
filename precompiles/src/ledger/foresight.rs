//! What a batch's payments will hash and read, told to the host before they are carried out: half of a
//! payment's work is hashing, and a host may hash many messages at once.
//!
//! Only a hint. It charges nothing and changes nothing, so it may be wrong or incomplete.

use qenex_types::Currency;

use super::abi::ILedger;
use super::records::{BALANCES, TRANSFERS, transfer_id_preimage};
use crate::Host;
use crate::accounts::records::PROFILES;
use crate::compliance::records::CLASSES;
use crate::risk::records::{FLOWS, HABITS, PAIRS, TERMS};

/// How many orders are looked ahead: as many as fill what hashes eight messages at once, and so few that it
/// costs next to nothing if the call's gas ends before they come.
const ORDERS: usize = 8;

/// Looks ahead from the order at `index`, if it is the first that was not looked at before.
///
/// An account has the same place in `FLOWS` as in `PROFILES`, and in `HABITS` as in `BALANCES`: their numbers
/// are the same in their engines, so what is hashed is the same too.
pub(super) fn look_ahead<'a>(
    host: &mut dyn Host,
    index: usize,
    orders: impl Iterator<Item = &'a ILedger::Order> + Clone,
) {
    if !index.is_multiple_of(ORDERS) || !host.looks_ahead() {
        return;
    }
    // An order in what no currency can be is refused before most of this is looked up.
    let known = |order: &'a ILedger::Order| Some((order, Currency::try_from(order.currency).ok()?));
    let orders = orders.skip(index).take(ORDERS).filter_map(known);

    // The places of maps by account and by currency, and the ids.
    let (mut messages, mut ids, mut last) = (Vec::new(), Vec::new(), None);
    for (order, currency) in orders.clone() {
        messages.push(PAIRS.preimage(&order.from));
        for account in [&order.from, &order.to] {
            messages.extend([PROFILES.preimage(account), BALANCES.preimage(account)]);
        }
        if last.replace(currency) != Some(currency) {
            messages.extend([CLASSES.preimage(&currency), TERMS.preimage(&currency)]);
        }
        ids.push(transfer_id_preimage(order.from, order.clientReference));
    }
    foresee(host, &messages);
    foresee(host, &ids);

    // The places below them.
    messages.clear();
    for ((order, currency), id) in orders.clone().zip(&ids) {
        messages.push(PAIRS.foreseen(host, &order.from).preimage(&order.to));
        for account in [&order.from, &order.to] {
            messages.push(BALANCES.foreseen(host, account).preimage(&currency));
            messages.push(FLOWS.foreseen(host, account).preimage(&currency));
        }
        messages.push(TRANSFERS.preimage(&host.keccak(id)));
    }
    foresee(host, &messages);

    let mut slots = Vec::new();
    for ((order, currency), id) in orders.zip(&ids) {
        slots.push(HABITS.foreseen(host, &order.from).foreseen(host, &currency).location());
        slots.push(PAIRS.foreseen(host, &order.from).foreseen(host, &order.to).location());
        for account in [&order.from, &order.to] {
            slots.extend([
                PROFILES.foreseen(host, account).head.location(),
                BALANCES.foreseen(host, account).foreseen(host, &currency).location(),
                FLOWS.foreseen(host, account).foreseen(host, &currency).location(),
            ]);
        }
        let id = host.keccak(id);
        let record = TRANSFERS.foreseen(host, &id);
        slots.extend([record.parties.location(), record.settlement.location()]);
    }
    host.foresee_slots(&slots);
}

fn foresee<const LENGTH: usize>(host: &mut dyn Host, messages: &[[u8; LENGTH]]) {
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; LENGTH]>::as_slice).collect();
    host.foresee(&messages);
}
