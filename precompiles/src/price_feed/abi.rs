//! The Solidity interface of a price feed's face.

use alloy_sol_types::sol;

sol! {
    /// @title A price feed as contracts know it: Chainlink's AggregatorV3Interface.
    /// @notice Reads one feed of the oracle. It goes on answering with the last round when that is stale or when a newer
    /// median is held: compare `updatedAt`, as with every such feed, or ask `IOracle.price`, which refuses. While the
    /// feed is suspended by hand, the latest round is refused with `PriceHeld`.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface IPriceFeed {
        /// @notice The feed has a new answer.
        event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

        /// @notice Digits of the answers after the decimal point.
        function decimals() external view returns (uint8);
        /// @notice What the answers say.
        function description() external view returns (string memory);
        /// @notice Of this face: 1.
        function version() external view returns (uint256);
        /// @notice A round: 1 is the first. One that there is not is refused with `NoRound`.
        /// @return roundId_ The same number.
        /// @return answer Its answer.
        /// @return startedAt The oldest of the observations that counted.
        /// @return updatedAt As many observations as a round needs are not older than this.
        /// @return answeredInRound The same number.
        function getRoundData(uint80 roundId) external view returns (uint80 roundId_, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
        /// @notice The latest round; `NoRound` before the first.
        function latestRoundData() external view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
        /// @notice Its answer.
        function latestAnswer() external view returns (int256);
        /// @notice Its `updatedAt`.
        function latestTimestamp() external view returns (uint256);
        /// @notice Its number.
        function latestRound() external view returns (uint256);
    }
}
