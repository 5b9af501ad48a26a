// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOracle} from "../../interfaces/IOracle.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";

/// @title The `Oracle` engine for tests without a chain.
/// @notice Put its code where the engine is:
///
///     vm.etch(address(QenexAddresses.ORACLE), address(new OracleDouble()).code);
///
/// What contracts read (`price`, `feedOf`, `feedCount`, `roundOf`) and `createFeed`, `setTerms`, `addReporter`, `report`,
/// `suspend`, `acceptAnswer` have the engine's signatures, errors, events and rules, with three
/// differences: every caller has every role, and a feed has one reporter, whoever reports (so terms that ask for more
/// never make a round), and the faces of feeds say nothing (`AnswerUpdated`). Other
/// functions of the engine are refused as it refuses unknown ones. The functions whose names begin with
/// `force` exist only here.
/// @dev Its storage lies apart from the engine's, so that on a fork it finds nothing of it.
contract OracleDouble layout at 2 ** 200 is IQenexErrors {
    /// @dev No hold, a median that jumped, stopped by hand.
    uint8 private constant NONE = 0;
    uint8 private constant HELD = 1;
    uint8 private constant SUSPENDED = 2;
    uint256 private constant WHOLE = 10_000;

    struct Round {
        int128 answer;
        uint64 startedAt;
        uint64 updatedAt;
        uint64 acceptedAt;
    }

    struct Feed {
        IOracle.Terms terms;
        uint8 decimals;
        uint8 hold;
        uint64 since;
        uint64 latest;
        int128 anchor;
        uint64 observedAt;
        int128 reported;
        string description;
    }

    uint32 public feedCount;
    mapping(uint32 feed => Feed) private _feeds;
    mapping(uint32 feed => mapping(uint64 number => Round)) private _rounds;

    fallback() external {
        revert UnknownFunction(msg.sig);
    }

    // As the engine

    function createFeed(string calldata description, uint8 decimals, IOracle.Terms calldata terms)
        external
        returns (uint32 feed)
    {
        uint256 length = bytes(description).length;
        if (length == 0 || length > 31) revert InvalidFeed("description");
        if (decimals > 18) revert InvalidFeed("decimals");
        _check(terms);
        feed = ++feedCount;
        Feed storage f = _feeds[feed];
        (f.description, f.decimals, f.terms) = (description, decimals, terms);
        emit IOracle.FeedCreated(
            feed, description, decimals, address(QenexAddresses.priceFeed(feed))
        );
        emit IOracle.TermsSet(feed, terms);
    }

    function setTerms(uint32 feed, IOracle.Terms calldata terms) external {
        Feed storage f = _known(feed);
        _check(terms);
        f.terms = terms;
        emit IOracle.TermsSet(feed, terms);
    }

    function addReporter(uint32 feed, address reporter) external {
        _known(feed);
        emit IOracle.ReporterAdded(feed, reporter);
    }

    function suspend(uint32 feed, bytes4 reason) external {
        Feed storage f = _known(feed);
        if (reason == 0) revert InvalidFeed("reason");
        if (f.hold == SUSPENDED) return;
        (f.hold, f.since, f.anchor) = (SUSPENDED, uint64(block.timestamp), 0);
        emit IOracle.FeedSuspended(feed, msg.sender, reason);
    }

    function acceptAnswer(uint32 feed, int128 min, int128 max, bytes4 reason)
        external
        returns (uint64 round)
    {
        Feed storage f = _known(feed);
        if (reason == 0) revert InvalidFeed("reason");
        if (f.hold == NONE) revert NotHeld(feed);
        uint64 lastAt = _rounds[feed][f.latest].updatedAt;
        if (!_counts(f) || f.observedAt < lastAt) revert PriceStale(feed, lastAt);
        if (f.reported < min || f.reported > max) revert AnswerOutOfBounds(f.reported, min, max);
        round = _accept(feed, f, f.reported, f.observedAt);
        emit IOracle.HoldEnded(feed, 3, msg.sender, reason);
    }

    function report(uint32 feed, int128 answer, uint64 observedAt) external returns (uint64 round) {
        Feed storage f = _known(feed);
        uint64 time = uint64(block.timestamp);
        uint64 first = time > f.terms.staleness ? time - f.terms.staleness : 0;
        if (f.observedAt != 0 && f.observedAt + 1 > first) first = f.observedAt + 1;
        if (observedAt < first || observedAt > time) {
            revert InvalidObservation(observedAt, first, time);
        }
        (int128 min, int128 max) = (f.terms.minAnswer, f.terms.maxAnswer);
        if (answer < min || answer > max) revert AnswerOutOfBounds(answer, min, max);
        (f.reported, f.observedAt) = (answer, observedAt);
        emit IOracle.Reported(feed, msg.sender, answer, observedAt);
        return _judge(feed, f, answer, observedAt);
    }

    function price(uint32 feed)
        external
        view
        returns (int128 answer, uint8 decimals, uint64 updatedAt)
    {
        // Each word once: the engine needs three of storage, and its users measure gas.
        Feed storage f = _feeds[feed];
        (uint8 quorum, uint32 staleness) = (f.terms.minReporters, f.terms.staleness);
        (uint8 digits, uint8 hold, uint64 since, uint64 latest) =
            (f.decimals, f.hold, f.since, f.latest);
        if (quorum == 0) revert UnknownFeed(feed);
        if (hold != NONE) revert PriceHeld(feed, hold, since);
        if (latest == 0) revert NoRound(feed, 0);
        Round storage last = _rounds[feed][latest];
        (answer, updatedAt) = (last.answer, last.updatedAt);
        unchecked {
            if (block.timestamp > updatedAt && block.timestamp - updatedAt > staleness) {
                revert PriceStale(feed, updatedAt);
            }
        }
        return (answer, digits, updatedAt);
    }

    function feedOf(uint32 feed)
        external
        view
        returns (
            string memory description,
            uint8 decimals,
            address face,
            IOracle.Terms memory terms,
            uint8 reporters,
            uint64 latestRound,
            uint8 hold,
            uint64 since
        )
    {
        Feed storage f = _known(feed);
        face = address(QenexAddresses.priceFeed(feed));
        return (f.description, f.decimals, face, f.terms, 1, f.latest, f.hold, f.since);
    }

    function roundOf(uint32 feed, uint64 round)
        external
        view
        returns (
            int128 answer,
            uint64 startedAt,
            uint64 updatedAt,
            uint64 acceptedAt,
            uint8 reports
        )
    {
        uint64 latest = _known(feed).latest;
        if (round == 0 || round > latest) revert NoRound(feed, round);
        Round storage r = _rounds[feed][round];
        return (r.answer, r.startedAt, r.updatedAt, r.acceptedAt, 1);
    }

    // For tests

    /// @notice A new round, whatever the feed's rules say of it; nothing is held any more.
    function forceAnswer(uint32 feed, int128 answer, uint64 updatedAt) external {
        Feed storage f = _known(feed);
        (f.reported, f.observedAt) = (answer, updatedAt);
        _accept(feed, f, answer, updatedAt);
    }

    /// @notice Sets how many feeds there are: the next one gets the number after it.
    function forceFeedCount(uint32 count) external {
        feedCount = count;
    }

    /// @notice A feed with usual terms, and its first answer, observed now.
    function forceFeed(string calldata description, uint8 decimals, int128 answer)
        external
        returns (uint32 feed)
    {
        feed = ++feedCount;
        Feed storage f = _feeds[feed];
        (f.description, f.decimals) = (description, decimals);
        f.terms = IOracle.Terms(1, 1, 10_000, 1 days, 1 hours, 0, type(int128).max);
        (f.reported, f.observedAt) = (answer, uint64(block.timestamp));
        _accept(feed, f, answer, uint64(block.timestamp));
    }

    // Internal

    function _known(uint32 feed) private view returns (Feed storage f) {
        f = _feeds[feed];
        if (f.terms.minReporters == 0) revert UnknownFeed(feed);
    }

    function _check(IOracle.Terms calldata t) private pure {
        if (t.minReporters == 0 || t.minReporters > t.maxReporters) {
            revert InvalidFeed("minReporters");
        }
        if (t.maxReporters > 31) revert InvalidFeed("maxReporters");
        if (t.deviation == 0 || t.deviation > WHOLE) revert InvalidFeed("deviation");
        if (t.staleness == 0 || t.staleness > 366 days) revert InvalidFeed("staleness");
        if (t.confirmation > 366 days) revert InvalidFeed("confirmation");
        if (t.minAnswer > t.maxAnswer) revert InvalidFeed("maxAnswer");
    }

    /// @dev Whether the one report is enough and counts, as an observation of now.
    function _counts(Feed storage f) private view returns (bool) {
        return f.terms.minReporters == 1 && f.observedAt != 0
            && f.observedAt + f.terms.staleness >= block.timestamp
            && f.reported >= f.terms.minAnswer && f.reported <= f.terms.maxAnswer;
    }

    function _judge(uint32 feed, Feed storage f, int128 answer, uint64 observedAt)
        private
        returns (uint64)
    {
        Round storage last = _rounds[feed][f.latest];
        if (f.terms.minReporters > 1 || f.hold == SUSPENDED || observedAt < last.updatedAt) {
            return 0;
        }
        if (f.latest == 0) return _accept(feed, f, answer, observedAt);
        bool held = f.hold == HELD;
        uint8 how;
        if (!_deviates(last.answer, answer, f.terms.deviation)) {
            if (!held && answer == last.answer && observedAt == last.updatedAt) return 0;
            how = 1;
        } else if (!held || _deviates(f.anchor, answer, f.terms.deviation)) {
            (f.hold, f.since, f.anchor) = (HELD, uint64(block.timestamp), answer);
            emit IOracle.AnswerHeld(feed, answer, last.answer);
            return 0;
        } else if (f.terms.confirmation > 0 && observedAt >= f.since + f.terms.confirmation) {
            how = 2;
        } else {
            return 0;
        }
        uint64 round = _accept(feed, f, answer, observedAt);
        if (held) emit IOracle.HoldEnded(feed, how, address(0), 0);
        return round;
    }

    function _accept(uint32 feed, Feed storage f, int128 answer, uint64 observedAt)
        private
        returns (uint64 round)
    {
        round = ++f.latest;
        (f.hold, f.since, f.anchor) = (NONE, 0, 0);
        _rounds[feed][round] = Round(answer, observedAt, observedAt, uint64(block.timestamp));
        emit IOracle.Answered(feed, round, answer, observedAt, observedAt, 1);
    }

    function _deviates(int256 from, int256 to, uint256 deviation) private pure returns (bool) {
        uint256 way = uint256(from > to ? from - to : to - from);
        return way * WHOLE > uint256(from < 0 ? -from : from) * deviation;
    }
}
