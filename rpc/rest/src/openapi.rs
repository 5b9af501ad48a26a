//! The description of the API, generated from the handlers and the types they answer with.

use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use crate::handlers;

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "QENEX bank API",
        description = "REST over the ledger. Amounts are decimal strings in major units; errors are RFC 9457 problem details with codes of one catalogue.",
    ),
    paths(
        handlers::open_account,
        handlers::get_account,
        handlers::pay,
        handlers::get_transaction,
        handlers::blockchain_info,
        handlers::contracts,
        handlers::openapi,
        handlers::docs,
        handlers::health,
        handlers::ready,
        handlers::metrics,
    ),
    modifiers(&ApiKeyScheme)
)]
struct Description;

/// Adds the way to authenticate.
struct ApiKeyScheme;

impl Modify for ApiKeyScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("api_key", scheme);
    }
}

/// The OpenAPI 3.1 document as JSON text: what `/api/v1/openapi.json` answers.
///
/// # Errors
///
/// Does not happen: the document always has a JSON form.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    Description::openapi().to_pretty_json()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn the_document_has_every_path_and_names_the_problem_type() {
        let document: Value = serde_json::from_str(&super::openapi_json().unwrap()).unwrap();
        assert!(
            document["openapi"].as_str().unwrap().starts_with("3.1"),
            "{}",
            document["openapi"]
        );
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            paths.join(" "),
            "/api/v1/accounts /api/v1/accounts/{id} /api/v1/blockchain/info \
             /api/v1/contracts /api/v1/docs /api/v1/openapi.json /api/v1/transactions /api/v1/transactions/{id} /health /metrics \
             /ready"
        );
        for schema in ["Account", "Transaction", "PaymentRequest", "ProblemDetails", "Health"] {
            assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
        }
        assert_eq!(document["components"]["securitySchemes"]["api_key"]["scheme"], "bearer");
    }
}
