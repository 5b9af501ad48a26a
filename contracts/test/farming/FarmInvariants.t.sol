// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {FarmHandler} from "./FarmHandler.sol";

/// @dev Random histories of a farm in a second that does not end: nobody earns anything.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract FarmStaticInvariants is Test {
    FarmHandler internal handler;

    function setUp() public virtual {
        handler = new FarmHandler();
        targetContract(address(handler));
        bytes4[] memory list = new bytes4[](10);
        list[0] = FarmHandler.stakeSome.selector;
        list[1] = FarmHandler.withdrawSome.selector;
        list[2] = FarmHandler.stakeAndWithdraw.selector;
        list[3] = FarmHandler.claimOne.selector;
        list[4] = FarmHandler.claimEach.selector;
        list[5] = FarmHandler.exit.selector;
        list[6] = FarmHandler.exitWithABrokenReward.selector;
        list[7] = FarmHandler.fundOne.selector;
        list[8] = FarmHandler.donate.selector;
        list[9] = FarmHandler.recover.selector;
        targetSelector(FuzzSelector(address(handler), list));
    }

    /// @dev S11, S12, F1 and F2; S7, S15, F3 and F4 are checked by the handler, action by action.
    function invariant_S7_S11_S12_S15_F1_F2_F3_F4() public view {
        handler.checkAlways();
    }
}

/// @dev The same with time.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract FarmDynamicInvariants is FarmStaticInvariants {
    function setUp() public override {
        super.setUp();
        bytes4[] memory list = new bytes4[](1);
        list[0] = FarmHandler.wait.selector;
        targetSelector(FuzzSelector(address(handler), list));
    }
}

/// @dev The handler itself: each of its actions does something, so the suites above prove something.
contract FarmHandlerTest is Test {
    function test_EachActionActs() public {
        FarmHandler handler = new FarmHandler();
        for (uint256 i = 0; i < 8; i++) {
            uint256 seed = i << 8 | i;
            handler.stakeSome(seed, 1e18);
            handler.fundOne(seed, 1e18, 10 days);
            handler.wait(1 days);
            handler.claimOne(seed);
            handler.withdrawSome(seed, 1e17);
            handler.stakeAndWithdraw(seed, 1e20);
            handler.wait(1 days);
            handler.donate(seed, 1e18);
            handler.claimEach(seed);
            handler.recover(seed);
            handler.stakeSome(seed + 1, 1e18);
            handler.wait(1 days);
            handler.exit(seed);
            handler.exitWithABrokenReward(seed + 1);
            handler.checkAlways();
        }
        bytes32[11] memory all = [
            bytes32("stake"),
            "withdraw",
            "stakeAndWithdraw",
            "claim",
            "claimAll",
            "exit",
            "exitWithABrokenReward",
            "fund",
            "donate",
            "recover",
            "wait"
        ];
        for (uint256 i = 0; i < all.length; i++) {
            assertGt(handler.done(all[i]), 3, string(abi.encodePacked(all[i])));
        }
    }
}
