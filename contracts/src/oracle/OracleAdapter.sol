// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOracle} from "../../interfaces/IOracle.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {IPriceSource} from "./IPriceSource.sol";

/// @title Prices of the chain's oracle, guarded once more for contracts that lend against them.
/// @notice Each asset has a feed of the `Oracle` engine and guards of its own. An answer is good if
/// 1. the engine gives it: there is one, it is not held or suspended, and not stale to the engine,
/// 2. it was observed at most `heartbeat` seconds ago, and not before the last good one,
/// 3. it is positive and between the asset's `min` and `max`,
/// 4. it is at most `deviation` away from the last good one, and for each full heartbeat that lies
///    between the two observations, once more as much.
///
/// The fourth guard follows a market as far as it was watched: `record` remembers an answer, the
/// lending pool does whenever it needs one, and anybody may. After a jump that is too far the asset has
/// no good price until the market returns, until enough heartbeats have passed for the jump to be
/// believable (the guard mends itself), or until the owner accepts it.
///
/// While there is no good price, `quote` answers with the last one, and says how much it doubts that:
/// `deviation`, once more for each full heartbeat since its observation, at most `MAX_DOUBT`. What a
/// reader does with that is the reader's rule.
///
/// @dev The owner is the governance's timelock. It trusts the owner with feeds and guards, the
/// engine with answers, and nobody else. The unit of account is the same for all feeds.
contract OracleAdapter is IPriceSource, Ownable2Step {
    /// @notice What the owner sets for an asset.
    /// @param feed Number of the engine's feed; it says what one whole token is worth.
    /// @param heartbeat Seconds after which an answer is stale here: 1 to 366 days.
    /// @param deviation Basis points by which the price may move in a heartbeat: 1 to `MAX_DOUBT`.
    /// @param min Least good price, times 1e18; not 0.
    /// @param max Greatest good price, times 1e18.
    struct Guards {
        uint32 feed;
        uint32 heartbeat;
        uint16 deviation;
        uint104 min;
        uint104 max;
    }

    /// @notice Greatest doubt, basis points.
    uint256 public constant MAX_DOUBT = 5000;
    /// @notice Longest heartbeat, seconds: the longest for which the engine lets an answer count.
    uint256 public constant MAX_HEARTBEAT = 366 days;
    /// @notice Price of the unit of account: 1.
    uint256 public constant ONE = 1e18;

    uint256 private constant BPS = 10_000;
    /// @dev With this left after a refusal, the engine had 63 times as much, and needs a tenth of it.
    uint256 private constant MIN_GAS_LEFT = 5000;

    /// @dev Of the first word of an asset, from the lowest bit: feed (32 bits; 0: the unit of account),
    /// heartbeat (32), deviation (16), 1 as the asset is known (8), time of the last good price (40), the
    /// price (104).
    uint256 private constant KNOWN = 1 << 80;
    uint256 private constant TERMS = (1 << 88) - 1;

    mapping(address asset => uint256) private _assets;
    /// @dev Least (104 bits) and greatest good price (from bit 128): needed only for an answer that was
    /// not seen before.
    mapping(address asset => uint256) private _bounds;

    /// @notice An asset has these guards now.
    event GuardsSet(address indexed asset, Guards guards);
    /// @notice An asset is the unit of account: its price is 1 for ever.
    event UnitOfAccountSet(address indexed asset);
    /// @notice The asset has a new last good price.
    /// @param observedAt The time of its observation.
    event PriceRecorded(address indexed asset, uint256 price, uint256 observedAt);

    /// @notice The source has no price for this asset.
    error UnknownAsset(address asset);
    /// @notice The guards make no sense.
    error InvalidGuards(string field);
    /// @notice A unit of account stays one.
    error IsUnitOfAccount(address asset);
    /// @notice The feed has no answer now that could be the first good one, or is outside the bounds.
    error NoGoodPrice(address asset);
    /// @notice The current price is not what the owner meant to accept.
    error PriceOutOfBounds(uint256 price, uint256 min, uint256 max);

    /// @notice The engine's refusal may be for want of gas.
    error TooLittleGas();

    /// @param owner_ Who sets feeds and guards: the timelock of the governance.
    constructor(address owner_) Ownable(owner_) {}

    // Reading

    /// @inheritdoc IPriceSource
    function quote(address asset)
        external
        view
        returns (uint256 price, uint256 doubt, bool pending)
    {
        (price, doubt, pending,) = _judge(asset);
    }

    /// @inheritdoc IPriceSource
    function record(address asset) external returns (uint256 price, uint256 doubt) {
        bool pending;
        uint256 observedAt;
        (price, doubt, pending, observedAt) = _judge(asset);
        if (pending) _write(asset, price, observedAt);
    }

    /// @notice An asset's guards.
    function guardsOf(address asset) external view returns (Guards memory) {
        uint256 word = _known(asset);
        uint256 bounds = _bounds[asset];
        return Guards(
            uint32(word),
            uint32(word >> 32),
            uint16(word >> 64),
            uint104(bounds),
            uint104(bounds >> 128)
        );
    }

    /// @notice The last good price that was recorded, and when it was observed.
    function lastOf(address asset) external view returns (uint256 price, uint256 observedAt) {
        uint256 word = _known(asset);
        return (word >> 128, uint40(word >> 88));
    }

    // Owner

    /// @notice Gives an asset a feed and guards, or others. The feed must have a good answer now (by
    /// guards 1 to 3), which becomes the last good one: so no asset is ever without.
    function setGuards(address asset, Guards calldata guards) external onlyOwner {
        uint256 word = _assets[asset];
        if (word & KNOWN != 0 && uint32(word) == 0) revert IsUnitOfAccount(asset);
        if (asset == address(0)) revert InvalidGuards("asset");
        if (guards.feed == 0) revert InvalidGuards("feed");
        if (guards.heartbeat == 0 || guards.heartbeat > MAX_HEARTBEAT) {
            revert InvalidGuards("heartbeat");
        }
        if (guards.deviation == 0 || guards.deviation > MAX_DOUBT) {
            revert InvalidGuards("deviation");
        }
        if (guards.min == 0) revert InvalidGuards("min");
        if (guards.max < guards.min) revert InvalidGuards("max");

        _assets[asset] = uint256(guards.feed) | uint256(guards.heartbeat) << 32
            | uint256(guards.deviation) << 64 | KNOWN;
        _bounds[asset] = uint256(guards.min) | uint256(guards.max) << 128;
        emit GuardsSet(asset, guards);
        _accept(asset, guards.min, guards.max);
    }

    /// @notice Makes an asset that is not known yet the unit of account (or one of several that are the
    /// same money): its price is 1, for ever.
    function setUnitOfAccount(address asset) external onlyOwner {
        if (asset == address(0) || _assets[asset] != 0) revert InvalidGuards("asset");
        _assets[asset] = KNOWN | ONE << 128;
        emit UnitOfAccountSet(asset);
    }

    /// @notice Makes the current answer the last good one although it jumped (guard 4), if it is within
    /// what is given here.
    // A field of the configuration: there is no feed.
    // slither-disable-next-line incorrect-equality
    function acceptPrice(address asset, uint256 min, uint256 max) external onlyOwner {
        if (uint32(_known(asset)) == 0) revert IsUnitOfAccount(asset);
        uint256 bounds = _bounds[asset];
        uint256 price = _accept(asset, uint104(bounds), bounds >> 128);
        if (price < min || price > max) revert PriceOutOfBounds(price, min, max);
    }

    // Internal

    // A bit.
    // slither-disable-next-line incorrect-equality
    function _known(address asset) private view returns (uint256 word) {
        word = _assets[asset];
        if (word & KNOWN == 0) revert UnknownAsset(asset);
    }

    function _accept(address asset, uint256 min, uint256 max) private returns (uint256) {
        uint256 word = _assets[asset];
        (uint256 price, uint256 observedAt) = _read(uint32(word), uint32(word >> 32));
        if (price < min || price > max) revert NoGoodPrice(asset);
        _write(asset, price, observedAt);
        return price;
    }

    /// @dev `price` is at most the asset's greatest, and the time not after now: both fit.
    function _write(address asset, uint256 price, uint256 observedAt) private {
        _assets[asset] = _assets[asset] & TERMS | observedAt << 88 | price << 128;
        emit PriceRecorded(asset, price, observedAt);
    }

    // The same answer as the last one is good; a field of the configuration.
    // slither-disable-next-line incorrect-equality
    function _judge(address asset)
        private
        view
        returns (uint256 price, uint256 doubt, bool pending, uint256 observedAt)
    {
        uint256 word = _known(asset);
        uint256 last = word >> 128;
        if (uint32(word) == 0) return (last, 0, false, 0);

        uint256 lastAt = uint40(word >> 88);
        uint256 heartbeat = uint32(word >> 32);
        (price, observedAt) = _read(uint32(word), heartbeat);
        if (price == last && observedAt == lastAt) return (price, 0, false, observedAt);
        uint256 deviation = uint16(word >> 64);
        if (price != 0 && observedAt >= lastAt && _isWithinBounds(asset, price)) {
            // How far the price moved, and may have moved: rounded down, against the new price.
            uint256 way = price > last ? price - last : last - price;
            uint256 allowed = deviation * (1 + (observedAt - lastAt) / heartbeat);
            if (way * BPS <= last * allowed) return (price, 0, true, observedAt);
        }
        doubt = Math.min(deviation * (1 + (block.timestamp - lastAt) / heartbeat), MAX_DOUBT);
        return (last, doubt, false, observedAt);
    }

    function _isWithinBounds(address asset, uint256 price) private view returns (bool) {
        uint256 bounds = _bounds[asset];
        return price >= uint104(bounds) && price <= bounds >> 128;
    }

    /// @dev The engine's answer times 1e18, exactly; zeros if there is none that can be relied upon.
    /// Whatever the engine refuses with, it gave no answer. A caller cannot bring that about by
    /// giving little gas: a call that ran out had all but the sixty-fourth part of it.
    function _read(uint256 feed, uint256 heartbeat)
        private
        view
        returns (uint256 price, uint256 observedAt)
    {
        address engine = address(QenexAddresses.ORACLE);
        bytes4 selector = IOracle.price.selector;
        bool answered;
        int256 value;
        uint256 decimals;
        // Asked for each asset of each account that is looked at: without copies, behind the memory in use.
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, selector)
            mstore(add(at, 4), feed)
            answered := staticcall(gas(), engine, at, 36, at, 96)
            if and(answered, eq(returndatasize(), 96)) {
                value := mload(at)
                decimals := mload(add(at, 32))
                observedAt := mload(add(at, 64))
            }
        }
        if (!answered && gasleft() < MIN_GAS_LEFT) revert TooLittleGas();
        if (value <= 0 || decimals > 18 || observedAt > block.timestamp) return (0, 0);
        unchecked {
            if (block.timestamp - observedAt > heartbeat) return (0, 0);
            // An answer has 127 bits and 10^18 has 60. Answers have at most 18 digits: nothing is cut
            // off, so nothing can be rounded to zero.
            return (uint256(value) * 10 ** (18 - decimals), observedAt);
        }
    }
}
