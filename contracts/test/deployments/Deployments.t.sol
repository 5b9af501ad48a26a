// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {TestBitcoin} from "../../src/examples/TestBitcoin.sol";
import {Farm} from "../../src/farming/Farm.sol";
import {QenexGovernor} from "../../src/governance/QenexGovernor.sol";
import {LedgerGate} from "../../src/lending/LedgerGate.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {OracleAdapter} from "../../src/oracle/OracleAdapter.sol";
import {PoolFactory} from "../../src/pools/PoolFactory.sol";
import {PoolRouter} from "../../src/pools/PoolRouter.sol";
import {StablePairDeployer} from "../../src/pools/StablePairDeployer.sol";
import {TwapOracle} from "../../src/pools/TwapOracle.sol";
import {VolatilePairDeployer} from "../../src/pools/VolatilePairDeployer.sol";
import {QXC} from "../../src/qxc/QXC.sol";

/// @dev What development networks begin with is what is built here: else `bin/suite` must run again.
contract DeploymentsTest is Test {
    string private constant FILE = "deployments/20824.transactions.json";
    string private constant AGAIN = "deployments/20824.* are not of these sources: run bin/suite";

    function test_DevelopmentNetworksHaveTheContractsOfTheseSources() public view {
        string memory json = vm.readFile(FILE);
        uint256 creations;
        for (uint256 i = 0; vm.keyExistsJson(json, _at(i, "what")); i++) {
            if (!vm.keyExistsJson(json, _at(i, "creates"))) continue;
            bytes memory expected = _code(vm.parseJsonString(json, _at(i, "what")));
            bytes memory data = vm.parseJsonBytes(json, _at(i, "data"));
            assertGe(data.length, expected.length, AGAIN);
            // What follows are the constructor's arguments.
            assembly {
                mstore(data, mload(expected))
            }
            assertEq(keccak256(data), keccak256(expected), AGAIN);
            creations++;
        }
        assertEq(creations, 13, AGAIN);
    }

    function test_AddressesAreThoseOfTheTransactions() public view {
        string memory json = vm.readFile(FILE);
        string memory published = vm.readFile("deployments/20824.json");
        string[] memory names = vm.parseJsonKeys(published, ".contracts");
        address deployer = vm.parseJsonAddress(json, ".deployer");
        for (uint256 i = 0; vm.keyExistsJson(json, _at(i, "what")); i++) {
            if (!vm.keyExistsJson(json, _at(i, "creates"))) continue;
            address made = vm.parseJsonAddress(json, _at(i, "creates"));
            assertEq(made, vm.computeCreateAddress(deployer, i), AGAIN);
            if (_isNamed(published, names, made)) continue;
            // Nobody calls those but the factory.
            string memory what = vm.parseJsonString(json, _at(i, "what"));
            bytes32 name = keccak256(bytes(what));
            bool known = name == keccak256("new VolatilePairDeployer")
                || name == keccak256("new StablePairDeployer");
            assertTrue(known, what);
        }
    }

    function _isNamed(string memory published, string[] memory names, address made)
        private
        pure
        returns (bool)
    {
        for (uint256 i = 0; i < names.length; i++) {
            string memory key = string.concat(".contracts.", names[i]);
            if (vm.parseJsonAddress(published, key) == made) return true;
        }
        return false;
    }

    function _at(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".transactions[", vm.toString(i), "].", field);
    }

    function _code(string memory what) private pure returns (bytes memory) {
        bytes32 name = keccak256(bytes(what));
        if (name == keccak256("new QXC")) return type(QXC).creationCode;
        if (name == keccak256("new QenexGovernor")) return type(QenexGovernor).creationCode;
        if (name == keccak256("new TestBitcoin")) return type(TestBitcoin).creationCode;
        if (name == keccak256("new OracleAdapter")) return type(OracleAdapter).creationCode;
        if (name == keccak256("new LedgerGate")) return type(LedgerGate).creationCode;
        if (name == keccak256("new LendingPool")) return type(LendingPool).creationCode;
        if (name == keccak256("new VolatilePairDeployer")) {
            return type(VolatilePairDeployer).creationCode;
        }
        if (name == keccak256("new StablePairDeployer")) {
            return type(StablePairDeployer).creationCode;
        }
        if (name == keccak256("new PoolFactory")) return type(PoolFactory).creationCode;
        if (name == keccak256("new PoolRouter")) return type(PoolRouter).creationCode;
        if (name == keccak256("new TwapOracle")) return type(TwapOracle).creationCode;
        if (name == keccak256("new Farm")) return type(Farm).creationCode;
        revert(what);
    }
}
