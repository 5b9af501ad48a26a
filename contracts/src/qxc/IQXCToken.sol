// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What the specification of QENEX fixes of QXC, and nothing more
interface IQXCToken {
    /// @notice Pays `amount` wei to `to`. No code of `to` runs.
    function transfer(address to, uint256 amount) external returns (bool);

    /// @notice Lets `spender` pay up to `amount` wei for the caller; the greatest value never runs out.
    function approve(address spender, uint256 amount) external returns (bool);

    /// @notice Locks `amount` wei of the caller for `lockPeriod` seconds.
    function stake(uint256 amount, uint256 lockPeriod) external;

    /// @notice Pays a stake of the caller back, with its reward, once its lock is over.
    function unstake(uint256 stakeIndex) external;
}
