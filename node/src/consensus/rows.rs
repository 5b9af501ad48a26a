//! Final blocks as they travel between nodes, with what proves that they are final: a certificate of
//! the last one, or of a later block that the headers in between lead to.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use anyhow::{Context, Result, bail, ensure};
use qenex_consensus::{
    Block, BlockMeta, Certificate, CertificateKind, PayloadVerifier, Verified, VerifyContext, View,
};
use qenex_exec::{Chain, MAX_BLOCK_BYTES, decode_block, decode_header};
use qenex_net::limits;
use rayon::prelude::*;

use super::{BlockBinding, FinalityProof};

/// Bytes of blocks that an answer has at most, unless its first block alone has more.
const FULL: usize = 3 << 20;

/// Most blocks in one answer.
const MAX_ROWS: u64 = 512;

/// Most bytes of one block's receipts that travel with it; who gets none asks for them in parts.
const MAX_RECEIPTS: usize = 512 << 10;

/// Most headers between the last block of an answer and the one with a certificate.
const MAX_TAIL: u64 = 512;

/// The largest answer can be sent: a header has about 650 bytes, a proof at most 400 KiB.
const _: () = assert!(
    MAX_BLOCK_BYTES + MAX_RECEIPTS + 512 * 700 + 2 * (400 << 10) < limits::MAX_SYNC_MESSAGE
);

/// Final blocks, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct FinalRows {
    rows: Vec<Row>,
    /// RLP of the headers behind the last block, up to one that has a certificate of its own.
    tail: Vec<Bytes>,
    /// [`FinalityProof`] of the last header of the tail; empty without a tail.
    tail_proof: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Row {
    /// RLP of the block.
    payload: Bytes,
    /// [`FinalityProof`].
    proof: Bytes,
    /// As [`Chain::encoded_receipts`]; empty if they were not asked for or are too many.
    receipts: Bytes,
}

/// A block that is proven to be final. It has not been executed.
#[derive(Clone, Debug)]
pub(crate) struct FinalBlock {
    pub(crate) block: Block,
    /// [`FinalityProof`]; a certificate in it has been checked.
    pub(crate) proof: Bytes,
    /// Where its own certificate, if it has one, was made.
    pub(crate) view: Option<View>,
    /// What the peer says its receipts are, if it was asked and they are few.
    pub(crate) receipts: Option<Bytes>,
}

impl FinalRows {
    /// Final blocks from a height on; none if there is no such block.
    ///
    /// # Errors
    ///
    /// If the chain cannot be read.
    pub(crate) fn of(chain: &Chain, from: u64, with_receipts: bool) -> Result<Option<Self>> {
        let head = chain.head().header.number;
        let missing = chain.missing_blocks();
        let there = |height: &u64| !missing.contains(height);
        let (mut rows, mut bytes, mut proven) = (Vec::new(), 0_usize, 0);
        let mut next = from.max(1);
        for height in (next..=head.min(next.saturating_add(MAX_ROWS - 1))).take_while(there) {
            let Some(block) = chain.block(height)? else { break };
            let Some(proof) = chain.certificate(height)? else { break };
            let receipts = if with_receipts { chain.encoded_receipts(height)? } else { None };
            let receipts = receipts.filter(|receipts| receipts.len() <= MAX_RECEIPTS);
            let row =
                Row { payload: block.encode(), proof, receipts: receipts.unwrap_or_default() };
            bytes = bytes.saturating_add(row.payload.len() + row.proof.len() + row.receipts.len());
            if bytes > FULL && !rows.is_empty() {
                break;
            }
            let certified = FinalityProof::decode(&row.proof)?.certificate.is_some();
            rows.push(row);
            next = height.saturating_add(1);
            if certified {
                proven = rows.len();
            }
        }
        let mut tail = Vec::new();
        if proven < rows.len() {
            for height in (next..=head.min(next.saturating_add(MAX_TAIL - 1))).take_while(there) {
                let Some((_, header)) = chain.header(height)? else { break };
                let Some(proof) = chain.certificate(height)? else { break };
                tail.push(alloy_rlp::encode(header).into());
                if FinalityProof::decode(&proof)?.certificate.is_some() {
                    return Ok(Some(Self { rows, tail, tail_proof: proof }));
                }
            }
        }
        rows.truncate(proven);
        let rows = Some(rows).filter(|rows| !rows.is_empty());
        Ok(rows.map(|rows| Self { rows, tail: Vec::new(), tail_proof: Bytes::new() }))
    }

    /// The blocks, after checking that they are final, follow each other from height `from` on, and
    /// the first follows `parent` if that is known. Every certificate is checked.
    ///
    /// # Errors
    ///
    /// Says what does not hold: who gave the answer is at fault.
    pub(crate) fn prove(
        self,
        from: u64,
        parent: Option<B256>,
        context: &VerifyContext<'_>,
    ) -> Result<Vec<FinalBlock>> {
        ensure!(!self.rows.is_empty(), "an answer without blocks");
        let blocks = self
            .rows
            .into_par_iter()
            .map(|row| read(row, context))
            .collect::<Result<Vec<FinalBlock>>>()?;
        let (mut last, mut height) = (parent, from);
        for FinalBlock { block: Block { meta, .. }, .. } in &blocks {
            ensure!(
                meta.height == height && last.is_none_or(|last| last == meta.parent),
                "block {} does not follow",
                meta.height
            );
            (last, height) = (Some(meta.hash), height.saturating_add(1));
        }
        for header in &self.tail {
            ensure!(Some(decode_header(header)?.parent_hash) == last, "the headers are no chain");
            last = Some(keccak256(header));
        }
        if self.tail.is_empty() {
            let certified = blocks.last().is_some_and(|block| block.view.is_some());
            ensure!(certified, "no certificate proves the last block");
        } else {
            let proof = FinalityProof::decode(&self.tail_proof)?;
            let certificate = proof.certificate.context("no certificate proves the last header")?;
            check(certificate, last.unwrap_or_default(), context)?;
        }
        Ok(blocks)
    }
}

fn read(row: Row, context: &VerifyContext<'_>) -> Result<FinalBlock> {
    let proof = FinalityProof::decode(&row.proof)?;
    let header = decode_block(&row.payload)?.header;
    let meta =
        BlockMeta { hash: header.hash_slow(), parent: header.parent_hash, height: header.number };
    let block =
        Block { meta, consensus_header: proof.consensus_header.clone(), payload: row.payload };
    if !BlockBinding.binds(&block) {
        bail!("block {} is not what its header says", meta.height);
    }
    let view = match proof.certificate {
        Some(certificate) => Some(check(certificate, meta.hash, context)?),
        None => None,
    };
    let receipts = Some(row.receipts).filter(|receipts| !receipts.is_empty());
    Ok(FinalBlock { block, proof: row.proof, view, receipts })
}

fn check(certificate: Certificate, hash: B256, context: &VerifyContext<'_>) -> Result<View> {
    ensure!(
        certificate.kind == CertificateKind::Commit && certificate.reference.hash == hash,
        "a certificate of another block"
    );
    let verified = Verified::<Certificate>::check(certificate, context)?;
    Ok(verified.get().reference.view)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alloy_primitives::Address;
    use qenex_consensus::{ConsensusHeader, Ref, ValidatorIndex};
    use qenex_crypto::HybridSecretKey;
    use qenex_exec::{BlockAttributes, BuildLimits, Candidates};
    use qenex_store::{Store, StoreOptions};
    use qenex_types::{PooledTransaction, ValidatorSpec};

    use super::*;
    use crate::consensus::{EPOCH, Validators};

    struct Nothing;

    impl Candidates for Nothing {
        fn next(&mut self) -> Option<PooledTransaction> {
            None
        }

        fn refuse(&mut self, _: &PooledTransaction, _: &str) {}
    }

    struct World {
        chain: Chain,
        validators: Validators,
        keys: Vec<HybridSecretKey>,
        chain_id: B256,
        _folder: tempfile::TempDir,
    }

    /// A chain of empty blocks; those of these heights have certificates of their own.
    fn world(blocks: u64, certified: &[u64]) -> World {
        let keys: Vec<_> =
            (1..5).map(|n| HybridSecretKey::from_seeds(&[n; 32], &[n; 32]).unwrap()).collect();
        let validator = |(n, key): (u8, &HybridSecretKey)| ValidatorSpec {
            name: format!("validator {n}"),
            ed25519: key.public_key().ed25519().to_vec().into(),
            mldsa65: key.public_key().ml_dsa_65().to_vec().into(),
            peer_id: qenex_net::peer_id([n; 32]).unwrap(),
            fee_recipient: Address::ZERO,
        };
        let specs = (1..).zip(&keys).map(validator).collect();
        let spec = qenex_genesis::development(specs, Address::repeat_byte(9), 1_000);
        let validators = Validators::of(&spec).unwrap();
        let chain_id = spec.digest().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { cache_bytes: 8 << 20, ..StoreOptions::default() };
        let store = Store::open(folder.path(), &options).unwrap();
        let genesis = qenex_genesis::state_changes(&spec).unwrap();
        let chain = Chain::open(Arc::new(spec), store, genesis).unwrap();
        let world = World { chain, validators, keys, chain_id, _folder: folder };
        for height in 1..=blocks {
            let consensus_header = ConsensusHeader {
                chain_id,
                epoch: EPOCH,
                view: View(height),
                time_ms: 1_000 * height + 1_000,
                ..ConsensusHeader::default()
            };
            let attributes = BlockAttributes {
                timestamp: height + 1,
                beneficiary: Address::ZERO,
                prev_randao: B256::ZERO,
                consensus_hash: consensus_header.digest(),
            };
            let parent = world.chain.head().hash;
            let limits = BuildLimits::default();
            let (made, _) = world.chain.build(parent, attributes, &mut Nothing, limits).unwrap();
            let hash = made.block.hash;
            let certificate =
                certified.contains(&height).then(|| world.certificate(View(height), hash, 0..3));
            let proof = FinalityProof { consensus_header, certificate };
            world.chain.finalise(&[(hash, proof.encode())]).unwrap();
        }
        world
    }

    impl World {
        fn certificate(&self, view: View, hash: B256, by: std::ops::Range<u16>) -> Certificate {
            let reference = Ref { epoch: EPOCH, view, hash };
            let mut certificate =
                Certificate { kind: CertificateKind::Commit, reference, signatures: Vec::new() };
            let bytes = certificate.sign_bytes(&self.chain_id);
            for index in by {
                let signature = self.keys[usize::from(index)].sign(&bytes).unwrap();
                certificate.signatures.push((ValidatorIndex(index), signature));
            }
            certificate
        }

        fn proven(&self, rows: FinalRows, from: u64) -> Result<Vec<FinalBlock>> {
            let parent = self.chain.header(from - 1).unwrap().unwrap().0;
            // As they travel.
            let rows = alloy_rlp::decode_exact(alloy_rlp::encode(rows)).unwrap();
            FinalRows::prove(rows, from, Some(parent), &self.validators.context())
        }

        /// The proof of a block, with this certificate.
        fn proof(&self, height: u64, certificate: Option<Certificate>) -> Bytes {
            let proof = self.chain.certificate(height).unwrap().unwrap();
            let FinalityProof { consensus_header, .. } = FinalityProof::decode(&proof).unwrap();
            FinalityProof { consensus_header, certificate }.encode()
        }
    }

    #[test]
    fn final_blocks_are_proven_by_the_last_certificate_or_by_headers_that_lead_to_one() {
        let world = world(9, &[2, 3, 7]);
        let rows = FinalRows::of(&world.chain, 1, true).unwrap().unwrap();
        // Blocks 8 and 9 are proven by nothing that this node has.
        assert_eq!(FinalRows::of(&world.chain, 8, false).unwrap(), None);
        assert_eq!(FinalRows::of(&world.chain, 10, false).unwrap(), None);
        let blocks = world.proven(rows, 1).unwrap();
        let found: Vec<_> = blocks.iter().map(|b| (b.block.meta.height, b.view)).collect();
        let view = |n| Some(View(n));
        let none = |n| (n, None);
        assert_eq!(
            found,
            [none(1), (2, view(2)), (3, view(3)), none(4), none(5), none(6), (7, view(7))]
        );
        for block in blocks {
            let height = block.block.meta.height;
            assert_eq!(block.receipts, world.chain.encoded_receipts(height).unwrap());
            assert_eq!(Some(block.proof), world.chain.certificate(height).unwrap());
        }

        // A full answer ends before the next certificate.
        let whole = FinalRows::of(&world.chain, 4, false).unwrap().unwrap();
        assert_eq!((whole.rows.len(), whole.tail.len()), (4, 0));
        let header = |n| Bytes::from(alloy_rlp::encode(world.chain.header(n).unwrap().unwrap().1));
        let cut = FinalRows {
            rows: whole.rows[..2].to_vec(),
            tail: vec![header(6), header(7)],
            tail_proof: whole.rows[3].proof.clone(),
        };
        assert_eq!(world.proven(cut.clone(), 4).unwrap().len(), 2);
        for lie in [
            FinalRows { tail: vec![header(7)], ..cut.clone() },
            FinalRows { tail: vec![header(6)], ..cut.clone() },
            FinalRows { tail: vec![header(6), header(8)], ..cut.clone() },
            FinalRows { tail: vec![], ..cut.clone() },
            FinalRows { tail_proof: Bytes::new(), ..cut.clone() },
            FinalRows { tail_proof: whole.rows[2].proof.clone(), ..cut.clone() },
            FinalRows { rows: vec![], ..cut.clone() },
            FinalRows { rows: cut.rows[1..].to_vec(), ..cut },
        ] {
            assert!(world.proven(lie, 4).is_err());
        }
    }

    #[test]
    fn nothing_but_a_quorums_certificate_of_the_very_block_proves_it() {
        let world = world(5, &[5]);
        let hash = world.chain.head().hash;
        let honest = FinalRows::of(&world.chain, 3, false).unwrap().unwrap();
        assert_eq!(world.proven(honest.clone(), 3).unwrap().len(), 3);
        assert!(world.proven(honest.clone(), 2).is_err(), "from another height");
        let with = |index: usize, certificate| {
            let mut lie = honest.clone();
            lie.rows[index].proof = world.proof(index as u64 + 3, certificate);
            world.proven(lie, 3)
        };
        let genuine = world.certificate(View(5), hash, 0..3);
        assert!(with(2, Some(genuine.clone())).is_ok());
        assert!(with(2, None).is_err());
        assert!(with(2, Some(world.certificate(View(5), hash, 0..2))).is_err(), "no quorum");
        let quorum = Certificate { kind: CertificateKind::Quorum, ..genuine.clone() };
        assert!(with(2, Some(quorum)).is_err(), "certified is not final");
        let mut forged = genuine.clone();
        forged.reference.view = View(6);
        assert!(with(2, Some(forged)).is_err(), "signed for another view");
        // Also one that is not needed is kept, and so it must be right.
        assert!(with(1, Some(genuine)).is_err(), "of another block");
        let mut lie = honest.clone();
        lie.rows.swap(0, 1);
        assert!(world.proven(lie, 3).is_err(), "out of order");
        let mut lie = honest;
        lie.rows[0].proof = world.proof(4, None);
        assert!(world.proven(lie, 3).is_err(), "another consensus header");
    }
}
