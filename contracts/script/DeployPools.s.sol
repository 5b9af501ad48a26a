// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";
import {PoolFactory} from "../src/pools/PoolFactory.sol";
import {PoolRouter} from "../src/pools/PoolRouter.sol";
import {StablePairDeployer} from "../src/pools/StablePairDeployer.sol";
import {TwapOracle} from "../src/pools/TwapOracle.sol";
import {VolatilePairDeployer} from "../src/pools/VolatilePairDeployer.sol";

/// @dev The steps, for whoever deploys pools.
abstract contract PoolsDeployment is Script {
    /// @notice Deploys what is needed to create pairs and to trade, for a factory of `governance`.
    function deployPools(address governance)
        internal
        returns (PoolFactory factory, PoolRouter router, TwapOracle oracle)
    {
        factory = new PoolFactory(governance, new VolatilePairDeployer(), new StablePairDeployer());
        router = new PoolRouter(factory);
        oracle = new TwapOracle(factory, 30 minutes, 2 hours);
    }
}

/// @title Deploys factory, router and oracle of the pools
/// @dev `POOLS_GOVERNANCE` is the factory's owner, by default the sender. Averages cover 30 minutes to 2
/// hours.
contract DeployPools is PoolsDeployment {
    /// @notice Deploys what is needed to create pairs and to trade.
    function run() external returns (PoolFactory factory, PoolRouter router, TwapOracle oracle) {
        vm.startBroadcast();
        (, address sender,) = vm.readCallers();
        (factory, router, oracle) = deployPools(vm.envOr("POOLS_GOVERNANCE", sender));
        vm.stopBroadcast();
        console.log("FACTORY", address(factory));
        console.log("ROUTER", address(router));
        console.log("ORACLE", address(oracle));
    }
}
