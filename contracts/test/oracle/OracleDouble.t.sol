// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {IOracle} from "../../interfaces/IOracle.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {OracleDouble} from "../doubles/OracleDouble.sol";

/// @dev The double follows the engine's rules, called by the engine's own interface.
contract OracleDoubleTest is Test {
    IOracle private oracle = QenexAddresses.ORACLE;
    IOracle.Terms private terms = IOracle.Terms(1, 1, 1000, 1 hours, 10 minutes, 1, 1e12);
    uint32 private feed;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.etch(address(oracle), address(new OracleDouble()).code);
        feed = oracle.createFeed("EUR / USD", 8, terms);
    }

    function report(int128 answer) private returns (uint64) {
        vm.warp(block.timestamp + 1);
        return oracle.report(feed, answer, uint64(block.timestamp));
    }

    function test_AFeedIsToldAsItWasCreated() public {
        assertEq(feed, 1);
        assertEq(oracle.feedCount(), 1);
        (
            string memory description,
            uint8 decimals,
            address face,
            IOracle.Terms memory told,,
            uint64 latest,
            uint8 hold,
        ) = oracle.feedOf(feed);
        assertEq(description, "EUR / USD");
        assertEq(decimals, 8);
        assertEq(face, address(QenexAddresses.priceFeed(1)));
        assertEq(abi.encode(told), abi.encode(terms));
        assertEq(latest, 0);
        assertEq(hold, 0);
        terms.staleness = 5;
        oracle.setTerms(feed, terms);
        (,,, told,,,,) = oracle.feedOf(feed);
        assertEq(told.staleness, 5);
    }

    function test_NoPriceBeforeTheFirstRoundOrOfAnUnknownFeed() public {
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.NoRound.selector, feed, 0));
        oracle.price(feed);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.UnknownFeed.selector, 2));
        oracle.price(2);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.UnknownFeed.selector, 2));
        oracle.feedOf(2);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.NoRound.selector, feed, 1));
        oracle.roundOf(feed, 1);
    }

    function test_AReportMakesARoundAndAPriceUntilItIsStale() public {
        assertEq(report(1.1e8), 1);
        uint64 at = uint64(block.timestamp);
        (int128 answer, uint8 decimals, uint64 updatedAt) = oracle.price(feed);
        assertEq(answer, 1.1e8);
        assertEq(decimals, 8);
        assertEq(updatedAt, at);
        vm.warp(at + 1 hours);
        oracle.price(feed);
        vm.warp(at + 1 hours + 1);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.PriceStale.selector, feed, at));
        oracle.price(feed);
        (answer,, updatedAt,,) = oracle.roundOf(feed, 1);
        assertEq(answer, 1.1e8);
        assertEq(updatedAt, at);
    }

    function test_AJumpIsHeldUntilItReturnsOrIsConfirmed() public {
        report(1e8);
        assertEq(report(1.2e8), 0);
        uint64 since = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.PriceHeld.selector, feed, 1, since));
        oracle.price(feed);
        assertEq(report(1.05e8), 2);
        (int128 answer,,) = oracle.price(feed);
        assertEq(answer, 1.05e8);

        report(1.3e8);
        vm.warp(block.timestamp + 10 minutes - 2);
        assertEq(report(1.3e8), 0);
        assertEq(report(1.31e8), 3);
        (answer,,) = oracle.price(feed);
        assertEq(answer, 1.31e8);
    }

    function test_AnotherJumpBeginsTheHoldAgain() public {
        report(1e8);
        report(1.2e8);
        vm.warp(block.timestamp + 10 minutes);
        assertEq(report(1.6e8), 0);
        uint64 since = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.PriceHeld.selector, feed, 1, since));
        oracle.price(feed);
    }

    function test_ASuspendedFeedIsOpenedByHand() public {
        report(1e8);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.NotHeld.selector, feed));
        oracle.acceptAnswer(feed, 1, 2e8, "ok");
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.InvalidFeed.selector, "reason"));
        oracle.suspend(feed, 0);
        oracle.suspend(feed, "stop");
        uint64 since = uint64(block.timestamp);
        assertEq(report(1.01e8), 0);
        oracle.suspend(feed, "stop");
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.PriceHeld.selector, feed, 2, since));
        oracle.price(feed);
        vm.expectRevert(
            abi.encodeWithSelector(IQenexErrors.AnswerOutOfBounds.selector, 1.01e8, 2e8, 3e8)
        );
        oracle.acceptAnswer(feed, 2e8, 3e8, "ok");
        assertEq(oracle.acceptAnswer(feed, 1, 2e8, "ok"), 2);
        oracle.price(feed);
    }

    function test_ReportsThatAreRefused() public {
        report(1e8);
        uint64 at = uint64(block.timestamp);
        vm.expectRevert(
            abi.encodeWithSelector(IQenexErrors.InvalidObservation.selector, at, at + 1, at)
        );
        oracle.report(feed, 1e8, at);
        vm.warp(at + 10);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQenexErrors.InvalidObservation.selector, at + 11, at + 1, at + 10
            )
        );
        oracle.report(feed, 1e8, at + 11);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.AnswerOutOfBounds.selector, 0, 1, 1e12));
        oracle.report(feed, 0, at + 5);
        vm.warp(at + 2 hours);
        vm.expectRevert(
            abi.encodeWithSelector(
                IQenexErrors.InvalidObservation.selector, at + 10, at + 1 hours, at + 2 hours
            )
        );
        oracle.report(feed, 1e8, at + 10);
    }

    function test_TermsAndNamesThatAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.InvalidFeed.selector, "description"));
        oracle.createFeed("", 8, terms);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.InvalidFeed.selector, "decimals"));
        oracle.createFeed("X", 19, terms);
        IOracle.Terms memory t = terms;
        t.minReporters = 2;
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.InvalidFeed.selector, "minReporters"));
        oracle.setTerms(feed, t);
        t = terms;
        t.deviation = 0;
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.InvalidFeed.selector, "deviation"));
        oracle.setTerms(feed, t);
    }

    function test_OtherFunctionsAreUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IQenexErrors.UnknownFunction.selector, IOracle.medianOf.selector)
        );
        oracle.medianOf(feed);
    }
}
