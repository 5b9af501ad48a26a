// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IFarm} from "./IFarm.sol";

/// @title Rewards, in several tokens, for those who stake one token
/// @notice Stakers get a part of each reward that is proportional to their stake and to time. The
/// owner names rewards and funders, and can never touch stakes or what was funded; nothing pauses.
/// @dev Rules, each with a test:
/// - Everything is counted internally. Tokens sent here without a call change no share of anyone.
/// - While nobody stakes, the clock of every reward stands still: nothing is lost, it ends later.
/// - A reward is what is left to give, and until when; there is no rate whose division could lose
///   something. Fractions of units, of rewards and of accounts, are kept and given out later.
/// - Staking and withdrawing call the staking token only: a reward token that reverts, blocks an
///   account or burns gas can't hold anyone's stake.
/// - Rounding is down wherever someone gets something, so that the farm never owes more than it has.
contract Farm is IFarm, Ownable2Step, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Reward {
        /// Scaled units given out so far for each unit staked.
        uint256 index;
        /// Scaled units not given out yet.
        uint256 remaining;
        /// When all will be given out, if somebody stakes until then.
        uint64 finish;
        /// Up to when it was given out; never after `finish`.
        uint64 last;
        bool exists;
        /// All units that were ever funded, and claimed.
        uint128 funded;
        uint128 paid;
    }

    struct Position {
        /// The reward's index when the position was last settled.
        uint256 index;
        /// Scaled units owed then.
        uint256 owed;
    }

    /// @notice The most rewards that a farm counts: every stake and withdrawal goes through all.
    uint256 public constant MAX_REWARDS = 8;
    /// @notice The shortest time for which a reward can be funded: what came in a moment would go to
    /// whoever stakes for that moment.
    uint256 public constant MIN_DURATION = 1 days;
    /// @notice The longest time for which a reward can be funded.
    uint256 public constant MAX_DURATION = 4 * 365 days;
    /// @notice The most units of a reward over the life of a farm.
    uint256 public constant MAX_FUNDED = type(uint120).max;
    /// @notice The most units staked at a time.
    uint256 public constant MAX_STAKED = type(uint128).max;

    /// @dev Scaled units are units times 2^128. With the limits above nothing overflows: all scaled
    /// units of a reward are below 2^248, an index never exceeds their sum, and a stake times the
    /// growth of an index is a part of what was given out while it was staked.
    uint256 private constant SCALE_BITS = 128;

    /// @inheritdoc IFarm
    address public immutable stakingToken;
    /// @inheritdoc IFarm
    uint256 public totalStaked;
    /// @inheritdoc IFarm
    mapping(address account => uint256) public stakeOf;
    /// @inheritdoc IFarm
    mapping(address account => bool) public isFunder;

    address[] private _tokens;
    mapping(address token => Reward) private _rewards;
    mapping(address token => mapping(address account => Position)) private _positions;

    /// @param token The token to stake: any ERC-20 that takes no fees on transfers and changes
    /// balances by transfers only.
    /// @param governance First owner.
    constructor(address token, address governance) Ownable(governance) {
        if (token.code.length == 0) revert InvalidAddress(token);
        stakingToken = token;
    }

    /* ------------------------------------------- Stakers ----------------------------------------- */

    /// @inheritdoc IFarm
    function stake(uint256 amount, address account) external nonReentrant {
        _stake(amount, account);
    }

    /// @inheritdoc IFarm
    function stakeWithPermit(
        uint256 amount,
        address account,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        // If the permit was used before, the allowance is there; if it is wrong, the transfer fails.
        try IERC20Permit(stakingToken)
            .permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        _stake(amount, account);
    }

    /// @inheritdoc IFarm
    function withdraw(uint256 amount, address to) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        _withdraw(amount, to);
    }

    /// @inheritdoc IFarm
    function claim(address token, address to) external nonReentrant returns (uint256 amount) {
        _checkRecipient(to);
        Reward storage reward = _rewards[token];
        if (!reward.exists) revert UnknownReward(token);
        _settle(token, msg.sender, stakeOf[msg.sender]);
        amount = _take(token, msg.sender);
        if (amount == 0) return 0;
        emit Claimed(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IFarm
    function claimAll(address to) external nonReentrant {
        _settleAll(msg.sender);
        _claimAll(to);
    }

    /// @inheritdoc IFarm
    function exit(address to) external nonReentrant {
        uint256 staked = stakeOf[msg.sender];
        if (staked != 0) _withdraw(staked, to);
        else _settleAll(msg.sender);
        _claimAll(to);
    }

    /* ------------------------------------------- Funders ----------------------------------------- */

    /// @inheritdoc IFarm
    function fund(address token, uint256 amount, uint256 finish) external nonReentrant {
        if (!isFunder[msg.sender]) revert NotFunder(msg.sender);
        if (amount == 0) revert ZeroAmount();
        Reward storage reward = _rewards[token];
        if (!reward.exists) revert UnknownReward(token);
        uint256 total = reward.funded + amount;
        if (total > MAX_FUNDED) {
            revert FundedTooMuch(token, total, MAX_FUNDED);
        }

        _pull(token, amount);

        _accrue(token);
        // Nobody may hurry what others have funded ...
        uint256 earliest = Math.max(block.timestamp + MIN_DURATION, reward.finish);
        uint256 latest = block.timestamp + MAX_DURATION;
        if (finish < earliest || finish > latest) revert BadFinish(finish, earliest, latest);
        uint256 remaining = reward.remaining + (amount << SCALE_BITS);
        if (reward.finish > block.timestamp) {
            // ... nor slow it down: what will have been given out at the old end, rounded down, must
            // be at least what would have been.
            uint256 atOldEnd =
                Math.mulDiv(remaining, reward.finish - block.timestamp, finish - block.timestamp);
            if (atOldEnd < reward.remaining) revert RateWouldFall(token);
        }
        reward.remaining = remaining;
        reward.finish = uint64(finish);
        reward.last = uint64(block.timestamp);
        reward.funded = uint128(total);
        emit Funded(msg.sender, token, amount, finish);
    }

    /* -------------------------------------------- Owner ------------------------------------------ */

    /// @inheritdoc IFarm
    function setFunder(address account, bool allowed) external onlyOwner {
        isFunder[account] = allowed;
        emit FunderSet(account, allowed);
    }

    /// @inheritdoc IFarm
    function addReward(address token) external onlyOwner {
        if (token.code.length == 0) revert InvalidAddress(token);
        if (_rewards[token].exists) revert RewardExists(token);
        if (_tokens.length == MAX_REWARDS) revert TooManyRewards(MAX_REWARDS);
        _rewards[token].exists = true;
        _tokens.push(token);
        emit RewardAdded(token);
    }

    /// @inheritdoc IFarm
    function recover(address token, address to)
        external
        onlyOwner
        nonReentrant
        returns (uint256 amount)
    {
        _checkRecipient(to);
        uint256 counted = _rewards[token].funded - _rewards[token].paid;
        if (token == stakingToken) counted += totalStaked;
        amount = Math.saturatingSub(IERC20(token).balanceOf(address(this)), counted);
        // slither-disable-next-line incorrect-equality
        if (amount == 0) revert NoSurplus(token);
        emit Recovered(token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /* -------------------------------------------- Views ------------------------------------------ */

    /// @inheritdoc IFarm
    function rewardTokens() external view returns (address[] memory) {
        return _tokens;
    }

    /// @inheritdoc IFarm
    function rewardState(address token)
        external
        view
        returns (uint256 funded, uint256 paid, uint256 remaining, uint256 finish)
    {
        Reward storage reward = _rewards[token];
        (funded, paid) = (reward.funded, reward.paid);
        (, remaining, finish,) = _upToNow(reward);
        remaining >>= SCALE_BITS;
    }

    /// @inheritdoc IFarm
    function earned(address account, address token) external view returns (uint256) {
        (uint256 index,,,) = _upToNow(_rewards[token]);
        Position storage position = _positions[token][account];
        return (position.owed + stakeOf[account] * (index - position.index)) >> SCALE_BITS;
    }

    /* ------------------------------------------ Internal ----------------------------------------- */

    function _stake(uint256 amount, address account) private {
        if (amount == 0) revert ZeroAmount();
        if (account == address(0)) revert InvalidAddress(account);
        uint256 total = totalStaked;
        if (amount > MAX_STAKED - total) revert StakedTooMuch(total, MAX_STAKED);
        _pull(stakingToken, amount);
        _settleAll(account);
        totalStaked = total + amount;
        stakeOf[account] += amount;
        emit Staked(msg.sender, account, amount);
    }

    function _withdraw(uint256 amount, address to) private {
        _checkRecipient(to);
        uint256 staked = stakeOf[msg.sender];
        if (amount > staked) revert InsufficientStake(msg.sender, staked, amount);
        _settleAll(msg.sender);
        totalStaked -= amount;
        stakeOf[msg.sender] = staked - amount;
        emit Withdrawn(msg.sender, to, amount);
        IERC20(stakingToken).safeTransfer(to, amount);
    }

    /// @dev After `_settleAll`. A failed transfer leaves the reward owed and the others unharmed.
    function _claimAll(address to) private {
        _checkRecipient(to);
        for (uint256 i = 0; i < _tokens.length; i++) {
            address token = _tokens[i];
            uint256 amount = _take(token, msg.sender);
            if (amount == 0) continue;
            if (IERC20(token).trySafeTransfer(to, amount)) {
                emit Claimed(msg.sender, token, to, amount);
            } else {
                _rewards[token].paid -= uint128(amount);
                _positions[token][msg.sender].owed += amount << SCALE_BITS;
                emit ClaimFailed(msg.sender, token, to, amount);
            }
        }
    }

    /// @dev Marks the whole units owed as paid, and leaves the fraction. Rounds down.
    function _take(address token, address account) private returns (uint256 amount) {
        Position storage position = _positions[token][account];
        uint256 owed = position.owed;
        amount = owed >> SCALE_BITS;
        if (amount != 0) {
            position.owed = owed - (amount << SCALE_BITS);
            _rewards[token].paid += uint128(amount);
        }
    }

    function _settleAll(address account) private {
        uint256 staked = stakeOf[account];
        uint256 count = _tokens.length;
        for (uint256 i = 0; i < count; i++) {
            _settle(_tokens[i], account, staked);
        }
    }

    /// @dev Brings the reward up to now and adds what the account's stake got of it.
    function _settle(address token, address account, uint256 staked) private {
        uint256 index = _accrue(token);
        Position storage position = _positions[token][account];
        uint256 growth = index - position.index;
        // slither-disable-next-line incorrect-equality
        if (growth == 0) return;
        if (staked != 0) position.owed += staked * growth;
        position.index = index;
    }

    /// @dev Writes what `_upToNow` says, if it says something new.
    function _accrue(address token) private returns (uint256 index) {
        Reward storage reward = _rewards[token];
        uint256 remaining;
        uint64 finish;
        uint64 last;
        (index, remaining, finish, last) = _upToNow(reward);
        // slither-disable-next-line incorrect-equality
        if (last == reward.last) return index;
        (reward.finish, reward.last) = (finish, last);
        if (index != reward.index) (reward.index, reward.remaining) = (index, remaining);
    }

    /// @dev The state of a reward as of now. In equal times equal parts of what is left are given
    /// out: `remaining * elapsed / left`, rounded down, of which each staked unit gets its part,
    /// rounded down. Both rests stay in `remaining`, and the last second gives out all.
    // The rest of the division is what the multiplication finds; equal times mean that nothing happened.
    // slither-disable-next-line divide-before-multiply,incorrect-equality
    function _upToNow(Reward storage reward)
        private
        view
        returns (uint256 index, uint256 remaining, uint64 finish, uint64 last)
    {
        (index, remaining) = (reward.index, reward.remaining);
        (finish, last) = (reward.finish, reward.last);
        if (last == finish || last == block.timestamp) return (index, remaining, finish, last);
        uint256 staked = totalStaked;
        if (staked == 0) {
            // Nobody is there: the clock stands still.
            finish += uint64(block.timestamp) - last;
            return (index, remaining, finish, uint64(block.timestamp));
        }
        uint64 until = uint64(Math.min(block.timestamp, finish));
        uint256 growth = Math.mulDiv(remaining, until - last, finish - last) / staked;
        return (index + growth, remaining - growth * staked, finish, until);
    }

    function _pull(address token, uint256 amount) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = Math.saturatingSub(IERC20(token).balanceOf(address(this)), before);
        if (received < amount) revert TransferFeeNotSupported(token, amount, received);
    }

    function _checkRecipient(address to) private view {
        if (to == address(0) || to == address(this)) revert InvalidAddress(to);
    }
}
