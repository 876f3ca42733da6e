//! A network of sync machines in one thread: messages and results arrive in the order of their
//! times, so that every run of a test is the same. Ledgers, chain services and machines are real;
//! proofs are judged by an oracle that takes every one whose ticket meets its target, but for those
//! that are marked as forged.

mod attempts;
mod network;
mod node;
mod wire;
mod world;

pub use attempts::{block_on_tip, forged_on_tip, share_of};
pub use network::{FUTURE_LIMIT_MS, address, key, network, transfer};
pub use node::{Node, Options, TestClock};
pub use world::World;
