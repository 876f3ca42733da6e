//! The state of the sync, for operators and for clients that wait until the node is ready.

use std::fmt;

use lode_consensus::{Hash, Height};
use lode_ledger::Ledger;

use super::limits::{READY_INTERVALS, READY_LAG, READY_TIP_AGE_MS};

/// What the node is doing to reach its peers' chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    /// Headers are read and proven.
    Headers,
    /// The best chain's headers are there, and bodies are on their way.
    Bodies,
    /// There is nothing better to be had.
    Synced,
    /// An operator has to look: see [`SyncStatus::reason`]. The node goes on serving what it has.
    Halted,
}

/// Where the node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStatus {
    /// What it is doing.
    pub state: SyncState,
    /// Height and hash of the tip.
    pub tip: (Height, Hash),
    /// The tip's timestamp, in ms since the Unix epoch.
    pub tip_timestamp_ms: u64,
    /// The height of the best chain of proven headers.
    pub best_header_height: Height,
    /// The greatest height up to which headers of any chain were proven: the progress of a first
    /// reading too.
    pub proven_header_height: Height,
    /// The median of the heights that peers claim; a few liars do not move it, nor do those whose
    /// claim has no more work than this chain, or who will not show it. The node's own height
    /// without peers.
    pub peers_height: Height,
    /// Connected peers that said where they stand.
    pub peers: usize,
    /// What is wrong with this machine's clock, if something is.
    pub clock: Option<ClockFault>,
    /// Whether clients may rely on this node's tip.
    pub ready: bool,
    /// Why it is not ready.
    pub reason: Option<String>,
}

impl SyncStatus {
    /// Why what is mined here now is worth nothing, if that is known.
    pub fn mining_obstacle(&self) -> Option<String> {
        self.clock.filter(|fault| fault.is_certain).map(|fault| fault.to_string())
    }
}

/// This machine's clock differs from its peers' by more than the future limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFault {
    /// The peers' clocks less this one, in ms, at least: positive if this one is behind.
    pub offset_ms: i64,
    /// How many peers say so, or are outvoted.
    pub peers: usize,
    /// Whether what is mined by this clock is worth nothing: enough peers agree, or their blocks
    /// are left out for its sake, or they leave out this node's.
    pub is_certain: bool,
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, peers) = (self.offset_ms.unsigned_abs() / 1_000, self.peers);
        let (direction, consequence) = if self.offset_ms > 0 {
            ("behind", "newest blocks lie in the future for this node")
        } else {
            ("ahead of", "nodes refuse this one's blocks until their time comes")
        };
        write!(
            f,
            "this machine's clock seems {seconds} s {direction} its peers' ({peers} asked), whose \
             {consequence}"
        )
    }
}

/// What a node knows of other chains than its own, and what it is doing about them. By default:
/// nothing, as without peers.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeersView {
    /// What it is doing, unless it is in step with its peers.
    pub(crate) busy: Option<SyncState>,
    /// Why an operator has to look.
    pub(crate) halted: Option<String>,
    /// The height of the best chain of proven headers above the ledger's.
    pub(crate) best_header_height: Option<Height>,
    /// The greatest height up to which headers of any chain were proven.
    pub(crate) proven_header_height: Option<Height>,
    /// The median of the heights that peers claim.
    pub(crate) peers_height: Option<Height>,
    /// Connected peers that said where they stand.
    pub(crate) peers: usize,
    /// What is wrong with this machine's clock, as peers see it.
    pub(crate) clock: Option<ClockFault>,
}

/// Where a node stands whose tip is `tip`, at a local time in ms since the Unix epoch.
pub(crate) fn status(
    ledger: &Ledger,
    tip: (Height, Hash),
    now_ms: u64,
    view: &PeersView,
) -> SyncStatus {
    let (height, hash) = tip;
    let tip_timestamp_ms =
        ledger.read().entry(&hash).ok().flatten().map_or(0, |entry| entry.header.timestamp_ms);
    let best_header_height = view.best_header_height.map_or(height, |best| best.max(height));
    let proven_header_height =
        view.proven_header_height.map_or(best_header_height, |best| best.max(best_header_height));
    let peers_height = view.peers_height.unwrap_or(height);
    let state = match (&view.halted, view.busy) {
        (Some(_), _) => SyncState::Halted,
        (None, Some(busy)) => busy,
        (None, None) => SyncState::Synced,
    };
    let age_ms = now_ms.saturating_sub(tip_timestamp_ms);
    let lag = best_header_height.max(peers_height).saturating_sub(height);
    let interval_ms = ledger.params().block_interval_ms;
    let reason = unreadiness(view.halted.as_deref(), view.clock, age_ms, interval_ms, lag);
    SyncStatus {
        state,
        tip,
        tip_timestamp_ms,
        best_header_height,
        proven_header_height,
        peers_height,
        peers: view.peers,
        clock: view.clock,
        ready: reason.is_none(),
        reason,
    }
}

/// Why a node is not ready, if it is not. `tip_age_ms` is local time less the tip's timestamp. What
/// it is doing says nothing: one peer that lies about its work would keep every node reading
/// headers.
fn unreadiness(
    halted: Option<&str>,
    clock: Option<ClockFault>,
    tip_age_ms: u64,
    interval_ms: u64,
    lag: Height,
) -> Option<String> {
    if let Some(reason) = halted {
        return Some(reason.to_owned());
    }
    // Before what follows from it.
    if let Some(fault) = clock {
        return Some(fault.to_string());
    }
    if lag > READY_LAG {
        return Some(format!("{lag} blocks behind the peers"));
    }
    let limit_ms = interval_ms.saturating_mul(READY_INTERVALS).max(READY_TIP_AGE_MS);
    if tip_age_ms > limit_ms {
        return Some(format!("the tip is {} s old", tip_age_ms / 1_000));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_goes_by_the_tips_age_and_the_lag() {
        let ready = |halted, age_ms, lag| unreadiness(halted, None, age_ms, 15_000, lag).is_none();
        assert!(ready(None, 300_000, 3));
        assert!(!ready(None, 300_001, 0));
        assert!(!ready(None, 0, 4));
        assert!(!ready(Some("a reason"), 0, 0));
        let fault = ClockFault { offset_ms: 90_000, peers: 1, is_certain: false };
        assert_eq!(
            unreadiness(None, Some(fault), 300_001, 15_000, 4),
            Some(fault.to_string()),
            "the cause, not what follows"
        );
        assert_eq!(
            unreadiness(Some("a reason"), Some(fault), 0, 15_000, 0),
            Some("a reason".to_owned())
        );
        // Fast networks have a minute.
        assert!(unreadiness(None, None, 60_000, 100, 0).is_none());
        assert!(unreadiness(None, None, 60_001, 100, 0).is_some());
    }

    #[test]
    fn it_is_named_in_words() {
        let name = |offset_ms| ClockFault { offset_ms, peers: 2, is_certain: true }.to_string();
        assert!(
            name(90_500).starts_with("this machine's clock seems 90 s behind its peers' (2 asked)")
        );
        assert!(name(-61_000).starts_with("this machine's clock seems 61 s ahead of its peers'"));
    }
}
