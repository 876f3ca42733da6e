//! What the tests of several crates share. Nothing that is shipped uses it.
//!
//! ```text
//! keys          the same keys and addresses in every run
//! networks      small networks of them
//! oracle        checkers that know which proofs are honest
//! state         a whole state in maps
//! world         the market's rules over such a state: named actors, no blocks
//! memory_tree   the state tree over maps
//!
//! chain         one chain of blocks in memory
//! maker         a tree of blocks with states: shares the ledger's rules, not its storage
//! store, raw    a ledger of such blocks, and its raw records
//! mined         a ledger of blocks with real proofs
//! backend       a node on that ledger, whose answers a test sets
//!
//! recorder      what a sync machine asks of the network, taken down
//! fabric        sync machines, links and workers in one thread
//! ```
//!
//! A crate's tests in `tests/` use all of it, also where this crate depends on theirs; its unit
//! tests only what has no type of their own crate in it, since Cargo builds that crate twice then.
//! Fixtures that one test file uses stay in that file.
//!
//! Threads: none of its own. What must not be broken: everything is the same in every run, from
//! seeds; the simulator's trace hashes and the pinned bytes of the ledger depend on it.

pub mod backend;
pub mod chain;
pub mod fabric;
pub mod keys;
pub mod maker;
pub mod market;
pub mod memory_tree;
pub mod mined;
pub mod networks;
pub mod oracle;
pub mod raw;
pub mod recorder;
pub mod state;
pub mod store;
pub mod world;
