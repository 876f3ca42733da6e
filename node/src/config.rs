//! What an operator chooses, as checked values.

use std::{net::SocketAddr, path::PathBuf};

use etcetera::BaseStrategy;
use lode_genesis::Network;
use lode_ledger::LedgerOptions;

use crate::MempoolLimits;

/// A node's configuration.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The network to follow.
    pub network: Network,
    /// Where the chain and the journals are kept.
    pub data_dir: PathBuf,
    /// Where the API listens. Port 0 takes any free port.
    pub api: SocketAddr,
    /// The mempool's limits.
    pub mempool: MempoolLimits,
    /// How the ledger keeps its data.
    pub ledger: LedgerOptions,
}

/// Why there is no default data folder.
#[derive(Debug, thiserror::Error)]
#[error("no home folder was found for the chain's data: pass --data-dir")]
pub struct ConfigError;

/// The data folder of a network if the operator names none: `lode/NAME` in the user's XDG data folder.
pub fn default_data_dir(network: &str) -> Result<PathBuf, ConfigError> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| ConfigError)?;
    Ok(strategy.data_dir().join("lode").join(network))
}
