//! The driver: the one thread that owns the machine and carries out what it asks for, in order.
//!
//! A promise is signed, written to the vote log and synced before it is sent. Anything that fails
//! to reach the disk ends the process: a vote that may or may not be remembered must never leave.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use alloy_primitives::{B256, Bytes};
use anyhow::{Context, Result};
use qenex_consensus::{
    Block, Core, Input, Message, Output, Promise, Target, Tick, ValidatorIndex, Verified, View,
};
use qenex_crypto::HybridSecretKey;
use qenex_net::Class;
use qenex_wal::Wal;

use super::{
    Shared, VoteState,
    executor::{Job, Order},
    serve::Question,
};
use crate::clock::Monotonic;

/// How long the thread sleeps at most before it looks whether the node is stopping.
const WAKE: Duration = Duration::from_millis(200);

/// Rule breaks kept for those who ask; all are in the log.
const MAX_EVIDENCE: usize = 64;

/// What the driver listens to.
#[derive(Debug)]
pub(crate) enum Event {
    /// Something for the machine.
    Input(Box<Input>),
    /// The node stops.
    Stop,
}

/// Speaks to the driver.
#[derive(Clone, Debug)]
pub(crate) struct DriverHandle(pub(crate) Sender<Event>);

impl DriverHandle {
    /// Sends an input; false if the driver has stopped.
    pub(crate) fn send(&self, input: Input) -> bool {
        self.0.send(Event::Input(Box::new(input))).is_ok()
    }

    /// Asks the driver to stop after what it is doing.
    pub(crate) fn stop(&self) {
        let _stopped_already = self.0.send(Event::Stop);
    }
}

/// The driver's own things.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) core: Core,
    pub(crate) wal: Wal,
    pub(crate) key: HybridSecretKey,
    pub(crate) executor: Sender<Job>,
    pub(crate) events: Receiver<Event>,
    pub(crate) clock: Monotonic,
    pub(crate) timer: Option<(View, Tick)>,
}

impl Driver {
    /// Runs until the node stops.
    ///
    /// # Errors
    ///
    /// If something cannot be made durable, or the machine halts: the process must end.
    pub(crate) fn run(mut self, start: Input) -> Result<()> {
        self.feed(start)?;
        loop {
            let wait = self.timer.map_or(WAKE, |(_, at)| self.clock.until(at).min(WAKE));
            match self.events.recv_timeout(wait) {
                Ok(Event::Input(input)) => self.feed(*input)?,
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some((view, at)) = self.timer
                && at <= self.clock.now()
            {
                self.timer = None;
                metrics::counter!("qenex_consensus_timers_total").increment(1);
                self.feed(Input::Timer(view))?;
            }
        }
    }

    /// Steps the machine, and again for each promise of ours.
    fn feed(&mut self, input: Input) -> Result<()> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            if let Input::Finalised { height, .. } = &input {
                self.shared.bodies.lock().prune(*height)?;
            }
            for output in self.core.step(self.clock.now(), input) {
                if let Some(own) = self.carry_out(output)? {
                    inputs.push_front(own);
                }
            }
        }
        self.publish();
        Ok(())
    }

    /// One output; an own message comes back to be fed before anything else.
    fn carry_out(&mut self, output: Output) -> Result<Option<Input>> {
        match output {
            Output::Promise(promise) => return self.promise(promise).map(Some),
            Output::StoreBlock(block) => self.shared.bodies.lock().store(block)?,
            Output::Send { to, message } => self.send(to, &message),
            Output::SetTimer { view, at } => self.timer = Some((view, at)),
            Output::CancelTimer => self.timer = None,
            Output::Build { view, parent, template, required, .. } => {
                self.job(Job::Build(Order { view, parent, template, required }));
            }
            Output::Validate { view, purpose, block } => {
                self.job(Job::Validate { view, purpose, block });
            }
            Output::FetchCertificate { query, from } => {
                self.send(Target::One(from), &Message::Query(query));
            }
            Output::FetchBlock { hash, from } => self.fetch_block(hash, from),
            Output::Finalise { chain, certificate } => {
                self.job(Job::Finalise { chain, certificate });
            }
            Output::SyncTo { certificate } => self.job(Job::SyncTo { certificate }),
            Output::Evidence(evidence) => {
                self.shared.standing.write().evidence += 1;
                metrics::counter!("qenex_consensus_evidence_total").increment(1);
                tracing::error!(?evidence, "a validator broke the rules");
                let mut kept = self.shared.evidence.lock();
                if kept.len() >= MAX_EVIDENCE {
                    kept.pop_front();
                }
                kept.push_back(evidence);
            }
            Output::Halt(reason) => {
                tracing::error!(?reason, "consensus halts: an operator has to look");
                anyhow::bail!("consensus halted: {reason:?}");
            }
        }
        Ok(None)
    }

    /// Signs, writes, syncs, and only then sends.
    fn promise(&mut self, promise: Promise) -> Result<Input> {
        let bytes = promise.sign_bytes(&self.shared.chain_id);
        let signature = self.key.sign(&bytes).context("cannot sign")?;
        let sealed = promise.seal(signature);
        let votes = VoteState::encode(sealed.record, &self.shared.chain);
        self.wal.append(&votes).context("cannot write the vote log")?;
        self.send(Target::All, &sealed.message);
        Ok(sealed.input)
    }

    fn send(&self, to: Target, message: &Message) {
        let Some(network) = &self.shared.network else { return };
        let class = match message {
            Message::Propose(_) => Class::Block,
            _ => Class::Vote,
        };
        let bytes = Bytes::from(message.encode());
        // A peer that is away is no error: it will ask when it is back.
        let _away = match to {
            Target::All => network.broadcast(class, bytes),
            Target::One(peer) => network.send(peer.0, class, bytes),
        };
    }

    fn job(&self, job: Job) {
        // The executor only ends when the node stops or fails, and then the driver is told.
        let _stopping = self.executor.send(job);
    }

    /// Asks one peer after the other for a block, beside everything else.
    fn fetch_block(&self, hash: B256, from: Vec<ValidatorIndex>) {
        let shared = self.shared.clone();
        let Some(network) = shared.network.clone() else { return };
        shared.runtime.clone().spawn(async move {
            for peer in from {
                let Ok(answer) = network.request(peer.0, Question::Block(hash).encode()).await
                else {
                    continue;
                };
                let Ok(block) = alloy_rlp::decode_exact::<Block>(&answer) else { continue };
                if block.meta.hash != hash {
                    continue;
                }
                if let Ok(block) = Verified::<Block>::check(block, &shared.verify_context()) {
                    shared.driver.send(Input::BlockFetched(block));
                    return;
                }
            }
        });
    }

    /// Tells the verification pool and people where the machine stands.
    fn publish(&self) {
        let window = self.core.window();
        *self.shared.window.write() = window;
        let mut standing = self.shared.standing.write();
        if window.view.0 != standing.view {
            metrics::gauge!("qenex_consensus_view").set(to_gauge(window.view.0));
        }
        standing.view = window.view.0;
        standing.final_view = window.final_view.0;
    }
}

/// A counter as a gauge's floating point number.
#[expect(clippy::cast_precision_loss, reason = "a metric: heights above 2^53 do not occur")]
pub(crate) const fn to_gauge(value: u64) -> f64 {
    value as f64
}
