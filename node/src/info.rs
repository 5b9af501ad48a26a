//! What the node says of itself: the answers of `qenex_*`, `GET /api/v1/blockchain/info`, `/ready`.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, hex};
use qenex_consensus::Evidence;
use qenex_exec::ExecError;
use qenex_rpc_eth::NodeInfo;
use serde_json::{Value, json};

use crate::{
    clock::unix_ms,
    consensus::{Shared, final_proof},
    settlement::SettlementProof,
};

/// A head this old means that something is wrong, as multiples of the heartbeat.
const STALE_HEARTBEATS: u64 = 3;

/// Reads the node's parts on demand.
pub(crate) struct Info {
    pub(crate) shared: Arc<Shared>,
    pub(crate) genesis: B256,
}

impl Info {
    /// Named checks for `/ready`.
    pub(crate) fn checks(&self) -> Vec<(String, bool, String)> {
        let head = self.shared.chain.head();
        let spec = &self.shared.spec;
        let age_ms = unix_ms().saturating_sub(head.header.timestamp.saturating_mul(1_000));
        let fresh = spec.heartbeat_ms == 0
            || age_ms <= spec.heartbeat_ms.saturating_mul(STALE_HEARTBEATS).saturating_add(1_000);
        let validators = spec.validators.len();
        let needed = validators.saturating_mul(2) / 3;
        let peers = self.peer_count();
        let syncing = self.shared.standing.read().syncing;
        vec![
            ("head".into(), fresh, format!("block {} is {age_ms} ms old", head.header.number)),
            ("peers".into(), peers >= needed, format!("{peers} connected, {needed} needed")),
            (
                "sync".into(),
                !syncing,
                if syncing { "catching up".into() } else { "at the head".into() },
            ),
        ]
    }
}

impl NodeInfo for Info {
    fn peer_count(&self) -> usize {
        self.shared.network.as_ref().map_or(0, |network| network.connected().len())
    }

    fn syncing(&self) -> Option<(u64, u64)> {
        let standing = self.shared.standing.read();
        let height = self.shared.chain.head().header.number;
        // Peers prove the view of the target, not its height: what is known is that it is higher.
        standing.syncing.then(|| (height, height.saturating_add(1)))
    }

    fn blockchain_info(&self) -> Value {
        let head = self.shared.chain.head();
        let spec = &self.shared.spec;
        let standing = self.shared.standing.read().clone();
        let pool = self.shared.pool.status();
        json!({
            "network": spec.name,
            "chain_id": spec.chain_id,
            "network_hash": self.shared.chain_id,
            "genesis_hash": self.genesis,
            "block_height": head.header.number,
            "block_hash": head.hash,
            "state_root": head.header.state_root,
            "block_timestamp": head.header.timestamp,
            "base_fee_per_gas": head.header.base_fee_per_gas.unwrap_or_default().to_string(),
            "finality": "immediate",
            "consensus": {
                "protocol": "two-phase HotStuff",
                "signatures": "Ed25519 and ML-DSA-65",
                "view": standing.view,
                "validators": spec.validators.len(),
                "validator_index": self.shared.me.0,
            },
            "peers": self.peer_count(),
            "syncing": standing.syncing,
            "pool": { "pending": pool.pending, "queued": pool.queued },
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    fn consensus_state(&self) -> Value {
        let head = self.shared.chain.head();
        json!({
            "validatorIndex": self.shared.me.0,
            "finalHeight": head.header.number,
            "finalHash": head.hash,
            "standing": *self.shared.standing.read(),
        })
    }

    fn validators(&self) -> Value {
        let validators = self.shared.spec.validators.iter().enumerate();
        validators
            .map(|(index, validator)| {
                json!({
                    "index": index,
                    "name": validator.name,
                    "ed25519": validator.ed25519,
                    "mldsa65": validator.mldsa65,
                    "peerId": validator.peer_id,
                    "feeRecipient": validator.fee_recipient,
                    "weight": 1,
                })
            })
            .collect()
    }

    fn settlement_proof(&self, transaction: B256) -> Result<Value, ExecError> {
        let proof = SettlementProof::of(&self.shared.chain, transaction)?;
        serde_json::to_value(proof).map_err(|error| ExecError::State(error.to_string()))
    }

    fn evidence(&self) -> Value {
        let evidence = self.shared.evidence.lock();
        let one = |evidence: &Evidence| {
            json!({
                "kind": evidence.kind(),
                "validators": evidence.culprits().iter().map(|index| index.0).collect::<Vec<_>>(),
                "messages": evidence.messages().iter().map(hex::encode_prefixed).collect::<Vec<_>>(),
            })
        };
        evidence.iter().map(one).collect()
    }

    fn certificate(&self, height: u64) -> Result<Option<Bytes>, ExecError> {
        // A block without a certificate of its own is proven by the next one that has one.
        let head = self.shared.chain.head().header.number;
        for height in height..=head {
            if let Some(proof) = final_proof(&self.shared.chain, height)?
                && proof.certificate.is_some()
            {
                return Ok(Some(proof.encode()));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Info {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Info").field("genesis", &hex::encode(self.genesis)).finish_non_exhaustive()
    }
}
