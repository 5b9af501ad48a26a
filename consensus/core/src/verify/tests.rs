//! Tests of verification: what a forger or a faulty validator may try.

use alloy_primitives::keccak256;

use super::*;
use crate::{
    header::ConsensusHeader,
    ids::BlockMeta,
    message::{CertificateKind, TimeoutEntry},
};

const CHAIN: B256 = B256::repeat_byte(0xc4);

/// Signatures that depend on signer and message; payloads that start with 1.
struct Hashes;

impl SignatureVerifier for Hashes {
    fn verify(&self, signer: ValidatorIndex, message: &[u8], signature: &Signature) -> bool {
        *signature == sign(signer.0, message)
    }
}

impl PayloadVerifier for Hashes {
    fn binds(&self, block: &Block) -> bool {
        block.payload.first() == Some(&1)
    }
}

fn sign(signer: u16, message: &[u8]) -> Signature {
    let digest = keccak256([&signer.to_be_bytes()[..], message].concat());
    Signature::new(digest.to_vec()).unwrap()
}

fn committee() -> Committee {
    Committee::equal(3, 4, B256::ZERO).unwrap()
}

fn check(message: Message) -> Result<(), VerifyError> {
    let committee = committee();
    let context = VerifyContext {
        chain_id: CHAIN,
        committee: &committee,
        signatures: &Hashes,
        payloads: &Hashes,
    };
    Verified::<Message>::check(message, &context).map(|_| ())
}

fn at(view: u64) -> Ref {
    Ref { epoch: 3, view: View(view), hash: B256::repeat_byte(u8::try_from(view).unwrap()) }
}

fn vote(kind: VoteKind, reference: Ref, signer: u16) -> Vote {
    let mut vote = Vote {
        kind,
        epoch: reference.epoch,
        view: reference.view,
        hash: reference.hash,
        signer: ValidatorIndex(signer),
        signature: Signature::default(),
    };
    vote.signature = sign(signer, &vote.sign_bytes(&CHAIN));
    vote
}

fn certificate(kind: CertificateKind, reference: Ref, signers: &[u16]) -> Certificate {
    let signatures = signers
        .iter()
        .map(|signer| {
            let vote = vote(kind.vote_kind(), reference, *signer);
            (vote.signer, vote.signature)
        })
        .collect();
    Certificate { kind, reference, signatures }
}

fn timeout(view: u64, high: Ref, signer: u16) -> Timeout {
    let mut timeout = Timeout {
        epoch: high.epoch,
        view: View(view),
        high,
        prepare: None,
        signer: ValidatorIndex(signer),
        signature: Signature::default(),
    };
    timeout.signature = sign(signer, &timeout.sign_bytes(&CHAIN));
    timeout
}

fn tc(view: u64, highs: &[(u16, Ref)]) -> TimeoutCertificate {
    let entries = highs
        .iter()
        .map(|(signer, high)| {
            let timeout = timeout(view, *high, *signer);
            TimeoutEntry {
                signer: timeout.signer,
                high_view: high.view,
                high_hash: high.hash,
                signature: timeout.signature,
            }
        })
        .collect();
    TimeoutCertificate { epoch: 3, view: View(view), entries }
}

fn propose(change: impl FnOnce(&mut Propose)) -> Propose {
    let view = View(5);
    let proposer = committee().leader(view);
    let tc = tc(4, &[(0, at(2)), (1, at(3)), (2, at(2))]);
    let mut propose = Propose {
        epoch: 3,
        view,
        block: BlockMeta { hash: at(5).hash, parent: at(3).hash, height: 9 },
        consensus_header: ConsensusHeader {
            chain_id: CHAIN,
            epoch: 3,
            view,
            proposer,
            justify_view: View(3),
            tc_digest: tc.digest(),
            time_ms: 1,
            closing: false,
            next_set_hash: B256::ZERO,
        },
        reproposal: false,
        justify: at(3),
        tc: Some(tc),
        payload: vec![1].into(),
        proposer,
        signature: Signature::default(),
    };
    change(&mut propose);
    propose.signature = sign(propose.proposer.0, &propose.sign_bytes(&CHAIN));
    propose
}

#[test]
fn right_messages_pass() {
    let mut with_prepare = timeout(5, at(4), 1);
    with_prepare.prepare = Some(vote(VoteKind::Prepare, at(5), 1));
    for message in [
        Message::Vote(vote(VoteKind::Prepare, at(5), 1)),
        Message::Timeout(timeout(5, at(4), 1)),
        Message::Timeout(with_prepare),
        Message::Certificate(certificate(CertificateKind::Quorum, at(5), &[0, 1, 2])),
        Message::Certificate(certificate(CertificateKind::Commit, at(5), &[0, 1, 2, 3])),
        Message::TimeoutCertificate(tc(5, &[(0, at(4)), (1, at(2)), (3, at(4))])),
        Message::Propose(propose(|_| ())),
    ] {
        assert_eq!(check(message.clone()), Ok(()), "{message:?}");
    }
}

#[test]
fn votes_are_bound_to_chain_epoch_kind_view_block_and_signer() {
    let right = vote(VoteKind::Prepare, at(5), 1);
    type Change = fn(&mut Vote);
    let changes: [(Change, VerifyError); 7] = [
        (|v| v.kind = VoteKind::Commit, VerifyError::Signature),
        (|v| v.view = View(6), VerifyError::Signature),
        (|v| v.hash = B256::ZERO, VerifyError::Signature),
        (|v| v.signer = ValidatorIndex(2), VerifyError::Signature),
        (|v| v.signer = ValidatorIndex(4), VerifyError::Stranger(ValidatorIndex(4))),
        (|v| v.epoch = 4, VerifyError::Epoch { given: 4, expected: 3 }),
        (|v| v.view = View(0), VerifyError::View(View(0))),
    ];
    for (change, error) in changes {
        let mut vote = right.clone();
        change(&mut vote);
        assert_eq!(check(Message::Vote(vote)), Err(error));
    }
    let mut foreign = right;
    foreign.signature = sign(1, &foreign.sign_bytes(&B256::ZERO));
    assert_eq!(check(Message::Vote(foreign)), Err(VerifyError::Signature));
    let far = vote(VoteKind::Prepare, Ref { view: View(u64::MAX), ..at(5) }, 1);
    assert_eq!(check(Message::Vote(far)), Err(VerifyError::View(View(u64::MAX))));
}

#[test]
fn certificates_need_a_quorum_of_distinct_right_signers() {
    let make = |signers: &[u16]| certificate(CertificateKind::Quorum, at(5), signers);
    let mut swapped = make(&[0, 1, 2]);
    swapped.kind = CertificateKind::Commit;
    for (given, error) in [
        (make(&[0, 1]), VerifyError::Weight { weight: 2, quorum: 3 }),
        (make(&[]), VerifyError::Weight { weight: 0, quorum: 3 }),
        (make(&[0, 1, 1]), VerifyError::Signers),
        (make(&[0, 2, 1]), VerifyError::Signers),
        (make(&[0, 1, 7]), VerifyError::Stranger(ValidatorIndex(7))),
        (swapped, VerifyError::Signature),
        (
            certificate(CertificateKind::Quorum, Ref { epoch: 2, ..at(5) }, &[0, 1, 2]),
            VerifyError::Epoch { given: 2, expected: 3 },
        ),
        (
            certificate(CertificateKind::Quorum, Ref { view: View(0), ..at(5) }, &[0, 1, 2]),
            VerifyError::View(View(0)),
        ),
    ] {
        assert_eq!(check(Message::Certificate(given)), Err(error));
    }
}

#[test]
fn timeouts_name_earlier_certificates_only() {
    let error = VerifyError::HighTooHigh { high: View(5), view: View(5) };
    assert_eq!(check(Message::Timeout(timeout(5, at(5), 1))), Err(error));
    let signers = [(0, at(5)), (1, at(2)), (2, at(2))];
    assert_eq!(check(Message::TimeoutCertificate(tc(5, &signers))), Err(error));
    let mut foreign = timeout(5, at(4), 1);
    foreign.prepare = Some(vote(VoteKind::Prepare, at(5), 2));
    assert_eq!(
        check(Message::Timeout(foreign)),
        Err(VerifyError::Inconsistent("PREPARE in a TIMEOUT"))
    );
}

#[test]
fn a_timeout_certificate_has_one_highest_certificate() {
    let other = Ref { hash: B256::repeat_byte(0xff), ..at(3) };
    let ambiguous = tc(5, &[(0, at(3)), (1, other), (2, at(2))]);
    assert_eq!(check(Message::TimeoutCertificate(ambiguous)), Err(VerifyError::AmbiguousHigh));
    let few = tc(5, &[(0, at(3)), (1, at(3))]);
    let weight = VerifyError::Weight { weight: 2, quorum: 3 };
    assert_eq!(check(Message::TimeoutCertificate(few)), Err(weight));
    let mut lowered = tc(5, &[(0, at(3)), (1, at(3)), (2, at(3))]);
    lowered.entries[1].high_view = View(2);
    assert_eq!(check(Message::TimeoutCertificate(lowered)), Err(VerifyError::Signature));
}

#[test]
fn a_proposal_and_its_block_say_the_same() {
    type Change = fn(&mut Propose);
    let changes: [(Change, VerifyError); 13] = [
        (|p| p.consensus_header.view = View(4), VerifyError::Inconsistent("view")),
        (|p| p.consensus_header.justify_view = View(2), VerifyError::Inconsistent("justify view")),
        (|p| p.consensus_header.proposer.0 ^= 1, VerifyError::Inconsistent("proposer")),
        (|p| p.block.parent = B256::ZERO, VerifyError::Inconsistent("parent")),
        (|p| p.block.height = 0, VerifyError::Inconsistent("height")),
        (|p| p.tc = None, VerifyError::Inconsistent("timeout certificate digest")),
        (
            |p| p.consensus_header.tc_digest = B256::ZERO,
            VerifyError::Inconsistent("timeout certificate digest"),
        ),
        (|p| p.consensus_header.chain_id = B256::ZERO, VerifyError::Chain),
        (|p| p.consensus_header.epoch = 2, VerifyError::Epoch { given: 2, expected: 3 }),
        (|p| p.payload = vec![2].into(), VerifyError::Payload),
        (|p| p.reproposal = true, VerifyError::Inconsistent("re-proposal")),
        (|p| p.justify = at(5), VerifyError::HighTooHigh { high: View(5), view: View(5) }),
        (
            |p| p.tc = Some(tc(3, &[(0, at(2)), (1, at(2)), (2, at(2))])),
            VerifyError::Inconsistent("timeout certificate"),
        ),
    ];
    for (change, error) in changes {
        assert_eq!(check(Message::Propose(propose(change))), Err(error));
    }
    let usurper = propose(|p| {
        p.proposer.0 = (p.proposer.0 + 1) % 4;
        p.consensus_header.proposer = p.proposer;
    });
    assert!(matches!(check(Message::Propose(usurper)), Err(VerifyError::NotLeader { .. })));
    let mut forged = propose(|_| ());
    forged.signature = Signature::default();
    assert_eq!(check(Message::Propose(forged)), Err(VerifyError::Signature));
}
