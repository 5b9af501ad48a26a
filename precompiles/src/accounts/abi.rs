//! The Solidity interface of the Accounts engine.

#![expect(clippy::too_many_arguments, reason = "the macro makes a constructor of every event")]

use alloy_sol_types::sol;

sol! {
    /// @title Profiles of ledger accounts, and who may move their money.
    /// @notice An account is an address; its owner is the address whose transactions may move its money.
    /// Beside the owner, keys sign instructions, and delegates pay within a scope. An approval policy adds
    /// approvers to payments above a threshold.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface IAccounts {
        /// @notice What is known of an account.
        /// @param owner Whose transactions may move its money.
        /// @param custodian The institution that keeps the account for the owner; zero if nobody.
        /// @param accountType 1 RETAIL, 2 BUSINESS, 3 INSTITUTION, 4 MERCHANT, 5 TREASURY, 6 SETTLEMENT, 7 CONTRACT.
        /// @param status 1 PENDING, 2 ACTIVE, 3 DORMANT, 4 FROZEN, 5 CLOSED.
        /// @param tier Compliance level, 0 to 4, as it counts now: 0 once it has expired.
        /// @param jurisdiction ISO 3166-1 alpha-2.
        /// @param homeCurrency ISO 4217.
        /// @param openedAt Block time of opening, seconds.
        /// @param lastActivity Begin of the day of the last posting, seconds, or the opening if that is later.
        /// @param version 1 at opening, one more with each change.
        struct Profile {
            address owner;
            address custodian;
            uint8 accountType;
            uint8 status;
            uint8 tier;
            bytes2 jurisdiction;
            bytes3 homeCurrency;
            uint64 openedAt;
            uint64 lastActivity;
            uint32 version;
        }

        /// @notice What a delegate may do in one currency.
        /// @param kinds Bit 1 pay, bit 3 hold, bit 4 redeem, bit 5 reverse, bit 0 capture and void.
        /// @param listedOnly Whether only payees listed by `setPayee` may be paid.
        /// @param cap Most that may be moved in a period, minor units; the maximum of uint128: no limit.
        /// @param used What was moved in the running period.
        /// @param period Length of a period, seconds.
        /// @param validUntil Last second in which it counts.
        struct Delegation {
            uint8 kinds;
            bool listedOnly;
            uint128 cap;
            uint128 used;
            uint32 period;
            uint64 validUntil;
        }

        /// @notice An account was opened.
        event AccountOpened(address indexed account, address indexed owner, uint8 accountType, bytes2 jurisdiction, bytes3 homeCurrency, uint8 status);
        /// @notice An account changed its status.
        event StatusChanged(address indexed account, uint8 previous, uint8 current, uint32 version);
        /// @notice An account has another owner.
        event OwnerChanged(address indexed account, address indexed previous, address indexed current, uint32 version);
        /// @notice An account has another custodian, or none.
        event CustodianChanged(address indexed account, address indexed custodian, uint32 version);
        /// @notice An account has limits of its own; the maximum of uint128: none.
        event LimitsChanged(address indexed account, bytes3 indexed currency, uint128 perPayment, uint128 perDay, uint128 perThirtyDays, uint32 version);
        /// @notice A key was added.
        /// @param scheme 1 secp256k1, 2 P-256, 3 WebAuthn, 4 ML-DSA-65.
        /// @param validUntil Last second in which it counts; 0: it does not expire.
        event KeyAdded(address indexed account, bytes32 indexed keyId, uint8 scheme, uint64 validUntil);
        /// @notice A key was removed.
        event KeyRemoved(address indexed account, bytes32 indexed keyId);
        /// @notice A delegation was given, changed or, with `validUntil` 0, taken back.
        event DelegationChanged(address indexed account, address indexed delegate, bytes3 indexed currency, uint8 kinds, bool listedOnly, uint128 cap, uint32 period, uint64 validUntil);
        /// @notice A payee was put on a delegate's list, or taken from it.
        event PayeeSet(address indexed account, address indexed delegate, address indexed payee, bool allowed);
        /// @notice An approval policy was set; with `required` 0 there is none any more.
        event PolicyChanged(address indexed account, uint8 required, uint32 time);
        /// @notice The least amount that needs approvals, minor units; 0: none does.
        event ThresholdChanged(address indexed account, bytes3 indexed currency, uint128 threshold);
        /// @notice An approver was appointed or dismissed.
        event ApproverSet(address indexed account, address indexed approver, bool allowed);

        /// @notice Opens an account, ACTIVE. Only a registrar may.
        function open(address account, address owner, uint8 accountType, bytes2 jurisdiction, bytes3 homeCurrency) external;
        /// @notice Opens an account of the caller's own address, PENDING until a registrar makes it ACTIVE.
        function enrol(uint8 accountType, bytes2 jurisdiction, bytes3 homeCurrency) external;
        /// @notice Changes the status of an account: PENDING, ACTIVE and DORMANT to ACTIVE, DORMANT or CLOSED. Only a
        /// registrar may. CLOSED is for ever and needs an empty account. FROZEN is the Compliance engine's.
        function setStatus(address account, uint8 status) external;
        /// @notice Gives the account another owner. Only the owner may.
        function setOwner(address account, address owner) external;
        /// @notice Gives the account another owner, whose key is lost. Only a registrar may, with the approvals that the
        /// role's policy asks for.
        function recover(address account, address owner) external;
        /// @notice Names the institution that keeps the account, or none. Only a registrar may.
        function setCustodian(address account, address custodian) external;
        /// @notice Gives the account limits of its own, minor units; the maximum of uint128: none. Only a registrar may.
        /// The tighter of these and the tier's counts.
        function setLimits(address account, bytes3 currency, uint128 perPayment, uint128 perDay, uint128 perThirtyDays) external;
        /// @notice Adds a key, or sets when it ends. Only the owner may.
        /// @param scheme 1 secp256k1 (address), 2 P-256 (x, y), 3 WebAuthn (x, y, hash of the relying party's id), 4 ML-DSA-65.
        /// @return keyId keccak256 of scheme and key.
        function addKey(address account, uint8 scheme, bytes calldata publicKey, uint64 validUntil) external returns (bytes32 keyId);
        /// @notice Removes a key. Only the owner may.
        function removeKey(address account, bytes32 keyId) external;
        /// @notice Gives or changes a delegation. Only the owner may.
        function setDelegation(address account, address delegate, bytes3 currency, uint8 kinds, bool listedOnly, uint128 cap, uint32 period, uint64 validUntil) external;
        /// @notice Takes a delegation back. The owner may, and the delegate.
        function revokeDelegation(address account, address delegate, bytes3 currency) external;
        /// @notice Puts a payee on a delegate's list, or takes it off. Only the owner may.
        function setPayee(address account, address delegate, address payee, bool allowed) external;
        /// @notice Sets how many approvers must agree, and how long they have. For an account its owner may, for an issuer
        /// the issuer itself; once a policy is in force only a registrar may, with the approvals of the role's policy.
        function setPolicy(address account, uint8 required, uint32 time) external;
        /// @notice Sets from which amount on approvals are needed, minor units; 0: for none. As `setPolicy`.
        function setThreshold(address account, bytes3 currency, uint128 threshold) external;
        /// @notice Appoints or dismisses an approver. As `setPolicy`.
        function setApprover(address account, address approver, bool allowed) external;

        /// @notice The profile of an account.
        function profile(address account) external view returns (Profile memory);
        /// @notice The account's own limits, minor units; the maximum of uint128: none.
        function limits(address account, bytes3 currency) external view returns (uint128 perPayment, uint128 perDay, uint128 perThirtyDays);
        /// @notice A key; scheme 0: the account does not have it.
        function key(address account, bytes32 keyId) external view returns (uint8 scheme, uint64 addedAt, uint64 validUntil);
        /// @notice A delegation; all zero: there is none.
        function delegation(address account, address delegate, bytes3 currency) external view returns (Delegation memory);
        /// @notice Whether a payee is on a delegate's list.
        function isPayee(address account, address delegate, address payee) external view returns (bool);
        /// @notice The approval policy: approvals needed, approvers there are, seconds they have, and the threshold.
        function policy(address account, bytes3 currency) external view returns (uint8 required, uint8 approvers, uint32 time, uint128 threshold);
        /// @notice Whether an address approves payments from an account.
        function isApprover(address account, address approver) external view returns (bool);
    }
}
