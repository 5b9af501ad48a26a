//! What the node says of itself: `web3`, `net`, `rpc`, `qenex`, and the constants of `eth`.

use std::sync::Arc;

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

pub(super) async fn blockchain_info(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.blockchain_info())
}

pub(super) async fn consensus_state(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.consensus_state())
}

pub(super) async fn validators(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    Ok(api.context.info.validators())
}

/// The commit certificate of a block; `null` if there is no such block.
pub(super) async fn certificate(api: Arc<Api>, args: Args) -> Result<Option<Bytes>, Failure> {
    let block = api.block(tag(&args, 0)?).await?;
    Ok(block.and_then(|block| api.context.info.certificate(block.header.number)))
}
