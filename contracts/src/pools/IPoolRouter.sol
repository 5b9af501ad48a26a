// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What people and wallets use to trade and to provide liquidity
/// @notice Every call has a deadline and limits; the router keeps no tokens and no allowances of its
/// own between calls. Amounts are in the smallest unit of the token they belong to. `multicall` runs
/// several of these functions in one transaction, for example after `selfPermit`.
interface IPoolRouter {
    /// @notice One step of a path: to `token`, through the pair of the kind `stable`.
    struct Hop {
        address token;
        bool stable;
    }

    /// @notice What to add to which pair.
    struct Deposit {
        address tokenA;
        address tokenB;
        bool stable;
        /// The most to deposit of each.
        uint256 amountA;
        uint256 amountB;
        /// The least to deposit of each: the limits of the pair's ratio.
        uint256 minA;
        uint256 minB;
        /// The least shares to accept.
        uint256 minShares;
        address to;
        uint256 deadline;
    }

    /// @notice What to take from which pair.
    struct Withdrawal {
        address tokenA;
        address tokenB;
        bool stable;
        uint256 shares;
        /// The least to accept of each.
        uint256 minA;
        uint256 minB;
        address to;
        uint256 deadline;
    }

    /// @notice The transaction came too late.
    error Expired(uint256 deadline, uint256 timestamp);
    /// @notice There is no such pair.
    error NoPair(address tokenA, address tokenB, bool stable);
    /// @notice A path without a hop.
    error EmptyPath();
    /// @notice The trade would give less than the trader's limit.
    error TooLittleOut(uint256 amountOut, uint256 min);
    /// @notice The trade would cost more than the trader's limit.
    error TooMuchIn(uint256 amountIn, uint256 max);
    /// @notice Fewer shares or tokens than the limit.
    error TooLittle(address token, uint256 amount, uint256 min);
    /// @notice Less arrived than was sent: tokens that take fees on transfers are not supported.
    error TransferFeeNotSupported(address token, uint256 sent, uint256 received);

    /// @notice Sells exactly `amountIn` of `tokenIn` along `path`. A path may come back to a pair, not
    /// directly after it.
    /// @return amountOut What `to` received of the last token.
    function swapExactIn(
        address tokenIn,
        uint256 amountIn,
        uint256 minOut,
        Hop[] calldata path,
        address to,
        uint256 deadline
    ) external returns (uint256 amountOut);

    /// @notice Buys exactly `amountOut` of the last token of `path`. A path must not go through the
    /// same pair twice: prices are computed from the end, before the first swap.
    /// @return amountIn What the caller paid of `tokenIn`.
    function swapExactOut(
        address tokenIn,
        uint256 amountOut,
        uint256 maxIn,
        Hop[] calldata path,
        address to,
        uint256 deadline
    ) external returns (uint256 amountIn);

    /// @notice Adds liquidity in the pair's ratio and creates the pair if there is none. The first
    /// deposit sets the price.
    function addLiquidity(Deposit calldata deposit)
        external
        returns (uint256 amountA, uint256 amountB, uint256 shares);

    /// @notice Takes liquidity out. The router needs an allowance of the shares.
    function removeLiquidity(Withdrawal calldata withdrawal)
        external
        returns (uint256 amountA, uint256 amountB);

    /// @notice Uses the caller's signed approval (ERC-2612) of this router, and goes on if it can't be
    /// used any more: somebody else may have submitted it first.
    function selfPermit(
        address token,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice What `swapExactIn` would give now.
    function quoteExactIn(address tokenIn, uint256 amountIn, Hop[] calldata path)
        external
        view
        returns (uint256 amountOut);

    /// @notice What `swapExactOut` would cost now.
    function quoteExactOut(address tokenIn, uint256 amountOut, Hop[] calldata path)
        external
        view
        returns (uint256 amountIn);
}
