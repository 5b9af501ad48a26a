// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A contract that refuses in every way a client must be able to read
/// @dev Used by the client scripts in `testnet/clients` and never deployed to a real network.
contract Reverter {
    /// @notice `value` was above `limit`.
    error AboveLimit(uint256 value, uint256 limit);

    /// @notice `caller` passed the check with `value`.
    event Passed(address indexed caller, uint256 value);

    /// @notice The highest value that `check` lets pass.
    uint256 public constant LIMIT = 100;

    /// @notice Records `value`, or refuses with a custom error if it is above `LIMIT`.
    function check(uint256 value) external {
        if (value > LIMIT) revert AboveLimit(value, LIMIT);
        emit Passed(msg.sender, value);
    }

    /// @notice Refuses with a reason string.
    function refuse() external pure {
        require(false, "refused: always");
    }

    /// @notice Refuses with an arithmetic panic (0x12) if `divisor` is zero.
    function divide(uint256 divisor) external pure returns (uint256) {
        return LIMIT / divisor;
    }

    /// @notice Refuses without any data.
    function refuseSilently() external pure {
        assembly ("memory-safe") {
            revert(0, 0)
        }
    }
}
