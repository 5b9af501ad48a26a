//! Range proofs: whole ranges are accepted, and nothing that is changed anywhere.

use super::*;
use crate::{RangeError, RangeProof};

/// A state of these accounts, one of them with these slots.
fn state(accounts: &BTreeSet<B256>, slots: &BTreeSet<B256>) -> (tempfile::TempDir, State, B256) {
    let dir = tempfile::tempdir().unwrap();
    let tree = StateTree::open(store(&dir), TreeOptions::default()).unwrap();
    let mut changes = StateChanges::default();
    let rich = keccak256("rich");
    for (nonce, ah) in (1..).zip(accounts.iter().chain([&rich])) {
        changes.accounts.insert(*ah, Some(info(nonce)));
    }
    let slots = slots.iter().map(|sh| (*sh, U256::from_be_bytes(sh.0) >> 250 | U256::from(1)));
    changes.storage.insert(rich, slots.collect());
    let pending = tree.head().apply(&changes).unwrap();
    let hash = keccak256("block");
    tree.insert(pending.seal(hash)).unwrap();
    let state = tree.state(&hash).unwrap();
    (dir, state, rich)
}

fn keys() -> impl Strategy<Value = BTreeSet<B256>> {
    let any_key = prop_oneof![
        (0..KEYS).prop_map(key),
        any::<[u8; 2]>().prop_map(keccak256),
        Just(B256::ZERO),
        Just(B256::repeat_byte(0xff)),
    ];
    prop::collection::btree_set(any_key, 0..40)
}

/// Everything that a liar could do to a proof, one thing at a time.
fn lies(proof: &RangeProof) -> Vec<RangeProof> {
    let mut lies = Vec::new();
    let mut lie = |change: &dyn Fn(&mut RangeProof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        lies.push(changed);
    };
    for at in 0..proof.leaves.len() {
        lie(&|proof| drop(proof.leaves.remove(at)));
        lie(&|proof| {
            let mut value = proof.leaves[at].1.to_vec();
            *value.last_mut().unwrap() ^= 1;
            proof.leaves[at].1 = value.into();
        });
        lie(&|proof| proof.leaves[at].0.0[31] ^= 1);
        lie(&|proof| proof.leaves.insert(at, proof.leaves[at].clone()));
        lie(&|proof| {
            let mut stranger = proof.leaves[at].clone();
            stranger.0.0[30] ^= 0x10;
            proof.leaves.push(stranger);
            proof.leaves.sort();
        });
    }
    for at in 0..proof.nodes.len() {
        lie(&|proof| {
            let mut node = proof.nodes[at].to_vec();
            let middle = node.len() / 2;
            node[middle] ^= 1;
            proof.nodes[at] = node.into();
        });
    }
    if proof.leaves.len() > 1 {
        lie(&|proof| proof.leaves.swap(0, 1));
        lie(&|proof| {
            proof.leaves.pop();
            proof.end = proof.leaves.last().unwrap().0;
            proof.end.0[31] ^= 1;
        });
    }
    lies
}

/// Whether a changed proof still says the truth: another end, or a node that nobody needs.
fn still_true(lie: &RangeProof, start: &B256, leaves: &[(B256, Bytes)]) -> bool {
    let inside = leaves.iter().filter(|(key, _)| key >= start && *key <= lie.end);
    lie.leaves.iter().eq(inside)
}

fn assert_proven(
    root: B256,
    start: B256,
    leaves: &[(B256, Bytes)],
    proof: &RangeProof,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(proof.verify(root, &start), Ok(()));
    prop_assert!(still_true(proof, &start, leaves));
    prop_assert!(proof.verify(keccak256(root), &start).is_err());
    for lie in lies(proof) {
        let verdict = lie.verify(root, &start);
        prop_assert!(verdict.is_err() || still_true(&lie, &start, leaves), "{:?}", lie);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn ranges_are_proven_and_lies_refused(
        accounts in keys(),
        slots in keys(),
        starts in prop::collection::vec(any::<prop::sample::Index>(), 3),
        bytes in prop_oneof![0..400_usize, Just(1 << 20)],
    ) {
        let (_dir, state, rich) = state(&accounts, &slots);
        let all: Vec<_> = accounts.iter().chain([&rich]).copied().collect::<BTreeSet<_>>().into_iter()
            .map(|ah| (ah, Bytes::from(leaf_value(&state.account(&ah).unwrap().unwrap()))))
            .collect();
        let storage_root = state.account(&rich).unwrap().unwrap().storage_root;
        let of_rich: Vec<_> = slots.iter()
            .map(|sh| (*sh, Bytes::from(slot_value(state.storage(&rich, sh).unwrap()))))
            .collect();
        let mut from: Vec<B256> = vec![B256::ZERO, B256::repeat_byte(0xff), keccak256("nobody")];
        for at in starts {
            let one = at.get(&all).0;
            from.extend([one, B256::from(U256::from_be_bytes(one.0).wrapping_add(U256::from(1)))]);
        }
        for start in from {
            let proof = state.account_range(&start, bytes).unwrap();
            prop_assert!(!proof.leaves.is_empty() || all.last().unwrap().0 < start);
            assert_proven(state.root(), start, &all, &proof)?;
            let proof = state.storage_range(&rich, &start, bytes).unwrap();
            assert_proven(storage_root, start, &of_rich, &proof)?;
        }
    }
}

/// `QENEX_RANGE_ACCOUNTS` chooses how many.
#[test]
fn pieces_one_after_the_other_give_the_whole_state() {
    let many = std::env::var("QENEX_RANGE_ACCOUNTS").map_or(3_000, |text| text.parse().unwrap());
    let accounts: BTreeSet<B256> =
        (0..many).map(|index: u32| keccak256(index.to_be_bytes())).collect();
    let (_dir, state, rich) = state(&accounts, &accounts);
    for (root, of) in
        [(state.root(), None), (state.account(&rich).unwrap().unwrap().storage_root, Some(rich))]
    {
        let (mut start, mut found, mut pieces) = (B256::ZERO, Vec::new(), 0);
        loop {
            let proof = match of {
                None => state.account_range(&start, 10_000).unwrap(),
                Some(rich) => state.storage_range(&rich, &start, 10_000).unwrap(),
            };
            proof.verify(root, &start).unwrap();
            let cut = RangeProof { nodes: Vec::new(), ..proof.clone() };
            assert!(matches!(cut.verify(root, &start), Err(RangeError::Node(_))));
            found.extend(proof.leaves.into_iter().map(|(key, _)| key));
            pieces += 1;
            if proof.end == B256::repeat_byte(0xff) {
                break;
            }
            start = B256::from(U256::from_be_bytes(proof.end.0) + U256::from(1));
        }
        let own = of.is_none().then_some(&rich);
        let expected: BTreeSet<_> = accounts.iter().chain(own).copied().collect();
        assert!(found.into_iter().eq(expected), "{pieces} pieces");
        println!("{} leaves in {pieces} proven pieces", accounts.len());
    }
}
