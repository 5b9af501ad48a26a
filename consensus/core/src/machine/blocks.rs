//! Block bodies above the last final block: getting them, having them executed, finalising them.

use std::collections::BTreeSet;

use alloy_primitives::B256;

use super::{Core, FinalPoint, HaltReason, Output, Purpose, VIEW_WINDOW};
use crate::{
    ids::{BlockMeta, Ref, ValidatorIndex},
    message::{Block, Certificate, CertificateKind},
    safety::Certified,
};

/// Bodies kept: two per view of the window, before unneeded ones are dropped.
const MAX_BLOCKS: usize = 256;

/// Beyond this many views behind, blocks are not fetched one by one but synced.
const FETCH_GAP: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not looked at.
    New,
    /// With the driver.
    Checking(Purpose),
    /// Executed and right, as are its ancestors.
    Valid,
    /// Refused for a vote. It may still be certified: the proposer's clock was part of the verdict.
    Refused,
}

/// A block and what is known of it.
#[derive(Debug)]
pub(super) struct BlockEntry {
    pub(super) block: Block,
    state: State,
}

impl BlockEntry {
    pub(super) fn is_valid(&self) -> bool {
        self.state == State::Valid
    }
}

/// How far a block is from being executed with all its ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is.
    Ready,
    /// The driver is at it.
    Waiting,
    /// This body is missing.
    Missing(B256),
    /// Refused, or not on top of the last final block.
    Dead,
}

impl Core {
    /// Keeps a body, unless it is known or too late.
    pub(super) fn keep_block(&mut self, block: Block) {
        let hash = block.meta.hash;
        if block.meta.height > self.finalised.height {
            self.fetching.remove(&hash);
            self.blocks.entry(hash).or_insert(BlockEntry { block, state: State::New });
        }
    }

    /// Keeps a block the driver built, which is executed already.
    pub(super) fn keep_built(&mut self, block: Block) {
        self.out.push(Output::StoreBlock(block.clone()));
        self.blocks.insert(block.meta.hash, BlockEntry { block, state: State::Valid });
    }

    /// Has the oldest ancestor executed that is not yet, if its body is here.
    pub(super) fn pursue(&mut self, hash: B256, purpose: Purpose) -> Progress {
        let path = match self.path_to(hash) {
            Ok(path) => path,
            Err(stuck) => return stuck,
        };
        for at in path {
            let Some(entry) = self.blocks.get_mut(&at) else { return Progress::Missing(at) };
            // Ancestors of anything worth pursuing are certified.
            let purpose = if at == hash { purpose } else { Purpose::Certified };
            match entry.state {
                State::Valid => continue,
                State::Checking(_) => return Progress::Waiting,
                State::Refused if purpose == Purpose::Vote => return Progress::Dead,
                State::New | State::Refused => (),
            }
            entry.state = State::Checking(purpose);
            let block = entry.block.clone();
            self.out.push(Output::StoreBlock(block.clone()));
            self.out.push(Output::Validate { view: self.view, purpose, block });
            return Progress::Waiting;
        }
        Progress::Ready
    }

    /// The blocks from the child of the last final block up to `hash`.
    fn path_to(&self, hash: B256) -> Result<Vec<B256>, Progress> {
        let mut path = Vec::new();
        let mut at = hash;
        while at != self.finalised.hash {
            let Some(entry) = self.blocks.get(&at) else { return Err(Progress::Missing(at)) };
            if entry.block.meta.height <= self.finalised.height || path.len() > MAX_BLOCKS {
                return Err(Progress::Dead);
            }
            path.push(at);
            at = entry.block.meta.parent;
            // The parent of the lowest block above the final one is the final one, or a fork.
            if entry.block.meta.height == self.finalised.height + 1 && at != self.finalised.hash {
                return Err(Progress::Dead);
            }
        }
        path.reverse();
        Ok(path)
    }

    pub(super) fn on_block_checked(&mut self, hash: B256, valid: bool) {
        let Some(entry) = self.blocks.get_mut(&hash) else { return };
        let State::Checking(purpose) = entry.state else { return };
        entry.state = if valid { State::Valid } else { State::Refused };
        if !valid && purpose == Purpose::Certified {
            let header = &entry.block.consensus_header;
            let at = Ref { epoch: header.epoch, view: header.view, hash };
            self.halt(HaltReason::CertifiedBlockInvalid(at));
        }
    }

    /// Asks for a body, now and then.
    pub(super) fn fetch(&mut self, hash: B256, from: impl Iterator<Item = ValidatorIndex>) {
        let patience = self.query_interval();
        let asked = self.fetching.get(&hash);
        if asked.is_some_and(|asked| self.now.since(*asked) < patience) {
            return;
        }
        self.fetching.insert(hash, self.now);
        let me = self.config.me;
        let mut from: Vec<_> = from.filter(|peer| *peer != me).collect();
        if from.is_empty() {
            from = self.config.committee.members().filter(|peer| *peer != me).collect();
        }
        self.out.push(Output::FetchBlock { hash, from });
    }

    /// Makes final what is proven final, as soon as the bodies are here and executed.
    pub(super) fn pursue_finality(&mut self) {
        let proven: Vec<Certificate> = self
            .certificates
            .range(self.finalised.view.next()..)
            .rev()
            .map(|(_, certificate)| certificate)
            .filter(|certificate| certificate.kind == CertificateKind::Commit)
            .cloned()
            .collect();
        for (rank, certificate) in proven.into_iter().enumerate() {
            let reference = certificate.reference;
            if reference.hash == self.finalised.hash {
                let height = self.finalised.height;
                self.advance_final(height, &reference);
                return;
            }
            match self.pursue(reference.hash, Purpose::Certified) {
                Progress::Ready => {
                    self.finalise(certificate);
                    return;
                }
                Progress::Missing(hash) if rank == 0 => self.reach(hash, certificate),
                Progress::Missing(_) | Progress::Waiting => (),
                Progress::Dead => {
                    let ours = self.finalised;
                    self.halt(HaltReason::ConflictingFinality { ours, theirs: reference });
                    return;
                }
            }
        }
    }

    /// Gets the missing bodies below a commit certificate: one by one if they are few.
    fn reach(&mut self, missing: B256, certificate: Certificate) {
        let view = certificate.reference.view;
        let near = view <= self.finalised.view.plus(FETCH_GAP);
        let waited = self.fetching.contains_key(&missing);
        if near {
            let signers: Vec<_> = certificate.signers().collect();
            let before = self.out.len();
            self.fetch(missing, signers.into_iter());
            // A second request means that the first found nobody: others may only have it final.
            if !waited || self.out.len() == before {
                return;
            }
        }
        let patience = self.query_interval().saturating_mul(4);
        let due = match self.syncing {
            None => true,
            Some((target, asked)) => target < view || self.now.since(asked) >= patience,
        };
        if due {
            self.syncing = Some((view, self.now));
            self.out.push(Output::SyncTo { certificate });
        }
    }

    fn finalise(&mut self, certificate: Certificate) {
        let reference = certificate.reference;
        let Ok(path) = self.path_to(reference.hash) else { return };
        let chain: Vec<BlockMeta> = path
            .iter()
            .filter_map(|hash| self.blocks.get(hash))
            .map(|entry| entry.block.meta)
            .collect();
        let Some(tip) = chain.last() else { return };
        let height = tip.height;
        self.out.push(Output::Finalise { chain, certificate });
        self.advance_final(height, &reference);
    }

    fn advance_final(&mut self, height: u64, to: &Ref) {
        if let Some(tip) = self.blocks.get(&to.hash) {
            self.epoch_closed = tip.block.consensus_header.closing;
        }
        self.finalised = FinalPoint { height, view: to.view, hash: to.hash };
        self.views_since_final = 0;
        self.syncing = None;
        if self.high.reference.view < to.view {
            self.high = self.certified_by(to).unwrap_or_else(|| Certified::bare(*to));
        }
        self.want_commits.retain(|view, _| *view > to.view);
        self.drop_dead_branches();
        if self.view <= to.view {
            self.enter(to.view.next(), None);
        }
    }

    /// The driver has committed: what we told it to, or what it synced.
    pub(super) fn on_finalised(&mut self, point: FinalPoint) {
        if point.height < self.finalised.height {
            return;
        }
        if point.height == self.finalised.height {
            if point.hash != self.finalised.hash {
                self.halt(HaltReason::Driver("committed another block than was final"));
            }
            return;
        }
        // Blocks above were executed on states the driver may have replaced meanwhile.
        for entry in self.blocks.values_mut() {
            entry.state = State::New;
        }
        let epoch = self.config.committee.epoch();
        let to = Ref { epoch, view: point.view, hash: point.hash };
        self.advance_final(point.height, &to);
    }

    /// Drops bodies at or below the final height, and all that do not descend from the final block.
    fn drop_dead_branches(&mut self) {
        let last = self.finalised;
        self.blocks.retain(|_, entry| {
            let meta = &entry.block.meta;
            meta.height > last.height && (meta.height > last.height + 1 || meta.parent == last.hash)
        });
        let dead: Vec<B256> = self
            .blocks
            .keys()
            .copied()
            .filter(|hash| self.path_to(*hash) == Err(Progress::Dead))
            .collect();
        for hash in dead {
            self.blocks.remove(&hash);
        }
    }

    /// Keeps the bodies bounded: what is old and not below a certificate goes first.
    pub(super) fn prune_blocks(&mut self) {
        if self.blocks.len() <= MAX_BLOCKS {
            return;
        }
        let mut needed = BTreeSet::new();
        let tips = [
            Some(self.high.reference.hash),
            self.newest_commit.as_ref().map(|cc| cc.reference.hash),
            self.candidate.as_ref().map(|candidate| candidate.block.hash),
        ];
        for tip in tips.into_iter().flatten() {
            let mut at = tip;
            while let Some(entry) = self.blocks.get(&at)
                && needed.insert(at)
            {
                at = entry.block.meta.parent;
            }
        }
        let oldest = self.view.minus(VIEW_WINDOW);
        self.blocks.retain(|hash, entry| {
            needed.contains(hash) || entry.block.consensus_header.view >= oldest
        });
    }
}
