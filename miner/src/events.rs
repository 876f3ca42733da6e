//! Events that a miner reports to its owner.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use lode_consensus::Height;
use parking_lot::Mutex;

/// Events that wait to be read. When there are more, the newest are dropped: the owner of a miner
/// need not read them.
pub const MAX_EVENTS: usize = 256;

/// Something that happened to a miner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MinerEvent {
    /// The node has given good work, for the first time or again.
    Connected {
        /// The network that is mined.
        network: String,
    },
    /// The node cannot be reached, refuses, or gave work that is not what it must be. The miner
    /// goes on with the work that it has, and tries again.
    Disconnected {
        /// Why, in one line.
        reason: String,
    },
    /// The node has been away for so long that its last work is worth nothing any more.
    Paused,
    /// An attempt became a block.
    BlockFound {
        height: Height,
        /// Its hash, in hex.
        hash: String,
    },
    /// An attempt waits at the node as a share.
    ShareAccepted {
        /// The height that it was mined for.
        height: Height,
    },
    /// A winning attempt came too late, or a second time.
    Stale {
        /// The node's words.
        reason: String,
    },
    /// The node refused a winning attempt that had passed our own verification.
    Refused {
        /// The node's words.
        reason: String,
    },
    /// A winning attempt did not pass our own verification: the engine or the machine is broken.
    Invalid {
        /// The rule that it breaks.
        reason: String,
    },
    /// A winning attempt could not be handed in.
    Lost {
        /// Why.
        reason: String,
    },
    /// One of several devices failed; the others go on.
    DeviceFailed {
        /// Which one, how, and what becomes of it.
        reason: String,
    },
    /// The engine failed, and is tried again after a while.
    EngineFailed {
        /// The engine's words.
        reason: String,
    },
}

/// The sending end. It never waits.
#[derive(Debug)]
pub(crate) struct Announcer(SyncSender<MinerEvent>);

impl Announcer {
    pub(crate) fn announce(&self, event: MinerEvent) {
        // Full: they are not read. The counters have it all anyway.
        let _ = self.0.try_send(event);
    }
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Events(Mutex<Receiver<MinerEvent>>);

impl Events {
    pub(crate) fn next(&self, timeout: Duration) -> Option<MinerEvent> {
        self.0.lock().recv_timeout(timeout).ok()
    }
}

pub(crate) fn channel() -> (Announcer, Events) {
    let (sender, receiver) = sync_channel(MAX_EVENTS);
    (Announcer(sender), Events(Mutex::new(receiver)))
}
