//! Relay of announced blocks: a header and its proof, passed on as soon as they are proven, before
//! the body is here.
//!
//! Owns the announcements that are not settled, and the hashes of those that were. Returns
//! verdicts, charges, and what a good header says of the peer that sent it; the header itself goes
//! into the tree.
//!
//! What must not be broken: a header is judged cheapest check first, and each gets its one verdict:
//! at once, when its check is done, or when the wait for its parent ends.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Display,
};

use lode_consensus::{
    Hash, SealedHeader,
    headers::{ContextualHeader, VerifiedHeader},
    rules::{BlockError, ChainContext, deferral_ms},
};
use lode_ledger::{LedgerError, Reader};
use lode_network::{Gossip, PeerId, Penalty, Verdict};

use super::{
    bounded::Recent,
    effect::{Effect, Effects},
    jobs::{AnnouncedTask, Origin},
    limits::{
        MAX_ANNOUNCED, MAX_DEFERRAL_MS, MAX_DEFERRED, MAX_DEFERRED_PER_PEER, MAX_ORPHANS,
        MAX_ORPHANS_PER_PEER, ORPHAN_MS, RELAY_DEPTH,
    },
    tree::{HeaderTree, Known, Origins, Standing},
    view::View,
    work::Queues,
};
use crate::Clock;

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
    /// How many headers had come into the tree when the orphans' parents were last looked for.
    /// Nothing after a block that did not come through the tree.
    looked_at: Option<u64>,
    deferred: Vec<Deferred>,
    /// Headers that wait for their check, or are in it.
    checking: BTreeSet<Hash>,
    /// Blocks that peers have heard of, through us or before us.
    announced: Recent<Hash>,
}

impl Announcements {
    pub(super) fn new() -> Self {
        Self {
            orphans: Vec::new(),
            looked_at: None,
            deferred: Vec::new(),
            checking: BTreeSet::new(),
            announced: Recent::new(MAX_ANNOUNCED),
        }
    }

    /// A peer announces a block.
    pub(super) fn announced<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        queues: &mut Queues,
        sealed: SealedHeader,
        origin: Origin,
    ) -> Result<Effects, LedgerError> {
        let hash = sealed.hash();
        if tree.is_invalid(&hash) {
            // These very bytes were found wrong before: the peer passed them on unchecked.
            return Ok(reject(
                view,
                tree,
                hash,
                origin,
                Penalty::InvalidHeader,
                &"known to be invalid",
            ));
        }
        let reader = view.service.ledger().read();
        let (tip, _) = view.service.tip();
        match tree.look_up(&reader, &hash)? {
            Known::No => {}
            Known::Proven(standing) if standing.height >= tip => {
                return Ok(Effects::verdict(origin, Verdict::Accept));
            }
            Known::Proven(_) | Known::Invalid => return Ok(Effects::ignore(origin)),
        }
        let parent_hash = sealed.header.parent_hash;
        if tree.is_invalid_block(&hash)
            || tree.is_invalid_block(&parent_hash)
            || self.checking.contains(&hash)
        {
            return Ok(Effects::ignore(origin));
        }
        let params = view.service.ledger().params();
        if let Some(wait_ms) = deferral_ms(params, &sealed.header, view.service.now_ms()) {
            if wait_ms <= MAX_DEFERRAL_MS {
                self.defer(sealed, origin.peer);
            }
            return Ok(Effects::ignore(origin));
        }
        let parent = match tree.look_up(&reader, &parent_hash)? {
            Known::Proven(parent) => parent,
            Known::Invalid => return Ok(Effects::ignore(origin)),
            Known::No => return Ok(self.orphan(view, sealed, origin)),
        };
        match fit(view, tree, &reader, parent, sealed)? {
            None => Ok(Effects::ignore(origin)),
            Some(Err(error)) => {
                Ok(reject(view, tree, hash, origin, Penalty::InvalidHeader, &error))
            }
            Some(Ok(header)) => {
                match queues.announced.push(origin.peer, AnnouncedTask { header, origin }) {
                    Ok(()) => {
                        self.checking.insert(hash);
                        Ok(Effects::none())
                    }
                    Err(task) => Ok(Effects::ignore(task.origin)),
                }
            }
        }
    }

    /// An announced header was checked.
    pub(super) fn proven<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        origin: Origin,
        hash: Hash,
        result: Result<VerifiedHeader, BlockError>,
    ) -> Result<Effects, LedgerError> {
        self.checking.remove(&hash);
        let header = match result {
            Ok(header) => header,
            Err(error) if error.marks_invalid() => {
                let penalty = match error {
                    BlockError::Proof(_) => Penalty::InvalidProof,
                    _ => Penalty::InvalidHeader,
                };
                return Ok(reject(view, tree, hash, origin, penalty, &error));
            }
            Err(_) => return Ok(Effects::ignore(origin)),
        };
        let mut effects = Effects::verdict(origin, Verdict::Accept);
        self.announced.insert(hash);
        // An attempt that makes a block may count as a share too, whichever block wins.
        let share = header.sealed().as_share();
        if view.service.check_share(&share).is_ok() {
            view.service.add_share(&share);
        }
        let reader = view.service.ledger().read();
        let Known::Proven(parent) = tree.look_up(&reader, &header.header().parent_hash)? else {
            return Ok(effects);
        };
        let (height, work) = (header.header().height, parent.work.after(header.header().target));
        effects.push(Effect::Shows(origin.peer, work, height));
        if tree.room() == 0 {
            tree.prune(view.service.tip().0);
        }
        tree.insert(header, parent.work, Origins::default());
        Ok(effects)
    }

    /// Tells peers of a block that came by a sync, unless they have heard of it.
    pub(super) fn new_tip(&mut self, sealed: SealedHeader) -> Effects {
        let is_news = self.announced.insert(sealed.hash());
        is_news.then_some(Effect::Publish(Gossip::Block(sealed))).into_iter().collect()
    }

    /// Tells peers what this node's own API took in.
    pub(super) fn accepted(&mut self, messages: Vec<Gossip>) -> Effects {
        for message in &messages {
            if let Gossip::Block(header) = message {
                self.announced.insert(header.hash());
                self.looked_at = None;
            }
        }
        messages.into_iter().map(Effect::Publish).collect()
    }

    fn defer(&mut self, header: SealedHeader, peer: PeerId) {
        let own = self.deferred.iter().filter(|other| other.peer == peer).count();
        let is_known = self.deferred.iter().any(|other| other.header == header);
        if self.deferred.len() < MAX_DEFERRED && own < MAX_DEFERRED_PER_PEER && !is_known {
            self.deferred.push(Deferred { header, peer });
        }
    }

    /// Lets a header wait for its parent, and asks the peer that announced it for the headers
    /// between.
    fn orphan<C: Clock>(
        &mut self,
        view: &View<C>,
        header: SealedHeader,
        origin: Origin,
    ) -> Effects {
        if !view.peers.contains(&origin.peer) {
            return Effects::ignore(origin);
        }
        let mut effects = Effects::none();
        // A parent that is being checked comes by itself.
        if !self.checking.contains(&header.header.parent_hash) {
            effects.push(Effect::ReadChain(origin.peer));
        }
        let own = self.orphans.iter().filter(|other| other.origin.peer == origin.peer).count();
        if self.orphans.len() >= MAX_ORPHANS || own >= MAX_ORPHANS_PER_PEER {
            effects.extend(Effects::ignore(origin));
        } else {
            self.orphans.push(Orphan {
                header,
                origin,
                until_ms: view.now_ms.saturating_add(ORPHAN_MS),
            });
        }
        effects
    }

    /// The orphans whose parents have come: each is to be judged as if it were announced now.
    pub(super) fn adopted<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &HeaderTree,
    ) -> Result<Vec<(SealedHeader, Origin)>, LedgerError> {
        if self.looked_at.replace(tree.arrivals()) == Some(tree.arrivals()) {
            return Ok(Vec::new());
        }
        let reader = view.service.ledger().read();
        let mut adopted = Vec::new();
        for orphan in std::mem::take(&mut self.orphans) {
            match tree.look_up(&reader, &orphan.header.header.parent_hash)? {
                Known::No => self.orphans.push(orphan),
                Known::Proven(_) | Known::Invalid => adopted.push((orphan.header, orphan.origin)),
            }
        }
        Ok(adopted)
    }

    /// Ends the waits of orphans for their parents.
    pub(super) fn expire(&mut self, now_ms: u64) -> Effects {
        let expired = self.orphans.extract_if(.., |orphan| orphan.until_ms <= now_ms);
        expired.map(|orphan| Effect::Judge(orphan.origin, Verdict::Ignore)).collect()
    }

    /// The headers from the future whose time has come: each is to be judged as if it were
    /// announced now, without a gossip message that waits for a verdict.
    pub(super) fn due<C: Clock>(&mut self, view: &View<C>) -> Vec<(SealedHeader, Origin)> {
        let (params, local_ms) = (view.service.ledger().params(), view.service.now_ms());
        let has_come = |deferred: &mut Deferred| {
            deferral_ms(params, &deferred.header.header, local_ms).is_none()
        };
        let come = self.deferred.extract_if(.., has_come);
        come.map(|Deferred { header, peer }| (header, Origin { peer, gossip: None })).collect()
    }

    /// Gives up unchecked headers.
    pub(super) fn dropped(&mut self, tasks: VecDeque<AnnouncedTask>) -> Effects {
        let judge = |task: AnnouncedTask| {
            self.checking.remove(&task.header.hash());
            Effect::Judge(task.origin, Verdict::Ignore)
        };
        tasks.into_iter().map(judge).collect()
    }

    /// Gives up the orphans of a peer that left. Its deferred headers may still turn out good.
    pub(super) fn drop_peer(&mut self, peer: &PeerId) -> Effects {
        let dropped = self.orphans.extract_if(.., |orphan| orphan.origin.peer == *peer);
        dropped.map(|orphan| Effect::Judge(orphan.origin, Verdict::Ignore)).collect()
    }
}

/// Holds an announced header to its parent. Nothing if it is not looked at: it is old, of too
/// little work, or on a branch that cannot be followed.
fn fit<C: Clock>(
    view: &View<C>,
    tree: &HeaderTree,
    reader: &Reader<'_>,
    parent: Standing,
    sealed: SealedHeader,
) -> Result<Option<Result<ContextualHeader, BlockError>>, LedgerError> {
    let (tip, _) = view.service.tip();
    let is_old = parent.height.saturating_add(1).saturating_add(RELAY_DEPTH) <= tip;
    if is_old || parent.work.after(sealed.header.target) < view.config.minimum_work {
        return Ok(None);
    }
    let Ok(chain) = tree.chain(reader, &sealed.header.parent_hash) else {
        return Ok(None);
    };
    let params = view.service.ledger().params();
    let context = ChainContext::gather(params, view.genesis_hash(), parent.height, &chain)?;
    Ok(Some(ContextualHeader::new(sealed, &context)))
}

fn reject<C: Clock>(
    view: &View<C>,
    tree: &mut HeaderTree,
    hash: Hash,
    origin: Origin,
    penalty: Penalty,
    why: &dyn Display,
) -> Effects {
    tree.mark_invalid(hash);
    let mut effects = Effects::verdict(origin, Verdict::Reject);
    // A deferred or orphaned header is judged late: its peer may be gone.
    if view.peers.contains(&origin.peer) {
        effects.penalize(origin.peer, penalty, why);
    }
    effects
}
