// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {IPoolFactory} from "../../src/pools/IPoolFactory.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev Says that it has more decimals than a number of eight bits can.
contract OddToken {
    uint256 public immutable decimals;

    constructor(uint256 decimals_) {
        decimals = decimals_;
    }
}

/// @dev Pretends to be a pair of the factory.
contract FalsePair {
    address public token0;
    address public token1;
    bool public stable;

    constructor(address token0_, address token1_) {
        (token0, token1) = (token0_, token1_);
    }
}

/// @dev The register of pairs.
contract PoolFactoryTest is PoolFixture {
    TestToken internal a;
    TestToken internal b;

    function setUp() public override {
        super.setUp();
        (a, b) = newTokens(2, 18);
    }

    function test_AnyoneCreatesAPairOfEachKindOnce() public {
        for (uint256 i = 0; i < 2; i++) {
            bool stable = i == 1;
            address predicted = factory.predictPair(address(b), address(a), stable);
            vm.expectEmit(address(factory));
            emit IPoolFactory.PairCreated(address(a), address(b), stable, predicted, i + 1);
            vm.prank(bob);
            address pair = factory.createPair(address(b), address(a), stable);
            assertEq(pair, predicted);
            assertEq(factory.getPair(address(a), address(b), stable), pair);
            assertEq(factory.getPair(address(b), address(a), stable), pair);
            assertEq(factory.allPairs(i), pair);
            assertTrue(factory.isPair(pair));
            assertEq(IPair(pair).token0(), address(a));
            assertEq(IPair(pair).token1(), address(b));
            assertEq(IPair(pair).factory(), address(factory));
            assertEq(IPair(pair).stable(), stable);
            assertEq(IPair(pair).fee(), stable ? 4 : 30);
            vm.expectRevert(abi.encodeWithSelector(IPoolFactory.PairExists.selector, pair));
            factory.createPair(address(a), address(b), stable);
        }
        assertEq(factory.allPairsLength(), 2);
    }

    function test_TokensThatCantHaveAPairAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IPoolFactory.IdenticalTokens.selector, address(a)));
        factory.createPair(address(a), address(a), false);
        vm.expectRevert(abi.encodeWithSelector(IPoolFactory.NotAToken.selector, bob));
        factory.createPair(address(a), bob, false);
        vm.expectRevert(abi.encodeWithSelector(IPoolFactory.NotAToken.selector, address(factory)));
        factory.createPair(address(a), address(factory), false);
        address odd = address(new OddToken(256));
        vm.expectRevert(abi.encodeWithSelector(IPoolFactory.NotAToken.selector, odd));
        factory.createPair(address(a), odd, false);
        odd = address(new OddToken(19));
        vm.expectRevert(abi.encodeWithSelector(IPoolFactory.TooManyDecimals.selector, odd, 19));
        factory.createPair(address(a), odd, true);
        assertEq(factory.allPairsLength(), 0);
    }

    function test_StrangersAreNoPairs() public {
        address pair = factory.createPair(address(a), address(b), false);
        assertFalse(factory.isPair(bob));
        assertFalse(factory.isPair(address(new FalsePair(address(a), address(b)))));
        // Nobody takes the address of a pair by using the deployer himself.
        address own = factory.VOLATILE().deploy(address(a), address(b));
        assertTrue(own != pair);
        assertFalse(factory.isPair(own));
        assertEq(IPair(own).factory(), address(this));
    }

    function test_TheOwnerAloneSwitchesTheFee() public {
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
        );
        factory.setFeeTo(bob);
        vm.expectEmit(address(factory));
        emit IPoolFactory.FeeToSet(treasury);
        vm.prank(governance);
        factory.setFeeTo(treasury);
        assertEq(factory.feeTo(), treasury);
    }

    function test_OwnershipMovesInTwoSteps() public {
        vm.prank(governance);
        factory.transferOwnership(bob);
        assertEq(factory.owner(), governance);
        vm.prank(bob);
        factory.acceptOwnership();
        assertEq(factory.owner(), bob);
    }
}
