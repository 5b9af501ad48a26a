// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {CoinFace} from "./CoinFace.sol";
import {ExpiringVotes} from "./ExpiringVotes.sol";
import {IStaking} from "./IStaking.sol";
import {Packed} from "./Packed.sol";

/// @title Voting power of locked stakes, with its past
/// @notice A stake has its amount in votes from the second it is made to the last midnight (UTC) within its lock.
/// They are its owner's, without any further step, or those of the account that the owner delegates to. Coin that is
/// not locked has none. The sum of everybody's votes is the total at every second.
/// @dev The list of stakes is itself the history of votes of whoever does not delegate: staking needs
/// no checkpoint but the total's. Delegated votes have checkpoints with the delegate (`ExpiringVotes`).
///
/// ERC-5805 with two differences: an account that has named nobody is its own delegate, and votes end
/// with time, which no event can tell, so there are no `DelegateVotesChanged` events: read the votes.
abstract contract StakeVotes is CoinFace, IStaking, IERC5805 {
    using Checkpoints for Checkpoints.Trace160;
    using ExpiringVotes for ExpiringVotes.Trace;
    using Packed for uint256;
    using Packed for Packed.Stake;

    /// @notice Shortest lock, seconds.
    uint256 public constant MIN_LOCK = 1 days;
    /// @notice Longest lock, seconds.
    uint256 public constant MAX_LOCK = ExpiringVotes.MAX_DAYS * 1 days;
    /// @notice Most stakes of an account with votes at a time: it bounds the work of reading and delegating them.
    uint256 public constant MAX_RUNNING = 64;

    bytes32 private constant DELEGATION_TYPEHASH =
        keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");

    /// @notice Votes are known for seconds that are over.
    error ERC5805FutureLookup(uint256 timepoint, uint48 clock);

    /// @dev Stakes (`Packed.Stake`). Never shortened: they are the history of votes.
    mapping(address owner => mapping(uint256 index => uint256)) internal _stakes;
    /// @dev Who votes for an account, by time; zero: itself.
    mapping(address owner => Checkpoints.Trace160) private _delegates;
    /// @dev Votes of others.
    mapping(address delegate => ExpiringVotes.Trace) private _received;
    ExpiringVotes.Trace private _total;

    /// @notice Seconds: the clock of votes (ERC-6372).
    function clock() public view returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice The clock's description (ERC-6372).
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice Votes of an account now: its own unless it delegates them, and those delegated to it.
    function getVotes(address account) public view returns (uint256) {
        Packed.Stake memory first = _stakes[account][0].toStake();
        uint256 own = first.delegates ? 0 : _running(account, first.count, block.timestamp);
        return own + _received[account].current();
    }

    /// @notice Votes of an account at the end of a second that is over.
    function getPastVotes(address account, uint256 timepoint) public view returns (uint256) {
        _requirePast(timepoint);
        uint256 own = 0;
        // Safe: the past fits in 96 bits.
        if (_delegates[account].upperLookupRecent(uint96(timepoint)) == 0) {
            own = _running(account, _madeBy(account, timepoint), timepoint);
        }
        return own + _received[account].at(timepoint);
    }

    /// @notice All votes there are now.
    function totalVotes() public view returns (uint256) {
        return _total.current();
    }

    /// @notice All votes there were at the end of a second that is over.
    function getPastTotalSupply(uint256 timepoint) public view returns (uint256) {
        _requirePast(timepoint);
        return _total.at(timepoint);
    }

    /// @notice Who votes for an account: itself unless it has named another.
    function delegates(address account) public view returns (address) {
        address delegatee = address(_delegates[account].latest());
        return delegatee == address(0) ? account : delegatee;
    }

    /// @notice Gives the votes of the caller's stakes, present and future, to `delegatee`. The zero address and the
    /// caller's own take them back.
    function delegate(address delegatee) public {
        _delegate(msg.sender, delegatee);
    }

    /// @notice As `delegate`, with the signature of the account whose votes they are, up to the second `expiry`.
    function delegateBySig(
        address delegatee,
        uint256 nonce,
        uint256 expiry,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) public {
        if (block.timestamp > expiry) revert VotesExpiredSignature(expiry);
        bytes32 content = keccak256(abi.encode(DELEGATION_TYPEHASH, delegatee, nonce, expiry));
        address signer = ECDSA.recover(_digest(content), v, r, s);
        _useCheckedNonce(signer, nonce);
        _delegate(signer, delegatee);
    }

    /// @dev Writes a stake down and counts its votes. The caller has checked amount, lock and rate.
    /// @return index Its index.
    /// @return day The day at whose beginning its votes end.
    function _record(address owner, uint256 amount, uint256 lock, uint256 rate)
        internal
        returns (uint256 index, uint256 day)
    {
        mapping(uint256 => uint256) storage list = _stakes[owner];
        Packed.Stake memory first = list[0].toStake();
        index = first.count;
        uint256 end = block.timestamp + lock;
        // Safe: the caller keeps to 96 bits of amount and 32 of rate; a lock, and so what is left of the
        // longest, is at most MAX_LOCK, 26 bits.
        Packed.Stake memory made = Packed.Stake({
            amount: uint96(amount),
            start: uint40(block.timestamp),
            lock: uint32(lock),
            rate: uint32(rate),
            lastEnd: uint32(lock),
            count: 1,
            unstaked: false,
            delegates: first.delegates
        });
        if (index > 0) {
            made.lastEnd = uint32(_count(list, first, end) - block.timestamp);
            made.count = 0;
            made.delegates = false;
        }
        list[index] = made.pack();
        day = end / 1 days;
        _total.add(amount, day);
        if (first.delegates) _receive(owner, amount, day);
    }

    function _receive(address owner, uint256 amount, uint256 day) private {
        _received[address(_delegates[owner].latest())].add(amount, day);
    }

    /// @dev Makes room for one more stake in a list that has one.
    /// @return lastEnd When the locks of all, the one to come included, are over.
    function _count(
        mapping(uint256 => uint256) storage list,
        Packed.Stake memory first,
        uint256 end
    ) private returns (uint256 lastEnd) {
        uint256 count = first.count;
        if (count == type(uint16).max) revert TooManyStakes(count);
        if (count >= MAX_RUNNING && _lastEnd(list, count - MAX_RUNNING) > block.timestamp) {
            revert TooManyStakes(MAX_RUNNING);
        }
        lastEnd = uint256(first.start) + first.lastEnd;
        if (end > lastEnd) {
            lastEnd = end;
            // 136 years from the first stake on.
            first.lastEnd = SafeCast.toUint32(end - first.start);
        }
        // Safe: compared above.
        first.count = uint16(count + 1);
        list[0] = first.pack();
    }

    // Days and their midnights.
    // slither-disable-next-line divide-before-multiply
    function _delegate(address account, address to) private {
        if (to == account) to = address(0);
        address from = address(_delegates[account].latest());
        emit DelegateChanged(
            account, from == address(0) ? account : from, to == address(0) ? account : to
        );
        if (from == to) return;
        // Safe: the present fits in 96 bits.
        // The delegate before is `from`.
        // slither-disable-next-line unused-return
        _delegates[account].push(uint96(block.timestamp), uint160(to));
        Packed.Stake memory first = _stakes[account][0].toStake();
        first.delegates = to != address(0);
        _stakes[account][0] = first.pack();
        ExpiringVotes.Trace storage source = _received[from];
        ExpiringVotes.Trace storage target = _received[to];
        uint256 sourceVotes = source.current();
        uint256 targetVotes = target.current();
        mapping(uint256 => uint256) storage list = _stakes[account];
        uint256 moved = 0;
        for (uint256 next = first.count; next > 0; next--) {
            Packed.Stake memory made = list[next - 1].toStake();
            if (_lastEnd(list, next - 1) <= block.timestamp) break;
            uint256 day = _votesUntil(made) / 1 days;
            if (day * 1 days <= block.timestamp) continue;
            uint256 amount = made.amount;
            moved += amount;
            // Own votes are in the list of stakes: the zero address receives none.
            if (from != address(0)) source.ends[day] -= amount;
            if (to != address(0)) target.ends[day] += amount;
        }
        if (moved == 0) return;
        if (from != address(0)) source.push(sourceVotes - moved);
        if (to != address(0)) target.push(targetVotes + moved);
    }

    /// @dev Votes at `time` of the first `count` stakes of an account, all made at `time` or before.
    /// Looks at MAX_RUNNING + 1 of them at most: the one that many before had to be over, and all before it, when
    /// the last was made.
    function _running(address account, uint256 count, uint256 time)
        private
        view
        returns (uint256 votes)
    {
        mapping(uint256 => uint256) storage list = _stakes[account];
        for (; count > 0; count--) {
            Packed.Stake memory made = list[count - 1].toStake();
            if (_lastEnd(list, count - 1) <= time) break;
            if (_votesUntil(made) > time) votes += made.amount;
        }
    }

    /// @dev How many stakes an account had made by the end of second `time`.
    function _madeBy(address account, uint256 time) private view returns (uint256 low) {
        mapping(uint256 => uint256) storage list = _stakes[account];
        uint256 high = list[0].toStake().count;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (list[middle].toStake().start > time) high = middle;
            else low = middle + 1;
        }
    }

    /// @dev Rounded down, for the protocol: votes never outlive the lock.
    // Down to midnight, as said above.
    // slither-disable-next-line divide-before-multiply
    function _votesUntil(Packed.Stake memory made) internal pure returns (uint256) {
        return (uint256(made.start) + made.lock) / 1 days * 1 days;
    }

    /// @dev When the locks of a stake and of all that its owner made before are over.
    // An index.
    // slither-disable-next-line incorrect-equality
    function _lastEnd(mapping(uint256 => uint256) storage list, uint256 index)
        private
        view
        returns (uint256)
    {
        Packed.Stake memory made = list[index].toStake();
        return uint256(made.start) + (index == 0 ? made.lock : made.lastEnd);
    }

    function _requirePast(uint256 timepoint) private view {
        uint48 current = clock();
        if (timepoint >= current) revert ERC5805FutureLookup(timepoint, current);
    }
}
