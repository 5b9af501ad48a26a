// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IPairDeployer} from "./IPairDeployer.sol";
import {StablePair} from "./StablePair.sol";

/// @title Creates stable pairs
contract StablePairDeployer is IPairDeployer {
    /// @inheritdoc IPairDeployer
    function deploy(address token0, address token1) external returns (address) {
        return address(
            new StablePair{salt: _salt(msg.sender, token0, token1)}(msg.sender, token0, token1)
        );
    }

    /// @inheritdoc IPairDeployer
    function predict(address factory, address token0, address token1)
        external
        view
        returns (address)
    {
        bytes32 code = keccak256(
            bytes.concat(type(StablePair).creationCode, abi.encode(factory, token0, token1))
        );
        return Create2.computeAddress(_salt(factory, token0, token1), code);
    }

    function _salt(address factory, address token0, address token1) private pure returns (bytes32) {
        return keccak256(abi.encode(factory, token0, token1));
    }
}
