//! Changes a trie: many keys at once, touching only the nodes on their paths.
//!
//! The changes, sorted by key, are split by nibble on the way down. A subtree comes back as a [`Sub`]:
//! not yet placed, since its parent may dissolve when all its other children are gone, and an extension
//! or a leaf then grows upwards. What a parent keeps it places. When the shape is known, all that was
//! placed is hashed from the leaves up, one height after the other, many nodes at once.

use std::{ops::Range, sync::Arc};

use alloy_primitives::{B256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use rayon::prelude::*;

use crate::{
    error::StateError,
    keccak::keccak256_each,
    node::{self, Child, KEY_NIBBLES, Node, Reference, Row, common_nibbles, join, nibble, path_of},
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

/// A subtree before the changes.
#[derive(Debug)]
enum Slot {
    Empty,
    /// A leaf, and its reference if it still hangs at the depth the reference is for.
    Leaf(B256, Option<Reference>),
    /// A node with a row.
    Stored(Reference),
    /// A node that has lost its row because an extension was cut.
    Cut(Box<Node>),
}

/// The children of a branch before the changes.
enum Before<'n> {
    /// There was no branch.
    Nothing,
    /// There was no branch either: what is to be its child had the place alone.
    Alone(u8, Slot),
    Branch(&'n Node),
}

/// A subtree after the changes.
#[derive(Debug)]
enum Sub<'a> {
    Empty,
    Leaf(B256, LeafValue<'a>),
    Branch(Draft),
    /// A node as it was, with its row in place.
    Stored(Reference),
}

/// What is known of a leaf's value.
#[derive(Debug)]
enum LeafValue<'a> {
    /// Its RLP.
    New(&'a [u8]),
    /// Nothing changed, not even the depth: the reference is still right.
    Kept(Reference),
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
            Row::OnlyLeaf(key) => Slot::Leaf(*key, Some(Reference::hash(&root))),
            Row::Branch(_) => Slot::Stored(Reference::hash(&root)),
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
    let sub = branch(source, &path.join(&extension), Before::Nothing, changes, work)?;
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
    let before = Before::Alone(nibble(&key, depth), Slot::Leaf(key, None));
    let sub = branch(source, &path.join(&extension), before, changes, work)?;
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
        let sub = branch(source, &path.join(extension), Before::Branch(node), changes, work)?;
        return Ok(sub.under(extension));
    }
    let head = extension.slice(..depth);
    let lower = Node {
        extension: extension.slice(depth + 1..),
        mask: node.mask,
        children: node.children.clone(),
    };
    let before = Before::Alone(extension.get_unchecked(depth), Slot::Cut(Box::new(lower)));
    Ok(branch(source, &path.join(&head), before, changes, work)?.under(&head))
}

/// Works on the children of a branch at `path`, all of whose changes lie below `path`.
fn branch<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    mut before: Before<'_>,
    changes: &[Change<'a>],
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let index_of = |change: &Change<'_>| nibble(&change.key, path.len());
    let parts = changes.chunk_by(|a, b| index_of(a) == index_of(b));
    let jobs = parts.map(|own| {
        let index = own.first().map(index_of).unwrap_or_default(); // No part is empty.
        (index, before.take(index), own)
    });
    let subs: Vec<(u8, Sub<'a>)> = if changes.len() >= PARALLEL {
        let jobs: Vec<_> = jobs.collect();
        let done: Vec<_> = jobs
            .into_par_iter()
            .with_max_len(1)
            .map(|(index, slot, own)| {
                let mut work = Work::default();
                let mut sub = visit(source, &join(path, index), slot, own, &mut work)?;
                work.finish(&mut sub);
                Ok::<_, StateError>(((index, sub), work.delta))
            })
            .collect::<Result<_, _>>()?;
        let (subs, deltas): (_, Vec<Delta>) = done.into_iter().unzip();
        work.delta.extend(deltas.into_iter().flatten());
        subs
    } else {
        jobs.map(|(index, slot, own)| {
            Ok((index, visit(source, &join(path, index), slot, own, work)?))
        })
        .collect::<Result<_, StateError>>()?
    };
    if let Before::Branch(node) = before
        && subs.iter().all(|(index, sub)| node.child(*index).is_some() && !sub.is_empty())
    {
        return replace(source, path, node, subs, work);
    }
    settle(source, path, before, subs, work)
}

impl Before<'_> {
    /// The child at `index`.
    fn take(&mut self, index: u8) -> Slot {
        match self {
            Self::Alone(at, slot) if *at == index => std::mem::replace(slot, Slot::Empty),
            Self::Nothing | Self::Alone(..) => Slot::Empty,
            Self::Branch(node) => match node.child(index) {
                None => Slot::Empty,
                Some(Child { rlp, leaf: Some(key) }) => Slot::Leaf(*key, Some(*rlp)),
                Some(Child { rlp, leaf: None }) => Slot::Stored(*rlp),
            },
        }
    }
}

/// A branch whose children are as many as before: by far the most frequent case.
fn replace<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    before: &Node,
    subs: Vec<(u8, Sub<'a>)>,
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let (mask, children) = (before.mask, before.children.clone());
    let node = Node { extension: Nibbles::new(), mask, children };
    let mut draft = Draft { node, open: Vec::with_capacity(subs.len()), height: 1 };
    for (index, sub) in subs {
        let at = node::count(mask & ((1 << index) - 1));
        draft.node.children[at] = draft.place(source, &join(path, index), at, sub, work)?;
    }
    Ok(Sub::Branch(draft))
}

/// Makes a branch at `path` of its children as they were, and what became of some of them.
fn settle<'a, S: Source>(
    source: &S,
    path: &Nibbles,
    mut before: Before<'_>,
    changed: Vec<(u8, Sub<'a>)>,
    work: &mut Work,
) -> Result<Sub<'a>, StateError> {
    let mut changed = changed.into_iter().peekable();
    let mut subs = Vec::with_capacity(16);
    for index in 0..16 {
        let sub = match changed.next_if(|(at, _)| *at == index) {
            Some((_, sub)) => sub,
            None => visit(source, &join(path, index), before.take(index), &[], work)?,
        };
        if !sub.is_empty() {
            subs.push((index, sub));
        }
    }
    if subs.len() < 2 {
        let Some((index, last)) = subs.pop() else { return Ok(Sub::Empty) };
        return dissolve(source, path, index, last, work);
    }
    let node = Node { extension: Nibbles::new(), mask: 0, children: Box::default() };
    let mut draft = Draft { node, open: Vec::new(), height: 1 };
    let mut children = Vec::with_capacity(subs.len());
    for (index, sub) in subs {
        draft.node.mask |= 1 << index;
        children.push(draft.place(source, &join(path, index), children.len(), sub, work)?);
    }
    draft.node.children = children.into();
    Ok(Sub::Branch(draft))
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
            if let Some(rlp) = Reference::inline(&work.buffer) {
                return Ok((Child { rlp, leaf }, None));
            }
            let start = work.leaves.len();
            work.leaves.extend_from_slice(&work.buffer);
            Ok(work.add(leaf, Placed::Leaf(start..work.leaves.len())))
        }
        Sub::Branch(draft) => Ok(work.add(None, Placed::Branch(*path, draft))),
    }
}

impl Work {
    fn add(&mut self, leaf: Option<B256>, placed: Placed) -> (Child, Option<usize>) {
        self.placed.push(placed);
        (Child { rlp: Reference::NONE, leaf }, Some(self.placed.len() - 1))
    }

    /// Computes all references, those of the children of `top` among them, and writes the rows.
    fn finish(&mut self, top: &mut Sub<'_>) {
        let mut references = vec![Reference::NONE; self.placed.len()];
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
    fn level(&mut self, numbers: &[usize], references: &mut [Reference]) {
        let Self { buffer, leaves, placed, .. } = self;
        let (mut branches, mut long) = (Vec::new(), Batch::default());
        for &number in numbers {
            match &mut placed[number] {
                Placed::Leaf(range) => long.push(number, &leaves[range.clone()]),
                Placed::Branch(_, draft) => {
                    draft.close(references);
                    draft.node.encode_branch(buffer);
                    match Reference::inline(buffer) {
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
            match Reference::inline(buffer) {
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
    fn hash(&mut self, references: &mut [Reference]) {
        let slices = self.nodes.iter().scan(0, |start, (_, end)| {
            let slice = &self.bytes[*start..*end];
            *start = *end;
            Some(slice)
        });
        let hashes = keccak256_each(&slices.collect::<Vec<_>>());
        for ((number, _), hash) in self.nodes.drain(..).zip(hashes) {
            references[number] = Reference::hash(&hash);
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
    /// Places a subtree as the child number `at`.
    fn place<S: Source>(
        &mut self,
        source: &S,
        path: &Nibbles,
        at: usize,
        sub: Sub<'_>,
        work: &mut Work,
    ) -> Result<Child, StateError> {
        let (child, lacks) = place(source, path, sub, work)?;
        if let Some(number) = lacks {
            self.open.push((at, number));
            self.height = self.height.max(work.placed[number].height() + 1);
        }
        Ok(child)
    }

    /// A branch that lacks nothing.
    fn complete(node: Node) -> Self {
        Self { node, open: Vec::new(), height: 1 }
    }

    /// Gives the children their references.
    fn close(&mut self, references: &[Reference]) {
        for (index, number) in self.open.drain(..) {
            self.node.children[index].rlp = references[number];
        }
    }
}

impl Sub<'_> {
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

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
