//! `[sync]` in a network's file: advice, and no part of the network's identity.

use lode_consensus::Hash;
use lode_genesis::{Network, SyncDefaults};
use lode_testkit::networks::{TINY, tiny};

fn parse(section: &str) -> Result<Network, String> {
    Network::parse(&format!("{TINY}\n[sync]\n{section}"), "test").map_err(|error| error.to_string())
}

#[test]
fn a_network_is_the_same_whatever_its_file_advises() {
    let hash = "07".repeat(32);
    let advised =
        format!("minimum_work = \"123\"\nassume_valid_height = 9\nassume_valid_hash = \"{hash}\"");
    let plain = tiny();
    let advised = parse(&advised).unwrap();
    assert_eq!(plain.sync, SyncDefaults::default());
    let expected = SyncDefaults {
        minimum_work: "123".parse().unwrap(),
        assume_valid: Some((9, Hash([7; 32]))),
    };
    assert_eq!(advised.sync, expected);
    assert_eq!((advised.params, advised.genesis_hash), (plain.params, plain.genesis_hash));
}

#[test]
fn advice_that_cannot_be_read_is_an_error() {
    for (section, word) in [
        ("minimum_work = \"0x1\"", "minimum_work"),
        ("minimum_work = 1", "string"),
        ("assume_valid_height = 9", "go together"),
        ("assume_valid_hash = \"00\"", "go together"),
        ("assume_valid_height = 9\nassume_valid_hash = \"00\"", "64 hexadecimal digits"),
        ("assume_valid = 9", "unknown field"),
    ] {
        let error = parse(section).unwrap_err();
        assert!(error.contains(word) && error.lines().count() == 1, "{section}: {error}");
    }
}

#[test]
fn the_built_in_networks_advise_nothing_before_they_have_a_chain() {
    for name in ["mainnet", "testnet", "devnet"] {
        assert_eq!(Network::load(name).unwrap().sync, SyncDefaults::default());
    }
}
