//! The proof market: its leaves, and its rules as pure functions over them (specification:
//! `market.md`).
//!
//! Applications register a class: a circuit with its key and its policy. Operators bond credits and
//! post asks; requesters escrow a price and post jobs. Each block matches jobs with asks, and among
//! the asks that fit, the proving rights of the epoch decide. What a block does with these rules,
//! step by step, is in [`transition`](crate::transition).
//!
//! - Leaves: [`Class`], [`Job`], [`Book`], [`Waiting`], [`Operator`], [`ProvingPool`],
//!   [`Appointed`], and the pages of `queue`.
//! - Rules: [`value`] (what a proof is worth when, and bonds), [`matching`] (which ask a job is
//!   assigned to), [`settlement`] (who is paid and slashed), [`contest`] (who is first).
//! - [`proofs`]: what the chain asks proof systems.
//!
//! What must not be broken: sums and products of amounts are taken in 128 bits, and every division
//! floors unless it says that it does not.

mod appoint;
mod book;
mod class;
pub mod contest;
pub mod event;
pub mod job;
pub mod matching;
mod operator;
mod policy;
mod pool;
pub mod proofs;
pub mod queue;
pub mod settlement;
pub mod value;
mod waiting;

pub use appoint::Appointed;
pub use book::{Book, BookAsk};
pub use class::{Class, ClassKey};
pub use job::{Job, JobLeaf, MAX_VALUES, Value};
pub use operator::{MAX_REPUTATION, Operator};
pub use policy::{BPS, MAX_OPERATORS, MAX_REPUTATION_GATE, Policy, Selection};
pub use pool::ProvingPool;
pub use waiting::{Waiting, WaitingJob};
