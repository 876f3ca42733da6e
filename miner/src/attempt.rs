//! `lode-miner attempt`: one attempt, in the layout of the published vectors.

use std::fmt;

use lode_puzzle::{Attempt, AttemptError, LogSize, Statement};
use serde::Serialize;

use crate::rig::{EngineArgs, Rig, RigError, parse_log_n};

/// Arguments that name one attempt.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct AttemptId {
    /// What is proven: 64 hex digits.
    #[arg(long, value_name = "HEX")]
    pub statement: Statement,

    /// The attempt's nonce: a decimal number below 2^64.
    #[arg(long, value_name = "N")]
    pub nonce: u64,

    /// Base-2 logarithm of the puzzle's size, 2 to 15: 13 on mainnet, testnet and devnet.
    #[arg(long, value_name = "N", default_value = "13", value_parser = parse_log_n)]
    pub log_n: LogSize,
}

/// Arguments of `attempt`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// What to attempt.
    #[command(flatten)]
    pub id: AttemptId,

    /// With what.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Print one JSON object, in the layout of the published vectors.
    #[arg(long)]
    pub json: bool,
}

/// Why there is no attempt to print.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no engine.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// The attempt is void, or the engine failed.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The operating system gave no threads.
    #[error("threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Makes the attempt.
///
/// # Errors
/// [`Error`]; a void attempt is one.
pub fn run(args: &Args) -> Result<Report, Error> {
    let AttemptId { statement, nonce, log_n } = args.id;
    let rig = Rig::new(&args.engine, log_n)?;
    let attempt = on_all_cores(|| rig.engine.attempt(&statement, nonce))??;
    Ok(Report::new(&statement, &attempt))
}

/// Runs a proof's work on one thread per core. snarkVM would otherwise start a pool of its own for
/// every transform.
pub(crate) fn on_all_cores<T: Send>(
    work: impl FnOnce() -> T + Send,
) -> Result<T, rayon::ThreadPoolBuildError> {
    Ok(rayon::ThreadPoolBuilder::new().build()?.install(work))
}

/// An attempt as the published vectors write it: bytes in lower-case hex, 128-bit values in
/// decimal, as strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    statement: String,
    nonce: u64,
    seed: String,
    commitment: String,
    point: String,
    value: String,
    opening: String,
    ticket: String,
    block_value: String,
    share_value: String,
}

impl Report {
    /// Writes an attempt down.
    pub fn new(statement: &Statement, attempt: &Attempt) -> Self {
        Self {
            statement: statement.to_string(),
            nonce: attempt.nonce,
            seed: attempt.seed.to_string(),
            commitment: hex::encode(attempt.proof.commitment),
            point: hex::encode(attempt.point),
            value: hex::encode(attempt.value),
            opening: hex::encode(attempt.proof.opening),
            ticket: attempt.ticket.to_string(),
            block_value: attempt.ticket.block_value().to_string(),
            share_value: attempt.ticket.share_value().to_string(),
        }
    }
}

/// The readable form: one field per line, no line break at the end.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "statement    {}", self.statement)?;
        writeln!(f, "nonce        {}", self.nonce)?;
        writeln!(f, "seed         {}", self.seed)?;
        writeln!(f, "commitment   {}", self.commitment)?;
        writeln!(f, "point        {}", self.point)?;
        writeln!(f, "value        {}", self.value)?;
        writeln!(f, "opening      {}", self.opening)?;
        writeln!(f, "ticket       {}", self.ticket)?;
        writeln!(f, "block value  {}", self.block_value)?;
        write!(f, "share value  {}", self.share_value)
    }
}
