//! The models of signatures, payloads and the disk.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes, keccak256};
use qenex_consensus::{
    Block, BlockMeta, Certificate, ConsensusHeader, PayloadVerifier, Signature, SignatureVerifier,
    ValidatorIndex, View,
};

/// The chain of all simulations.
pub(crate) const CHAIN_ID: B256 = B256::repeat_byte(0x51);

/// The genesis block of all simulations.
pub(crate) const GENESIS: BlockMeta =
    BlockMeta { hash: B256::repeat_byte(0x60), parent: B256::ZERO, height: 0 };

/// A signature: four bytes that differ each time, as real ones do, and eight that depend on all.
pub(crate) fn sign(signer: ValidatorIndex, message: &[u8], nonce: u32) -> Signature {
    let nonce = nonce.to_be_bytes();
    let digest = keccak256([&signer.0.to_be_bytes()[..], &nonce, message].concat());
    Signature::new([&nonce[..], &digest[..8]].concat()).unwrap_or_default()
}

/// Checks the model's signatures and payloads.
#[derive(Debug)]
pub(crate) struct ModelVerifier;

impl SignatureVerifier for ModelVerifier {
    fn verify(&self, signer: ValidatorIndex, message: &[u8], signature: &Signature) -> bool {
        let bytes = signature.as_bytes();
        let Some((nonce, _)) = bytes.split_first_chunk::<4>() else { return false };
        sign(signer, message, u32::from_be_bytes(*nonce)).as_bytes() == bytes
    }
}

impl PayloadVerifier for ModelVerifier {
    fn binds(&self, block: &Block) -> bool {
        let meta = &block.meta;
        meta.hash == block_hash(meta.parent, meta.height, &block.consensus_header, &block.payload)
    }
}

fn block_hash(parent: B256, height: u64, header: &ConsensusHeader, payload: &[u8]) -> B256 {
    keccak256(
        [parent.as_slice(), &height.to_be_bytes(), header.digest().as_slice(), payload].concat(),
    )
}

/// What a payload holds: transactions, and whether executing it gives what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) right: bool,
    pub(crate) nonce: u64,
    pub(crate) transactions: Vec<u64>,
}

impl Payload {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = vec![u8::from(self.right)];
        bytes.extend_from_slice(&self.nonce.to_be_bytes());
        for transaction in &self.transactions {
            bytes.extend_from_slice(&transaction.to_be_bytes());
        }
        bytes.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let right = bytes.first() == Some(&1);
        let mut words = bytes
            .get(1..)
            .unwrap_or_default()
            .chunks_exact(8)
            .map(|word| word.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)));
        let nonce = words.next().unwrap_or_default();
        Self { right, nonce, transactions: words.collect() }
    }
}

/// A block with its hash.
pub(crate) fn make_block(
    parent: B256,
    height: u64,
    consensus_header: ConsensusHeader,
    payload: &Payload,
) -> Block {
    let payload = payload.encode();
    let hash = block_hash(parent, height, &consensus_header, &payload);
    Block { meta: BlockMeta { hash, parent, height }, consensus_header, payload }
}

/// A final block as the store keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) meta: BlockMeta,
    /// The view of its own commit certificate, or [`View::ROOT`] if it has none of its own.
    pub(crate) view: View,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) block: Option<Block>,
}

/// What survives a crash.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) blocks: BTreeMap<B256, Block>,
    /// Final blocks by height, from genesis.
    pub(crate) chain: Vec<Stored>,
    /// Transactions waiting. Kept over crashes, as gossip would bring them back.
    pub(crate) pool: BTreeSet<u64>,
    /// Transactions in final blocks.
    pub(crate) done: BTreeSet<u64>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let genesis = Stored { meta: GENESIS, view: View::ROOT, certificate: None, block: None };
        Self {
            record: None,
            blocks: BTreeMap::new(),
            chain: vec![genesis],
            pool: BTreeSet::new(),
            done: BTreeSet::new(),
        }
    }

    pub(crate) fn height(&self) -> u64 {
        (self.chain.len() as u64).saturating_sub(1)
    }
}
