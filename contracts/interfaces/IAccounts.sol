// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

/// @title Profiles of ledger accounts.
/// @notice An account is an address; its owner is the address whose transactions may move its money.
interface IAccounts {
    /// @notice What is known of an account.
    /// @param owner Whose transactions may move its money.
    /// @param custodian Who keeps the account for the owner; zero if nobody.
    /// @param accountType 1 RETAIL, 2 BUSINESS, 3 INSTITUTION, 4 MERCHANT, 5 TREASURY, 6 SETTLEMENT, 7 CONTRACT.
    /// @param status 1 PENDING, 2 ACTIVE, 3 DORMANT, 4 FROZEN, 5 CLOSED.
    /// @param tier Compliance level, 0 to 4.
    /// @param jurisdiction ISO 3166-1 alpha-2.
    /// @param homeCurrency ISO 4217.
    /// @param openedAt Block time of opening, seconds.
    /// @param lastActivity Block time of the last posting, seconds, exact to the hour.
    /// @param version 1 at opening, one more with each change.
    struct Profile {
        address owner;
        address custodian;
        uint8 accountType;
        uint8 status;
        uint8 tier;
        bytes2 jurisdiction;
        bytes3 homeCurrency;
        uint64 openedAt;
        uint64 lastActivity;
        uint32 version;
    }

    /// @notice An account was opened; it is ACTIVE.
    event AccountOpened(address indexed account, address indexed owner, uint8 accountType, bytes2 jurisdiction, bytes3 homeCurrency);
    /// @notice An account changed its status.
    event StatusChanged(address indexed account, uint8 previous, uint8 current, uint32 version);
    /// @notice A registrar was appointed or dismissed.
    event RegistrarSet(address indexed registrar, bool allowed);

    /// @notice Opens an account. Only a registrar may.
    function open(address account, address owner, uint8 accountType, bytes2 jurisdiction, bytes3 homeCurrency) external;
    /// @notice Changes the status of an account. Only a registrar may. CLOSED is for ever and needs an empty account.
    function setStatus(address account, uint8 status) external;
    /// @notice Appoints or dismisses a registrar. Only the admin may.
    function setRegistrar(address registrar, bool allowed) external;
    /// @notice The profile of an account.
    function profile(address account) external view returns (Profile memory);
    /// @notice Whether an address may open accounts.
    function isRegistrar(address registrar) external view returns (bool);
    /// @notice Who appoints registrars and registers currencies.
    function admin() external view returns (address);
}
