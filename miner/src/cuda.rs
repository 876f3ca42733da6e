//! `lode-miner devices`, and the process of a GPU, `lode-miner cuda-worker`.

use std::{fmt::Write as _, io};

use lode_cuda::{Device, worker::WorkerError};
use lode_genesis::srs::{self, SrsLoadError};
use lode_puzzle::LogSize;

use crate::rig::parse_log_n;

/// Arguments of `devices`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DevicesArgs {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
}

/// The devices as lines of a table, no line break at the end.
pub fn table(devices: &[Device]) -> String {
    let mut text =
        format!("{:>3}  {:12}  {:>9}  {:>10}  model", "GPU", "bus id", "memory", "capability");
    for device in devices {
        let Device { index, name, bus_id, memory_bytes, compute_capability, is_supported, .. } =
            device;
        let unsupported = if *is_supported { "" } else { " (too old: 7.0 is needed)" };
        let memory = format!("{:.1} GiB", *memory_bytes as f64 / f64::from(1 << 30));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n{index:>3}  {bus_id:12}  {memory:>9}  {compute_capability:>10}  {name}{unsupported}"
        );
    }
    text
}

/// Arguments of `cuda-worker`.
#[derive(Clone, Debug, clap::Args)]
pub struct WorkerArgs {
    /// The GPU.
    #[arg(long, value_name = "BUS-ID")]
    pub device: String,

    /// Base-2 logarithm of the puzzle's size.
    #[arg(long, value_name = "N", value_parser = parse_log_n)]
    pub log_n: LogSize,
}

/// Why a GPU's process ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The setup could not be loaded.
    #[error("setup: {0}")]
    Srs(#[from] SrsLoadError),
    /// The device, or the pipes.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// Serves the miner that started this process, until it closes the pipe.
///
/// # Errors
/// [`Error`]
pub fn work(args: &WorkerArgs) -> Result<(), Error> {
    let srs = srs::load(args.log_n)?;
    Ok(lode_cuda::worker::run(&args.device, &srs, io::stdin(), io::stdout().lock())?)
}
