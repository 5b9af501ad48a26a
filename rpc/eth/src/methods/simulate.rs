//! `eth_simulateV1`: blocks of calls that are nowhere, with everything a real block has.

use std::sync::Arc;

use alloy_eips::BlockId;
use alloy_rpc_types_eth::{
    Log,
    simulate::{SimCallResult, SimulateError as CallError, SimulatePayload},
};
use qenex_exec::{BlockCalls, CallStatus, SimulateOptions, SimulatedBlock, SimulatedCall};
use serde::Serialize;

use super::{
    Json,
    call::{overrides, request},
    json,
};
use crate::{
    api::Api,
    args::Args,
    convert::{self, RpcBlock},
    error::{Failure, revert_message},
};

/// The EVM's exceptions, as `eth_simulateV1` numbers them.
const VM_ERROR: i32 = -32015;

/// A block object with what its calls gave.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    block: RpcBlock,
    calls: Vec<SimCallResult>,
}

pub(super) async fn simulate(api: Arc<Api>, args: Args) -> Result<Json, Failure> {
    let payload: SimulatePayload = args.get(0)?;
    let id: Option<BlockId> = args.optional(1)?;
    let number = api.resolve(id)?;
    let mut blocks = Vec::with_capacity(payload.block_state_calls.len());
    for block in payload.block_state_calls {
        let calls = block.calls.into_iter().map(|call| request(&api, call));
        blocks.push(BlockCalls {
            calls: calls.collect::<Result<_, _>>()?,
            overrides: overrides(block.state_overrides, block.block_overrides)?,
        });
    }
    let options = SimulateOptions {
        trace_transfers: payload.trace_transfers,
        validation: payload.validation,
        gas_cap: api.config.gas_cap,
    };
    let full = payload.return_full_transactions;
    api.call(move |api, stop| {
        let blocks = api.chain().simulate_blocks(number, blocks, options, stop)?;
        let answers: Vec<Answer> = blocks.into_iter().map(|block| answer(block, full)).collect();
        json(&answers)
    })
    .await
}

fn answer(simulated: SimulatedBlock, full: bool) -> Answer {
    let SimulatedBlock { block, calls } = simulated;
    let calls = calls.into_iter().enumerate().map(|(index, call)| {
        let hash = block.transactions.get(index).map(|tx| *tx.inner().tx_hash());
        let SimulatedCall { outcome, max_used_gas, logs } = call;
        let logs = logs.into_iter().map(|(at, log)| Log {
            inner: log,
            block_hash: Some(block.hash),
            block_number: Some(block.header.number),
            block_timestamp: Some(block.header.timestamp),
            transaction_hash: hash,
            transaction_index: Some(index as u64),
            log_index: Some(at),
            removed: false,
        });
        let (status, return_data, error) = match outcome.status {
            CallStatus::Success => (true, outcome.output, None),
            CallStatus::Revert => {
                let message = revert_message(&outcome.output);
                let code = CallError::EXECUTION_REVERTED_CODE;
                let error = CallError { code, message, data: Some(outcome.output) };
                (false, Default::default(), Some(error))
            }
            CallStatus::Halt(message) => {
                let error = CallError { code: VM_ERROR, message, data: None };
                (false, Default::default(), Some(error))
            }
        };
        SimCallResult {
            return_data,
            logs: logs.collect(),
            gas_used: outcome.gas_used,
            max_used_gas: Some(max_used_gas),
            status,
            error,
        }
    });
    let calls = calls.collect();
    Answer { block: convert::block(&block, full), calls }
}
