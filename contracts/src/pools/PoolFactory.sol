// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IPair} from "./IPair.sol";
import {IPairDeployer} from "./IPairDeployer.sol";
import {IPoolFactory} from "./IPoolFactory.sol";

/// @title The register of pairs and the switch of the protocol fee
/// @notice Anyone creates pairs. The owner (the suite's timelock) turns the protocol fee on and off; it
/// can't stop a pair, change a fee rate or touch anyone's money.
/// @dev Assumptions about tokens: balances change by transfers only, and a transfer moves exactly
/// its amount. A pair with a token that breaks them hurts its own holders and nobody else's.
contract PoolFactory is IPoolFactory, Ownable2Step {
    /// @notice Creates pairs along x * y.
    IPairDeployer public immutable VOLATILE;
    /// @notice Creates pairs along x^3 * y + y^3 * x.
    IPairDeployer public immutable STABLE;

    /// @inheritdoc IPoolFactory
    address public feeTo;
    /// @inheritdoc IPoolFactory
    address[] public allPairs;

    mapping(address tokenA => mapping(address tokenB => mapping(bool stable => address))) private
        _pairs;

    /// @param governance First owner.
    /// @param volatileDeployer Creates volatile pairs.
    /// @param stableDeployer Creates stable pairs.
    constructor(address governance, IPairDeployer volatileDeployer, IPairDeployer stableDeployer)
        Ownable(governance)
    {
        VOLATILE = volatileDeployer;
        STABLE = stableDeployer;
    }

    /// @inheritdoc IPoolFactory
    // The constructors of pairs call tokens statically and nobody else.
    // slither-disable-next-line reentrancy-no-eth
    function createPair(address tokenA, address tokenB, bool stable)
        external
        returns (address pair)
    {
        (address token0, address token1) = _sort(tokenA, tokenB);
        pair = _pairs[token0][token1][stable];
        if (pair != address(0)) revert PairExists(pair);
        _checkToken(token0);
        _checkToken(token1);
        pair = (stable ? STABLE : VOLATILE).deploy(token0, token1);
        _pairs[token0][token1][stable] = pair;
        _pairs[token1][token0][stable] = pair;
        allPairs.push(pair);
        emit PairCreated(token0, token1, stable, pair, allPairs.length);
    }

    /// @inheritdoc IPoolFactory
    function setFeeTo(address to) external onlyOwner {
        feeTo = to;
        emit FeeToSet(to);
    }

    /// @inheritdoc IPoolFactory
    function owner() public view override(IPoolFactory, Ownable) returns (address) {
        return super.owner();
    }

    /// @inheritdoc IPoolFactory
    function getPair(address tokenA, address tokenB, bool stable) external view returns (address) {
        return _pairs[tokenA][tokenB][stable];
    }

    /// @inheritdoc IPoolFactory
    function predictPair(address tokenA, address tokenB, bool stable)
        external
        view
        returns (address)
    {
        (address token0, address token1) = _sort(tokenA, tokenB);
        return (stable ? STABLE : VOLATILE).predict(address(this), token0, token1);
    }

    /// @inheritdoc IPoolFactory
    function allPairsLength() external view returns (uint256) {
        return allPairs.length;
    }

    /// @inheritdoc IPoolFactory
    function isPair(address pair) external view returns (bool) {
        if (pair.code.length == 0) return false;
        return _pairs[IPair(pair).token0()][IPair(pair).token1()][IPair(pair).stable()] == pair;
    }

    function _sort(address tokenA, address tokenB) private pure returns (address, address) {
        if (tokenA == tokenB) revert IdenticalTokens(tokenA);
        return tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
    }

    /// @dev A first look that gives mistakes a name; it proves nothing about a hostile token.
    function _checkToken(address token) private view {
        (bool answered, bytes memory answer) =
            token.staticcall(abi.encodeCall(IERC20Metadata.decimals, ()));
        if (!answered || answer.length < 32) revert NotAToken(token);
        uint256 decimals = abi.decode(answer, (uint256));
        if (decimals > type(uint8).max) revert NotAToken(token);
        if (decimals > 18) revert TooManyDecimals(token, uint8(decimals));
    }
}
