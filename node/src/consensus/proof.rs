//! What the chain keeps beside each final block: its consensus header, and the commit certificate
//! of the block or none (then a later block's certificate proves it through the parent hashes).

use alloy_primitives::Bytes;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use anyhow::{Context, Result, bail};
use qenex_consensus::{Certificate, ConsensusHeader, Message};

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
