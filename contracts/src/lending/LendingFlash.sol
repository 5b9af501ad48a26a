// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {IERC3156FlashLender} from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Config, ConfigLib} from "./Config.sol";
import {LendingBase} from "./LendingBase.sol";
import {Market} from "./Market.sol";

/// @title Flash loans of what the pool has in cash (ERC-3156).
/// @notice The fee is rounded up and goes to the reserve, which stands before the suppliers when debts are
/// written off: it does not move the worth of a share, so nobody gains by supplying just before it is
/// paid.
///
/// While the receiver has the tokens the pool is open: it may supply, repay, liquidate and so on, also
/// with what it was lent. That gains nothing, because in the pool's accounts the tokens never left.
/// Shares, debts, rates and caps are the same as without the loan; paying out more than there is
/// fails in the token; and at the end the whole amount and the fee are pulled, whatever was paid
/// in between.
abstract contract LendingFlash is LendingBase {
    bytes32 private constant ANSWER = keccak256("ERC3156FlashBorrower.onFlashLoan");

    /// @inheritdoc IERC3156FlashLender
    function maxFlashLoan(address token) external view returns (uint256) {
        Config config = _markets[token].config;
        if (!config.has(ConfigLib.LISTED) || config.has(ConfigLib.NO_FLASH)) return 0;
        return _load(token).cash;
    }

    /// @inheritdoc IERC3156FlashLender
    function flashFee(address token, uint256 amount) external view returns (uint256) {
        return _fee(_load(token), amount);
    }

    /// @inheritdoc IERC3156FlashLender
    function flashLoan(
        IERC3156FlashBorrower receiver,
        address token,
        uint256 amount,
        bytes calldata data
    ) external returns (bool) {
        uint256 fee = _lend(address(receiver), token, amount);
        if (receiver.onFlashLoan(msg.sender, token, amount, fee, data) != ANSWER) {
            revert FlashLoanRefused(address(receiver));
        }
        _collect(address(receiver), token, amount, fee);
        return true;
    }

    function _lend(address receiver, address token, uint256 amount)
        private
        nonReentrant
        returns (uint256 fee)
    {
        Market memory m = _load(token);
        _requireOpen(token, m.config, ConfigLib.NO_FLASH);
        if (amount == 0) revert ZeroAmount();
        if (amount > m.cash) revert InsufficientCash(token, m.cash, amount);
        fee = _fee(m, amount);
        _push(token, receiver, amount);
    }

    /// @dev Reads the market anew: the receiver may have changed it.
    function _collect(address receiver, address token, uint256 amount, uint256 fee)
        private
        nonReentrant
    {
        if (fee != 0) {
            Market memory m = _load(token);
            // The reserve's. Down: for the suppliers.
            uint256 shares = m.toSharesDown(fee);
            m.cash += fee;
            m.shares += shares;
            _markets[token].store(m);
        }
        emit FlashLoan(receiver, token, msg.sender, amount, fee);
        _pull(token, receiver, amount + fee);
    }

    /// @dev Up: for the pool.
    function _fee(Market memory m, uint256 amount) private pure returns (uint256) {
        return Math.mulDiv(amount, m.config.flashFee(), BPS, Math.Rounding.Ceil);
    }
}
