//! A network's parameters: data, read from a file by `lode-genesis`, checked here.

use lode_puzzle::{LogSize, Target};

use crate::{Address, Encode, Epoch, Hash, Height, reward};

/// Most transactions in a block.
pub const MAX_TRANSACTIONS: usize = 2_048;
/// Most bytes of a block's encoded body.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Most bytes of a transaction with its signature, of whatever kind. With a topic's name it fits a
/// frame of gossip.
pub const MAX_TRANSACTION_BYTES: usize = 60 << 10;
/// The version of header that this software knows.
pub const HEADER_VERSION: u16 = 1;
/// Upper limit for `shares_per_block`: the double of it must fit a body of [`MAX_BODY_BYTES`].
pub const MAX_SHARES_PER_BLOCK: u32 = 1_024;
/// Upper limit for the shares of an epoch, `epoch_length · 2 · shares_per_block`: a
/// [`Weight`](crate::selection::Weight) counts them in 16 bits.
pub const MAX_EPOCH_SHARES: u64 = u16::MAX as u64;
/// Upper limit for `share_window`: what a node looks back for each block.
pub const MAX_SHARE_WINDOW: u32 = 1_024;
/// Upper limit for the number of genesis allocations.
pub const MAX_ALLOCATIONS: usize = 1_024;
/// Most microcredits that can ever exist: 2^53 − 1. The API tells amounts as JSON numbers, which
/// many readers hold as floats of 53 bits; a network's allocations, its share fund at genesis and
/// all that its blocks can mint stay below.
pub const MAX_SUPPLY: u64 = (1 << 53) - 1;
/// Least proof budget: half of it, which is what Delivers of Open jobs share, must hold one Deliver
/// of 16 jobs with 63 values each, 61,920 units in system 1.
pub const MIN_PROOF_BUDGET: u64 = 2 * 61_920;
/// Longest name of a network.
pub const MAX_NAME_BYTES: usize = 32;

/// Names that a network cannot have: they are routes of the HTTP API or files of the data folder.
const RESERVED_NAMES: [&str; 3] = ["api", "docs", "static"];

/// Everything that sets one network apart from another. Part of the genesis hash, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSpec {
    /// 1 to 32 characters, `a`–`z`, `0`–`9` and `-`, starting with a letter.
    pub name: String,
    /// The puzzle's size: `n = 2^log_n` evaluations.
    pub log_n: LogSize,
    /// The block interval I that the difficulty aims at, in ms.
    pub block_interval_ms: u64,
    /// The time constant τ of the difficulty, in ms.
    pub asert_tau_ms: u64,
    /// How far a timestamp may lie ahead of local time, in ms. Local policy that all nodes share,
    /// no consensus rule.
    pub future_limit_ms: u64,
    /// Blocks in an epoch, L.
    pub epoch_length: u32,
    /// Shares that a block carries on average; at most double in one block.
    pub shares_per_block: u32,
    /// How many blocks back an anchor may lie.
    pub share_window: u32,
    /// How many blocks below their tip miners take their anchor.
    pub anchor_depth: u32,
    /// Blocks after which mined amounts can be spent, M.
    pub maturity: u32,
    /// What the proof market costs, and how much of it a block holds.
    pub market: MarketSpec,
    /// The genesis block's timestamp, in ms since the Unix epoch.
    pub genesis_timestamp_ms: u64,
    /// The target of genesis and of blocks 1 and 2.
    pub genesis_target: Target,
    /// Balances at genesis, in microcredits, sorted by address, each address once.
    pub allocations: Vec<(Address, u64)>,
    /// SHA-256 checksums of the setup's two files: the powers in G1, then `[τ]` in G2.
    pub srs_checksum: [u8; 64],
}

/// The market's constants (specification: `market.md` section 8). Amounts are microcredits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketSpec {
    /// What a RegisterClass burns for each byte of the transaction without its signature.
    pub deposit: u64,
    /// The least bond of a requester.
    pub min_request_bond: u64,
    /// The least bond of an operator for one job.
    pub min_bond: u64,
    /// What a false proof costs its sender; as much stays free while an operator has jobs.
    pub false_proof: u64,
    /// How much must be burned in an epoch for the greatest step of a reputation.
    pub reputation_unit: u64,
    /// What the deliveries and registrations of a block may cost to verify, in units of about a
    /// microsecond.
    pub proof_budget: u64,
}

impl MarketSpec {
    /// Those of mainnet and testnet.
    pub const MAINNET: Self = Self {
        deposit: 10,
        min_request_bond: 10_000,
        min_bond: 10_000,
        false_proof: 1_000_000,
        reputation_unit: 10_000_000,
        proof_budget: 400_000,
    };

    /// All of them with their names in the network's file, in the order of the hashed bytes.
    pub const fn fields(&self) -> [(&'static str, u64); 6] {
        [
            ("deposit", self.deposit),
            ("min_request_bond", self.min_request_bond),
            ("min_bond", self.min_bond),
            ("false_proof", self.false_proof),
            ("reputation_unit", self.reputation_unit),
            ("proof_budget", self.proof_budget),
        ]
    }

    fn check(&self) -> Result<(), ParamsError> {
        for (field, amount) in self.fields() {
            range(field, amount, 1, MAX_SUPPLY)?;
        }
        range("proof_budget", self.proof_budget, MIN_PROOF_BUDGET, MAX_SUPPLY)
    }
}

/// A parameter that no network can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ParamsError {
    /// The parameter, as the network's file names it.
    pub field: &'static str,
    /// What is expected, and what came.
    pub reason: String,
}

/// Whether a text has the form of a network's name: a segment of every route, and a folder.
pub fn is_network_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= MAX_NAME_BYTES
        && text.bytes().all(is_allowed)
}

impl ChainSpec {
    /// Checks every parameter's range. Rules elsewhere rely on it: no division by zero, no window
    /// larger than an epoch's history, no sum of allocations that overflows.
    pub fn check(&self) -> Result<(), ParamsError> {
        let well_formed =
            is_network_name(&self.name) && !RESERVED_NAMES.contains(&self.name.as_str());
        if !well_formed {
            return Err(ParamsError {
                field: "name",
                reason: format!(
                    "expected a letter, then a–z, 0–9 and '-', at most {MAX_NAME_BYTES} \
                     characters, not one of {RESERVED_NAMES:?}; got {:?}",
                    self.name
                ),
            });
        }
        let day_ms = 86_400_000;
        range("block_interval_ms", self.block_interval_ms, 1, day_ms)?;
        range("asert_tau_ms", self.asert_tau_ms, self.block_interval_ms, 365 * day_ms)?;
        range("future_limit_ms", self.future_limit_ms, 1, day_ms)?;
        range("shares_per_block", self.shares_per_block.into(), 1, MAX_SHARES_PER_BLOCK.into())?;
        let per_block = u64::from(self.shares_per_block.saturating_mul(2));
        range(
            "epoch_length",
            self.epoch_length.into(),
            2,
            MAX_EPOCH_SHARES.checked_div(per_block).unwrap_or(0),
        )?;
        range("share_window", self.share_window.into(), 1, MAX_SHARE_WINDOW.into())?;
        range(
            "anchor_depth",
            self.anchor_depth.into(),
            0,
            u64::from(self.share_window.saturating_sub(1)),
        )?;
        range("maturity", self.maturity.into(), 1, 1 << 20)?;
        self.market.check()?;
        range("genesis_timestamp_ms", self.genesis_timestamp_ms, 0, 1 << 48)?;
        if self.allocations.len() > MAX_ALLOCATIONS {
            return Err(ParamsError {
                field: "allocations",
                reason: format!(
                    "expected at most {MAX_ALLOCATIONS}, got {}",
                    self.allocations.len()
                ),
            });
        }
        for (address, _) in &self.allocations {
            address
                .check()
                .map_err(|error| ParamsError { field: "allocations", reason: error.to_string() })?;
        }
        if !self.allocations.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(ParamsError {
                field: "allocations",
                reason: "an address stands twice".to_owned(),
            });
        }
        // No sum over balances can overflow then, nor can a reader of JSON round it.
        let minted =
            reward::genesis_share_fund(self.epoch_length).saturating_add(reward::total_emission());
        let room = MAX_SUPPLY.saturating_sub(minted);
        let total = self
            .allocations
            .iter()
            .fold(0_u128, |sum, (_, amount)| sum.saturating_add((*amount).into()));
        if total > u128::from(room) {
            return Err(ParamsError {
                field: "allocations",
                reason: format!(
                    "expected a sum of at most {room} microcredits, so that with the {minted} that \
                     can be minted no amount reaches 2^53, which JSON cannot tell exactly; got \
                     {total}"
                ),
            });
        }
        Ok(())
    }

    /// The bytes that genesis' `parent_hash` commits to: the name, every parameter, the allocations
    /// and the checksum of the setup.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(u8::try_from(self.name.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(self.name.as_bytes());
        out.push(self.log_n.log_n());
        for ms in [self.block_interval_ms, self.asert_tau_ms, self.future_limit_ms] {
            out.extend_from_slice(&ms.to_le_bytes());
        }
        for count in [
            self.epoch_length,
            self.shares_per_block,
            self.share_window,
            self.anchor_depth,
            self.maturity,
        ] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        for (_, amount) in self.market.fields() {
            out.extend_from_slice(&amount.to_le_bytes());
        }
        out.extend_from_slice(&self.genesis_timestamp_ms.to_le_bytes());
        out.extend_from_slice(&self.genesis_target.get().to_le_bytes());
        let count = u32::try_from(self.allocations.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_le_bytes());
        for (address, amount) in &self.allocations {
            address.encode_into(&mut out);
            out.extend_from_slice(&amount.to_le_bytes());
        }
        out.extend_from_slice(&self.srs_checksum);
        out
    }

    /// Genesis' `parent_hash`: `B256("lode/network/v1" ‖ canonical_bytes)`.
    pub fn network_hash(&self) -> Hash {
        Hash::of("lode/network/v1", &[&self.canonical_bytes()])
    }

    /// The epoch that a height lies in.
    pub fn epoch_of(&self, height: Height) -> Epoch {
        height.checked_div(self.epoch_length).unwrap_or(0)
    }

    /// The first height of an epoch.
    pub fn epoch_start(&self, epoch: Epoch) -> Height {
        epoch.saturating_mul(self.epoch_length)
    }

    /// The last height of an epoch.
    pub fn epoch_end(&self, epoch: Epoch) -> Height {
        self.epoch_start(epoch).saturating_add(self.epoch_length.saturating_sub(1))
    }

    /// Most shares in one block: double the expected number.
    pub fn max_shares(&self) -> usize {
        usize::try_from(self.shares_per_block.saturating_mul(2)).unwrap_or(usize::MAX)
    }

    /// The heights at which the anchor of a block or share of height `height` may lie: within the
    /// window, and such that the anchor's next height lies in the epoch of `height`. Empty for
    /// genesis.
    pub fn anchor_heights(&self, height: Height) -> std::ops::Range<Height> {
        let window_start = height.saturating_sub(self.share_window);
        let epoch_start = self.epoch_start(self.epoch_of(height)).saturating_sub(1);
        window_start.max(epoch_start)..height
    }

    /// The height of the anchor that a miner takes for a block on top of `tip`: `anchor_depth`
    /// below it, but none below the previous epoch's last block.
    pub fn mining_anchor_height(&self, tip: Height) -> Height {
        let allowed = self.anchor_heights(tip.saturating_add(1));
        tip.saturating_sub(self.anchor_depth).max(allowed.start)
    }
}

fn range(field: &'static str, got: u64, low: u64, high: u64) -> Result<(), ParamsError> {
    if (low..=high).contains(&got) {
        return Ok(());
    }
    Err(ParamsError { field, reason: format!("expected {low} to {high}, got {got}") })
}
