//! `lode-miner`: the command line. Reads flags, runs a command of the library, and turns the outcome into lines and an exit
//! code: 0 for success, 1 for a refused proof or a failure, 2 for flags that make no sense.

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};
use lode_miner::{attempt, bench, cuda, mine, rig::RigError, verify};

/// What a shell sees when the flags make no sense.
const UNUSABLE_FLAGS: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  Make the first published attempt, and print it as the vectors do:
    lode-miner attempt --nonce 0 --json \\
      --statement 6a17f2bffa7f58d4f4e771319af9d4abcbb394d152b1287fa45a78c61fae1300

  Check a proof, its two points as `attempt` prints them:
    lode-miner verify --statement HEX --nonce 0 --commitment HEX --opening HEX

  Mine for a node on all cores:
    lode-miner mine --node http://127.0.0.1:3030 --address aleo1…

  Measure one core, or all GPUs:
    lode-miner bench --threads 1 --seconds 10
    lode-miner bench --engine cuda --json

Exit codes: 0 success, 1 refused or failed, 2 unusable flags.";

/// Proves Lode's puzzle, and checks proofs of it.
///
/// An attempt is a statement and a nonce; its proof is a KZG commitment and an opening over Aleo's universal setup, and the
/// hash of the proof is its ticket. Nothing is downloaded, and no private key is needed.
#[derive(Parser)]
#[command(name = "lode-miner", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes one attempt and prints seed, proof and ticket.
    #[command(after_help = EXAMPLES)]
    Attempt(attempt::Args),
    /// Checks one proof: exits 0, or says which rule it breaks and exits 1.
    ///
    /// The ticket is held to no target. Rules, in the order in which they are checked: length, coordinate range, curve,
    /// subgroup, domain, pairing.
    #[command(after_help = EXAMPLES)]
    Verify(verify::Args),
    /// Mines for a node until Ctrl-C, which hands in what was found. A second Ctrl-C ends it at once.
    ///
    /// Every job is checked before it is worked on, and every proof before it is handed in. No key is needed, and a rig should
    /// hold none.
    #[command(after_help = EXAMPLES)]
    Mine(mine::Args),
    /// Measures how many attempts per second this machine makes.
    #[command(after_help = EXAMPLES)]
    Bench(bench::Args),
    /// Lists the NVIDIA GPUs: number, model, bus id, memory, compute capability.
    #[command(after_help = EXAMPLES)]
    Devices(cuda::DevicesArgs),
    /// One GPU's process, which the cuda engine starts.
    #[command(hide = true)]
    CudaWorker(cuda::WorkerArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unusable_flags(&error),
    };
    match run(&cli.command) {
        Ok(line) => line.map_or(ExitCode::SUCCESS, |line| print(&line)),
        Err(error) => {
            complain(&error.to_string()); // each error's line holds its cause's already
            if rig_error(&error).is_some_and(RigError::is_unusable_flags) {
                ExitCode::from(UNUSABLE_FLAGS)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// The error of a command's engine, if that is what it is.
fn rig_error(error: &anyhow::Error) -> Option<&RigError> {
    if let Some(attempt::Error::Rig(error)) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(bench::Error::Rig(error)) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(mine::Error::Rig(error)) = error.downcast_ref() { Some(error) } else { None }
}

/// Returns what is to be printed.
fn run(command: &Command) -> anyhow::Result<Option<String>> {
    Ok(Some(match command {
        Command::Attempt(args) => {
            let report = attempt::run(args)?;
            if args.json { serde_json::to_string(&report)? } else { report.to_string() }
        }
        Command::Verify(args) => {
            let ticket = verify::run(args)?;
            let (block, share) = (ticket.block_value(), ticket.share_value());
            format!("valid: ticket {ticket}, block value {block}, share value {share}")
        }
        Command::Mine(args) => mine::run(args)?,
        Command::Bench(args) => {
            let report = bench::run(args)?;
            if args.json { serde_json::to_string(&report)? } else { report.to_string() }
        }
        Command::Devices(args) => {
            let devices = lode_cuda::devices()?;
            if args.json { serde_json::to_string(&devices)? } else { cuda::table(&devices) }
        }
        Command::CudaWorker(args) => {
            cuda::work(args)?;
            return Ok(None);
        }
    }))
}

/// Help and versions go out as clap writes them; of an error, the first paragraph makes one line.
fn unusable_flags(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => print(error.to_string().trim_end()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            complain("error: expected a command; try 'lode-miner --help'");
            ExitCode::from(UNUSABLE_FLAGS)
        }
        _ => {
            let text = error.to_string();
            let paragraph = text.split("\n\n").next().unwrap_or_default();
            complain(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
            ExitCode::from(UNUSABLE_FLAGS)
        }
    }
}

/// A reader that closed the pipe early has seen what it wanted; there is nobody left to tell.
fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn complain(line: &str) {
    // Where standard error is closed, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{line}");
}
