// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DeployToken} from "../../script/DeployToken.s.sol";
import {ExampleToken} from "../../src/examples/ExampleToken.sol";

/// @dev What the suites share: a token whose supply is Alice's, and permits signed by her.
abstract contract TokenFixture is Test {
    bytes32 internal constant PERMIT_TYPEHASH = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );
    /// @dev Order of secp256k1: `n - s` makes the other, malleable signature of the same message.
    uint256 internal constant CURVE_ORDER =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    ExampleToken internal token;
    address internal alice;
    uint256 internal aliceKey;
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }

    function setUp() public virtual {
        (alice, aliceKey) = makeAddrAndKey("alice");
        token = new ExampleToken(alice);
    }

    /// @dev The digest of ERC-2612, computed from the standard's text and not with the library.
    function digestOf(Permit memory permit) internal view returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Example"),
                keccak256("1"),
                block.chainid,
                address(token)
            )
        );
        bytes32 content = keccak256(
            abi.encode(
                PERMIT_TYPEHASH,
                permit.owner,
                permit.spender,
                permit.value,
                permit.nonce,
                permit.deadline
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", separator, content));
    }

    function permitOf(uint256 value) internal view returns (Permit memory) {
        return Permit(alice, bob, value, token.nonces(alice), block.timestamp + 1 hours);
    }

    function submit(Permit memory permit, uint256 key) internal {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(permit));
        token.permit(permit.owner, permit.spender, permit.value, permit.deadline, v, r, s);
    }
}

/// @dev ERC-20: supply, transfers, allowances.
contract ExampleTokenTransferTest is TokenFixture {
    function test_TheWholeSupplyIsTheHoldersFromTheStart() public view {
        assertEq(token.name(), "Example");
        assertEq(token.symbol(), "EXA");
        assertEq(token.decimals(), 18);
        assertEq(token.totalSupply(), 1_000_000_000 ether);
        assertEq(token.balanceOf(alice), token.totalSupply());
    }

    function test_ConstructionAnnouncesTheSupply() public {
        vm.expectEmit();
        emit IERC20.Transfer(address(0), bob, 1_000_000_000 ether);
        new ExampleToken(bob);
    }

    function test_TheZeroAddressCannotHoldTheSupply() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0))
        );
        new ExampleToken(address(0));
    }

    function test_TheScriptGivesTheSupplyToTheConfiguredHolder() public {
        vm.setEnv("TOKEN_HOLDER", vm.toString(carol));
        ExampleToken deployed = new DeployToken().run();
        assertEq(deployed.balanceOf(carol), deployed.INITIAL_SUPPLY());
    }

    function testFuzz_ATransferMovesExactlyItsAmount(address to, uint256 amount) public {
        vm.assume(to != address(0) && to != alice);
        amount = bound(amount, 0, token.totalSupply());
        vm.expectEmit(address(token));
        emit IERC20.Transfer(alice, to, amount);
        vm.prank(alice);
        assertTrue(token.transfer(to, amount));
        assertEq(token.balanceOf(to), amount);
        assertEq(token.balanceOf(alice), token.totalSupply() - amount);
        assertEq(token.totalSupply(), token.INITIAL_SUPPLY());
    }

    function testFuzz_ATransferToOneselfChangesNothing(uint256 amount) public {
        amount = bound(amount, 0, token.totalSupply());
        vm.prank(alice);
        assertTrue(token.transfer(alice, amount));
        assertEq(token.balanceOf(alice), token.totalSupply());
    }

    function testFuzz_NobodySpendsMoreThanTheBalance(uint256 held, uint256 amount) public {
        held = bound(held, 0, token.totalSupply());
        amount = bound(amount, held + 1, type(uint256).max);
        vm.prank(alice);
        token.transfer(bob, held);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, bob, held, amount
            )
        );
        vm.prank(bob);
        token.transfer(carol, amount);
        assertEq(token.balanceOf(bob), held);
        assertEq(token.balanceOf(carol), 0);
    }

    function test_TheZeroAddressReceivesNothing() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0))
        );
        vm.prank(alice);
        token.transfer(address(0), 1);
    }

    function testFuzz_ASpenderSpendsTheAllowanceAndNoMore(uint256 allowed, uint256 spent) public {
        allowed = bound(allowed, 0, token.totalSupply());
        spent = bound(spent, 0, allowed);
        vm.prank(alice);
        token.approve(bob, allowed);
        vm.prank(bob);
        assertTrue(token.transferFrom(alice, carol, spent));
        assertEq(token.balanceOf(carol), spent);
        assertEq(token.allowance(alice, bob), allowed - spent);

        uint256 left = allowed - spent;
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, bob, left, left + 1
            )
        );
        vm.prank(bob);
        token.transferFrom(alice, carol, left + 1);
    }

    function test_ASpenderWithoutAllowanceIsRefused() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, bob, 0, 1)
        );
        vm.prank(bob);
        token.transferFrom(alice, bob, 1);
    }

    function testFuzz_AnUnlimitedAllowanceStaysUnlimited(uint256 spent) public {
        spent = bound(spent, 0, token.totalSupply());
        vm.prank(alice);
        token.approve(bob, type(uint256).max);
        vm.prank(bob);
        token.transferFrom(alice, carol, spent);
        assertEq(token.allowance(alice, bob), type(uint256).max);
    }

    function testFuzz_ANewApprovalReplacesTheOld(uint256 first, uint256 second) public {
        vm.startPrank(alice);
        token.approve(bob, first);
        vm.expectEmit(address(token));
        emit IERC20.Approval(alice, bob, second);
        token.approve(bob, second);
        vm.stopPrank();
        assertEq(token.allowance(alice, bob), second);
    }
}

/// @dev ERC-2612: approvals by signature.
contract ExampleTokenPermitTest is TokenFixture {
    function test_TheDomainIsThisTokenOnThisChain() public {
        bytes32 here = token.DOMAIN_SEPARATOR();
        assertTrue(
            here != new ExampleToken(alice).DOMAIN_SEPARATOR(), "another token, the same domain"
        );
        vm.chainId(block.chainid + 1);
        assertTrue(here != token.DOMAIN_SEPARATOR(), "another chain, the same domain");
    }

    function testFuzz_AValidPermitApprovesOnce(uint256 key, address spender, uint256 value) public {
        vm.assume(spender != address(0));
        key = boundPrivateKey(key);
        Permit memory permit = Permit(vm.addr(key), spender, value, 0, block.timestamp);
        vm.expectEmit(address(token));
        emit IERC20.Approval(permit.owner, spender, value);
        submit(permit, key);
        assertEq(token.allowance(permit.owner, spender), value);
        assertEq(token.nonces(permit.owner), 1);
    }

    function test_APermittedSpenderSpends() public {
        submit(permitOf(5 ether), aliceKey);
        vm.prank(bob);
        token.transferFrom(alice, carol, 5 ether);
        assertEq(token.balanceOf(carol), 5 ether);
        assertEq(token.allowance(alice, bob), 0);
    }

    function testFuzz_AnExpiredPermitIsRefused(uint256 late) public {
        Permit memory permit = permitOf(1);
        late = bound(late, 1, 100 * 365 days);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(permit));
        vm.warp(permit.deadline + late);
        vm.expectRevert(
            abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, permit.deadline)
        );
        token.permit(alice, bob, 1, permit.deadline, v, r, s);
        assertEq(token.allowance(alice, bob), 0);
        assertEq(token.nonces(alice), 0);
    }

    function test_APermitIsValidInTheSecondOfItsDeadline() public {
        Permit memory permit = permitOf(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(permit));
        vm.warp(permit.deadline);
        token.permit(alice, bob, 1, permit.deadline, v, r, s);
        assertEq(token.allowance(alice, bob), 1);
    }

    function test_AReplayedPermitIsRefused() public {
        Permit memory permit = permitOf(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(permit));
        token.permit(alice, bob, 1, permit.deadline, v, r, s);
        // The token looks for the next nonce's message, so it recovers some other address.
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(alice, bob, 1, permit.deadline, v, r, s);
        assertEq(token.nonces(alice), 1);
    }

    function testFuzz_APermitSignedByAnotherIsRefused(uint256 key) public {
        key = boundPrivateKey(key);
        vm.assume(key != aliceKey);
        Permit memory permit = permitOf(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(permit));
        vm.expectRevert(
            abi.encodeWithSelector(ERC20Permit.ERC2612InvalidSigner.selector, vm.addr(key), alice)
        );
        token.permit(alice, bob, 1, permit.deadline, v, r, s);
        assertEq(token.allowance(alice, bob), 0);
    }

    function testFuzz_AChangedPermitIsRefused(uint8 field, uint256 other) public {
        Permit memory permit = permitOf(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(permit));
        uint256 which = field % 3;
        if (which == 0) permit.spender = carol;
        if (which == 1) permit.value = other == 1 ? 2 : other;
        if (which == 2) permit.deadline += 1;
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(permit.owner, permit.spender, permit.value, permit.deadline, v, r, s);
        assertEq(token.nonces(alice), 0);
    }

    function test_APermitForAnotherChainIsRefused() public {
        Permit memory permit = permitOf(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(permit));
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        token.permit(alice, bob, 1, permit.deadline, v, r, s);
    }

    function test_TheMalleableTwinOfASignatureIsRefused() public {
        Permit memory permit = permitOf(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(permit));
        bytes32 twin = bytes32(CURVE_ORDER - uint256(s));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, twin));
        token.permit(alice, bob, 1, permit.deadline, v == 27 ? 28 : 27, r, twin);
    }

    function test_AMeaninglessSignatureIsRefused() public {
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        token.permit(alice, bob, 1, block.timestamp, 0, bytes32(0), bytes32(0));
    }
}
