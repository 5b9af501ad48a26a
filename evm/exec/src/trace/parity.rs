//! Parity's traces, flat lists of frames, and what Otterscan makes of them.

use alloy_primitives::map::HashSet;
use alloy_rpc_types_trace::{
    otterscan::InternalOperation,
    parity::{LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash, TraceType},
};
use revm::{DatabaseCommit, InspectEvm};
use revm_inspectors::{
    otterscan::InternalOperationsInspector,
    tracing::{TracingInspector, TracingInspectorConfig},
};

use super::{Before, TraceBounds, place, stopped, watch::Watched};
use crate::{
    block::SealedBlock,
    chain::Chain,
    evm::{Mode, evm},
    simulate::{CallRequest, Overrides, SimulateError, request_env},
};

impl Chain {
    /// The frames of a final block's transactions, or of the one at `index` (`trace_block`).
    ///
    /// # Errors
    ///
    /// As [`Chain::debug_transaction`].
    pub fn parity_traces(
        &self,
        block: &SealedBlock,
        index: Option<usize>,
        bounds: TraceBounds<'_>,
    ) -> Result<Vec<LocalizedTransactionTrace>, SimulateError> {
        let config = TracingInspectorConfig::default_parity();
        let traces = self.replay_under(
            block,
            range(block, index),
            frames(config, bounds),
            bounds,
            |traced| {
                let inspector = std::mem::replace(traced.inspector, tracer(config));
                let gas = traced.result.result.tx_gas_used();
                Ok(inspector
                    .into_parity_builder()
                    .with_transaction_gas_used(gas)
                    .into_localized_transaction_traces(place(block, traced.index)))
            },
        )?;
        Ok(traces.into_iter().flatten().collect())
    }

    /// Frames, steps and changes of state of a final block's transactions, or of the one at `index`
    /// (`trace_replayBlockTransactions`).
    ///
    /// # Errors
    ///
    /// As [`Chain::debug_transaction`].
    pub fn parity_replay(
        &self,
        block: &SealedBlock,
        index: Option<usize>,
        types: &HashSet<TraceType>,
        bounds: TraceBounds<'_>,
    ) -> Result<Vec<TraceResultsWithTransactionHash>, SimulateError> {
        let config = TracingInspectorConfig::from_parity_config(types);
        self.replay_under(block, range(block, index), frames(config, bounds), bounds, |traced| {
            let inspector = std::mem::replace(traced.inspector, tracer(config));
            let gas = traced.result.result.tx_gas_used();
            let full_trace = inspector
                .into_parity_builder()
                .with_transaction_gas_used(gas)
                .into_trace_results_with_state(traced.result, types, Before::new(traced.database))
                .map_err(|error| SimulateError::State(error.to_string()))?;
            let transaction_hash =
                block.transactions.get(traced.index).map(|tx| *tx.inner().tx_hash());
            Ok(TraceResultsWithTransactionHash {
                full_trace,
                transaction_hash: transaction_hash.unwrap_or_default(),
            })
        })
    }

    /// Traces calls one after the other, each on what those before left, on the state after block
    /// `number` (`trace_callMany`).
    ///
    /// # Errors
    ///
    /// As [`Chain::debug_transaction`].
    pub fn parity_calls(
        &self,
        number: u64,
        calls: &[(CallRequest, HashSet<TraceType>)],
        overrides: &Overrides,
        gas_cap: u64,
        bounds: TraceBounds<'_>,
    ) -> Result<Vec<TraceResults>, SimulateError> {
        let Some((first, _)) = calls.first() else { return Ok(Vec::new()) };
        let (env, state) = self.simulation(number, first, overrides)?;
        let unwatched = frames(TracingInspectorConfig::default_parity(), bounds);
        let mut evm = evm(self.rules(), env, state, Mode::Simulation, unwatched);
        evm.precompiles.override_with(overrides)?;
        let mut results = Vec::with_capacity(calls.len());
        for (call, types) in calls {
            let config = TracingInspectorConfig::from_parity_config(types);
            evm.inspector = frames(config, bounds);
            let database = &mut evm.ctx.journaled_state.database;
            let account = revm::Database::basic(database, call.from)
                .map_err(|error| SimulateError::State(error.to_string()))?;
            let nonce = call.nonce.unwrap_or_else(|| account.map_or(0, |account| account.nonce));
            let gas = call.gas.unwrap_or(gas_cap).min(gas_cap);
            let outcome = evm.inspect_tx(request_env(call, gas, nonce)).map_err(stopped)?;
            let inspector = std::mem::replace(evm.inspector.inner(), tracer(config));
            let database = &mut evm.ctx.journaled_state.database;
            let result = inspector
                .into_parity_builder()
                .with_transaction_gas_used(outcome.result.tx_gas_used())
                .into_trace_results_with_state(&outcome, types, Before::new(database))
                .map_err(|error| SimulateError::State(error.to_string()))?;
            results.push(result);
            database.commit(outcome.state);
        }
        Ok(results)
    }

    /// Transfers of the native coin, creations and destructions inside a transaction
    /// (`ots_getInternalOperations`).
    ///
    /// # Errors
    ///
    /// As [`Chain::debug_transaction`].
    pub fn internal_operations(
        &self,
        block: &SealedBlock,
        index: usize,
        bounds: TraceBounds<'_>,
    ) -> Result<Vec<InternalOperation>, SimulateError> {
        let inspector = InternalOperationsInspector::default();
        let watched = Watched::new(inspector, bounds, false, false);
        let found =
            self.replay_under(block, range(block, Some(index)), watched, bounds, |traced| {
                Ok(std::mem::take(traced.inspector).into_operations())
            })?;
        Ok(found.into_iter().flatten().collect())
    }
}

fn range(block: &SealedBlock, index: Option<usize>) -> std::ops::Range<usize> {
    index.map_or(0..block.transactions.len(), |index| index..index.saturating_add(1))
}

/// A tracer whose frames the watch chooses, so that engines have some.
fn frames(
    config: TracingInspectorConfig,
    bounds: TraceBounds<'_>,
) -> Watched<'_, TracingInspector> {
    Watched::new(tracer(config), bounds, config.record_steps, true)
}

fn tracer(config: TracingInspectorConfig) -> TracingInspector {
    TracingInspector::new(config.set_exclude_precompile_calls(false))
}
