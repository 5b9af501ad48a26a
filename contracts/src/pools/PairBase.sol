// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {IERC3156FlashLender} from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IFlashSwapCallee} from "./IFlashSwapCallee.sol";
import {IPair} from "./IPair.sol";
import {IPoolFactory} from "./IPoolFactory.sol";

/// @title What volatile and stable pairs have in common: shares, reserves, averages, loans
/// @notice A pair is immutable: no owner, no pause, no upgrade.
/// @dev The reserves are what the pair owns. Tokens beyond them are nobody's: they never count in a
/// price, a quote or the worth of a share, and whoever acts next may use them as his own input or
/// take them with `skim`. There is deliberately no function that turns a donation into reserves, nor
/// one that writes missing tokens off: that would move the price, and the rest would be traded away.
///
/// Every state change keeps "size of the pair per share" from falling (`_holds` for trades, rounding
/// down for shares and withdrawals). Roundings are in favour of the holders of shares throughout.
abstract contract PairBase is IPair, ERC20Permit, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IPair
    uint256 public constant MINIMUM_LIQUIDITY = 1000;
    /// @inheritdoc IPair
    uint256 public constant FEE_DENOMINATOR = 10_000;
    /// @dev Owner of the locked shares. They keep the number of shares and both reserves from ever
    /// coming back to zero, and make an attack on the price of a share cost what it inflates.
    address internal constant LOCKED = 0x000000000000000000000000000000000000dEaD;
    bytes32 private constant FLASH_LOAN_SUCCESS = keccak256("ERC3156FlashBorrower.onFlashLoan");

    /// @inheritdoc IPair
    address public immutable factory;
    /// @inheritdoc IPair
    address public immutable token0;
    /// @inheritdoc IPair
    address public immutable token1;

    /// @dev Factors that bring amounts to 18 decimals.
    uint256 internal immutable SCALE0;
    uint256 internal immutable SCALE1;
    /// @dev The greatest reserves for which no computation can overflow. They bind where reserves
    /// grow (mint, swap, loans), never where they shrink: whoever is in can leave.
    uint256 internal immutable MAX0;
    uint256 internal immutable MAX1;

    uint112 private _reserve0;
    uint112 private _reserve1;
    uint32 private _updatedAt;
    uint256 private _price0Cumulative;
    uint256 private _price1Cumulative;
    /// @dev `measure()` after the last mint or burn, while the protocol fee is on; zero otherwise.
    uint256 private _measured;

    /// @param factory_ The factory that creates this pair.
    /// @param token0_ The token with the smaller address.
    /// @param token1_ The token with the greater address.
    /// @param maxNormal The greatest reserve that the curve can compute with, at 18 decimals.
    constructor(address factory_, address token0_, address token1_, uint256 maxNormal) {
        factory = factory_;
        token0 = token0_;
        token1 = token1_;
        SCALE0 = 10 ** (18 - IERC20Metadata(token0_).decimals());
        SCALE1 = 10 ** (18 - IERC20Metadata(token1_).decimals());
        MAX0 = Math.min(type(uint112).max, maxNormal / SCALE0);
        MAX1 = Math.min(type(uint112).max, maxNormal / SCALE1);
    }

    /* ------------------------------------------- Curve ------------------------------------------- */

    /// @dev Whether the pair may come from reserves `r0`, `r1` to `b0`, `b1`, of which `in0` and
    /// `in1` were paid in, once the fee on them is set aside. All are within MAX0 and MAX1. Must be
    /// exact or err on the side of "no".
    function _holds(uint256 b0, uint256 b1, uint256 in0, uint256 in1, uint256 r0, uint256 r1)
        internal
        view
        virtual
        returns (bool);

    /// @dev A function of the reserves, in units of 18 decimals, that grows with both and doubles
    /// when both double; shares start with it. Rounds down, monotone.
    function _measure(uint256 r0, uint256 r1) internal view virtual returns (uint256);

    /// @dev Marginal prices, in units of the other token, as UQ112x112.
    function _prices(uint256 r0, uint256 r1)
        internal
        view
        virtual
        returns (uint256 price0, uint256 price1);

    /// @dev The greatest output that `_holds` allows. `zeroIn`: whether token0 is paid in.
    function _amountOut(uint256 amountIn, uint256 rIn, uint256 rOut, bool zeroIn)
        internal
        view
        virtual
        returns (uint256);

    /// @dev The smallest input that `_holds` demands. `zeroOut`: whether token0 is taken out.
    function _amountIn(uint256 amountOut, uint256 rIn, uint256 rOut, bool zeroOut)
        internal
        view
        virtual
        returns (uint256);

    /* ------------------------------------------- Views ------------------------------------------- */

    /// @inheritdoc IPair
    function stable() external view virtual returns (bool);

    /// @inheritdoc IPair
    function fee() public view virtual returns (uint256);

    /// @inheritdoc IPair
    function getReserves() external view nonReentrantView returns (uint112, uint112, uint32) {
        return (_reserve0, _reserve1, _updatedAt);
    }

    /// @inheritdoc IPair
    function measure() external view nonReentrantView returns (uint256) {
        return _measure(_reserve0, _reserve1);
    }

    /// @inheritdoc IPair
    function getAmountOut(address tokenIn, uint256 amountIn)
        external
        view
        nonReentrantView
        returns (uint256)
    {
        if (amountIn == 0) revert ZeroInput();
        (uint256 r0, uint256 r1) = (_reserve0, _reserve1);
        if (r0 == 0 || r1 == 0) revert InsufficientLiquidity();
        if (tokenIn == token0) {
            if (amountIn > MAX0 - r0) revert ReserveTooLarge(token0, amountIn, MAX0 - r0);
            return _amountOut(amountIn, r0, r1, true);
        }
        if (tokenIn != token1) revert UnknownToken(tokenIn);
        if (amountIn > MAX1 - r1) revert ReserveTooLarge(token1, amountIn, MAX1 - r1);
        return _amountOut(amountIn, r1, r0, false);
    }

    /// @inheritdoc IPair
    function getAmountIn(address tokenOut, uint256 amountOut)
        external
        view
        nonReentrantView
        returns (uint256 amountIn)
    {
        if (amountOut == 0) revert ZeroOutput();
        (uint256 r0, uint256 r1) = (_reserve0, _reserve1);
        if (tokenOut == token0) {
            if (amountOut >= r0) revert InsufficientLiquidity();
            amountIn = _amountIn(amountOut, r1, r0, true);
            if (amountIn > MAX1 - r1) revert ReserveTooLarge(token1, amountIn, MAX1 - r1);
        } else {
            if (tokenOut != token1) revert UnknownToken(tokenOut);
            if (amountOut >= r1) revert InsufficientLiquidity();
            amountIn = _amountIn(amountOut, r0, r1, false);
            if (amountIn > MAX0 - r0) revert ReserveTooLarge(token0, amountIn, MAX0 - r0);
        }
    }

    /// @inheritdoc IPair
    function cumulativePrices()
        external
        view
        nonReentrantView
        returns (uint256 price0Cumulative, uint256 price1Cumulative, uint32 timestamp)
    {
        (price0Cumulative, price1Cumulative) = (_price0Cumulative, _price1Cumulative);
        timestamp = uint32(block.timestamp);
        unchecked {
            // Seconds and sums wrap by design: only differences are ever used.
            uint32 elapsed = timestamp - _updatedAt;
            if (elapsed != 0 && _reserve0 != 0 && _reserve1 != 0) {
                (uint256 price0, uint256 price1) = _prices(_reserve0, _reserve1);
                price0Cumulative += price0 * elapsed;
                price1Cumulative += price1 * elapsed;
            }
        }
    }

    /* ----------------------------------------- Liquidity ----------------------------------------- */

    /// @inheritdoc IPair
    function mint(address to) external nonReentrant returns (uint256 shares) {
        (uint256 r0, uint256 r1) = (_reserve0, _reserve1);
        (uint256 b0, uint256 b1) = _balances();
        if (b0 < r0) revert ReserveShortfall(token0, r0, b0);
        if (b1 < r1) revert ReserveShortfall(token1, r1, b1);
        (uint256 in0, uint256 in1) = (b0 - r0, b1 - r1);
        if (in0 == 0 || in1 == 0) revert ZeroInput();
        _checkMax(b0, b1);

        bool feeOn = _mintProtocolFee(r0, r1);
        uint256 supply = totalSupply();
        if (supply == 0) {
            shares = _measure(in0, in1);
            if (shares <= MINIMUM_LIQUIDITY) revert TooFewShares();
            unchecked {
                shares -= MINIMUM_LIQUIDITY;
            }
            _mint(LOCKED, MINIMUM_LIQUIDITY);
        } else {
            // Down, and the smaller of both: what is off the ratio goes to all holders.
            shares = Math.min(Math.mulDiv(in0, supply, r0), Math.mulDiv(in1, supply, r1));
            if (shares == 0) revert TooFewShares();
        }
        _mint(to, shares);
        _update(b0, b1, r0, r1);
        if (feeOn) _measured = _measure(b0, b1);
        emit Mint(msg.sender, in0, in1, shares, to);
    }

    /// @inheritdoc IPair
    function burn(address owner, uint256 shares, address to)
        external
        nonReentrant
        returns (uint256 amount0, uint256 amount1)
    {
        if (to == token0 || to == token1 || to == address(this)) {
            revert InvalidRecipient(to);
        }
        if (owner != msg.sender) _spendAllowance(owner, msg.sender, shares);
        (amount0, amount1) = _redeem(owner, shares);
        if (amount0 == 0 && amount1 == 0) revert NothingToWithdraw();
        emit Burn(msg.sender, amount0, amount1, shares, owner, to);
        if (amount0 != 0) IERC20(token0).safeTransfer(to, amount0);
        if (amount1 != 0) IERC20(token1).safeTransfer(to, amount1);
    }

    /* ------------------------------------------- Trade ------------------------------------------- */

    /// @inheritdoc IPair
    // The guard keeps everyone out while the receiver has control.
    // slither-disable-next-line reentrancy-no-eth
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data)
        external
        nonReentrant
    {
        if (amount0Out == 0 && amount1Out == 0) revert ZeroOutput();
        (uint256 r0, uint256 r1) = (_reserve0, _reserve1);
        if (amount0Out >= r0 || amount1Out >= r1) revert InsufficientLiquidity();
        if (to == token0 || to == token1 || to == address(this)) revert InvalidRecipient(to);

        // Output first: this is what makes flash swaps. The guard keeps everyone else out until the
        // curve was checked, and the reserves that views would show are those from before.
        if (amount0Out != 0) IERC20(token0).safeTransfer(to, amount0Out);
        if (amount1Out != 0) IERC20(token1).safeTransfer(to, amount1Out);
        if (data.length != 0) {
            IFlashSwapCallee(to).onFlashSwap(msg.sender, amount0Out, amount1Out, data);
        }

        (uint256 b0, uint256 b1) = _balances();
        _checkMax(b0, b1);
        uint256 in0 = Math.saturatingSub(b0, r0 - amount0Out);
        uint256 in1 = Math.saturatingSub(b1, r1 - amount1Out);
        if (in0 == 0 && in1 == 0) revert ZeroInput();
        if (!_holds(b0, b1, in0, in1, r0, r1)) revert CurveViolated();
        _update(b0, b1, r0, r1);
        emit Swap(msg.sender, in0, in1, amount0Out, amount1Out, to);
    }

    /* ---------------------------------------- Flash loans ---------------------------------------- */

    /// @inheritdoc IERC3156FlashLender
    /// @dev The whole reserve: it comes back, so it needs not leave anything for the curve.
    function maxFlashLoan(address token) external view nonReentrantView returns (uint256) {
        if (token == token0) return _reserve0;
        return token == token1 ? _reserve1 : 0;
    }

    /// @inheritdoc IERC3156FlashLender
    /// @dev The rate of a trade, rounded up: to the holders of shares.
    function flashFee(address token, uint256 amount) public view returns (uint256) {
        if (token != token0 && token != token1) revert UnknownToken(token);
        return Math.mulDiv(amount, fee(), FEE_DENOMINATOR, Math.Rounding.Ceil);
    }

    /// @inheritdoc IERC3156FlashLender
    /// @dev The receiver must approve the pair for loan and fee. A token that takes fees on transfers
    /// can't be repaid.
    // The receiver is asked first (its answer), as the standard says, and the guard keeps everyone out
    // while it has control.
    // slither-disable-next-line arbitrary-send-erc20,reentrancy-no-eth
    function flashLoan(
        IERC3156FlashBorrower receiver,
        address token,
        uint256 amount,
        bytes calldata data
    ) external nonReentrant returns (bool) {
        uint256 charge = flashFee(token, amount);
        (uint256 r0, uint256 r1) = (_reserve0, _reserve1);
        if (amount == 0) revert ZeroInput();
        if (amount > (token == token0 ? r0 : r1)) revert InsufficientLiquidity();
        uint256 expected = IERC20(token).balanceOf(address(this)) + charge;

        IERC20(token).safeTransfer(address(receiver), amount);
        if (receiver.onFlashLoan(msg.sender, token, amount, charge, data) != FLASH_LOAN_SUCCESS) {
            revert FlashLoanRefusedByReceiver(address(receiver));
        }
        IERC20(token).safeTransferFrom(address(receiver), address(this), amount + charge);
        uint256 found = IERC20(token).balanceOf(address(this));
        if (found < expected) revert FlashLoanNotRepaid(token, expected, found);

        // Exactly the fee: what else may have arrived is a donation.
        (uint256 n0, uint256 n1) = token == token0 ? (r0 + charge, r1) : (r0, r1 + charge);
        _checkMax(n0, n1);
        _update(n0, n1, r0, r1);
        emit FlashLoan(msg.sender, address(receiver), token, amount, charge);
        return true;
    }

    /* ------------------------------------------ Surplus ------------------------------------------ */

    /// @inheritdoc IPair
    function skim(address to) external nonReentrant returns (uint256 amount0, uint256 amount1) {
        (uint256 b0, uint256 b1) = _balances();
        amount0 = Math.saturatingSub(b0, _reserve0);
        amount1 = Math.saturatingSub(b1, _reserve1);
        emit Skim(msg.sender, amount0, amount1, to);
        if (amount0 != 0) IERC20(token0).safeTransfer(to, amount0);
        if (amount1 != 0) IERC20(token1).safeTransfer(to, amount1);
    }

    /* ------------------------------------------ Internal ----------------------------------------- */

    /// @dev Destroys shares, lowers the reserves by their part, and says what to pay for them.
    function _redeem(address owner, uint256 shares)
        private
        returns (uint256 amount0, uint256 amount1)
    {
        (uint256 r0, uint256 r1) = (_reserve0, _reserve1);
        bool feeOn = _mintProtocolFee(r0, r1);
        uint256 supply = totalSupply();
        _burn(owner, shares);
        // Down: the rest stays with the other holders.
        amount0 = Math.mulDiv(r0, shares, supply);
        amount1 = Math.mulDiv(r1, shares, supply);
        _update(r0 - amount0, r1 - amount1, r0, r1);
        if (feeOn) _measured = _measure(r0 - amount0, r1 - amount1);
        // If tokens are missing, everyone gets his part of what is there, early or late.
        (uint256 b0, uint256 b1) = _balances();
        if (b0 < r0) amount0 = Math.mulDiv(b0, shares, supply);
        if (b1 < r1) amount1 = Math.mulDiv(b1, shares, supply);
    }

    function _balances() private view returns (uint256, uint256) {
        return (IERC20(token0).balanceOf(address(this)), IERC20(token1).balanceOf(address(this)));
    }

    function _checkMax(uint256 b0, uint256 b1) private view {
        if (b0 > MAX0) revert ReserveTooLarge(token0, b0, MAX0);
        if (b1 > MAX1) revert ReserveTooLarge(token1, b1, MAX1);
    }

    /// @dev Adds the old prices for the time they were valid, then sets the new reserves. The first
    /// state change in a second is the only one that counts: within it, prices can't be moved into
    /// the averages. `b0` and `b1` fit: they are within MAX0 and MAX1 or below the old reserves.
    function _update(uint256 b0, uint256 b1, uint256 r0, uint256 r1) private {
        uint32 timestamp = uint32(block.timestamp);
        unchecked {
            // Seconds and sums wrap by design: only differences are ever used.
            uint32 elapsed = timestamp - _updatedAt;
            if (elapsed != 0 && r0 != 0 && r1 != 0) {
                (uint256 price0, uint256 price1) = _prices(r0, r1);
                _price0Cumulative += price0 * elapsed;
                _price1Cumulative += price1 * elapsed;
            }
        }
        _reserve0 = uint112(b0);
        _reserve1 = uint112(b1);
        _updatedAt = timestamp;
        emit Sync(uint112(b0), uint112(b1));
    }

    /// @dev While the fee is on, gives the protocol shares worth a sixth of the growth since the last
    /// mint or burn. Rounds down: to the holders.
    function _mintProtocolFee(uint256 r0, uint256 r1) private returns (bool feeOn) {
        address feeTo = IPoolFactory(factory).feeTo();
        feeOn = feeTo != address(0);
        uint256 last = _measured;
        if (!feeOn) {
            if (last != 0) _measured = 0;
            return false;
        }
        if (last == 0) return true;
        uint256 current = _measure(r0, r1);
        if (current <= last) return true;
        // x shares such that x / (supply + x) = (current - last) / 6 / current.
        uint256 shares = Math.mulDiv(totalSupply(), current - last, 5 * current + last);
        if (shares != 0) _mint(feeTo, shares);
    }
}
