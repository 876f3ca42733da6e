//! What every part of the machine may look at: the chain service, the configuration, the time, and
//! the peer table.
//!
//! Owned by the switchboard, which alone changes it, by carrying out effects. The service is shared
//! with the node's API: its pools and its ledger change under locks of their own.

use std::sync::Arc;

use lode_consensus::{Hash, Height};
use lode_ledger::{LedgerError, Reader};
use lode_network::{Status, message::PEER_VERSION};

use super::{config::SyncConfig, limits::READY_LAG, peers::PeerTable, tree::HeaderTree};
use crate::{ChainService, Clock};

pub(super) struct View<C> {
    pub(super) service: Arc<ChainService<C>>,
    pub(super) config: SyncConfig,
    /// The driver's count: it never goes back.
    pub(super) now_ms: u64,
    pub(super) peers: PeerTable,
}

impl<C: Clock> View<C> {
    pub(super) fn genesis_hash(&self) -> Hash {
        self.service.ledger().network().genesis_hash
    }

    /// Where this node stands, as peers are told.
    pub(super) fn own_status(&self, reader: &Reader<'_>) -> Result<Status, LedgerError> {
        let (tip_height, tip_hash) = reader.tip()?;
        let (genesis_hash, now_ms) = (self.genesis_hash(), self.service.now_ms());
        Ok(Status {
            version: PEER_VERSION,
            genesis_hash,
            tip_height,
            tip_hash,
            work: reader.work()?,
            now_ms,
        })
    }

    /// The height at which the operator assumes a block to be valid, while the node is below it.
    pub(super) fn assumed_height(&self) -> Option<Height> {
        let (tip, _) = self.service.tip();
        self.config.assume_valid.map(|(height, _)| height).filter(|height| tip < *height)
    }

    /// Whether the ledger can go back to where the chain that ends in a block leaves its own.
    pub(super) fn fork_is_retained(&self, hash: &Hash) -> Result<(), LedgerError> {
        let reader = self.service.ledger().read();
        let (fork, floor) = (reader.branch(hash)?.fork(), reader.state_floor()?);
        if fork < floor { Err(LedgerError::ReorgTooDeep { fork, floor }) } else { Ok(()) }
    }

    /// Whether what peers gossip is of the present: the node is where most of them are.
    pub(super) fn is_near_tip(&self, tree: &HeaderTree) -> bool {
        let (tip, _) = self.service.tip();
        let best = tree.best_available().map_or(tip, |best| best.height());
        best.max(self.peers_height(tip)).saturating_sub(tip) <= READY_LAG
    }

    /// The median of the heights that peers claim, `tip` without peers.
    pub(super) fn peers_height(&self, tip: Height) -> Height {
        let work = self.service.work();
        let claims = self.peers.iter().filter_map(|(_, peer)| peer.claimed_height(tip, work));
        median(claims.collect()).unwrap_or(tip)
    }
}

/// The middle one of some heights, the lower one of two.
fn median(mut heights: Vec<Height>) -> Option<Height> {
    heights.sort_unstable();
    heights.get(heights.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_liars_do_not_move_the_median() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![7]), Some(7));
        assert_eq!(median(vec![10, 1_000_000]), Some(10));
        assert_eq!(median(vec![10, 11, 1_000_000]), Some(11));
        assert_eq!(median(vec![1_000_000, 10, 11, 1_000_000, 12]), Some(12));
    }
}
