//! What the node says of itself: `web3`, `net`, `rpc`, `qenex`, and the constants of `eth`.

use std::sync::Arc;

use alloy_eips::eip7910::EthConfig;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use serde_json::{Value, json};

use super::tag;
use crate::{api::Api, args::Args, error::Failure};

pub(super) async fn client_version(api: Arc<Api>, _: Args) -> Result<String, Failure> {
    Ok(api.context.client_version.clone())
}

pub(super) async fn sha3(_: Arc<Api>, args: Args) -> Result<B256, Failure> {
    Ok(keccak256(args.get::<Bytes>(0)?))
}

pub(super) async fn net_version(api: Arc<Api>, _: Args) -> Result<String, Failure> {
    Ok(api.chain().rules().chain_id().to_string())
}

pub(super) async fn listening(_: Arc<Api>, _: Args) -> Result<bool, Failure> {
    Ok(true)
}

pub(super) async fn peer_count(api: Arc<Api>, _: Args) -> Result<U64, Failure> {
    Ok(U64::from(api.context.info.peer_count()))
}

pub(super) async fn chain_id(api: Arc<Api>, _: Args) -> Result<U64, Failure> {
    Ok(U64::from(api.chain().rules().chain_id()))
}

/// eth/68, the last version of Ethereum's own wire protocol that clients know of.
pub(super) async fn protocol_version(_: Arc<Api>, _: Args) -> Result<U64, Failure> {
    Ok(U64::from(68))
}

pub(super) async fn syncing(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(match api.context.info.syncing() {
        None => Value::Bool(false),
        Some((current, highest)) => json!({
            "startingBlock": U64::ZERO,
            "currentBlock": U64::from(current),
            "highestBlock": U64::from(highest),
        }),
    })
}

/// The node keeps no keys.
pub(super) async fn accounts(_: Arc<Api>, _: Args) -> Result<Vec<Address>, Failure> {
    Ok(Vec::new())
}

pub(super) async fn coinbase(api: Arc<Api>, _: Args) -> Result<Address, Failure> {
    Ok(api.chain().head().header.beneficiary)
}

pub(super) async fn mining(_: Arc<Api>, _: Args) -> Result<bool, Failure> {
    Ok(false)
}

pub(super) async fn hashrate(_: Arc<Api>, _: Args) -> Result<U256, Failure> {
    Ok(U256::ZERO)
}

/// EIP-7910: the fork's parameters.
pub(super) async fn config(api: Arc<Api>, _: Args) -> Result<EthConfig, Failure> {
    let chain = api.chain();
    let (_, genesis) = chain.header(0)?.ok_or_else(Failure::unknown_block)?;
    chain
        .rules()
        .config(chain.genesis_hash()?, genesis.timestamp, chain.head().header.timestamp)
        .ok_or_else(|| Failure::refused("the chain has no fork with a configuration (EIP-7910)"))
}

/// Which blocks what is kept of.
pub(super) async fn capabilities(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    let head = api.chain().head();
    let window = api.chain().proof_window();
    // While old blocks are still being fetched, it is the first from which on all are there.
    let oldest_block = U64::from(api.chain().missing_blocks().end);
    let all = json!({ "disabled": false, "oldestBlock": oldest_block });
    let oldest_proof = head.header.number.saturating_sub(window).max(api.chain().state_floor());
    Ok(json!({
        "head": { "number": U64::from(head.header.number), "hash": head.hash },
        "blocks": all,
        "tx": all,
        "receipts": all,
        "logs": all,
        "state": {
            "disabled": false,
            "oldestBlock": U64::from(api.chain().state_floor()),
        },
        "stateproofs": {
            "disabled": false,
            "oldestBlock": U64::from(oldest_proof),
            "deleteStrategy": { "type": "window", "retentionBlocks": U64::from(window) },
        },
    }))
}

pub(super) async fn blockchain_info(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.blockchain_info())
}

pub(super) async fn consensus_state(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.consensus_state())
}

pub(super) async fn validators(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.validators())
}

/// That a transaction is final, for who has only the validators' keys.
pub(super) async fn settlement_proof(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let hash = args.get(0)?;
    api.heavy(move |api| Ok(api.context.info.settlement_proof(hash)?)).await
}

/// Rule breaks by validators that this node can prove.
pub(super) async fn evidence(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.evidence())
}

/// The commit certificate of a block; `null` if there is no such block.
pub(super) async fn certificate(api: Arc<Api>, args: Args) -> Result<Option<Bytes>, Failure> {
    let Some(block) = api.block(tag(&args, 0)?).await? else { return Ok(None) };
    api.heavy(move |api| Ok(api.context.info.certificate(block.header.number)?)).await
}
