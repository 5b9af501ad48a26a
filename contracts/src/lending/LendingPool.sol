// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPriceSource} from "../oracle/IPriceSource.sol";
import {Config, ConfigLib} from "./Config.sol";
import {IAccountGate} from "./IAccountGate.sol";
import {ILendingPool} from "./ILendingPool.sol";
import {IQENEXDeFi} from "./IQENEXDeFi.sol";
import {LendingAdmin} from "./LendingAdmin.sol";
import {LendingBase} from "./LendingBase.sol";
import {LendingFlash} from "./LendingFlash.sol";
import {Market, MarketSlots} from "./Market.sol";

/// @title The lending pool of QENEX.
/// @notice One pool of many markets. Who supplies gets shares of a market, which earn interest and are
/// collateral for loans in every market. `docs/lending.md` tells the rules, parameters, risks and
/// roundings.
///
/// Every function writes before it calls a token, and no function can be entered from a token.
///
/// A liquidator gets collateral as supplies in the pool: a liquidation calls the debt's token to
/// take the repayment from the liquidator, and nothing else. Neither a borrower who may not be
/// paid, nor a market without cash, nor the collateral's token can stop it.
contract LendingPool is LendingAdmin, LendingFlash {
    /// @dev What a liquidation comes to.
    struct Terms {
        uint256 repaid;
        uint256 seized;
        uint256 shares;
        bool all;
    }

    /// @notice Debts and collateral of less worth than this (times 1e18) can be liquidated at once.
    uint256 public constant SMALL = 2000e18;
    /// @notice A liquidation leaves nothing, or as much worth as this, of the debt and of the collateral.
    uint256 public constant DUST = 1000e18;
    /// @notice Below this health factor, in hundredths, all of a debt can be liquidated, else half.
    uint256 public constant ALL_BELOW = 95;

    /// @param owner_ Who configures: the timelock of the governance.
    /// @param prices Where prices come from, for ever.
    /// @param gate Who says which accounts may deal with money of the ledger; zero: nobody asks.
    constructor(address owner_, IPriceSource prices, IAccountGate gate)
        Ownable(owner_)
        LendingBase(prices, gate)
    {}

    // Suppliers

    /// @inheritdoc IQENEXDeFi
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function supply(address token, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Market memory m = _load(token);
        _requireOpen(token, m.config, ConfigLib.NO_SUPPLY);
        // Down: for the other suppliers.
        uint256 shares = m.toSharesDown(amount);
        if (shares == 0) revert AmountTooSmall(token, amount);
        m.cash += amount;
        m.shares += shares;
        uint256 cap = m.config.supplyCap() * m.config.unit();
        if (m.assets() > cap) revert CapExceeded(token, cap, m.assets());
        _markets[token].store(m);
        _markets[token].supplierShares += shares;

        Holding storage holding = _holdings[msg.sender][token];
        uint128 before = holding.shares;
        // Fits: all shares do.
        holding.shares = before + uint128(shares);
        if (before == 0 && m.config.threshold() != 0) {
            _maps[msg.sender] |= _collateralBit(m.config);
            emit CollateralSet(msg.sender, token, true);
        }
        emit Supplied(msg.sender, token, amount, shares);
        _pull(token, msg.sender, amount);
    }

    /// @inheritdoc ILendingPool
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function withdraw(address token, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Market memory m = _load(token);
        _requireOpen(token, m.config, ConfigLib.NO_WITHDRAW);
        Holding storage holding = _holdings[msg.sender][token];
        uint256 have = holding.shares;
        uint256 worth = m.toAssetsDown(have);
        if (amount == type(uint256).max) amount = worth;
        if (amount > worth || worth == 0) revert InsufficientSupply(token, worth, amount);
        if (amount > m.cash) revert InsufficientCash(token, m.cash, amount);
        // Up: for the other suppliers. A rest that is worth nothing is theirs too.
        uint256 shares = m.toSharesUp(amount);
        m.cash -= amount;
        m.shares -= shares;
        if (m.toAssetsDown(have - shares) == 0) {
            m.shares -= have - shares;
            shares = have;
        }
        _markets[token].store(m);
        _markets[token].supplierShares -= shares;

        holding.shares = uint128(have - shares);
        uint256 map = _maps[msg.sender];
        uint256 bit = _collateralBit(m.config);
        if (map & bit != 0) {
            if (have == shares) {
                _maps[msg.sender] = map ^ bit;
                emit CollateralSet(msg.sender, token, false);
            }
            if (map & ~COLLATERAL != 0) _requireWithinLimit(msg.sender, token, m);
        }
        emit Withdrawn(msg.sender, token, amount, shares);
        _push(token, msg.sender, amount);
    }

    /// @inheritdoc ILendingPool
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function setCollateral(address token, bool used) external nonReentrant {
        Market memory m = _load(token);
        uint256 map = _maps[msg.sender];
        uint256 bit = _collateralBit(m.config);
        if ((map & bit != 0) == used) return;
        if (used && (m.config.threshold() == 0 || _holdings[msg.sender][token].shares == 0)) {
            revert NotCollateral(msg.sender, token);
        }
        _maps[msg.sender] = map ^ bit;
        emit CollateralSet(msg.sender, token, used);
        if (!used && map & ~COLLATERAL != 0) _requireWithinLimit(msg.sender, token, m);
    }

    // Borrowers

    /// @inheritdoc IQENEXDeFi
    function borrow(address token, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Market memory m = _load(token);
        _requireOpen(token, m.config, ConfigLib.NO_BORROW);
        if (amount > m.cash) revert InsufficientCash(token, m.cash, amount);
        // Up: for the suppliers.
        uint256 scaled = m.toScaledUp(amount);
        m.cash -= amount;
        m.scaled += scaled;
        uint256 cap = m.config.borrowCap() * m.config.unit();
        if (m.debt() > cap) revert CapExceeded(token, cap, m.debt());
        _markets[token].store(m);

        Holding storage holding = _holdings[msg.sender][token];
        uint128 before = holding.scaled;
        // Fits: all debt does.
        holding.scaled = before + uint128(scaled);
        if (before == 0) _maps[msg.sender] |= _debtBit(m.config);
        _requireWithinLimit(msg.sender, token, m);
        emit Borrowed(msg.sender, token, amount);
        _push(token, msg.sender, amount);
    }

    /// @inheritdoc IQENEXDeFi
    function repay(address token, uint256 amount) external {
        repayFor(msg.sender, token, amount);
    }

    /// @inheritdoc ILendingPool
    function repayFor(address borrower, address token, uint256 amount) public nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Market memory m = _load(token);
        uint256 scaled = _holdings[borrower][token].scaled;
        if (scaled == 0) revert NoDebt(borrower, token);
        uint256 debt = m.toDebtUp(scaled);
        if (amount > debt) amount = debt;
        _payBack(borrower, token, m, scaled, amount, debt);
        emit Repaid(borrower, token, msg.sender, amount);
        _pull(token, msg.sender, amount);
    }

    /// @dev Books that `amount` of a debt came in. The whole debt is rounded up, the part of it that a
    /// smaller amount pays is rounded down: for the suppliers.
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function _payBack(
        address borrower,
        address token,
        Market memory m,
        uint256 scaled,
        uint256 amount,
        uint256 debt
    ) private {
        uint256 paid = amount == debt ? scaled : m.toScaledDown(amount);
        m.cash += amount;
        m.scaled -= paid;
        _markets[token].store(m);
        _holdings[borrower][token].scaled = uint128(scaled - paid);
        if (paid == scaled) _maps[borrower] &= ~_debtBit(m.config);
    }

    // Liquidators

    /// @inheritdoc IQENEXDeFi
    // Compared as above. The price source, fixed at deployment, is told before the books change; the pool's guard
    // keeps other calls out meanwhile.
    // slither-disable-next-line incorrect-equality,reentrancy-no-eth
    function liquidate(address borrower, address debtToken, address collateralToken, uint256 amount)
        external
        nonReentrant
    {
        if (amount == 0) revert ZeroAmount();
        if (borrower == msg.sender) revert SelfLiquidation();
        Market memory d = _load(debtToken);
        Account memory a = _account(borrower, debtToken, d);
        if (a.threshold >= a.debt) revert Healthy(borrower, a.threshold, a.debt);
        _record(a.pending);

        // The same object, if it is the same market.
        Market memory c = debtToken == collateralToken ? d : _load(collateralToken);
        uint256 scaled = _holdings[borrower][debtToken].scaled;
        if (scaled == 0) revert NoDebt(borrower, debtToken);
        if (_maps[borrower] & _collateralBit(c.config) == 0) {
            revert NotCollateral(borrower, collateralToken);
        }
        if (c.config.has(ConfigLib.LEDGER)) _requireAdmitted(msg.sender);

        uint256 debt = d.toDebtUp(scaled);
        uint256 have = _holdings[borrower][collateralToken].shares;
        bool whole = a.threshold * 100 <= a.debt * ALL_BELOW;
        Terms memory t =
            _terms(d, c, _worths(debtToken, collateralToken), debt, have, amount, whole);

        if (t.shares == 0 && !t.all) revert AmountTooSmall(debtToken, t.repaid);

        _payBack(borrower, debtToken, d, scaled, t.repaid, debt);
        _holdings[borrower][collateralToken].shares = uint128(have - t.shares);
        _holdings[msg.sender][collateralToken].shares += uint128(t.shares);
        if (t.all) {
            uint256 map = _maps[borrower] & ~_collateralBit(c.config);
            _maps[borrower] = map;
            emit CollateralSet(borrower, collateralToken, false);
            if (map & COLLATERAL == 0 && map != 0) _writeOff(borrower, map);
        }
        emit Liquidated(borrower, debtToken, collateralToken, msg.sender, t.repaid, t.seized);
        if (t.repaid != 0) _pull(debtToken, msg.sender, t.repaid);
    }

    /// @dev The prices that a liquidation goes by.
    function _worths(address debtToken, address collateralToken)
        private
        view
        returns (uint256[2] memory prices)
    {
        // Whether an answer is to be recorded: `_account` asked, just before.
        // slither-disable-next-line unused-return
        (uint256 price, uint256 doubt,) = PRICES.quote(debtToken);
        prices[0] = _priceOfDebt(price, doubt);
        // slither-disable-next-line unused-return
        (price, doubt,) = PRICES.quote(collateralToken);
        prices[1] = _priceOfCollateral(price, doubt);
    }

    /// @dev How much is repaid and seized, for at most `amount`.
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function _terms(
        Market memory d,
        Market memory c,
        uint256[2] memory prices,
        uint256 debt,
        uint256 have,
        uint256 amount,
        bool whole
    ) private pure returns (Terms memory t) {
        uint256 held = c.toAssetsDown(have);
        if (!whole) {
            whole = _worthUp(d, debt, prices[0]) < SMALL || _worthDown(c, held, prices[1]) < SMALL;
        }
        t.repaid = Math.min(amount, whole || debt == 1 ? debt : debt / 2);

        // So much collateral for so much debt.
        uint256 forDebt = prices[1] * d.config.unit() * BPS;
        uint256 seized = prices[0] * c.config.unit() * (BPS + c.config.bonus());
        // Down: for the borrower and those who bear its debt.
        t.seized = Math.mulDiv(t.repaid, seized, forDebt);
        if (t.seized >= held) {
            (t.seized, t.shares, t.all) = (held, have, true);
            // Up: for the suppliers.
            t.repaid = Math.min(t.repaid, Math.mulDiv(held, forDebt, seized, Math.Rounding.Ceil));
        } else {
            // Down: as above.
            t.shares = c.toSharesDown(t.seized);
            if (t.repaid != debt) {
                uint256 debtLeft = _worthUp(d, debt - t.repaid, prices[0]);
                uint256 heldLeft = _worthDown(c, held - t.seized, prices[1]);
                if (debtLeft < DUST || heldLeft < DUST) revert DustLeft(debtLeft, heldLeft);
            }
        }
    }

    /// @dev Gives up all debts of an account without collateral.
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function _writeOff(address borrower, uint256 map) private {
        for (uint256 id = 0; map >> 2 * id != 0; id++) {
            if (map >> 2 * id & 2 == 0) continue;
            address token = _tokens[id];
            MarketSlots storage slots = _markets[token];
            Market memory m = slots.load();
            (uint256 lost, uint256 burned) = slots.writeOff(m, _holdings[borrower][token].scaled);
            slots.store(m);
            _holdings[borrower][token].scaled = 0;
            emit DebtWrittenOff(borrower, token, lost, burned);
        }
        _maps[borrower] = 0;
    }

    // Views

    /// @inheritdoc ILendingPool
    function tokenAt(uint256 id) external view returns (address) {
        return _tokens[id];
    }

    /// @inheritdoc ILendingPool
    function configOf(address token) external view returns (MarketConfig memory) {
        Config c = _load(token).config;
        return MarketConfig(
            uint16(c.limit()),
            uint16(c.threshold()),
            uint16(c.bonus()),
            uint16(c.reserveFactor()),
            uint16(c.baseRate()),
            uint16(c.slope1()),
            uint16(c.slope2()),
            uint16(c.optimal()),
            uint48(c.supplyCap()),
            uint48(c.borrowCap()),
            uint8(c.flashFee()),
            c.has(ConfigLib.LEDGER)
        );
    }

    /// @inheritdoc ILendingPool
    // A rate is shown, rounded down twice; nothing is paid by it.
    // slither-disable-next-line divide-before-multiply
    function marketOf(address token) external view returns (MarketState memory s) {
        Market memory m = _load(token);
        s.cash = m.cash;
        s.debt = m.debt();
        s.shares = m.shares;
        s.reserveShares = _markets[token].reserveShares(m);
        s.scaled = m.scaled;
        s.index = m.index;
        s.utilisation = m.utilisation();
        s.borrowRate = m.borrowRate();
        s.supplyRate = s.borrowRate * s.utilisation / 1e18 * (BPS - m.config.reserveFactor()) / BPS;
        s.paused = m.config.flags() & ConfigLib.PAUSES;
    }

    /// @inheritdoc ILendingPool
    function accountOf(address account) external view returns (Account memory) {
        // Of no market, so nothing reads it.
        // slither-disable-next-line uninitialized-local
        Market memory none;
        return _account(account, address(0), none);
    }

    /// @inheritdoc ILendingPool
    function healthFactor(address account) external view returns (uint256) {
        // Of no market, so nothing reads it.
        // slither-disable-next-line uninitialized-local
        Market memory none;
        Account memory a = _account(account, address(0), none);
        return a.debt == 0 ? type(uint256).max : Math.mulDiv(a.threshold, 1e18, a.debt);
    }

    /// @inheritdoc ILendingPool
    function supplied(address account, address token) external view returns (uint256) {
        return _load(token).toAssetsDown(_holdings[account][token].shares);
    }

    /// @inheritdoc ILendingPool
    function owed(address account, address token) external view returns (uint256) {
        return _load(token).toDebtUp(_holdings[account][token].scaled);
    }

    /// @inheritdoc ILendingPool
    function holdingOf(address account, address token)
        external
        view
        returns (uint256 shares, uint256 scaled, bool collateral)
    {
        Holding storage holding = _holdings[account][token];
        collateral = _maps[account] & _collateralBit(_load(token).config) != 0;
        return (holding.shares, holding.scaled, collateral);
    }
}
