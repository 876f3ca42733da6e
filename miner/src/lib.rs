//! Mining for a node: what `lode-miner` runs, and a devnet in one process.
//!
//! [`Miner`] asks a node for work over its HTTP API, proves on its own threads with any
//! [`lode_puzzle::Engine`], and hands in what meets a target. It holds no key. [`mine`] shows it on
//! a terminal, [`mod@bench`] measures an engine, [`attempt`] and [`verify`] make and check a single
//! proof, [`cuda`] lists GPUs and is the process of one.
//!
//! ```text
//!   node, over HTTP (client)
//!    | job                      ^ winning attempts
//!  jobs (1 thread)            submit (1 thread) <- bounded queue
//!    | work: checked            ^ verified
//!  board --------------------> workers (n threads): Engine::run
//!  stats, events: what a terminal (mine) or a devnet shows
//! ```
//!
//! `rig` turns a command's arguments into an engine: the CPU's, or GPUs through `lode-cuda`.
//!
//! Threads and queues: see `src/miner.rs`.
//!
//! Must not be broken: neither RocksDB nor libp2p is linked here. A rig needs neither.

pub mod attempt;
pub mod bench;
mod board;
pub mod config;
pub mod cuda;
mod events;
mod jobs;
pub mod mine;
mod miner;
mod priority;
pub mod rig;
mod shared;
mod stats;
mod submit;
pub mod verify;
mod work;
mod workers;

pub use config::{MinerConfig, MinerSettings};
pub use events::{MAX_EVENTS, MinerEvent};
pub use miner::{JOB_LIFETIME, MAX_THREADS, MineOptions, Miner, MinerError, all_cores};
pub use priority::Priority;
pub use stats::{Rates, Stats};
