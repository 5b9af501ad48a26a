//! Trie nodes: how they are kept, written and hashed.
//!
//! A [`Row`] is a branch together with the extension above it, if any, and sits in the store under
//! the path where the extension begins. A child is known by its RLP reference (hash, or the node
//! itself if shorter than 32 bytes); a child that is a leaf also by its full key, so leaves have no
//! rows and their values are only in the flat state.

use alloy_primitives::{B256, hex, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::Nibbles;
use qenex_store::tables::RowError;

/// Nibbles in a key.
pub(crate) const KEY_NIBBLES: usize = 64;

/// How a node refers to a child: the RLP of the child's hash, or the child's own RLP if that is shorter than
/// a hash. Copied a lot: a branch is copied whenever a child changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Of `bytes`; the others are zero.
    length: u8,
    bytes: [u8; 33],
}

impl Reference {
    /// To a node that is not known yet.
    pub(crate) const NONE: Self = Self { length: 0, bytes: [0; 33] };

    /// To the node with this RLP.
    pub(crate) fn of(encoded: &[u8]) -> Self {
        Self::inline(encoded).unwrap_or_else(|| Self::hash(&keccak256(encoded)))
    }

    /// To the node with this hash.
    pub(crate) fn hash(hash: &B256) -> Self {
        let mut bytes = [EMPTY_STRING_CODE + 32; 33];
        bytes[1..].copy_from_slice(hash.as_slice());
        Self { length: 33, bytes }
    }

    /// To the node with this RLP, if it is short enough to stand for itself.
    pub(crate) fn inline(encoded: &[u8]) -> Option<Self> {
        let length = u8::try_from(encoded.len()).ok().filter(|length| *length < 32)?;
        let mut bytes = [0; 33];
        bytes[..encoded.len()].copy_from_slice(encoded);
        Some(Self { length, bytes })
    }
}

impl std::ops::Deref for Reference {
    type Target = [u8];

    /// Its RLP.
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", hex::encode(&**self))
    }
}

/// A child of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// The reference the branch holds.
    pub(crate) rlp: Reference,
    /// The full key if the child is a leaf, otherwise the child has a row of its own.
    pub(crate) leaf: Option<B256>,
}

/// A branch and the extension above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Nibbles between the row's path and the branch; empty for a plain branch.
    pub(crate) extension: Nibbles,
    /// Bit `i` is set if child `i` exists.
    pub(crate) mask: u16,
    /// The children that exist, in order. Invariant: as many as `mask` has bits, at least two.
    pub(crate) children: Box<[Child]>,
}

/// What the store holds under a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A branch.
    Branch(Node),
    /// The only leaf of a trie; under the empty path.
    OnlyLeaf(B256),
}

const KIND_BRANCH: u8 = 1;
const KIND_ONLY_LEAF: u8 = 2;

/// Nibble `index` of a key.
pub(crate) fn nibble(key: &B256, index: usize) -> u8 {
    let byte = key[index / 2];
    if index.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
}

/// How many leading nibbles two keys share.
pub(crate) fn common_nibbles(a: &B256, b: &B256) -> usize {
    match a.iter().zip(b.iter()).position(|(a, b)| a != b) {
        Some(byte) if a[byte] >> 4 == b[byte] >> 4 => 2 * byte + 1,
        Some(byte) => 2 * byte,
        None => KEY_NIBBLES,
    }
}

/// Nibbles `from..to` of a key.
pub(crate) fn path_of(key: &B256, from: usize, to: usize) -> Nibbles {
    Nibbles::unpack_array(&key.0).slice(from..to)
}

/// `path` and one nibble more.
pub(crate) fn join(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut longer = *path;
    longer.push(nibble);
    longer
}

impl Node {
    /// The child at `nibble`, if there is one.
    pub(crate) fn child(&self, nibble: u8) -> Option<&Child> {
        let bit = 1_u16 << nibble;
        if self.mask & bit == 0 {
            return None;
        }
        let before = (self.mask & (bit - 1)).count_ones();
        usize::try_from(before).ok().and_then(|index| self.children.get(index))
    }

    /// All children with their nibbles, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Child)> {
        nibbles_of(self.mask).zip(self.children.iter())
    }

    /// Writes the RLP of the branch, without its extension, over `out`.
    pub(crate) fn encode_branch(&self, out: &mut Vec<u8>) {
        out.clear();
        let present: usize = self.children.iter().map(|child| child.rlp.len()).sum();
        let payload_length = present + (16 - self.children.len()) + 1;
        Header { list: true, payload_length }.encode(out);
        let mut children = self.children.iter();
        for index in 0..16_u8 {
            match if self.mask & (1 << index) == 0 { None } else { children.next() } {
                Some(child) => out.extend_from_slice(&child.rlp),
                None => out.push(EMPTY_STRING_CODE),
            }
        }
        out.push(EMPTY_STRING_CODE); // No key ends at a branch: all have 64 nibbles.
    }

    /// Writes the RLP of the outermost node (the extension if there is one) over `out`.
    pub(crate) fn encode_top(&self, out: &mut Vec<u8>) {
        self.encode_branch(out);
        if !self.extension.is_empty() {
            let branch = Reference::of(out);
            encode_extension(&self.extension, &branch, out);
        }
    }

    /// The reference by which a parent knows this row.
    pub(crate) fn reference(&self, buffer: &mut Vec<u8>) -> Reference {
        self.encode_top(buffer);
        Reference::of(buffer)
    }

    /// Bytes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.children.len() * size_of::<Child>()
    }
}

/// The nibbles whose bit is set, in order.
pub(crate) fn nibbles_of(mask: u16) -> impl Iterator<Item = u8> {
    (0..16_u8).filter(move |index| mask & (1 << index) != 0)
}

/// How many children a mask stands for.
pub(crate) fn count(mask: u16) -> usize {
    usize::try_from(mask.count_ones()).unwrap_or_default() // At most 16.
}

/// Writes the RLP of an extension over `out`.
pub(crate) fn encode_extension(path: &Nibbles, child: &Reference, out: &mut Vec<u8>) {
    let mut compact = [0_u8; 33];
    let length = path.len() / 2 + 1;
    let odd = path.len() % 2;
    let nibble = |index: usize| path.get(index).unwrap_or_default();
    compact[0] = if odd == 1 { 0x10 | nibble(0) } else { 0 };
    for (index, byte) in compact[1..length].iter_mut().enumerate() {
        let at = odd + 2 * index;
        *byte = (nibble(at) << 4) | nibble(at + 1);
    }
    let compact = &compact[..length];
    out.clear();
    Header { list: true, payload_length: compact.length() + child.len() }.encode(out);
    compact.encode(out);
    out.extend_from_slice(child);
}

/// Writes the RLP of the leaf of `key` at `depth` over `out`; `value` is the RLP of the value.
pub(crate) fn encode_leaf(key: &B256, depth: usize, value: &[u8], out: &mut Vec<u8>) {
    let mut compact = [0_u8; 33];
    let rest = &key[depth.div_ceil(2)..];
    compact[0] = if depth.is_multiple_of(2) { 0x20 } else { 0x30 | nibble(key, depth) };
    compact[1..=rest.len()].copy_from_slice(rest);
    let compact = &compact[..=rest.len()];
    out.clear();
    Header { list: true, payload_length: compact.length() + value.length() }.encode(out);
    compact.encode(out);
    value.encode(out);
}

/// Hash of a trie with one leaf.
pub(crate) fn only_leaf_root(key: &B256, value: &[u8], buffer: &mut Vec<u8>) -> B256 {
    encode_leaf(key, 0, value, buffer);
    keccak256(buffer)
}

impl Row {
    /// The row as stored under `path`.
    ///
    /// Branch: kind (1), number of nibbles of the extension (1), the extension packed, mask of
    /// children (2), mask of leaves (2), then per child: length of the reference (1; 32 means a
    /// hash, less the node itself), the reference, and for a leaf the bytes of its key from the one
    /// with its first unknown nibble on. The only leaf: kind (1), key (32).
    pub(crate) fn encode(&self, path: &Nibbles) -> Vec<u8> {
        let node = match self {
            Self::OnlyLeaf(key) => return [&[KIND_ONLY_LEAF], key.as_slice()].concat(),
            Self::Branch(node) => node,
        };
        let mut row = Vec::with_capacity(8 + node.children.len() * 64);
        row.push(KIND_BRANCH);
        row.push(u8::try_from(node.extension.len()).unwrap_or(u8::MAX)); // At most 63.
        row.extend_from_slice(&node.extension.pack());
        let leaves =
            node.iter().filter(|(_, child)| child.leaf.is_some()).fold(0, |m, (i, _)| m | 1 << i);
        row.extend_from_slice(&node.mask.to_be_bytes());
        row.extend_from_slice(&u16::to_be_bytes(leaves));
        let known = (path.len() + node.extension.len()).div_ceil(2);
        for child in &node.children {
            let reference = if child.rlp.len() == 33 { &child.rlp[1..] } else { &child.rlp[..] };
            row.push(u8::try_from(reference.len()).unwrap_or(u8::MAX)); // At most 32.
            row.extend_from_slice(reference);
            if let Some(key) = &child.leaf {
                row.extend_from_slice(&key[known..]);
            }
        }
        row
    }

    /// Reads the row found under `path`.
    pub(crate) fn decode(path: &Nibbles, row: &[u8]) -> Result<Self, RowError> {
        let length = RowError::Length(row.len());
        match row.split_first() {
            Some((&KIND_ONLY_LEAF, key)) => {
                B256::try_from(key).map(Self::OnlyLeaf).map_err(|_| length)
            }
            Some((&KIND_BRANCH, rest)) => decode_branch(path, rest, length).map(Self::Branch),
            Some(_) => Err(RowError::NotCanonical),
            None => Err(length),
        }
    }

    /// Bytes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Branch(node) => node.bytes(),
            Self::OnlyLeaf(_) => size_of::<Self>(),
        }
    }
}

fn decode_branch(path: &Nibbles, row: &[u8], length: RowError) -> Result<Node, RowError> {
    let mut rest = row;
    let mut take = |count: usize| {
        let (head, tail) = rest.split_at_checked(count).ok_or(length)?;
        rest = tail;
        Ok::<_, RowError>(head)
    };
    let nibbles = usize::from(take(1)?[0]);
    let depth = path.len() + nibbles;
    if depth >= KEY_NIBBLES {
        return Err(RowError::NotCanonical);
    }
    let extension = Nibbles::unpack(take(nibbles.div_ceil(2))?).slice(..nibbles);
    let masks = take(4)?;
    let mask = u16::from_be_bytes([masks[0], masks[1]]);
    let leaves = u16::from_be_bytes([masks[2], masks[3]]);
    if mask.count_ones() < 2 || leaves & !mask != 0 {
        return Err(RowError::NotCanonical);
    }
    let known = depth.div_ceil(2);
    let mut prefix = path.join(&extension);
    let mut children = Vec::with_capacity(count(mask));
    for index in nibbles_of(mask) {
        let size = usize::from(take(1)?[0]);
        let reference = take(size)?;
        let rlp = match size {
            32 => Reference::hash(&B256::from_slice(reference)),
            1..32 => Reference::inline(reference).ok_or(length)?,
            _ => return Err(RowError::NotCanonical),
        };
        let leaf = if leaves & (1 << index) == 0 {
            None
        } else {
            prefix.push(index);
            let mut key = [0; 33];
            prefix.pack_to(&mut key[..prefix.len().div_ceil(2)]);
            prefix.pop();
            key[known..32].copy_from_slice(take(32 - known)?);
            Some(B256::from_slice(&key[..32]))
        };
        children.push(Child { rlp, leaf });
    }
    if !rest.is_empty() {
        return Err(length);
    }
    Ok(Node { extension, mask, children: children.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(path: &Nibbles, extension: &Nibbles) -> Row {
        let mut at = path.join(extension);
        at.push(0x7);
        let mut key = [0x55; 33];
        at.pack_to(&mut key[..at.len().div_ceil(2)]);
        if at.len() % 2 == 1 {
            key[at.len() / 2] |= 0x05;
        }
        let leaf = Some(B256::from_slice(&key[..32]));
        Row::Branch(Node {
            extension: *extension,
            mask: 0b1000_0000_1000_0001,
            children: [
                Child { rlp: Reference::hash(&B256::repeat_byte(0xee)), leaf: None },
                Child { rlp: Reference::hash(&B256::repeat_byte(0xff)), leaf },
                Child { rlp: Reference::of(&[0xc2, 0x20, 0x01]), leaf: None },
            ]
            .into(),
        })
    }

    #[test]
    fn a_row_reads_back_at_every_depth() {
        let long = Nibbles::unpack(B256::repeat_byte(0xab));
        for depth in 0..63 {
            for extension in [0, 1, 2, 62 - depth.min(62)] {
                if depth + extension >= 63 {
                    continue;
                }
                let path = long.slice(..depth);
                let row = branch(&path, &long.slice(..extension));
                assert_eq!(Row::decode(&path, &row.encode(&path)), Ok(row), "{depth} {extension}");
            }
        }
    }

    #[test]
    fn the_row_format_is_what_it_was() {
        let path = Nibbles::from_nibbles([1, 2, 3]);
        let row = branch(&path, &Nibbles::from_nibbles([4]));
        let (e, f) = ("ee".repeat(32), "ff".repeat(32));
        let expected = format!("010140808100802 0{e}20{f}75{}03c22001", "55".repeat(29));
        assert_eq!(hex::encode(row.encode(&path)), expected.replace(' ', ""));
        let only = Row::OnlyLeaf(B256::repeat_byte(9)).encode(&Nibbles::new());
        assert_eq!(hex::encode(only), format!("02{}", "09".repeat(32)));
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_row_never_panics(row: Vec<u8>, depth in 0_usize..64, kind: bool) {
            let path = Nibbles::unpack(B256::repeat_byte(0xab)).slice(..depth);
            let mut row = row;
            if kind { row.insert(0, KIND_BRANCH); }
            let _ = Row::decode(&path, &row);
        }
    }
}
