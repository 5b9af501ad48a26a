// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFarm} from "../../src/farming/IFarm.sol";
import {FarmFixture} from "./FarmFixture.sol";

/// @dev The rounding table of `docs/farming.md`, one test a row, against exact fractions.
contract FarmRoundingTest is FarmFixture {
    function testFuzz_R1_WhatIsGivenOutRoundsDownAndIsGivenLater(uint256 amount, uint256 time)
        public
    {
        amount = bound(amount, 1, 1e9);
        time = bound(time, 1, 30 days);
        stake(alice, 1e18);
        fund(cash, amount, 30 days);
        pass(time);
        uint256 earned = farm.earned(alice, address(cash));
        assertLe(earned * 30 days, amount * time);
        // At the second, all but a fraction is there.
        assertGe((earned + 1) * 30 days, amount * time);
        (,, uint256 remaining,) = farm.rewardState(address(cash));
        assertLe(earned + remaining, amount);
        assertGe(earned + remaining + 1, amount);
    }

    function testFuzz_R2_PartsRoundDownAndNeverExceedTheWhole(
        uint256 amount,
        uint256 a,
        uint256 b,
        uint256 time
    ) public {
        amount = bound(amount, 1, 1e30);
        a = bound(a, 1, 1e30);
        b = bound(b, 1, 1e30);
        time = bound(time, 1, 30 days);
        stake(alice, a);
        stake(bob, b);
        fund(coin, amount, 30 days);
        pass(time);
        uint256 ofAlice = farm.earned(alice, address(coin));
        uint256 ofBob = farm.earned(bob, address(coin));
        assertLe(ofAlice * (a + b), amount * time / 30 days * a + a);
        assertLe(ofBob * (a + b), amount * time / 30 days * b + b);
        assertLe((ofAlice + ofBob) * 30 days, amount * time);
        assertGe((ofAlice + ofBob + 3) * 30 days, amount * time);
    }

    function testFuzz_R3_AClaimRoundsDownAndKeepsTheFraction(uint256 amount, uint256 times) public {
        amount = bound(amount, 1, 1e6);
        times = bound(times, 1, 30);
        stake(alice, 1e18);
        stake(bob, 2e18);
        fund(cash, amount, 30 days);
        for (uint256 i = 0; i < times; i++) {
            pass(30 days / times);
            claim(alice, cash);
        }
        pass(1 days);
        claim(alice, cash);
        uint256 paid = cash.balanceOf(alice);
        assertLe(paid * 3, amount);
        assertGt((paid + 2) * 3, amount, "claiming often cost more than the last fraction");
    }

    function testFuzz_R4_TheSpeedCheckRoundsAgainstTheFunder(uint256 first, uint256 more) public {
        first = bound(first, 1e6, 1e24);
        more = bound(more, 1, 300 days);
        stake(alice, 1e18);
        fund(coin, first, 30 days);
        // Exactly the old speed for `more` seconds, rounded down: not enough unless it is exact.
        uint256 added = first * more / 30 days;
        if (added == 0) return;
        uint256 finish = block.timestamp + 30 days + more;
        vm.prank(funder);
        if (added * 30 days != first * more) {
            vm.expectRevert(abi.encodeWithSelector(IFarm.RateWouldFall.selector, address(coin)));
            farm.fund(address(coin), added, finish);
            added++;
            vm.prank(funder);
        }
        farm.fund(address(coin), added, finish);
        pass(30 days);
        assertGe(farm.earned(alice, address(coin)) + 1, first);
    }
}
