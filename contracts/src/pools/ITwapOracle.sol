// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Time-weighted average prices of pairs
interface ITwapOracle {
    /// @notice The sums of a pair were read.
    event Observed(
        address indexed pair, uint256 price0Cumulative, uint256 price1Cumulative, uint32 timestamp
    );

    /// @notice Not a pair of the oracle's factory.
    error UnknownPair(address pair);
    /// @notice The pair has no liquidity.
    error NoPrice(address pair);
    /// @notice The token is not one of the pair's.
    error UnknownToken(address token);
    /// @notice There is no observation that is at least a window old.
    error TooYoung(address pair, uint256 age, uint256 window);
    /// @notice The newest usable observation is too old: `observe` and wait for a window.
    error TooOld(address pair, uint256 age, uint256 maxAge);
    /// @notice Windows must be positive and shorter than the greatest age.
    error BadWindow(uint32 window, uint32 maxAge);

    /// @notice Reads the sums of `pair`, if the last reading is at least a window old. Anyone may;
    /// for a price to be there at all times it must happen once in `MAX_AGE - WINDOW`.
    /// @return observed Whether a new reading was kept.
    function observe(address pair) external returns (bool observed);

    /// @notice What `amountIn` of `tokenIn` was worth in the other token, on average over a time
    /// between WINDOW and MAX_AGE that ends now. Rounds down. Without fee and without slippage.
    function consult(address pair, address tokenIn, uint256 amountIn)
        external
        view
        returns (uint256 amountOut);

    /// @notice The average price of `tokenIn` as UQ112x112, and the seconds it covers.
    function averagePrice(address pair, address tokenIn)
        external
        view
        returns (uint256 price, uint32 window);
}
