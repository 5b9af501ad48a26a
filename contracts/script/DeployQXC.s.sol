// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";
import {QXC} from "../src/QXC.sol";

/// @title Deploys QXC
/// @notice The holder of the supply is the environment variable `QXC_HOLDER`, or the sender.
contract DeployQXC is Script {
    function run() external returns (QXC token) {
        vm.startBroadcast();
        token = new QXC(vm.envOr("QXC_HOLDER", msg.sender));
        vm.stopBroadcast();
        console.log("QXC at", address(token));
    }
}
