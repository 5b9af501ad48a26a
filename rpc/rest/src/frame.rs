//! What all requests have in common: id, admission, authentication, time limit, metrics, problems.

use std::{fmt, sync::Arc, time::Duration};

use alloy_primitives::{B256, hex, keccak256};
use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use qenex_types::ErrorCode;
use rand::{TryRngCore, rngs::OsRng};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::{handlers::App, problem::Problem};

/// Shortest API key, characters: 24 of base64 are 144 bits.
const MIN_KEY: usize = 16;

/// Longest request id taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// How long the body of a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The secret that clients of the facade send as `Authorization: Bearer`.
///
/// Only its hash is kept: comparing hashes in constant time tells nothing about the key, not even
/// its length.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(B256);

/// The key is too short to be a secret, or cannot stand in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key has at least {min} visible ASCII characters", min = MIN_KEY)]
pub struct WeakApiKey;

impl ApiKey {
    /// Takes a key.
    ///
    /// # Errors
    ///
    /// [`WeakApiKey`] if it has under 16 characters or others than visible ASCII.
    pub fn new(key: &str) -> Result<Self, WeakApiKey> {
        if key.len() >= MIN_KEY && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(keccak256(key)))
        } else {
            Err(WeakApiKey)
        }
    }

    /// Whether `given` is the key; takes the same time whatever is given.
    fn admits(&self, given: &[u8]) -> bool {
        let given = keccak256(given);
        let difference = self.0.iter().zip(given.iter()).fold(0_u8, |acc, (a, b)| acc | (a ^ b));
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// What a listener asks of requests.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The key for everything under `/api/v1` but the description of the API; none: no such paths.
    pub(crate) api_key: Option<ApiKey>,
    /// Requests that run at a time.
    pub(crate) requests: Semaphore,
    /// How long a request may take.
    pub(crate) request_timeout: Duration,
}

/// The body of a request, once it is known to be JSON of an acceptable size.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl FromRequest<Arc<App>> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let essence = media.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = if essence.is_empty() {
                "the request has no Content-Type".into()
            } else {
                format!("Content-Type is {:?}", essence.chars().take(64).collect::<String>())
            };
            return Err(Problem::new(ErrorCode::UnsupportedMediaType, detail));
        }
        let limit = app.config.max_body_bytes;
        let too_large =
            || Problem::new(ErrorCode::PayloadTooLarge, format!("at most {limit} bytes"));
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        match timeout(BODY_TIMEOUT, to_bytes(request.into_body(), limit)).await {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(_)) if declared.is_none() => Err(too_large()),
            Ok(Err(_)) => Err(Problem::new(ErrorCode::BadRequest, "the body ended too early")),
            Err(_) => Err(Problem::new(ErrorCode::BadRequest, "the body did not arrive in time")),
        }
    }
}

/// Runs a request.
pub(crate) async fn frame(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = match admit(&gate, &path, request.headers()) {
        Ok(_permit) => match timeout(gate.request_timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::unavailable("the request took too long", 1).into_response(),
        },
        Err(problem) => problem.into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.render(&path, &request_id, &mut response);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Unknown paths share one label, or clients could make as many as they like.
    let route = route.unwrap_or_else(|| "unmatched".into());
    let status = response.status().as_u16().to_string();
    metrics::counter!("qenex_rest_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("qenex_rest_request_duration_seconds", "route" => route)
        .record(started.elapsed());
    response
}

/// Lets a request in, or says why not.
fn admit<'a>(
    gate: &'a Gate,
    path: &str,
    headers: &HeaderMap,
) -> Result<tokio::sync::SemaphorePermit<'a>, Problem> {
    let public = matches!(path, "/api/v1/openapi.json" | "/api/v1/docs");
    if let Some(key) = &gate.api_key
        && !public
        && path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        authenticate(key, headers)?;
    }
    gate.requests.try_acquire().map_err(|_| Problem::unavailable("too many requests at a time", 1))
}

fn authenticate(key: &ApiKey, headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::new(ErrorCode::Unauthenticated, detail));
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return refuse("send the API key as `Authorization: Bearer KEY`");
    };
    let (scheme, token) = value.as_bytes().split_at(value.len().min(7));
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return refuse("the scheme must be `Bearer`");
    }
    if !key.admits(token.trim_ascii()) {
        return refuse("the API key is wrong");
    }
    Ok(())
}

/// The client's request id if it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given.filter(harmless).map_or_else(new_request_id, str::to_owned)
}

fn new_request_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the id is all zeros: worse to read in a log, and no reason to refuse.
    let _ = OsRng.try_fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn only_the_key_itself_is_let_in() {
        let key = ApiKey::new("0123456789abcdef").unwrap();
        for good in
            ["Bearer 0123456789abcdef", "bearer 0123456789abcdef", "BEARER  0123456789abcdef "]
        {
            assert_eq!(authenticate(&key, &headers("authorization", good)), Ok(()), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            let problem = authenticate(&key, &headers("authorization", bad)).unwrap_err();
            assert_eq!(problem.code(), ErrorCode::Unauthenticated, "{bad}");
        }
        assert!(authenticate(&key, &HeaderMap::new()).is_err());
    }

    #[test]
    fn weak_keys_are_refused_and_keys_are_never_printed() {
        for weak in ["", "short", "fifteen-chars-x", "with spaces in it.", "ключключключключ"]
        {
            assert_eq!(ApiKey::new(weak), Err(WeakApiKey), "{weak}");
        }
        assert_eq!(format!("{:?}", ApiKey::new("0123456789abcdef").unwrap()), "ApiKey(..)");
    }

    #[test]
    fn harmless_request_ids_are_kept() {
        assert_eq!(request_id(&headers("x-request-id", "a-1_b.c:d")), "a-1_b.c:d");
        for bad in ["", "a b", "<script>", &"x".repeat(129)] {
            assert_eq!(request_id(&headers("x-request-id", bad)).len(), 32, "{bad}");
        }
        assert_ne!(new_request_id(), new_request_id());
    }
}
