//! What peers may ask for, and the bytes of questions and answers.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use anyhow::{Context, Result, bail};
use qenex_consensus::Block;

use super::{Shared, final_proof};

/// Most bytes of blocks in one answer, before the last one.
const MAX_ANSWER_BYTES: usize = 3 * 1024 * 1024;

/// Most blocks in one answer.
const MAX_ANSWER_BLOCKS: u64 = 512;

/// A question to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The block with this hash, final or not.
    Block(B256),
    /// Final blocks from this height on, ending with one that has its own certificate.
    Final(u64),
}

/// A final block as it travels.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct FinalRow {
    /// RLP of the block.
    pub(crate) payload: Bytes,
    /// [`super::FinalityProof`].
    pub(crate) proof: Bytes,
}

impl Question {
    /// The bytes to send.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(34);
        match self {
            Self::Block(hash) => {
                out.push(0);
                hash.encode(&mut out);
            }
            Self::Final(height) => {
                out.push(1);
                height.encode(&mut out);
            }
        }
        out.into()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let (kind, mut rest) = bytes.split_first().context("an empty question")?;
        let question = match kind {
            0 => Self::Block(B256::decode(&mut rest)?),
            1 => Self::Final(u64::decode(&mut rest)?),
            other => bail!("question kind {other}"),
        };
        if !rest.is_empty() {
            bail!("bytes behind the question");
        }
        Ok(question)
    }
}

/// Answers a peer; `None` if there is nothing to answer with.
pub(crate) fn on_request(shared: &Arc<Shared>, from: u16, bytes: &[u8]) -> Option<Bytes> {
    let answer = Question::decode(bytes).and_then(|question| match question {
        Question::Block(hash) => block(shared, hash),
        Question::Final(height) => final_blocks(shared, height),
    });
    match answer {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(from, %error, "cannot answer a peer");
            None
        }
    }
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

fn final_blocks(shared: &Shared, from: u64) -> Result<Option<Bytes>> {
    let chain = &shared.chain;
    let head = chain.head().header.number;
    let mut rows = Vec::new();
    let mut bytes = 0_usize;
    let mut provable = 0;
    for height in from.max(1)..=head.min(from.saturating_add(MAX_ANSWER_BLOCKS)) {
        let (Some(block), Some(proof)) = (chain.block(height)?, chain.certificate(height)?) else {
            break;
        };
        let payload = block.encode();
        bytes = bytes.saturating_add(payload.len()).saturating_add(proof.len());
        if bytes > 2 * MAX_ANSWER_BYTES {
            break;
        }
        rows.push(FinalRow { payload, proof: proof.clone() });
        if super::FinalityProof::decode(&proof)?.certificate.is_some() {
            provable = rows.len();
            if bytes > MAX_ANSWER_BYTES {
                break;
            }
        }
    }
    rows.truncate(provable);
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(alloy_rlp::encode(rows).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_survive_the_wire_and_garbage_does_not() {
        for question in [Question::Block(B256::repeat_byte(3)), Question::Final(u64::MAX)] {
            assert_eq!(Question::decode(&question.encode()).unwrap(), question);
        }
        for garbage in [&[][..], &[9], &[1], &[0, 1], &[1, 5, 5]] {
            assert!(Question::decode(garbage).is_err(), "{garbage:?}");
        }
    }
}
