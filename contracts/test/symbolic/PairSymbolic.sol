// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {VolatilePair} from "../../src/pools/VolatilePair.sol";

contract Digits {
    function decimals() external pure returns (uint8) {
        return 18;
    }
}

/// @dev The curve of a volatile pair, without its factory.
contract Curve is VolatilePair {
    constructor(address one, address two) VolatilePair(address(this), one, two) {}

    function out(uint256 amount, uint256 r0, uint256 r1) external pure returns (uint256) {
        return _amountOut(amount, r0, r1, true);
    }

    function needed(uint256 amount, uint256 r0, uint256 r1) external pure returns (uint256) {
        return _amountIn(amount, r0, r1, true);
    }

    /// @dev Whether the pair accepts `paid` of the first token for `bought` of the second.
    function accepts(uint256 paid, uint256 bought, uint256 r0, uint256 r1)
        external
        pure
        returns (bool)
    {
        return _holds(r0 + paid, r1 - bought, paid, 0, r0, r1);
    }
}

/// @dev What Halmos proves of the constant product (`bin/halmos`), for numbers below 8: products and quotients of
/// unknown numbers are hard to prove anything of.
contract PairSymbolic {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Curve private curve;

    function setUp() public {
        curve = new Curve(address(new Digits()), address(new Digits()));
    }

    /// @dev The output that is quoted keeps k, fee and all, and is the greatest that does.
    function check_TheOutputKeepsKAndIsTheGreatest(uint8 paid, uint8 r0, uint8 r1) external view {
        vm.assume(paid < 8 && r0 < 8 && r1 < 8 && r0 > 0 && r1 > 0);
        uint256 bought = curve.out(paid, r0, r1);
        assert(bought < r1);
        assert(curve.accepts(paid, bought, r0, r1));
        assert(!curve.accepts(paid, bought + 1, r0, r1));
    }

    /// @dev The input that is quoted keeps k, and is the smallest that does.
    function check_TheInputKeepsKAndIsTheSmallest(uint8 bought, uint8 r0, uint8 r1) external view {
        vm.assume(r0 < 8 && r1 < 8 && r0 > 0 && bought > 0 && bought < r1);
        uint256 paid = curve.needed(bought, r0, r1);
        assert(curve.accepts(paid, bought, r0, r1));
        assert(!curve.accepts(paid - 1, bought, r0, r1));
    }

    /// @dev There and back never profits.
    function check_ThereAndBackNeverProfits(uint8 paid, uint8 r0, uint8 r1) external view {
        vm.assume(paid < 8 && r0 < 8 && r1 < 8 && r0 > 0 && r1 > 0);
        uint256 bought = curve.out(paid, r0, r1);
        assert(curve.out(bought, r1 - bought, uint256(r0) + paid) <= paid);
    }

    /// @dev k never falls by a trade that the pair accepts, whoever computed it.
    function check_WhatIsAcceptedKeepsK(uint8 paid, uint8 bought, uint8 r0, uint8 r1)
        external
        view
    {
        vm.assume(paid < 8 && r0 < 8 && r1 < 8 && bought <= r1);
        vm.assume(curve.accepts(paid, bought, r0, r1));
        assert((uint256(r0) + paid) * (uint256(r1) - bought) >= uint256(r0) * r1);
    }
}
