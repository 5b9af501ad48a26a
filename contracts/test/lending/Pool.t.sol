// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAccountGate} from "../../src/lending/IAccountGate.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {IQENEXDeFi} from "../../src/lending/IQENEXDeFi.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {IPriceSource} from "../../src/oracle/IPriceSource.sol";
import {LendingFixture, PlainToken} from "./LendingFixture.sol";

/// @dev Supplying, withdrawing, borrowing, repaying, collateral.
contract LendingPoolTest is LendingFixture {
    function test_TheInterfaceIsTheSpecifications() public pure {
        assertEq(IQENEXDeFi.supply.selector, bytes4(keccak256("supply(address,uint256)")));
        assertEq(IQENEXDeFi.borrow.selector, bytes4(keccak256("borrow(address,uint256)")));
        assertEq(IQENEXDeFi.repay.selector, bytes4(keccak256("repay(address,uint256)")));
        assertEq(
            IQENEXDeFi.liquidate.selector,
            bytes4(keccak256("liquidate(address,address,address,uint256)"))
        );
    }

    // Supply and withdraw

    function test_SuppliesAreSharesAndCollateralFromTheStart() public {
        give(address(eth), alice, 3 ether);
        vm.expectEmit(address(pool));
        emit ILendingPool.CollateralSet(alice, address(eth), true);
        vm.expectEmit(address(pool));
        emit ILendingPool.Supplied(alice, address(eth), 3 ether, 3e24);
        vm.prank(alice);
        pool.supply(address(eth), 3 ether);
        assertEq(pool.supplied(alice, address(eth)), 3 ether);
        assertTrue(isCollateral(alice, address(eth)));
        assertEq(cashOf(address(eth)), 3 ether);
        assertEq(eth.balanceOf(address(pool)), 3 ether);
        ILendingPool.Account memory a = pool.accountOf(alice);
        assertEq(a.collateral, 6000e18);
        assertEq(a.limit, 4500e18);
        assertEq(a.threshold, 4800e18);
        assertEq(pool.healthFactor(alice), MAX);
    }

    function test_ATokenWithoutThresholdIsNoCollateral() public {
        ILendingPool.MarketConfig memory config = riskyConfig();
        (config.limit, config.threshold) = (0, 0);
        vm.prank(owner);
        pool.configure(address(eth), config);
        supply(alice, address(eth), 1 ether);
        assertFalse(isCollateral(alice, address(eth)));
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.NotCollateral.selector, alice, address(eth))
        );
        vm.prank(alice);
        pool.setCollateral(address(eth), true);
    }

    function testFuzz_WhatIsSuppliedCanBeWithdrawn(uint256 amount) public {
        amount = bound(amount, 1, 1e9 ether);
        supply(alice, address(eth), amount);
        vm.expectEmit(address(pool));
        emit ILendingPool.Withdrawn(alice, address(eth), amount, amount * 1e6);
        withdraw(alice, address(eth), MAX);
        assertEq(eth.balanceOf(alice), amount);
        assertEq(sharesOf(alice, address(eth)), 0);
        assertFalse(isCollateral(alice, address(eth)));
        assertEq(cashOf(address(eth)), 0);
    }

    function test_NobodyWithdrawsMoreThanSupplied() public {
        supply(alice, address(eth), 1 ether);
        supply(bob, address(eth), 5 ether);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILendingPool.InsufficientSupply.selector, address(eth), 1 ether, 1 ether + 1
            )
        );
        withdraw(alice, address(eth), 1 ether + 1);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.InsufficientSupply.selector, address(eth), 0, 0)
        );
        withdraw(carol, address(eth), MAX);
    }

    function test_WhatIsLentCannotBeWithdrawn() public {
        supply(lender, address(usdx), 1000e6);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 900e6);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILendingPool.InsufficientCash.selector, address(usdx), 100e6, 101e6
            )
        );
        withdraw(lender, address(usdx), 101e6);
        withdraw(lender, address(usdx), 100e6);
    }

    function test_ZeroIsRefused() public {
        vm.startPrank(alice);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        pool.supply(address(eth), 0);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        pool.withdraw(address(eth), 0);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        pool.borrow(address(eth), 0);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        pool.repay(address(eth), 0);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        pool.liquidate(bob, address(eth), address(usdx), 0);
    }

    function test_OtherTokensAreRefused() public {
        bytes memory error = abi.encodeWithSelector(ILendingPool.NotListed.selector, address(this));
        vm.startPrank(alice);
        vm.expectRevert(error);
        pool.supply(address(this), 1);
        vm.expectRevert(error);
        pool.withdraw(address(this), 1);
        vm.expectRevert(error);
        pool.borrow(address(this), 1);
        vm.expectRevert(error);
        pool.repay(address(this), 1);
        vm.expectRevert(error);
        pool.setCollateral(address(this), true);
        vm.expectRevert(error);
        pool.liquidate(bob, address(this), address(eth), 1);
        vm.expectRevert(error);
        pool.flashFee(address(this), 1);
    }

    // Borrow and repay

    function test_ALoanUpToTheLimit() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILendingPool.InsufficientCollateral.selector, 1500e18, 1500.000001e18
            )
        );
        borrow(alice, address(usdx), 1500e6 + 1);
        vm.expectEmit(address(pool));
        emit ILendingPool.Borrowed(alice, address(usdx), 1500e6);
        borrow(alice, address(usdx), 1500e6);
        assertEq(usdx.balanceOf(alice), 1500e6);
        assertEq(pool.owed(alice, address(usdx)), 1500e6);
        assertEq(pool.healthFactor(alice), uint256(1600e18) * 1e18 / 1500e18);
        assertEq(cashOf(address(usdx)), 8500e6);
    }

    function test_WithoutCollateralNoLoan() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        vm.prank(alice);
        pool.setCollateral(address(eth), false);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.InsufficientCollateral.selector, 0, 1e12)
        );
        borrow(alice, address(usdx), 1);
    }

    function test_CollateralOfSeveralMarketsAddsUp() public {
        supply(lender, address(usdx), 1_000_000e6);
        supply(alice, address(eth), 1 ether);
        supply(alice, address(btc), 1e8);
        supply(alice, address(eur), 1000e2);
        ILendingPool.Account memory a = pool.accountOf(alice);
        assertEq(a.collateral, 2000e18 + 50_000e18 + 1100e18);
        assertEq(a.limit, 1500e18 + 37_500e18 + 880e18);
        assertTrue(a.ledger);
        borrow(alice, address(usdx), 39_000e6);
        borrow(alice, address(eth), 0.4 ether);
        assertEq(pool.accountOf(alice).debt, 39_800e18);
    }

    function test_NobodyBorrowsMoreThanThereIs() public {
        supply(lender, address(usdx), 100e6);
        supply(alice, address(eth), 1 ether);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILendingPool.InsufficientCash.selector, address(usdx), 100e6, 101e6
            )
        );
        borrow(alice, address(usdx), 101e6);
    }

    function test_InterestIsTheRatesAndGoesToSuppliersAndReserve() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 9000e6);
        // At the optimal 90 %: 1 % and 5 %.
        ILendingPool.MarketState memory m = pool.marketOf(address(usdx));
        assertEq(m.utilisation, 0.9e18);
        assertEq(m.borrowRate, 0.06e18);
        assertEq(m.supplyRate, 0.0486e18);
        pass(365 days);
        // e^0.06 - 1, by three terms: 6.1836 %.
        assertEq(pool.owed(alice, address(usdx)), 9556.524e6);
        uint256 interest = 556.524e6;
        assertApproxEqAbs(pool.supplied(lender, address(usdx)), 10_000e6 + interest * 9 / 10, 2);
        m = pool.marketOf(address(usdx));
        assertApproxEqAbs(
            m.reserveShares * (m.cash + m.debt + 1) / (m.shares + 1e6), interest / 10, 2
        );
    }

    function test_APartOfADebtIsRepaid() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1000e6);
        give(address(usdx), alice, 0);
        vm.expectEmit(address(pool));
        emit ILendingPool.Repaid(alice, address(usdx), alice, 400e6);
        repay(alice, address(usdx), 400e6);
        assertEq(pool.owed(alice, address(usdx)), 600e6);
        assertEq(usdx.balanceOf(alice), 600e6);
    }

    function testFuzz_MoreThanTheDebtIsNotTaken(uint256 amount, uint256 time) public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1000e6);
        vm.warp(block.timestamp + bound(time, 0, 365 days));
        uint256 debt = pool.owed(alice, address(usdx));
        give(address(usdx), alice, 1000e6);
        amount = bound(amount, debt, MAX);
        repay(alice, address(usdx), amount);
        assertEq(usdx.balanceOf(alice), 2000e6 - debt);
        assertEq(scaledOf(alice, address(usdx)), 0);
        assertEq(pool.accountOf(alice).debt, 0);
        withdraw(alice, address(eth), MAX);
    }

    function test_AnybodyRepaysForAnybody() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1000e6);
        give(address(usdx), bob, 5000e6);
        vm.expectEmit(address(pool));
        emit ILendingPool.Repaid(alice, address(usdx), bob, 1000e6);
        vm.prank(bob);
        pool.repayFor(alice, address(usdx), MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertEq(usdx.balanceOf(bob), 4000e6);
    }

    function test_WhoOwesNothingRepaysNothing() public {
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.NoDebt.selector, alice, address(usdx)));
        repay(alice, address(usdx), 1);
    }

    // Collateral

    function test_CollateralOfALoanStays() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 2 ether);
        borrow(alice, address(usdx), 1500e6);
        vm.expectPartialRevert(ILendingPool.InsufficientCollateral.selector);
        withdraw(alice, address(eth), 1 ether + 1e9);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.InsufficientCollateral.selector, 0, 1500e18)
        );
        withdraw(alice, address(eth), MAX);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.InsufficientCollateral.selector, 0, 1500e18)
        );
        vm.prank(alice);
        pool.setCollateral(address(eth), false);
        withdraw(alice, address(eth), 1 ether);
    }

    function test_WhatIsNoCollateralCanBeWithdrawnInDebt() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        supply(alice, address(btc), 1e8);
        vm.prank(alice);
        pool.setCollateral(address(btc), false);
        borrow(alice, address(usdx), 1500e6);
        vm.warp(block.timestamp + 2 hours);
        withdraw(alice, address(btc), MAX);
        assertEq(btc.balanceOf(alice), 1e8);
    }

    function test_CollateralIsSwitchedOffAndOn() public {
        supply(alice, address(eth), 1 ether);
        vm.startPrank(alice);
        vm.expectEmit(address(pool));
        emit ILendingPool.CollateralSet(alice, address(eth), false);
        pool.setCollateral(address(eth), false);
        pool.setCollateral(address(eth), false);
        assertEq(pool.accountOf(alice).collateral, 0);
        pool.setCollateral(address(eth), true);
        assertEq(pool.accountOf(alice).collateral, 2000e18);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.NotCollateral.selector, alice, address(btc))
        );
        pool.setCollateral(address(btc), true);
        pool.setCollateral(address(eth), false);
        vm.stopPrank();
        // What is added to supplies that are no collateral is none.
        supply(alice, address(eth), 1 ether);
        assertFalse(isCollateral(alice, address(eth)));
    }

    // Caps

    function test_CapsHold() public {
        ILendingPool.MarketConfig memory config = stableConfig();
        (config.supplyCap, config.borrowCap) = (1000, 500);
        vm.prank(owner);
        pool.configure(address(usdx), config);
        supply(lender, address(usdx), 1000e6);
        give(address(usdx), bob, 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILendingPool.CapExceeded.selector, address(usdx), 1000e6, 1000e6 + 1
            )
        );
        vm.prank(bob);
        pool.supply(address(usdx), 1);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 500e6);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILendingPool.CapExceeded.selector, address(usdx), 500e6, 500e6 + 1
            )
        );
        borrow(alice, address(usdx), 1);
        // Interest goes beyond caps, and shuts out nobody who leaves or repays.
        pass(365 days);
        give(address(usdx), alice, 1000e6);
        repay(alice, address(usdx), MAX);
        withdraw(lender, address(usdx), MAX);
    }

    // Prices in doubt

    function test_WithAPriceInDoubtOnlyTheSafeIsOpen() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 2 ether);
        borrow(alice, address(usdx), 1000e6);
        vm.warp(block.timestamp + 1 hours + 1);
        assertTrue(pool.accountOf(alice).doubtful != address(0));
        bytes memory error =
            abi.encodeWithSelector(ILendingPool.PriceInDoubt.selector, address(usdx));
        vm.expectRevert(error);
        borrow(alice, address(usdx), 1);
        vm.expectRevert(error);
        withdraw(alice, address(eth), 1);
        vm.prank(alice);
        vm.expectRevert(error);
        pool.setCollateral(address(eth), false);

        supply(alice, address(btc), 1e8);
        give(address(usdx), alice, 1e6);
        repay(alice, address(usdx), 500e6);
        withdraw(lender, address(usdx), 1000e6);
        repay(alice, address(usdx), MAX);
        withdraw(alice, address(eth), MAX);
    }

    function test_OnePriceInDoubtIsEnough() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 2 ether);
        engine.suspend(feedOf[address(eth)], "test");
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.PriceInDoubt.selector, address(eth)));
        borrow(alice, address(usdx), 1);
    }

    function test_LoansAreNotStoppedByPricesOfOthers() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 2 ether);
        engine.suspend(feedOf[address(btc)], "test");
        borrow(alice, address(usdx), 1);
    }

    function test_ALoanRecordsThePricesItReliedUpon() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 2 ether);
        engine.forceAnswer(feedOf[address(eth)], 2100e8, uint64(block.timestamp));
        assertEq(pool.accountOf(alice).pending, 1);
        borrow(alice, address(usdx), 1);
        (uint256 price,) = prices.lastOf(address(eth));
        assertEq(price, 2100e18);
        assertEq(pool.accountOf(alice).pending, 0);
    }
}

/// @dev The owner and the guardian.
contract LendingAdminTest is LendingFixture {
    function test_OnlyTheOwnerConfigures() public {
        bytes memory error =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, guardian);
        vm.startPrank(guardian);
        vm.expectRevert(error);
        pool.list(address(eth), riskyConfig());
        vm.expectRevert(error);
        pool.configure(address(eth), riskyConfig());
        vm.expectRevert(error);
        pool.setGuardian(guardian);
        vm.expectRevert(error);
        pool.unpause(address(eth), 2);
        vm.expectRevert(error);
        pool.takeReserve(address(eth), guardian, 1);
    }

    function test_TheOwnerChangesInTwoSteps() public {
        vm.prank(owner);
        pool.transferOwnership(alice);
        assertEq(pool.owner(), owner);
        vm.prank(alice);
        pool.acceptOwnership();
        assertEq(pool.owner(), alice);
    }

    function test_WhatIsListedIsToldAsItWasGiven() public view {
        assertEq(abi.encode(pool.configOf(address(eth))), abi.encode(riskyConfig()));
        ILendingPool.MarketConfig memory config = stableConfig();
        config.ledger = true;
        assertEq(abi.encode(pool.configOf(address(eur))), abi.encode(config));
        assertEq(pool.marketCount(), 4);
        assertEq(pool.tokenAt(0), address(eth));
        assertEq(pool.tokenAt(3), address(eur));
        assertEq(pool.tokenAt(4), address(0));
        assertEq(address(pool.PRICES()), address(prices));
    }

    function testFuzz_AnyGoodConfigurationIsKept(ILendingPool.MarketConfig memory c) public {
        c.threshold = uint16(bound(c.threshold, 0, 9500));
        c.limit = uint16(bound(c.limit, 0, c.threshold));
        c.bonus = uint16(bound(c.bonus, 0, 2000));
        if (uint256(c.threshold) * (10_000 + c.bonus) > 1e8) c.bonus = 0;
        c.reserveFactor = uint16(bound(c.reserveFactor, 0, 5000));
        c.baseRate = uint16(bound(c.baseRate, 0, 10_000));
        c.slope1 = uint16(bound(c.slope1, 0, 10_000));
        c.slope2 = uint16(bound(c.slope2, 0, 10_000));
        c.optimal = uint16(bound(c.optimal, 1, 9999));
        vm.prank(owner);
        pool.configure(address(btc), c);
        assertEq(abi.encode(pool.configOf(address(btc))), abi.encode(c));
        assertEq(pool.tokenAt(2), address(btc));
        supply(alice, address(eth), 1 ether);
        assertEq(pool.accountOf(alice).collateral, 2000e18);
    }

    function test_ConfigurationsWithoutSenseAreRefused() public {
        ILendingPool.MarketConfig memory c = riskyConfig();
        (c.threshold, c.bonus) = (9501, 0);
        refused(c, "threshold");
        c = riskyConfig();
        c.limit = 8001;
        refused(c, "limit");
        c = riskyConfig();
        c.bonus = 2001;
        refused(c, "bonus");
        c = riskyConfig();
        (c.threshold, c.bonus) = (9500, 527);
        refused(c, "bonus");
        c = riskyConfig();
        c.reserveFactor = 5001;
        refused(c, "reserveFactor");
        c = riskyConfig();
        (c.baseRate, c.slope1, c.slope2) = (10_000, 10_000, 10_001);
        refused(c, "rates");
        c = riskyConfig();
        c.optimal = 0;
        refused(c, "optimal");
        c.optimal = 10_000;
        refused(c, "optimal");
    }

    function refused(ILendingPool.MarketConfig memory c, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.InvalidConfig.selector, field));
        vm.prank(owner);
        pool.configure(address(eth), c);
    }

    function test_TokensThatCannotBeListed() public {
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.AlreadyListed.selector, address(eth)));
        pool.list(address(eth), riskyConfig());
        PlainToken odd = new PlainToken("ODD", 19);
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.InvalidConfig.selector, "decimals"));
        pool.list(address(odd), riskyConfig());
        PlainToken unknown = new PlainToken("UNKNOWN", 18);
        vm.expectRevert();
        pool.list(address(unknown), riskyConfig());
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.NotListed.selector, address(unknown)));
        pool.configure(address(unknown), riskyConfig());
    }

    function test_ATokenWhosePriceIsInDoubtIsNotListed() public {
        PlainToken token = new PlainToken("NEW", 18);
        vm.mockCall(
            address(prices),
            abi.encodeCall(IPriceSource.quote, (address(token))),
            abi.encode(1e18, 100, false)
        );
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.PriceInDoubt.selector, address(token)));
        vm.prank(owner);
        pool.list(address(token), riskyConfig());
    }

    function test_ThereAreAtMost64Markets() public {
        vm.startPrank(owner);
        for (uint256 i = pool.marketCount(); i < 64; i++) {
            PlainToken token = new PlainToken("T", 18);
            prices.setUnitOfAccount(address(token));
            pool.list(address(token), stableConfig());
        }
        PlainToken last = new PlainToken("T", 18);
        prices.setUnitOfAccount(address(last));
        vm.expectRevert(ILendingPool.TooManyMarkets.selector);
        pool.list(address(last), stableConfig());
        vm.stopPrank();

        // The last market's bits are where they belong, and an account may use all 64.
        for (uint256 i = 0; i < 64; i++) {
            supply(alice, pool.tokenAt(i), 10 ** PlainToken(pool.tokenAt(i)).decimals());
        }
        supply(lender, pool.tokenAt(63), 10 ether);
        borrow(alice, pool.tokenAt(63), 2 ether);
        uint256 before = gasleft();
        assertEq(pool.accountOf(alice).debt, 2 ether);
        assertLt(before - gasleft(), 2_000_000);
        assertEq(pool.accountOf(alice).collateral, 2000e18 + 1e18 + 50_000e18 + 1.1e18 + 60e18);
    }

    function test_ANewConfigurationCountsFromNowOn() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 9000e6);
        pass(365 days);
        uint256 debt = pool.owed(alice, address(usdx));
        ILendingPool.MarketConfig memory c = stableConfig();
        (c.baseRate, c.slope1, c.slope2) = (0, 0, 0);
        vm.expectEmit(address(pool));
        emit ILendingPool.MarketConfigured(address(usdx), c);
        vm.prank(owner);
        pool.configure(address(usdx), c);
        assertEq(pool.owed(alice, address(usdx)), debt);
        pass(365 days);
        assertEq(pool.owed(alice, address(usdx)), debt);
    }

    // Pauses

    function test_TheGuardianPausesAndTheOwnerEndsIt() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 100e6);
        vm.expectEmit(address(pool));
        emit ILendingPool.Paused(address(usdx), 30, guardian);
        vm.prank(guardian);
        pool.pause(address(usdx), 30);
        assertEq(pool.marketOf(address(usdx)).paused, 30);

        give(address(usdx), lender, 1e6);
        vm.expectRevert(pausedError(2));
        vm.prank(lender);
        pool.supply(address(usdx), 1e6);
        vm.expectRevert(pausedError(4));
        borrow(alice, address(usdx), 1);
        vm.expectRevert(pausedError(8));
        withdraw(lender, address(usdx), 1);
        assertEq(pool.maxFlashLoan(address(usdx)), 0);

        // Neither repaying nor another market is paused; a configuration changes no pause.
        vm.prank(owner);
        pool.configure(address(usdx), stableConfig());
        assertEq(pool.marketOf(address(usdx)).paused, 30);
        give(address(usdx), alice, 0);
        repay(alice, address(usdx), MAX);
        withdraw(alice, address(eth), 1 ether);

        vm.prank(owner);
        pool.unpause(address(usdx), 2 | 8);
        assertEq(pool.marketOf(address(usdx)).paused, 4 | 16);
        withdraw(lender, address(usdx), 1);
    }

    function test_LiquidationCannotBePaused() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1500e6);
        vm.startPrank(guardian);
        pool.pause(address(usdx), 30);
        pool.pause(address(eth), 30);
        vm.stopPrank();
        setPrice(address(eth), 1800e8);
        give(address(usdx), bob, 10_000e6);
        vm.prank(bob);
        pool.liquidate(alice, address(usdx), address(eth), MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
    }

    function test_NobodyElsePauses() public {
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.NotGuardian.selector, alice));
        vm.prank(alice);
        pool.pause(address(eth), 2);
        vm.prank(owner);
        pool.pause(address(eth), 2);
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.InvalidConfig.selector, "actions"));
        vm.prank(owner);
        pool.pause(address(eth), 32);
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.InvalidConfig.selector, "actions"));
        vm.prank(owner);
        pool.unpause(address(eth), 0);
    }

    // Reserve

    function test_TheOwnerTakesTheReserveAndNoMore() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 9000e6);
        pass(365 days);
        uint256 lenders = pool.supplied(lender, address(usdx));
        vm.startPrank(owner);
        vm.expectPartialRevert(ILendingPool.InsufficientSupply.selector);
        pool.takeReserve(address(usdx), carol, 56e6);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        pool.takeReserve(address(eth), carol, MAX);
        pool.takeReserve(address(usdx), carol, MAX);
        vm.stopPrank();
        assertApproxEqAbs(usdx.balanceOf(carol), 55.6524e6, 2);
        assertGe(pool.supplied(lender, address(usdx)), lenders);
    }

    function test_TheReserveIsPaidInCash() public {
        supply(lender, address(usdx), 10_000e6);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 10_000e6);
        pass(365 days);
        vm.expectPartialRevert(ILendingPool.InsufficientCash.selector);
        vm.prank(owner);
        pool.takeReserve(address(usdx), carol, 100e6);
    }

    function pausedError(uint256 action) private view returns (bytes memory) {
        return abi.encodeWithSelector(ILendingPool.ActionPaused.selector, address(usdx), action);
    }
}
