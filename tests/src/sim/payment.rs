//! Payments of users to each other.

use lode_consensus::{Hash, SignedTransaction};
use lode_core::Fault;
use rand::rngs::StdRng;

use super::{actors::Actors, node::Node, schedule::Micros};

/// What a user sent and a node took in.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The transaction's id.
    pub id: Hash,
    /// The transaction.
    pub signed: SignedTransaction,
}

/// Sends a payment through a node: one at a time for each user.
///
/// # Errors
/// What the node should not have refused.
pub fn send(
    node: &mut Node,
    now: Micros,
    actors: &Actors,
    (from, to): (usize, usize),
    rng: &mut StdRng,
) -> Result<Option<Payment>, String> {
    let Some(core) = &node.core else { return Ok(None) };
    let signed = actors.transfer(&core.service.ledger().read(), from, to, rng);
    match node.transact(now, &signed) {
        Some(Ok(id)) => Ok(Some(Payment { id, signed })),
        // One with this nonce waits already.
        None => Ok(None),
        Some(Err(error)) if error.fault() == Fault::State => Ok(None),
        Some(Err(error)) => Err(format!("node {} refuses an honest transfer: {error}", node.index)),
    }
}
