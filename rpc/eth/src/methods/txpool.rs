//! What waits in the pool.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U64};
use qenex_types::PooledTransaction;
use serde::Serialize;
use serde_json::{Value, json};

use super::Json;
use crate::{
    api::Api,
    args::Args,
    convert::{self, RpcTransaction},
    error::Failure,
};

/// A part of the pool by sender and nonce; nonces in decimal, as geth has them.
type Part<T> = BTreeMap<Address, ByNonce<T>>;
type ByNonce<T> = BTreeMap<u64, T>;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Both<T> {
    pending: T,
    queued: T,
}

pub(super) async fn status(api: Arc<Api>, _: Args) -> Result<Value, Failure> {
    let status = api.context.pool.status();
    Ok(json!({ "pending": U64::from(status.pending), "queued": U64::from(status.queued) }))
}

pub(super) async fn content(api: Arc<Api>, _: Args) -> Result<Json, Failure> {
    api.heavy(|api| super::json(&parts(api, convert::pending_transaction))).await
}

pub(super) async fn inspect(api: Arc<Api>, _: Args) -> Result<Json, Failure> {
    api.heavy(|api| super::json(&parts(api, summary))).await
}

pub(super) async fn content_from(
    api: Arc<Api>,
    args: Args,
) -> Result<Both<ByNonce<RpcTransaction>>, Failure> {
    let content = api.context.pool.by_sender(args.get(0)?);
    let shown = |txs: ByNonce<PooledTransaction>| {
        txs.iter().map(|(nonce, tx)| (*nonce, convert::pending_transaction(tx))).collect()
    };
    Ok(Both { pending: shown(content.pending), queued: shown(content.queued) })
}

fn parts<T>(api: &Api, show: impl Fn(&PooledTransaction) -> T) -> Both<Part<T>> {
    let mut both = Both { pending: Part::new(), queued: Part::new() };
    for (sender, content) in api.context.pool.content() {
        for (part, txs) in
            [(&mut both.pending, content.pending), (&mut both.queued, content.queued)]
        {
            if !txs.is_empty() {
                part.insert(sender, txs.iter().map(|(nonce, tx)| (*nonce, show(tx))).collect());
            }
        }
    }
    both
}

/// One line for people.
fn summary(tx: &PooledTransaction) -> String {
    let to = tx.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_string());
    format!("{to}: {} wei + {} gas × {} wei", tx.value(), tx.gas_limit(), tx.max_fee_per_gas())
}
