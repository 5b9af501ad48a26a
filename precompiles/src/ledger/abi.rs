//! The Solidity interface of the Ledger engine.

#![expect(clippy::too_many_arguments, reason = "the macro makes a constructor of every event")]

use alloy_sol_types::sol;

sol! {
    /// @title Currencies, balances and transfers.
    /// @notice Amounts are minor units (cents). A client reference is unique per account for ever: a
    /// replay with the same content returns the first result and changes nothing, with different
    /// content it reverts naming the first field that differs.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface ILedger {
        /// @notice A payment as it is asked for.
        /// @param kind 1 TRANSFER, 3 HOLD, 4 REDEEM.
        /// @param to The payee; zero for REDEEM.
        /// @param expires Last second of a HOLD; 0 for others.
        /// @param endToEndId The payment's id from end to end, or zero.
        /// @param payloadHash Hash of the ISO 20022 message kept off chain, or zero.
        struct Order {
            bytes16 clientReference;
            uint8 kind;
            address from;
            address to;
            bytes3 currency;
            uint128 amount;
            uint64 expires;
            bytes32 endToEndId;
            bytes32 payloadHash;
        }

        /// @notice An order signed with a key of the payer.
        /// @param validAfter It counts from this second on.
        /// @param validBefore It counts up to this second, or for ever if 0.
        /// @param scheme 1 secp256k1, 2 P-256, 3 WebAuthn, 4 ML-DSA-65.
        /// @param proof Key and signature on `digest`, as the scheme has it.
        struct SignedOrder {
            Order order;
            uint64 validAfter;
            uint64 validBefore;
            uint8 scheme;
            bytes proof;
        }

        /// @notice What became of an order.
        /// @param id keccak256(from, clientReference); zero if the order was not understood.
        /// @param status 1 PENDING_APPROVAL, 2 UNDER_REVIEW, 3 HELD, 4 SETTLED, 5 REJECTED, 6 VOIDED, 7 EXPIRED, 8 REVERSED.
        /// @param reason The error of a REJECTED order.
        struct Result {
            bytes32 id;
            uint8 status;
            bytes reason;
        }

        /// @notice What would become of an order.
        /// @param status As in `Result`.
        /// @param refusals Every error that stands in its way, in the order of precedence.
        /// @param authorisation By what right: 1 OWNER, 3 DELEGATE.
        /// @param outcome What the risk rules say: 1 ALLOW, 2 REVIEW, 3 REJECT.
        /// @param score 0 to 1000.
        /// @param rules Which rules fire: bit n - 1 is rule n.
        /// @param ruleSet Version of the rules' terms.
        /// @param available What the payer may spend, minor units.
        /// @param perPayment Most in one payment; the maximum of uint128: no limit.
        /// @param leftToday What is left of the day's limit.
        /// @param leftThirtyDays What is left of the 30 days' limit.
        /// @param approvals Approvals it would need.
        struct Explanation {
            uint8 status;
            bytes[] refusals;
            uint8 authorisation;
            uint8 outcome;
            uint16 score;
            uint16 rules;
            uint8 ruleSet;
            uint128 available;
            uint128 perPayment;
            uint128 leftToday;
            uint128 leftThirtyDays;
            uint8 approvals;
        }

        /// @notice A transfer as it stands.
        /// @param kind 1 TRANSFER, 2 ISSUE, 3 HOLD, 4 REDEEM, 5 REVERSAL.
        /// @param status As in `Result`.
        /// @param authorisation 1 OWNER, 2 KEY, 3 DELEGATE, 4 ALLOWANCE, 5 ISSUER.
        /// @param blockNumber Height of the last change of status.
        /// @param timestamp Its time, seconds.
        /// @param expires Last second of a hold, a review or an approval.
        /// @param captured The part of a hold that was posted.
        /// @param reversed The part of what was posted that was given back.
        /// @param approvals Approvals it has, of those it needs.
        struct Transfer {
            bytes32 id;
            address from;
            address to;
            bytes3 currency;
            uint128 amount;
            uint8 kind;
            uint8 status;
            uint8 authorisation;
            uint16 score;
            uint16 rules;
            uint64 blockNumber;
            uint64 timestamp;
            uint64 expires;
            bytes32 endToEndId;
            bytes32 payloadHash;
            uint128 captured;
            uint128 reversed;
            uint8 approvals;
            uint8 approvalsNeeded;
        }

        /// @notice A posting. The only event of the ledger that moves money; both balances changed by `amount`.
        /// @param id keccak256(account, clientReference) of the payer, or of the issuer if money was issued.
        /// @param from The payer; zero if money was issued.
        /// @param to The payee; zero if money was redeemed.
        /// @param amount Minor units.
        /// @param clientReference As given; eight bytes 0xff and a counter if it came through an ERC-20 face.
        /// @param endToEndId The payment's id from end to end, or zero.
        /// @param payloadHash Hash of the ISO 20022 message kept off chain, or zero.
        event Settled(bytes32 indexed id, address indexed from, address indexed to, bytes3 currency, uint128 amount, bytes16 clientReference, bytes32 endToEndId, bytes32 payloadHash);
        /// @notice Money of the payer is held.
        /// @param status 1 PENDING_APPROVAL, 2 UNDER_REVIEW, 3 HELD.
        /// @param expires Last second.
        event Held(bytes32 indexed id, address indexed from, address indexed to, bytes3 currency, uint128 amount, uint8 status, uint64 expires, bytes16 clientReference, bytes32 endToEndId, bytes32 payloadHash);
        /// @notice Money that was held was posted: the `Settled` of the same id and amount says to whom.
        event Captured(bytes32 indexed id, address indexed from, bytes3 currency, uint128 amount, uint128 rest);
        /// @notice Money that was held is the payer's again.
        /// @param status What the transfer is now: 4 SETTLED, 5 REJECTED, 6 VOIDED, 7 EXPIRED.
        event Released(bytes32 indexed id, address indexed from, address indexed to, bytes3 currency, uint128 amount, uint8 status, bytes16 clientReference);
        /// @notice An issue waits for approvals; no money is held for it.
        event IssueProposed(bytes32 indexed id, address indexed issuer, address indexed to, bytes3 currency, uint128 amount, uint8 needed, uint64 expires);
        /// @notice A transfer that waited goes on to another status without money moving.
        event StatusSet(bytes32 indexed id, uint8 status, address indexed by);
        /// @notice An approver agreed.
        event Approved(bytes32 indexed id, address indexed approver, uint8 have, uint8 need);
        /// @notice Money was given back: the `Settled` with the id `reversal` moved it.
        /// @param reason Reason code of ISO 20022.
        event Reversed(bytes32 indexed id, bytes32 indexed reversal, uint128 amount, uint128 total, bytes4 reason);
        /// @notice An order of a batch was refused; its reference is used up.
        event Rejected(bytes32 indexed id, address indexed from, bytes reason);
        /// @notice A currency was registered; its ERC-20 face is at 0x5158C0… with the code as last three bytes.
        event CurrencyRegistered(bytes3 indexed currency, uint8 exponent, string name, address issuer, uint128 cap);
        /// @notice A currency was suspended or allowed again.
        event CurrencyStatusSet(bytes3 indexed currency, bool active);
        /// @notice A currency has another cap.
        event CapChanged(bytes3 indexed currency, uint128 cap);

        /// @notice Registers a currency for ever. Only an admin may.
        /// @param exponent Digits after the decimal point, 0 to 18, frozen.
        /// @param name 1 to 31 bytes.
        /// @param issuer Who may issue.
        /// @param cap Most that may ever be outstanding, minor units.
        function registerCurrency(bytes3 code, uint8 exponent, string calldata name, address issuer, uint128 cap) external;
        /// @notice Suspends a currency (no postings) or allows it again. Only an admin may.
        function setCurrencyActive(bytes3 code, bool active) external;
        /// @notice Sets another cap, not under what is outstanding. Only an admin may.
        function setCap(bytes3 code, uint128 cap) external;

        /// @notice Issues money to an account. Only the currency's issuer may; its approval policy applies.
        /// @return id keccak256(issuer, clientReference).
        function issue(bytes16 clientReference, address to, bytes3 currency, uint128 amount) external returns (bytes32 id);
        /// @notice Destroys money of an account. The caller must be the currency's issuer and may pay from `from`.
        /// @return id keccak256(from, clientReference).
        function redeem(bytes16 clientReference, address from, bytes3 currency, uint128 amount) external returns (bytes32 id);
        /// @notice Pays. The caller must be the owner of `from`, or its delegate. Where approvals are needed or an
        /// officer must decide, the money is held and `transferOf` tells the status.
        /// @param endToEndId The payment's id from end to end, or zero.
        /// @param payloadHash Hash of the ISO 20022 message kept off chain, or zero.
        /// @return id keccak256(from, clientReference).
        function transfer(bytes16 clientReference, address from, address to, bytes3 currency, uint128 amount, bytes32 endToEndId, bytes32 payloadHash) external returns (bytes32 id);
        /// @notice Holds money for a payee, who captures it up to the second `expires`. As `transfer` otherwise.
        function hold(bytes16 clientReference, address from, address to, bytes3 currency, uint128 amount, uint64 expires, bytes32 endToEndId, bytes32 payloadHash) external returns (bytes32 id);
        /// @notice Posts a held amount, all or a part. The owner of the payee may, or its delegate.
        /// @param account The payer, whose reference it is.
        function capture(address account, bytes16 clientReference, uint128 amount) external;
        /// @notice Gives the rest of a hold back to the payer. The owner of the payee may, or its delegate.
        function voidHold(address account, bytes16 clientReference) external;
        /// @notice Gives back what is held for a hold, an approval or a review whose time is over. Anybody may.
        function expire(address account, bytes16 clientReference) external;
        /// @notice Gives money back that `account`, the caller's, was paid. The owner of the payee may, or its delegate.
        /// @param clientReference The payee's reference for the reversal.
        /// @param payer The payer of what is reversed, and `original` its reference.
        /// @param amount With earlier reversals at most what was posted.
        /// @param reason Reason code of ISO 20022.
        /// @return id keccak256(payee, clientReference).
        function reverse(bytes16 clientReference, address payer, bytes16 original, uint128 amount, bytes4 reason) external returns (bytes32 id);
        /// @notice Agrees to a transfer that waits for approvals. Approvers of the account may, the initiator not.
        function approve(address account, bytes16 clientReference) external;
        /// @notice Refuses a transfer that waits for approvals. An approver may, or the owner.
        function disapprove(address account, bytes16 clientReference) external;
        /// @notice Decides on a transfer under review. A compliance or risk officer may, the initiator not.
        function decide(address account, bytes16 clientReference, bool accept) external;
        /// @notice Carries out orders of the caller's own accounts and of those it is the delegate of, at most 1,000. Each
        /// has its own result; one that is refused does not stop the rest, and its reference is used up.
        function batch(Order[] calldata orders) external returns (Result[] memory results);
        /// @notice As `batch`, but all or none: the first order that is refused reverts with `ItemRefused`.
        function atomic(Order[] calldata orders) external returns (Result[] memory results);
        /// @notice Carries out orders signed with keys of their payers, at most 1,000, each with its own result. Anybody may.
        function submit(SignedOrder[] calldata orders) external returns (Result[] memory results);

        /// @notice What would become of an order of `caller`, with every verdict. Nothing is moved.
        function explain(address caller, Order calldata order) external view returns (Explanation memory);
        /// @notice What a key signs (EIP-712).
        function digest(Order calldata order, uint64 validAfter, uint64 validBefore) external view returns (bytes32);
        /// @notice The balance of an account: posted, the part of it that is held, and the rest. Zero for an unknown account.
        function balanceOf(address account, bytes3 currency) external view returns (uint128 posted, uint128 held, uint128 available);
        /// @notice A currency.
        function currency(bytes3 code) external view returns (uint8 exponent, string memory name, address issuer, uint128 cap, bool active);
        /// @notice The currencies there are, the last one first.
        function currencies() external view returns (bytes3[] memory);
        /// @notice The money outstanding, minor units.
        function supply(bytes3 code) external view returns (uint128);
        /// @notice The transfer an account made, or the issuer's issue, under a client reference.
        function transferOf(address account, bytes16 clientReference) external view returns (Transfer memory);
        /// @notice Whether an approver agreed to a transfer.
        function hasApproved(address account, bytes16 clientReference, address approver) external view returns (bool);
    }
}
