// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Farm} from "../../src/farming/Farm.sol";
import {PlainToken} from "../pools/PlainToken.sol";

/// @dev Gas of whole transactions: each call below is one of its own (`isolate`), with cold storage,
/// 21,000 and its calldata. Recorded in `snapshots/Farming.json`. The tokens are plain OpenZeppelin ERC-20s.
/// forge-config: default.isolate = true
contract FarmGasTest is Test {
    Farm internal farm;
    PlainToken internal share;
    PlainToken[2] internal rewards;
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function setUp() public {
        vm.warp(1_800_000_000);
        share = new PlainToken(18);
        rewards = [new PlainToken(18), new PlainToken(2)];
        farm = new Farm(address(share), address(this));
        farm.setFunder(address(this), true);
        _give(alice);
        _give(bob);
    }

    function _give(address who) private {
        share.mint(who, 1e30);
        vm.prank(who);
        share.approve(address(farm), 1e30);
    }

    /// @dev A reward that is being given out, with somebody in the farm already.
    function _run(uint256 count) private {
        for (uint256 i = 0; i < count; i++) {
            farm.addReward(address(rewards[i]));
            rewards[i].mint(address(this), 1e24);
            rewards[i].approve(address(farm), 1e24);
            farm.fund(address(rewards[i]), 1e20, block.timestamp + 30 days);
        }
        vm.prank(bob);
        farm.stake(1e18, bob);
        vm.warp(block.timestamp + 1 days);
        vm.prank(bob);
        farm.stake(1e18, bob);
        vm.warp(block.timestamp + 1 days);
    }

    function _stake(string memory name) private returns (uint256) {
        vm.prank(alice);
        farm.stake(1e18, alice);
        vm.snapshotGasLastCall("Farming", name);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        vm.warp(block.timestamp + 1 days);
        return used;
    }

    function test_GasWithOneReward() public {
        _run(1);
        assertLe(_stake("stake, first, 1 reward"), 130_000);
        assertLe(_stake("stake, again, 1 reward"), 130_000);
        vm.prank(alice);
        farm.claim(address(rewards[0]), alice);
        vm.snapshotGasLastCall("Farming", "claim, 1 reward");
        vm.warp(block.timestamp + 1 days);
        vm.prank(alice);
        farm.withdraw(1e18, alice);
        vm.snapshotGasLastCall("Farming", "withdraw, 1 reward");
        vm.warp(block.timestamp + 1 days);
        vm.prank(alice);
        farm.exit(alice);
        vm.snapshotGasLastCall("Farming", "exit, 1 reward");
        farm.fund(address(rewards[0]), 1e20, block.timestamp + 30 days);
        vm.snapshotGasLastCall("Farming", "fund");
    }

    function test_GasWithTwoRewards() public {
        _run(2);
        _stake("stake, first, 2 rewards");
        _stake("stake, again, 2 rewards");
        vm.prank(alice);
        farm.exit(alice);
        vm.snapshotGasLastCall("Farming", "exit, 2 rewards");
    }
}
