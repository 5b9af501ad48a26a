//! Requests as orders: what a client wants, read strictly from JSON.

use alloy_primitives::{Address, B256, FixedBytes};
use axum::body::Bytes;
use qenex_types::{AccountType, Currency};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{body::Fields, problem::Problem, reference::IdempotencyKey};

/// Opens an account. This schema is for readers; `NewAccount::parse` reads.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents the request: the parser names wrong fields better")]
pub(crate) struct OpenAccountRequest {
    /// `RETAIL BUSINESS INSTITUTION MERCHANT TREASURY SETTLEMENT CONTRACT`; also named `type`.
    #[schema(example = "RETAIL")]
    account_type: String,
    /// Home currency, ISO 4217.
    #[schema(example = "USD")]
    currency: String,
    /// ISO 3166-1 alpha-2; `XX` (unknown) if absent.
    #[schema(example = "US")]
    jurisdiction: Option<String>,
    /// EVM address whose own transactions shall move the money; it becomes the account's id. Absent:
    /// a custodial account, moved through this gateway.
    owner: Option<String>,
}

/// Pays. This schema is for readers; `NewPayment::parse` reads.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents the request: the parser names wrong fields better")]
pub(crate) struct PaymentRequest {
    /// The payer's account id; also named `from_account`.
    from: String,
    /// The payee's account id; also named `to_account`.
    to: String,
    /// Major units as a decimal string; a JSON number counts by its literal text.
    #[schema(example = "12.34")]
    amount: String,
    /// ISO 4217; the payer's home currency if absent.
    #[schema(example = "USD")]
    currency: Option<String>,
    /// `transfer`, the only one so far; also named `type`.
    transaction_type: Option<String>,
    /// The payment's id from end to end, at most 32 bytes; also named `memo`. It stands on the chain
    /// for ever: no personal data.
    end_to_end_id: Option<String>,
    /// The same as the header `Idempotency-Key`, for clients that cannot set headers.
    reference: Option<String>,
}

/// An account to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewAccount {
    pub(crate) account_type: AccountType,
    pub(crate) currency: Currency,
    pub(crate) jurisdiction: FixedBytes<2>,
    /// None: custodial.
    pub(crate) owner: Option<Address>,
}

/// A payment to make; the amount still as written, since its currency may be the payer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewPayment {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) amount: String,
    pub(crate) currency: Option<Currency>,
    pub(crate) end_to_end_id: B256,
    pub(crate) reference: Option<IdempotencyKey>,
}

/// Of unknown residence (a code ISO 3166-1 leaves to users).
const UNKNOWN_JURISDICTION: [u8; 2] = *b"XX";

impl NewAccount {
    /// Reads a request body.
    ///
    /// # Errors
    ///
    /// `BadRequest` for text that is not a JSON object, else all wrong fields.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let types = "one of RETAIL BUSINESS INSTITUTION MERCHANT TREASURY SETTLEMENT CONTRACT";
        let names = ["account_type", "type"];
        let account_type =
            fields.parsed(&names, types, |text| text.to_ascii_uppercase().parse().ok());
        let account_type = fields.require(&names, account_type);
        let currency = currency(&mut fields);
        let currency = fields.require(&["currency"], currency);
        let expected = "a country: two letters A to Z (ISO 3166-1)";
        let jurisdiction = fields.parsed(&["jurisdiction"], expected, |text| {
            let code = <[u8; 2]>::try_from(text.as_bytes()).ok()?;
            code.iter().all(u8::is_ascii_uppercase).then_some(code)
        });
        let owner = fields.address(&["owner"]);
        fields.finish()?;
        let (Some(account_type), Some(currency)) = (account_type, currency) else {
            return Err(Problem::internal("a missing field was not noted"));
        };
        let jurisdiction = jurisdiction.unwrap_or(UNKNOWN_JURISDICTION).into();
        Ok(Self { account_type, currency, jurisdiction, owner })
    }
}

impl NewPayment {
    /// Reads a request body.
    ///
    /// # Errors
    ///
    /// `BadRequest` for text that is not a JSON object, else all wrong fields.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let from_names = ["from", "from_account"];
        let to_names = ["to", "to_account"];
        let from = fields.address(&from_names);
        let from = fields.require(&from_names, from);
        let to = fields.address(&to_names);
        let to = fields.require(&to_names, to);
        let amount = fields.amount(&["amount"]);
        let amount = fields.require(&["amount"], amount);
        let currency = currency(&mut fields);
        fields.parsed(&["transaction_type", "type"], "a kind of payment: transfer", |text| {
            text.eq_ignore_ascii_case("transfer").then_some(())
        });
        let id = fields.parsed(&["end_to_end_id", "memo"], "1 to 32 bytes of text", |text| {
            (1..=32).contains(&text.len()).then(|| B256::right_padding_from(text.as_bytes()))
        });
        let reference =
            fields.parsed(&["reference"], "1 to 255 visible ASCII characters", |text| {
                IdempotencyKey::new(text).ok()
            });
        fields.finish()?;
        let (Some(from), Some(to), Some(amount)) = (from, to, amount) else {
            return Err(Problem::internal("a missing field was not noted"));
        };
        Ok(Self { from, to, amount, currency, end_to_end_id: id.unwrap_or_default(), reference })
    }
}

fn currency(fields: &mut Fields) -> Option<Currency> {
    fields.parsed(&["currency"], "a currency code such as USD", |text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use qenex_types::ErrorCode;

    use super::*;

    const A: &str = "0x00000000000000000000000000000000000000aA";
    const B: &str = "0x00000000000000000000000000000000000000Bb";

    fn payment(text: &str) -> Result<NewPayment, Problem> {
        NewPayment::parse(&Bytes::copy_from_slice(
            text.replace("$A", A).replace("$B", B).as_bytes(),
        ))
    }

    fn account(text: &str) -> Result<NewAccount, Problem> {
        NewAccount::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn amounts_are_taken_by_their_literal_text() {
        for (literal, text) in [
            ("\"12.34\"", "12.34"),
            ("12.34", "12.34"),
            ("100.00", "100.00"),
            ("0.1", "0.1"),
            ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("-5", "-5"),
        ] {
            let read =
                payment(&format!(r#"{{"from":"$A","to":"$B","amount":{literal}}}"#)).unwrap();
            assert_eq!(read.amount, text);
        }
    }

    #[test]
    fn long_and_short_names_mean_the_same() {
        let short = r#"{"from":"$A","to":"$B","amount":"1","type":"transfer","memo":"rent"}"#;
        let long = r#"{"from_account":"$A","to_account":"$B","amount":1,"currency":null,
            "transaction_type":"TRANSFER","end_to_end_id":"rent"}"#;
        assert_eq!(payment(short).unwrap(), payment(long).unwrap());
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (text, detail) in [
            ("{}", "from: is required; to: is required; amount: is required"),
            (r#"{"from":"$A","to":"$B","amount":"1","ammount":"1"}"#, "ammount: is not a field"),
            (r#"{"from":"$A","from_account":"$A","to":"$B","amount":"1"}"#, "give one of them"),
            (r#"{"from":"alice","to":"$B","amount":"1"}"#, "from: \"alice\" is not an account id"),
            (r#"{"from":"$A","to":7,"amount":"1"}"#, "to: must be a string"),
            (r#"{"from":"$A","to":"$B","amount":true}"#, "amount: must be a decimal string"),
            (
                r#"{"from":"$A","to":"$B","amount":"1","currency":"usd"}"#,
                "currency: \"usd\" is not",
            ),
            (r#"{"from":"$A","to":"$B","amount":"1","type":"hold"}"#, "type: \"hold\" is not"),
            (r#"{"from":"$A","to":"$B","amount":"1","memo":""}"#, "memo: \"\" is not 1 to 32"),
            (r#"{"from":"$A","to":"$B","amount":"1","reference":"a b"}"#, "reference: "),
        ] {
            let problem = payment(text).unwrap_err();
            assert!(problem.detail().contains(detail), "{text}: {}", problem.detail());
            assert_ne!(problem.code(), ErrorCode::BadRequest, "{text}");
        }
    }

    #[test]
    fn text_that_is_no_object_is_refused_with_its_place() {
        for (text, detail) in [
            ("", "line 1 column 0"),
            ("{\"from\": \n  }", "line 2 column 3"),
            ("[1]", "a JSON object"),
            ("{} {}", "trailing characters at line 1 column 4"),
            (r#"{"amount":"1","amount":"2"}"#, "field `amount` is given twice"),
        ] {
            let problem = payment(text).unwrap_err();
            assert_eq!(problem.code(), ErrorCode::BadRequest, "{text}");
            assert!(problem.detail().contains(detail), "{text}: {}", problem.detail());
        }
    }

    #[test]
    fn accounts_need_type_and_currency_only() {
        let read = account(r#"{"type":"retail","currency":"USD"}"#).unwrap();
        assert_eq!((read.account_type, read.owner), (AccountType::Retail, None));
        assert_eq!(read.jurisdiction.0, *b"XX");
        let problem = account(r#"{"account_type":"SAVINGS","jurisdiction":"usa"}"#).unwrap_err();
        for part in ["account_type: \"SAVINGS\"", "currency: is required", "jurisdiction: \"usa\""]
        {
            assert!(problem.detail().contains(part), "{}", problem.detail());
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let body = Bytes::from(bytes);
            let _unused = (NewPayment::parse(&body), NewAccount::parse(&body));
        }
    }
}
