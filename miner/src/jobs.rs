//! The thread that asks the node for work, and hangs on the board what passes the checks.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use lode_api::{
    Backoff,
    client::{ClientError, NetworkName, NodeClient},
};
use lode_consensus::Address;
use lode_puzzle::LogSize;
use rand::{TryRng, rngs::SysRng};

use crate::{
    MinerEvent,
    shared::Shared,
    work::{self, JobError, Work},
};

/// Time from one request to the next, at least: a node that answers at once, always, must not keep
/// us busy.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long the node may hold back its answer while there is no new work. It allows 30 s.
const JOB_WAIT: Duration = Duration::from_secs(20);

/// Why there is no new work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PollError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the node serves {}: choose one with --network", names(.0))]
    Ambiguous(Vec<NetworkName>),
    #[error("the node's job is refused: {0}")]
    Job(#[from] JobError),
    #[error("the operating system gives no random numbers: {0}")]
    Entropy(String),
}

fn names(networks: &[NetworkName]) -> String {
    if networks.is_empty() {
        return "no network".to_owned();
    }
    networks.iter().map(NetworkName::as_str).collect::<Vec<_>>().join(", ")
}

/// Asks until it is over.
pub(crate) fn poll(shared: &Shared, client: &NodeClient) {
    let mut backoff = Backoff::default();
    let mut network = None;
    let mut last_failure = None;
    while !shared.board.is_stopping() {
        let asked = Instant::now();
        let wait = match poll_once(shared, client, &mut network) {
            Ok(name) => {
                if !shared.counters.is_connected.swap(true, Ordering::Relaxed) {
                    shared.events.announce(MinerEvent::Connected { network: name.to_string() });
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
                backoff.next_wait()
            }
        };
        shared.board.sleep(wait);
    }
}

/// Waits for one answer, and returns the network's name.
fn poll_once(
    shared: &Shared,
    client: &NodeClient,
    network: &mut Option<NetworkName>,
) -> Result<NetworkName, PollError> {
    let name = match (&shared.network, &*network) {
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => network.insert(only_network(client)?).clone(),
    };
    let after = shared.board.current().map(|work| work.content_hash);
    let job = client.network(name.clone()).job(&shared.address, after.as_ref(), JOB_WAIT)?;
    let first_nonce =
        SysRng.try_next_u64().map_err(|error| PollError::Entropy(error.to_string()))?;
    let work = Work::check(&job, &name, shared.address, shared.verifier.log_n(), first_nonce)?;
    if !shared.board.confirm(&work.content_hash) {
        shared.board.post(work.into());
    }
    Ok(name)
}

/// The puzzle's size in the work that a node gives: that of its only network where none is named.
pub(crate) fn puzzle_size(
    client: &NodeClient,
    network: Option<&NetworkName>,
    address: &Address,
) -> Result<LogSize, PollError> {
    let name = match network {
        Some(name) => name.clone(),
        None => only_network(client)?,
    };
    Ok(work::log_n(&client.network(name).job(address, None, Duration::ZERO)?)?)
}

/// The network to mine where none was named.
fn only_network(client: &NodeClient) -> Result<NetworkName, PollError> {
    let mut networks = client.networks()?;
    match networks.pop() {
        Some(name) if networks.is_empty() => Ok(name),
        last => {
            networks.extend(last);
            Err(PollError::Ambiguous(networks))
        }
    }
}
