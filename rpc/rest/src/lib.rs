//! The bank facade: REST over the ledger, for clients that know JSON and not Ethereum.
//!
//! A request becomes one call to an engine, signed with the gateway's key; the answer is read back
//! from the chain once that call is final. The facade keeps no money, no balance and no list of
//! payments: an `Idempotency-Key` *is* the client reference that the ledger stores for ever, so a
//! repeated request finds its first result even through another gateway.
//!
//! - `server.rs`: listeners, routes. `frame.rs`: what all requests have in common, authentication.
//! - `body.rs`, `request.rs`: from JSON to an order, with every wrong field named.
//! - `orders.rs`: carries an order out, at most once. `gateway.rs`: nonces, signing, inclusion.
//! - `view.rs`: what the chain says. `model.rs`: how answers look. `problem.rs`: how refusals look.
//! - `handlers.rs`, `openapi.rs`, `docs.rs`: the endpoints and their description.

mod body;
mod docs;
mod frame;
mod gateway;
mod handlers;
mod model;
mod openapi;
mod orders;
mod problem;
mod reference;
mod request;
mod server;
mod view;

pub use frame::{ApiKey, WeakApiKey};
pub use gateway::{Gateway, Submit};
pub use openapi::openapi_json;
pub use problem::{FieldError, Problem};
pub use reference::{IdempotencyKey, InvalidKey};
pub use server::{
    Checks, Idempotency, Info, OpsContext, RestConfig, RestContext, RestError, RestServer, serve,
    serve_ops,
};
