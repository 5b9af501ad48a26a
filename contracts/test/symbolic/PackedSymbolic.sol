// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Packed} from "../../src/qxc/Packed.sol";
import {Config} from "../../src/lending/Config.sol";

/// @dev What Halmos proves of words that hold several numbers, for all inputs (`bin/halmos`).
contract PackedSymbolic {
    using Packed for *;

    /// @dev A stake's fields come back, whatever they are, and none touches another.
    function check_AStakeRoundTrips(Packed.Stake memory made) external pure {
        Packed.Stake memory read = made.pack().toStake();
        assert(read.amount == made.amount);
        assert(read.start == made.start);
        assert(read.lock == made.lock);
        assert(read.rate == made.rate);
        assert(read.lastEnd == made.lastEnd);
        assert(read.count == made.count);
        assert(read.unstaked == made.unstaked);
        assert(read.delegates == made.delegates);
    }

    /// @dev The same of the pool of rewards.
    function check_APoolRoundTrips(Packed.Pool memory pool) external pure {
        Packed.Pool memory read = pool.pack().toPool();
        assert(read.staked == pool.staked);
        assert(read.reserved == pool.reserved);
        assert(read.free == pool.free);
        assert(read.base == pool.base);
        assert(read.bonus == pool.bonus);
    }

    /// @dev The same of a checkpoint of votes.
    function check_AHeadRoundTrips(Packed.Head memory head) external pure {
        Packed.Head memory read = head.pack().toHead();
        assert(read.time == head.time);
        assert(read.count == head.count);
        assert(read.votes == head.votes);
    }

    /// @dev The 6 bits of a word that a stake leaves alone are lost, all others come back. So no two
    /// stakes have the same word.
    function check_AStakesWordRoundTrips(uint256 word) external pure {
        assert(word.toStake().pack() == word & (2 ** 250 - 1));
        assert(word.toPool().pack() == word);
        assert(word.toHead().pack() == word);
    }

    /// @dev Setting and clearing flags of a market changes flags only, and just those.
    function check_FlagsAreApart(uint256 word, uint8 flags) external pure {
        Config before = Config.wrap(word);
        Config set = before.with(flags);
        Config cleared = before.without(flags);
        assert(set.flags() == before.flags() | flags);
        assert(cleared.flags() == before.flags() & ~uint256(flags));
        assert(Config.unwrap(set) << 8 == word << 8);
        assert(Config.unwrap(cleared) << 8 == word << 8);
    }

    /// @dev The fields of a market's configuration lie side by side, as `Config` lists them: put together again they
    /// are the word.
    function check_AConfigIsItsFields(uint256 word) external pure {
        Config c = Config.wrap(word);
        uint256 low = c.limit() | c.threshold() << 16 | c.bonus() << 32 | c.reserveFactor() << 48
            | c.baseRate() << 64 | c.slope1() << 80 | c.slope2() << 96 | c.optimal() << 112;
        uint256 high = c.supplyCap() << 128 | c.borrowCap() << 176 | c.decimals() << 224 | c.id()
            << 232 | c.flashFee() << 240 | c.flags() << 248;
        assert(low | high == word);
    }
}
