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
    220 InvalidReference("") 422 "A client reference is not zero and does not start with eight bytes 0xff.";
    221 ReferenceConflict("string field") 422 "The client reference was used with different content.";
    222 TransferNotFound("address account, bytes16 clientReference") 404 "The account has no transfer with this reference.";

    // ERC-20 faces: ERC-6093.
    301 ERC20InsufficientBalance("address sender, uint256 balance, uint256 needed") 422 "The sender's available balance is too low.";
    302 ERC20InvalidSender("address sender") 422 "The zero address cannot pay.";
    303 ERC20InvalidReceiver("address receiver") 422 "The zero address cannot be paid.";
    304 ERC20InsufficientAllowance("address spender, uint256 allowance, uint256 needed") 422 "The spender's allowance is too low.";
    305 ERC20InvalidSpender("address spender") 422 "The zero address cannot be a spender.";

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
