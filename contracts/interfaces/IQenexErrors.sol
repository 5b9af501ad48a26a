// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

/// @title The errors of the QENEX engines and of the ERC-20 faces.
/// @notice What each means, and its HTTP status, is in the error catalogue of the
/// documentation.
interface IQenexErrors {
    // The call itself, in this order of precedence.
    error DelegateCallNotAllowed();
    error ValueNotAccepted();
    error UnknownFunction(bytes4 selector);
    error StaticCallNotAllowed();
    error MalformedCall();

    // Rules of the engines.
    error NotAuthorised(address caller);
    error UnknownCurrency(bytes3 currency);
    error CurrencyExists(bytes3 currency);
    error InvalidCurrencyCode(bytes3 currency);
    error InvalidExponent(uint8 exponent);
    error InvalidName();
    error CurrencyNotActive(bytes3 currency);
    error UnknownAccount(address account);
    error AccountExists(address account);
    error InvalidAccount(address account);
    error InvalidAccountType(uint8 accountType);
    error InvalidJurisdiction(bytes2 jurisdiction);
    error InvalidStatus(uint8 current, uint8 wanted);
    error AccountNotActive(address account, uint8 status);
    error AccountNotEmpty(address account);
    error ZeroAmount();
    error SameAccount();
    error InsufficientFunds(uint128 available, uint128 needed);
    error SupplyCapExceeded(uint128 cap, uint128 supply, uint128 amount);
    error InvalidReference();
    error ReferenceConflict(string field);
    error TransferNotFound(address account, bytes16 clientReference);
    error LimitExceeded(string which, uint128 limit, uint128 used);
    error Frozen(address account, uint8 side);
    error Denied(address account);
    error CorridorBlocked(bytes2 from, bytes2 to);
    error TierTooLow(uint8 tier);
    error TravelRuleMissing(string field);
    error RiskRejected(uint16 score, uint16 rules);
    error ReviewRequired(uint16 score, uint16 rules);
    error Expired(uint64 last);
    error NotExpired(uint64 last);
    error NotYetValid(uint64 first);
    error InvalidExpiry(uint64 expires);
    error InvalidSignature();
    error InvalidKind(uint8 kind);
    error InvalidTransferStatus(uint8 status);
    error AmountTooLarge(uint128 most, uint128 amount);
    error ItemRefused(uint64 index, bytes reason);
    error TooManyItems(uint64 most, uint64 given);
    error InvalidKey(uint8 scheme);
    error UnknownKey(address account, bytes32 keyId);
    error InvalidDelegation(string field);
    error InvalidPolicy(string field);
    error AlreadyApproved(address approver);
    error ApprovalMissing(uint8 have, uint8 need);
    error RequestNotOpen(bytes32 id, uint8 status);
    error InvalidRole(uint8 role);
    error TooFewMembers(uint8 role, uint64 needed);
    error UnknownParameter(uint16 id);
    error ParameterOutOfBounds(uint16 id, uint64 min, uint64 max);
    error ChangeNotDue(uint16 id, uint64 effectiveAt);
    error InvalidTier(uint8 tier);
    error InvalidCorridor(uint8 corridor);
    error InvalidFreeze(string field);
    error NotFrozen(address account);
    error SecondOfficerNeeded(address officer);
    error InvalidAttestation(string field);
    error UnknownFeed(uint32 feed);
    error InvalidFeed(string field);
    error NotReporter(uint32 feed, address caller);
    error InvalidObservation(uint64 observedAt, uint64 first, uint64 last);
    error AnswerOutOfBounds(int128 answer, int128 min, int128 max);
    error PriceStale(uint32 feed, uint64 updatedAt);
    error PriceHeld(uint32 feed, uint8 hold, uint64 since);
    error NoRound(uint32 feed, uint80 round);
    error NotHeld(uint32 feed);
    error FaceExists(address face);
    error InstructionNotOpen(bytes32 id, uint8 status);
    error NothingToAffirm(bytes32 id, address payer);
    error NotAffirmed(bytes32 id, uint8 open);
    error NotAParticipant(bytes32 id, address account);
    error ParticipantShort(address account, uint128 available, uint128 needed);

    // ERC-20 faces: ERC-6093.
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error ERC20InvalidSender(address sender);
    error ERC20InvalidReceiver(address receiver);
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InvalidSpender(address spender);
    // EIP-2612, with the names that are usual.
    error ERC2612ExpiredSignature(uint256 deadline);
    error ERC2612InvalidSigner(address signer, address owner);
}
