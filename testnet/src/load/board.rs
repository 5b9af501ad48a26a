//! The fate of every transfer, shared by those who send and the one who sees blocks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::prepare::Plan;
use super::{LoadOptions, now};

/// Most distinct error messages that are kept; others are counted as `"other errors"`.
const MAX_MESSAGES: usize = 16;

/// Where a transfer stands. Only `Included` is left by nothing; a refusal may turn out to have
/// been wrong (a lost answer, sent again), so a block may still overrule it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fate {
    /// Not sent yet.
    Waiting,
    /// Sent; the answer is not known (yet).
    Sent,
    /// The node took it.
    Accepted,
    /// The node refused it for good.
    Failed,
    /// Not sent, and it never will be: a transfer of the same sender failed before it.
    Abandoned,
    /// Seen in a block.
    Included,
}

impl Fate {
    const ALL: [Self; 6] =
        [Self::Waiting, Self::Sent, Self::Accepted, Self::Failed, Self::Abandoned, Self::Included];

    /// Whether nothing more is expected to happen.
    const fn is_final(self) -> bool {
        matches!(self, Self::Failed | Self::Abandoned | Self::Included)
    }

    fn of(cell: &AtomicU8) -> Self {
        let byte = cell.load(Relaxed);
        Self::ALL.into_iter().find(|fate| *fate as u8 == byte).unwrap_or(Self::Waiting)
    }
}

/// One transfer's line on the board.
struct Line {
    fate: AtomicU8,
    /// When it was sent for the first time, or due, in microseconds after the start; plus one, so
    /// that zero says "not yet".
    began: AtomicU64,
}

/// How much a lane has on its way.
struct LaneLoad {
    outstanding: AtomicU32,
    /// Rung when blocks have made room.
    freed: Notify,
}

/// The fate of all transfers, the clock they are measured by, and the end of the run.
pub(super) struct Board {
    start: Instant,
    lines: Vec<Line>,
    loads: Vec<LaneLoad>,
    /// Transfers that are not final.
    open: AtomicU32,
    sent: AtomicU32,
    failed: AtomicU32,
    /// Microseconds after the start at which something was last accepted or included.
    progress: AtomicU64,
    stopped: AtomicBool,
    messages: Mutex<BTreeMap<String, u64>>,
}

/// How many transfers ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Sent at least once.
    pub(super) submitted: u32,
    /// Taken by a node, or seen in a block.
    pub(super) accepted: u32,
    /// Seen in a block.
    pub(super) included: u32,
    /// Refused for good.
    pub(super) failed: u32,
    /// Sent, not refused, and never seen in a block.
    pub(super) missing: u32,
    /// Never sent.
    pub(super) unsent: u32,
}

impl Board {
    pub(super) fn new(options: &LoadOptions, plan: &Plan) -> Self {
        let line = || Line { fate: AtomicU8::new(Fate::Waiting as u8), began: AtomicU64::new(0) };
        let load = || LaneLoad { outstanding: AtomicU32::new(0), freed: Notify::new() };
        Self {
            start: now(),
            lines: plan.transfers.iter().map(|_| line()).collect(),
            loads: plan.lanes.iter().map(|_| load()).collect(),
            open: AtomicU32::new(options.txs),
            sent: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            progress: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            messages: Mutex::default(),
        }
    }

    /// Time since the start of the run.
    pub(super) fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.start)
    }

    fn elapsed_us(&self) -> u64 {
        micros(self.elapsed())
    }

    /// Ends the run: lanes send nothing more.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Relaxed);
        for load in &self.loads {
            // One lane waits per bell; a permit is kept for one that is not waiting yet.
            load.freed.notify_one();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Transfers that may still be included.
    pub(super) fn open(&self) -> u32 {
        self.open.load(Relaxed)
    }

    /// Transfers sent so far, and those refused for good.
    pub(super) fn sent_and_failed(&self) -> (u32, u32) {
        (self.sent.load(Relaxed), self.failed.load(Relaxed))
    }

    /// Time since something was last accepted or included.
    pub(super) fn idle(&self) -> Duration {
        Duration::from_micros(self.elapsed_us().saturating_sub(self.progress.load(Relaxed)))
    }

    /// How many transfers of a lane are sent and not yet included or refused.
    pub(super) fn outstanding(&self, lane: usize) -> u32 {
        self.loads.get(lane).map_or(0, |load| load.outstanding.load(Relaxed))
    }

    /// Waits until blocks have made room on the lane, or the run ends.
    pub(super) async fn room(&self, lane: usize) {
        if let Some(load) = self.loads.get(lane) {
            load.freed.notified().await;
        }
    }

    /// Makes room on a lane.
    pub(super) fn free(&self, lane: usize, count: u32) {
        if count == 0 {
            return;
        }
        if let Some(load) = self.loads.get(lane) {
            // Saturating: a transfer whose refusal was overruled by a block frees its room twice.
            let less = |held: u32| Some(held.saturating_sub(count));
            let _previous = load.outstanding.fetch_update(Relaxed, Relaxed, less);
            load.freed.notify_one();
        }
    }

    /// Notes that transfers go out on a lane now, those with a due time having begun then.
    pub(super) fn sending(&self, lane: usize, transfers: &[u32], due: impl Fn(u32) -> Option<u64>) {
        let now = self.elapsed_us();
        let mut first = 0;
        for &transfer in transfers {
            let Some(line) = self.line(transfer) else { continue };
            if line.began.load(Relaxed) == 0 {
                line.began.store(due(transfer).unwrap_or(now).saturating_add(1), Relaxed);
                self.change(line, Fate::Waiting, Fate::Sent);
                first += 1;
            }
        }
        self.sent.fetch_add(first, Relaxed);
        if let Some(load) = self.loads.get(lane) {
            load.outstanding.fetch_add(first, Relaxed);
        }
    }

    /// Notes that a node took a transfer.
    pub(super) fn accepted(&self, transfer: u32) {
        if let Some(line) = self.line(transfer) {
            self.change(line, Fate::Sent, Fate::Accepted);
            self.progress.store(self.elapsed_us(), Relaxed);
        }
    }

    /// Notes that a node refused a transfer for good, and why.
    pub(super) fn failed(&self, lane: usize, transfer: u32, why: &str) {
        if let Some(line) = self.line(transfer)
            && self.change(line, Fate::Sent, Fate::Failed)
        {
            self.failed.fetch_add(1, Relaxed);
            self.open.fetch_sub(1, Relaxed);
            self.free(lane, 1);
            self.note(why);
        }
    }

    /// Notes that a transfer will not be sent.
    pub(super) fn abandoned(&self, transfer: u32) {
        if let Some(line) = self.line(transfer)
            && self.change(line, Fate::Waiting, Fate::Abandoned)
        {
            self.open.fetch_sub(1, Relaxed);
        }
    }

    /// Notes that a transfer is in a block; answers when it began, in microseconds after the
    /// start, unless the block was told before.
    pub(super) fn included(&self, transfer: u32, seen: Duration) -> Option<u64> {
        let line = self.line(transfer)?;
        let before = Fate::of(&line.fate);
        if before == Fate::Included {
            return None;
        }
        line.fate.store(Fate::Included as u8, Relaxed);
        if before == Fate::Failed {
            self.failed.fetch_sub(1, Relaxed);
        }
        if !before.is_final() {
            self.open.fetch_sub(1, Relaxed);
        }
        self.progress.store(micros(seen), Relaxed);
        line.began.load(Relaxed).checked_sub(1)
    }

    /// Counts an error message.
    pub(super) fn note(&self, message: &str) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let known = messages.len() < MAX_MESSAGES || messages.contains_key(message);
        let key = if known { message } else { "other errors" };
        match messages.get_mut(key) {
            Some(count) => *count += 1,
            None => drop(messages.insert(key.to_owned(), 1)),
        }
    }

    /// All messages so far, each with its count.
    pub(super) fn messages(&self) -> BTreeMap<String, u64> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts all lines.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for line in &self.lines {
            let count = match Fate::of(&line.fate) {
                Fate::Waiting | Fate::Abandoned => &mut tally.unsent,
                Fate::Sent | Fate::Accepted => &mut tally.missing,
                Fate::Failed => &mut tally.failed,
                Fate::Included => &mut tally.included,
            };
            *count += 1;
            if Fate::of(&line.fate) == Fate::Accepted {
                tally.accepted += 1;
            }
        }
        tally.accepted += tally.included;
        tally.submitted = tally.included + tally.failed + tally.missing;
        tally
    }

    /// When the first transfer began, in microseconds after the start.
    pub(super) fn first_began(&self) -> Option<u64> {
        self.lines.iter().filter_map(|line| line.began.load(Relaxed).checked_sub(1)).min()
    }

    fn line(&self, transfer: u32) -> Option<&Line> {
        self.lines.get(usize::try_from(transfer).ok()?)
    }

    /// Moves a line on, unless somebody else has.
    fn change(&self, line: &Line, from: Fate, to: Fate) -> bool {
        line.fate.compare_exchange(from as u8, to as u8, Relaxed, Relaxed).is_ok()
    }
}

/// Whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
