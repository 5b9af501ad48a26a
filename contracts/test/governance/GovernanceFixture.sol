// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {QenexGovernor} from "../../src/governance/QenexGovernor.sol";
import {QxcFixture} from "../qxc/QxcFixture.sol";

/// @dev Governance over QXC that owns the reward rates and is an admin of the network; Alice, Bob and Carol have 10, 20 and
/// 5 million votes.
abstract contract GovernanceFixture is QxcFixture {
    struct Proposal {
        address[] targets;
        uint256[] values;
        bytes[] calls;
        string description;
    }

    uint16 internal constant PARAMETER = 111;
    bytes3 internal constant USD = "USD";
    uint256 internal constant FLOOR = 1_000_000 ether;
    uint256 internal constant THRESHOLD = 100_000 ether;

    QenexGovernor internal governor;
    TimelockController internal timelock;
    address internal guardian = makeAddr("guardian");
    address internal stranger = makeAddr("stranger");

    function setUp() public virtual override {
        super.setUp();
        governor = new QenexGovernor(
            QenexGovernor.Terms({
                votes: token,
                guardian: guardian,
                timelockDelay: 2 days,
                votingDelay: 1 days,
                votingPeriod: 5 days,
                voteExtension: 1 days,
                proposalThreshold: THRESHOLD,
                quorumPercent: 10,
                quorumFloor: FLOOR
            })
        );
        timelock = TimelockController(payable(governor.timelock()));
        vm.prank(owner);
        token.transferOwnership(address(timelock));
        vm.prank(address(timelock));
        token.acceptOwnership();
        access.forceRole(ADMIN, address(timelock));
        access.forceParameter(PARAMETER, USD, "risk.score.review", 1, 160, 251, 1 days);
        stake(alice, 10_000_000 ether, 300 days);
        stake(bob, 20_000_000 ether, 300 days);
        stake(carol, 5_000_000 ether, 300 days);
        vm.warp(START + 1);
    }

    function proposal(address target, bytes memory call, string memory description)
        internal
        pure
        returns (Proposal memory made)
    {
        made.targets = new address[](1);
        made.values = new uint256[](1);
        made.calls = new bytes[](1);
        made.targets[0] = target;
        made.calls[0] = call;
        made.description = description;
    }

    function rates(uint256 base) internal view returns (Proposal memory) {
        return proposal(
            address(token),
            abi.encodeCall(token.setRewardRates, (base, 0)),
            string.concat("rate ", vm.toString(base))
        );
    }

    function idOf(Proposal memory made) internal view returns (uint256) {
        return governor.hashProposal(
            made.targets, made.values, made.calls, keccak256(bytes(made.description))
        );
    }

    function propose(address who, Proposal memory made) internal returns (uint256 id) {
        vm.prank(who);
        return governor.propose(made.targets, made.values, made.calls, made.description);
    }

    function vote(address who, uint256 id, uint8 support) internal {
        vm.prank(who);
        governor.castVote(id, support);
    }

    function queue(Proposal memory made) internal {
        governor.queue(made.targets, made.values, made.calls, keccak256(bytes(made.description)));
    }

    function execute(Proposal memory made) internal {
        governor.execute(made.targets, made.values, made.calls, keccak256(bytes(made.description)));
    }

    function cancel(address who, Proposal memory made) internal {
        vm.prank(who);
        governor.cancel(made.targets, made.values, made.calls, keccak256(bytes(made.description)));
    }

    /// @dev From the proposal to the open vote.
    function open(Proposal memory made) internal returns (uint256 id) {
        id = propose(alice, made);
        vm.warp(governor.proposalSnapshot(id) + 1);
    }

    /// @dev From the proposal to the timelock.
    function queued(Proposal memory made) internal returns (uint256 id) {
        id = open(made);
        vote(alice, id, 1);
        vm.warp(governor.proposalDeadline(id) + 1);
        queue(made);
    }

    /// @dev From the proposal to its effect.
    function enact(Proposal memory made) internal returns (uint256 id) {
        id = queued(made);
        vm.warp(governor.proposalEta(id));
        execute(made);
    }

    function assertState(uint256 id, IGovernor.ProposalState expected) internal view {
        assertEq(uint256(governor.state(id)), uint256(expected));
    }

    /// @dev What the governor says to who acts in a state other than `wanted`.
    function unexpected(uint256 id, IGovernor.ProposalState current, uint256 wanted)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IGovernor.GovernorUnexpectedProposalState.selector, id, current, bytes32(wanted)
        );
    }
}
