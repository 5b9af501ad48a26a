// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../pools/TestToken.sol";
import {FarmProperties} from "./FarmProperties.sol";

/// @dev Four people in a farm of three rewards, one of them the staked token. Inputs are bounded so that
/// every action succeeds: a revert is a failure of the suite. Each action checks its properties.
contract FarmHandler is FarmProperties {
    uint256 private constant NOBODY = type(uint256).max;

    /// @dev How often each action did something: a suite that only skips proves nothing.
    mapping(bytes32 action => uint256) public done;

    Picture private _before;
    uint256 private _index;
    address private _actor;

    constructor() {
        setUp();
        vm.prank(governance);
        farm.addReward(address(share));
        _give(share, funder);
        rewards = [coin, cash, share];
        for (uint256 i = 0; i < 4; i++) {
            actors.push(makeAddr(string(abi.encodePacked("actor", i))));
            _give(share, actors[i]);
        }
    }

    function checkAlways() external view {
        always_S12();
        for (uint256 i = 0; i < rewards.length; i++) {
            always_S11_F1(rewards[i]);
            always_F2(rewards[i]);
        }
    }

    /// @dev Chooses who acts and takes the picture before.
    modifier acting(uint256 seed) {
        _index = seed % actors.length;
        _actor = actors[_index];
        _before = picture();
        _;
    }

    function _reward(uint256 seed) private view returns (TestToken) {
        return rewards[(seed >> 8) % rewards.length];
    }

    function _did(bytes32 action) private {
        done[action]++;
    }

    function stakeSome(uint256 seed, uint256 amount) external acting(seed) {
        stake(_actor, bound(amount, 1, 1e30));
        post_F3(_before, picture(), NOBODY);
        _did("stake");
    }

    function withdrawSome(uint256 seed, uint256 amount) external acting(seed) {
        uint256 staked = farm.stakeOf(_actor);
        if (staked == 0) return;
        withdraw(_actor, bound(amount, 1, staked));
        post_F3(_before, picture(), NOBODY);
        _did("withdraw");
    }

    function stakeAndWithdraw(uint256 seed, uint256 amount) external acting(seed) {
        amount = bound(amount, 1, 1e30);
        uint256 balance = share.balanceOf(_actor);
        stake(_actor, amount);
        withdraw(_actor, amount);
        assertEq(share.balanceOf(_actor), balance, "S7: stake and withdrawal");
        post_F3(_before, picture(), NOBODY);
        _did("stakeAndWithdraw");
    }

    function claimOne(uint256 seed) external acting(seed) {
        TestToken token = _reward(seed);
        uint256 owed = farm.earned(_actor, address(token));
        uint256 balance = token.balanceOf(_actor);
        assertEq(claim(_actor, token), owed, "S11: a claim pays what was shown");
        assertEq(token.balanceOf(_actor), balance + owed, "S11: a claim pays");
        assertEq(farm.earned(_actor, address(token)), 0, "S11: once");
        post_F3(_before, picture(), _index);
        _did("claim");
    }

    function claimEach(uint256 seed) external acting(seed) {
        vm.prank(_actor);
        farm.claimAll(_actor);
        post_F3(_before, picture(), _index);
        _did("claimAll");
    }

    function exit(uint256 seed) external acting(seed) {
        vm.prank(_actor);
        farm.exit(_actor);
        assertEq(farm.stakeOf(_actor), 0, "S15: everybody can leave");
        post_F3(_before, picture(), _index);
        _did("exit");
    }

    /// @dev As `exit` while a reward refuses to move: stakes leave and the reward stays owed.
    function exitWithABrokenReward(uint256 seed) external acting(seed) {
        TestToken token = rewards[(seed >> 8) % 2];
        token.setHabit(TestToken.Habit.Reverts);
        uint256 owed = farm.earned(_actor, address(token));
        vm.prank(_actor);
        farm.exit(_actor);
        assertEq(farm.stakeOf(_actor), 0, "S15: everybody can leave");
        assertEq(farm.earned(_actor, address(token)), owed, "F1: it stays owed");
        post_F3(_before, picture(), _index);
        token.setHabit(TestToken.Habit.None);
        _did("exitWithABrokenReward");
    }

    function fundOne(uint256 seed, uint256 amount, uint256 duration) external acting(seed) {
        TestToken token = _reward(seed);
        (uint256 funded,, uint256 remaining, uint256 finish) = farm.rewardState(address(token));
        uint256 left = finish > block.timestamp ? finish - block.timestamp : 0;
        uint256 least = left > 1 days ? left : 1 days;
        duration = bound(duration, least, 4 * 365 days);
        amount = bound(amount, 1, 1e30);
        // Keep up the speed of what is running.
        if (left != 0) amount += (remaining + 1) * (duration - left) / left + 1;
        if (funded + amount > type(uint120).max) return;
        fund(token, amount, duration);
        Picture memory p = picture();
        post_F3(_before, p, NOBODY);
        _did("fund");
    }

    function donate(uint256 seed, uint256 amount) external acting(seed) {
        _reward(seed).mint(address(farm), bound(amount, 1, 1e30));
        post_F3(_before, picture(), NOBODY);
        _did("donate");
    }

    function recover(uint256 seed) external acting(seed) {
        TestToken token = _reward(seed);
        token.mint(address(farm), 1);
        vm.prank(governance);
        farm.recover(address(token), governance);
        post_F3(_before, picture(), NOBODY);
        _did("recover");
    }

    function wait(uint256 time) external {
        _before = picture();
        vm.warp(block.timestamp + bound(time, 1, 40 days));
        post_time(_before, picture());
        _did("wait");
    }
}
