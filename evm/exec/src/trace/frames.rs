//! The engines' calls in geth's call trace: each frame says in words what was called and what came of
//! it.
//!
//! While a transaction runs, the [`Listener`] notes which frames are an engine's and what the risk rules
//! say in them. Afterwards the frames themselves have all the rest: input, output, error. The words are
//! `qenex_precompiles::describe`'s.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Log};
use alloy_rpc_types_trace::geth::{CallFrame, GethTrace};
use qenex_precompiles::{Description, End, EngineCall, RiskVerdict, describe, is_engine};
use revm::interpreter::{CallInputs, CallOutcome, CallScheme};
use serde::Serialize;

/// A call of an engine's address: what the risk rules said in it, or `None` if it was not the engine that
/// answered.
pub(super) type Heard = Option<Vec<RiskVerdict>>;

/// Calls of engines' addresses, in the order in which they began.
pub(super) type EngineCalls = Vec<Heard>;

/// Listens to the calls of engines.
#[derive(Debug, Default)]
pub(super) struct Listener {
    calls: EngineCalls,
    /// Which of the calls have not ended, the innermost last. Engines call nobody, but a simulation may
    /// put code in their place.
    open: Vec<usize>,
}

impl Listener {
    pub(super) fn call(&mut self, inputs: &CallInputs) {
        if is_engine(callee(inputs)) {
            self.open.push(self.calls.len());
            self.calls.push(Some(Vec::new()));
        }
    }

    pub(super) fn log(&mut self, log: &Log) {
        let call = self.open.last().and_then(|&index| self.calls.get_mut(index));
        if let Some(Some(verdicts)) = call {
            verdicts.extend(RiskVerdict::of_event(log));
        }
    }

    pub(super) fn call_end(&mut self, inputs: &CallInputs, outcome: &CallOutcome) {
        if !is_engine(callee(inputs)) {
            return;
        }
        let call = self.open.pop().and_then(|index| self.calls.get_mut(index));
        if let Some(call) = call
            && !outcome.was_precompile_called
        {
            *call = None;
        }
    }

    /// What was heard; listens anew.
    pub(super) fn take(&mut self) -> EngineCalls {
        std::mem::take(self).calls
    }
}

/// The `to` of a call's frame.
const fn callee(inputs: &CallInputs) -> Address {
    match inputs.scheme {
        CallScheme::DelegateCall | CallScheme::CallCode => inputs.bytecode_address,
        CallScheme::Call | CallScheme::StaticCall => inputs.target_address,
    }
}

/// What a tracer of geth gives. In call traces the frames of engines have one member more, `engine`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum DebugTrace {
    /// Of `callTracer`.
    Calls(Box<DebugFrame>),
    /// Of `muxTracer`: by the name of each tracer.
    Many(BTreeMap<String, Self>),
    /// Of any other tracer.
    Plain(Box<GethTrace>),
}

/// A frame of `callTracer`.
#[derive(Debug, Serialize)]
pub struct DebugFrame {
    /// The frame, without the calls from it.
    #[serde(flatten)]
    frame: CallFrame,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Self>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Description>,
}

impl DebugTrace {
    /// Puts into a trace what is known of the engines' calls, as much as there is room for: `left` bytes.
    pub(super) fn new(trace: GethTrace, engines: &[Heard], left: &mut usize) -> Self {
        match trace {
            GethTrace::CallTracer(frame) => {
                Self::Calls(Box::new(DebugFrame::new(frame, &mut engines.iter(), left)))
            }
            GethTrace::MuxTracer(traces) => {
                let traces = traces.0.into_iter();
                let traces = traces.map(|(tracer, trace)| {
                    (tracer.as_str().to_owned(), Self::new(trace, engines, left))
                });
                Self::Many(traces.collect())
            }
            other => Self::Plain(Box::new(other)),
        }
    }
}

impl DebugFrame {
    /// Frames are in the order in which their calls began, a frame before those called from it.
    fn new<'a>(
        mut frame: CallFrame,
        engines: &mut impl Iterator<Item = &'a Heard>,
        left: &mut usize,
    ) -> Self {
        let engine = engine_of(&frame)
            .and_then(|address| Some((address, engines.next()?.as_ref()?)))
            .and_then(|(address, verdicts)| description(&frame, address, verdicts, *left));
        if let Some(engine) = &engine {
            *left = left.saturating_sub(engine.size());
        }
        let calls = std::mem::take(&mut frame.calls);
        let calls = calls.into_iter().map(|call| Self::new(call, engines, left)).collect();
        Self { frame, calls, engine }
    }
}

/// The engine's address that a frame calls, if it is a call and calls one.
fn engine_of(frame: &CallFrame) -> Option<Address> {
    let is_call = matches!(frame.typ.as_str(), "CALL" | "STATICCALL" | "DELEGATECALL" | "CALLCODE");
    frame.to.filter(|to| is_call && is_engine(*to))
}

fn description(
    frame: &CallFrame,
    address: Address,
    verdicts: &[RiskVerdict],
    most: usize,
) -> Option<Description> {
    let output = frame.output.as_ref().map_or(&[][..], |output| output);
    let end = match &frame.error {
        None => End::Returned(output),
        Some(_) if frame.is_revert() => End::Reverted(output),
        Some(_) => End::Halted,
    };
    describe(&EngineCall { address, input: &frame.input, end, verdicts }, most)
}
