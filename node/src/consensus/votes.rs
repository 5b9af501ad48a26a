//! What the vote log holds: the record that the machine must not forget, and with it the last block
//! that was final when it was written. A database that does not have that block is an older copy, or
//! has lost its end.

use std::ops::Range;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use anyhow::{Context, Result};
use qenex_consensus::DurableRecord;
use qenex_exec::Chain;

/// The last record of the vote log.
#[derive(Debug)]
pub(crate) struct VoteState {
    /// What the machine must not forget.
    pub(crate) record: DurableRecord,
    /// The block that was final; none in a log from before it was kept.
    anchor: Option<Anchor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    number: u64,
    hash: B256,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Row {
    record: Bytes,
    number: u64,
    hash: B256,
}

impl VoteState {
    /// The bytes for the vote log: the machine's record, written while `chain` ends where it does.
    pub(crate) fn encode(record: Vec<u8>, chain: &Chain) -> Vec<u8> {
        let head = chain.head();
        alloy_rlp::encode(Row {
            record: record.into(),
            number: head.header.number,
            hash: head.hash,
        })
    }

    /// Reads the bytes.
    ///
    /// # Errors
    ///
    /// If they are no vote state.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let (record, anchor) = match alloy_rlp::decode_exact::<Row>(bytes) {
            Ok(Row { record, number, hash }) => (record, Some(Anchor { number, hash })),
            Err(_) => (Bytes::copy_from_slice(bytes), None),
        };
        let record = DurableRecord::decode(&record).context("the vote log holds no vote state")?;
        Ok(Self { record, anchor })
    }

    /// The height that was final when it was written, if `hash`, of the final block at a height,
    /// knows another block there or none. Those that are `missing` since the node began with a newer
    /// state are not lost.
    ///
    /// A block is on disk before the machine is told that it is final, so no crash leads there.
    ///
    /// # Errors
    ///
    /// Those of `hash`.
    pub(crate) fn lost<E>(
        &self,
        missing: &Range<u64>,
        hash: impl FnOnce(u64) -> Result<Option<B256>, E>,
    ) -> Result<Option<u64>, E> {
        let Some(anchor) = self.anchor.filter(|anchor| !missing.contains(&anchor.number)) else {
            return Ok(None);
        };
        Ok((hash(anchor.number)? != Some(anchor.hash)).then_some(anchor.number))
    }
}

#[cfg(test)]
mod tests {
    use qenex_consensus::Ref;

    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let record = DurableRecord::new(Ref::default());
        let row = Row { record: record.encode().into(), number: 7, hash: B256::repeat_byte(7) };
        let read = VoteState::decode(&alloy_rlp::encode(row)).unwrap();
        assert_eq!(read.record, record);
        assert_eq!(read.anchor, Some(Anchor { number: 7, hash: B256::repeat_byte(7) }));
        let before = VoteState::decode(&record.encode()).unwrap();
        assert_eq!((before.record, before.anchor), (record, None));
        for bad in [&[][..], &[0xc0], b"votes"] {
            assert!(VoteState::decode(bad).is_err());
        }
    }
}
