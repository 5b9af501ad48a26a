// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title The curve x^3 * y + y^3 * x
/// @notice Its value k is compared as an exact integer of 512 bits: no division, no iteration, no
/// rounding stands between a trade and the rule that k must not fall.
/// @dev Coordinates are integers below 2^126, so that k = (x * y) * (x^2 + y^2) is below 2^505.
library StableCurve {
    /// @dev The estimate works with so many bits, which keeps its cubes within 256 bits.
    uint256 private constant ESTIMATE_BITS = 72;

    /// @notice k as high and low half.
    function value(uint256 x, uint256 y) internal pure returns (uint256 high, uint256 low) {
        unchecked {
            return Math.mul512(x * y, x * x + y * y);
        }
    }

    /// @notice Whether k at (x, y) is at least `high`, `low`.
    function atLeast(uint256 x, uint256 y, uint256 high, uint256 low) internal pure returns (bool) {
        (uint256 h, uint256 l) = value(x, y);
        return h > high || (h == high && l >= low);
    }

    /// @notice About the coordinate that makes k at (known, result) equal to k at (x, y). An estimate
    /// only: its users look for the exact answer from there.
    /// @dev Newton's iteration for z^3 + known^2 * z = c, from above, where it falls monotonely to the
    /// root because the left side is convex and grows; on numbers cut to 72 bits.
    /// @return found False if the answer is out of reach of any pair.
    /// @return result The estimate.
    function estimate(uint256 x, uint256 y, uint256 known)
        internal
        pure
        returns (bool found, uint256 result)
    {
        unchecked {
            uint256 bits = Math.log2(Math.max(Math.max(x, y), known)) + 1;
            uint256 shift = bits > ESTIMATE_BITS ? bits - ESTIMATE_BITS : 0;
            x >>= shift;
            y >>= shift;
            known >>= shift;
            (uint256 high, uint256 low) = value(x, y);
            if (high >= known) return (false, 0);
            uint256 c = high == 0 ? low / known : Math.mulDiv(x * y, x * x + y * y, known);
            uint256 width = Math.log2(c) + 1;
            if (width > 252) return (false, 0);
            // A power of two above the cube root of c, which is above the root looked for.
            uint256 z = 1 << ((width + 2) / 3);
            uint256 square = known * known;
            while (true) {
                uint256 next = (2 * z * z * z + c) / (3 * z * z + square);
                if (next >= z) break;
                z = next;
            }
            return (true, z << shift);
        }
    }
}
