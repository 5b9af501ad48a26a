//! Around every tracer: a bound on time and memory, which precompiles make frames, and an ear for the
//! engines.

use alloy_primitives::{Address, Log, U256};
use qenex_precompiles::is_engine;
use revm::{
    Inspector,
    context_interface::{ContextTr, JournalTr, context::ContextError},
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter,
        interpreter_types::LoopControl,
    },
};

use super::{
    TraceBounds,
    frames::{EngineCalls, Listener},
};
use crate::{evm::EvmContext, simulate::SimulateError};

/// Steps between two looks at the clock.
const STEPS: u64 = 4_096;

/// Bytes that a recorded step takes, its stack apart.
const STEP_BYTES: usize = 256;

/// A call counts as so many steps: it may be a costly precompile.
const CALL_STEPS: u64 = 256;

pub(crate) const TIMEOUT: &str = "execution timeout";
const TOO_LARGE: &str = "the trace is too large: leave out stack and memory, or use another tracer";

/// The time of a trace is over, in geth's words.
pub(super) fn timeout() -> SimulateError {
    SimulateError::Invalid(TIMEOUT.into())
}

/// A tracer under watch.
pub(crate) struct Watched<'a, I> {
    inner: I,
    bounds: TraceBounds<'a>,
    /// It keeps every step, so what it keeps is counted.
    keeps_steps: bool,
    /// It has no frames for calls to Ethereum's precompiles, as Parity has it. Engines have them.
    hides_precompiles: bool,
    steps: u64,
    /// At how many steps the clock is looked at next.
    next_look: u64,
    recorded: usize,
    /// A hidden call is under way; precompiles call nothing, so one flag is enough.
    hidden: bool,
    /// If the trace is to say what the engines' calls were.
    listener: Option<Listener>,
}

impl<'a, I> Watched<'a, I> {
    pub(crate) const fn new(
        inner: I,
        bounds: TraceBounds<'a>,
        keeps_steps: bool,
        hides_precompiles: bool,
    ) -> Self {
        Self {
            inner,
            bounds,
            keeps_steps,
            hides_precompiles,
            steps: 0,
            next_look: STEPS,
            recorded: 0,
            hidden: false,
            listener: None,
        }
    }

    /// Listens to the engines' calls.
    pub(super) fn listening(self) -> Self {
        Self { listener: Some(Listener::default()), ..self }
    }

    /// What was heard of the engines' calls since it was last asked; nothing if it does not listen.
    pub(super) fn engine_calls(&mut self) -> EngineCalls {
        self.listener.as_mut().map(Listener::take).unwrap_or_default()
    }

    pub(crate) const fn inner(&mut self) -> &mut I {
        &mut self.inner
    }

    fn is_hidden(&self, context: &EvmContext, inputs: &CallInputs) -> bool {
        let address = inputs.bytecode_address;
        self.hides_precompiles
            && context.journaled_state.depth() > 0
            && !inputs.transfers_value()
            && !is_engine(address)
            && context.journaled_state.precompile_addresses().contains(&address)
    }
}

/// Ends the transaction: its execution then fails with this reason.
fn end(interpreter: &mut Interpreter, context: &mut EvmContext, reason: &str) {
    *context.error() = Err(ContextError::Custom(reason.into()));
    interpreter.bytecode.reset_action();
    interpreter.halt_fatal();
}

impl<I: Inspector<EvmContext>> Inspector<EvmContext> for Watched<'_, I> {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext) {
        self.inner.initialize_interp(interpreter, context);
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext) {
        self.inner.step(interpreter, context);
        self.steps = self.steps.saturating_add(1);
        if self.keeps_steps {
            let stack = interpreter.stack.len().saturating_mul(32);
            self.recorded = self.recorded.saturating_add(STEP_BYTES).saturating_add(stack);
            if self.recorded > self.bounds.max_bytes {
                return end(interpreter, context, TOO_LARGE);
            }
        }
        if self.steps >= self.next_look {
            self.next_look = self.steps.saturating_add(STEPS);
            if (self.bounds.stop)() {
                end(interpreter, context, TIMEOUT);
            }
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext) {
        self.inner.step_end(interpreter, context);
    }

    fn log(&mut self, context: &mut EvmContext, log: Log) {
        if let Some(listener) = &mut self.listener {
            listener.log(&log);
        }
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext, log: Log) {
        self.inner.log_full(interpreter, context, log);
    }

    fn call(&mut self, context: &mut EvmContext, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.steps = self.steps.saturating_add(CALL_STEPS);
        if let Some(listener) = &mut self.listener {
            listener.call(inputs);
        }
        if self.is_hidden(context, inputs) {
            self.hidden = true;
            return None;
        }
        self.inner.call(context, inputs)
    }

    fn call_end(
        &mut self,
        context: &mut EvmContext,
        inputs: &CallInputs,
        outcome: &mut CallOutcome,
    ) {
        if let Some(listener) = &mut self.listener {
            listener.call_end(inputs, outcome);
        }
        if std::mem::take(&mut self.hidden) {
            return;
        }
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(
        &mut self,
        context: &mut EvmContext,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        self.inner.create(context, inputs)
    }

    fn create_end(
        &mut self,
        context: &mut EvmContext,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.inner.selfdestruct(contract, target, value);
    }
}
