//! From a peer's bytes to a verified input: on rayon's threads, never on the driver's.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alloy_primitives::Bytes;
use qenex_consensus::{Input, Message, ValidatorIndex, Verified};

use super::Shared;

/// Messages being checked. Above this, newcomers are dropped: peers send again.
const MAX_IN_CHECK: usize = 4_096;

static IN_CHECK: AtomicUsize = AtomicUsize::new(0);

/// Takes a message from the network.
pub(crate) fn on_message(shared: &Arc<Shared>, from: u16, bytes: Bytes) {
    if IN_CHECK.load(Ordering::Relaxed) >= MAX_IN_CHECK {
        metrics::counter!("qenex_consensus_dropped_total", "reason" => "overload").increment(1);
        return;
    }
    IN_CHECK.fetch_add(1, Ordering::Relaxed);
    let shared = shared.clone();
    rayon::spawn(move || {
        check(&shared, from, &bytes);
        IN_CHECK.fetch_sub(1, Ordering::Relaxed);
    });
}

fn check(shared: &Shared, from: u16, bytes: &Bytes) {
    let message = match Message::decode(bytes) {
        Ok(message) => message,
        Err(error) => {
            metrics::counter!("qenex_consensus_dropped_total", "reason" => "malformed")
                .increment(1);
            tracing::warn!(from, %error, "a peer sent a malformed message");
            return;
        }
    };
    if !shared.window.read().wants(&message) {
        metrics::counter!("qenex_consensus_dropped_total", "reason" => "stale").increment(1);
        return;
    }
    match Verified::<Message>::check(message, &shared.verify_context()) {
        Ok(message) => {
            shared.driver.send(Input::Received { from: ValidatorIndex(from), message });
        }
        Err(error) => {
            metrics::counter!("qenex_consensus_dropped_total", "reason" => "invalid").increment(1);
            tracing::warn!(from, %error, "a peer sent an invalid message");
        }
    }
}
