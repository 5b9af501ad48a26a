// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {StableCurve} from "../../src/pools/StableCurve.sol";

/// @dev The stable curve by itself.
contract StableCurveTest is Test {
    uint256 private constant LIMIT = 1 << 126;

    /// @dev Against the formula in plain integers, where they are small enough.
    function testFuzz_TheValueIsThatOfTheFormula(uint256 x, uint256 y) public pure {
        x = bound(x, 0, 1 << 63);
        y = bound(y, 0, 1 << 63);
        (uint256 high, uint256 low) = StableCurve.value(x, y);
        assertEq(high, 0);
        assertEq(low, x * x * x * y + y * y * y * x);
    }

    function testFuzz_TheValueGrowsWithBoth(uint256 x, uint256 y, uint256 more) public pure {
        x = bound(x, 1, LIMIT - 2);
        y = bound(y, 1, LIMIT - 1);
        more = bound(more, 1, LIMIT - 1 - x);
        (uint256 high, uint256 low) = StableCurve.value(x, y);
        assertTrue(StableCurve.atLeast(x, y, high, low));
        assertTrue(StableCurve.atLeast(x + more, y, high, low));
        (high, low) = StableCurve.value(x + more, y);
        assertFalse(StableCurve.atLeast(x, y, high, low));
    }

    /// @dev It is a guess: within 2^-40 of the greatest coordinate, whenever it says that it found one
    /// within the limit. Pairs do not rely on that for more than gas.
    function testFuzz_TheEstimateIsClose(uint256 x, uint256 y, uint256 known) public pure {
        x = bound(x, 1, LIMIT - 1);
        y = bound(y, x >> 10, x << 10 > LIMIT - 1 ? LIMIT - 1 : x << 10);
        known = bound(known, x >> 2, x << 2 > LIMIT - 1 ? LIMIT - 1 : x << 2);
        if (y == 0 || known == 0) return;
        (bool found, uint256 z) = StableCurve.estimate(x, y, known);
        assertTrue(found);
        uint256 off = 2 + ((x > y ? x : y) >> 40);
        (uint256 high, uint256 low) = StableCurve.value(x, y);
        if (z + off < LIMIT) assertTrue(StableCurve.atLeast(known, z + off, high, low));
        if (z > off) {
            (uint256 h, uint256 l) = StableCurve.value(known, z - off);
            assertTrue(h < high || (h == high && l <= low));
        }
    }

    function testFuzz_TheEstimateAlwaysEnds(uint256 x, uint256 y, uint256 known) public pure {
        StableCurve.estimate(
            bound(x, 0, LIMIT - 1), bound(y, 0, LIMIT - 1), bound(known, 0, LIMIT - 1)
        );
    }

    function test_WhatIsOutOfReachIsNotFound() public pure {
        (bool found,) = StableCurve.estimate(LIMIT - 1, LIMIT - 1, 0);
        assertFalse(found);
        (found,) = StableCurve.estimate(LIMIT - 1, LIMIT - 1, 1 << 90);
        assertFalse(found, "a cube root of more than 84 bits");
        (found,) = StableCurve.estimate(LIMIT - 1, LIMIT - 1, 1 << 100);
        assertTrue(found);
    }
}
