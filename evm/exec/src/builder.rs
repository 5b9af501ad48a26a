//! Building a block from candidates, within its bounds.

use std::time::Duration;

use qenex_types::PooledTransaction;

use crate::{
    block::{Executed, Execution},
    error::ExecError,
    rules::MAX_BLOCK_BYTES,
};

/// Where a builder takes transactions from, best first; `evm/pool` through `node/`.
pub trait Candidates {
    /// The next best transaction.
    fn next(&mut self) -> Option<PooledTransaction>;
    /// The last one given cannot stand in this block, and so nothing else of its sender.
    fn refuse(&mut self, transaction: &PooledTransaction, reason: &str);
}

/// When a block is full.
#[derive(Clone, Copy, Debug)]
pub struct BuildLimits {
    /// Most transactions.
    pub transactions: usize,
    /// Most bytes of encoded transactions.
    pub bytes: usize,
    /// Longest time spent executing. Local policy: no consensus rule depends on it.
    pub time: Duration,
}

impl Default for BuildLimits {
    fn default() -> Self {
        Self { transactions: 10_000, bytes: 2 * 1024 * 1024, time: Duration::from_millis(50) }
    }
}

/// What became of the candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Transactions in the block.
    pub included: usize,
    /// Candidates that could not stand in it.
    pub refused: usize,
}

/// Fills `execution` from `candidates`.
pub(crate) fn fill(
    execution: &mut Execution,
    candidates: &mut dyn Candidates,
    limits: BuildLimits,
) -> Result<Built, ExecError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "when to stop building is the leader's own choice"
    )]
    let started = std::time::Instant::now();
    let mut built = Built::default();
    let mut bytes = 0_usize;
    let most_bytes = limits.bytes.min(MAX_BLOCK_BYTES / 2);
    while built.included < limits.transactions
        && execution.gas_left() >= 21_000
        && started.elapsed() < limits.time
    {
        let Some(transaction) = candidates.next() else { break };
        let length = alloy_rlp::Encodable::length(transaction.inner());
        if bytes.saturating_add(length) > most_bytes {
            break;
        }
        match execution.execute(&transaction)? {
            Executed::Included => {
                built.included += 1;
                bytes = bytes.saturating_add(length);
            }
            Executed::Refused(reason) => {
                built.refused += 1;
                candidates.refuse(&transaction, &reason);
            }
        }
    }
    Ok(built)
}
