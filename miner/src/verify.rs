//! `lode-miner verify`: checks one proof, or names the rule that it breaks.

use lode_algebra::{Backend, BackendError, CPU_VARIABLE, DomainError};
use lode_genesis::srs::{self, SrsLoadError};
use lode_puzzle::{Claim, Part, Proof, Ticket, Verifier, VerifyError};

use crate::attempt::AttemptId;

/// Arguments of `verify`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What the proof is for.
    #[command(flatten)]
    pub id: AttemptId,

    /// The commitment: 96 bytes as hex digits.
    #[arg(long, value_name = "HEX", value_parser = parse_digits)]
    pub commitment: String,

    /// The opening: 96 bytes as hex digits.
    #[arg(long, value_name = "HEX", value_parser = parse_digits)]
    pub opening: String,
}

/// Hex digits of any number: a wrong number is a rule that the proof breaks, not a flag that cannot
/// be read.
fn parse_digits(text: &str) -> Result<String, &'static str> {
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_owned())
    } else {
        Err("expected hex digits only")
    }
}

/// Why a proof is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A point does not have 192 hex digits.
    #[error("refused by rule \"length\": {part}: expected 192 hex digits, got {got}")]
    Digits {
        /// The point.
        part: Part,
        /// Digits given.
        got: usize,
    },
    /// The proof breaks a rule.
    #[error("refused by rule \"{rule}\": {0}", rule = .0.rule())]
    Rule(#[from] VerifyError),
    /// The environment asks for instructions that there are not: no verdict.
    #[error("{CPU_VARIABLE}: {0}")]
    Backend(#[from] BackendError),
    /// The verifier has no domain: no verdict.
    #[error("verifier: {0}")]
    Verifier(#[from] DomainError),
    /// The setup could not be loaded: no verdict.
    #[error("setup: {0}")]
    Srs(#[from] SrsLoadError),
}

/// Checks the proof, held to no target, and returns its ticket.
///
/// # Errors
/// [`Error`]: the rule that the proof breaks, or why there is no verdict.
pub fn run(args: &Args) -> Result<Ticket, Error> {
    let AttemptId { statement, nonce, log_n } = args.id;
    let proof = Proof {
        commitment: decode(Part::Commitment, &args.commitment)?,
        opening: decode(Part::Opening, &args.opening)?,
    };
    let verifier = Verifier::with_backend(&srs::load(log_n)?, Backend::detect()?)?;
    Ok(verifier.verify(&statement, nonce, &proof, Claim::None)?)
}

fn decode(part: Part, digits: &str) -> Result<[u8; 96], Error> {
    let mut bytes = [0; 96];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| Error::Digits { part, got: digits.len() })?;
    Ok(bytes)
}
