// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Reverter} from "./Reverter.sol";

/// @title A contract with something to see for traces, proofs and delegated accounts
/// @dev Used by the client scripts in `testnet/clients` and never deployed to a real network.
contract Probe {
    /// @notice `by` set the stored number to `value`.
    event Stored(address indexed by, uint256 value);

    /// @notice The number that `store` sets: storage slot 0.
    uint256 public stored;

    /// @notice Sets the stored number.
    function store(uint256 value) external payable {
        stored = value;
        emit Stored(msg.sender, value);
    }

    /// @notice Sets the stored number and asks `reverter` to check it; a refusal is swallowed.
    /// @return passed Whether the check let `value` pass.
    function relay(Reverter reverter, uint256 value) external returns (bool passed) {
        stored = value;
        try reverter.check(value) {
            passed = true;
        } catch {
            passed = false;
        }
    }

    /// @notice Pays `value` to each of two accounts: what an account can do only with code.
    function payBoth(address payable one, address payable two, uint256 value) external payable {
        (bool first,) = one.call{value: value}("");
        (bool second,) = two.call{value: value}("");
        require(first && second, "a payment failed");
    }
}
