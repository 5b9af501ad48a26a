//! Consensus carried out: the threads around the pure machine of `consensus/core`.
//!
//! ```text
//! network ──bytes──> verification (rayon) ──verified inputs──> driver thread: Core::step
//!                                                                │ sign, vote log, open blocks, send
//!                                                                └─> executor thread: build, check,
//!                                                                     commit, sync
//! ```
//!
//! The driver is the only writer of the vote log, the executor the only writer of the chain.

mod bodies;
mod driver;
mod executor;
mod proof;
mod rows;
mod serve;
mod states;
mod sync;
mod verify;
mod votes;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::Result;
use parking_lot::{Mutex, RwLock};
use qenex_consensus::{
    BlockMeta, Committee, ConsensusHeader, Evidence, PayloadVerifier, SignatureVerifier,
    ValidatorIndex, VerifyContext, Window,
};
use qenex_exec::{Chain, ExecError, SealedBlock, decode_block};
use qenex_net::NetworkHandle;
use qenex_pool::Pool;
use qenex_types::ChainSpec;
use tokio::sync::broadcast;

pub(crate) use bodies::{Bodies, open_blocks};
pub(crate) use driver::{Driver, DriverHandle, to_gauge};
pub(crate) use executor::{Executor, Job, WorkFlag};
pub(crate) use proof::{FinalityProof, Validators};
pub(crate) use rows::{FinalBlock, FinalRows};
pub(crate) use serve::{Offer, Place, Question, RECEIPTS_PART, RangeRow, on_request};
pub(crate) use states::States;
pub(crate) use verify::on_message;
pub(crate) use votes::VoteState;

/// The one epoch of a static validator set.
pub(crate) const EPOCH: u64 = 1;

/// What the threads of consensus share.
pub(crate) struct Shared {
    /// The specification of the network.
    pub(crate) spec: Arc<ChainSpec>,
    /// Hash of the specification: bound into every signature.
    pub(crate) chain_id: B256,
    /// Which validator this is.
    pub(crate) me: ValidatorIndex,
    /// The validators.
    pub(crate) committee: Committee,
    /// Their keys.
    pub(crate) signatures: Box<dyn SignatureVerifier>,
    /// States held for new nodes. Before the chain: who waits for that to be let go waits for these
    /// databases too.
    pub(crate) states: States,
    /// The chain.
    pub(crate) chain: Arc<Chain>,
    /// Transactions that wait.
    pub(crate) pool: Arc<Pool>,
    /// Peers; absent with a single validator.
    pub(crate) network: Option<NetworkHandle>,
    /// The driver's ear.
    pub(crate) driver: DriverHandle,
    /// Final blocks, for those who listen.
    pub(crate) heads: broadcast::Sender<Arc<SealedBlock>>,
    /// Runs requests to peers.
    pub(crate) runtime: tokio::runtime::Handle,
    /// Consensus headers of open blocks and of the head, by block hash.
    pub(crate) headers: RwLock<BTreeMap<B256, ConsensusHeader>>,
    /// Blocks voted on that are not final.
    pub(crate) bodies: Mutex<Bodies>,
    /// What the machine has use for.
    pub(crate) window: RwLock<Window>,
    /// Building, timing.
    pub(crate) config: crate::config::Consensus,
    /// Set once: the node stops.
    pub(crate) stopping: std::sync::atomic::AtomicBool,
    /// The newest rule breaks by others, for `qenex_getEvidence`.
    pub(crate) evidence: Mutex<VecDeque<Evidence>>,
    /// Where the machine stands, for `qenex_consensusState`.
    pub(crate) standing: RwLock<Standing>,
}

/// Where the machine stands, for people.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Standing {
    /// The current view.
    pub(crate) view: u64,
    /// View of the last final block's certificate.
    pub(crate) final_view: u64,
    /// Views that ended by timeout since the start.
    pub(crate) timeouts: u64,
    /// A height that peers proved to be final and this node is fetching.
    pub(crate) syncing: bool,
    /// Rule breaks by others seen since the start.
    pub(crate) evidence: u64,
}

impl Shared {
    /// What messages are checked against.
    pub(crate) fn verify_context(&self) -> VerifyContext<'_> {
        VerifyContext {
            chain_id: self.chain_id,
            committee: &self.committee,
            signatures: self.signatures.as_ref(),
            payloads: &BlockBinding,
        }
    }

    /// Whether the node is on its way out.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The consensus header of an open or recent block.
    pub(crate) fn consensus_header(&self, hash: &B256) -> Option<ConsensusHeader> {
        if let Some(header) = self.headers.read().get(hash) {
            return Some(header.clone());
        }
        self.bodies.lock().get(hash).map(|block| block.consensus_header)
    }
}

/// Ties a block's bytes to what consensus says about it.
#[derive(Clone, Copy, Debug)]
struct BlockBinding;

impl PayloadVerifier for BlockBinding {
    fn binds(&self, block: &qenex_consensus::Block) -> bool {
        let Ok(decoded) = decode_block(&block.payload) else { return false };
        let header = &decoded.header;
        let meta = BlockMeta {
            hash: header.hash_slow(),
            parent: header.parent_hash,
            height: header.number,
        };
        let transactions =
            alloy_consensus::proofs::calculate_transaction_root(&decoded.body.transactions);
        meta == block.meta
            && header.parent_beacon_block_root == Some(block.consensus_header.digest())
            && header.transactions_root == transactions
    }
}

/// `mixHash` of a block: different in every view, for display, not safe for lotteries.
pub(crate) fn prev_randao(parent: &B256, header: &ConsensusHeader) -> B256 {
    let mut bytes = [0_u8; 48];
    bytes[..32].copy_from_slice(parent.as_slice());
    bytes[32..40].copy_from_slice(&header.justify_view.0.to_be_bytes());
    bytes[40..].copy_from_slice(&header.view.0.to_be_bytes());
    keccak256(bytes)
}

/// Reads what is proven about a final block.
pub(crate) fn final_proof(chain: &Chain, number: u64) -> Result<Option<FinalityProof>, ExecError> {
    let bytes: Option<Bytes> = chain.certificate(number)?;
    bytes
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| {
            FinalityProof::decode(&bytes).map_err(|error| {
                chain.condemn(format!("the proof that block {number} is final: {error:#}"))
            })
        })
        .transpose()
}
