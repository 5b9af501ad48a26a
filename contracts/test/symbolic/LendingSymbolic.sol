// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {Market, MarketLib} from "../../src/lending/Market.sol";

/// @dev What Halmos proves of the lending pool's arithmetic (`bin/halmos`). Products and quotients of unknown numbers are
/// hard to prove anything of: the proof is for the amounts that the function says.
contract LendingSymbolic {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

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
