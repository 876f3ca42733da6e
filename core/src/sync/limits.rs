//! Every bound and interval of the sync machine, in one place.

use lode_consensus::Height;

/// Proofs that one job checks at most: where the batch verifier's gain per proof flattens out.
pub(super) const MAX_BATCH: usize = 64;

// --- Headers -------------------------------------------------------------------------------------

pub(super) const HEADERS_PER_REQUEST: u16 = 512;
/// Chains of headers that are judged at the same time, each from another peer.
pub(super) const MAX_CANDIDATES: usize = 4;
/// How many of them may come from peers that dialled us: an attacker can do that at no cost.
pub(super) const MAX_INBOUND_CANDIDATES: usize = 2;
/// Times in a row that a peer may fail to say what headers it has before its claims are passed
/// over.
pub(super) const MAX_EVASIONS: u32 = 2;
/// How often the time for which such a peer is not asked doubles.
pub(super) const MAX_EVASION_DOUBLINGS: u32 = 4;
/// Announced headers this far below the tip are not looked at: nothing that matters hangs on them.
pub(super) const RELAY_DEPTH: Height = 6;
/// After this time without a peer that has the headers of a chain that is read again, it is given
/// up.
pub(super) const REPLAY_TIMEOUT_MS: u64 = 60_000;
/// Chains below the retained history that are remembered as such.
pub(super) const MAX_DEEP_CHAINS: usize = 256;

// --- Announcements -------------------------------------------------------------------------------

/// Announced headers whose parent is not known.
pub(super) const MAX_ORPHANS: usize = 64;
/// How many of them one peer may have.
pub(super) const MAX_ORPHANS_PER_PEER: usize = 8;
/// How long they wait for their parent. Gossip forgets a message soon after, and takes no verdict
/// any more.
pub(super) const ORPHAN_MS: u64 = 3_000;
/// Announced headers that lie in the future.
pub(super) const MAX_DEFERRED: usize = 64;
/// How many of them one peer may have.
pub(super) const MAX_DEFERRED_PER_PEER: usize = 4;
/// How far beyond the future limit. Further ahead no honest clock is.
pub(super) const MAX_DEFERRAL_MS: u64 = 60_000;
/// Hashes of bytes that were found invalid, and of blocks whose bodies were.
pub(super) const MAX_INVALID: usize = 8_192;
/// Hashes of blocks that were announced, by us or through us.
pub(super) const MAX_ANNOUNCED: usize = 1_024;

// --- Bodies --------------------------------------------------------------------------------------

/// Bodies that are asked of one peer at a time.
pub(super) const MAX_BODIES_PER_PEER: usize = 16;
/// Bodies that are asked for at a time.
pub(super) const MAX_BODIES_IN_FLIGHT: usize = 64;
/// Bodies in one request: small enough to spread the next blocks over the peers.
pub(super) const BODIES_PER_REQUEST: usize = 8;
/// Bodies that are asked for, checked, or waiting for those before them.
pub(super) const BODY_WINDOW: usize = 128;
/// Stored and not yet applied blocks whose senders are remembered.
pub(super) const MAX_SERVERS: usize = 4_096;
/// Hashes of bodies that a peer said it lacks.
pub(super) const MAX_LACKING: usize = 256;

// --- Checks --------------------------------------------------------------------------------------

/// Announced headers of one peer that wait for a check.
pub(super) const MAX_ANNOUNCED_QUEUE: usize = 16;
/// Batches of headers of one peer that wait for a check: what
/// `SyncBounds::unproven` and one more answer make.
pub(super) const MAX_SEGMENT_QUEUE: usize = 32;
/// Shares of one peer that wait for a check.
pub(super) const MAX_SHARE_QUEUE: usize = 512;
/// Transactions of one peer that wait for a check.
pub(super) const MAX_TRANSACTION_QUEUE: usize = 1_024;
/// Bytes of the transactions of one peer that wait for a check.
pub(super) const MAX_TRANSACTION_QUEUE_BYTES: usize = 1 << 20;
/// Transactions that one job checks.
pub(super) const MAX_TRANSACTION_BATCH: usize = 16;
/// One job in so many goes to the least urgent kind of work that waits, so that none waits for
/// ever.
pub(super) const FAIR_TURN: u64 = 8;
/// Shares and transactions from one peer by gossip: the rate in the long run, per second. Each
/// started [`GOSSIP_UNIT_BYTES`] of a longer one count.
pub(super) const GOSSIP_PER_S: u64 = 64;
/// The same at once.
pub(super) const GOSSIP_BURST: u64 = 1_024;
/// The bytes of gossip that count once.
pub(super) const GOSSIP_UNIT_BYTES: usize = 1 << 10;

// --- Requests ------------------------------------------------------------------------------------

/// How often each peer's status is asked for.
pub(super) const STATUS_INTERVAL_MS: u64 = 5_000;
/// How long a peer may take for a status, headers or a page of what waits.
pub(super) const REQUEST_TIMEOUT_MS: u64 = 5_000;
/// How long the very next block may keep a node waiting before another peer is asked for it as
/// well.
pub(super) const NEXT_BODY_MS: u64 = 500;
/// How long a peer may take for bodies before others are asked.
pub(super) const BODY_TIMEOUT_MS: u64 = 8_000;
/// How long a peer is not asked for blocks while bodies that it was asked for are late.
pub(super) const LATE_BODIES_MS: u64 = 10_000;
/// How long an answer may still come that is not waited for any more.
pub(super) const LATE_ANSWER_MS: u64 = 600_000;
/// How long a peer is not asked for blocks after it stalled.
pub(super) const STALL_PAUSE_MS: u64 = 5_000;
/// How long a peer is not asked for anything after it said that it is busy.
pub(super) const BUSY_PAUSE_MS: u64 = 1_000;
/// How long a body that a peer lacks is not asked of it again.
pub(super) const LACKING_MS: u64 = 250;
/// How long a branch waits for its next body before another branch has its turn.
pub(super) const WITHHELD_AFTER_MS: u64 = 5_000;
/// Pages of waiting shares and transactions that are read from one peer.
pub(super) const MAX_MEMPOOL_PAGES: u32 = 16;

// --- Serving -------------------------------------------------------------------------------------

/// Bytes that one peer is served at once.
pub(super) const SERVE_BURST_BYTES: u64 = 32 << 20;
/// Bytes that one peer is served per second in the long run.
pub(super) const SERVE_BYTES_PER_S: u64 = 8 << 20;
/// What answering costs besides its bytes, in bytes.
pub(super) const SERVE_COST_BYTES: u64 = 16 << 10;
/// Refusals in a row that cost a peer nothing.
pub(super) const FREE_REFUSALS: u32 = 16;
/// Requests for the body of a block that is under way here and are answered when it is there.
pub(super) const MAX_HELD_REQUESTS: usize = 64;
/// How many of them one peer may have.
pub(super) const MAX_HELD_REQUESTS_PER_PEER: usize = 4;
/// How long they wait.
pub(super) const HELD_REQUEST_MS: u64 = 2_000;

// --- Clocks --------------------------------------------------------------------------------------

/// Peers whose clocks outweigh this machine's; of those that this node dialled, if there are as
/// many.
pub(super) const CLOCK_QUORUM: usize = 3;
/// How long a peer whose next headers lie in the future is not asked for them, at most: this
/// machine's clock may be set right.
pub(super) const MAX_FUTURE_PAUSE_MS: u64 = 10_000;
/// How long it counts that headers were left out because they lie in the future. Longer than until
/// they are asked for again.
pub(super) const LEFT_OUT_MS: u64 = 30_000;

// --- Readiness -----------------------------------------------------------------------------------

/// Block intervals after which a tip is too old to be the network's.
pub(super) const READY_INTERVALS: u64 = 20;
/// The least age of a tip that is too old: fast networks have slow hours too.
pub(super) const READY_TIP_AGE_MS: u64 = 60_000;
/// Blocks that a ready node may lie behind its peers.
pub(super) const READY_LAG: Height = 3;
