// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Probe} from "../test/Probe.sol";
import {Reverter} from "../test/Reverter.sol";

/// @title Tests on a fork of a running network
/// @dev `FOUNDRY_PROFILE=fork forge test --fork-url http://127.0.0.1:8545`, where QENEX_FORK_PROBE
/// names a `Probe` whose number is 101.
contract ForkTest is Test {
    function test_AContractOfTheNetworkGoesOnInTheFork() public {
        Probe probe = Probe(vm.envAddress("QENEX_FORK_PROBE"));
        assertEq(probe.stored(), 101);
        assertFalse(probe.relay(new Reverter(), 102));
        assertEq(probe.stored(), 102);
        assertGt(block.number, 0);
    }
}
