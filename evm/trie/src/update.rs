//! Changes a trie: many keys at once, touching only the nodes on their paths.
//!
//! The changes, sorted by key, are split by nibble on the way down. A subtree comes back as a [`Sub`]:
//! not yet placed, since its parent may dissolve when all its other children are gone, and an extension
//! or a leaf then grows upwards. What a parent keeps it places. When the shape is known, all that was
//! placed is hashed from the leaves up, one height after the other, many nodes at once.

use std::{ops::Range, sync::Arc};

use alloy_primitives::{B256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};
use rayon::prelude::*;

use crate::{
    error::StateError,
    keccak::keccak256_each,
    node::{self, Child, KEY_NIBBLES, Node, Row, common_nibbles, join, nibble, path_of},
};

/// From this many changes on, the children of a branch are worked on in parallel, each on its own. Few
/// and large parts: what is hashed at once is of one part.
const PARALLEL: usize = 512;

/// The trie as it was.
pub(crate) trait Source: Sync {
    /// The row under a path.
    fn row(&self, path: &Nibbles) -> Result<Option<Arc<Row>>, StateError>;
    /// RLP of the value of a leaf that exists.
    fn value(&self, key: &B256) -> Result<Vec<u8>, StateError>;
}

/// A key with its new value's RLP, or `None` to delete it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) key: B256,
    pub(crate) value: Option<&'a [u8]>,
}

/// Rows written and removed, in order: of two for one path the later counts.
pub(crate) type Delta = Vec<(Nibbles, Option<Arc<Row>>)>;

/// What one thread works with.
#[derive(Default)]
struct Work {
    delta: Delta,
    /// Where a node is encoded.
    buffer: Vec<u8>,
    /// RLP of leaves, one after the other.
    leaves: Vec<u8>,
    /// Subtrees in their places that have no reference yet.
    placed: Vec<Placed>,
}

/// A subtree in its place, without a reference yet.
#[derive(Debug)]
enum Placed {
    /// Where its RLP is in [`Work::leaves`]: 32 bytes at least.
    Leaf(Range<usize>),
    /// A branch, and the path of its row.
    Branch(Nibbles, Draft),
}

/// A branch, and the extension above it, of which some children may still lack their references.
#[derive(Debug)]
struct Draft {
    node: Node,
    /// Which children do: index among the children, and index in [`Work::placed`].
    open: Vec<(usize, usize)>,
    /// More than that of all children that lack theirs; a leaf has 0.
    height: usize,
}

/// Where a subtree hangs before the changes.
#[derive(Clone, Debug)]
enum Slot {
    Empty,
    /// A leaf, and its reference if it still hangs at the depth the reference is for.
    Leaf(B256, Option<RlpNode>),
    /// A node with a row.
    Stored(RlpNode),
    /// A node that has lost its row because an extension was cut.
    Cut(Box<Node>),
}

/// A subtree after the changes.
#[derive(Debug)]
enum Sub<'a> {
    Empty,
    Leaf(B256, LeafValue<'a>),
    Branch(Draft),
    /// A node as it was, with its row in place.
    Stored(RlpNode),
}

/// What is known of a leaf's value.
#[derive(Debug)]
enum LeafValue<'a> {
    /// Its RLP.
    New(&'a [u8]),
    /// Nothing changed, not even the depth: the reference is still right.
    Kept(RlpNode),
    /// The value is the old one, but the depth is not.
    Moved,
}

/// Applies sorted changes, without duplicates, to the trie with root hash `root`.
///
/// Returns the new root and the rows changed.
pub(crate) fn update<S: Source>(
    source: &S,
    root: B256,
    changes: &[Change<'_>],
) -> Result<(B256, Delta), StateError> {
    let mut work = Work::default();
    if changes.is_empty() {
        return Ok((root, work.delta));
    }
    let top = Nibbles::new();
    let slot = if root == EMPTY_ROOT_HASH {
        Slot::Empty
    } else {
        match &*load(source, &top)? {
            Row::OnlyLeaf(key) => Slot::Leaf(*key, Some(RlpNode::word_rlp(&root))),
            Row::Branch(_) => Slot::Stored(RlpNode::word_rlp(&root)),
        }
    };
    let mut sub = visit(source, &top, slot, changes, &mut work)?;
    work.finish(&mut sub);
    let Work { mut delta, mut buffer, .. } = work;
    let root = match sub {
        Sub::Empty => {
            delta.push((top, None));
            EMPTY_ROOT_HASH
        }
        Sub::Leaf(key, value) => {
            delta.push((top, Some(Arc::new(Row::OnlyLeaf(key)))));
            match value {
                LeafValue::New(value) => node::only_leaf_root(&key, value, &mut buffer),
                LeafValue::Kept(_) => root,
                LeafValue::Moved => node::only_leaf_root(&key, &source.value(&key)?, &mut buffer),
            }
        }
        Sub::Branch(Draft { node, .. }) => {
            node.encode_top(&mut buffer);
            delta.push((top, Some(Arc::new(Row::Branch(node)))));
            keccak256(&buffer)
        }
        Sub::Stored(_) => root,
    };
    Ok((root, delta))
}

fn load<S: Source>(source: &S, path: &Nibbles) -> Result<Arc<Row>, StateError> {
    source.row(path)?.ok_or(StateError::Inconsistent("a trie node is missing"))
}

fn visit<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    slot: Slot,
    changes: &[Change<'a>],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    if changes.is_empty() {
        return Ok(match slot {
            Slot::Empty => Sub::Empty,
            Slot::Leaf(key, Some(rlp)) => Sub::Leaf(key, LeafValue::Kept(rlp)),
            Slot::Leaf(key, None) => Sub::Leaf(key, LeafValue::Moved),
            Slot::Stored(rlp) => Sub::Stored(rlp),
            Slot::Cut(node) => Sub::Branch(Draft::complete(*node)),
        });
    }
    match slot {
        Slot::Empty => visit_empty(source, path, changes, work),
        Slot::Leaf(key, _) => visit_leaf(source, path, key, changes, work),
        Slot::Cut(node) => visit_node(source, path, &node, changes, work),
        Slot::Stored(_) => {
            let row = load(source, path)?;
            let Row::Branch(node) = &*row else {
                return Err(StateError::Inconsistent("a lone leaf inside a trie"));
            };
            work.delta.push((*path, None)); // Whoever places a node here writes it again.
            visit_node(source, path, node, changes, work)
        }
    }
}

fn visit_empty<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    changes: &[Change<'a>],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
        return Ok(Sub::Empty);
    };
    if first.key == last.key {
        let value = first.value.ok_or(StateError::Inconsistent("deleting an absent key"))?;
        return Ok(Sub::Leaf(first.key, LeafValue::New(value)));
    }
    let depth = common_nibbles(&first.key, &last.key);
    let extension = path_of(&first.key, path.len(), depth);
    let sub = branch(source, &path.join(&extension), &mut empty_slots(), changes, work)?;
    Ok(sub.under(&extension))
}

fn visit_leaf<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    key: B256,
    changes: &[Change<'a>],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    if let Ok(index) = changes.binary_search_by(|change| change.key.cmp(&key)) {
        if changes[index].value.is_some() {
            return visit_empty(source, path, changes, work); // As good as new.
        }
        let mut others = changes.to_vec();
        others.remove(index);
        return visit_empty(source, path, &others, work);
    }
    // Others come to where the leaf was alone: a branch where the first of them leaves its path.
    let depth = changes.iter().map(|change| common_nibbles(&change.key, &key)).min();
    let depth = depth.unwrap_or(KEY_NIBBLES);
    let extension = path_of(&key, path.len(), depth);
    let mut slots = empty_slots();
    slots[usize::from(nibble(&key, depth))] = Slot::Leaf(key, None);
    let sub = branch(source, &path.join(&extension), &mut slots, changes, work)?;
    Ok(sub.under(&extension))
}

fn visit_node<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    node: &Node,
    changes: &[Change<'a>],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let extension = &node.extension;
    let shared = |key: &B256| {
        path_of(key, path.len(), path.len() + extension.len()).common_prefix_length(extension)
    };
    // Sorted keys: those that share least with the extension are at the ends.
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
        return Err(StateError::Inconsistent("a node visited without changes"));
    };
    let depth = if extension.is_empty() { 0 } else { shared(&first.key).min(shared(&last.key)) };
    if depth == extension.len() {
        let mut slots = empty_slots();
        for (index, child) in node.iter() {
            slots[usize::from(index)] = match child.leaf {
                Some(key) => Slot::Leaf(key, Some(child.rlp.clone())),
                None => Slot::Stored(child.rlp.clone()),
            };
        }
        let sub = branch(source, &path.join(extension), &mut slots, changes, work)?;
        return Ok(sub.under(extension));
    }
    let head = extension.slice(..depth);
    let lower = Node {
        extension: extension.slice(depth + 1..),
        mask: node.mask,
        children: node.children.clone(),
    };
    let mut slots = empty_slots();
    slots[usize::from(extension.get_unchecked(depth))] = Slot::Cut(Box::new(lower));
    Ok(branch(source, &path.join(&head), &mut slots, changes, work)?.under(&head))
}

fn empty_slots() -> [Slot; 16] {
    [const { Slot::Empty }; 16]
}

/// Works on the children of a branch at `path`, all of whose changes lie below `path`.
fn branch<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    slots: &mut [Slot; 16],
    changes: &[Change<'a>],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let depth = path.len();
    let mut rest = changes;
    let mut subs = [const { Sub::Empty }; 16];
    let jobs = (0..16_u8).zip(slots).zip(&mut subs).filter_map(|((index, slot), sub)| {
        let count = match rest.first() {
            Some(first) if nibble(&first.key, depth) == index => {
                rest.partition_point(|change| nibble(&change.key, depth) == index)
            }
            _ => 0,
        };
        let (own, tail) = rest.split_at(count);
        rest = tail;
        match (std::mem::replace(slot, Slot::Empty), own) {
            (Slot::Empty, []) => None,
            (slot, own) => Some((index, slot, own, sub)),
        }
    });
    if changes.len() >= PARALLEL {
        let jobs: Vec<_> = jobs.collect();
        let parts: Vec<Delta> = jobs
            .into_par_iter()
            .with_max_len(1)
            .map(|(index, slot, own, sub)| {
                let mut work = Work::default();
                *sub = visit(source, &join(path, index), slot, own, &mut work)?;
                work.finish(sub);
                Ok::<_, StateError>(work.delta)
            })
            .collect::<Result<_, _>>()?;
        work.delta.extend(parts.into_iter().flatten());
    } else {
        for (index, slot, own, sub) in jobs {
            *sub = visit(source, &join(path, index), slot, own, work)?;
        }
    }
    settle(source, path, subs, work)
}

/// Makes a branch at `path` of what became of its children.
fn settle<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    mut subs: [Sub<'a>; 16],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let there = |(index, sub): (u8, &Sub<'_>)| match sub {
        Sub::Empty => 0,
        _ => 1_u16 << index,
    };
    let mask = (0..16_u8).zip(&subs).map(there).fold(0, |mask, bit| mask | bit);
    if mask.count_ones() < 2 {
        let Some(index) = node::nibbles_of(mask).next() else { return Ok(Sub::Empty) };
        let last = std::mem::replace(&mut subs[usize::from(index)], Sub::Empty);
        return dissolve(source, path, index, last, work);
    }
    let mut children = Vec::with_capacity(node::count(mask));
    let (mut open, mut height) = (Vec::new(), 1);
    for (index, sub) in (0..16_u8).zip(subs) {
        if matches!(sub, Sub::Empty) {
            continue;
        }
        let (child, lacks) = place(source, &join(path, index), sub, work)?;
        if let Some(number) = lacks {
            open.push((children.len(), number));
            height = height.max(work.placed[number].height() + 1);
        }
        children.push(child);
    }
    let node = Node { extension: Nibbles::new(), mask, children: children.into() };
    Ok(Sub::Branch(Draft { node, open, height }))
}

/// A branch at `path` has one child left, at `index`: the child takes its place.
fn dissolve<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    index: u8,
    child: Sub<'a>,
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let step = Nibbles::from_nibbles([index]);
    match child {
        Sub::Leaf(key, LeafValue::Kept(_)) => Ok(Sub::Leaf(key, LeafValue::Moved)),
        Sub::Stored(_) => {
            let path = join(path, index);
            let Row::Branch(node) = (*load(source, &path)?).clone() else {
                return Err(StateError::Inconsistent("a lone leaf inside a trie"));
            };
            work.delta.push((path, None));
            Ok(Sub::Branch(Draft::complete(node)).under(&step))
        }
        sub => Ok(sub.under(&step)),
    }
}

/// Gives a subtree its place at `path`. What has no reference yet is added to [`Work::placed`]; its
/// index there is returned.
fn place<S: Source>(
    source: &S,
    path: &Nibbles,
    sub: Sub<'_>,
    work: &mut Work,
) -> Result<(Child, Option<usize>), StateError> {
    match sub {
        Sub::Empty => Err(StateError::Inconsistent("an empty child placed")),
        Sub::Stored(rlp) => Ok((Child { rlp, leaf: None }, None)),
        Sub::Leaf(key, value) => {
            let leaf = Some(key);
            match value {
                LeafValue::Kept(rlp) => return Ok((Child { rlp, leaf }, None)),
                LeafValue::New(value) => {
                    node::encode_leaf(&key, path.len(), value, &mut work.buffer);
                }
                LeafValue::Moved => {
                    let value = source.value(&key)?;
                    node::encode_leaf(&key, path.len(), &value, &mut work.buffer);
                }
            }
            if let Some(rlp) = inline(&work.buffer) {
                return Ok((Child { rlp, leaf }, None));
            }
            let start = work.leaves.len();
            work.leaves.extend_from_slice(&work.buffer);
            Ok(work.add(leaf, Placed::Leaf(start..work.leaves.len())))
        }
        Sub::Branch(draft) => Ok(work.add(None, Placed::Branch(*path, draft))),
    }
}

/// The reference of a node short enough to be its own.
fn inline(encoded: &[u8]) -> Option<RlpNode> {
    if encoded.len() < B256::len_bytes() { RlpNode::from_raw(encoded) } else { None }
}

impl Work {
    fn add(&mut self, leaf: Option<B256>, placed: Placed) -> (Child, Option<usize>) {
        self.placed.push(placed);
        (Child { rlp: RlpNode::default(), leaf }, Some(self.placed.len() - 1))
    }

    /// Computes all references, those of the children of `top` among them, and writes the rows.
    fn finish(&mut self, top: &mut Sub<'_>) {
        let mut references = vec![RlpNode::default(); self.placed.len()];
        let mut order: Vec<usize> = (0..self.placed.len()).collect();
        order.sort_by_key(|number| self.placed[*number].height());
        let mut rest = order.as_slice();
        while let Some(lowest) = rest.first().map(|number| self.placed[*number].height()) {
            let own = rest.partition_point(|number| self.placed[*number].height() == lowest);
            let (level, higher) = rest.split_at(own);
            self.level(level, &mut references);
            rest = higher;
        }
        if let Sub::Branch(draft) = top {
            draft.close(&references);
        }
        for placed in self.placed.drain(..) {
            if let Placed::Branch(path, Draft { node, .. }) = placed {
                self.delta.push((path, Some(Arc::new(Row::Branch(node)))));
            }
        }
        self.leaves.clear();
    }

    /// Computes the references of what has one height, when those below are known.
    fn level(&mut self, numbers: &[usize], references: &mut [RlpNode]) {
        let Self { buffer, leaves, placed, .. } = self;
        let (mut branches, mut long) = (Vec::new(), Batch::default());
        for &number in numbers {
            match &mut placed[number] {
                Placed::Leaf(range) => long.push(number, &leaves[range.clone()]),
                Placed::Branch(_, draft) => {
                    draft.close(references);
                    draft.node.encode_branch(buffer);
                    match inline(buffer) {
                        Some(rlp) => references[number] = rlp,
                        None => long.push(number, buffer),
                    }
                    if !draft.node.extension.is_empty() {
                        branches.push(number);
                    }
                }
            }
        }
        long.hash(references);
        for number in branches {
            let Placed::Branch(_, draft) = &placed[number] else { continue };
            node::encode_extension(&draft.node.extension, &references[number], buffer);
            match inline(buffer) {
                Some(rlp) => references[number] = rlp,
                None => long.push(number, buffer),
            }
        }
        long.hash(references);
    }
}

/// Nodes to hash at once.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Index in [`Work::placed`], and where the node ends in `bytes`.
    nodes: Vec<(usize, usize)>,
}

impl Batch {
    fn push(&mut self, number: usize, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
        self.nodes.push((number, self.bytes.len()));
    }

    /// Writes the references, and is empty again.
    fn hash(&mut self, references: &mut [RlpNode]) {
        let slices = self.nodes.iter().scan(0, |start, (_, end)| {
            let slice = &self.bytes[*start..*end];
            *start = *end;
            Some(slice)
        });
        let hashes = keccak256_each(&slices.collect::<Vec<_>>());
        for ((number, _), hash) in self.nodes.drain(..).zip(hashes) {
            references[number] = RlpNode::word_rlp(&hash);
        }
        self.bytes.clear();
    }
}

impl Placed {
    fn height(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::Branch(_, draft) => draft.height,
        }
    }
}

impl Draft {
    /// A branch that lacks nothing.
    fn complete(node: Node) -> Self {
        Self { node, open: Vec::new(), height: 1 }
    }

    /// Gives the children their references.
    fn close(&mut self, references: &[RlpNode]) {
        for (index, number) in self.open.drain(..) {
            self.node.children[index].rlp = references[number].clone();
        }
    }
}

impl Sub<'_> {
    /// The same subtree, seen from `prefix` further up.
    fn under(self, prefix: &Nibbles) -> Self {
        match self {
            Self::Branch(draft) if !prefix.is_empty() => {
                let extension = prefix.join(&draft.node.extension);
                Self::Branch(Draft { node: Node { extension, ..draft.node }, ..draft })
            }
            sub => sub,
        }
    }
}
