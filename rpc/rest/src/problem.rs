//! Refusals as RFC 9457 problem details, each an entry of the one error catalogue.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use qenex_precompiles::{Decoded, IQenexErrors::IQenexErrorsErrors as Refusal};
use qenex_types::{Amount, ErrorCode};
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field as in the request.
    pub field: String,
    /// Name of the error in the catalogue.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: ErrorCode,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<u32>,
}

/// A problem as it travels.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// Names the kind of problem: `urn:qenex:error:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in one sentence.
    title: String,
    /// HTTP status.
    status: u16,
    /// What happened this time.
    detail: String,
    /// Path of the request.
    instance: String,
    /// Name in the error catalogue.
    code: String,
    /// Number in the error catalogue.
    number: u16,
    /// The request's id, as in the header `X-Request-Id`.
    request_id: String,
    /// One entry for each wrong field; empty if the problem is not one of fields.
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem that belongs to no field.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// A problem of one field.
    pub fn field(code: ErrorCode, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code, "").with_field(field, message).summarised()
    }

    /// A problem of several fields; none if there is no error. Its code is the first field's.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Option<Self> {
        let code = ErrorCode::from_name(&errors.first()?.code).unwrap_or(ErrorCode::InvalidField);
        Some(Self { code, detail: String::new(), errors, retry_after: None }.summarised())
    }

    /// The same problem, blamed on a field.
    #[must_use]
    pub(crate) fn with_field(
        mut self,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            code: self.code.name().into(),
            message: message.into(),
        });
        self
    }

    fn summarised(mut self) -> Self {
        let parts: Vec<_> =
            self.errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        self.detail = parts.join("; ");
        self
    }

    /// The chain or the gateway cannot answer now; the client may try again after `seconds`.
    pub(crate) fn unavailable(detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(ErrorCode::Unavailable, detail) }
    }

    /// The same request is still running; the client may ask again after a second.
    pub(crate) fn in_progress(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(ErrorCode::RequestInProgress, detail) }
    }

    /// A failure of this node, which the client cannot help. The reason goes to the log only.
    pub(crate) fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!(%reason, "request failed");
        Self::new(ErrorCode::Internal, "The gateway failed; ask again with the same key.")
    }

    /// An engine's refusal. `exponent` is that of the currency the request is about.
    pub(crate) fn engine(decoded: &Decoded, exponent: u8) -> Self {
        let money = |minor: u128| Amount::from_minor(minor).format(exponent);
        let problem = |detail: String| Self::new(decoded.code, detail);
        match &decoded.refusal {
            Refusal::InsufficientFunds(error) => problem(format!(
                "{} available, {} needed",
                money(error.available),
                money(error.needed)
            ))
            .with_field("amount", "more than the payer has available"),
            Refusal::ReferenceConflict(error) => {
                let field = request_field(&error.field);
                problem(format!("the idempotency key was used with another {field}"))
                    .with_field(field, "differs from the first request with this key")
            }
            Refusal::UnknownAccount(error) => {
                problem(format!("account {} is not open", error.account))
            }
            Refusal::AccountExists(error) => {
                problem(format!("account {} is open already", error.account))
            }
            Refusal::AccountNotActive(error) => {
                let status = qenex_types::AccountStatus::from_number(error.status);
                let status = status.map_or("in an unknown status", |status| status.as_str());
                problem(format!("account {} is {status}", error.account))
            }
            Refusal::NotAuthorised(_) => problem("this gateway may not act for the account".into()),
            Refusal::ZeroAmount(_) => {
                problem("the amount is zero".into()).with_field("amount", "must be above zero")
            }
            Refusal::SameAccount(_) => problem("payer and payee are the same account".into())
                .with_field("to", "is the payer's account"),
            Refusal::UnknownCurrency(_) => problem("the currency is not registered".into())
                .with_field("currency", "is not registered"),
            _ => problem(decoded.to_string()),
        }
    }

    /// The entry of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What happened, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status.
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer's body and headers, put into `response` in place of its own body.
    pub(crate) fn render(self, instance: &str, request_id: &str, response: &mut Response) {
        let status = self.status();
        let details = ProblemDetails {
            kind: format!("urn:qenex:error:{}", self.code),
            title: self.code.text().into(),
            status: status.as_u16(),
            detail: self.detail,
            instance: instance.into(),
            code: self.code.name().into(),
            number: self.code.number(),
            request_id: request_id.into(),
            errors: self.errors,
        };
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.code == ErrorCode::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer realm=\"qenex\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        *response.body_mut() = serde_json::to_vec(&details).unwrap_or_default().into();
    }
}

/// Leaves the problem in the response's extensions; the frame around all handlers writes the body,
/// because only it knows the request's path and id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// The request's name for a field of the ledger.
fn request_field(name: &str) -> &str {
    match name {
        "kind" => "type",
        "endToEndId" => "end_to_end_id",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use qenex_precompiles::IQenexErrors;

    use super::*;

    fn engine(refusal: Refusal) -> Problem {
        let decoded =
            qenex_precompiles::decode(&alloy_sol_types::SolInterface::abi_encode(&refusal));
        Problem::engine(&decoded.unwrap(), 2)
    }

    #[test]
    fn an_engines_refusal_becomes_a_sentence_in_major_units() {
        let poor = engine(IQenexErrors::InsufficientFunds { available: 500, needed: 1_234 }.into());
        assert_eq!(poor.detail(), "5.00 available, 12.34 needed");
        assert_eq!((poor.code(), poor.status().as_u16()), (ErrorCode::InsufficientFunds, 422));
        let conflict =
            engine(IQenexErrors::ReferenceConflict { field: "endToEndId".into() }.into());
        assert_eq!(conflict.errors[0].field, "end_to_end_id");
    }

    #[test]
    fn several_wrong_fields_are_all_told() {
        let error = |field: &str| FieldError {
            field: field.into(),
            code: "InvalidAmount".into(),
            message: "bad".into(),
        };
        let problem = Problem::fields(vec![error("a"), error("b")]).unwrap();
        assert_eq!(
            (problem.code(), problem.detail()),
            (ErrorCode::InvalidAmount, "a: bad; b: bad")
        );
        assert_eq!(Problem::fields(Vec::new()), None);
    }
}
