//! Shares and transactions from peers: by gossip, and from what waits at a peer when it connects.

use lode_consensus::{
    Encode, Hash, Share, SignedTransaction, obligation::Verdict as Judged, transaction::HashedTransaction,
};
use lode_network::{MempoolPage, Network, PeerId, Penalty, Request, Verdict};

use super::{
    SyncMachine, ignore,
    jobs::{Origin, ShareTask, TransactionTask},
    limits::{GOSSIP_UNIT_BYTES, MAX_BATCH, MAX_MEMPOOL_PAGES, MAX_TRANSACTION_QUEUE_BYTES},
    peers::{MempoolReading, Question},
    verdict,
};
use crate::{Clock, Fault, SubmitError};

/// The key of a share's bytes in the negative cache.
fn key_of(share: &Share) -> Hash {
    Hash::of("lode/seen/v1", &[&share.encode()])
}

/// The key of a transaction's bytes: the id stands for all but the signature.
fn transaction_key(transaction: &HashedTransaction) -> Hash {
    Hash::of("lode/seen-transaction/v1", &[&transaction.id().0, &transaction.signed().signature])
}

impl<C: Clock> SyncMachine<C> {
    /// Whether a share or transaction is looked at at all: while the node is far behind, it can judge neither.
    fn has_time_for(&mut self, origin: Origin, bytes: usize) -> bool {
        let now_ms = self.now_ms;
        let is_near_tip = self.is_near_tip();
        let Some(peer) = self.peers.get_mut(&origin.peer) else {
            return false;
        };
        // What was asked for has its own bounds.
        is_near_tip && (origin.gossip.is_none() || peer.gossip.take(bytes.div_ceil(GOSSIP_UNIT_BYTES) as u64, now_ms))
    }

    /// A share from a peer.
    pub(super) fn share(&mut self, share: Share, origin: Origin, network: &mut dyn Network) {
        let key = key_of(&share);
        if self.invalid.contains(&key) {
            self.refuse(key, origin, Penalty::InvalidHeader, &"a share known to be invalid", network);
            return;
        }
        if !self.has_time_for(origin, Share::BYTES) {
            ignore(origin, network);
            return;
        }
        match self.service.check_share(&share) {
            Ok(item) => {
                if let Err(task) = self.work.shares.push(origin.peer, ShareTask { share, item, origin }) {
                    ignore(task.origin, network);
                }
            }
            Err(error) if error.fault() == Fault::Sender => {
                self.refuse(key, origin, Penalty::InvalidHeader, &error, network);
            }
            Err(error) => {
                error.log_if_ours();
                ignore(origin, network);
            }
        }
    }

    /// A transaction from a peer.
    pub(super) fn transaction(&mut self, signed: SignedTransaction, origin: Origin, network: &mut dyn Network) {
        let transaction = self.service.hashed(signed);
        let key = transaction_key(&transaction);
        if self.invalid.contains(&key) {
            self.refuse(key, origin, Penalty::InvalidTransaction, &"a transaction known to be invalid", network);
            return;
        }
        if !self.has_time_for(origin, transaction.signed().encoded_len()) {
            ignore(origin, network);
            return;
        }
        match self.service.check_relayed(&transaction) {
            Ok(()) => {
                let bytes = |task: &TransactionTask| task.transaction.signed().encoded_len();
                let task = TransactionTask { transaction, origin };
                let queue = &mut self.work.transactions;
                if let Err(task) = queue.push_within(origin.peer, task, MAX_TRANSACTION_QUEUE_BYTES, bytes) {
                    ignore(task.origin, network);
                }
            }
            Err(error) if error.fault() == Fault::Sender => {
                self.refuse(key, origin, Penalty::InvalidTransaction, &error, network);
            }
            Err(error) => {
                error.log_if_ours();
                ignore(origin, network);
            }
        }
    }

    /// Remembers bytes that nobody should have passed on.
    fn refuse(
        &mut self,
        key: Hash,
        origin: Origin,
        penalty: Penalty,
        why: &dyn std::fmt::Display,
        network: &mut dyn Network,
    ) {
        self.invalid.insert(key);
        verdict(origin, Verdict::Reject, network);
        self.penalize(origin.peer, penalty, why, network);
    }

    /// The shares of a batch were checked.
    pub(super) fn shares_proven(&mut self, peer: PeerId, shares: Vec<(ShareTask, Judged)>, network: &mut dyn Network) {
        self.work.free_shares(&peer);
        let is_clean = shares.iter().all(|(_, result)| result.is_ok());
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.batch = if is_clean { peer.batch.saturating_mul(2).min(MAX_BATCH) } else { 1 };
        }
        for (ShareTask { share, origin, .. }, result) in shares {
            match result {
                // A share that has no room, or no place on a tip that moved, may be good for others still.
                Ok(()) if self.service.add_share(&share) => verdict(origin, Verdict::Accept, network),
                Ok(()) => ignore(origin, network),
                Err(error) if error.is_ours() => ignore(origin, network),
                Err(error) => self.refuse(key_of(&share), origin, Penalty::InvalidProof, &error, network),
            }
        }
    }

    /// The signatures of some transactions were checked.
    pub(super) fn transactions_verified(
        &mut self,
        peer: PeerId,
        transactions: Vec<(TransactionTask, Result<(), SubmitError>)>,
        network: &mut dyn Network,
    ) {
        self.work.free_transactions(&peer);
        for (TransactionTask { transaction, origin }, result) in transactions {
            match result.and_then(|()| self.service.add_transaction(&transaction)) {
                Ok(_) => verdict(origin, Verdict::Accept, network),
                Err(error) if error.fault() == Fault::Sender => {
                    self.refuse(transaction_key(&transaction), origin, Penalty::InvalidTransaction, &error, network);
                }
                Err(error) => {
                    error.log_if_ours();
                    ignore(origin, network);
                }
            }
        }
    }

    /// Asks a peer for the next page of what waits there, once this node is where its peers are and has room.
    pub(super) fn read_mempool(&mut self, id: PeerId, network: &mut dyn Network) {
        let is_idle = !self.work.has_pool_work(&id);
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        let MempoolReading::At { pages, skip } = peer.mempool else {
            return;
        };
        if !is_idle || peer.status.is_none() || peer.is_paused(self.now_ms) || !self.is_near_tip() {
            return;
        }
        let request = self.ask(id, Question::Mempool, Request::Mempool { skip }, network);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.mempool = MempoolReading::Asked { request, pages, skip };
        }
    }

    /// A page of what waits at a peer.
    pub(super) fn mempool_page(&mut self, id: PeerId, page: MempoolPage, network: &mut dyn Network) {
        let count = u32::try_from(page.shares.len().saturating_add(page.transactions.len())).unwrap_or(u32::MAX);
        if let Some(peer) = self.peers.get_mut(&id)
            && let MempoolReading::Asked { pages, skip, .. } = peer.mempool
        {
            let (pages, skip) = (pages.saturating_add(1), skip.saturating_add(count));
            let goes_on = page.more && count > 0 && pages < MAX_MEMPOOL_PAGES;
            peer.mempool = if goes_on { MempoolReading::At { pages, skip } } else { MempoolReading::Done };
        }
        let origin = Origin { peer: id, gossip: None };
        for share in page.shares {
            self.share(share, origin, network);
        }
        for signed in page.transactions {
            self.transaction(signed, origin, network);
        }
    }
}
