//! How a stranger's message becomes an input: the only door to [`Verified`].
//!
//! Cheap tests come first (shape, bounds, weights), signatures last. This runs on the driver's
//! verification pool, not on the machine's thread; `Window::wants` sorts out beforehand what the
//! machine would ignore anyway. What needs the node's own state (are the certificates a message
//! *names* known?) is the machine's business.

use alloy_primitives::B256;

use crate::{
    committee::Committee,
    ids::{Ref, ValidatorIndex, View},
    message::{
        Block, Certificate, Message, Propose, Signature, Timeout, TimeoutCertificate, Vote,
        VoteKind, timeout_sign_bytes,
    },
};

/// One signature to check.
#[derive(Clone, Debug)]
pub struct SignedItem<'a> {
    /// Who is said to have signed.
    pub signer: ValidatorIndex,
    /// What was signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: &'a Signature,
}

/// Checks signatures of the committee's keys.
pub trait SignatureVerifier: Send + Sync {
    /// Whether `signature` is `signer`'s over `message`. False for unknown signers.
    fn verify(&self, signer: ValidatorIndex, message: &[u8], signature: &Signature) -> bool;

    /// Whether all are right. Implementations may check in parallel.
    fn verify_all(&self, items: &[SignedItem<'_>]) -> bool {
        items.iter().all(|item| self.verify(item.signer, &item.message, item.signature))
    }
}

/// Checks that an opaque payload is the block it is said to be, without executing it.
pub trait PayloadVerifier: Send + Sync {
    /// Whether `block.payload` decodes to a block whose header hashes to `block.meta.hash`, has
    /// that parent and height, and commits to `block.consensus_header`'s digest.
    ///
    /// The machine remembers an execution verdict by block hash, so this must hold first: else a
    /// liar could spoil an honest hash with foreign bytes.
    fn binds(&self, block: &Block) -> bool;
}

/// Accepts every signature and payload: for the simulator, whose adversary cannot forge.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptAll;

impl SignatureVerifier for AcceptAll {
    fn verify(&self, _: ValidatorIndex, _: &[u8], _: &Signature) -> bool {
        true
    }
}

impl PayloadVerifier for AcceptAll {
    fn binds(&self, _: &Block) -> bool {
        true
    }
}

/// What messages are checked against.
#[derive(Clone, Copy)]
pub struct VerifyContext<'a> {
    /// Hash of the genesis file.
    pub chain_id: B256,
    /// The validators of the epoch.
    pub committee: &'a Committee,
    /// Checks signatures.
    pub signatures: &'a dyn SignatureVerifier,
    /// Checks payloads.
    pub payloads: &'a dyn PayloadVerifier,
}

impl core::fmt::Debug for VerifyContext<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VerifyContext").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Of another epoch.
    #[error("of epoch {given}, not {expected}")]
    Epoch {
        /// The message's.
        given: u64,
        /// Ours.
        expected: u64,
    },
    /// Of another chain.
    #[error("of another chain")]
    Chain,
    /// A view of 0, or above [`View::MAX`].
    #[error("view {0} is out of range")]
    View(View),
    /// Not a member of the committee.
    #[error("{0} is not a validator")]
    Stranger(ValidatorIndex),
    /// Signers repeat or do not rise.
    #[error("signers do not rise strictly")]
    Signers,
    /// Too little weight for a quorum.
    #[error("weight {weight} is below the quorum of {quorum}")]
    Weight {
        /// The signers' weight.
        weight: u64,
        /// What is needed.
        quorum: u64,
    },
    /// Proposed by somebody whose turn it is not.
    #[error("{given} does not lead view {view}")]
    NotLeader {
        /// The proposer.
        given: ValidatorIndex,
        /// The view.
        view: View,
    },
    /// Names a certificate of its own or a later view.
    #[error("names a certificate of view {high} in view {view}")]
    HighTooHigh {
        /// The certificate's view.
        high: View,
        /// The message's view.
        view: View,
    },
    /// A timeout certificate whose highest entries disagree about the block.
    #[error("the highest entries name different blocks")]
    AmbiguousHigh,
    /// A part that contradicts another: which.
    #[error("inconsistent {0}")]
    Inconsistent(&'static str),
    /// A payload that is not the block it is said to be.
    #[error("the payload is not the block named")]
    Payload,
    /// A wrong signature.
    #[error("wrong signature")]
    Signature,
}

/// Something whose signatures, weights and shape have been checked.
///
/// Made by [`Verified::check`], or by signing what the safety gate released
/// ([`crate::Promise::seal`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// What was checked.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// What was checked, without the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Verified<Message> {
    /// Checks everything about a message that does not depend on the node's own state.
    ///
    /// # Errors
    ///
    /// [`VerifyError`]: the sender is faulty (or of another epoch).
    pub fn check(message: Message, context: &VerifyContext<'_>) -> Result<Self, VerifyError> {
        match &message {
            Message::Propose(propose) => check_propose(propose, context)?,
            Message::Vote(vote) => check_vote(vote, context)?,
            Message::Timeout(timeout) => check_timeout(timeout, context)?,
            Message::Certificate(certificate) => check_certificate(certificate, context)?,
            Message::TimeoutCertificate(tc) => check_timeout_certificate(tc, context)?,
            Message::Status(status) => check_epoch(status.epoch, context)?,
            Message::Query(_) => (),
        }
        Ok(Self(message))
    }

    /// A message of our own, signed by the driver.
    pub(crate) const fn own(message: Message) -> Self {
        Self(message)
    }
}

impl Verified<Certificate> {
    /// Checks a certificate alone: for sync, which carries certificates beside blocks.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] if it proves nothing.
    pub fn check(
        certificate: Certificate,
        context: &VerifyContext<'_>,
    ) -> Result<Self, VerifyError> {
        check_certificate(&certificate, context)?;
        Ok(Self(certificate))
    }
}

impl Verified<Block> {
    /// Checks a block fetched by hash.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] if the payload is another block, or of another chain.
    pub fn check(block: Block, context: &VerifyContext<'_>) -> Result<Self, VerifyError> {
        if block.consensus_header.chain_id != context.chain_id {
            return Err(VerifyError::Chain);
        }
        check_epoch(block.consensus_header.epoch, context)?;
        if !context.payloads.binds(&block) {
            return Err(VerifyError::Payload);
        }
        Ok(Self(block))
    }
}

const fn check_epoch(given: u64, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    let expected = context.committee.epoch();
    if given == expected { Ok(()) } else { Err(VerifyError::Epoch { given, expected }) }
}

fn check_view(view: View) -> Result<(), VerifyError> {
    if view == View::ROOT || view > View::MAX { Err(VerifyError::View(view)) } else { Ok(()) }
}

fn check_member(signer: ValidatorIndex, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    context.committee.weight(signer).map(|_| ()).ok_or(VerifyError::Stranger(signer))
}

fn check_signature(
    signer: ValidatorIndex,
    message: &[u8],
    signature: &Signature,
    context: &VerifyContext<'_>,
) -> Result<(), VerifyError> {
    let right = context.signatures.verify(signer, message, signature);
    if right { Ok(()) } else { Err(VerifyError::Signature) }
}

/// A named certificate must be of the epoch and earlier than `view`.
fn check_earlier(high: &Ref, view: View, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    check_epoch(high.epoch, context)?;
    if high.view < view { Ok(()) } else { Err(VerifyError::HighTooHigh { high: high.view, view }) }
}

/// Distinct members with a quorum of weight.
fn check_quorum(
    signers: impl Iterator<Item = ValidatorIndex>,
    context: &VerifyContext<'_>,
) -> Result<(), VerifyError> {
    let mut weight = 0_u64;
    let mut last = None;
    for signer in signers {
        if last.is_some_and(|last| last >= signer) {
            return Err(VerifyError::Signers);
        }
        last = Some(signer);
        weight += context.committee.weight(signer).ok_or(VerifyError::Stranger(signer))?;
    }
    let quorum = context.committee.quorum();
    if weight >= quorum { Ok(()) } else { Err(VerifyError::Weight { weight, quorum }) }
}

fn check_vote(vote: &Vote, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    check_epoch(vote.epoch, context)?;
    check_view(vote.view)?;
    check_member(vote.signer, context)?;
    check_signature(vote.signer, &vote.sign_bytes(&context.chain_id), &vote.signature, context)
}

fn check_timeout(timeout: &Timeout, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    check_epoch(timeout.epoch, context)?;
    check_view(timeout.view)?;
    check_earlier(&timeout.high, timeout.view, context)?;
    check_member(timeout.signer, context)?;
    if let Some(prepare) = &timeout.prepare {
        let same = prepare.kind == VoteKind::Prepare
            && prepare.view == timeout.view
            && prepare.signer == timeout.signer;
        if !same {
            return Err(VerifyError::Inconsistent("PREPARE in a TIMEOUT"));
        }
        check_vote(prepare, context)?;
    }
    let bytes = timeout.sign_bytes(&context.chain_id);
    check_signature(timeout.signer, &bytes, &timeout.signature, context)
}

fn check_certificate(
    certificate: &Certificate,
    context: &VerifyContext<'_>,
) -> Result<(), VerifyError> {
    check_epoch(certificate.reference.epoch, context)?;
    check_view(certificate.reference.view)?;
    check_quorum(certificate.signers(), context)?;
    let bytes = certificate.sign_bytes(&context.chain_id);
    let items: Vec<_> = certificate
        .signatures
        .iter()
        .map(|(signer, signature)| SignedItem {
            signer: *signer,
            message: bytes.clone(),
            signature,
        })
        .collect();
    if context.signatures.verify_all(&items) { Ok(()) } else { Err(VerifyError::Signature) }
}

fn check_timeout_certificate(
    tc: &TimeoutCertificate,
    context: &VerifyContext<'_>,
) -> Result<(), VerifyError> {
    check_epoch(tc.epoch, context)?;
    check_view(tc.view)?;
    check_quorum(tc.entries.iter().map(|entry| entry.signer), context)?;
    let high = tc.high();
    check_earlier(&high, tc.view, context)?;
    if tc.entries.iter().any(|e| e.high_view == high.view && e.high_hash != high.hash) {
        return Err(VerifyError::AmbiguousHigh);
    }
    let items: Vec<_> = tc
        .entries
        .iter()
        .map(|entry| {
            let high = Ref { epoch: tc.epoch, view: entry.high_view, hash: entry.high_hash };
            SignedItem {
                signer: entry.signer,
                message: timeout_sign_bytes(&context.chain_id, tc.view, &high),
                signature: &entry.signature,
            }
        })
        .collect();
    if context.signatures.verify_all(&items) { Ok(()) } else { Err(VerifyError::Signature) }
}

fn check_propose(propose: &Propose, context: &VerifyContext<'_>) -> Result<(), VerifyError> {
    let header = &propose.consensus_header;
    check_epoch(propose.epoch, context)?;
    check_epoch(header.epoch, context)?;
    check_view(propose.view)?;
    check_earlier(&propose.justify, propose.view, context)?;
    if header.chain_id != context.chain_id {
        return Err(VerifyError::Chain);
    }
    if context.committee.leader(propose.view) != propose.proposer {
        return Err(VerifyError::NotLeader { given: propose.proposer, view: propose.view });
    }
    if let Some(tc) = &propose.tc
        && tc.view.next() != propose.view
    {
        return Err(VerifyError::Inconsistent("timeout certificate"));
    }
    check_proposed_block(propose)?;
    let bytes = propose.sign_bytes(&context.chain_id);
    check_signature(propose.proposer, &bytes, &propose.signature, context)?;
    if let Some(tc) = &propose.tc {
        check_timeout_certificate(tc, context)?;
    }
    match propose.to_block() {
        Some(block) if !context.payloads.binds(&block) => Err(VerifyError::Payload),
        _ => Ok(()),
    }
}

/// The block of a proposal says of itself what the proposal says of it.
fn check_proposed_block(propose: &Propose) -> Result<(), VerifyError> {
    let header = &propose.consensus_header;
    if propose.reproposal {
        let same = propose.block.hash == propose.justify.hash
            && header.closing
            && header.view <= propose.justify.view
            && propose.payload.is_empty();
        return if same { Ok(()) } else { Err(VerifyError::Inconsistent("re-proposal")) };
    }
    let tc_digest = propose.tc.as_ref().map_or(B256::ZERO, TimeoutCertificate::digest);
    for (right, what) in [
        (header.view == propose.view, "view"),
        (header.proposer == propose.proposer, "proposer"),
        (header.justify_view == propose.justify.view, "justify view"),
        (header.tc_digest == tc_digest, "timeout certificate digest"),
        (propose.block.parent == propose.justify.hash, "parent"),
        (propose.block.height > 0, "height"),
    ] {
        if !right {
            return Err(VerifyError::Inconsistent(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
