//! One validator that breaks the rules.
//!
//! It runs two cores with one key ("twins"), each talking to its own, changing part of the others:
//! so it proposes and votes twice with messages that look right. On top it sprays votes for
//! whatever it has seen, and TIMEOUTs that name old certificates.

use alloy_primitives::Bytes;
use qenex_consensus::{Message, Ref, Signature, Timeout, ValidatorIndex, View, Vote, VoteKind};
use rand::Rng;

use crate::{
    model::{CHAIN_ID, GENESIS, sign},
    world::{Event, World},
};

/// How much the adversary remembers of each sort.
const MEMORY: usize = 12;

/// What the adversary knows.
#[derive(Debug, Default)]
pub(crate) struct Adversary {
    /// The validators (by bit) that the first twin talks to; the second one talks to the others.
    side: u64,
    /// Validators that both twins talk to.
    both: u64,
    proposed: Vec<Ref>,
    certified: Vec<Ref>,
    /// It no longer sprays; its twins go on.
    pub(crate) retired: bool,
}

impl Adversary {
    /// Whether a twin talks to a validator at the moment.
    pub(crate) const fn serves(&self, twin: u8, peer: ValidatorIndex) -> bool {
        let bit = 1 << (peer.0 % 64);
        self.both & bit != 0 || (self.side & bit != 0) == (twin == 0)
    }

    pub(crate) fn observe(&mut self, message: &Message) {
        match message {
            Message::Propose(propose) => {
                let at = Ref { epoch: propose.epoch, view: propose.view, hash: propose.block.hash };
                remember(&mut self.proposed, at);
                remember(&mut self.certified, propose.justify);
            }
            Message::Timeout(timeout) => remember(&mut self.certified, timeout.high),
            Message::Vote(vote) => remember(&mut self.proposed, vote.reference()),
            _ => (),
        }
    }
}

fn remember(list: &mut Vec<Ref>, reference: Ref) {
    if !list.contains(&reference) {
        list.push(reference);
        if list.len() > MEMORY {
            list.remove(0);
        }
    }
}

impl World {
    /// Changes sides now and then, and sprays a few messages.
    pub(crate) fn mischief(&mut self) {
        let Some(traitor) = self.scenario.byzantine else { return };
        if self.adversary.retired {
            self.adversary.both = u64::MAX;
            return;
        }
        if self.rng.random_ratio(1, 8) {
            self.adversary.side = self.rng.random();
            self.adversary.both = self.rng.random::<u64>() & self.rng.random::<u64>();
        }
        for _ in 0..self.rng.random_range(0..4) {
            self.spray(traitor);
        }
        let at = self.now + self.rng.random_range(5..60);
        self.schedule(at, Event::Mischief);
    }

    fn spray(&mut self, traitor: usize) {
        let me = self.slots[traitor].index;
        let message = if self.rng.random_ratio(2, 3) {
            let kind = if self.rng.random() { VoteKind::Prepare } else { VoteKind::Commit };
            let Some(at) = pick(&mut self.rng, &self.adversary.proposed) else { return };
            self.vote(me, kind, at)
        } else {
            let Some(at) = pick(&mut self.rng, &self.adversary.proposed) else { return };
            let high = pick(&mut self.rng, &self.adversary.certified).unwrap_or(Ref {
                epoch: 0,
                view: View::ROOT,
                hash: GENESIS.hash,
            });
            let view = View(at.view.0 + self.rng.random_range(0..3));
            if high.view >= view {
                return;
            }
            self.timeout(me, view, high)
        };
        self.report.equivocations += 1;
        let bytes = Bytes::from(message.encode());
        for peer in self.committee.members().collect::<Vec<_>>() {
            if peer != me && self.rng.random() {
                // Whichever twin serves the peer carries it.
                let slot =
                    if self.adversary.serves(0, peer) { traitor } else { self.slots.len() - 1 };
                self.transmit(slot, peer, &bytes);
            }
        }
    }

    fn vote(&mut self, me: ValidatorIndex, kind: VoteKind, at: Ref) -> Message {
        let mut vote = Vote {
            kind,
            epoch: at.epoch,
            view: at.view,
            hash: at.hash,
            signer: me,
            signature: Signature::default(),
        };
        vote.signature = sign(me, &vote.sign_bytes(&CHAIN_ID), self.rng.random());
        Message::Vote(vote)
    }

    fn timeout(&mut self, me: ValidatorIndex, view: View, high: Ref) -> Message {
        let mut timeout = Timeout {
            epoch: high.epoch,
            view,
            high,
            prepare: None,
            signer: me,
            signature: Signature::default(),
        };
        timeout.signature = sign(me, &timeout.sign_bytes(&CHAIN_ID), self.rng.random());
        Message::Timeout(timeout)
    }
}

fn pick(rng: &mut impl Rng, list: &[Ref]) -> Option<Ref> {
    if list.is_empty() { None } else { list.get(rng.random_range(0..list.len())).copied() }
}
