//! A full node: configuration and wiring, nothing else.
//!
//! Purpose: puts [`lode_core`] (what a node decides), `lode-http` (the API) and `lode-network`
//! (peers) together.
//!
//! Services of a running node:
//!
//! - [`lode_core::ChainService`] and [`lode_core::P2p`], with the threads and queues that they
//!   name.
//! - The API: a listener, on loopback unless told otherwise.
//! - The network of `lode-network`: one event loop, on loopback unless told otherwise.
//!
//! What must not be broken: a node that stops has everything on disk; a node that lost one of its
//! parts stops.

pub mod config;
mod log;
mod program;
mod progress;
mod run;

pub use config::{NodeConfig, NodeSettings, PeersConfig, default_data_dir};
pub use log::start_log;
pub use program::run;
pub use progress::Screen;
pub use run::{Node, NodeError, run_fsck};
