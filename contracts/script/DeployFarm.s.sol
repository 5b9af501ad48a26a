// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";
import {Farm} from "../src/farming/Farm.sol";

/// @title Deploys a farm
/// @dev `FARM_TOKEN` is the token to stake; `FARM_GOVERNANCE` the owner, by default the sender.
contract DeployFarm is Script {
    /// @notice Deploys a farm without rewards; its owner adds them.
    function run() external returns (Farm farm) {
        address token = vm.envAddress("FARM_TOKEN");
        vm.startBroadcast();
        (, address sender,) = vm.readCallers();
        farm = new Farm(token, vm.envOr("FARM_GOVERNANCE", sender));
        vm.stopBroadcast();
        console.log("FARM", address(farm));
    }
}
