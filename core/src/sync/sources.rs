//! Whose chains of headers may be read, and the candidate of each that is being judged.
//!
//! What must not be broken: a candidate belongs to one peer at a time, or to none as the spare one.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::Height;
use lode_network::{PeerId, Status};

use super::{candidate::Candidate, work::Queues};

/// A peer whose chain may be read.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Its chain of headers, while that is judged.
    pub(super) candidate: Option<Candidate>,
    /// It announced a header whose parent is not known: what leads there is to be asked for.
    pub(super) is_ahead: bool,
    /// Until when it is not asked for headers: its next ones lie in the future.
    pub(super) not_until_ms: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sources {
    peers: BTreeMap<PeerId, Source>,
    /// A chain whose peer left in the middle: the next one may go on with it.
    spare: Option<Candidate>,
}

impl Sources {
    /// A peer is there.
    pub(super) fn connected(&mut self, id: PeerId) {
        self.peers.insert(id, Source::default());
    }

    /// It is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        if let Some(candidate) = self.peers.remove(id).and_then(|source| source.candidate) {
            self.spare = Some(candidate);
        }
    }

    /// A peer has earned a ban: its candidate is dropped.
    pub(super) fn drop_candidate(&mut self, id: &PeerId) {
        if let Some(source) = self.peers.get_mut(id) {
            source.candidate = None;
        }
    }

    /// A peer did not say what headers it has.
    pub(super) fn headers_failed(&mut self, id: &PeerId) {
        if let Some(source) = self.peers.get_mut(id) {
            self.spare = source.candidate.take().or(self.spare.take());
        }
    }

    /// A peer has a block whose parent is not known.
    pub(super) fn is_ahead(&mut self, id: &PeerId) {
        if let Some(source) = self.peers.get_mut(id) {
            source.is_ahead = true;
        }
    }

    /// Peers whose chains are being judged.
    pub(super) fn judged(&self) -> Vec<PeerId> {
        self.peers
            .iter()
            .filter(|(_, source)| source.candidate.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Each peer, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Source)> {
        self.peers.iter()
    }

    pub(super) fn get(&self, id: &PeerId) -> Option<&Source> {
        self.peers.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &PeerId) -> Option<&mut Source> {
        self.peers.get_mut(id)
    }

    /// The candidates of the peers that are there.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.peers.values().filter_map(|source| source.candidate.as_ref())
    }

    pub(super) fn candidate(&self, id: &PeerId) -> Option<&Candidate> {
        self.peers.get(id).and_then(|source| source.candidate.as_ref())
    }

    pub(super) fn candidate_mut(&mut self, id: &PeerId) -> Option<&mut Candidate> {
        self.peers.get_mut(id).and_then(|source| source.candidate.as_mut())
    }

    /// Where the candidate of a number stands, if it still does. It may be another peer's by now.
    pub(super) fn slot_of(&mut self, candidate: u64) -> Option<&mut Option<Candidate>> {
        let slots =
            self.peers.values_mut().map(|source| &mut source.candidate).chain([&mut self.spare]);
        slots.into_iter().find(|slot| slot.as_ref().is_some_and(|held| held.id == candidate))
    }

    /// A peer's chain is judged, from now on or still.
    pub(super) fn judge(&mut self, id: &PeerId, candidate: Candidate) {
        if let Some(source) = self.peers.get_mut(id) {
            source.candidate = Some(candidate);
        }
    }

    /// A peer's chain is asked for. It goes on with the spare candidate, if there is one, as
    /// `status` claims.
    pub(super) fn hand_spare_to(
        &mut self,
        id: &PeerId,
        status: Option<&Status>,
    ) -> Option<&Candidate> {
        let source = self.peers.get_mut(id)?;
        source.is_ahead = false;
        let (mut spare, status) = (self.spare.take()?, status?);
        spare.adopt((status.tip_hash, status.work));
        source.candidate = Some(spare);
        source.candidate.as_ref()
    }

    /// The greatest height up to which the headers of a candidate are proven.
    pub(super) fn height(&self) -> Height {
        self.candidates().map(|candidate| candidate.height).max().unwrap_or(0)
    }

    /// Forgets headers that wait for their check and belong to no candidate any more.
    pub(super) fn drop_lost_segments(&self, queues: &mut Queues) {
        if queues.segments.is_empty() {
            return;
        }
        let ids: BTreeSet<u64> =
            self.candidates().chain(&self.spare).map(|candidate| candidate.id).collect();
        queues.segments.retain(|task| ids.contains(&task.candidate));
    }
}
