// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Prices with a statement of how far they may be off.
/// @notice A price is what one whole token is worth in the unit of account, times 1e18. It is never
/// zero. For an asset that the source knows, reading never reverts, whatever happens to the feed
/// behind it: who must go on without a good price (liquidation) can.
interface IPriceSource {
    /// @notice The price to go by.
    /// @param asset A token that the source knows; `UnknownAsset` for others.
    /// @return price Worth of one whole token, times 1e18, below 2^104: of the current answer if that is good, else
    /// of the last that was.
    /// @return doubt 0: the price is good. Else: it is not, and this is by how many basis points the
    /// source reckons it may be off, in both directions; below 10,000.
    /// @return pending Whether the price is good and `record` would make it the last good one.
    function quote(address asset) external view returns (uint256 price, uint256 doubt, bool pending);

    /// @notice Makes the current answer the last good one, if it is good; else changes nothing.
    /// Anybody may, at any time.
    /// @return price As `quote`.
    /// @return doubt As `quote`.
    function record(address asset) external returns (uint256 price, uint256 doubt);
}
