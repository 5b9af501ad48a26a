// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice A market's configuration in one word, so that every action reads it at once.
///
/// From the lowest bit: borrow limit, liquidation threshold, bonus, reserve factor, base rate, slope 1,
/// slope 2, optimal utilisation (16 bits each, basis points); supply cap, borrow cap (48 bits, whole
/// tokens); decimals, number of the market, flash fee (8 bits, basis points), flags (8 bits).
type Config is uint256;

using ConfigLib for Config global;

/// @title Reads and changes a `Config`.
library ConfigLib {
    /// @dev The market exists.
    uint256 internal constant LISTED = 1;
    /// @dev Pauses, as `ILendingPool.pause` takes them.
    uint256 internal constant NO_SUPPLY = 2;
    uint256 internal constant NO_BORROW = 4;
    uint256 internal constant NO_WITHDRAW = 8;
    uint256 internal constant NO_FLASH = 16;
    uint256 internal constant PAUSES = NO_SUPPLY | NO_BORROW | NO_WITHDRAW | NO_FLASH;
    /// @dev The token is money of the ledger: who holds claims on it must be allowed to.
    uint256 internal constant LEDGER = 32;

    uint256 private constant FLAGS = 248;

    function limit(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c));
    }

    function threshold(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 16);
    }

    function bonus(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 32);
    }

    function reserveFactor(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 48);
    }

    function baseRate(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 64);
    }

    function slope1(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 80);
    }

    function slope2(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 96);
    }

    function optimal(Config c) internal pure returns (uint256) {
        return uint16(Config.unwrap(c) >> 112);
    }

    /// @dev In whole tokens, as `borrowCap`.
    function supplyCap(Config c) internal pure returns (uint256) {
        return uint48(Config.unwrap(c) >> 128);
    }

    function borrowCap(Config c) internal pure returns (uint256) {
        return uint48(Config.unwrap(c) >> 176);
    }

    function decimals(Config c) internal pure returns (uint256) {
        return uint8(Config.unwrap(c) >> 224);
    }

    /// @dev One whole token.
    function unit(Config c) internal pure returns (uint256) {
        return 10 ** decimals(c);
    }

    function id(Config c) internal pure returns (uint256) {
        return uint8(Config.unwrap(c) >> 232);
    }

    function flashFee(Config c) internal pure returns (uint256) {
        return uint8(Config.unwrap(c) >> 240);
    }

    function flags(Config c) internal pure returns (uint256) {
        return Config.unwrap(c) >> FLAGS;
    }

    function has(Config c, uint256 flag) internal pure returns (bool) {
        return Config.unwrap(c) >> FLAGS & flag != 0;
    }

    function with(Config c, uint256 flags_) internal pure returns (Config) {
        return Config.wrap(Config.unwrap(c) | flags_ << FLAGS);
    }

    function without(Config c, uint256 flags_) internal pure returns (Config) {
        return Config.wrap(Config.unwrap(c) & ~(flags_ << FLAGS));
    }
}
