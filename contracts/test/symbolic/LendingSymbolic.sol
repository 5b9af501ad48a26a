// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {Market, MarketLib} from "../../src/lending/Market.sol";
import {RateModel} from "../../src/lending/RateModel.sol";

/// @dev What Halmos proves of the lending pool's arithmetic (`bin/halmos`). Products and quotients of unknown numbers are
/// hard to prove anything of: where the types of a function's arguments are narrow, the proof is for those widths.
contract LendingSymbolic {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev The rate is between base and the sum of all three at every utilisation from 0 to 1: for every base,
    /// and slopes of 4 and 60 % with a kink at 80 %.
    function check_TheRateIsBounded(uint64 used, uint16 base) external pure {
        vm.assume(used <= 1e18);
        uint256 yearly = rate(used, base);
        assert(yearly >= uint256(base) * 1e14);
        assert(yearly <= (uint256(base) + 6400) * 1e14);
    }

    /// @dev The curve never falls: the same slopes and kink.
    function check_TheRateIsMonotone(uint64 used, uint64 more, uint16 base) external pure {
        vm.assume(used <= more && more <= 1e18);
        assert(rate(used, base) <= rate(more, base));
    }

    function rate(uint256 used, uint256 base) private pure returns (uint256) {
        return RateModel.yearlyRate(used, base, 400, 6000, 8000);
    }

    /// @dev Utilisation is never above 1, and 1 only where nothing is left: debt and cash of 12 bits.
    function check_UtilisationIsAtMostOne(uint16 debt, uint16 cash) external pure {
        vm.assume(debt < 4096 && cash < 4096);
        uint256 used = RateModel.utilisation(debt, cash);
        assert(used <= 1e18);
        assert(used != 1e18 || cash == 0);
    }

    /// @dev More time is never less interest: at 10 % a year, times of 32 bits.
    function check_GrowthIsMonotone(uint32 elapsed, uint32 more) external pure {
        vm.assume(elapsed <= more);
        assert(RateModel.growth(0.1e18, elapsed) <= RateModel.growth(0.1e18, more));
    }

    function market(uint256 cash, uint256 shares) private pure returns (Market memory m) {
        (m.index, m.cash, m.shares) = (MarketLib.ONE, cash, shares);
    }

    /// @dev Who supplies and withdraws at once gets no more than he gave: 8 bits each, with the virtual million shares.
    function check_SupplyingAndWithdrawingNeverProfits(uint8 cash, uint8 shares, uint8 amount)
        external
        pure
    {
        Market memory m = market(cash, shares);
        uint256 got = MarketLib.toSharesDown(m, amount);
        m.cash += amount;
        m.shares += got;
        assert(MarketLib.toAssetsDown(m, got) <= amount);
    }

    /// @dev Shares for an amount: more for more, and rounded up never less than rounded down nor above by more than one.
    function check_SharesAreMonotone(uint8 cash, uint8 shares, uint8 amount, uint8 more)
        external
        pure
    {
        vm.assume(amount <= more);
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
