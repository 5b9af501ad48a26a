// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title The native coin, for its ERC-20 face.
/// @notice QXC pays for gas, so its balances are those of the accounts themselves. The face, one contract,
/// makes an ERC-20 of it: it decides who may move what, and moves it here. What it moves runs no code of the
/// recipient's.
interface INativeCoin {
    /// @notice The contract that moves the coin from now on, and for ever.
    event FaceSet(address indexed face, address indexed by);

    /// @notice Moves native coin between any two accounts, for the face alone. No event: the face has its own. The
    /// zero address and engines receive none.
    /// @param amount Wei, 10^-18 QXC.
    function transfer(address from, address to, uint256 amount) external;
    /// @notice Names the face, once, if the genesis state did not. Admins, with the approvals that their policy asks
    /// for. It can take everybody's coin: its code must be known and must not change.
    function setFace(address face) external;

    /// @notice The face; the zero address: there is none yet.
    function face() external view returns (address);
    /// @notice All coin of the genesis state, wei. No coin is made since; base fees are burnt, and not taken off here.
    function issued() external view returns (uint256);
}
