//! Proof that a validator broke the rules, from its own signed messages alone.

use crate::{
    ids::ValidatorIndex,
    message::{Certificate, Propose, Timeout, Vote},
};

/// Two things one validator must never have signed both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Two blocks proposed in one view (payloads left out).
    DoublePropose(Box<Propose>, Box<Propose>),
    /// Two PREPAREs or two COMMITs of one view for different blocks.
    DoubleVote(Vote, Vote),
    /// Two TIMEOUTs of one view naming different certificates.
    DoubleTimeout(Timeout, Timeout),
    /// A COMMIT, and a TIMEOUT of that or a later view that claims not to know its certificate.
    Amnesia {
        /// The vote.
        commit: Vote,
        /// What contradicts it.
        timeout: Timeout,
    },
    /// Two certificates of one view for different blocks: more are faulty than the protocol bears.
    /// The culprits are the signers of both.
    Conflict(Certificate, Certificate),
}

impl Evidence {
    /// Its name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DoublePropose(..) => "double propose",
            Self::DoubleVote(..) => "double vote",
            Self::DoubleTimeout(..) => "double timeout",
            Self::Amnesia { .. } => "amnesia",
            Self::Conflict(..) => "conflicting certificates",
        }
    }

    /// The two signed messages, in RLP as they travel but for the kind of message: who has them and
    /// the validators' keys can check them.
    #[must_use]
    pub fn messages(&self) -> [Vec<u8>; 2] {
        match self {
            Self::DoublePropose(a, b) => [alloy_rlp::encode(a), alloy_rlp::encode(b)],
            Self::DoubleVote(a, b) => [alloy_rlp::encode(a), alloy_rlp::encode(b)],
            Self::DoubleTimeout(a, b) => [alloy_rlp::encode(a), alloy_rlp::encode(b)],
            Self::Amnesia { commit, timeout } => {
                [alloy_rlp::encode(commit), alloy_rlp::encode(timeout)]
            }
            Self::Conflict(a, b) => [alloy_rlp::encode(a), alloy_rlp::encode(b)],
        }
    }

    /// Whom it proves guilty.
    #[must_use]
    pub fn culprits(&self) -> Vec<ValidatorIndex> {
        match self {
            Self::DoublePropose(first, _) => vec![first.proposer],
            Self::DoubleVote(first, _) => vec![first.signer],
            Self::DoubleTimeout(first, _) => vec![first.signer],
            Self::Amnesia { commit, .. } => vec![commit.signer],
            // A QC and a CC hold votes of different kinds, yet an honest node votes both for one
            // block only, so the intersection is guilty in every combination.
            Self::Conflict(a, b) => {
                a.signers().filter(|signer| b.signers().any(|other| other == *signer)).collect()
            }
        }
    }
}
