//! Votes, timeouts and the certificates they add up to.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;

use super::{Core, HaltReason, VIEW_WINDOW};
use crate::{
    evidence::Evidence,
    ids::{Ref, ValidatorIndex, View},
    message::{
        Certificate, CertificateKind, CertificateQuery, Message, Timeout, TimeoutCertificate,
        TimeoutEntry, Vote, VoteKind,
    },
    safety::Certified,
};

/// Different votes kept of one signer, kind and view: the second one is the evidence.
const MAX_VOTES: usize = 2;

/// Timeout certificates kept while the certificate they name is fetched.
const MAX_PARKED_TCS: usize = 8;

/// The votes of one view.
#[derive(Debug, Default)]
pub(super) struct ViewVotes {
    prepares: BTreeMap<ValidatorIndex, Vec<Vote>>,
    commits: BTreeMap<ValidatorIndex, Vec<Vote>>,
}

impl ViewVotes {
    const fn of(&self, kind: VoteKind) -> &BTreeMap<ValidatorIndex, Vec<Vote>> {
        match kind {
            VoteKind::Prepare => &self.prepares,
            VoteKind::Commit => &self.commits,
        }
    }

    /// Who voted for the same block, either way.
    pub(super) fn signers_by_hash(&self) -> Vec<Vec<ValidatorIndex>> {
        let mut by_hash: BTreeMap<B256, BTreeSet<ValidatorIndex>> = BTreeMap::new();
        for vote in self.prepares.values().chain(self.commits.values()).flatten() {
            by_hash.entry(vote.hash).or_default().insert(vote.signer);
        }
        by_hash.into_values().map(|signers| signers.into_iter().collect()).collect()
    }

    const fn of_mut(&mut self, kind: VoteKind) -> &mut BTreeMap<ValidatorIndex, Vec<Vote>> {
        match kind {
            VoteKind::Prepare => &mut self.prepares,
            VoteKind::Commit => &mut self.commits,
        }
    }
}

impl Core {
    pub(super) fn on_vote(&mut self, vote: Vote) {
        self.note_heard(vote.signer, vote.view);
        let wanted = vote.view > self.finalised.view
            && vote.view >= self.view.minus(VIEW_WINDOW)
            && vote.view <= self.view.plus(VIEW_WINDOW);
        if !wanted {
            return;
        }
        let kind = vote.kind;
        let reference = vote.reference();
        let votes = self.votes.entry(vote.view).or_default();
        let known = votes.of_mut(kind).entry(vote.signer).or_default();
        // Bodies are compared, never signatures: signing twice gives different bytes.
        if known.len() == MAX_VOTES || known.iter().any(|other| other.hash == vote.hash) {
            return;
        }
        let double = known.first().map(|first| Evidence::DoubleVote(first.clone(), vote.clone()));
        known.push(vote.clone());
        if let Some(double) = double {
            self.evidence(double);
        }
        if kind == VoteKind::Commit {
            self.note_amnesia_of(&vote);
        }
        self.count_votes(kind, reference);
    }

    fn count_votes(&mut self, kind: VoteKind, reference: Ref) {
        let made = match kind {
            VoteKind::Prepare => CertificateKind::Quorum,
            VoteKind::Commit => CertificateKind::Commit,
        };
        let is_known = self.certificates.get(&reference.view).is_some_and(|known| {
            known.reference == reference && (known.kind == made || made == CertificateKind::Quorum)
        });
        let Some(votes) = self.votes.get(&reference.view).filter(|_| !is_known) else { return };
        let equal: Vec<&Vote> = votes
            .of(kind)
            .values()
            .filter_map(|cast| cast.iter().find(|vote| vote.hash == reference.hash))
            .collect();
        if self.weight_of(equal.iter().map(|vote| vote.signer)) < self.config.committee.quorum() {
            return;
        }
        let signatures =
            equal.into_iter().map(|vote| (vote.signer, vote.signature.clone())).collect();
        self.on_certificate(Certificate { kind: made, reference, signatures });
    }

    pub(super) fn weight_of(&self, signers: impl Iterator<Item = ValidatorIndex>) -> u64 {
        signers.filter_map(|signer| self.config.committee.weight(signer)).sum()
    }

    /// A verified certificate, whoever made or sent it.
    pub(super) fn on_certificate(&mut self, certificate: Certificate) {
        let reference = certificate.reference;
        if reference.view <= self.finalised.view {
            if reference.view == self.finalised.view && reference.hash != self.finalised.hash {
                let ours = self.finalised;
                self.halt(HaltReason::ConflictingFinality { ours, theirs: reference });
            }
            return;
        }
        if let Some(known) = self.certificates.get(&reference.view) {
            if known.reference.hash != reference.hash {
                let (first, second) = (known.reference, reference);
                let conflict = Evidence::Conflict(known.clone(), certificate);
                self.evidence(conflict);
                self.halt(HaltReason::ConflictingCertificates(first, second));
                return;
            }
            if known.kind == CertificateKind::Commit || certificate.kind == known.kind {
                return;
            }
        }
        self.certificates.insert(reference.view, certificate.clone());
        if certificate.kind == CertificateKind::Commit
            && self.newest_commit.as_ref().is_none_or(|cc| cc.reference.view < reference.view)
        {
            self.newest_commit = Some(certificate.clone());
        }
        if reference.view > self.high.reference.view {
            self.high = certificate.clone().into();
        }
        self.want_commits.insert(reference.view, certificate);
        if reference.view.next() > self.view {
            self.enter(reference.view.next(), None);
        }
    }

    /// Whether this node has seen proof of a certificate with this name.
    pub(super) fn is_certified(&self, reference: &Ref) -> bool {
        self.certified_by(reference).is_some()
    }

    /// The proof of a certificate with this name, if this node has seen it.
    pub(super) fn certified_by(&self, reference: &Ref) -> Option<Certified> {
        if self.high.reference == *reference {
            return Some(self.high.clone());
        }
        if let Some(known) = self.certificates.get(&reference.view)
            && known.reference == *reference
        {
            return Some(known.clone().into());
        }
        let root = Ref {
            epoch: self.config.committee.epoch(),
            view: View::ROOT,
            hash: self.config.root.hash,
        };
        let bare = *reference == root || *reference == self.final_ref();
        bare.then(|| Certified::bare(*reference))
    }

    pub(super) fn on_timeout(&mut self, from: ValidatorIndex, timeout: Timeout) {
        self.note_heard(timeout.signer, timeout.view);
        if let Some(prepare) = timeout.prepare.clone() {
            self.on_vote(prepare);
        }
        if timeout.view < self.view || timeout.high.view <= self.finalised.view {
            self.help(from, timeout.view, timeout.high.view);
        }
        if timeout.view < self.view {
            return;
        }
        if !self.is_countable(&timeout.high) {
            self.query(from, CertificateQuery::Reference(timeout.high));
        }
        if timeout.view > self.view {
            self.query(from, CertificateQuery::Entry(timeout.view));
        } else {
            self.repeat_timeout_to(from);
        }
        if timeout.view <= self.view.plus(VIEW_WINDOW) {
            self.keep_timeout(timeout);
        }
    }

    /// Whether a TIMEOUT that names this certificate may count.
    ///
    /// Counting unproven names would let one liar make a timeout certificate nobody can build on.
    /// What is older than the last final block cannot be the highest of any quorum in use.
    fn is_countable(&self, high: &Ref) -> bool {
        high.view < self.finalised.view || self.is_certified(high)
    }

    fn keep_timeout(&mut self, timeout: Timeout) {
        let signer = timeout.signer;
        if let Some(known) = self.timeouts.get(&(timeout.view, signer)) {
            if known.high != timeout.high {
                let double = Evidence::DoubleTimeout(known.clone(), timeout);
                self.evidence(double);
            }
            return;
        }
        self.note_amnesia_in(&timeout);
        self.timeouts.insert((timeout.view, signer), timeout);
        // Two views per signer: more would let one validator fill the memory.
        let of_signer: Vec<_> =
            self.timeouts.keys().copied().filter(|(_, other)| *other == signer).collect();
        if of_signer.len() > 2
            && let Some(oldest) = of_signer.first()
        {
            self.timeouts.remove(oldest);
        }
    }

    /// A COMMIT contradicted by a TIMEOUT already known.
    fn note_amnesia_of(&mut self, commit: &Vote) {
        let found = self.timeouts.values().find(|timeout| forgot(commit, timeout)).cloned();
        if let Some(timeout) = found {
            self.evidence(Evidence::Amnesia { commit: commit.clone(), timeout });
        }
    }

    /// A TIMEOUT that contradicts a COMMIT already known.
    fn note_amnesia_in(&mut self, timeout: &Timeout) {
        let found = self
            .votes
            .values()
            .filter_map(|votes| votes.commits.get(&timeout.signer))
            .flatten()
            .find(|commit| forgot(commit, timeout))
            .cloned();
        if let Some(commit) = found {
            self.evidence(Evidence::Amnesia { commit, timeout: timeout.clone() });
        }
    }

    /// Ends the view once a quorum gave up on it; joins as soon as one honest validator must have.
    pub(super) fn count_timeouts(&mut self) {
        let view = self.view;
        let all = (view, ValidatorIndex(0))..=(view, ValidatorIndex(u16::MAX));
        let counted: Vec<&Timeout> = self
            .timeouts
            .range(all)
            .map(|(_, timeout)| timeout)
            .filter(|timeout| self.is_countable(&timeout.high))
            .collect();
        let weight = self.weight_of(counted.iter().map(|timeout| timeout.signer));
        if weight >= self.config.committee.quorum() {
            let entries = counted.into_iter().map(entry_of).collect();
            let epoch = self.config.committee.epoch();
            let tc = TimeoutCertificate { epoch, view, entries };
            self.on_timeout_certificate(self.config.me, tc);
        } else if weight >= self.config.committee.f1() && self.gate.record().timed.view < view {
            self.want_timeout = true;
        }
    }

    pub(super) fn on_timeout_certificate(&mut self, from: ValidatorIndex, tc: TimeoutCertificate) {
        if tc.view < self.view {
            return;
        }
        let high = tc.high();
        if self.is_countable(&high) {
            self.enter(tc.view.next(), Some(tc));
            return;
        }
        self.query(from, CertificateQuery::Reference(high));
        let parked = &mut self.parked_tcs;
        if parked.iter().any(|(_, other)| other.view == tc.view && other.high() == high) {
            return;
        }
        parked.push((from, tc));
        if parked.len() > MAX_PARKED_TCS {
            // The newest views matter: the others' quorums are further on.
            parked.sort_by_key(|(_, tc)| tc.view);
            parked.remove(0);
        }
    }

    /// Applies parked timeout certificates whose highest certificate has arrived.
    pub(super) fn unpark_timeout_certificates(&mut self) {
        let parked = core::mem::take(&mut self.parked_tcs);
        let (ready, waiting) =
            parked.into_iter().partition(|(_, tc)| self.is_countable(&tc.high()));
        self.parked_tcs = waiting;
        let ready: Vec<(ValidatorIndex, TimeoutCertificate)> = ready;
        for (from, tc) in ready {
            self.on_timeout_certificate(from, tc);
        }
    }

    /// Sends our TIMEOUT to a validator still waiting for it, if ours no longer repeats by itself.
    fn repeat_timeout_to(&mut self, to: ValidatorIndex) {
        if self.gate.record().timed.view != self.view || self.must_run() || !self.may_help(to) {
            return;
        }
        if let Some(timeout) = self.gate.record().timed.message.clone() {
            self.send(super::Target::One(to), Message::Timeout(timeout));
        }
    }
}

fn entry_of(timeout: &Timeout) -> TimeoutEntry {
    TimeoutEntry {
        signer: timeout.signer,
        high_view: timeout.high.view,
        high_hash: timeout.high.hash,
        signature: timeout.signature.clone(),
    }
}

/// Whether a signer claims not to know the certificate of a COMMIT it signed.
fn forgot(commit: &Vote, timeout: &Timeout) -> bool {
    commit.signer == timeout.signer
        && timeout.view >= commit.view
        && timeout.high.view < commit.view
}
