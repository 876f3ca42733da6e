//! `lode-miner`: the command line. Reads flags and configuration, runs a command of the library,
//! and turns the outcome into lines and an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lode_app::{ConfigError, FlagSet, Flags, Inputs, Loaded, output, panics, usage_line};
use lode_miner::{MinerConfig, MinerSettings, attempt, bench, cuda, mine, rig::RigError, verify};

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

  See what would be mined with, and where each value comes from:
    lode-miner config show --config rig.toml

Exit codes: 0 success, 1 refused or failed, 2 unusable flags or configuration, 70 a thread died.";

const ATTEMPT_EXAMPLES: &str = "\
Examples:
  The first published attempt, as the vectors have it:
    lode-miner attempt --nonce 0 --json \\
      --statement 6a17f2bffa7f58d4f4e771319af9d4abcbb394d152b1287fa45a78c61fae1300

Exit codes: 0 success, 1 failed, 2 unusable flags, 70 a thread died.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  With the two points as `attempt` prints them:
    lode-miner verify --statement HEX --nonce 0 --commitment HEX --opening HEX

Exit codes: 0 the proof holds, 1 it does not, 2 unusable flags, 70 a thread died.";

const MINE_EXAMPLES: &str = "\
Examples:
  lode-miner mine --node http://127.0.0.1:3030 --address aleo1…
  lode-miner mine --engine cuda --devices 0,2 --address aleo1…

Exit codes: 0 stopped as asked, 1 failed, 2 unusable flags or configuration, 70 a thread died.";

const BENCH_EXAMPLES: &str = "\
Examples:
  lode-miner bench --threads 1 --seconds 10
  lode-miner bench --engine cuda --json

Exit codes: 0 success, 1 failed, 2 unusable flags, 70 a thread died.";

/// Proves Lode's puzzle, and checks proofs of it.
///
/// An attempt is a statement and a nonce; its proof is a KZG commitment and an opening over Aleo's
/// universal setup, and the hash of the proof is its ticket. Nothing is downloaded, and no private
/// key is needed.
#[derive(Parser)]
#[command(name = "lode-miner", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes one attempt and prints seed, proof and ticket.
    #[command(after_help = ATTEMPT_EXAMPLES)]
    Attempt(attempt::Args),
    /// Checks one proof: exits 0, or says which rule it breaks and exits 1.
    ///
    /// The ticket is held to no target. Rules, in the order in which they are checked: length,
    /// coordinate range, curve, subgroup, domain, pairing.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(verify::Args),
    /// Mines for a node until Ctrl-C, which hands in what was found. A second Ctrl-C ends it at
    /// once.
    ///
    /// Every job is checked before it is worked on, and every proof before it is handed in. No key
    /// is needed, and a rig should hold none.
    ///
    /// Everything can also stand in a file, and in the environment; a flag overrules both.
    #[command(after_help = MINE_EXAMPLES)]
    Mine(Flags<All>),
    /// Checks or shows what `mine` would run with.
    #[command(subcommand)]
    Config(Config),
    /// Measures how many attempts per second this machine makes.
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(bench::Args),
    /// Lists the NVIDIA GPUs: number, model, bus id, memory, compute capability.
    Devices(cuda::DevicesArgs),
    /// One GPU's process, which the cuda engine starts.
    #[command(hide = true)]
    CudaWorker(cuda::WorkerArgs),
}

#[derive(Subcommand)]
enum Config {
    /// Says whether file, environment and these flags make sense, or in one line what is wrong.
    /// Neither node nor GPU is asked.
    Check(Flags<All>),
    /// Prints what would be mined with, as a file that says of each value where it comes from.
    Show(Flags<All>),
}

/// All keys have flags.
#[derive(Debug, Clone)]
struct All;

impl FlagSet for All {
    type Settings = MinerSettings;
}

fn main() -> ExitCode {
    panics::run("lode-miner", || match Cli::try_parse() {
        Ok(cli) => answer(&cli.command),
        Err(error) => match usage_line(&error) {
            Some(line) => unusable(&line),
            None => output::print(&format!("{}\n", error.to_string().trim_end()), complain),
        },
    })
}

fn answer(command: &Command) -> ExitCode {
    match run(command) {
        Ok(line) => {
            line.map_or(ExitCode::SUCCESS, |line| output::print(&format!("{line}\n"), complain))
        }
        Err(error) => {
            let is_flag =
                error.downcast_ref().is_some_and(|error: &ConfigError| error.is_about_a_flag());
            let hint = if is_flag { " (see --help)" } else { "" };
            complain(&format!("{error}{hint}")); // each error's line holds its cause's already
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let is_unusable =
        error.is::<ConfigError>() || rig_error(error).is_some_and(RigError::is_unusable_flags);
    match error.downcast_ref() {
        Some(mine::Error::Died(_)) => output::BROKEN,
        _ if is_unusable => output::UNUSABLE,
        _ => output::FAILED,
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
        Command::Mine(flags) => mine::run(&MinerConfig::new(&load(flags)?)?)?,
        Command::Config(Config::Check(flags)) => {
            let loaded = load(flags)?;
            MinerConfig::new(&loaded)?;
            loaded
                .file
                .map_or_else(|| "ok: no file".to_owned(), |file| format!("ok: {}", file.display()))
        }
        Command::Config(Config::Show(flags)) => lode_app::show(&load(flags)?).trim_end().to_owned(),
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

/// The settings out of all layers.
fn load(flags: &Flags<All>) -> Result<Loaded<MinerSettings>, ConfigError> {
    let loaded: Loaded<MinerSettings> = lode_app::load(&Inputs::of_process(flags)?)?;
    loaded.warnings.iter().for_each(|line| complain(&format!("warning: {line}")));
    Ok(loaded)
}

fn unusable(line: &str) -> ExitCode {
    complain(&format!("{line} (see --help)"));
    ExitCode::from(output::UNUSABLE)
}

fn complain(line: &str) {
    output::complain(&format!("lode-miner: {line}"));
}
