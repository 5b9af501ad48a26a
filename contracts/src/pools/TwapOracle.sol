// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPair} from "./IPair.sol";
import {IPoolFactory} from "./IPoolFactory.sol";
import {ITwapOracle} from "./ITwapOracle.sol";

/// @title Time-weighted average prices of all pairs of a factory
/// @notice To move the average of a window by some part, prices must be held off for that part of it,
/// against everyone who trades them back. That is a cost, not a proof: choose windows and pairs by the
/// money that depends on them.
/// @dev Keeps two readings a pair, at least a window apart. The average is taken from the newer one
/// that is at least a window old up to this second, so it never covers less than a window, and with
/// somebody calling `observe` once a window, never more than two.
contract TwapOracle is ITwapOracle {
    struct Observation {
        uint256 price0Cumulative;
        uint256 price1Cumulative;
        uint32 timestamp;
        bool exists;
    }

    /// @notice The factory whose pairs are read.
    IPoolFactory public immutable FACTORY;
    /// @notice The least seconds that an average covers.
    uint32 public immutable WINDOW;
    /// @notice The most seconds that an average covers.
    uint32 public immutable MAX_AGE;

    mapping(address pair => Observation) private _older;
    mapping(address pair => Observation) private _newer;

    /// @param factory The factory whose pairs are read.
    /// @param window The least seconds that an average covers.
    /// @param maxAge The most seconds that an average covers; twice the window at least.
    constructor(IPoolFactory factory, uint32 window, uint32 maxAge) {
        if (window == 0 || maxAge / 2 < window) revert BadWindow(window, maxAge);
        FACTORY = factory;
        WINDOW = window;
        MAX_AGE = maxAge;
    }

    /// @inheritdoc ITwapOracle
    function observe(address pair) external returns (bool) {
        if (!FACTORY.isPair(pair)) revert UnknownPair(pair);
        // slither-disable-next-line unused-return
        (uint256 reserve0, uint256 reserve1,) = IPair(pair).getReserves();
        // The sums stand still while there is no price: a window must not begin then.
        if (reserve0 == 0 || reserve1 == 0) revert NoPrice(pair);
        Observation memory last = _newer[pair];
        (uint256 price0, uint256 price1, uint32 timestamp) = IPair(pair).cumulativePrices();
        if (last.exists) {
            if (_elapsed(last.timestamp, timestamp) < WINDOW) return false;
            _older[pair] = last;
        }
        _newer[pair] = Observation(price0, price1, timestamp, true);
        emit Observed(pair, price0, price1, timestamp);
        return true;
    }

    /// @inheritdoc ITwapOracle
    function consult(address pair, address tokenIn, uint256 amountIn)
        external
        view
        returns (uint256)
    {
        (uint256 price,) = averagePrice(pair, tokenIn);
        return Math.mulDiv(amountIn, price, 1 << 112);
    }

    /// @inheritdoc ITwapOracle
    function averagePrice(address pair, address tokenIn)
        public
        view
        returns (uint256 price, uint32 window)
    {
        (uint256 price0, uint256 price1, uint32 timestamp) = IPair(pair).cumulativePrices();
        Observation memory start = _newer[pair];
        if (!start.exists) revert TooYoung(pair, 0, WINDOW);
        if (_elapsed(start.timestamp, timestamp) < WINDOW && _older[pair].exists) {
            start = _older[pair];
        }
        window = _elapsed(start.timestamp, timestamp);
        if (window < WINDOW) revert TooYoung(pair, window, WINDOW);
        if (window > MAX_AGE) revert TooOld(pair, window, MAX_AGE);
        unchecked {
            // The sums wrap: their difference is right all the same.
            if (tokenIn == IPair(pair).token0()) {
                price = (price0 - start.price0Cumulative) / window;
            } else if (tokenIn == IPair(pair).token1()) {
                price = (price1 - start.price1Cumulative) / window;
            } else {
                revert UnknownToken(tokenIn);
            }
        }
    }

    /// @dev Seconds between two readings: both are modulo 2^32, and so is their difference.
    function _elapsed(uint32 from, uint32 to) private pure returns (uint32) {
        unchecked {
            return to - from;
        }
    }
}
