//! The HTTP API over a ledger and a running node.
//!
//! Purpose: everything that an outside program needs to follow the chain, to recompute it, to
//! submit transactions and to mine. A handler parses a request, asks one question
//! ([`lode_core::query`], [`lode_core::Backend`]) and answers with one of [`lode_api`]'s types. The
//! routes and their JSON are described in `docs/src/api.md`.
//!
//! A request passes, from outside in: a bound on its body and its time, the check of its `Host`
//! ([`AllowedHosts`]), the catching of panics, and the route. Whatever refuses it, the answer is a
//! status and one line of JSON; kinds of failures get their statuses in `error.rs` and nowhere
//! else.
//!
//! Threads and queues: no thread of its own. Requests run on the node's tokio runtime; reads of the
//! database go through its blocking pool, a few at a time. Listeners to events read the node's log,
//! each at its own pace.
//!
//! What must not be broken: no input can make a handler panic; every list, queue, body and wait has
//! a bound; every answer about the chain comes from one moment of it; and nothing here changes the
//! chain except through [`lode_core::Backend`].

mod accounts;
mod chain;
mod epochs;
mod error;
mod events;
mod fit;
mod hosts;
mod jobs;
mod market;
mod mempool;
mod mining;
mod network;
mod request;
mod router;
mod serve;
mod state;

pub use hosts::AllowedHosts;
pub use router::router;
pub use serve::serve;
