//! The miner's configuration: sections with their defaults, and the checked options made from them.
//!
//! The other commands have plain flags: what a benchmark measures, or an attempt is made of,
//! belongs to no file.

use lode_api::client::{DEFAULT_NODE, NodeUrl};
use lode_app::{ConfigError, Key, Kind, Loaded, Program, Settings, Source, text};
use lode_consensus::{Address, params::is_network_name};
use lode_cuda::DeviceSelection;
use lode_puzzle::LogSize;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{
    MAX_THREADS, Priority,
    rig::{EngineArgs, EngineName, MAX_TABLE_MIB},
};

/// The checked options of `lode-miner mine`.
#[derive(Clone, Debug)]
pub struct MinerConfig {
    /// The node's URL.
    pub node: String,
    /// The network, or the one that the node serves.
    pub network: Option<String>,
    /// Who is paid.
    pub address: Address,
    /// Number of threads, or one per core.
    pub threads: Option<usize>,
    /// How the threads stand against whatever else wants the machine.
    pub priority: Priority,
    /// What proves.
    pub engine: EngineArgs,
    /// The puzzle's size, or the one of the node's jobs.
    pub log_n: Option<LogSize>,
}

/// Everything that can be chosen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinerSettings {
    /// The node that gives the work.
    pub node: NodeSection,
    /// The address that is paid, and the threads that prove.
    pub mining: MiningSection,
    /// What proves.
    pub engine: EngineSection,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSection {
    #[serde(with = "text")]
    pub url: NodeUrl,
    #[serde(deserialize_with = "network_name", skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

impl Default for NodeSection {
    fn default() -> Self {
        // A constant, which every test that shows the defaults reads.
        Self { url: DEFAULT_NODE.parse().expect("a URL"), network: None }
    }
}

/// `[mining]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiningSection {
    /// Who is paid.
    #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Number of threads.
    #[serde(deserialize_with = "threads", skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Against whatever else wants the machine.
    pub priority: Priority,
}

/// `[engine]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSection {
    /// Which one.
    pub name: EngineName,
    /// Of the cuda engine: `all`, or numbers.
    #[serde(deserialize_with = "devices", skip_serializing_if = "Option::is_none")]
    pub devices: Option<String>,
    /// Of the cpu engine: the most memory for its table, in MiB.
    #[serde(deserialize_with = "table_mib", skip_serializing_if = "Option::is_none")]
    pub table_mib: Option<u64>,
    /// Base-2 logarithm of the puzzle's size.
    #[serde(deserialize_with = "log_n", skip_serializing_if = "Option::is_none")]
    pub log_n: Option<u8>,
}

fn network_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    if is_network_name(&name) { Ok(Some(name)) } else { Err(D::Error::custom("no network's name")) }
}

fn threads<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let threads = usize::deserialize(from)?;
    let is_sane = (1..=MAX_THREADS).contains(&threads);
    if is_sane { Ok(Some(threads)) } else { Err(D::Error::custom("no number of threads")) }
}

fn devices<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let list = String::deserialize(from)?;
    list.parse::<DeviceSelection>().map(|_| Some(list)).map_err(D::Error::custom)
}

fn table_mib<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let mib = u64::deserialize(from)?;
    if (1..=MAX_TABLE_MIB).contains(&mib) {
        Ok(Some(mib))
    } else {
        Err(D::Error::custom("no size of a table"))
    }
}

fn log_n<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    let log_n = u8::deserialize(from)?;
    LogSize::new(log_n).map(|_| Some(log_n)).map_err(D::Error::custom)
}

impl Settings for MinerSettings {
    const PROGRAM: Program =
        Program { name: "lode-miner", prefix: "LODE_MINER", file: "miner.toml" };
    const KEYS: &'static [Key] = &[
        Key::new(
            ("node", "url"),
            Kind::Text,
            "node",
            "URL",
            "a URL like http://127.0.0.1:3030, without user, query or fragment",
            "The node's URL",
        )
        .also("LODE_NODE"),
        Key::new(
            ("node", "network"),
            Kind::Text,
            "network",
            "NAME",
            "a letter, then a–z, 0–9 and '-'",
            "The network",
        )
        .unset("the one that the node serves"),
        Key::new(
            ("mining", "address"),
            Kind::Text,
            "address",
            "ALEO1…",
            "an Aleo address, aleo1…",
            "Who is paid",
        )
        .unset("none: mining needs one"),
        Key::new(
            ("mining", "threads"),
            Kind::Number,
            "threads",
            "N",
            "1 to 1024 threads",
            "Number of threads",
        )
        .unset("one per core; the cuda engine has one per device"),
        Key::new(
            ("mining", "priority"),
            Kind::Text,
            "priority",
            "lowest|normal",
            "lowest or normal",
            "How the threads stand against whatever else wants the machine: lowest proves only \
             when nothing else wants the core. Those of the cuda engine hardly use it, and are \
             normal",
        ),
        Key::new(
            ("engine", "name"),
            Kind::Text,
            "engine",
            "cpu|reference|cuda",
            "cpu, reference or cuda",
            "What proves: cpu is fast, reference is the specification line by line, cuda is for \
             NVIDIA GPUs. All give the same bytes",
        ),
        Key::new(
            ("engine", "devices"),
            Kind::Text,
            "devices",
            "LIST",
            "all, or different numbers of devices, as in 0,2",
            "The GPUs of the cuda engine: all, or numbers that `lode-miner devices` lists, as in \
             0,2",
        )
        .unset("all"),
        Key::new(
            ("engine", "table_mib"),
            Kind::Number,
            "table-mib",
            "MIB",
            "1 to 1048576 MiB",
            "The most memory, in MiB, for the cpu engine's table, which all threads share",
        )
        .unset("256"),
        Key::new(
            ("engine", "log_n"),
            Kind::Number,
            "log-n",
            "N",
            "a whole number between 2 and 15",
            "Base-2 logarithm of the puzzle's size, 2 to 15",
        )
        .unset("the one of the node's jobs"),
    ];
}

impl MinerConfig {
    /// Checks how the settings go together, and makes them a miner's options.
    ///
    /// # Errors
    /// [`ConfigError`], with the place of what is wrong.
    pub fn new(loaded: &Loaded<MinerSettings>) -> Result<Self, ConfigError> {
        let MinerSettings { node, mining, engine } = &loaded.settings;
        let missing = || ConfigError::Value {
            source_of_value: Source::Flag("address".to_owned()),
            expected: "an Aleo address to mine for".to_owned(),
            got: "none".to_owned(),
        };
        let devices =
            engine.devices.as_ref().filter(|_| is_for(loaded, "devices", EngineName::Cuda));
        let table_mib = engine.table_mib.filter(|_| is_for(loaded, "table_mib", EngineName::Cpu));
        for (key, is_used, user) in [
            ("devices", devices.is_none() || engine.name == EngineName::Cuda, "cuda"),
            ("table_mib", table_mib.is_none() || engine.name == EngineName::Cpu, "cpu"),
        ] {
            if !is_used {
                return Err(loaded.together(
                    "engine",
                    key,
                    format!("is for the {user} engine alone"),
                ));
            }
        }
        if engine.name == EngineName::Cuda
            && mining.threads.is_some()
            && loaded.source("mining", "threads").layer() >= loaded.source("engine", "name").layer()
        {
            let reason = "is for engines on the processor: the cuda engine has one for each device";
            return Err(loaded.together("mining", "threads", reason));
        }
        let wrong = |name: &str, error: String| loaded.together("engine", name, error);
        Ok(Self {
            node: node.url.to_string(),
            network: node.network.clone(),
            address: mining.address.ok_or_else(missing)?,
            threads: mining.threads.filter(|_| engine.name != EngineName::Cuda),
            priority: mining.priority,
            engine: EngineArgs {
                engine: engine.name,
                table_mib,
                devices: devices
                    .map(|list| list.parse().map_err(|error| wrong("devices", format!("{error}"))))
                    .transpose()?,
            },
            log_n: engine
                .log_n
                .map(|log_n| LogSize::new(log_n).map_err(|error| wrong("log_n", error.to_string())))
                .transpose()?,
        })
    }
}

/// Whether a key of one engine counts. If a higher layer chose another engine, what a lower one
/// says of this engine waits for its turn; from the same layer or a higher one it is a
/// contradiction, for the caller to refuse.
fn is_for(loaded: &Loaded<MinerSettings>, key: &str, engine: EngineName) -> bool {
    let chosen = loaded.source("engine", "name").layer();
    loaded.settings.engine.name == engine || loaded.source("engine", key).layer() >= chosen
}
