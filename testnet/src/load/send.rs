//! Lanes: each owns some senders and brings their transfers to one endpoint, in nonce order.
//!
//! One request is under way per lane, and what a node puts off (a full pool, a lost answer) goes
//! out again before anything newer, so a sender's nonces never overtake each other for long.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use qenex_client::rpc::{BatchError, CallError, Endpoint};
use tokio::time::{sleep, timeout};

use super::LoadOptions;
use super::board::{Board, micros};
use super::prepare::{Plan, raw_call};

/// First pause after a node asked for patience; doubled each time, up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How long a lane sleeps at most before it looks whether the run has ended.
const NAP: Duration = Duration::from_millis(200);

/// What a lane makes of a node's answer to one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The node has it.
    Accepted,
    /// To be sent again later.
    Later,
    /// Refused for good.
    Failed,
}

/// Parts of messages, in lower case, by which nodes ask for patience: the pool or the account's
/// share of it is full, or an earlier nonce is still missing.
const TEMPORARY: [&str; 12] = [
    "pool is full",
    "pool full",
    "mempool is full",
    "txpool",
    "exceeds pool",
    "too many",
    "limit exceeded",
    "account limit",
    "rate limit",
    "overloaded",
    "busy",
    "nonce too high",
];

/// Whether a node that answered so may take the transaction later.
pub(super) fn is_temporary(message: &str) -> bool {
    let message = message.to_lowercase();
    TEMPORARY.iter().any(|part| message.contains(part))
}

/// Judges an error. A transfer that was sent before may already be pending or included, which
/// nodes answer with an error.
pub(super) fn judge(error: &CallError, sent_before: bool) -> Verdict {
    let message = error.message.to_lowercase();
    let known = ["already known", "alreadyknown", "already imported", "already exists"];
    let has = |part: &str| message.contains(part);
    if known.iter().any(|part| has(part)) || (sent_before && has("nonce too low")) {
        Verdict::Accepted
    } else if is_temporary(&message) {
        Verdict::Later
    } else {
        Verdict::Failed
    }
}

/// One lane and what it has still to send.
pub(super) struct Lane {
    plan: Arc<Plan>,
    board: Arc<Board>,
    endpoint: Arc<Endpoint>,
    number: usize,
    /// Put off, in order; goes out first.
    again: VecDeque<u32>,
    /// Position in the plan's order of the next new transfer.
    next: usize,
    /// Transfers whose answer was lost.
    unsure: BTreeSet<u32>,
    /// Senders of whom a transfer failed: their later nonces can never be included.
    broken: BTreeSet<u32>,
    /// Largest batch that the endpoint takes; shrinks when it refuses one.
    batch: usize,
    /// Closed loop: how many transfers of this lane may be on their way.
    budget: usize,
    /// Open loop: microseconds between due times, in a fixed-point number with 20 bits of
    /// fraction.
    interval: Option<u64>,
    pause: Duration,
}

/// Bits of fraction of the interval between due times.
const FRACTION_BITS: u32 = 20;

impl Lane {
    pub(super) fn new(
        options: &LoadOptions,
        plan: &Arc<Plan>,
        board: &Arc<Board>,
        endpoint: &Arc<Endpoint>,
        number: usize,
    ) -> Self {
        let as_count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let interval = |rate: u32| (1_000_000_u64 << FRACTION_BITS) / u64::from(rate.max(1));
        Self {
            plan: Arc::clone(plan),
            board: Arc::clone(board),
            endpoint: Arc::clone(endpoint),
            number,
            again: VecDeque::new(),
            next: 0,
            unsure: BTreeSet::new(),
            broken: BTreeSet::new(),
            batch: as_count(options.batch),
            budget: (as_count(options.outstanding) / plan.lanes.len().max(1)).max(1),
            interval: options.rate.map(interval),
            pause: SHORTEST_PAUSE,
        }
    }

    /// Sends everything, or until the run is stopped.
    pub(super) async fn run(mut self) {
        while !self.board.is_stopped() && self.has_work() {
            let batch = match self.interval {
                Some(_) => self.due().await,
                None => self.affordable().await,
            };
            if !batch.is_empty() {
                self.send(batch).await;
            }
        }
    }

    fn has_work(&self) -> bool {
        !self.again.is_empty() || self.peek().is_some()
    }

    /// The next new transfer.
    fn peek(&self) -> Option<u32> {
        self.plan.lanes.get(self.number)?.order.get(self.next).copied()
    }

    /// When a transfer is due, in microseconds after the start.
    fn due_us(&self, transfer: u32) -> Option<u64> {
        // No overflow: 32 bits times (20 bits of a second's microseconds + 20 bits of fraction)
        // is below 2^72, so 128 bits hold it.
        let scaled = u128::from(self.interval?) * u128::from(transfer);
        u64::try_from(scaled >> FRACTION_BITS).ok()
    }

    /// Open loop: what is due now, after waiting for the first of it.
    async fn due(&mut self) -> Vec<u32> {
        if let (true, Some(first)) = (self.again.is_empty(), self.peek()) {
            let wait = Duration::from_micros(self.due_us(first).unwrap_or(0))
                .saturating_sub(self.board.elapsed());
            if !wait.is_zero() {
                sleep(wait.min(NAP)).await;
                if wait > NAP {
                    return Vec::new();
                }
            }
        }
        let now = micros(self.board.elapsed());
        self.take(self.batch, |lane, transfer| lane.due_us(transfer).is_some_and(|due| due <= now))
    }

    /// Closed loop: a full batch, or all that is left, after waiting until blocks made room.
    async fn affordable(&mut self) -> Vec<u32> {
        let left = self.plan.lanes.get(self.number).map_or(0, |lane| lane.order.len() - self.next);
        let want = self.batch.min(self.budget).min(left);
        let held = usize::try_from(self.board.outstanding(self.number)).unwrap_or(usize::MAX);
        let room = self.budget.saturating_sub(held);
        if self.again.is_empty() && room < want {
            // Woken by the follower; the nap only bounds how late the end of a run is noticed.
            let _woken = timeout(NAP, self.board.room(self.number)).await;
            return Vec::new();
        }
        self.take(self.batch.min(self.again.len().max(room)), |_, _| true)
    }

    /// Takes up to `count` transfers, put-off ones first, new ones while `ready` says so.
    fn take(&mut self, count: usize, ready: impl Fn(&Self, u32) -> bool) -> Vec<u32> {
        let mut batch = Vec::with_capacity(count.min(1_024));
        while batch.len() < count {
            if let Some(transfer) = self.again.pop_front() {
                // Its sender may have failed since it was put off.
                if self.is_broken(transfer) {
                    self.board.failed(self.number, transfer, "an earlier nonce failed");
                } else {
                    batch.push(transfer);
                }
                continue;
            }
            match self.peek() {
                Some(transfer) if self.is_broken(transfer) => {
                    self.board.abandoned(transfer);
                    self.next += 1;
                }
                Some(transfer) if ready(self, transfer) => {
                    batch.push(transfer);
                    self.next += 1;
                }
                _ => break,
            }
        }
        batch
    }

    fn sender_of(&self, transfer: u32) -> Option<u32> {
        let at = usize::try_from(transfer).ok()?;
        self.plan.transfers.get(at).map(|transfer| transfer.sender)
    }

    fn is_broken(&self, transfer: u32) -> bool {
        !self.broken.is_empty()
            && self.sender_of(transfer).is_some_and(|sender| self.broken.contains(&sender))
    }

    /// Sends a batch and files its answers.
    async fn send(&mut self, batch: Vec<u32>) {
        let raw = |transfer: &u32| {
            let at = usize::try_from(*transfer).ok()?;
            self.plan.transfers.get(at).map(|transfer| raw_call(&transfer.raw))
        };
        let calls: Vec<_> = batch.iter().filter_map(raw).collect();
        self.board.sending(self.number, &batch, |transfer| self.due_us(transfer));
        let mut later = Vec::new();
        match self.endpoint.batch(&calls).await {
            Ok(answers) => {
                for (&transfer, answer) in batch.iter().zip(answers) {
                    let error = match answer {
                        Some(Ok(_)) => None,
                        Some(Err(error)) => Some(error),
                        None => {
                            self.unsure.insert(transfer);
                            later.push(transfer);
                            continue;
                        }
                    };
                    if !self.file(transfer, error) {
                        later.push(transfer);
                    }
                }
                if later.is_empty() {
                    self.pause = SHORTEST_PAUSE;
                }
            }
            Err(BatchError::Refused(why)) => {
                self.board.note(&why);
                self.batch = (batch.len() / 2).max(1);
                later = batch;
            }
            Err(BatchError::Unreachable(why)) => {
                self.board.note(&why);
                self.unsure.extend(&batch);
                later = batch;
            }
        }
        if !later.is_empty() {
            // What was put off is older than what waits, and keeps its order.
            for transfer in later.into_iter().rev() {
                self.again.push_front(transfer);
            }
            sleep(self.pause).await;
            self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Files the answer to one transfer; `false` if it is to be sent again.
    fn file(&mut self, transfer: u32, error: Option<CallError>) -> bool {
        let Some(error) = error else {
            self.board.accepted(transfer);
            return true;
        };
        match judge(&error, self.unsure.contains(&transfer)) {
            Verdict::Accepted => self.board.accepted(transfer),
            Verdict::Later => {
                self.board.note(&format!("put off: {}", error.message));
                return false;
            }
            Verdict::Failed => {
                self.board.failed(self.number, transfer, &error.message);
                self.broken.extend(self.sender_of(transfer));
            }
        }
        true
    }
}
