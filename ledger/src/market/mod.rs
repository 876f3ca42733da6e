//! What the ledger keeps of the proof market beside the state tree: what became of transactions,
//! what happened to jobs, and the indexes of classes, jobs, deliveries and prices.
//!
//! [`records`] are the values, `index` writes and takes back, `reader` answers.
//!
//! Bodies hold the bulk of the market: a class's source, a job's witness, a delivery's proof. What
//! of them this node does not need any more stands in a column of its own (`spent`), by the height
//! from which on that is so; the rest is what pruning must keep.
//!
//! What must not be broken: all of it follows from the chain, and a block's records go when the
//! block does.

pub(crate) mod index;
mod reader;
pub(crate) mod records;
