// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IStaking} from "../../src/qxc/IStaking.sol";
import {QxcFixture} from "./QxcFixture.sol";

/// @dev Locks, rewards, the pool.
contract StakingTest is QxcFixture {
    function held() private view returns (uint256) {
        return token.totalStaked() + token.rewardsReserved() + token.rewardsFree();
    }

    function test_AStakeIsHeldAndListed() public {
        vm.expectEmit(address(token));
        emit IStaking.Staked(
            alice, 0, 10 ether, 0, START + 30 days, (START + 30 days) / 1 days * 1 days
        );
        vm.expectEmit(address(token));
        emit IERC20.Transfer(alice, address(token), 10 ether);
        stake(alice, 10 ether, 30 days);
        assertEq(alice.balance, WEALTH - 10 ether);
        assertEq(address(token).balance, 10 ether);
        assertEq(token.totalStaked(), 10 ether);
        assertEq(token.stakeCount(alice), 1);
        IStaking.StakeInfo memory made = token.stakeOf(alice, 0);
        assertEq(made.amount, 10 ether);
        assertEq(made.start, START);
        assertEq(made.unlockTime, START + 30 days);
        assertFalse(made.unstaked);
    }

    function testFuzz_AStakeComesBackWholeWhenItsLockIsOverAndNotBefore(
        uint256 amount,
        uint256 lock,
        uint256 early
    ) public {
        amount = bound(amount, 1, WEALTH);
        lock = bound(lock, 1 days, 730 days);
        early = bound(early, 1, lock);
        stake(alice, amount, lock);
        vm.warp(START + lock - early);
        vm.expectRevert(abi.encodeWithSelector(IStaking.StakeLocked.selector, 0, START + lock));
        vm.prank(alice);
        token.unstake(0);
        vm.warp(START + lock);
        vm.expectEmit(address(token));
        emit IStaking.Unstaked(alice, 0, amount, 0);
        unstake(alice, 0);
        assertEq(alice.balance, WEALTH);
        assertEq(token.totalStaked(), 0);
        assertEq(address(token).balance, 0);
    }

    function test_AStakeIsPaidOnceAndToItsOwnerOnly() public {
        stake(alice, 10 ether, 1 days);
        stake(bob, 10 ether, 1 days);
        vm.warp(START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IStaking.UnknownStake.selector, carol, 0));
        vm.prank(carol);
        token.unstake(0);
        unstake(alice, 0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.AlreadyUnstaked.selector, 0));
        vm.prank(alice);
        token.unstake(0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.UnknownStake.selector, alice, 1));
        vm.prank(alice);
        token.unstake(1);
        assertEq(token.totalStaked(), 10 ether);
        assertTrue(token.stakeOf(alice, 0).unstaked);
    }

    function test_WhatCannotBeStakedIsRefused() public {
        vm.startPrank(alice);
        vm.expectRevert(IStaking.ZeroAmount.selector);
        token.stake(0, 1 days);
        uint256 most = type(uint96).max;
        vm.expectRevert(abi.encodeWithSelector(IStaking.AmountTooLarge.selector, most, most + 1));
        token.stake(most + 1, 1 days);
        uint256[3] memory locks = [uint256(0), 1 days - 1, 730 days + 1];
        for (uint256 i = 0; i < locks.length; i++) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IStaking.LockOutOfBounds.selector, 1 days, 730 days, locks[i]
                )
            );
            token.stake(1, locks[i]);
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, alice, WEALTH, WEALTH + 1
            )
        );
        token.stake(WEALTH + 1, 1 days);
        vm.expectRevert(abi.encodeWithSelector(IStaking.UnknownStake.selector, alice, 0));
        token.stakeOf(alice, 0);
        assertEq(token.totalStaked(), 0);
        assertEq(token.totalVotes(), 0);
    }

    function test_TheListIsReadInPages() public {
        for (uint256 i = 1; i <= 5; i++) {
            stake(alice, i, i * 1 days);
        }
        IStaking.StakeInfo[] memory page = token.stakesOf(alice, 1, 3);
        assertEq(page.length, 3);
        for (uint256 i = 0; i < 3; i++) {
            assertEq(page[i].index, i + 1);
            assertEq(page[i].amount, i + 2);
        }
        assertEq(token.stakesOf(alice, 4, 100).length, 1);
        assertEq(token.stakesOf(alice, 5, 1).length, 0);
        assertEq(token.stakesOf(alice, type(uint256).max, type(uint256).max).length, 0);
        assertEq(token.stakesOf(bob, 0, 10).length, 0);
    }

    function test_AnAccountRunsSoManyStakesAtATime() public {
        uint256 most = token.MAX_RUNNING();
        stake(alice, 1, 10 days);
        for (uint256 i = 1; i < most; i++) {
            stake(alice, 1, 1 days);
        }
        vm.expectRevert(abi.encodeWithSelector(IStaking.TooManyStakes.selector, most));
        vm.prank(alice);
        token.stake(1, 1 days);
        vm.warp(START + 10 days);
        stake(alice, 1, 1 days);
        assertEq(token.stakeCount(alice), most + 1);
        assertEq(token.getVotes(alice), 1);
    }

    function test_AnAccountMakesSoManyStakesInAll() public {
        stake(alice, 1, 1 days);
        vm.warp(START + 1 days);
        // The record of the first stake has the number of all: the 16 bits before the last byte.
        bytes32 slot = keccak256(abi.encode(uint256(0), keccak256(abi.encode(alice, uint256(4)))));
        uint256 word = uint256(vm.load(address(token), slot));
        vm.store(address(token), slot, bytes32(word | (uint256(0xffff) << 232)));
        assertEq(token.stakeCount(alice), type(uint16).max);
        vm.expectRevert(abi.encodeWithSelector(IStaking.TooManyStakes.selector, type(uint16).max));
        vm.prank(alice);
        token.stake(1, 1 days);
    }

    function test_WithoutRatesOrPoolThereIsNoReward() public {
        fund(100 ether);
        assertEq(token.quoteReward(100 ether, 365 days), 0);
        setRates(0, 1000);
        assertGt(token.quoteReward(100 ether, 365 days), 0);
    }

    function test_ARewardIsBaseAndBonusForTheTimeOfTheLock() public {
        fund(1_000_000 ether);
        setRates(200, 800);
        // A year at 2 % and half of 8 %, for a lock of half the longest.
        assertEq(token.quoteReward(1000 ether, 365 days), 60 ether);
        // Two years at 10 %.
        assertEq(token.quoteReward(1000 ether, 730 days), 200 ether);
        // 73 days at 2.8 %.
        assertEq(token.quoteReward(1000 ether, 73 days), 5.6 ether);
        vm.expectRevert(IStaking.ZeroAmount.selector);
        token.quoteReward(0, 73 days);
    }

    function testFuzz_ARewardIsSetAsideAtOnceAndPaidAtTheEnd(
        uint256 amount,
        uint256 lock,
        uint256 base,
        uint256 bonus,
        uint256 funds
    ) public {
        amount = bound(amount, 1, WEALTH);
        lock = bound(lock, 1 days, 730 days);
        base = bound(base, 0, 10_000);
        bonus = bound(bonus, 0, 10_000 - base);
        funds = bound(funds, 1 gwei, WEALTH);
        fund(funds);
        setRates(base, bonus);
        uint256 free = token.rewardsFree();
        assertEq(free, funds / 1 gwei * 1 gwei);
        uint256 quote = token.quoteReward(amount, lock);
        stake(alice, amount, lock);
        assertEq(token.stakeOf(alice, 0).reward, quote);
        assertEq(token.rewardsReserved(), quote);
        assertEq(token.rewardsFree(), free - quote);
        // Never more than the exact number, and never more than there was.
        uint256 yearly = base * 730 days + bonus * lock;
        assertLe(quote, amount * yearly * lock / (uint256(730 days) * 365 days * 10_000));
        assertLe(quote, free);
        // Later rates are for later stakes.
        setRates(0, 0);
        vm.warp(START + lock);
        unstake(alice, 0);
        assertEq(alice.balance, WEALTH + quote);
        assertEq(token.rewardsReserved(), 0);
        assertEq(address(token).balance, funds - quote);
        assertLe(held(), address(token).balance);
    }

    function test_AnEmptyPoolPromisesWhatIsLeftAndWhoWantsMoreIsNotLocked() public {
        fund(1 ether);
        setRates(10_000, 0);
        assertEq(token.quoteReward(100 ether, 365 days), 1 ether);
        stake(bob, 100 ether, 365 days);
        assertEq(token.rewardsFree(), 0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.RewardTooSmall.selector, 1, 0));
        vm.prank(alice);
        token.stake(100 ether, 365 days, 1);
        vm.prank(alice);
        token.stake(100 ether, 365 days, 0);
        assertEq(token.stakeOf(alice, 0).reward, 0);
    }

    function test_AWhaleTakesNoMoreThanThePool() public {
        fund(3 ether);
        setRates(10_000, 0);
        uint256 before = address(token).balance;
        vm.deal(alice, type(uint96).max);
        stake(alice, type(uint96).max, 730 days);
        assertLe(token.rewardsReserved(), 3 ether);
        assertEq(address(token).balance, before + type(uint96).max);
        vm.warp(START + 730 days);
        unstake(alice, 0);
        assertLe(held(), address(token).balance);
    }

    function testFuzz_StakesInPiecesEarnNoMoreThanAtOnce(uint256 first, uint256 second) public {
        first = bound(first, 1, WEALTH / 2);
        second = bound(second, 1, WEALTH / 2);
        fund(WEALTH);
        setRates(333, 777);
        uint256 together = token.quoteReward(first + second, 100 days);
        assertLe(token.quoteReward(first, 100 days) + token.quoteReward(second, 100 days), together);
    }

    function test_FundingTakesWholeGweiAndTheRestIsSweptLater() public {
        vm.expectRevert(IStaking.ZeroAmount.selector);
        token.fund();
        vm.deal(address(this), 10 ether);
        vm.expectRevert(IStaking.ZeroAmount.selector);
        token.fund{value: 1 gwei - 1}();
        vm.expectEmit(address(token));
        emit IStaking.RewardsFunded(address(this), 1 gwei);
        token.fund{value: 2 gwei - 1}();
        vm.expectRevert(IStaking.ZeroAmount.selector);
        token.sweep();
        token.fund{value: 1 gwei + 1}();
        assertEq(token.rewardsFree(), 2 gwei);
        token.sweep();
        assertEq(token.rewardsFree(), 3 gwei);
        assertEq(held(), address(token).balance);
    }

    function test_ADonationIsNobodysUntilItIsSwept() public {
        stake(alice, 10 ether, 1 days);
        vm.deal(address(token), 15 ether);
        assertEq(token.totalStaked(), 10 ether);
        assertEq(token.rewardsFree(), 0);
        token.sweep();
        assertEq(token.rewardsFree(), 5 ether);
        vm.warp(START + 1 days);
        unstake(alice, 0);
        assertEq(alice.balance, WEALTH);
    }

    function test_ThePoolHoldsSoMuch() public {
        uint256 most = uint256(type(uint64).max) * 1 gwei;
        vm.deal(address(this), 2 * most);
        token.fund{value: most}();
        vm.expectRevert(abi.encodeWithSelector(IStaking.AmountTooLarge.selector, 0, 1 gwei));
        token.fund{value: 1 gwei}();
    }

    function test_OnlyTheOwnerSetsRatesAndWithinBounds() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        vm.prank(alice);
        token.setRewardRates(1, 1);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IStaking.RateTooHigh.selector, 10_000, 10_001));
        token.setRewardRates(10_001, 0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.RateTooHigh.selector, 10_000, 5001));
        token.setRewardRates(5000, 5001);
        vm.expectEmit(address(token));
        emit IStaking.RewardRatesSet(5000, 5000);
        token.setRewardRates(5000, 5000);
        (uint256 base, uint256 bonus) = token.rewardRates();
        assertEq(base + bonus, 10_000);
    }
}
