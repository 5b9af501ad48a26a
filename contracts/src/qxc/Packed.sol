// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The records of QXC that fill one storage slot each, and their packing
/// @notice The compiler writes a struct to its slot field by field. Packed here it is one write, which saves a stake some
/// thousand gas.
/// @dev Each field is cut to its width by its type, so packing loses nothing.
library Packed {
    /// @param amount Wei.
    /// @param start When it was made.
    /// @param lock Seconds.
    /// @param rate Reward as a fraction of the amount, 10^-9.
    /// @param lastEnd When the last of this stake's and all earlier ones' locks is over, seconds after `start`; in an
    /// account's first stake: of all stakes it has made.
    /// @param count In an account's first stake: how many it has made. Else 0.
    /// @param unstaked Whether it was paid back.
    /// @param delegates In an account's first stake (which may not be made yet): whether it delegates its votes.
    struct Stake {
        uint96 amount;
        uint40 start;
        uint32 lock;
        uint32 rate;
        uint32 lastEnd;
        uint16 count;
        bool unstaked;
        bool delegates;
    }

    /// @param staked Wei of stakes that are not paid back.
    /// @param reserved Gwei promised to them.
    /// @param free Gwei that is not promised.
    /// @param base Basis points a year.
    /// @param bonus Basis points a year for the longest lock.
    struct Pool {
        uint96 staked;
        uint64 reserved;
        uint64 free;
        uint16 base;
        uint16 bonus;
    }

    /// @param time When the last checkpoint of votes was made; 0: there is none.
    /// @param count How many there are before it.
    /// @param votes Votes at the end of that second.
    struct Head {
        uint48 time;
        uint80 count;
        uint128 votes;
    }

    function pack(Stake memory made) internal pure returns (uint256) {
        return uint256(made.amount) | uint256(made.start) << 96 | uint256(made.lock) << 136
            | uint256(made.rate) << 168 | uint256(made.lastEnd) << 200 | uint256(made.count) << 232
            | (made.unstaked ? 1 << 248 : 0) | (made.delegates ? 1 << 249 : 0);
    }

    function toStake(uint256 word) internal pure returns (Stake memory made) {
        made.amount = uint96(word);
        made.start = uint40(word >> 96);
        made.lock = uint32(word >> 136);
        made.rate = uint32(word >> 168);
        made.lastEnd = uint32(word >> 200);
        made.count = uint16(word >> 232);
        made.unstaked = word >> 248 & 1 == 1;
        made.delegates = word >> 249 & 1 == 1;
    }

    function pack(Pool memory pool) internal pure returns (uint256) {
        return uint256(pool.staked) | uint256(pool.reserved) << 96 | uint256(pool.free) << 160
            | uint256(pool.base) << 224 | uint256(pool.bonus) << 240;
    }

    function toPool(uint256 word) internal pure returns (Pool memory pool) {
        pool.staked = uint96(word);
        pool.reserved = uint64(word >> 96);
        pool.free = uint64(word >> 160);
        pool.base = uint16(word >> 224);
        pool.bonus = uint16(word >> 240);
    }

    function pack(Head memory head) internal pure returns (uint256) {
        return uint256(head.time) | uint256(head.count) << 48 | uint256(head.votes) << 128;
    }

    function toHead(uint256 word) internal pure returns (Head memory head) {
        head.time = uint48(word);
        head.count = uint80(word >> 48);
        head.votes = uint128(word >> 128);
    }
}
