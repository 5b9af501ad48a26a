// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {IERC3156FlashLender} from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LendingFixture} from "./LendingFixture.sol";

/// @dev Does with a flash loan what it is told to.
contract FlashBorrower is IERC3156FlashBorrower {
    struct Step {
        address target;
        bytes data;
    }

    bytes32 private _answer = keccak256("ERC3156FlashBorrower.onFlashLoan");
    Step[] private _steps;

    address public initiator;
    uint256 public held;
    uint256 public fee;
    bytes public data;
    ILendingPool.MarketState public state;

    function answer(bytes32 word) external {
        _answer = word;
    }

    function then(address target, bytes calldata call) external {
        _steps.push(Step(target, call));
    }

    function approve(address token, address spender) external {
        IERC20(token).approve(spender, type(uint256).max);
    }

    function onFlashLoan(
        address initiator_,
        address token,
        uint256,
        uint256 fee_,
        bytes calldata data_
    ) external returns (bytes32) {
        (initiator, fee, data) = (initiator_, fee_, data_);
        held = IERC20(token).balanceOf(address(this));
        state = ILendingPool(msg.sender).marketOf(token);
        Step[] memory steps = _steps;
        delete _steps;
        for (uint256 i = 0; i < steps.length; i++) {
            (bool done, bytes memory reason) = steps[i].target.call(steps[i].data);
            if (!done) {
                assembly {
                    revert(add(reason, 32), mload(reason))
                }
            }
        }
        return _answer;
    }
}

/// @dev ERC-3156, the fee, and what can be done during a loan.
contract LendingFlashTest is LendingFixture {
    FlashBorrower private receiver;

    function setUp() public override {
        super.setUp();
        supply(lender, address(usdx), 1_000_000e6);
        receiver = new FlashBorrower();
        receiver.approve(address(usdx), address(pool));
    }

    function loan(uint256 amount) private {
        pool.flashLoan(receiver, address(usdx), amount, "note");
    }

    function test_ALoanIsPaidBackWithTheFeeWhichTheReserveGets() public {
        uint256 fee = pool.flashFee(address(usdx), 400_000e6);
        assertEq(fee, 200e6);
        usdx.mint(address(receiver), fee);
        ILendingPool.MarketState memory before = pool.marketOf(address(usdx));
        vm.expectEmit(address(pool));
        emit ILendingPool.FlashLoan(address(receiver), address(usdx), address(this), 400_000e6, fee);
        assertTrue(pool.flashLoan(receiver, address(usdx), 400_000e6, "note"));
        assertEq(receiver.initiator(), address(this));
        assertEq(receiver.held(), 400_200e6);
        assertEq(receiver.fee(), fee);
        assertEq(receiver.data(), "note");
        assertEq(usdx.balanceOf(address(receiver)), 0);
        assertEq(usdx.balanceOf(address(pool)), 1_000_200e6);
        ILendingPool.MarketState memory m = pool.marketOf(address(usdx));
        assertEq(m.cash, before.cash + fee);
        assertEq(m.reserveShares, 200e12);
        assertEq(pool.supplied(lender, address(usdx)), 1_000_000e6, "no jump");
        vm.prank(owner);
        pool.takeReserve(address(usdx), owner, MAX);
        assertEq(usdx.balanceOf(owner), fee);
    }

    function test_TheWholeCashCanBeLent() public {
        supply(alice, address(eth), 100 ether);
        borrow(alice, address(usdx), 100_000e6);
        assertEq(pool.maxFlashLoan(address(usdx)), 900_000e6);
        usdx.mint(address(receiver), 1000e6);
        loan(900_000e6);
        vm.expectPartialRevert(ILendingPool.InsufficientCash.selector);
        loan(900_451e6);
        assertEq(pool.maxFlashLoan(address(this)), 0);
        vm.expectRevert(ILendingPool.ZeroAmount.selector);
        loan(0);
    }

    function test_WithoutTheFeeNothingHappened() public {
        usdx.mint(address(receiver), 200e6 - 1);
        vm.expectRevert();
        loan(400_000e6);
    }

    function test_AnotherAnswerIsRefused() public {
        usdx.mint(address(receiver), 200e6);
        receiver.answer(keccak256("no"));
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.FlashLoanRefused.selector, address(receiver))
        );
        loan(400_000e6);
    }

    function test_APausedMarketLendsNothing() public {
        vm.prank(guardian);
        pool.pause(address(usdx), 16);
        assertEq(pool.maxFlashLoan(address(usdx)), 0);
        vm.expectRevert(
            abi.encodeWithSelector(ILendingPool.ActionPaused.selector, address(usdx), 16)
        );
        loan(1e6);
    }

    function test_WithoutFeeTheMarketIsAsBefore() public {
        ILendingPool.MarketConfig memory config = stableConfig();
        config.flashFee = 0;
        vm.prank(owner);
        pool.configure(address(usdx), config);
        bytes memory before = abi.encode(pool.marketOf(address(usdx)));
        loan(1_000_000e6);
        assertEq(abi.encode(pool.marketOf(address(usdx))), before);
    }

    // During the loan

    function test_DuringALoanTheMarketShowsNoTraceOfIt() public {
        usdx.mint(address(receiver), 500e6);
        bytes memory before = abi.encode(pool.marketOf(address(usdx)));
        loan(1_000_000e6);
        (uint256 cash, uint256 debt, uint256 shares, uint256 reserveShares,,,,,,) = receiver.state();
        ILendingPool.MarketState memory b = abi.decode(before, (ILendingPool.MarketState));
        assertEq(cash, b.cash);
        assertEq(debt, b.debt);
        assertEq(shares, b.shares);
        assertEq(reserveShares, b.reserveShares);
    }

    function testFuzz_S14_SupplyingALoanGainsNothing(uint256 amount) public {
        amount = bound(amount, 1e6, 500_000e6);
        usdx.mint(address(receiver), 500e6);
        receiver.then(address(pool), abi.encodeCall(pool.supply, (address(usdx), amount)));
        receiver.then(address(pool), abi.encodeCall(pool.withdraw, (address(usdx), MAX)));
        loan(amount);
        assertLe(usdx.balanceOf(address(receiver)), 500e6 - receiver.fee());
        assertEq(sharesOf(address(receiver), address(usdx)), 0);
        assertGe(pool.supplied(lender, address(usdx)), 1_000_000e6);
    }

    function test_S14_ALoanThatIsSuppliedAndKeptCannotBePaidBack() public {
        usdx.mint(address(receiver), 500e6);
        receiver.then(address(pool), abi.encodeCall(pool.supply, (address(usdx), 400_000e6)));
        vm.expectRevert();
        loan(400_000e6);
    }

    function test_S14_ALoanThatRaisesALimitCannotBeKept() public {
        // With 400,000 more of collateral it could borrow 100 ETH, but not pay back.
        supply(bob, address(eth), 100 ether);
        usdx.mint(address(receiver), 500e6);
        receiver.then(address(pool), abi.encodeCall(pool.supply, (address(usdx), 400_000e6)));
        receiver.then(address(pool), abi.encodeCall(pool.borrow, (address(eth), 100 ether)));
        receiver.then(address(pool), abi.encodeCall(pool.withdraw, (address(usdx), MAX)));
        vm.expectPartialRevert(ILendingPool.InsufficientCollateral.selector);
        loan(400_000e6);
    }

    function test_S14_MoreThanIsLeftCannotBeWithdrawnDuringALoan() public {
        // The pool's books show the cash, the token does not.
        supply(address(receiver), address(usdx), 10e6);
        usdx.mint(address(receiver), 501e6);
        receiver.then(address(pool), abi.encodeCall(pool.withdraw, (address(usdx), 10e6)));
        vm.expectRevert();
        loan(1_000_010e6);
    }

    function test_S14_ALoanWithinALoanPaysBothFees() public {
        usdx.mint(address(receiver), 400e6);
        receiver.then(
            address(pool), abi.encodeCall(pool.flashLoan, (receiver, address(usdx), 300_000e6, ""))
        );
        loan(500_000e6);
        assertEq(usdx.balanceOf(address(receiver)), 0);
        assertEq(cashOf(address(usdx)), 1_000_400e6);
        assertEq(usdx.balanceOf(address(pool)), 1_000_400e6);
    }

    function test_S14_SendingTheLoanBackIsNotPayingItBack() public {
        usdx.mint(address(receiver), 200e6);
        receiver.then(address(usdx), abi.encodeCall(usdx.transfer, (address(pool), 400_200e6)));
        vm.expectRevert();
        loan(400_000e6);
    }

    function test_AFlashLoanPaysForALiquidation() public {
        supply(alice, address(eth), 10 ether);
        borrow(alice, address(usdx), 15_000e6);
        setPrice(address(eth), 1700e8);
        usdx.mint(address(receiver), 15_010e6);
        receiver.then(
            address(pool), abi.encodeCall(pool.liquidate, (alice, address(usdx), address(eth), MAX))
        );
        receiver.then(address(pool), abi.encodeCall(pool.withdraw, (address(eth), MAX)));
        loan(15_000e6);
        assertEq(pool.owed(alice, address(usdx)), 0);
        assertApproxEqAbs(
            eth.balanceOf(address(receiver)), uint256(15_000 ether) * 105 / 100 / 1700, 1
        );
    }

    function test_TheInterfaceIsTheStandards() public pure {
        assertEq(
            type(IERC3156FlashLender).interfaceId,
            bytes4(keccak256("maxFlashLoan(address)"))
                ^ bytes4(keccak256("flashFee(address,uint256)"))
                ^ bytes4(keccak256("flashLoan(address,address,uint256,bytes)"))
        );
    }
}
