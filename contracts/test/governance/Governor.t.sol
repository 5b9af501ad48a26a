// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {DeployGovernance} from "../../script/DeployGovernance.s.sol";
import {QenexGovernor} from "../../src/governance/QenexGovernor.sol";
import {QXC} from "../../src/qxc/QXC.sol";
import {NativeCoinDouble} from "../doubles/NativeCoinDouble.sol";
import {GovernanceFixture} from "./GovernanceFixture.sol";

/// @dev What votes can do, and that nothing else can.
contract GovernorTest is GovernanceFixture {
    function test_TheTermsAreAsGiven() public view {
        assertEq(address(governor.token()), address(token));
        assertEq(governor.name(), "QENEX Governor");
        assertEq(governor.CLOCK_MODE(), "mode=timestamp");
        assertEq(governor.clock(), block.timestamp);
        assertEq(governor.votingDelay(), 1 days);
        assertEq(governor.votingPeriod(), 5 days);
        assertEq(governor.lateQuorumVoteExtension(), 1 days);
        assertEq(governor.proposalThreshold(), THRESHOLD);
        assertEq(governor.quorumFloor(), FLOOR);
        assertEq(governor.proposalGuardian(), guardian);
        assertEq(timelock.getMinDelay(), 2 days);
        assertTrue(governor.proposalNeedsQueuing(0));
        assertEq(governor.quorum(START), 3_500_000 ether);
    }

    function test_TheGovernorAloneActsThroughTheTimelock() public view {
        bytes32[3] memory roles =
            [timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE(), timelock.EXECUTOR_ROLE()];
        address[5] memory others = [address(this), owner, admin, guardian, address(0)];
        for (uint256 i = 0; i < roles.length; i++) {
            assertTrue(timelock.hasRole(roles[i], address(governor)));
            for (uint256 j = 0; j < others.length; j++) {
                assertFalse(timelock.hasRole(roles[i], others[j]));
            }
        }
        assertTrue(timelock.hasRole(bytes32(0), address(timelock)));
        assertFalse(timelock.hasRole(bytes32(0), address(governor)));
        assertFalse(timelock.hasRole(bytes32(0), address(this)));
    }

    function test_AVoteSetsTheRewardRates() public {
        uint256 id = enact(rates(123));
        assertState(id, IGovernor.ProposalState.Executed);
        (uint256 base,) = token.rewardRates();
        assertEq(base, 123);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, owner));
        vm.prank(owner);
        token.setRewardRates(1, 1);
    }

    function test_AVoteChangesAParameterOfTheChainThroughItsDelay() public {
        enact(
            proposal(
                address(access),
                abi.encodeCall(access.proposeParameter, (PARAMETER, USD, 200)),
                "review from 200"
            )
        );
        (, uint64 value,,,,, uint64 pending, uint64 due) = access.parameter(PARAMETER, USD);
        assertEq(value, 160);
        assertEq(pending, 200);
        assertEq(due, block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.ChangeNotDue.selector, PARAMETER, due));
        access.applyParameter(PARAMETER, USD);
        vm.warp(due);
        vm.prank(stranger);
        access.applyParameter(PARAMETER, USD);
        (, value,,,,,,) = access.parameter(PARAMETER, USD);
        assertEq(value, 200);
    }

    function test_AVoteOutOfAParametersBoundsFails() public {
        Proposal memory made = proposal(
            address(access),
            abi.encodeCall(access.proposeParameter, (PARAMETER, USD, 252)),
            "too much"
        );
        uint256 id = queued(made);
        vm.warp(governor.proposalEta(id));
        vm.expectRevert(
            abi.encodeWithSelector(IQenexErrors.ParameterOutOfBounds.selector, PARAMETER, 1, 251)
        );
        this.executeIt(made);
        assertState(id, IGovernor.ProposalState.Queued);
    }

    function executeIt(Proposal calldata made) external {
        execute(made);
    }

    function test_AVoteAgreesToWhatAnotherAdminAsksFor() public {
        vm.prank(admin);
        access.setPolicy(ADMIN, 1, 30 days);
        bytes memory call = abi.encodeCall(access.proposeParameter, (PARAMETER, USD, 90));
        vm.prank(admin);
        bytes32 asked = access.request(ADMIN, address(access), call);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.ApprovalMissing.selector, 0, 1));
        vm.prank(admin);
        access.proposeParameter(PARAMETER, USD, 90);
        enact(proposal(address(access), abi.encodeCall(access.approve, (asked)), "agree"));
        vm.prank(admin);
        access.proposeParameter(PARAMETER, USD, 90);
        (,,,,,, uint64 pending,) = access.parameter(PARAMETER, USD);
        assertEq(pending, 90);
    }

    function test_AVoteAsksAndActsWithAnAdminsAgreement() public {
        vm.prank(admin);
        access.setPolicy(ADMIN, 1, 30 days);
        bytes memory call = abi.encodeCall(access.proposeParameter, (PARAMETER, USD, 91));
        enact(
            proposal(
                address(access),
                abi.encodeCall(access.request, (ADMIN, address(access), call)),
                "ask"
            )
        );
        bytes32 id =
            keccak256(abi.encode(address(timelock), ADMIN, address(access), keccak256(call)));
        vm.prank(admin);
        access.approve(id);
        enact(proposal(address(access), call, "act"));
        (,,,,,, uint64 pending,) = access.parameter(PARAMETER, USD);
        assertEq(pending, 91);
    }

    function test_AVoteSpendsTheTreasury() public {
        vm.prank(alice);
        token.transfer(address(timelock), 50 ether);
        enact(
            proposal(address(token), abi.encodeCall(token.transfer, (stranger, 20 ether)), "grant")
        );
        assertEq(stranger.balance, 20 ether);
        assertEq(address(timelock).balance, 30 ether);
    }

    function test_AVoteReplacesTheTermsAndNothingElseCan() public {
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, address(this))
        );
        governor.setQuorumFloor(5);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, address(this))
        );
        governor.setVotingPeriod(5);
        uint256 before = vm.getBlockTimestamp();
        enact(
            proposal(
                address(governor),
                abi.encodeCall(governor.setQuorumFloor, (9_000_000 ether)),
                "floor"
            )
        );
        assertEq(governor.quorumFloor(), 9_000_000 ether);
        // Votes of the past have the quorum of the past.
        assertEq(governor.quorum(before), 3_500_000 ether);
        vm.warp(before + 30 days);
        assertEq(governor.quorum(before + 29 days), 9_000_000 ether);
        enact(
            proposal(
                address(timelock), abi.encodeCall(timelock.updateDelay, (3 days)), "longer delay"
            )
        );
        assertEq(timelock.getMinDelay(), 3 days);
    }

    function test_WithFewStakesTheFloorIsTheQuorum() public {
        vm.warp(START + 301 days);
        stake(alice, 900_000 ether, 100 days);
        vm.warp(block.timestamp + 1);
        uint256 id = open(rates(7));
        vote(alice, id, 1);
        assertEq(governor.quorum(governor.proposalSnapshot(id)), FLOOR);
        vm.warp(governor.proposalDeadline(id) + 1);
        assertState(id, IGovernor.ProposalState.Defeated);
    }

    function test_AbstentionsCountForTheQuorumAndMoreMustBeForThanAgainst() public {
        uint256 id = open(rates(7));
        vote(carol, id, 1);
        vote(bob, id, 2);
        vm.warp(governor.proposalDeadline(id) + 1);
        assertState(id, IGovernor.ProposalState.Succeeded);
        Proposal memory made = rates(8);
        id = open(made);
        vote(alice, id, 1);
        vote(bob, id, 0);
        vm.warp(governor.proposalDeadline(id) + 1);
        assertState(id, IGovernor.ProposalState.Defeated);
        vm.expectRevert(unexpected(id, IGovernor.ProposalState.Defeated, 1 << 4));
        this.queueIt(made);
    }

    function queueIt(Proposal calldata made) external {
        queue(made);
    }

    function test_WhoHasTooFewVotesDoesNotPropose() public {
        Proposal memory made = rates(7);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, stranger, 0, THRESHOLD
            )
        );
        vm.prank(stranger);
        governor.propose(made.targets, made.values, made.calls, made.description);
    }

    function test_ADelegateVotesForItsDelegators() public {
        delegate(bob, stranger);
        vm.warp(block.timestamp + 1);
        uint256 id = open(rates(7));
        vote(stranger, id, 1);
        (, uint256 inFavour,) = governor.proposalVotes(id);
        assertEq(inFavour, 20_000_000 ether);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, stranger)
        );
        vm.prank(stranger);
        governor.castVote(id, 1);
    }

    function test_AVoteIsCastBySignature() public {
        uint256 id = open(rates(7));
        (, string memory name, string memory version,,,,) = governor.eip712Domain();
        bytes32 separator = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                block.chainid,
                address(governor)
            )
        );
        bytes32 content = keccak256(abi.encode(governor.BALLOT_TYPEHASH(), id, 1, alice, 0));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(aliceKey, keccak256(abi.encodePacked("\x19\x01", separator, content)));
        governor.castVoteBySig(id, 1, alice, abi.encodePacked(r, s, v));
        assertTrue(governor.hasVoted(id, alice));
    }

    function test_AProposerTakesItBackBeforeTheVoteOnly() public {
        Proposal memory made = rates(7);
        uint256 id = propose(alice, made);
        cancel(alice, made);
        assertState(id, IGovernor.ProposalState.Canceled);
        made = rates(8);
        id = open(made);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, alice)
        );
        vm.prank(alice);
        governor.cancel(made.targets, made.values, made.calls, keccak256(bytes(made.description)));
    }

    function test_TheGuardianCancelsWhatWaitsInTheTimelock() public {
        Proposal memory made = rates(9999);
        uint256 id = queued(made);
        cancel(guardian, made);
        assertState(id, IGovernor.ProposalState.Canceled);
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(unexpected(id, IGovernor.ProposalState.Canceled, 1 << 5));
        this.executeIt(made);
    }

    function test_TheGuardianCannotKeepItselfInOffice() public {
        Proposal memory made = proposal(
            address(governor),
            abi.encodeCall(governor.setProposalGuardian, (address(0))),
            "no guardian"
        );
        uint256 id = queued(made);
        assertTrue(governor.replacesGuardian(id));
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, guardian)
        );
        vm.prank(guardian);
        governor.cancel(made.targets, made.values, made.calls, keccak256(bytes(made.description)));
        vm.warp(governor.proposalEta(id));
        execute(made);
        assertEq(governor.proposalGuardian(), address(0));
        // Then proposers take their own back at any time.
        made = rates(8);
        id = open(made);
        cancel(alice, made);
        assertState(id, IGovernor.ProposalState.Canceled);
    }

    function test_TheGuardianCancelsAReplacementThatDoesMore() public {
        Proposal memory made;
        made.targets = new address[](2);
        made.values = new uint256[](2);
        made.calls = new bytes[](2);
        (made.targets[0], made.targets[1]) = (address(governor), address(token));
        made.calls[0] = abi.encodeCall(governor.setProposalGuardian, (alice));
        made.calls[1] = abi.encodeCall(token.setRewardRates, (9999, 0));
        uint256 id = queued(made);
        assertFalse(governor.replacesGuardian(id));
        cancel(guardian, made);
        assertState(id, IGovernor.ProposalState.Canceled);
    }

    function test_TheScriptDeploysAndWires() public {
        NativeCoinDouble(address(COIN)).forceGenesis(address(0), ISSUED);
        DeployGovernance script = new DeployGovernance();
        access.forceRole(ADMIN, address(script));
        (QXC fresh, QenexGovernor made) = script.deploy(address(script));
        assertEq(COIN.face(), address(fresh));
        assertEq(address(made.token()), address(fresh));
        assertEq(fresh.pendingOwner(), made.timelock());
        assertTrue(access.hasRole(ADMIN, made.timelock()));
        // The same again over a predeploy without an owner.
        QXC predeploy = QXC(makeAddr("predeploy"));
        vm.etch(address(predeploy), address(fresh).code);
        NativeCoinDouble(address(COIN)).forceGenesis(address(predeploy), ISSUED);
        (fresh, made) = script.deploy(address(script));
        assertEq(address(fresh), address(predeploy));
        assertEq(predeploy.owner(), made.timelock());
        // And by somebody without rights.
        (, made) = script.deploy(stranger);
        assertFalse(access.hasRole(ADMIN, made.timelock()));
    }
}
