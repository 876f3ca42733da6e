//! What a node is without sockets: the chain service over a ledger, the mempool, block templates, and the sync with peers.
//!
//! Purpose: everything that a node decides. Rules are in `lode-consensus`, storage in `lode-ledger`, peers' bytes in
//! `lode-network`, routes in `lode-http`; `lode-node` wires them.
//!
//! Parts:
//!
//! - [`ChainService`]: takes blocks, transactions and attempts; the one writer of the ledger and of the two pools.
//!   Its checks and writes run on tokio's blocking threads, at most [`MAX_CHECKS`] at a time; what finds no place within
//!   [`MAX_CHECK_WAIT`] is refused as busy.
//! - [`sync::SyncMachine`] on a thread of its own, with as many checks at a time as there are cores ([`P2p`]).
//! - [`Journal`]s: files beside the database with the transactions and shares that wait for a block, so that a restart
//!   does not forget them.
//! - [`Backend`]: the node as whoever serves it sees it.
//!
//! What must not be broken: everything a peer or a client sends is bounded before it is kept, and the ledger is only
//! written through [`ChainService`].

mod backend;
mod checked;
mod clock;
mod entropy;
mod journal;
mod mempool;
mod p2p;
mod proof_cache;
mod service;
mod share_pool;
pub mod sync;
mod template;

pub use backend::{
    AttemptOutcome, Backend, Event, MempoolView, MiningCounters, MiningJob, NetworkInfo, PeerInfo, SubmitError,
    SyncInfo, SyncPhase,
};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use journal::Journal;
pub use mempool::{Mempool, MempoolError, MempoolLimits};
pub use p2p::{P2p, P2pFailure, P2pView};
pub use proof_cache::ProofCache;
pub use service::{ChainService, Effects, Handle, MAX_ACCEPTED, MAX_CHECK_WAIT, MAX_CHECKS};
