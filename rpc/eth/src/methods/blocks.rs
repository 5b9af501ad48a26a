//! Blocks, transactions and receipts. What does not exist is `null`, never an error.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_eips::{BlockId, eip2718::Encodable2718};
use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use alloy_rpc_types_eth::Header;
use qenex_exec::SealedBlock;

use super::{Json, hash, json, tag};
use crate::{
    api::Api,
    args::{Args, Quantity},
    convert::{self, RpcBlock, RpcReceipt, RpcTransaction},
    error::Failure,
};

/// Blocks with more transactions than this are written as text on a blocking thread.
const LARGE: usize = 100;

pub(super) async fn block_number(api: Arc<Api>, _: Args) -> Result<U64, Failure> {
    Ok(U64::from(api.height()))
}

pub(super) async fn block_by_number(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let id = tag(&args, 0)?;
    full_block(api, id, args.optional(1)?.unwrap_or(false)).await
}

pub(super) async fn block_by_hash(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let id = hash(&args, 0)?;
    full_block(api, id, args.optional(1)?.unwrap_or(false)).await
}

async fn full_block(api: Arc<Api>, id: BlockId, full: bool) -> Result<Option<Json>, Failure> {
    let Some(block) = api.block(id).await? else { return Ok(None) };
    written(&api, block, move |block| json(&convert::block(block, full))).await.map(Some)
}

/// Writes an answer about a block, on a blocking thread if the block is large.
async fn written(
    api: &Arc<Api>,
    block: Arc<SealedBlock>,
    write: impl FnOnce(&SealedBlock) -> Result<Json, Failure> + Send + 'static,
) -> Result<Json, Failure> {
    if block.transactions.len() <= LARGE {
        return write(&block);
    }
    api.heavy(move |_| write(&block)).await
}

pub(super) async fn header_by_number(api: Arc<Api>, args: Args) -> Result<Option<Header>, Failure> {
    header(api, tag(&args, 0)?).await
}

pub(super) async fn header_by_hash(api: Arc<Api>, args: Args) -> Result<Option<Header>, Failure> {
    header(api, hash(&args, 0)?).await
}

async fn header(api: Arc<Api>, id: BlockId) -> Result<Option<Header>, Failure> {
    Ok(api.block(id).await?.map(|block| convert::bare_header(&block)))
}

pub(super) async fn count_by_number(api: Arc<Api>, args: Args) -> Result<Option<U64>, Failure> {
    let block = api.block(tag(&args, 0)?).await?;
    Ok(block.map(|block| U64::from(block.transactions.len())))
}

pub(super) async fn count_by_hash(api: Arc<Api>, args: Args) -> Result<Option<U64>, Failure> {
    let block = api.block(hash(&args, 0)?).await?;
    Ok(block.map(|block| U64::from(block.transactions.len())))
}

pub(super) async fn receipts(api: Arc<Api>, args: Args) -> Result<Option<Json>, Failure> {
    let Some(block) = api.block(args.get(0)?).await? else { return Ok(None) };
    let chain = api.clone();
    written(&api, block, move |block| json(&convert::receipts(chain.chain().rules(), block)))
        .await
        .map(Some)
}

pub(super) async fn uncles_by_number(api: Arc<Api>, args: Args) -> Result<Option<U64>, Failure> {
    Ok(api.block(tag(&args, 0)?).await?.map(|block| U64::from(block.ethereum.ommers.len())))
}

pub(super) async fn uncles_by_hash(api: Arc<Api>, args: Args) -> Result<Option<U64>, Failure> {
    Ok(api.block(hash(&args, 0)?).await?.map(|block| U64::from(block.ethereum.ommers.len())))
}

pub(super) async fn uncle_by_number(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<RpcBlock>, Failure> {
    let (block, index) = (api.block(tag(&args, 0)?).await?, index(&args)?);
    Ok(block.and_then(|block| convert::uncle(&block, index)))
}

pub(super) async fn uncle_by_hash(api: Arc<Api>, args: Args) -> Result<Option<RpcBlock>, Failure> {
    let (block, index) = (api.block(hash(&args, 0)?).await?, index(&args)?);
    Ok(block.and_then(|block| convert::uncle(&block, index)))
}

pub(super) async fn transaction(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<RpcTransaction>, Failure> {
    let hash: B256 = args.get(0)?;
    if let Some((block, index)) = api.transaction(hash)? {
        return Ok(convert::transaction(&block, index));
    }
    if let Some(tx) = api.context.pool.get(&hash) {
        return Ok(Some(convert::pending_transaction(&tx)));
    }
    // It may have gone from the pool into a final block between the two looks.
    let found = api.transaction(hash)?;
    Ok(found.and_then(|(block, index)| convert::transaction(&block, index)))
}

/// The transaction with which a sender used a nonce, final or in the pool. There is no index of
/// them: nonces only rise, so the block is found by bisection over the sender's past nonces.
pub(super) async fn transaction_by_sender(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<RpcTransaction>, Failure> {
    let (sender, Quantity(nonce)): (Address, Quantity) = (args.get(0)?, args.get(1)?);
    api.heavy(move |api| {
        let next = |number: u64| -> Result<u64, Failure> {
            let state = api.chain().state(number)?.ok_or_else(|| Failure::no_state(number))?;
            let account = state.account(&keccak256(sender)).map_err(Failure::internal)?;
            Ok(account.map_or(0, |account| account.nonce))
        };
        let head = api.height();
        if next(head)? <= nonce {
            let waiting = api.context.pool.at(sender, nonce);
            return Ok(waiting.map(|tx| convert::pending_transaction(&tx)));
        }
        // The nonce is used after `used`, and not before `from`.
        let (mut from, mut used) = (0, head);
        while from < used {
            let middle = from.saturating_add(used.saturating_sub(from) / 2);
            if next(middle)? > nonce {
                used = middle;
            } else {
                from = middle.saturating_add(1);
            }
        }
        let Some(block) = api.chain().block(used)? else { return Ok(None) };
        // Genesis gives nonces without transactions, and so do delegations (EIP-7702).
        let place = block
            .transactions
            .iter()
            .position(|tx| tx.signer() == sender && tx.inner().nonce() == nonce);
        Ok(place.and_then(|index| convert::transaction(&block, index)))
    })
    .await
}

pub(super) async fn transaction_by_number(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<RpcTransaction>, Failure> {
    let (block, index) = (api.block(tag(&args, 0)?).await?, index(&args)?);
    Ok(block.and_then(|block| convert::transaction(&block, index)))
}

pub(super) async fn transaction_by_hash(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<RpcTransaction>, Failure> {
    let (block, index) = (api.block(hash(&args, 0)?).await?, index(&args)?);
    Ok(block.and_then(|block| convert::transaction(&block, index)))
}

fn index(args: &Args) -> Result<usize, Failure> {
    let Quantity(index) = args.get(1)?;
    // An index that no machine can address is one that no block has.
    Ok(usize::try_from(index).unwrap_or(usize::MAX))
}

pub(super) async fn receipt(api: Arc<Api>, args: Args) -> Result<Option<RpcReceipt>, Failure> {
    let found = api.transaction(args.get(0)?)?;
    Ok(found.and_then(|(block, index)| convert::receipt(api.chain().rules(), &block, index)))
}

pub(super) async fn raw_transaction(api: Arc<Api>, args: Args) -> Result<Option<Bytes>, Failure> {
    let hash: B256 = args.get(0)?;
    match api.transaction(hash)? {
        Some((block, index)) => Ok(raw(&block, index)),
        None => Ok(api.context.pool.raw(&hash)),
    }
}

pub(super) async fn raw_by_number(api: Arc<Api>, args: Args) -> Result<Option<Bytes>, Failure> {
    let (block, index) = (api.block(tag(&args, 0)?).await?, index(&args)?);
    Ok(block.and_then(|block| raw(&block, index)))
}

pub(super) async fn raw_by_hash(api: Arc<Api>, args: Args) -> Result<Option<Bytes>, Failure> {
    let (block, index) = (api.block(hash(&args, 0)?).await?, index(&args)?);
    Ok(block.and_then(|block| raw(&block, index)))
}

fn raw(block: &SealedBlock, index: usize) -> Option<Bytes> {
    block.transactions.get(index).map(|tx| tx.inner().encoded_2718().into())
}
