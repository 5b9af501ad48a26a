//! geth's tracers: structLogs, callTracer, flatCallTracer, prestateTracer, 4byteTracer, muxTracer,
//! noopTracer.

use alloy_rpc_types_trace::{
    common::TraceResult,
    geth::{
        FlatCallConfig, GethDebugBuiltInTracerType as BuiltIn, GethDebugTracerType,
        GethDebugTracingOptions,
    },
};
use revm::InspectEvm;
use revm_inspectors::tracing::{
    DebugInspector, TracingInspector, TracingInspectorConfig, TransactionContext,
};
use serde_json::Value;

use super::{Before, DebugTrace, TraceBounds, Traced, stopped, watch::Watched};
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
    ) -> Result<DebugTrace, SimulateError> {
        let after = index.saturating_add(1);
        let watched = watched(options, bounds)?;
        let mut left = bounds.max_bytes;
        let traces = self.replay_under(block, index..after, watched, bounds, |mut traced| {
            trace(block, &mut traced, &mut left)
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
    ) -> Result<Vec<TraceResult<DebugTrace, String>>, SimulateError> {
        let watched = watched(options, bounds)?;
        let mut left = bounds.max_bytes;
        self.replay_under(block, 0..block.transactions.len(), watched, bounds, |mut traced| {
            let tx_hash = block.transactions.get(traced.index).map(|tx| *tx.inner().tx_hash());
            let result = trace(block, &mut traced, &mut left)?;
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
    ) -> Result<DebugTrace, SimulateError> {
        let (env, state) = self.simulation(number, call, overrides)?;
        let nonce = self.nonce(number, call)?;
        let gas = call.gas.unwrap_or(gas_cap).min(gas_cap);
        let tx = request_env(call, gas, nonce);
        let watched = watched(options, bounds)?;
        let mut evm = evm(self.rules(), env, state, Mode::Simulation, watched);
        evm.precompiles.override_with(overrides)?;
        let outcome = evm.inspect_tx(tx.clone()).map_err(stopped)?;
        let mut left = bounds.max_bytes;
        let mut traced = Traced {
            index: 0,
            tx: &tx,
            block: &evm.ctx.block,
            result: &outcome,
            engine_calls: evm.inspector.engine_calls(),
            inspector: evm.inspector.inner(),
            database: &mut evm.ctx.journaled_state.database,
        };
        result(&mut traced, None, &mut left)
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
    let listens = says_engines(&options)?;
    let mut inspector = DebugInspector::new(options).map_err(refused)?;
    if is_flat {
        // Which precompiles have no frame is the watch's business: engines have.
        let config = TracingInspectorConfig::default_parity().set_exclude_precompile_calls(false);
        inspector = DebugInspector::FlatCallTracer(TracingInspector::new(config));
    }
    let keeps_steps = matches!(inspector, DebugInspector::Default(..) | DebugInspector::Mux(..));
    let watched = Watched::new(inspector, bounds, keeps_steps, hides);
    Ok(if listens { watched.listening() } else { watched })
}

/// Whether the trace is a call trace, or one of many is, that is to say what the engines' calls were: the
/// member `engines` of the tracer's options, which is `true` if it is not there.
fn says_engines(options: &GethDebugTracingOptions) -> Result<bool, SimulateError> {
    let config = &options.tracer_config.0;
    let config = match options.tracer {
        Some(GethDebugTracerType::BuiltInTracer(BuiltIn::CallTracer)) => Some(config),
        Some(GethDebugTracerType::BuiltInTracer(BuiltIn::MuxTracer)) => {
            config.get(GethDebugTracerType::from(BuiltIn::CallTracer).as_str())
        }
        _ => None,
    };
    let Some(config) = config else { return Ok(false) };
    match config.get("engines") {
        None | Some(Value::Null) => Ok(true),
        Some(engines) => {
            let flag = engines.as_bool();
            flag.ok_or_else(|| SimulateError::Invalid("tracerConfig.engines is no boolean".into()))
        }
    }
}

fn refused(error: impl std::fmt::Display) -> SimulateError {
    SimulateError::Invalid(error.to_string())
}

/// The trace of a transaction of a block.
fn trace(
    block: &SealedBlock,
    traced: &mut Traced<'_, DebugInspector>,
    left: &mut usize,
) -> Result<DebugTrace, SimulateError> {
    let index = traced.index;
    let place = TransactionContext {
        block_hash: Some(block.hash),
        tx_hash: block.transactions.get(index).map(|tx| *tx.inner().tx_hash()),
        tx_index: Some(index),
    };
    result(traced, Some(place), left)
}

fn result(
    traced: &mut Traced<'_, DebugInspector>,
    place: Option<TransactionContext>,
    left: &mut usize,
) -> Result<DebugTrace, SimulateError> {
    let mut before = Before::new(traced.database);
    let trace = traced
        .inspector
        .get_result(place, traced.tx, traced.block, traced.result, &mut before)
        .map_err(|error| SimulateError::State(error.to_string()))?;
    Ok(DebugTrace::new(trace, &traced.engine_calls, left))
}
