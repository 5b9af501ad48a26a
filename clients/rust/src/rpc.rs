//! JSON-RPC with one node over HTTP: single calls, batches, and nothing else.

use std::time::Duration;

use alloy_primitives::{Bytes, U64};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A request that has not been answered after this time never will be.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Error code of a call that reverted.
const REVERTED: i64 = 3;

/// One node's HTTP endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    url: String,
    http: reqwest::Client,
}

/// An error object of JSON-RPC.
#[derive(Clone, Debug, Deserialize)]
pub struct CallError {
    /// The code, as in EIP-1474.
    pub code: i64,
    /// The message.
    pub message: String,
    /// What the code says that it is: revert data, a transaction's hash.
    #[serde(default)]
    pub data: Option<Value>,
}

impl CallError {
    /// The revert data, if a call reverted.
    pub fn reverted(&self) -> Option<Bytes> {
        let data = self.data.as_ref().filter(|_| self.code == REVERTED)?;
        data.as_str()?.parse().ok()
    }
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The node answered with an error.
    #[error("{about}: error {}: {}", error.code, error.message)]
    Refused {
        /// Method and URL.
        about: String,
        /// What it answered.
        error: CallError,
    },
    /// The node cannot be reached or is out of order. What was sent may have reached it.
    #[error("{about}: {reason}")]
    Unreachable {
        /// Method and URL.
        about: String,
        /// What happened.
        reason: String,
    },
}

/// The answer to one call, by the call's id.
#[derive(Debug, Deserialize)]
struct Answer<'a> {
    id: Option<Value>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<CallError>,
}

/// Why a batch has no answers.
#[derive(Debug)]
pub enum BatchError {
    /// The endpoint refuses the request as a whole: too large, or too many calls.
    Refused(String),
    /// The endpoint cannot be reached or is out of order.
    Unreachable(String),
}

impl Endpoint {
    /// A client for `url`. Asks nothing yet.
    ///
    /// # Errors
    ///
    /// [`RpcError::Unreachable`] if no HTTP client can be made.
    pub fn new(url: &str) -> Result<Self, RpcError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|e| broken(format!("no HTTP client for {url}"), chain(&e)))?;
        Ok(Self { url: url.to_owned(), http })
    }

    /// The URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a body and answers with the status and the whole response.
    async fn post(&self, body: String) -> reqwest::Result<(StatusCode, Vec<u8>)> {
        let request = self.http.post(&self.url).header("content-type", "application/json");
        let response = request.body(body).send().await?;
        let status = response.status();
        Ok((status, response.bytes().await?.into()))
    }

    /// Calls a method; an error object is an `Err`.
    ///
    /// # Errors
    ///
    /// [`RpcError`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, RpcError> {
        let about = || format!("{method} at {}", self.url);
        let call = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params});
        let sent = self.post(call.to_string()).await;
        let (status, body) = sent.map_err(|e| broken(about(), chain(&e)))?;
        let answer: Answer<'_> = serde_json::from_slice(&body)
            .map_err(|e| broken(format!("{}: HTTP {status}", about()), chain(&e)))?;
        if let Some(error) = answer.error {
            return Err(RpcError::Refused { about: about(), error });
        }
        let result = answer.result.map_or("null", RawValue::get);
        serde_json::from_str(result).map_err(|e| broken(about(), chain(&e)))
    }

    /// Sends several calls, each `(method, params)` as JSON text, in one request; answers in the
    /// order of the calls, `None` where the node gave none. One call goes as a plain request.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if there are no answers at all.
    pub async fn batch(
        &self,
        calls: &[(&str, String)],
    ) -> Result<Vec<Option<Result<Box<RawValue>, CallError>>>, BatchError> {
        let (status, body) =
            self.post(encode(calls)).await.map_err(|e| BatchError::Unreachable(chain(&e)))?;
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Err(BatchError::Refused(format!("HTTP {status}")));
        }
        let whole = |body: &[u8]| {
            let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
            format!("HTTP {status}: {shown}")
        };
        let parsed: Result<Vec<Answer<'_>>, _> = match calls {
            [_] => serde_json::from_slice(&body).map(|answer| vec![answer]),
            _ => serde_json::from_slice(&body),
        };
        let Ok(parsed) = parsed else {
            // One error object in place of the answers speaks of the batch.
            return Err(match serde_json::from_slice::<Answer<'_>>(&body) {
                Ok(Answer { error: Some(error), .. }) => {
                    BatchError::Refused(format!("error {}: {}", error.code, error.message))
                }
                _ => BatchError::Unreachable(whole(&body)),
            });
        };
        let mut answers: Vec<_> = calls.iter().map(|_| None).collect();
        for answer in parsed {
            let id = answer.id.as_ref().and_then(Value::as_u64);
            let slot = id.and_then(|id| answers.get_mut(usize::try_from(id).ok()?));
            if let Some(slot) = slot {
                *slot = match (answer.error, answer.result) {
                    (Some(error), _) => Some(Err(error)),
                    (None, Some(result)) => Some(Ok(result.to_owned())),
                    (None, None) => None,
                };
            }
        }
        Ok(answers)
    }

    /// Calls that all must be answered, in requests of at most `size` calls.
    ///
    /// # Errors
    ///
    /// [`RpcError`] of the first that was not.
    pub async fn all<T: DeserializeOwned>(
        &self,
        calls: &[(&str, String)],
        size: u32,
    ) -> Result<Vec<T>, RpcError> {
        let size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
        let mut results = Vec::with_capacity(calls.len());
        for part in calls.chunks(size) {
            let answers = match self.batch(part).await {
                Ok(answers) => answers,
                Err(BatchError::Refused(why) | BatchError::Unreachable(why)) => {
                    return Err(broken(self.url.clone(), why));
                }
            };
            for (answer, (method, _)) in answers.into_iter().zip(part) {
                let about = format!("{method} at {}", self.url);
                let result = match answer {
                    Some(Ok(result)) => result,
                    Some(Err(error)) => return Err(RpcError::Refused { about, error }),
                    None => return Err(broken(about, "no answer".to_owned())),
                };
                let result = serde_json::from_str(result.get());
                results.push(result.map_err(|e| broken(about, chain(&e)))?);
            }
        }
        Ok(results)
    }

    /// The number of the latest block.
    ///
    /// # Errors
    ///
    /// [`RpcError`].
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        Ok(self.call::<U64>("eth_blockNumber", json!([])).await?.to())
    }
}

fn broken(about: String, reason: String) -> RpcError {
    RpcError::Unreachable { about, reason }
}

/// The body of a request: an object for one call, an array for several; ids count from zero.
fn encode(calls: &[(&str, String)]) -> String {
    let size: usize = calls.iter().map(|(method, params)| method.len() + params.len() + 64).sum();
    let mut body = String::with_capacity(size);
    let single = calls.len() == 1;
    if !single {
        body.push('[');
    }
    for (id, (method, params)) in calls.iter().enumerate() {
        if id > 0 {
            body.push(',');
        }
        body.push_str(r#"{"jsonrpc":"2.0","id":"#);
        body.push_str(&id.to_string());
        body.push_str(r#","method":""#);
        body.push_str(method);
        body.push_str(r#"","params":"#);
        body.push_str(params);
        body.push('}');
    }
    if !single {
        body.push(']');
    }
    body
}

/// An error with its causes: the outermost alone seldom says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
