//! Whether this machine's clock agrees with those of its peers.
//!
//! Owns what each peer's status said of its clock, and what follows from all of them. Returns
//! nothing: the fault is shown by the status, and said in the log when it begins and when it ends.
//!
//! A peer's clock is read between question and answer, so that it lies between two readings of our
//! own. What is kept is by how much it differs at least: slow lines and machines that slept in
//! between make no difference where there is none. The median of the peers decides, of those that
//! this node dialled if they are enough, since an attacker can dial it any number of times.
//!
//! A few peers that contradict this clock are enough to name it; that what is mined by it is worth
//! nothing takes a sign from the chain as well. If the clock is behind, that is blocks left out
//! because they lie in the future; if it is ahead, that the peers do not take over the blocks by
//! which this node's chain has grown since.
//!
//! What must not be broken: no rule of the chain goes by this, the clock is never set, and a single
//! peer that dialled this node says nothing.

use std::collections::BTreeMap;

use lode_consensus::Height;
use lode_network::{PeerId, Status};
use tracing::{info, warn};

use super::{
    limits::{CLOCK_QUORUM, READY_LAG},
    status::ClockFault,
    view::View,
};
use crate::Clock;

/// The clocks of the peers.
#[derive(Debug, Default)]
pub(super) struct ClockCheck {
    peers: BTreeMap<PeerId, Told>,
    fault: Option<ClockFault>,
    /// The height of this node's tip when the fault began.
    begun_at: Height,
}

/// What a peer's last status says.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// See [`ClockFault::offset_ms`]. Nothing of a peer that does not tell its time.
    offset_ms: Option<i64>,
    /// The height of its tip, and of this node's at the same time.
    height: Height,
    own_height: Height,
}

impl ClockCheck {
    /// What is wrong, if something is.
    pub(super) fn fault(&self) -> Option<ClockFault> {
        self.fault
    }

    /// A peer told where it stands and what its clock shows, between two readings of this
    /// machine's, when this node's tip was at `own_height`.
    pub(super) fn told(
        &mut self,
        id: PeerId,
        status: &Status,
        own_height: Height,
        (asked_ms, answered_ms): (u64, u64),
    ) {
        // Zero is no time.
        let offset_ms =
            (status.now_ms > 0).then(|| least_offset_ms(status.now_ms, asked_ms, answered_ms));
        self.peers.insert(id, Told { offset_ms, height: status.tip_height, own_height });
    }

    /// A peer is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.peers.remove(id);
    }

    /// Judges this machine's clock anew. `leaves_out` if blocks were left out lately because they
    /// lie in the future.
    pub(super) fn judge<C: Clock>(&mut self, view: &View<C>, leaves_out: bool) {
        let is_outbound = |id: &PeerId| view.peers.get(id).is_some_and(|peer| peer.outbound);
        let offsets = |of: &dyn Fn(&PeerId) -> bool| -> Vec<i64> {
            let told = self.peers.iter().filter(|(id, _)| of(id));
            told.filter_map(|(_, told)| told.offset_ms).collect()
        };
        let outbound = offsets(&is_outbound);
        let dials = !outbound.is_empty();
        let offsets = if outbound.len() >= CLOCK_QUORUM { outbound } else { offsets(&|_| true) };
        let (peers, offset_ms) = (offsets.len(), median(offsets));
        let is_enough = peers >= CLOCK_QUORUM;
        let limit_ms = view.service.ledger().params().future_limit_ms;
        // What has begun ends at half of it, so that it does not come and go.
        let limit_ms = if self.fault.is_some() { limit_ms / 2 } else { limit_ms };
        let is_wrong = offset_ms.unsigned_abs() > limit_ms && (is_enough || dials);
        let is_certain =
            is_enough || if offset_ms > 0 { leaves_out } else { self.is_certainly_ahead() };
        let fault = is_wrong.then_some(ClockFault { offset_ms, peers, is_certain });
        match (&self.fault, &fault) {
            (None, Some(fault)) => warn!("{fault}"),
            (Some(old), Some(new)) if old.offset_ms.signum() != new.offset_ms.signum() => {
                warn!("{new}")
            }
            (Some(old), Some(new)) if new.offset_ms < 0 && new.is_certain && !old.is_certain => {
                warn!("{new}: no work for miners until it is set right")
            }
            (Some(_), None) => info!("nothing speaks against this machine's clock any more"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        if self.fault.is_none() {
            self.begun_at = view.service.tip().0;
        }
        self.fault = fault;
    }

    /// Whether a clock that is ahead is shown to be so by the chain: it has grown by blocks that
    /// not one peer takes over. Once seen it holds as long as the fault: the peers take these
    /// blocks when their time has come, and the next ones would be as late.
    fn is_certainly_ahead(&self) -> bool {
        let left = |told: &Told| {
            told.own_height > told.height.max(self.begun_at).saturating_add(READY_LAG)
        };
        self.fault.is_some_and(|fault| {
            fault.offset_ms < 0 && (fault.is_certain || self.peers.values().all(left))
        })
    }
}

/// How far another clock that showed `peer_ms` is from this one at least, if it was read between
/// two readings of this one.
fn least_offset_ms(peer_ms: u64, asked_ms: u64, answered_ms: u64) -> i64 {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let (peer, first, last) = (signed(peer_ms), signed(asked_ms), signed(answered_ms));
    let (first, last) = (first.min(last), first.max(last));
    if peer > last { peer.saturating_sub(last) } else { peer.saturating_sub(first).min(0) }
}

/// The middle one; of two, the one nearer to zero, and zero if they contradict each other. Zero of
/// none.
fn median(mut offsets_ms: Vec<i64>) -> i64 {
    offsets_ms.sort_unstable();
    let middle = |place: usize| offsets_ms.get(place).copied().unwrap_or(0);
    let (low, high) =
        (middle(offsets_ms.len().saturating_sub(1) / 2), middle(offsets_ms.len() / 2));
    if low > 0 { low } else { high.min(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_read_in_between_differs_by_nothing() {
        assert_eq!(least_offset_ms(1_500, 1_000, 2_000), 0);
        assert_eq!(least_offset_ms(2_500, 1_000, 2_000), 500);
        assert_eq!(least_offset_ms(400, 1_000, 2_000), -600);
        // The clock was set back in between.
        assert_eq!(least_offset_ms(1_500, 2_000, 1_000), 0);
        assert_eq!(least_offset_ms(u64::MAX, 0, 0), i64::MAX);
    }

    #[test]
    fn few_do_not_outvote_many_and_two_have_to_agree() {
        assert_eq!(median(vec![]), 0);
        assert_eq!(median(vec![90]), 90);
        assert_eq!(median(vec![90, 0]), 0);
        assert_eq!(median(vec![90, 80]), 80);
        assert_eq!(median(vec![-90, 80]), 0);
        assert_eq!(median(vec![-90, -80]), -80);
        assert_eq!(median(vec![1_000_000, 0, 3]), 3);
        assert_eq!(median(vec![-1_000_000, -5, -3]), -5);
        assert_eq!(median(vec![-1_000_000, -7, -5, 9]), -5);
    }
}
