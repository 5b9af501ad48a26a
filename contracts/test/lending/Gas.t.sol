// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LendingFixture, PlainToken} from "./LendingFixture.sol";

/// @dev Gas of the actions as transactions of their own: everything cold, interest to accrue, fee shares to credit, prices
/// seen before. The snapshot holds the gas of the whole transaction, with the 21,000 and the calldata, and what
/// of it is execution.
/// forge-config: default.isolate = true
contract LendingGasTest is LendingFixture {
    PlainToken internal dai;
    address internal dave = makeAddr("dave");

    function setUp() public override {
        super.setUp();
        dai = new PlainToken("DAI", 18);
        vm.startPrank(owner);
        prices.setUnitOfAccount(address(dai));
        pool.list(address(dai), stableConfig());
        vm.stopPrank();
        supply(lender, address(dai), 1_000_000 ether);
        supply(bob, address(eth), 100 ether);
        borrow(bob, address(dai), 50_000 ether);
        give(address(dai), lender, 2 ether);
        supply(lender, address(usdx), 1_000_000e6);
        supply(alice, address(eth), 100 ether);
        borrow(alice, address(usdx), 50_000e6);
        give(address(usdx), alice, 100_000e6);
        give(address(usdx), carol, 100_000e6);
        give(address(eth), alice, 100 ether);
        give(address(usdx), lender, 100_000e6);
        supply(carol, address(eth), 1 ether);
        // The reserve has shares already, as in a market that has been in use.
        pass(1 hours);
        supply(lender, address(usdx), 1e6);
        supply(lender, address(dai), 1 ether);
        pass(1 hours);
    }

    function check(string memory name, address who, bytes memory data, uint256 most) private {
        vm.prank(who);
        (bool done,) = address(pool).call(data);
        uint256 whole = vm.snapshotGasLastCall("lending", name);
        assertTrue(done);
        uint256 intrinsic = 21_000;
        for (uint256 i = 0; i < data.length; i++) {
            intrinsic += data[i] == 0 ? 4 : 16;
        }
        vm.snapshotValue("lending", string.concat(name, ", execution"), whole - intrinsic);
        assertLe(whole, most, name);
    }

    function test_SupplyFirst() public {
        give(address(usdx), dave, 5000e6);
        check("supply first", dave, abi.encodeCall(pool.supply, (address(usdx), 5000e6)), 150_000);
    }

    function test_SupplyAgain() public {
        bytes memory data = abi.encodeCall(pool.supply, (address(usdx), 5000e6));
        check("supply again", lender, data, 100_000);
    }

    function test_BorrowAgain() public {
        bytes memory data = abi.encodeCall(pool.borrow, (address(usdx), 5000e6));
        check("borrow again", alice, data, 108_000);
    }

    /// @dev Like loans in other lenders' figures, which ask one price: the loan is the unit of account.
    function test_BorrowAgainOfTheUnitOfAccount() public {
        bytes memory data = abi.encodeCall(pool.borrow, (address(dai), 5000 ether));
        check("borrow again, unit of account", bob, data, 108_000);
    }

    function test_Repay() public {
        bytes memory data = abi.encodeCall(pool.repay, (address(usdx), 5000e6));
        check("repay a part", alice, data, 105_000);
    }

    function test_RepayAll() public {
        bytes memory data = abi.encodeCall(pool.repay, (address(usdx), MAX));
        check("repay all", alice, data, 105_000);
    }

    function test_Withdraw() public {
        bytes memory data = abi.encodeCall(pool.withdraw, (address(usdx), 5000e6));
        check("withdraw", lender, data, 100_000);
    }

    function test_WithdrawWithDebt() public {
        bytes memory data = abi.encodeCall(pool.withdraw, (address(eth), 1 ether));
        check("withdraw with debt", alice, data, 117_000);
    }

    function test_Liquidate() public {
        setPrice(address(eth), 600e8);
        give(address(usdx), carol, 100_000e6);
        bytes memory data =
            abi.encodeCall(pool.liquidate, (alice, address(usdx), address(eth), 10_000e6));
        check("liquidate a part", carol, data, 162_000);
    }

    function test_LiquidateFirst() public {
        setPrice(address(eth), 600e8);
        give(address(usdx), dave, 100_000e6);
        bytes memory data =
            abi.encodeCall(pool.liquidate, (alice, address(usdx), address(eth), 10_000e6));
        check("liquidate a part, first of the collateral", dave, data, 175_000);
    }

    function test_LiquidateWithBadDebt() public {
        setPrice(address(eth), 400e8);
        bytes memory data =
            abi.encodeCall(pool.liquidate, (alice, address(usdx), address(eth), MAX));
        check("liquidate all with bad debt", carol, data, 175_000);
    }
}
