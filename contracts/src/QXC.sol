// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title QXC, the QENEX token
/// @notice ERC-20 with ERC-2612 approvals by signature: 18 decimals, a fixed supply, no owner, no
/// minting after construction, no burning, no pause, no upgrade.
/// @dev QXC is also the coin that pays for gas. In this version the token and the coin are separate
/// balances; the token is to become the ERC-20 face of the coin, with staking behind it. Callers
/// that use the ERC-20 and ERC-2612 functions only will not have to change.
///
/// Conservation: the sum of all balances is `INITIAL_SUPPLY` at every moment.
contract QXC is ERC20, ERC20Permit {
    /// @notice All the QXC there is, in units of 10^-18 QXC: one thousand million QXC.
    uint256 public constant INITIAL_SUPPLY = 1_000_000_000e18;

    /// @notice Gives the whole supply to `holder`.
    /// @param holder First owner of all tokens; the zero address is refused
    /// (`ERC20InvalidReceiver`).
    constructor(address holder) ERC20("QENEX", "QXC") ERC20Permit("QENEX") {
        _mint(holder, INITIAL_SUPPLY);
    }
}
