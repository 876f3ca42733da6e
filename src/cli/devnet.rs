//! Flags of `lode devnet`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use lode_consensus::Height;

use super::keystore::KeystoreArgs;

/// Flags of `lode devnet`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lode devnet                          mine until Ctrl-C; the next start goes on from there
  lode devnet --until-height 50        stop at height 50
  lode devnet --reset                  begin anew with height 0
  lode devnet --nodes 3                three nodes and three miners that sync with each other
  lode transfer --to alice --amount 1  in another terminal: pays from the devnet's own account")]
pub struct DevnetArgs {
    /// Where the chain is kept [default: lode/devnet in your data folder, ~/.local/share]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where the HTTP API listens; further nodes take the ports that follow.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3030")]
    pub api: SocketAddr,
    /// Nodes that sync with each other, each with a miner of its own.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=16))]
    pub nodes: u16,
    /// Proving threads of all miners together [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Stop when the chain has reached this height.
    #[arg(long, value_name = "N")]
    pub until_height: Option<Height>,
    /// Begin anew: delete the chain, what waits for a block, and the peers first. The account
    /// stays.
    #[arg(long)]
    pub reset: bool,
    /// Where the account is.
    #[command(flatten)]
    pub keystore: KeystoreArgs,
}
