// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The history of a sum of votes each of which ends on a day that is known when it begins
/// @notice A checkpoint says how many votes there were at the end of a second; `ends` says how many end on which
/// day. The votes at a second are those of the last checkpoint before it, less those that have ended since. So votes
/// end by themselves, at the second, and nobody has to call for that.
/// @dev Why the past does not change: a vote that ends at or before a second t was added and moved by calls
/// before its end only, and each of those made a checkpoint. Reading costs at most `MAX_DAYS` + 1 slots, and
/// that only if there was no checkpoint for as long.
library ExpiringVotes {
    /// @notice Votes last this many days at most.
    uint256 internal constant MAX_DAYS = 730;

    /// @dev One slot.
    struct Checkpoint {
        uint48 time;
        uint208 votes;
    }

    /// @param history Checkpoints, each later than the one before.
    /// @param ends Votes that end at the first second of a day (counted from 1970), by day.
    struct Trace {
        Checkpoint[] history;
        mapping(uint256 day => uint256 votes) ends;
    }

    /// @notice Votes now. `self` has none in the future, so this is its last checkpoint less what ended.
    function current(Trace storage self) internal view returns (uint256) {
        uint256 length = self.history.length;
        return length == 0 ? 0 : _running(self, length - 1, block.timestamp);
    }

    /// @notice Votes at the end of second `time`, which must have passed.
    function at(Trace storage self, uint256 time) internal view returns (uint256) {
        // Checkpoints before `low` are at `time` or earlier, those from `high` on later.
        uint256 low = 0;
        uint256 high = self.history.length;
        while (low < high) {
            // The end of the history is asked for most: look there first.
            uint256 middle = high == self.history.length ? high - 1 : (low + high) / 2;
            if (self.history[middle].time > time) high = middle;
            else low = middle + 1;
        }
        return low == 0 ? 0 : _running(self, low - 1, time);
    }

    /// @notice Adds votes that end on `day`, which is in the future, no more than `MAX_DAYS` away.
    function add(Trace storage self, uint256 votes, uint256 day) internal {
        self.ends[day] += votes;
        push(self, current(self) + votes);
    }

    /// @notice Makes `votes` the current number. The caller keeps `ends` in step.
    function push(Trace storage self, uint256 votes) internal {
        uint256 length = self.history.length;
        // Safe: votes are sums of stakes, each counted once, and those are less than 2^96 together.
        Checkpoint memory checkpoint = Checkpoint(uint48(block.timestamp), uint208(votes));
        if (length > 0 && self.history[length - 1].time == checkpoint.time) {
            self.history[length - 1] = checkpoint;
        } else {
            self.history.push(checkpoint);
        }
    }

    /// @dev The votes of a checkpoint that have not ended by `time`.
    function _running(Trace storage self, uint256 index, uint256 time)
        private
        view
        returns (uint256 votes)
    {
        Checkpoint storage checkpoint = self.history[index];
        uint256 first = checkpoint.time / 1 days + 1;
        votes = checkpoint.votes;
        uint256 last = time / 1 days;
        if (last > first + MAX_DAYS) last = first + MAX_DAYS;
        for (uint256 day = first; day <= last && votes > 0; day++) {
            votes -= self.ends[day];
        }
    }
}
