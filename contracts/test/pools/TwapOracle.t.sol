// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPair} from "../../src/pools/IPair.sol";
import {ITwapOracle} from "../../src/pools/ITwapOracle.sol";
import {TwapOracle} from "../../src/pools/TwapOracle.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev The reader of time-weighted averages.
contract TwapOracleTest is PoolFixture {
    TwapOracle internal oracle;
    IPair internal pair;
    TestToken internal a;
    TestToken internal b;

    function setUp() public override {
        super.setUp();
        (a, b) = newTokens(2, 18);
        pair = newPair(a, b, false);
        oracle = new TwapOracle(factory, 600, 3600);
        deposit(pair, carol, 1_000_000e2, 500_000e18);
    }

    function _pass(uint256 time) private {
        vm.warp(block.timestamp + time);
    }

    function test_WindowsMustMakeSense() public {
        vm.expectRevert(abi.encodeWithSelector(ITwapOracle.BadWindow.selector, 0, 10));
        new TwapOracle(factory, 0, 10);
        vm.expectRevert(abi.encodeWithSelector(ITwapOracle.BadWindow.selector, 10, 19));
        new TwapOracle(factory, 10, 19);
        new TwapOracle(factory, 10, 20);
    }

    function test_OnlyPairsWithAPriceAreObserved() public {
        vm.expectRevert(abi.encodeWithSelector(ITwapOracle.UnknownPair.selector, bob));
        oracle.observe(bob);
        address empty = address(newPair(a, b, true));
        vm.expectRevert(abi.encodeWithSelector(ITwapOracle.NoPrice.selector, empty));
        oracle.observe(empty);
    }

    function test_AnAverageNeedsAWindow() public {
        vm.expectRevert(
            abi.encodeWithSelector(ITwapOracle.TooYoung.selector, address(pair), 0, 600)
        );
        oracle.consult(address(pair), address(a), 1e2);
        assertTrue(oracle.observe(address(pair)));
        _pass(599);
        assertFalse(oracle.observe(address(pair)));
        vm.expectRevert(
            abi.encodeWithSelector(ITwapOracle.TooYoung.selector, address(pair), 599, 600)
        );
        oracle.consult(address(pair), address(a), 1e2);
        _pass(1);
        // Two of a cost one of b.
        assertApproxEqAbs(oracle.consult(address(pair), address(a), 2e2), 1e18, 1e6);
        assertApproxEqAbs(oracle.consult(address(pair), address(b), 1e18), 2e2, 1);
        vm.expectRevert(abi.encodeWithSelector(ITwapOracle.UnknownToken.selector, bob));
        oracle.consult(address(pair), bob, 1);
    }

    function test_AnOldObservationIsNoPrice() public {
        oracle.observe(address(pair));
        _pass(3600);
        oracle.consult(address(pair), address(a), 2e2);
        _pass(1);
        vm.expectRevert(
            abi.encodeWithSelector(ITwapOracle.TooOld.selector, address(pair), 3601, 3600)
        );
        oracle.consult(address(pair), address(a), 2e2);
        // Observing makes the older one count until the newer is a window old: still too old.
        oracle.observe(address(pair));
        _pass(10);
        vm.expectPartialRevert(ITwapOracle.TooOld.selector);
        oracle.consult(address(pair), address(a), 2e2);
        _pass(590);
        oracle.consult(address(pair), address(a), 2e2);
    }

    function testFuzz_WithAKeeperThereIsAlwaysAPriceOfOneToTwoWindows(uint256[10] memory waits)
        public
    {
        oracle.observe(address(pair));
        _pass(600);
        for (uint256 i = 0; i < 10; i++) {
            oracle.observe(address(pair));
            uint256 wait = bound(waits[i], 0, 600);
            _pass(wait);
            sell(pair, i % 2 == 0, i % 2 == 0 ? 1000e2 : 500e18, bob);
            (uint256 price, uint32 window) = oracle.averagePrice(address(pair), address(a));
            assertGt(price, 0);
            assertGe(window, 600);
            assertLe(window, 1800);
        }
    }

    function test_AMovedPriceCountsForItsTimeOnly() public {
        oracle.observe(address(pair));
        _pass(590);
        uint256 fair = oracle.WINDOW() == 600 ? 1e18 : 0;
        // Ten seconds of a price four times off.
        sell(pair, true, 1_000_000e2, bob);
        // Nothing within the same second.
        _pass(10);
        uint256 average = oracle.consult(address(pair), address(a), 2e2);
        assertLt(average, fair);
        assertApproxEqRel(average, fair, 0.02e18);
        (, uint256 spot1) = reserves(pair);
        assertLt(spot1, 250_500e18);
    }

    function test_ADonationDoesNotMoveTheAverage() public {
        oracle.observe(address(pair));
        _pass(600);
        uint256 before = oracle.consult(address(pair), address(a), 2e2);
        a.mint(address(pair), 1_000_000e2);
        pair.skim(bob);
        a.mint(address(pair), 1_000_000e2);
        _pass(600);
        assertApproxEqAbs(oracle.consult(address(pair), address(a), 2e2), before, 1e3);
    }
}
