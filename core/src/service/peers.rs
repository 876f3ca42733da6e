//! What peers bring and ask for: the checks of shares and transactions, cheapest first, pages of what waits for a
//! block, and the way out for what this node took in by itself.

use std::sync::Arc;

use crate::SubmitError;
use lode_consensus::{ChainWork, Hash, Height, Share, ShareId, SignedTransaction, rules::ChainContext};
use lode_network::{Gossip, MempoolPage};
use lode_puzzle::{Claim, Item, Seed, Ticket};
use tokio::sync::Notify;

use super::{
    ChainService, internal,
    submit::{mempool_error, share_error},
};
use crate::{Clock, MempoolError, service::Effects};

impl<C: Clock> ChainService<C> {
    /// Clock, checker and entropy.
    pub fn effects(&self) -> &Effects<C> {
        &self.effects
    }

    /// The rules' view of the chain below the next block on top of the tip.
    pub(crate) fn context(&self) -> Arc<ChainContext> {
        self.pools().context.clone()
    }

    /// Height and hash of the tip.
    pub fn tip(&self) -> (Height, Hash) {
        let pools = self.pools();
        (pools.context.height.saturating_sub(1), pools.context.parent_hash)
    }

    /// The work of the chain, without asking the ledger.
    pub(crate) fn work(&self) -> ChainWork {
        self.pools().work
    }

    /// What can be said of a share without its proof, and what the proof must show. [`SubmitError::Invalid`] is what
    /// anybody who knows the anchor can see; everything else depends on where this node stands.
    pub(crate) fn check_share(&self, share: &Share) -> Result<Item, SubmitError> {
        let context = self.context();
        let item = context.share_item(share).map_err(share_error)?;
        let id = ShareId { statement: item.statement, nonce: item.nonce };
        if self.pools().shares.contains(&id) || self.ledger.read().has_share(&id).map_err(internal)? {
            return Err(SubmitError::Stale("the share is known".to_owned()));
        }
        let value = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof).share_value();
        match item.claim {
            Claim::Share(target) if target.is_met_by(value) => {
                self.check_prover(&share.prover)?;
                Ok(item)
            }
            _ => Err(SubmitError::Invalid("ticket: it misses the share target".to_owned())),
        }
    }

    /// [`Self::check_transaction`] for one from a peer: a gap before its nonce may be about to close, as what fills it is
    /// checked at the same time.
    pub(crate) fn check_relayed(&self, signed: &SignedTransaction) -> Result<(), SubmitError> {
        match self.mempool_check(signed)? {
            Err(MempoolError::NonceGap { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(mempool_error(error)),
        }
    }

    /// Whether a share waited here, with these very bytes: then its proof holds.
    pub(crate) fn is_proven_share(&self, id: &ShareId, share: &Share) -> bool {
        self.checked.has_share(id, share) || self.pools().shares.get(id) == Some(share)
    }

    /// Whether a transaction waits here, with these very bytes: then its signature holds.
    pub(crate) fn is_verified_transaction(&self, signed: &SignedTransaction) -> bool {
        let id = signed.id(&self.ledger.network().genesis_hash);
        self.pools().mempool.get(&id) == Some(signed)
    }

    /// What waits for a block, all shares first, then transactions in the order in which blocks take them: one page of
    /// that sequence, after the first `skip`.
    pub(crate) fn mempool_page(&self, skip: u32) -> MempoolPage {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let pools = self.pools();
        let transactions = pools.mempool.in_order().map(|(_, signed)| signed);
        let behind_shares = skip.saturating_sub(pools.shares.len());
        MempoolPage::first(pools.shares.iter().skip(skip), transactions.skip(behind_shares))
    }

    /// What this node took in through its own API since the last call, and peers should hear of.
    pub(crate) fn take_accepted(&self) -> Vec<Gossip> {
        self.pools().accepted.drain(..).collect()
    }

    /// Rings when something was taken in that peers should hear of: for the driver of the sync machine.
    pub fn accepted(&self) -> &Notify {
        &self.accepted
    }
}
