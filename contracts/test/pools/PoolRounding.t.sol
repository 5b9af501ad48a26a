// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {IPoolRouter} from "../../src/pools/IPoolRouter.sol";
import {TwapOracle} from "../../src/pools/TwapOracle.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev The rounding table of `docs/pools.md`, one test a row, against exact fractions. The number that a
/// contract gives is the one next to the exact value, on the side of those who hold shares.
contract PoolRoundingTest is PoolFixture {
    IPair internal pair;
    TestToken internal token0;
    TestToken internal token1;
    uint256 internal r0;
    uint256 internal r1;
    uint256 internal supply;

    /// @dev A pair of 2 and 3, or 2 and 18 decimals, filled by Carol.
    function _fill(bool stable, uint256 s0, uint256 s1) private {
        (token0, token1) = newTokens(2, stable ? 3 : 18);
        pair = newPair(token0, token1, stable);
        r0 = bound(s0, 10, 1e11);
        r1 = stable ? bound(s1, 100, 1e12) : bound(s1, 1e17, 1e27);
        deposit(pair, carol, r0, r1);
        supply = pair.totalSupply();
    }

    function testFuzz_R1_TheFirstSharesRoundDown(bool stable, uint256 s0, uint256 s1) public {
        _fill(stable, s0, s1);
        uint256 x = r0 * 1e16;
        uint256 y = r1 * (stable ? 1e15 : 1);
        if (!stable) {
            assertLe(supply * supply, x * y);
            assertGt((supply + 1) * (supply + 1), x * y);
            return;
        }
        // 2 * size^4 <= k, as integers of 512 bits. Three roots round down, so it may be a little less.
        (uint256 high, uint256 low) = Math.mul512(x * y, x * x + y * y);
        uint256 square = supply * supply;
        (uint256 h, uint256 l) = Math.mul512(square, 2 * square);
        assertTrue(h < high || (h == high && l <= low), "rounded up");
        square = (supply + 3 + supply / 1e15) * (supply + 3 + supply / 1e15);
        (h, l) = Math.mul512(square, 2 * square);
        assertTrue(h > high || (h == high && l > low), "rounded by too much");
    }

    function testFuzz_R2_SharesForADepositRoundDown(
        bool stable,
        uint256 s0,
        uint256 s1,
        uint256 a0,
        uint256 a1
    ) public {
        _fill(stable, s0, s1);
        a0 = bound(a0, 1, r0);
        a1 = bound(a1, r1 / 50 + 1, r1);
        uint256 shares = deposit(pair, alice, a0, a1);
        assertLe(shares * r0, a0 * supply);
        assertLe(shares * r1, a1 * supply);
        assertTrue((shares + 1) * r0 > a0 * supply || (shares + 1) * r1 > a1 * supply);
    }

    function testFuzz_R3_AmountsForSharesRoundDown(
        bool stable,
        uint256 s0,
        uint256 s1,
        uint256 shares
    ) public {
        _fill(stable, s0, s1);
        shares = bound(shares, supply / 9, pair.balanceOf(carol));
        vm.prank(carol);
        (uint256 a0, uint256 a1) = pair.burn(carol, shares, carol);
        assertLe(a0 * supply, r0 * shares);
        assertGt((a0 + 1) * supply, r0 * shares);
        assertLe(a1 * supply, r1 * shares);
        assertGt((a1 + 1) * supply, r1 * shares);
    }

    function testFuzz_R4_OutputsRoundDown(bool stable, uint256 s0, uint256 s1, uint256 a) public {
        _fill(stable, s0, s1);
        a = bound(a, 1, r0);
        uint256 out = pair.getAmountOut(address(token0), a);
        assertTrue(_holds(stable, a, out));
        assertFalse(_holds(stable, a, out + 1));
    }

    function testFuzz_R5_InputsRoundUp(bool stable, uint256 s0, uint256 s1, uint256 out) public {
        _fill(stable, s0, s1);
        out = bound(out, 1, r1 / 2);
        uint256 paid = pair.getAmountIn(address(token1), out);
        assertTrue(_holds(stable, paid, out));
        assertFalse(_holds(stable, paid - 1, out));
    }

    /// @dev The curve, written down once more.
    function _holds(bool stable, uint256 paid, uint256 out) private view returns (bool) {
        if (out >= r1) return false;
        if (!stable) {
            return (r0 * 1000 + paid * 997) * (r1 - out) >= r0 * r1 * 1000;
        }
        (uint256 x, uint256 y) = (r0 * 10 * 2500, r1 * 2500);
        (uint256 h0, uint256 l0) = Math.mul512(x * x * x, y);
        (uint256 h1, uint256 l1) = Math.mul512(y * y * y, x);
        assertEq(h0 + h1, 0, "small enough");
        uint256 k = l0 + l1;
        (x, y) = (x + paid * 10 * 2499, y - out * 2500);
        return x * x * x * y + y * y * y * x >= k;
    }

    function testFuzz_R6_TheFeeOfALoanRoundsUp(bool stable, uint256 amount) public {
        _fill(stable, 1e9, stable ? 1e10 : 1e25);
        amount = bound(amount, 1, r0);
        uint256 fee = pair.flashFee(address(token0), amount);
        assertGe(fee * 10_000, amount * pair.fee());
        assertLt((fee - 1) * 10_000, amount * pair.fee());
    }

    function testFuzz_R7_SharesOfTheProtocolRoundDown(bool stable, uint256 s0, uint256 s1) public {
        vm.prank(governance);
        factory.setFeeTo(treasury);
        _fill(stable, s0, s1);
        uint256 size = pair.measure();
        for (uint256 i = 0; i < 6; i++) {
            sell(pair, i % 2 == 0, i % 2 == 0 ? r0 : r1, bob);
        }
        pair.skim(bob);
        uint256 grown = pair.measure();
        (uint256 n0, uint256 n1) = reserves(pair);
        deposit(pair, bob, n0, n1);
        uint256 shares = pair.balanceOf(treasury);
        // shares / (supply + shares) <= (grown - size) / (6 * grown)
        (uint256 h, uint256 l) = Math.mul512(shares, 6 * grown);
        (uint256 high, uint256 low) = Math.mul512(supply + shares, grown - size);
        assertTrue(h < high || (h == high && l <= low), "rounded up");
        (h, l) = Math.mul512(shares + 1, 6 * grown);
        (high, low) = Math.mul512(supply + shares + 1, grown - size);
        assertTrue(h > high || (h == high && l > low), "rounded by too much");
    }

    function testFuzz_R8_PricesRoundDown(uint256 s0, uint256 s1) public {
        _fill(false, s0, s1);
        (uint256 a0, uint256 a1,) = pair.cumulativePrices();
        vm.warp(block.timestamp + 1);
        (uint256 b0, uint256 b1,) = pair.cumulativePrices();
        assertLe((b0 - a0) * r0, r1 << 112);
        assertGt((b0 - a0 + 1) * r0, r1 << 112);
        assertLe((b1 - a1) * r1, r0 << 112);
        assertGt((b1 - a1 + 1) * r1, r0 << 112);
    }

    function testFuzz_R9_AveragesRoundDown(uint256 s0, uint256 s1, uint256 amount) public {
        _fill(false, s0, s1);
        amount = bound(amount, 1, 1e12);
        TwapOracle oracle = new TwapOracle(factory, 60, 600);
        oracle.observe(address(pair));
        vm.warp(block.timestamp + 60);
        assertLe(oracle.consult(address(pair), address(token0), amount) * r0, amount * r1);
    }

    function testFuzz_R10_TheRouterTakesNoMoreThanTheRatio(uint256 s0, uint256 s1, uint256 a)
        public
    {
        _fill(false, s0, s1);
        a = bound(a, r0 / 100 + 1, r0);
        token0.mint(alice, a);
        token1.mint(alice, 1e30);
        vm.startPrank(alice);
        token0.approve(address(router), a);
        token1.approve(address(router), 1e30);
        (, uint256 b,) = router.addLiquidity(
            IPoolRouter.Deposit(
                address(token0), address(token1), false, a, 1e30, 0, 0, 0, alice, block.timestamp
            )
        );
        assertLe(b * r0, a * r1);
        assertGt((b + 1) * r0, a * r1);
    }

    function testFuzz_R11_PartsOfALossRoundDown(
        bool stable,
        uint256 s0,
        uint256 s1,
        uint256 lost,
        uint256 shares
    ) public {
        _fill(stable, s0, s1);
        lost = bound(lost, 1, r0);
        token0.take(address(pair), lost);
        shares = bound(shares, supply / 9, pair.balanceOf(carol));
        vm.prank(carol);
        (uint256 a0, uint256 a1) = pair.burn(carol, shares, carol);
        assertLe(a0 * supply, (r0 - lost) * shares);
        assertGt((a0 + 1) * supply, (r0 - lost) * shares);
        assertLe(a1 * supply, r1 * shares);
        (uint256 n0,) = reserves(pair);
        // What is left is missing no more for a share than before.
        assertGe(
            token0.balanceOf(address(pair)) * r0 + r0, n0 * (r0 - lost), "the others lost more"
        );
    }
}
