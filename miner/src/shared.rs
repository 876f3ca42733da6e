//! What all threads of a miner see.

use std::sync::{Arc, OnceLock};

use lode_api::client::NetworkName;
use lode_app::panics;
use lode_consensus::Address;
use lode_puzzle::{Engine, Verifier};

use crate::{MinerEvent, board::Board, events::Announcer, stats::Counters};

/// What all threads of a miner see.
pub(crate) struct Shared {
    pub(crate) network: Option<NetworkName>,
    pub(crate) address: Address,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) board: Board,
    pub(crate) counters: Counters,
    pub(crate) events: Announcer,
    /// Which thread panicked first, and why.
    pub(crate) failure: OnceLock<String>,
}

impl Shared {
    /// Runs a thread's part. If it panics, nothing goes on without it: all threads end, and
    /// [`crate::Miner::failure`] tells.
    pub(crate) fn guard(&self, thread: &str, part: impl FnOnce()) {
        if let Err(reason) = panics::guard(part) {
            let _ = self.failure.set(format!("thread {thread} panicked: {reason}"));
            self.board.stop();
        }
    }

    /// A winning attempt comes to nothing.
    pub(crate) fn lose(&self, reason: String) {
        self.counters.lost.add(1);
        self.events.announce(MinerEvent::Lost { reason });
    }
}
