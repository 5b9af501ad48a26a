//! What a node says of a transaction over JSON-RPC, understood.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U64, U256};
use serde::Deserialize;
use serde_json::Value;

use super::{End, Frame, Transaction};
use crate::Block;

/// Why an answer is not understood.
#[derive(Debug, thiserror::Error)]
#[error("the answer of {method} is not understood")]
pub struct ReadError {
    /// The method it is an answer of.
    pub method: &'static str,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

#[derive(Deserialize)]
struct BlockAnswer {
    number: U64,
    timestamp: U64,
}

#[derive(Deserialize)]
struct Receipt {
    logs: Vec<LogAnswer>,
}

#[derive(Deserialize)]
struct LogAnswer {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    storage: BTreeMap<B256, B256>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(rename = "type")]
    kind: String,
    from: Address,
    #[serde(default)]
    to: Option<Address>,
    #[serde(default)]
    input: Bytes,
    #[serde(default)]
    output: Bytes,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    value: U256,
    #[serde(default)]
    calls: Vec<Self>,
}

/// How geth's tracers call a revert.
const REVERTED: &str = "execution reverted";

impl From<Call> for Frame {
    fn from(call: Call) -> Self {
        let end = match call.error {
            None => End::Return(call.output),
            Some(error) if error == REVERTED => End::Revert(call.output),
            Some(error) => End::Halt(error),
        };
        let creates = call.kind.starts_with("CREATE");
        Self {
            caller: call.from,
            address: call.to.filter(|_| !creates).unwrap_or_default(),
            input: call.input,
            // The value of a delegated call is its caller's.
            has_value: call.kind != "DELEGATECALL" && !call.value.is_zero(),
            is_static: call.kind == "STATICCALL",
            is_delegate: matches!(call.kind.as_str(), "DELEGATECALL" | "CALLCODE"),
            end,
            calls: call.calls.into_iter().map(Into::into).collect(),
        }
    }
}

/// Understands the answers of `eth_chainId`, `eth_getBlockByHash`, `eth_getTransactionReceipt` and twice
/// `debug_traceTransaction`, with `prestateTracer` and `callTracer`.
///
/// # Errors
///
/// [`ReadError`].
pub fn read(
    chain_id: Value,
    block: Value,
    receipt: Value,
    before: Value,
    calls: Value,
) -> Result<Transaction, ReadError> {
    let chain_id: U64 = parse("eth_chainId", chain_id)?;
    let block: BlockAnswer = parse("eth_getBlockByHash", block)?;
    let receipt: Receipt = parse("eth_getTransactionReceipt", receipt)?;
    let before: BTreeMap<Address, Account> =
        parse("debug_traceTransaction (prestateTracer)", before)?;
    let calls: Call = parse("debug_traceTransaction (callTracer)", calls)?;
    let words = |account: Account| {
        let slots = account.storage.into_iter();
        slots.map(|(slot, value)| (slot.into(), value.into())).collect::<BTreeMap<U256, U256>>()
    };
    Ok(Transaction {
        block: Block {
            number: block.number.to(),
            timestamp: block.timestamp.to(),
            chain_id: chain_id.to(),
        },
        before: before.into_iter().map(|(address, account)| (address, words(account))).collect(),
        frame: calls.into(),
        logs: receipt.logs.into_iter().map(log).collect(),
    })
}

fn parse<T: serde::de::DeserializeOwned>(
    method: &'static str,
    answer: Value,
) -> Result<T, ReadError> {
    serde_json::from_value(answer).map_err(|source| ReadError { method, source })
}

fn log(answer: LogAnswer) -> Log {
    Log { address: answer.address, data: LogData::new_unchecked(answer.topics, answer.data) }
}
