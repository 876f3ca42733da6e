//! What all threads of a miner see.

use std::sync::Arc;

use lode_api::client::NetworkName;
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
}

impl Shared {
    /// A winning attempt comes to nothing.
    pub(crate) fn lose(&self, reason: String) {
        self.counters.lost.add(1);
        self.events.announce(MinerEvent::Lost { reason });
    }
}
