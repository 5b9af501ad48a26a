// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

/// @title The errors of the QENEX engines and of the ERC-20 faces.
/// @notice What each means, and its HTTP status, is in the error catalogue of the
/// documentation.
interface IQenexErrors {
    // The call itself, in this order of precedence.
    error DelegateCallNotAllowed();
    error ValueNotAccepted();
    error UnknownFunction(bytes4 selector);
    error StaticCallNotAllowed();
    error MalformedCall();

    // Rules of the engines.
    error NotAuthorised(address caller);
    error UnknownCurrency(bytes3 currency);
    error CurrencyExists(bytes3 currency);
    error InvalidCurrencyCode(bytes3 currency);
    error InvalidExponent(uint8 exponent);
    error InvalidName();
    error CurrencyNotActive(bytes3 currency);
    error UnknownAccount(address account);
    error AccountExists(address account);
    error InvalidAccount(address account);
    error InvalidAccountType(uint8 accountType);
    error InvalidJurisdiction(bytes2 jurisdiction);
    error InvalidStatus(uint8 current, uint8 wanted);
    error AccountNotActive(address account, uint8 status);
    error AccountNotEmpty(address account);
    error ZeroAmount();
    error SameAccount();
    error InsufficientFunds(uint128 available, uint128 needed);
    error SupplyCapExceeded(uint128 cap, uint128 supply, uint128 amount);
    error InvalidReference();
    error ReferenceConflict(string field);
    error TransferNotFound(address account, bytes16 clientReference);

    // ERC-20 faces: ERC-6093.
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error ERC20InvalidSender(address sender);
    error ERC20InvalidReceiver(address receiver);
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InvalidSpender(address spender);
}
