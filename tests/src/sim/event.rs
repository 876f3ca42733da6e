//! What can happen in a network, and how it shows in the trace.

use lode_consensus::Share;
use lode_network::RequestId;

use super::{schedule::Traced, traffic::Wire};

/// Something that happens.
#[derive(Debug)]
pub enum Event {
    /// A packet arrives, if its link still stands.
    Arrive {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// The number of the link.
        link: u64,
        /// The message.
        wire: Wire,
    },
    /// A request has been out for long.
    Timeout {
        /// The asker.
        node: usize,
        life: u32,
        /// Its number.
        id: RequestId,
    },
    /// A worker is done.
    Work {
        node: usize,
        life: u32,
        /// Which worker.
        worker: usize,
    },
    /// A node is told the time.
    Tick { node: usize, life: u32 },
    /// A miner finds something.
    Win {
        /// The miner's node.
        node: usize,
        /// The miner's round.
        round: u64,
        /// What it found.
        share: Box<Share>,
    },
    /// A miner's job is old.
    Refresh {
        /// The miner's node.
        node: usize,
        /// The miner's round.
        round: u64,
    },
    /// A connection breaks.
    Reset {
        /// One end.
        a: usize,
        /// The other.
        b: usize,
        /// The number of the link.
        link: u64,
    },
    /// Missing links are made.
    Dial,
    /// Something of the scenario's plan.
    Incident(usize),
    /// A spammer sends.
    Spam(usize),
    /// Withholders publish.
    Release,
    /// A user pays another.
    Transfer,
    /// A trader of the market looks at the chain.
    Trade(usize),
}

impl Traced for Event {
    fn trace(&self, out: &mut Vec<u8>) {
        let mut put = |tag: u8, numbers: &[u64]| {
            out.push(tag);
            numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        };
        match self {
            Self::Arrive { from, to, link, wire } => {
                put(0, &[*from as u64, *to as u64, *link]);
                wire.trace(out);
            }
            Self::Timeout { node, life, id } => put(1, &[*node as u64, u64::from(*life), id.0]),
            Self::Work { node, life, worker } => {
                put(2, &[*node as u64, u64::from(*life), *worker as u64])
            }
            Self::Tick { node, life } => put(3, &[*node as u64, u64::from(*life)]),
            Self::Win { node, round, share } => put(4, &[*node as u64, *round, share.nonce]),
            Self::Refresh { node, round } => put(5, &[*node as u64, *round]),
            Self::Dial => put(6, &[]),
            Self::Incident(index) => put(7, &[*index as u64]),
            Self::Spam(script) => put(8, &[*script as u64]),
            Self::Release => put(9, &[]),
            Self::Transfer => put(10, &[]),
            Self::Trade(trader) => put(12, &[*trader as u64]),
            Self::Reset { a, b, link } => put(11, &[*a as u64, *b as u64, *link]),
        }
    }
}
