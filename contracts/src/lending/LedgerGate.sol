// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../interfaces/IAccounts.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {IAccountGate} from "./IAccountGate.sol";

/// @title Asks the chain's `Accounts` and `Compliance` engines who may deal with money of the ledger.
/// @notice The ledger refuses payments of frozen accounts itself. Inside a pool money moves without
/// payments: this keeps a frozen account from borrowing other things against its frozen money, and
/// somebody whom the ledger does not know from getting claims on such money.
contract LedgerGate is IAccountGate {
    /// @dev ACTIVE, of `IAccounts.Profile`.
    uint8 private constant ACTIVE = 2;

    /// @inheritdoc IAccountGate
    function admits(address account) external view returns (bool) {
        try QenexAddresses.ACCOUNTS.profile(account) returns (IAccounts.Profile memory profile) {
            if (profile.status != ACTIVE) return false;
        } catch {
            // The engine refuses to speak of accounts that there are not.
            return false;
        }
        // Why, until when and by whom does not matter.
        // slither-disable-next-line unused-return
        (uint8 sides,,,,,) = QenexAddresses.COMPLIANCE.freezeOf(account);
        return sides == 0 && !QenexAddresses.COMPLIANCE.isDenied(account);
    }
}
