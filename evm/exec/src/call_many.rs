//! Calls one after the other, each on the state that those before it left (`eth_callMany`).
//!
//! As Erigon defines it and reth serves it: bundles stand for blocks, each a number and twelve
//! seconds after the one before, and a call that cannot be made does not stop the others.

use alloy_primitives::U256;
use revm::{
    Database as _, DatabaseCommit, ExecuteEvm, InspectEvm, context::BlockEnv,
    inspector::NoOpInspector,
};

use crate::{
    block::begin,
    chain::Chain,
    database::BlockState,
    evm::{Mode, block_env, evm, tx_env},
    simulate::{
        BlockOverride, CallOutcome, CallRequest, Overrides, SimulateError, Stop, outcome,
        override_env, request_env, stopped, watched,
    },
    simulate_blocks::BLOCK_SECONDS,
};

/// Calls of one pretended block.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// One after the other.
    pub calls: Vec<CallRequest>,
    /// What is different about the block.
    pub block: BlockOverride,
}

/// What a call gave, or why it could not be made.
pub type Called = Result<CallOutcome, SimulateError>;

impl Chain {
    /// Makes calls on the state after block `number`, or on that after so many of its transactions.
    ///
    /// # Errors
    ///
    /// [`SimulateError`] if none can be made, or the time is over; what is wrong with a single call
    /// is its own answer.
    pub fn call_many(
        &self,
        number: u64,
        transactions: Option<usize>,
        bundles: &[Bundle],
        overrides: &Overrides,
        gas_cap: u64,
        stop: Stop<'_>,
    ) -> Result<Vec<Vec<Called>>, SimulateError> {
        let (base, mut state) = self.within(number, transactions, stop)?;
        for (address, change) in &overrides.accounts {
            state
                .override_account(*address, change)
                .map_err(|error| SimulateError::Invalid(error.to_string()))?;
        }
        let watched = watched(NoOpInspector, stop);
        let mut evm = evm(self.rules(), base.clone(), state, Mode::Simulation, watched);
        evm.precompiles.override_with(overrides)?;
        let mut answers = Vec::with_capacity(bundles.len());
        for (later, bundle) in (0_u64..).zip(bundles) {
            let mut env = BlockEnv {
                number: base.number.saturating_add(U256::from(later)),
                timestamp: base.timestamp.saturating_add(U256::from(later * BLOCK_SECONDS)),
                ..base.clone()
            };
            override_env(&mut env, &bundle.block);
            let hashes = &bundle.block.block_hashes;
            evm.ctx.journaled_state.database.ancestors().pretend(hashes);
            let mut results = Vec::with_capacity(bundle.calls.len());
            for call in &bundle.calls {
                // As in single calls: BASEFEE reads 0 where no fee is charged.
                let free = call.gas_price.is_none() && bundle.block.base_fee.is_none();
                evm.ctx.block =
                    BlockEnv { basefee: if free { 0 } else { env.basefee }, ..env.clone() };
                let account = evm
                    .ctx
                    .journaled_state
                    .database
                    .basic(call.from)
                    .map_err(|error| SimulateError::State(error.to_string()))?;
                let nonce =
                    call.nonce.unwrap_or_else(|| account.map_or(0, |account| account.nonce));
                let gas = call.gas.unwrap_or(gas_cap).min(gas_cap);
                match evm.inspect_tx(request_env(call, gas, nonce)).map_err(stopped) {
                    Ok(done) => {
                        evm.ctx.journaled_state.database.commit(done.state);
                        results.push(Ok(outcome(done.result)));
                    }
                    Err(error @ (SimulateError::Stopped | SimulateError::State(_))) => {
                        return Err(error);
                    }
                    Err(error) => results.push(Err(error)),
                }
            }
            answers.push(results);
        }
        Ok(answers)
    }

    /// The state after a block, or after so many of its transactions, and the block's environment.
    fn within(
        &self,
        number: u64,
        transactions: Option<usize>,
        stop: Stop<'_>,
    ) -> Result<(BlockEnv, BlockState), SimulateError> {
        let failed = SimulateError::from;
        let block = self.block(number).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
        let env = block_env(self.rules(), &block.header);
        let Some((count, parent)) = transactions.zip(number.checked_sub(1)) else {
            let state = self.state(number).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
            return Ok((env, BlockState::new(state, self.ancestors_of_final(number))));
        };
        let state = self.state(parent).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
        let state = BlockState::new(state, self.ancestors_of_final(parent));
        let mut evm = evm(self.rules(), env.clone(), state, Mode::Consensus, ());
        begin(&mut evm, &block.header).map_err(failed)?;
        for transaction in block.transactions.iter().take(count) {
            if stop() {
                return Err(SimulateError::Stopped);
            }
            let done = evm.transact(tx_env(transaction)).map_err(stopped)?;
            evm.ctx.journaled_state.database.commit(done.state);
        }
        Ok((env, evm.ctx.journaled_state.database))
    }
}
