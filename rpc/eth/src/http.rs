//! The two plain GET routes on the JSON-RPC port: `/health` and `/api/v1/blockchain/info`.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::{Either, Ready, ready};
use jsonrpsee::{
    core::BoxError,
    server::{HttpRequest, HttpResponse, http::response::ok_response},
};
use serde_json::json;
use tower::{Layer, Service};

use crate::RpcContext;

/// Answers the GET routes and passes everything else on.
#[derive(Clone, Debug)]
pub(crate) struct GetRoutes(pub(crate) Arc<RpcContext>);

impl<S> Layer<S> for GetRoutes {
    type Service = GetService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GetService { inner, context: Arc::clone(&self.0) }
    }
}

/// See [`GetRoutes`].
#[derive(Clone, Debug)]
pub(crate) struct GetService<S> {
    inner: S,
    context: Arc<RpcContext>,
}

impl<S, B> Service<HttpRequest<B>> for GetService<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse, Error = BoxError>,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Either<Ready<Result<HttpResponse, BoxError>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let answer = match (request.method().as_str(), request.uri().path()) {
            ("GET", "/health") => Some(health(&self.context)),
            ("GET", "/api/v1/blockchain/info") => Some(self.context.info.blockchain_info()),
            _ => None,
        };
        match answer {
            Some(answer) => Either::Left(ready(Ok(ok_response(answer.to_string())))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}

fn health(context: &RpcContext) -> serde_json::Value {
    let syncing = context.info.syncing();
    json!({
        "status": if syncing.is_some() { "syncing" } else { "ok" },
        "height": context.chain.head().header.number,
        "peers": context.info.peer_count(),
    })
}
