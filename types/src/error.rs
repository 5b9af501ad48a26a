//! The one error catalogue: engines revert with these names, REST answers with them, documents list
//! them.
//!
//! Numbers are public and append-only: 100s the call itself, 200s the engines' rules, 300s the
//! ERC-20 faces (names of ERC-6093, which wallets know), 400s the bank facade.

use std::fmt;

/// Declares the catalogue: one line per error.
macro_rules! catalogue {
    ($($number:literal $name:ident($parameters:literal) $http:literal $text:literal;)+) => {
        /// An error of the catalogue.
        ///
        /// Engines revert with the Solidity custom error of that name and those parameters (a test
        /// of the engines compares them); REST sends name, number, status and text as problem+json.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $text] $name,)+
        }

        impl ErrorCode {
            /// All errors, by number.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The public number.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The public name, also the name of the Solidity error.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The parameters of the Solidity error, `type name` each. Empty for errors of the
            /// facade.
            pub const fn parameters(self) -> &'static str {
                match self { $(Self::$name => $parameters,)+ }
            }

            /// The HTTP status of the REST answer.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $http,)+ }
            }

            /// One sentence for people, the same for every occurrence.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Finds an error by name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)+ _ => None }
            }

            /// Finds an error by number.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

catalogue! {
    // The call itself, in this order of precedence.
    101 DelegateCallNotAllowed("") 400 "Engines run only at their own address: no delegatecall, no callcode.";
    102 ValueNotAccepted("") 400 "Engines accept no native coin.";
    103 UnknownFunction("bytes4 selector") 400 "The engine has no function with this selector.";
    104 StaticCallNotAllowed("") 400 "This function writes, and the call is static.";
    105 MalformedCall("") 400 "The call data is not the canonical ABI encoding of the function's arguments.";

    // Rules of the engines.
    201 NotAuthorised("address caller") 403 "The caller may not do this.";
    202 UnknownCurrency("bytes3 currency") 422 "No such currency is registered.";
    203 CurrencyExists("bytes3 currency") 409 "The currency is registered already.";
    204 InvalidCurrencyCode("bytes3 currency") 422 "A currency code is three letters A to Z.";
    205 InvalidExponent("uint8 exponent") 422 "A currency has at most 18 digits after the decimal point.";
    206 InvalidName("") 422 "A currency's name has 1 to 31 bytes.";
    207 CurrencyNotActive("bytes3 currency") 422 "The currency is suspended.";
    208 UnknownAccount("address account") 404 "No such ledger account is open.";
    209 AccountExists("address account") 409 "The ledger account is open already.";
    210 InvalidAccount("address account") 422 "This address cannot be a ledger account or an owner.";
    211 InvalidAccountType("uint8 accountType") 422 "No such account type.";
    212 InvalidJurisdiction("bytes2 jurisdiction") 422 "A jurisdiction is two letters A to Z (ISO 3166-1).";
    213 InvalidStatus("uint8 current, uint8 wanted") 422 "The account cannot go from its status to that one.";
    214 AccountNotActive("address account, uint8 status") 422 "The account is not active.";
    215 AccountNotEmpty("address account") 409 "The account still holds money.";
    216 ZeroAmount("") 422 "The amount is zero.";
    217 SameAccount("") 422 "Payer and payee are the same account.";
    218 InsufficientFunds("uint128 available, uint128 needed") 422 "The payer's available balance is too low.";
    219 SupplyCapExceeded("uint128 cap, uint128 supply, uint128 amount") 422 "The currency's supply cap would be exceeded.";
    220 InvalidReference("") 422 "A client reference is not zero and does not start with three bytes 0xff.";
    221 ReferenceConflict("string field") 422 "The client reference was used with different content.";
    222 TransferNotFound("address account, bytes16 clientReference") 404 "The account has no transfer with this reference.";
    223 LimitExceeded("string which, uint128 limit, uint128 used") 422 "The payment would pass a limit.";
    224 Frozen("address account, uint8 side") 422 "This side of the account is frozen.";
    225 Denied("address account") 422 "The account is on the deny list.";
    226 CorridorBlocked("bytes2 from, bytes2 to") 422 "Payments from this jurisdiction to that one are blocked.";
    227 TierTooLow("uint8 tier") 422 "The payer's tier may not pay in this currency.";
    228 TravelRuleMissing("string field") 422 "The travel rule asks for data that the payment lacks.";
    229 RiskRejected("uint16 score, uint16 rules") 422 "The risk rules refuse the payment.";
    230 ReviewRequired("uint16 score, uint16 rules") 422 "An officer must decide on the payment: use the ledger, not its ERC-20 face.";
    231 Expired("uint64 last") 422 "Its time is over.";
    232 NotExpired("uint64 last") 409 "Its time is not over yet.";
    233 NotYetValid("uint64 first") 422 "The instruction does not count yet.";
    234 InvalidExpiry("uint64 expires") 422 "This cannot be the last second.";
    235 InvalidSignature("") 403 "The signature is not right.";
    236 InvalidKind("uint8 kind") 422 "No order is of this kind.";
    237 InvalidTransferStatus("uint8 status") 409 "The transfer's status does not allow it.";
    238 AmountTooLarge("uint128 most, uint128 amount") 422 "The amount is more than what is left.";
    239 ItemRefused("uint64 index, bytes reason") 422 "An order of the call was refused, so all were.";
    240 TooManyItems("uint64 most, uint64 given") 422 "The call has too many items.";
    241 InvalidKey("uint8 scheme") 422 "This is no key of a scheme that there is.";
    242 UnknownKey("address account, bytes32 keyId") 403 "The account has no such key, or it has expired.";
    243 InvalidDelegation("string field") 422 "The delegation cannot have this value.";
    244 InvalidPolicy("string field") 422 "The policy cannot have this value.";
    245 AlreadyApproved("address approver") 409 "The approver has agreed already.";
    246 ApprovalMissing("uint8 have, uint8 need") 403 "Others must agree first.";
    247 RequestNotOpen("bytes32 id, uint8 status") 409 "The request is not open.";
    248 InvalidRole("uint8 role") 422 "No such role.";
    249 TooFewMembers("uint8 role, uint64 needed") 422 "The role needs more members than that.";
    250 UnknownParameter("uint16 id") 404 "No such parameter.";
    251 ParameterOutOfBounds("uint16 id, uint64 min, uint64 max") 422 "The parameter cannot have this value.";
    252 ChangeNotDue("uint16 id, uint64 effectiveAt") 409 "No change of the parameter is due.";
    253 InvalidTier("uint8 tier") 422 "A tier is 0 to 4.";
    254 InvalidCorridor("uint8 corridor") 422 "A corridor is 1 OPEN, 2 REVIEW or 3 BLOCKED.";
    255 InvalidFreeze("string field") 422 "The freeze cannot have this value.";
    256 NotFrozen("address account") 409 "The account is not frozen.";
    257 SecondOfficerNeeded("address officer") 403 "Another officer must agree to the release.";
    258 InvalidAttestation("string field") 422 "The attestation cannot have this value.";
    260 UnknownFeed("uint32 feed") 404 "No such price feed.";
    261 InvalidFeed("string field") 422 "The feed cannot have this value.";
    262 NotReporter("uint32 feed, address caller") 403 "This address is no reporter of the feed.";
    263 InvalidObservation("uint64 observedAt, uint64 first, uint64 last") 422 "The observation is too old, in the future, or not newer than the reporter's last.";
    264 AnswerOutOfBounds("int128 answer, int128 min, int128 max") 422 "The answer is not within the bounds.";
    265 PriceStale("uint32 feed, uint64 updatedAt") 409 "The feed's answer is too old, or too few reports count for another.";
    266 PriceHeld("uint32 feed, uint8 hold, uint64 since") 409 "A newer answer is held because it is far from the last, or the feed is suspended.";
    267 NoRound("uint32 feed, uint80 round") 404 "The feed has no such round.";
    268 NotHeld("uint32 feed") 409 "The feed is neither held nor suspended.";
    269 FaceExists("address face") 409 "The native coin has its ERC-20 face already.";
    290 InstructionNotOpen("bytes32 id, uint8 status") 409 "The instruction or cycle is not open.";
    291 NothingToAffirm("bytes32 id, address payer") 422 "The payer has no leg to affirm.";
    292 NotAffirmed("bytes32 id, uint8 open") 409 "Not every leg is affirmed.";
    293 NotAParticipant("bytes32 id, address account") 422 "The account takes no part in the cycle.";
    294 ParticipantShort("address account, uint128 available, uint128 needed") 422 "A participant's available balance is less than its net position.";

    // ERC-20 faces: ERC-6093.
    301 ERC20InsufficientBalance("address sender, uint256 balance, uint256 needed") 422 "The sender's available balance is too low.";
    302 ERC20InvalidSender("address sender") 422 "The zero address cannot pay.";
    303 ERC20InvalidReceiver("address receiver") 422 "The zero address cannot be paid.";
    304 ERC20InsufficientAllowance("address spender, uint256 allowance, uint256 needed") 422 "The spender's allowance is too low.";
    305 ERC20InvalidSpender("address spender") 422 "The zero address cannot be a spender.";
    306 ERC2612ExpiredSignature("uint256 deadline") 422 "The permit's time is over.";
    307 ERC2612InvalidSigner("address signer, address owner") 403 "The permit is not signed by the owner.";

    // The bank facade; never reverted by an engine.
    401 BadRequest("") 400 "The request is malformed.";
    402 Unauthenticated("") 401 "The request carries no valid credentials.";
    403 NotFound("") 404 "No such resource.";
    404 IdempotencyKeyMissing("") 400 "The Idempotency-Key header is required.";
    405 RequestInProgress("") 409 "A request with this idempotency key is still running.";
    406 PrecisionTooFine("") 422 "The amount has more digits after the decimal point than the currency.";
    407 InvalidAmount("") 422 "The amount is not a plain decimal number such as 12.34, or too large.";
    408 RateLimited("") 429 "Too many requests.";
    409 Unavailable("") 503 "The chain cannot take the request now.";
    410 Internal("") 500 "The gateway failed; the request may or may not have been carried out.";
    411 InvalidField("") 422 "A field of the request is missing, unknown or has a value it cannot have.";
    412 MethodNotAllowed("") 405 "The resource does not have this method.";
    413 PayloadTooLarge("") 413 "The request body is too large.";
    414 UnsupportedMediaType("") 415 "The request body must be application/json.";
}

impl ErrorCode {
    /// Whether an engine may revert with this error.
    pub const fn is_engine_error(self) -> bool {
        self.number() < 400
    }

    /// The Solidity declaration without semicolon: `error ReferenceConflict(string field)`.
    pub fn declaration(self) -> String {
        format!("error {}({})", self.name(), self.parameters())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_names_are_unique_and_both_are_found() {
        assert!(ErrorCode::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(code));
            assert_eq!(ErrorCode::from_name(code.name()), Some(code));
            assert!((400..=599).contains(&code.http_status()), "{code}");
            assert!(code.text().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn declarations_read_as_solidity() {
        assert_eq!(ErrorCode::ZeroAmount.declaration(), "error ZeroAmount()");
        assert_eq!(
            ErrorCode::InsufficientFunds.declaration(),
            "error InsufficientFunds(uint128 available, uint128 needed)"
        );
    }
}
