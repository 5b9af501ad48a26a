// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {INativeCoin} from "../../interfaces/INativeCoin.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {AccessDouble} from "./AccessDouble.sol";
import {NativeCoinDouble} from "./NativeCoinDouble.sol";

/// @dev The doubles follow the engines' rules; the cases are those of the engines' own tests.
contract EngineDoublesTest is Test, IQenexErrors {
    uint8 private constant ADMIN = 1;
    uint8 private constant OFFICERS = 3;
    bytes3 private constant USD = "USD";

    AccessDouble private access = AccessDouble(address(QenexAddresses.ACCESS));
    NativeCoinDouble private coin = NativeCoinDouble(0x515800000000000000000000000000000000000A);
    address private admin = makeAddr("admin");
    address private guardian = makeAddr("guardian");
    address private one = makeAddr("one");
    address private two = makeAddr("two");
    address private three = makeAddr("three");
    address private stranger = makeAddr("stranger");

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.etch(address(access), address(new AccessDouble()).code);
        vm.etch(address(coin), address(new NativeCoinDouble()).code);
        access.forceRole(ADMIN, admin);
        access.forceRole(7, guardian);
        access.forceRole(OFFICERS, one);
        access.forceRole(OFFICERS, two);
        access.forceRole(OFFICERS, three);
        access.forceParameter(111, USD, "risk.score.review", 1, 160, 251, 1 days);
    }

    function refused(address caller, bytes memory call, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(caller);
        (bool done,) = address(access).call(call);
        done;
    }

    function denied(address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(NotAuthorised.selector, caller);
    }

    function test_AdminsGrantAndRevokeAndOneStays() public {
        bytes memory grant = abi.encodeCall(access.grantRole, (2, one));
        refused(one, grant, denied(one));
        refused(
            admin,
            abi.encodeCall(access.grantRole, (8, one)),
            abi.encodeWithSelector(InvalidRole.selector, 8)
        );
        refused(
            admin,
            abi.encodeCall(access.grantRole, (2, address(0))),
            abi.encodeWithSelector(InvalidAccount.selector, address(0))
        );
        vm.startPrank(admin);
        access.grantRole(2, one);
        access.grantRole(2, one);
        assertTrue(access.hasRole(2, one));
        assertEq(access.memberCount(2), 1);
        access.revokeRole(2, one);
        access.revokeRole(2, one);
        assertEq(access.memberCount(2), 0);
        vm.stopPrank();
        bytes memory last = abi.encodeWithSelector(TooFewMembers.selector, ADMIN, 1);
        refused(admin, abi.encodeCall(access.renounceRole, (ADMIN)), last);
        refused(stranger, abi.encodeCall(access.renounceRole, (ADMIN)), denied(stranger));
        vm.startPrank(admin);
        access.grantRole(ADMIN, one);
        access.renounceRole(ADMIN);
        vm.stopPrank();
        refused(admin, grant, denied(admin));
    }

    function policy(uint8 required) private {
        vm.prank(admin);
        access.setPolicy(OFFICERS, required, 100);
    }

    function useOfficers(address caller, bytes memory data) external {
        access.forceUseApproval(OFFICERS, caller, address(9), data);
    }

    function expectMissing(address caller, bytes memory data, uint8 have, uint8 need) private {
        vm.expectRevert(abi.encodeWithSelector(ApprovalMissing.selector, have, need));
        this.useOfficers(caller, data);
    }

    function test_WhatSeveralMustAgreeToWaitsForThem() public {
        policy(2);
        expectMissing(one, "a", 0, 2);
        refused(
            stranger, abi.encodeCall(access.request, (OFFICERS, address(9), "a")), denied(stranger)
        );
        vm.prank(one);
        bytes32 id = access.request(OFFICERS, address(9), "a");
        assertEq(id, keccak256(abi.encode(one, OFFICERS, address(9), keccak256("a"))));
        bytes memory approve = abi.encodeCall(access.approve, (id));
        refused(one, approve, denied(one));
        refused(stranger, approve, denied(stranger));
        vm.prank(two);
        access.approve(id);
        refused(two, approve, abi.encodeWithSelector(AlreadyApproved.selector, two));
        expectMissing(one, "a", 1, 2);
        vm.prank(three);
        access.approve(id);
        expectMissing(one, "b", 0, 2);
        expectMissing(three, "a", 0, 2);
        (address initiator, uint8 role, uint8 status, uint8 have, uint8 need, uint64 expires) =
            access.requestOf(id);
        assertEq(initiator, one);
        assertEq(role, OFFICERS);
        assertEq(uint256(status) * 100 + have * 10 + need, 122);
        assertEq(expires, block.timestamp + 100);
        this.useOfficers(one, "a");
        expectMissing(one, "a", 0, 2);
        refused(three, approve, abi.encodeWithSelector(RequestNotOpen.selector, id, 2));
    }

    function test_AnApprovalCountsWhileItsGiverHasTheRoleAndTheTimeRuns() public {
        policy(1);
        vm.prank(one);
        bytes32 id = access.request(OFFICERS, address(9), "a");
        vm.prank(two);
        access.approve(id);
        vm.prank(admin);
        access.revokeRole(OFFICERS, two);
        expectMissing(one, "a", 0, 1);
        vm.prank(three);
        access.approve(id);
        vm.warp(block.timestamp + 101);
        expectMissing(one, "a", 0, 1);
        refused(
            one,
            abi.encodeCall(access.cancel, (id)),
            abi.encodeWithSelector(RequestNotOpen.selector, id, 4)
        );
        vm.prank(one);
        access.request(OFFICERS, address(9), "a");
        expectMissing(one, "a", 0, 1);
        refused(stranger, abi.encodeCall(access.cancel, (id)), denied(stranger));
        vm.prank(guardian);
        access.cancel(id);
        (,, uint8 status,,,) = access.requestOf(id);
        assertEq(status, 3);
    }

    function test_APolicyCanBeMet() public {
        bytes memory few = abi.encodeWithSelector(TooFewMembers.selector, OFFICERS, 4);
        refused(admin, abi.encodeCall(access.setPolicy, (OFFICERS, 3, 100)), few);
        refused(
            admin,
            abi.encodeCall(access.setPolicy, (OFFICERS, 9, 100)),
            abi.encodeWithSelector(InvalidPolicy.selector, "required")
        );
        refused(
            admin,
            abi.encodeCall(access.setPolicy, (OFFICERS, 1, 0)),
            abi.encodeWithSelector(InvalidPolicy.selector, "time")
        );
        policy(2);
        (uint8 required, uint32 time) = access.policyOf(OFFICERS);
        assertEq(uint256(required) * 1000 + time, 2100);
        refused(
            admin,
            abi.encodeCall(access.revokeRole, (OFFICERS, one)),
            abi.encodeWithSelector(TooFewMembers.selector, OFFICERS, 3)
        );
    }

    function test_AParameterChangesWithinItsBoundsAfterItsDelay() public {
        bytes memory propose = abi.encodeCall(access.proposeParameter, (111, USD, 200));
        bytes memory apply_ = abi.encodeCall(access.applyParameter, (111, USD));
        bytes memory cancel = abi.encodeCall(access.cancelParameter, (111, USD));
        refused(stranger, propose, denied(stranger));
        for (uint64 value = 0; value <= 252; value += 252) {
            refused(
                admin,
                abi.encodeCall(access.proposeParameter, (111, USD, value)),
                abi.encodeWithSelector(ParameterOutOfBounds.selector, 111, 1, 251)
            );
        }
        refused(
            admin,
            abi.encodeCall(access.proposeParameter, (9, USD, 1)),
            abi.encodeWithSelector(UnknownParameter.selector, 9)
        );
        refused(
            admin,
            abi.encodeCall(access.proposeParameter, (111, "XXX", 1)),
            abi.encodeWithSelector(UnknownCurrency.selector, bytes3("XXX"))
        );
        refused(stranger, apply_, abi.encodeWithSelector(ChangeNotDue.selector, 111, 0));
        vm.prank(admin);
        access.proposeParameter(111, USD, 200);
        uint256 due = block.timestamp + 1 days;
        refused(stranger, apply_, abi.encodeWithSelector(ChangeNotDue.selector, 111, due));
        refused(stranger, cancel, denied(stranger));
        vm.prank(guardian);
        access.cancelParameter(111, USD);
        refused(guardian, cancel, abi.encodeWithSelector(ChangeNotDue.selector, 111, 0));
        vm.prank(admin);
        access.proposeParameter(111, USD, 201);
        vm.warp(due - 1);
        refused(stranger, apply_, abi.encodeWithSelector(ChangeNotDue.selector, 111, due));
        vm.warp(due);
        vm.prank(stranger);
        access.applyParameter(111, USD);
        (string memory name, uint64 value_,,,,, uint64 pending, uint64 at) =
            access.parameter(111, USD);
        assertEq(name, "risk.score.review");
        assertEq(value_, 201);
        assertEq(pending + at, 0);
        assertEq(access.parameters().length, 1);
    }

    function test_TheCoinMovesForItsFaceAlone() public {
        vm.deal(one, 10);
        vm.expectRevert(denied(one));
        vm.prank(one);
        coin.transfer(one, two, 1);
        coin.forceGenesis(three, 77);
        assertEq(coin.issued(), 77);
        vm.startPrank(three);
        coin.transfer(one, two, 4);
        assertEq(one.balance * 10 + two.balance, 64);
        coin.transfer(one, one, 6);
        assertEq(one.balance, 6);
        vm.expectRevert(abi.encodeWithSelector(ERC20InsufficientBalance.selector, one, 6, 7));
        coin.transfer(one, two, 7);
        vm.expectRevert(abi.encodeWithSelector(ERC20InvalidSender.selector, address(0)));
        coin.transfer(address(0), two, 0);
        vm.expectRevert(abi.encodeWithSelector(ERC20InvalidReceiver.selector, address(coin)));
        coin.transfer(one, address(coin), 0);
    }

    function test_TheFaceIsSetOnceByAnAdmin() public {
        vm.expectRevert(denied(one));
        vm.prank(one);
        coin.setFace(one);
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(InvalidAccount.selector, address(0)));
        coin.setFace(address(0));
        vm.expectEmit(address(coin));
        emit INativeCoin.FaceSet(one, admin);
        coin.setFace(one);
        assertEq(coin.face(), one);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.FaceExists.selector, one));
        coin.setFace(two);
    }

    function test_EnginesAreKnownByTheirAddress() public view {
        uint160 face = uint160(0x5158C0) << 136;
        uint160 feed = uint160(0x5158F0) << 136;
        assertTrue(coin.isEngine(address(coin)));
        assertTrue(coin.isEngine(address(access)));
        assertFalse(coin.isEngine(address((uint160(0x5158) << 144) | 7)));
        assertFalse(coin.isEngine(address((uint160(0x5158) << 144) | 11)));
        assertFalse(coin.isEngine(address(uint160(0x5158) << 144)));
        assertTrue(coin.isEngine(address(face | uint24(USD))));
        assertFalse(coin.isEngine(address(face | uint24(bytes3("UsD")))));
        assertFalse(coin.isEngine(address(face | (1 << 24) | uint24(USD))));
        assertTrue(coin.isEngine(address(feed | 1)));
        assertFalse(coin.isEngine(address(feed)));
        assertFalse(coin.isEngine(address(feed | (uint160(1) << 32))));
        assertFalse(coin.isEngine(one));
    }
}
