// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../pools/TestToken.sol";
import {FarmFixture} from "./FarmFixture.sol";

/// @dev What must be true of a farm, by name. The handler takes a picture before and after each action and
/// checks the properties of that kind of action (`post_`); suites check those that always hold
/// (`always_`) after each action too.
///
/// S7  stake and withdrawal give back exactly what was staked: in the handler
/// S11 what is owed and what was paid is never more than what was funded
/// S12 the sum of stakes is the total, and the farm has it
/// F1  owed, paid and still to give is never less than funded, but for fractions of units
/// F2  the farm has the rewards that it has not paid
/// F3  nobody's reward changes but by time and by his own claim; donations change nothing
/// F4  while nobody stakes the clocks stand still
abstract contract FarmProperties is FarmFixture {
    /// @dev All that a farm shows at a moment: earned[reward][account].
    struct Picture {
        uint256 total;
        uint256[][] earned;
        uint256[] remaining;
        uint256[] left;
        uint256 time;
    }

    address[] public actors;
    TestToken[] public rewards;

    function picture() internal view returns (Picture memory p) {
        p.total = farm.totalStaked();
        p.time = block.timestamp;
        p.earned = new uint256[][](rewards.length);
        p.remaining = new uint256[](rewards.length);
        p.left = new uint256[](rewards.length);
        for (uint256 i = 0; i < rewards.length; i++) {
            p.earned[i] = new uint256[](actors.length);
            for (uint256 j = 0; j < actors.length; j++) {
                p.earned[i][j] = farm.earned(actors[j], address(rewards[i]));
            }
            uint256 finish;
            (,, p.remaining[i], finish) = farm.rewardState(address(rewards[i]));
            p.left[i] = finish > block.timestamp ? finish - block.timestamp : 0;
        }
    }

    /* ------------------------------------ After kinds of actions ---------------------------------- */

    /// @dev F3: all is as it was, except what `claimed` (an index, or none) may have taken.
    function post_F3(Picture memory a, Picture memory b, uint256 claimed) internal view {
        for (uint256 i = 0; i < rewards.length; i++) {
            for (uint256 j = 0; j < actors.length; j++) {
                if (j == claimed) assertLe(b.earned[i][j], a.earned[i][j], "F3: a claim gave");
                else assertEq(b.earned[i][j], a.earned[i][j], "F3: somebody's reward");
            }
        }
    }

    /// @dev F3 and F4, for time.
    function post_time(Picture memory a, Picture memory b) internal view {
        for (uint256 i = 0; i < rewards.length; i++) {
            for (uint256 j = 0; j < actors.length; j++) {
                assertGe(b.earned[i][j], a.earned[i][j], "F3: time took");
            }
            if (a.total != 0) continue;
            assertEq(b.remaining[i], a.remaining[i], "F4: given to nobody");
            assertEq(b.left[i], a.left[i], "F4: the clock went on");
        }
    }

    /* --------------------------------------------- Always ----------------------------------------- */

    function always_S11_F1(TestToken token) internal view {
        (uint256 funded, uint256 paid, uint256 remaining,) = farm.rewardState(address(token));
        uint256 sum = paid;
        for (uint256 j = 0; j < actors.length; j++) {
            sum += farm.earned(actors[j], address(token));
        }
        assertLe(sum, funded, "S11: more than was funded");
        assertLe(sum + remaining, funded, "S11: more than was funded, with the future");
        // Each account has a fraction of a unit at most, and so has what remains.
        assertGe(sum + remaining + actors.length + 1, funded, "F1: lost");
    }

    function always_S12() internal view {
        uint256 sum;
        for (uint256 j = 0; j < actors.length; j++) {
            sum += farm.stakeOf(actors[j]);
        }
        assertEq(sum, farm.totalStaked(), "S12: sum of stakes");
        assertGe(share.balanceOf(address(farm)), sum, "S12: stakes are not there");
    }

    function always_F2(TestToken token) internal view {
        (uint256 funded, uint256 paid,,) = farm.rewardState(address(token));
        uint256 due = funded - paid + (token == share ? farm.totalStaked() : 0);
        assertGe(token.balanceOf(address(farm)), due, "F2: rewards are not there");
    }
}
