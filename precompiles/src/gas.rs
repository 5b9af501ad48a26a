//! Flat gas prices of engine work; state access and logs are priced by the host as in the EVM.

use crate::{Host, HostError};

/// Base cost of a function that only reads: dispatch and encoding.
pub const READ: u64 = 200;
/// Base cost of a function that writes: dispatch, checks and encoding.
pub const WRITE: u64 = 1_000;
/// A posting, beside its state access and logs: checks, rules, encoding.
pub const POSTING: u64 = 1_000;
/// Per 32-byte word of call data: decoding (the price of `CALLDATACOPY`).
pub const INPUT_WORD: u64 = 3;
/// Base cost of a Keccak-256 hash (the price of `KECCAK256`).
pub const KECCAK: u64 = 30;
/// Per 32-byte word hashed.
pub const KECCAK_WORD: u64 = 6;
/// A new engine address: an account with code comes into being (the price of `CREATE`).
pub const MARK: u64 = 32_000;

/// Charges for hashing `bytes` bytes.
///
/// # Errors
///
/// [`HostError::OutOfGas`].
pub fn charge_keccak(host: &mut dyn Host, bytes: u64) -> Result<(), HostError> {
    host.charge(KECCAK.saturating_add(KECCAK_WORD.saturating_mul(bytes.div_ceil(32))))
}
