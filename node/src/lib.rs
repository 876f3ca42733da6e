//! A full node: the chain service over a ledger, the mempool, block templates, and the API that serves them.
//!
//! Purpose: wiring. Rules are in `lode-consensus`, storage in `lode-ledger`, routes in `lode-explorer`.
//!
//! Services of a running node:
//!
//! - [`ChainService`]: takes blocks, transactions and attempts; the one writer of the ledger and of the two pools.
//!   Its checks and writes run on tokio's blocking threads, at most [`MAX_CHECKS`] at a time; what finds no place within
//!   [`MAX_CHECK_WAIT`] is refused as busy.
//! - The API: a listener, on loopback unless told otherwise.
//! - The network of `lode-network`: one event loop, on loopback unless told otherwise.
//! - [`sync::SyncMachine`] on a thread of its own, with as many checks at a time as there are cores ([`P2p`]).
//! - [`Journal`]s: files beside the database with the transactions and shares that wait for a block, so that a restart
//!   does not forget them.
//!
//! What must not be broken: everything a peer or a client sends is bounded before it is kept, and the ledger is only
//! written through [`ChainService`].

mod checked;
mod clock;
mod config;
mod entropy;
mod journal;
mod mempool;
mod p2p;
mod proof_cache;
mod run;
mod service;
mod share_pool;
pub mod sync;
mod template;

pub use clock::{Clock, SystemClock};
pub use config::{ConfigError, NodeConfig, PeersConfig, default_data_dir};
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use journal::Journal;
pub use mempool::{Mempool, MempoolError, MempoolLimits};
pub use p2p::{P2p, P2pView};
pub use run::{Node, NodeError, run_fsck};
pub use service::{ChainService, Effects, Handle, MAX_ACCEPTED, MAX_CHECK_WAIT, MAX_CHECKS};
