// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IStaking} from "../../src/qxc/IStaking.sol";
import {QXC} from "../../src/qxc/QXC.sol";
import {GovernanceFixture} from "./GovernanceFixture.sol";

/// @dev Lends all it has for the time of one call.
contract FlashLender {
    function lend(FlashVoter borrower, uint256 amount) external {
        uint256 before = address(this).balance;
        borrower.borrowed{value: amount}();
        require(address(this).balance >= before, "not paid back");
    }

    receive() external payable {}
}

/// @dev Stakes what it borrows to vote, and tries to have it back in time.
contract FlashVoter {
    QXC private immutable TOKEN;
    uint256 public votes;

    constructor(QXC token) {
        TOKEN = token;
    }

    function borrowed() external payable {
        TOKEN.stake(msg.value, 1 days);
        votes = TOKEN.getVotes(address(this));
        TOKEN.unstake(0);
        TOKEN.transfer(msg.sender, msg.value);
    }

    /// @dev What is left to do without unstaking.
    function keep() external payable {
        TOKEN.stake(msg.value, 1 days);
    }
}

/// @dev Attacks on votes, by name.
contract GovernorAttacksTest is GovernanceFixture {
    function test_FlashLoan_BorrowedCoinCannotBeStakedAndPaidBack() public {
        FlashLender lender = new FlashLender();
        FlashVoter voter = new FlashVoter(token);
        vm.deal(address(lender), 500_000_000 ether);
        vm.expectRevert(
            abi.encodeWithSelector(IStaking.StakeLocked.selector, 0, block.timestamp + 1 days)
        );
        lender.lend(voter, 500_000_000 ether);
        assertEq(token.getVotes(address(voter)), 0);
        assertEq(address(lender).balance, 500_000_000 ether);
    }

    function test_FlashLoan_VotesOfThisSecondDoNotPropose() public {
        FlashVoter voter = new FlashVoter(token);
        vm.deal(address(this), 500_000_000 ether);
        voter.keep{value: 500_000_000 ether}();
        Proposal memory made = rates(9999);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, voter, 0, THRESHOLD
            )
        );
        vm.prank(address(voter));
        governor.propose(made.targets, made.values, made.calls, made.description);
    }

    function test_FlashLoan_StakesAfterTheSnapshotDoNotVote() public {
        uint256 id = propose(alice, rates(7));
        vm.warp(governor.proposalSnapshot(id) + 1);
        vm.deal(stranger, 500_000_000 ether);
        stake(stranger, 500_000_000 ether, 100 days);
        vote(stranger, id, 0);
        (uint256 against,,) = governor.proposalVotes(id);
        assertEq(against, 0);
        assertEq(governor.quorum(governor.proposalSnapshot(id)), 3_500_000 ether);
    }

    function test_StakesThatHaveEndedDoNotVote() public {
        vm.deal(stranger, 40_000_000 ether);
        stake(stranger, 40_000_000 ether, 1 days);
        vm.warp(block.timestamp + 1);
        uint256 id = propose(stranger, rates(9999));
        // Its lock is over at the snapshot, its coin is still in the contract.
        vm.warp(governor.proposalSnapshot(id) + 1);
        assertGt(token.totalStaked(), 40_000_000 ether);
        vote(stranger, id, 1);
        (, uint256 inFavour,) = governor.proposalVotes(id);
        assertEq(inFavour, 0);
    }

    function test_OneStakeDoesNotVoteTwiceByDelegation() public {
        uint256 id = open(rates(7));
        vote(bob, id, 1);
        delegate(bob, stranger);
        vm.warp(block.timestamp + 1);
        vote(stranger, id, 1);
        (, uint256 inFavour,) = governor.proposalVotes(id);
        assertEq(inFavour, 20_000_000 ether);
    }

    function test_FrontRun_AProposalNamesItsProposer() public {
        Proposal memory made = rates(7);
        made.description = string.concat("rate #proposer=", vm.toString(alice));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, bob));
        vm.prank(bob);
        governor.propose(made.targets, made.values, made.calls, made.description);
        uint256 id = propose(alice, made);
        assertEq(governor.proposalProposer(id), alice);
        // Bob could only have taken it over to cancel it.
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, bob));
        vm.prank(bob);
        governor.cancel(made.targets, made.values, made.calls, keccak256(bytes(made.description)));
    }

    function test_LateQuorum_OthersHaveTimeToAnswer() public {
        uint256 id = open(rates(9999));
        uint256 deadline = governor.proposalDeadline(id);
        vm.warp(deadline);
        vote(alice, id, 1);
        assertEq(governor.proposalDeadline(id), deadline + 1 days);
        vm.warp(deadline + 1 days);
        assertState(id, IGovernor.ProposalState.Active);
        vote(bob, id, 0);
        vm.warp(deadline + 1 days + 1);
        assertState(id, IGovernor.ProposalState.Defeated);
    }

    function testFuzz_LateQuorum_TheExtensionIsFromTheQuorumOnOnce(uint256 left) public {
        uint256 id = open(rates(9999));
        uint256 deadline = governor.proposalDeadline(id);
        left = bound(left, 0, 4 days);
        vm.warp(deadline - left);
        vote(alice, id, 1);
        uint256 extended = left < 1 days ? deadline - left + 1 days : deadline;
        assertEq(governor.proposalDeadline(id), extended);
        vm.warp(extended);
        vote(bob, id, 1);
        assertEq(governor.proposalDeadline(id), extended);
    }

    function testFuzz_S13_TheTimelockExecutesNothingBeforeItsTime(uint256 early) public {
        Proposal memory made = rates(77);
        uint256 id = queued(made);
        uint256 eta = governor.proposalEta(id);
        assertEq(eta, block.timestamp + 2 days);
        early = bound(early, 1, 2 days);
        vm.warp(eta - early);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        this.executeIt(made);
        (uint256 base,) = token.rewardRates();
        assertEq(base, 0);
        vm.warp(eta);
        execute(made);
        (base,) = token.rewardRates();
        assertEq(base, 77);
        vm.expectRevert(unexpected(id, IGovernor.ProposalState.Executed, 1 << 5));
        this.executeIt(made);
    }

    function executeIt(Proposal calldata made) external {
        execute(made);
    }

    function test_S13_NobodyUsesTheTimelockDirectly() public {
        Proposal memory made = rates(9999);
        address[4] memory others = [alice, guardian, owner, admin];
        for (uint256 i = 0; i < others.length; i++) {
            vm.startPrank(others[i]);
            vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
            timelock.schedule(made.targets[0], 0, made.calls[0], 0, 0, 2 days);
            vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
            timelock.execute(made.targets[0], 0, made.calls[0], 0, 0);
            vm.expectPartialRevert(TimelockController.TimelockUnauthorizedCaller.selector);
            timelock.updateDelay(0);
            vm.stopPrank();
        }
    }

    function test_AProposalIsQueuedOnceAndNotBeforeItsVoteIsOver() public {
        Proposal memory made = rates(7);
        uint256 id = open(made);
        vote(alice, id, 1);
        vm.expectRevert(unexpected(id, IGovernor.ProposalState.Active, 1 << 4));
        this.queueIt(made);
        vm.warp(governor.proposalDeadline(id) + 1);
        queue(made);
        vm.expectRevert(unexpected(id, IGovernor.ProposalState.Queued, 1 << 4));
        this.queueIt(made);
        vm.expectRevert(unexpected(id, IGovernor.ProposalState.Queued, 0));
        this.proposeIt(made);
    }

    function queueIt(Proposal calldata made) external {
        queue(made);
    }

    function proposeIt(Proposal calldata made) external {
        propose(alice, made);
    }

    function test_AStrangerNeverMovesStakedCoin() public {
        uint256 before = address(token).balance;
        Proposal memory made = proposal(
            address(token),
            abi.encodeCall(token.transferFrom, (address(token), alice, before)),
            "rob the stakers"
        );
        uint256 id = queued(made);
        vm.warp(governor.proposalEta(id));
        // Not even a vote does: the contract has approved nobody.
        vm.expectRevert();
        this.executeIt(made);
        assertEq(address(token).balance, before);
    }
}
