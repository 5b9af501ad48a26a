//! WebSocket subscriptions: `newHeads`, `logs`, `newPendingTransactions`, `syncing`.
//!
//! One task serves all subscribers, so a block is turned into text once however many listen, and
//! within a connection a block's head comes before its logs. A subscriber whose connection cannot
//! take a message at once is dropped: the others do not wait for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alloy_rpc_types_eth::Filter;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink, server::RegisterMethodError,
    types::ErrorObjectOwned,
};
use parking_lot::Mutex;
use qenex_exec::SealedBlock;
use qenex_types::PooledTransaction;
use serde_json::value::RawValue;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinHandle,
    time::{Duration, interval},
};

use crate::{api::Api, args::Args, convert, error::Failure, methods::json};

/// How often the node is asked whether it still catches up.
const SYNC_CHECK: Duration = Duration::from_secs(1);

/// What a subscriber wants.
#[derive(Debug)]
enum Topic {
    Heads,
    Logs(Box<Filter>),
    Pending { full: bool },
    Syncing,
}

/// Messages kept for a subscriber whose confirmation is on its way.
const MAX_EARLY: usize = 64;

/// Where a subscriber's messages go.
#[derive(Debug)]
enum Sink {
    /// The confirmation is being sent. What happens meanwhile is kept: the client may act on the
    /// confirmation before this node has heard that it was sent.
    Opening { id: u64, early: Vec<Box<RawValue>> },
    /// To the connection.
    Open(SubscriptionSink),
}

/// All subscribers.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    subscribers: Mutex<Vec<(Topic, Sink)>>,
    /// Names subscribers that are being confirmed.
    next_id: AtomicU64,
}

/// Adds `eth_subscribe` and `eth_unsubscribe`.
pub(crate) fn register(
    module: &mut RpcModule<Api>,
    hub: Arc<Hub>,
) -> Result<(), RegisterMethodError> {
    module.register_subscription_raw(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        move |params, pending, _, _| {
            let topic = Args::parse(params.as_str(), 2).and_then(|args| topic(&args));
            tokio::spawn(accept(pending, topic, Arc::clone(&hub)));
        },
    )?;
    Ok(())
}

fn topic(args: &Args) -> Result<Topic, Failure> {
    Ok(match args.text(0)?.as_str() {
        "newHeads" => Topic::Heads,
        "logs" => Topic::Logs(args.optional(1)?.unwrap_or_default()),
        "newPendingTransactions" => Topic::Pending { full: args.optional(1)?.unwrap_or(false) },
        "syncing" => Topic::Syncing,
        other => {
            return Err(Failure::params(format!("no \"{other}\" subscription in eth namespace")));
        }
    })
}

async fn accept(pending: PendingSubscriptionSink, topic: Result<Topic, Failure>, hub: Arc<Hub>) {
    match topic {
        Err(failure) => pending.reject(ErrorObjectOwned::from(failure)).await,
        Ok(topic) => {
            let id = hub.next_id.fetch_add(1, Ordering::Relaxed);
            hub.subscribers.lock().push((topic, Sink::Opening { id, early: Vec::new() }));
            // Fails only if the connection has gone.
            hub.confirmed(id, pending.accept().await.ok());
        }
    }
}

impl Hub {
    /// The confirmation was sent, or the connection has gone.
    fn confirmed(&self, id: u64, sink: Option<SubscriptionSink>) {
        let mut subscribers = self.subscribers.lock();
        let ours = |(_, sink): &(Topic, Sink)| matches!(sink, Sink::Opening { id: other, .. } if *other == id);
        let Some(place) = subscribers.iter().position(ours) else { return };
        let (topic, waiting) = subscribers.swap_remove(place);
        let (Some(sink), Sink::Opening { early, .. }) = (sink, waiting) else { return };
        let mut sink = Sink::Open(sink);
        if early.into_iter().all(|text| send(&mut sink, text)) {
            subscribers.push((topic, sink));
        }
    }

    /// Starts the task that serves all subscribers.
    pub(crate) fn start(self: &Arc<Self>, api: Arc<Api>) -> JoinHandle<()> {
        let hub = Arc::clone(self);
        let heads = api.context.heads.subscribe();
        let pending = api.context.pending.subscribe();
        tokio::spawn(async move { hub.run(&api, heads, pending).await })
    }

    async fn run(
        &self,
        api: &Api,
        mut heads: Receiver<Arc<SealedBlock>>,
        mut pending: Receiver<PooledTransaction>,
    ) {
        let mut next = api.height().saturating_add(1);
        let put_back = || api.context.chain.development().map_or(0, |node| node.times_put_back());
        let mut seen = put_back();
        let mut syncing = api.context.info.syncing().is_some();
        let mut clock = interval(SYNC_CHECK);
        loop {
            tokio::select! {
                biased;
                head = heads.recv() => match head {
                    Err(RecvError::Closed) => return,
                    Ok(head) => {
                        if std::mem::replace(&mut seen, put_back()) != seen {
                            // Blocks of these heights were reported, but they are gone.
                            next = head.header.number;
                        }
                        next = self.on_head(api, next);
                    }
                    Err(RecvError::Lagged(_)) => next = self.on_head(api, next),
                },
                tx = pending.recv() => match tx {
                    Err(RecvError::Closed) => return,
                    Err(RecvError::Lagged(_)) => (),
                    Ok(tx) => self.on_pending(&tx),
                },
                _ = clock.tick() => {
                    self.subscribers.lock().retain(
                        |(_, sink)| !matches!(sink, Sink::Open(sink) if sink.is_closed()),
                    );
                    let now = api.context.info.syncing();
                    if now.is_some() != syncing {
                        syncing = now.is_some();
                        self.on_sync(now);
                    }
                }
            }
        }
    }

    /// Reports all blocks from `next` to the head, also those whose signal was lost. Answers the
    /// first block not yet reported.
    fn on_head(&self, api: &Api, next: u64) -> u64 {
        let height = api.height();
        for number in next..=height {
            match api.chain().block(number) {
                Ok(Some(block)) => self.report(&block),
                Ok(None) => return number,
                Err(error) => {
                    tracing::error!(%error, number, "cannot report a block to subscribers");
                }
            }
        }
        height.saturating_add(1).max(next)
    }

    fn report(&self, block: &SealedBlock) {
        let mut subscribers = self.subscribers.lock();
        if subscribers.is_empty() {
            return;
        }
        if let Ok(head) = json(&convert::bare_header(block)) {
            subscribers.retain_mut(|(topic, sink)| {
                !matches!(topic, Topic::Heads) || send(sink, head.clone())
            });
        }
        subscribers.retain_mut(|(topic, sink)| {
            let Topic::Logs(filter) = topic else { return true };
            convert::logs(block, filter)
                .iter()
                .all(|log| json(log).is_ok_and(|text| send(sink, text)))
        });
    }

    fn on_pending(&self, tx: &PooledTransaction) {
        let mut subscribers = self.subscribers.lock();
        let mut texts: [Option<Box<RawValue>>; 2] = [None, None];
        subscribers.retain_mut(|(topic, sink)| {
            let Topic::Pending { full } = topic else { return true };
            let text = &mut texts[usize::from(*full)];
            if text.is_none() {
                *text = if *full {
                    json(&convert::pending_transaction(tx)).ok()
                } else {
                    json(tx.inner().tx_hash()).ok()
                };
            }
            text.as_ref().is_none_or(|text| send(sink, text.clone()))
        });
    }

    fn on_sync(&self, state: Option<(u64, u64)>) {
        let status = match state {
            None => serde_json::json!(false),
            Some((current, highest)) => serde_json::json!({
                "syncing": true,
                "status": {
                    "startingBlock": alloy_primitives::U64::ZERO,
                    "currentBlock": alloy_primitives::U64::from(current),
                    "highestBlock": alloy_primitives::U64::from(highest),
                },
            }),
        };
        let Ok(text) = json(&status) else { return };
        self.subscribers.lock().retain_mut(|(topic, sink)| {
            !matches!(topic, Topic::Syncing) || send(sink, text.clone())
        });
    }
}

/// Sends without waiting; false if the subscriber is gone or too slow.
fn send(sink: &mut Sink, text: Box<RawValue>) -> bool {
    match sink {
        Sink::Opening { early, .. } => {
            early.push(text);
            early.len() <= MAX_EARLY
        }
        Sink::Open(sink) => !sink.is_closed() && sink.try_send(text).is_ok(),
    }
}
