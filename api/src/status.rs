//! What a node says of itself and of its chain: `GET /` and `GET /{network}/status`.

use lode_consensus::state;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{HashText, TargetText, U128Text, WorkText};

/// `GET /`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Root {
    /// The software: `lode`.
    pub name: String,
    pub version: String,
    /// The networks that the node serves.
    pub networks: Vec<String>,
    pub routes: Vec<String>,
}

/// `GET /{network}/status`. Amounts are in microcredits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The network's name.
    pub network: String,
    /// The node's version.
    pub version: String,
    /// The hash that tells this chain from every other, and that every signature covers.
    pub genesis_hash: HashText,
    /// Height of the tip.
    pub height: u32,
    pub tip_hash: HashText,
    /// Timestamp of the tip, in ms since the Unix epoch.
    pub tip_timestamp_ms: u64,
    /// Epoch of the tip.
    pub epoch: u32,
    /// Blocks in an epoch.
    pub epoch_length: u32,
    /// First height of the tip's epoch.
    pub epoch_first_height: u32,
    /// The interval between blocks that the difficulty aims at, in ms.
    pub block_interval_ms: u64,
    /// The puzzle's size: 2^log_n evaluations.
    pub log_n: u8,
    /// The tip's target.
    pub target: TargetText,
    /// The target of shares in the tip's epoch.
    pub share_target: TargetText,
    /// Expected attempts for a block with the tip's target.
    pub difficulty: U128Text,
    /// Cumulative work of the chain.
    pub work: WorkText,
    /// The target of the block to come.
    pub next_target: TargetText,
    /// What the block to come mints.
    pub subsidy: u64,
    /// Where every microcredit is.
    pub supply: Supply,
    /// What waits for a block.
    pub mempool: MempoolSize,
    /// What the node's mining side did since its start.
    pub mining: MiningCounters,
}

/// The supply, in microcredits: genesis + emitted − burned = balances + pending + share_fund +
/// proving_pools + bonds + escrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Supply {
    /// Allocated at genesis.
    pub genesis: u64,
    /// Minted since.
    pub emitted: u64,
    /// Destroyed.
    pub burned: u64,
    /// On accounts.
    pub balances: u64,
    /// Mined and not mature yet.
    pub pending: u64,
    /// To pay shares with.
    pub share_fund: u64,
    /// Kept for the holders of proving rights.
    pub proving_pools: u64,
    /// At stake of operators.
    pub bonds: u64,
    /// Escrowed prices of jobs, and their requesters' bonds.
    pub escrows: u64,
}

impl From<state::Supply> for Supply {
    fn from(supply: state::Supply) -> Self {
        let state::Supply {
            genesis,
            emitted,
            burned,
            balances,
            pending,
            share_fund,
            proving_pools,
            bonds,
            escrows,
        } = supply;
        Self {
            genesis,
            emitted,
            burned,
            balances,
            pending,
            share_fund,
            proving_pools,
            bonds,
            escrows,
        }
    }
}

/// How much waits for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MempoolSize {
    pub transactions: u64,
    /// Bytes of the transactions.
    pub bytes: u64,
    pub shares: u64,
}

/// Counters of the node's mining side, since its start. Others may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MiningCounters {
    /// Block templates made, each a job for miners.
    pub jobs: u64,
    /// Attempts that came in.
    pub submissions: u64,
    /// Blocks that came of them.
    pub blocks: u64,
    /// Shares that came of them.
    pub shares: u64,
    /// Attempts that were refused.
    pub refused: u64,
}
