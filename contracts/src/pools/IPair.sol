// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC3156FlashLender} from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";

/// @title A pool of two tokens that trades along a curve and is owned by the holders of its shares
/// @notice The pair itself is the ERC-20 of its shares (18 decimals). Amounts are in the smallest
/// unit of the token they belong to. All functions that change state, and all views that a price
/// could be read from, refuse to run inside another call of the same pair.
interface IPair is IERC20, IERC3156FlashLender {
    /// @notice Liquidity came in: `shares` were created for `to`.
    event Mint(
        address indexed sender, uint256 amount0, uint256 amount1, uint256 shares, address indexed to
    );
    /// @notice Liquidity went out: `shares` of `owner` were destroyed.
    event Burn(
        address indexed sender,
        uint256 amount0,
        uint256 amount1,
        uint256 shares,
        address owner,
        address indexed to
    );
    /// @notice A trade.
    event Swap(
        address indexed sender,
        uint256 amount0In,
        uint256 amount1In,
        uint256 amount0Out,
        uint256 amount1Out,
        address indexed to
    );
    /// @notice The reserves are now these.
    event Sync(uint112 reserve0, uint112 reserve1);
    /// @notice A flash loan was repaid with its fee.
    event FlashLoan(
        address indexed initiator,
        address indexed receiver,
        address indexed token,
        uint256 amount,
        uint256 fee
    );
    /// @notice What nobody had a claim on was taken out.
    event Skim(address indexed sender, uint256 amount0, uint256 amount1, address indexed to);

    /// @notice The trade, mint or burn would leave the pair with less than its curve demands.
    error CurveViolated();
    /// @notice A swap that asks for nothing.
    error ZeroOutput();
    /// @notice A swap, mint or flash loan that paid nothing.
    error ZeroInput();
    /// @notice More was asked for than the reserves can give.
    error InsufficientLiquidity();
    /// @notice The liquidity is worth less than one share (or, at first, than the locked minimum).
    error TooFewShares();
    /// @notice The shares are worth less than one unit of either token.
    error NothingToWithdraw();
    /// @notice Output may not go to the pair's tokens or to the pair.
    error InvalidRecipient(address to);
    /// @notice The token is not one of the pair's.
    error UnknownToken(address token);
    /// @notice The pair can't hold that much of the token.
    error ReserveTooLarge(address token, uint256 amount, uint256 max);
    /// @notice The pair holds less than its reserve: tokens left without its doing (a reversal or a
    /// hold on its ledger account). Burning goes on, everything else waits until somebody sends it.
    error ReserveShortfall(address token, uint256 reserve, uint256 balance);
    /// @notice The borrower did not answer with the hash that ERC-3156 asks for.
    error FlashLoanRefusedByReceiver(address receiver);
    /// @notice The borrower did not bring back loan and fee.
    error FlashLoanNotRepaid(address token, uint256 expected, uint256 found);

    /// @notice The factory that knows this pair.
    function factory() external view returns (address);
    /// @notice The token with the smaller address.
    function token0() external view returns (address);
    /// @notice The token with the greater address.
    function token1() external view returns (address);
    /// @notice Whether the curve is that of a stable pair.
    function stable() external view returns (bool);
    /// @notice The fee on the input, in parts of `FEE_DENOMINATOR`.
    function fee() external view returns (uint256);
    /// @notice What `fee` is counted in: 10,000.
    function FEE_DENOMINATOR() external view returns (uint256);
    /// @notice Shares that the first deposit locks for ever.
    function MINIMUM_LIQUIDITY() external view returns (uint256);

    /// @notice What the pair owns, and the second (modulo 2^32) of its last change.
    function getReserves()
        external
        view
        returns (uint112 reserve0, uint112 reserve1, uint32 updatedAt);

    /// @notice The greatest output that the curve allows for an input. Rounds down.
    function getAmountOut(address tokenIn, uint256 amountIn)
        external
        view
        returns (uint256 amountOut);

    /// @notice The smallest input that the curve demands for an output. Rounds up.
    function getAmountIn(address tokenOut, uint256 amountOut)
        external
        view
        returns (uint256 amountIn);

    /// @notice Sums of price times seconds up to now, in UQ112x112, modulo 2^256: `price0` is units
    /// of token1 for a unit of token0. Differences of two readings, taken without overflow checks
    /// and divided by the seconds between them, are time-weighted average prices.
    /// @return price0Cumulative Sum for the price of token0.
    /// @return price1Cumulative Sum for the price of token1.
    /// @return timestamp Second of the reading, modulo 2^32.
    function cumulativePrices()
        external
        view
        returns (uint256 price0Cumulative, uint256 price1Cumulative, uint32 timestamp);

    /// @notice A number that grows like the pair's size: with fees, and with nothing else per share.
    function measure() external view returns (uint256);

    /// @notice Creates shares for what was sent to the pair before, within the same transaction.
    /// Use the router. Rounds the shares down; what is off the pair's ratio is given to all holders.
    function mint(address to) external returns (uint256 shares);

    /// @notice Destroys shares of `owner` and sends what they are worth to `to`. The caller needs an
    /// allowance unless it is the owner. Rounds both amounts down.
    function burn(address owner, uint256 shares, address to)
        external
        returns (uint256 amount0, uint256 amount1);

    /// @notice Sends the outputs to `to`, calls it if `data` is not empty, and then demands that the
    /// pair holds enough for its curve. Whatever the pair holds beyond its reserves is the input, so
    /// send it within the same transaction: anyone may use it otherwise. Use the router.
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;

    /// @notice Sends to `to` whatever the pair holds beyond its reserves.
    function skim(address to) external returns (uint256 amount0, uint256 amount1);
}
