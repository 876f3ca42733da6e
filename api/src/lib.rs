//! The wire of a node's HTTP API: what is asked and answered, as types that both sides share.
//!
//! Purpose: one place for the shape of every request, answer and event. `lode-http` writes these
//! types and reads the requests; the command line, the miner and tests do it the other way round.
//! Each type has both serde derives and an OpenAPI schema ([`schema::document`]). `docs/src/api.md`
//! describes the same in prose.
//!
//! - [`text`]: how values that are no plain JSON number or string are written: hashes, addresses,
//!   points, large integers.
//! - One module for each subject: [`status`], [`block`], [`transaction`], [`account`], [`epoch`],
//!   [`mining`], [`network`], [`events`], [`weight`], [`market`], [`job`],
//!   [`job_event`], [`lists`], [`matching`].
//! - [`ApiError`]: the body of every failure.
//! - [`Backoff`]: how long to wait before asking again.
//! - `client`, behind the feature of that name: a blocking client.
//!
//! Threads and queues: none; the client waits on its caller's thread.
//!
//! What must not be broken: an answer may get more fields, and readers ignore those that they do
//! not know; a request with a field that the node does not know is refused. Integers that a float
//! cannot hold exactly are decimal strings; every other one is below 2^53, which a network's
//! parameters see to for amounts.

pub mod account;
mod action;
mod backoff;
pub mod block;
#[cfg(feature = "client")]
pub mod client;
pub mod epoch;
mod error;
pub mod events;
pub mod job;
pub mod job_event;
pub mod lists;
pub mod market;
pub mod matching;
pub mod mining;
pub mod network;
mod parameter;
pub mod schema;
pub mod status;
pub mod text;
pub mod transaction;
pub mod weight;

pub use backoff::Backoff;
pub use error::ApiError;
