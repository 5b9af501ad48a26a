// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {QenexGovernor} from "../../src/governance/QenexGovernor.sol";
import {QXC} from "../../src/qxc/QXC.sol";
import {GovernanceFixture} from "./GovernanceFixture.sol";

/// @dev What proposals do: it writes down by whom and when it was called.
contract Effect {
    address public immutable TIMELOCK;
    mapping(uint256 number => uint256 time) public doneAt;
    uint256 public strangers;

    constructor(address timelock) {
        TIMELOCK = timelock;
    }

    function act(uint256 number) external {
        if (msg.sender != TIMELOCK || doneAt[number] > 0) strangers++;
        doneAt[number] = block.timestamp;
    }
}

/// @dev Proposes, votes, queues, executes and cancels whatever can be at the moment.
contract GovernanceHandler is CommonBase, StdUtils {
    QenexGovernor public immutable GOVERNOR;
    QXC public immutable TOKEN;
    Effect public immutable EFFECT;
    address public immutable GUARDIAN;
    address[] public voters;
    uint256[] public ids;
    mapping(uint256 number => uint256 time) public queuedAt;
    mapping(uint256 number => uint256 votes) public cast;
    mapping(uint256 number => bool) public refusedEarly;

    constructor(QenexGovernor governor, address guardian, address[] memory people) {
        (GOVERNOR, GUARDIAN, voters) = (governor, guardian, people);
        TOKEN = QXC(address(governor.token()));
        EFFECT = new Effect(governor.timelock());
    }

    function arguments(uint256 number)
        private
        view
        returns (
            address[] memory targets,
            uint256[] memory values,
            bytes[] memory calls,
            bytes32 hash
        )
    {
        targets = new address[](1);
        values = new uint256[](1);
        calls = new bytes[](1);
        targets[0] = address(EFFECT);
        calls[0] = abi.encodeCall(EFFECT.act, (number));
        hash = keccak256(bytes(vm.toString(number)));
    }

    function pick(uint256 seed, IGovernor.ProposalState wanted)
        private
        view
        returns (bool found, uint256 number)
    {
        for (uint256 i = 0; i < ids.length; i++) {
            number = (seed % ids.length + i) % ids.length;
            if (GOVERNOR.state(ids[number]) == wanted) return (true, number);
        }
    }

    function propose(uint256 who) external {
        address proposer = voters[who % voters.length];
        uint256 before = vm.getBlockTimestamp() - 1;
        if (TOKEN.getPastVotes(proposer, before) < GOVERNOR.proposalThreshold()) return;
        uint256 number = ids.length;
        (address[] memory targets, uint256[] memory values, bytes[] memory calls,) =
            arguments(number);
        vm.prank(proposer);
        ids.push(GOVERNOR.propose(targets, values, calls, vm.toString(number)));
    }

    function vote(uint256 who, uint256 seed, uint8 support) external {
        (bool found, uint256 number) = pick(seed, IGovernor.ProposalState.Active);
        address voter = voters[who % voters.length];
        if (!found || GOVERNOR.hasVoted(ids[number], voter)) return;
        // Mostly in favour, or nothing would ever be executed.
        vm.prank(voter);
        cast[number] += GOVERNOR.castVote(ids[number], support % 5 < 3 ? 1 : support % 5 - 3);
    }

    function queue(uint256 seed) external {
        (bool found, uint256 number) = pick(seed, IGovernor.ProposalState.Succeeded);
        if (!found) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory calls, bytes32 hash) =
            arguments(number);
        GOVERNOR.queue(targets, values, calls, hash);
        queuedAt[number] = vm.getBlockTimestamp();
    }

    /// @dev At its time it must go through, before it must not.
    function execute(uint256 seed) external {
        (bool found, uint256 number) = pick(seed, IGovernor.ProposalState.Queued);
        if (!found) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory calls, bytes32 hash) =
            arguments(number);
        if (vm.getBlockTimestamp() >= GOVERNOR.proposalEta(ids[number])) {
            GOVERNOR.execute(targets, values, calls, hash);
            return;
        }
        try GOVERNOR.execute(targets, values, calls, hash) {
            revert("executed before its time");
        } catch {
            refusedEarly[number] = true;
        }
    }

    function cancel(uint256 seed) external {
        (bool found, uint256 number) = pick(seed, IGovernor.ProposalState.Queued);
        if (!found || seed % 4 > 0) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory calls, bytes32 hash) =
            arguments(number);
        vm.prank(GUARDIAN);
        GOVERNOR.cancel(targets, values, calls, hash);
    }

    function restake(uint256 who, uint256 amount, uint256 lock) external {
        address voter = voters[who % voters.length];
        if (TOKEN.stakeCount(voter) >= 60 || voter.balance == 0) return;
        vm.prank(voter);
        TOKEN.stake(bound(amount, 1, voter.balance), bound(lock, 1 days, 730 days));
    }

    function delegate(uint256 who, uint256 to) external {
        vm.prank(voters[who % voters.length]);
        TOKEN.delegate(voters[to % voters.length]);
    }

    function pass(uint256 time) external {
        vm.warp(vm.getBlockTimestamp() + bound(time, 1, 3 days));
    }

    function count() external view returns (uint256) {
        return ids.length;
    }
}

/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 64
contract GovernanceInvariants is GovernanceFixture {
    GovernanceHandler private handler;

    function setUp() public override {
        super.setUp();
        address[] memory people = new address[](3);
        (people[0], people[1], people[2]) = (alice, bob, carol);
        handler = new GovernanceHandler(governor, guardian, people);
        targetContract(address(handler));
    }

    /// @dev S13: what was executed was queued, waited for the delay, and was done once, by the timelock.
    function invariant_S13_NothingIsExecutedBeforeItsTime() public view {
        Effect effect = handler.EFFECT();
        assertEq(effect.strangers(), 0);
        for (uint256 i = 0; i < handler.count(); i++) {
            uint256 done = effect.doneAt(i);
            bool executed = governor.state(handler.ids(i)) == IGovernor.ProposalState.Executed;
            assertEq(done > 0, executed);
            if (!executed) continue;
            assertGt(handler.queuedAt(i), 0);
            assertGe(done, handler.queuedAt(i) + timelock.getMinDelay());
        }
    }

    /// @dev S13: nobody votes with more than there was at the snapshot.
    function invariant_S13_NoMoreVotesAreCastThanThereWere() public view {
        for (uint256 i = 0; i < handler.count(); i++) {
            uint256 id = handler.ids(i);
            (uint256 against, uint256 inFavour, uint256 abstained) = governor.proposalVotes(id);
            assertEq(against + inFavour + abstained, handler.cast(i));
            uint256 snapshot = governor.proposalSnapshot(id);
            if (snapshot >= block.timestamp) {
                assertEq(handler.cast(i), 0);
            } else {
                assertLe(handler.cast(i), token.getPastTotalSupply(snapshot));
            }
        }
    }
}
