//! Between the connection and the methods: unknown methods, batches, metrics.

use std::{borrow::Cow, collections::BTreeMap, future::Future, sync::Arc};

use alloy_primitives::Bytes;
use futures::future::join_all;
use jsonrpsee::{
    core::{
        middleware::{Batch, BatchEntry, Notification},
        server::{BatchResponseBuilder, ResponsePayload},
    },
    server::{MethodResponse, middleware::rpc::RpcServiceT},
    types::{ErrorObjectOwned, Request},
};
use metrics::{Counter, Histogram, counter, histogram};
use tokio::time::Instant;
use tower::Layer;

use crate::{
    api::Api,
    args::Args,
    error::Failure,
    limit::{self, Client},
};

const SEND_RAW: &str = "eth_sendRawTransaction";
/// What jsonrpsee answers when a subscription is asked for over plain HTTP.
const INTERNAL: i32 = -32603;

/// Counters of one method.
#[derive(Debug)]
struct Meter {
    requests: Counter,
    errors: Counter,
    seconds: Histogram,
}

impl Meter {
    fn new(method: &'static str) -> Self {
        Self {
            requests: counter!("qenex_rpc_requests_total", "method" => method),
            errors: counter!("qenex_rpc_errors_total", "method" => method),
            seconds: histogram!("qenex_rpc_duration_seconds", "method" => method),
        }
    }
}

/// Of one connection; the rest is shared by all.
#[derive(Clone, Debug)]
pub(crate) struct RpcLayer {
    shared: Arc<Shared>,
    client: Client,
}

#[derive(Debug)]
struct Shared {
    api: Arc<Api>,
    /// Every method that is served.
    meters: BTreeMap<&'static str, Meter>,
    unknown: Counter,
}

impl RpcLayer {
    pub(crate) fn new(api: Arc<Api>, methods: impl Iterator<Item = &'static str>) -> Self {
        let shared = Arc::new(Shared {
            api,
            meters: methods.map(|name| (name, Meter::new(name))).collect(),
            unknown: counter!("qenex_rpc_requests_total", "method" => "unknown"),
        });
        Self { shared, client: None }
    }

    /// For a connection of this client.
    pub(crate) fn of(&self, client: Client) -> Self {
        Self { shared: Arc::clone(&self.shared), client }
    }
}

impl<S> Layer<S> for RpcLayer {
    type Service = RpcMiddleware<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcMiddleware { inner, shared: Arc::clone(&self.shared), client: self.client.clone() }
    }
}

/// See the module's header.
#[derive(Clone, Debug)]
pub(crate) struct RpcMiddleware<S> {
    inner: S,
    shared: Arc<Shared>,
    client: Client,
}

impl<S> RpcMiddleware<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    /// Takes the weight of a method from the client's bucket.
    fn admit(&self, method: &str) -> Result<(), Failure> {
        let taken =
            self.client.as_ref().map_or(Ok(()), |client| client.take(limit::weight(method)));
        taken.map_err(|wait| Failure::limit(limit::message(wait)))
    }

    async fn one(self, request: Request<'_>) -> MethodResponse {
        if let Err(failure) = self.admit(&request.method) {
            return MethodResponse::error(request.id, ErrorObjectOwned::from(failure))
                .with_extensions(request.extensions);
        }
        let Some(meter) = self.shared.meters.get(&*request.method) else {
            self.shared.unknown.increment(1);
            let failure = Failure::unknown_method(&request.method);
            return MethodResponse::error(request.id, ErrorObjectOwned::from(failure))
                .with_extensions(request.extensions);
        };
        let started = Instant::now();
        let subscription_id =
            request.method.ends_with("subscribe").then(|| request.id.clone().into_owned());
        let mut response = self.inner.call(request).await;
        if let Some(id) = subscription_id
            && response.as_error_code() == Some(INTERNAL)
        {
            let failure = ErrorObjectOwned::from(Failure::no_notifications());
            response = MethodResponse::error(id, failure);
        }
        meter.requests.increment(1);
        if response.is_error() {
            meter.errors.increment(1);
        }
        meter.seconds.record(started.elapsed().as_secs_f64());
        response
    }

    /// The raw transactions of a batch in one go.
    async fn send_all(self, requests: Vec<(usize, Request<'_>)>) -> Vec<(usize, MethodResponse)> {
        if requests.is_empty() {
            return Vec::new();
        }
        let started = Instant::now();
        let parsed: Vec<Result<Bytes, Failure>> = requests
            .iter()
            .map(|(_, request)| {
                let params = request.params.as_ref().map(|params| params.get());
                Args::parse(params, 1)?.get(0)
            })
            .collect();
        let raws: Vec<Bytes> = parsed.iter().flatten().cloned().collect();
        let count = raws.len();
        let answers = match self.shared.api.admission.submit(raws).await {
            Ok(answers) => {
                answers.into_iter().map(|answer| answer.map_err(Failure::from)).collect()
            }
            Err(_) => (0..count)
                .map(|_| Err(Failure::internal("the node is shutting down")))
                .collect::<Vec<_>>(),
        };
        let mut answers = answers.into_iter();
        let mut responses = Vec::with_capacity(requests.len());
        let mut errors = 0;
        for ((at, request), parsed) in requests.into_iter().zip(parsed) {
            let answer = parsed.and_then(|_| {
                answers.next().unwrap_or_else(|| Err(Failure::internal("no answer")))
            });
            responses.push((
                at,
                match answer {
                    Ok(hash) => MethodResponse::response(
                        request.id,
                        ResponsePayload::success(hash),
                        usize::MAX,
                    ),
                    Err(failure) => {
                        errors += 1;
                        MethodResponse::error(request.id, ErrorObjectOwned::from(failure))
                    }
                },
            ));
        }
        if let Some(meter) = self.shared.meters.get(SEND_RAW) {
            meter.requests.increment(responses.len() as u64);
            meter.errors.increment(errors);
            meter.seconds.record(started.elapsed().as_secs_f64());
        }
        responses
    }

    async fn all(self, batch: Batch<'_>) -> MethodResponse {
        let max_response = self.shared.api.config.max_response as usize;
        let mut builder = BatchResponseBuilder::new_with_limit(max_response);
        let (mut sends, mut others, mut done) = (Vec::new(), Vec::new(), Vec::new());
        let mut notified = false;
        for (at, entry) in batch.into_iter().enumerate() {
            match entry {
                Ok(BatchEntry::Call(request))
                    if request.method == Cow::Borrowed(SEND_RAW)
                        && self.shared.meters.contains_key(SEND_RAW) =>
                {
                    match self.admit(SEND_RAW) {
                        Ok(()) => sends.push((at, request)),
                        Err(failure) => {
                            let error = ErrorObjectOwned::from(failure);
                            done.push((at, MethodResponse::error(request.id, error)));
                        }
                    }
                }
                Ok(BatchEntry::Call(request)) => others.push((at, request)),
                Ok(BatchEntry::Notification(_)) => notified = true,
                Err(error) => {
                    let (error, id) = error.into_parts();
                    done.push((at, MethodResponse::error(id, error)));
                }
            }
        }
        // Transactions first: what else the batch asks may be about them.
        done.extend(self.clone().send_all(sends).await);
        let others = others.into_iter().map(|(at, request)| {
            let service = self.clone();
            async move { (at, service.one(request).await) }
        });
        done.extend(join_all(others).await);
        done.sort_unstable_by_key(|(at, _)| *at);
        for (_, response) in done {
            if let Err(too_large) = builder.append(response) {
                return too_large;
            }
        }
        if builder.is_empty() && notified {
            return MethodResponse::notification();
        }
        MethodResponse::from_batch(builder.finish())
    }
}

impl<S> RpcServiceT for RpcMiddleware<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(
        &self,
        request: Request<'a>,
    ) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        self.clone().one(request)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        self.clone().all(batch)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        let service = self.inner.clone();
        async move { service.notification(notification).await }
    }
}
