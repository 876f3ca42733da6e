//! The HTTP API over a ledger and a running node.
//!
//! Purpose: everything that an outside program needs to follow the chain, to recompute it, to submit transactions and
//! to mine. The routes and their JSON are described in `docs/src/api.md`.
//!
//! Threads and queues: none of its own. Requests run on the node's tokio runtime; reads of the database go through its
//! blocking pool. Events reach each listener through a bounded broadcast; a slow listener loses the oldest ones.
//!
//! What must not be broken: no input can make a handler panic, and nothing here changes the chain except through
//! [`Backend`].

mod backend;

pub use backend::{AttemptOutcome, Backend, Event, MempoolView, MiningCounters, MiningJob, SubmitError};
