// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What creates pairs of one kind for any factory
/// @dev The code of both kinds does not fit into one contract. Addresses depend on the caller, so
/// nobody but a factory can take the address of one of its pairs.
interface IPairDeployer {
    /// @notice Creates the pair of two sorted tokens, with the caller as its factory.
    function deploy(address token0, address token1) external returns (address pair);
    /// @notice The address that `deploy` of `factory` has given or will give.
    function predict(address factory, address token0, address token1)
        external
        view
        returns (address pair);
}
