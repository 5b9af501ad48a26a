//! A JSON-RPC client for one HTTP endpoint: single calls, batches, and nothing else.

use std::time::Duration;

use alloy_primitives::{B256, U64};
use anyhow::{Context as _, bail};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A request that has not been answered after this time never will be.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// One node's HTTP endpoint.
#[derive(Debug)]
pub struct Endpoint {
    url: String,
    http: reqwest::Client,
}

/// An error object of JSON-RPC.
#[derive(Debug, Deserialize)]
pub(super) struct CallError {
    /// The code, as in EIP-1474.
    pub(super) code: i64,
    /// The message.
    pub(super) message: String,
}

/// The answer to one call, by the call's id.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    id: Option<Value>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<CallError>,
}

/// A block, as far as the load generator reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Block {
    /// Hashes of its transactions.
    pub(super) transactions: Vec<B256>,
}

/// Why a batch has no answers.
#[derive(Debug)]
pub(super) enum BatchError {
    /// The endpoint refuses the request as a whole: too large, or too many calls.
    Refused(String),
    /// The endpoint cannot be reached or is out of order.
    Unreachable(String),
}

impl Endpoint {
    /// A client for `url`.
    ///
    /// # Errors
    ///
    /// If there is no HTTP client to be had.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .with_context(|| format!("no HTTP client for {url}"))?;
        Ok(Self { url: url.to_owned(), http })
    }

    /// The URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a body and answers with the status and the whole response.
    async fn post(&self, body: String) -> reqwest::Result<(StatusCode, Vec<u8>)> {
        let request = self.http.post(&self.url).header("content-type", "application/json");
        let response = request.body(body).send().await?;
        let status = response.status();
        Ok((status, response.bytes().await?.into()))
    }

    /// Calls a method.
    ///
    /// # Errors
    ///
    /// If the node does not answer, answers with an error object, or with something else than a `T`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> anyhow::Result<T> {
        let about = || format!("{method} at {}", self.url);
        let call = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params});
        let (status, body) = self.post(call.to_string()).await.with_context(about)?;
        let answer: Answer<'_> =
            serde_json::from_slice(&body).with_context(|| format!("{}: HTTP {status}", about()))?;
        if let Some(error) = answer.error {
            bail!("{}: error {}: {}", about(), error.code, error.message);
        }
        let result = answer.result.map_or("null", RawValue::get);
        serde_json::from_str(result).with_context(about)
    }

    /// Sends several calls, each `(method, params)` as JSON text, in one request; answers in the
    /// order of the calls, `None` where the node gave none. One call goes as a plain request.
    pub(super) async fn batch(
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
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        calls: &[(&str, String)],
        size: u32,
    ) -> anyhow::Result<Vec<T>> {
        let mut results = Vec::with_capacity(calls.len());
        for part in calls.chunks(usize::try_from(size)?.max(1)) {
            let answers = match self.batch(part).await {
                Ok(answers) => answers,
                Err(BatchError::Refused(why) | BatchError::Unreachable(why)) => {
                    bail!("{}: {why}", self.url)
                }
            };
            for (answer, (method, _)) in answers.into_iter().zip(part) {
                let about = || format!("{method} at {}", self.url);
                let result = match answer.with_context(about)? {
                    Ok(result) => result,
                    Err(error) => bail!("{}: error {}: {}", about(), error.code, error.message),
                };
                results.push(serde_json::from_str(result.get()).with_context(about)?);
            }
        }
        Ok(results)
    }

    /// The number of the latest block.
    pub(super) async fn block_number(&self) -> anyhow::Result<u64> {
        Ok(self.call::<U64>("eth_blockNumber", json!([])).await?.to())
    }

    /// The block of a number with its transactions' hashes, or `None` if there is none yet.
    pub(super) async fn block(&self, number: u64) -> anyhow::Result<Option<Block>> {
        self.call("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }
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
