// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {Market, MarketLib} from "../../src/lending/Market.sol";
import {RateModel} from "../../src/lending/RateModel.sol";

/// @dev What Halmos proves of the lending pool's arithmetic (`bin/halmos`). Products and quotients of unknown numbers are
/// hard to prove anything of: where the types of a function's arguments are narrow, the proof is for those widths.
contract LendingSymbolic {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Utilisation is never above 1, and 1 only where nothing is left: debt and cash below 16.
    function check_UtilisationIsAtMostOne(uint8 debt, uint8 cash) external pure {
        vm.assume(debt < 16 && cash < 16);
        uint256 used = RateModel.utilisation(debt, cash);
        assert(used <= 1e18);
        assert(used != 1e18 || cash == 0);
    }

    function market(uint256 cash, uint256 shares) private pure returns (Market memory m) {
        (m.index, m.cash, m.shares) = (MarketLib.ONE, cash, shares);
    }

    /// @dev Who supplies and withdraws at once gets no more than he gave: numbers below 8, beside the virtual million shares.
    function check_SupplyingAndWithdrawingNeverProfits(uint8 cash, uint8 shares, uint8 amount)
        external
        pure
    {
        vm.assume(cash < 8 && shares < 8 && amount < 8);
        Market memory m = market(cash, shares);
        uint256 got = MarketLib.toSharesDown(m, amount);
        m.cash += amount;
        m.shares += got;
        assert(MarketLib.toAssetsDown(m, got) <= amount);
    }

    /// @dev Shares for an amount: more for more, and rounded up never less than rounded down nor above by more than one: numbers
    /// below 8.
    function check_SharesAreMonotone(uint8 cash, uint8 shares, uint8 amount, uint8 more)
        external
        pure
    {
        vm.assume(cash < 8 && shares < 8 && more < 8 && amount <= more);
        Market memory m = market(cash, shares);
        uint256 down = MarketLib.toSharesDown(m, amount);
        assert(down <= MarketLib.toSharesDown(m, more));
        uint256 up = MarketLib.toSharesUp(m, amount);
        assert(up == down || up == down + 1);
    }

    /// @dev A debt that is taken up and paid back at once costs at least what was borrowed: amounts below 16, at an index
    /// of 1.5.
    function check_BorrowingIsNeverForgiven(uint8 amount) external pure {
        vm.assume(amount < 16);
        Market memory m;
        m.index = 1.5e18;
        uint256 scaled = MarketLib.toScaledUp(m, amount);
        assert(MarketLib.toDebtUp(m, scaled) >= amount);
        assert(MarketLib.toScaledDown(m, amount) <= scaled);
    }
}
