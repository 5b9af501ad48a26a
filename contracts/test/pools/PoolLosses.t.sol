// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {IPoolRouter} from "../../src/pools/IPoolRouter.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev Lends against shares of a pair and asks the pair what they are worth, as victims of read-only
/// reentrancy did.
contract NaiveShareLender {
    IPair internal immutable PAIR;

    constructor(IPair pair) {
        PAIR = pair;
    }

    function worthOfShareInToken0() external view returns (uint256) {
        (uint256 r0,,) = PAIR.getReserves();
        return Math.mulDiv(2 * r0, 1e18, PAIR.totalSupply());
    }
}

/// @dev Asks the lender in the middle of a withdrawal or a flash swap.
contract Asker {
    NaiveShareLender internal immutable LENDER;

    constructor(NaiveShareLender lender) {
        LENDER = lender;
    }

    function ask() external view {
        LENDER.worthOfShareInToken0();
    }

    function onFlashSwap(address, uint256, uint256, bytes calldata) external view {
        LENDER.worthOfShareInToken0();
    }
}

/// @dev Real losses of pools, replayed against ours.
contract PoolLossesTest is PoolFixture {
    TestToken internal a;
    TestToken internal b;
    IPair internal pair;
    /// @dev Units of b in a unit of a, at par.
    uint256 internal unit;
    uint256 internal haveA;
    uint256 internal haveB;

    /* ------------------------------- Balancer, November 2025, $125M ------------------------------ */

    /// @dev There, amounts were scaled to a common precision rounding one way only; with reserves of a
    /// few units the error was large, and 65 swaps in a batch multiplied it. Here: reserves brought to
    /// a handful of the smallest units, then a thousand swaps of the sizes that round best for the
    /// attacker, in both directions. His worth, at par, may only fall.
    function testFuzz_Balancer_RoundingOfMicroSwaps(uint256 seed, bool buy, uint8 decimals) public {
        (a, b) = newTokens(2, uint8(bound(decimals, 2, 6)));
        pair = newPair(a, b, true);
        unit = 10 ** (b.decimals() - 2);
        deposit(pair, carol, 12, 12 * unit);
        uint256 shares = pair.totalSupply();
        // At par, in units of b. The attacker starts with the curve in its middle, so there is nothing
        // to gain from it.
        (haveA, haveB) = (1e12, 1e12);
        uint256 worth = haveA * unit + haveB;
        for (uint256 i = 0; i < 65; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            (uint256 r0, uint256 r1) = reserves(pair);
            _microSwap(seed % 2 == 0, seed >> 8, buy);
            (uint256 n0, uint256 n1) = reserves(pair);
            (uint256 high, uint256 low) = curve(pair, r0, r1);
            (uint256 h, uint256 l) = curve(pair, n0, n1);
            assertTrue(h > high || (h == high && l >= low), "k fell");
        }
        assertEq(pair.totalSupply(), shares);
        assertLe(haveA * unit + haveB, worth, "rounding paid");
    }

    function _microSwap(bool zero, uint256 seed, bool buy) private {
        uint256 paid;
        uint256 out;
        if (buy) {
            (uint256 r0, uint256 r1) = reserves(pair);
            uint256 most = zero ? r1 : r0;
            if (most < 2) return;
            out = 1 + seed % (most - 1);
            paid = pair.getAmountIn(address(zero ? b : a), out);
        } else {
            paid = 1 + seed % (zero ? 9 : 9 * unit);
            out = pair.getAmountOut(address(zero ? a : b), paid);
            if (out == 0) return;
        }
        send(zero ? a : b, address(pair), paid);
        pair.swap(zero ? 0 : out, zero ? out : 0, bob, "");
        if (zero) (haveA, haveB) = (haveA - paid, haveB + out);
        else (haveA, haveB) = (haveA + out, haveB - paid);
    }

    /// @dev The same through the router, as paths within one transaction.
    function test_Balancer_ABatchOfMicroSwaps() public {
        (a, b) = newTokens(2, 3);
        pair = newPair(a, b, true);
        deposit(pair, carol, 9, 90);
        a.mint(alice, 1000);
        b.mint(alice, 10_000);
        vm.startPrank(alice);
        a.approve(address(router), 1000);
        b.approve(address(router), 10_000);
        bytes[] memory calls = new bytes[](65);
        for (uint256 i = 0; i < 65; i++) {
            IPoolRouter.Hop[] memory path = new IPoolRouter.Hop[](1);
            path[0] = IPoolRouter.Hop(address(i % 2 == 0 ? b : a), true);
            calls[i] = abi.encodeCall(
                IPoolRouter.swapExactOut,
                (address(i % 2 == 0 ? a : b), 1, 100, path, alice, block.timestamp)
            );
        }
        router.multicall(calls);
        assertLe(a.balanceOf(alice) * 10 + b.balanceOf(alice), 20_000);
        (uint256 r0, uint256 r1) = reserves(pair);
        assertGe(r0 * 10 + r1, 180);
    }

    /* ------------------------- First depositor: Sonne, Resupply and others ------------------------ */

    /// @dev The first depositor makes shares scarce and their price high, so that the next deposit
    /// rounds down to the attacker's gain. Here he loses at least nearly all that he put up: the locked
    /// shares own it.
    function testFuzz_Sonne_InflationOfTheFirstShare(
        uint256 donated,
        uint256 victim,
        bool stable,
        bool cents
    ) public {
        (a, b) = cents ? newTokens(2, 2) : newTokens(18, 18);
        pair = newPair(a, b, stable);
        uint256 one = cents ? 1e2 : 1e18;
        // The least deposit that gives a share, then all but one share burned.
        uint256 first = cents ? 1 : 1001;
        uint256 shares = deposit(pair, alice, first, first);
        if (shares > 1) {
            // With cents, a share is so small that the attacker can burn down to the locked ones.
            vm.prank(alice);
            try pair.burn(alice, shares - 1, alice) {} catch {}
        }
        donated = bound(donated, one, 1e6 * one);
        victim = bound(victim, one, 1e6 * one);
        // A donation does nothing at all; only a swap that overpays moves the price of a share.
        send(a, address(pair), donated);
        send(b, address(pair), donated);
        pair.skim(address(this));
        (uint256 r0, uint256 r1) = reserves(pair);
        send(a, address(pair), donated);
        send(b, address(pair), donated);
        if (r0 > 1) pair.swap(1, 0, alice, "");
        else if (r1 > 1) pair.swap(0, 1, alice, "");
        else return;

        (uint256 p0, uint256 p1) = reserves(pair);
        send(a, address(pair), Math.mulDiv(victim, p0, Math.max(p0, p1)));
        send(b, address(pair), Math.mulDiv(victim, p1, Math.max(p0, p1)));
        try pair.mint(bob) {}
        catch {
            // Refused rather than robbed.
            return;
        }
        uint256 rest = pair.balanceOf(alice);
        uint256 out0;
        uint256 out1;
        if (rest != 0) {
            vm.prank(alice);
            (out0, out1) = pair.burn(alice, rest, alice);
        }
        assertLt(out0, first + donated, "the attack paid");
        assertLt(out1, first + donated, "the attack paid");
    }

    /* -------------------------------- Donations, skim and sync tricks ----------------------------- */

    /// @dev Pairs that count donations at `sync` let anybody move a price, or the worth of a share that
    /// somebody lends against, without trading. There is no such function here.
    function test_Donation_MovesNoPriceAndNoShare() public {
        (a, b) = newTokens(2, 18);
        pair = newPair(a, b, false);
        deposit(pair, carol, 1_000_000e2, 1_000_000e18);
        NaiveShareLender lender = new NaiveShareLender(pair);
        uint256 worth = lender.worthOfShareInToken0();
        send(a, address(pair), 100_000_000e2);
        assertEq(lender.worthOfShareInToken0(), worth);
        (bool synced,) = address(pair).call(abi.encodeWithSignature("sync()"));
        assertFalse(synced);
        assertEq(lender.worthOfShareInToken0(), worth);
        assertEq(pair.getAmountOut(address(b), 1e18), 99);
        pair.skim(bob);
        assertEq(a.balanceOf(bob), 100_000_000e2);
    }

    /// @dev Tokens that skim back into a pair whose recipient is the pair itself, again and again, were
    /// used to multiply rewards and fees of reflective tokens. Nothing comes of it here.
    function test_Skim_IntoThePairItselfChangesNothing() public {
        (a, b) = newTokens(18, 18);
        pair = newPair(a, b, false);
        deposit(pair, carol, 1000e18, 1000e18);
        send(a, address(pair), 5e18);
        for (uint256 i = 0; i < 10; i++) {
            pair.skim(address(pair));
        }
        (uint256 r0, uint256 r1) = reserves(pair);
        assertEq(r0, 1000e18);
        assertEq(r1, 1000e18);
        pair.skim(bob);
        assertEq(a.balanceOf(bob), 5e18);
    }

    /// @dev A token whose holders can destroy the pair's balance (many were drained so): the reserve of
    /// the other token can't be bought with it afterwards.
    function test_BurntReserves_BuyNothing() public {
        (a, b) = newTokens(18, 18);
        pair = newPair(a, b, false);
        deposit(pair, carol, 1000e18, 1000e18);
        a.take(address(pair), 999e18);
        // There, somebody now called sync and bought all of b for a little of a.
        send(a, address(pair), 10e18);
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.swap(0, 1, bob, "");
        assertLt(pair.getAmountOut(address(a), 10e18), 10e18);
    }

    /* ------------------------------------ Read-only reentrancy ------------------------------------ */

    /// @dev In the middle of a withdrawal or a swap, what views show of a pool may be half done. Lenders
    /// that read it then were robbed. Here those views refuse, so the whole attack reverts.
    function test_ReadOnlyReentrancy_ViewsRefuse() public {
        (a, b) = newTokens(18, 18);
        pair = newPair(a, b, false);
        deposit(pair, alice, 1000e18, 1000e18);
        NaiveShareLender lender = new NaiveShareLender(pair);
        Asker asker = new Asker(lender);
        asker.ask();
        a.setHook(address(asker), abi.encodeCall(Asker.ask, ()));
        bytes4 refused = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        vm.prank(alice);
        vm.expectRevert(refused);
        pair.burn(alice, 500e18, alice);
        vm.expectRevert(refused);
        pair.swap(1e18, 0, bob, "");
        a.setHook(address(0), "");
        vm.expectRevert(refused);
        pair.swap(0, 1e18, address(asker), "x");
    }

    /* -------------------------------- Tiny pools on the stable curve ------------------------------ */

    /// @dev Curves of this form that divide by 10^18 while they compute k find k = 0 in small pools, and
    /// let anyone take everything out. Here k is exact whatever the reserves.
    function test_StableK_IsNotZeroInATinyPool() public {
        (a, b) = newTokens(18, 18);
        pair = newPair(a, b, true);
        deposit(pair, carol, 10_000, 10_000);
        send(a, address(pair), 1);
        vm.expectRevert(IPair.CurveViolated.selector);
        pair.swap(0, 1, bob, "");
        assertEq(pair.getAmountOut(address(a), 1), 0);
        assertLt(pair.getAmountOut(address(a), 1000), 1000);
    }
}
