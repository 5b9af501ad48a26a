//! Helping peers that fell behind, and being helped.

use super::{Core, Output, Target};
use crate::{
    ids::{ValidatorIndex, View},
    message::{Certificate, CertificateQuery, Message, Status},
};

/// Queries remembered for their rate limit.
const MAX_QUERIES: usize = 1_024;

impl Core {
    pub(super) fn status(&self) -> Status {
        Status {
            epoch: self.config.committee.epoch(),
            view: self.view,
            high: self.high.reference,
            final_height: self.finalised.height,
            final_view: self.finalised.view,
            final_hash: self.finalised.hash,
        }
    }

    /// What we said that still matters, as it was.
    pub(super) fn own_messages(&self) -> Vec<Message> {
        let record = self.gate.record();
        let mut said = Vec::new();
        if let Some(propose) = &record.proposed.message
            && propose.view == self.view
        {
            let body = self.block(&propose.block.hash).map(|block| block.payload.clone());
            if propose.reproposal {
                said.push(Message::Propose(propose.clone()));
            } else if let Some(payload) = body {
                said.push(Message::Propose(crate::Propose { payload, ..propose.clone() }));
            }
        }
        if let Some(vote) = &record.prepared.message
            && vote.view == self.view
        {
            said.push(Message::Vote(vote.clone()));
        }
        if let Some(vote) = &record.committed.message
            && vote.view > self.finalised.view
        {
            said.push(Message::Vote(vote.clone()));
        }
        if let Some(timeout) = &record.timed.message
            && timeout.view == self.view
        {
            said.push(Message::Timeout(timeout.clone()));
        }
        said
    }

    pub(super) fn on_peer_connected(&mut self, peer: ValidatorIndex) {
        // It may have been away: give it the benefit of the doubt as a leader.
        self.note_heard(peer, self.view);
        let status = self.status();
        self.send(Target::One(peer), Message::Status(status));
        for message in self.own_messages() {
            self.send(Target::One(peer), message);
        }
    }

    pub(super) fn on_status(&mut self, from: ValidatorIndex, status: &Status) {
        if status.epoch != self.config.committee.epoch() {
            return;
        }
        let commit_view = self.newest_commit.as_ref().map(|cc| cc.reference.view);
        if status.view < self.view || commit_view.is_some_and(|view| view > status.final_view) {
            self.help(from, status.view, status.final_view);
        }
        if status.view > self.view {
            self.query(from, CertificateQuery::Entry(status.view));
        }
        if status.final_view > self.finalised.view {
            self.query(from, CertificateQuery::Newest);
        }
    }

    pub(super) fn on_query(&mut self, from: ValidatorIndex, query: CertificateQuery) {
        let answer = match query {
            CertificateQuery::Reference(reference) => self
                .certified_by(&reference)
                .and_then(|certified| certified.certificate)
                .or_else(|| {
                    self.newest_commit.clone().filter(|cc| cc.reference.view >= reference.view)
                })
                .map(Message::Certificate),
            CertificateQuery::Entry(view) => self.entry_proof().filter(|_| view <= self.view),
            CertificateQuery::Newest => self.newest_commit.clone().map(Message::Certificate),
        };
        if let Some(answer) = answer {
            self.send(Target::One(from), answer);
        }
    }

    /// What proves that our view has begun.
    fn entry_proof(&self) -> Option<Message> {
        match &self.entry {
            Some(tc) => Some(Message::TimeoutCertificate(tc.clone())),
            None => self.high.certificate.clone().map(Message::Certificate),
        }
    }

    /// Whether a peer may be helped now; if so, not again soon.
    pub(super) fn may_help(&mut self, peer: ValidatorIndex) -> bool {
        let (now, patience) = (self.now, self.query_interval());
        let Some(peer) = self.peers.get_mut(peer.position()) else { return false };
        let due = peer.helped.is_none_or(|helped| now.since(helped) >= patience);
        if due {
            peer.helped = Some(now);
        }
        due
    }

    /// Brings a peer to our view, and to our last final block.
    ///
    /// `high` is the newest certificate it is known to have; it may lack the COMMITs of that one.
    pub(super) fn help(&mut self, peer: ValidatorIndex, view: View, high: View) {
        if peer == self.config.me || !self.may_help(peer) {
            return;
        }
        let commit: Option<Certificate> =
            self.newest_commit.clone().filter(|cc| cc.reference.view >= high);
        let proof = self.entry_proof().filter(|_| view < self.view);
        let same = match (&proof, &commit) {
            (Some(Message::Certificate(proof)), Some(commit)) => proof == commit,
            _ => false,
        };
        if let Some(commit) = commit {
            self.send(Target::One(peer), Message::Certificate(commit));
        }
        if let Some(proof) = proof.filter(|_| !same) {
            self.send(Target::One(peer), proof);
        }
    }

    /// Asks a peer for a certificate, but not for the same one all the time.
    pub(super) fn query(&mut self, from: ValidatorIndex, query: CertificateQuery) {
        let patience = self.query_interval();
        let asked = self.queried.get(&(from, query));
        let recently = asked.is_some_and(|asked| self.now.since(*asked) < patience);
        if from == self.config.me || recently || self.queried.len() >= MAX_QUERIES {
            return;
        }
        self.queried.insert((from, query), self.now);
        self.out.push(Output::FetchCertificate { query, from });
    }
}
