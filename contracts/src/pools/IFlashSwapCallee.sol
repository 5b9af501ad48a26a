// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What a contract implements to receive the output of a swap before it pays for it
interface IFlashSwapCallee {
    /// @notice Called by a pair after the output has arrived and before the input is looked at. When
    /// it returns, the pair must hold an input that satisfies its curve, or the swap reverts.
    /// @dev Check that `msg.sender` is a pair of the factory you trust: anyone can call this.
    /// @param initiator Who called `swap`.
    /// @param amount0 What arrived of the pair's `token0`, in its smallest unit.
    /// @param amount1 What arrived of the pair's `token1`, in its smallest unit.
    /// @param data What the initiator passed on.
    function onFlashSwap(address initiator, uint256 amount0, uint256 amount1, bytes calldata data)
        external;
}
