//! Raw transactions of all connections, in few large batches to the pool.
//!
//! A call costs the pool almost nothing more in a batch of a thousand than its share of signature
//! recovery, which then runs on all cores; one call at a time would cost a thread switch each. So
//! calls queue up, one thread takes whatever has come meanwhile, and answers all.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bytes, U256};
use qenex_pool::PoolError;
use qenex_types::Transaction;
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

/// Wei in a gwei.
const GWEI: u64 = 1_000_000_000;

/// The way into the pool.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    groups: mpsc::Sender<Group>,
    /// Most wei a transaction may pay for gas; none: no bound.
    fee_cap: Option<U256>,
}

impl Admission {
    /// Starts the worker. It ends when the last handle is gone; as a task of the runtime, so that
    /// whoever drops the runtime knows that nothing of it reads the chain any more.
    pub(crate) fn start(context: Arc<RpcContext>, fee_cap_gwei: u64) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::task::spawn_blocking(move || run(receiver, &context));
        let cap = U256::from(fee_cap_gwei).saturating_mul(U256::from(GWEI));
        Self { groups: sender, fee_cap: (fee_cap_gwei > 0).then_some(cap) }
    }

    /// Admits transactions; one answer each, in order.
    pub(crate) async fn submit(
        &self,
        raws: Vec<Bytes>,
    ) -> Result<Vec<Result<B256, Failure>>, Failure> {
        let checked: Vec<_> = raws.iter().map(|raw| self.check_fee(raw)).collect();
        let raws = raws.into_iter().zip(&checked);
        let raws = raws.filter_map(|(raw, checked)| checked.is_ok().then_some(raw)).collect();
        let (reply, answers) = oneshot::channel();
        let stopping = || Failure::internal("the node is shutting down");
        self.groups.send(Group { raws, reply }).await.map_err(|_| stopping())?;
        let mut answers = answers.await.map_err(|_| stopping())?.into_iter();
        let answer = |checked: Result<(), Failure>| {
            checked.and_then(|()| Ok(answers.next().unwrap_or(Err(PoolError::PoolFull))?))
        };
        Ok(checked.into_iter().map(answer).collect())
    }

    /// Refuses a fee that can only be a mistake. What is no transaction, the pool refuses.
    fn check_fee(&self, raw: &Bytes) -> Result<(), Failure> {
        let Some(cap) = self.fee_cap else { return Ok(()) };
        let Ok(transaction) = Transaction::decode_2718_exact(raw) else { return Ok(()) };
        let price = U256::from(transaction.max_fee_per_gas());
        let fee = U256::from(transaction.gas_limit()).saturating_mul(price);
        if fee > cap { Err(Failure::fee_cap(fee, cap)) } else { Ok(()) }
    }

    /// Admits one transaction.
    pub(crate) async fn submit_one(&self, raw: Bytes) -> Result<B256, Failure> {
        let answer = self.submit(vec![raw]).await?.pop();
        answer.unwrap_or_else(|| Err(Failure::internal("no answer")))
    }
}

fn run(mut receiver: mpsc::Receiver<Group>, context: &RpcContext) {
    while let Some(first) = receiver.blocking_recv() {
        let mut count = first.raws.len();
        let mut groups = vec![first];
        while count < BATCH {
            let Ok(group) = receiver.try_recv() else { break };
            count = count.saturating_add(group.raws.len());
            groups.push(group);
        }
        admit(groups, context);
    }
}

fn admit(groups: Vec<Group>, context: &RpcContext) {
    let raws: Vec<Bytes> = groups.iter().flat_map(|group| group.raws.iter().cloned()).collect();
    let mut answers = context.pool.add_raw_batch(&raws, &*context.accounts).into_iter();

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
