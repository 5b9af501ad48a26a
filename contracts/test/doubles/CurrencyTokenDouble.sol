// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IAccounts} from "../../interfaces/IAccounts.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";

/// @title The ERC-20 face of a ledger currency for tests without a chain.
/// @notice Payer and payee must be ACTIVE accounts, neither frozen on their side (`Frozen`) nor denied (`Denied`): as
/// the doubles of `Accounts` and `Compliance` have it, which must be in place. Limits, corridors, the travel rule and
/// risk are the ledger's and not here. The name is kept in code, so that it can be etched at the face's
/// address.
/// @dev Its storage lies apart from the engine's, so that on a fork it finds nothing of it.
contract CurrencyTokenDouble layout at 2 ** 200 is ERC20 {
    uint8 private immutable _DECIMALS;

    /// @dev The code goes to another address, whose storage knows no name.
    constructor(uint8 decimals_) ERC20("", "") {
        _DECIMALS = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _DECIMALS;
    }

    /// @notice Issues money: the ledger's issuers do.
    function forceIssue(address to, uint256 value) external {
        _mint(to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0)) _requireMay(from, 1);
        if (to != address(0)) _requireMay(to, 2);
        super._update(from, to, value);
    }

    /// @dev `side`: 1 debit, 2 credit.
    function _requireMay(address account, uint8 side) private view {
        IAccounts.Profile memory profile = QenexAddresses.ACCOUNTS.profile(account);
        if (profile.status != 2) revert IQenexErrors.AccountNotActive(account, profile.status);
        (uint8 sides,,,,,) = QenexAddresses.COMPLIANCE.freezeOf(account);
        if (sides & side != 0) revert IQenexErrors.Frozen(account, side);
        if (QenexAddresses.COMPLIANCE.isDenied(account)) revert IQenexErrors.Denied(account);
    }
}
