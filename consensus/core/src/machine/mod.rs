//! The machine: where it stands, and the loop that decides what to do next.
//!
//! Handlers take note of what an input says; [`Core::settle`] then does whatever has become
//! possible, so that no order of arrival needs a rule of its own. The parts: `blocks.rs` (bodies,
//! validation, finality), `collect.rs` (votes, timeouts, certificates), `proposals.rs` (proposing
//! and judging proposals), `pacemaker.rs` (views and the timer), `serve.rs` (helping peers).
//!
//! Every collection is bounded by the number of validators and the view window.

mod api;
mod blocks;
mod collect;
mod pacemaker;
mod proposals;
mod serve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use alloy_primitives::B256;
pub use api::{
    Built, Config, FinalPoint, HaltReason, Input, Output, Purpose, Recovered, Target, VIEW_WINDOW,
    Window,
};

use self::{blocks::BlockEntry, collect::ViewVotes, pacemaker::Peer, proposals::Building};
use crate::{
    evidence::Evidence,
    ids::{Ref, Tick, ValidatorIndex, View},
    message::{
        Block, Certificate, CertificateQuery, Message, Propose, Timeout, TimeoutCertificate,
    },
    safety::{Certified, DurableRecord, Gate, Promise},
};

/// Certificates kept above the last final block.
const MAX_CERTIFICATES: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Halted,
}

/// A proposal that waits for the certificate it names.
#[derive(Debug)]
struct Parked {
    from: ValidatorIndex,
    propose: Propose,
    /// How often the certificate was asked for again.
    tries: u8,
}

/// One validator's consensus.
#[derive(Debug)]
pub struct Core {
    config: Config,
    gate: Gate,
    phase: Phase,
    now: Tick,
    out: Vec<Output>,

    view: View,
    /// The timeout certificate of the view before, if that is how this view was entered.
    entry: Option<TimeoutCertificate>,
    /// The highest certificate known. Invariant: `high.view < view`, and at least the final view.
    high: Certified,
    newest_commit: Option<Certificate>,
    finalised: FinalPoint,
    /// Whether the last final block closes the epoch: then nothing more is built.
    epoch_closed: bool,
    views_since_final: u64,

    /// One certificate per view: there cannot be two.
    certificates: BTreeMap<View, Certificate>,
    votes: BTreeMap<View, ViewVotes>,
    timeouts: BTreeMap<(View, ValidatorIndex), Timeout>,
    /// Proposals seen, without payload: at most two per view, the second being evidence.
    proposals: BTreeMap<View, Vec<Propose>>,
    parked: BTreeMap<View, Parked>,
    parked_tcs: Vec<(ValidatorIndex, TimeoutCertificate)>,

    /// The proposal of this view that we judge, without payload.
    candidate: Option<Propose>,
    building: Option<Building>,
    /// The view in which the driver had nothing to propose.
    declined: Option<View>,
    /// Our proposal, not yet promised, with the certificate of its parent.
    own_proposal: Option<(Propose, Certified)>,
    want_commits: BTreeMap<View, Certificate>,
    want_timeout: bool,
    /// Whether a promise was handed out and its signed message has not come back yet.
    in_flight: bool,

    blocks: BTreeMap<B256, BlockEntry>,
    fetching: BTreeMap<B256, Tick>,
    queried: BTreeMap<(ValidatorIndex, CertificateQuery), Tick>,
    syncing: Option<(View, Tick)>,

    has_work: bool,
    work_since_build: bool,
    timer_for: Option<View>,
    /// How often the TIMEOUT of this view was repeated.
    repeats: u32,
    peers: Vec<Peer>,
}

impl Core {
    /// A validator before its [`Input::Start`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        let root =
            Ref { epoch: config.committee.epoch(), view: View::ROOT, hash: config.root.hash };
        let finalised =
            FinalPoint { height: config.root.height, view: View::ROOT, hash: config.root.hash };
        Self {
            gate: Gate::new(config.me, DurableRecord::new(root)),
            phase: Phase::Waiting,
            now: Tick(0),
            out: Vec::new(),
            view: View(1),
            entry: None,
            high: Certified::bare(root),
            newest_commit: None,
            finalised,
            epoch_closed: false,
            views_since_final: 0,
            certificates: BTreeMap::new(),
            votes: BTreeMap::new(),
            timeouts: BTreeMap::new(),
            proposals: BTreeMap::new(),
            parked: BTreeMap::new(),
            parked_tcs: Vec::new(),
            candidate: None,
            building: None,
            declined: None,
            own_proposal: None,
            want_commits: BTreeMap::new(),
            want_timeout: false,
            in_flight: false,
            blocks: BTreeMap::new(),
            fetching: BTreeMap::new(),
            queried: BTreeMap::new(),
            syncing: None,
            has_work: false,
            work_since_build: false,
            timer_for: None,
            repeats: 0,
            peers: vec![Peer::default(); config.committee.len()],
            config,
        }
    }

    /// Takes one input and answers with what is to be done, in order.
    ///
    /// `now` must not run backwards; if it does, the latest moment seen counts.
    #[must_use]
    pub fn step(&mut self, now: Tick, input: Input) -> Vec<Output> {
        self.now = self.now.max(now);
        match (self.phase, input) {
            (Phase::Waiting, Input::Start(recovered)) => self.start(recovered),
            (Phase::Running, input) => self.take(input),
            _ => return Vec::new(),
        }
        self.settle();
        core::mem::take(&mut self.out)
    }

    /// What the machine has use for: hand it to the verification pool after every step.
    #[must_use]
    pub const fn window(&self) -> Window {
        Window {
            epoch: self.config.committee.epoch(),
            view: self.view,
            final_view: self.finalised.view,
        }
    }

    /// An unfinalised block the machine holds: to serve peers that fetch it.
    #[must_use]
    pub fn block(&self, hash: &B256) -> Option<&Block> {
        self.blocks.get(hash).map(|entry| &entry.block)
    }

    /// The last final block.
    #[must_use]
    pub const fn finalised(&self) -> FinalPoint {
        self.finalised
    }

    /// The view, and whether its timer runs: an idle chain has no timers.
    #[must_use]
    pub const fn view(&self) -> (View, bool) {
        (self.view, self.timer_for.is_some())
    }

    /// The newest commit certificate known, final here or not yet.
    #[must_use]
    pub const fn newest_commit(&self) -> Option<&Certificate> {
        self.newest_commit.as_ref()
    }

    /// Whether the machine has stopped for good.
    #[must_use]
    pub fn halted(&self) -> bool {
        self.phase == Phase::Halted
    }

    fn start(&mut self, recovered: Recovered) {
        self.phase = Phase::Running;
        for peer in &mut self.peers {
            peer.heard = self.now;
        }
        let root = self.high.reference;
        let record = recovered
            .record
            .filter(|record| record.epoch == root.epoch)
            .unwrap_or_else(|| DurableRecord::new(root));
        self.finalised = recovered.finalised;
        self.high = Certified::bare(self.final_ref());
        if let Some(cc) = recovered.final_certificate.filter(|cc| cc.reference == self.final_ref())
        {
            self.certificates.insert(cc.reference.view, cc.clone());
            self.newest_commit = Some(cc.clone());
            self.high = cc.into();
        }
        if record.lock.reference.view > self.high.reference.view {
            if let Some(certificate) = &record.lock.certificate {
                self.certificates.insert(certificate.reference.view, certificate.clone());
            }
            self.high = record.lock.clone();
        }
        for view in [record.proposed.view, record.prepared.view, record.timed.view] {
            self.view = self.view.max(view);
        }
        self.view = self.view.max(self.high.reference.view.next());
        self.entry = record.entry.clone().filter(|tc| tc.view.next() == self.view);
        self.gate = Gate::new(self.config.me, record);
        for block in recovered.blocks {
            self.keep_block(block);
        }
        self.resume();
    }

    /// Says again what was said before the restart, as it was, and where we stand.
    fn resume(&mut self) {
        let said = self.own_messages();
        for message in said {
            self.send(Target::All, message.clone());
            self.receive(self.config.me, message);
        }
        let status = self.status();
        self.send(Target::All, Message::Status(status));
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Start(_) => self.halt(HaltReason::Driver("started twice")),
            Input::Received { from, message } => {
                let message = message.into_inner();
                if from == self.config.me {
                    self.in_flight = false;
                    self.gate.signed(&message);
                }
                self.receive(from, message);
            }
            Input::BlockFetched(block) => {
                let block = block.into_inner();
                if self.fetching.remove(&block.meta.hash).is_some() {
                    self.keep_block(block);
                }
            }
            Input::BlockChecked { hash, valid, .. } => self.on_block_checked(hash, valid),
            Input::Built { view, result } => self.on_built(view, result),
            Input::Timer(view) => self.on_timer(view),
            Input::Work => {
                self.has_work = true;
                self.work_since_build = true;
                self.declined = None;
            }
            Input::NoWork => self.has_work = false,
            Input::Finalised { height, view, hash } => {
                self.on_finalised(FinalPoint { height, view, hash });
            }
            Input::PeerConnected(peer) => self.on_peer_connected(peer),
        }
    }

    fn receive(&mut self, from: ValidatorIndex, message: Message) {
        match message {
            Message::Propose(propose) => self.on_propose(from, propose),
            Message::Vote(vote) => self.on_vote(vote),
            Message::Timeout(timeout) => self.on_timeout(from, timeout),
            Message::Certificate(certificate) => self.on_certificate(certificate),
            Message::TimeoutCertificate(tc) => self.on_timeout_certificate(from, tc),
            Message::Status(status) => self.on_status(from, &status),
            Message::Query(query) => self.on_query(from, query),
        }
    }

    /// Does whatever has become possible.
    fn settle(&mut self) {
        loop {
            if self.phase != Phase::Running {
                return;
            }
            let before = (self.view, self.finalised.view, self.candidate.is_some());
            self.count_timeouts();
            self.unpark();
            self.pursue_finality();
            if before == (self.view, self.finalised.view, self.candidate.is_some()) {
                break;
            }
        }
        if self.phase == Phase::Running {
            self.pursue_candidate();
            self.try_propose();
            self.make_promise();
            self.adjust_timer();
            self.prune();
        }
    }

    /// Hands out the next promise that is wanted and allowed, unless one is under way.
    fn make_promise(&mut self) {
        if self.in_flight || self.phase != Phase::Running {
            return;
        }
        let promise = self
            .next_commit()
            .or_else(|| self.next_timeout())
            .or_else(|| self.next_prepare())
            .or_else(|| self.next_proposal());
        if let Some(promise) = promise {
            self.in_flight = true;
            self.out.push(Output::Promise(promise));
        }
    }

    fn next_commit(&mut self) -> Option<Promise> {
        while let Some((view, certificate)) = self.want_commits.pop_first() {
            if view > self.finalised.view
                && let Some(promise) = self.gate.commit(&certificate)
            {
                return Some(promise);
            }
        }
        None
    }

    fn next_timeout(&mut self) -> Option<Promise> {
        if !core::mem::take(&mut self.want_timeout) {
            return None;
        }
        let promise = self.gate.timeout(self.view, &self.high, self.entry.as_ref())?;
        // The next ring is for repeating it.
        self.timer_for = None;
        Some(promise)
    }

    fn next_prepare(&mut self) -> Option<Promise> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.view == self.view)?;
        if !self.blocks.get(&candidate.block.hash).is_some_and(BlockEntry::is_valid) {
            return None;
        }
        let at = Ref { epoch: candidate.epoch, view: candidate.view, hash: candidate.block.hash };
        let justify = self.certified_by(&candidate.justify)?;
        self.gate.prepare(at, &justify, self.entry.as_ref())
    }

    fn next_proposal(&mut self) -> Option<Promise> {
        let (propose, justify) = self.own_proposal.take()?;
        if propose.view != self.view {
            return None;
        }
        self.gate.propose(propose, &justify)
    }

    fn final_ref(&self) -> Ref {
        Ref {
            epoch: self.config.committee.epoch(),
            view: self.finalised.view,
            hash: self.finalised.hash,
        }
    }

    fn leads(&self) -> bool {
        self.config.committee.leader(self.view) == self.config.me
    }

    fn send(&mut self, to: Target, message: Message) {
        if to != Target::One(self.config.me) {
            self.out.push(Output::Send { to, message });
        }
    }

    fn evidence(&mut self, evidence: Evidence) {
        self.out.push(Output::Evidence(evidence));
    }

    fn halt(&mut self, reason: HaltReason) {
        if self.phase != Phase::Halted {
            self.phase = Phase::Halted;
            self.out.push(Output::Halt(reason));
        }
    }

    /// Forgets what no rule can need any more.
    fn prune(&mut self) {
        let (view, last) = (self.view, self.finalised.view);
        let oldest = view.minus(VIEW_WINDOW);
        self.votes.retain(|at, _| *at > last && *at >= oldest);
        self.proposals.retain(|at, _| *at > last && *at >= oldest);
        self.timeouts.retain(|(at, _), _| *at >= view);
        self.parked.retain(|at, _| *at >= view);
        self.parked_tcs.retain(|(_, tc)| tc.view >= view);
        self.certificates.retain(|at, _| *at >= last);
        while self.certificates.len() > MAX_CERTIFICATES {
            self.certificates.pop_first();
        }
        let horizon = self.query_interval().saturating_mul(8);
        let now = self.now;
        self.queried.retain(|_, asked| now.since(*asked) < horizon);
        self.fetching.retain(|_, asked| now.since(*asked) < horizon.saturating_mul(8));
        self.prune_blocks();
    }
}
