//! The bank facade: REST over the ledger, OpenAPI, health and metrics.
