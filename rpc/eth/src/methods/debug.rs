//! Blocks in their binary form.

use std::sync::Arc;

use alloy_consensus::TxReceipt as _;
use alloy_eips::{BlockId, eip2718::Encodable2718};
use alloy_primitives::Bytes;
use qenex_exec::SealedBlock;

use crate::{api::Api, args::Args, error::Failure};

pub(super) async fn raw_header(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    Ok(alloy_rlp::encode(&block(&api, &args).await?.header).into())
}

pub(super) async fn raw_block(api: Arc<Api>, args: Args) -> Result<Bytes, Failure> {
    let block = block(&api, &args).await?;
    Ok(block.encode())
}

pub(super) async fn raw_receipts(api: Arc<Api>, args: Args) -> Result<Vec<Bytes>, Failure> {
    let block = block(&api, &args).await?;
    let receipts = block.receipts.iter();
    Ok(receipts.map(|receipt| receipt.with_bloom_ref().encoded_2718().into()).collect())
}

async fn block(api: &Arc<Api>, args: &Args) -> Result<Arc<SealedBlock>, Failure> {
    let id: BlockId = args.get(0)?;
    api.block(id).await?.ok_or_else(|| Failure::refused("block not found"))
}
