//! The sync machine: finds the heaviest valid chain among peers, fetches it, and passes on what is
//! new.
//!
//! Headers come first and count once their proofs hold; bodies follow from several peers at once; a
//! chain that turns out better goes through the ledger's own reorg. Announcements, shares and
//! transactions are judged and get their verdict.
//!
//! The machine is a plain value that reacts. It starts no thread, reads no clock but
//! [`Clock`](crate::Clock)'s, and draws no random number: the same events in the same order have
//! the same effects. A driver, be it tokio's or a simulator's, owns it and
//!
//! 1. calls [`SyncMachine::on_event`] for each [`NetworkEvent`](lode_network::NetworkEvent),
//!    [`SyncMachine::on_tick`] every [`TICK_MS`] or so, and [`SyncMachine::on_accepted`] when
//!    [`ChainService::accepted`](crate::ChainService::accepted) rings;
//! 2. after each call takes [`SyncMachine::next_job`] as often as it has workers free, runs
//!    [`Job::run`] there, and brings the result back through [`SyncMachine::on_done`];
//! 3. shows [`SyncMachine::status`] to the API.
//!
//! `now_ms` in these calls is the driver's own count of milliseconds, from any start, that never
//! goes back: timeouts and rates go by it. What is compared with timestamps goes by the service's
//! clock. Effects leave through [`Network`](lode_network::Network).
//!
//! # Parts
//!
//! ```text
//!   network events, ticks, results           answers, questions, verdicts, charges, news
//!                 |                                            ^
//!                 v                                            | Network
//!   +------------------------------- machine (switchboard) ---------------------------------+
//!   |  gives each event to the part that it concerns, and carries out the effects it returns |
//!   +----+----------------+----------------+-----------------+----------------+--------------+
//!        |                |                |                 |                |
//!     headers          bodies       announce, pools       server            peers
//!     header sync      body sync    relay                 answers peers     peer table:
//!     candidates       path         orphans, deferred     held requests     statuses, scores,
//!     rereading        body_peers   waiting shares and    allowances        requests in flight
//!     tree of headers  (of bodies)  transactions                            (all may look: view)
//!        |                |                |
//!        +----------------+----------------+----> work: queues of checks ----> drivers' workers
//! ```
//!
//! Each part owns its state, and changes no other's. It may look at the view (service,
//! configuration, time, peers), and is lent the tree and the queues where it puts something in or
//! takes something out; what else it wants, it returns as `Effects`.
//!
//! An announced block, for example: the machine gives it to `announce`, which holds the header to
//! its parent and queues its check; a driver's worker runs that, and `announce` puts the header
//! into the tree and returns its verdict; then the machine lets `headers` and `bodies` go on, and
//! `bodies` returns a question for the body. When that has come, was checked and is stored,
//! `bodies` returns the release of the requests that `server` holds for it.
//!
//! A file uses only those before it: limits, bounded, queue, status; config, jobs, effect; tree;
//! replay, candidate; peers; work, view; rereading, sources, path, body_peers; headers, bodies,
//! announce, pools, server, clock_check; machine, answers, carry.
//!
//! Threads: none; the calls take as long as reading and writing the ledger takes, so that a driver
//! gives them a thread that may block.
//!
//! Queues: every one has its bound in `limits`. Work waits in one queue for each peer and kind,
//! served in turn, announced blocks before the blocks of a sync, those before shares, those before
//! transactions; what finds its queue full is dropped, and ignored if a verdict is due. Jobs are
//! handed out one by one, so that the order is decided as late as can be.
//!
//! What must not be broken: nothing in an unverified proof counts as work; nothing is stored below
//! the minimum work; every gossip message gets exactly one verdict, and `Reject` only for what its
//! sender could have seen by itself; a body that does not match its header says nothing about that
//! header; no answer is believed that was not asked for.

mod announce;
mod answers;
mod bodies;
mod body_peers;
pub(crate) mod bounded;
mod candidate;
mod carry;
mod clock_check;
mod config;
mod effect;
mod headers;
mod jobs;
mod limits;
mod machine;
mod path;
mod peers;
mod pools;
mod queue;
mod replay;
mod rereading;
mod server;
mod sources;
mod status;
mod tree;
mod view;
mod work;

pub use config::{SyncBounds, SyncConfig};
pub use jobs::{Cost, Done, Job};
pub use machine::SyncMachine;
pub use status::{ClockFault, SyncState, SyncStatus};
pub(crate) use status::{PeersView, status};

/// How often a driver should call [`SyncMachine::on_tick`].
pub const TICK_MS: u64 = 100;
