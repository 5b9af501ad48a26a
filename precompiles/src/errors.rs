//! The errors engines revert with, as Solidity custom errors, and their decoder.
//!
//! Names, parameters and meanings are those of the catalogue in `qenex_types::ErrorCode`; a test
//! here compares both.

use std::fmt;

use alloy_primitives::Bytes;
use alloy_sol_types::{SolInterface, sol};
use qenex_types::ErrorCode;

use crate::HostError;

sol! {
    /// @title The errors of the QENEX engines and of the ERC-20 faces.
    /// @notice What each means, and its HTTP status, is in the error catalogue of the
    /// documentation.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
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
}

/// Any error an engine reverts with.
pub type Refusal = IQenexErrors::IQenexErrorsErrors;

/// Lets each error stand for the enumeration of all.
macro_rules! refusals {
    ($($name:ident),+) => {$(
        impl From<IQenexErrors::$name> for Refusal {
            fn from(error: IQenexErrors::$name) -> Self {
                Self::$name(error)
            }
        }
    )+};
}

refusals!(
    DelegateCallNotAllowed,
    ValueNotAccepted,
    UnknownFunction,
    StaticCallNotAllowed,
    MalformedCall,
    NotAuthorised,
    UnknownCurrency,
    CurrencyExists,
    InvalidCurrencyCode,
    InvalidExponent,
    InvalidName,
    CurrencyNotActive,
    UnknownAccount,
    AccountExists,
    InvalidAccount,
    InvalidAccountType,
    InvalidJurisdiction,
    InvalidStatus,
    AccountNotActive,
    AccountNotEmpty,
    ZeroAmount,
    SameAccount,
    InsufficientFunds,
    SupplyCapExceeded,
    InvalidReference,
    ReferenceConflict,
    TransferNotFound,
    LimitExceeded,
    Frozen,
    Denied,
    CorridorBlocked,
    TierTooLow,
    TravelRuleMissing,
    RiskRejected,
    ReviewRequired,
    Expired,
    NotExpired,
    NotYetValid,
    InvalidExpiry,
    InvalidSignature,
    InvalidKind,
    InvalidTransferStatus,
    AmountTooLarge,
    ItemRefused,
    TooManyItems,
    InvalidKey,
    UnknownKey,
    InvalidDelegation,
    InvalidPolicy,
    AlreadyApproved,
    ApprovalMissing,
    RequestNotOpen,
    InvalidRole,
    TooFewMembers,
    UnknownParameter,
    ParameterOutOfBounds,
    ChangeNotDue,
    InvalidTier,
    InvalidCorridor,
    InvalidFreeze,
    NotFrozen,
    SecondOfficerNeeded,
    InvalidAttestation,
    UnknownFeed,
    InvalidFeed,
    NotReporter,
    InvalidObservation,
    AnswerOutOfBounds,
    PriceStale,
    PriceHeld,
    NoRound,
    NotHeld,
    FaceExists,
    InstructionNotOpen,
    NothingToAffirm,
    NotAffirmed,
    NotAParticipant,
    ParticipantShort,
    ERC20InsufficientBalance,
    ERC20InvalidSender,
    ERC20InvalidReceiver,
    ERC20InsufficientAllowance,
    ERC20InvalidSpender,
    ERC2612ExpiredSignature,
    ERC2612InvalidSigner
);

/// Why an engine function did not succeed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The caller's fault, or the state of the money: a revert, nothing changes.
    #[error("{0:?}")]
    Refused(Refusal),
    /// The end of the call (out of gas) or of the node (state unavailable).
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Refuses a call: `return refuse(IQenexErrors::ZeroAmount {})`.
pub(crate) fn refuse<T>(error: impl Into<Refusal>) -> Result<T, EngineError> {
    Err(refusal(error))
}

/// The same as a value, for `ok_or_else` and `map_err`.
pub(crate) fn refusal(error: impl Into<Refusal>) -> EngineError {
    EngineError::Refused(error.into())
}

/// The revert data of a refusal.
pub(crate) fn encode(refusal: &Refusal) -> Bytes {
    refusal.abi_encode().into()
}

/// An engine's revert data, understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The entry of the catalogue: number, name, HTTP status, text.
    pub code: ErrorCode,
    /// The error with its arguments.
    pub refusal: Refusal,
}

/// `InsufficientFunds { available: 5, needed: 10 }`.
impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let debug = format!("{:?}", self.refusal);
        // Derived `Debug` prints `Name(Name { .. })`: the inner part reads better.
        let inner = debug.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        f.write_str(inner.unwrap_or(&debug))
    }
}

/// Understands an engine's revert data; `None` if it is not an error of the catalogue.
pub fn decode(data: &[u8]) -> Option<Decoded> {
    let refusal = Refusal::abi_decode_validate(data).ok()?;
    let code = ErrorCode::from_name(Refusal::name_by_selector(refusal.selector())?)?;
    Some(Decoded { code, refusal })
}

/// An engine's revert data as text for people:
/// `InsufficientFunds { available: 5, needed: 10 }`.
pub fn decode_error(data: &[u8]) -> Option<String> {
    decode(data).map(|decoded| decoded.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_solidity_errors_are_the_catalogue() {
        let solidity: BTreeMap<String, String> = IQenexErrors::abi::errors()
            .into_values()
            .flatten()
            .map(|error| {
                let inputs: Vec<_> = error
                    .inputs
                    .iter()
                    .map(|input| format!("{} {}", input.ty, input.name))
                    .collect();
                (error.name, inputs.join(", "))
            })
            .collect();
        let catalogue: BTreeMap<String, String> = ErrorCode::ALL
            .iter()
            .filter(|code| code.is_engine_error())
            .map(|code| (code.name().to_owned(), code.parameters().to_owned()))
            .collect();
        assert_eq!(solidity, catalogue);
    }

    #[test]
    fn revert_data_decodes_to_code_and_text() {
        let data = Refusal::from(IQenexErrors::InsufficientFunds { available: 5, needed: 10 })
            .abi_encode();
        let decoded = decode(&data).unwrap();
        assert_eq!(decoded.code, ErrorCode::InsufficientFunds);
        assert_eq!(decoded.to_string(), "InsufficientFunds { available: 5, needed: 10 }");
        let empty = Refusal::from(IQenexErrors::ZeroAmount {}).abi_encode();
        assert_eq!(decode_error(&empty).as_deref(), Some("ZeroAmount"));
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[1, 2, 3, 4]), None);
        assert_eq!(decode(&data[..20]), None);
    }
}
