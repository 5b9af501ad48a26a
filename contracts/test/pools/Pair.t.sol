// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev What every pair does, whatever its curve and its tokens' decimals.
abstract contract PairTest is PoolFixture {
    address internal constant LOCKED = 0x000000000000000000000000000000000000dEaD;

    IPair internal pair;
    TestToken internal token0;
    TestToken internal token1;
    uint256 internal one0;
    uint256 internal one1;

    function kind() internal pure virtual returns (bool stable, uint8 decimals0, uint8 decimals1);

    function setUp() public override {
        super.setUp();
        (bool stable, uint8 decimals0, uint8 decimals1) = kind();
        (token0, token1) = newTokens(decimals0, decimals1);
        (one0, one1) = (10 ** decimals0, 10 ** decimals1);
        pair = newPair(token0, token1, stable);
    }

    /// @dev A pair somebody has filled with anything sensible: from ten cents to 10^9 tokens, up to
    /// a thousand times more of one than of the other.
    function filled(uint256 seed0, uint256 seed1) internal returns (uint256 r0, uint256 r1) {
        r0 = bound(seed0, one0 / 10, one0 * 1e9);
        uint256 middle = Math.mulDiv(r0, one1, one0);
        r1 = bound(seed1, Math.max(middle / 1000, one1 / 10), Math.max(middle * 1000, one1));
        deposit(pair, carol, r0, r1);
    }

    function swapOf(bool zero, uint256 amountOut) internal {
        pair.swap(zero ? 0 : amountOut, zero ? amountOut : 0, bob, "");
    }

    /// @dev S10: k is at least what it was with reserves `r0`, `r1`, exactly.
    function assertGrew(uint256 r0, uint256 r1) internal view {
        (uint256 n0, uint256 n1) = reserves(pair);
        (uint256 h0, uint256 l0) = curve(pair, r0, r1);
        (uint256 h1, uint256 l1) = curve(pair, n0, n1);
        assertTrue(h1 > h0 || (h1 == h0 && l1 >= l0), "k fell");
    }

    /// @dev Size per share did not fall: n / s' >= m / s.
    function assertNotDiluted(
        uint256 before,
        uint256 supply,
        uint256 afterwards,
        uint256 supplyAfter
    ) internal pure {
        (uint256 h1, uint256 l1) = Math.mul512(afterwards, supply);
        (uint256 h0, uint256 l0) = Math.mul512(before, supplyAfter);
        assertTrue(h1 > h0 || (h1 == h0 && l1 >= l0), "a share lost worth");
    }

    /* ----------------------------------------- Liquidity ----------------------------------------- */

    function test_TheFirstDepositLocksTheMinimum() public {
        send(token0, address(pair), 100 * one0);
        send(token1, address(pair), 100 * one1);
        vm.expectEmit(address(pair));
        emit IPair.Mint(address(this), 100 * one0, 100 * one1, 100e18 - 1000, alice);
        uint256 shares = pair.mint(alice);
        assertEq(shares, 100e18 - 1000);
        assertEq(pair.balanceOf(alice), shares);
        assertEq(pair.balanceOf(LOCKED), 1000);
        assertEq(pair.totalSupply(), 100e18);
        assertEq(pair.measure(), 100e18);
    }

    function test_ADepositOfNothingOrOfOneSideIsRefused() public {
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.mint(alice);
        deposit(pair, alice, one0, one1);
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.mint(alice);
        send(token0, address(pair), one0);
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.mint(alice);
    }

    function test_WhatIsOffTheRatioGoesToAllHolders() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        uint256 shares = deposit(pair, bob, 10 * one0, 20 * one1);
        assertEq(shares, 10e18);
        vm.prank(bob);
        (uint256 a0, uint256 a1) = pair.burn(bob, shares, bob);
        assertLe(a0, 10 * one0);
        assertLt(a1, 20 * one1);
    }

    function testFuzz_S7_DepositAndWithdrawalNeverProfit(
        uint256 s0,
        uint256 s1,
        uint256 a0,
        uint256 a1
    ) public {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        uint256 supply = pair.totalSupply();
        a0 = bound(a0, 1, r0 * 2);
        a1 = bound(a1, 1, r1 * 2);
        if (Math.min(Math.mulDiv(a0, supply, r0), Math.mulDiv(a1, supply, r1)) == 0) return;
        uint256 shares = deposit(pair, alice, a0, a1);
        assertLe(Math.mulDiv(shares, r0, supply, Math.Rounding.Floor), a0);
        (uint256 n0, uint256 n1) = reserves(pair);
        assertNotDiluted(r0, supply, n0, pair.totalSupply());
        assertNotDiluted(r1, supply, n1, pair.totalSupply());
        if (Math.mulDiv(shares, n0, pair.totalSupply()) == 0) {
            if (Math.mulDiv(shares, n1, pair.totalSupply()) == 0) return;
        }
        vm.prank(alice);
        (uint256 b0, uint256 b1) = pair.burn(alice, shares, alice);
        assertLe(b0, a0, "more of token0 came back");
        assertLe(b1, a1, "more of token1 came back");
        assertEq(token0.balanceOf(alice), b0);
        assertEq(token1.balanceOf(alice), b1);
        (n0, n1) = reserves(pair);
        assertNotDiluted(r0, supply, n0, pair.totalSupply());
        assertNotDiluted(r1, supply, n1, pair.totalSupply());
    }

    function testFuzz_EverythingCanBeBurned(uint256 s0, uint256 s1) public {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        uint256 shares = pair.balanceOf(carol);
        vm.prank(carol);
        (uint256 a0, uint256 a1) = pair.burn(carol, shares, carol);
        assertApproxEqRel(a0, r0, 0.1e18);
        assertApproxEqRel(a1, r1, 0.1e18);
        (uint256 n0, uint256 n1) = reserves(pair);
        assertGt(n0, 0, "the locked shares own something for ever");
        assertGt(n1, 0, "the locked shares own something for ever");
        deposit(pair, bob, r0, r1);
    }

    function test_OthersBurnSharesWithAnAllowanceOnly() public {
        uint256 shares = deposit(pair, alice, 100 * one0, 100 * one1);
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, bob, 0, shares)
        );
        pair.burn(alice, shares, bob);
        vm.prank(alice);
        pair.approve(bob, shares);
        vm.prank(bob);
        pair.burn(alice, shares, bob);
        assertEq(pair.balanceOf(alice), 0);
        assertApproxEqRel(token0.balanceOf(bob), 100 * one0, 0.01e18);
        assertEq(pair.allowance(alice, bob), 0);
    }

    function test_NobodyBurnsMoreThanHeHas() public {
        uint256 shares = deposit(pair, alice, 100 * one0, 100 * one1);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, alice, shares, shares + 1
            )
        );
        pair.burn(alice, shares + 1, alice);
    }

    function test_BurningNothingIsRefused() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        vm.prank(alice);
        vm.expectRevert(IPair.NothingToWithdraw.selector);
        pair.burn(alice, 0, alice);
    }

    function test_WithdrawalsCantGoToThePairOrItsTokens() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        address[3] memory wrong = [address(pair), address(token0), address(token1)];
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(alice);
            vm.expectRevert(abi.encodeWithSelector(IPair.InvalidRecipient.selector, wrong[i]));
            pair.burn(alice, 1e18, wrong[i]);
        }
    }

    /* ------------------------------------------- Trade ------------------------------------------- */

    function testFuzz_TheQuotedOutputIsTheGreatestThatHolds(
        uint256 s0,
        uint256 s1,
        uint256 amount,
        bool zero
    ) public {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        amount = bound(amount, 1, (zero ? r0 : r1) * 2);
        TestToken tokenIn = zero ? token0 : token1;
        uint256 out = pair.getAmountOut(address(tokenIn), amount);
        assertLt(out, zero ? r1 : r0);
        send(tokenIn, address(pair), amount);
        if (out + 1 < (zero ? r1 : r0)) {
            vm.expectRevert(IPair.CurveViolated.selector);
            swapOf(zero, out + 1);
        }
        if (out == 0) return;
        uint256 supply = pair.totalSupply();
        swapOf(zero, out);
        assertEq((zero ? token1 : token0).balanceOf(bob), out);
        assertGrew(r0, r1);
        assertEq(pair.totalSupply(), supply);
    }

    function testFuzz_TheQuotedInputIsTheSmallestThatHolds(
        uint256 s0,
        uint256 s1,
        uint256 amount,
        bool zero
    ) public {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        amount = bound(amount, 1, (zero ? r1 : r0) * 9 / 10);
        if (amount == 0) return;
        (TestToken tokenIn, TestToken tokenOut) = zero ? (token0, token1) : (token1, token0);
        uint256 paid = pair.getAmountIn(address(tokenOut), amount);
        assertGt(paid, 0);
        send(tokenIn, address(pair), paid - 1);
        vm.expectRevert(paid == 1 ? IPair.ZeroInput.selector : IPair.CurveViolated.selector);
        swapOf(zero, amount);
        send(tokenIn, address(pair), 1);
        assertGe(pair.getAmountOut(address(tokenIn), paid), amount);
        swapOf(zero, amount);
        assertEq(tokenOut.balanceOf(bob), amount);
    }

    function testFuzz_S7_ThereAndBackNeverProfits(uint256 s0, uint256 s1, uint256 amount, bool zero)
        public
    {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        amount = bound(amount, 1, zero ? r0 : r1);
        uint256 there = sell(pair, zero, amount, bob);
        if (there == 0) return;
        uint256 back = sell(pair, !zero, there, bob);
        assertLe(back, amount);
    }

    function testFuzz_ATradeInTwoPartsNeverGainsFromIt(
        uint256 s0,
        uint256 s1,
        uint256 first,
        uint256 second,
        bool zero
    ) public {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        first = bound(first, 1, zero ? r0 : r1);
        second = bound(second, 1, zero ? r0 : r1);
        uint256 whole = pair.getAmountOut(address(zero ? token0 : token1), first + second);
        uint256 out = sell(pair, zero, first, bob);
        // What gave nothing is still there for whoever comes next.
        if (out == 0) pair.skim(address(1));
        out += sell(pair, zero, second, bob);
        assertLe(out, whole);
    }

    function testFuzz_BothSidesCanBePaidAtOnce(uint256 s0, uint256 s1, uint256 a0, uint256 a1)
        public
    {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        a0 = bound(a0, 1, r0);
        a1 = bound(a1, 1, r1);
        send(token0, address(pair), a0);
        send(token1, address(pair), a1);
        // Taking out what was paid in, without the fee on it, is refused; half of it is fine.
        if (a0 < r0 && a1 < r1) {
            vm.expectRevert(IPair.CurveViolated.selector);
            pair.swap(a0, a1, bob, "");
        }
        if (a0 / 2 + a1 / 2 == 0) return;
        pair.swap(a0 / 2, a1 / 2, bob, "");
        assertGrew(r0, r1);
    }

    function test_WrongSwapsAreRefused() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        vm.expectRevert(IPair.ZeroOutput.selector);
        pair.swap(0, 0, bob, "");
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.swap(100 * one0, 0, bob, "");
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.swap(0, 100 * one1, bob, "");
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.swap(1, 0, bob, "");
        address[3] memory wrong = [address(pair), address(token0), address(token1)];
        for (uint256 i = 0; i < 3; i++) {
            vm.expectRevert(abi.encodeWithSelector(IPair.InvalidRecipient.selector, wrong[i]));
            pair.swap(1, 0, wrong[i], "");
        }
    }

    function test_WrongQuotesAreRefused() public {
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.getAmountOut(address(token0), 1);
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.getAmountIn(address(token0), 1);
        deposit(pair, alice, 100 * one0, 100 * one1);
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.getAmountOut(address(token0), 0);
        vm.expectRevert(IPair.ZeroOutput.selector);
        pair.getAmountIn(address(token0), 0);
        vm.expectRevert(abi.encodeWithSelector(IPair.UnknownToken.selector, bob));
        pair.getAmountOut(bob, 1);
        vm.expectRevert(abi.encodeWithSelector(IPair.UnknownToken.selector, bob));
        pair.getAmountIn(bob, 1);
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.getAmountIn(address(token0), 100 * one0);
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.getAmountIn(address(token1), 100 * one1);
    }

    function test_TheReservesHaveALimit() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        (bool stable,,) = kind();
        uint256 normal = stable ? type(uint112).max : type(uint128).max;
        uint256 max0 = Math.min(type(uint112).max, normal / (1e18 / one0));
        uint256 max1 = Math.min(type(uint112).max, normal / (1e18 / one1));
        uint256 room0 = max0 - 100 * one0;
        uint256 room1 = max1 - 100 * one1;
        vm.expectRevert(
            abi.encodeWithSelector(
                IPair.ReserveTooLarge.selector, address(token0), room0 + 1, room0
            )
        );
        pair.getAmountOut(address(token0), room0 + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPair.ReserveTooLarge.selector, address(token1), room1 + 1, room1
            )
        );
        pair.getAmountOut(address(token1), room1 + 1);
        pair.getAmountOut(address(token0), room0);
        pair.getAmountOut(address(token1), room1);

        send(token0, address(pair), room0 + 1);
        send(token1, address(pair), room1);
        vm.expectRevert(
            abi.encodeWithSelector(IPair.ReserveTooLarge.selector, address(token0), max0 + 1, max0)
        );
        pair.mint(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IPair.ReserveTooLarge.selector, address(token0), max0 + 1, max0)
        );
        pair.swap(0, 1, bob, "");
        // Who is in can leave, and anybody makes room.
        vm.prank(alice);
        pair.burn(alice, 1e18, alice);
        pair.skim(bob);
        send(token0, address(pair), one0);
        send(token1, address(pair), max1);
        (, uint256 r1) = reserves(pair);
        vm.expectRevert(
            abi.encodeWithSelector(IPair.ReserveTooLarge.selector, address(token1), max1 + r1, max1)
        );
        pair.mint(alice);
    }

    function test_APairFilledToTheLimitWorks() public {
        (bool stable,,) = kind();
        uint256 normal = stable ? type(uint112).max : type(uint128).max;
        uint256 max0 = Math.min(type(uint112).max, normal / (1e18 / one0));
        uint256 max1 = Math.min(type(uint112).max, normal / (1e18 / one1));
        vm.prank(governance);
        factory.setFeeTo(treasury);
        uint256 shares = deposit(pair, alice, max0, max1);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(IPair.CurveViolated.selector);
        this.paySameAndTake();
        pair.cumulativePrices();
        vm.prank(alice);
        (uint256 a0, uint256 a1) = pair.burn(alice, shares / 2, alice);
        assertApproxEqRel(a0, max0 / 2, 1e12);
        assertApproxEqRel(a1, max1 / 2, 1e12);
        uint256 out = sell(pair, true, max0 / 4, bob);
        assertGt(out, 0);
        vm.prank(alice);
        pair.burn(alice, shares / 4, alice);
        assertGt(pair.balanceOf(treasury), 0);
    }

    function paySameAndTake() external {
        (uint256 r0,) = reserves(pair);
        // As much as leaves comes back: without a fee that is not enough.
        pair.swap(r0 - 1, 0, address(this), abi.encode(address(token0)));
    }

    function onFlashSwap(address, uint256 amount0, uint256, bytes calldata) external {
        token0.transfer(address(pair), amount0);
    }

    /* ------------------------------------- Donations and losses ---------------------------------- */

    function testFuzz_ADonationChangesNothing(uint256 s0, uint256 s1, uint256 d0, uint256 d1)
        public
    {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        bytes32 before = _observable();
        send(token0, address(pair), d0 = bound(d0, 0, one0 * 1e9));
        send(token1, address(pair), d1 = bound(d1, 0, one1 * 1e9));
        assertEq(_observable(), before);
        uint256 shares = pair.balanceOf(carol) / 3;
        vm.prank(carol);
        (uint256 a0, uint256 a1) = pair.burn(carol, shares, carol);
        assertEq(a0, Math.mulDiv(r0, shares, pair.totalSupply() + shares));
        assertEq(a1, Math.mulDiv(r1, shares, pair.totalSupply() + shares));
        (uint256 n0, uint256 n1) = reserves(pair);
        assertEq(n0, r0 - a0, "the donation became a reserve");
        assertEq(n1, r1 - a1, "the donation became a reserve");
        vm.expectEmit(address(pair));
        emit IPair.Skim(address(this), d0, d1, bob);
        pair.skim(bob);
        assertEq(token0.balanceOf(bob), d0);
        assertEq(token1.balanceOf(bob), d1);
        pair.skim(bob);
        assertEq(token0.balanceOf(bob), d0);
    }

    function _observable() private view returns (bytes32) {
        (uint256 r0, uint256 r1,) = pair.getReserves();
        (uint256 c0, uint256 c1,) = pair.cumulativePrices();
        return keccak256(
            abi.encode(
                r0,
                r1,
                c0,
                c1,
                pair.measure(),
                pair.totalSupply(),
                pair.getAmountOut(address(token0), 7),
                pair.getAmountOut(address(token1), one1 / 10 + 1),
                pair.maxFlashLoan(address(token0)),
                pair.maxFlashLoan(address(token1))
            )
        );
    }

    function test_WhenTokensAreMissingEveryoneGetsHisPartOfTheRest() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        deposit(pair, bob, 100 * one0, 100 * one1);
        token0.take(address(pair), 100 * one0);

        send(token0, address(pair), one0);
        send(token1, address(pair), one1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPair.ReserveShortfall.selector, address(token0), 200 * one0, 101 * one0
            )
        );
        pair.mint(carol);
        vm.expectRevert(IPair.CurveViolated.selector);
        pair.swap(1, 0, carol, "");
        token0.take(address(pair), one0);
        token1.take(address(pair), one1);

        vm.prank(alice);
        (uint256 a0, uint256 a1) = pair.burn(alice, 100e18 - 1000, alice);
        assertApproxEqAbs(a0, 50 * one0, 1 + one0 / 1e14);
        assertApproxEqAbs(a1, 100 * one1, 1 + one1 / 1e14);
        vm.prank(bob);
        (uint256 b0, uint256 b1) = pair.burn(bob, 100e18, bob);
        assertApproxEqAbs(b0, 50 * one0, 1 + one0 / 1e14);
        assertApproxEqAbs(b1, 100 * one1, 1 + one1 / 1e14);
    }

    function test_MissingToken1IsToldToo() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        token1.take(address(pair), 50 * one1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPair.ReserveShortfall.selector, address(token1), 100 * one1, 50 * one1
            )
        );
        pair.mint(carol);
        vm.prank(alice);
        (uint256 a0, uint256 a1) = pair.burn(alice, 50e18, alice);
        assertEq(a0, 50 * one0);
        assertEq(a1, 25 * one1);
    }

    /// @dev The price stays, and whoever sends what is missing sets the pair going again. After everyone
    /// has left that is next to nothing.
    function test_APairThatLostAllOfATokenIsHealedBySendingIt() public {
        uint256 shares = deposit(pair, alice, 100 * one0, 100 * one1);
        token0.take(address(pair), 100 * one0);
        // Nothing is for sale at the price that the little that is left would make.
        send(token0, address(pair), one0);
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.swap(0, one1, bob, "");
        token0.take(address(pair), one0);
        vm.prank(alice);
        (uint256 a0, uint256 a1) = pair.burn(alice, shares, alice);
        assertEq(a0, 0);
        assertApproxEqAbs(a1, 100 * one1, 1 + one1 / 1e14);
        (uint256 r0, uint256 r1) = reserves(pair);
        assertLe(r0, 1 + one0 / 1e14);
        assertLe(r1, 1 + one1 / 1e14);
        send(token0, address(pair), r0);
        deposit(pair, bob, 100 * one0, 100 * one1);
        assertGt(sell(pair, true, one0, bob), 0);
    }

    /* ---------------------------------------- Protocol fee --------------------------------------- */

    function _volume() private {
        for (uint256 i = 0; i < 20; i++) {
            sell(pair, true, 300 * one0, bob);
            sell(pair, false, 300 * one1, bob);
        }
    }

    function test_TheProtocolGetsASixthOfTheGrowth() public {
        vm.prank(governance);
        factory.setFeeTo(treasury);
        deposit(pair, alice, 1000 * one0, 1000 * one1);
        uint256 measure = pair.measure();
        _volume();
        uint256 grown = pair.measure();
        uint256 supply = pair.totalSupply();
        assertGt(grown, measure);
        vm.prank(alice);
        pair.burn(alice, 1e18, alice);
        uint256 shares = pair.balanceOf(treasury);
        uint256 worth = Math.mulDiv(shares, grown, supply + shares);
        assertApproxEqRel(worth, (grown - measure) / 6, 0.0001e18);
        assertLe(worth, (grown - measure) / 6);
    }

    function test_WithoutReceiverThereIsNoProtocolFee() public {
        deposit(pair, alice, 1000 * one0, 1000 * one1);
        _volume();
        uint256 supply = pair.totalSupply();
        vm.prank(alice);
        pair.burn(alice, 1e18, alice);
        assertEq(pair.totalSupply(), supply - 1e18);
    }

    function test_TheFeeIsNotTakenOnGrowthFromBeforeItWasOn() public {
        deposit(pair, alice, 1000 * one0, 1000 * one1);
        _volume();
        vm.prank(governance);
        factory.setFeeTo(treasury);
        vm.prank(alice);
        pair.burn(alice, 1e18, alice);
        assertEq(pair.balanceOf(treasury), 0);
        _volume();
        vm.prank(governance);
        factory.setFeeTo(address(0));
        deposit(pair, alice, one0, one1);
        _volume();
        vm.prank(governance);
        factory.setFeeTo(treasury);
        deposit(pair, alice, one0, one1);
        assertEq(pair.balanceOf(treasury), 0, "nor on growth while it was off");
    }

    function test_NoGrowthNoFee() public {
        vm.prank(governance);
        factory.setFeeTo(treasury);
        deposit(pair, alice, 1000 * one0, 1000 * one1);
        deposit(pair, bob, 10 * one0, 10 * one1);
        vm.prank(bob);
        pair.burn(bob, 5e18, bob);
        assertEq(pair.balanceOf(treasury), 0);
        token0.take(address(pair), one0);
        vm.prank(bob);
        pair.burn(bob, 1e18, bob);
        assertEq(pair.balanceOf(treasury), 0);
    }

    /* ------------------------------------------- Prices ------------------------------------------ */

    function test_ThePriceAddsUpWithTime() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        (uint256 a0, uint256 a1, uint32 at) = pair.cumulativePrices();
        assertEq(at, uint32(block.timestamp));
        vm.warp(block.timestamp + 100);
        (uint256 b0, uint256 b1,) = pair.cumulativePrices();
        // One whole token costs one whole token in both curves when both reserves are the same.
        assertApproxEqRel((b0 - a0) / 100, (one1 << 112) / one0, 1e6);
        assertApproxEqRel((b1 - a1) / 100, (one0 << 112) / one1, 1e6);
        // Within a second only the first state change counts.
        sell(pair, true, 50 * one0, bob);
        (uint256 c0, uint256 c1,) = pair.cumulativePrices();
        assertEq(c0, b0);
        assertEq(c1, b1);
        vm.warp(block.timestamp + 1);
        (c0, c1,) = pair.cumulativePrices();
        assertLt(c0 - b0, (b0 - a0) / 100, "token0 was sold");
        assertGt(c1 - b1, (b1 - a1) / 100, "token1 was bought");
    }

    function testFuzz_ThePriceIsThatOfASmallTrade(uint256 s0, uint256 s1) public {
        (uint256 r0, uint256 r1) = filled(s0, s1);
        (uint256 a0, uint256 a1,) = pair.cumulativePrices();
        vm.warp(block.timestamp + 1);
        (uint256 b0, uint256 b1,) = pair.cumulativePrices();
        uint256 small0 = r0 / 1e4;
        uint256 small1 = r1 / 1e4;
        if (small0 < 1e6 || small1 < 1e6) return;
        uint256 kept = 10_000 - pair.fee();
        assertApproxEqRel(
            pair.getAmountOut(address(token0), small0),
            Math.mulDiv(b0 - a0, small0 * kept / 10_000, 1 << 112),
            0.001e18
        );
        assertApproxEqRel(
            pair.getAmountOut(address(token1), small1),
            Math.mulDiv(b1 - a1, small1 * kept / 10_000, 1 << 112),
            0.001e18
        );
    }

    function test_SumsAndSecondsWrap() public {
        deposit(pair, alice, 100 * one0, 100 * one1);
        vm.warp((uint256(1) << 32) - 10);
        pair.skim(bob);
        sell(pair, true, 10 * one0, bob);
        (uint256 a0,, uint32 at) = pair.cumulativePrices();
        vm.warp((uint256(1) << 32) + 10);
        (uint256 b0,, uint32 then) = pair.cumulativePrices();
        unchecked {
            assertEq(then - at, 20);
        }
        sell(pair, true, 10 * one0, bob);
        (uint256 c0,,) = pair.cumulativePrices();
        assertEq(b0, c0);
        vm.warp((uint256(1) << 32) + 20);
        (uint256 d0,,) = pair.cumulativePrices();
        assertLt((d0 - c0) / 10, (b0 - a0) / 20);
        // Sums close to 2^256 go on from zero.
        vm.store(address(pair), _slotOf(c0), bytes32(type(uint256).max));
        vm.warp((uint256(1) << 32) + 30);
        (uint256 e0,,) = pair.cumulativePrices();
        assertEq(e0, (d0 - c0) * 2 - 1);
        sell(pair, false, one1, bob);
        (e0,,) = pair.cumulativePrices();
        assertEq(e0, (d0 - c0) * 2 - 1);
    }

    function _slotOf(uint256 value) private view returns (bytes32) {
        for (uint256 i = 0; i < 30; i++) {
            if (uint256(vm.load(address(pair), bytes32(i))) == value) return bytes32(i);
        }
        revert("not stored");
    }

    /* ------------------------------------------- Shares ------------------------------------------ */

    function test_SharesMoveAndAreApprovedBySignature() public {
        uint256 shares = deposit(pair, alice, 100 * one0, 100 * one1);
        bytes32 digest = keccak256(
            abi.encodePacked(
                "\x19\x01",
                _separator(),
                keccak256(
                    abi.encode(
                        keccak256(
                            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                        ),
                        alice,
                        bob,
                        shares,
                        0,
                        block.timestamp
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digest);
        TestToken(address(pair)).permit(alice, bob, shares, block.timestamp, v, r, s);
        vm.prank(bob);
        pair.transferFrom(alice, carol, shares);
        assertEq(pair.balanceOf(carol), shares);
        assertEq(TestToken(address(pair)).decimals(), 18);
    }

    function _separator() private view returns (bytes32) {
        return TestToken(address(pair)).DOMAIN_SEPARATOR();
    }
}

/// @dev A ledger currency against a token on x * y: the coarsest rounding.
contract VolatilePairOfCentsTest is PairTest {
    function kind() internal pure override returns (bool, uint8, uint8) {
        return (false, 2, 18);
    }
}

/// @dev What is special in a volatile pair of 18 decimals.
contract VolatilePairTest is PoolFixture {
    IPair internal pair;
    TestToken internal token0;
    TestToken internal token1;

    function setUp() public override {
        super.setUp();
        (token0, token1) = newTokens(18, 18);
        pair = newPair(token0, token1, false);
    }

    function test_ADepositBelowTheMinimumIsRefused() public {
        send(token0, address(pair), 1000);
        send(token1, address(pair), 1000);
        vm.expectRevert(IPair.TooFewShares.selector);
        pair.mint(alice);
        send(token0, address(pair), 3);
        assertEq(pair.stable(), false);
        assertEq(pair.mint(alice), 1);
    }

    function test_ADepositThatIsWorthNoShareIsRefused() public {
        deposit(pair, alice, 1e18, 1e12);
        send(token0, address(pair), 1);
        send(token1, address(pair), 1e12);
        vm.expectRevert(IPair.TooFewShares.selector);
        pair.mint(bob);
    }

    /// @dev An output so great that the input would not fit into the pair.
    function test_AnInputBeyondTheLimitIsNoQuote() public {
        deposit(pair, alice, 1e30, 1e30);
        vm.expectPartialRevert(IPair.ReserveTooLarge.selector);
        pair.getAmountIn(address(token0), 1e30 - 1);
        vm.expectPartialRevert(IPair.ReserveTooLarge.selector);
        pair.getAmountIn(address(token1), 1e30 - 1);
    }

    /// @dev Figures worked out by hand: 1000 in of 10^6 each, less 0.3 %, along x * y.
    function test_AKnownTrade() public {
        deposit(pair, alice, 1_000_000e18, 1_000_000e18);
        uint256 out = pair.getAmountOut(address(token0), 1000e18);
        assertEq(out, uint256(997e18) * 1_000_000e18 / (1_000_000e18 + 997e18));
    }
}

/// @dev Two ledger currencies, of 2 and 3 decimals.
contract StablePairOfCurrenciesTest is PairTest {
    function kind() internal pure override returns (bool, uint8, uint8) {
        return (true, 2, 3);
    }
}

/// @dev Tokens of 18 decimals on x^3 * y + y^3 * x.
contract StablePairTest is PairTest {
    function kind() internal pure override returns (bool, uint8, uint8) {
        return (true, 18, 18);
    }

    /// @dev Near the middle a trade costs hardly more than its fee; x * y would take 10 %.
    function test_AKnownTrade() public {
        deposit(pair, alice, 1_000_000e18, 1_000_000e18);
        uint256 out = pair.getAmountOut(address(token0), 1000e18);
        assertApproxEqRel(out, 999.6e18, 1e10);
        out = pair.getAmountOut(address(token0), 100_000e18);
        assertApproxEqRel(out, 99_960e18, 0.002e18);
        assertEq(pair.stable(), true);
        assertEq(pair.fee(), 4);
    }

    /// @dev The check against the curve's formula in plain integers, where they are small enough.
    function testFuzz_TheCheckIsThatOfTheFormula(
        uint256 r0,
        uint256 r1,
        uint256 paid,
        uint256 out,
        bool zero
    ) public {
        r0 = bound(r0, 2000, 1 << 48);
        r1 = bound(r1, 2000, 1 << 48);
        paid = bound(paid, 1, 1 << 48);
        out = bound(out, 1, (zero ? r1 : r0) - 1);
        deposit(pair, alice, r0, r1);
        (uint256 x, uint256 y) = (r0 * 10_000, r1 * 10_000);
        uint256 k = x * x * x * y + y * y * y * x;
        if (zero) (x, y) = (x + paid * 9996, y - out * 10_000);
        else (x, y) = (x - out * 10_000, y + paid * 9996);
        bool holds = x * x * x * y + y * y * y * x >= k;
        send(zero ? token0 : token1, address(pair), paid);
        if (!holds) vm.expectRevert(IPair.CurveViolated.selector);
        swapOf(zero, out);
    }

    function test_AnOutputThatNoInputPaysIsRefused() public {
        deposit(pair, alice, 1e33, 1e33);
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.getAmountIn(address(token0), 1e33 - 1);
    }

    /// @dev Far from the middle, where the estimate is of no use, quotes are still the best ones.
    function testFuzz_QuotesAreBestFarFromTheMiddle(
        uint256 r0,
        uint256 r1,
        uint256 amount,
        bool zero
    ) public {
        r0 = bound(r0, 1e4, 1e33);
        r1 = bound(r1, 1e4, 1e33);
        deposit(pair, alice, r0, r1);
        TestToken tokenIn = zero ? token0 : token1;
        amount = bound(amount, 1, 1e33);
        uint256 out = pair.getAmountOut(address(tokenIn), amount);
        send(tokenIn, address(pair), amount);
        if (out + 1 < (zero ? r1 : r0)) {
            vm.expectRevert(IPair.CurveViolated.selector);
            swapOf(zero, out + 1);
        }
        if (out == 0) return;
        uint256 paid = pair.getAmountIn(address(zero ? token1 : token0), out);
        assertLe(paid, amount);
        swapOf(zero, out);
    }
}
