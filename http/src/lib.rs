//! The HTTP API over a ledger and a running node.
//!
//! Purpose: everything that an outside program needs to follow the chain, to recompute it, to submit transactions and
//! to mine. The routes and their JSON are described in `docs/src/api.md`.
//!
//! Threads and queues: no thread of its own. Requests run on the node's tokio runtime; reads of the database go through
//! its blocking pool, a few at a time. Events reach each listener through a bounded broadcast; a slow listener loses the
//! oldest ones.
//!
//! What must not be broken: no input can make a handler panic; every list, queue, body and wait has a bound; every
//! answer about the chain comes from one moment of it; and nothing here changes the chain except through [`lode_core::Backend`].

mod accounts;
mod api;
mod chain;
mod epochs;
mod error;
mod events;
mod json;
mod mempool;
mod mining;
mod network;
mod page;
mod request;
mod router;
mod serve;

pub use router::router;
pub use serve::serve;
