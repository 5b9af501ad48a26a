// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPair} from "../../src/pools/IPair.sol";
import {IPoolRouter} from "../../src/pools/IPoolRouter.sol";
import {TwapOracle} from "../../src/pools/TwapOracle.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {PlainToken} from "./PlainToken.sol";

/// @dev Gas of whole transactions: each call below is one of its own (`isolate`), with cold storage,
/// 21,000 and its calldata. Recorded in `snapshots/Pools.json`. The tokens are plain OpenZeppelin ERC-20s.
/// forge-config: default.isolate = true
contract PoolGasTest is PoolFixture {
    PlainToken internal a;
    PlainToken internal b;
    IPair internal pair;
    IPair internal stable;

    function setUp() public override {
        super.setUp();
        (a, b) = (new PlainToken(18), new PlainToken(18));
        if (address(b) < address(a)) (a, b) = (b, a);
        pair = IPair(factory.createPair(address(a), address(b), false));
        stable = IPair(factory.createPair(address(a), address(b), true));
        for (uint256 i = 0; i < 2; i++) {
            IPair p = i == 0 ? pair : stable;
            a.mint(address(p), 1_000_000e18);
            b.mint(address(p), 1_000_000e18);
            p.mint(alice);
        }
        a.mint(alice, 1e30);
        b.mint(alice, 1e30);
        vm.startPrank(alice);
        a.approve(address(router), type(uint256).max);
        b.approve(address(router), type(uint256).max);
        pair.approve(address(router), type(uint256).max);
        vm.stopPrank();
        vm.warp(block.timestamp + 12);
        // The averages' slots are not empty any more: pairs are new only once.
        _trade(pair);
        _trade(stable);
    }

    function _trade(IPair p) private {
        vm.prank(alice);
        a.transfer(address(p), 1e18);
        p.swap(0, 9e17, alice, "");
    }

    function _direct(IPair p, string memory first, string memory again) private {
        uint256 out = p.getAmountOut(address(a), 1e18);
        vm.prank(alice);
        a.transfer(address(p), 1e18);
        vm.warp(block.timestamp + 12);
        vm.prank(alice);
        p.swap(0, out, alice, "");
        vm.snapshotGasLastCall("Pools", first);
        out = p.getAmountOut(address(a), 1e18);
        vm.prank(alice);
        a.transfer(address(p), 1e18);
        vm.prank(alice);
        p.swap(0, out, alice, "");
        vm.snapshotGasLastCall("Pools", again);
    }

    function test_GasOfADirectSwap() public {
        _direct(
            pair, "pair.swap volatile, first in a second", "pair.swap volatile, again in the second"
        );
        assertLe(vm.lastCallGas().gasTotalUsed, 75_000);
    }

    function test_GasOfADirectStableSwap() public {
        _direct(
            stable, "pair.swap stable, first in a second", "pair.swap stable, again in the second"
        );
        assertLe(vm.lastCallGas().gasTotalUsed, 75_000);
    }

    function _route(bool stable_, string memory name) private {
        IPoolRouter.Hop[] memory path = new IPoolRouter.Hop[](1);
        path[0] = IPoolRouter.Hop(address(b), stable_);
        vm.warp(block.timestamp + 12);
        vm.prank(alice);
        router.swapExactIn(address(a), 1e18, 0, path, alice, block.timestamp);
        vm.snapshotGasLastCall("Pools", name);
    }

    function test_GasOfARoutedSwap() public {
        _route(false, "router.swapExactIn volatile, first in a second");
        _route(true, "router.swapExactIn stable, first in a second");
    }

    function test_GasOfLiquidity() public {
        vm.warp(block.timestamp + 12);
        vm.prank(alice);
        router.addLiquidity(
            IPoolRouter.Deposit(
                address(a), address(b), false, 1e20, 1e20, 0, 0, 0, alice, block.timestamp
            )
        );
        vm.snapshotGasLastCall("Pools", "router.addLiquidity");
        vm.warp(block.timestamp + 12);
        vm.prank(alice);
        router.removeLiquidity(
            IPoolRouter.Withdrawal(
                address(a), address(b), false, 1e18, 0, 0, alice, block.timestamp
            )
        );
        vm.snapshotGasLastCall("Pools", "router.removeLiquidity");
    }

    function test_GasOfCreatingPairs() public {
        PlainToken c = new PlainToken(18);
        factory.createPair(address(a), address(c), false);
        vm.snapshotGasLastCall("Pools", "factory.createPair volatile");
        factory.createPair(address(a), address(c), true);
        vm.snapshotGasLastCall("Pools", "factory.createPair stable");
    }

    function test_GasOfTheOracle() public {
        TwapOracle oracle = new TwapOracle(factory, 60, 600);
        oracle.observe(address(pair));
        vm.warp(block.timestamp + 60);
        oracle.observe(address(pair));
        vm.warp(block.timestamp + 60);
        oracle.observe(address(pair));
        vm.snapshotGasLastCall("Pools", "oracle.observe");
    }
}
