// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Rewards, in several tokens, for those who stake one token
/// @notice Amounts are in the smallest unit of the token they belong to; times are seconds.
interface IFarm {
    /// @notice `amount` was staked for `account`.
    event Staked(address indexed payer, address indexed account, uint256 amount);
    /// @notice `amount` of the stake of `account` went to `to`.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    /// @notice Rewards of `account` went to `to`.
    event Claimed(
        address indexed account, address indexed token, address indexed to, uint256 amount
    );
    /// @notice A reward could not be sent; it stays claimable.
    event ClaimFailed(
        address indexed account, address indexed token, address indexed to, uint256 amount
    );
    /// @notice A token can now be funded as a reward.
    event RewardAdded(address indexed token);
    /// @notice `amount` will be given out evenly until `finish`, with what was left.
    event Funded(address indexed funder, address indexed token, uint256 amount, uint256 finish);
    /// @notice Whether `account` may fund rewards.
    event FunderSet(address indexed account, bool allowed);
    /// @notice Tokens that belong to nobody were taken out.
    event Recovered(address indexed token, address indexed to, uint256 amount);

    /// @notice An amount of zero.
    error ZeroAmount();
    /// @notice The zero address, or the farm itself, in a place where it makes no sense.
    error InvalidAddress(address account);
    /// @notice More than is staked.
    error InsufficientStake(address account, uint256 staked, uint256 amount);
    /// @notice Only allowed funders fund.
    error NotFunder(address account);
    /// @notice Not a reward of this farm.
    error UnknownReward(address token);
    /// @notice The token is a reward already.
    error RewardExists(address token);
    /// @notice As many rewards as a farm counts; they stay for its life.
    error TooManyRewards(uint256 max);
    /// @notice The end is too near or too far.
    error BadFinish(uint256 finish, uint256 earliest, uint256 latest);
    /// @notice The new end would slow down what is being given out already.
    error RateWouldFall(address token);
    /// @notice More than a farm can count of one reward over its life.
    error FundedTooMuch(address token, uint256 total, uint256 max);
    /// @notice More than a farm can count.
    error StakedTooMuch(uint256 total, uint256 max);
    /// @notice Less arrived than was sent: tokens that take fees on transfers are not supported.
    error TransferFeeNotSupported(address token, uint256 sent, uint256 received);
    /// @notice There is nothing beyond what stakers own or will own.
    error NoSurplus(address token);

    /// @notice The token to stake.
    function stakingToken() external view returns (address);
    /// @notice All stakes. Tokens sent here without `stake` do not count.
    function totalStaked() external view returns (uint256);
    /// @notice The stake of an account.
    function stakeOf(address account) external view returns (uint256);
    /// @notice The rewards that are counted.
    function rewardTokens() external view returns (address[] memory);
    /// @notice State of a reward.
    /// @return funded All that was ever funded.
    /// @return paid All that was ever claimed.
    /// @return remaining What is not given out yet, as of now, rounded down.
    /// @return finish When all will be given out, if somebody is staking until then.
    function rewardState(address token)
        external
        view
        returns (uint256 funded, uint256 paid, uint256 remaining, uint256 finish);
    /// @notice What `account` can claim of `token` now. Rounds down; the fraction is kept.
    function earned(address account, address token) external view returns (uint256);
    /// @notice Whether an account may fund rewards.
    function isFunder(address account) external view returns (bool);

    /// @notice Stakes `amount` of the caller's tokens for `account`.
    function stake(uint256 amount, address account) external;
    /// @notice `stake` after using the caller's signed approval (ERC-2612) of this farm. Goes on if
    /// the approval can't be used any more: somebody else may have submitted it first.
    function stakeWithPermit(
        uint256 amount,
        address account,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
    /// @notice Gives back `amount` of the caller's stake, to `to`. Touches no reward token.
    function withdraw(uint256 amount, address to) external;
    /// @notice Sends the caller's rewards in `token` to `to`.
    function claim(address token, address to) external returns (uint256 amount);
    /// @notice Sends the caller's rewards in all counted tokens to `to`; what can't be sent stays
    /// claimable.
    function claimAll(address to) external;
    /// @notice `withdraw` of everything and `claimAll`. If a reward token misbehaves so badly that
    /// this fails, `withdraw` still works.
    function exit(address to) external;

    /// @notice Adds to a reward, given out evenly from now until `finish` with what is left.
    /// Allowed funders only; can neither hurry nor slow down what is being given out: while a reward
    /// runs, `finish` is not before its end, and the amount keeps up its speed until then.
    function fund(address token, uint256 amount, uint256 finish) external;
    /// @notice Owner: allows or forbids an account to fund.
    function setFunder(address account, bool allowed) external;
    /// @notice Owner: lets `token` be funded as a reward, for the life of the farm.
    function addReward(address token) external;
    /// @notice Owner: takes out tokens that were sent here by mistake, never stakes or rewards.
    function recover(address token, address to) external returns (uint256 amount);
}
