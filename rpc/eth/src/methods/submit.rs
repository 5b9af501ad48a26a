//! Sending transactions.

use std::sync::Arc;

use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bytes};
use qenex_types::Transaction;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Duration, timeout},
};

use crate::{
    api::Api,
    args::{Args, Quantity},
    convert::{self, RpcReceipt},
    error::Failure,
};

pub(super) async fn send_raw(api: Arc<Api>, args: Args) -> Result<B256, Failure> {
    api.admission.submit_one(args.get(0)?).await
}

/// EIP-7966: sends, and answers with the receipt when the transaction is final.
pub(super) async fn send_raw_sync(api: Arc<Api>, args: Args) -> Result<RpcReceipt, Failure> {
    let raw: Bytes = args.get(0)?;
    let asked: Option<Quantity> = args.optional(1)?;
    let wait_ms = match asked {
        None | Some(Quantity(0)) => api.config.sync_timeout_ms,
        Some(Quantity(ms)) => ms.min(api.config.max_sync_timeout_ms),
    };
    refuse_gap(&api, &raw)?;
    // Listening begins before sending, so that no block is missed.
    let mut heads = api.context.heads.subscribe();
    let hash = api.admission.submit_one(raw).await?;
    let included = async {
        loop {
            if let Some((block, index)) = api.chain().transaction(hash)?
                && let Some(receipt) = convert::receipt(api.chain().rules(), &block, index)
            {
                return Ok(receipt);
            }
            match heads.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => (),
                Err(RecvError::Closed) => {
                    return Err(Failure::internal("the node is shutting down"));
                }
            }
        }
    };
    match timeout(Duration::from_millis(wait_ms), included).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::sync_timeout(hash, wait_ms)),
    }
}

/// A transaction that must wait for others before it is refused (EIP-7966), and not put into the
/// pool. What is wrong with it otherwise, the pool says.
fn refuse_gap(api: &Api, raw: &Bytes) -> Result<(), Failure> {
    let Ok(transaction) = Transaction::decode_2718_exact(raw) else { return Ok(()) };
    let Ok(sender) = transaction.recover_signer() else { return Ok(()) };
    let account = api.context.accounts.account(sender).map_err(Failure::internal)?;
    let next = api.context.pool.pending_nonce(sender, account.nonce);
    let nonce = transaction.nonce();
    if nonce > next { Err(Failure::nonce_gap(next, nonce)) } else { Ok(()) }
}
