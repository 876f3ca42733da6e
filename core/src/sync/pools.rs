//! Relay of shares and transactions: by gossip, and from what waits at a peer when it connects.
//!
//! Owns how much of them each peer may bring, how large its batches are, how far what waits at it
//! was read, and the hashes of those that were found invalid. Returns verdicts, charges, and
//! questions for what waits.
//!
//! What must not be broken: each message gets its one verdict, [`Verdict::Reject`] only for what
//! its sender could have seen by itself.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Display,
};

use lode_consensus::{
    Encode, Hash, Share, SignedTransaction, obligation::Verdict as Judged,
    transaction::HashedTransaction,
};
use lode_network::{Bucket, MempoolPage, PeerId, Penalty, Request, Verdict};

use super::{
    bounded::Recent,
    effect::{Effect, Effects, Question},
    jobs::{Origin, ShareTask, TransactionTask},
    limits::{
        GOSSIP_BURST, GOSSIP_PER_S, GOSSIP_UNIT_BYTES, MAX_BATCH, MAX_INVALID, MAX_MEMPOOL_PAGES,
        MAX_TRANSACTION_QUEUE_BYTES,
    },
    tree::HeaderTree,
    view::View,
    work::Queues,
};
use crate::{Assessment, Clock, Fault, SubmitError};

/// Shares and transactions of peers.
#[derive(Debug)]
pub(super) struct PoolRelay {
    peers: BTreeMap<PeerId, Bringer>,
    /// Hashes of all bytes of shares and transactions that were found invalid.
    invalid: Recent<Hash>,
}

/// A peer that brings some.
#[derive(Debug)]
struct Bringer {
    /// What it may still bring.
    gossip: Bucket,
    /// Shares that are checked in one batch: more when they turn out good, one again after a bad
    /// one.
    batch: usize,
    reading: MempoolReading,
}

/// How far what waits at a peer was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MempoolReading {
    /// So many pages were read, and so many entries; the next page is to be asked for.
    At { pages: u32, skip: u32 },
    /// A page was asked for.
    Asked { pages: u32, skip: u32 },
    /// All was read.
    Done,
}

/// The key of a share's bytes in the negative cache.
fn key_of(share: &Share) -> Hash {
    Hash::of("lode/seen/v1", &[&share.encode()])
}

/// The key of a transaction's bytes: the id stands for all but the signature.
fn transaction_key(transaction: &HashedTransaction) -> Hash {
    Hash::of("lode/seen-transaction/v1", &[&transaction.id().0, &transaction.signed().signature])
}

impl PoolRelay {
    pub(super) fn new() -> Self {
        Self { peers: BTreeMap::new(), invalid: Recent::new(MAX_INVALID) }
    }

    /// A peer is there.
    pub(super) fn connected(&mut self, id: PeerId, now_ms: u64) {
        let gossip = Bucket::full(GOSSIP_BURST, GOSSIP_PER_S, now_ms);
        self.peers.insert(
            id,
            Bringer { gossip, batch: 1, reading: MempoolReading::At { pages: 0, skip: 0 } },
        );
    }

    /// It is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.peers.remove(id);
    }

    /// How many shares of a peer are checked at once.
    pub(super) fn batch(&self, id: &PeerId) -> usize {
        self.peers.get(id).map_or(1, |peer| peer.batch)
    }

    /// Whether a share or transaction is looked at at all: while the node is far behind, it can
    /// judge neither.
    fn has_time_for<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &HeaderTree,
        origin: Origin,
        bytes: usize,
    ) -> bool {
        let is_near_tip = view.is_near_tip(tree);
        let Some(peer) = self.peers.get_mut(&origin.peer) else {
            return false;
        };
        // What was asked for has its own bounds.
        is_near_tip
            && (origin.gossip.is_none()
                || peer.gossip.take(bytes.div_ceil(GOSSIP_UNIT_BYTES) as u64, view.now_ms))
    }

    /// A share from a peer.
    pub(super) fn share<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &HeaderTree,
        queues: &mut Queues,
        share: Share,
        origin: Origin,
    ) -> Effects {
        let key = key_of(&share);
        if self.invalid.contains(&key) {
            return self.refuse(
                key,
                origin,
                Penalty::InvalidHeader,
                &"a share known to be invalid",
            );
        }
        if !self.has_time_for(view, tree, origin, Share::BYTES) {
            return Effects::ignore(origin);
        }
        match view.service.check_share(&share) {
            Ok(item) => match queues.shares.push(origin.peer, ShareTask { share, item, origin }) {
                Ok(()) => Effects::none(),
                Err(task) => Effects::ignore(task.origin),
            },
            Err(error) => self.not_taken(key, origin, Penalty::InvalidHeader, &error),
        }
    }

    /// A transaction from a peer.
    pub(super) fn transaction<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &HeaderTree,
        queues: &mut Queues,
        signed: SignedTransaction,
        origin: Origin,
    ) -> Effects {
        let transaction = view.service.hashed(signed);
        let key = transaction_key(&transaction);
        if self.invalid.contains(&key) {
            return self.refuse(
                key,
                origin,
                Penalty::InvalidTransaction,
                &"a transaction known to be invalid",
            );
        }
        if !self.has_time_for(view, tree, origin, transaction.signed().encoded_len()) {
            return Effects::ignore(origin);
        }
        match view.service.check_relayed(&transaction) {
            Ok(()) => {
                let bytes = |task: &TransactionTask| task.transaction.signed().encoded_len();
                let task = TransactionTask { transaction, origin };
                match queues.transactions.push_within(
                    origin.peer,
                    task,
                    MAX_TRANSACTION_QUEUE_BYTES,
                    bytes,
                ) {
                    Ok(()) => Effects::none(),
                    Err(task) => Effects::ignore(task.origin),
                }
            }
            Err(error) => self.not_taken(key, origin, Penalty::InvalidTransaction, &error),
        }
    }

    /// What a submission that was not taken means for its sender: only its own fault is held
    /// against it.
    fn not_taken(
        &mut self,
        key: Hash,
        origin: Origin,
        penalty: Penalty,
        error: &SubmitError,
    ) -> Effects {
        if error.fault() == Fault::Sender {
            return self.refuse(key, origin, penalty, error);
        }
        error.log_if_ours();
        Effects::ignore(origin)
    }

    /// Remembers invalid bytes, which an honest peer does not pass on.
    fn refuse(
        &mut self,
        key: Hash,
        origin: Origin,
        penalty: Penalty,
        why: &dyn Display,
    ) -> Effects {
        self.invalid.insert(key);
        let mut effects = Effects::verdict(origin, Verdict::Reject);
        effects.penalize(origin.peer, penalty, why);
        effects
    }

    /// The shares of a batch were checked.
    pub(super) fn shares_proven<C: Clock>(
        &mut self,
        view: &View<C>,
        peer: &PeerId,
        shares: Vec<(ShareTask, Judged)>,
    ) -> Effects {
        let is_clean = shares.iter().all(|(_, result)| result.is_ok());
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.batch = if is_clean { peer.batch.saturating_mul(2).min(MAX_BATCH) } else { 1 };
        }
        let mut effects = Effects::none();
        for (ShareTask { share, origin, .. }, result) in shares {
            effects.extend(match result {
                // A share that has no room, or no place on a tip that moved, may be good for others
                // still.
                Ok(()) if view.service.add_share(&share) => {
                    Effects::verdict(origin, Verdict::Accept)
                }
                Ok(()) => Effects::ignore(origin),
                Err(error) if error.is_ours() => Effects::ignore(origin),
                Err(error) => self.refuse(key_of(&share), origin, Penalty::InvalidProof, &error),
            });
        }
        effects
    }

    /// The signatures of some transactions were checked.
    pub(super) fn transactions_verified<C: Clock>(
        &mut self,
        view: &View<C>,
        transactions: Vec<(TransactionTask, Result<Assessment, SubmitError>)>,
    ) -> Effects {
        let mut effects = Effects::none();
        for (TransactionTask { transaction, origin }, result) in transactions {
            effects.extend(
                match result
                    .and_then(|assessment| view.service.add_transaction(&transaction, &assessment))
                {
                    Ok(_) => Effects::verdict(origin, Verdict::Accept),
                    Err(error) => self.not_taken(
                        transaction_key(&transaction),
                        origin,
                        Penalty::InvalidTransaction,
                        &error,
                    ),
                },
            );
        }
        effects
    }

    /// Asks a peer for the next page of what waits there, once this node is where its peers are and
    /// has room.
    pub(super) fn read_mempool<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &HeaderTree,
        queues: &Queues,
        id: PeerId,
    ) -> Effects {
        let (Some(bringer), Some(peer)) = (self.peers.get_mut(&id), view.peers.get(&id)) else {
            return Effects::none();
        };
        let MempoolReading::At { pages, skip } = bringer.reading else {
            return Effects::none();
        };
        let is_free =
            !queues.has_pool_work(&id) && peer.status.is_some() && !peer.is_paused(view.now_ms);
        if !is_free || !view.is_near_tip(tree) {
            return Effects::none();
        }
        bringer.reading = MempoolReading::Asked { pages, skip };
        Effects::one(Effect::Ask(id, Question::Mempool, Request::Mempool { skip }))
    }

    /// A page of what waits at a peer has come. Its entries are judged one by one, as if they were
    /// gossip.
    pub(super) fn page_came(&mut self, id: &PeerId, page: &MempoolPage) {
        let count = u32::try_from(page.shares.len().saturating_add(page.transactions.len()))
            .unwrap_or(u32::MAX);
        if let Some(peer) = self.peers.get_mut(id)
            && let MempoolReading::Asked { pages, skip } = peer.reading
        {
            let (pages, skip) = (pages.saturating_add(1), skip.saturating_add(count));
            let goes_on = page.more && count > 0 && pages < MAX_MEMPOOL_PAGES;
            peer.reading =
                if goes_on { MempoolReading::At { pages, skip } } else { MempoolReading::Done };
        }
    }

    /// It has not come.
    pub(super) fn page_failed(&mut self, id: &PeerId) {
        if let Some(peer) = self.peers.get_mut(id)
            && let MempoolReading::Asked { pages, skip } = peer.reading
        {
            peer.reading = MempoolReading::At { pages: pages.saturating_add(1), skip };
        }
    }

    /// Gives up unchecked shares and transactions.
    pub(super) fn dropped(
        shares: VecDeque<ShareTask>,
        transactions: VecDeque<TransactionTask>,
    ) -> Effects {
        let shares = shares.into_iter().map(|task| task.origin);
        let origins = shares.chain(transactions.into_iter().map(|task| task.origin));
        origins.map(|origin| Effect::Judge(origin, Verdict::Ignore)).collect()
    }
}
