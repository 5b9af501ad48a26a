// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PairBase} from "./PairBase.sol";
import {StableCurve} from "./StableCurve.sol";

/// @title A pair along x^3 * y + y^3 * x: for tokens that are worth the same
/// @notice Fee 0.04 % of the input. The tokens may have different decimals.
/// @dev Coordinates of the curve are amounts at 18 decimals, times FEE_DENOMINATOR, so that neither
/// the fee nor the decimals are ever divided: the check of a trade is exact for any pair of decimals.
/// Quotes look for the best integer that this same check lets pass; if their estimate were wrong they
/// would cost more gas and give the same answer.
contract StablePair is PairBase {
    /// @dev Fee in parts of FEE_DENOMINATOR.
    uint256 private constant FEE = 4;
    /// @dev What is left of FEE_DENOMINATOR after the fee.
    uint256 private constant KEPT = 9996;

    /// @param factory_ The factory that creates this pair.
    /// @param token0_ The token with the smaller address.
    /// @param token1_ The token with the greater address.
    constructor(address factory_, address token0_, address token1_)
        ERC20("QENEX stable pool share", "QSP")
        ERC20Permit("QENEX stable pool share")
        PairBase(factory_, token0_, token1_, type(uint112).max)
    {}

    /// @notice A stable pair is a stable pair.
    function stable() external pure override returns (bool) {
        return true;
    }

    /// @notice 4: the fee is 0.04 % of the input.
    function fee() public pure override returns (uint256) {
        return FEE;
    }

    function _holds(uint256 b0, uint256 b1, uint256 in0, uint256 in1, uint256 r0, uint256 r1)
        internal
        view
        override
        returns (bool)
    {
        unchecked {
            // Below 2^112 * 2^14 each, as MAX0 and MAX1 say.
            (uint256 high, uint256 low) =
                StableCurve.value(r0 * FEE_DENOMINATOR * SCALE0, r1 * FEE_DENOMINATOR * SCALE1);
            return StableCurve.atLeast(
                (b0 * FEE_DENOMINATOR - in0 * FEE) * SCALE0,
                (b1 * FEE_DENOMINATOR - in1 * FEE) * SCALE1,
                high,
                low
            );
        }
    }

    /// @dev Fourth root of k / 2, that is x when x = y, from roots that each round down.
    function _measure(uint256 r0, uint256 r1) internal view override returns (uint256) {
        (uint256 x, uint256 y) = (r0 * SCALE0, r1 * SCALE1);
        return Math.sqrt(Math.sqrt(x * y) * Math.sqrt((x * x + y * y) / 2));
    }

    /// @dev Price of token0 in token1: y * (3x^2 + y^2) / (x * (x^2 + 3y^2)), in smallest units.
    function _prices(uint256 r0, uint256 r1) internal view override returns (uint256, uint256) {
        (uint256 x, uint256 y) = (r0 * SCALE0, r1 * SCALE1);
        (uint256 a, uint256 b) = (3 * x * x + y * y, x * x + 3 * y * y);
        // a / b is between 1/3 and 3: below 2^114 as UQ112x112, and r0 and r1 are below 2^112.
        return (Math.mulDiv(a, 1 << 112, b) * r1 / r0, Math.mulDiv(b, 1 << 112, a) * r0 / r1);
    }

    // Units are multiples of FEE_DENOMINATOR, the search halves on purpose, and an estimate that was not
    // found is zero, from where the search starts as well.
    // slither-disable-next-line divide-before-multiply
    function _amountOut(uint256 amountIn, uint256 rIn, uint256 rOut, bool zeroIn)
        internal
        view
        override
        returns (uint256)
    {
        (uint256 unitIn, uint256 unitOut) = _units(zeroIn);
        (uint256 x, uint256 y) = (rIn * unitIn, rOut * unitOut);
        (uint256 high, uint256 low) = StableCurve.value(x, y);
        uint256 known = x + amountIn * (unitIn / FEE_DENOMINATOR * KEPT);
        // slither-disable-next-line unused-return
        (, uint256 left) = StableCurve.estimate(x, y, known);
        uint256 guess = Math.saturatingSub(rOut, Math.ceilDiv(left, unitOut));
        // The greatest `good` for which k does not fall. It holds for 0, and not for all of rOut.
        (uint256 good, uint256 bad, uint256 step) = (0, rOut, 1);
        if (StableCurve.atLeast(known, y - guess * unitOut, high, low)) {
            good = guess;
            while (good + step < bad) {
                if (!StableCurve.atLeast(known, y - (good + step) * unitOut, high, low)) {
                    bad = good + step;
                    break;
                }
                good += step;
                step *= 2;
            }
        } else {
            bad = guess;
            while (bad > step) {
                if (StableCurve.atLeast(known, y - (bad - step) * unitOut, high, low)) {
                    good = bad - step;
                    break;
                }
                bad -= step;
                step *= 2;
            }
        }
        while (bad - good > 1) {
            uint256 middle = (good + bad) / 2;
            if (StableCurve.atLeast(known, y - middle * unitOut, high, low)) good = middle;
            else bad = middle;
        }
        return good;
    }

    // As above.
    // slither-disable-next-line divide-before-multiply
    function _amountIn(uint256 amountOut, uint256 rIn, uint256 rOut, bool zeroOut)
        internal
        view
        override
        returns (uint256)
    {
        (uint256 unitOut, uint256 unitIn) = _units(zeroOut);
        (uint256 x, uint256 y) = (rIn * unitIn, rOut * unitOut);
        (uint256 high, uint256 low) = StableCurve.value(x, y);
        uint256 known = y - amountOut * unitOut;
        uint256 kept = unitIn / FEE_DENOMINATOR * KEPT;
        // The smallest `good` for which k does not fall. It does not hold for 0.
        uint256 bad = 0;
        uint256 good = (zeroOut ? MAX1 : MAX0) - rIn;
        if (!StableCurve.atLeast(x + good * kept, known, high, low)) {
            revert InsufficientLiquidity();
        }
        (bool found, uint256 right) = StableCurve.estimate(x, y, known);
        uint256 guess =
            found ? Math.min(good, Math.ceilDiv(Math.saturatingSub(right, x), kept)) : good;
        uint256 step = 1;
        if (StableCurve.atLeast(x + guess * kept, known, high, low)) {
            good = guess;
            while (good > step) {
                if (!StableCurve.atLeast(x + (good - step) * kept, known, high, low)) {
                    bad = good - step;
                    break;
                }
                good -= step;
                step *= 2;
            }
        } else {
            bad = guess;
            while (bad + step < good) {
                if (StableCurve.atLeast(x + (bad + step) * kept, known, high, low)) {
                    good = bad + step;
                    break;
                }
                bad += step;
                step *= 2;
            }
        }
        while (good - bad > 1) {
            uint256 middle = (good + bad) / 2;
            if (StableCurve.atLeast(x + middle * kept, known, high, low)) good = middle;
            else bad = middle;
        }
        return good;
    }

    /// @dev What one smallest unit is on the curve: of token0 and token1, or the other way around.
    function _units(bool zeroFirst) private view returns (uint256, uint256) {
        (uint256 unit0, uint256 unit1) = (SCALE0 * FEE_DENOMINATOR, SCALE1 * FEE_DENOMINATOR);
        return zeroFirst ? (unit0, unit1) : (unit1, unit0);
    }
}
