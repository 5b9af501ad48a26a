//! The exact bytes that validators sign.

use alloy_primitives::B256;

/// Domain of all signatures of this protocol. A change makes a new protocol.
const DOMAIN: &[u8; 11] = b"QENEX/BFT/1";

/// What a signature is about. The numbers are part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SignKind {
    /// A proposal; body: epoch, view, hash, justify view (56 bytes).
    Propose = 1,
    /// A PREPARE; body: epoch, view, hash (48 bytes).
    Prepare = 2,
    /// A COMMIT; body: epoch, view, hash (48 bytes).
    Commit = 3,
    /// A TIMEOUT; body: epoch, view, high view, high hash (56 bytes).
    Timeout = 4,
}

/// `"QENEX/BFT/1" | chain_id[32] | kind u8 | body`. Numbers in bodies are big-endian `u64`s.
#[must_use]
pub fn sign_bytes(kind: SignKind, chain_id: &B256, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DOMAIN.len() + 32 + 1 + body.len());
    bytes.extend_from_slice(DOMAIN);
    bytes.extend_from_slice(chain_id.as_slice());
    bytes.push(kind as u8);
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;
    use crate::{
        BlockMeta, ConsensusHeader, Propose, Ref, Signature, Timeout, ValidatorIndex, View, Vote,
        VoteKind,
    };

    const CHAIN: B256 = B256::repeat_byte(0xcc);

    fn reference(view: u64) -> Ref {
        Ref { epoch: 1, view: View(view), hash: B256::repeat_byte(0xaa) }
    }

    fn golden(kind: &str, body: &str) -> String {
        format!("51454e45582f4246542f31{}{kind}{body}", "cc".repeat(32))
    }

    #[test]
    fn the_signed_bytes_are_these() {
        let (e, v) = ("0000000000000001", "0000000000000007");
        let hash = "aa".repeat(32);
        for (kind, number) in [(VoteKind::Prepare, "02"), (VoteKind::Commit, "03")] {
            let vote = Vote {
                kind,
                epoch: 1,
                view: View(7),
                hash: reference(7).hash,
                signer: ValidatorIndex(0),
                signature: Signature::default(),
            };
            assert_eq!(
                hex::encode(vote.sign_bytes(&CHAIN)),
                golden(number, &format!("{e}{v}{hash}"))
            );
        }
        let timeout = Timeout {
            epoch: 1,
            view: View(7),
            high: reference(6),
            prepare: None,
            signer: ValidatorIndex(0),
            signature: Signature::default(),
        };
        assert_eq!(
            hex::encode(timeout.sign_bytes(&CHAIN)),
            golden("04", &format!("{e}{v}0000000000000006{hash}"))
        );
        let propose = Propose {
            epoch: 1,
            view: View(7),
            block: BlockMeta { hash: reference(7).hash, parent: B256::ZERO, height: 1 },
            consensus_header: ConsensusHeader::default(),
            reproposal: false,
            justify: reference(6),
            tc: None,
            payload: Default::default(),
            proposer: ValidatorIndex(0),
            signature: Signature::default(),
        };
        assert_eq!(
            hex::encode(propose.sign_bytes(&CHAIN)),
            golden("01", &format!("{e}{v}{hash}0000000000000006"))
        );
    }
}
