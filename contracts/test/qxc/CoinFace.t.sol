// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {CoinFace} from "../../src/qxc/CoinFace.sol";
import {IQXCToken} from "../../src/qxc/IQXCToken.sol";
import {QXC} from "../../src/qxc/QXC.sol";
import {NativeCoinDouble} from "../doubles/NativeCoinDouble.sol";
import {QxcFixture} from "./QxcFixture.sol";

/// @dev Takes no plain payment: would stop any transfer that runs the recipient's code.
contract Unpayable {}

/// @dev The ERC-20: one money with the native coin.
contract CoinFaceTest is QxcFixture {
    bytes32 private constant PERMIT = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );

    function test_TheSpecificationsInterfaceHasItsSelectors() public pure {
        assertEq(IQXCToken.transfer.selector, bytes4(keccak256("transfer(address,uint256)")));
        assertEq(IQXCToken.approve.selector, bytes4(keccak256("approve(address,uint256)")));
        assertEq(IQXCToken.stake.selector, bytes4(keccak256("stake(uint256,uint256)")));
        assertEq(IQXCToken.unstake.selector, bytes4(keccak256("unstake(uint256)")));
    }

    function test_NameSymbolAndDecimals() public view {
        assertEq(token.name(), "QENEX");
        assertEq(token.symbol(), "QXC");
        assertEq(token.decimals(), 18);
        assertEq(token.totalSupply(), ISSUED);
    }

    function testFuzz_ABalanceIsTheNativeBalance(address account, uint128 balance) public {
        vm.deal(account, balance);
        assertEq(token.balanceOf(account), balance);
        assertEq(token.balanceOf(account), account.balance);
    }

    function testFuzz_ATransferMovesTheCoinItself(uint256 amount) public {
        amount = bound(amount, 0, WEALTH);
        address to = makeAddr("new");
        vm.expectEmit(address(token));
        emit IERC20.Transfer(alice, to, amount);
        vm.prank(alice);
        assertTrue(token.transfer(to, amount));
        assertEq(to.balance, amount);
        assertEq(alice.balance, WEALTH - amount);
        assertEq(token.totalSupply(), ISSUED);
    }

    function test_ATransferToOneselfChangesNothing() public {
        vm.prank(alice);
        assertTrue(token.transfer(alice, WEALTH));
        assertEq(alice.balance, WEALTH);
    }

    function test_ATransferRunsNoCodeOfTheRecipient() public {
        address to = address(new Unpayable());
        vm.prank(alice);
        (bool plain,) = to.call{value: 1}("");
        assertFalse(plain);
        vm.prank(alice);
        assertTrue(token.transfer(to, 1 ether));
        assertEq(to.balance, 1 ether);
    }

    function testFuzz_NobodySpendsMoreThanTheBalance(uint256 amount) public {
        amount = bound(amount, WEALTH + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, alice, WEALTH, amount
            )
        );
        vm.prank(alice);
        token.transfer(bob, amount);
    }

    function test_TheZeroAddressEnginesAndThisContractReceiveNothing() public {
        address[6] memory refused = [
            address(0),
            address(token),
            address(COIN),
            address(access),
            0x5158c00000000000000000000000000000555344,
            0x5158f00000000000000000000000000000000001
        ];
        for (uint256 i = 0; i < refused.length; i++) {
            bytes memory reason =
                abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, refused[i]);
            vm.expectRevert(reason);
            vm.prank(alice);
            token.transfer(refused[i], 1);
            vm.prank(alice);
            token.approve(bob, 1);
            vm.expectRevert(reason);
            vm.prank(bob);
            token.transferFrom(alice, refused[i], 1);
        }
        assertEq(alice.balance, WEALTH);
    }

    function test_PlainPaymentsToTheContractAreRefused() public {
        vm.prank(alice);
        (bool done,) = address(token).call{value: 1}("");
        assertFalse(done);
    }

    function test_AnotherCopyOfTheContractMovesNothing() public {
        QXC copy = new QXC(owner);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.NotAuthorised.selector, address(copy)));
        vm.prank(alice);
        copy.transfer(bob, 1);
        vm.expectRevert(abi.encodeWithSelector(IQenexErrors.NotAuthorised.selector, address(copy)));
        vm.prank(alice);
        copy.stake(1, 1 days);
    }

    function testFuzz_ASpenderSpendsTheAllowanceAndNoMore(uint256 allowed, uint256 spent) public {
        allowed = bound(allowed, 0, WEALTH);
        spent = bound(spent, 0, allowed);
        vm.expectEmit(address(token));
        emit IERC20.Approval(alice, bob, allowed);
        vm.prank(alice);
        token.approve(bob, allowed);
        vm.prank(bob);
        assertTrue(token.transferFrom(alice, carol, spent));
        assertEq(carol.balance, WEALTH + spent);
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

    function test_AnUnlimitedAllowanceStaysUnlimited() public {
        vm.prank(alice);
        token.approve(bob, type(uint256).max);
        vm.prank(bob);
        token.transferFrom(alice, carol, 5);
        assertEq(token.allowance(alice, bob), type(uint256).max);
    }

    function test_TheZeroAddressSpendsNothing() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidSpender.selector, address(0))
        );
        vm.prank(alice);
        token.approve(address(0), 1);
        // An allowance of nothing is enough to take nothing from the zero address, but for the engine.
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidSender.selector, address(0))
        );
        token.transferFrom(address(0), bob, 0);
    }

    function permitBy(uint256 key, uint256 value, uint256 nonce, uint256 deadline) private {
        (uint8 v, bytes32 r, bytes32 s) =
            sign(key, abi.encode(PERMIT, alice, bob, value, nonce, deadline));
        token.permit(alice, bob, value, deadline, v, r, s);
    }

    function testFuzz_AValidPermitApprovesOnce(uint256 value) public {
        permitBy(aliceKey, value, 0, block.timestamp);
        assertEq(token.allowance(alice, bob), value);
        assertEq(token.nonces(alice), 1);
        vm.expectPartialRevert(CoinFace.ERC2612InvalidSigner.selector);
        this.permitAgain(value);
    }

    function permitAgain(uint256 value) external {
        permitBy(aliceKey, value, 0, block.timestamp);
    }

    function test_APermitOfAnotherOrForAnotherChainIsRefused() public {
        (uint8 v, bytes32 r, bytes32 s) =
            sign(77, abi.encode(PERMIT, alice, bob, 1, 0, block.timestamp));
        vm.expectRevert(
            abi.encodeWithSelector(CoinFace.ERC2612InvalidSigner.selector, vm.addr(77), alice)
        );
        token.permit(alice, bob, 1, block.timestamp, v, r, s);
        (v, r, s) = sign(aliceKey, abi.encode(PERMIT, alice, bob, 1, 0, block.timestamp));
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(CoinFace.ERC2612InvalidSigner.selector);
        token.permit(alice, bob, 1, block.timestamp, v, r, s);
    }

    function test_AnExpiredOrMeaninglessPermitIsRefused() public {
        vm.expectRevert(
            abi.encodeWithSelector(CoinFace.ERC2612ExpiredSignature.selector, block.timestamp - 1)
        );
        token.permit(alice, bob, 1, block.timestamp - 1, 27, bytes32(0), bytes32(0));
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        token.permit(alice, bob, 1, block.timestamp, 0, bytes32(0), bytes32(0));
    }

    function test_TheDomainIsThisContractOnThisChain() public {
        assertEq(token.DOMAIN_SEPARATOR(), domain());
        (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        ) = token.eip712Domain();
        assertEq(fields, hex"0f");
        assertEq(name, "QENEX");
        assertEq(version, "1");
        assertEq(chainId, block.chainid);
        assertEq(verifyingContract, address(token));
        assertEq(salt, 0);
        assertEq(extensions.length, 0);
        bytes32 before = token.DOMAIN_SEPARATOR();
        vm.chainId(block.chainid + 1);
        assertTrue(token.DOMAIN_SEPARATOR() != before);
    }
}

/// @dev The code in a genesis state, where no constructor runs.
contract GenesisTest is QxcFixture {
    QXC private predeploy = QXC(makeAddr("predeploy"));

    function setUp() public override {
        super.setUp();
        vm.etch(address(predeploy), vm.getDeployedCode("QXC.sol:QXC"));
    }

    function test_TheCompiledCodeIsTheDeployedCode() public view {
        assertEq(address(token).code, address(predeploy).code);
    }

    function test_AnAdminNamesTheFirstOwnerOnceAndNobodyElseCan() public {
        vm.expectRevert(abi.encodeWithSelector(QXC.NotAuthorised.selector, alice));
        vm.prank(alice);
        predeploy.initialize(alice);
        vm.expectRevert(abi.encodeWithSelector(bytes4(0x1e4fbdf7), address(0)));
        vm.prank(admin);
        predeploy.initialize(address(0));
        vm.prank(admin);
        predeploy.initialize(owner);
        assertEq(predeploy.owner(), owner);
        vm.expectRevert(abi.encodeWithSelector(QXC.AlreadyInitialised.selector, owner));
        vm.prank(admin);
        predeploy.initialize(alice);
        vm.expectRevert(QXC.OwnerRequired.selector);
        vm.prank(owner);
        predeploy.renounceOwnership();
    }

    function test_AnOwnerMadeByTheConstructorStays() public {
        vm.expectRevert(abi.encodeWithSelector(QXC.AlreadyInitialised.selector, owner));
        vm.prank(admin);
        token.initialize(alice);
    }

    function test_TheOwnerIsInSlotZero() public {
        vm.store(address(predeploy), 0, bytes32(uint256(uint160(carol))));
        assertEq(predeploy.owner(), carol);
        vm.prank(carol);
        predeploy.setRewardRates(1, 2);
    }

    function test_ItWorksWithoutAnOwner() public {
        NativeCoinDouble(address(COIN)).forceGenesis(address(predeploy), ISSUED);
        token = predeploy;
        assertEq(token.name(), "QENEX");
        assertEq(token.DOMAIN_SEPARATOR(), domain());
        stake(alice, 5 ether, 30 days);
        assertEq(token.getVotes(alice), 5 ether);
        vm.warp(START + 30 days);
        unstake(alice, 0);
        assertEq(alice.balance, WEALTH);
    }
}
