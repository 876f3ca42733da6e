//! What an operator, or the network's file, asks of a sync, and how much memory it may take.

use lode_consensus::{ChainWork, Hash, Height};

/// How much is kept of chains that are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncBounds {
    /// Received and not proven, of one peer's chain: no more are asked for beyond.
    pub unproven: usize,
    /// Proven, of one peer's chain, until its work suffices. Of older ones a hash in
    /// `checkpoint_interval` is kept, and they are asked for again.
    pub held: usize,
    /// Heights between two hashes that stand for all headers between them.
    pub checkpoint_interval: Height,
    /// Such hashes of one peer's chain.
    pub checkpoints: usize,
    /// Proven, with enough work, and without their bodies, of all chains. Headers wait for bodies
    /// beyond; at least `held`.
    pub tree: usize,
    /// Bytes of bodies that came before those below them. Only the very next body is asked for
    /// beyond.
    pub body_bytes: usize,
}

impl Default for SyncBounds {
    /// About 9 MiB for the tree, 1 MiB for each peer's chain; chains of 33 million headers. 48 MiB
    /// of bodies.
    fn default() -> Self {
        Self {
            unproven: 1_024,
            held: 2_048,
            checkpoint_interval: 512,
            checkpoints: 65_536,
            tree: 16_384,
            body_bytes: 48 << 20,
        }
    }
}

/// What an operator, or the network's file, asks of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncConfig {
    /// Work below which no chain is stored: a liar would have to redo it.
    pub minimum_work: ChainWork,
    /// A block that is assumed to be valid, with all before it: their shares' proofs and their
    /// signatures are not checked. Headers' proofs and states are.
    pub assume_valid: Option<(Height, Hash)>,
    /// What is kept meanwhile.
    pub bounds: SyncBounds,
}
