// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {IPoolRouter} from "../../src/pools/IPoolRouter.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev The router: limits, deadlines, paths, permits, and tokens it refuses.
contract PoolRouterTest is PoolFixture {
    TestToken internal usd;
    TestToken internal eur;
    TestToken internal qxc;
    IPair internal usdEur;
    IPair internal eurQxc;
    IPair internal usdQxc;
    uint256 internal soon;

    function setUp() public override {
        super.setUp();
        (usd, eur) = newTokens(2, 3);
        qxc = new TestToken(18);
        usdEur = newPair(usd, eur, true);
        eurQxc = newPair(eur, qxc, false);
        usdQxc = newPair(usd, qxc, false);
        _fill(usdEur, usd, 1_000_000e2, 1_000_000e3);
        _fill(eurQxc, eur, 1_000_000e3, 500_000e18);
        _fill(usdQxc, usd, 1_000_000e2, 500_000e18);
        soon = block.timestamp + 60;
        _fund(alice);
        _fund(bob);
    }

    function _fill(IPair pair, TestToken first, uint256 a, uint256 b) private {
        if (pair.token0() != address(first)) (a, b) = (b, a);
        deposit(pair, carol, a, b);
    }

    function _fund(address who) private {
        TestToken[3] memory all = [usd, eur, qxc];
        for (uint256 i = 0; i < 3; i++) {
            all[i].mint(who, 10_000_000 * 10 ** all[i].decimals());
            vm.prank(who);
            all[i].approve(address(router), type(uint256).max);
        }
    }

    function _hop(TestToken token, bool stable)
        private
        pure
        returns (IPoolRouter.Hop[] memory path)
    {
        path = new IPoolRouter.Hop[](1);
        path[0] = IPoolRouter.Hop(address(token), stable);
    }

    /// @dev From USD through EUR to QXC.
    function _twoHops() private view returns (IPoolRouter.Hop[] memory path) {
        path = new IPoolRouter.Hop[](2);
        path[0] = IPoolRouter.Hop(address(eur), true);
        path[1] = IPoolRouter.Hop(address(qxc), false);
    }

    /* ------------------------------------------- Trade ------------------------------------------- */

    function testFuzz_AnExactSaleGivesWhatWasQuoted(uint256 amount) public {
        amount = bound(amount, 100, 5_000_000e2);
        uint256 quoted = router.quoteExactIn(address(usd), amount, _twoHops());
        (uint256 u, uint256 q) = (usd.balanceOf(alice), qxc.balanceOf(bob));
        vm.prank(alice);
        uint256 out = router.swapExactIn(address(usd), amount, quoted, _twoHops(), bob, soon);
        assertEq(out, quoted);
        assertEq(qxc.balanceOf(bob) - q, out);
        assertEq(u - usd.balanceOf(alice), amount);
        _assertRouterHoldsNothing();
    }

    function testFuzz_AnExactPurchaseCostsWhatWasQuoted(uint256 amount) public {
        amount = bound(amount, 1, 150_000e18);
        uint256 quoted = router.quoteExactOut(address(usd), amount, _twoHops());
        (uint256 u, uint256 q) = (usd.balanceOf(alice), qxc.balanceOf(bob));
        vm.prank(alice);
        uint256 paid = router.swapExactOut(address(usd), amount, quoted, _twoHops(), bob, soon);
        assertEq(paid, quoted);
        assertEq(u - usd.balanceOf(alice), paid);
        assertEq(qxc.balanceOf(bob) - q, amount);
        _assertRouterHoldsNothing();
    }

    function testFuzz_S7_PathsInACircleNeverProfit(uint256 amount, bool otherWay) public {
        amount = bound(amount, 1000, 5_000_000e2);
        IPoolRouter.Hop[] memory path = new IPoolRouter.Hop[](3);
        path[0] = IPoolRouter.Hop(address(otherWay ? qxc : eur), !otherWay);
        path[1] = IPoolRouter.Hop(address(otherWay ? eur : qxc), false);
        path[2] = IPoolRouter.Hop(address(usd), otherWay);
        vm.prank(alice);
        assertLt(router.swapExactIn(address(usd), amount, 0, path, alice, soon), amount);
    }

    function test_APathMayCrossAPairTwiceWhenSelling() public {
        IPoolRouter.Hop[] memory path = new IPoolRouter.Hop[](4);
        path[0] = IPoolRouter.Hop(address(eur), true);
        path[1] = IPoolRouter.Hop(address(qxc), false);
        path[2] = IPoolRouter.Hop(address(usd), false);
        path[3] = IPoolRouter.Hop(address(eur), true);
        // When buying, prices were computed before the first swap.
        vm.prank(alice);
        vm.expectRevert(IPair.CurveViolated.selector);
        router.swapExactOut(address(usd), 100_000e3, type(uint256).max, path, alice, soon);
        vm.prank(alice);
        uint256 out = router.swapExactIn(address(usd), 100_000e2, 0, path, alice, soon);
        assertLt(out, 100_000e3);
        assertGt(out, 80_000e3);
    }

    function test_APathDoesNotTurnBackAtOnce() public {
        IPoolRouter.Hop[] memory path = new IPoolRouter.Hop[](2);
        path[0] = IPoolRouter.Hop(address(eur), true);
        path[1] = IPoolRouter.Hop(address(usd), true);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IPair.InvalidRecipient.selector, address(usdEur)));
        router.swapExactIn(address(usd), 100_000e2, 0, path, alice, soon);
    }

    function test_LimitsHold() public {
        uint256 quoted = router.quoteExactIn(address(usd), 100e2, _twoHops());
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IPoolRouter.TooLittleOut.selector, quoted, quoted + 1)
        );
        router.swapExactIn(address(usd), 100e2, quoted + 1, _twoHops(), alice, soon);
        quoted = router.quoteExactOut(address(usd), 100e18, _twoHops());
        vm.expectRevert(abi.encodeWithSelector(IPoolRouter.TooMuchIn.selector, quoted, quoted - 1));
        router.swapExactOut(address(usd), 100e18, quoted - 1, _twoHops(), alice, soon);
    }

    function test_WhatComesTooLateIsRefused() public {
        vm.warp(soon + 1);
        bytes memory late = abi.encodeWithSelector(IPoolRouter.Expired.selector, soon, soon + 1);
        vm.startPrank(alice);
        vm.expectRevert(late);
        router.swapExactIn(address(usd), 100e2, 0, _twoHops(), alice, soon);
        vm.expectRevert(late);
        router.swapExactOut(address(usd), 100e18, 1e20, _twoHops(), alice, soon);
        vm.expectRevert(late);
        router.addLiquidity(_deposit(usd, eur, true, 1e2, 1e3));
        vm.expectRevert(late);
        router.removeLiquidity(_withdrawal(usd, eur, true, 1e18));
        vm.warp(soon);
        router.swapExactIn(address(usd), 100e2, 0, _twoHops(), alice, soon);
    }

    function test_WrongPathsAreRefused() public {
        IPoolRouter.Hop[] memory none;
        vm.startPrank(alice);
        vm.expectRevert(IPoolRouter.EmptyPath.selector);
        router.swapExactIn(address(usd), 1e2, 0, none, alice, soon);
        vm.expectRevert(IPoolRouter.EmptyPath.selector);
        router.swapExactOut(address(usd), 1e2, 0, none, alice, soon);
        vm.expectRevert(IPoolRouter.EmptyPath.selector);
        router.quoteExactIn(address(usd), 1e2, none);
        bytes memory missing =
            abi.encodeWithSelector(IPoolRouter.NoPair.selector, address(usd), address(eur), false);
        vm.expectRevert(missing);
        router.swapExactIn(address(usd), 1e2, 0, _hop(eur, false), alice, soon);
        vm.expectRevert(missing);
        router.quoteExactOut(address(usd), 1e2, _hop(eur, false));
        vm.expectRevert(missing);
        router.removeLiquidity(_withdrawal(usd, eur, false, 1e18));
    }

    function test_WithoutAllowanceNothingMoves() public {
        usd.mint(carol, 100e2);
        vm.prank(carol);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(router), 0, 100e2
            )
        );
        router.swapExactIn(address(usd), 100e2, 0, _hop(eur, true), carol, soon);
    }

    /* ----------------------------------------- Liquidity ----------------------------------------- */

    function _deposit(TestToken a, TestToken b, bool stable, uint256 amountA, uint256 amountB)
        private
        view
        returns (IPoolRouter.Deposit memory)
    {
        return
            IPoolRouter.Deposit(
                address(a), address(b), stable, amountA, amountB, 0, 0, 0, alice, soon
            );
    }

    function _withdrawal(TestToken a, TestToken b, bool stable, uint256 shares)
        private
        view
        returns (IPoolRouter.Withdrawal memory)
    {
        return IPoolRouter.Withdrawal(address(a), address(b), stable, shares, 0, 0, alice, soon);
    }

    function test_TheFirstDepositCreatesThePair() public {
        TestToken gold = new TestToken(6);
        gold.mint(alice, 1000e6);
        vm.startPrank(alice);
        gold.approve(address(router), 1000e6);
        (uint256 a, uint256 b, uint256 shares) =
            router.addLiquidity(_deposit(gold, usd, false, 1000e6, 50_000e2));
        assertEq(a, 1000e6);
        assertEq(b, 50_000e2);
        IPair pair = IPair(factory.getPair(address(gold), address(usd), false));
        assertEq(pair.balanceOf(alice), shares);
        pair.approve(address(router), shares);
        IPoolRouter.Withdrawal memory all = _withdrawal(usd, gold, false, shares);
        (b, a) = router.removeLiquidity(all);
        assertApproxEqAbs(a, 1000e6, 1);
        assertApproxEqAbs(b, 50_000e2, 1);
        assertEq(pair.balanceOf(alice), 0);
        assertEq(gold.balanceOf(alice), a);
    }

    function testFuzz_S7_DepositsKeepTheRatioAndNeverProfit(
        uint256 a,
        uint256 b,
        bool inOrder,
        uint256 moved
    ) public {
        sell(usdQxc, usdQxc.token0() == address(usd), bound(moved, 1e2, 300_000e2), bob);
        a = bound(a, 1e2, 5_000_000e2);
        b = bound(b, 1e16, 5_000_000e18);
        IPoolRouter.Deposit memory wanted =
            inOrder ? _deposit(usd, qxc, false, a, b) : _deposit(qxc, usd, false, b, a);
        (uint256 u, uint256 q) = (usd.balanceOf(alice), qxc.balanceOf(alice));
        vm.startPrank(alice);
        (uint256 x, uint256 y, uint256 shares) = router.addLiquidity(wanted);
        if (!inOrder) (x, y) = (y, x);
        assertEq(u - usd.balanceOf(alice), x);
        assertEq(q - qxc.balanceOf(alice), y);
        assertLe(x, a);
        assertLe(y, b);
        assertTrue(x == a || y == b, "one of them is used up");
        usdQxc.approve(address(router), shares);
        router.removeLiquidity(_withdrawal(usd, qxc, false, shares));
        assertLe(usd.balanceOf(alice), u);
        assertLe(qxc.balanceOf(alice), q);
        _assertRouterHoldsNothing();
    }

    function test_LimitsOfLiquidityHold() public {
        vm.startPrank(alice);
        IPoolRouter.Deposit memory d = _deposit(usd, qxc, false, 100e2, 100e18);
        d.minB = 50e18 + 1;
        vm.expectRevert(
            abi.encodeWithSelector(IPoolRouter.TooLittle.selector, address(qxc), 50e18, 50e18 + 1)
        );
        router.addLiquidity(d);
        d = _deposit(usd, qxc, false, 400e2, 100e18);
        d.minA = 200e2 + 1;
        vm.expectRevert(
            abi.encodeWithSelector(IPoolRouter.TooLittle.selector, address(usd), 200e2, 200e2 + 1)
        );
        router.addLiquidity(d);
        d.minA = 200e2;
        d.minShares = type(uint256).max;
        vm.expectPartialRevert(IPoolRouter.TooLittle.selector);
        router.addLiquidity(d);
        d.minShares = 0;
        (,, uint256 shares) = router.addLiquidity(d);
        usdQxc.approve(address(router), shares);
        IPoolRouter.Withdrawal memory w = _withdrawal(usd, qxc, false, shares);
        w.minA = 200e2 + 1;
        vm.expectPartialRevert(IPoolRouter.TooLittle.selector);
        router.removeLiquidity(w);
        (w.minA, w.minB) = (0, 100e18 + 1);
        vm.expectPartialRevert(IPoolRouter.TooLittle.selector);
        router.removeLiquidity(w);
    }

    function test_APairThatMissesTokensTakesNoDeposit() public {
        usd.take(address(usdQxc), 1000e2);
        vm.prank(alice);
        vm.expectPartialRevert(IPair.ReserveShortfall.selector);
        router.addLiquidity(_deposit(usd, qxc, false, 400e2, 100e18));
    }

    /* ------------------------------------------- Permit ------------------------------------------ */

    function _permit(address token, uint256 value)
        private
        view
        returns (bytes memory call, uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                alice,
                address(router),
                value,
                TestToken(token).nonces(alice),
                soon
            )
        );
        (v, r, s) = vm.sign(
            aliceKey,
            keccak256(abi.encodePacked("\x19\x01", TestToken(token).DOMAIN_SEPARATOR(), content))
        );
        call = abi.encodeCall(IPoolRouter.selfPermit, (token, value, soon, v, r, s));
    }

    function test_APermitAndATradeInOneTransaction() public {
        vm.prank(alice);
        usd.approve(address(router), 0);
        bytes[] memory calls = new bytes[](2);
        (calls[0],,,) = _permit(address(usd), 100e2);
        calls[1] = abi.encodeCall(
            IPoolRouter.swapExactIn, (address(usd), 100e2, 0, _hop(eur, true), alice, soon)
        );
        uint256 before = eur.balanceOf(alice);
        vm.prank(alice);
        router.multicall(calls);
        assertGt(eur.balanceOf(alice), before);
        assertEq(usd.allowance(alice, address(router)), 0);
    }

    function test_APermitThatSomebodySubmittedFirstStillWorks() public {
        deposit(usdEur, alice, 1000e2, 1000e3);
        uint256 shares = usdEur.balanceOf(alice);
        bytes[] memory calls = new bytes[](2);
        uint8 v;
        bytes32 r;
        bytes32 s;
        (calls[0], v, r, s) = _permit(address(usdEur), shares);
        calls[1] =
            abi.encodeCall(IPoolRouter.removeLiquidity, (_withdrawal(usd, eur, true, shares)));
        TestToken(address(usdEur)).permit(alice, address(router), shares, soon, v, r, s);
        vm.prank(alice);
        router.multicall(calls);
        assertEq(usdEur.balanceOf(alice), 0);
    }

    /* ----------------------------------------- Odd tokens ---------------------------------------- */

    function test_ATokenThatTakesFeesIsRefusedAtEveryPlace() public {
        eur.setHabit(TestToken.Habit.TakesFee);
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPoolRouter.TransferFeeNotSupported.selector, address(eur), 1000e3, 990e3
            )
        );
        router.swapExactIn(address(eur), 1000e3, 0, _hop(usd, true), alice, soon);
        vm.expectPartialRevert(IPoolRouter.TransferFeeNotSupported.selector);
        router.swapExactIn(address(usd), 1000e2, 0, _hop(eur, true), alice, soon);
        vm.expectPartialRevert(IPoolRouter.TransferFeeNotSupported.selector);
        router.swapExactIn(address(usd), 1000e2, 0, _twoHops(), alice, soon);
        vm.expectPartialRevert(IPoolRouter.TransferFeeNotSupported.selector);
        router.swapExactOut(address(usd), 1000e18, 1e20, _twoHops(), alice, soon);
        vm.expectPartialRevert(IPoolRouter.TransferFeeNotSupported.selector);
        router.addLiquidity(_deposit(usd, eur, true, 1000e2, 1000e3));
    }

    function test_TokensThatReturnNothingWork() public {
        usd.setHabit(TestToken.Habit.ReturnsNothing);
        eur.setHabit(TestToken.Habit.ReturnsNothing);
        vm.startPrank(alice);
        assertGt(router.swapExactIn(address(usd), 1000e2, 0, _hop(eur, true), alice, soon), 0);
        (,, uint256 shares) = router.addLiquidity(_deposit(usd, eur, true, 1000e2, 1000e3));
        usdEur.approve(address(router), shares);
        router.removeLiquidity(_withdrawal(usd, eur, true, shares));
    }

    function test_TokensThatReturnFalseAreRefused() public {
        usd.setHabit(TestToken.Habit.ReturnsFalse);
        bytes memory failed =
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(usd));
        vm.startPrank(alice);
        vm.expectRevert(failed);
        router.swapExactIn(address(usd), 1000e2, 0, _hop(eur, true), alice, soon);
        vm.expectRevert(failed);
        router.swapExactIn(address(eur), 1000e3, 0, _hop(usd, true), alice, soon);
        vm.expectRevert(failed);
        router.addLiquidity(_deposit(usd, eur, true, 1000e2, 1000e3));
    }

    function test_AFrozenAccountStopsNobodyElse() public {
        usd.setFrozen(alice, true);
        bytes memory frozen = abi.encodeWithSelector(TestToken.AccountFrozen.selector, alice);
        vm.startPrank(alice);
        vm.expectRevert(frozen);
        router.swapExactIn(address(usd), 1000e2, 0, _hop(eur, true), alice, soon);
        vm.expectRevert(frozen);
        router.swapExactIn(address(eur), 1000e3, 0, _hop(usd, true), alice, soon);
        // What is not frozen goes on, and so does everyone else.
        router.swapExactIn(address(eur), 1000e3, 0, _hop(qxc, false), alice, soon);
        vm.stopPrank();
        vm.prank(bob);
        router.swapExactIn(address(eur), 1000e3, 0, _hop(usd, true), bob, soon);
        // Shares of a frozen holder can be redeemed to somebody who may receive the money.
        deposit(usdEur, alice, 1000e2, 1000e3);
        uint256 shares = usdEur.balanceOf(alice);
        vm.startPrank(alice);
        usdEur.approve(address(router), shares);
        IPoolRouter.Withdrawal memory w = _withdrawal(usd, eur, true, shares);
        vm.expectRevert(frozen);
        router.removeLiquidity(w);
        w.to = carol;
        router.removeLiquidity(w);
        assertGt(usd.balanceOf(carol), 0);
    }

    function _assertRouterHoldsNothing() private view {
        assertEq(usd.balanceOf(address(router)), 0);
        assertEq(eur.balanceOf(address(router)), 0);
        assertEq(qxc.balanceOf(address(router)), 0);
    }
}
