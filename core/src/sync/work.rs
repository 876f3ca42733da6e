//! The work that waits, and whose turn it is.
//!
//! Owns the queues, one for each kind of work and each peer; the parts put in what is to be
//! checked, and drivers take it out. What finds its queue full is given back. What must not be
//! broken: a peer that sends bad ones is gone before many are looked at, and no kind of work waits
//! for ever.

use std::collections::{BTreeSet, VecDeque};

use lode_network::PeerId;

use super::{
    jobs::{AnnouncedTask, BodyTask, SegmentTask, ShareTask, TransactionTask, Work},
    limits::{
        BODY_WINDOW, FAIR_TURN, MAX_ANNOUNCED_QUEUE, MAX_BATCH, MAX_BODIES_PER_PEER,
        MAX_SEGMENT_QUEUE, MAX_SHARE_QUEUE, MAX_TRANSACTION_BATCH, MAX_TRANSACTION_QUEUE,
    },
    queue::Lanes,
};

/// One queue for each kind of work and each peer, the most urgent kind first.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) announced: Lanes<PeerId, AnnouncedTask>,
    /// Bodies by sender; an absent sender means an empty body, which needs none.
    pub(super) bodies: Lanes<Option<PeerId>, BodyTask>,
    pub(super) segments: Lanes<PeerId, SegmentTask>,
    pub(super) shares: Lanes<PeerId, ShareTask>,
    pub(super) transactions: Lanes<PeerId, TransactionTask>,
    /// Peers with a job under way: announced headers, shares, transactions. They get the next one
    /// when its result is known, so that a peer that sends bad ones is banned before many are
    /// checked.
    busy: [BTreeSet<PeerId>; 3],
    handed_out: u64,
}

impl Queues {
    pub(super) fn new() -> Self {
        Self {
            announced: Lanes::new(MAX_ANNOUNCED_QUEUE),
            bodies: Lanes::new(BODY_WINDOW),
            segments: Lanes::new(MAX_SEGMENT_QUEUE),
            shares: Lanes::new(MAX_SHARE_QUEUE),
            transactions: Lanes::new(MAX_TRANSACTION_QUEUE),
            busy: Default::default(),
            handed_out: 0,
        }
    }

    /// The next work, by urgency, and within a kind by turns. One turn in [`FAIR_TURN`] goes the
    /// other way round. `batch` says how many shares of a peer are checked at once.
    pub(super) fn next(&mut self, batch: impl Fn(&PeerId) -> usize) -> Option<Work> {
        let turn = self.handed_out.wrapping_add(1);
        let mut kinds = [0, 1, 2, 3, 4];
        if turn.is_multiple_of(FAIR_TURN) {
            kinds.reverse();
        }
        let work = kinds.into_iter().find_map(|kind| match kind {
            0 => self.next_announced(),
            1 => self.next_bodies(),
            2 => self.next_segment(),
            3 => self.next_shares(&batch),
            _ => self.next_transactions(),
        })?;
        self.handed_out = turn;
        Some(work)
    }

    fn next_announced(&mut self) -> Option<Work> {
        let Self { announced, busy: [busy, ..], .. } = self;
        let (peer, lane) = announced.next(|peer| !busy.contains(peer))?;
        let AnnouncedTask { header, origin } = lane.pop_front()?;
        busy.insert(peer);
        Some(Work::Announced(origin, Box::new(header)))
    }

    /// The bodies that one peer sent, as far as one batch holds their shares.
    fn next_bodies(&mut self) -> Option<Work> {
        let (_, lane) = self.bodies.next(|_| true)?;
        let mut bodies: Vec<BodyTask> = Vec::new();
        let mut proofs = 0_usize;
        while let Some(next) = lane.front()
            && bodies.len() < MAX_BODIES_PER_PEER
        {
            proofs = proofs.saturating_add(next.body.shares.len());
            if !bodies.is_empty() && proofs > MAX_BATCH {
                break;
            }
            bodies.extend(lane.pop_front());
        }
        Some(Work::Bodies(bodies))
    }

    fn next_segment(&mut self) -> Option<Work> {
        let (peer, lane) = self.segments.next(|_| true)?;
        Some(Work::Segment(peer, lane.pop_front()?))
    }

    fn next_shares(&mut self, batch: impl Fn(&PeerId) -> usize) -> Option<Work> {
        let Self { shares, busy: [_, busy, _], .. } = self;
        let (peer, lane) = shares.next(|peer| !busy.contains(peer))?;
        busy.insert(peer);
        Some(Work::Shares(peer, first(lane, batch(&peer))))
    }

    fn next_transactions(&mut self) -> Option<Work> {
        let Self { transactions, busy: [.., busy], .. } = self;
        let (peer, lane) = transactions.next(|peer| !busy.contains(peer))?;
        busy.insert(peer);
        Some(Work::Transactions(peer, first(lane, MAX_TRANSACTION_BATCH)))
    }

    /// An announced header of a peer was checked.
    pub(super) fn free_announced(&mut self, peer: &PeerId) {
        self.busy[0].remove(peer);
    }

    /// Shares of a peer were checked.
    pub(super) fn free_shares(&mut self, peer: &PeerId) {
        self.busy[1].remove(peer);
    }

    /// Transactions of a peer were checked.
    pub(super) fn free_transactions(&mut self, peer: &PeerId) {
        self.busy[2].remove(peer);
    }

    /// Takes out what a peer sent and is not checked yet.
    pub(super) fn drop_peer(&mut self, peer: PeerId) -> Dropped {
        Dropped {
            announced: self.announced.drain(&peer),
            bodies: self.bodies.drain(&Some(peer)),
            shares: self.shares.drain(&peer),
            transactions: self.transactions.drain(&peer),
        }
    }

    /// Whether shares and transactions of a peer wait.
    pub(super) fn has_pool_work(&self, peer: &PeerId) -> bool {
        self.shares.len(peer) > 0 || self.transactions.len(peer) > 0
    }
}

/// What waited of one peer. Segments of headers stay: another peer may go on with their chain.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) announced: VecDeque<AnnouncedTask>,
    pub(super) bodies: VecDeque<BodyTask>,
    pub(super) shares: VecDeque<ShareTask>,
    pub(super) transactions: VecDeque<TransactionTask>,
}

fn first<T>(lane: &mut VecDeque<T>, count: usize) -> Vec<T> {
    lane.drain(..count.min(lane.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::jobs::Origin;
    use lode_consensus::{
        Action, Address, Hash, SignedTransaction, Transaction,
        transaction::{HashedTransaction, Transfer},
    };

    fn peer(number: u8) -> PeerId {
        let mut bytes = vec![0, 36, 8, 1, 18, 32];
        bytes.extend([number; 32]);
        PeerId::from_bytes(&bytes).unwrap()
    }

    fn transaction(peer: PeerId) -> TransactionTask {
        let nobody = Address([0; 32]);
        let transfer = Transaction {
            from: nobody,
            fee: 1,
            nonce: 0,
            expiry: 0,
            action: Action::Transfer(Transfer { to: nobody, amount: 1 }),
        };
        let signed = SignedTransaction { transaction: transfer, signature: [0; 128] };
        let transaction = HashedTransaction::new(signed, &Hash::ZERO);
        TransactionTask { transaction, origin: Origin { peer, gossip: None } }
    }

    fn segment() -> SegmentTask {
        SegmentTask { candidate: 1, segment: 0, headers: Vec::new() }
    }

    #[test]
    fn the_urgent_comes_first_and_the_rest_is_not_forgotten() {
        let mut queues = Queues::new();
        let (a, b) = (peer(1), peer(2));
        for _ in 0..20 {
            queues.segments.push(a, segment()).unwrap();
        }
        for _ in 0..40 {
            queues.transactions.push(b, transaction(b)).unwrap();
        }
        let mut turns = Vec::new();
        while let Some(work) = queues.next(|_| 1) {
            if let Work::Transactions(peer, tasks) = &work {
                assert!(tasks.len() <= MAX_TRANSACTION_BATCH);
                queues.free_transactions(peer);
            }
            turns.push(matches!(work, Work::Segment(..)));
        }
        let first_other = turns.iter().position(|is_segment| !is_segment).unwrap() as u64;
        assert_eq!(first_other + 1, FAIR_TURN, "{turns:?}");
        assert_eq!(turns.iter().filter(|is_segment| **is_segment).count(), 20);
        assert_eq!(turns.len(), 23);
    }

    #[test]
    fn a_peer_has_one_job_of_a_kind_at_a_time() {
        let mut queues = Queues::new();
        let (a, b) = (peer(1), peer(2));
        for peer in [a, b] {
            for _ in 0..MAX_TRANSACTION_BATCH + 1 {
                queues.transactions.push(peer, transaction(peer)).unwrap();
            }
        }
        let next = |queues: &mut Queues| match queues.next(|_| 1) {
            Some(Work::Transactions(peer, tasks)) => Some((peer, tasks.len())),
            _ => None,
        };
        assert_eq!(next(&mut queues), Some((a, MAX_TRANSACTION_BATCH)));
        assert_eq!(next(&mut queues), Some((b, MAX_TRANSACTION_BATCH)));
        assert_eq!(next(&mut queues), None, "both have work, and neither a result");
        assert!(queues.has_pool_work(&a));
        queues.free_transactions(&b);
        assert_eq!(next(&mut queues), Some((b, 1)));
        assert_eq!(next(&mut queues), None);
    }
}
