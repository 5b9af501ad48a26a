// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Config} from "./Config.sol";
import {RateModel} from "./RateModel.sol";

/// @notice A market in storage: four words.
/// @param config See `Config`.
/// @param state Index of debt (96 bits, times 1e18), time of the last accrual (40), cash (120).
/// @param totals Shares of the suppliers and of the reserve (128 bits), scaled debt (128).
/// @param supplierShares How many of the shares are the suppliers'; the others are the reserve's. So
/// interest, which gives the reserve shares, need not write this word.
struct MarketSlots {
    Config config;
    uint256 state;
    uint256 totals;
    uint256 supplierShares;
}

/// @notice A market in memory, with interest up to this block.
struct Market {
    Config config;
    uint256 index;
    uint256 time;
    uint256 cash;
    uint256 shares;
    uint256 scaled;
}

using MarketLib for Market global;
using MarketLib for MarketSlots global;

/// @title Arithmetic of one market: interest, shares and debt.
/// @dev Suppliers hold shares of what the market has: its cash and what it is owed. Cash is what came
/// in less what went out by the pool's own functions; a balance that somebody sends is not cash.
/// Debts are stored divided by the index, in millionths of the smallest unit, and grow as the
/// index does. Every conversion names its rounding; the table in `docs/lending.md` says why.
library MarketLib {
    using SafeCast for uint256;

    /// @dev Shares that a market has from the start and that belong to nobody, and what they stand for.
    /// They fix the price of an empty market at a million shares a unit: who would raise the price
    /// against the first supplier gives most of what that costs to these.
    uint256 internal constant VIRTUAL_SHARES = 1e6;
    uint256 internal constant VIRTUAL_ASSETS = 1;
    /// @dev The index of a market's beginning.
    uint256 internal constant ONE = 1e18;
    /// @dev `scaled * index / SCALE` is debt.
    uint256 internal constant SCALE = 1e24;
    uint256 internal constant MAX_INDEX = type(uint96).max;
    uint256 internal constant BPS = 10_000;

    // Storage

    /// @dev Reads a market and adds the interest up to now, in memory. Reverts for no state of a market.
    function load(MarketSlots storage slots) internal view returns (Market memory m) {
        m.config = slots.config;
        uint256 state = slots.state;
        m.index = uint96(state);
        m.time = uint40(state >> 96);
        m.cash = state >> 136;
        uint256 totals = slots.totals;
        m.shares = uint128(totals);
        m.scaled = totals >> 128;
        accrue(m);
    }

    /// @dev Writes back what `load` gave, after changes.
    function store(MarketSlots storage slots, Market memory m) internal {
        slots.state = m.index | m.time << 96 | uint256(m.cash.toUint120()) << 136;
        slots.totals = uint256(m.shares.toUint128()) | uint256(m.scaled.toUint128()) << 128;
    }

    // Interest

    /// @dev The rate is that of the utilisation since the last change, which is the present one.
    /// Unchecked: scaled debt has 128 bits, the index 96, cash 120; growth has less than 128.
    // Compared are seconds and the pool's own counts.
    // slither-disable-next-line incorrect-equality
    function accrue(Market memory m) private view {
        unchecked {
            uint256 elapsed = block.timestamp - m.time;
            if (elapsed == 0) return;
            m.time = block.timestamp;
            if (m.scaled == 0) return;

            Config c = m.config;
            uint256 before = debt(m);
            uint256 rate = rateOf(c, RateModel.utilisation(before, m.cash));
            // Up: for the pool, against borrowers. An index at its end, after 10^10-fold growth, stays.
            uint256 grown = m.index + Math.ceilDiv(m.index * RateModel.growth(rate, elapsed), ONE);
            m.index = grown > MAX_INDEX ? MAX_INDEX : grown;

            uint256 owed = debt(m);
            uint256 fee = (owed - before) * c.reserveFactor() / BPS;
            if (fee == 0) return;
            // Down: for the suppliers, against the reserve. They get the worth of the fee as things
            // are once it has been taken off.
            uint256 feeShares =
                Math.mulDiv(fee, m.shares + VIRTUAL_SHARES, m.cash + owed - fee + VIRTUAL_ASSETS);
            uint256 room = type(uint128).max - m.shares;
            m.shares += feeShares > room ? room : feeShares;
        }
    }

    /// @dev Yearly, times 1e18.
    function borrowRate(Market memory m) internal pure returns (uint256) {
        return rateOf(m.config, utilisation(m));
    }

    function rateOf(Config c, uint256 used) private pure returns (uint256) {
        return RateModel.yearlyRate(used, c.baseRate(), c.slope1(), c.slope2(), c.optimal());
    }

    /// @dev Times 1e18, rounded down.
    function utilisation(Market memory m) internal pure returns (uint256) {
        return RateModel.utilisation(debt(m), m.cash);
    }

    // Totals

    /// @dev What the market is owed, rounded down: suppliers are not promised what debtors may not owe.
    function debt(Market memory m) internal pure returns (uint256) {
        unchecked {
            return m.scaled * m.index / SCALE;
        }
    }

    /// @dev What the market has, rounded down: what all shares are worth.
    function assets(Market memory m) internal pure returns (uint256) {
        unchecked {
            return m.cash + debt(m);
        }
    }

    // Shares

    function toSharesDown(Market memory m, uint256 amount) internal pure returns (uint256) {
        return Math.mulDiv(amount, m.shares + VIRTUAL_SHARES, assets(m) + VIRTUAL_ASSETS);
    }

    function toSharesUp(Market memory m, uint256 amount) internal pure returns (uint256) {
        return Math.mulDiv(
            amount, m.shares + VIRTUAL_SHARES, assets(m) + VIRTUAL_ASSETS, Math.Rounding.Ceil
        );
    }

    function toAssetsDown(Market memory m, uint256 shares) internal pure returns (uint256) {
        return Math.mulDiv(shares, assets(m) + VIRTUAL_ASSETS, m.shares + VIRTUAL_SHARES);
    }

    /// @dev The reserve's part of the shares.
    function reserveShares(MarketSlots storage slots, Market memory m)
        internal
        view
        returns (uint256)
    {
        return m.shares - slots.supplierShares;
    }

    // Debts

    /// @dev For a new loan; below 2^176.
    function toScaledUp(Market memory m, uint256 amount) internal pure returns (uint256) {
        unchecked {
            return Math.ceilDiv(amount * SCALE, m.index);
        }
    }

    /// @dev For a part that is paid back; below 2^176.
    function toScaledDown(Market memory m, uint256 amount) internal pure returns (uint256) {
        unchecked {
            return amount * SCALE / m.index;
        }
    }

    /// @dev What a debtor owes, of scaled debt of 128 bits: below 2^145.
    function toDebtUp(Market memory m, uint256 scaled) internal pure returns (uint256) {
        unchecked {
            return Math.ceilDiv(scaled * m.index, SCALE);
        }
    }

    /// @dev Gives up a debt that nobody will pay. The reserve's shares go first, then all suppliers
    /// bear it alike. The result must be stored.
    /// @return lost By what the market's assets fell.
    /// @return burned Shares that the reserve gave.
    function writeOff(MarketSlots storage slots, Market memory m, uint256 scaled)
        internal
        view
        returns (uint256 lost, uint256 burned)
    {
        uint256 before = assets(m);
        m.scaled -= scaled;
        lost = before - assets(m);
        // Up: for the suppliers, against the reserve.
        burned = Math.mulDiv(
            lost, m.shares + VIRTUAL_SHARES, before + VIRTUAL_ASSETS, Math.Rounding.Ceil
        );
        uint256 reserve = reserveShares(slots, m);
        if (burned > reserve) burned = reserve;
        m.shares -= burned;
    }
}
