// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A token with the shape of wrapped bitcoin, for development networks: nothing stands behind it
/// @notice Approvals by signature (ERC-2612), 8 decimals, a fixed supply, no owner, no minting after construction.
/// @dev Conservation: the sum of all balances is `SUPPLY` at every moment.
contract TestBitcoin is ERC20, ERC20Permit {
    /// @notice All there is, in units of 10^-8: twenty-one million.
    uint256 public constant SUPPLY = 21_000_000e8;

    /// @notice Gives the whole supply to `holder`.
    /// @param holder First owner of all tokens; the zero address is refused (`ERC20InvalidReceiver`).
    constructor(address holder) ERC20("Test Bitcoin", "WBTC") ERC20Permit("Test Bitcoin") {
        _mint(holder, SUPPLY);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 8;
    }
}
