//! What goes into the machine and what comes out: the driver's side of the contract.

use alloy_primitives::{B256, Bytes};

use crate::{
    committee::Committee,
    evidence::Evidence,
    header::ConsensusHeader,
    ids::{BlockMeta, Ref, ValidatorIndex, View},
    message::{Block, Certificate, CertificateQuery, Message},
    safety::{DurableRecord, Promise},
    verify::Verified,
};

/// How many views ahead single votes and bodies are kept. Certificates are never windowed.
pub const VIEW_WINDOW: u64 = 64;

/// What never changes while the machine runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Hash of the genesis file.
    pub chain_id: B256,
    /// Which validator this is.
    pub me: ValidatorIndex,
    /// The validators, and the epoch.
    pub committee: Committee,
    /// The block the epoch grows from: final, and certified without signatures.
    pub root: BlockMeta,
    /// The time a view gets on a good day, in milliseconds: about four times the usual duration of
    /// a view; at least 50 in a LAN and 300 in a WAN.
    pub base_timeout_ms: u64,
    /// The time a view gets at most, in milliseconds.
    pub max_timeout_ms: u64,
    /// A leader is skipped if it was silent this long, in milliseconds, while a quorum of others
    /// spoke. 0 switches this off.
    pub dead_after_ms: u64,
}

/// The last final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalPoint {
    /// Its height.
    pub height: u64,
    /// The view of its commit certificate; [`View::ROOT`] for the epoch's root.
    pub view: View,
    /// Its hash.
    pub hash: B256,
}

/// What a validator finds on its disk.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The last record of the log, if there is one.
    pub record: Option<DurableRecord>,
    /// The last final block of the store.
    pub finalised: FinalPoint,
    /// Its commit certificate, if the store has it.
    pub final_certificate: Option<Certificate>,
    /// Blocks from [`Output::StoreBlock`] above it, in any order.
    pub blocks: Vec<Block>,
}

/// A block made by the driver, already executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Its place in the chain.
    pub block: BlockMeta,
    /// The template of [`Output::Build`] with `time_ms` (and `closing`, `next_set_hash`) filled in.
    pub consensus_header: ConsensusHeader,
    /// The whole block.
    pub payload: Bytes,
}

/// What the outside tells the machine.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and the large one only once")]
pub enum Input {
    /// What the disk remembers. The first input, and only once.
    Start(Recovered),
    /// A verified message from a peer (`from` is who delivered it, not always who signed it), or
    /// our own from [`Promise::seal`].
    Received {
        /// The delivering peer.
        from: ValidatorIndex,
        /// What it said.
        message: Verified<Message>,
    },
    /// The answer to [`Output::FetchBlock`], whenever it comes.
    BlockFetched(Verified<Block>),
    /// The answer to [`Output::Validate`].
    BlockChecked {
        /// As asked.
        view: View,
        /// As asked.
        hash: B256,
        /// Whether executing the block gave exactly what its header says.
        valid: bool,
    },
    /// The answer to [`Output::Build`].
    Built {
        /// As asked.
        view: View,
        /// The block; `None` if there is nothing to propose (never if a block was required).
        result: Option<Built>,
    },
    /// The timer set for this view rang.
    Timer(View),
    /// Executable transactions wait that are not in a *final* block, or a heartbeat block is due.
    /// Repeat it whenever more arrive, and after [`Input::Start`].
    Work,
    /// Nothing waits any more: all is final. Without this the timer never sleeps.
    NoWork,
    /// The store has all final blocks up to here: after [`Output::Finalise`] or
    /// [`Output::SyncTo`]. A sync may report progress at any block that has its own certificate.
    Finalised {
        /// Height of the last one.
        height: u64,
        /// View of this very block's commit certificate.
        view: View,
        /// Its hash.
        hash: B256,
    },
    /// A connection to this validator opened.
    PeerConnected(ValidatorIndex),
}

/// Who is to get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All other validators.
    All,
    /// This one.
    One(ValidatorIndex),
}

/// Why a block is to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To decide about our PREPARE: check everything, the proposer's clock included.
    Vote,
    /// It is certified, so only execution counts: do not look at clocks.
    Certified,
}

/// Why the machine stops for good. An operator has to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HaltReason {
    /// A commit certificate contradicts what is final here: more validators are faulty than the
    /// protocol bears.
    ConflictingFinality {
        /// What is final here.
        ours: FinalPoint,
        /// What was proven to be final too.
        theirs: Ref,
    },
    /// Two certificates of one view for different blocks.
    ConflictingCertificates(Ref, Ref),
    /// A certified block does not execute here to what its header says: this node's software or
    /// state is damaged, or a quorum's is.
    CertifiedBlockInvalid(Ref),
    /// The driver broke its contract.
    Driver(&'static str),
}

/// What the machine asks of the outside. Carried out in order; a failed one stops the node.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "lists are a few entries long and short-lived")]
pub enum Output {
    /// Sign, write, sync, broadcast, feed back. At most one in a list. See [`Promise::seal`].
    Promise(Promise),
    /// Make a block durable until it is final, in time for the next promise.
    StoreBlock(Block),
    /// Send a message. Losing it is no error.
    Send {
        /// To whom.
        to: Target,
        /// What.
        message: Message,
    },
    /// Ring with [`Input::Timer`] at this moment. Replaces any earlier timer.
    SetTimer {
        /// The view it is for.
        view: View,
        /// When, on the clock of `step`'s `now`.
        at: crate::Tick,
    },
    /// Forget the timer.
    CancelTimer,
    /// Make a block, and answer with [`Input::Built`].
    Build {
        /// The view to propose in.
        view: View,
        /// The block to build on. Executed, but perhaps not final yet.
        parent: B256,
        /// The height to build: one more than the parent's.
        height: u64,
        /// The certificate of the parent.
        justify: Ref,
        /// The consensus header, complete but for `time_ms`, `closing` and `next_set_hash`.
        template: ConsensusHeader,
        /// Whether a block is needed even if it is empty, so that older ones can become final.
        required: bool,
    },
    /// Execute a block on its parent, and answer with [`Input::BlockChecked`]. The parent is final
    /// or was found valid before.
    Validate {
        /// To be repeated in the answer.
        view: View,
        /// What for.
        purpose: Purpose,
        /// The block.
        block: Block,
    },
    /// Ask a peer: send it [`Message::Query`]. Losing it is no error.
    FetchCertificate {
        /// What is missing.
        query: CertificateQuery,
        /// Who should have it.
        from: ValidatorIndex,
    },
    /// Get an unfinalised block by hash from any of these; answer with [`Input::BlockFetched`], or
    /// not at all. Repeated now and then while it is missing.
    FetchBlock {
        /// Its hash.
        hash: B256,
        /// Who should have it.
        from: Vec<ValidatorIndex>,
    },
    /// These blocks are final: commit them in order, and answer with [`Input::Finalised`]. All of
    /// them were validated here (or built here).
    Finalise {
        /// In rising height; the last one is the certificate's.
        chain: Vec<BlockMeta>,
        /// The proof.
        certificate: Certificate,
    },
    /// This block is final but out of reach: get final blocks with their proofs from peers, execute
    /// and commit them, and answer with [`Input::Finalised`]. Replaces an earlier target.
    SyncTo {
        /// The proof of the block to reach.
        certificate: Certificate,
    },
    /// Somebody broke the rules. Keep it.
    Evidence(Evidence),
    /// Stop for good. Nothing follows.
    Halt(HaltReason),
}

/// What the machine has use for, to be asked before signatures are checked. Cheap to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: View,
    /// The view of the last final block's certificate.
    pub final_view: View,
}

impl Window {
    /// Whether the machine has use for a message, judging by its numbers alone.
    #[must_use]
    pub fn wants(&self, message: &Message) -> bool {
        match message {
            Message::Vote(vote) => {
                vote.epoch == self.epoch
                    && vote.view > self.final_view
                    && vote.view >= self.view.minus(VIEW_WINDOW)
                    && vote.view <= self.view.plus(VIEW_WINDOW)
            }
            // Late proposals still bring blocks that certificates may name later.
            Message::Propose(propose) => {
                propose.epoch == self.epoch && propose.view > self.final_view
            }
            Message::Certificate(certificate) => {
                certificate.reference.epoch == self.epoch
                    && certificate.reference.view > self.final_view
            }
            Message::TimeoutCertificate(tc) => tc.epoch == self.epoch && tc.view >= self.view,
            // A TIMEOUT of any view tells where its sender stands.
            Message::Timeout(timeout) => timeout.epoch == self.epoch,
            Message::Status(status) => status.epoch == self.epoch,
            Message::Query(_) => true,
        }
    }
}
