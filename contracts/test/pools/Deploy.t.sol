// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {DeployFarm} from "../../script/DeployFarm.s.sol";
import {DeployPools} from "../../script/DeployPools.s.sol";
import {Farm} from "../../src/farming/Farm.sol";
import {PoolFactory} from "../../src/pools/PoolFactory.sol";
import {PoolRouter} from "../../src/pools/PoolRouter.sol";
import {TwapOracle} from "../../src/pools/TwapOracle.sol";
import {TestToken} from "./TestToken.sol";

/// @dev The scripts wire what they deploy.
contract DeployPoolsTest is Test {
    function test_TheScriptsWireTheirContracts() public {
        address governance = makeAddr("governance");
        TestToken token = new TestToken(18);
        vm.setEnv("POOLS_GOVERNANCE", vm.toString(governance));
        vm.setEnv("FARM_GOVERNANCE", vm.toString(governance));
        vm.setEnv("FARM_TOKEN", vm.toString(address(token)));
        (PoolFactory factory, PoolRouter router, TwapOracle oracle) = new DeployPools().run();
        assertEq(factory.owner(), governance);
        assertEq(address(router.FACTORY()), address(factory));
        assertEq(address(oracle.FACTORY()), address(factory));
        factory.createPair(address(token), address(new TestToken(2)), true);
        Farm farm = new DeployFarm().run();
        assertEq(farm.owner(), governance);
        assertEq(farm.stakingToken(), address(token));
    }
}
