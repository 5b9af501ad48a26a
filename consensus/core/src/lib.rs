//! Two-phase HotStuff BFT as a machine that only thinks.
//!
//! [`Core::step`] takes one [`Input`] and answers with [`Output`]s. It never signs, sends, stores,
//! sleeps, draws random numbers or reads a clock: the driver carries the outputs out, in the order
//! given, and feeds back what happens as further inputs. Whoever replays the inputs gets the same
//! outputs, which is what the simulator (`consensus/sim`) and crash recovery rest on.
//!
//! The protocol in one breath: the leader of a view proposes a block on a certified parent; every
//! validator executes it and broadcasts PREPARE; a quorum of PREPAREs certifies it (QC) and starts
//! the next view; whoever sees the QC broadcasts COMMIT; a quorum of COMMITs makes it final (CC).
//! A view that gets nowhere ends with TIMEOUTs, of which a quorum (TC) starts the next view and
//! names the highest certificate its block must build on.
//!
//! Reading order: `ids.rs`, `committee.rs`, `header.rs`, `message.rs` (what is said), `codec.rs`
//! and `sign.rs` (how it looks as bytes), `verify.rs` (how a stranger's bytes become a
//! [`Verified`] input), `safety.rs` (the only place that makes promises), `machine/` (the rest).
//!
//! # Contract of the driver
//!
//! 1. Outputs are carried out in order; nothing later in a list may happen before what stands
//!    earlier has succeeded. The driver aborts the process on any error of a store or a disk.
//! 2. [`Output::Promise`]: sign [`Promise::sign_bytes`], call [`Promise::seal`], append the sealed
//!    record to the log and sync it, broadcast the sealed message, and feed the sealed input back
//!    before any other input.
//! 3. [`Output::StoreBlock`]: the block is durable before any later promise is carried out, and
//!    comes back in [`Recovered::blocks`] after a restart until it is final. Without this, a power
//!    cut of all validators could leave a certified block without a body anywhere, and the chain
//!    could never go on.
//! 4. [`Input::Work`] when executable transactions (or a heartbeat) wait, [`Input::NoWork`] when
//!    none do any more. They are facts about this node's pool, seen from the last *final* block;
//!    what to put on top of unfinalised blocks is decided at [`Output::Build`]. Gossip must repeat
//!    itself: work that one validator alone knows of wakes no idle chain, as its TIMEOUT must not.

mod codec;
mod committee;
mod evidence;
mod header;
mod ids;
mod machine;
mod message;
mod safety;
mod sign;
mod verify;

pub use codec::{
    CodecError, MAX_CERTIFICATE_BYTES, MAX_PAYLOAD_BYTES, MAX_PROPOSAL_BYTES, MAX_STATUS_BYTES,
    MAX_TIMEOUT_BYTES, MAX_VOTE_BYTES,
};
pub use committee::{Committee, CommitteeError, MAX_VALIDATORS, MAX_WEIGHT};
pub use evidence::Evidence;
pub use header::ConsensusHeader;
pub use ids::{BlockMeta, Ref, Tick, ValidatorIndex, View};
pub use machine::{
    Built, Config, Core, FinalPoint, HaltReason, Input, Output, Purpose, Recovered, Target,
    VIEW_WINDOW, Window,
};
pub use message::{
    Block, Certificate, CertificateKind, CertificateQuery, MAX_SIGNATURE_BYTES, Message, Propose,
    Signature, SignatureTooLong, Status, Timeout, TimeoutCertificate, TimeoutEntry, Vote, VoteKind,
};
pub use safety::{Certified, DurableRecord, OwnMessage, Promise, RecordError, Sealed};
pub use sign::{SignKind, sign_bytes};
pub use verify::{
    AcceptAll, PayloadVerifier, SignatureVerifier, SignedItem, Verified, VerifyContext, VerifyError,
};
