// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {PoolHandler} from "./PoolHandler.sol";

/// @dev Random histories of two pairs: people act, nothing else happens. The protocol fee is off and no
/// time passes.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract PoolStaticInvariants is Test {
    PoolHandler internal handler;

    function setUp() public virtual {
        handler = new PoolHandler();
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), people()));
    }

    function people() internal pure returns (bytes4[] memory list) {
        list = new bytes4[](9);
        list[0] = PoolHandler.add.selector;
        list[1] = PoolHandler.remove.selector;
        list[2] = PoolHandler.addAndRemove.selector;
        list[3] = PoolHandler.sellSome.selector;
        list[4] = PoolHandler.buySome.selector;
        list[5] = PoolHandler.thereAndBack.selector;
        list[6] = PoolHandler.flashSwap.selector;
        list[7] = PoolHandler.flashLoan.selector;
        list[8] = PoolHandler.skim.selector;
    }

    /// @dev S3, P1 and P2; S7, S10, S14, P3 and P4 are checked by the handler, action by action.
    function invariant_S3_S7_S10_S14_P1_P2_P3_P4() public view {
        handler.checkAlways();
    }
}

/// @dev The same with time, donations, losses, and governance that turns the protocol fee on and off.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract PoolDynamicInvariants is PoolStaticInvariants {
    function setUp() public override {
        super.setUp();
        bytes4[] memory list = new bytes4[](4);
        list[0] = PoolHandler.donate.selector;
        list[1] = PoolHandler.lose.selector;
        list[2] = PoolHandler.pass.selector;
        list[3] = PoolHandler.switchFee.selector;
        targetSelector(FuzzSelector(address(handler), list));
    }
}

/// @dev The handler itself: each of its actions does something, so the suites above prove something.
contract PoolHandlerTest is Test {
    function test_EachActionActs() public {
        PoolHandler handler = new PoolHandler();
        for (uint256 i = 0; i < 8; i++) {
            uint256 seed = i << 7 | i;
            handler.add(seed, 1e6, 1e6 << i * 8);
            handler.sellSome(seed, 1e6, i % 2 == 0);
            handler.buySome(seed, 1e3, i % 2 == 0);
            handler.thereAndBack(seed, 1e7, i % 2 == 0);
            handler.flashSwap(seed, 1e7, i % 2 == 0);
            handler.flashLoan(seed, 1e7, i % 2 == 0);
            handler.donate(seed, 1e7, i % 2 == 0);
            handler.skim(seed);
            handler.lose(seed, 1e3, i % 2 == 0);
            handler.pass(1000);
            handler.switchFee(i % 3 != 0);
            handler.addAndRemove(seed, 1e7);
            handler.remove(seed, 1e18);
            handler.checkAlways();
        }
        bytes32[13] memory all = [
            bytes32("add"),
            "remove",
            "addAndRemove",
            "sell",
            "buy",
            "thereAndBack",
            "flashSwap",
            "flashLoan",
            "donate",
            "skim",
            "lose",
            "pass",
            "switchFee"
        ];
        for (uint256 i = 0; i < all.length; i++) {
            assertGt(handler.done(all[i]), 3, string(abi.encodePacked(all[i])));
        }
    }
}
