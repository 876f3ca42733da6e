//! Answering peers, within what each may cost.

use lode_consensus::{Body, Encode, Hash, Height, SealedHeader};
use lode_ledger::{LedgerError, Reader};
use lode_network::{
    InboundId, Network, PeerId, Penalty, Request, Response, Status,
    message::{MAX_BODIES_BYTES, MAX_HEADERS, PEER_VERSION},
};

use super::{
    SyncMachine,
    limits::{FREE_REFUSALS, HELD_REQUEST_MS, MAX_HELD_REQUESTS, MAX_HELD_REQUESTS_PER_PEER, SERVE_COST_BYTES},
};
use crate::Clock;

/// A request for the body of a block that is on its way to this node: it is answered when the block is stored, so that
/// a new block does not wait for the next question at every hop.
#[derive(Debug)]
pub(super) struct HeldRequest {
    pub(super) peer: PeerId,
    id: InboundId,
    hashes: Vec<Hash>,
    until_ms: u64,
}

impl<C: Clock> SyncMachine<C> {
    /// A peer asks.
    pub(super) fn serve(
        &mut self,
        id: PeerId,
        inbound: InboundId,
        request: Request,
        network: &mut dyn Network,
    ) -> Result<(), LedgerError> {
        let now_ms = self.now_ms;
        let Some(peer) = self.peers.get_mut(&id) else {
            network.respond(inbound, Response::Busy);
            return Ok(());
        };
        if !peer.serving.take(SERVE_COST_BYTES, now_ms) {
            peer.refusals = peer.refusals.saturating_add(1);
            let goes_on = peer.refusals > FREE_REFUSALS;
            network.respond(inbound, Response::Busy);
            if goes_on {
                self.penalize(id, Penalty::TooManyRequests, &"it asks on while it is refused", network);
            }
            return Ok(());
        }
        peer.refusals = 0;
        let service = self.service.clone();
        let reader = service.ledger().read();
        let response = match request {
            Request::Status(status) => {
                let own = self.own_status(&reader)?;
                // Both ends learn from one exchange.
                self.take_status(id, status, network);
                Response::Status(own)
            }
            Request::Headers { locator, limit } => Response::Headers(headers_after(&reader, &locator, limit)?),
            Request::Bodies { hashes } => {
                if self.hold(&reader, id, inbound, &hashes)? {
                    return Ok(());
                }
                Response::Bodies(bodies_of(&reader, &hashes)?)
            }
            Request::Mempool { skip } => Response::Mempool(self.service.mempool_page(skip)),
        };
        self.respond(id, inbound, response, network);
        Ok(())
    }

    fn respond(&mut self, id: PeerId, inbound: InboundId, response: Response, network: &mut dyn Network) {
        let bytes = match &response {
            Response::Headers(headers) => headers.len().saturating_mul(SealedHeader::BYTES),
            Response::Bodies(bodies) => bodies.iter().flatten().map(Body::encoded_len).sum(),
            Response::Mempool(page) => page.encoded_len(),
            Response::Status(_) | Response::Busy => 0,
        };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.serving.spend(bytes as u64);
        }
        network.respond(inbound, response);
    }

    /// Where this node stands, as peers are told.
    pub(super) fn own_status(&self, reader: &Reader<'_>) -> Result<Status, LedgerError> {
        let (tip_height, tip_hash) = reader.tip()?;
        let genesis_hash = self.service.ledger().network().genesis_hash;
        Ok(Status { version: PEER_VERSION, genesis_hash, tip_height, tip_hash, work: reader.work()? })
    }

    /// Holds a request back if the first block that it asks for is under way here.
    fn hold(&mut self, reader: &Reader<'_>, peer: PeerId, id: InboundId, hashes: &[Hash]) -> Result<bool, LedgerError> {
        let Some(first) = hashes.first() else {
            return Ok(false);
        };
        let own = self.held_requests.iter().filter(|held| held.peer == peer).count();
        let has_room = self.held_requests.len() < MAX_HELD_REQUESTS && own < MAX_HELD_REQUESTS_PER_PEER;
        if !has_room || !self.tree.contains(first) || reader.entry(first)?.is_some() {
            return Ok(false);
        }
        let until_ms = self.now_ms.saturating_add(HELD_REQUEST_MS);
        self.held_requests.push(HeldRequest { peer, id, hashes: hashes.to_vec(), until_ms });
        Ok(true)
    }

    /// Answers the requests that waited for a block, which is stored now or will not be.
    pub(super) fn release(&mut self, hash: &Hash, network: &mut dyn Network) -> Result<(), LedgerError> {
        self.release_if(|held| held.hashes.first() == Some(hash), network)
    }

    /// Answers the requests that have waited long enough.
    pub(super) fn expire_held_requests(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        let now_ms = self.now_ms;
        self.release_if(|held| held.until_ms <= now_ms, network)
    }

    fn release_if(
        &mut self,
        condition: impl Fn(&HeldRequest) -> bool,
        network: &mut dyn Network,
    ) -> Result<(), LedgerError> {
        let released: Vec<HeldRequest> = self.held_requests.extract_if(.., |held| condition(held)).collect();
        if released.is_empty() {
            return Ok(());
        }
        let service = self.service.clone();
        let reader = service.ledger().read();
        for held in released {
            let response = Response::Bodies(bodies_of(&reader, &held.hashes)?);
            self.respond(held.peer, held.id, response, network);
        }
        Ok(())
    }
}

/// The headers of this node's chain behind the first hash of a locator that is on it, or behind genesis.
fn headers_after(reader: &Reader<'_>, locator: &[Hash], limit: u16) -> Result<Vec<SealedHeader>, LedgerError> {
    let mut start: Height = 0;
    for hash in locator {
        if let Some(entry) = reader.entry(hash)?
            && reader.is_on_chain(hash, entry.header.height)?
        {
            start = entry.header.height;
            break;
        }
    }
    let mut headers = Vec::new();
    for height in start.saturating_add(1).. {
        if headers.len() >= usize::from(limit).min(MAX_HEADERS) {
            break;
        }
        let Some(hash) = reader.block_hash_at(height)? else {
            break;
        };
        headers.extend(reader.sealed_header(&hash)?);
    }
    Ok(headers)
}

/// Bodies of this node's own chain. Those of other blocks are not given out: they were never applied here, so that this
/// node could not answer for them.
fn bodies_of(reader: &Reader<'_>, hashes: &[Hash]) -> Result<Vec<Option<Body>>, LedgerError> {
    let mut bodies = Vec::new();
    let mut bytes = 0_usize;
    for hash in hashes {
        let is_on_chain = match reader.entry(hash)? {
            Some(entry) => reader.is_on_chain(hash, entry.header.height)?,
            None => false,
        };
        let body = if is_on_chain { reader.block(hash)?.map(|block| block.body) } else { None };
        // One byte says whether there is a body.
        bytes = bytes.saturating_add(1).saturating_add(body.as_ref().map_or(0, Body::encoded_len));
        if bytes > MAX_BODIES_BYTES && !bodies.is_empty() {
            break;
        }
        bodies.push(body);
    }
    Ok(bodies)
}
