//! What the chain keeps beside each final block: its consensus header, and the commit certificate
//! of the block or none (then a later block's certificate proves it through the parent hashes).

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use anyhow::{Context, Result, bail};
use qenex_consensus::{
    Certificate, CertificateKind, Committee, ConsensusHeader, Message, Verified, VerifyContext,
};
use qenex_crypto::CommitteeVerifier;
use qenex_types::ChainSpec;

use super::{BlockBinding, EPOCH};
use crate::disk::public_keys;

/// The proof that a block is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FinalityProof {
    /// Hashed into the block header's `parentBeaconBlockRoot`.
    pub(crate) consensus_header: ConsensusHeader,
    /// The block's own commit certificate, if it has one.
    pub(crate) certificate: Option<Certificate>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Row {
    consensus_header: ConsensusHeader,
    certificate: Bytes,
}

impl FinalityProof {
    /// The bytes for the store and for peers.
    pub(crate) fn encode(&self) -> Bytes {
        let certificate = self.certificate.clone();
        alloy_rlp::encode(Row {
            consensus_header: self.consensus_header.clone(),
            certificate: certificate
                .map(|certificate| Message::Certificate(certificate).encode().into())
                .unwrap_or_default(),
        })
        .into()
    }

    /// Reads the bytes.
    ///
    /// # Errors
    ///
    /// If they are no proof.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let row: Row = alloy_rlp::decode_exact(bytes).context("malformed proof")?;
        let certificate = if row.certificate.is_empty() {
            None
        } else {
            match Message::decode(&row.certificate).context("malformed certificate")? {
                Message::Certificate(certificate) => Some(certificate),
                _ => bail!("another message where a certificate belongs"),
            }
        };
        Ok(Self { consensus_header: row.consensus_header, certificate })
    }
}

/// The validators of a specification, to check certificates with where no node runs.
pub(crate) struct Validators {
    chain_id: B256,
    committee: Committee,
    signatures: CommitteeVerifier,
}

impl Validators {
    /// Those of this specification.
    ///
    /// # Errors
    ///
    /// If its keys are not usable.
    pub(crate) fn of(spec: &ChainSpec) -> Result<Self> {
        let chain_id = spec.digest()?;
        Ok(Self {
            chain_id,
            committee: Committee::equal(EPOCH, spec.validators.len(), chain_id)?,
            signatures: CommitteeVerifier::new(public_keys(spec)?),
        })
    }

    /// Checks that a quorum of them signed the certificate, and that it makes this block final.
    ///
    /// # Errors
    ///
    /// If not.
    pub(crate) fn check(&self, certificate: Certificate, block: B256) -> Result<()> {
        if certificate.kind != CertificateKind::Commit || certificate.reference.hash != block {
            bail!("the certificate is of another block");
        }
        Verified::<Certificate>::check(certificate, &self.context()).context("the certificate")?;
        Ok(())
    }

    /// What messages are checked against.
    pub(crate) fn context(&self) -> VerifyContext<'_> {
        VerifyContext {
            chain_id: self.chain_id,
            committee: &self.committee,
            signatures: &self.signatures,
            payloads: &BlockBinding,
        }
    }
}
