//! Shares that wait for a block. Their proofs hold, and their anchors are checked again whenever
//! the tip moves.
//!
//! What must not be broken: the pool is bounded; when it is full, the shares that will fall out of
//! the window first give way, and a share that the chain has counted never stays.

use std::collections::BTreeMap;

use lode_consensus::{Height, Share, ShareId, rules::ChainContext};

/// Most waiting shares.
pub(crate) const MAX_SHARES: usize = 8_192;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingShare {
    pub(crate) share: Share,
    /// The height of its anchor: the lower, the sooner it expires.
    pub(crate) anchor_height: Height,
}

/// The pool, by identity.
#[derive(Debug, Default)]
pub(crate) struct SharePool {
    shares: BTreeMap<ShareId, WaitingShare>,
}

impl SharePool {
    /// How many shares wait.
    pub(crate) fn len(&self) -> usize {
        self.shares.len()
    }

    /// Whether a share waits.
    pub(crate) fn contains(&self, id: &ShareId) -> bool {
        self.shares.contains_key(id)
    }

    /// Takes a share whose proof holds. Returns whether it has a place now.
    pub(crate) fn insert(&mut self, id: ShareId, share: WaitingShare) -> bool {
        if self.shares.len() >= MAX_SHARES && !self.shares.contains_key(&id) {
            let oldest = self.shares.iter().min_by_key(|(_, waiting)| waiting.anchor_height);
            match oldest.map(|(id, waiting)| (*id, waiting.anchor_height)) {
                Some((oldest, height)) if height < share.anchor_height => {
                    self.shares.remove(&oldest)
                }
                _ => return false,
            };
        }
        self.shares.insert(id, share);
        true
    }

    /// Takes out shares that a block has counted.
    pub(crate) fn remove(&mut self, ids: &[ShareId]) {
        for id in ids {
            self.shares.remove(id);
        }
    }

    /// Drops the shares that can be in no block on top of the chain that `context` describes, and
    /// dates the others anew.
    pub(crate) fn prune(&mut self, context: &ChainContext) {
        self.shares.retain(|id, waiting| {
            let Some(height) = context.anchor_height(&waiting.share.anchor_hash) else {
                return false;
            };
            waiting.anchor_height = height;
            // Under another challenge the proof is for another statement.
            waiting.share.statement(&context.genesis_hash, &context.epoch_challenge) == id.statement
                && context.share_target.is_met_by(ticket(id, &waiting.share).share_value())
        });
    }

    /// Waiting shares, those that expire first at the front.
    pub(crate) fn oldest_first(&self) -> Vec<(ShareId, Share)> {
        let mut shares: Vec<_> = self.shares.iter().collect();
        shares.sort_by_key(|(_, waiting)| waiting.anchor_height);
        shares.into_iter().map(|(id, waiting)| (*id, waiting.share.clone())).collect()
    }

    /// All waiting shares.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Share> {
        self.shares.values().map(|waiting| &waiting.share)
    }
}

/// The ticket of a share: the hash of its proof.
pub(crate) fn ticket(id: &ShareId, share: &Share) -> lode_puzzle::Ticket {
    lode_puzzle::Ticket::new(&lode_puzzle::Seed::new(&id.statement, id.nonce), &share.proof)
}
