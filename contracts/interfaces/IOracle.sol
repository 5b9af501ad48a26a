// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

/// @title Prices: reporters, their median, and guards over it.
/// @notice A feed is a number that its reporters observe outside: a price, a rate, an index. A report counts while
/// its observation is not older than the feed's staleness and within its bounds. When enough reports count, their
/// median becomes the answer of a new round; of an even number it is the lower of the two in the middle, so that
/// it is always what somebody reported. Fewer than half of `minReporters` can never move it past what the others
/// say. A median that is further from the last answer than the deviation allows is held until a quorum of new
/// observations still says so after the confirmation time, or until feed managers accept it.
/// Each feed has a face of its own for contracts that know Chainlink's: `IPriceFeed`.
interface IOracle {
    /// @notice What feed managers can change of a feed.
    /// @param minReporters Reports that make a round: 1 to `maxReporters`. It takes 2n + 1 to withstand n that lie.
    /// @param maxReporters Most reporters: 1 to 31.
    /// @param deviation Basis points of the last answer by which the next may differ: 1 to 10,000. Of an answer of 0,
    /// that is nothing.
    /// @param staleness Seconds for which an observation counts, and the answers made of it: 1 to 31,622,400 (366 days).
    /// @param confirmation Seconds after which new observations confirm a held median: up to 31,622,400; 0: never.
    /// @param minAnswer Least answer.
    /// @param maxAnswer Greatest answer, at least `minAnswer`.
    struct Terms {
        uint8 minReporters;
        uint8 maxReporters;
        uint16 deviation;
        uint32 staleness;
        uint32 confirmation;
        int128 minAnswer;
        int128 maxAnswer;
    }

    /// @notice What a reporter observed.
    /// @param observedAt When, seconds.
    struct Report {
        uint32 feed;
        int128 answer;
        uint64 observedAt;
    }

    /// @notice What one of many reports came to.
    /// @param round The round that it made; 0: none.
    /// @param reason The error with which it was refused; empty: it was not.
    struct Result {
        uint64 round;
        bytes reason;
    }

    /// @notice A feed was created.
    /// @param face Its `IPriceFeed`.
    event FeedCreated(uint32 indexed feed, string description, uint8 decimals, address face);
    /// @notice A feed has these terms now.
    event TermsSet(uint32 indexed feed, Terms terms);
    /// @notice A feed got a reporter.
    event ReporterAdded(uint32 indexed feed, address indexed reporter);
    /// @notice A feed lost a reporter; its report counts no more.
    event ReporterRemoved(uint32 indexed feed, address indexed reporter);
    /// @notice A reporter reported.
    event Reported(uint32 indexed feed, address indexed reporter, int128 answer, uint64 observedAt);
    /// @notice A feed has a new answer.
    /// @param startedAt The oldest of the observations that count.
    /// @param updatedAt As many observations as a round needs are not older than this.
    /// @param reports How many it is the median of.
    event Answered(uint32 indexed feed, uint64 indexed round, int128 answer, uint64 startedAt, uint64 updatedAt, uint8 reports);
    /// @notice A median is too far from the last answer, or from what was held before: from now on it is held.
    event AnswerHeld(uint32 indexed feed, int128 answer, int128 last);
    /// @notice A feed was stopped by hand.
    event FeedSuspended(uint32 indexed feed, address indexed by, bytes4 reason);
    /// @notice Nothing is held any more, and the feed is not suspended.
    /// @param how 1 the median came back, 2 new observations confirmed it, 3 a feed manager accepted it.
    event HoldEnded(uint32 indexed feed, uint8 how, address indexed by, bytes4 reason);

    /// @notice Creates a feed. Feed managers, with the approvals that their policy asks for.
    /// @param description What it says, e.g. "EUR / USD": 1 to 31 bytes, for ever.
    /// @param decimals Digits of its answers after the decimal point: 0 to 18, for ever.
    /// @return feed Its number: 1 is the first, then one more for each.
    function createFeed(string calldata description, uint8 decimals, Terms calldata terms) external returns (uint32 feed);
    /// @notice Changes a feed's terms, for what is reported from now on. As `createFeed`.
    function setTerms(uint32 feed, Terms calldata terms) external;
    /// @notice Adds a reporter. As `createFeed`.
    function addReporter(uint32 feed, address reporter) external;
    /// @notice Removes a reporter; its report counts no more. As `createFeed`.
    function removeReporter(uint32 feed, address reporter) external;
    /// @notice Stops a feed at once: reports are taken, and no median is accepted but by `acceptAnswer`. Feed managers
    /// and guardians may, each alone.
    /// @param reason A code, not zero.
    function suspend(uint32 feed, bytes4 reason) external;
    /// @notice Accepts the median of the reports that count now, of a feed that is held or suspended, if it is within
    /// what is given here; that ends it. As `createFeed`.
    /// @param reason A code, not zero.
    function acceptAnswer(uint32 feed, int128 min, int128 max, bytes4 reason) external returns (uint64 round);

    /// @notice Reports an observation, for the feed's reporters. It is not in the future, newer than the caller's last
    /// and not older than the staleness.
    /// @return round The round that it made; 0: none.
    function report(uint32 feed, int128 answer, uint64 observedAt) external returns (uint64 round);
    /// @notice Up to 100 reports, each with its own result.
    function reportMany(Report[] calldata reports) external returns (Result[] memory results);

    /// @notice The answer, if it can be relied upon: else `PriceHeld`, `NoRound` or `PriceStale`.
    /// @param updatedAt As many observations as a round needs are not older than this.
    function price(uint32 feed) external view returns (int128 answer, uint8 decimals, uint64 updatedAt);
    /// @notice A feed.
    /// @param hold 0 none, 1 a median is HELD, 2 SUSPENDED.
    /// @param since When that began.
    function feedOf(uint32 feed) external view returns (string memory description, uint8 decimals, address face, Terms memory terms, uint8 reporters, uint64 latestRound, uint8 hold, uint64 since);
    /// @notice How many feeds there are.
    function feedCount() external view returns (uint32);
    /// @notice A feed's reporters.
    function reportersOf(uint32 feed) external view returns (address[] memory reporters);
    /// @notice The last report of a reporter (zeros: none yet), and whether it counts now.
    function reportOf(uint32 feed, address reporter) external view returns (int128 answer, uint64 observedAt, uint64 reportedAt, bool counts);
    /// @notice The median of the reports that count now; of none if they are too few.
    function medianOf(uint32 feed) external view returns (int128 answer, uint64 startedAt, uint64 updatedAt, uint8 reports);
    /// @notice A round: 1 is a feed's first, then one more for each.
    /// @param acceptedAt The time of its block.
    function roundOf(uint32 feed, uint64 round) external view returns (int128 answer, uint64 startedAt, uint64 updatedAt, uint64 acceptedAt, uint8 reports);
}
