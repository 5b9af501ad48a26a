// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IPair} from "./IPair.sol";
import {IPoolFactory} from "./IPoolFactory.sol";
import {IPoolRouter} from "./IPoolRouter.sol";

/// @title What people and wallets use to trade and to provide liquidity
/// @notice Stateless and without owner. Tokens go from the caller to pairs and from pairs to the
/// receiver; the router itself never holds any, so it needs no account in the ledger.
/// @dev After each transfer the receiver's balance must have grown by the amount: that refuses tokens
/// that take fees, wherever they are in a path.
contract PoolRouter is IPoolRouter, Multicall {
    using SafeERC20 for IERC20;

    /// @notice The factory whose pairs are used.
    IPoolFactory public immutable FACTORY;

    modifier inTime(uint256 deadline) {
        if (block.timestamp > deadline) revert Expired(deadline, block.timestamp);
        _;
    }

    /// @param factory The factory whose pairs are used.
    constructor(IPoolFactory factory) {
        FACTORY = factory;
    }

    /* ------------------------------------------- Trade ------------------------------------------- */

    /// @inheritdoc IPoolRouter
    function swapExactIn(
        address tokenIn,
        uint256 amountIn,
        uint256 minOut,
        Hop[] calldata path,
        address to,
        uint256 deadline
    ) external inTime(deadline) returns (uint256 amountOut) {
        if (path.length == 0) revert EmptyPath();
        IPair pair = _pair(tokenIn, path[0].token, path[0].stable);
        _pull(tokenIn, address(pair), amountIn);
        amountOut = amountIn;
        for (uint256 i = 0; i < path.length; i++) {
            address tokenOut = path[i].token;
            bool last = i + 1 == path.length;
            // Each price is read when the swaps before it are done, so paths may cross themselves.
            amountOut = pair.getAmountOut(tokenIn, amountOut);
            if (last && amountOut < minOut) revert TooLittleOut(amountOut, minOut);
            IPair next = last ? pair : _pair(tokenOut, path[i + 1].token, path[i + 1].stable);
            _swap(pair, tokenIn, tokenOut, amountOut, last ? to : address(next));
            (tokenIn, pair) = (tokenOut, next);
        }
    }

    /// @inheritdoc IPoolRouter
    function swapExactOut(
        address tokenIn,
        uint256 amountOut,
        uint256 maxIn,
        Hop[] calldata path,
        address to,
        uint256 deadline
    ) external inTime(deadline) returns (uint256 amountIn) {
        (address[] memory pairs, uint256[] memory amounts) = _backwards(tokenIn, amountOut, path);
        amountIn = amounts[0];
        if (amountIn > maxIn) revert TooMuchIn(amountIn, maxIn);
        _pull(tokenIn, pairs[0], amountIn);
        for (uint256 i = 0; i < path.length; i++) {
            address tokenOut = path[i].token;
            address receiver = i + 1 == path.length ? to : pairs[i + 1];
            _swap(IPair(pairs[i]), tokenIn, tokenOut, amounts[i + 1], receiver);
            tokenIn = tokenOut;
        }
    }

    /// @inheritdoc IPoolRouter
    function quoteExactIn(address tokenIn, uint256 amountIn, Hop[] calldata path)
        external
        view
        returns (uint256 amountOut)
    {
        if (path.length == 0) revert EmptyPath();
        amountOut = amountIn;
        for (uint256 i = 0; i < path.length; i++) {
            IPair pair = _pair(tokenIn, path[i].token, path[i].stable);
            amountOut = pair.getAmountOut(tokenIn, amountOut);
            tokenIn = path[i].token;
        }
    }

    /// @inheritdoc IPoolRouter
    function quoteExactOut(address tokenIn, uint256 amountOut, Hop[] calldata path)
        external
        view
        returns (uint256)
    {
        (, uint256[] memory amounts) = _backwards(tokenIn, amountOut, path);
        return amounts[0];
    }

    /* ----------------------------------------- Liquidity ----------------------------------------- */

    /// @inheritdoc IPoolRouter
    function addLiquidity(Deposit calldata deposit)
        external
        inTime(deposit.deadline)
        returns (uint256 amountA, uint256 amountB, uint256 shares)
    {
        address at = FACTORY.getPair(deposit.tokenA, deposit.tokenB, deposit.stable);
        if (at == address(0)) {
            at = FACTORY.createPair(deposit.tokenA, deposit.tokenB, deposit.stable);
        }
        (amountA, amountB) = _inRatio(IPair(at), deposit);
        if (amountA < deposit.minA) revert TooLittle(deposit.tokenA, amountA, deposit.minA);
        if (amountB < deposit.minB) revert TooLittle(deposit.tokenB, amountB, deposit.minB);
        _pull(deposit.tokenA, at, amountA);
        _pull(deposit.tokenB, at, amountB);
        shares = IPair(at).mint(deposit.to);
        if (shares < deposit.minShares) revert TooLittle(at, shares, deposit.minShares);
    }

    /// @inheritdoc IPoolRouter
    function removeLiquidity(Withdrawal calldata withdrawal)
        external
        inTime(withdrawal.deadline)
        returns (uint256 amountA, uint256 amountB)
    {
        IPair pair = _pair(withdrawal.tokenA, withdrawal.tokenB, withdrawal.stable);
        (amountA, amountB) = pair.burn(msg.sender, withdrawal.shares, withdrawal.to);
        if (withdrawal.tokenB < withdrawal.tokenA) (amountA, amountB) = (amountB, amountA);
        if (amountA < withdrawal.minA) {
            revert TooLittle(withdrawal.tokenA, amountA, withdrawal.minA);
        }
        if (amountB < withdrawal.minB) {
            revert TooLittle(withdrawal.tokenB, amountB, withdrawal.minB);
        }
    }

    /// @inheritdoc IPoolRouter
    function selfPermit(
        address token,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        // A permit that somebody else submitted first has done its work; one that is wrong leaves no
        // allowance, and the call after it says so.
        try IERC20Permit(token).permit(msg.sender, address(this), value, deadline, v, r, s) {}
            catch {}
    }

    /* ------------------------------------------ Internal ----------------------------------------- */

    /// @dev The most of both, within the deposit's amounts and in the pair's ratio. Rounds the second
    /// amount down; the pair then rounds the shares down.
    function _inRatio(IPair pair, Deposit calldata deposit)
        private
        view
        returns (uint256, uint256)
    {
        // slither-disable-next-line unused-return
        (uint256 rA, uint256 rB,) = pair.getReserves();
        if (deposit.tokenB < deposit.tokenA) (rA, rB) = (rB, rA);
        // Both are zero or none is.
        if (rA == 0) return (deposit.amountA, deposit.amountB);
        uint256 forA = Math.mulDiv(deposit.amountA, rB, rA);
        if (forA <= deposit.amountB) return (deposit.amountA, forA);
        return (Math.mulDiv(deposit.amountB, rA, rB), deposit.amountB);
    }

    /// @dev The pairs of a path, and the amounts that must enter each so that `amountOut` leaves the
    /// last.
    function _backwards(address tokenIn, uint256 amountOut, Hop[] calldata path)
        private
        view
        returns (address[] memory pairs, uint256[] memory amounts)
    {
        uint256 length = path.length;
        if (length == 0) revert EmptyPath();
        pairs = new address[](length);
        amounts = new uint256[](length + 1);
        amounts[length] = amountOut;
        for (uint256 i = length; i > 0; i--) {
            address from = i == 1 ? tokenIn : path[i - 2].token;
            IPair pair = _pair(from, path[i - 1].token, path[i - 1].stable);
            pairs[i - 1] = address(pair);
            amounts[i - 1] = pair.getAmountIn(path[i - 1].token, amounts[i]);
        }
    }

    function _pair(address tokenA, address tokenB, bool stable) private view returns (IPair) {
        address pair = FACTORY.getPair(tokenA, tokenB, stable);
        if (pair == address(0)) revert NoPair(tokenA, tokenB, stable);
        return IPair(pair);
    }

    function _swap(IPair pair, address tokenIn, address tokenOut, uint256 amountOut, address to)
        private
    {
        (uint256 out0, uint256 out1) =
            tokenIn < tokenOut ? (uint256(0), amountOut) : (amountOut, uint256(0));
        uint256 before = IERC20(tokenOut).balanceOf(to);
        pair.swap(out0, out1, to, "");
        _checkArrived(tokenOut, to, before, amountOut);
    }

    function _pull(address token, address to, uint256 amount) private {
        uint256 before = IERC20(token).balanceOf(to);
        IERC20(token).safeTransferFrom(msg.sender, to, amount);
        _checkArrived(token, to, before, amount);
    }

    function _checkArrived(address token, address to, uint256 before, uint256 amount) private view {
        uint256 arrived = Math.saturatingSub(IERC20(token).balanceOf(to), before);
        if (arrived < amount) revert TransferFeeNotSupported(token, amount, arrived);
    }
}
