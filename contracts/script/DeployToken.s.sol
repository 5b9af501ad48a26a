// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";
import {ExampleToken} from "../src/examples/ExampleToken.sol";

/// @title Deploys the example token
/// @notice The holder of the supply is the environment variable `TOKEN_HOLDER`, or the sender.
contract DeployToken is Script {
    function run() external returns (ExampleToken token) {
        vm.startBroadcast();
        token = new ExampleToken(vm.envOr("TOKEN_HOLDER", msg.sender));
        vm.stopBroadcast();
        console.log("Token at", address(token));
    }
}
