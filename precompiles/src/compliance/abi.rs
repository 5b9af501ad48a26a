//! The Solidity interface of the Compliance engine.

use alloy_sol_types::sol;

sol! {
    /// @title Tiers, limits, corridors, deny list, attestations, freezes, travel rule.
    /// @notice Every payment is checked against them before it is posted. Personal data is never on chain: what was
    /// found out off chain comes as attestations, which may raise a payment to review and never lift a block.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface ICompliance {
        /// @notice An account has another tier.
        /// @param until Last second in which it counts, end of a day (UTC); 0: it does not expire.
        event TierChanged(address indexed account, uint8 tier, uint64 until, uint32 version);
        /// @notice A tier has other limits, minor units; the maximum of uint128: none.
        event TierLimitsChanged(bytes3 indexed currency, uint8 indexed tier, uint128 perPayment, uint128 perDay, uint128 perThirtyDays);
        /// @notice A tier's payers need other attestations: bit n is type n.
        event AttestationsRequired(bytes3 indexed currency, uint8 indexed tier, uint8 types);
        /// @notice The travel rule applies from another amount on, minor units; the maximum of uint128: never.
        event TravelRuleChanged(bytes3 indexed currency, uint128 threshold);
        /// @notice Payments from one jurisdiction to another are treated in another way.
        /// @param corridor 1 OPEN, 2 REVIEW, 3 BLOCKED.
        /// @param watched Whether the risk rule of corridors fires.
        event CorridorChanged(bytes2 indexed from, bytes2 indexed to, uint8 corridor, bool watched);
        /// @notice An address came on the deny list, or went off it.
        event DenyListChanged(address indexed account, bool listed, uint32 listVersion);
        /// @notice An account was frozen.
        /// @param sides 1 debit, 2 credit, 3 both.
        /// @param reason Reason code of ISO 20022.
        /// @param until Last second in which it holds; 0: until it is released.
        event AccountFrozen(address indexed account, address indexed officer, uint8 sides, bytes4 reason, bytes32 caseId, uint64 until);
        /// @notice An officer asked for the release of a freeze; another one must agree.
        event ReleaseRequested(address indexed account, address indexed officer);
        /// @notice A freeze was released.
        event AccountReleased(address indexed account, address indexed first, address indexed second);
        /// @notice An attestor says what was found out about an account.
        /// @param finding 1 clear, 2 review, 0 taken back.
        event Attested(address indexed account, uint8 indexed attestation, address indexed attestor, uint8 finding, uint64 expires, uint32 version);

        /// @notice Sets the tier of an account, 0 to 4. Only a compliance officer may.
        /// @param until Last second in which it counts, rounded up to the end of a day (UTC); 0: it does not expire.
        function setTier(address account, uint8 tier, uint64 until) external;
        /// @notice Sets the limits of a tier, minor units; the maximum of uint128: none. Compliance officers, with the
        /// approvals that the role's policy asks for.
        function setTierLimits(bytes3 currency, uint8 tier, uint128 perPayment, uint128 perDay, uint128 perThirtyDays) external;
        /// @notice Sets which attestations a tier's payers need: bit n is type n. As `setTierLimits`.
        function requireAttestations(bytes3 currency, uint8 tier, uint8 types) external;
        /// @notice Sets from which amount on the travel rule asks for its data, minor units. As `setTierLimits`.
        function setTravelRule(bytes3 currency, uint128 threshold) external;
        /// @notice Sets how payments from one jurisdiction to another are treated. As `setTierLimits`.
        function setCorridor(bytes2 from, bytes2 to, uint8 corridor, bool watched) external;
        /// @notice Puts addresses on the deny list, or takes them off. As `setTierLimits`. At most 256 at a time.
        function setDenied(address[] calldata accounts, bool listed) external;
        /// @notice Freezes an account's sides: 1 debit, 2 credit, 3 both. Only a compliance officer may.
        /// @param until Last second in which it holds; 0: until it is released.
        function freeze(address account, uint8 sides, bytes4 reason, bytes32 caseId, uint64 until) external;
        /// @notice Releases a freeze: the first officer asks, another one agrees.
        function release(address account) external;
        /// @notice States a finding about an account. Only an attestor may.
        /// @param attestation Type, 0 to 7: 0 identity, 1 documents, 2 name screening, 3 politically exposed, others free.
        /// @param finding 1 clear, 2 review, 0 takes it back.
        function attest(address account, uint8 attestation, uint8 finding, uint64 expires, uint32 version) external;

        /// @notice Limits of a tier, and what its payers need.
        function tierOf(bytes3 currency, uint8 tier) external view returns (uint128 perPayment, uint128 perDay, uint128 perThirtyDays, uint8 attestations, uint128 travelRule);
        /// @notice How payments from one jurisdiction to another are treated: 1 OPEN, 2 REVIEW, 3 BLOCKED.
        function corridor(bytes2 from, bytes2 to) external view returns (uint8 terms, bool watched);
        /// @notice Whether an address is on the deny list.
        function isDenied(address account) external view returns (bool);
        /// @notice Version of the deny list: one more with each change.
        function denyListVersion() external view returns (uint64);
        /// @notice The freeze of an account; sides 0: there is none now.
        function freezeOf(address account) external view returns (uint8 sides, bytes4 reason, bytes32 caseId, uint64 until, address officer, address releasing);
        /// @notice A finding about an account; 0: there is none.
        function attestationOf(address account, uint8 attestation) external view returns (uint8 finding, address attestor, uint64 expires, uint32 version);
    }
}
