//! How many calls a second a node answers: one request after the other on each of some connections.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What to ask, and how.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// URL of the node.
    pub rpc: String,
    /// The method.
    pub method: String,
    /// Its parameters.
    pub params: Value,
    /// Connections.
    pub connections: usize,
    /// How long to ask.
    pub time: Duration,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallReport {
    /// Answers a second, all connections together.
    pub per_second: f64,
    /// Half of the answers came in this time.
    pub p50: Duration,
    /// 99 of 100 answers came in this time.
    pub p99: Duration,
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s, p50 {:.2?}, p99 {:.2?}", self.per_second, self.p50, self.p99)
    }
}

/// Asks and counts. The answers must all have a result, and the same one.
///
/// # Errors
///
/// If the node does not answer, or with an error.
#[expect(clippy::disallowed_methods, clippy::float_arithmetic, reason = "this measures time")]
pub async fn run(options: CallOptions) -> Result<CallReport> {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": options.method, "params": options.params
    });
    let body = serde_json::to_string(&body)?;
    let end = Instant::now() + options.time;
    let one = || {
        let (url, body) = (options.rpc.clone(), body.clone());
        tokio::spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build()?;
            let mut times = Vec::new();
            let mut first = None;
            while Instant::now() < end {
                let began = Instant::now();
                let request = client.post(&url).header("content-type", "application/json");
                let answer = request.body(body.clone()).send().await.context("no answer")?;
                let answer = answer.bytes().await.context("no whole answer")?;
                times.push(began.elapsed());
                match &first {
                    None => {
                        let decoded: Value = serde_json::from_slice(&answer)?;
                        if decoded.get("result").is_none_or(Value::is_null) {
                            bail!("the node answered {decoded}");
                        }
                        first = Some(answer);
                    }
                    Some(first) if *first != answer => bail!("two answers differ"),
                    Some(_) => {}
                }
            }
            Ok(times)
        })
    };
    let asking: Vec<_> = (0..options.connections).map(|_| one()).collect();
    let mut times = Vec::new();
    for task in asking {
        times.extend(task.await??);
    }
    times.sort_unstable();
    let at = |percent: usize| {
        times.get(times.len().saturating_mul(percent) / 100).copied().unwrap_or_default()
    };
    let answers = u32::try_from(times.len()).map_or(f64::MAX, f64::from);
    Ok(CallReport { per_second: answers / options.time.as_secs_f64(), p50: at(50), p99: at(99) })
}
