// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The register of pairs and the switch of the protocol fee
interface IPoolFactory {
    /// @notice A pair was created; it is number `count` of all.
    event PairCreated(
        address indexed token0,
        address indexed token1,
        bool indexed stable,
        address pair,
        uint256 count
    );
    /// @notice Protocol fees now go to `feeTo`; the zero address means that there is none.
    event FeeToSet(address indexed feeTo);

    /// @notice A pair of a token with itself.
    error IdenticalTokens(address token);
    /// @notice The address does not answer `decimals()` with a number: no contract, or no token.
    error NotAToken(address token);
    /// @notice Tokens with more than 18 decimals are not supported.
    error TooManyDecimals(address token, uint8 decimals);
    /// @notice There is such a pair.
    error PairExists(address pair);

    /// @notice Governance: sets `feeTo`, nothing else.
    function owner() external view returns (address);
    /// @notice Receives a sixth of the growth of all pairs, as shares; zero if the fee is off.
    function feeTo() external view returns (address);
    /// @notice The pair of two tokens in any order, or zero.
    function getPair(address tokenA, address tokenB, bool stable)
        external
        view
        returns (address pair);
    /// @notice The address that the pair of two tokens has or will have.
    function predictPair(address tokenA, address tokenB, bool stable)
        external
        view
        returns (address pair);
    /// @notice Pair number `index`, from 0.
    function allPairs(uint256 index) external view returns (address pair);
    /// @notice How many pairs there are.
    function allPairsLength() external view returns (uint256);
    /// @notice Whether `pair` was created here.
    function isPair(address pair) external view returns (bool);
    /// @notice Creates the pair of two tokens. Anyone may.
    function createPair(address tokenA, address tokenB, bool stable) external returns (address pair);
    /// @notice Turns the protocol fee on (an address) or off (zero). Owner only.
    function setFeeTo(address to) external;
}
