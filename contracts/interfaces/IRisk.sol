// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

/// @title Scores of payments, and what they are computed from.
/// @notice Ten rules judge every customer's payment before it is posted: 1 velocity, 2 outlier, 3 structuring,
/// 4 new counterparty, 5 pass-through, 6 dormant, 7 corridor, 8 round amount, 9 young account, 10 repeated
/// amount. The sum of the weights of those that fire is the score. Everything they look at is in storage, so
/// anybody can recompute a score. Amounts here are counts: minor units, or millionths for currencies of more
/// than six decimals. Terms are changed through the registry of parameters of the Access engine.
interface IRisk {
    /// @notice Rules fired on a payment. No event: none did, the score is 0.
    /// @param outcome 1 ALLOW, 2 REVIEW.
    /// @param rules Bit n - 1 is rule n.
    /// @param ruleSet Version of the terms.
    event Assessed(bytes32 indexed id, uint8 outcome, uint16 score, uint16 rules, uint8 ruleSet);

    /// @notice What moves through an account now. What fades is halved every hour.
    function flow(address account, bytes3 currency) external view returns (uint64 incoming, uint16 payments, uint64 outgoing, uint16 dayPayments, uint64 dayOutgoing, uint8 dayBanded);
    /// @notice What is usual for an account.
    function habit(address account, bytes3 currency) external view returns (uint64 mean, uint64 deviation, uint64 last, uint64 thirtyDaysOutgoing, uint8 payments, uint8 repeats);
    /// @notice When an account first paid another, seconds, and the day of the last time; 0: never.
    function pair(address payer, address payee) external view returns (uint64 first, uint16 lastDay);
    /// @notice The terms of the rules in a currency as one packed word, and their version.
    function terms(bytes3 currency) external view returns (bytes32 word, uint8 version);
}
