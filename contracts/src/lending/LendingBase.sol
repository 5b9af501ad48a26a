// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPriceSource} from "../oracle/IPriceSource.sol";
import {Config, ConfigLib} from "./Config.sol";
import {IAccountGate} from "./IAccountGate.sol";
import {ILendingPool} from "./ILendingPool.sol";
import {Market, MarketSlots} from "./Market.sol";

/// @title What the parts of the lending pool share: its storage, accounts' worth, and moving tokens.
abstract contract LendingBase is ILendingPool, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev What an account has in a market and owes to it, in one word.
    struct Holding {
        uint128 shares;
        uint128 scaled;
    }

    /// @notice Most markets, which bounds the work of looking at an account.
    uint256 public constant MAX_MARKETS = 64;
    uint256 internal constant BPS = 10_000;
    /// @dev The markets' collateral bits in an account's map. Bit 2n: its supplies of market n are
    /// collateral; bit 2n + 1: it owes to market n.
    uint256 internal constant COLLATERAL =
        0x5555555555555555555555555555555555555555555555555555555555555555;

    /// @notice Where prices come from.
    IPriceSource public immutable PRICES;
    /// @notice Who says which accounts may deal with money of the ledger; zero: nobody asks.
    IAccountGate public immutable GATE;

    /// @notice Who may pause.
    address public guardian;
    /// @inheritdoc ILendingPool
    uint256 public marketCount;

    mapping(address token => MarketSlots) internal _markets;
    mapping(uint256 id => address) internal _tokens;
    mapping(address account => mapping(address token => Holding)) internal _holdings;
    /// @dev A collateral bit is set only while there are shares, a debt bit exactly while there is debt.
    mapping(address account => uint256) internal _maps;

    constructor(IPriceSource prices, IAccountGate gate) {
        (PRICES, GATE) = (prices, gate);
    }

    // Markets and maps

    /// @dev A market, with interest up to now.
    function _load(address token) internal view returns (Market memory m) {
        m = _markets[token].load();
        if (!m.config.has(ConfigLib.LISTED)) revert NotListed(token);
    }

    function _requireOpen(address token, Config config, uint256 action) internal pure {
        if (config.has(action)) revert ActionPaused(token, action);
    }

    function _collateralBit(Config config) internal pure returns (uint256) {
        return 1 << 2 * config.id();
    }

    function _debtBit(Config config) internal pure returns (uint256) {
        return 2 << 2 * config.id();
    }

    // Worth

    /// @dev Where an account stands. Reads each of its markets, and no other.
    /// @param known A token whose market the caller has in memory, as `loaded`; zero: none.
    // Compared are bits of a map and numbers of markets.
    // slither-disable-next-line incorrect-equality
    function _account(address account, address known, Market memory loaded)
        internal
        view
        returns (Account memory a)
    {
        uint256 map = _maps[account];
        uint256 knownId = known == address(0) ? MAX_MARKETS : loaded.config.id();
        unchecked {
            for (uint256 id = 0; map != 0; (id++, map >>= 2)) {
                if (map & 3 == 0) continue;
                if (id == knownId) {
                    _add(a, account, map, id, known, loaded);
                } else {
                    address token = _tokens[id];
                    _add(a, account, map, id, token, _markets[token].load());
                }
            }
        }
    }

    /// @dev Adds what an account has in a market and owes to it. `bits` are its bits of the map, and more.
    function _add(
        Account memory a,
        address account,
        uint256 bits,
        uint256 id,
        address token,
        Market memory m
    ) private view {
        Holding storage holding = _holdings[account][token];
        (uint256 price, uint256 doubt, bool pending) = PRICES.quote(token);
        if (doubt != 0) a.doubtful = token;
        if (pending) a.pending |= 1 << id;
        if (bits & 1 != 0) {
            uint256 held = m.toAssetsDown(holding.shares);
            uint256 worth = _worthDown(m, held, _priceOfCollateral(price, doubt));
            a.collateral += worth;
            a.limit += worth * m.config.limit() / BPS;
            a.threshold += worth * m.config.threshold() / BPS;
            if (m.config.has(ConfigLib.LEDGER)) a.ledger = true;
        }
        if (bits & 2 != 0) {
            a.debt += _worthUp(m, m.toDebtUp(holding.scaled), _priceOfDebt(price, doubt));
        }
    }

    // Unchecked: amounts of a market are below 2^146 and prices below 2^104.

    /// @dev For collateral.
    function _worthDown(Market memory m, uint256 amount, uint256 price)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            return amount * price / m.config.unit();
        }
    }

    /// @dev For debt: no debt is worth nothing.
    function _worthUp(Market memory m, uint256 amount, uint256 price)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            return Math.ceilDiv(amount * price, m.config.unit());
        }
    }

    /// @dev A price in doubt, from the end that favours the debtor.
    function _priceOfCollateral(uint256 price, uint256 doubt) internal pure returns (uint256) {
        unchecked {
            return doubt == 0 ? price : Math.ceilDiv(price * (BPS + doubt), BPS);
        }
    }

    /// @dev As above. Rounded up too: no price is zero. Doubt is below 10,000.
    function _priceOfDebt(uint256 price, uint256 doubt) internal pure returns (uint256) {
        unchecked {
            return doubt == 0 ? price : Math.ceilDiv(price * (BPS - doubt), BPS);
        }
    }

    /// @dev The account is within what it may borrow, at good prices, and may deal with its collateral.
    /// `m` is the market of `token`, as stored.
    function _requireWithinLimit(address account, address token, Market memory m) internal {
        Account memory a = _account(account, token, m);
        if (a.doubtful != address(0)) revert PriceInDoubt(a.doubtful);
        if (a.debt > a.limit) revert InsufficientCollateral(a.limit, a.debt);
        if (a.ledger) _requireAdmitted(account);
        _record(a.pending);
    }

    /// @dev Lets the price source remember what was relied upon.
    function _record(uint256 pending) internal {
        for (uint256 id = 0; pending >> id != 0; id++) {
            // What it answers is known: it was relied upon.
            // slither-disable-next-line unused-return
            if (pending >> id & 1 != 0) PRICES.record(_tokens[id]);
        }
    }

    function _requireAdmitted(address account) internal view {
        if (address(GATE) != address(0) && !GATE.admits(account)) {
            revert AccountNotAdmitted(account);
        }
    }

    // Tokens

    /// @dev Takes tokens, all of them or nothing. What arrives beyond that is nobody's.
    function _pull(address token, address from, uint256 amount) internal {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(from, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received < amount) revert TokenShort(token, amount, received);
    }

    function _push(address token, address to, uint256 amount) internal {
        IERC20(token).safeTransfer(to, amount);
    }
}
