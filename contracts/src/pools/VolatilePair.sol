// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PairBase} from "./PairBase.sol";

/// @title A pair along x * y: for tokens whose prices move against each other
/// @notice Fee 0.3 % of the input.
/// @dev The curve is checked exactly: fees are multiplied out, nothing is divided.
contract VolatilePair is PairBase {
    /// @dev Fee in parts of FEE_DENOMINATOR.
    uint256 private constant FEE = 30;
    /// @dev What is left of FEE_DENOMINATOR after the fee.
    uint256 private constant KEPT = 9970;

    /// @param factory_ The factory that creates this pair.
    /// @param token0_ The token with the smaller address.
    /// @param token1_ The token with the greater address.
    constructor(address factory_, address token0_, address token1_)
        ERC20("QENEX volatile pool share", "QVP")
        ERC20Permit("QENEX volatile pool share")
        PairBase(factory_, token0_, token1_, type(uint128).max)
    {}

    /// @notice A volatile pair is not a stable pair.
    function stable() external pure override returns (bool) {
        return false;
    }

    /// @notice 30: the fee is 0.3 % of the input.
    function fee() public pure override returns (uint256) {
        return FEE;
    }

    /// @dev (b0 - fee of in0) * (b1 - fee of in1) >= r0 * r1, multiplied by 10,000^2. Four numbers
    /// below 2^112 and two factors below 2^14: no overflow.
    function _holds(uint256 b0, uint256 b1, uint256 in0, uint256 in1, uint256 r0, uint256 r1)
        internal
        pure
        override
        returns (bool)
    {
        unchecked {
            return (b0 * FEE_DENOMINATOR - in0 * FEE) * (b1 * FEE_DENOMINATOR - in1 * FEE)
                >= r0 * r1 * (FEE_DENOMINATOR * FEE_DENOMINATOR);
        }
    }

    /// @dev Geometric mean of the reserves at 18 decimals: below 2^128 each, as MAX0 and MAX1 say.
    function _measure(uint256 r0, uint256 r1) internal view override returns (uint256) {
        return Math.sqrt((r0 * SCALE0) * (r1 * SCALE1));
    }

    function _prices(uint256 r0, uint256 r1) internal pure override returns (uint256, uint256) {
        return ((r1 << 112) / r0, (r0 << 112) / r1);
    }

    function _amountOut(uint256 amountIn, uint256 rIn, uint256 rOut, bool)
        internal
        pure
        override
        returns (uint256)
    {
        uint256 paid = amountIn * KEPT;
        return (paid * rOut) / (rIn * FEE_DENOMINATOR + paid);
    }

    function _amountIn(uint256 amountOut, uint256 rIn, uint256 rOut, bool)
        internal
        pure
        override
        returns (uint256)
    {
        return Math.ceilDiv(rIn * amountOut * FEE_DENOMINATOR, (rOut - amountOut) * KEPT);
    }
}
