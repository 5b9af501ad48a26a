//! The events of a simulation and the loop over them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes};
use qenex_consensus::{
    Block, BlockMeta, Certificate, Committee, Config, ConsensusHeader, Core, Input, Message, Tick,
    ValidatorIndex, Verified, VerifyContext, View,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    adversary::Adversary,
    model::{CHAIN_ID, Disk, GENESIS, ModelVerifier},
    oracle::{Oracle, Violation},
    scenario::Scenario,
};

/// How long the healed network may take for three more blocks, and then to fall silent.
const PATIENCE: u64 = 240_000;

/// More events in one millisecond are a loop that feeds itself.
const MAX_EVENTS_AT_ONCE: u64 = 50_000;

/// What one schedule was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Blocks final at the end.
    pub blocks: u64,
    /// Validators that crashed, counting each crash.
    pub crashes: u64,
    /// Pieces of evidence found by honest validators.
    pub evidence: u64,
    /// Equivocating proposals and votes the adversary sent.
    pub equivocations: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Times a validator caught up by sync instead of block by block.
    pub syncs: u64,
    /// Digest of the whole history: equal for equal seeds.
    pub trace: u64,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Deliver { slot: usize, from: ValidatorIndex, bytes: Bytes },
    Timer { slot: usize, id: u64 },
    Checked { slot: usize, life: u32, view: View, hash: B256, valid: bool },
    Build { slot: usize, life: u32, job: Box<BuildJob> },
    Commit { slot: usize, life: u32, chain: Vec<BlockMeta>, certificate: Certificate },
    FetchRequest { slot: usize, life: u32, peer: ValidatorIndex, hash: B256 },
    FetchReply { slot: usize, life: u32, block: Box<Block> },
    Sync { slot: usize, life: u32 },
    Connected { slot: usize, peer: ValidatorIndex },
    Restart { slot: usize },
    PowerCut,
    Partition(Vec<u8>),
    Transaction(u64),
    Mischief,
}

/// A block to be built.
#[derive(Clone, Debug)]
pub(crate) struct BuildJob {
    pub(crate) view: View,
    pub(crate) parent: B256,
    pub(crate) height: u64,
    pub(crate) template: ConsensusHeader,
    pub(crate) required: bool,
}

/// One running core. The equivocating validator has two.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) index: ValidatorIndex,
    /// Which of two twins; `None` for honest validators.
    pub(crate) twin: Option<u8>,
    /// `None` while it is down.
    pub(crate) core: Option<Core>,
    pub(crate) life: u32,
    pub(crate) disk: Disk,
    pub(crate) timer: Option<u64>,
    pub(crate) sync: Option<Certificate>,
    /// When the store will have done all it was told to.
    pub(crate) busy_until: u64,
    /// Blocks found valid in this life, to check that parents come first.
    pub(crate) executed: BTreeSet<B256>,
}

/// A whole simulation.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) committee: Committee,
    pub(crate) rng: StdRng,
    pub(crate) now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Event>,
    pub(crate) slots: Vec<Slot>,
    /// Validators in different groups do not hear each other.
    pub(crate) groups: Vec<u8>,
    pub(crate) chaotic: bool,
    pub(crate) adversary: Adversary,
    pub(crate) oracle: Oracle,
    pub(crate) report: Report,
    next_transaction: u64,
    /// Events since the clock last moved.
    events_now: u64,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut rng = StdRng::seed_from_u64(scenario.seed ^ 0x5eed_5eed_5eed_5eed);
        let seed = B256::from(rng.random::<[u8; 32]>());
        // Sizes come from `Scenario::of`, or from a test that names a sensible one.
        let committee = Committee::equal(0, scenario.validators, seed)
            .unwrap_or_else(|error| panic!("{error}"));
        let mut slots: Vec<Slot> = committee
            .members()
            .map(|index| {
                let byzantine = scenario.byzantine == Some(index.position());
                slot(index, byzantine.then_some(0))
            })
            .collect();
        if let Some(traitor) = scenario.byzantine {
            let index = slots[traitor].index;
            slots.push(slot(index, Some(1)));
        }
        Self {
            groups: vec![0; scenario.validators],
            committee,
            rng,
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            slots,
            chaotic: true,
            adversary: Adversary::default(),
            oracle: Oracle::default(),
            report: Report::default(),
            next_transaction: 0,
            events_now: 0,
            scenario,
        }
    }

    /// Trouble, then healing, then silence.
    pub(crate) fn run(mut self) -> Result<Report, Violation> {
        let seed = self.scenario.seed;
        self.all_phases().map_err(|what| Violation { seed, at: self.now, what })?;
        self.report.blocks = self.oracle.height();
        Ok(self.report)
    }

    fn all_phases(&mut self) -> Result<(), String> {
        self.plan();
        for slot in 0..self.slots.len() {
            self.start(slot)?;
        }
        let end = self.scenario.chaos;
        self.run_until(end, |_| false)?;
        self.heal()?;

        let goal = self.oracle.height() + 3;
        let deadline = self.now + PATIENCE;
        while self.honest().any(|slot| slot.disk.height() < goal) {
            if self.now >= deadline {
                return Err(format!("no progress to height {goal}: {}", self.summary()));
            }
            self.add_transaction()?;
            let pause = self.now + 500;
            self.run_until(pause, |world| world.honest().all(|slot| slot.disk.height() >= goal))?;
        }

        self.adversary.retired = true;
        let deadline = self.now + PATIENCE;
        self.run_until(deadline, Self::is_silent)?;
        if self.is_silent() { Ok(()) } else { Err(format!("no silence: {}", self.summary())) }
    }

    /// Puts the planned trouble into the queue.
    fn plan(&mut self) {
        let chaos = self.scenario.chaos;
        for _ in 0..self.scenario.transactions {
            let (at, id) = (self.rng.random_range(0..chaos), self.new_transaction());
            self.schedule(at, Event::Transaction(id));
        }
        for _ in 0..self.scenario.partitions {
            let at = self.rng.random_range(0..chaos);
            let groups =
                (0..self.scenario.validators).map(|_| self.rng.random_range(0..2)).collect();
            self.schedule(at, Event::Partition(groups));
            let until = at + self.rng.random_range(100..2_500);
            self.schedule(until, Event::Partition(vec![0; self.scenario.validators]));
        }
        if self.scenario.power_cut {
            let at = self.rng.random_range(0..chaos);
            self.schedule(at, Event::PowerCut);
        }
        if self.scenario.byzantine.is_some() {
            self.schedule(0, Event::Mischief);
        }
    }

    /// Ends the trouble: no loss, no crashes, everybody up. The adversary goes on.
    fn heal(&mut self) -> Result<(), String> {
        self.chaotic = false;
        self.groups.fill(0);
        for slot in 0..self.slots.len() {
            if self.slots[slot].core.is_none() {
                self.start(slot)?;
            }
        }
        self.gossip_again()
    }

    fn run_until(&mut self, end: u64, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        while !done(self) {
            let Some(entry) = self.queue.first_entry() else { break };
            let at = entry.key().0;
            if at > end {
                break;
            }
            let event = entry.remove();
            self.events_now = if at > self.now { 0 } else { self.events_now + 1 };
            if self.events_now > MAX_EVENTS_AT_ONCE {
                return Err(format!("a busy loop: {event:?}"));
            }
            self.now = self.now.max(at);
            self.happen(event)?;
        }
        // The clock stands at the last event if `done` ended it early.
        if !done(self) {
            self.now = self.now.max(end);
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        self.trace(&event);
        match event {
            Event::Deliver { slot, from, bytes } => self.deliver(slot, from, &bytes),
            Event::Timer { slot, id } => {
                if self.slots[slot].timer != Some(id) {
                    return Ok(());
                }
                self.slots[slot].timer = None;
                let Some((view, _)) = self.slots[slot].core.as_ref().map(Core::view) else {
                    return Ok(());
                };
                self.feed(slot, Input::Timer(view))
            }
            Event::Checked { slot, life, view, hash, valid } => {
                if self.slots[slot].life != life {
                    return Ok(());
                }
                if valid {
                    self.slots[slot].executed.insert(hash);
                }
                self.feed(slot, Input::BlockChecked { view, hash, valid })
            }
            Event::Build { slot, life, job } => self.build(slot, life, *job),
            Event::Commit { slot, life, chain, certificate } => {
                if self.slots[slot].life != life {
                    return Ok(());
                }
                self.commit(slot, &chain, certificate)
            }
            Event::FetchRequest { slot, life, peer, hash } => {
                self.serve_block(slot, life, peer, hash);
                Ok(())
            }
            Event::FetchReply { slot, life, block } => {
                if self.slots[slot].life != life {
                    return Ok(());
                }
                let checked = Verified::<Block>::check(*block, &self.context());
                checked.map_or(Ok(()), |block| self.feed(slot, Input::BlockFetched(block)))
            }
            Event::Sync { slot, life } => self.sync(slot, life),
            Event::Connected { slot, peer } => self.feed(slot, Input::PeerConnected(peer)),
            Event::Restart { slot } => {
                if self.slots[slot].core.is_none() {
                    self.start(slot)
                } else {
                    Ok(())
                }
            }
            Event::PowerCut => {
                if self.chaotic {
                    (0..self.slots.len()).for_each(|slot| self.crash(slot));
                }
                Ok(())
            }
            Event::Partition(groups) => {
                self.partition(groups);
                Ok(())
            }
            Event::Transaction(id) => self.on_transaction(id),
            Event::Mischief => {
                self.mischief();
                Ok(())
            }
        }
    }

    fn deliver(&mut self, slot: usize, from: ValidatorIndex, bytes: &[u8]) -> Result<(), String> {
        let honest = self.scenario.byzantine != Some(from.position());
        let Some(core) = &self.slots[slot].core else { return Ok(()) };
        self.report.delivered += 1;
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) if honest => return Err(format!("{from} sent no message: {error}")),
            Err(_) => return Ok(()),
        };
        if !core.window().wants(&message) {
            return Ok(());
        }
        match Verified::<Message>::check(message, &self.context()) {
            Ok(message) => {
                if self.slots[slot].twin.is_some() {
                    self.adversary.observe(message.get());
                }
                self.feed(slot, Input::Received { from, message })
            }
            Err(error) if honest => Err(format!("{from} sent what is refused: {error}")),
            Err(_) => Ok(()),
        }
    }

    fn partition(&mut self, groups: Vec<u8>) {
        if !self.chaotic {
            return;
        }
        let before = core::mem::replace(&mut self.groups, groups);
        // Some outages are noticed by the transport, others are too short for it.
        if self.rng.random_ratio(1, 2) {
            return;
        }
        for slot in 0..self.slots.len() {
            for peer in self.committee.members().collect::<Vec<_>>() {
                let me = self.slots[slot].index.position();
                let other = peer.position();
                if me != other
                    && before[me] != before[other]
                    && self.groups[me] == self.groups[other]
                {
                    let at = self.now + self.rng.random_range(1..50);
                    self.schedule(at, Event::Connected { slot, peer });
                }
            }
        }
    }

    /// Gossip reaches most: who misses it learns of it from a block.
    fn on_transaction(&mut self, id: u64) -> Result<(), String> {
        for slot in 0..self.slots.len() {
            let missed = self.chaotic && self.rng.random_ratio(1, 5);
            if !missed && !self.slots[slot].disk.done.contains(&id) {
                self.slots[slot].disk.pool.insert(id);
                self.feed(slot, Input::Work)?;
            }
        }
        Ok(())
    }

    /// Gossip repeats itself: what one honest validator knows, all get to know. Without this a
    /// transaction known to one alone wakes nobody, as one TIMEOUT must not.
    fn gossip_again(&mut self) -> Result<(), String> {
        let known: BTreeSet<u64> =
            self.honest().flat_map(|slot| slot.disk.pool.iter().copied()).collect();
        known.into_iter().try_for_each(|id| self.on_transaction(id))
    }

    fn new_transaction(&mut self) -> u64 {
        self.next_transaction += 1;
        self.next_transaction
    }

    fn add_transaction(&mut self) -> Result<(), String> {
        let id = self.new_transaction();
        self.on_transaction(id)
    }

    pub(crate) fn honest(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.twin.is_none())
    }

    /// Nothing rings, nothing waits, and all honest validators agree on the last block.
    fn is_silent(&self) -> bool {
        let height = self.oracle.height();
        self.honest().all(|slot| {
            slot.timer.is_none() && slot.disk.pool.is_empty() && slot.disk.height() == height
        })
    }

    pub(crate) fn context(&self) -> VerifyContext<'_> {
        VerifyContext {
            chain_id: CHAIN_ID,
            committee: &self.committee,
            signatures: &ModelVerifier,
            payloads: &ModelVerifier,
        }
    }

    pub(crate) fn config(&self, me: ValidatorIndex) -> Config {
        Config {
            chain_id: CHAIN_ID,
            me,
            committee: self.committee.clone(),
            root: GENESIS,
            base_timeout_ms: self.scenario.base_timeout,
            max_timeout_ms: 3_000,
            dead_after_ms: self.scenario.base_timeout * 2,
        }
    }

    pub(crate) const fn tick(&self) -> Tick {
        Tick(self.now)
    }

    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), event);
    }

    /// Folds an event into the digest of the history (FNV-1a).
    fn trace(&mut self, event: &Event) {
        let mut digest = self.report.trace ^ 0xcbf2_9ce4_8422_2325;
        let mut fold = |byte: u8| {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        };
        self.now.to_be_bytes().into_iter().for_each(&mut fold);
        match event {
            Event::Deliver { slot, bytes, .. } => {
                slot.to_be_bytes().into_iter().for_each(&mut fold);
                bytes.iter().copied().for_each(&mut fold);
            }
            other => format!("{other:?}").bytes().for_each(&mut fold),
        }
        self.report.trace = digest;
    }

    fn summary(&self) -> String {
        self.slots
            .iter()
            .map(|slot| {
                let core = slot.core.as_ref();
                format!(
                    "[{}{} height {} view {:?} final {:?} pool {} timer {:?} cc {:?}]",
                    slot.index,
                    if slot.twin.is_some() { " twin" } else { "" },
                    slot.disk.height(),
                    core.map(Core::view),
                    core.map(|core| core.finalised().view),
                    slot.disk.pool.len(),
                    slot.timer,
                    core.and_then(Core::newest_commit).map(|cc| cc.reference.view),
                )
            })
            .collect()
    }
}

fn slot(index: ValidatorIndex, twin: Option<u8>) -> Slot {
    Slot {
        index,
        twin,
        core: None,
        life: 0,
        disk: Disk::new(),
        timer: None,
        sync: None,
        busy_until: 0,
        executed: BTreeSet::new(),
    }
}
