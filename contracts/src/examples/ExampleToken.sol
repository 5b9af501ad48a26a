// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title An ERC-20 like any other, for examples and tests
/// @notice Approvals by signature (ERC-2612), 18 decimals, a fixed supply, no owner, no minting after construction.
/// It needs nothing of QENEX and works on every chain.
/// @dev Conservation: the sum of all balances is `INITIAL_SUPPLY` at every moment.
contract ExampleToken is ERC20, ERC20Permit {
    /// @notice All there is, in units of 10^-18: one thousand million.
    uint256 public constant INITIAL_SUPPLY = 1_000_000_000e18;

    /// @notice Gives the whole supply to `holder`.
    /// @param holder First owner of all tokens; the zero address is refused
    /// (`ERC20InvalidReceiver`).
    constructor(address holder) ERC20("Example", "EXA") ERC20Permit("Example") {
        _mint(holder, INITIAL_SUPPLY);
    }
}
