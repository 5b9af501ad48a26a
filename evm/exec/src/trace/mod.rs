//! Traces: executing again what happened, or what would, and watching.
//!
//! `geth.rs` gives what geth's `debug_*` give, `parity.rs` what Parity's `trace_*` and Otterscan's
//! `ots_*` give; the tracers are revm-inspectors'. A transaction is executed on the state its
//! predecessors in the block leave, with the consensus rules of its block. Calls to the financial
//! engines are frames like calls to contracts (`watch.rs`), and say what they were (`frames.rs`).

mod frames;
mod geth;
mod parity;
pub(crate) mod watch;

use std::{cell::RefCell, ops::Range};

use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::TransactionInfo;
use revm::{
    Database, DatabaseCommit, DatabaseRef, ExecuteEvm, InspectEvm, Inspector,
    bytecode::Bytecode,
    context::{BlockEnv, TxEnv},
    context_interface::result::{EVMError, InvalidTransaction, ResultAndState},
    state::AccountInfo,
};

use crate::{
    block::{SealedBlock, begin},
    chain::Chain,
    database::{BlockState, StateUnavailable},
    evm::{EvmContext, Mode, block_env, evm, tx_env},
    simulate::{SimulateError, refusal},
};
use frames::EngineCalls;
pub use frames::{DebugFrame, DebugTrace};
use watch::Watched;

/// What a trace may cost.
#[derive(Clone, Copy)]
pub struct TraceBounds<'a> {
    /// Says when the time is over; asked every few thousand steps.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Most bytes of recorded steps, and of descriptions of engines' calls, about.
    pub max_bytes: usize,
}

impl std::fmt::Debug for TraceBounds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceBounds").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// A transaction that has been executed and is not yet committed to `database`.
struct Traced<'a, I> {
    index: usize,
    tx: &'a TxEnv,
    block: &'a BlockEnv,
    result: &'a ResultAndState,
    /// Empty unless the inspector listens to them.
    engine_calls: EngineCalls,
    inspector: &'a mut I,
    database: &'a mut BlockState,
}

impl Chain {
    /// Executes the transactions of a final block up to those in `which`, and these under an
    /// inspector.
    fn replay_under<I: Inspector<EvmContext>, T>(
        &self,
        block: &SealedBlock,
        which: Range<usize>,
        watched: Watched<'_, I>,
        bounds: TraceBounds<'_>,
        mut each: impl FnMut(Traced<'_, I>) -> Result<T, SimulateError>,
    ) -> Result<Vec<T>, SimulateError> {
        let failed = SimulateError::from;
        let Some(parent) = block.header.number.checked_sub(1) else {
            return Err(SimulateError::Invalid("genesis is not traceable".into()));
        };
        let state = self.state(parent).map_err(failed)?.ok_or(SimulateError::Pruned(parent))?;
        let state = BlockState::new(state, self.ancestors_of_final(parent));
        let env = block_env(self.rules(), &block.header);
        let mut evm = evm(self.rules(), env, state, Mode::Consensus, watched);
        begin(&mut evm, &block.header).map_err(failed)?;
        let mut traces = Vec::with_capacity(which.len());
        for (index, transaction) in block.transactions.iter().enumerate().take(which.end) {
            let tx = tx_env(transaction);
            if !which.contains(&index) {
                if (bounds.stop)() {
                    return Err(watch::timeout());
                }
                let outcome = evm.transact(tx).map_err(stopped)?;
                evm.ctx.journaled_state.database.commit(outcome.state);
                continue;
            }
            let outcome = evm.inspect_tx(tx.clone()).map_err(stopped)?;
            traces.push(each(Traced {
                index,
                tx: &tx,
                block: &evm.ctx.block,
                result: &outcome,
                engine_calls: evm.inspector.engine_calls(),
                inspector: evm.inspector.inner(),
                database: &mut evm.ctx.journaled_state.database,
            })?);
            evm.ctx.journaled_state.database.commit(outcome.state);
        }
        Ok(traces)
    }
}

/// Why a transaction was not executed to its end.
fn stopped(error: EVMError<StateUnavailable, InvalidTransaction>) -> SimulateError {
    match error {
        EVMError::Custom(reason) => SimulateError::Invalid(reason),
        other => refusal(other),
    }
}

/// Where a transaction stands.
fn place(block: &SealedBlock, index: usize) -> TransactionInfo {
    TransactionInfo {
        hash: block.transactions.get(index).map(|tx| *tx.inner().tx_hash()),
        index: Some(index as u64),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        base_fee: block.header.base_fee_per_gas,
        block_timestamp: Some(block.header.timestamp),
    }
}

/// The state before a transaction, as the tracers read it.
struct Before<'a>(RefCell<&'a mut BlockState>);

impl<'a> Before<'a> {
    const fn new(state: &'a mut BlockState) -> Self {
        Self(RefCell::new(state))
    }
}

impl DatabaseRef for Before<'_> {
    type Error = StateUnavailable;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateUnavailable> {
        self.0.borrow_mut().basic(address)
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateUnavailable> {
        self.0.borrow_mut().code_by_hash(code_hash)
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StateUnavailable> {
        self.0.borrow_mut().storage(address, index)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StateUnavailable> {
        self.0.borrow_mut().block_hash(number)
    }
}
