//! Settlement proofs: that a transaction is final, checked without a node, with nothing but the keys
//! of the validators in the specification.
//!
//! The chain of trust: a commit certificate signed by a quorum names a block hash; the headers from
//! the transaction's block up to that block are tied by their parent hashes; the transaction and
//! its receipt are in the tries whose roots are in the first of these headers.

use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result, ensure};
use qenex_exec::{Chain, ExecError, Inclusion, decode_header};
use qenex_types::ChainSpec;
use serde::{Deserialize, Serialize};

use crate::consensus::{FinalityProof, Validators, final_proof};

/// The proof, as `qenex_getSettlementProof` gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettlementProof {
    /// RLP of headers: of the transaction's block, and those above it up to the certified one.
    headers: Vec<Bytes>,
    /// Consensus header and commit certificate of the last of these blocks.
    finality: Bytes,
    /// The transaction and its receipt in the first of these blocks.
    inclusion: Inclusion,
}

/// What a valid proof proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) transaction_hash: B256,
    pub(crate) success: bool,
    pub(crate) block: u64,
    pub(crate) block_hash: B256,
}

impl SettlementProof {
    /// The proof of a final transaction; none if there is no such transaction.
    ///
    /// # Errors
    ///
    /// If the chain cannot be read, or the transaction may be in a block that is still being fetched.
    pub(crate) fn of(chain: &Chain, hash: B256) -> Result<Option<Self>, ExecError> {
        let Some((block, inclusion)) = chain.inclusion(hash)? else {
            let missing = chain.missing_blocks();
            return if missing.is_empty() {
                Ok(None)
            } else {
                Err(ExecError::NotFetched { missing })
            };
        };
        let mut headers = vec![alloy_rlp::encode(&block.header).into()];
        let head = chain.head().header.number;
        for number in block.header.number..=head {
            if number > block.header.number {
                let Some((_, header)) = chain.header(number)? else { break };
                headers.push(alloy_rlp::encode(&header).into());
            }
            if let Some(proof) = final_proof(chain, number)?.filter(|p| p.certificate.is_some()) {
                return Ok(Some(Self { headers, finality: proof.encode(), inclusion }));
            }
        }
        Err(chain.condemn(format!("no certificate proves block {}", block.header.number)))
    }

    /// Checks everything against the validators of the specification.
    ///
    /// # Errors
    ///
    /// Says which part does not hold.
    pub(crate) fn verify(&self, spec: &ChainSpec) -> Result<Settled> {
        let first = self.headers.first().context("the proof has no header")?;
        let mut hash = keccak256(first);
        for above in self.headers.iter().skip(1) {
            ensure!(decode_header(above)?.parent_hash == hash, "the headers are not a chain");
            hash = keccak256(above);
        }
        let proof = FinalityProof::decode(&self.finality)?;
        let certificate = proof.certificate.context("the proof has no certificate")?;
        Validators::of(spec)?.check(certificate, hash)?;
        let last = self.headers.last().unwrap_or(first);
        ensure!(
            decode_header(last)?.parent_beacon_block_root == Some(proof.consensus_header.digest()),
            "the consensus header is of another block"
        );
        let header = decode_header(first)?;
        let included = self.inclusion.verify(&header)?;
        Ok(Settled {
            transaction_hash: included.transaction_hash,
            success: included.success,
            block: header.number,
            block_hash: keccak256(first),
        })
    }
}
