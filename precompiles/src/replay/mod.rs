//! Engine calls run again away from a node: from the storage before a transaction, the calls it made and
//! its block, to outcomes, events and the risk rules' verdicts.
//!
//! `read.rs` understands what a node says of a transaction over JSON-RPC, `text.rs` shows what came out.
//! Nothing else of the node is believed: a score, and everything else in an engine's event, follows from
//! state alone.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, Log, U256};

use crate::risk::Assessment;
use crate::{Block, Call, HostError, MemoryHost, NATIVE_COIN, Outcome, is_engine};

mod read;
#[cfg(test)]
mod tests;
mod text;

pub use read::{ReadError, read};

/// A transaction as a node tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The block it is in.
    pub block: Block,
    /// Storage of the accounts it touched, before it.
    pub before: BTreeMap<Address, BTreeMap<U256, U256>>,
    /// Its calls.
    pub frame: Frame,
    /// The events in its receipt.
    pub logs: Vec<Log>,
}

/// A call, with the calls it made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Who called.
    pub caller: Address,
    /// Whose code ran; zero for the creation of a contract.
    pub address: Address,
    /// The call data.
    pub input: Bytes,
    /// Whether it carried native coin.
    pub has_value: bool,
    /// Whether it was a `STATICCALL`.
    pub is_static: bool,
    /// Whether it was a `DELEGATECALL` or `CALLCODE`.
    pub is_delegate: bool,
    /// How it ended.
    pub end: End,
    /// What it called.
    pub calls: Vec<Self>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned this.
    Return(Bytes),
    /// It reverted with this.
    Revert(Bytes),
    /// It was stopped, without output: out of gas, for example.
    Halt(String),
}

impl Default for End {
    fn default() -> Self {
        Self::Return(Bytes::new())
    }
}

/// A transaction's engine calls, run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The block.
    pub block: Block,
    /// The calls, in order.
    pub calls: Vec<EngineCall>,
    /// The engines' events that came out.
    pub logs: Vec<Log>,
    /// The engines' events in the receipt.
    pub recorded_logs: Vec<Log>,
}

/// An engine call, run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineCall {
    /// Who called.
    pub caller: Address,
    /// Which engine.
    pub engine: Address,
    /// The call data.
    pub input: Bytes,
    /// How it ended on the chain.
    pub recorded: End,
    /// How it ended now; `None` if it was not run, since on the chain it was stopped and did nothing.
    pub outcome: Option<Outcome>,
    /// What the risk rules looked at and said, payment by payment.
    pub assessments: Vec<Assessment>,
}

impl EngineCall {
    /// Whether it ended as on the chain.
    pub fn agrees(&self) -> bool {
        match (&self.outcome, &self.recorded) {
            (Some(Outcome::Success(now)), End::Return(then))
            | (Some(Outcome::Revert(now)), End::Revert(then)) => now == then,
            (None, End::Halt(_)) => true,
            _ => false,
        }
    }
}

impl Replay {
    /// Whether calls and events are those of the chain.
    pub fn agrees(&self) -> bool {
        self.logs == self.recorded_logs && self.calls.iter().all(EngineCall::agrees)
    }
}

/// Whether calls to an address are run again. The native coin is left out: the EVM moves it too, and
/// nothing that the rules judge depends on it.
fn is_replayed(address: Address) -> bool {
    is_engine(address) && address != NATIVE_COIN
}

/// Runs a transaction's engine calls again, but those that move native coin.
///
/// # Errors
///
/// [`HostError::Fatal`] if the storage is no engine's: damaged, or not complete.
pub fn replay(transaction: &Transaction) -> Result<Replay, HostError> {
    let engines = |address: &Address| is_replayed(*address);
    let before = transaction.before.iter().filter(|(address, _)| engines(address));
    let storage = before.map(|(address, slots)| (*address, slots.clone()));
    let mut host = MemoryHost::with_storage(transaction.block, storage);
    host.begin_transaction(None);
    let mut calls = Vec::new();
    run(&mut host, &transaction.frame, false, &mut calls)?;
    let recorded = transaction.logs.iter().filter(|log| engines(&log.address));
    Ok(Replay {
        block: transaction.block,
        calls,
        logs: host.logs().to_vec(),
        recorded_logs: recorded.cloned().collect(),
    })
}

/// Runs the engine calls of a frame, and undoes them if the frame was undone on the chain.
fn run(
    host: &mut MemoryHost,
    frame: &Frame,
    is_static: bool,
    calls: &mut Vec<EngineCall>,
) -> Result<(), HostError> {
    let is_static = is_static || frame.is_static;
    if is_replayed(frame.address) {
        calls.push(call(host, frame, is_static)?);
        return Ok(());
    }
    let undone = !matches!(frame.end, End::Return(_));
    let before = undone.then(|| host.clone());
    for inner in &frame.calls {
        run(host, inner, is_static, calls)?;
    }
    if let Some(before) = before {
        *host = before;
    }
    Ok(())
}

fn call(host: &mut MemoryHost, frame: &Frame, is_static: bool) -> Result<EngineCall, HostError> {
    let outcome = if matches!(frame.end, End::Halt(_)) {
        None
    } else {
        Some(host.call(&Call {
            address: frame.address,
            caller: frame.caller,
            input: &frame.input,
            has_value: frame.has_value,
            is_static,
            is_delegate: frame.is_delegate,
        })?)
    };
    Ok(EngineCall {
        caller: frame.caller,
        engine: frame.address,
        input: frame.input.clone(),
        recorded: frame.end.clone(),
        outcome,
        assessments: host.take_assessments(),
    })
}
