// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {StakeVotes} from "../../src/qxc/StakeVotes.sol";
import {QxcFixture} from "./QxcFixture.sol";

/// @dev Who has how many votes when.
contract VotesTest is QxcFixture {
    bytes32 private constant DELEGATION =
        keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");

    function midnight(uint256 time) private pure returns (uint256) {
        return time / 1 days * 1 days;
    }

    function assertVotes(uint256 ofAlice, uint256 ofBob, uint256 ofCarol) private view {
        assertEq(token.getVotes(alice), ofAlice, "alice");
        assertEq(token.getVotes(bob), ofBob, "bob");
        assertEq(token.getVotes(carol), ofCarol, "carol");
        assertEq(token.totalVotes(), ofAlice + ofBob + ofCarol, "total");
    }

    function test_TheClockIsTime() public {
        assertEq(token.clock(), START);
        assertEq(token.CLOCK_MODE(), "mode=timestamp");
        vm.warp(START + 5);
        assertEq(token.clock(), START + 5);
    }

    function test_CoinThatIsNotLockedHasNoVotes() public {
        assertVotes(0, 0, 0);
        vm.prank(alice);
        token.transfer(bob, 1 ether);
        assertVotes(0, 0, 0);
    }

    function test_AStakeHasVotesAtOnceWithoutDelegation() public {
        stake(alice, 7 ether, 30 days);
        assertVotes(7 ether, 0, 0);
        assertEq(token.delegates(alice), alice);
    }

    function testFuzz_VotesEndByThemselvesWithinTheLock(uint256 lock) public {
        lock = bound(lock, 1 days, 730 days);
        stake(alice, 7 ether, lock);
        uint256 end = token.stakeOf(alice, 0).votesUntil;
        assertEq(end, midnight(START + lock));
        assertGt(end, START);
        vm.warp(end - 1);
        assertVotes(7 ether, 0, 0);
        vm.warp(end);
        assertVotes(0, 0, 0);
        vm.warp(START + lock);
        unstake(alice, 0);
        assertVotes(0, 0, 0);
        assertEq(token.getPastVotes(alice, end - 1), 7 ether);
        assertEq(token.getPastTotalSupply(end - 1), 7 ether);
        assertEq(token.getPastVotes(alice, end), 0);
        assertEq(token.getPastTotalSupply(end), 0);
        assertEq(token.getPastVotes(alice, START - 1), 0);
        assertEq(token.getPastTotalSupply(START - 1), 0);
    }

    function test_ThePastDoesNotChange() public {
        stake(alice, 1 ether, 100 days);
        vm.warp(START + 10);
        stake(alice, 2 ether, 50 days);
        vm.warp(START + 20);
        delegate(alice, bob);
        vm.warp(START + 30);
        stake(alice, 4 ether, 10 days);
        vm.warp(START + 40);
        delegate(alice, alice);
        vm.warp(START + 400 days);
        for (uint256 i = 0; i < 3; i++) {
            unstake(alice, i);
        }
        uint256[6] memory times = [START, START + 9, START + 10, START + 25, START + 35, START + 45];
        uint256[6] memory ofAlice = [uint256(1 ether), 1 ether, 3 ether, 0, 0, 7 ether];
        uint256[6] memory ofBob = [uint256(0), 0, 0, 3 ether, 7 ether, 0];
        for (uint256 i = 0; i < times.length; i++) {
            assertEq(token.getPastVotes(alice, times[i]), ofAlice[i]);
            assertEq(token.getPastVotes(bob, times[i]), ofBob[i]);
            assertEq(token.getPastTotalSupply(times[i]), ofAlice[i] + ofBob[i]);
        }
        assertEq(token.getPastVotes(alice, START + 49 days), 3 ether);
        assertEq(token.getPastVotes(alice, START + 60 days), 1 ether);
        assertEq(token.getPastVotes(alice, START + 200 days), 0);
    }

    function test_ThePresentAndTheFutureAreNotThePast() public {
        bytes memory reason =
            abi.encodeWithSelector(StakeVotes.ERC5805FutureLookup.selector, START, START);
        vm.expectRevert(reason);
        token.getPastVotes(alice, START);
        vm.expectRevert(reason);
        token.getPastTotalSupply(START);
        vm.expectRevert(
            abi.encodeWithSelector(
                StakeVotes.ERC5805FutureLookup.selector, type(uint256).max, START
            )
        );
        token.getPastVotes(alice, type(uint256).max);
    }

    function test_WhatIsStakedAndDelegatedInOneSecondCountsAsAtItsEnd() public {
        stake(alice, 1 ether, 10 days);
        delegate(alice, bob);
        stake(alice, 2 ether, 10 days);
        delegate(alice, carol);
        assertVotes(0, 0, 3 ether);
        vm.warp(START + 1);
        assertEq(token.getPastVotes(alice, START), 0);
        assertEq(token.getPastVotes(bob, START), 0);
        assertEq(token.getPastVotes(carol, START), 3 ether);
        assertEq(token.getPastTotalSupply(START), 3 ether);
    }

    function test_DelegationMovesPresentAndFutureStakes() public {
        stake(alice, 1 ether, 30 days);
        stake(bob, 10 ether, 30 days);
        vm.expectEmit(address(token));
        emit IVotes.DelegateChanged(alice, alice, bob);
        delegate(alice, bob);
        assertEq(token.delegates(alice), bob);
        assertVotes(0, 11 ether, 0);
        stake(alice, 2 ether, 60 days);
        assertVotes(0, 13 ether, 0);
        vm.warp(START + 30 days);
        assertVotes(0, 2 ether, 0);
        vm.expectEmit(address(token));
        emit IVotes.DelegateChanged(alice, bob, carol);
        delegate(alice, carol);
        assertVotes(0, 0, 2 ether);
        vm.expectEmit(address(token));
        emit IVotes.DelegateChanged(alice, carol, alice);
        delegate(alice, address(0));
        assertVotes(2 ether, 0, 0);
        assertEq(token.delegates(alice), alice);
        vm.warp(START + 60 days);
        assertVotes(0, 0, 0);
    }

    function test_DelegatedVotesAreNotPassedOn() public {
        stake(alice, 1 ether, 30 days);
        delegate(alice, bob);
        delegate(bob, carol);
        assertVotes(0, 1 ether, 0);
    }

    function test_DelegatingWithoutStakesOrToTheSameChangesNoVotes() public {
        delegate(alice, bob);
        assertVotes(0, 0, 0);
        stake(alice, 1 ether, 5 days);
        delegate(alice, bob);
        assertVotes(0, 1 ether, 0);
        vm.warp(START + 5 days - 1);
        // Votes are over, the lock is not: nothing is left to move.
        delegate(alice, carol);
        assertVotes(0, 0, 0);
    }

    function test_AFullListOfStakesIsDelegated() public {
        for (uint256 i = 0; i < token.MAX_RUNNING(); i++) {
            stake(alice, 1 ether, (i + 2) * 1 days);
        }
        uint256 before = gasleft();
        delegate(alice, bob);
        // Without the optimizer too, as when coverage is measured.
        assertLt(before - gasleft(), 3_000_000);
        assertVotes(0, 64 ether, 0);
        vm.warp(START + 33 days);
        assertEq(token.getVotes(bob), 32 ether);
        assertVotes(0, 32 ether, 0);
    }

    function test_DustOfManyDelegatorsDoesNotStopADelegate() public {
        stake(bob, 5 ether, 700 days);
        for (uint256 i = 1; i <= 730; i += 3) {
            address dust = vm.addr(i);
            vm.deal(dust, 1);
            stake(dust, 1, i * 1 days);
            delegate(dust, bob);
        }
        vm.warp(START + 699 days);
        vm.cool(address(token));
        uint256 before = gasleft();
        assertGe(token.getVotes(bob), 5 ether);
        assertLt(before - gasleft(), 2_500_000);
    }

    function delegation(uint256 key, uint256 nonce, uint256 expiry) private {
        (uint8 v, bytes32 r, bytes32 s) = sign(key, abi.encode(DELEGATION, bob, nonce, expiry));
        token.delegateBySig(bob, nonce, expiry, v, r, s);
    }

    function delegateSigned(uint256 nonce, uint256 expiry) external {
        delegation(aliceKey, nonce, expiry);
    }

    function test_ASignatureDelegatesOnce() public {
        stake(alice, 3 ether, 30 days);
        delegation(aliceKey, 0, block.timestamp);
        assertVotes(0, 3 ether, 0);
        assertEq(token.nonces(alice), 1);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, alice, 1));
        this.delegateSigned(0, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IVotes.VotesExpiredSignature.selector, START - 1));
        this.delegateSigned(1, START - 1);
    }

    /// @dev Coin that is borrowed and must be back at the end of the transaction cannot vote: it would be locked.
    function test_FlashBorrowedCoinHasNoVotes() public {
        stake(alice, 1 ether, 1 days);
        vm.expectPartialRevert(bytes4(keccak256("StakeLocked(uint256,uint256)")));
        vm.prank(alice);
        token.unstake(0);
        vm.warp(START + 1);
        assertEq(token.getPastVotes(bob, START), 0);
    }
}
