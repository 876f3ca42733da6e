//! The thread that hands winning attempts in.
//!
//! Queue: at most [`MAX_WAITING`] attempts; when it is full, new ones are lost, and counted. The
//! thread takes them one by one: while the node is away, the first is tried again and the others
//! wait behind it, each with its own deadline.

use std::{
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use lode_api::{
    Backoff,
    client::{ClientError, NetworkName, NodeClient},
    mining::{Attempt, AttemptOutcome},
    text::one_line,
};
use lode_consensus::Height;

use crate::{MinerEvent, shared::Shared};

/// Winning attempts that wait for the node.
pub(crate) const MAX_WAITING: usize = 1024;
/// How long an attempt is tried again while the node is away. Its share would not be worth anything
/// much later.
pub(crate) const MAX_RETRY: Duration = Duration::from_secs(120);

/// A winning attempt that passed our verification.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) network: NetworkName,
    pub(crate) height: Height,
    pub(crate) attempt: Attempt,
    pub(crate) found: Instant,
}

/// Hands in until the last worker has gone.
pub(crate) fn submit_all(shared: &Shared, client: &NodeClient, queue: &Receiver<Found>) {
    for found in queue {
        submit(shared, client, &found);
    }
}

/// Hands one attempt in, again and again if need be, and counts what came of it.
fn submit(shared: &Shared, client: &NodeClient, found: &Found) {
    let client = client.network(found.network.clone());
    let mut backoff = Backoff::default();
    loop {
        let error = match client.submit_attempt(&found.attempt) {
            Ok(outcome) => return count(shared, found.height, &outcome),
            Err(ClientError::Refused { status: 409, reason }) => {
                shared.counters.stale.add(1);
                return shared.events.announce(MinerEvent::Stale { reason });
            }
            Err(error) if error.is_passing() => error,
            Err(error) => {
                shared.counters.refused.add(1);
                return shared.events.announce(MinerEvent::Refused { reason: error.to_string() });
            }
        };
        let wait = backoff.next_wait();
        let is_too_old = found.found.elapsed() + wait > MAX_RETRY;
        if is_too_old || !shared.board.sleep(wait) {
            return shared.lose(error.to_string());
        }
    }
}

fn count(shared: &Shared, height: Height, outcome: &AttemptOutcome) {
    if let Some(hash) = &outcome.block {
        shared.counters.blocks_found.add(1);
        shared.events.announce(MinerEvent::BlockFound { height, hash: hash.to_string() });
    }
    if outcome.share {
        shared.counters.shares_accepted.add(1);
        shared.events.announce(MinerEvent::ShareAccepted { height });
    }
    if outcome.block.is_none() && !outcome.share {
        shared.counters.stale.add(1);
        let reason =
            outcome.reason.as_deref().map_or_else(|| "no reason given".to_owned(), one_line);
        shared.events.announce(MinerEvent::Stale { reason });
    }
}
