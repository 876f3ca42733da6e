//! Golden vectors: keys, proofs, costs and the sponge's output, from fixed seeds. `./x vectors`
//! writes the file anew.

use std::path::Path;

use lode_proofs::{
    Value, system,
    testing::class,
    varuna::{self, Binding, BoundSponge},
};
use serde::{Deserialize, Serialize};
use snarkvm::{
    algorithms::{AlgebraicSponge, crypto_hash::PoseidonSponge},
    curves::bls12_377::Fq,
    fields::{Field, Zero},
    utilities::ToBytes,
};

use crate::support::{parse, slices};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Vectors {
    costs: Vec<Cost>,
    sponges: Vec<Sponge>,
    proofs: Vec<Proof>,
}

/// What a proof of so many instances with so many public values each costs.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Cost {
    instances: usize,
    values: usize,
    units: u64,
}

/// The first two field elements that a sponge gives which was made for this binding.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Sponge {
    binding: String,
    squeezed: [String; 2],
}

/// All bytes in hex.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Proof {
    key: String,
    binding: String,
    instances: Vec<Vec<String>>,
    proof: String,
}

fn hex32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn cost(instances: usize, values: usize) -> Cost {
    Cost { instances, values, units: system(varuna::ID).unwrap().cost(instances, values) }
}

fn sponge(binding: [u8; 32]) -> Sponge {
    let mut sponge = BoundSponge::new_with_parameters(&Binding::new(&binding));
    let squeezed = sponge.squeeze_native_field_elements(2);
    let squeezed = [0, 1].map(|i| hex::encode(squeezed[i].to_bytes_le().unwrap()));
    Sponge { binding: hex::encode(binding), squeezed }
}

fn proof(values: usize, binding: [u8; 32], seeds: std::ops::Range<u64>) -> Proof {
    let class = class(values, 0);
    let instances: Vec<Vec<Value>> = seeds.map(|seed| class.instance(seed)).collect();
    Proof {
        key: hex::encode(class.key()),
        binding: hex::encode(binding),
        proof: hex::encode(class.prove(&binding, &slices(&instances))),
        instances: instances
            .iter()
            .map(|values| values.iter().map(hex::encode).collect())
            .collect(),
    }
}

fn counting() -> [u8; 32] {
    std::array::from_fn(|i| i as u8)
}

fn computed() -> Vectors {
    let batches = [0, 1, 2, 16]
        .into_iter()
        .flat_map(|instances| [0, 1, 3, 63].map(|values| cost(instances, values)));
    Vectors {
        costs: batches.collect(),
        sponges: vec![sponge([0; 32]), sponge(counting()), sponge([0xff; 32])],
        proofs: vec![
            proof(3, counting(), 0..1),
            proof(2, [0xff; 32], 1..3),
            proof(63, [0; 32], 0..1),
        ],
    }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/varuna.json")
}

#[test]
fn golden_vectors_are_what_fixed_seeds_give() {
    let computed = computed();
    if std::env::var_os("LODE_WRITE_VECTORS").is_some() {
        std::fs::write(path(), serde_json::to_string_pretty(&computed).unwrap() + "\n").unwrap();
        return;
    }
    let written: Vectors = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(computed, written);
}

/// Verdicts must stay, whatever a prover makes of its seeds.
#[test]
fn golden_proofs_hold() {
    let written: Vectors = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(written.proofs.len(), 3);
    for proof in &written.proofs {
        let key = parse(&hex::decode(&proof.key).unwrap()).unwrap();
        let instances: Vec<Vec<Value>> = proof
            .instances
            .iter()
            .map(|values| values.iter().map(|value| hex32(value)).collect())
            .collect();
        assert_eq!(
            key.verify(
                &hex32(&proof.binding),
                &slices(&instances),
                &hex::decode(&proof.proof).unwrap()
            ),
            Ok(())
        );
    }
}

/// The formula of the text, in numbers that were worked out by hand.
#[test]
fn the_cost_is_pinned() {
    let cost = |instances, values| system(varuna::ID).unwrap().cost(instances, values);
    assert_eq!(cost(1, 0), 12_600);
    assert_eq!(cost(1, 3), 12_720);
    assert_eq!(cost(2, 3), 13_440);
    assert_eq!(cost(16, 63), 61_920);
    // What a block may spend on proofs is far below, and nothing wraps.
    assert_eq!(cost(usize::MAX, usize::MAX), u64::MAX);
    assert_eq!(cost(0, usize::MAX), 12_000);
}

/// The sponge is Poseidon that has absorbed domain and binding as one number, most significant byte
/// first.
#[test]
fn the_sponge_absorbs_domain_and_binding_as_one_number() {
    for binding in [[0; 32], counting(), [0xff; 32]] {
        let number =
            [&b"LODE/VARUNA/v1"[..], &binding].concat().iter().fold(Fq::zero(), |number, byte| {
                (0..8).fold(number, |number, _| number.double()) + Fq::from(u64::from(*byte))
            });
        let mut expected = PoseidonSponge::<Fq, 2, 1>::new();
        expected.absorb_native_field_elements(&[number]);
        let expected = expected.squeeze_native_field_elements(2);
        assert_eq!(
            sponge(binding).squeezed,
            [0, 1].map(|i| hex::encode(expected[i].to_bytes_le().unwrap()))
        );
    }
}
