// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The lending interface of the QENEX specification.
/// @notice Amounts are in the token's smallest units. What else a lender offers is `ILendingPool`.
interface IQENEXDeFi {
    /// @notice Lends `amount` of `token` to the pool.
    function supply(address token, uint256 amount) external;

    /// @notice Takes a loan of `amount` of `token`, against what the caller supplied.
    function borrow(address token, uint256 amount) external;

    /// @notice Pays back up to `amount` of the caller's debt in `token`.
    function repay(address token, uint256 amount) external;

    /// @notice Pays back up to `amount` of the debt in `debtToken` of a borrower whose collateral
    /// no longer suffices, for the same worth of its collateral and a bonus.
    function liquidate(address borrower, address debtToken, address collateralToken, uint256 amount)
        external;
}
