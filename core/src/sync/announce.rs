//! Announced blocks: a header and its proof, passed on as soon as they are proven, before the body is here.
//!
//! What must not be broken: a header is judged cheapest check first, and each gets its one verdict: at once, when its
//! check is done, or when the wait for its parent ends.

use std::collections::BTreeSet;

use lode_consensus::{
    Hash, SealedHeader,
    headers::{FittingHeader, ProvenHeader},
    rules::{BlockError, ChainContext, deferral_ms},
};
use lode_ledger::LedgerError;
use lode_network::{Network, PeerId, Penalty, Verdict};

use super::{
    SyncMachine,
    bounded::Recent,
    ignore,
    jobs::Origin,
    limits::{
        MAX_ANNOUNCED, MAX_DEFERRAL_MS, MAX_DEFERRED, MAX_DEFERRED_PER_PEER, MAX_ORPHANS, MAX_ORPHANS_PER_PEER,
        ORPHAN_MS, RELAY_DEPTH,
    },
    tree::{Known, Origins},
    verdict,
};
use crate::Clock;

/// A header whose proof is to be checked.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) header: FittingHeader,
    pub(super) origin: Origin,
}

#[derive(Debug)]
struct Orphan {
    header: SealedHeader,
    origin: Origin,
    until_ms: u64,
}

#[derive(Debug)]
struct Deferred {
    header: SealedHeader,
    peer: PeerId,
}

/// Announcements that are not settled, and those that were.
#[derive(Debug)]
pub(super) struct Announcements {
    orphans: Vec<Orphan>,
    /// Whether a parent may have come since the orphans were looked at.
    pub(super) has_news: bool,
    deferred: Vec<Deferred>,
    /// Headers that wait for their check, or are in it.
    pub(super) checking: BTreeSet<Hash>,
    /// Blocks that peers have heard of, through us or before us.
    pub(super) announced: Recent<Hash>,
}

impl Announcements {
    pub(super) fn new() -> Self {
        Self {
            orphans: Vec::new(),
            has_news: false,
            deferred: Vec::new(),
            checking: BTreeSet::new(),
            announced: Recent::new(MAX_ANNOUNCED),
        }
    }

    /// Gives up the orphans of a peer that left. Its deferred headers may still turn out good.
    pub(super) fn drop_peer(&mut self, peer: &PeerId, network: &mut dyn Network) {
        for orphan in self.orphans.extract_if(.., |orphan| orphan.origin.peer == *peer) {
            ignore(orphan.origin, network);
        }
    }
}

impl<C: Clock> SyncMachine<C> {
    /// Somebody announces a block.
    pub(super) fn announced(
        &mut self,
        sealed: SealedHeader,
        origin: Origin,
        network: &mut dyn Network,
    ) -> Result<(), LedgerError> {
        let hash = sealed.hash();
        if self.invalid.contains(&hash) {
            // These very bytes were found wrong before: whoever passes them on did not look.
            self.reject_header(hash, origin, Penalty::InvalidHeader, &"known to be invalid", network);
            return Ok(());
        }
        let service = self.service.clone();
        let reader = service.ledger().read();
        let params = service.ledger().params();
        let (tip, _) = service.tip();
        match self.tree.look_up(&reader, &hash)? {
            Known::No => {}
            Known::Proven(standing) if standing.height >= tip => {
                verdict(origin, Verdict::Accept, network);
                return Ok(());
            }
            Known::Proven(_) | Known::Invalid => {
                ignore(origin, network);
                return Ok(());
            }
        }
        let parent_hash = sealed.header.parent_hash;
        if self.condemned.contains(&hash)
            || self.condemned.contains(&parent_hash)
            || self.announcements.checking.contains(&hash)
        {
            ignore(origin, network);
            return Ok(());
        }
        if let Some(wait_ms) = deferral_ms(params, &sealed.header, service.now_ms()) {
            ignore(origin, network);
            if wait_ms <= MAX_DEFERRAL_MS {
                self.defer(sealed, origin.peer);
            }
            return Ok(());
        }
        let parent = match self.tree.look_up(&reader, &parent_hash)? {
            Known::Proven(parent) => parent,
            Known::Invalid => {
                ignore(origin, network);
                return Ok(());
            }
            Known::No => {
                self.orphan(sealed, origin, network);
                return Ok(());
            }
        };
        let is_old = parent.height.saturating_add(1).saturating_add(RELAY_DEPTH) <= tip;
        if is_old || parent.work.after(sealed.header.target) < self.config.minimum_work {
            ignore(origin, network);
            return Ok(());
        }
        let Ok(chain) = self.tree.chain(&reader, &parent_hash) else {
            // A branch that cannot be followed.
            ignore(origin, network);
            return Ok(());
        };
        let context = ChainContext::gather(params, service.ledger().network().genesis_hash, parent.height, &chain)?;
        match FittingHeader::new(sealed, &context) {
            Err(error) => self.reject_header(hash, origin, Penalty::InvalidHeader, &error, network),
            Ok(header) => match self.work.announced.push(origin.peer, Announced { header, origin }) {
                Ok(()) => {
                    self.announcements.checking.insert(hash);
                }
                Err(announced) => ignore(announced.origin, network),
            },
        }
        Ok(())
    }

    fn reject_header(
        &mut self,
        hash: Hash,
        origin: Origin,
        penalty: Penalty,
        why: &dyn std::fmt::Display,
        network: &mut dyn Network,
    ) {
        self.invalid.insert(hash);
        verdict(origin, Verdict::Reject, network);
        // A deferred or orphaned header is judged late: its peer may be gone.
        if self.peers.contains_key(&origin.peer) {
            self.penalize(origin.peer, penalty, why, network);
        }
    }

    /// An announced header was checked.
    pub(super) fn announced_proven(
        &mut self,
        origin: Origin,
        hash: Hash,
        result: Result<ProvenHeader, BlockError>,
        network: &mut dyn Network,
    ) -> Result<(), LedgerError> {
        self.announcements.checking.remove(&hash);
        self.work.free_announced(&origin.peer);
        let header = match result {
            Ok(header) => header,
            Err(error) if error.marks_invalid() => {
                let penalty = match error {
                    BlockError::Proof(_) => Penalty::InvalidProof,
                    _ => Penalty::InvalidHeader,
                };
                self.reject_header(hash, origin, penalty, &error, network);
                return Ok(());
            }
            Err(_) => {
                ignore(origin, network);
                return Ok(());
            }
        };
        verdict(origin, Verdict::Accept, network);
        self.announcements.announced.insert(hash);
        // An attempt that makes a block may count as a share too, whichever block wins.
        let share = header.sealed().as_share();
        if self.service.check_share(&share).is_ok() {
            self.service.add_share(&share);
        }
        let service = self.service.clone();
        let reader = service.ledger().read();
        let Known::Proven(parent) = self.tree.look_up(&reader, &header.header().parent_hash)? else {
            return Ok(());
        };
        let (height, work) = (header.header().height, parent.work.after(header.header().target));
        if let Some(peer) = self.peers.get_mut(&origin.peer) {
            peer.shows(work, height);
        }
        if self.tree.room() == 0 {
            self.tree.prune(service.tip().0);
        }
        self.tree.insert(header, parent.work, Origins::default());
        self.announcements.has_news = true;
        Ok(())
    }

    fn defer(&mut self, header: SealedHeader, peer: PeerId) {
        let deferred = &mut self.announcements.deferred;
        let own = deferred.iter().filter(|other| other.peer == peer).count();
        let is_known = deferred.iter().any(|other| other.header == header);
        if deferred.len() < MAX_DEFERRED && own < MAX_DEFERRED_PER_PEER && !is_known {
            deferred.push(Deferred { header, peer });
        }
    }

    /// Lets a header wait for its parent, and asks whoever announced it for what lies between.
    fn orphan(&mut self, header: SealedHeader, origin: Origin, network: &mut dyn Network) {
        let orphans = &mut self.announcements.orphans;
        let own = orphans.iter().filter(|other| other.origin.peer == origin.peer).count();
        let Some(peer) = self.peers.get_mut(&origin.peer) else {
            ignore(origin, network);
            return;
        };
        // A parent that is being checked comes by itself.
        peer.wants_headers |= !self.announcements.checking.contains(&header.header.parent_hash);
        if orphans.len() >= MAX_ORPHANS || own >= MAX_ORPHANS_PER_PEER {
            ignore(origin, network);
            return;
        }
        orphans.push(Orphan { header, origin, until_ms: self.now_ms.saturating_add(ORPHAN_MS) });
    }

    /// Looks at the orphans whose parents have come.
    pub(super) fn adopt_orphans(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        while std::mem::take(&mut self.announcements.has_news) {
            let service = self.service.clone();
            let reader = service.ledger().read();
            let mut ready = Vec::new();
            for orphan in std::mem::take(&mut self.announcements.orphans) {
                match self.tree.look_up(&reader, &orphan.header.header.parent_hash)? {
                    Known::No => self.announcements.orphans.push(orphan),
                    Known::Proven(_) | Known::Invalid => ready.push(orphan),
                }
            }
            for orphan in ready {
                self.announced(orphan.header, orphan.origin, network)?;
            }
        }
        Ok(())
    }

    /// Ends waits: of orphans for their parents, and of headers from the future for their time.
    pub(super) fn expire_announcements(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        let now_ms = self.now_ms;
        for orphan in self.announcements.orphans.extract_if(.., |orphan| orphan.until_ms <= now_ms) {
            ignore(orphan.origin, network);
        }
        let local_ms = self.service.now_ms();
        let service = self.service.clone();
        let params = service.ledger().params();
        let has_come = |deferred: &mut Deferred| deferral_ms(params, &deferred.header.header, local_ms).is_none();
        let come: Vec<Deferred> = self.announcements.deferred.extract_if(.., has_come).collect();
        for Deferred { header, peer } in come {
            self.announced(header, Origin { peer, gossip: None }, network)?;
        }
        Ok(())
    }
}
