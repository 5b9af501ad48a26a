// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Locked stakes of QXC and their rewards
/// @notice Amounts are wei (10^-18 QXC), times Unix seconds, rates basis points a year.
interface IStaking {
    /// @notice A stake as readers see it.
    /// @param index Its place in its owner's list, for ever.
    /// @param amount What is locked.
    /// @param reward What is paid on top; fixed, and set aside, when the stake was made.
    /// @param start When it was made.
    /// @param unlockTime From this second on it can be unstaked.
    /// @param votesUntil It has votes before this second: the last midnight (UTC) within the lock.
    /// @param unstaked Whether it was paid back.
    struct StakeInfo {
        uint256 index;
        uint256 amount;
        uint256 reward;
        uint256 start;
        uint256 unlockTime;
        uint256 votesUntil;
        bool unstaked;
    }

    /// @notice Coin was locked.
    event Staked(
        address indexed owner,
        uint256 indexed index,
        uint256 amount,
        uint256 reward,
        uint256 unlockTime,
        uint256 votesUntil
    );
    /// @notice A stake and its reward were paid back.
    event Unstaked(address indexed owner, uint256 indexed index, uint256 amount, uint256 reward);
    /// @notice The reward pool grew by `amount`.
    event RewardsFunded(address indexed by, uint256 amount);
    /// @notice The rates of stakes made from now on.
    event RewardRatesSet(uint256 base, uint256 bonus);

    /// @notice Nothing to stake, or to fund with.
    error ZeroAmount();
    /// @notice More than the records hold.
    error AmountTooLarge(uint256 most, uint256 amount);
    /// @notice A lock lasts from `least` to `most` seconds.
    error LockOutOfBounds(uint256 least, uint256 most, uint256 lockPeriod);
    /// @notice So many stakes of the account are running, or so many were ever made.
    error TooManyStakes(uint256 most);
    /// @notice The owner has no such stake.
    error UnknownStake(address owner, uint256 index);
    /// @notice The lock lasts until `unlockTime`.
    error StakeLocked(uint256 index, uint256 unlockTime);
    /// @notice It was paid back already.
    error AlreadyUnstaked(uint256 index);
    /// @notice The pool promises less than the caller wants at least.
    error RewardTooSmall(uint256 wanted, uint256 offered);
    /// @notice The two rates together may be `most` at most.
    error RateTooHigh(uint256 most, uint256 rate);

    /// @notice Locks `amount` of the caller for `lockPeriod`, and refuses (`RewardTooSmall`) if the reward would be
    /// less than `leastReward`: for who does not want to be locked when others have emptied the pool just before.
    function stake(uint256 amount, uint256 lockPeriod, uint256 leastReward) external;

    /// @notice Adds the value of the call to the reward pool, whole gwei of it. Nobody can take it out again but by
    /// staking.
    function fund() external payable;

    /// @notice Adds to the reward pool what has come here by no function of this contract (the balance of an account
    /// that destroyed itself in favour of this one, dust below a gwei). Anybody may.
    function sweep() external;

    /// @notice Sets the rates of stakes made from now on: `base`, and `bonus` for the longest lock and in proportion
    /// for shorter ones. The owner may.
    function setRewardRates(uint256 base, uint256 bonus) external;

    /// @notice The sum of all stakes that are not paid back.
    function totalStaked() external view returns (uint256);
    /// @notice What running stakes are promised.
    function rewardsReserved() external view returns (uint256);
    /// @notice What new stakes can be promised.
    function rewardsFree() external view returns (uint256);
    /// @notice The rates of stakes made now.
    function rewardRates() external view returns (uint256 base, uint256 bonus);
    /// @notice The reward of a stake made now.
    function quoteReward(uint256 amount, uint256 lockPeriod) external view returns (uint256);
    /// @notice How many stakes an account has ever made.
    function stakeCount(address owner) external view returns (uint256);
    /// @notice One stake.
    function stakeOf(address owner, uint256 index) external view returns (StakeInfo memory);
    /// @notice Up to `count` stakes of an account, from index `first`.
    function stakesOf(address owner, uint256 first, uint256 count)
        external
        view
        returns (StakeInfo[] memory);
}
