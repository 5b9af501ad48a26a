// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Config, ConfigLib} from "./Config.sol";
import {LendingBase} from "./LendingBase.sol";
import {Market, MarketLib, MarketSlots} from "./Market.sol";

/// @title What the owner (the governance's timelock) and the guardian do in the lending pool.
/// @notice The guardian pauses at once, the owner ends a pause. Repaying, liquidating and switching
/// collateral on cannot be paused.
abstract contract LendingAdmin is LendingBase, Ownable2Step {
    uint256 private constant MAX_DECIMALS = 18;
    uint256 private constant MAX_THRESHOLD = 9500;
    uint256 private constant MAX_BONUS = 2000;
    uint256 private constant MAX_RESERVE_FACTOR = 5000;
    uint256 private constant MAX_RATE = 30_000;

    /// @notice Opens a market. The price source must have a good price for the token.
    /// @dev A token's balances must change by transfers only (no rebasing), and transfers must move
    /// what they say. Anything a token does instead stays in its own market and in the accounts that
    /// use it.
    function list(address token, MarketConfig calldata config) external onlyOwner {
        MarketSlots storage slots = _markets[token];
        if (slots.config.has(ConfigLib.LISTED)) revert AlreadyListed(token);
        uint256 id = marketCount;
        if (id == MAX_MARKETS) revert TooManyMarkets();
        uint256 decimals = IERC20Metadata(token).decimals();
        if (decimals > MAX_DECIMALS) revert InvalidConfig("decimals");
        // Only whether there is a good price.
        // slither-disable-next-line unused-return
        (, uint256 doubt,) = PRICES.quote(token);
        if (doubt != 0) revert PriceInDoubt(token);

        slots.config = _pack(config, decimals, id).with(ConfigLib.LISTED);
        slots.state = MarketLib.ONE | block.timestamp << 96;
        _tokens[id] = token;
        marketCount = id + 1;
        emit MarketListed(token, id, decimals);
        emit MarketConfigured(token, config);
    }

    /// @notice Changes a market's configuration. Interest up to now is by the old one.
    function configure(address token, MarketConfig calldata config)
        external
        onlyOwner
        nonReentrant
    {
        Market memory m = _load(token);
        MarketSlots storage slots = _markets[token];
        slots.store(m);
        uint256 kept = m.config.flags() & (ConfigLib.LISTED | ConfigLib.PAUSES);
        slots.config = _pack(config, m.config.decimals(), m.config.id()).with(kept);
        emit MarketConfigured(token, config);
    }

    /// @notice Sets who may pause; zero: nobody but the owner.
    function setGuardian(address guardian_) external onlyOwner {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// @notice Pauses actions of a market: the sum of 2 supply, 4 borrow, 8 withdraw, 16 flash loans.
    /// Others that are paused stay so. The guardian and the owner may.
    function pause(address token, uint256 actions) external {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        _requireActions(actions);
        _setPaused(token, _load(token).config.with(actions));
    }

    /// @notice Ends the pause of actions. The owner may.
    function unpause(address token, uint256 actions) external onlyOwner {
        _requireActions(actions);
        _setPaused(token, _load(token).config.without(actions));
    }

    /// @notice Pays out of the reserve, in cash.
    /// @param amount The greatest number: all.
    // Compared are the pool's own counts and bits: nobody sets them by sending something.
    // slither-disable-next-line incorrect-equality
    function takeReserve(address token, address to, uint256 amount)
        external
        onlyOwner
        nonReentrant
    {
        Market memory m = _load(token);
        MarketSlots storage slots = _markets[token];
        uint256 have = slots.reserveShares(m);
        uint256 worth = m.toAssetsDown(have);
        if (amount == type(uint256).max) amount = worth;
        if (amount == 0) revert ZeroAmount();
        if (amount > worth) revert InsufficientSupply(token, worth, amount);
        if (amount > m.cash) revert InsufficientCash(token, m.cash, amount);
        // Up: for the suppliers.
        uint256 shares = m.toSharesUp(amount);
        m.cash -= amount;
        m.shares -= shares;
        slots.store(m);
        emit ReserveTaken(token, to, amount, shares);
        _push(token, to, amount);
    }

    function _requireActions(uint256 actions) private pure {
        if (actions == 0 || actions & ~ConfigLib.PAUSES != 0) revert InvalidConfig("actions");
    }

    function _setPaused(address token, Config config) private {
        _markets[token].config = config;
        emit Paused(token, config.flags() & ConfigLib.PAUSES, msg.sender);
    }

    function _pack(MarketConfig calldata c, uint256 decimals, uint256 id)
        private
        pure
        returns (Config)
    {
        if (c.threshold > MAX_THRESHOLD) revert InvalidConfig("threshold");
        if (c.limit > c.threshold) revert InvalidConfig("limit");
        // A liquidation takes more worth of debt than of the collateral that counts: it helps.
        if (c.bonus > MAX_BONUS || uint256(c.threshold) * (BPS + c.bonus) > BPS * BPS) {
            revert InvalidConfig("bonus");
        }
        if (c.reserveFactor > MAX_RESERVE_FACTOR) revert InvalidConfig("reserveFactor");
        if (uint256(c.baseRate) + c.slope1 + c.slope2 > MAX_RATE) revert InvalidConfig("rates");
        if (c.optimal == 0 || c.optimal >= BPS) revert InvalidConfig("optimal");

        uint256 risk = uint256(c.limit) | uint256(c.threshold) << 16 | uint256(c.bonus) << 32
            | uint256(c.reserveFactor) << 48;
        uint256 rates = uint256(c.baseRate) << 64 | uint256(c.slope1) << 80 | uint256(c.slope2)
            << 96 | uint256(c.optimal) << 112;
        uint256 caps = uint256(c.supplyCap) << 128 | uint256(c.borrowCap) << 176;
        uint256 rest = decimals << 224 | id << 232 | uint256(c.flashFee) << 240;
        return Config.wrap(risk | rates | caps | rest).with(c.ledger ? ConfigLib.LEDGER : 0);
    }
}
