//! Errors as Ethereum clients expect them.
//!
//! Codes: 3 with data for a revert; -32602 for parameters; -32601 for methods; -32000 for what is
//! wrong for good with a request; -32603 only for the node's own failures, since clients try again.

use alloy_primitives::{Bytes, U256};
use jsonrpsee::types::ErrorObjectOwned;
use qenex_exec::{ExecError, Rule, SimulateError};
use qenex_pool::PoolError;

/// Wrong parameters.
const INVALID_PARAMS: i32 = -32602;
/// Refused for good.
const SERVER: i32 = -32000;
/// More than the node gives at once.
pub(crate) const LIMIT: i32 = -32005;
/// More than a client may ask for, in geth's own code.
const CLIENT_LIMIT: i32 = -38026;
/// The node's own failure.
const INTERNAL: i32 = -32603;
/// Execution reverted.
const REVERT: i32 = 3;
/// EIP-7966: not included in time.
const SYNC_TIMEOUT: i32 = 4;
/// EIP-7966: transactions before this one are missing.
const SYNC_NONCE_GAP: i32 = 6;
/// Blocks that this node does not have, in geth's own code for what is older than it keeps.
const NO_HISTORY: i32 = 4444;
/// The time of a call was over; [`Failure::timed`] says how long it was.
const STOPPED: &str = "execution timeout";

/// Selector of `Error(string)`.
const ERROR_SELECTOR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// Selector of `Panic(uint256)`.
const PANIC_SELECTOR: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct Failure(ErrorObjectOwned);

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Self(ErrorObjectOwned::owned(code, message, None::<()>))
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(SERVER, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(LIMIT, message)
    }

    /// More than a client may ask for in one call.
    pub(crate) fn client_limit(message: impl Into<String>) -> Self {
        Self::new(CLIENT_LIMIT, message)
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        let message = error.to_string();
        tracing::error!(message, "JSON-RPC call failed");
        Self::new(INTERNAL, message)
    }

    pub(crate) fn unknown_method(name: &str) -> Self {
        Self::new(-32601, format!("the method {name} does not exist/is not available"))
    }

    /// Subscriptions over plain HTTP.
    pub(crate) fn no_notifications() -> Self {
        Self::new(-32601, "notifications not supported")
    }

    pub(crate) fn unknown_block() -> Self {
        Self::refused("header not found")
    }

    pub(crate) fn no_state(number: u64) -> Self {
        Self::refused(format!("historical state of block {number} is not available"))
    }

    pub(crate) fn sync_timeout(hash: alloy_primitives::B256, timeout_ms: u64) -> Self {
        let message = format!(
            "The transaction was added to the transaction pool but wasn't processed in \
             {timeout_ms} ms"
        );
        Self(ErrorObjectOwned::owned(SYNC_TIMEOUT, message, Some(hash)))
    }

    /// EIP-7966: refused since transactions before it are missing; the data is the next nonce.
    pub(crate) fn nonce_gap(next: u64, nonce: u64) -> Self {
        let message = format!("nonce too high: next nonce {next}, tx nonce {nonce}");
        let next = format!("{next:#x}");
        Self(ErrorObjectOwned::owned(SYNC_NONCE_GAP, message, Some(next)))
    }

    /// With the time limit of a call, if that is why it failed.
    pub(crate) fn timed(self, limit: std::time::Duration) -> Self {
        if self.0.message() == STOPPED {
            return Self::refused(format!("execution aborted (timeout = {limit:?})"));
        }
        self
    }

    /// A revert, with its reason if it has a standard one.
    pub(crate) fn revert(data: &Bytes) -> Self {
        Self(ErrorObjectOwned::owned(REVERT, revert_message(data), Some(data)))
    }
}

impl From<Failure> for ErrorObjectOwned {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::Pruned { .. } => Self::refused(error.to_string()),
            ExecError::NotFetched { .. } => Self::new(NO_HISTORY, error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<crate::DevelopmentError> for Failure {
    fn from(error: crate::DevelopmentError) -> Self {
        match error {
            crate::DevelopmentError::Refused(message) => Self::refused(message),
            crate::DevelopmentError::Failed(message) => Self::internal(message),
        }
    }
}

impl From<SimulateError> for Failure {
    fn from(error: SimulateError) -> Self {
        match error {
            SimulateError::Reverted(data) => Self::revert(&data),
            SimulateError::State(_) => Self::internal(error),
            SimulateError::NotFetched(_) => Self::new(NO_HISTORY, error.to_string()),
            SimulateError::Rule(rule, message) => Self::new(rule_code(rule), message),
            SimulateError::Stopped => Self::refused(STOPPED),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::State(_) => Self::internal(error),
            other => Self::refused(other.to_string()),
        }
    }
}

/// The code of a broken rule of `eth_simulateV1` (geth's `internal/ethapi/errors.go`).
const fn rule_code(rule: Rule) -> i32 {
    match rule {
        Rule::NonceTooLow => -38010,
        Rule::NonceTooHigh => -38011,
        Rule::BaseFee => -38012,
        Rule::IntrinsicGas => -38013,
        Rule::Funds => -38014,
        Rule::BlockGas => -38015,
        Rule::Number => -38020,
        Rule::Timestamp => -38021,
        Rule::InitCode => -38025,
        Rule::TooMany => CLIENT_LIMIT,
        Rule::Parameters => INVALID_PARAMS,
    }
}

/// What clients are told of a revert.
pub(crate) fn revert_message(data: &[u8]) -> String {
    revert_reason(data)
        .map_or_else(|| "execution reverted".into(), |why| format!("execution reverted: {why}"))
}

/// The text of `Error(string)` or the meaning of `Panic(uint256)`.
pub(crate) fn revert_reason(data: &[u8]) -> Option<String> {
    let (selector, body) = data.split_first_chunk::<4>()?;
    match *selector {
        ERROR_SELECTOR => {
            let offset = usize::try_from(word(body, 0)?).ok()?;
            let length = usize::try_from(word(body, offset)?).ok()?;
            let start = offset.checked_add(32)?;
            let text = body.get(start..start.checked_add(length)?)?;
            Some(String::from_utf8_lossy(text).into_owned())
        }
        PANIC_SELECTOR => Some(panic_reason(word(body, 0)?)),
        _ => None,
    }
}

/// The word at a byte offset.
fn word(body: &[u8], at: usize) -> Option<U256> {
    body.get(at..at.checked_add(32)?).map(U256::from_be_slice)
}

/// Solidity's panic codes, in geth's words.
fn panic_reason(code: U256) -> String {
    let known = match u64::try_from(code).ok() {
        Some(0x00) => "generic panic",
        Some(0x01) => "assert(false)",
        Some(0x11) => "arithmetic underflow or overflow",
        Some(0x12) => "division or modulo by zero",
        Some(0x21) => "enum overflow",
        Some(0x22) => "invalid encoded storage byte array accessed",
        Some(0x31) => "out-of-bounds array access; popping on an empty array",
        Some(0x32) => "out-of-bounds access of an array or bytesN",
        Some(0x41) => "out of memory",
        Some(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::revert_reason;

    #[test]
    fn standard_reverts_are_read_and_others_left_alone() {
        let error = hex!(
            "08c379a0"
            "0000000000000000000000000000000000000000000000000000000000000020"
            "0000000000000000000000000000000000000000000000000000000000000005"
            "68656c6c6f000000000000000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_reason(&error).as_deref(), Some("hello"));
        for cut in 4..68 {
            assert_eq!(revert_reason(&error[..cut]), None, "cut to {cut}");
        }
        let panic = hex!(
            "4e487b71" "0000000000000000000000000000000000000000000000000000000000000011"
        );
        assert_eq!(revert_reason(&panic).as_deref(), Some("arithmetic underflow or overflow"));
        assert_eq!(revert_reason(&hex!("cf479181")), None);
        assert_eq!(revert_reason(&[]), None);
        // An offset beyond the data, and one that overflows.
        let far = [&error[..4], &[0xff; 32]].concat();
        assert_eq!(revert_reason(&far), None);
    }
}
