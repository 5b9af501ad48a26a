// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IStaking} from "../../src/qxc/IStaking.sol";
import {QxcFixture} from "./QxcFixture.sol";
import {QxcHandler} from "./QxcHandler.sol";

/// @dev What holds whatever people do. S12 and S13 are the names in the design.
abstract contract QxcProperties is QxcFixture {
    QxcHandler internal handler;

    function setUp() public virtual override {
        super.setUp();
        handler = new QxcHandler(token, owner);
        targetContract(address(handler));
    }

    /// @dev S12: what is staked is the sum of the stakes, what is promised the sum of their rewards, and all of it is
    /// there.
    function invariant_S12_StakesAreWhatIsStakedAndHeld() public view {
        (uint256 people,,) = handler.counts();
        uint256 staked = 0;
        uint256 promised = 0;
        for (uint256 i = 0; i < people; i++) {
            IStaking.StakeInfo[] memory list = token.stakesOf(handler.actors(i), 0, 1000);
            for (uint256 j = 0; j < list.length; j++) {
                if (list[j].unstaked) continue;
                staked += list[j].amount;
                promised += list[j].reward;
            }
        }
        assertEq(token.totalStaked(), staked);
        assertEq(token.rewardsReserved(), promised);
        assertLe(staked + promised + token.rewardsFree(), address(token).balance);
    }

    /// @dev S13, votes: everybody's votes are all votes, and no more than what is staked.
    function invariant_S13_VotesAreConserved() public view {
        (uint256 people,,) = handler.counts();
        uint256 votes = 0;
        for (uint256 i = 0; i < people; i++) {
            address account = handler.actors(i);
            uint256 own = token.getVotes(account);
            assertEq(own, handler.votesOf(account, block.timestamp));
            votes += own;
        }
        assertEq(token.totalVotes(), votes);
        assertLe(votes, token.totalStaked());
    }

    /// @dev Coin is neither made nor lost.
    function invariant_CoinIsConserved() public view {
        (uint256 people,,) = handler.counts();
        uint256 coin = address(token).balance;
        for (uint256 i = 0; i < people; i++) {
            assertEq(token.balanceOf(handler.actors(i)), handler.actors(i).balance);
            coin += handler.actors(i).balance;
        }
        assertEq(coin, handler.coin());
    }

    /// @dev S13, history: at every second at which something happened, and the one before, votes were what the
    /// definition says, whatever happened since.
    function afterInvariant() public {
        vm.warp(block.timestamp + 1);
        (uint256 people,, uint256 seconds_) = handler.counts();
        for (uint256 i = 0; i < seconds_; i++) {
            for (uint256 back = 0; back < 2; back++) {
                uint256 time = handler.times(i) - back;
                uint256 votes = 0;
                for (uint256 j = 0; j < people; j++) {
                    address account = handler.actors(j);
                    uint256 own = token.getPastVotes(account, time);
                    assertEq(own, handler.votesOf(account, time));
                    votes += own;
                }
                assertEq(token.getPastTotalSupply(time), votes);
            }
        }
    }
}

/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract QxcDynamicInvariants is QxcProperties {}

/// @dev No time passes: nothing can be unstaked, and all happens in one second.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract QxcStaticInvariants is QxcProperties {
    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = QxcHandler.transfer.selector;
        selectors[1] = QxcHandler.stake.selector;
        selectors[2] = QxcHandler.unstake.selector;
        selectors[3] = QxcHandler.delegate.selector;
        selectors[4] = QxcHandler.fund.selector;
        selectors[5] = QxcHandler.setRates.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function invariant_NothingIsUnstaked() public view {
        (, uint256 stakes,) = handler.counts();
        uint256 staked = 0;
        for (uint256 i = 0; i < stakes; i++) {
            (, uint256 amount,,) = handler.made(i);
            staked += amount;
        }
        assertEq(token.totalStaked(), staked);
        assertEq(token.totalVotes(), staked);
    }
}
