// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IOracle} from "../../interfaces/IOracle.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {OracleAdapter} from "../../src/oracle/OracleAdapter.sol";
import {OracleDouble} from "../doubles/OracleDouble.sol";

/// @dev Which answers are good, what is told when none is, and who decides.
contract OracleAdapterTest is Test {
    OracleDouble private engine = OracleDouble(payable(address(QenexAddresses.ORACLE)));
    OracleAdapter private prices;
    address private owner = makeAddr("owner");
    address private asset = makeAddr("asset");
    uint32 private feed;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.etch(address(engine), address(new OracleDouble()).code);
        prices = new OracleAdapter(owner);
        feed = engine.forceFeed("ASSET / USD", 8, 100e8);
        set(guards());
    }

    function guards() private view returns (OracleAdapter.Guards memory) {
        return OracleAdapter.Guards(feed, 1 hours, 500, 10e18, 1000e18);
    }

    function set(OracleAdapter.Guards memory g) private {
        vm.prank(owner);
        prices.setGuards(asset, g);
    }

    function answer(int128 value) private {
        engine.forceAnswer(feed, value, uint64(block.timestamp));
    }

    function isGood(uint256 price, bool pending) private view {
        (uint256 told, uint256 doubt, bool isPending) = prices.quote(asset);
        assertEq(told, price);
        assertEq(doubt, 0);
        assertEq(isPending, pending);
    }

    function isDoubted(uint256 last, uint256 doubt) private view {
        (uint256 told, uint256 doubted, bool pending) = prices.quote(asset);
        assertEq(told, last);
        assertEq(doubted, doubt);
        assertFalse(pending);
    }

    // Good answers

    function test_AGoodAnswerIsToldTimes1e18() public {
        isGood(100e18, false);
        answer(101e8);
        isGood(101e18, true);
        vm.expectEmit(address(prices));
        emit OracleAdapter.PriceRecorded(asset, 101e18, block.timestamp);
        (uint256 price, uint256 doubt) = prices.record(asset);
        assertEq(price, 101e18);
        assertEq(doubt, 0);
        isGood(101e18, false);
        (uint256 last, uint256 at) = prices.lastOf(asset);
        assertEq(last, 101e18);
        assertEq(at, block.timestamp);
    }

    function testFuzz_DigitsAreAdded(uint8 decimals, uint256 value) public {
        decimals = uint8(bound(decimals, 0, 18));
        uint256 most = uint256(type(uint104).max) / 10 ** (18 - decimals);
        value = bound(value, 1, most);
        uint32 other = engine.forceFeed("OTHER", decimals, int128(int256(value)));
        set(OracleAdapter.Guards(other, 1 hours, 500, 1, type(uint104).max));
        isGood(value * 10 ** (18 - decimals), false);
    }

    function test_RecordingNothingNewChangesNothing() public {
        vm.recordLogs();
        prices.record(asset);
        engine.suspend(feed, "test");
        answer(200e8);
        (uint256 price, uint256 doubt) = prices.record(asset);
        assertEq(price, 100e18);
        assertEq(doubt, 500);
        (uint256 last,) = prices.lastOf(asset);
        assertEq(last, 100e18);
    }

    function test_AnUnknownAssetHasNoPrice() public {
        bytes memory error = abi.encodeWithSelector(OracleAdapter.UnknownAsset.selector, address(1));
        vm.expectRevert(error);
        prices.quote(address(1));
        vm.expectRevert(error);
        prices.record(address(1));
        vm.expectRevert(error);
        prices.guardsOf(address(1));
        vm.expectRevert(error);
        prices.lastOf(address(1));
        vm.expectRevert(error);
        vm.prank(owner);
        prices.acceptPrice(address(1), 0, 1);
    }

    // Guard 1: the engine's

    function test_AHeldSuspendedOrStaleFeedHasNoGoodPrice() public {
        engine.suspend(feed, "test");
        isDoubted(100e18, 500);
        answer(100e8);
        isGood(100e18, false);

        uint64 time = uint64(block.timestamp);
        IOracle.Terms memory terms = IOracle.Terms(1, 1, 100, 600, 1 hours, 0, 1e12);
        engine.setTerms(feed, terms);
        vm.warp(time + 1);
        engine.report(feed, 110e8, time + 1);
        isDoubted(100e18, 500);
        vm.warp(time + 2);
        engine.report(feed, 100e8, time + 2);
        isGood(100e18, true);
        vm.warp(time + 603);
        isDoubted(100e18, 500);
    }

    function test_AnEngineThatIsNotThereHasNoAnswer() public {
        vm.etch(address(engine), "");
        isDoubted(100e18, 500);
        // One that answers something else neither.
        vm.etch(address(engine), hex"60015f5260205ff3");
        isDoubted(100e18, 500);
    }

    function test_AnAnswerOfTheFutureOrOfTooManyDigitsIsNone() public {
        bytes memory call = abi.encodeCall(IOracle.price, (feed));
        vm.mockCall(
            address(engine), call, abi.encode(int128(101e8), uint8(8), uint64(block.timestamp + 1))
        );
        isDoubted(100e18, 500);
        vm.mockCall(
            address(engine), call, abi.encode(int128(101e8), uint8(19), uint64(block.timestamp))
        );
        isDoubted(100e18, 500);
    }

    /// @dev Who gives so little gas that the engine runs out gets an error, not a doubtful price.
    function testFuzz_LittleGasMakesNoDoubt(uint256 gas_) public {
        gas_ = bound(gas_, 2000, 60_000);
        vm.cool(address(engine));
        vm.cool(address(prices));
        (bool done, bytes memory told) =
            address(prices).staticcall{gas: gas_}(abi.encodeCall(prices.quote, (asset)));
        if (!done) return;
        (uint256 price, uint256 doubt,) = abi.decode(told, (uint256, uint256, bool));
        assertEq(price, 100e18);
        assertEq(doubt, 0);
    }

    function test_AnEngineThatBurnsGasIsTooLittleGas() public {
        // It burns all it gets.
        vm.etch(address(engine), hex"fe");
        vm.expectRevert(OracleAdapter.TooLittleGas.selector);
        prices.quote{gas: 200_000}(asset);
    }

    // Guard 2: age

    function test_AfterAHeartbeatAnAnswerIsStale() public {
        vm.warp(block.timestamp + 1 hours);
        isGood(100e18, false);
        vm.warp(block.timestamp + 1);
        isDoubted(100e18, 1000);
        answer(102e8);
        isGood(102e18, true);
    }

    function test_AnAnswerOlderThanTheLastGoodOneIsNone() public {
        engine.forceAnswer(feed, 101e8, uint64(block.timestamp - 1));
        isDoubted(100e18, 500);
    }

    // Guard 3: bounds

    function test_AnAnswerOutsideTheBoundsIsNone() public {
        OracleAdapter.Guards memory g = guards();
        (g.min, g.max, g.deviation) = (98e18, 103e18, 5000);
        set(g);
        answer(98e8);
        isGood(98e18, true);
        answer(98e8 - 1);
        isDoubted(100e18, 5000);
        answer(103e8);
        isGood(103e18, true);
        answer(103e8 + 1);
        isDoubted(100e18, 5000);
        answer(0);
        isDoubted(100e18, 5000);
        answer(-100e8);
        isDoubted(100e18, 5000);
        answer(type(int128).max);
        isDoubted(100e18, 5000);
        answer(type(int128).min);
        isDoubted(100e18, 5000);
    }

    // Guard 4: jumps

    function test_AJumpIsNoGoodPrice() public {
        answer(105e8);
        isGood(105e18, true);
        answer(105e8 + 1);
        isDoubted(100e18, 500);
        answer(95e8);
        isGood(95e18, true);
        answer(95e8 - 1);
        isDoubted(100e18, 500);
    }

    function test_AMarketThatIsWatchedIsFollowedStepByStep() public {
        int128[5] memory steps = [int128(104e8), 108e8, 112e8, 107e8, 102e8];
        for (uint256 i = 0; i < steps.length; i++) {
            answer(steps[i]);
            prices.record(asset);
            isGood(uint256(int256(steps[i])) * 1e10, false);
        }
    }

    function test_AJumpBecomesBelievableWithTime() public {
        vm.warp(block.timestamp + 1 hours - 1);
        answer(112e8);
        isDoubted(100e18, 500);
        vm.warp(block.timestamp + 1);
        // Observed before the first full heartbeat: no more than at once.
        isDoubted(100e18, 1000);
        answer(112e8);
        isDoubted(100e18, 1000);
        vm.warp(block.timestamp + 1 hours);
        answer(112e8);
        isGood(112e18, true);
    }

    function testFuzz_WhatIsGoodIsWithinTheGuards(uint256 value, uint256 time) public {
        time = bound(time, 0, 30 days);
        value = bound(value, 1, 2000e8);
        vm.warp(block.timestamp + time);
        answer(int128(int256(value)));
        (uint256 price, uint256 doubt, bool pending) = prices.quote(asset);
        uint256 told = value * 1e10;
        uint256 allowed = 500 * (1 + time / 1 hours);
        uint256 way = told > 100e18 ? told - 100e18 : 100e18 - told;
        bool good = told >= 10e18 && told <= 1000e18 && way * 10_000 <= 100e18 * allowed;
        if (good) {
            assertEq(price, told);
            assertEq(doubt, 0);
            assertEq(pending, told != 100e18 || time != 0);
        } else {
            assertEq(price, 100e18);
            assertEq(doubt, allowed < 5000 ? allowed : 5000);
        }
    }

    function test_DoubtGrowsWithEachHeartbeatUpToAHalf() public {
        engine.suspend(feed, "test");
        isDoubted(100e18, 500);
        vm.warp(block.timestamp + 1 hours);
        isDoubted(100e18, 1000);
        vm.warp(block.timestamp + 7 hours);
        isDoubted(100e18, 4500);
        vm.warp(block.timestamp + 1 hours);
        isDoubted(100e18, 5000);
        vm.warp(block.timestamp + 10 * 365 days);
        isDoubted(100e18, 5000);
    }

    // The owner

    function test_TheOwnerAcceptsAJump() public {
        answer(150e8);
        isDoubted(100e18, 500);
        vm.startPrank(owner);
        vm.expectRevert(
            abi.encodeWithSelector(OracleAdapter.PriceOutOfBounds.selector, 150e18, 151e18, 160e18)
        );
        prices.acceptPrice(asset, 151e18, 160e18);
        vm.expectRevert(
            abi.encodeWithSelector(OracleAdapter.PriceOutOfBounds.selector, 150e18, 140e18, 149e18)
        );
        prices.acceptPrice(asset, 140e18, 149e18);
        prices.acceptPrice(asset, 140e18, 160e18);
        isGood(150e18, false);
        answer(1001e8);
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.NoGoodPrice.selector, asset));
        prices.acceptPrice(asset, 0, type(uint256).max);
        engine.suspend(feed, "test");
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.NoGoodPrice.selector, asset));
        prices.acceptPrice(asset, 0, type(uint256).max);
    }

    function test_OnlyTheOwnerSets() public {
        bytes memory error =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this));
        vm.expectRevert(error);
        prices.setGuards(asset, guards());
        vm.expectRevert(error);
        prices.setUnitOfAccount(makeAddr("usd"));
        vm.expectRevert(error);
        prices.acceptPrice(asset, 0, 1);
        vm.prank(owner);
        prices.transferOwnership(address(this));
        assertEq(prices.owner(), owner);
        prices.acceptOwnership();
        assertEq(prices.owner(), address(this));
    }

    function test_GuardsAreToldAsTheyWereSet() public {
        assertEq(abi.encode(prices.guardsOf(asset)), abi.encode(guards()));
        OracleAdapter.Guards memory g = guards();
        (g.heartbeat, g.deviation, g.min, g.max) = (366 days, 5000, 1, type(uint104).max);
        vm.expectEmit(address(prices));
        emit OracleAdapter.GuardsSet(asset, g);
        set(g);
        assertEq(abi.encode(prices.guardsOf(asset)), abi.encode(g));
    }

    function test_GuardsWithoutSenseAreRefused() public {
        OracleAdapter.Guards memory g = guards();
        g.feed = 0;
        refused(g, "feed");
        g = guards();
        g.heartbeat = 0;
        refused(g, "heartbeat");
        g.heartbeat = 366 days + 1;
        refused(g, "heartbeat");
        g = guards();
        g.deviation = 0;
        refused(g, "deviation");
        g.deviation = 5001;
        refused(g, "deviation");
        g = guards();
        g.min = 0;
        refused(g, "min");
        g.min = g.max + 1;
        refused(g, "max");
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.InvalidGuards.selector, "asset"));
        vm.prank(owner);
        prices.setGuards(address(0), guards());
    }

    function refused(OracleAdapter.Guards memory g, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.InvalidGuards.selector, field));
        vm.prank(owner);
        prices.setGuards(asset, g);
    }

    function test_NoAssetWithoutAGoodPrice() public {
        OracleAdapter.Guards memory g = guards();
        g.min = 101e18;
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.NoGoodPrice.selector, asset));
        set(g);
        g = guards();
        g.feed = 99;
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.NoGoodPrice.selector, asset));
        set(g);
        engine.suspend(feed, "test");
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.NoGoodPrice.selector, asset));
        set(guards());
        assertEq(abi.encode(prices.guardsOf(asset)), abi.encode(guards()));
    }

    function test_AnotherFeedTakesOverFromADeadOne() public {
        engine.suspend(feed, "dead");
        vm.warp(block.timestamp + 1 days);
        isDoubted(100e18, 5000);
        OracleAdapter.Guards memory g = guards();
        g.feed = engine.forceFeed("ASSET / USD, 2", 6, 180e6);
        set(g);
        isGood(180e18, false);
    }

    function test_TheUnitOfAccountIsOneForEver() public {
        address usd = makeAddr("usd");
        vm.startPrank(owner);
        vm.expectEmit(address(prices));
        emit OracleAdapter.UnitOfAccountSet(usd);
        prices.setUnitOfAccount(usd);
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.InvalidGuards.selector, "asset"));
        prices.setUnitOfAccount(asset);
        vm.expectRevert(abi.encodeWithSelector(OracleAdapter.InvalidGuards.selector, "asset"));
        prices.setUnitOfAccount(address(0));
        bytes memory error = abi.encodeWithSelector(OracleAdapter.IsUnitOfAccount.selector, usd);
        vm.expectRevert(error);
        prices.setGuards(usd, guards());
        vm.expectRevert(error);
        prices.acceptPrice(usd, 0, 2e18);
        vm.stopPrank();
        vm.warp(block.timestamp + 1000 days);
        (uint256 price, uint256 doubt, bool pending) = prices.quote(usd);
        assertEq(price, 1e18);
        assertEq(doubt, 0);
        assertFalse(pending);
        prices.record(usd);
    }
}
