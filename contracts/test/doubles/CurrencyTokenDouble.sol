// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";

/// @title The ERC-20 face of a ledger currency for tests without a chain.
/// @notice Payer and payee must be different ACTIVE accounts, neither frozen on their side (`Frozen`) nor denied
/// (`Denied`), and the payer must own itself: as the doubles of `Accounts` and `Compliance` have it, which must be in
/// place. Limits, corridors, the travel rule, approvals and risk are the ledger's and not here; nor are permits, which
/// are refused as the engine refuses unknown functions. The digits are kept in code, so that it can be etched at the
/// face's address; it has no name.
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

    fallback() external {
        revert IQenexErrors.UnknownFunction(msg.sig);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        _requireOwner(msg.sender, to);
        _pay(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        _requireOwner(from, to);
        uint256 before = allowance(from, msg.sender);
        _spendAllowance(from, msg.sender, value);
        if (before != type(uint256).max && value > 0) {
            emit Approval(from, msg.sender, before - value);
        }
        _pay(from, to, value);
        return true;
    }

    /// @notice Issues money: the ledger's issuers do.
    function forceIssue(address to, uint256 value) external {
        _requireMay(to, 2, QenexAddresses.ACCOUNTS.profile(to).status);
        _mint(to, value);
    }

    /// @dev Refuses in the engine's order.
    function _requireOwner(address from, address to) private view {
        if (from == address(0)) revert ERC20InvalidSender(from);
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        if (QenexAddresses.ACCOUNTS.profile(from).owner != from) {
            revert IQenexErrors.NotAuthorised(msg.sender);
        }
    }

    function _pay(address from, address to, uint256 value) private {
        uint8 payee = QenexAddresses.ACCOUNTS.profile(to).status;
        if (from == to) revert IQenexErrors.SameAccount();
        _requireMay(from, 1, QenexAddresses.ACCOUNTS.profile(from).status);
        _requireMay(to, 2, payee);
        _transfer(from, to, value);
    }

    /// @dev `side`: 1 debit, 2 credit.
    function _requireMay(address account, uint8 side, uint8 status) private view {
        (uint8 sides,,,,,) = QenexAddresses.COMPLIANCE.freezeOf(account);
        if (sides & side != 0) revert IQenexErrors.Frozen(account, side);
        if (status != 2) revert IQenexErrors.AccountNotActive(account, status);
        if (QenexAddresses.COMPLIANCE.isDenied(account)) revert IQenexErrors.Denied(account);
    }
}
