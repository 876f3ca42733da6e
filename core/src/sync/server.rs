//! The server: answers peers, within what each may cost.
//!
//! Owns what each peer may still be served, and the requests that wait for a block on its way here.
//! Returns answers, and charges for peers that go on asking while they are refused.
//!
//! What must not be broken: every request is answered once, and only bodies of this node's own
//! chain are given out.

use std::collections::BTreeMap;

use lode_consensus::{Body, Encode, Hash, Height, SealedHeader};
use lode_ledger::{LedgerError, Reader};
use lode_network::{
    Bucket, InboundId, PeerId, Penalty, Request, Response,
    message::{MAX_BODIES_BYTES, MAX_HEADERS},
};

use super::{
    effect::{Effect, Effects},
    limits::{
        FREE_REFUSALS, HELD_REQUEST_MS, MAX_HELD_REQUESTS, MAX_HELD_REQUESTS_PER_PEER,
        SERVE_BURST_BYTES, SERVE_BYTES_PER_S, SERVE_COST_BYTES,
    },
    tree::HeaderTree,
    view::View,
};
use crate::Clock;

#[derive(Debug, Default)]
pub(super) struct Server {
    peers: BTreeMap<PeerId, Allowance>,
    held: Vec<HeldRequest>,
}

/// What a peer may cost.
#[derive(Debug)]
struct Allowance {
    bytes: Bucket,
    /// How often in a row it was refused.
    refusals: u32,
}

/// A request for the body of a block that is on its way to this node: it is answered when the block
/// is stored, so that a new block does not wait for the next question at every hop.
#[derive(Debug)]
struct HeldRequest {
    peer: PeerId,
    id: InboundId,
    hashes: Vec<Hash>,
    until_ms: u64,
}

impl Server {
    /// A peer is there.
    pub(super) fn connected(&mut self, id: PeerId, now_ms: u64) {
        let bytes = Bucket::full(SERVE_BURST_BYTES, SERVE_BYTES_PER_S, now_ms);
        self.peers.insert(id, Allowance { bytes, refusals: 0 });
    }

    /// It is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.peers.remove(id);
        self.held.retain(|held| held.peer != *id);
    }

    /// A peer asks.
    pub(super) fn serve<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &HeaderTree,
        id: PeerId,
        inbound: InboundId,
        request: Request,
    ) -> Result<Effects, LedgerError> {
        let mut effects = Effects::none();
        let Some(peer) = self.peers.get_mut(&id) else {
            return Ok(Effects::one(Effect::Respond(inbound, Response::Busy)));
        };
        if !peer.bytes.take(SERVE_COST_BYTES, view.now_ms) {
            peer.refusals = peer.refusals.saturating_add(1);
            effects.push(Effect::Respond(inbound, Response::Busy));
            if peer.refusals > FREE_REFUSALS {
                effects.penalize(id, Penalty::TooManyRequests, &"it asks on while it is refused");
            }
            return Ok(effects);
        }
        peer.refusals = 0;
        let reader = view.service.ledger().read();
        let response = match request {
            Request::Status(status) => {
                // Both ends learn from one exchange.
                effects.push(Effect::Status(id, status));
                Response::Status(view.own_status(&reader)?)
            }
            Request::Headers { locator, limit } => {
                Response::Headers(headers_after(&reader, &locator, limit)?)
            }
            Request::Bodies { hashes } => {
                if self.has_room(&id) && is_under_way(&reader, tree, &hashes)? {
                    let until_ms = view.now_ms.saturating_add(HELD_REQUEST_MS);
                    self.held.push(HeldRequest { peer: id, id: inbound, hashes, until_ms });
                    return Ok(effects);
                }
                Response::Bodies(bodies_of(&reader, &hashes)?)
            }
            Request::Mempool { skip } => Response::Mempool(view.service.mempool_page(skip)),
        };
        effects.push(self.respond(&id, inbound, response));
        Ok(effects)
    }

    fn respond(&mut self, id: &PeerId, inbound: InboundId, response: Response) -> Effect {
        let bytes = match &response {
            Response::Headers(headers) => headers.len().saturating_mul(SealedHeader::BYTES),
            Response::Bodies(bodies) => bodies.iter().flatten().map(Body::encoded_len).sum(),
            Response::Mempool(page) => page.encoded_len(),
            Response::Status(_) | Response::Busy => 0,
        };
        if let Some(peer) = self.peers.get_mut(id) {
            peer.bytes.spend(bytes as u64);
        }
        Effect::Respond(inbound, response)
    }

    /// Whether one more request of a peer may be held.
    fn has_room(&self, id: &PeerId) -> bool {
        let own = self.held.iter().filter(|held| held.peer == *id).count();
        self.held.len() < MAX_HELD_REQUESTS && own < MAX_HELD_REQUESTS_PER_PEER
    }

    /// Answers the requests that waited for a block, which is stored now or will not be.
    pub(super) fn release<C: Clock>(
        &mut self,
        view: &View<C>,
        hash: &Hash,
    ) -> Result<Effects, LedgerError> {
        self.release_if(view, |held| held.hashes.first() == Some(hash))
    }

    /// Answers the requests that have waited long enough.
    pub(super) fn expire<C: Clock>(&mut self, view: &View<C>) -> Result<Effects, LedgerError> {
        self.release_if(view, |held| held.until_ms <= view.now_ms)
    }

    fn release_if<C: Clock>(
        &mut self,
        view: &View<C>,
        condition: impl Fn(&HeldRequest) -> bool,
    ) -> Result<Effects, LedgerError> {
        let released: Vec<HeldRequest> = self.held.extract_if(.., |held| condition(held)).collect();
        if released.is_empty() {
            return Ok(Effects::none());
        }
        let reader = view.service.ledger().read();
        let answer = |held: HeldRequest| {
            let response = Response::Bodies(bodies_of(&reader, &held.hashes)?);
            Ok(self.respond(&held.peer, held.id, response))
        };
        released.into_iter().map(answer).collect()
    }
}

/// Whether the first of some blocks is on its way to this node.
fn is_under_way(
    reader: &Reader<'_>,
    tree: &HeaderTree,
    hashes: &[Hash],
) -> Result<bool, LedgerError> {
    match hashes.first() {
        Some(first) => Ok(tree.contains(first) && reader.entry(first)?.is_none()),
        None => Ok(false),
    }
}

/// The headers of this node's chain behind the first hash of a locator that is on it, or behind
/// genesis.
fn headers_after(
    reader: &Reader<'_>,
    locator: &[Hash],
    limit: u16,
) -> Result<Vec<SealedHeader>, LedgerError> {
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

/// Bodies of this node's own chain. Those of other blocks are not given out: they were never
/// applied here, so that this node could not answer for them.
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
