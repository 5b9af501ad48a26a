//! In front of the JSON-RPC server: who asks too much is turned away unread, and the two plain GET
//! routes of the port, `/health` and `/api/v1/blockchain/info`, are answered.

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

use crate::{
    RpcContext,
    limit::{self, Client},
};

/// In front of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    pub(crate) context: Arc<RpcContext>,
    pub(crate) client: Client,
}

impl<S> Layer<S> for Front {
    type Service = FrontService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FrontService { inner, front: self.clone() }
    }
}

/// See [`Front`].
#[derive(Clone, Debug)]
pub(crate) struct FrontService<S> {
    inner: S,
    front: Front,
}

impl<S, B> Service<HttpRequest<B>> for FrontService<S>
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
        let Front { context, client } = &self.front;
        let answer = match (request.method().as_str(), request.uri().path()) {
            ("GET", "/health") => health(context),
            ("GET", "/api/v1/blockchain/info") => context.info.blockchain_info(),
            _ => match client.as_ref().map_or(Ok(()), |client| client.take(0)) {
                Ok(()) => return Either::Right(self.inner.call(request)),
                Err(wait) => return Either::Left(ready(Ok(limit::too_many(wait)))),
            },
        };
        Either::Left(ready(Ok(ok_response(answer.to_string()))))
    }
}

fn health(context: &RpcContext) -> serde_json::Value {
    let syncing = context.info.syncing();
    json!({
        "status": if syncing.is_some() { "syncing" } else { "ok" },
        "height": context.chain.now().head().header.number,
        "peers": context.info.peer_count(),
    })
}
