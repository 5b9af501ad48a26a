// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LendingFixture} from "./LendingFixture.sol";

/// @dev Who is liquidated, for how much, what the liquidator gets, and what becomes of bad debt.
contract LiquidationTest is LendingFixture {
    function setUp() public override {
        super.setUp();
        supply(lender, address(usdx), 10_000_000e6);
        give(address(usdx), carol, 10_000_000e6);
    }

    /// @dev Alice has 10 ETH, and owes so much.
    function owe(uint256 debt) private {
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), debt);
    }

    function liquidate(uint256 amount) private {
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(eth), amount);
    }

    function test_TheHealthyAreNotLiquidated() public {
        owe(15_000e6);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.Healthy.selector, alice, 16_000e18, 15_000e18)
        );
        liquidate(1);
        // At the threshold itself the account is healthy.
        setPrice(address(eth), 1875e8);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.Healthy.selector, alice, 15_000e18, 15_000e18)
        );
        liquidate(1);
        setPrice(address(eth), 1875e8 - 1);
        liquidate(1000e6);
    }

    function test_ALiquidatorGetsTheWorthAndTheBonusAsSupplies() public {
        owe(15_000e6);
        setPrice(address(eth), 1800e8);
        uint256 seized = uint256(1800 ether) * 105 / 100 / 1800;
        vm.expectEmit(address(pool));
        emit ILendingPool.Liquidated(alice, address(usdx), address(eth), carol, 1800e6, seized);
        liquidate(1800e6);
        assertEq(pool.owed(alice, address(usdx)), 13_200e6);
        assertEq(pool.supplied(carol, address(eth)), seized);
        assertEq(pool.supplied(alice, address(eth)), 10 ether - seized);
        assertFalse(isCollateral(carol, address(eth)));
        assertEq(usdx.balanceOf(carol), 10_000_000e6 - 1800e6);
        withdraw(carol, address(eth), MAX);
        assertEq(eth.balanceOf(carol), seized);
    }

    function test_HalfOfADebtAtMost() public {
        owe(15_000e6);
        setPrice(address(eth), 1800e8);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 7500e6);
        assertGt(pool.healthFactor(alice), 1e18, "healthy again");
    }

    function test_AllOfADebtAtAHealthFactorOf95() public {
        owe(15_000e6);
        // 0.95 * 15,000 / 0.8 / 10
        setPrice(address(eth), 1781.25e8 + 1);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 7500e6);
    }

    function test_AllOfADebtBelowIt() public {
        owe(15_000e6);
        setPrice(address(eth), 1781.25e8);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertGt(pool.supplied(alice, address(eth)), 1 ether);
    }

    function test_AllOfASmallDebt() public {
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1500e6);
        setPrice(address(eth), 1850e8);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
    }

    function test_AllOfADebtForASmallCollateral() public {
        supply(alice, address(btc), 1e8);
        supply(alice, address(eth), 0.9 ether);
        borrow(alice, address(usdx), 38_000e6);
        setPrice(address(btc), 45_500e8);
        // The 0.9 ETH are worth 1,800: more than half of the debt could be paid for them, were it enough.
        liquidate(MAX);
        assertEq(pool.supplied(alice, address(eth)), 0);
        assertFalse(isCollateral(alice, address(eth)));
        assertApproxEqAbs(
            pool.owed(alice, address(usdx)), 38_000e6 - uint256(1800e6) * 100 / 105, 1
        );
    }

    function test_NoDustIsLeftOfADebt() public {
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1500e6);
        setPrice(address(eth), 1850e8);
        vm.expectPartialRevert(ILendingPool.DustLeft.selector);
        liquidate(1000e6);
    }

    function test_NoDustIsLeftOfACollateral() public {
        supply(alice, address(btc), 1e8);
        supply(alice, address(eth), 1.25 ether);
        borrow(alice, address(usdx), 38_000e6);
        setPrice(address(btc), 44_000e8);
        // 2,500: 2,000 and the bonus would leave 400.
        vm.expectPartialRevert(ILendingPool.DustLeft.selector);
        liquidate(2000e6);
        liquidate(1400e6);
        assertApproxEqAbs(pool.supplied(alice, address(eth)), 1.25 ether - 0.735 ether, 1);
    }

    function testFuzz_SomeAmountIsAlwaysAccepted(uint256 debt, uint256 price) public {
        debt = bound(debt, 1e6, 15_000e6);
        owe(debt);
        price = bound(price, 1, debt * 1e2 / 8 - 1);
        setPrice(address(eth), int128(int256(price)));
        liquidate(MAX);
    }

    function testFuzz_ALiquidationImprovesHealthIfThereIsEnough(uint256 price, uint256 amount)
        public
    {
        owe(15_000e6);
        // As long as the collateral is worth more than the debt and the bonus.
        setPrice(address(eth), int128(int256(bound(price, 1580e8, 1874e8))));
        uint256 before = pool.healthFactor(alice);
        liquidate(bound(amount, 1e6, 6000e6));
        assertGt(pool.healthFactor(alice), before);
    }

    function test_WhatIsNotOwedOrNoCollateralCannotBeLiquidated() public {
        owe(15_000e6);
        setPrice(address(eth), 1800e8);
        vm.startPrank(carol);
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.NoDebt.selector, alice, address(btc)));
        pool.liquidate(alice, address(btc), address(eth), 1);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.NotCollateral.selector, alice, address(btc))
        );
        pool.liquidate(alice, address(usdx), address(btc), 1);
        vm.stopPrank();
        vm.expectRevert(ILendingPool.SelfLiquidation.selector);
        vm.prank(alice);
        pool.liquidate(alice, address(usdx), address(eth), 1);
    }

    function test_AnAmountThatSeizesNothingIsRefused() public {
        supply(alice, address(btc), 1e8);
        borrow(alice, address(usdx), 37_000e6);
        setPrice(address(btc), 40_000e8);
        // A millionth is worth less than a share of BTC: a share is 10^-14.
        setPrice(address(btc), 45_000e8);
        vm.expectPartialRevert(ILendingPool.AmountTooSmall.selector);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(btc), 1);
    }

    function test_ALoanInTheSameTokenAsTheCollateral() public {
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(eth), 7.5 ether);
        supply(lender, address(btc), 10e8);
        supply(bob, address(eth), 1 ether);
        // Interest brings it over the threshold: all is lent but 3.5.
        pass(8 * 365 days);
        assertLt(pool.healthFactor(alice), 1e18);
        give(address(eth), carol, 100 ether);
        uint256 debt = pool.owed(alice, address(eth));
        uint256 held = pool.supplied(alice, address(eth));
        ILendingPool.MarketState memory before = pool.marketOf(address(eth));
        vm.prank(carol);
        pool.liquidate(alice, address(eth), address(eth), 1 ether);
        assertApproxEqAbs(pool.owed(alice, address(eth)), debt - 1 ether, 1);
        assertApproxEqAbs(pool.supplied(alice, address(eth)), held - 1.05 ether, 2);
        assertApproxEqAbs(pool.supplied(carol, address(eth)), 1.05 ether, 2);
        ILendingPool.MarketState memory m = pool.marketOf(address(eth));
        assertEq(m.cash, before.cash + 1 ether);
        assertEq(m.shares, before.shares);
    }

    function test_TheLiquidatorNeedsNoCashOfTheCollateralsMarket() public {
        owe(15_000e6);
        supply(bob, address(btc), 10e8);
        borrow(bob, address(eth), 10 ether);
        assertEq(cashOf(address(eth)), 0);
        setPrice(address(eth), 1700e8);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertGt(pool.supplied(carol, address(eth)), 0);
    }

    // Bad debt

    function test_BadDebtIsAccountedAtOnceAndBorneByAll() public {
        owe(15_000e6);
        setPrice(address(eth), 1000e8);
        uint256 paid = uint256(10_000e6) * 100 / 105 + 1;
        uint256 lost = 15_000e6 - paid;
        vm.expectEmit(address(pool));
        emit ILendingPool.DebtWrittenOff(alice, address(usdx), lost, 0);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertEq(pool.accountOf(alice).debt, 0);
        assertEq(pool.marketOf(address(usdx)).debt, 0);
        assertEq(pool.supplied(carol, address(eth)), 10 ether);
        assertApproxEqAbs(pool.supplied(lender, address(usdx)), 10_000_000e6 - lost, 1);
        withdraw(lender, address(usdx), MAX);
    }

    function test_TheReserveBearsBadDebtFirst() public {
        supply(bob, address(eth), 10_000 ether);
        borrow(bob, address(usdx), 9_000_000e6);
        owe(15_000e6);
        pass(365 days);
        setPrice(address(eth), 1500e8);
        ILendingPool.MarketState memory m = pool.marketOf(address(usdx));
        assertGt(m.reserveShares, 0);
        uint256 suppliers = pool.supplied(lender, address(usdx));
        liquidate(MAX);
        uint256 burned = m.reserveShares - pool.marketOf(address(usdx)).reserveShares;
        assertGt(burned, 0);
        assertGe(pool.supplied(lender, address(usdx)), suppliers, "suppliers lost nothing");
        assertEq(pool.owed(alice, address(usdx)), 0);
    }

    function test_AllDebtsOfAnAccountWithoutCollateralAreGivenUp() public {
        supply(lender, address(btc), 10e8);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 5000e6);
        borrow(alice, address(btc), 0.2e8);
        setPrice(address(eth), 400e8);
        liquidate(MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertEq(pool.owed(alice, address(btc)), 0);
        assertEq(pool.marketOf(address(btc)).scaled, 0);
        assertApproxEqAbs(pool.supplied(lender, address(btc)), 9.8e8, 1);
        ILendingPool.Account memory a = pool.accountOf(alice);
        assertEq(a.debt + a.collateral, 0);
    }

    function test_WithOtherCollateralDebtsStay() public {
        supply(alice, address(btc), 0.1e8);
        owe(18_000e6);
        setPrice(address(eth), 1000e8);
        liquidate(MAX);
        assertFalse(isCollateral(alice, address(eth)));
        assertGt(pool.owed(alice, address(usdx)), 8000e6);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(btc), MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertEq(pool.accountOf(alice).debt, 0);
    }

    function test_WorthlessCollateralCanBeTakenForNothing() public {
        // Nearly all of a market is written off: a small part of it is worth nothing.
        supply(bob, address(btc), 1e8);
        supply(alice, address(eur), 1);
        supply(lender, address(eur), 99);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 15_000e6);
        borrow(bob, address(eur), 100);
        setPrice(address(btc), 1);
        give(address(eur), carol, 100);
        vm.prank(carol);
        pool.liquidate(bob, address(eur), address(btc), MAX);
        assertEq(pool.supplied(alice, address(eur)), 0);
        setPrice(address(eth), 1000e8);
        liquidate(MAX);
        assertGt(pool.owed(alice, address(usdx)), 0);
        assertTrue(isCollateral(alice, address(eur)));
        uint256 before = usdx.balanceOf(carol);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(eur), MAX);
        assertEq(usdx.balanceOf(carol), before, "nothing paid for nothing");
        assertEq(pool.owed(alice, address(usdx)), 0, "and the debt is given up");
    }

    // Prices in doubt

    function test_WithPricesInDoubtOnlyTheClearlyUnhealthyAreLiquidated() public {
        owe(15_000e6);
        setPrice(address(eth), 1800e8);
        engine.suspend(feedOf[address(eth)], "test");
        // The collateral may be worth a tenth more: 1,980 each, and the account is healthy then.
        vm.expectPartialRevert(ILendingPool.Healthy.selector);
        liquidate(1000e6);
        setPrice(address(eth), 1700e8);
        engine.suspend(feedOf[address(eth)], "test");
        assertEq(pool.accountOf(alice).threshold, 1870e18 * 8);
        liquidate(1870e6);
        // What is seized is reckoned at that price too.
        assertApproxEqAbs(pool.supplied(carol, address(eth)), 1.05 ether, 1);
    }

    function test_TheLongerAPriceIsOldTheMoreItIsDoubted() public {
        owe(15_000e6);
        setPrice(address(eth), 1600e8);
        assertEq(pool.accountOf(alice).threshold, 12_800e18);
        vm.warp(block.timestamp + 1 hours);
        assertEq(pool.accountOf(alice).threshold, 12_800e18);
        vm.warp(block.timestamp + 1);
        assertEq(pool.accountOf(alice).threshold, 12_800e18 * 12 / 10);
        vm.warp(block.timestamp + 1 hours);
        assertEq(pool.accountOf(alice).threshold, 12_800e18 * 13 / 10);
        vm.warp(block.timestamp + 100 days);
        assertEq(pool.accountOf(alice).threshold, 12_800e18 * 15 / 10);
    }

    /// @dev While the true price is within the doubt, no healthy account is liquidated, and nobody gets more
    /// than the bonus.
    function testFuzz_DoubtProtectsTheDebtor(uint256 last, uint256 truth, uint256 amount) public {
        owe(15_000e6);
        last = bound(last, 1000e8, 1874e8);
        setPrice(address(eth), int128(int256(last)));
        engine.suspend(feedOf[address(eth)], "test");
        truth = bound(truth, last * 9 / 10, last * 11 / 10);
        vm.prank(carol);
        try pool.liquidate(alice, address(usdx), address(eth), bound(amount, 1e6, 7000e6)) {
            uint256 got = pool.supplied(carol, address(eth)) * truth / 1e8;
            uint256 paid = (10_000_000e6 - usdx.balanceOf(carol)) * 1e12;
            assertLe(got, paid * 105 / 100 + 1e12);
            assertLt(truth * 10 * 8 / 10, 15_000e8, "healthy at the true price");
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), ILendingPool.Healthy.selector);
        }
    }
}
