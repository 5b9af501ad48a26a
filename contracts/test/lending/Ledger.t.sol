// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {IAccountGate} from "../../src/lending/IAccountGate.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {LendingFixture} from "./LendingFixture.sol";

/// @dev Money of the ledger as loan and collateral, and accounts that are frozen.
contract LedgerMoneyTest is LendingFixture {
    function setUp() public override {
        super.setUp();
        supply(lender, address(usdx), 1_000_000e6);
        supply(lender, address(eur), 100_000e2);
        supply(lender, address(eth), 100 ether);
        give(address(usdx), carol, 1_000_000e6);
        give(address(eur), carol, 1_000_000e2);
    }

    function freeze(address who) private {
        compliance.freeze(who, 3, "test", "case", 0);
    }

    function frozenError(uint8 side) private view returns (bytes memory) {
        return abi.encodeWithSelector(IQenexErrors.Frozen.selector, alice, side);
    }

    function test_LedgerMoneyIsSuppliedLentAndRepaid() public {
        supply(alice, address(eur), 1000e2);
        assertEq(pool.accountOf(alice).collateral, 1100e18);
        borrow(alice, address(usdx), 800e6);
        supply(bob, address(eth), 1 ether);
        borrow(bob, address(eur), 1000e2);
        assertEq(eur.balanceOf(bob), 1000e2);
        pass(30 days);
        give(address(eur), bob, 100e2);
        repay(bob, address(eur), MAX);
        assertEq(pool.owed(bob, address(eur)), 0);
    }

    function test_AFrozenAccountCannotEnter() public {
        give(address(eur), alice, 1000e2);
        freeze(alice);
        vm.expectRevert(frozenError(1));
        vm.prank(alice);
        pool.supply(address(eur), 1000e2);
    }

    function test_AFrozenAccountGetsNoLedgerMoney() public {
        supply(alice, address(eth), 10 ether);
        supply(alice, address(eur), 1000e2);
        freeze(alice);
        vm.expectRevert(frozenError(2));
        withdraw(alice, address(eur), 1);
    }

    function test_AFrozenAccountGetsNothingElseForItsFrozenMoney() public {
        supply(alice, address(eur), 1000e2);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(usdx), 1e6);
        freeze(alice);
        bytes memory error = abi.encodeWithSelector(ILendingPool.AccountNotAdmitted.selector, alice);
        vm.expectRevert(error);
        borrow(alice, address(usdx), 1);
        vm.expectRevert(error);
        withdraw(alice, address(eth), 1 ether);
        // What makes the position safer stays open.
        give(address(usdx), alice, 0);
        repay(alice, address(usdx), MAX);
        supply(alice, address(eth), 1 ether);
        // Without debt its other supplies are its own.
        withdraw(alice, address(eth), MAX);
    }

    function test_APositionOfAFrozenAccountIsRepaidByOthers() public {
        supply(alice, address(eur), 1000e2);
        borrow(alice, address(usdx), 500e6);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(eur), 100e2);
        freeze(alice);
        vm.startPrank(carol);
        pool.repayFor(alice, address(usdx), MAX);
        pool.repayFor(alice, address(eur), MAX);
        assertEq(pool.accountOf(alice).debt, 0);
    }

    function test_LedgerCollateralOfAFrozenAccountIsLiquidatedByOthers() public {
        supply(alice, address(eur), 10_000e2);
        borrow(alice, address(usdx), 8800e6);
        freeze(alice);
        setPrice(address(eur), 0.9e8);
        uint256 before = eur.balanceOf(carol);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(eur), MAX);
        assertEq(pool.owed(alice, address(usdx)), 0);
        withdraw(carol, address(eur), MAX);
        assertGt(eur.balanceOf(carol), before);
    }

    function test_LedgerDebtOfAFrozenAccountIsLiquidatedByOthers() public {
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(eur), 13_000e2);
        freeze(alice);
        setPrice(address(eth), 1500e8);
        vm.prank(carol);
        pool.liquidate(alice, address(eur), address(eth), MAX);
        assertEq(pool.owed(alice, address(eur)), 0);
        withdraw(carol, address(eth), MAX);
    }

    function test_BadDebtOfAClosedAccountIsWrittenOff() public {
        supply(alice, address(eur), 10_000e2);
        borrow(alice, address(usdx), 8800e6);
        accounts.setStatus(alice, 5);
        setPrice(address(eur), 0.5e8);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(eur), MAX);
        assertEq(pool.accountOf(alice).debt, 0);
        assertEq(pool.marketOf(address(usdx)).scaled, 0);
    }

    function test_WhoTheLedgerDoesNotKnowGetsNoClaimOnItsMoney() public {
        supply(alice, address(eur), 10_000e2);
        borrow(alice, address(usdx), 8800e6);
        setPrice(address(eur), 0.9e8);
        address stranger = makeAddr("stranger");
        give(address(usdx), stranger, 10_000e6);
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.AccountNotAdmitted.selector, stranger));
        vm.prank(stranger);
        pool.liquidate(alice, address(usdx), address(eur), MAX);
    }

    function test_WhoIsFrozenDeniedOrNotActiveIsNotAdmitted() public {
        IAccountGate gate = pool.GATE();
        assertTrue(gate.admits(alice));
        freeze(alice);
        assertFalse(gate.admits(alice));
        compliance.forceRelease(alice);
        assertTrue(gate.admits(alice));
        compliance.forceDenied(alice, true);
        assertFalse(gate.admits(alice));
        compliance.forceDenied(alice, false);
        for (uint8 status = 1; status <= 5; status++) {
            accounts.forceStatus(alice, status);
            assertEq(gate.admits(alice), status == 2);
        }
        assertFalse(gate.admits(makeAddr("stranger")));
        compliance.freeze(bob, 1, "test", "case", uint64(block.timestamp + 10));
        assertFalse(gate.admits(bob));
        vm.warp(block.timestamp + 11);
        assertTrue(gate.admits(bob));
    }

    function test_WithoutAGateNobodyAsks() public {
        LendingPool open = new LendingPool(owner, prices, IAccountGate(address(0)));
        ILendingPool.MarketConfig memory config = stableConfig();
        config.ledger = true;
        vm.startPrank(owner);
        open.list(address(eur), config);
        open.list(address(usdx), stableConfig());
        vm.stopPrank();
        accounts.open(address(open), address(open), 7, "DE", "EUR");
        vm.startPrank(lender);
        usdx.approve(address(open), MAX);
        usdx.mint(lender, 1000e6);
        open.supply(address(usdx), 1000e6);
        vm.stopPrank();
        give(address(eur), alice, 100e2);
        vm.startPrank(alice);
        eur.approve(address(open), MAX);
        open.supply(address(eur), 100e2);
        freeze(alice);
        open.borrow(address(usdx), 10e6);
    }
}
