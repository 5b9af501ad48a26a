//! The bytes on the wire: one tag, then RLP. Sizes are checked before anything is allocated.
//!
//! Decoding is strict (canonical RLP, nothing left over), so encoding what was decoded gives the
//! same bytes: a message kept in the durable record is re-sent byte by byte as it was.

use alloy_primitives::Bytes;
use alloy_rlp::{BufMut, Decodable, Encodable, Header, encode_list, list_length};

use crate::{
    committee::MAX_VALIDATORS,
    header::ConsensusHeader,
    ids::{BlockMeta, Ref, ValidatorIndex, View},
    message::{
        Certificate, CertificateKind, CertificateQuery, MAX_SIGNATURE_BYTES, Message, Propose,
        Signature, Timeout, TimeoutCertificate, TimeoutEntry, Vote, VoteKind,
    },
};

/// The longest PREPARE or COMMIT: one hybrid signature and change.
pub const MAX_VOTE_BYTES: usize = 4 * 1024;
/// The longest TIMEOUT: its signature and that of the PREPARE inside.
pub const MAX_TIMEOUT_BYTES: usize = 8 * 1024;
/// The longest certificate: 100 hybrid signatures are 330 KiB.
pub const MAX_CERTIFICATE_BYTES: usize = 400 * 1024;
/// The longest encoded block.
pub const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;
/// The longest proposal: a block, a timeout certificate, and change.
pub const MAX_PROPOSAL_BYTES: usize = MAX_PAYLOAD_BYTES + MAX_CERTIFICATE_BYTES + 8 * 1024;
/// The longest status or query.
pub const MAX_STATUS_BYTES: usize = 256;

const TAG_PROPOSE: u8 = 1;
const TAG_VOTE: u8 = 2;
const TAG_TIMEOUT: u8 = 3;
const TAG_CERTIFICATE: u8 = 4;
const TAG_TIMEOUT_CERTIFICATE: u8 = 5;
const TAG_STATUS: u8 = 6;
const TAG_QUERY: u8 = 7;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// No bytes at all.
    #[error("empty message")]
    Empty,
    /// The first byte names no kind of message.
    #[error("unknown message tag {0}")]
    Tag(u8),
    /// Longer than its kind may be.
    #[error("a message of {given} bytes with tag {tag} is longer than {max}")]
    TooLong {
        /// The kind.
        tag: u8,
        /// Its length in bytes.
        given: usize,
        /// What is allowed.
        max: usize,
    },
    /// Not the RLP of that kind of message.
    #[error("malformed message: {0}")]
    Malformed(#[from] alloy_rlp::Error),
}

impl Message {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (tag, body): (u8, &dyn Encodable) = match self {
            Self::Propose(body) => (TAG_PROPOSE, body),
            Self::Vote(body) => (TAG_VOTE, body),
            Self::Timeout(body) => (TAG_TIMEOUT, body),
            Self::Certificate(body) => (TAG_CERTIFICATE, body),
            Self::TimeoutCertificate(body) => (TAG_TIMEOUT_CERTIFICATE, body),
            Self::Status(body) => (TAG_STATUS, body),
            Self::Query(body) => (TAG_QUERY, body),
        };
        let mut bytes = Vec::with_capacity(1 + body.length());
        bytes.push(tag);
        body.encode(&mut bytes);
        bytes
    }

    /// Reads a message. Nothing about it is verified.
    ///
    /// # Errors
    ///
    /// [`CodecError`] if it is empty, of unknown kind, too long for its kind, or malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (&tag, mut body) = bytes.split_first().ok_or(CodecError::Empty)?;
        let max = max_bytes(tag).ok_or(CodecError::Tag(tag))?;
        if bytes.len() > max {
            return Err(CodecError::TooLong { tag, given: bytes.len(), max });
        }
        let body = &mut body;
        let message = match tag {
            TAG_PROPOSE => Self::Propose(Decodable::decode(body)?),
            TAG_VOTE => Self::Vote(Decodable::decode(body)?),
            TAG_TIMEOUT => Self::Timeout(Decodable::decode(body)?),
            TAG_CERTIFICATE => Self::Certificate(Decodable::decode(body)?),
            TAG_TIMEOUT_CERTIFICATE => Self::TimeoutCertificate(Decodable::decode(body)?),
            TAG_STATUS => Self::Status(Decodable::decode(body)?),
            _ => Self::Query(Decodable::decode(body)?),
        };
        if !body.is_empty() {
            return Err(alloy_rlp::Error::UnexpectedLength.into());
        }
        Ok(message)
    }
}

const fn max_bytes(tag: u8) -> Option<usize> {
    Some(match tag {
        TAG_PROPOSE => MAX_PROPOSAL_BYTES,
        TAG_VOTE => MAX_VOTE_BYTES,
        TAG_TIMEOUT => MAX_TIMEOUT_BYTES,
        TAG_CERTIFICATE | TAG_TIMEOUT_CERTIFICATE => MAX_CERTIFICATE_BYTES,
        TAG_STATUS | TAG_QUERY => MAX_STATUS_BYTES,
        _ => return None,
    })
}

/// Optional values are lists of none or one.
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

/// A borrowed [`Maybe`].
pub(crate) struct MaybeRef<'a, T>(pub(crate) &'a Option<T>);

impl<T: Encodable> Encodable for MaybeRef<'_, T> {
    fn encode(&self, out: &mut dyn BufMut) {
        encode_list::<T, T>(self.0.as_slice(), out);
    }

    fn length(&self) -> usize {
        list_length::<T, T>(self.0.as_slice())
    }
}

impl<T: Decodable> Decodable for Maybe<T> {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut items = Header::decode_bytes(buf, true)?;
        if items.is_empty() {
            return Ok(Self(None));
        }
        let value = T::decode(&mut items)?;
        end(items)?;
        Ok(Self(Some(value)))
    }
}

/// Writes fields as one list.
pub(crate) fn encode_fields(fields: &[&dyn Encodable], out: &mut dyn BufMut) {
    let payload_length = fields.iter().map(|field| field.length()).sum();
    Header { list: true, payload_length }.encode(out);
    for field in fields {
        field.encode(out);
    }
}

/// The length of fields written as one list.
pub(crate) fn fields_length(fields: &[&dyn Encodable]) -> usize {
    let payload_length = fields.iter().map(|field| field.length()).sum();
    Header { list: true, payload_length }.length_with_payload()
}

/// Demands that a list has no more items.
pub(crate) fn end(rest: &[u8]) -> alloy_rlp::Result<()> {
    if rest.is_empty() { Ok(()) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

/// A list of at most [`MAX_VALIDATORS`] items.
fn decode_bounded<T: Decodable>(buf: &mut &[u8]) -> alloy_rlp::Result<Vec<T>> {
    let mut items = Header::decode_bytes(buf, true)?;
    let mut list = Vec::new();
    while !items.is_empty() {
        if list.len() == MAX_VALIDATORS {
            return Err(alloy_rlp::Error::Custom("more items than validators"));
        }
        list.push(T::decode(&mut items)?);
    }
    Ok(list)
}

/// Encodes a type as the list of these fields.
macro_rules! encode_as_list {
    ($type:ty, $this:ident => [$($field:expr),+ $(,)?]) => {
        impl Encodable for $type {
            fn encode(&self, out: &mut dyn BufMut) {
                let $this = self;
                encode_fields(&[$(&$field),+], out);
            }

            fn length(&self) -> usize {
                let $this = self;
                fields_length(&[$(&$field),+])
            }
        }
    };
}
pub(crate) use encode_as_list;

impl Decodable for Signature {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let bytes = Header::decode_bytes(buf, false)?;
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(alloy_rlp::Error::Custom("signature too long"));
        }
        Self::new(Bytes::copy_from_slice(bytes))
            .map_err(|_| alloy_rlp::Error::Custom("signature too long"))
    }
}

/// Encodes fieldless enums as small numbers.
macro_rules! numbered {
    ($type:ty { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl Encodable for $type {
            fn encode(&self, out: &mut dyn BufMut) {
                match self { $(Self::$variant => $number),+ }.encode(out);
            }

            fn length(&self) -> usize {
                1
            }
        }

        impl Decodable for $type {
            fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
                match u8::decode(buf)? {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(alloy_rlp::Error::Custom("unknown kind")),
                }
            }
        }
    };
}

numbered!(VoteKind { Prepare = 1_u8, Commit = 2_u8 });
numbered!(CertificateKind { Quorum = 1_u8, Commit = 2_u8 });

encode_as_list!(Propose, p => [
    p.epoch, p.view, p.block, p.consensus_header, p.reproposal, p.justify, MaybeRef(&p.tc),
    p.payload, p.proposer, p.signature,
]);

impl Decodable for Propose {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let propose = Self {
            epoch: u64::decode(fields)?,
            view: View::decode(fields)?,
            block: BlockMeta::decode(fields)?,
            consensus_header: ConsensusHeader::decode(fields)?,
            reproposal: bool::decode(fields)?,
            justify: Ref::decode(fields)?,
            tc: Maybe::decode(fields)?.0,
            payload: Bytes::decode(fields)?,
            proposer: ValidatorIndex::decode(fields)?,
            signature: Signature::decode(fields)?,
        };
        end(fields)?;
        Ok(propose)
    }
}

encode_as_list!(Vote, v => [v.kind, v.epoch, v.view, v.hash, v.signer, v.signature]);

impl Decodable for Vote {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let vote = Self {
            kind: VoteKind::decode(fields)?,
            epoch: u64::decode(fields)?,
            view: View::decode(fields)?,
            hash: Decodable::decode(fields)?,
            signer: ValidatorIndex::decode(fields)?,
            signature: Signature::decode(fields)?,
        };
        end(fields)?;
        Ok(vote)
    }
}

encode_as_list!(Timeout, t => [
    t.epoch, t.view, t.high, MaybeRef(&t.prepare), t.signer, t.signature,
]);

impl Decodable for Timeout {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let timeout = Self {
            epoch: u64::decode(fields)?,
            view: View::decode(fields)?,
            high: Ref::decode(fields)?,
            prepare: Maybe::decode(fields)?.0,
            signer: ValidatorIndex::decode(fields)?,
            signature: Signature::decode(fields)?,
        };
        end(fields)?;
        Ok(timeout)
    }
}

/// A signer with its signature, as certificates list them.
struct Signed(ValidatorIndex, Signature);

impl Decodable for Signed {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let signed = Self(ValidatorIndex::decode(fields)?, Signature::decode(fields)?);
        end(fields)?;
        Ok(signed)
    }
}

/// A borrowed list of [`Signed`].
struct SignedList<'a>(&'a [(ValidatorIndex, Signature)]);

impl SignedList<'_> {
    fn payload_length(&self) -> usize {
        self.0.iter().map(|(signer, signature)| fields_length(&[signer, signature])).sum()
    }
}

impl Encodable for SignedList<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        Header { list: true, payload_length: self.payload_length() }.encode(out);
        for (signer, signature) in self.0 {
            encode_fields(&[signer, signature], out);
        }
    }

    fn length(&self) -> usize {
        Header { list: true, payload_length: self.payload_length() }.length_with_payload()
    }
}

encode_as_list!(Certificate, c => [c.kind, c.reference, SignedList(&c.signatures)]);

impl Decodable for Certificate {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let certificate = Self {
            kind: CertificateKind::decode(fields)?,
            reference: Ref::decode(fields)?,
            signatures: decode_bounded::<Signed>(fields)?
                .into_iter()
                .map(|Signed(signer, signature)| (signer, signature))
                .collect(),
        };
        end(fields)?;
        Ok(certificate)
    }
}

encode_as_list!(TimeoutCertificate, tc => [tc.epoch, tc.view, tc.entries]);

impl Decodable for TimeoutCertificate {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let tc = Self {
            epoch: u64::decode(fields)?,
            view: View::decode(fields)?,
            entries: decode_bounded::<TimeoutEntry>(fields)?,
        };
        end(fields)?;
        Ok(tc)
    }
}

impl Encodable for CertificateQuery {
    fn encode(&self, out: &mut dyn BufMut) {
        match self {
            Self::Reference(reference) => encode_fields(&[&1_u8, reference], out),
            Self::Entry(view) => encode_fields(&[&2_u8, view], out),
            Self::Newest => encode_fields(&[&3_u8], out),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Reference(reference) => fields_length(&[&1_u8, reference]),
            Self::Entry(view) => fields_length(&[&2_u8, view]),
            Self::Newest => fields_length(&[&3_u8]),
        }
    }
}

impl Decodable for CertificateQuery {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let fields = &mut Header::decode_bytes(buf, true)?;
        let query = match u8::decode(fields)? {
            1 => Self::Reference(Ref::decode(fields)?),
            2 => Self::Entry(View::decode(fields)?),
            3 => Self::Newest,
            _ => return Err(alloy_rlp::Error::Custom("unknown query")),
        };
        end(fields)?;
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, hex};
    use proptest::prelude::*;

    use super::*;
    use crate::message::Status;

    fn reference() -> impl Strategy<Value = Ref> {
        (any::<u64>(), any::<u64>(), any::<[u8; 32]>()).prop_map(|(epoch, view, hash)| Ref {
            epoch,
            view: View(view),
            hash: hash.into(),
        })
    }

    fn signature() -> impl Strategy<Value = Signature> {
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| Signature::new(bytes).unwrap())
    }

    fn vote() -> impl Strategy<Value = Vote> {
        (any::<bool>(), reference(), any::<u16>(), signature()).prop_map(
            |(commit, reference, signer, signature)| Vote {
                kind: if commit { VoteKind::Commit } else { VoteKind::Prepare },
                epoch: reference.epoch,
                view: reference.view,
                hash: reference.hash,
                signer: ValidatorIndex(signer),
                signature,
            },
        )
    }

    fn timeout_certificate() -> impl Strategy<Value = TimeoutCertificate> {
        let entry =
            (any::<u16>(), reference(), signature()).prop_map(|(signer, high, signature)| {
                TimeoutEntry {
                    signer: ValidatorIndex(signer),
                    high_view: high.view,
                    high_hash: high.hash,
                    signature,
                }
            });
        (any::<u64>(), any::<u64>(), prop::collection::vec(entry, 0..5)).prop_map(
            |(epoch, view, entries)| TimeoutCertificate { epoch, view: View(view), entries },
        )
    }

    fn propose() -> impl Strategy<Value = Propose> {
        (
            (reference(), reference(), any::<bool>(), any::<u16>()),
            prop::option::of(timeout_certificate()),
            prop::collection::vec(any::<u8>(), 0..80),
            signature(),
        )
            .prop_map(|((at, justify, reproposal, proposer), tc, payload, signature)| {
                Propose {
                    epoch: at.epoch,
                    view: at.view,
                    block: BlockMeta { hash: at.hash, parent: justify.hash, height: at.view.0 },
                    consensus_header: ConsensusHeader { view: at.view, ..Default::default() },
                    reproposal,
                    justify,
                    tc,
                    payload: payload.into(),
                    proposer: ValidatorIndex(proposer),
                    signature,
                }
            })
    }

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            vote().prop_map(Message::Vote),
            (vote(), prop::option::of(vote())).prop_map(|(vote, prepare)| Message::Timeout(
                Timeout {
                    epoch: vote.epoch,
                    view: vote.view,
                    high: vote.reference(),
                    prepare,
                    signer: vote.signer,
                    signature: vote.signature,
                }
            )),
            (any::<bool>(), reference(), prop::collection::vec((any::<u16>(), signature()), 0..5))
                .prop_map(|(commit, reference, signatures)| Message::Certificate(Certificate {
                    kind: if commit { CertificateKind::Commit } else { CertificateKind::Quorum },
                    reference,
                    signatures: signatures
                        .into_iter()
                        .map(|(signer, signature)| (ValidatorIndex(signer), signature))
                        .collect(),
                })),
            timeout_certificate().prop_map(Message::TimeoutCertificate),
            propose().prop_map(Message::Propose),
            (reference(), reference()).prop_map(|(high, last)| Message::Status(Status {
                epoch: high.epoch,
                view: last.view,
                high,
                final_height: last.epoch,
                final_view: last.view,
                final_hash: last.hash,
            })),
            reference().prop_map(|at| Message::Query(CertificateQuery::Reference(at))),
            any::<u64>().prop_map(|view| Message::Query(CertificateQuery::Entry(View(view)))),
            Just(Message::Query(CertificateQuery::Newest)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(message in message()) {
            let bytes = message.encode();
            prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(
            message in message(), at in any::<prop::sample::Index>(), flip in 1..=255_u8,
        ) {
            let mut bytes = message.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(other) = Message::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }

        #[test]
        fn cut_or_padded_messages_are_refused(
            message in message(), at in any::<prop::sample::Index>(),
        ) {
            let mut bytes = message.encode();
            prop_assert!(Message::decode(&bytes[..at.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(Message::decode(&bytes).is_err());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(&bytes);
        }
    }

    #[test]
    fn every_kind_has_its_limit() {
        for (tag, max) in [
            (TAG_VOTE, MAX_VOTE_BYTES),
            (TAG_TIMEOUT, MAX_TIMEOUT_BYTES),
            (TAG_CERTIFICATE, MAX_CERTIFICATE_BYTES),
            (TAG_TIMEOUT_CERTIFICATE, MAX_CERTIFICATE_BYTES),
            (TAG_PROPOSE, MAX_PROPOSAL_BYTES),
            (TAG_STATUS, MAX_STATUS_BYTES),
            (TAG_QUERY, MAX_STATUS_BYTES),
        ] {
            let mut bytes = vec![0; max + 1];
            bytes[0] = tag;
            let given = max + 1;
            assert_eq!(Message::decode(&bytes), Err(CodecError::TooLong { tag, given, max }));
        }
        assert_eq!(Message::decode(&[]), Err(CodecError::Empty));
        assert_eq!(Message::decode(&[9, 0]), Err(CodecError::Tag(9)));
    }

    #[test]
    fn the_largest_honest_messages_fit() {
        let signature = Signature::new(vec![0xff; MAX_SIGNATURE_BYTES]).unwrap();
        let vote = Vote {
            kind: VoteKind::Prepare,
            epoch: u64::MAX,
            view: View(u64::MAX),
            hash: B256::repeat_byte(0xff),
            signer: ValidatorIndex(u16::MAX),
            signature: signature.clone(),
        };
        let high = vote.reference();
        let entry = TimeoutEntry {
            signer: vote.signer,
            high_view: vote.view,
            high_hash: vote.hash,
            signature: signature.clone(),
        };
        let signed = (vote.signer, signature.clone());
        let tc = TimeoutCertificate {
            epoch: vote.epoch,
            view: vote.view,
            entries: vec![entry; MAX_VALIDATORS],
        };
        for message in [
            Message::Timeout(Timeout {
                epoch: vote.epoch,
                view: vote.view,
                high,
                prepare: Some(vote.clone()),
                signer: vote.signer,
                signature: signature.clone(),
            }),
            Message::Vote(vote.clone()),
            Message::Certificate(Certificate {
                kind: CertificateKind::Quorum,
                reference: high,
                signatures: vec![signed; MAX_VALIDATORS],
            }),
            Message::TimeoutCertificate(tc.clone()),
            Message::Propose(Propose {
                epoch: vote.epoch,
                view: vote.view,
                block: BlockMeta { hash: vote.hash, parent: vote.hash, height: u64::MAX },
                consensus_header: ConsensusHeader::default(),
                reproposal: false,
                justify: high,
                tc: Some(tc),
                payload: vec![1; MAX_PAYLOAD_BYTES].into(),
                proposer: vote.signer,
                signature,
            }),
        ] {
            assert!(Message::decode(&message.encode()).is_ok());
        }
    }

    #[test]
    fn a_vote_on_the_wire_looks_like_this() {
        let vote = Message::Vote(Vote {
            kind: VoteKind::Commit,
            epoch: 0,
            view: View(5),
            hash: B256::repeat_byte(0xab),
            signer: ValidatorIndex(2),
            signature: Signature::new(vec![1, 2]).unwrap(),
        });
        let expected = format!("02e8028005a0{}02820102", "ab".repeat(32));
        assert_eq!(hex::encode(vote.encode()), expected);
    }

    #[test]
    fn more_signers_than_validators_are_refused() {
        let certificate = Certificate {
            kind: CertificateKind::Quorum,
            reference: Ref::default(),
            signatures: vec![Default::default(); MAX_VALIDATORS + 1],
        };
        assert!(Message::decode(&Message::Certificate(certificate).encode()).is_err());
    }
}
