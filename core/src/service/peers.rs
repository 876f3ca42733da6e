//! What peers bring and ask for: the checks of shares and transactions, cheapest first, pages of
//! what waits for a block, and the way out for what this node took in by itself.

use std::sync::Arc;

use lode_consensus::{
    ChainWork, Hash, Height, Share, ShareId, SignedTransaction, rules::ChainContext,
    transaction::HashedTransaction,
};
use lode_network::{Gossip, MempoolPage};
use lode_puzzle::{Claim, Item, Seed, Ticket};
use tokio::sync::Notify;

use super::ChainService;
use crate::{Clock, MempoolError, SubmitError};

impl<C: Clock> ChainService<C> {
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

    /// Checks of a share all but its proof, and returns what the proof must show. Only errors that
    /// follow from the share and its anchor alone are [`Fault::Sender`](crate::Fault); all others
    /// depend on this node's state.
    pub(crate) fn check_share(&self, share: &Share) -> Result<Item, SubmitError> {
        let context = self.context();
        let item = context.share_item(share)?;
        let id = ShareId { statement: item.statement, nonce: item.nonce };
        if self.pools().shares.contains(&id) || self.ledger.read().has_share(&id)? {
            return Err(SubmitError::KnownAttempt);
        }
        let value = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof).share_value();
        match item.claim {
            Claim::Share(target) if target.is_met_by(value) => {
                self.check_prover(&share.prover)?;
                Ok(item)
            }
            _ => Err(SubmitError::NoShare),
        }
    }

    /// [`Self::check_transaction`] for one from a peer: a gap before its nonce may be about to
    /// close, as what fills it is checked at the same time.
    pub(crate) fn check_relayed(&self, transaction: &HashedTransaction) -> Result<(), SubmitError> {
        match self.check_transaction(transaction) {
            Err(SubmitError::Mempool(MempoolError::NonceGap { .. })) => Ok(()),
            checked => checked,
        }
    }

    /// A transaction with its id on this network.
    pub(crate) fn hashed(&self, signed: SignedTransaction) -> HashedTransaction {
        HashedTransaction::new(signed, &self.ledger.network().genesis_hash)
    }

    /// What waits for a block and would not be void there, all shares first, then transactions in
    /// the order in which blocks take them: one page of that sequence, after the first `skip`.
    pub fn mempool_page(&self, skip: u32) -> MempoolPage {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let pools = self.pools();
        let transactions = pools.mempool.relayed(pools.context.height);
        let behind_shares = skip.saturating_sub(pools.shares.len());
        MempoolPage::first(pools.shares.iter().skip(skip), transactions.skip(behind_shares))
    }

    /// What this node took in through its own API since the last call, and peers should hear of.
    pub(crate) fn take_accepted(&self) -> Vec<Gossip> {
        self.pools().accepted.drain(..).collect()
    }

    /// Rings when something was taken in that peers should hear of: for the driver of the sync
    /// machine.
    pub fn accepted(&self) -> &Notify {
        &self.accepted
    }
}
