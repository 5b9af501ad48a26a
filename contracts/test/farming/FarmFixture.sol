// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Farm} from "../../src/farming/Farm.sol";
import {TestToken} from "../pools/TestToken.sol";

/// @dev What the suites of farming share: a farm of shares, with a coin of 18 decimals and a currency of
/// 2 as rewards.
abstract contract FarmFixture is Test {
    Farm internal farm;
    TestToken internal share;
    TestToken internal coin;
    TestToken internal cash;
    address internal governance = makeAddr("governance");
    address internal funder = makeAddr("funder");
    address internal alice;
    uint256 internal aliceKey;
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    function setUp() public virtual {
        (alice, aliceKey) = makeAddrAndKey("alice");
        vm.warp(1_800_000_000);
        (share, coin, cash) = (new TestToken(18), new TestToken(18), new TestToken(2));
        farm = new Farm(address(share), governance);
        vm.startPrank(governance);
        farm.addReward(address(coin));
        farm.addReward(address(cash));
        farm.setFunder(funder, true);
        vm.stopPrank();
        _give(share, alice);
        _give(share, bob);
        _give(share, carol);
        _give(coin, funder);
        _give(cash, funder);
    }

    function _give(TestToken token, address who) internal {
        token.mint(who, 1e40);
        vm.prank(who);
        token.approve(address(farm), type(uint256).max);
    }

    function stake(address who, uint256 amount) internal {
        vm.prank(who);
        farm.stake(amount, who);
    }

    function withdraw(address who, uint256 amount) internal {
        vm.prank(who);
        farm.withdraw(amount, who);
    }

    function fund(TestToken token, uint256 amount, uint256 duration) internal {
        vm.prank(funder);
        farm.fund(address(token), amount, block.timestamp + duration);
    }

    function claim(address who, TestToken token) internal returns (uint256) {
        vm.prank(who);
        return farm.claim(address(token), who);
    }

    function pass(uint256 time) internal {
        vm.warp(block.timestamp + time);
    }
}
