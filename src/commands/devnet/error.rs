//! What can go wrong with a devnet.

/// Why a devnet cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The network, the data folder, the node or the ledger.
    #[error("{0}")]
    Node(String),
    #[error("miner: {0}")]
    Miner(String),
    /// A part of a node or of a miner ended by itself, which none does unless there is a mistake in
    /// it.
    #[error("{0}; the devnet was stopped")]
    Died(String),
}
