//! Carries the outputs of a core out, in order, and may crash between any two of them.

use std::collections::VecDeque;

use alloy_primitives::{B256, Bytes};
use qenex_consensus::{
    Block, BlockMeta, Built, Certificate, ConsensusHeader, Core, DurableRecord, FinalPoint, Input,
    Message, Output, OwnMessage, Promise, Purpose, Recovered, Ref, Target, ValidatorIndex, View,
};
use rand::Rng;

use crate::{
    model::{CHAIN_ID, GENESIS, Payload, Stored, make_block, sign},
    scenario::Forget,
    world::{BuildJob, Event, World},
};

/// Whether the rest of the outputs may be carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alive {
    Yes,
    No,
}

impl World {
    /// Starts a validator from its disk.
    pub(crate) fn start(&mut self, slot: usize) -> Result<(), String> {
        let me = self.slots[slot].index;
        let mut core = Core::new(self.config(me));
        let recovered = self.recovered(slot)?;
        let this = &mut self.slots[slot];
        this.life += 1;
        this.timer = None;
        this.sync = None;
        this.busy_until = 0;
        this.executed.clear();
        let outputs = core.step(self.tick(), Input::Start(recovered));
        self.slots[slot].core = Some(core);
        self.carry_out(slot, outputs)?;
        if !self.slots[slot].disk.pool.is_empty() {
            self.feed(slot, Input::Work)?;
        }
        self.connect(slot);
        Ok(())
    }

    fn recovered(&self, slot: usize) -> Result<Recovered, String> {
        let disk = &self.slots[slot].disk;
        let record = match &disk.record {
            Some(bytes) => {
                Some(DurableRecord::decode(bytes).map_err(|error| format!("record: {error}"))?)
            }
            None => None,
        };
        let record = record.map(|record| forget(record, self.scenario.forget));
        let tip = disk.chain.last().ok_or("an empty chain")?;
        Ok(Recovered {
            record,
            finalised: FinalPoint { height: tip.meta.height, view: tip.view, hash: tip.meta.hash },
            final_certificate: tip.certificate.clone(),
            blocks: disk.blocks.values().cloned().collect(),
        })
    }

    /// Tells a restarted validator and its peers that they are connected again.
    fn connect(&mut self, slot: usize) {
        let me = self.slots[slot].index;
        for other in 0..self.slots.len() {
            let peer = self.slots[other].index;
            if peer != me && self.slots[other].core.is_some() {
                let at = self.now + self.rng.random_range(1..40);
                self.schedule(at, Event::Connected { slot, peer });
                self.schedule(at, Event::Connected { slot: other, peer: me });
            }
        }
    }

    pub(crate) fn crash(&mut self, slot: usize) {
        let this = &mut self.slots[slot];
        if this.core.take().is_none() {
            return;
        }
        this.life += 1;
        this.timer = None;
        self.report.crashes += 1;
        let at = self.now + self.rng.random_range(10..1_500);
        self.schedule(at, Event::Restart { slot });
    }

    /// Gives a core one input, and all that follows from it at once.
    pub(crate) fn feed(&mut self, slot: usize, input: Input) -> Result<(), String> {
        let now = self.tick();
        let Some(core) = &mut self.slots[slot].core else { return Ok(()) };
        let outputs = core.step(now, input);
        self.carry_out(slot, outputs)
    }

    fn carry_out(&mut self, slot: usize, outputs: Vec<Output>) -> Result<(), String> {
        let mut outputs = VecDeque::from(outputs);
        loop {
            let mut replies = Vec::new();
            while let Some(output) = outputs.pop_front() {
                if self.dies() {
                    self.crash(slot);
                    return Ok(());
                }
                if self.act(slot, output, &mut replies)? == Alive::No {
                    return Ok(());
                }
            }
            if replies.is_empty() {
                return Ok(());
            }
            let now = self.tick();
            for reply in replies {
                let Some(core) = &mut self.slots[slot].core else { return Ok(()) };
                outputs.extend(core.step(now, reply));
            }
        }
    }

    fn dies(&mut self) -> bool {
        let rate = self.scenario.crash_rate;
        self.chaotic && rate > 0 && self.rng.random_ratio(rate, 100_000)
    }

    fn act(
        &mut self,
        slot: usize,
        output: Output,
        replies: &mut Vec<Input>,
    ) -> Result<Alive, String> {
        let life = self.slots[slot].life;
        match output {
            Output::Promise(promise) => return self.keep_promise(slot, promise, replies),
            Output::StoreBlock(block) => {
                self.slots[slot].disk.blocks.insert(block.meta.hash, block);
            }
            Output::Send { to, message } => self.send(slot, to, &message)?,
            Output::SetTimer { at, .. } => {
                let id = self.rng.random();
                self.slots[slot].timer = Some(id);
                self.schedule(at.0, Event::Timer { slot, id });
            }
            Output::CancelTimer => self.slots[slot].timer = None,
            Output::Build { view, parent, height, template, required, .. } => {
                let job = Box::new(BuildJob { view, parent, height, template, required });
                let at = self.now + self.rng.random_range(0..10);
                self.schedule(at, Event::Build { slot, life, job });
            }
            Output::Validate { view, purpose, block } => {
                self.validate(slot, view, purpose, &block)?;
            }
            Output::FetchCertificate { query, from } => {
                self.send(slot, Target::One(from), &Message::Query(query))?;
            }
            Output::FetchBlock { hash, from } => {
                let chosen = self.rng.random_range(0..from.len().max(1));
                if let Some(peer) = from.get(chosen).copied()
                    && !self.loses(slot, peer)
                {
                    let at = self.now + self.delay();
                    self.schedule(at, Event::FetchRequest { slot, life, peer, hash });
                }
            }
            Output::Finalise { chain, certificate } => {
                // The store commits in order, but beside consensus: a crash may come in between.
                let at = self.slots[slot].busy_until.max(self.now) + self.rng.random_range(0..15);
                self.slots[slot].busy_until = at;
                self.schedule(at, Event::Commit { slot, life, chain, certificate });
            }
            Output::SyncTo { certificate } => {
                self.slots[slot].sync = Some(certificate);
                let at = self.now + self.delay();
                self.schedule(at, Event::Sync { slot, life });
            }
            Output::Evidence(evidence) => self.judge(slot, &evidence)?,
            Output::Halt(reason) => {
                if self.slots[slot].twin.is_none() {
                    return Err(format!("{} halted: {reason:?}", self.slots[slot].index));
                }
                self.slots[slot].core = None;
                return Ok(Alive::No);
            }
        }
        Ok(Alive::Yes)
    }

    /// Evidence must name the traitor only.
    fn judge(&mut self, slot: usize, evidence: &qenex_consensus::Evidence) -> Result<(), String> {
        if self.slots[slot].twin.is_some() {
            return Ok(());
        }
        self.report.evidence += 1;
        for culprit in evidence.culprits() {
            if self.scenario.byzantine != Some(culprit.position()) {
                return Err(format!("evidence against honest {culprit}: {evidence:?}"));
            }
        }
        Ok(())
    }

    /// Sign, write, send, feed back; the power may go at each step.
    fn keep_promise(
        &mut self,
        slot: usize,
        promise: Promise,
        replies: &mut Vec<Input>,
    ) -> Result<Alive, String> {
        let me = self.slots[slot].index;
        let nonce = self.rng.random();
        let signature = sign(me, &promise.sign_bytes(&CHAIN_ID), nonce);
        let sealed = promise.seal(signature);
        self.slots[slot].disk.record = Some(sealed.record);
        if self.dies() {
            self.crash(slot);
            return Ok(Alive::No);
        }
        self.send(slot, Target::All, &sealed.message)?;
        replies.push(sealed.input);
        Ok(Alive::Yes)
    }

    fn send(&mut self, slot: usize, to: Target, message: &Message) -> Result<(), String> {
        let me = self.slots[slot].index;
        if self.slots[slot].twin.is_none() && is_own(message, me) {
            self.oracle.sent(me, message)?;
        }
        let bytes = Bytes::from(message.encode());
        for peer in self.committee.members().collect::<Vec<_>>() {
            if peer != me && (to == Target::All || to == Target::One(peer)) {
                self.transmit(slot, peer, &bytes);
            }
        }
        Ok(())
    }

    /// Puts a message on its way, perhaps twice, perhaps not at all.
    pub(crate) fn transmit(&mut self, slot: usize, peer: ValidatorIndex, bytes: &Bytes) {
        let from = self.slots[slot].index;
        if self.loses(slot, peer) {
            return;
        }
        let twice = self.chaotic && self.rng.random_ratio(self.scenario.duplication, 1_000);
        for target in 0..self.slots.len() {
            if self.slots[target].index != peer {
                continue;
            }
            for _ in 0..=u8::from(twice) {
                let at = self.now + self.delay();
                self.schedule(at, Event::Deliver { slot: target, from, bytes: bytes.clone() });
            }
        }
    }

    /// Whether the network swallows what `slot` sends to `peer` now.
    fn loses(&mut self, slot: usize, peer: ValidatorIndex) -> bool {
        let this = &self.slots[slot];
        if this.twin.is_some_and(|twin| !self.adversary.serves(twin, peer)) {
            return true;
        }
        self.groups[this.index.position()] != self.groups[peer.position()]
            || (self.chaotic && self.rng.random_ratio(self.scenario.loss, 1_000))
    }

    pub(crate) fn delay(&mut self) -> u64 {
        let max = if self.chaotic { self.scenario.max_delay } else { 10 };
        let delay = self.rng.random_range(1..=max);
        // A heavy tail, so that messages of one view arrive in another.
        if self.chaotic && self.rng.random_ratio(1, 50) { delay * 20 } else { delay }
    }

    fn validate(
        &mut self,
        slot: usize,
        view: View,
        purpose: Purpose,
        block: &Block,
    ) -> Result<(), String> {
        let this = &self.slots[slot];
        let parent = block.meta.parent;
        let on_tip = this.disk.chain.last().is_some_and(|tip| tip.meta.hash == parent);
        if !on_tip && !this.executed.contains(&parent) {
            return Err(format!("{} is to execute before the parent: {block:?}", this.index));
        }
        let life = this.life;
        // A skewed clock may refuse a vote, but not a certified block.
        let late = purpose == Purpose::Vote && self.chaotic && self.rng.random_ratio(1, 100);
        let valid = Payload::decode(&block.payload).right && !late;
        let at = self.now + self.rng.random_range(0..10);
        self.schedule(at, Event::Checked { slot, life, view, hash: block.meta.hash, valid });
        Ok(())
    }

    pub(crate) fn build(&mut self, slot: usize, life: u32, job: BuildJob) -> Result<(), String> {
        let this = &self.slots[slot];
        let Some(core) = this.core.as_ref().filter(|_| this.life == life) else { return Ok(()) };
        let mut waiting = this.disk.pool.clone();
        let mut at = job.parent;
        while let Some(block) = core.block(&at) {
            for transaction in Payload::decode(&block.payload).transactions {
                waiting.remove(&transaction);
            }
            at = block.meta.parent;
        }
        let view = job.view;
        if waiting.is_empty() && !job.required {
            return self.feed(slot, Input::Built { view, result: None });
        }
        let right = this.twin.is_none() || !self.rng.random_ratio(1, 10);
        let payload = Payload {
            right,
            nonce: self.rng.random(),
            transactions: waiting.into_iter().take(3).collect(),
        };
        let header = ConsensusHeader { time_ms: self.now, ..job.template };
        let block = make_block(job.parent, job.height, header, &payload);
        self.slots[slot].executed.insert(block.meta.hash);
        let result = Some(Built {
            block: block.meta,
            consensus_header: block.consensus_header,
            payload: block.payload,
        });
        self.feed(slot, Input::Built { view, result })
    }

    /// Commits final blocks, except those that a sync was faster with.
    pub(crate) fn commit(
        &mut self,
        slot: usize,
        chain: &[BlockMeta],
        certificate: Certificate,
    ) -> Result<(), String> {
        let Ref { view, hash, .. } = certificate.reference;
        for meta in chain {
            if !self.slots[slot].executed.contains(&meta.hash) {
                return Err(format!("{meta:?} is to be final before it was executed"));
            }
            let disk = &self.slots[slot].disk;
            if meta.height <= disk.height() {
                let known = usize::try_from(meta.height).ok().and_then(|at| disk.chain.get(at));
                if known.is_none_or(|known| known.meta != *meta) {
                    return Err(format!("{meta:?} is to be final at a height already final"));
                }
                continue;
            }
            let own = meta.hash == hash;
            let stored = Stored {
                meta: *meta,
                view: if own { view } else { View::ROOT },
                certificate: own.then(|| certificate.clone()),
                block: disk.blocks.get(&meta.hash).cloned(),
            };
            self.append(slot, stored)?;
        }
        let tip = self.slots[slot].disk.chain.last().map(|tip| tip.meta.hash);
        if tip == Some(hash) {
            let height = self.slots[slot].disk.height();
            self.feed(slot, Input::Finalised { height, view, hash })?;
        }
        let work = self.work_of(slot);
        self.feed(slot, work)
    }

    /// Adds one final block to a store.
    fn append(&mut self, slot: usize, stored: Stored) -> Result<(), String> {
        let meta = stored.meta;
        let disk = &mut self.slots[slot].disk;
        let tip = disk.chain.last().map_or(GENESIS, |tip| tip.meta);
        if meta.parent != tip.hash || meta.height != tip.height + 1 {
            return Err(format!("a gap between {tip:?} and {meta:?}"));
        }
        if let Some(block) = &stored.block {
            for transaction in Payload::decode(&block.payload).transactions {
                disk.pool.remove(&transaction);
                disk.done.insert(transaction);
            }
        }
        disk.chain.push(stored);
        disk.blocks.retain(|_, block| block.meta.height > meta.height);
        if self.slots[slot].twin.is_none() {
            self.oracle.finalised(&meta)?;
        }
        Ok(())
    }

    fn work_of(&self, slot: usize) -> Input {
        if self.slots[slot].disk.pool.is_empty() { Input::NoWork } else { Input::Work }
    }

    pub(crate) fn serve_block(&mut self, slot: usize, life: u32, peer: ValidatorIndex, hash: B256) {
        let found = self.slots.iter().filter(|other| other.index == peer).find_map(|other| {
            let core = other.core.as_ref()?;
            let stored = || {
                let of_chain = other.disk.chain.iter().rev().find(|s| s.meta.hash == hash);
                of_chain.and_then(|stored| stored.block.as_ref())
            };
            core.block(&hash).or_else(stored).cloned()
        });
        if let Some(block) = found {
            let at = self.now + self.delay();
            self.schedule(at, Event::FetchReply { slot, life, block: Box::new(block) });
        }
    }

    /// Tries to get the final chain up to the target from some peer; tries again if it fails.
    pub(crate) fn sync(&mut self, slot: usize, life: u32) -> Result<(), String> {
        let this = &self.slots[slot];
        let Some(target) = this.sync.clone().filter(|_| this.life == life) else { return Ok(()) };
        let Ref { view, hash, .. } = target.reference;
        let peer = self.rng.random_range(0..self.scenario.validators);
        let source = &self.slots[peer];
        let reachable = source.twin.is_none()
            && source.core.is_some()
            && peer != self.slots[slot].index.position();
        let found = source.disk.chain.iter().position(|stored| stored.meta.hash == hash);
        let peer = source.index;
        let (Some(upto), true) = (found, reachable && !self.loses(slot, peer)) else {
            let at = self.now + 20 + self.delay();
            self.schedule(at, Event::Sync { slot, life });
            return Ok(());
        };
        self.slots[slot].sync = None;
        let known = self.slots[slot].disk.chain.len();
        let new: Vec<Stored> =
            self.slots[peer.position()].disk.chain.get(known..=upto).unwrap_or_default().to_vec();
        if new.is_empty() {
            return Ok(());
        }
        self.report.syncs += 1;
        for mut stored in new {
            if stored.meta.hash == hash {
                stored.view = view;
                stored.certificate = Some(target.clone());
            }
            self.slots[slot].executed.insert(stored.meta.hash);
            self.append(slot, stored)?;
        }
        let height = self.slots[slot].disk.height();
        self.feed(slot, Input::Finalised { height, view, hash })?;
        let work = self.work_of(slot);
        self.feed(slot, work)
    }
}

fn is_own(message: &Message, me: ValidatorIndex) -> bool {
    match message {
        Message::Propose(propose) => propose.proposer == me,
        Message::Vote(vote) => vote.signer == me,
        Message::Timeout(timeout) => timeout.signer == me,
        _ => false,
    }
}

/// Plants a fault into what a restarted validator remembers.
fn forget(mut record: DurableRecord, what: Forget) -> DurableRecord {
    match what {
        Forget::Nothing => (),
        Forget::Timeout => record.timed = OwnMessage::default(),
        Forget::Prepare => record.prepared = OwnMessage::default(),
        Forget::Proposal => record.proposed = OwnMessage::default(),
        Forget::Lock => {
            record.lock = qenex_consensus::Certified::bare(Ref {
                epoch: record.epoch,
                view: View::ROOT,
                hash: GENESIS.hash,
            });
        }
    }
    record
}
