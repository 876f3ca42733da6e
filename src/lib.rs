//! The command line: accounts, transfers and queries, and a devnet in one process.
//!
//! Purpose: what a person types. [`cli`] turns flags into checked arguments, [`commands`] carries
//! them out over [`keystore`] (private keys on disk) and `lode-api`'s client (a node's HTTP API).
//!
//! Threads and queues: none, but for the one that a passphrase prompt waits for Ctrl-C with.
//!
//! What must not be broken: every failure is one line on standard error and a non-zero exit (2 for
//! wrong usage, 1 for everything else); `--json` prints exactly one JSON value on standard output;
//! a private key leaves the keystore only through `lode account export`.

pub mod amount;
pub mod cli;
pub mod commands;
pub mod keystore;
mod run;
pub mod text;
