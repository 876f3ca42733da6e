//! Attempts at a node's present job, made by others than its own miner.

use lode_consensus::{Body, Header, SealedHeader, Share, rules::statement_of};
use lode_puzzle::{Proof, Seed, Ticket};

use super::{network::address, world::World};
use crate::oracle::{forged, proof};

/// A share for a node's present job, with the first nonce from `nonce` on whose ticket meets the
/// share target or not.
pub fn share_of(
    world: &World,
    number: usize,
    nonce: u64,
    meets: bool,
    proof: impl Fn(u64) -> Proof,
) -> Share {
    let job = world.nodes[number].service.mining_job(address(100 + number as u64)).unwrap();
    let value = |nonce| Ticket::new(&Seed::new(&job.statement, nonce), &proof(nonce)).share_value();
    let nonce = (nonce..).find(|nonce| job.share_target.is_met_by(value(*nonce)) == meets).unwrap();
    Share {
        anchor_hash: job.header.anchor_hash,
        content_hash: job.content_hash,
        prover: job.header.producer,
        nonce,
        proof: proof(nonce),
    }
}

/// A block on a node's tip that nobody has seen: its template, changed, with a proof that the
/// oracle takes.
pub fn block_on_tip(
    world: &World,
    number: usize,
    change: impl FnOnce(&mut Header),
) -> (SealedHeader, Body) {
    block_with(world, number, change, proof)
}

/// The same with proofs that are forged. `label` sets one apart from the others.
pub fn forged_on_tip(world: &World, number: usize, label: u64) -> SealedHeader {
    let change = |header: &mut Header| header.timestamp_ms += label;
    block_with(world, number, change, forged).0
}

fn block_with(
    world: &World,
    number: usize,
    change: impl FnOnce(&mut Header),
    proof: impl Fn(u64) -> Proof,
) -> (SealedHeader, Body) {
    let service = &world.nodes[number].service;
    let mut header = service.mining_job(address(100 + number as u64)).unwrap().header;
    let tip = service.tip().1;
    let context = service.ledger().read().context(&tip).unwrap();
    // The template's body is empty but for shares that wait: without any, the roots are those of
    // nothing.
    let body = Body::default();
    (header.transactions_root, header.shares_root) = (body.transactions_root(), body.shares_root());
    change(&mut header);
    let statement = statement_of(&header, &context);
    let nonce = (0..)
        .find(|nonce| {
            let ticket = Ticket::new(&Seed::new(&statement, *nonce), &proof(*nonce));
            header.target.is_met_by(ticket.block_value())
        })
        .unwrap();
    (SealedHeader { header, nonce, proof: proof(nonce) }, body)
}
