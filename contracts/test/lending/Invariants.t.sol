// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LendingHandlers} from "./LendingHandlers.sol";

/// @dev Prices and time stand still: every account stays healthy.
/// forge-config: default.invariant.depth = 64
/// forge-config: default.invariant.fail-on-revert = true
contract LendingStaticInvariants is LendingHandlers {
    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = this.actSupply.selector;
        selectors[1] = this.actWithdraw.selector;
        selectors[2] = this.actBorrow.selector;
        selectors[3] = this.actRepay.selector;
        selectors[4] = this.actSetCollateral.selector;
        selectors[5] = this.actFlashLoan.selector;
        selectors[6] = this.actDonate.selector;
        selectors[7] = this.actSupplyAndWithdraw.selector;
        selectors[8] = this.actBorrowAndRepay.selector;
        selectors[9] = this.actTakeReserve.selector;
        targetContract(address(this));
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function invariant_S1_S2_S3_S4_S5() public view {
        Picture memory p = picture();
        properties_S1_S2_S3_S4(p);
        property_S5_TheHealthyStayHealthy(p);
    }

    function afterInvariant() public {
        check_S15_EverybodyCanLeave();
    }
}

/// @dev Prices jump, go stale and are suspended, time goes by, accounts are liquidated and debts written off.
/// forge-config: default.invariant.depth = 64
/// forge-config: default.invariant.fail-on-revert = true
contract LendingDynamicInvariants is LendingHandlers {
    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](19);
        selectors[0] = this.actSupply.selector;
        selectors[1] = this.actWithdraw.selector;
        selectors[2] = this.actBorrow.selector;
        selectors[3] = this.actRepay.selector;
        selectors[4] = this.actSetCollateral.selector;
        selectors[5] = this.actFlashLoan.selector;
        selectors[6] = this.actDonate.selector;
        selectors[7] = this.actSupplyAndWithdraw.selector;
        selectors[8] = this.actBorrowAndRepay.selector;
        selectors[9] = this.actTakeReserve.selector;
        selectors[10] = this.moveTime.selector;
        selectors[11] = this.moveTimeWithoutPrices.selector;
        selectors[12] = this.movePrice.selector;
        selectors[13] = this.moveAnswer.selector;
        selectors[14] = this.moveSuspend.selector;
        // More often: most accounts are healthy most of the time.
        selectors[15] = this.moveLiquidate.selector;
        selectors[16] = this.actBorrow.selector;
        selectors[17] = this.moveLiquidate.selector;
        selectors[18] = this.moveBankrupt.selector;
        targetContract(address(this));
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function invariant_S1_S2_S3_S4() public view {
        properties_S1_S2_S3_S4(picture());
    }

    function afterInvariant() public {
        check_S15_EverybodyCanLeave();
    }
}

/// @dev The handlers do not turn back before they did anything: a walk of theirs does each thing many times.
contract LendingHandlersTest is LendingHandlers {
    function test_TheHandlersDoWhatTheySay() public {
        uint256 seed = 1;
        for (uint256 i = 0; i < 2000; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            (uint256 a, uint256 b, uint256 c) = (seed >> 8, seed >> 64, seed >> 128);
            uint256 which = seed % 16;
            if (which == 0) this.actSupply(a, b, c);
            if (which == 1) this.actWithdraw(a, b, c);
            if (which < 4) this.actBorrow(a, b, c);
            if (which == 4) this.actRepay(a, b, c, c);
            if (which == 5) this.actSetCollateral(a, b, c % 2 == 0);
            if (which == 6) this.actFlashLoan(a, b, c, a % 2 == 0);
            if (which == 7) this.actDonate(a, b);
            if (which == 8) this.actSupplyAndWithdraw(a, b, c);
            if (which == 9) this.actBorrowAndRepay(a, b, c);
            if (which == 10) this.actTakeReserve(a, b);
            if (which == 11) this.moveTime(a);
            if (which == 12) this.movePrice(a, b);
            if (which == 13) this.moveAnswer(a, b);
            if (which > 13) this.moveLiquidate(a, b, c, seed >> 192, seed >> 200);
            if (i % 20 == 3) this.moveBankrupt(a, b);
            if (i % 200 == 7) this.moveSuspend(a);
            if (i % 200 == 27) this.moveTimeWithoutPrices(a);
            if (i % 200 == 50) refresh();
        }
        string[14] memory actions = [
            "supply",
            "withdraw",
            "borrow",
            "repay",
            "set collateral",
            "flash loan",
            "donate",
            "supply and withdraw",
            "borrow and repay",
            "take reserve",
            "time",
            "price",
            "answer",
            "liquidation"
        ];
        for (uint256 i = 0; i < actions.length; i++) {
            assertGe(done[actions[i]], 10, actions[i]);
        }
        assertGe(done["write-off"], 3, "write-off");
        properties_S1_S2_S3_S4(picture());
        check_S15_EverybodyCanLeave();
    }

    /// @dev Found by the long run: the shares for a unit of one loan, worth nothing then, are worth one at the next. The
    /// receiver that takes them too is short of cash that is out on the loan, or seems to have gained.
    function test_WhatAReceiverLeftIsNoGainOfTheNextLoan() public {
        this.actBorrow(0, 0, type(uint256).max - 3);
        this.moveTimeWithoutPrices(2753);
        this.actFlashLoan(0, 0, 0, true);
        uint256 left = sharesOf(busyFlash, address(eth));
        assertGt(left, 0, "nothing was left");
        this.moveTime(30 days);
        this.actFlashLoan(0, 0, type(uint256).max, true);
        this.actFlashLoan(0, 0, 1 ether, true);
        assertApproxEqAbs(sharesOf(busyFlash, address(eth)), left, 10, "what was left is gone");
    }
}
