//! What an engine sees of the chain: state, logs, gas, the block. And what a call is, before and
//! after.

use alloy_primitives::{Address, B256, Bytes, LogData, U256, keccak256};

use crate::risk::Assessment;

/// The chain around an engine call.
///
/// Two implementations: the executor's, over its journal, and [`crate::MemoryHost`]. An engine
/// never undoes anything: when a call does not succeed, the caller of [`crate::call`] drops all
/// state changes and logs since its start (as the EVM does for a contract's frame).
///
/// Gas: `sload`, `sstore` and `log` charge what the EVM's opcodes charge (cold and warm per
/// EIP-2929, EIP-2200 with its stipend rule, EIP-3529 refunds); engines add flat costs through
/// `charge` (see [`crate::gas`]). A host that has too little left answers [`HostError::OutOfGas`].
pub trait Host {
    /// The block the call runs in.
    fn block(&self) -> Block;

    /// Takes `gas` from what the call may use.
    ///
    /// # Errors
    ///
    /// [`HostError::OutOfGas`].
    fn charge(&mut self, gas: u64) -> Result<(), HostError>;

    /// Reads a storage slot of an engine, charging as `SLOAD` does.
    ///
    /// # Errors
    ///
    /// [`HostError::OutOfGas`], or [`HostError::Fatal`] if the state cannot be read.
    fn sload(&mut self, address: Address, slot: U256) -> Result<U256, HostError>;

    /// Writes a storage slot of an engine, charging and refunding as `SSTORE` does.
    ///
    /// # Errors
    ///
    /// As [`Self::sload`].
    fn sstore(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostError>;

    /// Emits an event in the name of `address`, charging as `LOGn` does (without memory).
    ///
    /// # Errors
    ///
    /// [`HostError::OutOfGas`].
    fn log(&mut self, address: Address, data: LogData) -> Result<(), HostError>;

    /// Gives a new engine address its mark, code [`crate::ENGINE_CODE`] and nonce
    /// [`crate::ENGINE_NONCE`], so that Solidity's check for code passes. Does nothing if the
    /// account has code. Charges nothing: the engine does.
    ///
    /// # Errors
    ///
    /// [`HostError::Fatal`] if the state cannot be read.
    fn mark(&mut self, address: Address) -> Result<(), HostError>;

    /// Moves native coin, wei, and runs no code, charging as a call with value does: for both accounts, for
    /// the transfer, and for an account that comes into being. Returns what `from` had before; if that is
    /// less than the amount, nothing has moved.
    ///
    /// # Errors
    ///
    /// As [`Self::sload`].
    fn move_coin(&mut self, from: Address, to: Address, amount: U256) -> Result<U256, HostError>;

    /// Hashes a message. Charges nothing: the engine does.
    fn keccak(&mut self, message: &[u8]) -> B256 {
        keccak256(message)
    }

    /// Whether the host makes use of [`Self::foresee`] and [`Self::foresee_slots`].
    fn looks_ahead(&self) -> bool {
        false
    }

    /// Is told what [`Self::keccak`] will probably be asked of: a host that hashes many messages in the
    /// time of a few does it now, and remembers. Charges nothing, and nothing depends on it but time.
    fn foresee(&mut self, _messages: &[&[u8]]) {}

    /// Is told which slots will probably be read, as [`Self::foresee`].
    fn foresee_slots(&mut self, _slots: &[(Address, U256)]) {}

    /// Is told what the risk rules said of a payment. Nothing comes back, so nothing can depend on it:
    /// a chain has no use for it, whoever explains a score has.
    fn assessed(&mut self, _assessment: &Assessment) {}
}

/// What engines may know of the block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// EIP-155 chain id.
    pub chain_id: u64,
}

/// A call to an engine.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The engine called: the address whose code would run.
    pub address: Address,
    /// `msg.sender`.
    pub caller: Address,
    /// The call data.
    pub input: &'a [u8],
    /// Whether the call carries native coin.
    pub has_value: bool,
    /// Whether state must not change (`STATICCALL`, also further up).
    pub is_static: bool,
    /// Whether it runs in another account's name (`DELEGATECALL`, `CALLCODE`).
    pub is_delegate: bool,
}

impl<'a> Call<'a> {
    /// A plain call: no value, not static, not delegated.
    pub const fn new(caller: Address, address: Address, input: &'a [u8]) -> Self {
        Self { address, caller, input, has_value: false, is_static: false, is_delegate: false }
    }
}

/// How a call ended that did not run out of gas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The ABI-encoded results.
    Success(Bytes),
    /// The ABI-encoded custom error; the caller must undo everything and keep the unused gas.
    Revert(Bytes),
}

impl Outcome {
    /// Whether the call succeeded.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Success(_))
    }
}

/// Why a call could not be finished. Neither is a revert: the caller cannot read a reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The call's gas is used up: the frame halts and all its gas is gone.
    #[error("out of gas")]
    OutOfGas,
    /// The node cannot read its own state, or found it damaged: it must stop, its peers would
    /// disagree.
    #[error("state unavailable: {0}")]
    Fatal(String),
}
