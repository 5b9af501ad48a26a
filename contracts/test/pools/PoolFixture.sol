// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {PoolFactory} from "../../src/pools/PoolFactory.sol";
import {PoolRouter} from "../../src/pools/PoolRouter.sol";
import {StablePairDeployer} from "../../src/pools/StablePairDeployer.sol";
import {VolatilePairDeployer} from "../../src/pools/VolatilePairDeployer.sol";
import {TestToken} from "./TestToken.sol";

/// @dev What the suites of pools share: a factory, a router, and tokens of chosen decimals.
abstract contract PoolFixture is Test {
    PoolFactory internal factory;
    PoolRouter internal router;
    address internal governance = makeAddr("governance");
    address internal treasury = makeAddr("treasury");
    address internal alice;
    uint256 internal aliceKey;
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    function setUp() public virtual {
        (alice, aliceKey) = makeAddrAndKey("alice");
        // Not at 1: seconds that wrapped would hide in small numbers.
        vm.warp(1_800_000_000);
        factory = new PoolFactory(governance, new VolatilePairDeployer(), new StablePairDeployer());
        router = new PoolRouter(factory);
    }

    /// @dev Two tokens, sorted, with these decimals for the smaller and the greater address.
    function newTokens(uint8 decimals0, uint8 decimals1)
        internal
        returns (TestToken token0, TestToken token1)
    {
        token0 = new TestToken(decimals0);
        token1 = new TestToken(decimals1);
        while (address(token1) < address(token0)) token1 = new TestToken(decimals1);
    }

    function newPair(TestToken token0, TestToken token1, bool stable) internal returns (IPair) {
        return IPair(factory.createPair(address(token0), address(token1), stable));
    }

    function send(TestToken token, address to, uint256 amount) internal {
        token.mint(to, amount);
    }

    /// @dev Gives `to` shares for amounts out of nothing.
    function deposit(IPair pair, address to, uint256 amount0, uint256 amount1)
        internal
        returns (uint256)
    {
        send(TestToken(pair.token0()), address(pair), amount0);
        send(TestToken(pair.token1()), address(pair), amount1);
        return pair.mint(to);
    }

    /// @dev Sells `amountIn` out of nothing, directly, for the best output. Returns it.
    function sell(IPair pair, bool zero, uint256 amountIn, address to)
        internal
        returns (uint256 amountOut)
    {
        address tokenIn = zero ? pair.token0() : pair.token1();
        amountOut = pair.getAmountOut(tokenIn, amountIn);
        send(TestToken(tokenIn), address(pair), amountIn);
        if (amountOut == 0) return 0;
        pair.swap(zero ? 0 : amountOut, zero ? amountOut : 0, to, "");
    }

    /// @dev k of the pair's curve with these reserves, as an integer of 512 bits.
    function curve(IPair pair, uint256 r0, uint256 r1)
        internal
        view
        returns (uint256 high, uint256 low)
    {
        if (!pair.stable()) return Math.mul512(r0, r1);
        uint256 x = r0 * 10 ** (18 - TestToken(pair.token0()).decimals());
        uint256 y = r1 * 10 ** (18 - TestToken(pair.token1()).decimals());
        return Math.mul512(x * y, x * x + y * y);
    }

    function reserves(IPair pair) internal view returns (uint256 r0, uint256 r1) {
        (r0, r1,) = pair.getReserves();
    }
}
