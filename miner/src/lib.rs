//! Mining for a node: what `lode-miner` runs, and a devnet in one process.
//!
//! [`Miner`] asks a node for work over its HTTP API, proves on its own threads with any [`lode_puzzle::Engine`], and hands in
//! what meets a target. It holds no key. [`mine`] shows it on a terminal, [`mod@bench`] measures an engine, [`attempt`] and [`verify`]
//! make and check a single proof, [`cuda`] lists GPUs and is the process of one.
//!
//! Threads and queues: see `src/miner.rs`.
//!
//! Must not be broken: neither RocksDB nor libp2p is linked here. A rig needs neither.

pub mod attempt;
mod backoff;
pub mod bench;
mod board;
mod client;
pub mod config;
pub mod cuda;
mod events;
mod jobs;
pub mod mine;
mod miner;
mod priority;
pub mod rig;
mod stats;
mod submit;
pub mod verify;
mod work;
mod workers;

pub use client::{NodeUrl, NodeUrlError};
pub use config::{MinerConfig, MinerSettings};
pub use events::{MAX_EVENTS, MinerEvent};
pub use miner::{JOB_LIFETIME, MAX_THREADS, MineOptions, Miner, MinerError, all_cores};
pub use priority::Priority;
pub use stats::{Rates, Stats};
