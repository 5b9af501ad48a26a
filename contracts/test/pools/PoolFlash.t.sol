// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IPair} from "../../src/pools/IPair.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev Borrows and swaps in flash, and does with it what a test says.
contract Flasher is IERC3156FlashBorrower {
    bytes32 public answer = keccak256("ERC3156FlashBorrower.onFlashLoan");
    address public target;
    bytes public attempt;
    uint256 public approved = type(uint256).max;
    uint256 public pay0;
    uint256 public pay1;
    address public initiator;

    function setAnswer(bytes32 answer_) external {
        answer = answer_;
    }

    function setApproved(uint256 approved_) external {
        approved = approved_;
    }

    function setPay(uint256 pay0_, uint256 pay1_) external {
        (pay0, pay1) = (pay0_, pay1_);
    }

    /// @dev What to call in the middle. It must succeed, or all fails with its error.
    function setAttempt(address target_, bytes calldata attempt_) external {
        (target, attempt) = (target_, attempt_);
    }

    function onFlashLoan(address who, address token, uint256, uint256, bytes calldata)
        external
        returns (bytes32)
    {
        initiator = who;
        _try();
        TestToken(token).approve(msg.sender, approved);
        return answer;
    }

    function onFlashSwap(address who, uint256, uint256, bytes calldata) external {
        initiator = who;
        _try();
        IPair pair = IPair(msg.sender);
        if (pay0 != 0) TestToken(pair.token0()).transfer(msg.sender, pay0);
        if (pay1 != 0) TestToken(pair.token1()).transfer(msg.sender, pay1);
    }

    function _try() private {
        if (target == address(0)) return;
        (bool ok, bytes memory reason) = target.call(attempt);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }
}

/// @dev Flash swaps and ERC-3156 loans of pairs.
contract PoolFlashTest is PoolFixture {
    TestToken internal a;
    TestToken internal b;
    IPair internal pair;
    IPair internal stable;
    Flasher internal flasher;

    function setUp() public override {
        super.setUp();
        (a, b) = newTokens(2, 18);
        pair = newPair(a, b, false);
        stable = newPair(a, b, true);
        deposit(pair, carol, 1_000_000e2, 1_000_000e18);
        deposit(stable, carol, 1_000_000e2, 1_000_000e18);
        flasher = new Flasher();
        a.mint(address(flasher), 100_000e2);
        b.mint(address(flasher), 100_000e18);
    }

    function _pairs() private view returns (IPair[2] memory) {
        return [pair, stable];
    }

    /* ---------------------------------------- Flash loans ---------------------------------------- */

    function testFuzz_S14_ALoanLeavesItsFee(uint256 amount, bool first, bool inStable) public {
        IPair p = inStable ? stable : pair;
        TestToken token = first ? a : b;
        amount = bound(amount, 1, p.maxFlashLoan(address(token)));
        uint256 fee = p.flashFee(address(token), amount);
        assertGe(fee * 10_000, amount * p.fee(), "rounded up");
        assertLt((fee - 1) * 10_000, amount * p.fee(), "by less than a unit");
        (uint256 r0, uint256 r1) = reserves(p);
        uint256 before = token.balanceOf(address(p));
        vm.expectEmit(address(p));
        emit IPair.FlashLoan(address(this), address(flasher), address(token), amount, fee);
        assertTrue(p.flashLoan(flasher, address(token), amount, "x"));
        assertEq(flasher.initiator(), address(this));
        assertEq(token.balanceOf(address(p)), before + fee);
        (uint256 n0, uint256 n1) = reserves(p);
        assertEq(n0, first ? r0 + fee : r0, "the fee is the holders'");
        assertEq(n1, first ? r1 : r1 + fee, "the fee is the holders'");
    }

    function test_TheWholeReserveCanBeLentAndNoDonation() public {
        a.mint(address(pair), 5e2);
        assertEq(pair.maxFlashLoan(address(a)), 1_000_000e2);
        vm.expectRevert(IPair.InsufficientLiquidity.selector);
        pair.flashLoan(flasher, address(a), 1_000_000e2 + 1, "");
        pair.flashLoan(flasher, address(a), 1_000_000e2, "");
        pair.skim(bob);
        assertEq(a.balanceOf(bob), 5e2, "a loan claims no donation");
    }

    function test_OtherTokensAreNotLent() public {
        assertEq(pair.maxFlashLoan(bob), 0);
        vm.expectRevert(abi.encodeWithSelector(IPair.UnknownToken.selector, bob));
        pair.flashFee(bob, 1);
        vm.expectRevert(abi.encodeWithSelector(IPair.UnknownToken.selector, bob));
        pair.flashLoan(flasher, bob, 1, "");
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.flashLoan(flasher, address(a), 0, "");
    }

    function test_AReceiverThatDoesNotAgreeBorrowsNothing() public {
        flasher.setAnswer(bytes32(0));
        vm.expectRevert(
            abi.encodeWithSelector(IPair.FlashLoanRefusedByReceiver.selector, address(flasher))
        );
        pair.flashLoan(flasher, address(a), 1e2, "");
    }

    function test_ALoanWithoutItsFeeFails() public {
        flasher.setApproved(1e2);
        vm.expectRevert();
        pair.flashLoan(flasher, address(a), 1e2, "");
    }

    function test_ATokenThatTakesFeesCantBeRepaid() public {
        a.setHabit(TestToken.Habit.TakesFee);
        vm.expectPartialRevert(IPair.FlashLoanNotRepaid.selector);
        pair.flashLoan(flasher, address(a), 1000e2, "");
    }

    function test_ALoanThatIsPaidBackByADepositFails() public {
        // Money that comes back as liquidity would be counted twice: the pair is closed meanwhile.
        flasher.setAttempt(address(pair), abi.encodeCall(IPair.mint, (address(flasher))));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        pair.flashLoan(flasher, address(a), 1e2, "");
    }

    /* ---------------------------------------- Flash swaps ---------------------------------------- */

    function test_AFlashSwapIsPaidInEitherToken() public {
        for (uint256 i = 0; i < 2; i++) {
            IPair p = _pairs()[i];
            uint256 paid = p.getAmountIn(address(a), 1000e2);
            flasher.setPay(0, paid);
            p.swap(1000e2, 0, address(flasher), "x");
            assertEq(flasher.initiator(), address(this));
            // In the same token: the fee is on what comes back.
            (, uint256 r1) = reserves(p);
            flasher.setPay(0, 1000e18);
            vm.expectRevert(IPair.CurveViolated.selector);
            p.swap(0, 1000e18, address(flasher), "x");
            uint256 keep = 10_000 - p.fee();
            flasher.setPay(0, (uint256(1000e18) * 10_000 + keep - 1) / keep);
            p.swap(0, 1000e18, address(flasher), "x");
            (, uint256 n1) = reserves(p);
            assertGt(n1, r1);
        }
    }

    function test_AFlashSwapOfBothTokens() public {
        flasher.setPay(1004e2, 1004e18);
        pair.swap(1000e2, 1000e18, address(flasher), "x");
        flasher.setPay(1002e2, 1002e18);
        vm.expectRevert(IPair.CurveViolated.selector);
        pair.swap(1000e2, 1000e18, address(flasher), "x");
    }

    function test_AFlashSwapThatPaysNothingFails() public {
        vm.expectRevert(IPair.ZeroInput.selector);
        pair.swap(1000e2, 0, address(flasher), "x");
    }

    /* ----------------------------------------- Reentrancy ---------------------------------------- */

    /// @dev Every function of the pair that changes state or shows a price, called from the middle of
    /// a swap, of a loan, and of a transfer of a token with hooks.
    function test_NothingOfThePairRunsInTheMiddle() public {
        bytes[] memory calls = new bytes[](11);
        calls[0] = abi.encodeCall(IPair.mint, (address(flasher)));
        calls[1] = abi.encodeCall(IPair.burn, (carol, 1e18, carol));
        calls[2] = abi.encodeCall(IPair.swap, (1, 0, address(flasher), ""));
        calls[3] = abi.encodeCall(IPair.skim, (address(flasher)));
        calls[4] = abi.encodeWithSignature("maxFlashLoan(address)", address(a));
        calls[5] = abi.encodeWithSignature(
            "flashLoan(address,address,uint256,bytes)", address(flasher), address(a), 1, ""
        );
        calls[6] = abi.encodeCall(IPair.getReserves, ());
        calls[7] = abi.encodeCall(IPair.cumulativePrices, ());
        calls[8] = abi.encodeCall(IPair.getAmountOut, (address(a), 1));
        calls[9] = abi.encodeCall(IPair.getAmountIn, (address(a), 1));
        calls[10] = abi.encodeCall(IPair.measure, ());
        bytes4 refused = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        vm.prank(carol);
        pair.approve(address(flasher), type(uint256).max);
        flasher.setPay(0, 2000e18);
        for (uint256 i = 0; i < calls.length; i++) {
            flasher.setAttempt(address(pair), calls[i]);
            vm.expectRevert(refused);
            pair.swap(1000e2, 0, address(flasher), "x");
            vm.expectRevert(refused);
            pair.flashLoan(flasher, address(a), 1000e2, "");
            a.setHook(address(pair), calls[i]);
            vm.expectRevert(refused);
            pair.swap(1000e2, 0, bob, "");
            vm.prank(carol);
            vm.expectRevert(refused);
            pair.burn(carol, 1e18, carol);
            a.setHook(address(0), "");
            a.mint(address(pair), 1);
            a.setHook(address(pair), calls[i]);
            vm.expectRevert(refused);
            pair.skim(bob);
            a.setHook(address(0), "");
        }
    }

    function test_ATokenThatReturnsFalseCantLeaveNorBeLent() public {
        a.setHabit(TestToken.Habit.ReturnsFalse);
        bytes memory failed =
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(a));
        vm.expectRevert(failed);
        pair.swap(1000e2, 0, bob, "");
        vm.expectRevert(failed);
        pair.flashLoan(flasher, address(a), 1000e2, "");
        vm.prank(carol);
        vm.expectRevert(failed);
        pair.burn(carol, 1e18, carol);
    }
}
