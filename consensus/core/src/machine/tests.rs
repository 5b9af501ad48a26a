//! Tests of the machine: one validator among four, its peers played by hand.

use alloy_primitives::keccak256;

use super::*;
use crate::{
    codec::MAX_VOTE_BYTES,
    committee::Committee,
    header::ConsensusHeader,
    ids::BlockMeta,
    message::{CertificateKind, Signature, TimeoutEntry, Vote, VoteKind},
    verify::Verified,
};

const ROOT: BlockMeta = BlockMeta { hash: B256::repeat_byte(0x60), parent: B256::ZERO, height: 0 };

/// One validator's machine, its log, and what it did.
struct Bench {
    core: Core,
    me: ValidatorIndex,
    committee: Committee,
    now: u64,
    record: Option<DurableRecord>,
    stored: Vec<Block>,
    /// Messages broadcast by promises, in order.
    said: Vec<Message>,
    /// All other outputs since they were last looked at.
    outputs: Vec<Output>,
}

fn config(me: ValidatorIndex, committee: &Committee) -> Config {
    Config {
        chain_id: B256::repeat_byte(1),
        me,
        committee: committee.clone(),
        root: ROOT,
        base_timeout_ms: 1_000,
        max_timeout_ms: 30_000,
        dead_after_ms: 2_000,
    }
}

impl Bench {
    fn new(count: usize, me: u16) -> Self {
        let committee = Committee::equal(0, count, B256::ZERO).unwrap();
        let me = ValidatorIndex(me);
        let core = Core::new(config(me, &committee));
        let mut bench = Self {
            core,
            me,
            committee,
            now: 1_000,
            record: None,
            stored: Vec::new(),
            said: Vec::new(),
            outputs: Vec::new(),
        };
        bench.restart();
        bench
    }

    /// A machine that leads `view` (of four), or does not.
    fn leading(view: u64, leads: bool) -> Self {
        let committee = Committee::equal(0, 4, B256::ZERO).unwrap();
        let leader = committee.leader(View(view));
        // Validator 0 is always one of the others, unless it is to lead.
        let other = if leader.0 == 1 { 2 } else { 1 };
        let me = if leads { leader } else { ValidatorIndex(other) };
        Self::new(4, me.0)
    }

    fn restart(&mut self) {
        self.core = Core::new(config(self.me, &self.committee));
        self.feed(Input::Start(Recovered {
            record: self.record.clone(),
            finalised: FinalPoint { height: 0, view: View::ROOT, hash: ROOT.hash },
            final_certificate: None,
            blocks: self.stored.clone(),
        }));
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let outputs = self.core.step(Tick(self.now), input);
            let promises =
                outputs.iter().filter(|output| matches!(output, Output::Promise(_))).count();
            assert!(promises <= 1, "one promise at a time");
            for output in outputs {
                match output {
                    Output::Promise(promise) => {
                        let nonce = vec![0xee, u8::try_from(self.said.len()).unwrap()];
                        let sealed = promise.seal(Signature::new(nonce).unwrap());
                        let record = DurableRecord::decode(&sealed.record).unwrap();
                        assert_eq!(record.encode(), sealed.record);
                        self.record = Some(record);
                        self.said.push(sealed.message);
                        inputs.push_back(sealed.input);
                    }
                    Output::StoreBlock(block) => self.stored.push(block),
                    other => self.outputs.push(other),
                }
            }
        }
    }

    fn hear(&mut self, from: u16, message: Message) {
        assert_ne!(from, self.me.0);
        let message = Verified::own(message);
        self.feed(Input::Received { from: ValidatorIndex(from), message });
    }

    fn others(&self) -> Vec<ValidatorIndex> {
        self.committee.members().filter(|member| *member != self.me).collect()
    }

    fn leader(&self, view: u64) -> ValidatorIndex {
        self.committee.leader(View(view))
    }

    fn votes_of_others(&mut self, kind: VoteKind, view: u64, hash: B256, count: usize) {
        for signer in self.others().into_iter().take(count) {
            self.hear(signer.0, vote(kind, view, hash, signer.0));
        }
    }

    fn propose(&mut self, propose: &Propose) {
        // Whoever relays it: some tests forge proposals in our own name.
        let relay = if propose.proposer == self.me { self.others()[0] } else { propose.proposer };
        self.hear(relay.0, Message::Propose(propose.clone()));
    }

    fn checked(&mut self, hash: B256, valid: bool) {
        let view = self.core.view;
        self.feed(Input::BlockChecked { view, hash, valid });
    }

    fn take(&mut self) -> Vec<Output> {
        core::mem::take(&mut self.outputs)
    }

    /// The proposal of `view`'s leader on `justify`.
    fn proposal(&self, view: u64, justify: Ref, tc: Option<TimeoutCertificate>) -> Propose {
        let (hash, proposer) = (block_hash(view, 0), self.leader(view));
        Propose {
            epoch: 0,
            view: View(view),
            block: BlockMeta { hash, parent: justify.hash, height: view },
            consensus_header: ConsensusHeader {
                view: View(view),
                proposer,
                justify_view: justify.view,
                ..Default::default()
            },
            reproposal: false,
            justify,
            tc,
            payload: vec![7].into(),
            proposer,
            signature: Signature::default(),
        }
    }

    fn kinds_said(&self) -> Vec<String> {
        self.said
            .iter()
            .map(|message| match message {
                Message::Propose(propose) => format!("PROPOSE {}", propose.view),
                Message::Vote(vote) => format!("{:?} {}", vote.kind, vote.view).to_uppercase(),
                Message::Timeout(timeout) => format!("TIMEOUT {}", timeout.view),
                other => panic!("no promise: {other:?}"),
            })
            .collect()
    }
}

fn block_hash(view: u64, salt: u8) -> B256 {
    keccak256([&view.to_be_bytes()[..], &[salt]].concat())
}

fn at(view: u64, hash: B256) -> Ref {
    Ref { epoch: 0, view: View(view), hash }
}

fn root() -> Ref {
    at(0, ROOT.hash)
}

fn vote(kind: VoteKind, view: u64, hash: B256, signer: u16) -> Message {
    Message::Vote(Vote {
        kind,
        epoch: 0,
        view: View(view),
        hash,
        signer: ValidatorIndex(signer),
        signature: Signature::default(),
    })
}

fn timeout(view: u64, high: Ref, signer: u16) -> Message {
    Message::Timeout(Timeout {
        epoch: 0,
        view: View(view),
        high,
        prepare: None,
        signer: ValidatorIndex(signer),
        signature: Signature::default(),
    })
}

fn certificate(kind: CertificateKind, reference: Ref) -> Certificate {
    let signatures = (0..3).map(|signer| (ValidatorIndex(signer), Signature::default())).collect();
    Certificate { kind, reference, signatures }
}

fn tc(view: u64, highs: [Ref; 3]) -> TimeoutCertificate {
    let entries = (0..3_u16)
        .zip(highs)
        .map(|(signer, high)| TimeoutEntry {
            signer: ValidatorIndex(signer),
            high_view: high.view,
            high_hash: high.hash,
            signature: Signature::default(),
        })
        .collect();
    TimeoutCertificate { epoch: 0, view: View(view), entries }
}

#[test]
fn a_block_is_final_after_three_messages() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    let hash = propose.block.hash;

    bench.propose(&propose);
    assert!(bench.said.is_empty(), "no PREPARE before execution");
    bench.checked(hash, true);
    bench.votes_of_others(VoteKind::Prepare, 1, hash, 2);
    bench.votes_of_others(VoteKind::Commit, 1, hash, 2);

    assert_eq!(bench.kinds_said(), ["PREPARE 1", "COMMIT 1"]);
    let finalised: Vec<_> = bench
        .take()
        .into_iter()
        .filter_map(|output| match output {
            Output::Finalise { chain, certificate } => Some((chain, certificate)),
            _ => None,
        })
        .collect();
    assert_eq!(finalised.len(), 1);
    assert_eq!(finalised[0].0, [propose.block]);
    assert_eq!(finalised[0].1.kind, CertificateKind::Commit);
    assert_eq!(bench.core.view(), (View(2), false), "and then it is silent");
}

#[test]
fn a_lone_validator_is_its_own_quorum() {
    let mut bench = Bench::new(1, 0);
    bench.feed(Input::Work);
    let built = bench.take().into_iter().find_map(|output| match output {
        Output::Build { template, parent, height, .. } => Some(Built {
            block: BlockMeta { hash: block_hash(1, 0), parent, height },
            consensus_header: template,
            payload: vec![1].into(),
        }),
        _ => None,
    });
    bench.feed(Input::Built { view: View(1), result: built });
    assert_eq!(bench.kinds_said(), ["PROPOSE 1", "PREPARE 1", "COMMIT 1"]);
    assert_eq!(bench.core.finalised().height, 1);
    // It may go on at once, on top of what is final now.
    assert!(bench.take().iter().any(|output| matches!(output, Output::Build { height: 2, .. })));
}

#[test]
fn the_next_leader_builds_before_the_block_is_final() {
    let mut bench = Bench::leading(2, true);
    bench.feed(Input::Work);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    bench.votes_of_others(VoteKind::Prepare, 1, propose.block.hash, 2);
    assert_eq!(bench.core.finalised().height, 0);
    let built = bench.take().into_iter().find_map(|output| match output {
        Output::Build { parent, height, required, .. } => Some((parent, height, required)),
        _ => None,
    });
    assert_eq!(built, Some((propose.block.hash, 2, false)));
}

#[test]
fn no_commit_follows_a_timeout() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    bench.feed(Input::Timer(View(1)));
    bench.votes_of_others(VoteKind::Prepare, 1, propose.block.hash, 3);
    assert_eq!(bench.kinds_said(), ["PREPARE 1", "TIMEOUT 1"]);
    assert_eq!(bench.core.view().0, View(2), "the certificate counts all the same");
}

#[test]
fn no_prepare_follows_a_timeout() {
    let mut bench = Bench::leading(1, false);
    bench.feed(Input::Work);
    bench.feed(Input::Timer(View(1)));
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    assert_eq!(bench.kinds_said(), ["TIMEOUT 1"]);
}

#[test]
fn a_timeout_is_repeated_byte_by_byte_also_after_a_restart() {
    let mut bench = Bench::leading(1, false);
    bench.feed(Input::Work);
    bench.feed(Input::Timer(View(1)));
    let first = bench.said[0].clone();
    bench.take();
    let repeats = |bench: &mut Bench| -> Vec<Message> {
        bench
            .take()
            .into_iter()
            .filter_map(|output| match output {
                Output::Send { to: Target::All, message: message @ Message::Timeout(_) } => {
                    Some(message)
                }
                _ => None,
            })
            .collect()
    };
    bench.feed(Input::Timer(View(1)));
    assert_eq!(repeats(&mut bench), std::slice::from_ref(&first));
    bench.restart();
    assert_eq!(repeats(&mut bench), [first]);
    assert_eq!(bench.said.len(), 1, "signed once only");
}

#[test]
fn a_leader_proposes_the_same_after_a_restart() {
    let mut bench = Bench::leading(1, true);
    bench.feed(Input::Work);
    let template = bench.take().into_iter().find_map(|output| match output {
        Output::Build { template, .. } => Some(template),
        _ => None,
    });
    let built = Built {
        block: BlockMeta { hash: block_hash(1, 9), parent: ROOT.hash, height: 1 },
        consensus_header: template.unwrap(),
        payload: vec![1, 2, 3].into(),
    };
    bench.feed(Input::Built { view: View(1), result: Some(built) });
    let first = bench.said[0].clone();
    assert!(matches!(&first, Message::Propose(propose) if propose.payload.len() == 3));

    bench.take();
    bench.restart();
    bench.feed(Input::Work);
    let outputs = bench.take();
    assert!(!outputs.iter().any(|output| matches!(output, Output::Build { .. })));
    let again: Vec<_> = outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::Send { message: message @ Message::Propose(_), .. } => Some(message.encode()),
            _ => None,
        })
        .collect();
    assert_eq!(again, [first.encode()]);
}

#[test]
fn a_timeout_counts_only_once_its_certificate_is_proven() {
    let mut bench = Bench::leading(1, false);
    bench.feed(Input::Work);
    let others = bench.others();
    let qc = certificate(CertificateKind::Quorum, at(1, block_hash(1, 0)));
    bench.hear(0, Message::TimeoutCertificate(tc(1, [root(); 3])));
    bench.feed(Input::Timer(View(2)));
    // Two more TIMEOUTs would make a quorum, but one names a certificate nobody has shown.
    bench.hear(others[0].0, timeout(2, root(), others[0].0));
    bench.hear(others[1].0, timeout(2, qc.reference, others[1].0));
    assert_eq!(bench.core.view().0, View(2));
    assert!(bench.take().iter().any(|output| matches!(
        output,
        Output::FetchCertificate { query: CertificateQuery::Reference(asked), from }
            if *asked == qc.reference && *from == others[1]
    )));
    bench.hear(others[1].0, Message::Certificate(qc.clone()));
    assert_eq!(bench.core.view().0, View(3));
    assert_eq!(bench.core.entry.as_ref().map(TimeoutCertificate::high), Some(qc.reference));
}

#[test]
fn a_leader_with_a_quorum_behind_it_is_followed_below_our_own_lock() {
    // Given a validator locked on view 1,
    let mut bench = Bench::leading(3, false);
    let qc = certificate(CertificateKind::Quorum, at(1, block_hash(1, 0)));
    bench.hear(0, Message::Certificate(qc.clone()));
    assert_eq!(bench.kinds_said(), ["COMMIT 1"]);
    assert_eq!(bench.record.as_ref().unwrap().lock.reference, qc.reference);

    // when a quorum that does not know that certificate moves on from the root,
    let over = tc(2, [root(); 3]);
    let mut propose = bench.proposal(3, root(), Some(over));
    propose.block.height = 1;
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);

    // then the validator follows.
    assert_eq!(bench.kinds_said(), ["COMMIT 1", "PREPARE 3"]);
}

#[test]
fn only_the_two_rules_of_acceptance_are_accepted() {
    let qc1 = certificate(CertificateKind::Quorum, at(1, block_hash(1, 0)));
    let high = qc1.reference;
    // (justify, timeout certificate, accepted), all proposed in view 3 entered by TC(2)
    for (justify, over, accepted) in [
        (root(), Some(tc(2, [root(); 3])), true),
        (high, Some(tc(2, [root(); 3])), true),
        (high, Some(tc(2, [root(), high, root()])), true),
        (root(), Some(tc(2, [root(), high, root()])), false),
        (high, None, false),
        (root(), None, false),
    ] {
        let mut bench = Bench::leading(3, false);
        bench.hear(0, Message::Certificate(qc1.clone()));
        bench.hear(0, Message::TimeoutCertificate(tc(2, [root(); 3])));
        let propose = bench.proposal(3, justify, over.clone());
        bench.propose(&propose);
        assert_eq!(bench.core.candidate.is_some(), accepted, "{justify:?} {over:?}");
    }
}

#[test]
fn views_far_ahead_leave_no_trace() {
    let mut bench = Bench::leading(1, false);
    for view in [View::MAX.0, u64::MAX, 66, 1_000_000] {
        bench.hear(0, vote(VoteKind::Prepare, view, block_hash(view, 0), 0));
        bench.hear(0, timeout(view, root(), 0));
        let propose = bench.proposal(view, root(), None);
        bench.propose(&propose);
    }
    assert!(bench.core.votes.is_empty() && bench.core.timeouts.is_empty());
    assert!(bench.core.blocks.is_empty() && bench.core.proposals.is_empty());
    assert!(!bench.core.window().wants(&vote(VoteKind::Commit, 66, B256::ZERO, 0)));
    assert!(bench.core.window().wants(&vote(VoteKind::Commit, 65, B256::ZERO, 0)));
    // A certificate is believed however far it is ahead.
    let reference = at(1 << 40, block_hash(5, 5));
    bench.hear(0, Message::Certificate(certificate(CertificateKind::Quorum, reference)));
    assert_eq!(bench.core.view().0, View((1 << 40) + 1));
}

#[test]
fn collections_stay_bounded_under_a_flood() {
    let mut bench = Bench::leading(1, false);
    for view in 1..=200 {
        for salt in 0..5 {
            bench.hear(0, vote(VoteKind::Prepare, view, block_hash(view, salt), 0));
            bench.hear(0, timeout(view, at(view - 1, block_hash(view - 1, salt)), 0));
            let mut propose = bench.proposal(view, at(view - 1, block_hash(view, 9)), None);
            propose.block.hash = block_hash(view, salt);
            bench.propose(&propose);
        }
    }
    let core = &bench.core;
    assert!(core.votes.len() <= 65 && core.proposals.len() <= 65 && core.blocks.len() <= 130);
    assert!(core.timeouts.len() <= 2 && core.parked.len() <= 16 && core.parked_tcs.len() <= 8);
}

#[test]
fn a_commit_needs_no_body_and_a_prepare_does() {
    let mut bench = Bench::leading(1, false);
    let hash = block_hash(1, 0);
    bench.votes_of_others(VoteKind::Prepare, 1, hash, 3);
    assert_eq!(bench.kinds_said(), ["COMMIT 1"]);
    // Its COMMITs make it final, and then the body is fetched from those who executed it.
    bench.votes_of_others(VoteKind::Commit, 1, hash, 3);
    let fetched = bench.take().into_iter().find_map(|output| match output {
        Output::FetchBlock { hash, from } => Some((hash, from)),
        _ => None,
    });
    let (asked, from) = fetched.unwrap();
    assert_eq!(asked, hash);
    assert!(from.len() >= 2 && !from.contains(&bench.me));
    let block = bench.proposal(1, root(), None).to_block().unwrap();
    bench.feed(Input::BlockFetched(verified_block(block)));
    bench.checked(hash, true);
    assert_eq!(bench.core.finalised().height, 1);
}

fn verified_block(block: Block) -> Verified<Block> {
    let committee = Committee::equal(0, 4, B256::ZERO).unwrap();
    let context = crate::VerifyContext {
        chain_id: block.consensus_header.chain_id,
        committee: &committee,
        signatures: &crate::AcceptAll,
        payloads: &crate::AcceptAll,
    };
    Verified::<Block>::check(block, &context).unwrap()
}

#[test]
fn far_behind_it_syncs_instead_of_fetching_one_by_one() {
    let mut bench = Bench::leading(1, false);
    let cc = certificate(CertificateKind::Commit, at(500, block_hash(500, 0)));
    bench.hear(0, Message::Certificate(cc.clone()));
    assert!(
        bench
            .take()
            .iter()
            .any(|output| matches!(output, Output::SyncTo { certificate } if *certificate == cc))
    );
    let hash = cc.reference.hash;
    bench.feed(Input::Finalised { height: 400, view: View(500), hash });
    assert_eq!(bench.core.finalised(), FinalPoint { height: 400, view: View(500), hash });
    assert_eq!(bench.core.view(), (View(501), false));
}

#[test]
fn a_block_that_only_our_clock_refused_is_executed_again_once_certified() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    let hash = propose.block.hash;
    bench.propose(&propose);
    bench.checked(hash, false);
    assert!(bench.said.is_empty());
    bench.take();
    bench.votes_of_others(VoteKind::Prepare, 1, hash, 3);
    bench.votes_of_others(VoteKind::Commit, 1, hash, 3);
    assert!(
        bench
            .take()
            .iter()
            .any(|output| matches!(output, Output::Validate { purpose: Purpose::Certified, .. }))
    );
    bench.checked(hash, true);
    assert_eq!(bench.core.finalised().hash, hash);
}

#[test]
fn a_certified_block_that_does_not_execute_stops_the_node() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, false);
    bench.votes_of_others(VoteKind::Commit, 1, propose.block.hash, 3);
    bench.checked(propose.block.hash, false);
    assert!(bench.core.halted());
}

#[test]
fn a_second_final_block_at_a_height_stops_the_node() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    bench.votes_of_others(VoteKind::Commit, 1, propose.block.hash, 3);
    assert_eq!(bench.core.finalised().height, 1);
    let fork = certificate(CertificateKind::Commit, at(1, block_hash(1, 1)));
    bench.hear(0, Message::Certificate(fork));
    assert!(bench.core.halted());
    assert!(
        bench
            .take()
            .iter()
            .any(|output| matches!(output, Output::Halt(HaltReason::ConflictingFinality { .. })))
    );
}

#[test]
fn equivocation_is_seen_in_bodies_and_not_in_signatures() {
    let mut bench = Bench::leading(1, false);
    let hash = block_hash(1, 0);
    let Message::Vote(mut again) = vote(VoteKind::Prepare, 1, hash, 0) else { return };
    bench.hear(0, Message::Vote(again.clone()));
    again.signature = Signature::new(vec![1, 2, 3]).unwrap();
    bench.hear(0, Message::Vote(again));
    assert!(evidence(&mut bench).is_empty());

    bench.hear(0, vote(VoteKind::Prepare, 1, block_hash(1, 1), 0));
    bench.hear(0, vote(VoteKind::Prepare, 1, block_hash(1, 2), 0));
    let found = evidence(&mut bench);
    let [proof @ Evidence::DoubleVote(one, other)] = found.as_slice() else {
        panic!("{found:?}");
    };
    // As it is given to others: both messages whole.
    assert_eq!(proof.kind(), "double vote");
    for (bytes, vote) in proof.messages().iter().zip([one, other]) {
        assert_eq!(alloy_rlp::decode_exact::<Vote>(bytes).as_ref(), Ok(vote));
    }

    let propose = bench.proposal(1, root(), None);
    let mut other = propose.clone();
    other.block.hash = block_hash(1, 7);
    bench.propose(&propose);
    bench.propose(&propose);
    bench.propose(&other);
    assert!(matches!(evidence(&mut bench).as_slice(), [Evidence::DoublePropose(..)]));
}

#[test]
fn a_commit_and_a_timeout_that_denies_it_are_evidence_in_either_order() {
    for commit_first in [true, false] {
        let mut bench = Bench::leading(1, false);
        let commit = vote(VoteKind::Commit, 2, block_hash(2, 0), 0);
        let denial = timeout(3, root(), 0);
        let (first, second) = if commit_first { (commit, denial) } else { (denial, commit) };
        bench.hear(0, first);
        bench.hear(0, second);
        assert!(matches!(evidence(&mut bench).as_slice(), [Evidence::Amnesia { .. }]));
    }
}

fn evidence(bench: &mut Bench) -> Vec<Evidence> {
    bench
        .take()
        .into_iter()
        .filter_map(|output| match output {
            Output::Evidence(evidence) => Some(evidence),
            _ => None,
        })
        .collect()
}

#[test]
fn an_idle_chain_has_no_timers_and_work_wakes_it() {
    let mut bench = Bench::leading(1, false);
    assert_eq!(bench.core.view(), (View(1), false));
    bench.feed(Input::Timer(View(1)));
    assert!(bench.said.is_empty(), "a stray ring is ignored");
    bench.feed(Input::Work);
    assert_eq!(bench.core.view(), (View(1), true));
    bench.feed(Input::NoWork);
    assert_eq!(bench.core.view(), (View(1), false));
    assert!(matches!(bench.take().last(), Some(Output::CancelTimer)));
}

#[test]
fn one_honest_timeout_is_joined_and_one_alone_is_not() {
    let mut bench = Bench::leading(1, false);
    let others = bench.others();
    bench.hear(others[0].0, timeout(1, root(), others[0].0));
    assert!(bench.said.is_empty());
    bench.hear(others[1].0, timeout(1, root(), others[1].0));
    assert_eq!(bench.kinds_said(), ["TIMEOUT 1"]);
    assert_eq!(bench.core.view(), (View(2), false), "two and ours are a quorum");
}

#[test]
fn the_view_outlives_a_restart_together_with_its_proof() {
    // Given a validator that gave up on view 2, which it had entered by a timeout certificate,
    let mut bench = Bench::leading(1, false);
    let over = tc(1, [root(); 3]);
    bench.hear(0, Message::TimeoutCertificate(over.clone()));
    bench.feed(Input::Work);
    bench.feed(Input::Timer(View(2)));
    assert_eq!(bench.kinds_said(), ["TIMEOUT 2"]);

    // when it restarts and a peer in view 1 asks how view 2 began,
    bench.restart();
    bench.take();
    bench.hear(0, Message::Query(CertificateQuery::Entry(View(2))));

    // then it can prove it.
    assert_eq!(bench.core.view().0, View(2));
    assert!(bench.take().iter().any(|output| matches!(
        output,
        Output::Send { to: Target::One(_), message: Message::TimeoutCertificate(tc) } if *tc == over
    )));
}

#[test]
fn a_silent_leader_is_skipped_at_once() {
    let mut bench = Bench::leading(1, false);
    let dead = bench.leader(1);
    // Views 1 to 4 pass with everybody but the leader of views 1 and 5 speaking.
    for view in 1..=4 {
        bench.now += 1_000;
        for signer in bench.others() {
            if signer != dead {
                bench.hear(signer.0, timeout(view, root(), signer.0));
            }
        }
    }
    bench.now += 1_000;
    bench.feed(Input::Work);
    assert_eq!(bench.core.view().0, View(5));
    assert_eq!(bench.leader(5), dead);
    let at = bench.take().into_iter().rev().find_map(|output| match output {
        Output::SetTimer { at, .. } => Some(at),
        _ => None,
    });
    assert_eq!(at, Some(Tick(bench.now)));
}

#[test]
fn asking_for_what_is_missing_never_rings_without_pause() {
    let mut bench = Bench::leading(1, false);
    let dead = bench.leader(1);
    for view in 1..=4 {
        bench.now += 1_000;
        for signer in bench.others() {
            if signer != dead {
                bench.hear(signer.0, timeout(view, root(), signer.0));
            }
        }
    }
    bench.now += 1_000;
    // Others vote in view 5, whose leader seems dead to us; nothing else is to be done.
    bench.take();
    bench.votes_of_others(VoteKind::Prepare, 5, block_hash(5, 0), 2);
    for _ in 0..5 {
        let at = bench.take().into_iter().rev().find_map(|output| match output {
            Output::SetTimer { at, .. } => Some(at),
            _ => None,
        });
        assert!(at.unwrap() > Tick(bench.now));
        bench.now = at.unwrap().0;
        bench.feed(Input::Timer(View(5)));
    }
    assert_eq!(bench.kinds_said().iter().filter(|said| *said == "TIMEOUT 5").count(), 0);
}

#[test]
fn laggards_are_helped_but_not_all_the_time() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    bench.votes_of_others(VoteKind::Commit, 1, propose.block.hash, 3);
    bench.take();
    let behind = bench.others()[0].0;
    let helped = |bench: &mut Bench| {
        bench
            .take()
            .iter()
            .filter(|output| {
                matches!(output, Output::Send { message: Message::Certificate(_), .. })
            })
            .count()
    };
    bench.hear(behind, timeout(1, root(), behind));
    assert_eq!(helped(&mut bench), 1);
    bench.hear(behind, timeout(1, root(), behind));
    assert_eq!(helped(&mut bench), 0);
    bench.now += 1_000;
    bench.hear(behind, timeout(1, root(), behind));
    assert_eq!(helped(&mut bench), 1);
}

#[test]
fn a_new_peer_hears_where_we_stand_and_what_we_said() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    bench.take();
    bench.feed(Input::PeerConnected(ValidatorIndex(0)));
    let sent: Vec<_> = bench
        .take()
        .into_iter()
        .filter_map(|output| match output {
            Output::Send { to: Target::One(ValidatorIndex(0)), message } => Some(message),
            _ => None,
        })
        .collect();
    assert!(matches!(sent[0], Message::Status(_)));
    assert_eq!(sent[1..], bench.said[..]);
    assert!(sent[1].encode().len() <= MAX_VOTE_BYTES);
}

#[test]
fn a_driver_that_builds_something_else_stops_the_node() {
    let mut bench = Bench::leading(1, true);
    bench.feed(Input::Work);
    let built = Built {
        block: BlockMeta { hash: block_hash(1, 0), parent: block_hash(9, 9), height: 1 },
        consensus_header: ConsensusHeader::default(),
        payload: vec![].into(),
    };
    bench.feed(Input::Built { view: View(1), result: Some(built) });
    assert!(bench.core.halted() && bench.said.is_empty());
}

#[test]
fn a_proposal_shown_to_us_alone_does_not_keep_us_awake() {
    let mut bench = Bench::leading(1, false);
    let propose = bench.proposal(1, root(), None);
    bench.propose(&propose);
    bench.checked(propose.block.hash, true);
    for _ in 0..20 {
        bench.now += 3_000;
        bench.feed(Input::Timer(View(1)));
    }
    assert_eq!(bench.kinds_said(), ["PREPARE 1", "TIMEOUT 1"]);
    assert_eq!(bench.core.view(), (View(1), false));
}
