// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Packed} from "./Packed.sol";

/// @title The history of a sum of votes each of which ends on a day that is known when it begins
/// @notice A checkpoint says how many votes there were at the end of a second; `ends` says how many end on which
/// day. The votes at a second are those of the last checkpoint before it, less those that have ended since. So votes
/// end by themselves, at the second, and nobody has to call for that.
/// @dev Why the past does not change: a vote that ends at or before a second t was added and moved by calls
/// before its end only, and each of those made a checkpoint. Reading costs at most `MAX_DAYS` + 1 slots, and
/// that only if there was no checkpoint for as long.
library ExpiringVotes {
    using Packed for uint256;
    using Packed for Packed.Head;

    /// @notice Votes last this many days at most.
    uint256 internal constant MAX_DAYS = 730;

    /// @param head The last checkpoint and the number of those before it (`Packed.Head`): adding reads and writes
    /// no other but the new one.
    /// @param past Those before it, each later than the one before; as `head`, without the number.
    /// @param ends Votes that end at the first second of a day (counted from 1970), by day.
    struct Trace {
        uint256 head;
        mapping(uint256 index => uint256) past;
        mapping(uint256 day => uint256 votes) ends;
    }

    /// @notice Votes now.
    function current(Trace storage self) internal view returns (uint256) {
        Packed.Head memory head = self.head.toHead();
        return _running(self, head.time, head.votes, block.timestamp);
    }

    /// @notice Votes at the end of second `time`, which must have passed.
    function at(Trace storage self, uint256 time) internal view returns (uint256) {
        Packed.Head memory head = self.head.toHead();
        if (head.time <= time) return _running(self, head.time, head.votes, time);
        // Checkpoints before `low` are at `time` or earlier, those from `high` on later.
        uint256 low = 0;
        uint256 high = head.count;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (self.past[middle].toHead().time > time) high = middle;
            else low = middle + 1;
        }
        if (low == 0) return 0;
        Packed.Head memory checkpoint = self.past[low - 1].toHead();
        return _running(self, checkpoint.time, checkpoint.votes, time);
    }

    /// @notice Adds votes that end on `day`, which is in the future, no more than `MAX_DAYS` away.
    function add(Trace storage self, uint256 votes, uint256 day) internal {
        self.ends[day] += votes;
        push(self, current(self) + votes);
    }

    /// @notice Makes `votes` the current number. The caller keeps `ends` in step.
    function push(Trace storage self, uint256 votes) internal {
        Packed.Head memory head = self.head.toHead();
        if (head.time != block.timestamp) {
            if (head.time > 0) {
                self.past[head.count] = Packed.Head(head.time, 0, head.votes).pack();
                head.count++;
            }
            head.time = uint48(block.timestamp);
        }
        // Safe: votes are sums of stakes, each counted once, and those are less than 2^96 together.
        head.votes = uint128(votes);
        self.head = head.pack();
    }

    /// @dev What of the `votes` of a checkpoint at second `from` has not ended by `time`.
    function _running(Trace storage self, uint256 from, uint256 votes, uint256 time)
        private
        view
        returns (uint256)
    {
        uint256 first = from / 1 days + 1;
        uint256 last = time / 1 days;
        if (last > first + MAX_DAYS) last = first + MAX_DAYS;
        for (uint256 day = first; day <= last && votes > 0; day++) {
            votes -= self.ends[day];
        }
        return votes;
    }
}
