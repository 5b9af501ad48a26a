//! Raw transactions of all connections, in few large batches to the pool.
//!
//! A call costs the pool almost nothing more in a batch of a thousand than its share of signature
//! recovery, which then runs on all cores; one call at a time would cost a thread switch each. So
//! calls queue up, one thread takes whatever has come meanwhile, and answers all.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, U256};
use qenex_pool::PoolError;
use tokio::sync::{mpsc, oneshot};

use crate::{RpcContext, error::Failure};

/// Most groups that wait; callers beyond that wait for room.
const QUEUE: usize = 4_096;
/// About how many transactions go to the pool at a time: enough to keep all cores busy, few enough
/// for an answer within some 50 ms.
const BATCH: usize = 2_048;

type Answers = Vec<Result<B256, PoolError>>;

/// Transactions of one call or batch, and where the answers go.
struct Group {
    raws: Vec<Bytes>,
    reply: oneshot::Sender<Answers>,
}

/// The way into the pool.
#[derive(Clone, Debug)]
pub(crate) struct Admission(mpsc::Sender<Group>);

impl Admission {
    /// Starts the worker, which admits what costs at most `fee_cap` wei for gas. It ends when the
    /// last handle is gone; as a task of the runtime, so that whoever drops the runtime knows that
    /// nothing of it reads the chain any more.
    pub(crate) fn start(context: Arc<RpcContext>, fee_cap: Option<U256>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::task::spawn_blocking(move || run(receiver, &context, fee_cap));
        Self(sender)
    }

    /// Admits transactions; one answer each, in order.
    pub(crate) async fn submit(&self, raws: Vec<Bytes>) -> Result<Answers, Failure> {
        let (reply, answers) = oneshot::channel();
        let stopping = || Failure::internal("the node is shutting down");
        self.0.send(Group { raws, reply }).await.map_err(|_| stopping())?;
        answers.await.map_err(|_| stopping())
    }

    /// Admits one transaction.
    pub(crate) async fn submit_one(&self, raw: Bytes) -> Result<B256, Failure> {
        let answer = self.submit(vec![raw]).await?.pop();
        Ok(answer.unwrap_or(Err(PoolError::PoolFull))?)
    }
}

fn run(mut receiver: mpsc::Receiver<Group>, context: &RpcContext, fee_cap: Option<U256>) {
    while let Some(first) = receiver.blocking_recv() {
        let mut count = first.raws.len();
        let mut groups = vec![first];
        while count < BATCH {
            let Ok(group) = receiver.try_recv() else { break };
            count = count.saturating_add(group.raws.len());
            groups.push(group);
        }
        admit(groups, context, fee_cap);
    }
}

fn admit(groups: Vec<Group>, context: &RpcContext, fee_cap: Option<U256>) {
    let raws: Vec<Bytes> = groups.iter().flat_map(|group| group.raws.iter().cloned()).collect();
    let (pool, accounts) = (&context.pool, &*context.accounts);
    let mut answers = pool.add_raw_batch(&raws, accounts, fee_cap).into_iter();

    let mut admitted = Vec::new();
    let mut replies = Vec::with_capacity(groups.len());
    for group in groups {
        let own: Answers = answers.by_ref().take(group.raws.len()).collect();
        for (raw, answer) in group.raws.into_iter().zip(&own) {
            if let Ok(hash) = answer {
                admitted.push((*hash, raw));
            }
        }
        replies.push((group.reply, own));
    }
    if context.pending.receiver_count() > 0 {
        for tx in admitted.iter().filter_map(|(hash, _)| context.pool.get(hash)) {
            // Fails only if the last listener has just gone.
            let _ = context.pending.send(tx);
        }
    }
    metrics::histogram!("qenex_rpc_admission_batch_size").record(raws.len() as f64);
    if !admitted.is_empty() {
        (context.on_transactions)(admitted.into_iter().map(|(_, raw)| raw).collect());
    }
    for (reply, own) in replies {
        // Fails only if the caller has gone; its transactions are admitted all the same.
        let _ = reply.send(own);
    }
}
