//! Range proofs: all leaves of a trie from one key to another, and no others.
//!
//! A receiver who knows only the root rebuilds what lies inside the range from the leaves and takes
//! what lies outside from the nodes on the two borders. Nothing can be left out, added or changed
//! without another root. Used to hand a state to a new node piece by piece.

use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};
use alloy_rlp::Decodable;
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    nodes::{RlpNode, TrieNode},
};

use crate::{
    error::StateError,
    node::{self, Child, KEY_NIBBLES, Node, Reference, Row, common_nibbles, join, nibble, path_of},
    proof::walk,
    state::{AccountTrie, State, StorageTrie},
    update::Source,
};

/// The last key there can be.
pub(crate) const LAST: B256 = B256::repeat_byte(0xff);

/// All leaves of a trie from one key to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeProof {
    /// Keys (keccak256 of address or slot), ascending, each with the RLP of its value.
    pub leaves: Vec<(B256, Bytes)>,
    /// The last key of the range: there is no other leaf up to it. All ones at the trie's end.
    pub end: B256,
    /// The nodes on the paths to the two ends, in no particular order.
    pub nodes: Vec<Bytes>,
}

/// Why a range is not that of a root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The leaves are not in ascending order, or outside of the range.
    #[error("leaf {0} is out of place")]
    Order(B256),
    /// A leaf of the trie is missing from the range, or one is there that the trie does not have.
    #[error("the leaves below {0:?} are not those of the trie")]
    Leaves(Nibbles),
    /// A node on a border is missing or is none.
    #[error("the node at {0:?} is missing or malformed")]
    Node(Nibbles),
}

impl State {
    /// Accounts from keccak256(address) `start` on, until their keys and values have `bytes`, with a
    /// proof against [`State::root`]. At least one if there is one.
    ///
    /// # Errors
    ///
    /// As [`State::proof`].
    pub fn account_range(&self, start: &B256, bytes: usize) -> Result<RangeProof, StateError> {
        self.with_nodes(|state| range(&AccountTrie(state), state.root(), start, bytes))
    }

    /// Slots of an account from keccak256(slot) `start` on, with a proof against its storage root.
    ///
    /// # Errors
    ///
    /// As [`State::proof`].
    pub fn storage_range(
        &self,
        ah: &B256,
        start: &B256,
        bytes: usize,
    ) -> Result<RangeProof, StateError> {
        self.with_nodes(|state| {
            let account = state.account(ah)?;
            let root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
            range(&StorageTrie { state, ah: *ah }, root, start, bytes)
        })
    }
}

fn range<S: Source>(
    source: &S,
    root: B256,
    start: &B256,
    bytes: usize,
) -> Result<RangeProof, StateError> {
    let mut taken = Taken { leaves: Vec::new(), start: *start, bytes, full: false };
    if root != EMPTY_ROOT_HASH {
        take(source, &Nibbles::new(), &mut taken)?;
    }
    let end = match taken.leaves.last() {
        Some((last, _)) if taken.full => *last,
        _ => LAST,
    };
    let mut nodes = Vec::new();
    if *start != B256::ZERO {
        nodes.extend(walk(source, root, start)?);
    }
    if end != LAST {
        nodes.extend(walk(source, root, &end)?);
    }
    nodes.sort_unstable();
    nodes.dedup();
    Ok(RangeProof { leaves: taken.leaves, end, nodes })
}

/// Leaves collected so far.
struct Taken {
    leaves: Vec<(B256, Bytes)>,
    start: B256,
    bytes: usize,
    /// There are others behind them.
    full: bool,
}

impl Taken {
    fn leaf(&mut self, source: &impl Source, key: &B256) -> Result<(), StateError> {
        if *key < self.start {
            return Ok(());
        }
        if self.bytes == 0 && !self.leaves.is_empty() {
            self.full = true;
            return Ok(());
        }
        let value = source.value(key)?;
        self.bytes = self.bytes.saturating_sub(32 + value.len());
        self.leaves.push((*key, value.into()));
        Ok(())
    }
}

/// Takes leaves below a path, in order.
fn take(source: &impl Source, path: &Nibbles, taken: &mut Taken) -> Result<(), StateError> {
    let missing = StateError::Inconsistent("a trie node is missing");
    let row = source.row(path)?.ok_or(missing)?;
    let node = match &*row {
        Row::OnlyLeaf(key) => return taken.leaf(source, key),
        Row::Branch(node) => node,
    };
    let below = path.join(&node.extension);
    for (index, child) in node.iter() {
        if taken.full {
            return Ok(());
        }
        let path = join(&below, index);
        match &child.leaf {
            Some(key) => taken.leaf(source, key)?,
            None if path < path_of(&taken.start, 0, path.len()) => {}
            None => take(source, &path, taken)?,
        }
    }
    Ok(())
}

impl RangeProof {
    /// Checks that the leaves are exactly those of the trie with this root from `start` to
    /// [`RangeProof::end`].
    ///
    /// # Errors
    ///
    /// [`RangeError`] says where they are not.
    pub fn verify(&self, root: B256, start: &B256) -> Result<(), RangeError> {
        let mut before = None;
        for (key, _) in &self.leaves {
            if key < start || *key > self.end || before.is_some_and(|before| before >= *key) {
                return Err(RangeError::Order(*key));
            }
            before = Some(*key);
        }
        let top = Nibbles::new();
        if root == EMPTY_ROOT_HASH {
            return if self.leaves.is_empty() { Ok(()) } else { Err(RangeError::Leaves(top)) };
        }
        let nodes = self.nodes.iter().map(|node| (keccak256(node), node)).collect();
        let check = Check { nodes, start: *start, end: self.end };
        check.node(&RlpNode::word_rlp(&root), &top, &self.leaves)
    }
}

struct Check<'a> {
    nodes: B256Map<&'a Bytes>,
    start: B256,
    end: B256,
}

/// Where the keys below a path are.
enum Place {
    Inside,
    Outside,
    Border,
}

impl Check<'_> {
    fn place(&self, path: &Nibbles) -> Place {
        let (start, end) = (path_of(&self.start, 0, path.len()), path_of(&self.end, 0, path.len()));
        if *path < start || *path > end {
            return Place::Outside;
        }
        // The first and the last key below the path.
        let begins = *path > start || self.start[path.len() / 2..].iter().all(|byte| *byte == 0);
        let ends = *path < end || self.end[path.len() / 2..].iter().all(|byte| *byte == 0xff);
        if begins && ends { Place::Inside } else { Place::Border }
    }

    /// Checks what hangs at a path, given by its reference, against the leaves below that path.
    fn node(
        &self,
        reference: &RlpNode,
        path: &Nibbles,
        leaves: &[(B256, Bytes)],
    ) -> Result<(), RangeError> {
        let wrong = || RangeError::Leaves(*path);
        match self.place(path) {
            Place::Outside if leaves.is_empty() => Ok(()),
            Place::Outside => Err(wrong()),
            Place::Inside => {
                let built = build(leaves, path.len(), &mut Vec::new());
                if built.is_some_and(|(_, built)| *built == **reference) {
                    Ok(())
                } else {
                    Err(wrong())
                }
            }
            Place::Border => self.border(reference, path, leaves),
        }
    }

    /// A node partly inside the range: its content comes from the proof.
    fn border(
        &self,
        reference: &RlpNode,
        path: &Nibbles,
        leaves: &[(B256, Bytes)],
    ) -> Result<(), RangeError> {
        let malformed = || RangeError::Node(*path);
        let wrong = || RangeError::Leaves(*path);
        let bytes: &[u8] = match reference.as_hash() {
            Some(hash) => self.nodes.get(&hash).ok_or_else(malformed)?,
            None => reference,
        };
        let mut rest = bytes;
        let node = TrieNode::decode(&mut rest).map_err(|_| malformed())?;
        if !rest.is_empty() {
            return Err(malformed());
        }
        let longer = |by: &Nibbles| {
            let longer = path.join(by);
            if longer.len() > KEY_NIBBLES { Err(malformed()) } else { Ok(longer) }
        };
        match node {
            TrieNode::EmptyRoot => Err(malformed()),
            TrieNode::Leaf(leaf) => {
                let key = longer(&leaf.key)?;
                if key.len() != KEY_NIBBLES {
                    return Err(malformed());
                }
                let key = B256::from_slice(&key.pack());
                let inside = self.start <= key && key <= self.end;
                match leaves {
                    [] if !inside => Ok(()),
                    [(own, value)] if *own == key && **value == *leaf.value => Ok(()),
                    _ => Err(wrong()),
                }
            }
            TrieNode::Extension(extension) => {
                let below = longer(&extension.key)?;
                if extension.key.is_empty() || below.len() == KEY_NIBBLES {
                    return Err(malformed());
                }
                let within = |(key, _): &(B256, Bytes)| path_of(key, 0, below.len()) == below;
                if !leaves.iter().all(within) {
                    return Err(wrong());
                }
                self.node(&extension.child, &below, leaves)
            }
            TrieNode::Branch(branch) => {
                if path.len() == KEY_NIBBLES {
                    return Err(malformed());
                }
                let mut children = branch.stack.iter();
                let mut rest = leaves;
                for index in 0..16 {
                    let own = rest.partition_point(|(key, _)| nibble(key, path.len()) <= index);
                    let (own, others) = rest.split_at(own);
                    rest = others;
                    let child = branch.state_mask.is_bit_set(index).then(|| children.next());
                    match child {
                        Some(child) => {
                            self.node(child.ok_or_else(malformed)?, &join(path, index), own)?;
                        }
                        None if own.is_empty() => {}
                        None => return Err(RangeError::Leaves(join(path, index))),
                    }
                }
                Ok(())
            }
        }
    }
}

/// The subtree of some leaves that share `depth` nibbles, by its reference at that depth; and the
/// leaf if there is only one. Nothing for no leaves.
fn build(
    leaves: &[(B256, Bytes)],
    depth: usize,
    buffer: &mut Vec<u8>,
) -> Option<(Option<B256>, Reference)> {
    let ((first, value), (last, _)) = (leaves.first()?, leaves.last()?);
    if leaves.len() == 1 {
        node::encode_leaf(first, depth, value, buffer);
        return Some((Some(*first), Reference::of(buffer)));
    }
    let fork = common_nibbles(first, last);
    let mut branch =
        Node { extension: path_of(first, depth, fork), mask: 0, children: Box::new([]) };
    let mut children = Vec::new();
    let mut rest = leaves;
    while let Some((key, _)) = rest.first() {
        let index = nibble(key, fork);
        let own = rest.partition_point(|(key, _)| nibble(key, fork) <= index);
        let (own, others) = rest.split_at(own);
        rest = others;
        let (leaf, rlp) = build(own, fork + 1, buffer)?;
        branch.mask |= 1 << index;
        children.push(Child { rlp, leaf });
    }
    branch.children = children.into();
    Some((None, branch.reference(buffer)))
}
