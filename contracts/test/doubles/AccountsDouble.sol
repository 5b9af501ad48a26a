// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../interfaces/IAccounts.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";

/// @title The `Accounts` engine for tests without a chain: profiles, and nothing else.
/// @notice `profile`, `open` and `setStatus` have the engine's signatures; every caller is a registrar, whatever is
/// opened is good, accounts with money can be closed, and there are no events. Other functions are refused as the engine
/// refuses unknown ones. `forceStatus` exists only here.
/// @dev Its storage lies apart from the engine's, so that on a fork it finds nothing of it.
contract AccountsDouble layout at 2 ** 200 is IQenexErrors {
    uint8 private constant PENDING = 1;
    uint8 private constant ACTIVE = 2;
    uint8 private constant DORMANT = 3;
    uint8 private constant CLOSED = 5;

    mapping(address account => IAccounts.Profile) private _profiles;

    fallback() external {
        revert UnknownFunction(msg.sig);
    }

    function open(
        address account,
        address owner,
        uint8 accountType,
        bytes2 jurisdiction,
        bytes3 homeCurrency
    ) external {
        if (_profiles[account].status != 0) revert AccountExists(account);
        if (accountType == 0 || accountType > 7) revert InvalidAccountType(accountType);
        IAccounts.Profile storage p = _profiles[account];
        (p.owner, p.accountType, p.status) = (owner, accountType, 2);
        (p.jurisdiction, p.homeCurrency) = (jurisdiction, homeCurrency);
        (p.openedAt, p.lastActivity, p.version) =
        (uint64(block.timestamp), uint64(block.timestamp), 1);
    }

    function setStatus(address account, uint8 status) external {
        IAccounts.Profile storage p = _profiles[account];
        if (p.status == 0) revert UnknownAccount(account);
        bool opens = p.status == PENDING || p.status == DORMANT;
        bool may = p.status == ACTIVE
            ? status == DORMANT || status == CLOSED
            : opens && (status == ACTIVE || status == CLOSED);
        if (!may) revert InvalidStatus(p.status, status);
        p.status = status;
        p.version++;
    }

    /// @notice Sets a status that the engine's registrars cannot set, or not from the present one.
    function forceStatus(address account, uint8 status) external {
        _profiles[account].status = status;
    }

    function profile(address account) external view returns (IAccounts.Profile memory) {
        if (_profiles[account].status == 0) revert UnknownAccount(account);
        return _profiles[account];
    }
}
