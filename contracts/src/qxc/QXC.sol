// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {CoinFace} from "./CoinFace.sol";
import {IQXCToken} from "./IQXCToken.sol";
import {IStaking} from "./IStaking.sol";
import {Packed} from "./Packed.sol";
import {StakeVotes} from "./StakeVotes.sol";

/// @title QXC: the coin of QENEX as an ERC-20, with stakes, rewards and votes
/// @notice The coin itself is `CoinFace`, votes are `StakeVotes`, stakes and their rewards are here.
///
/// A stake is locked in this contract for a time that its owner chooses; nobody can shorten or lengthen it. Its
/// reward is fixed when it is made, and set aside from a pool that anybody can fund: nothing is minted, and
/// what is promised is there. If the pool is nearly empty the reward is what is left (`quoteReward` tells).
///
/// Money held: `totalStaked + rewardsReserved + rewardsFree` is at most this contract's balance, always.
///
/// The owner (the timelock of governance) sets the rates of future stakes and has no other power.
/// @dev The same code works from a constructor and from a genesis state. With an owner in storage slot 0 (see
/// `docs/qxc.md`) it is complete; without, an admin of the network calls `initialize` once: the same who decides
/// which contract is the coin's face. Until then there is no owner, no reward, and everything else works.
///
/// No guard against reentrance: the only code called is the engine's, and that calls nobody.
// What comes in goes out as rewards, through the engine (`_move`).
// slither-disable-next-line locked-ether
contract QXC is Ownable2Step, StakeVotes, IQXCToken {
    using Packed for uint256;
    using Packed for Packed.Stake;
    using Packed for Packed.Pool;

    /// @notice Both rates together are 100 % a year at most, basis points.
    uint256 public constant MAX_RATE = 10_000;

    /// @dev Rewards are kept in gwei, so that all sums fit in one slot.
    uint256 private constant UNIT = 1 gwei;
    /// @dev Unit of a stake's `rate`.
    uint256 private constant RATE_UNIT = 1e9;
    uint8 private constant ADMIN = 1;

    /// @notice There is an owner already.
    error AlreadyInitialised(address owner);
    /// @notice The caller is no admin of the network.
    error NotAuthorised(address caller);
    /// @notice Without an owner the rates would stay for ever.
    error OwnerRequired();

    /// @dev Stakes and rewards in sum, and rates (`Packed.Pool`).
    uint256 private _pool;

    /// @param owner_ Who sets the reward rates: the timelock of governance.
    constructor(address owner_) Ownable(owner_) {}

    /// @notice Names the first owner, if the code came without one from a genesis state. Admins of the network may,
    /// once.
    function initialize(address owner_) external {
        if (owner() != address(0)) revert AlreadyInitialised(owner());
        if (!QenexAddresses.ACCESS.hasRole(ADMIN, msg.sender)) revert NotAuthorised(msg.sender);
        if (owner_ == address(0)) revert OwnableInvalidOwner(owner_);
        _transferOwnership(owner_);
    }

    /// @inheritdoc IQXCToken
    function transfer(address to, uint256 amount)
        public
        override(CoinFace, IQXCToken)
        returns (bool)
    {
        return super.transfer(to, amount);
    }

    /// @inheritdoc IQXCToken
    function approve(address spender, uint256 amount)
        public
        override(CoinFace, IQXCToken)
        returns (bool)
    {
        return super.approve(spender, amount);
    }

    /// @inheritdoc IQXCToken
    function stake(uint256 amount, uint256 lockPeriod) external {
        _stake(amount, lockPeriod, 0);
    }

    /// @inheritdoc IStaking
    function stake(uint256 amount, uint256 lockPeriod, uint256 leastReward) external {
        _stake(amount, lockPeriod, leastReward);
    }

    /// @inheritdoc IQXCToken
    function unstake(uint256 stakeIndex) external {
        if (stakeIndex >= stakeCount(msg.sender)) revert UnknownStake(msg.sender, stakeIndex);
        Packed.Stake memory made = _stakes[msg.sender][stakeIndex].toStake();
        if (made.unstaked) revert AlreadyUnstaked(stakeIndex);
        uint256 unlockTime = uint256(made.start) + made.lock;
        if (block.timestamp < unlockTime) revert StakeLocked(stakeIndex, unlockTime);

        // Its votes are over already.
        made.unstaked = true;
        _stakes[msg.sender][stakeIndex] = made.pack();
        uint256 reward = _reward(made.amount, made.rate);
        Packed.Pool memory pool = _pool.toPool();
        pool.staked -= made.amount;
        // Safe: no more than was set aside.
        pool.reserved -= uint64(reward / UNIT);
        _pool = pool.pack();
        emit Unstaked(msg.sender, stakeIndex, made.amount, reward);
        _move(address(this), msg.sender, made.amount + reward);
    }

    /// @inheritdoc IStaking
    function fund() external payable {
        _fund(msg.value);
    }

    /// @inheritdoc IStaking
    function sweep() external {
        Packed.Pool memory pool = _pool.toPool();
        uint256 known = pool.staked + (uint256(pool.reserved) + pool.free) * UNIT;
        _fund(address(this).balance - known);
    }

    /// @inheritdoc IStaking
    function setRewardRates(uint256 base, uint256 bonus) external onlyOwner {
        if (base > MAX_RATE || bonus > MAX_RATE - base) {
            revert RateTooHigh(MAX_RATE, base > MAX_RATE ? base : bonus);
        }
        // Safe: MAX_RATE has 14 bits.
        Packed.Pool memory pool = _pool.toPool();
        (pool.base, pool.bonus) = (uint16(base), uint16(bonus));
        _pool = pool.pack();
        emit RewardRatesSet(base, bonus);
    }

    /// @notice Refused: `OwnerRequired`.
    function renounceOwnership() public view override onlyOwner {
        revert OwnerRequired();
    }

    /// @inheritdoc IStaking
    function totalStaked() external view returns (uint256) {
        return _pool.toPool().staked;
    }

    /// @inheritdoc IStaking
    function rewardsReserved() external view returns (uint256) {
        return _pool.toPool().reserved * UNIT;
    }

    /// @inheritdoc IStaking
    function rewardsFree() external view returns (uint256) {
        return _pool.toPool().free * UNIT;
    }

    /// @inheritdoc IStaking
    function rewardRates() external view returns (uint256 base, uint256 bonus) {
        Packed.Pool memory pool = _pool.toPool();
        return (pool.base, pool.bonus);
    }

    /// @inheritdoc IStaking
    function quoteReward(uint256 amount, uint256 lockPeriod) external view returns (uint256) {
        _requireStakable(amount, lockPeriod);
        return _reward(amount, _rate(_pool.toPool(), amount, lockPeriod));
    }

    /// @inheritdoc IStaking
    function stakeCount(address owner_) public view returns (uint256) {
        return _stakes[owner_][0].toStake().count;
    }

    /// @inheritdoc IStaking
    function stakeOf(address owner_, uint256 index) public view returns (StakeInfo memory) {
        if (index >= stakeCount(owner_)) revert UnknownStake(owner_, index);
        Packed.Stake memory made = _stakes[owner_][index].toStake();
        return StakeInfo({
            index: index,
            amount: made.amount,
            reward: _reward(made.amount, made.rate),
            start: made.start,
            unlockTime: uint256(made.start) + made.lock,
            votesUntil: _votesUntil(made),
            unstaked: made.unstaked
        });
    }

    /// @inheritdoc IStaking
    function stakesOf(address owner_, uint256 first, uint256 count)
        external
        view
        returns (StakeInfo[] memory page)
    {
        uint256 made = stakeCount(owner_);
        if (first > made) first = made;
        page = new StakeInfo[](Math.min(count, made - first));
        for (uint256 i = 0; i < page.length; i++) {
            page[i] = stakeOf(owner_, first + i);
        }
    }

    function _stake(uint256 amount, uint256 lock, uint256 leastReward) private {
        _requireStakable(amount, lock);
        Packed.Pool memory pool = _pool.toPool();
        uint256 rate = _rate(pool, amount, lock);
        uint256 reward = _reward(amount, rate);
        if (reward < leastReward) revert RewardTooSmall(leastReward, reward);

        (uint256 index, uint256 day) = _record(msg.sender, amount, lock, rate);
        // Safe: the amount was checked, the reward is at most what is free.
        pool.staked += uint96(amount);
        pool.reserved += uint64(reward / UNIT);
        pool.free -= uint64(reward / UNIT);
        _pool = pool.pack();
        emit Staked(msg.sender, index, amount, reward, block.timestamp + lock, day * 1 days);
        _move(msg.sender, address(this), amount);
    }

    /// @dev Rounded down to whole gwei, for the pool; the rest waits for `sweep`.
    // Whole gwei; the rest waits for `sweep`. Less than one is refused.
    // slither-disable-next-line incorrect-equality,divide-before-multiply
    function _fund(uint256 value) private {
        uint256 units = value / UNIT;
        if (units == 0) revert ZeroAmount();
        Packed.Pool memory pool = _pool.toPool();
        uint256 most = type(uint64).max - pool.free;
        if (units > most) revert AmountTooLarge(most * UNIT, value);
        // Safe: compared just above.
        pool.free += uint64(units);
        _pool = pool.pack();
        emit RewardsFunded(msg.sender, units * UNIT);
    }

    function _requireStakable(uint256 amount, uint256 lock) private pure {
        if (amount == 0) revert ZeroAmount();
        if (amount > type(uint96).max) revert AmountTooLarge(type(uint96).max, amount);
        if (lock < MIN_LOCK || lock > MAX_LOCK) revert LockOutOfBounds(MIN_LOCK, MAX_LOCK, lock);
    }

    /// @dev The reward of a new stake as a fraction, 10^-9, rounded down, for the pool:
    /// (base + bonus * lock / MAX_LOCK) a year, for the years of the lock; at most what the pool has free.
    function _rate(Packed.Pool memory pool, uint256 amount, uint256 lock)
        private
        pure
        returns (uint256)
    {
        uint256 full = (pool.base * MAX_LOCK + pool.bonus * lock) * lock * RATE_UNIT
            / (MAX_LOCK * 365 days * 10_000);
        uint256 affordable = uint256(pool.free) * UNIT * RATE_UNIT / amount;
        return Math.min(full, affordable);
    }

    /// @dev Wei, rounded down to whole gwei, for the pool. The same for a stake at every time.
    // Rounded down to whole gwei, as said above.
    // slither-disable-next-line divide-before-multiply
    function _reward(uint256 amount, uint256 rate) private pure returns (uint256) {
        return amount * rate / RATE_UNIT / UNIT * UNIT;
    }
}
