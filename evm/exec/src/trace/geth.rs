//! geth's tracers: structLogs, callTracer, flatCallTracer, prestateTracer, 4byteTracer, muxTracer,
//! noopTracer.

use alloy_rpc_types_trace::{
    common::TraceResult,
    geth::{
        FlatCallConfig, GethDebugBuiltInTracerType as BuiltIn, GethDebugTracerType,
        GethDebugTracingOptions, GethTrace,
    },
};
use revm::{InspectEvm, context_interface::result::ResultAndState};
use revm_inspectors::tracing::{
    DebugInspector, TracingInspector, TracingInspectorConfig, TransactionContext,
};

use super::{Before, TraceBounds, Traced, stopped, watch::Watched};
use crate::{
    block::SealedBlock,
    chain::Chain,
    evm::{Mode, evm},
    simulate::{CallRequest, Overrides, SimulateError, request_env},
};

impl Chain {
    /// Traces the transaction at `index` of a final block (`debug_traceTransaction`).
    ///
    /// # Errors
    ///
    /// [`SimulateError`]: an unknown tracer, a bound that is reached, a state that is not kept.
    pub fn debug_transaction(
        &self,
        block: &SealedBlock,
        index: usize,
        options: GethDebugTracingOptions,
        bounds: TraceBounds<'_>,
    ) -> Result<GethTrace, SimulateError> {
        let after = index.saturating_add(1);
        let watched = watched(options, bounds)?;
        let traces = self.replay_under(block, index..after, watched, bounds, |mut traced| {
            trace(block, &mut traced)
        })?;
        let missing = || SimulateError::Invalid("transaction not found".into());
        traces.into_iter().next().ok_or_else(missing)
    }

    /// Traces all transactions of a final block (`debug_traceBlockByNumber`).
    ///
    /// # Errors
    ///
    /// As [`Chain::debug_transaction`].
    pub fn debug_block(
        &self,
        block: &SealedBlock,
        options: GethDebugTracingOptions,
        bounds: TraceBounds<'_>,
    ) -> Result<Vec<TraceResult<GethTrace, String>>, SimulateError> {
        let watched = watched(options, bounds)?;
        self.replay_under(block, 0..block.transactions.len(), watched, bounds, |mut traced| {
            let tx_hash = block.transactions.get(traced.index).map(|tx| *tx.inner().tx_hash());
            let result = trace(block, &mut traced)?;
            traced.inspector.fuse().map_err(refused)?;
            Ok(TraceResult::Success { result, tx_hash })
        })
    }

    /// Traces a call on the state after block `number` (`debug_traceCall`).
    ///
    /// # Errors
    ///
    /// As [`Chain::debug_transaction`].
    pub fn debug_call(
        &self,
        number: u64,
        call: &CallRequest,
        overrides: &Overrides,
        gas_cap: u64,
        options: GethDebugTracingOptions,
        bounds: TraceBounds<'_>,
    ) -> Result<GethTrace, SimulateError> {
        let (env, state) = self.simulation(number, call, overrides)?;
        let nonce = self.nonce(number, call)?;
        let gas = call.gas.unwrap_or(gas_cap).min(gas_cap);
        let tx = request_env(call, gas, nonce);
        let watched = watched(options, bounds)?;
        let mut evm = evm(self.rules(), env, state, Mode::Simulation, watched);
        evm.precompiles.override_with(overrides)?;
        let outcome = evm.inspect_tx(tx.clone()).map_err(stopped)?;
        let mut before = Before::new(&mut evm.ctx.journaled_state.database);
        let inspector = evm.inspector.inner();
        result(inspector, None, &tx, &evm.ctx.block, &outcome, &mut before)
    }
}

/// The tracer that options name.
fn watched(
    options: GethDebugTracingOptions,
    bounds: TraceBounds<'_>,
) -> Result<Watched<'_, DebugInspector>, SimulateError> {
    let is_flat =
        matches!(options.tracer, Some(GethDebugTracerType::BuiltInTracer(BuiltIn::FlatCallTracer)));
    let hides = is_flat && {
        let config: Option<FlatCallConfig> =
            options.tracer_config.clone().into_flat_call_config().ok();
        !config.and_then(|config| config.include_precompiles).unwrap_or_default()
    };
    let mut inspector = DebugInspector::new(options).map_err(refused)?;
    if is_flat {
        // Which precompiles have no frame is the watch's business: engines have.
        let config = TracingInspectorConfig::default_parity().set_exclude_precompile_calls(false);
        inspector = DebugInspector::FlatCallTracer(TracingInspector::new(config));
    }
    let keeps_steps = matches!(inspector, DebugInspector::Default(..) | DebugInspector::Mux(..));
    Ok(Watched::new(inspector, bounds, keeps_steps, hides))
}

fn refused(error: impl std::fmt::Display) -> SimulateError {
    SimulateError::Invalid(error.to_string())
}

/// The trace of a transaction of a block.
fn trace(
    block: &SealedBlock,
    traced: &mut Traced<'_, DebugInspector>,
) -> Result<GethTrace, SimulateError> {
    let index = traced.index;
    let place = TransactionContext {
        block_hash: Some(block.hash),
        tx_hash: block.transactions.get(index).map(|tx| *tx.inner().tx_hash()),
        tx_index: Some(index),
    };
    let mut before = Before::new(traced.database);
    result(traced.inspector, Some(place), traced.tx, traced.block, traced.result, &mut before)
}

fn result(
    inspector: &mut DebugInspector,
    place: Option<TransactionContext>,
    tx: &revm::context::TxEnv,
    env: &revm::context::BlockEnv,
    outcome: &ResultAndState,
    before: &mut Before<'_>,
) -> Result<GethTrace, SimulateError> {
    inspector
        .get_result(place, tx, env, outcome, before)
        .map_err(|error| SimulateError::State(error.to_string()))
}
