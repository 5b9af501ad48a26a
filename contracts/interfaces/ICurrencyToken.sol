// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

/// @title The ERC-20 face of a currency.
/// @notice Shows and moves the same balances as the ledger. Payer and payee need a ledger account; a
/// posting by any way emits `Transfer` here. Errors have the names of ERC-6093 where it has one, else
/// those of the catalogue.
interface ICurrencyToken {
    /// @notice Money moved; from zero if it was issued.
    event Transfer(address indexed from, address indexed to, uint256 value);
    /// @notice An allowance is now `value`, by `approve` or because part of it was used.
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// @notice The currency's name.
    function name() external view returns (string memory);
    /// @notice The currency's code.
    function symbol() external view returns (string memory);
    /// @notice Digits after the decimal point.
    function decimals() external view returns (uint8);
    /// @notice The money outstanding.
    function totalSupply() external view returns (uint256);
    /// @notice What an account may spend: posted less held.
    function balanceOf(address account) external view returns (uint256);
    /// @notice Pays from the caller's account, which must own itself.
    function transfer(address to, uint256 value) external returns (bool);
    /// @notice What `spender` may still pay for `owner`.
    function allowance(address owner, address spender) external view returns (uint256);
    /// @notice Lets `spender` pay up to `value` for the caller; the greatest value never runs out.
    /// An allowance counts only while the account owns itself.
    function approve(address spender, uint256 value) external returns (bool);
    /// @notice Pays for `from`, using the caller's allowance.
    function transferFrom(address from, address to, uint256 value) external returns (bool);
    /// @notice Sets an allowance by the owner's signature (EIP-2612), up to the second `deadline`.
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
    /// @notice Permits of an owner so far: what the next one signs as its nonce.
    function nonces(address owner) external view returns (uint256);
    /// @notice The domain of permits (EIP-712): name and version "1" of the currency, chain, this address.
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}
