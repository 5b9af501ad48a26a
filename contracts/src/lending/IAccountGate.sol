// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Says who may deal with money of the ledger.
interface IAccountGate {
    /// @notice Whether the account is known to the ledger, active, and neither frozen nor denied.
    function admits(address account) external view returns (bool);
}
