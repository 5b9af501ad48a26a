// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3156FlashLender} from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import {IQENEXDeFi} from "./IQENEXDeFi.sol";

/// @title The lending pool.
/// @notice Amounts are in the smallest units of their token, values in the unit of account times 1e18,
/// shares of parts and rates in basis points unless something else is said. What `IQENEXDeFi` leaves
/// open: `amount` may be `type(uint256).max` for `repay`, `repayFor`, `liquidate` and `withdraw`: as much as
/// possible.
interface ILendingPool is IQENEXDeFi, IERC3156FlashLender {
    /// @notice What the owner sets for a market.
    /// @param limit How much can be borrowed for the worth of collateral: at most `threshold`. 0: nothing.
    /// @param threshold Part of the collateral's worth that debt may reach before it is liquidated, at most
    /// 9,500; times one and the bonus at most 10,000. 0: the token is no collateral.
    /// @param bonus What liquidators get on top of what they repay, at most 2,000.
    /// @param reserveFactor Part of the interest that goes to the reserve, at most 5,000.
    /// @param baseRate Yearly rate when nothing is lent. All three together at most 30,000.
    /// @param slope1 What is added until `optimal` is reached.
    /// @param slope2 What is added from there until all is lent.
    /// @param optimal Utilisation, 1 to 9,999.
    /// @param supplyCap Most that the market may have after somebody supplied, in whole tokens.
    /// @param borrowCap Most that may be owed to it after somebody borrowed, in whole tokens.
    /// @param flashFee Of flash loans, at most 255.
    /// @param ledger Whether the token is money of the ledger: see `AccountNotAdmitted`.
    struct MarketConfig {
        uint16 limit;
        uint16 threshold;
        uint16 bonus;
        uint16 reserveFactor;
        uint16 baseRate;
        uint16 slope1;
        uint16 slope2;
        uint16 optimal;
        uint48 supplyCap;
        uint48 borrowCap;
        uint8 flashFee;
        bool ledger;
    }

    /// @notice Where a market stands, with interest up to this block.
    /// @param cash What it can pay out.
    /// @param debt What it is owed, rounded down.
    /// @param shares Of all suppliers and the reserve.
    /// @param reserveShares Of the reserve.
    /// @param scaled All debts, divided by the index, in millionths.
    /// @param index Times 1e18.
    /// @param utilisation Times 1e18.
    /// @param borrowRate Yearly, times 1e18.
    /// @param supplyRate Yearly, times 1e18, rounded down.
    /// @param paused Actions that are paused: 2 supply, 4 borrow, 8 withdraw, 16 flash loans.
    struct MarketState {
        uint256 cash;
        uint256 debt;
        uint256 shares;
        uint256 reserveShares;
        uint256 scaled;
        uint256 index;
        uint256 utilisation;
        uint256 borrowRate;
        uint256 supplyRate;
        uint256 paused;
    }

    /// @notice Where an account stands, with interest up to this block.
    /// @param collateral Worth of its collateral, rounded down.
    /// @param limit Up to which it may borrow.
    /// @param threshold Above which it is liquidated.
    /// @param debt Worth of its debts, rounded up.
    /// @param pending Markets whose price is not yet recorded by the price source, a bit for each.
    /// @param doubtful A token whose price is in doubt; zero: none. Prices in doubt are taken in favour of
    /// the account: of collateral from the upper end of what is possible, of debt from the lower.
    /// @param ledger Whether money of the ledger is among the collateral.
    struct Account {
        uint256 collateral;
        uint256 limit;
        uint256 threshold;
        uint256 debt;
        uint256 pending;
        address doubtful;
        bool ledger;
    }

    /// @notice Somebody lent to the pool.
    event Supplied(address indexed account, address indexed token, uint256 amount, uint256 shares);
    /// @notice Somebody took supplies back.
    event Withdrawn(address indexed account, address indexed token, uint256 amount, uint256 shares);
    /// @notice Somebody took a loan.
    event Borrowed(address indexed account, address indexed token, uint256 amount);
    /// @notice A debt was paid back, or a part of it.
    event Repaid(
        address indexed borrower, address indexed token, address indexed payer, uint256 amount
    );
    /// @notice A part of a debt was paid by somebody who got collateral for it.
    /// @param seized What the liquidator got, as supplies in the pool.
    event Liquidated(
        address indexed borrower,
        address indexed debtToken,
        address indexed collateralToken,
        address liquidator,
        uint256 repaid,
        uint256 seized
    );
    /// @notice A debt was given up: its debtor has no collateral left.
    /// @param lost By what the market's assets fell.
    /// @param reserveShares What the reserve gave for it; what that did not cover, the suppliers bore.
    event DebtWrittenOff(
        address indexed borrower, address indexed token, uint256 lost, uint256 reserveShares
    );
    /// @notice An account's supplies of a token count as its collateral, or no longer do.
    event CollateralSet(address indexed account, address indexed token, bool used);
    /// @notice A flash loan was paid back.
    event FlashLoan(
        address indexed receiver, address indexed token, address caller, uint256 amount, uint256 fee
    );
    /// @notice There is a market for a token.
    event MarketListed(address indexed token, uint256 id, uint256 decimals);
    /// @notice A market has this configuration now.
    event MarketConfigured(address indexed token, MarketConfig config);
    /// @notice These of a market's actions are paused now.
    event Paused(address indexed token, uint256 actions, address indexed by);
    /// @notice There is another guardian.
    event GuardianSet(address indexed guardian);
    /// @notice The owner took money of the reserve.
    event ReserveTaken(address indexed token, address indexed to, uint256 amount, uint256 shares);

    /// @notice There is no market for this token.
    error NotListed(address token);
    /// @notice Nothing was asked for.
    error ZeroAmount();
    /// @notice The action (2 supply, 4 borrow, 8 withdraw, 16 flash loan) is paused.
    error ActionPaused(address token, uint256 action);
    /// @notice More would be supplied, or owed, than the cap allows (smallest units).
    error CapExceeded(address token, uint256 cap, uint256 amount);
    /// @notice The market cannot pay that much out now: the rest is lent.
    error InsufficientCash(address token, uint256 cash, uint256 amount);
    /// @notice The account has not supplied that much.
    error InsufficientSupply(address token, uint256 supplied, uint256 amount);
    /// @notice The amount is too small to be anything: it would be lost by rounding.
    error AmountTooSmall(address token, uint256 amount);
    /// @notice The token delivered less than it was told to: it takes a fee, or lies.
    error TokenShort(address token, uint256 expected, uint256 received);
    /// @notice The account would owe more than its collateral allows.
    error InsufficientCollateral(uint256 limit, uint256 debt);
    /// @notice The price of one of the account's tokens is in doubt: only what makes it safer is open.
    error PriceInDoubt(address token);
    /// @notice The account may not deal with money of the ledger: unknown there, not active, frozen, or
    /// denied. It cannot borrow against, or free, collateral in such money, nor liquidate it.
    error AccountNotAdmitted(address account);
    /// @notice The account owes nothing in this token.
    error NoDebt(address account, address token);
    /// @notice The account's supplies of this token are no collateral.
    error NotCollateral(address account, address token);
    /// @notice The collateral suffices.
    error Healthy(address account, uint256 threshold, uint256 debt);
    /// @notice Nobody liquidates oneself.
    error SelfLiquidation();
    /// @notice What would be left of this debt and this collateral is too little to be liquidated
    /// later: repay more, so that one of them is gone, or less.
    error DustLeft(uint256 debtValue, uint256 collateralValue);
    /// @notice The receiver of the flash loan did not answer as ERC-3156 demands.
    error FlashLoanRefused(address receiver);
    /// @notice The owner's configuration makes no sense.
    error InvalidConfig(string field);
    /// @notice There is a market for this token already.
    error AlreadyListed(address token);
    /// @notice There are as many markets as there can be.
    error TooManyMarkets();
    /// @notice Only the guardian or the owner may.
    error NotGuardian(address caller);

    /// @notice Takes back supplies.
    function withdraw(address token, uint256 amount) external;
    /// @notice Pays back up to `amount` of somebody's debt. Nobody can forbid it.
    function repayFor(address borrower, address token, uint256 amount) external;
    /// @notice Says whether the caller's supplies of a token count as collateral. They do from the start
    /// when an account that has none of the token supplies it; what a liquidator got does not.
    function setCollateral(address token, bool used) external;

    /// @notice How many markets there are.
    function marketCount() external view returns (uint256);
    /// @notice The token of a market by number, from 0.
    function tokenAt(uint256 id) external view returns (address);
    /// @notice A market's configuration.
    function configOf(address token) external view returns (MarketConfig memory);
    /// @notice Where a market stands.
    function marketOf(address token) external view returns (MarketState memory);
    /// @notice Where an account stands.
    function accountOf(address account) external view returns (Account memory);
    /// @notice The account's threshold over its debt, times 1e18: below 1e18 it is liquidated. The greatest
    /// number if it owes nothing.
    function healthFactor(address account) external view returns (uint256);
    /// @notice What an account supplied, with its interest, rounded down.
    function supplied(address account, address token) external view returns (uint256);
    /// @notice What an account owes, with its interest, rounded up: to repay all, this is the amount.
    function owed(address account, address token) external view returns (uint256);
    /// @notice An account's shares of a market, its scaled debt, and whether the shares are collateral.
    function holdingOf(address account, address token)
        external
        view
        returns (uint256 shares, uint256 scaled, bool collateral);
}
