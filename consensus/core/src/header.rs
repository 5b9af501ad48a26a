//! The consensus header: what a block says about its place in the protocol.
//!
//! Its digest stands in the Ethereum header's `parentBeaconBlockRoot`, so the block hash that votes
//! name commits to it.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::ids::{ValidatorIndex, View};

/// What a block says about its place in the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ConsensusHeader {
    /// Hash of the genesis file.
    pub chain_id: B256,
    /// The epoch the block was proposed in.
    pub epoch: u64,
    /// The view it was first proposed in.
    pub view: View,
    /// Who proposed it.
    pub proposer: ValidatorIndex,
    /// The view of the certificate of its parent.
    pub justify_view: View,
    /// Digest of the timeout certificate it was proposed with; zero without one.
    pub tc_digest: B256,
    /// The proposer's clock, in milliseconds since 1970; strictly above the parent's.
    pub time_ms: u64,
    /// Whether this is the last block of its epoch.
    pub closing: bool,
    /// Hash of the next epoch's validator set; zero if it does not change.
    pub next_set_hash: B256,
}

impl ConsensusHeader {
    /// `keccak256(rlp(self))`.
    #[must_use]
    pub fn digest(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn the_bytes_are_these() {
        let header = ConsensusHeader {
            chain_id: B256::repeat_byte(1),
            epoch: 0,
            view: View(300),
            proposer: ValidatorIndex(3),
            justify_view: View(299),
            tc_digest: B256::ZERO,
            time_ms: 1_700_000_000_000,
            closing: false,
            next_set_hash: B256::ZERO,
        };
        let zeros = "00".repeat(32);
        assert_eq!(
            hex::encode(alloy_rlp::encode(&header)),
            format!("f873a0{}8082012c0382012ba0{zeros}86018bcfe5680080a0{zeros}", "01".repeat(32))
        );
        let bytes = alloy_rlp::encode(&header);
        assert_eq!(alloy_rlp::decode_exact::<ConsensusHeader>(&bytes).unwrap(), header);
        assert_eq!(header.digest(), keccak256(bytes));
    }
}
