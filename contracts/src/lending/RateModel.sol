// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What borrowers pay, by how much of a market is lent. Pure, and reverts for no input that a
/// market can give it.
/// @dev Two slopes: up to the optimal utilisation the rate rises gently, above it steeply, so that
/// borrowers come back and suppliers can leave.
library RateModel {
    /// @dev 1, as rates, utilisation and growth have it.
    uint256 internal constant ONE = 1e18;
    /// @dev Of rates in configurations.
    uint256 internal constant BPS = 10_000;
    uint256 internal constant YEAR = 365 days;

    /// @notice How much of a market is lent, times 1e18, rounded down. 0 for an empty one.
    /// @param debt What is lent, below 2^192.
    /// @param cash What is not, as well.
    function utilisation(uint256 debt, uint256 cash) internal pure returns (uint256) {
        unchecked {
            return debt == 0 ? 0 : debt * ONE / (debt + cash);
        }
    }

    /// @notice The yearly rate, times 1e18, rounded down: from `base` to `base + slope1 + slope2`.
    /// @param used Utilisation, times 1e18, at most 1.
    /// @param base Rate when nothing is lent, basis points a year, 16 bits; the slopes as well.
    /// @param slope1 What the first slope adds.
    /// @param slope2 What the second adds.
    /// @param optimal Utilisation at which the second slope begins, basis points, above 0, below 10,000.
    // ONE / BPS is exact.
    // slither-disable-next-line divide-before-multiply
    function yearlyRate(uint256 used, uint256 base, uint256 slope1, uint256 slope2, uint256 optimal)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 kink = optimal * (ONE / BPS);
            if (used <= kink) return base * (ONE / BPS) + slope1 * used / optimal;
            return (base + slope1) * (ONE / BPS) + slope2 * (used - kink) / (BPS - optimal);
        }
    }

    /// @notice By what debt grows over the one in `elapsed` seconds, times 1e18: the first three terms
    /// of e^x - 1. Interest on interest, whether anybody calls or not. Rounded down by a
    /// billionth of a billionth at most for each term.
    /// @param rate Yearly, times 1e18, below 2^64.
    /// @param elapsed Seconds, below 2^40.
    // Each term is rounded down, as said above.
    // slither-disable-next-line divide-before-multiply
    function growth(uint256 rate, uint256 elapsed) internal pure returns (uint256) {
        unchecked {
            uint256 x = rate * elapsed / YEAR;
            uint256 second = x * x / (2 * ONE);
            return x + second + second * x / (3 * ONE);
        }
    }
}
