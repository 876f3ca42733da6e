//! Small networks: the puzzle at four points, a block each second, epochs of a few blocks.

use lode_consensus::{Address, ChainSpec, params::MarketSpec};
use lode_genesis::Network;
use lode_puzzle::{LogSize, Target};

/// Block interval: a chain that keeps it never changes its target.
pub const INTERVAL_MS: u64 = 1_000;
/// Timestamp of genesis.
pub const START_MS: u64 = 1_793_318_400_000;

/// A network's file. One attempt in eight is a block, one in four a share.
pub const TINY: &str = r#"
name = "tiny"
log_n = 2
block_interval_ms = 1_000
asert_tau_ms = 1_000_000
future_limit_ms = 2_000
epoch_length = 10
shares_per_block = 2
share_window = 4
anchor_depth = 1
maturity = 2
deposit = 10
min_request_bond = 10_000
min_bond = 10_000
false_proof = 1_000_000
reputation_unit = 1_000_000
proof_budget = 400_000
genesis_timestamp_ms = 1_793_318_400_000
genesis_target = "0x1fffffffffffffffffffffffffffffff"
"#;

/// [`TINY`], parsed.
pub fn tiny() -> Network {
    Network::parse(TINY, "test").expect("a network's file")
}

/// [`TINY`] with other values of some fields, and with balances at genesis.
pub fn tiny_with(fields: &[(&str, &str)], allocations: &[(Address, u64)]) -> String {
    let line = |line: &str| match fields.iter().find(|(name, _)| line.starts_with(name)) {
        Some((name, value)) => format!("{name} = {value}\n"),
        None => format!("{line}\n"),
    };
    let balances = allocations.iter().map(|(address, amount)| format!("{address} = {amount}\n"));
    TINY.lines().map(line).chain(["[allocations]\n".to_owned()]).chain(balances).collect()
}

/// Epochs of 6 blocks, a window of 4, maturity after 3, and the time of genesis at 1,000 s; tests
/// set what they care for.
pub fn small(name: &str, mut allocations: Vec<(Address, u64)>) -> ChainSpec {
    allocations.sort_unstable();
    ChainSpec {
        name: name.to_owned(),
        log_n: LogSize::MIN,
        block_interval_ms: INTERVAL_MS,
        asert_tau_ms: 60 * INTERVAL_MS,
        future_limit_ms: INTERVAL_MS,
        epoch_length: 6,
        shares_per_block: 2,
        share_window: 4,
        anchor_depth: 1,
        maturity: 3,
        market: MarketSpec::MAINNET,
        genesis_timestamp_ms: 1_000_000,
        genesis_target: Target::new(1 << 120).expect("not zero"),
        allocations,
        srs_checksum: [0; 64],
    }
}

/// The network of these parameters, which must be in range.
pub fn of(params: ChainSpec) -> Network {
    params.check().expect("the parameters are in range");
    Network::from_params(params).expect("a genesis state")
}

/// The network as the file that describes it.
pub fn file(params: &ChainSpec) -> String {
    let fields = [
        ("log_n", params.log_n.log_n().into()),
        ("block_interval_ms", params.block_interval_ms),
        ("asert_tau_ms", params.asert_tau_ms),
        ("future_limit_ms", params.future_limit_ms),
        ("epoch_length", params.epoch_length.into()),
        ("shares_per_block", params.shares_per_block.into()),
        ("share_window", params.share_window.into()),
        ("anchor_depth", params.anchor_depth.into()),
        ("maturity", params.maturity.into()),
        ("deposit", params.market.deposit),
        ("min_request_bond", params.market.min_request_bond),
        ("min_bond", params.market.min_bond),
        ("false_proof", params.market.false_proof),
        ("reputation_unit", params.market.reputation_unit),
        ("proof_budget", params.market.proof_budget),
        ("genesis_timestamp_ms", params.genesis_timestamp_ms),
    ];
    let mut file = format!("name = {:?}\n", params.name);
    fields.iter().for_each(|(field, value)| file += &format!("{field} = {value}\n"));
    file += &format!("genesis_target = \"{:#x}\"\n[allocations]\n", params.genesis_target.get());
    params
        .allocations
        .iter()
        .for_each(|(address, amount)| file += &format!("{address} = {amount}\n"));
    file
}
