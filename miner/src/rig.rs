//! What a command line chooses to prove with: an engine by name, and a size of the puzzle.

use std::{env, io, sync::Arc, time::Instant};

use lode_algebra::{Backend, BackendError, CPU_VARIABLE, DomainError, TableError};
use lode_cuda::{CudaEngine, CudaError, Device, DeviceSelection, WorkerProgram};
use lode_genesis::srs::{self, SrsLoadError};
use lode_puzzle::{CpuEngine, Engine, LogSize, ReferenceEngine, Tables, TablesError, Verifier};

/// The most that a table may take: more than any machine has, and in bytes still within `usize`.
pub(crate) const MAX_TABLE_MIB: u64 = 1 << 20;

/// The engines that `--engine` can name.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The processor, with the fastest instructions that it has, or those that the environment's
    /// `LODE_CPU` names.
    #[default]
    Cpu,
    /// The specification line by line, on snarkVM's FFT and KZG10: slow, and what the others are
    /// held to.
    Reference,
    /// NVIDIA GPUs, one thread and one process for each.
    Cuda,
}

/// Arguments that choose an engine.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct EngineArgs {
    /// The back end that proves. All back ends give the same bytes.
    #[arg(long, value_enum, default_value = "cpu")]
    pub engine: EngineName,

    /// The most memory, in MiB, for the cpu engine's table, which all threads share [default: 256].
    ///
    /// For the 2^13 bases of the public networks one size is the smallest and the fastest: 32 MiB,
    /// or 24 without AVX-512. More is not taken, and less is an error that names the least.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_TABLE_MIB))]
    pub table_mib: Option<u64>,

    /// The GPUs of the cuda engine: `all`, or numbers that `lode-miner devices` lists, as in `0,2`
    /// [default: all].
    #[arg(long, value_name = "LIST")]
    pub devices: Option<DeviceSelection>,
}

impl EngineArgs {
    /// The default of `--table-mib`.
    pub const TABLE_MIB: u64 = 256;

    /// The GPUs that the cuda engine is to use; none for other engines.
    ///
    /// # Errors
    /// [`RigError::Cuda`] if they are not there, [`RigError::Devices`] and [`RigError::Table`] if
    /// there are flags for another engine.
    pub fn pick_devices(&self) -> Result<Vec<Device>, RigError> {
        if self.engine != EngineName::Cpu && self.table_mib.is_some() {
            return Err(RigError::Table);
        }
        match (self.engine, self.devices) {
            (EngineName::Cuda, devices) => {
                Ok(devices.unwrap_or_default().pick(lode_cuda::devices()?)?)
            }
            (_, Some(_)) => Err(RigError::Devices),
            (_, None) => Ok(Vec::new()),
        }
    }

    /// The most memory for the cpu engine's table.
    fn max_table_mib(&self) -> u64 {
        self.table_mib.unwrap_or(Self::TABLE_MIB)
    }
}

/// An engine, and a verifier over the same setup.
pub struct Rig {
    /// Makes attempts.
    pub engine: Arc<dyn Engine>,
    /// Checks them.
    pub verifier: Arc<Verifier>,
    /// The engine's name and what it has to say about itself, for people.
    pub description: String,
    /// The same engine, if it is the cuda engine: it knows its devices.
    pub cuda: Option<Arc<CudaEngine>>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The setup could not be loaded.
    #[error("setup: {0}")]
    Srs(#[from] SrsLoadError),
    /// The environment asks for instructions that there are not.
    #[error("{CPU_VARIABLE}: {0}")]
    Backend(#[from] BackendError),
    /// The verifier has no domain.
    #[error("verifier: {0}")]
    Verifier(#[from] DomainError),
    /// The cpu engine has no tables.
    #[error("{0}")]
    Tables(#[from] TablesError),
    /// The table does not fit what is allowed.
    #[error("--table-mib: expected at least {expected_mib} for 2^{log_n} bases, got {got_mib}")]
    TableMemory {
        /// The smallest table's size.
        expected_mib: u64,
        /// The size allowed.
        got_mib: u64,
        /// The puzzle's size.
        log_n: u8,
    },
    /// There are no GPUs, or not those that were asked for.
    #[error(transparent)]
    Cuda(#[from] CudaError),
    /// Devices were named, and another engine.
    #[error("--devices is for --engine cuda")]
    Devices,
    /// A table was bounded, and another engine named.
    #[error("--table-mib is for --engine cpu")]
    Table,
    /// Threads were numbered for the cuda engine.
    #[error("--threads is for engines on the processor: the cuda engine has one for each device")]
    Threads,
    /// The program's own file, which each GPU's process runs.
    #[error("cannot find this program's file: {0}")]
    Program(io::Error),
}

impl RigError {
    /// Whether the flags make no sense together, or with the processor: others would do.
    pub fn is_unusable_flags(&self) -> bool {
        matches!(self, Self::TableMemory { .. } | Self::Table | Self::Devices | Self::Threads)
    }
}

impl Rig {
    /// Loads the setup and builds the engine's tables, which takes about a second. GPUs get ready
    /// with the first work.
    ///
    /// # Errors
    /// [`RigError`]
    pub fn new(args: &EngineArgs, log_n: LogSize) -> Result<Self, RigError> {
        let devices = args.pick_devices()?;
        let srs = Arc::new(srs::load(log_n)?);
        let backend = Backend::detect()?;
        let verifier = Arc::new(Verifier::with_backend(&srs, backend)?);
        let mut cuda = None;
        let (engine, description): (Arc<dyn Engine>, _) = match args.engine {
            EngineName::Cpu => {
                let started = Instant::now();
                let max_bytes = usize::try_from(args.max_table_mib() << 20).unwrap_or(usize::MAX);
                let tables = Tables::new(&srs, backend, max_bytes)
                    .map_err(|error| table_error(error, args, log_n))?;
                let (mib, seconds) =
                    (tables.table_bytes().div_ceil(1 << 20), started.elapsed().as_secs_f64());
                let description =
                    format!("cpu engine ({backend}, table of {mib} MiB built in {seconds:.2} s)");
                (Arc::new(CpuEngine::new(tables.into())), description)
            }
            EngineName::Reference => {
                (Arc::new(ReferenceEngine::new(srs)), "reference engine".to_owned())
            }
            EngineName::Cuda => {
                let program = env::current_exe().map_err(RigError::Program)?;
                let log_n = log_n.log_n().to_string();
                let arguments =
                    ["cuda-worker", "--log-n", &log_n, "--device"].map(Into::into).into();
                let program = WorkerProgram { program, arguments };
                let engine = Arc::new(CudaEngine::new(devices, program, srs, verifier.clone()));
                (cuda.insert(engine).clone(), "cuda engine".to_owned())
            }
        };
        Ok(Self { engine, verifier, description, cuda })
    }

    /// The number of threads: one for each device of the cuda engine, else what was asked for, or
    /// one for each core.
    ///
    /// # Errors
    /// [`RigError::Threads`]
    pub fn threads(&self, asked_for: Option<usize>) -> Result<usize, RigError> {
        match (&self.cuda, asked_for) {
            (Some(_), Some(_)) => Err(RigError::Threads),
            (Some(cuda), None) => Ok(cuda.status().len()),
            (None, asked_for) => Ok(asked_for.unwrap_or_else(crate::all_cores)),
        }
    }
}

/// In the units and by the name of the flag, where that is what is to be changed.
fn table_error(error: TablesError, args: &EngineArgs, log_n: LogSize) -> RigError {
    match error {
        TablesError::Powers(TableError::Memory { expected, .. }) => RigError::TableMemory {
            expected_mib: (expected as u64).div_ceil(1 << 20),
            got_mib: args.max_table_mib(),
            log_n: log_n.log_n(),
        },
        error => error.into(),
    }
}

/// Reads `--log-n`.
///
/// # Errors
/// Text for the user, in one line.
pub fn parse_log_n(text: &str) -> Result<LogSize, String> {
    let log_n: u8 = text.parse().map_err(|_| {
        format!("expected a whole number from {} to {}", LogSize::MIN.log_n(), LogSize::MAX.log_n())
    })?;
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
