//! What peers may ask for, and the bytes of questions and answers.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use anyhow::{Context, Result, bail, ensure};
use qenex_consensus::Block;
use qenex_exec::Chain;
use qenex_trie::{RangeProof, State};

use super::{Shared, final_proof, rows::FinalRows};

/// Bytes of leaves after which an answer with ranges of a state is full.
const FULL_RANGE: usize = 1 << 20;

/// Bytes of receipts in one answer.
pub(crate) const RECEIPTS_PART: usize = 4 << 20;

/// Most storages or pieces of code in one question.
const MAX_ASKED: usize = 256;

/// A question to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The block with this hash, final or not: [`Block`].
    Block(B256),
    /// Final blocks from this height on: [`FinalRows`].
    Final(u64),
    /// As [`Question::Final`], with receipts.
    History(u64),
    /// The receipts of a final block, from a byte on, at most [`RECEIPTS_PART`] of them.
    Receipts(u64, u64),
    /// Of which block the peer can give the state: of this one, or a recent one of its choice if it
    /// is 0: [`Offer`].
    State(u64),
    /// Accounts of the state of the block with this hash, from a key on: [`RangeRow`].
    Accounts(B256, B256),
    /// Slots of accounts of that state, of each from a key on: a list of [`RangeRow`], one for each
    /// account, of as many as fit.
    Slots(B256, Vec<Place>),
    /// Code by its hash: a list of bytes, of as many as fit.
    Codes(Vec<B256>),
}

/// Where slots are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Place {
    /// keccak256(address).
    pub(crate) account: B256,
    /// keccak256(slot).
    pub(crate) start: B256,
}

/// A state that a peer can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Offer {
    /// Number of the block.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) hash: B256,
    /// Its state root.
    pub(crate) root: B256,
}

/// A [`RangeProof`] as it travels.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct RangeRow {
    keys: Vec<B256>,
    values: Vec<Bytes>,
    end: B256,
    nodes: Vec<Bytes>,
}

impl From<RangeProof> for RangeRow {
    fn from(proof: RangeProof) -> Self {
        let (keys, values) = proof.leaves.into_iter().unzip();
        Self { keys, values, end: proof.end, nodes: proof.nodes }
    }
}

impl TryFrom<RangeRow> for RangeProof {
    type Error = anyhow::Error;

    fn try_from(row: RangeRow) -> Result<Self> {
        ensure!(row.keys.len() == row.values.len(), "not as many values as keys");
        let leaves = row.keys.into_iter().zip(row.values).collect();
        Ok(Self { leaves, end: row.end, nodes: row.nodes })
    }
}

impl Question {
    /// The bytes to send.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(66);
        let mut write = |kind: u8, fields: &[&dyn Encodable]| {
            out.push(kind);
            for field in fields {
                field.encode(&mut out);
            }
        };
        match self {
            Self::Block(hash) => write(0, &[hash]),
            Self::Final(height) => write(1, &[height]),
            Self::History(height) => write(2, &[height]),
            Self::Receipts(height, from) => write(3, &[height, from]),
            Self::State(height) => write(4, &[height]),
            Self::Accounts(hash, start) => write(5, &[hash, start]),
            Self::Slots(hash, places) => write(6, &[hash, places]),
            Self::Codes(hashes) => write(7, &[hashes]),
        }
        out.into()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let (kind, mut rest) = bytes.split_first().context("an empty question")?;
        let rest = &mut rest;
        let question = match kind {
            0 => Self::Block(B256::decode(rest)?),
            1 => Self::Final(u64::decode(rest)?),
            2 => Self::History(u64::decode(rest)?),
            3 => Self::Receipts(u64::decode(rest)?, u64::decode(rest)?),
            4 => Self::State(u64::decode(rest)?),
            5 => Self::Accounts(B256::decode(rest)?, B256::decode(rest)?),
            6 => Self::Slots(B256::decode(rest)?, Vec::decode(rest)?),
            7 => Self::Codes(Vec::decode(rest)?),
            other => bail!("question kind {other}"),
        };
        ensure!(rest.is_empty(), "bytes behind the question");
        Ok(question)
    }
}

/// Answers a peer; `None` if there is nothing to answer with.
pub(crate) fn on_request(shared: &Arc<Shared>, from: u16, bytes: &[u8]) -> Option<Bytes> {
    let answer = Question::decode(bytes).and_then(|question| answer(shared, question));
    match answer {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(from, error = format!("{error:#}"), "cannot answer a peer");
            None
        }
    }
}

fn answer(shared: &Shared, question: Question) -> Result<Option<Bytes>> {
    let (chain, states) = (&shared.chain, &shared.states);
    match question {
        Question::Block(hash) => block(shared, hash),
        Question::Final(height) => Ok(FinalRows::of(chain, height, false)?.map(rlp)),
        Question::History(height) => Ok(FinalRows::of(chain, height, true)?.map(rlp)),
        Question::Receipts(height, from) => {
            let receipts = chain.encoded_receipts(height)?;
            Ok(receipts.and_then(|receipts| part(&receipts, from)))
        }
        Question::State(0) => Ok(states.offer(chain, None)?.map(rlp)),
        Question::State(height) => Ok(states.offer(chain, Some(height))?.map(rlp)),
        Question::Accounts(hash, start) => match states.of(&hash) {
            Some(state) => Ok(Some(rlp(RangeRow::from(state.account_range(&start, FULL_RANGE)?)))),
            None => Ok(None),
        },
        Question::Slots(hash, places) => match states.of(&hash) {
            Some(state) => Ok(Some(rlp(slots(&state, &places)?))),
            None => Ok(None),
        },
        Question::Codes(hashes) => codes(chain, &hashes).map(Some),
    }
}

/// The part of receipts from a byte on. One that is not full is the last: where full ones reach the
/// end, an empty one follows.
fn part(receipts: &Bytes, from: u64) -> Option<Bytes> {
    let from = usize::try_from(from).ok().filter(|from| *from <= receipts.len())?;
    Some(receipts.slice(from..receipts.len().min(from.saturating_add(RECEIPTS_PART))))
}

fn rlp(value: impl Encodable) -> Bytes {
    alloy_rlp::encode(value).into()
}

fn slots(state: &State, places: &[Place]) -> Result<Vec<RangeRow>> {
    let mut ranges: Vec<RangeRow> = Vec::new();
    let mut left = FULL_RANGE;
    for place in places.iter().take(MAX_ASKED) {
        let range = state.storage_range(&place.account, &place.start, left)?;
        let bytes: usize = range.leaves.iter().map(|(_, value)| 32 + value.len()).sum();
        let nodes: usize = range.nodes.iter().map(|node| node.len()).sum();
        left = left.saturating_sub(bytes + nodes);
        ranges.push(range.into());
        if left == 0 {
            break;
        }
    }
    Ok(ranges)
}

fn codes(chain: &Chain, hashes: &[B256]) -> Result<Bytes> {
    let mut codes: Vec<Bytes> = Vec::new();
    let mut left = FULL_RANGE;
    for hash in hashes.iter().take(MAX_ASKED) {
        let Some(code) = chain.code(hash)? else { break };
        left = left.saturating_sub(code.len());
        codes.push(code);
        if left == 0 {
            break;
        }
    }
    Ok(rlp(codes))
}

fn block(shared: &Shared, hash: B256) -> Result<Option<Bytes>> {
    if let Some(block) = shared.bodies.lock().get(&hash) {
        return Ok(Some(alloy_rlp::encode(block).into()));
    }
    let Some(sealed) = shared.chain.block_by_hash(hash)? else { return Ok(None) };
    let Some(proof) = final_proof(&shared.chain, sealed.header.number)? else { return Ok(None) };
    let block = Block {
        meta: qenex_consensus::BlockMeta {
            hash,
            parent: sealed.header.parent_hash,
            height: sealed.header.number,
        },
        consensus_header: proof.consensus_header,
        payload: sealed.encode(),
    };
    Ok(Some(alloy_rlp::encode(block).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_in_parts_end_with_one_that_is_not_full() {
        for length in
            [1, RECEIPTS_PART - 1, RECEIPTS_PART, 2 * RECEIPTS_PART, 2 * RECEIPTS_PART + 1]
        {
            let whole = Bytes::from((0..length).map(|n| n.to_le_bytes()[1]).collect::<Vec<_>>());
            let mut all = Vec::new();
            loop {
                let part = part(&whole, all.len() as u64).unwrap();
                all.extend_from_slice(&part);
                if part.len() != RECEIPTS_PART {
                    break;
                }
            }
            assert!(all == whole, "{length}");
            assert_eq!(part(&whole, length as u64 + 1), None);
        }
    }

    #[test]
    fn questions_survive_the_wire_and_garbage_does_not() {
        let hash = B256::repeat_byte(3);
        let place = Place { account: hash, start: B256::ZERO };
        for question in [
            Question::Block(hash),
            Question::Final(u64::MAX),
            Question::History(0),
            Question::Receipts(7, 1 << 40),
            Question::State(0),
            Question::Accounts(hash, B256::ZERO),
            Question::Slots(hash, vec![place; 3]),
            Question::Codes(vec![hash, hash]),
        ] {
            assert_eq!(Question::decode(&question.encode()).unwrap(), question);
        }
        for garbage in [&[][..], &[9], &[1], &[0, 1], &[1, 5, 5], &[3, 1], &[6, 0xc0], &[7, 0xc1]] {
            assert!(Question::decode(garbage).is_err(), "{garbage:?}");
        }
    }
}
