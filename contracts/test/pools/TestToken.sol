// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A token with every bad habit, one at a time
/// @dev `Ledger` habits are those of a ledger currency's face: frozen accounts neither pay nor receive,
/// and an officer can take money back.
contract TestToken is ERC20, ERC20Permit {
    enum Habit {
        None,
        /// Returns no value from transfers, like the first tokens did.
        ReturnsNothing,
        /// Returns false instead of reverting, and moves nothing.
        ReturnsFalse,
        /// Keeps a hundredth of every transfer.
        TakesFee,
        /// Refuses every transfer.
        Reverts,
        /// Burns all gas in every transfer.
        BurnsGas
    }

    error AccountFrozen(address account);
    error Refused();

    uint8 private immutable _decimals;
    Habit public habit;
    mapping(address account => bool) public frozen;
    /// @dev Called with `hookData` before and after every transfer, as tokens with hooks do.
    address public hook;
    bytes public hookData;

    constructor(uint8 decimals_) ERC20("Test", "TST") ERC20Permit("Test") {
        _decimals = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @dev A reversal by an officer: no allowance asked.
    function take(address from, uint256 amount) external {
        _burn(from, amount);
    }

    function setHabit(Habit habit_) external {
        habit = habit_;
    }

    function setFrozen(address account, bool yes) external {
        frozen[account] = yes;
    }

    function setHook(address hook_, bytes calldata data) external {
        (hook, hookData) = (hook_, data);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        if (habit == Habit.ReturnsFalse) return false;
        _move(msg.sender, to, value);
        if (habit == Habit.ReturnsNothing) _returnNothing();
        return true;
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        if (habit == Habit.ReturnsFalse) return false;
        _spendAllowance(from, msg.sender, value);
        _move(from, to, value);
        if (habit == Habit.ReturnsNothing) _returnNothing();
        return true;
    }

    function _move(address from, address to, uint256 value) private {
        if (habit == Habit.Reverts) revert Refused();
        if (habit == Habit.BurnsGas) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (frozen[from]) revert AccountFrozen(from);
        if (frozen[to]) revert AccountFrozen(to);
        _callHook();
        if (habit == Habit.TakesFee) {
            _burn(from, value / 100);
            value -= value / 100;
        }
        _transfer(from, to, value);
        _callHook();
    }

    function _callHook() private {
        if (hook == address(0)) return;
        (bool ok, bytes memory answer) = hook.call(hookData);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function _returnNothing() private pure {
        assembly ("memory-safe") {
            return(0, 0)
        }
    }
}
