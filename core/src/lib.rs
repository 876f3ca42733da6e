//! What a node is without sockets: the chain service over a ledger, the mempool, block templates,
//! and the sync with peers.
//!
//! Purpose: everything that a node decides. Rules are in `lode-consensus`, storage in
//! `lode-ledger`, peers' bytes in `lode-network`, routes in `lode-http`; `lode-node` wires them.
//!
//! Parts:
//!
//! - [`ChainService`]: takes blocks, transactions and attempts; the one writer of the ledger and of
//!   the two pools. Its checks and writes run on tokio's blocking threads, at most [`MAX_CHECKS`]
//!   at a time; what finds no place within [`MAX_CHECK_WAIT`] is refused as busy.
//! - [`VerifiedCache`] in front of the checker of proofs, signatures and addresses: whatever passed
//!   is checked once.
//! - [`VerdictCache`] in front of the proof systems, for the ledger: a sold proof is verified once,
//!   when it comes or side by side with the others of its block before that is applied.
//! - [`SubmitError`]: why something was not taken, and whose [`Fault`] that is. Sync and HTTP go by
//!   the fault.
//! - [`sync::SyncMachine`] on a thread of its own, with as many checks at a time as there are cores
//!   ([`P2p`]).
//! - [`Journal`]s: files beside the database with the transactions and shares that wait for a
//!   block, so that a restart does not forget them.
//! - [`query`]: questions about the chain, over one moment of the ledger; [`events`]: what happens,
//!   as a log to follow.
//! - [`Backend`]: the node as the HTTP API and other front ends see it.
//!
//! What must not be broken: everything a peer or a client sends is bounded before it is kept, and
//! the ledger is only written through [`ChainService`].

mod backend;
mod clock;
mod entropy;
mod error;
pub mod events;
mod journal;
mod mempool;
mod p2p;
pub mod query;
mod service;
mod share_pool;
pub mod sync;
mod template;
mod verdicts;
mod verified;

pub use backend::{
    AttemptOutcome, Backend, MempoolView, MiningCounters, MiningJob, NetworkInfo, PeerInfo,
};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use error::{Fault, SubmitError};
pub use journal::{Journal, JournalLimits};
pub use mempool::{Assessment, Mempool, MempoolError, MempoolLimits};
pub use p2p::{P2p, P2pFailure, P2pView};
pub use service::{ChainService, Effects, Handle, MAX_ACCEPTED, MAX_CHECK_WAIT, MAX_CHECKS};
pub use verdicts::{ParsedKeys, VerdictCache};
pub use verified::VerifiedCache;
