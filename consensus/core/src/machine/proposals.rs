//! Proposing, and judging what others propose.

use alloy_primitives::B256;

use super::{Built, Core, HaltReason, Output, Parked, Purpose, VIEW_WINDOW, blocks::Progress};
use crate::{
    codec::MAX_PAYLOAD_BYTES,
    evidence::Evidence,
    header::ConsensusHeader,
    ids::{BlockMeta, Ref, ValidatorIndex, View},
    message::{Block, CertificateQuery, Propose, Signature, TimeoutCertificate},
    safety::Certified,
};

/// Proposals of later views kept while the certificates they name are fetched.
const MAX_PARKED: usize = 16;

/// A block being built by the driver.
#[derive(Debug)]
pub(super) struct Building {
    view: View,
    height: u64,
    justify: Certified,
    tc: Option<TimeoutCertificate>,
    template: ConsensusHeader,
}

impl Core {
    pub(super) fn on_propose(&mut self, from: ValidatorIndex, propose: Propose) {
        self.note_heard(propose.proposer, propose.view);
        if propose.view <= self.finalised.view {
            return;
        }
        if propose.view <= self.view.plus(VIEW_WINDOW) {
            if !self.note_proposal(&propose) {
                return;
            }
            // Late bodies too: a certificate may name them yet.
            if let Some(block) = propose.to_block() {
                self.keep_block(block);
            }
        }
        if propose.view < self.view {
            return;
        }
        if !self.is_certified(&propose.justify) {
            self.query(from, CertificateQuery::Reference(propose.justify));
        }
        if let Some(tc) = propose.tc.clone() {
            self.on_timeout_certificate(from, tc);
        }
        if propose.view >= self.view && propose.view <= self.view.plus(VIEW_WINDOW) {
            self.park(from, propose.without_payload());
        }
    }

    /// Remembers a proposal; false if it is a third one of its view.
    fn note_proposal(&mut self, propose: &Propose) -> bool {
        let known = self.proposals.entry(propose.view).or_default();
        if known.iter().any(|other| other.block.hash == propose.block.hash) {
            return true;
        }
        let proof = propose.without_payload();
        match known.as_slice() {
            [] => known.push(proof),
            [first] => {
                let double =
                    Evidence::DoublePropose(Box::new(first.clone()), Box::new(proof.clone()));
                known.push(proof);
                self.evidence(double);
            }
            _ => return false,
        }
        true
    }

    fn park(&mut self, from: ValidatorIndex, propose: Propose) {
        self.parked.entry(propose.view).or_insert(Parked { from, propose, tries: 0 });
        if self.parked.len() > MAX_PARKED {
            // The farthest one can best be had again.
            self.parked.pop_last();
        }
    }

    /// Takes up the parked proposal of this view once its certificate is known.
    pub(super) fn unpark(&mut self) {
        self.unpark_timeout_certificates();
        self.parked.retain(|view, _| *view >= self.view);
        let justify = self.parked.get(&self.view).map(|parked| parked.propose.justify);
        if justify.is_some_and(|justify| self.is_certified(&justify))
            && let Some(parked) = self.parked.remove(&self.view)
        {
            self.judge(parked.propose);
        }
    }

    /// The rules of acceptance. In particular there is no comparison with our own lock: a leader
    /// that rests on the highest certificate of a quorum must be followed.
    fn judge(&mut self, propose: Propose) {
        if self.candidate.is_some() {
            return;
        }
        let justify = propose.justify;
        let happy = justify.view.next() == self.view;
        let recovering = propose
            .tc
            .as_ref()
            .is_some_and(|tc| tc.view.next() == self.view && justify.view >= tc.high().view);
        // The gate checks again; this spares the execution.
        let record = self.gate.record();
        let may_vote = record.prepared.view < self.view && record.timed.view < self.view;
        if (happy || recovering) && may_vote && !self.extends_closing(&propose) {
            self.candidate = Some(propose);
        }
    }

    /// Whether a new block was put on top of one that closes the epoch.
    fn extends_closing(&self, propose: &Propose) -> bool {
        if propose.reproposal {
            return false;
        }
        let parent = self.blocks.get(&propose.block.parent);
        let closing = parent.is_some_and(|entry| entry.block.consensus_header.closing);
        closing || (self.epoch_closed && propose.block.parent == self.finalised.hash)
    }

    /// Has the proposal of this view executed.
    pub(super) fn pursue_candidate(&mut self) {
        let Some(candidate) = &self.candidate else { return };
        if candidate.view != self.view || self.extends_closing(candidate) {
            return;
        }
        let (hash, proposer) = (candidate.block.hash, candidate.proposer);
        if let Progress::Missing(missing) = self.pursue(hash, Purpose::Vote) {
            let justify = candidate_signers(self.certified_by(&self.high.reference));
            let from = core::iter::once(proposer).chain(justify);
            self.fetch(missing, from);
        }
    }

    /// Proposes, if this is our view and there is a reason to.
    pub(super) fn try_propose(&mut self) {
        let record = self.gate.record();
        let spent = record.proposed.view >= self.view || record.timed.view >= self.view;
        if !self.leads()
            || spent
            || self.epoch_closed
            || self.building.is_some()
            || self.own_proposal.is_some()
            || self.declined == Some(self.view)
        {
            return;
        }
        let happy = self.high.reference.view.next() == self.view;
        let tc = if happy { None } else { self.entry.clone() };
        if !happy && tc.is_none() {
            return; // Entered before a restart by a certificate that is gone.
        }
        // On the happy path COMMITs are under way, and finality needs no further block.
        let required = !happy && self.high.reference.view > self.finalised.view;
        let justify = self.high.clone();
        let hash = justify.reference.hash;
        let closing =
            self.blocks.get(&hash).is_some_and(|entry| entry.block.consensus_header.closing);
        if !required && !self.has_work && !closing {
            return;
        }
        let Some(parent_height) = self.executed_height(&justify) else { return };
        if closing {
            self.repropose(justify, tc);
        } else {
            self.build(justify, tc, parent_height.saturating_add(1), required);
        }
    }

    /// The height of a certified block, once it is executed here.
    fn executed_height(&mut self, certified: &Certified) -> Option<u64> {
        let hash = certified.reference.hash;
        if hash == self.finalised.hash {
            return Some(self.finalised.height);
        }
        match self.pursue(hash, Purpose::Certified) {
            Progress::Ready => self.blocks.get(&hash).map(|entry| entry.block.meta.height),
            Progress::Missing(missing) => {
                self.fetch(missing, candidate_signers(Some(certified.clone())));
                None
            }
            Progress::Waiting | Progress::Dead => None,
        }
    }

    fn build(
        &mut self,
        justify: Certified,
        tc: Option<TimeoutCertificate>,
        height: u64,
        required: bool,
    ) {
        let template = ConsensusHeader {
            chain_id: self.config.chain_id,
            epoch: self.config.committee.epoch(),
            view: self.view,
            proposer: self.config.me,
            justify_view: justify.reference.view,
            tc_digest: tc.as_ref().map_or(B256::ZERO, TimeoutCertificate::digest),
            time_ms: 0,
            closing: false,
            next_set_hash: B256::ZERO,
        };
        self.out.push(Output::Build {
            view: self.view,
            parent: justify.reference.hash,
            height,
            justify: justify.reference,
            template: template.clone(),
            required,
        });
        self.work_since_build = false;
        self.building = Some(Building { view: self.view, height, justify, tc, template });
    }

    pub(super) fn on_built(&mut self, view: View, result: Option<Built>) {
        let Some(building) = self.building.take_if(|building| building.view == view) else {
            return;
        };
        let Some(built) = result else {
            if !self.work_since_build {
                self.declined = Some(view);
                // What waits may be in blocks not final yet, and come back if they are abandoned.
                self.has_work &= self.high.reference.view > self.finalised.view;
            }
            return;
        };
        let expected = ConsensusHeader {
            time_ms: built.consensus_header.time_ms,
            closing: built.consensus_header.closing,
            next_set_hash: built.consensus_header.next_set_hash,
            ..building.template
        };
        let right = built.consensus_header == expected
            && built.block.parent == building.justify.reference.hash
            && built.block.height == building.height
            && built.payload.len() <= MAX_PAYLOAD_BYTES;
        if !right {
            self.halt(HaltReason::Driver("built another block than was asked for"));
            return;
        }
        let block = Block {
            meta: built.block,
            consensus_header: built.consensus_header,
            payload: built.payload,
        };
        self.keep_built(block.clone());
        self.own_proposal = Some((
            Propose {
                payload: block.payload,
                ..self.proposal(
                    block.meta,
                    block.consensus_header,
                    building.justify.reference,
                    building.tc,
                )
            },
            building.justify,
        ));
    }

    /// Proposes an already certified closing block again, so that its COMMITs get another view.
    fn repropose(&mut self, justify: Certified, tc: Option<TimeoutCertificate>) {
        let reference: Ref = justify.reference;
        let Some(entry) = self.blocks.get(&reference.hash) else { return };
        let (meta, header) = (entry.block.meta, entry.block.consensus_header.clone());
        let propose = Propose { reproposal: true, ..self.proposal(meta, header, reference, tc) };
        self.own_proposal = Some((propose, justify));
    }

    fn proposal(
        &self,
        block: BlockMeta,
        consensus_header: ConsensusHeader,
        justify: Ref,
        tc: Option<TimeoutCertificate>,
    ) -> Propose {
        Propose {
            epoch: justify.epoch,
            view: self.view,
            block,
            consensus_header,
            reproposal: false,
            justify,
            tc,
            payload: alloy_primitives::Bytes::new(),
            proposer: self.config.me,
            signature: Signature::default(),
        }
    }
}

/// Who must have the body of a certified block: those who executed it.
fn candidate_signers(certified: Option<Certified>) -> impl Iterator<Item = ValidatorIndex> {
    certified
        .and_then(|certified| certified.certificate)
        .map(|certificate| certificate.signers().collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
}
