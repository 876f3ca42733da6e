//! What a network can ever emit, and what it allocates: amounts that every reader of JSON holds
//! exactly.

use lode_consensus::{params::MAX_SUPPLY, reward};
use lode_genesis::Network;
use lode_testkit::networks::tiny_with;

/// A network with an allocation, as a file.
fn allocating(microcredits: u64) -> Result<Network, String> {
    let address = "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf";
    let text = tiny_with(&[], &[(address.parse().unwrap(), microcredits)]);
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
