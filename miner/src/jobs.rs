//! The thread that asks the node for work, and hangs on the board what passes the checks.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use lode_consensus::{Address, Hash};
use lode_puzzle::LogSize;
use rand::{TryRng, rngs::SysRng};

use crate::{
    MinerEvent,
    backoff::Backoff,
    client::{Client, ClientError},
    shared::Shared,
    work::{JobError, Work},
};

/// Time from one request to the next, at least: a node that answers at once, always, must not keep us busy.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Why there is no new work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PollError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the node serves {0:?}: choose one with --network")]
    Ambiguous(Vec<String>),
    #[error("the node's job is refused: {0}")]
    Job(#[from] JobError),
    #[error("the operating system gives no random numbers: {0}")]
    Entropy(String),
}

/// Asks until it is over.
pub(crate) fn poll(shared: &Shared, client: &Client) {
    let mut backoff = Backoff::new();
    let mut network = None;
    let mut last_failure = None;
    while !shared.board.is_stopping() {
        let asked = Instant::now();
        let wait = match poll_once(shared, client, &mut network) {
            Ok(name) => {
                if !shared.counters.is_connected.swap(true, Ordering::Relaxed) {
                    shared.events.announce(MinerEvent::Connected { network: name });
                }
                last_failure = None;
                backoff.reset();
                MIN_POLL_INTERVAL.saturating_sub(asked.elapsed())
            }
            // What failed because it is over is no news.
            Err(_) if shared.board.is_stopping() => break,
            Err(error) => {
                shared.counters.is_connected.store(false, Ordering::Relaxed);
                // Another network may answer at the same address next time.
                network = None;
                let reason = error.to_string();
                if last_failure.as_ref() != Some(&reason) {
                    shared.events.announce(MinerEvent::Disconnected { reason: reason.clone() });
                    last_failure = Some(reason);
                }
                backoff.next()
            }
        };
        shared.board.sleep(wait);
    }
}

/// Waits for one answer, and returns the network's name.
fn poll_once(shared: &Shared, client: &Client, network: &mut Option<String>) -> Result<String, PollError> {
    let name = match (&shared.network, &*network) {
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => network.insert(only_network(client)?).clone(),
    };
    let after = shared.board.current().map(|work| work.content_hash);
    let message = client.job(&name, &shared.address, after)?;
    let first_nonce = SysRng.try_next_u64().map_err(|error| PollError::Entropy(error.to_string()))?;
    let work = Work::check(&message, &name, shared.address, shared.verifier.log_n(), first_nonce)?;
    let job_id: Hash = work.content_hash;
    if !shared.board.confirm(&job_id) {
        shared.board.post(work.into());
    }
    Ok(name)
}

/// The puzzle's size in the work that a node gives: that of its only network where none is named.
pub(crate) fn puzzle_size(client: &Client, network: Option<&str>, address: &Address) -> Result<LogSize, PollError> {
    let name = match network {
        Some(name) => name.to_owned(),
        None => only_network(client)?,
    };
    Ok(client.job(&name, address, None)?.log_n()?)
}

/// The network to mine where none was named.
fn only_network(client: &Client) -> Result<String, PollError> {
    let mut networks = client.networks()?;
    match networks.pop() {
        Some(name) if networks.is_empty() => Ok(name),
        last => {
            networks.extend(last);
            Err(PollError::Ambiguous(networks))
        }
    }
}
