//! Views and the one timer.
//!
//! A view ends with a certificate, or when a quorum gives up on it. The timer runs only while there
//! is something to wait for: on an idle chain views stand still and nothing rings.

use super::{Core, Output, Target};
use crate::{
    ids::{Tick, ValidatorIndex, View},
    message::{CertificateQuery, Message, TimeoutCertificate},
};

/// Views between proposal and finality at full pace: they are no sign of trouble.
const PIPELINE: u64 = 2;

/// The back-off stops growing here: 1.5^10 is about 58.
const MAX_BACKOFF: u64 = 10;

/// A leader must have been silent for this many views before it is skipped.
const DEAD_VIEWS: u64 = 3;

/// How often a TIMEOUT is repeated for a proposal that nothing else speaks for. A leader may have
/// shown it to us alone; if it matters to others, they have work or give up too.
const MAX_REPEATS: u32 = 8;

/// How often the certificate of a parked proposal is asked for again.
const MAX_TRIES: u8 = 5;

/// What is remembered of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peer {
    /// When a signed message of it was last taken.
    pub(super) heard: Tick,
    /// The highest view it spoke in.
    pub(super) spoke: View,
    /// When it was last helped.
    pub(super) helped: Option<Tick>,
}

impl Core {
    /// Begins a view. The caller has the certificate of the view before, or `entry` is its TC.
    pub(super) fn enter(&mut self, view: View, entry: Option<TimeoutCertificate>) {
        if view <= self.view {
            return;
        }
        self.view = view;
        self.entry = entry;
        self.views_since_final = self.views_since_final.saturating_add(1);
        self.candidate = None;
        self.building = None;
        self.declined = None;
        self.own_proposal = None;
        self.want_timeout = false;
        self.repeats = 0;
    }

    /// Takes note that a validator is alive.
    pub(super) fn note_heard(&mut self, signer: ValidatorIndex, view: View) {
        // A liar may claim any view; beyond our own it proves nothing more.
        let view = view.min(self.view);
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(signer.position()) {
            peer.heard = now;
            peer.spoke = peer.spoke.max(view);
        }
    }

    /// Whether something is to be waited for in this view.
    pub(super) fn must_run(&self) -> bool {
        let last = self.finalised.view;
        self.has_work
            || self.high.reference.view > last
            || self.newest_commit.as_ref().is_some_and(|cc| cc.reference.view > last)
            || (self.repeats < MAX_REPEATS
                && (self.candidate.is_some()
                    || self.building.is_some()
                    || self.gate.record().proposed.view == self.view))
    }

    /// Sets, replaces or cancels the timer as the state demands.
    pub(super) fn adjust_timer(&mut self) {
        let run = self.must_run() || !self.parked.is_empty() || !self.overtakers().is_empty();
        if !run {
            if self.timer_for.take().is_some() {
                self.out.push(Output::CancelTimer);
            }
            return;
        }
        if self.timer_for == Some(self.view) {
            return;
        }
        let wait = if !self.must_run() {
            // It only asks again for what is missing, and must not ring without pause.
            self.query_interval()
        } else if self.gate.record().timed.view >= self.view {
            (self.view_timeout() / 2).clamp(100, 2_000)
        } else if self.is_leader_dead() {
            0
        } else {
            self.view_timeout()
        };
        self.timer_for = Some(self.view);
        self.out.push(Output::SetTimer { view: self.view, at: self.now.after(wait) });
    }

    pub(super) fn on_timer(&mut self, view: View) {
        if self.timer_for != Some(view) {
            return;
        }
        self.timer_for = None;
        self.ask_again();
        if view != self.view || !self.must_run() {
            return;
        }
        if self.gate.record().timed.view < view {
            self.want_timeout = true;
        } else {
            self.repeat();
        }
    }

    /// `base * 1.5^k`, bounded; `k` counts the views since the last final block.
    fn view_timeout(&self) -> u64 {
        let mut timeout = self.config.base_timeout_ms;
        for _ in 0..self.views_since_final.saturating_sub(PIPELINE).min(MAX_BACKOFF) {
            timeout = timeout.saturating_add(timeout / 2);
        }
        timeout.clamp(self.config.base_timeout_ms, self.config.max_timeout_ms)
    }

    /// How long to wait before asking the same again, in milliseconds.
    pub(super) fn query_interval(&self) -> u64 {
        (self.config.base_timeout_ms / 2).max(20)
    }

    /// Whether the leader was silent for some views and some time while a quorum spoke.
    ///
    /// Only the length of our own timer depends on it, so a wrong guess costs at most this view.
    fn is_leader_dead(&self) -> bool {
        let leader = self.config.committee.leader(self.view);
        let Some(silent) = self.peers.get(leader.position()) else { return false };
        if self.config.dead_after_ms == 0
            || leader == self.config.me
            || silent.spoke.plus(DEAD_VIEWS) >= self.view
            || self.now.since(silent.heard) < self.config.dead_after_ms
        {
            return false;
        }
        let recent = self.view.minus(DEAD_VIEWS);
        let speakers = self.config.committee.members().filter(|member| {
            self.peers.get(member.position()).is_some_and(|peer| peer.spoke >= recent)
        });
        self.weight_of(speakers) >= self.config.committee.quorum()
    }

    /// Validators, an honest one among them, who vote in this view or a later one for a block we
    /// have no certificate of: they may be done with it, and nobody would tell us on an idle chain.
    fn overtakers(&self) -> Vec<ValidatorIndex> {
        let f1 = self.config.committee.f1();
        let votes = self.votes.range(self.view..).map(|(_, votes)| votes);
        votes
            .flat_map(|votes| votes.signers_by_hash())
            .find(|signers| self.weight_of(signers.iter().copied()) >= f1)
            .unwrap_or_default()
    }

    /// Sends again what others may have missed, byte by byte as it was.
    fn repeat(&mut self) {
        self.repeats = self.repeats.saturating_add(1);
        let record = self.gate.record();
        let timeout = record.timed.message.clone().filter(|timeout| timeout.view == self.view);
        let commit =
            record.committed.message.clone().filter(|vote| vote.view > self.finalised.view);
        if let Some(timeout) = timeout {
            self.send(Target::All, Message::Timeout(timeout));
        }
        if let Some(commit) = commit {
            self.send(Target::All, Message::Vote(commit));
        }
    }

    /// Asks again for the certificates that parked messages name; gives up on stubborn ones.
    fn ask_again(&mut self) {
        self.parked.retain(|_, parked| parked.tries < MAX_TRIES);
        let mut queries: Vec<(ValidatorIndex, CertificateQuery)> = Vec::new();
        for parked in self.parked.values_mut() {
            parked.tries += 1;
        }
        for (view, parked) in &self.parked {
            let justify = parked.propose.justify;
            queries.push(if self.is_certified(&justify) {
                (parked.from, CertificateQuery::Entry(*view))
            } else {
                (parked.from, CertificateQuery::Reference(justify))
            });
        }
        for (from, tc) in &self.parked_tcs {
            queries.push((*from, CertificateQuery::Reference(tc.high())));
        }
        for peer in self.overtakers() {
            queries.push((peer, CertificateQuery::Entry(self.view.next())));
            queries.push((peer, CertificateQuery::Newest));
        }
        for (peer, query) in queries {
            self.query(peer, query);
        }
    }
}
