//! Tests of the gate: random demands, with crashes, never get two promises that contradict.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{header::ConsensusHeader, ids::BlockMeta, message::CertificateKind};

fn at(view: u64, salt: u8) -> Ref {
    let hash = if view == 0 { B256::ZERO } else { B256::repeat_byte(salt) };
    Ref { epoch: 0, view: View(view), hash }
}

fn certificate(view: u64, salt: u8) -> Certificate {
    Certificate { kind: CertificateKind::Quorum, reference: at(view, salt), signatures: vec![] }
}

fn gate() -> Gate {
    Gate::new(ValidatorIndex(0), DurableRecord::new(at(0, 0)))
}

#[derive(Clone, Copy, Debug)]
enum Demand {
    Propose(u64, u8),
    Prepare(u64, u8),
    Commit(u64, u8),
    Timeout(u64, u64),
    Crash,
}

fn demand() -> impl Strategy<Value = Demand> {
    let (view, salt) = (1..8_u64, 1..4_u8);
    prop_oneof![
        (view.clone(), salt.clone()).prop_map(|(v, s)| Demand::Propose(v, s)),
        (view.clone(), salt.clone()).prop_map(|(v, s)| Demand::Prepare(v, s)),
        (view.clone(), salt).prop_map(|(v, s)| Demand::Commit(v, s)),
        (view, 0..8_u64).prop_map(|(v, high)| Demand::Timeout(v, high)),
        Just(Demand::Crash),
    ]
}

fn ask(gate: &mut Gate, demand: Demand) -> Option<Promise> {
    match demand {
        Demand::Propose(view, salt) => {
            let reference = at(view, salt);
            let propose = Propose {
                epoch: 0,
                view: reference.view,
                block: BlockMeta { hash: reference.hash, parent: B256::ZERO, height: 1 },
                consensus_header: ConsensusHeader::default(),
                reproposal: false,
                justify: at(view - 1, 1),
                tc: None,
                payload: vec![5; 100].into(),
                proposer: ValidatorIndex(0),
                signature: Signature::default(),
            };
            gate.propose(propose, &certificate(view - 1, 1).into())
        }
        Demand::Prepare(view, salt) => {
            gate.prepare(at(view, salt), &certificate(view - 1, 1).into(), None)
        }
        Demand::Commit(view, salt) => gate.commit(&certificate(view, salt)),
        Demand::Timeout(view, high) => gate.timeout(View(view), &certificate(high, 1).into(), None),
        Demand::Crash => None,
    }
}

proptest! {
    #[test]
    fn no_two_promises_contradict_even_over_crashes(
        demands in prop::collection::vec(demand(), 0..80),
    ) {
        let mut gate = gate();
        let mut disk = gate.record().encode();
        let mut given: BTreeMap<(u8, View), B256> = BTreeMap::new();
        let (mut timed, mut committed, mut lock) = (View(0), View(0), View(0));

        for demand in demands {
            if matches!(demand, Demand::Crash) {
                gate = Gate::new(ValidatorIndex(0), DurableRecord::decode(&disk).unwrap());
                continue;
            }
            let Some(promise) = ask(&mut gate, demand) else { continue };
            let sealed = promise.seal(Signature::new(vec![1]).unwrap());
            disk = sealed.record;
            gate.signed(&sealed.message);
            prop_assert_eq!(&gate.record().encode(), &disk);
            prop_assert!(gate.record().lock.reference.view >= lock, "the lock only rises");
            lock = gate.record().lock.reference.view;

            let (kind, view, hash) = match &sealed.message {
                Message::Propose(p) => (1, p.view, p.block.hash),
                Message::Vote(v) if v.kind == VoteKind::Prepare => (2, v.view, v.hash),
                Message::Vote(v) => (3, v.view, v.hash),
                Message::Timeout(t) => (4, t.view, t.high.hash),
                other => panic!("{other:?}"),
            };
            prop_assert!(given.insert((kind, view), hash).is_none(), "twice: {demand:?}");
            match &sealed.message {
                Message::Timeout(timeout) => {
                    prop_assert!(timeout.high.view < timeout.view);
                    let denied = committed <= timeout.view && timeout.high.view < committed;
                    prop_assert!(!denied, "denies its COMMIT: {demand:?}");
                    timed = timed.max(view);
                }
                Message::Vote(vote) if vote.kind == VoteKind::Commit => {
                    prop_assert!(view > timed, "commits after giving up: {demand:?}");
                    committed = committed.max(view);
                }
                _ => prop_assert!(view > timed, "speaks after giving up: {demand:?}"),
            }
        }
    }
}

#[test]
fn a_record_keeps_the_proposal_without_its_payload() {
    let mut gate = gate();
    let promise = ask(&mut gate, Demand::Propose(1, 1)).unwrap();
    let sealed = promise.seal(Signature::new(vec![9]).unwrap());
    let record = DurableRecord::decode(&sealed.record).unwrap();
    let kept = record.proposed.message.unwrap();
    assert!(kept.payload.is_empty());
    assert_eq!(kept.signature, Signature::new(vec![9]).unwrap());
    assert!(matches!(sealed.message, Message::Propose(p) if p.payload.len() == 100));
}

#[test]
fn a_timeout_carries_the_prepare_of_its_view() {
    let mut gate = gate();
    let promise = ask(&mut gate, Demand::Prepare(2, 1)).unwrap();
    gate.signed(&promise.seal(Signature::default()).message);
    let promise = ask(&mut gate, Demand::Timeout(2, 1)).unwrap();
    let Message::Timeout(timeout) = promise.unsigned() else { panic!() };
    assert_eq!(timeout.prepare.as_ref().map(|vote| vote.view), Some(View(2)));
    let promise = ask(&mut gate, Demand::Timeout(3, 1)).unwrap();
    let Message::Timeout(timeout) = promise.unsigned() else { panic!() };
    assert_eq!(timeout.prepare, None);
}

#[test]
fn other_versions_and_damaged_records_are_refused() {
    let bytes = gate().record().encode();
    assert!(DurableRecord::decode(&bytes).is_ok());
    let mut other = bytes.clone();
    other[1] = 2; // after the one-byte list header
    let header = usize::from(bytes[0] >= 0xf8);
    if header == 1 {
        other.clone_from(&bytes);
        other[2] = 2;
    }
    assert_eq!(DurableRecord::decode(&other), Err(RecordError::Version(2)));
    for cut in 0..bytes.len() {
        assert!(DurableRecord::decode(&bytes[..cut]).is_err());
    }
}
