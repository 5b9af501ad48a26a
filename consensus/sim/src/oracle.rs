//! What must never happen, and who notices.

use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use qenex_consensus::{BlockMeta, Message, ValidatorIndex, View, VoteKind};

use crate::model::CHAIN_ID;

/// A broken promise of the protocol, with the seed that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Replays it.
    pub seed: u64,
    /// When, in simulated milliseconds.
    pub at: u64,
    /// What happened.
    pub what: String,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "seed {} at {} ms: {}", self.seed, self.at, self.what)
    }
}

/// Watches what honest validators finalise and sign.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    finals: BTreeMap<u64, B256>,
    /// By signer, kind and view: the digests of what was signed and of the whole message.
    signed: BTreeMap<(ValidatorIndex, u8, View), (B256, B256)>,
    /// COMMITs by signer.
    commits: BTreeMap<ValidatorIndex, Vec<View>>,
}

impl Oracle {
    /// Heights finalised by anybody.
    pub(crate) fn height(&self) -> u64 {
        self.finals.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// An honest validator finalised a block.
    pub(crate) fn finalised(&mut self, meta: &BlockMeta) -> Result<(), String> {
        let known = *self.finals.entry(meta.height).or_insert(meta.hash);
        if known == meta.hash {
            return Ok(());
        }
        Err(format!("two blocks are final at height {}: {known} and {}", meta.height, meta.hash))
    }

    /// An honest validator sent a message of its own. Repeating it byte by byte is fine.
    pub(crate) fn sent(&mut self, signer: ValidatorIndex, message: &Message) -> Result<(), String> {
        let (kind, view, body) = match message {
            Message::Propose(propose) => (1, propose.view, propose.sign_bytes(&CHAIN_ID)),
            Message::Vote(vote) => {
                let kind = if vote.kind == VoteKind::Prepare { 2 } else { 3 };
                (kind, vote.view, vote.sign_bytes(&CHAIN_ID))
            }
            Message::Timeout(timeout) => (4, timeout.view, timeout.sign_bytes(&CHAIN_ID)),
            _ => return Ok(()),
        };
        let digests = (keccak256(body), keccak256(message.encode()));
        let known = *self.signed.entry((signer, kind, view)).or_insert(digests);
        if known.0 != digests.0 {
            return Err(format!("{signer} contradicts itself in view {view}: {message:?}"));
        }
        if known.1 != digests.1 {
            return Err(format!("{signer} signed again in view {view}: {message:?}"));
        }
        self.remembers(signer, message)
    }

    /// No TIMEOUT may deny a certificate that its signer sent a COMMIT for.
    fn remembers(&mut self, signer: ValidatorIndex, message: &Message) -> Result<(), String> {
        let commits = self.commits.entry(signer).or_default();
        match message {
            Message::Vote(vote)
                if vote.kind == VoteKind::Commit && !commits.contains(&vote.view) =>
            {
                commits.push(vote.view);
            }
            Message::Timeout(timeout) => {
                let denied = commits
                    .iter()
                    .find(|view| **view <= timeout.view && **view > timeout.high.view);
                if let Some(view) = denied {
                    return Err(format!("{signer} sent COMMIT({view}) and then {timeout:?}"));
                }
            }
            _ => (),
        }
        Ok(())
    }
}
