//! Networks as data: a TOML file in, checked parameters and the genesis block out.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use lode_consensus::{
    Address, Block, ChainSpec, ChainWork, Hash, Height,
    params::{MarketSpec, ParamsError},
    state::Supply,
    transition, tree,
    tree::Changes,
};
use lode_puzzle::{LogSize, Target};
use serde::Deserialize;

use crate::srs;

/// The networks that come with the software: name and file.
const BUILT_IN: [(&str, &str); 3] = [
    ("mainnet", include_str!("../mainnet.toml")),
    ("testnet", include_str!("../testnet.toml")),
    ("devnet", include_str!("../devnet.toml")),
];

/// The largest network file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A network, ready to run: its parameters, its genesis block and the state after it.
#[derive(Debug, Clone)]
pub struct Network {
    /// The checked parameters.
    pub params: ChainSpec,
    /// The block at height 0.
    pub genesis: Block,
    /// Its hash, which sets the network apart from every other.
    pub genesis_hash: Hash,
    /// The leaves of the state at genesis.
    pub changes: Changes,
    /// Where all microcredits are at genesis.
    pub supply: Supply,
    /// What a node that joins may take for granted.
    pub sync: SyncDefaults,
}

/// What a node that joins the network may take for granted, unless its operator says otherwise.
/// Advice and no rule: it is no part of the genesis hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncDefaults {
    /// Work below which no chain is stored.
    pub minimum_work: ChainWork,
    /// A block of the chain that the network is known to have: shares and signatures up to it are
    /// not checked again.
    pub assume_valid: Option<(Height, Hash)>,
}

/// Why a network cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// Neither a built-in name nor a file.
    #[error(
        "no network {name:?}: expected mainnet, testnet, devnet, or the path of a network file"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("network file {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is larger than any network file.
    #[error("network file {path}: more than {MAX_FILE_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is not TOML, or a field is missing, misspelt or of another type.
    #[error("network {origin}: {error}")]
    Syntax {
        /// The file or the built-in name.
        origin: String,
        /// Where and what, on one line.
        error: String,
    },
    /// A parameter is out of its range.
    #[error("network {origin}: {error}")]
    Params {
        /// The file or the built-in name.
        origin: String,
        /// Which one, what is expected and what came.
        error: ParamsError,
    },
    /// The genesis state has no root: a bug.
    #[error(transparent)]
    Tree(#[from] tree::TreeError),
}

/// The file, field by field. Unknown fields are refused: a misspelt parameter would silently fork
/// the network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    name: String,
    log_n: u8,
    block_interval_ms: u64,
    asert_tau_ms: u64,
    future_limit_ms: u64,
    epoch_length: u32,
    shares_per_block: u32,
    share_window: u32,
    anchor_depth: u32,
    maturity: u32,
    deposit: u64,
    min_request_bond: u64,
    min_bond: u64,
    false_proof: u64,
    reputation_unit: u64,
    proof_budget: u64,
    genesis_timestamp_ms: u64,
    genesis_target: String,
    /// Microcredits by address.
    #[serde(default)]
    allocations: BTreeMap<String, u64>,
    #[serde(default)]
    sync: SyncSection,
}

/// `[sync]`, field by field.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncSection {
    minimum_work: Option<String>,
    assume_valid_height: Option<Height>,
    assume_valid_hash: Option<String>,
}

impl SyncSection {
    fn into_defaults(self) -> Result<SyncDefaults, ParamsError> {
        let wrong = |field, reason: &dyn std::fmt::Display| ParamsError {
            field,
            reason: reason.to_string(),
        };
        let minimum_work = match self.minimum_work {
            Some(text) => text.parse().map_err(|error| wrong("minimum_work", &error))?,
            None => ChainWork::ZERO,
        };
        let assume_valid = match (self.assume_valid_height, self.assume_valid_hash) {
            (Some(height), Some(hash)) => {
                Some((height, hash.parse().map_err(|error| wrong("assume_valid_hash", &error))?))
            }
            (None, None) => None,
            _ => {
                return Err(wrong(
                    "assume_valid_hash",
                    &"assume_valid_height and assume_valid_hash go together",
                ));
            }
        };
        Ok(SyncDefaults { minimum_work, assume_valid })
    }
}

impl Network {
    /// A built-in network by name, or else the network in the file at that path.
    pub fn load(name_or_path: &str) -> Result<Self, NetworkError> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text, name);
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            return Err(NetworkError::Unknown { name: name_or_path.to_owned() });
        }
        let read = |error| NetworkError::Read { path: path.to_owned(), error };
        let mut text = String::new();
        if !path.is_file() {
            // Opening a pipe would wait for its writer.
            return Err(read(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "not a regular file",
            )));
        }
        let file = fs::File::open(path).map_err(read)?;
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(read)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(NetworkError::TooLarge { path: path.to_owned() });
        }
        let network = Self::parse(&text, name_or_path)?;
        // Data folders and routes go by name: a copy of mainnet with other rules must not land in
        // mainnet's.
        if BUILT_IN.iter().any(|(name, _)| *name == network.params.name) {
            return Err(NetworkError::Params {
                origin: name_or_path.to_owned(),
                error: ParamsError {
                    field: "name",
                    reason: format!(
                        "{:?} is built in; a network of your own needs its own name",
                        network.params.name
                    ),
                },
            });
        }
        Ok(network)
    }

    /// A network from the text of its file. `origin` names it in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self, NetworkError> {
        let file: NetworkFile = toml::from_str(text).map_err(|error| NetworkError::Syntax {
            origin: origin.to_owned(),
            error: one_line(text, &error),
        })?;
        let refused = |error| NetworkError::Params { origin: origin.to_owned(), error };
        let (params, sync) = file.into_params().map_err(refused)?;
        params.check().map_err(refused)?;
        Ok(Self { sync, ..Self::from_params(params)? })
    }

    /// A network from parameters that [`ChainSpec::check`] accepts.
    pub fn from_params(params: ChainSpec) -> Result<Self, tree::TreeError> {
        let (changes, supply) = transition::genesis(&params);
        let genesis = Block::genesis(&params, tree::genesis_root(&changes)?);
        Ok(Self {
            genesis_hash: genesis.hash(),
            params,
            genesis,
            changes,
            supply,
            sync: SyncDefaults::default(),
        })
    }
}

impl NetworkFile {
    fn into_params(self) -> Result<(ChainSpec, SyncDefaults), ParamsError> {
        let sync = self.sync.into_defaults()?;
        let log_n = LogSize::new(self.log_n)
            .map_err(|error| ParamsError { field: "log_n", reason: error.to_string() })?;
        let genesis_target = parse_target(&self.genesis_target).ok_or_else(|| ParamsError {
            field: "genesis_target",
            reason: format!(
                "expected 0x and 1 to 32 hexadecimal digits, at least 0x1; got {:?}",
                self.genesis_target
            ),
        })?;
        let mut allocations = self
            .allocations
            .into_iter()
            .map(|(address, amount)| {
                let address: Address = address.parse().map_err(|error| ParamsError {
                    field: "allocations",
                    reason: format!("{error}"),
                })?;
                Ok((address, amount))
            })
            .collect::<Result<Vec<_>, ParamsError>>()?;
        allocations.sort_unstable();
        let params = ChainSpec {
            name: self.name,
            log_n,
            block_interval_ms: self.block_interval_ms,
            asert_tau_ms: self.asert_tau_ms,
            future_limit_ms: self.future_limit_ms,
            epoch_length: self.epoch_length,
            shares_per_block: self.shares_per_block,
            share_window: self.share_window,
            anchor_depth: self.anchor_depth,
            maturity: self.maturity,
            market: MarketSpec {
                deposit: self.deposit,
                min_request_bond: self.min_request_bond,
                min_bond: self.min_bond,
                false_proof: self.false_proof,
                reputation_unit: self.reputation_unit,
                proof_budget: self.proof_budget,
            },
            genesis_timestamp_ms: self.genesis_timestamp_ms,
            genesis_target,
            allocations,
            srs_checksum: srs::checksum(),
        };
        Ok((params, sync))
    }
}

fn parse_target(text: &str) -> Option<Target> {
    let digits = text.strip_prefix("0x")?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().and_then(Target::new)
}

/// `toml` draws the faulty line over several lines of terminal; this keeps its message and the
/// line's number.
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.lines().count().max(1)),
        None => message,
    }
}
