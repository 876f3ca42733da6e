//! What became of a block that was stored.

use std::sync::Arc;

use lode_consensus::{Block, Hash, market::event::JobEvent};

use crate::LedgerError;

/// A step of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// A block became the tip, and this happened to jobs in it.
    Connected { hash: Hash, block: Block, jobs: Vec<JobEvent> },
    /// The tip was taken off.
    Disconnected { hash: Hash, block: Block },
}

/// What became of a block that was stored.
#[derive(Debug, Clone, Default)]
pub struct StoreOutcome {
    /// What happened to the chain, in order; empty if the block waits on a side branch, or if the
    /// chain came back to where it was.
    pub events: Vec<ChainEvent>,
    /// A block that turned out not to apply, and the rule that it broke.
    pub refused: Option<(Hash, Arc<LedgerError>)>,
}

impl StoreOutcome {
    /// Adds a step; one that takes the step before it back cancels it.
    pub(crate) fn push(&mut self, event: ChainEvent) {
        use ChainEvent::{Connected, Disconnected};
        match (self.events.last(), &event) {
            (Some(Connected { hash: last, .. }), Disconnected { hash, .. })
            | (Some(Disconnected { hash: last, .. }), Connected { hash, .. })
                if last == hash =>
            {
                self.events.pop();
            }
            _ => self.events.push(event),
        }
    }
}
