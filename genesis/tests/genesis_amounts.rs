//! What a network can ever emit, and what it allocates: amounts that every reader of JSON holds
//! exactly.

use lode_consensus::{params::MAX_SUPPLY, reward};
use lode_genesis::Network;

/// A network with an allocation, as a file.
fn allocating(microcredits: u64) -> Result<Network, String> {
    let text = format!(
        r#"
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
[allocations]
aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf = {microcredits}
"#
    );
    Network::parse(&text, "tiny.toml").map_err(|error| error.to_string())
}

#[test]
fn the_built_in_networks_stay_below_what_json_holds_exactly() {
    for name in ["mainnet", "testnet", "devnet"] {
        let supply = Network::load(name).unwrap().supply;
        assert!(supply.genesis + reward::total_emission() <= MAX_SUPPLY, "{name}");
    }
}

#[test]
fn a_network_that_could_reach_2_to_the_53_is_refused_in_one_line() {
    let room = MAX_SUPPLY - reward::genesis_share_fund(10) - reward::total_emission();
    assert!(allocating(room).is_ok());
    // The second one is what a user reported to be rounded by a browser: 2^53 + 1.
    for amount in [room + 1, 9_007_199_254_740_993, u64::MAX] {
        let error = allocating(amount).unwrap_err();
        assert!(
            error.starts_with("network tiny.toml: allocations: expected a sum of at most "),
            "{error}"
        );
        assert!(
            error.contains(&room.to_string()) && error.contains(&format!("got {amount}")),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1);
    }
}
