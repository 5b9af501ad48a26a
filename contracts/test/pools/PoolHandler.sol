// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {IPoolRouter} from "../../src/pools/IPoolRouter.sol";
import {PoolProperties} from "./PoolProperties.sol";
import {TestToken} from "./TestToken.sol";

/// @dev Four people who trade, provide liquidity, lend and lose. Inputs are bounded so that every action
/// succeeds: a revert is a failure of the suite. Each action checks its properties.
contract PoolHandler is PoolProperties, IERC3156FlashBorrower {
    address[] public actors;
    IPair[] public pairs;
    /// @dev How often each action did something: a suite that only skips proves nothing.
    mapping(bytes32 action => uint256) public done;

    address private _actor;
    IPair private _pair;
    Picture private _before;
    uint256 private _pay;

    constructor() {
        setUp();
        (TestToken a, TestToken b) = newTokens(2, 18);
        (TestToken c, TestToken d) = newTokens(2, 3);
        pairs.push(newPair(a, b, false));
        pairs.push(newPair(c, d, true));
        for (uint256 i = 0; i < 4; i++) {
            actors.push(makeAddr(string(abi.encodePacked("actor", i))));
        }
        deposit(pairs[0], actors[0], 1_000_000e2, 400_000e18);
        deposit(pairs[1], actors[0], 1_000_000e2, 1_100_000e3);
    }

    function actorsList() external view returns (address[] memory) {
        return actors;
    }

    function checkAlways() external view {
        for (uint256 i = 0; i < pairs.length; i++) {
            always_S3(pairs[i]);
            always_P1(pairs[i], actors);
            always_P2(pairs[i]);
        }
    }

    /// @dev Chooses who acts on which pair, and takes the picture before.
    modifier acting(uint256 seed) {
        _actor = actors[seed % actors.length];
        _pair = pairs[(seed >> 8) % pairs.length];
        _before = picture(_pair);
        _;
        post_P4(_before, picture(_pair));
    }

    function _token(bool zero) private view returns (TestToken) {
        return TestToken(zero ? _pair.token0() : _pair.token1());
    }

    /// @dev Whether the pair nears its limits, which have tests of their own.
    function _full() private view returns (bool) {
        return _before.b0 * 10 ** (18 - _token(true).decimals()) > 1e32
            || _before.b1 * 10 ** (18 - _token(false).decimals()) > 1e32;
    }

    function _did(bytes32 action) private {
        done[action]++;
    }

    /* ------------------------------------------ Liquidity ----------------------------------------- */

    function add(uint256 seed, uint256 part0, uint256 part1) external acting(seed) {
        uint256 a0 = bound(part0, 1, _before.r0 / 2 + 1);
        uint256 a1 = bound(part1, 1, _before.r1 / 2 + 1);
        (uint256 in0, uint256 in1) = (_before.b0 - _before.r0 + a0, _before.b1 - _before.r1 + a1);
        // Up to a sixth of past growth may come on top of the shares before.
        uint256 supply = _before.supply;
        if (Math.min(supply * in0 / _before.r0, supply * in1 / _before.r1) < 2) return;
        if (_full()) return;
        deposit(_pair, _actor, a0, a1);
        post_S10_shares(_before, picture(_pair));
        _did("add");
    }

    function remove(uint256 seed, uint256 shares) external acting(seed) {
        uint256 all = _pair.balanceOf(_actor);
        if (all == 0) return;
        shares = bound(shares, all / 10 + 1, all);
        // Rounded down to nothing of both is refused; a margin for the protocol's shares.
        uint256 most = Math.max(_before.r0, _before.r1);
        if (most * shares / _before.supply < 2) return;
        vm.prank(_actor);
        _pair.burn(_actor, shares, _actor);
        post_S10_shares(_before, picture(_pair));
        _did("remove");
    }

    function addAndRemove(uint256 seed, uint256 part) external acting(seed) {
        // Donations would be the depositor's to claim: that is no profit from rounding.
        _pair.skim(address(1));
        uint256 a0 = bound(part, _before.r0 / 100 + 1, _before.r0 + 1);
        uint256 a1 = Math.mulDiv(a0, _before.r1, _before.r0) + 1;
        if (_full()) return;
        // In a pair that nearly all have left, a deposit may be worth less than a unit of both tokens,
        // which is refused; a margin for the protocol's shares.
        uint256 supply = _before.supply;
        uint256 expected = Math.min(a0 * supply / _before.r0, a1 * supply / _before.r1);
        uint256 most = Math.max(_before.r0 + a0, _before.r1 + a1);
        if (expected < 2 || most * expected / (supply + expected) < 2) return;
        uint256 shares = deposit(_pair, _actor, a0, a1);
        vm.prank(_actor);
        (uint256 o0, uint256 o1) = _pair.burn(_actor, shares, _actor);
        assertLe(o0, a0, "S7: deposit and withdrawal, token0");
        assertLe(o1, a1, "S7: deposit and withdrawal, token1");
        post_S10_shares(_before, picture(_pair));
        _did("addAndRemove");
    }

    /* -------------------------------------------- Trade ------------------------------------------- */

    function sellSome(uint256 seed, uint256 amount, bool zero) external acting(seed) {
        amount = bound(amount, 1, (zero ? _before.r0 : _before.r1));
        if (_full()) return;
        if (sell(_pair, zero, amount, _actor) == 0) return;
        post_S10_trade(_pair, _before, picture(_pair));
        _did("sell");
    }

    function buySome(uint256 seed, uint256 amount, bool zero) external acting(seed) {
        uint256 most = (zero ? _before.r0 : _before.r1) / 2;
        if (most == 0 || _full()) return;
        amount = bound(amount, 1, most);
        uint256 paid = _pair.getAmountIn(address(_token(zero)), amount);
        send(_token(!zero), address(_pair), paid);
        _pair.swap(zero ? amount : 0, zero ? 0 : amount, _actor, "");
        post_S10_trade(_pair, _before, picture(_pair));
        _did("buy");
    }

    function thereAndBack(uint256 seed, uint256 amount, bool zero) external acting(seed) {
        _pair.skim(address(1));
        amount = bound(amount, 1, (zero ? _before.r0 : _before.r1));
        if (_full()) return;
        uint256 out = sell(_pair, zero, amount, _actor);
        if (out == 0) return;
        uint256 back = sell(_pair, !zero, out, _actor);
        assertLe(back, amount, "S7: there and back");
        post_S10_trade(_pair, _before, picture(_pair));
        _did("thereAndBack");
    }

    function flashSwap(uint256 seed, uint256 amount, bool zero) external acting(seed) {
        uint256 most = (zero ? _before.r0 : _before.r1) - 1;
        if (most == 0 || _full()) return;
        amount = bound(amount, 1, most);
        uint256 keep = 10_000 - _pair.fee();
        _pay = Math.ceilDiv(amount * 10_000, keep);
        _pair.swap(zero ? amount : 0, zero ? 0 : amount, address(this), abi.encode(zero));
        post_S10_trade(_pair, _before, picture(_pair));
        _did("flashSwap");
    }

    function onFlashSwap(address, uint256, uint256, bytes calldata data) external {
        send(_token(abi.decode(data, (bool))), msg.sender, _pay);
    }

    function flashLoan(uint256 seed, uint256 amount, bool zero) external acting(seed) {
        TestToken token = _token(zero);
        amount = bound(amount, 1, _pair.maxFlashLoan(address(token)));
        if (_full()) return;
        uint256 fee = _pair.flashFee(address(token), amount);
        vm.prank(_actor);
        _pair.flashLoan(this, address(token), amount, "");
        post_S14(_before, picture(_pair), zero, fee);
        post_S10_trade(_pair, _before, picture(_pair));
        _did("flashLoan");
    }

    function onFlashLoan(address, address token, uint256 amount, uint256 fee, bytes calldata)
        external
        returns (bytes32)
    {
        TestToken(token).mint(address(this), fee);
        TestToken(token).approve(msg.sender, amount + fee);
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }

    /* ----------------------------------- Donations, losses, time, fee ----------------------------- */

    function donate(uint256 seed, uint256 amount, bool zero) external acting(seed) {
        uint256 quote = _pair.getAmountOut(address(_token(zero)), 12_345);
        if (_full()) return;
        send(_token(zero), address(_pair), bound(amount, 1, (zero ? _before.r0 : _before.r1) + 1));
        post_P3(_before, picture(_pair));
        assertEq(quote, _pair.getAmountOut(address(_token(zero)), 12_345), "P3: a price");
        _did("donate");
    }

    function skim(uint256 seed) external acting(seed) {
        _pair.skim(_actor);
        Picture memory p = picture(_pair);
        post_P3(_before, p);
        assertEq(p.b0, p.r0, "P3: token0 was left");
        assertEq(p.b1, p.r1, "P3: token1 was left");
        _did("skim");
    }

    /// @dev Tokens go missing; somebody leaves with his part of what is there; the rest is sent later.
    function lose(uint256 seed, uint256 part, bool zero) external acting(seed) {
        uint256 r = zero ? _before.r0 : _before.r1;
        uint256 shares = _pair.balanceOf(_actor);
        uint256 most = Math.max(_before.r0, _before.r1);
        if (r < 1000 || most * (shares / 2) / _before.supply < 4) return;
        uint256 there = r - bound(part, 1, r / 2);
        TestToken token = _token(zero);
        token.take(address(_pair), (zero ? _before.b0 : _before.b1) - there);
        vm.prank(_actor);
        (uint256 a0, uint256 a1) = _pair.burn(_actor, shares / 2, _actor);
        Picture memory p = picture(_pair);
        assertLe(zero ? a0 : a1, there * (shares / 2) / _before.supply, "R11: his part");
        post_S10_shares(_before, p);
        send(token, address(_pair), (zero ? p.r0 : p.r1) - (zero ? p.b0 : p.b1));
        _did("lose");
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 30 days));
        _did("pass");
    }

    function switchFee(bool on) external {
        vm.prank(governance);
        factory.setFeeTo(on ? treasury : address(0));
        _did("switchFee");
    }
}
