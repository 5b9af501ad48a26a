//! Transactions to and from peers, in batches.

use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use qenex_net::NetworkHandle;
use qenex_pool::Pool;
use tokio::sync::mpsc;

use crate::accounts::HeadAccounts;

/// Bytes of transactions in one batch at most; under the network's limit with room for the framing.
const BATCH_BYTES: usize = 200 * 1024;

/// How long transactions wait for company.
const PAUSE: Duration = Duration::from_millis(4);

/// A batch as it travels. Gossip drops what it has seen; the salt lets the same transactions go out
/// again when a peer may have missed them.
#[derive(RlpEncodable, RlpDecodable)]
struct Batch {
    salt: u64,
    transactions: Vec<Bytes>,
}

/// Sends transactions that this node admitted to all peers.
pub(crate) fn publish(network: &NetworkHandle, transactions: &[Bytes], salt: u64) {
    let mut batch: Vec<Bytes> = Vec::new();
    let mut size = 0_usize;
    let send = |batch: &mut Vec<Bytes>| {
        if batch.is_empty() {
            return;
        }
        let transactions = std::mem::take(batch);
        let bytes: Bytes = alloy_rlp::encode(Batch { salt, transactions }).into();
        if let Err(error) = network.publish_transactions(bytes) {
            tracing::warn!(%error, "cannot gossip transactions");
        }
    };
    for transaction in transactions {
        if size.saturating_add(transaction.len()) > BATCH_BYTES {
            send(&mut batch);
            size = 0;
        }
        size = size.saturating_add(transaction.len()).saturating_add(4);
        batch.push(transaction.clone());
    }
    send(&mut batch);
}

/// Sends admitted transactions on, those of a few milliseconds together: a message costs every node
/// much the same however much is in it. Ends when all senders of `outbox` are gone.
pub(crate) async fn collect(
    network: NetworkHandle,
    mut outbox: mpsc::UnboundedReceiver<Vec<Bytes>>,
) {
    while let Some(mut transactions) = outbox.recv().await {
        tokio::time::sleep(PAUSE).await;
        while let Ok(more) = outbox.try_recv() {
            transactions.extend(more);
        }
        publish(&network, &transactions, 0);
    }
}

/// Admits a batch that a peer sent: the hashes of those that are new, or none if it is malformed.
pub(crate) fn receive(pool: &Pool, accounts: &HeadAccounts, bytes: &[u8]) -> Option<Vec<B256>> {
    let batch: Batch = alloy_rlp::decode_exact(bytes).ok()?;
    let results = pool.add_raw_batch(&batch.transactions, accounts, None);
    Some(results.into_iter().filter_map(Result::ok).collect())
}
