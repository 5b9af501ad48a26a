//! What validators say to each other.
//!
//! Plain data. `codec.rs` has the bytes, `sign.rs` what is signed, `verify.rs` what is checked.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable, RlpEncodableWrapper};

use crate::{
    header::ConsensusHeader,
    ids::{BlockMeta, Ref, ValidatorIndex, View},
    sign::{SignKind, sign_bytes},
};

/// The longest signature: Ed25519 (64 bytes) and ML-DSA-65 (3309 bytes).
pub const MAX_SIGNATURE_BYTES: usize = 3_373;

/// A signature, opaque here. Never compare two to find equivocation: the scheme is randomised.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodableWrapper)]
pub struct Signature(Bytes);

/// A signature was longer than [`MAX_SIGNATURE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature of {given} bytes is longer than {MAX_SIGNATURE_BYTES}")]
pub struct SignatureTooLong {
    /// Its length.
    pub given: usize,
}

impl Signature {
    /// Takes the bytes of a signature.
    ///
    /// # Errors
    ///
    /// [`SignatureTooLong`] above [`MAX_SIGNATURE_BYTES`].
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, SignatureTooLong> {
        let bytes = bytes.into();
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureTooLong { given: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A block with its place in the chain and in the protocol.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Block {
    /// Its place in the chain.
    pub meta: BlockMeta,
    /// Its place in the protocol.
    pub consensus_header: ConsensusHeader,
    /// The whole block as the execution layer encodes it; opaque here.
    pub payload: Bytes,
}

/// PROPOSE: the leader's block for a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propose {
    /// The epoch.
    pub epoch: u64,
    /// The view proposed in. Equal to the consensus header's, except in a re-proposal.
    pub view: View,
    /// The block.
    pub block: BlockMeta,
    /// Its consensus header.
    pub consensus_header: ConsensusHeader,
    /// Whether an already certified closing block is proposed again: then `block` is the justified
    /// block itself and `payload` is empty.
    pub reproposal: bool,
    /// The certificate of the parent (of the block itself, in a re-proposal).
    pub justify: Ref,
    /// Why the view before ended without a certificate, if it did.
    pub tc: Option<TimeoutCertificate>,
    /// The whole block; empty in a re-proposal.
    pub payload: Bytes,
    /// The leader.
    pub proposer: ValidatorIndex,
    /// Over (epoch, view, block hash, justify view).
    pub signature: Signature,
}

impl Propose {
    /// The bytes the leader signs.
    #[must_use]
    pub fn sign_bytes(&self, chain_id: &B256) -> Vec<u8> {
        let body = [
            &self.epoch.to_be_bytes()[..],
            &self.view.0.to_be_bytes(),
            self.block.hash.as_slice(),
            &self.justify.view.0.to_be_bytes(),
        ]
        .concat();
        sign_bytes(SignKind::Propose, chain_id, &body)
    }

    /// The same proposal without the body: what evidence and the durable record keep.
    #[must_use]
    pub fn without_payload(&self) -> Self {
        Self { payload: Bytes::new(), ..self.clone() }
    }

    /// The proposed block; `None` for a re-proposal, which does not carry it.
    #[must_use]
    pub fn to_block(&self) -> Option<Block> {
        (!self.reproposal).then(|| Block {
            meta: self.block,
            consensus_header: self.consensus_header.clone(),
            payload: self.payload.clone(),
        })
    }
}

/// The two phases of voting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VoteKind {
    /// "I executed this block and it is right."
    Prepare,
    /// "I have seen its certificate, and have not given up on its view."
    Commit,
}

impl VoteKind {
    /// The domain of what is signed.
    #[must_use]
    pub const fn sign_kind(self) -> SignKind {
        match self {
            Self::Prepare => SignKind::Prepare,
            Self::Commit => SignKind::Commit,
        }
    }
}

/// PREPARE or COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Which phase.
    pub kind: VoteKind,
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: View,
    /// The block voted for.
    pub hash: B256,
    /// Who votes.
    pub signer: ValidatorIndex,
    /// Over (epoch, view, hash), in the domain of the kind.
    pub signature: Signature,
}

impl Vote {
    /// The bytes the voter signs.
    #[must_use]
    pub fn sign_bytes(&self, chain_id: &B256) -> Vec<u8> {
        vote_sign_bytes(self.kind, chain_id, &self.reference())
    }

    /// What is voted for.
    #[must_use]
    pub const fn reference(&self) -> Ref {
        Ref { epoch: self.epoch, view: self.view, hash: self.hash }
    }
}

/// The bytes signed by a vote of `kind` for `reference`.
pub(crate) fn vote_sign_bytes(kind: VoteKind, chain_id: &B256, reference: &Ref) -> Vec<u8> {
    let body = [
        &reference.epoch.to_be_bytes()[..],
        &reference.view.0.to_be_bytes(),
        reference.hash.as_slice(),
    ]
    .concat();
    sign_bytes(kind.sign_kind(), chain_id, &body)
}

/// TIMEOUT: "I give up on this view, and this is the highest certificate I know."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// The epoch.
    pub epoch: u64,
    /// The view given up.
    pub view: View,
    /// The highest certificate known to the signer, always of an earlier view.
    pub high: Ref,
    /// The signer's own PREPARE of this view, in case it was lost.
    pub prepare: Option<Vote>,
    /// Who gives up.
    pub signer: ValidatorIndex,
    /// Over (epoch, view, high view, high hash).
    pub signature: Signature,
}

impl Timeout {
    /// The bytes the signer signs.
    #[must_use]
    pub fn sign_bytes(&self, chain_id: &B256) -> Vec<u8> {
        timeout_sign_bytes(chain_id, self.view, &self.high)
    }
}

/// The bytes signed by a TIMEOUT of `view` naming `high`, both in the epoch of `high`.
pub(crate) fn timeout_sign_bytes(chain_id: &B256, view: View, high: &Ref) -> Vec<u8> {
    let body = [
        &high.epoch.to_be_bytes()[..],
        &view.0.to_be_bytes(),
        &high.view.0.to_be_bytes(),
        high.hash.as_slice(),
    ]
    .concat();
    sign_bytes(SignKind::Timeout, chain_id, &body)
}

/// What a certificate proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateKind {
    /// A quorum of PREPAREs (QC): the block is certified.
    Quorum,
    /// A quorum of COMMITs (CC): the block is final.
    Commit,
}

impl CertificateKind {
    /// The votes it is made of.
    #[must_use]
    pub const fn vote_kind(self) -> VoteKind {
        match self {
            Self::Quorum => VoteKind::Prepare,
            Self::Commit => VoteKind::Commit,
        }
    }
}

/// A quorum of equal votes: QC or CC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it proves.
    pub kind: CertificateKind,
    /// About which block and view.
    pub reference: Ref,
    /// The signatures, in strictly rising order of signers.
    pub signatures: Vec<(ValidatorIndex, Signature)>,
}

impl Certificate {
    /// The bytes every signer of it signed.
    #[must_use]
    pub fn sign_bytes(&self, chain_id: &B256) -> Vec<u8> {
        vote_sign_bytes(self.kind.vote_kind(), chain_id, &self.reference)
    }

    /// Its signers.
    pub fn signers(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        self.signatures.iter().map(|(signer, _)| *signer)
    }
}

/// One signer's part of a timeout certificate.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct TimeoutEntry {
    /// Who gave up.
    pub signer: ValidatorIndex,
    /// The view of the highest certificate the signer knew.
    pub high_view: View,
    /// The block of that certificate.
    pub high_hash: B256,
    /// As in [`Timeout`].
    pub signature: Signature,
}

/// A quorum of TIMEOUTs (TC): the view is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeoutCertificate {
    /// The epoch.
    pub epoch: u64,
    /// The view that is over.
    pub view: View,
    /// The signers' parts, in strictly rising order of signers.
    pub entries: Vec<TimeoutEntry>,
}

impl TimeoutCertificate {
    /// The highest certificate any signer knew: what the next block must build on, at least.
    #[must_use]
    pub fn high(&self) -> Ref {
        let highest = self.entries.iter().max_by_key(|entry| (entry.high_view, entry.high_hash));
        highest.map_or_else(
            || Ref { epoch: self.epoch, ..Ref::default() },
            |entry| Ref { epoch: self.epoch, view: entry.high_view, hash: entry.high_hash },
        )
    }

    /// What the header of a block proposed with it commits to: `keccak256(rlp(self))`.
    #[must_use]
    pub fn digest(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }
}

/// Where a node stands. Sent when a connection opens; unsigned, so nothing but a hint.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Status {
    /// The epoch.
    pub epoch: u64,
    /// The view the node is in.
    pub view: View,
    /// The highest certificate it knows.
    pub high: Ref,
    /// Height of its last final block.
    pub final_height: u64,
    /// View of that block's commit certificate.
    pub final_view: View,
    /// Hash of that block.
    pub final_hash: B256,
}

/// Asks a peer for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateQuery {
    /// The certificate with this name, or a newer commit certificate.
    Reference(Ref),
    /// Whatever allowed the peer to enter this view or the later one it is in now.
    Entry(View),
    /// The peer's newest commit certificate.
    Newest,
}

/// Everything that travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A leader's block.
    Propose(Propose),
    /// PREPARE or COMMIT.
    Vote(Vote),
    /// TIMEOUT.
    Timeout(Timeout),
    /// QC or CC.
    Certificate(Certificate),
    /// TC.
    TimeoutCertificate(TimeoutCertificate),
    /// Where a node stands.
    Status(Status),
    /// Asks for a certificate.
    Query(CertificateQuery),
}
