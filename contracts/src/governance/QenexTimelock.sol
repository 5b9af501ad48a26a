// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Holds what governance owns, and does what was voted no earlier than the delay allows
/// @notice Nobody administers it but itself: a governor is its only proposer, canceller and executor, and another
/// delay or another governor takes a vote. It owns the parameters of the contracts, and is an admin of `Access`.
contract QenexTimelock is TimelockController {
    /// @param delay Seconds from the queueing of a vote to its execution, at least.
    /// @param governor Its one proposer, canceller and executor.
    constructor(uint256 delay, address governor)
        TimelockController(delay, _only(governor), _only(governor), address(0))
    {}

    function _only(address one) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = one;
    }
}
