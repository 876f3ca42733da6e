//! What a command line chooses to prove with: an engine by name, and a size of the puzzle.

use std::sync::Arc;

use lode_genesis::srs::{self, SrsLoadError};
use lode_puzzle::{Engine, LogSize, ReferenceEngine, Verifier};

/// The engines that `--engine` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineName {
    /// The specification line by line, on snarkVM's FFT and KZG10.
    Reference,
}

/// An engine, and a verifier over the same setup.
pub struct Rig {
    /// Makes attempts.
    pub engine: Arc<dyn Engine>,
    /// Checks them.
    pub verifier: Arc<Verifier>,
}

impl Rig {
    /// Loads the setup, which takes a fraction of a second.
    ///
    /// # Errors
    /// [`SrsLoadError`] if the program was built with another setup than Aleo's.
    pub fn new(engine: EngineName, log_n: LogSize) -> Result<Self, SrsLoadError> {
        let srs = Arc::new(srs::load(log_n)?);
        let verifier = Arc::new(Verifier::new(&srs));
        let engine: Arc<dyn Engine> = match engine {
            EngineName::Reference => Arc::new(ReferenceEngine::new(srs)),
        };
        Ok(Self { engine, verifier })
    }
}

/// Reads `--log-n`.
///
/// # Errors
/// Text for the user, in one line.
pub fn parse_log_n(text: &str) -> Result<LogSize, String> {
    let log_n: u8 = text
        .parse()
        .map_err(|_| format!("expected a whole number from {} to {}", LogSize::MIN.log_n(), LogSize::MAX.log_n()))?;
    LogSize::new(log_n).map_err(|error| error.to_string())
}

/// Reads `--threads`.
///
/// # Errors
/// Text for the user, in one line.
pub fn parse_threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=crate::MAX_THREADS).contains(threads));
    threads.ok_or_else(|| format!("expected 1 to {} threads", crate::MAX_THREADS))
}
