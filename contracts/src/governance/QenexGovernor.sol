// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {
    GovernorCountingSimple
} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {
    GovernorPreventLateQuorum
} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {
    GovernorProposalGuardian
} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {QenexTimelock} from "./QenexTimelock.sol";

/// @title Votes of staked QXC decide
/// @notice OpenZeppelin's Governor over the votes of locked QXC: a proposal is voted on with the votes of one second in
/// the past, waits in the timelock, and is then executed by anybody. The timelock owns what governance owns; this
/// contract owns nothing.
///
/// Beyond the library: the quorum has a floor in votes besides its fraction, so that a handful of stakes
/// decide nothing while few are staked; and the guardian, who can cancel every other proposal, cannot cancel the
/// one that replaces it.
/// @dev Times are seconds (the clock of QXC).
contract QenexGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorTimelockControl,
    GovernorPreventLateQuorum,
    GovernorProposalGuardian
{
    using Checkpoints for Checkpoints.Trace208;

    /// @param votes QXC.
    /// @param guardian Who can cancel; the zero address: proposers can cancel their own.
    /// @param timelockDelay Seconds from the queueing of a vote to its execution.
    /// @param votingDelay Seconds from a proposal to the second whose votes count.
    /// @param votingPeriod Seconds to vote.
    /// @param voteExtension Seconds that are left to vote, at least, after the quorum was reached.
    /// @param proposalThreshold Votes that a proposer needs.
    /// @param quorumPercent For and abstaining votes that a decision needs, of all votes.
    /// @param quorumFloor The same in votes: the greater counts.
    struct Terms {
        IVotes votes;
        address guardian;
        uint256 timelockDelay;
        uint48 votingDelay;
        uint32 votingPeriod;
        uint48 voteExtension;
        uint256 proposalThreshold;
        uint256 quorumPercent;
        uint256 quorumFloor;
    }

    /// @notice Decisions need this many votes, at least.
    event QuorumFloorSet(uint256 previous, uint256 floor);

    /// @notice Whether a proposal does nothing but replace the guardian, so that the guardian cannot cancel it.
    mapping(uint256 proposalId => bool) public replacesGuardian;
    Checkpoints.Trace208 private _quorumFloor;

    /// @notice Makes the timelock too: there is no moment at which somebody else could propose to it.
    constructor(Terms memory terms)
        Governor("QENEX Governor")
        GovernorSettings(terms.votingDelay, terms.votingPeriod, terms.proposalThreshold)
        GovernorVotes(terms.votes)
        GovernorVotesQuorumFraction(terms.quorumPercent)
        GovernorTimelockControl(new QenexTimelock(terms.timelockDelay, address(this)))
        GovernorPreventLateQuorum(terms.voteExtension)
    {
        _setProposalGuardian(terms.guardian);
        _setQuorumFloor(terms.quorumFloor);
    }

    /// @notice Sets the least quorum in votes. By a vote.
    function setQuorumFloor(uint256 floor) external onlyGovernance {
        _setQuorumFloor(floor);
    }

    /// @notice The least quorum in votes, now.
    function quorumFloor() external view returns (uint256) {
        return _quorumFloor.latest();
    }

    /// @notice For and abstaining votes that a proposal with this snapshot needs.
    function quorum(uint256 timepoint)
        public
        view
        override(Governor, GovernorVotesQuorumFraction)
        returns (uint256)
    {
        uint256 floor = _quorumFloor.upperLookupRecent(SafeCast.toUint48(timepoint));
        return Math.max(super.quorum(timepoint), floor);
    }

    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function proposalThreshold()
        public
        view
        override(Governor, GovernorSettings)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    function _setQuorumFloor(uint256 floor) private {
        (uint208 previous, uint208 next) = _quorumFloor.push(clock(), SafeCast.toUint208(floor));
        emit QuorumFloorSet(previous, next);
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        if (
            targets.length == 1 && targets[0] == address(this)
                && bytes4(calldatas[0]) == this.setProposalGuardian.selector
        ) replacesGuardian[proposalId] = true;
    }

    function _validateCancel(uint256 proposalId, address caller)
        internal
        view
        override(Governor, GovernorProposalGuardian)
        returns (bool)
    {
        if (replacesGuardian[proposalId]) return Governor._validateCancel(proposalId, caller);
        return super._validateCancel(proposalId, caller);
    }

    function _tallyUpdated(uint256 proposalId)
        internal
        override(Governor, GovernorPreventLateQuorum)
    {
        super._tallyUpdated(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor()
        internal
        view
        override(Governor, GovernorTimelockControl)
        returns (address)
    {
        return super._executor();
    }
}
