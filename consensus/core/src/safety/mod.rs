//! The gate: the only place that makes promises, and what it must remember to keep them.
//!
//! A promise is a message that binds us: a proposal, a PREPARE, a COMMIT, a TIMEOUT. The gate
//! refuses a second one where the first forbids it, and hands out each together with the record
//! that must be on disk before the message leaves. It never looks at anything but its own record
//! and its arguments, so that it can be read, tested and one day moved into a signing device alone.

use alloy_primitives::B256;
use alloy_rlp::{BufMut, Decodable, Encodable, Header};

use crate::{
    codec::{Maybe, MaybeRef, encode_as_list, encode_fields, end, fields_length},
    ids::{Ref, ValidatorIndex, View},
    machine::Input,
    message::{
        Certificate, Message, Propose, Signature, Timeout, TimeoutCertificate, Vote, VoteKind,
    },
    verify::Verified,
};

/// The format of [`DurableRecord`].
const RECORD_VERSION: u8 = 1;

/// A certificate by name, with the certificate itself unless it is the epoch's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Its name.
    pub reference: Ref,
    /// The certificate; `None` for the root block, which is certified without signatures, and for
    /// a final block whose certificate is with the store.
    pub certificate: Option<Certificate>,
}

impl Certified {
    /// Something certified without signatures.
    #[must_use]
    pub const fn bare(reference: Ref) -> Self {
        Self { reference, certificate: None }
    }
}

impl From<Certificate> for Certified {
    fn from(certificate: Certificate) -> Self {
        Self { reference: certificate.reference, certificate: Some(certificate) }
    }
}

encode_as_list!(Certified, c => [c.reference, MaybeRef(&c.certificate)]);

impl Decodable for Certified {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let certified =
            Self { reference: Ref::decode(fields)?, certificate: Maybe::decode(fields)?.0 };
        end(fields)?;
        Ok(certified)
    }
}

/// The last promise of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage<M> {
    /// Its view. Never decreases.
    pub view: View,
    /// The block it is about; for a TIMEOUT, the block of the certificate it names.
    pub hash: B256,
    /// The signed message, to be sent again as it is. Proposals are kept without payload.
    pub message: Option<M>,
}

impl<M> Default for OwnMessage<M> {
    fn default() -> Self {
        Self { view: View::ROOT, hash: B256::ZERO, message: None }
    }
}

impl<M: Encodable> Encodable for OwnMessage<M> {
    fn encode(&self, out: &mut dyn BufMut) {
        encode_fields(&[&self.view, &self.hash, &MaybeRef(&self.message)], out);
    }

    fn length(&self) -> usize {
        fields_length(&[&self.view, &self.hash, &MaybeRef(&self.message)])
    }
}

impl<M: Decodable> Decodable for OwnMessage<M> {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let own = Self {
            view: View::decode(fields)?,
            hash: B256::decode(fields)?,
            message: Maybe::decode(fields)?.0,
        };
        end(fields)?;
        Ok(own)
    }
}

/// Everything a validator must not forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableRecord {
    /// The epoch of all that follows.
    pub epoch: u64,
    /// The last proposal.
    pub proposed: OwnMessage<Propose>,
    /// The last PREPARE.
    pub prepared: OwnMessage<Vote>,
    /// The last COMMIT.
    pub committed: OwnMessage<Vote>,
    /// The last TIMEOUT.
    pub timed: OwnMessage<Timeout>,
    /// The highest certificate a promise rested on. Its view never decreases.
    pub lock: Certified,
    /// The timeout certificate by which the view of the newest promise was entered, if it was one.
    ///
    /// Without it, validators that all restart at once in neighbouring views could never meet
    /// again: those ahead could not prove to the others that their view has begun.
    pub entry: Option<TimeoutCertificate>,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by another version.
    #[error("record version {0} is not {RECORD_VERSION}")]
    Version(u8),
    /// Not the RLP of a record.
    #[error("malformed record: {0}")]
    Malformed(#[from] alloy_rlp::Error),
}

impl DurableRecord {
    /// The record of a validator that never promised anything.
    #[must_use]
    pub fn new(root: Ref) -> Self {
        Self {
            epoch: root.epoch,
            proposed: OwnMessage::default(),
            prepared: OwnMessage::default(),
            committed: OwnMessage::default(),
            timed: OwnMessage::default(),
            lock: Certified::bare(root),
            entry: None,
        }
    }

    /// The record with a message that was signed after the record was made.
    #[must_use]
    pub fn with_signed(mut self, message: &Message) -> Self {
        match message {
            Message::Propose(propose) => self.proposed.message = Some(propose.without_payload()),
            Message::Vote(vote) if vote.kind == VoteKind::Prepare => {
                self.prepared.message = Some(vote.clone());
            }
            Message::Vote(vote) => self.committed.message = Some(vote.clone()),
            Message::Timeout(timeout) => self.timed.message = Some(timeout.clone()),
            _ => (),
        }
        self
    }

    /// The bytes for the log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }

    /// Reads a record from the log.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the bytes are not a record of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut rest = bytes;
        let fields = &mut Header::decode_bytes(&mut rest, true)?;
        end(rest)?;
        let version = u8::decode(fields)?;
        if version != RECORD_VERSION {
            return Err(RecordError::Version(version));
        }
        let record = Self {
            epoch: u64::decode(fields)?,
            proposed: OwnMessage::decode(fields)?,
            prepared: OwnMessage::decode(fields)?,
            committed: OwnMessage::decode(fields)?,
            timed: OwnMessage::decode(fields)?,
            lock: Certified::decode(fields)?,
            entry: Maybe::decode(fields)?.0,
        };
        end(fields)?;
        Ok(record)
    }
}

encode_as_list!(DurableRecord, r => [
    RECORD_VERSION, r.epoch, r.proposed, r.prepared, r.committed, r.timed, r.lock,
    MaybeRef(&r.entry),
]);

/// A message that binds us, not yet signed, and the record that must be durable before it leaves.
///
/// Only the gate makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    record: DurableRecord,
    unsigned: Message,
    me: ValidatorIndex,
}

/// A signed promise: write `record`, sync, then broadcast `message`, then feed back `input`.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What to append to the log.
    pub record: Vec<u8>,
    /// What to broadcast to all other validators.
    pub message: Message,
    /// What to feed to the machine next, before any other input.
    pub input: Input,
}

impl Promise {
    /// The record without the signature: for tests of what a crash may keep.
    #[must_use]
    pub const fn record(&self) -> &DurableRecord {
        &self.record
    }

    /// The message, with an empty signature.
    #[must_use]
    pub const fn unsigned(&self) -> &Message {
        &self.unsigned
    }

    /// The bytes to sign.
    #[must_use]
    pub fn sign_bytes(&self, chain_id: &B256) -> Vec<u8> {
        match &self.unsigned {
            Message::Propose(propose) => propose.sign_bytes(chain_id),
            Message::Vote(vote) => vote.sign_bytes(chain_id),
            Message::Timeout(timeout) => timeout.sign_bytes(chain_id),
            // The gate makes no other promises.
            _ => Vec::new(),
        }
    }

    /// Puts the signature in.
    #[must_use]
    pub fn seal(self, signature: Signature) -> Sealed {
        let mut message = self.unsigned;
        match &mut message {
            Message::Propose(propose) => propose.signature = signature,
            Message::Vote(vote) => vote.signature = signature,
            Message::Timeout(timeout) => timeout.signature = signature,
            _ => (),
        }
        let record = self.record.with_signed(&message).encode();
        let input = Input::Received { from: self.me, message: Verified::own(message.clone()) };
        Sealed { record, message, input }
    }
}

/// Makes promises, one at a time, and none that contradicts an earlier one.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    me: ValidatorIndex,
    record: DurableRecord,
}

impl Gate {
    pub(crate) const fn new(me: ValidatorIndex, record: DurableRecord) -> Self {
        Self { me, record }
    }

    pub(crate) const fn record(&self) -> &DurableRecord {
        &self.record
    }

    /// Takes note of a promise signed by the driver.
    pub(crate) fn signed(&mut self, message: &Message) {
        let ours = match message {
            Message::Propose(p) => p.view == self.record.proposed.view,
            Message::Vote(v) if v.kind == VoteKind::Prepare => v.view == self.record.prepared.view,
            Message::Vote(v) => v.view == self.record.committed.view,
            Message::Timeout(t) => t.view == self.record.timed.view,
            _ => false,
        };
        if ours {
            let root = DurableRecord::new(self.record.lock.reference);
            self.record = core::mem::replace(&mut self.record, root).with_signed(message);
        }
    }

    /// A proposal: once per view, and not in a view given up.
    pub(crate) fn propose(&mut self, propose: Propose, justify: &Certified) -> Option<Promise> {
        let view = propose.view;
        if view <= self.record.proposed.view || view <= self.record.timed.view {
            return None;
        }
        self.raise_lock(justify);
        self.record.entry.clone_from(&propose.tc);
        self.record.proposed = OwnMessage { view, hash: propose.block.hash, message: None };
        Some(self.promise(Message::Propose(propose)))
    }

    /// A PREPARE: once per view, not in a view given up, resting on `justify`.
    pub(crate) fn prepare(
        &mut self,
        at: Ref,
        justify: &Certified,
        entry: Option<&TimeoutCertificate>,
    ) -> Option<Promise> {
        if at.view <= self.record.prepared.view || at.view <= self.record.timed.view {
            return None;
        }
        self.raise_lock(justify);
        self.record.entry = entry.cloned();
        self.record.prepared = OwnMessage { view: at.view, hash: at.hash, message: None };
        Some(self.promise(Message::Vote(self.vote(VoteKind::Prepare, at))))
    }

    /// A COMMIT: views only rise, and never one that was given up, nor an earlier one.
    pub(crate) fn commit(&mut self, certificate: &Certificate) -> Option<Promise> {
        let at = certificate.reference;
        if at.view <= self.record.committed.view || at.view <= self.record.timed.view {
            return None;
        }
        self.raise_lock(&certificate.clone().into());
        self.record.committed = OwnMessage { view: at.view, hash: at.hash, message: None };
        Some(self.promise(Message::Vote(self.vote(VoteKind::Commit, at))))
    }

    /// A TIMEOUT: once per view, naming the highest certificate known.
    pub(crate) fn timeout(
        &mut self,
        view: View,
        high: &Certified,
        entry: Option<&TimeoutCertificate>,
    ) -> Option<Promise> {
        let known = self.record.lock.reference.view.max(high.reference.view);
        if view <= self.record.timed.view || known >= view {
            return None;
        }
        self.raise_lock(high);
        self.record.entry = entry.cloned();
        // The lock is at least `high`, so no COMMIT is ever denied.
        let high = self.record.lock.reference;
        self.record.timed = OwnMessage { view, hash: high.hash, message: None };
        let prepare = self.record.prepared.message.clone().filter(|vote| vote.view == view);
        Some(self.promise(Message::Timeout(Timeout {
            epoch: self.record.epoch,
            view,
            high,
            prepare,
            signer: self.me,
            signature: Signature::default(),
        })))
    }

    fn raise_lock(&mut self, to: &Certified) {
        if to.reference.view > self.record.lock.reference.view {
            self.record.lock = to.clone();
        }
    }

    fn vote(&self, kind: VoteKind, at: Ref) -> Vote {
        Vote {
            kind,
            epoch: self.record.epoch,
            view: at.view,
            hash: at.hash,
            signer: self.me,
            signature: Signature::default(),
        }
    }

    fn promise(&self, unsigned: Message) -> Promise {
        Promise { record: self.record.clone(), unsigned, me: self.me }
    }
}

#[cfg(test)]
mod tests;
