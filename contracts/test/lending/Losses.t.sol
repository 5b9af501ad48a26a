// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {OracleAdapter} from "../../src/oracle/OracleAdapter.sol";
import {HostileToken} from "./HostileToken.sol";
import {LendingFixture, PlainToken} from "./LendingFixture.sol";

/// @dev What made others lose money, tried here.
contract LossesTest is LendingFixture {
    /// @dev Sonne, 14 May 2024, 20 million: in an empty market two shares were made worth millions by a donation, and lent
    /// against; rounding then gave the donation back for one share. The same before at Hundred and Onyx.
    function test_Sonne_ADonationToAnEmptyMarketIsWorthNothing() public {
        supply(lender, address(usdx), 1_000_000e6);
        // The attacker is the first supplier, of next to nothing, and gives the pool ten bitcoins.
        supply(bob, address(btc), 2);
        give(address(btc), bob, 10e8);
        vm.prank(bob);
        assertTrue(btc.transfer(address(pool), 10e8));

        assertEq(pool.supplied(bob, address(btc)), 2);
        assertEq(cashOf(address(btc)), 2);
        // Two hundred-millionths of 50,000 are a tenth of a cent.
        assertEq(pool.accountOf(bob).collateral, 0.001e18);
        vm.expectPartialRevert(ILendingPool.InsufficientCollateral.selector);
        borrow(bob, address(usdx), 1e6);
        withdraw(bob, address(btc), MAX);
        assertEq(btc.balanceOf(bob), 2, "the donation is lost to who gave it");

        // And who supplies next loses nothing.
        supply(carol, address(btc), 1e8);
        withdraw(carol, address(btc), MAX);
        assertEq(btc.balanceOf(carol), 1e8);
    }

    /// @dev The other way to make a share dear: interest and fees of an almost empty market. Whatever is paid in, nearly all
    /// of it is lost to the shares that belong to nobody.
    function testFuzz_Sonne_AShareCannotBeMadeDear(uint256 fees, uint256 victim) public {
        supply(bob, address(btc), 1);
        // Flash fees, rounded up to one each time, of loans of one.
        FeePayer payer = new FeePayer(pool, btc);
        fees = bound(fees, 1, 50);
        btc.mint(address(payer), fees);
        for (uint256 i = 0; i < fees; i++) {
            pool.flashLoan(payer, address(btc), 1, "");
        }
        assertEq(pool.supplied(bob, address(btc)), 1);
        victim = bound(victim, 1, 1e8);
        supply(carol, address(btc), victim);
        assertGe(pool.supplied(carol, address(btc)) + 1, victim);
    }

    /// @dev Resupply, 26 June 2025, 9.5 million: a donation made a price so high that its inverse was rounded to zero, and a
    /// loan of anything was within a limit of zero.
    function testFuzz_Resupply_NoDebtAndNoPriceIsRoundedToZero(uint256 price, uint256 amount)
        public
    {
        price = bound(price, 1, 1e14);
        amount = bound(amount, 1, 1e8);
        supply(lender, address(btc), 1e8);
        supply(alice, address(eth), 1e8 ether);
        setPrice(address(btc), int128(int256(price)));
        (uint256 told,,) = prices.quote(address(btc));
        assertGt(told, 0);
        borrow(alice, address(btc), amount);
        assertGt(pool.accountOf(alice).debt, 0);
        // Collateral of the smallest price and amount allows at most what it is worth.
        supply(bob, address(btc), 1);
        assertLe(pool.accountOf(bob).collateral, price * 1e2);
    }

    function test_Resupply_AnAnswerOfZeroIsNoPrice() public {
        supply(lender, address(usdx), 1000e6);
        supply(alice, address(eth), 1 ether);
        engine.forceAnswer(feedOf[address(usdx)], 0, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.PriceInDoubt.selector, address(usdx)));
        borrow(alice, address(usdx), 1);
        engine.forceAnswer(feedOf[address(usdx)], -1, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(ILendingPool.PriceInDoubt.selector, address(usdx)));
        borrow(alice, address(usdx), 1);
    }

    /// @dev Balancer, 3 November 2025, more than 125 million: many small operations, each rounded the wrong way by a unit. Here
    /// many small ones of a currency with two digits and a price of a share that does not divide.
    function test_Balancer_ManySmallOperationsGainNothing() public {
        supply(lender, address(eur), 1000e2);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(eur), 800e2);
        pass(397 days);
        give(address(eur), bob, 100e2);
        supply(bob, address(eth), 1 ether);
        uint256 lenders = pool.supplied(lender, address(eur));
        uint256 money = eur.balanceOf(bob);
        vm.startPrank(bob);
        for (uint256 i = 0; i < 65; i++) {
            pool.supply(address(eur), 1 + i % 3);
            uint256 worth = pool.supplied(bob, address(eur));
            if (worth != 0) pool.withdraw(address(eur), 1 + i % worth);
            pool.borrow(address(eur), 1 + i % 2);
            pool.repay(address(eur), 1);
        }
        eur.approve(address(pool), MAX);
        if (pool.owed(bob, address(eur)) != 0) pool.repay(address(eur), MAX);
        if (pool.supplied(bob, address(eur)) != 0) pool.withdraw(address(eur), MAX);
        vm.stopPrank();
        assertLe(eur.balanceOf(bob), money);
        assertGe(pool.supplied(lender, address(eur)), lenders);
    }

    function testFuzz_Balancer_NoSequenceOfTwoGains(uint256 a, uint256 b, uint256 time) public {
        supply(lender, address(eur), 1000e2);
        supply(alice, address(eth), 1 ether);
        borrow(alice, address(eur), 800e2);
        pass(bound(time, 1, 1000 days));
        a = bound(a, 2, 100e2);
        give(address(eur), bob, a);
        vm.startPrank(bob);
        pool.supply(address(eur), a);
        uint256 worth = pool.supplied(bob, address(eur));
        assertLe(worth, a);
        if (worth > 1) {
            pool.withdraw(address(eur), bound(b, 1, worth - 1));
            pool.withdraw(address(eur), MAX);
        }
        assertLe(eur.balanceOf(bob), a);
    }

    /// @dev Supplying just before a fee or interest is booked and leaving just after gains nothing.
    function test_JustInTimeSuppliesEarnNothing() public {
        supply(lender, address(usdx), 1_000_000e6);
        supply(alice, address(eth), 1000 ether);
        borrow(alice, address(usdx), 500_000e6);
        pass(30 days);
        supply(bob, address(usdx), 100_000_000e6);
        FeePayer payer = new FeePayer(pool, usdx);
        usdx.mint(address(payer), 1e12);
        pool.flashLoan(payer, address(usdx), 100_000_000e6, "");
        give(address(usdx), alice, 10_000e6);
        repay(alice, address(usdx), MAX);
        withdraw(bob, address(usdx), MAX);
        assertLe(usdx.balanceOf(bob), 100_000_000e6);
    }
}

contract FeePayer is IERC3156FlashBorrower {
    constructor(ILendingPool pool, PlainToken token) {
        token.approve(address(pool), type(uint256).max);
    }

    function onFlashLoan(address, address, uint256, uint256, bytes calldata)
        external
        pure
        returns (bytes32)
    {
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }
}

/// @dev Tokens that misbehave, as loan and as collateral.
contract HostileTokenTest is LendingFixture {
    HostileToken private token;

    function setUp() public override {
        super.setUp();
        token = new HostileToken();
        list(address(token), 1e8, riskyConfig());
        supply(lender, address(usdx), 1_000_000e6);
        for (uint256 i = 0; i < 3; i++) {
            address who = [alice, bob, lender][i];
            token.mint(who, 10_000 ether);
            vm.prank(who);
            token.approve(address(pool), MAX);
        }
        vm.prank(lender);
        pool.supply(address(token), 1000 ether);
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(token), 100 ether);
    }

    function test_ATokenThatReturnsNothingWorks() public {
        token.be(HostileToken.Way.RETURN_NOTHING);
        vm.startPrank(alice);
        pool.supply(address(token), 10 ether);
        pool.withdraw(address(token), 10 ether);
        pool.borrow(address(token), 10 ether);
        pool.repay(address(token), 110 ether);
        assertEq(token.balanceOf(alice), 10_000 ether);
    }

    function test_ATokenThatReturnsFalseIsRefused() public {
        refusedInAndOut(
            HostileToken.Way.RETURN_FALSE,
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token))
        );
        refusedInAndOut(
            HostileToken.Way.RETURN_TWO,
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token))
        );
    }

    function test_ATokenThatRevertsIsRefusedWithItsReason() public {
        refusedInAndOut(HostileToken.Way.REVERT, abi.encodeWithSignature("Error(string)", "no"));
    }

    function refusedInAndOut(HostileToken.Way way, bytes memory reason) private {
        token.be(way);
        bytes memory before = abi.encode(pool.marketOf(address(token)));
        vm.startPrank(alice);
        vm.expectRevert(reason);
        pool.supply(address(token), 1 ether);
        vm.expectRevert(reason);
        pool.borrow(address(token), 1 ether);
        vm.expectRevert(reason);
        pool.repay(address(token), 1 ether);
        vm.stopPrank();
        vm.expectRevert(reason);
        vm.prank(lender);
        pool.withdraw(address(token), 1 ether);
        assertEq(abi.encode(pool.marketOf(address(token))), before);
    }

    function test_AFeeOnTransferIsRefusedClearly() public {
        token.be(HostileToken.Way.TAKE_A_FEE);
        bytes memory reason = abi.encodeWithSelector(
            ILendingPool.TokenShort.selector, address(token), 100 ether, 99 ether
        );
        vm.startPrank(alice);
        vm.expectRevert(reason);
        pool.supply(address(token), 100 ether);
        vm.expectRevert(reason);
        pool.repay(address(token), 100 ether);
    }

    function test_ATokenThatMovesNothingIsRefused() public {
        token.be(HostileToken.Way.MOVE_NOTHING);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.TokenShort.selector, address(token), 100 ether, 0)
        );
        vm.prank(alice);
        pool.supply(address(token), 100 ether);
    }

    /// @dev A token is no danger to other markets, nor to who liquidates it as collateral.
    function test_NoWayOfACollateralsTokenStopsALiquidation() public {
        vm.startPrank(bob);
        pool.supply(address(token), 10_000 ether);
        pool.borrow(address(usdx), 7500e6);
        vm.stopPrank();
        give(address(usdx), carol, 100_000e6);
        setPrice(address(token), 0.9e8);
        for (uint256 way = 1; way < 8; way++) {
            token.be(HostileToken.Way(way));
            vm.prank(carol);
            pool.liquidate(bob, address(usdx), address(token), 100e6);
        }
        withdraw(lender, address(usdx), 1e6);
    }

    /// @dev Whatever a token calls while it is moved: the pool is closed.
    function test_ReentrancyIntoEveryFunctionIsRefused() public {
        bytes[] memory calls = new bytes[](9);
        calls[0] = abi.encodeCall(pool.supply, (address(token), 1));
        calls[1] = abi.encodeCall(pool.withdraw, (address(token), 1));
        calls[2] = abi.encodeCall(pool.borrow, (address(token), 1));
        calls[3] = abi.encodeCall(pool.repay, (address(token), 1));
        calls[4] = abi.encodeCall(pool.repayFor, (alice, address(token), 1));
        calls[5] = abi.encodeCall(pool.liquidate, (alice, address(token), address(eth), 1));
        calls[6] = abi.encodeCall(pool.setCollateral, (address(token), true));
        calls[7] = abi.encodeCall(
            pool.flashLoan, (IERC3156FlashBorrower(address(this)), address(token), 1, "")
        );
        calls[8] = abi.encodeCall(pool.liquidate, (alice, address(usdx), address(eth), 1));
        bytes4 error = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        for (uint256 i = 0; i < calls.length; i++) {
            token.reenter(address(pool), calls[i]);
            vm.startPrank(alice);
            vm.expectRevert(error);
            pool.supply(address(token), 1 ether);
            vm.expectRevert(error);
            pool.borrow(address(token), 1 ether);
            vm.expectRevert(error);
            pool.repay(address(token), 1 ether);
            vm.stopPrank();
            vm.expectRevert(error);
            vm.prank(lender);
            pool.withdraw(address(token), 1 ether);
            vm.expectRevert(error);
            pool.flashLoan(IERC3156FlashBorrower(address(this)), address(token), 1 ether, "");
        }
    }

    /// @dev Views that a token reads while it is moved tell the state after the action, never one in between.
    function test_ReadOnlyReentrancySeesTheFinalState() public {
        token.reenter(address(pool), abi.encodeCall(pool.marketOf, (address(token))));
        vm.prank(alice);
        pool.supply(address(token), 7 ether);
        assertTrue(token.reentered());
        assertEq(token.answer(), abi.encode(pool.marketOf(address(token))));
        token.reenter(address(pool), abi.encodeCall(pool.healthFactor, (alice)));
        vm.prank(alice);
        pool.borrow(address(token), 7 ether);
        assertEq(token.answer(), abi.encode(pool.healthFactor(alice)));
    }

    function test_TheOwnersFunctionsAreClosedToo() public {
        vm.prank(owner);
        pool.transferOwnership(address(token));
        vm.prank(address(token));
        pool.acceptOwnership();
        bytes4 error = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        token.reenter(
            address(pool), abi.encodeCall(pool.takeReserve, (address(token), address(this), 1))
        );
        vm.expectRevert(error);
        vm.prank(alice);
        pool.supply(address(token), 1 ether);
        token.reenter(
            address(pool), abi.encodeCall(pool.configure, (address(token), riskyConfig()))
        );
        vm.expectRevert(error);
        vm.prank(alice);
        pool.supply(address(token), 1 ether);
    }
}
