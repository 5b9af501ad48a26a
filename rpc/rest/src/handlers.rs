//! The endpoints.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy_primitives::B256;
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use qenex_types::ErrorCode;

use crate::{
    body::parse_address,
    frame::JsonBody,
    model::{self, Account, Check, Contracts, Health, PendingAccount, Transaction},
    orders::{KeyOrigin, Opening, Orders, Outcome, Payment},
    problem::{Problem, ProblemDetails},
    reference::IdempotencyKey,
    request::{NewAccount, NewPayment, OpenAccountRequest, PaymentRequest},
    server::{Idempotency, OpsContext, RestConfig, RestContext},
    view::View,
};

/// What the handlers share.
pub(crate) struct App {
    pub(crate) config: RestConfig,
    pub(crate) context: Arc<RestContext>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) openapi: String,
    pub(crate) docs: String,
}

/// Opens an account and waits until it is final.
///
/// A custodial account's id follows from the idempotency key: the same request finds the same account.
#[utoipa::path(
    post,
    path = "/api/v1/accounts",
    tag = "accounts",
    request_body = OpenAccountRequest,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition find the first result; made and returned if absent."),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, or `wait=SECONDS`."),
    ),
    responses(
        (status = 201, description = "The account is open.", body = Account),
        (status = 202, description = "On its way: ask at `Location`.", body = PendingAccount),
        (status = 400, description = "Not JSON.", body = ProblemDetails),
        (status = 401, description = "No valid API key.", body = ProblemDetails),
        (status = 409, description = "The owner's account is open already, or the request still runs.", body = ProblemDetails),
        (status = 422, description = "A field is wrong, or differs from the first request with this key.", body = ProblemDetails),
        (status = 503, description = "Try again later.", body = ProblemDetails),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn open_account(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let new = NewAccount::parse(&body)?;
    let (key, origin) = match IdempotencyKey::from_headers(&headers)? {
        Some(key) => (key, KeyOrigin::Client),
        None => (IdempotencyKey::random()?, KeyOrigin::Gateway),
    };
    let opening = Opening::new(app.orders.gateway(), new, &key, origin);
    let account = opening.account();
    let location = format!("/api/v1/accounts/{account}");
    let settle = app.config.settle_timeout;
    let outcome = app.orders.execute(opening, wait_of(&headers, settle), settle).await?;
    let mut response = match outcome {
        Outcome::Done { answer, replayed } => {
            let mut response = (StatusCode::CREATED, Json(&answer)).into_response();
            set(&mut response, header::ETAG, &etag(&answer));
            mark_replayed(&mut response, replayed);
            response
        }
        Outcome::Pending => {
            let pending = PendingAccount {
                id: account.to_string(),
                account_id: account.to_string(),
                status: "PENDING".into(),
            };
            (StatusCode::ACCEPTED, Json(pending)).into_response()
        }
    };
    set(&mut response, header::LOCATION, &location);
    set(&mut response, IDEMPOTENCY_KEY, key.as_str());
    Ok(response)
}

/// An account with its balances.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{id}",
    tag = "accounts",
    params(("id" = String, Path, description = "The account's id.")),
    responses(
        (status = 200, description = "The account as of the last final block.", body = Account),
        (status = 401, description = "No valid API key.", body = ProblemDetails),
        (status = 404, description = "No such account.", body = ProblemDetails),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn get_account(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let missing = || {
        let shown: String = id.chars().take(64).collect();
        Problem::new(ErrorCode::UnknownAccount, format!("there is no account {shown:?}"))
    };
    let account = parse_address(&id).ok_or_else(missing)?;
    let found = app.orders.read(move |view| Account::read(view, account)).await?;
    let found = found.ok_or_else(missing)?;
    let mut response = Json(&found).into_response();
    set(&mut response, header::ETAG, &etag(&found));
    Ok(response)
}

/// Pays, and waits until the payment is final.
#[utoipa::path(
    post,
    path = "/api/v1/transactions",
    tag = "transactions",
    request_body = PaymentRequest,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Becomes the client reference on the chain, unique for the payer for ever. Required unless the node is configured otherwise; then it is made and returned."),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, or `wait=SECONDS`."),
    ),
    responses(
        (status = 201, description = "Settled: final. A repetition gets the same answer with `Idempotency-Replayed: true`.", body = Transaction),
        (status = 202, description = "On its way: ask at `Location`.", body = Transaction),
        (status = 400, description = "Not JSON, or no idempotency key.", body = ProblemDetails),
        (status = 401, description = "No valid API key.", body = ProblemDetails),
        (status = 403, description = "The gateway may not act for the payer.", body = ProblemDetails),
        (status = 404, description = "Payer or payee is not open.", body = ProblemDetails),
        (status = 409, description = "A request with this key still runs.", body = ProblemDetails),
        (status = 422, description = "A field is wrong, the money does not suffice, or the key was used for another payment.", body = ProblemDetails),
        (status = 503, description = "Try again later.", body = ProblemDetails),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn pay(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let header_key = IdempotencyKey::from_headers(&headers)?;
    if header_key.is_none() && app.config.idempotency == Idempotency::Required {
        let detail = "send a key of your own with every payment";
        return Err(Problem::new(ErrorCode::IdempotencyKeyMissing, detail));
    }
    let new = NewPayment::parse(&body)?;
    let key = match (header_key, new.reference.clone()) {
        (Some(key), Some(body)) if key.reference() != body.reference() => {
            let message = "differs from the header Idempotency-Key";
            return Err(Problem::field(ErrorCode::InvalidField, "reference", message));
        }
        (Some(key), _) | (None, Some(key)) => key,
        (None, None) => IdempotencyKey::random()?,
    };
    let for_view = key.clone();
    let payment = app.orders.read(move |view| Payment::resolve(view, &new, &for_view)).await?;
    let location = format!("/api/v1/transactions/{}", payment.ordered.id);
    let pending = Transaction::pending(&payment.ordered);
    let settle = app.config.settle_timeout;
    let outcome = app.orders.execute(payment, wait_of(&headers, settle), settle).await?;
    let mut response = match outcome {
        Outcome::Done { answer, replayed } => {
            let mut response = (StatusCode::CREATED, Json(answer)).into_response();
            mark_replayed(&mut response, replayed);
            response
        }
        Outcome::Pending => (StatusCode::ACCEPTED, Json(pending)).into_response(),
    };
    set(&mut response, header::LOCATION, &location);
    set(&mut response, IDEMPOTENCY_KEY, key.as_str());
    Ok(response)
}

/// A payment.
#[utoipa::path(
    get,
    path = "/api/v1/transactions/{id}",
    tag = "transactions",
    params(("id" = String, Path, description = "The transaction's id: 0x and 64 hexadecimal digits.")),
    responses(
        (status = 200, description = "The payment.", body = Transaction),
        (status = 401, description = "No valid API key.", body = ProblemDetails),
        (status = 404, description = "No such payment.", body = ProblemDetails),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn get_transaction(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
) -> Result<Json<Transaction>, Problem> {
    let missing = || {
        let shown: String = text.chars().take(80).collect();
        Problem::new(ErrorCode::NotFound, format!("there is no transaction {shown:?}"))
    };
    let id: B256 = Some(&text)
        .filter(|t| t.starts_with("0x"))
        .and_then(|t| t.parse().ok())
        .ok_or_else(missing)?;
    // Before the chain: what ends in between is then found on the chain.
    let unsettled = app.orders.unsettled(id);
    let recorded = app
        .orders
        .read(move |view| {
            let Some(recorded) = view.recorded(id)? else { return Ok(None) };
            let exponent = view.exponent(recorded.currency)?.unwrap_or(0);
            Ok(Some(Transaction::recorded(&recorded, exponent)))
        })
        .await?;
    recorded.or(unsettled).map(Json).ok_or_else(missing)
}

/// State of the chain: heights, hashes, validators.
#[utoipa::path(
    get,
    path = "/api/v1/blockchain/info",
    tag = "chain",
    responses(
        (status = 200, description = "The same as on the JSON-RPC port.", body = serde_json::Value),
        (status = 401, description = "No valid API key.", body = ProblemDetails),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn blockchain_info(State(app): State<Arc<App>>) -> Json<serde_json::Value> {
    Json((app.context.info)())
}

/// Addresses of the contracts that the operator publishes: on development networks those of the suite.
#[utoipa::path(
    get,
    path = "/api/v1/contracts",
    tag = "chain",
    responses(
        (status = 200, description = "In the order of their names; none if nothing is published.", body = Contracts),
        (status = 401, description = "No valid API key.", body = ProblemDetails),
    ),
    security(("api_key" = []))
)]
pub(crate) async fn contracts(State(app): State<Arc<App>>) -> Result<Json<Contracts>, Problem> {
    let context = app.context.clone();
    let read = move |view: &View<'_>| Contracts::read(view, &context.contracts);
    Ok(Json(app.orders.read(read).await?))
}

/// This description.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "description",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value))
)]
pub(crate) async fn openapi(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

/// This description as a page.
#[utoipa::path(
    get,
    path = "/api/v1/docs",
    tag = "description",
    responses((status = 200, description = "HTML without scripts.", content_type = "text/html", body = String))
)]
pub(crate) async fn docs(State(app): State<Arc<App>>) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, app.docs.clone()).into_response()
}

/// Liveness: the process answers. Always 200; the checks tell what is degraded.
#[utoipa::path(
    get,
    path = "/health",
    tag = "operation",
    responses((status = 200, description = "Alive.", body = Health))
)]
pub(crate) async fn health(State(ops): State<Arc<OpsContext>>) -> Json<Health> {
    Json(checks(&ops))
}

/// Readiness: all checks pass.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "operation",
    responses(
        (status = 200, description = "Ready.", body = Health),
        (status = 503, description = "A check fails.", body = Health),
    )
)]
pub(crate) async fn ready(State(ops): State<Arc<OpsContext>>) -> (StatusCode, Json<Health>) {
    let health = checks(&ops);
    let ready = health.status == "ok";
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

/// Metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "Prometheus text format.", content_type = "text/plain", body = String))
)]
pub(crate) async fn metrics(State(ops): State<Arc<OpsContext>>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, ops.prometheus.render()).into_response()
}

/// The answer to an unknown path.
pub(crate) async fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is nothing at this path")
}

/// The answer to a method that a path does not have; the header `Allow` names those it has.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(ErrorCode::MethodNotAllowed, "see the header Allow")
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

fn checks(ops: &OpsContext) -> Health {
    let checks: BTreeMap<String, Check> = (ops.ready)()
        .into_iter()
        .map(|(name, passes, detail)| {
            let status = if passes { "ok" } else { "failing" }.to_owned();
            (name, Check { status, detail })
        })
        .collect();
    let healthy = checks.values().all(|check| check.status == "ok");
    #[expect(
        clippy::disallowed_methods,
        reason = "people and monitors compare it with their clock"
    )]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Health {
        status: if healthy { "ok" } else { "degraded" }.into(),
        checks,
        timestamp: model::rfc3339(now.as_secs()),
    }
}

/// The profile's version: what a later `If-Match` will compare.
fn etag(account: &Account) -> String {
    format!("\"{}\"", account.version)
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn mark_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        set(response, HeaderName::from_static("idempotency-replayed"), "true");
    }
}

/// How long the client wants to wait (RFC 7240), at most `most`.
fn wait_of(headers: &HeaderMap, most: Duration) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split([',', ';']));
    let mut asynchronous = false;
    let mut wait = None;
    for preference in preferences {
        let preference = preference.trim().to_ascii_lowercase();
        if preference == "respond-async" {
            asynchronous = true;
        } else if let Some(seconds) = preference.strip_prefix("wait=") {
            wait = seconds.trim_matches('"').parse().ok().map(Duration::from_secs);
        }
    }
    // Both together: wait so long, then answer 202, as RFC 7240 has it.
    let otherwise = if asynchronous { Duration::ZERO } else { most };
    wait.unwrap_or(otherwise).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_bound_the_wait() {
        let most = Duration::from_secs(10);
        for (prefer, seconds) in [
            ("", 10),
            ("respond-async", 0),
            ("Respond-Async", 0),
            ("wait=2", 2),
            ("wait=\"3\"", 3),
            ("wait=99", 10),
            ("wait=x", 10),
            ("respond-async, wait=4", 4),
            ("handling=lenient; wait=5", 5),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", prefer.parse().unwrap());
            assert_eq!(wait_of(&headers, most), Duration::from_secs(seconds), "{prefer}");
        }
        assert_eq!(wait_of(&HeaderMap::new(), most), most);
    }
}
