// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Farm} from "../../src/farming/Farm.sol";
import {IFarm} from "../../src/farming/IFarm.sol";
import {TestToken} from "../pools/TestToken.sol";
import {FarmFixture} from "./FarmFixture.sol";

/// @dev Staking, rewards and funding.
contract FarmTest is FarmFixture {
    /* ------------------------------------------- Stakes ------------------------------------------ */

    function test_StakesComeBackWhole() public {
        vm.expectEmit(address(farm));
        emit IFarm.Staked(alice, alice, 100e18);
        stake(alice, 100e18);
        assertEq(farm.stakeOf(alice), 100e18);
        assertEq(farm.totalStaked(), 100e18);
        assertEq(share.balanceOf(address(farm)), 100e18);
        vm.expectEmit(address(farm));
        emit IFarm.Withdrawn(alice, carol, 40e18);
        vm.prank(alice);
        farm.withdraw(40e18, carol);
        assertEq(share.balanceOf(carol), 1e40 + 40e18);
        withdraw(alice, 60e18);
        assertEq(farm.totalStaked(), 0);
        assertEq(share.balanceOf(address(farm)), 0);
    }

    function test_OnePaysAnotherStakes() public {
        vm.prank(alice);
        farm.stake(5e18, bob);
        assertEq(farm.stakeOf(bob), 5e18);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IFarm.InsufficientStake.selector, alice, 0, 1));
        farm.withdraw(1, alice);
        withdraw(bob, 5e18);
    }

    function test_WrongStakesAreRefused() public {
        vm.startPrank(alice);
        vm.expectRevert(IFarm.ZeroAmount.selector);
        farm.stake(0, alice);
        vm.expectRevert(abi.encodeWithSelector(IFarm.InvalidAddress.selector, address(0)));
        farm.stake(1, address(0));
        vm.expectRevert(IFarm.ZeroAmount.selector);
        farm.withdraw(0, alice);
        farm.stake(7, alice);
        vm.expectRevert(abi.encodeWithSelector(IFarm.InsufficientStake.selector, alice, 7, 8));
        farm.withdraw(8, alice);
        address[2] memory wrong = [address(0), address(farm)];
        for (uint256 i = 0; i < 2; i++) {
            bytes memory invalid = abi.encodeWithSelector(IFarm.InvalidAddress.selector, wrong[i]);
            vm.expectRevert(invalid);
            farm.withdraw(7, wrong[i]);
            vm.expectRevert(invalid);
            farm.claim(address(coin), wrong[i]);
            vm.expectRevert(invalid);
            farm.claimAll(wrong[i]);
            vm.expectRevert(invalid);
            farm.exit(wrong[i]);
        }
        vm.stopPrank();
        share.mint(alice, type(uint128).max);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IFarm.StakedTooMuch.selector, 7, type(uint128).max));
        farm.stake(type(uint128).max, alice);
    }

    function test_AStakeByPermit() public {
        vm.prank(alice);
        share.approve(address(farm), 0);
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                alice,
                address(farm),
                5e18,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            aliceKey, keccak256(abi.encodePacked("\x19\x01", share.DOMAIN_SEPARATOR(), content))
        );
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        farm.stakeWithPermit(5e18, bob, block.timestamp, v, r, s);
        assertEq(farm.stakeOf(bob), 5e18);
        // Somebody submitted the permit first: no harm.
        vm.revertToState(snapshot);
        share.permit(alice, address(farm), 5e18, block.timestamp, v, r, s);
        vm.prank(alice);
        farm.stakeWithPermit(5e18, bob, block.timestamp, v, r, s);
        assertEq(farm.stakeOf(bob), 5e18);
    }

    /* ------------------------------------------- Rewards ----------------------------------------- */

    function test_RewardsGoByStakeAndTime() public {
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(5 days);
        assertApproxEqAbs(farm.earned(alice, address(coin)), 500e18, 1);
        stake(bob, 300e18);
        pass(5 days);
        assertApproxEqAbs(farm.earned(alice, address(coin)), 625e18, 1);
        assertApproxEqAbs(farm.earned(bob, address(coin)), 375e18, 1);
        pass(100 days);
        assertApproxEqAbs(claim(alice, coin), 625e18, 1);
        assertApproxEqAbs(claim(bob, coin), 375e18, 1);
        assertEq(claim(bob, coin), 0);
        assertLe(coin.balanceOf(address(farm)), 2);
        assertEq(farm.earned(carol, address(coin)), 0);
        assertEq(farm.earned(alice, address(cash)), 0);
    }

    function test_EveryRewardHasItsOwnClock() public {
        stake(alice, 100e18);
        stake(bob, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(2 days);
        fund(cash, 700e2, 7 days);
        pass(1 days);
        assertApproxEqAbs(farm.earned(alice, address(coin)), 150e18, 1);
        assertApproxEqAbs(farm.earned(alice, address(cash)), 50e2, 1);
        vm.expectEmit(address(farm));
        emit IFarm.Claimed(alice, address(cash), carol, 50e2 - 1);
        vm.prank(alice);
        farm.claimAll(carol);
        assertApproxEqAbs(coin.balanceOf(carol), 150e18, 1);
        pass(30 days);
        vm.prank(bob);
        farm.exit(bob);
        assertApproxEqAbs(coin.balanceOf(bob), 500e18, 1);
        assertApproxEqAbs(cash.balanceOf(bob), 350e2, 1);
        assertEq(farm.stakeOf(bob), 0);
        assertEq(farm.rewardTokens().length, 2);
    }

    function test_RewardsSurviveAWithdrawal() public {
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(5 days);
        withdraw(alice, 100e18);
        pass(5 days);
        assertApproxEqAbs(farm.earned(alice, address(coin)), 500e18, 1);
        vm.prank(alice);
        farm.exit(alice);
        assertApproxEqAbs(coin.balanceOf(alice), 500e18, 1);
    }

    /// @dev However often and whoever touches the farm, at the end everything was given out, but for the
    /// fractions that each staker has not completed to a unit.
    function testFuzz_NothingIsLostToRounding(uint256 amount, uint256 seed, uint16 stakers) public {
        amount = bound(amount, 1, 1e26);
        uint256 count = bound(stakers, 1, 5);
        for (uint256 i = 0; i < count; i++) {
            address who = address(uint160(1000 + i));
            share.mint(who, 1e30);
            vm.startPrank(who);
            share.approve(address(farm), 1e30);
            farm.stake(1 + uint256(keccak256(abi.encode(seed, i))) % 1e30, who);
            vm.stopPrank();
        }
        fund(cash, amount, 30 days + 7);
        for (uint256 i = 0; i < 40; i++) {
            pass(uint256(keccak256(abi.encode(seed, "time", i))) % 1 days);
            address who = address(uint160(1000 + i % count));
            if (i % 3 == 0) claim(who, cash);
            else stake(alice, 1);
        }
        pass(60 days);
        uint256 paid = cash.balanceOf(alice) + claim(alice, cash);
        for (uint256 i = 0; i < count; i++) {
            address who = address(uint160(1000 + i));
            claim(who, cash);
            paid += cash.balanceOf(who);
        }
        assertLe(paid, amount, "S11");
        assertGe(paid + count + 1, amount, "lost");
    }

    /// @dev Cents over a month to a huge stake, touched every second: a rate in units per second would be
    /// zero, and an index of 10^18 parts would not move.
    function test_SmallRewardsForLargeStakesAreNotTruncated() public {
        stake(alice, 1e38);
        fund(cash, 100e2, 30 days);
        for (uint256 i = 0; i < 200; i++) {
            pass(1);
            stake(bob, 1);
        }
        pass(15 days - 200);
        assertApproxEqAbs(farm.earned(alice, address(cash)), 50e2, 1);
        pass(15 days);
        assertApproxEqAbs(claim(alice, cash), 100e2, 1);
    }

    function testFuzz_FractionsAreKept(uint8 claims) public {
        stake(alice, 1e18);
        stake(bob, 2e18);
        fund(cash, 1000, 100 days);
        uint256 times = uint256(claims) + 1;
        for (uint256 i = 0; i < times; i++) {
            pass(100 days / times);
            claim(alice, cash);
        }
        pass(100 days);
        claim(alice, cash);
        assertEq(cash.balanceOf(alice), 333, "each claim keeps its fraction for the next");
        assertEq(claim(bob, cash), 666);
    }

    function test_TheStakingTokenMayBeAReward() public {
        vm.prank(governance);
        farm.addReward(address(share));
        _give(share, funder);
        stake(alice, 100e18);
        fund(share, 50e18, 10 days);
        assertEq(share.balanceOf(address(farm)), 150e18);
        assertEq(farm.totalStaked(), 100e18, "a reward is not a stake");
        pass(10 days);
        uint256 before = share.balanceOf(alice);
        assertApproxEqAbs(claim(alice, share), 50e18, 1);
        withdraw(alice, 100e18);
        assertApproxEqAbs(share.balanceOf(alice) - before, 150e18, 1);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IFarm.NoSurplus.selector, address(share)));
        farm.recover(address(share), governance);
    }

    /* ------------------------------------------- Funding ----------------------------------------- */

    function test_OnlyAllowedFundersFund() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IFarm.NotFunder.selector, alice));
        farm.fund(address(coin), 1, block.timestamp + 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
        );
        farm.setFunder(alice, true);
        vm.expectEmit(address(farm));
        emit IFarm.FunderSet(funder, false);
        vm.prank(governance);
        farm.setFunder(funder, false);
        assertFalse(farm.isFunder(funder));
        vm.prank(funder);
        vm.expectRevert(abi.encodeWithSelector(IFarm.NotFunder.selector, funder));
        farm.fund(address(coin), 1, block.timestamp + 1 days);
    }

    function test_WrongFundsAreRefused() public {
        vm.startPrank(funder);
        vm.expectRevert(IFarm.ZeroAmount.selector);
        farm.fund(address(coin), 0, block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IFarm.UnknownReward.selector, address(share)));
        farm.fund(address(share), 1, block.timestamp + 1 days);
        uint256 day = block.timestamp + 1 days;
        uint256 years_ = block.timestamp + 4 * 365 days;
        vm.expectRevert(abi.encodeWithSelector(IFarm.BadFinish.selector, day - 1, day, years_));
        farm.fund(address(coin), 1, day - 1);
        vm.expectRevert(abi.encodeWithSelector(IFarm.BadFinish.selector, years_ + 1, day, years_));
        farm.fund(address(coin), 1, years_ + 1);
        uint256 max = type(uint120).max;
        farm.fund(address(coin), 1, years_);
        vm.expectRevert(
            abi.encodeWithSelector(IFarm.FundedTooMuch.selector, address(coin), max + 1, max)
        );
        farm.fund(address(coin), max, years_);
        farm.fund(address(coin), max - 1, years_);
        vm.stopPrank();
        // At the very limits, everything still counts.
        share.mint(alice, type(uint128).max);
        vm.prank(alice);
        farm.stake(1, alice);
        vm.warp(years_ - 1 days);
        stake(bob, 1e38);
        vm.warp(years_ + 1 days);
        assertApproxEqAbs(claim(alice, coin) + claim(bob, coin), max, 2);
    }

    function testFuzz_NobodyHurriesOrSlowsDownWhatOthersFunded(
        uint256 first,
        uint256 second,
        uint256 wait,
        uint256 finish
    ) public {
        first = bound(first, 1e6, 1e27);
        second = bound(second, 1, 1e27);
        uint256 end = block.timestamp + 30 days;
        stake(alice, 1e18);
        vm.prank(funder);
        farm.fund(address(coin), first, end);
        pass(bound(wait, 0, 29 days));
        finish = bound(finish, block.timestamp + 1 days, block.timestamp + 4 * 365 days);
        uint256 earned = farm.earned(alice, address(coin));
        vm.prank(funder);
        try farm.fund(address(coin), second, finish) {
            assertGe(finish, end);
        } catch (bytes memory reason) {
            bytes4 why = bytes4(reason);
            assertTrue(why == IFarm.BadFinish.selector || why == IFarm.RateWouldFall.selector);
            if (why == IFarm.BadFinish.selector) assertLt(finish, end);
            // One more unit than the old speed needs for the longer time is always enough.
            else assertLt(second * 30 days, (first + 1) * (finish - end + 30 days));
        }
        assertEq(farm.earned(alice, address(coin)), earned);
        vm.warp(end);
        assertGe(farm.earned(alice, address(coin)) + 1, first, "less came until the old end");
    }

    function test_FundingAddsToWhatIsLeft() public {
        stake(alice, 1e18);
        fund(coin, 1000e18, 10 days);
        pass(5 days);
        vm.expectEmit(address(farm));
        emit IFarm.Funded(funder, address(coin), 1000e18, block.timestamp + 10 days);
        fund(coin, 1000e18, 10 days);
        (uint256 funded, uint256 paid, uint256 remaining, uint256 finish) =
            farm.rewardState(address(coin));
        assertEq(funded, 2000e18);
        assertEq(paid, 0);
        assertApproxEqAbs(remaining, 1500e18, 1);
        assertEq(finish, block.timestamp + 10 days);
        pass(10 days);
        assertApproxEqAbs(claim(alice, coin), 2000e18, 1);
        (, paid, remaining,) = farm.rewardState(address(coin));
        assertApproxEqAbs(paid, 2000e18, 1);
        assertEq(remaining, 0);
        // What ended can be funded again.
        fund(coin, 10e18, 1 days);
        pass(1 days);
        assertApproxEqAbs(claim(alice, coin), 10e18, 1);
    }

    /* -------------------------------------------- Owner ------------------------------------------ */

    function test_TheOwnerNamesRewards() public {
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
        );
        farm.addReward(address(share));
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(IFarm.RewardExists.selector, address(coin)));
        farm.addReward(address(coin));
        vm.expectRevert(abi.encodeWithSelector(IFarm.InvalidAddress.selector, bob));
        farm.addReward(bob);
        for (uint256 i = 2; i < 8; i++) {
            farm.addReward(address(new TestToken(2)));
        }
        vm.expectRevert(abi.encodeWithSelector(IFarm.TooManyRewards.selector, 8));
        farm.addReward(address(share));
        vm.expectRevert(abi.encodeWithSelector(IFarm.InvalidAddress.selector, bob));
        new Farm(bob, governance);
    }

    function test_TheOwnerRecoversWhatIsNobodysAndNothingElse() public {
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(5 days);
        claim(alice, coin);
        TestToken[2] memory both = [share, coin];
        for (uint256 i = 0; i < 2; i++) {
            bytes memory none = abi.encodeWithSelector(IFarm.NoSurplus.selector, address(both[i]));
            vm.prank(governance);
            vm.expectRevert(none);
            farm.recover(address(both[i]), governance);
            both[i].mint(address(farm), 5);
            vm.prank(governance);
            assertEq(farm.recover(address(both[i]), governance), 5);
        }
        TestToken other = new TestToken(6);
        other.mint(address(farm), 7);
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
        );
        farm.recover(address(other), bob);
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(IFarm.InvalidAddress.selector, address(farm)));
        farm.recover(address(other), address(farm));
        farm.recover(address(other), bob);
        assertEq(other.balanceOf(bob), 7);
    }

    /* ----------------------------------------- Odd tokens ---------------------------------------- */

    function test_ARewardThatMisbehavesHoldsNoStake() public {
        TestToken.Habit[3] memory bad =
            [TestToken.Habit.Reverts, TestToken.Habit.ReturnsFalse, TestToken.Habit.BurnsGas];
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        fund(cash, 1000e2, 10 days);
        pass(5 days);
        uint256 snapshot = vm.snapshotState();
        for (uint256 i = 0; i < 3; i++) {
            coin.setHabit(bad[i]);
            vm.prank(alice);
            vm.expectRevert();
            farm.claim{gas: 5_000_000}(address(coin), alice);
            assertApproxEqAbs(claim(alice, cash), 500e2, 1);
            stake(alice, 1e18);
            withdraw(alice, 101e18);
            assertEq(farm.stakeOf(alice), 0);
            coin.setHabit(TestToken.Habit.None);
            assertApproxEqAbs(claim(alice, coin), 500e18, 1);
            vm.revertToState(snapshot);
        }
    }

    function test_AnExitLeavesOutWhatCantBePaidAndKeepsItOwed() public {
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        fund(cash, 1000e2, 10 days);
        pass(5 days);
        uint256 owed = farm.earned(alice, address(coin));
        coin.setFrozen(alice, true);
        vm.expectEmit(address(farm));
        emit IFarm.ClaimFailed(alice, address(coin), alice, owed);
        vm.prank(alice);
        farm.exit(alice);
        assertEq(share.balanceOf(alice), 1e40);
        assertApproxEqAbs(cash.balanceOf(alice), 500e2, 1);
        assertEq(farm.earned(alice, address(coin)), owed);
        (, uint256 paid,,) = farm.rewardState(address(coin));
        assertEq(paid, 0);
        // To somebody who may receive it, or later.
        vm.prank(alice);
        assertEq(farm.claim(address(coin), carol), owed);
        assertEq(coin.balanceOf(carol), owed);
        vm.expectRevert(abi.encodeWithSelector(IFarm.UnknownReward.selector, address(share)));
        farm.claim(address(share), alice);
    }

    function test_TokensThatTakeFeesAreRefused() public {
        share.setHabit(TestToken.Habit.TakesFee);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IFarm.TransferFeeNotSupported.selector, address(share), 100e18, 99e18
            )
        );
        farm.stake(100e18, alice);
        coin.setHabit(TestToken.Habit.TakesFee);
        vm.prank(funder);
        vm.expectRevert(
            abi.encodeWithSelector(
                IFarm.TransferFeeNotSupported.selector, address(coin), 100e18, 99e18
            )
        );
        farm.fund(address(coin), 100e18, block.timestamp + 1 days);
    }

    function test_TokensThatReturnNothingWorkAndFalseIsRefused() public {
        share.setHabit(TestToken.Habit.ReturnsNothing);
        coin.setHabit(TestToken.Habit.ReturnsNothing);
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(10 days);
        vm.prank(alice);
        farm.exit(alice);
        assertApproxEqAbs(coin.balanceOf(alice), 1000e18, 1);
        share.setHabit(TestToken.Habit.ReturnsFalse);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(share))
        );
        farm.stake(100e18, alice);
    }

    function test_NothingOfTheFarmRunsInTheMiddle() public {
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(5 days);
        bytes[] memory calls = new bytes[](7);
        calls[0] = abi.encodeCall(IFarm.stake, (1, alice));
        calls[1] = abi.encodeCall(IFarm.withdraw, (1, alice));
        calls[2] = abi.encodeCall(IFarm.claim, (address(coin), alice));
        calls[3] = abi.encodeCall(IFarm.claimAll, (alice));
        calls[4] = abi.encodeCall(IFarm.exit, (alice));
        calls[5] = abi.encodeCall(IFarm.fund, (address(coin), 1, 0));
        calls[6] = abi.encodeCall(IFarm.stakeWithPermit, (1, alice, 0, 0, 0, 0));
        bytes4 refused = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        for (uint256 i = 0; i < calls.length; i++) {
            coin.setHook(address(farm), calls[i]);
            vm.prank(alice);
            vm.expectRevert(refused);
            farm.claim(address(coin), alice);
            share.setHook(address(farm), calls[i]);
            vm.prank(alice);
            vm.expectRevert(refused);
            farm.withdraw(1e18, alice);
            vm.prank(alice);
            vm.expectRevert(refused);
            farm.stake(1e18, alice);
        }
    }
}

/// @dev Real losses of farms, replayed against ours.
contract FarmLossesTest is FarmFixture {
    /// @dev MasterChef and its children take the balance of the staked token as the sum of stakes: tokens
    /// sent to it dilute everybody, and what is diluted is never paid.
    function testFuzz_MasterChef_ADonationDilutesNobody(uint256 donated) public {
        stake(alice, 100e18);
        fund(coin, 1000e18, 10 days);
        pass(1 days);
        share.mint(address(farm), bound(donated, 1, 1e38));
        pass(4 days);
        assertApproxEqAbs(farm.earned(alice, address(coin)), 500e18, 1);
        coin.mint(address(farm), 1e24);
        assertApproxEqAbs(farm.earned(alice, address(coin)), 500e18, 1);
        pass(5 days);
        assertApproxEqAbs(claim(alice, coin), 1000e18, 1);
    }

    /// @dev MasterChef with the reward as the staked token pays rewards out of stakes.
    function test_MasterChef_RewardsNeverComeOutOfStakes() public {
        vm.prank(governance);
        farm.addReward(address(share));
        _give(share, funder);
        stake(alice, 100e18);
        stake(bob, 300e18);
        fund(share, 10e18, 1 days);
        pass(30 days);
        claim(alice, share);
        claim(bob, share);
        assertGe(share.balanceOf(address(farm)), farm.totalStaked());
        withdraw(alice, 100e18);
        withdraw(bob, 300e18);
    }

    /// @dev StakingRewards gives out by the clock even if nobody stakes: that part stays in the contract
    /// for ever. Here the clock stands still.
    function testFuzz_StakingRewards_NothingIsLostWhileNobodyStakes(uint256 before, uint256 between)
        public
    {
        before = bound(before, 0, 300 days);
        between = bound(between, 0, 300 days);
        fund(coin, 1000e18, 10 days);
        pass(before);
        stake(alice, 1e18);
        pass(3 days);
        withdraw(alice, 1e18);
        pass(between);
        (,,, uint256 finish) = farm.rewardState(address(coin));
        assertEq(finish, block.timestamp + 7 days);
        stake(bob, 5e18);
        pass(7 days);
        assertApproxEqAbs(claim(alice, coin), 300e18, 1);
        assertApproxEqAbs(claim(bob, coin), 700e18, 1);
    }

    /// @dev StakingRewards divides the amount by the duration and forgets the remainder: for 2 decimals
    /// over 30 days, 9,999 of 10,000 units can be gone. Its check also takes stakes for rewards when
    /// both are the same token.
    function test_StakingRewards_TheRemainderOfTheRateIsKept() public {
        stake(alice, 1e18);
        fund(cash, 2_592_000 * 2 - 1, 30 days);
        pass(30 days);
        assertApproxEqAbs(claim(alice, cash), 2_592_000 * 2 - 1, 1);
        // Less than a unit a second.
        fund(cash, 1000e2, 30 days);
        pass(30 days);
        assertApproxEqAbs(claim(alice, cash), 1000e2, 1);
    }

    /// @dev One who may fund sends a unit and starts the period again: what was left is stretched, for
    /// ever if he goes on.
    function test_StakingRewards_AUnitDoesNotStretchThePeriod() public {
        stake(alice, 1e18);
        fund(coin, 1000e18, 10 days);
        pass(5 days);
        vm.prank(funder);
        vm.expectRevert(abi.encodeWithSelector(IFarm.RateWouldFall.selector, address(coin)));
        farm.fund(address(coin), 1, block.timestamp + 10 days);
        // With the speed kept up it is welcome.
        fund(coin, 500e18, 10 days);
    }

    /// @dev Money that stays for a moment around a funding takes a moment's part only.
    function test_FlashStake_GetsNothing() public {
        stake(alice, 1e18);
        stake(bob, 1e30);
        fund(coin, 1000e18, 1 days);
        withdraw(bob, 1e30);
        assertEq(farm.earned(bob, address(coin)), 0);
        pass(1 days);
        assertApproxEqAbs(claim(alice, coin), 1000e18, 1);
    }
}
