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
        property_S1_SharesAndDebtsAddUp();
        property_S2_AssetsCoverClaims();
        property_S3_TheCashIsThere();
        property_S4_NoDebtWithoutCollateral();
        property_S5_TheHealthyStayHealthy();
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
        bytes4[] memory selectors = new bytes4[](18);
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
        targetContract(address(this));
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function invariant_S1_S2_S3_S4() public view {
        property_S1_SharesAndDebtsAddUp();
        property_S2_AssetsCoverClaims();
        property_S3_TheCashIsThere();
        property_S4_NoDebtWithoutCollateral();
    }

    function afterInvariant() public {
        check_S15_EverybodyCanLeave();
    }
}
