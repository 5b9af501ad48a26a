// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev What must be true of pools, by name. Handlers take a picture before and after each action and
/// check the properties of that kind of action (`post_`); suites check those that always hold
/// (`always_`) after each action too.
///
/// S7  round trips never profit: in the handlers, for deposit and withdrawal, there and back
/// S3  tokens in the pair cover its reserves
/// S10 k never falls for a share
/// S14 a flash loan leaves the balance and its fee
/// P1  all shares have an owner, and the locked ones stay locked
/// P2  a pair that was filled once never has an empty reserve
/// P3  donations change no reserve, and only trades, deposits and loans do
/// P4  sums of prices grow with time only
abstract contract PoolProperties is PoolFixture {
    /// @dev All that a pair shows at a moment.
    struct Picture {
        uint256 r0;
        uint256 r1;
        uint256 b0;
        uint256 b1;
        uint256 supply;
        uint256 treasury;
        uint256 sum0;
        uint256 sum1;
        uint256 time;
    }

    address internal constant LOCKED = 0x000000000000000000000000000000000000dEaD;

    function picture(IPair pair) internal view returns (Picture memory p) {
        (p.r0, p.r1,) = pair.getReserves();
        p.b0 = TestToken(pair.token0()).balanceOf(address(pair));
        p.b1 = TestToken(pair.token1()).balanceOf(address(pair));
        p.supply = pair.totalSupply();
        p.treasury = pair.balanceOf(treasury);
        (p.sum0, p.sum1,) = pair.cumulativePrices();
        p.time = block.timestamp;
    }

    /* ------------------------------------ After kinds of actions ---------------------------------- */

    /// @dev S10 for what changes no shares: k, as an exact integer, did not fall.
    function post_S10_trade(IPair pair, Picture memory a, Picture memory b) internal view {
        assertEq(a.supply, b.supply, "S10: a trade made shares");
        (uint256 h0, uint256 l0) = curve(pair, a.r0, a.r1);
        (uint256 h1, uint256 l1) = curve(pair, b.r0, b.r1);
        assertTrue(h1 > h0 || (h1 == h0 && l1 >= l0), "S10: k fell");
    }

    /// @dev S10 for what changes shares: neither reserve fell for a share. Shares that the protocol took
    /// as its part of past growth are not the action's.
    function post_S10_shares(Picture memory a, Picture memory b) internal pure {
        uint256 supply = a.supply + (b.treasury - a.treasury);
        _noLess(b.r0, supply, a.r0, b.supply, "S10: token0 for a share fell");
        _noLess(b.r1, supply, a.r1, b.supply, "S10: token1 for a share fell");
    }

    /// @dev S14: balance and reserve grew by the fee, and by nothing else.
    function post_S14(Picture memory a, Picture memory b, bool first, uint256 fee) internal pure {
        assertEq(b.b0, first ? a.b0 + fee : a.b0, "S14: balance of token0");
        assertEq(b.b1, first ? a.b1 : a.b1 + fee, "S14: balance of token1");
        assertEq(b.r0, first ? a.r0 + fee : a.r0, "S14: reserve of token0");
        assertEq(b.r1, first ? a.r1 : a.r1 + fee, "S14: reserve of token1");
    }

    /// @dev P3: what only gives or takes tokens that are nobody's changes nothing of the pair.
    function post_P3(Picture memory a, Picture memory b) internal pure {
        assertEq(a.r0, b.r0, "P3: reserve of token0");
        assertEq(a.r1, b.r1, "P3: reserve of token1");
        assertEq(a.supply, b.supply, "P3: shares");
    }

    /// @dev P4: within a second no action moves the sums.
    function post_P4(Picture memory a, Picture memory b) internal pure {
        if (a.time != b.time) return;
        assertEq(a.sum0, b.sum0, "P4: sum of token0's price");
        assertEq(a.sum1, b.sum1, "P4: sum of token1's price");
    }

    /* --------------------------------------------- Always ----------------------------------------- */

    function always_S3(IPair pair) internal view {
        Picture memory p = picture(pair);
        assertGe(p.b0, p.r0, "S3: token0");
        assertGe(p.b1, p.r1, "S3: token1");
    }

    function always_P1(IPair pair, address[] memory holders) internal view {
        uint256 sum = pair.balanceOf(LOCKED) + pair.balanceOf(treasury);
        for (uint256 i = 0; i < holders.length; i++) {
            sum += pair.balanceOf(holders[i]);
        }
        assertEq(sum, pair.totalSupply(), "P1: shares of nobody");
        assertEq(pair.balanceOf(LOCKED), pair.MINIMUM_LIQUIDITY(), "P1: locked shares");
    }

    function always_P2(IPair pair) internal view {
        (uint256 r0, uint256 r1) = reserves(pair);
        assertGt(r0, 0, "P2: token0");
        assertGt(r1, 0, "P2: token1");
    }

    /// @dev a / b >= c / d
    function _noLess(uint256 a, uint256 b, uint256 c, uint256 d, string memory what) private pure {
        (uint256 h1, uint256 l1) = Math.mul512(a, b);
        (uint256 h0, uint256 l0) = Math.mul512(c, d);
        assertTrue(h1 > h0 || (h1 == h0 && l1 >= l0), what);
    }
}
