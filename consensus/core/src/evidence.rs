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
