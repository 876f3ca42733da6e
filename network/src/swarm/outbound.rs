//! The event loop's dials: seeds that are due, and peers out of the address book for free slots.

use std::{collections::BTreeSet, time::Instant};

use libp2p::{
    Multiaddr, PeerId,
    swarm::dial_opts::{DialOpts, PeerCondition},
};
use tracing::debug;

use super::{
    dialing::{Dial, Found, name_of},
    event_loop::EventLoop,
    gate::now_ms,
    peers::Peer,
};
use crate::{
    address::{Subnet, split_peer},
    book::subnet_of,
};

/// Dials begun in one tick.
const MAX_DIALS_PER_TICK: usize = 4;

impl EventLoop {
    /// Dials the peers that are due.
    pub(super) fn dial(&mut self, now: Instant) {
        let due = self.dialing.due(now, MAX_DIALS_PER_TICK, |peer| self.peers.contains_key(peer));
        let mut left = MAX_DIALS_PER_TICK - due.len();
        for (index, address) in due {
            match name_of(&address) {
                Some((host, port)) => self.dialing.look_up(index, host, port),
                None => self.dial_seed(index, address),
            }
        }
        if self.options.connect_only {
            return;
        }
        while left > 0 && self.has_free_slot() {
            let subnets: BTreeSet<_> = self.taken_subnets().collect();
            let local = *self.swarm.local_peer_id();
            let is_taken = |peer: &PeerId| {
                *peer == local || self.peers.contains_key(peer) || self.is_dialling(peer)
            };
            let Some((peer, address)) =
                self.book.pick(now_ms(), rand::random(), &subnets, is_taken)
            else {
                break;
            };
            let options = DialOpts::peer_id(peer)
                .addresses(vec![address])
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .build();
            self.begin(Dial::Book(peer), options);
            left -= 1;
        }
        self.look_around(now);
    }

    /// Asks the network for peers near a random place.
    fn look_around(&mut self, now: Instant) {
        let free = self.has_free_slot();
        if self.peers.values().all(|peer| !peer.announced) || !self.dialing.looks_around(now, free)
        {
            return;
        }
        self.swarm.behaviour_mut().kad.get_closest_peers(PeerId::random());
    }

    pub(super) fn dial_found(&mut self, found: Found) {
        match found.address {
            Some(address) => self.dial_seed(found.seed, address),
            None => {
                self.dialing.seed_failed(found.seed, Instant::now(), &"its name has no address")
            }
        }
    }

    fn dial_seed(&mut self, index: usize, address: Multiaddr) {
        let given = self.options.seeds.get(index).and_then(|address| split_peer(address.clone()).1);
        let options = match given {
            Some(peer) => DialOpts::peer_id(peer)
                .addresses(vec![address])
                .condition(PeerCondition::Always)
                .build(),
            None => DialOpts::unknown_peer_id().address(address).build(),
        };
        self.begin(Dial::Seed(index), options);
    }

    fn begin(&mut self, dial: Dial, options: DialOpts) {
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dials.insert(connection, dial);
            }
            Err(error) => {
                debug!("cannot dial: {error}");
                match dial {
                    Dial::Seed(index) => self.dialing.seed_failed(index, Instant::now(), &error),
                    Dial::Book(peer) => self.book.failed(&peer, now_ms()),
                }
            }
        }
    }

    fn is_dialling(&self, peer: &PeerId) -> bool {
        self.dials.values().any(|dial| *dial == Dial::Book(*peer))
    }

    fn has_free_slot(&self) -> bool {
        let taken = self.peers.values().filter(|peer| peer.fills_slot()).count();
        let coming = self.dials.values().filter(|dial| matches!(dial, Dial::Book(_))).count();
        taken + coming < usize::try_from(self.options.max_outbound).unwrap_or(usize::MAX)
    }

    /// Whether a peer at this address may fill a slot.
    pub(super) fn has_slot_for(&self, address: &Multiaddr) -> bool {
        !self.options.connect_only
            && self.has_free_slot()
            && subnet_of(address)
                .is_none_or(|subnet| self.taken_subnets().all(|taken| taken != subnet))
    }

    fn taken_subnets(&self) -> impl Iterator<Item = Subnet> + '_ {
        self.peers.values().filter_map(Peer::slot_subnet)
    }
}
