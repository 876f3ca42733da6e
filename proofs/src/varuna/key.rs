//! A verifying key, and what it says of a proof.

use std::{collections::BTreeMap, ops::RangeInclusive};

use snarkvm::{
    algorithms::{
        SNARK,
        snark::varuna::{CircuitVerifyingKey, Proof},
    },
    curves::bls12_377::{Bls12_377, Fr},
    fields::One,
    utilities::{FromBytes, ToBytes},
};

use super::{
    setup::{Setup, setup},
    sponge::{Binding, BoundVaruna, VERSION},
};
use crate::{Key, KeyError, MAX_INSTANCES, ProofError, Value, wall::walled};

pub const KEY_BYTES: usize = 664;

/// The most public inputs of a key, the leading 1 included. Verification takes 38 µs and 448 bytes
/// more for each of them.
pub const MAX_PUBLIC_INPUTS: u64 = 64;

/// Bytes of a proof of one instance, and of each further one.
const PROOF_BYTES: usize = 956;
const INSTANCE_BYTES: usize = 144;

/// The numbers at the head of a key, in order, and their ranges.
const NUMBERS: [(&str, RangeInclusive<u64>); 7] = [
    ("public inputs", 1..=MAX_PUBLIC_INPUTS),
    ("variables", SIZES),
    ("constraints", SIZES),
    ("non-zeros in A", NON_ZEROS),
    ("non-zeros in B", NON_ZEROS),
    ("non-zeros in C", NON_ZEROS),
    // The library panics over fewer.
    ("commitments", 12..=12),
];
const SIZES: RangeInclusive<u64> = 2..=1 << 16;
const NON_ZEROS: RangeInclusive<u64> = 2..=1 << 17;

/// Bytes of a proof of so many instances. Saturates.
pub const fn proof_bytes(instances: usize) -> usize {
    PROOF_BYTES.saturating_add(instances.saturating_sub(1).saturating_mul(INSTANCE_BYTES))
}

/// A key within the limits.
#[derive(Debug)]
pub(crate) struct VarunaKey {
    key: CircuitVerifyingKey<Bls12_377>,
    values: usize,
}

impl VarunaKey {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != KEY_BYTES {
            return Err(KeyError::Length { expected: KEY_BYTES, got: bytes.len() });
        }
        for ((what, range), got) in NUMBERS.into_iter().zip(integers(bytes)) {
            if !range.contains(&got) {
                return Err(KeyError::Range { what, min: *range.start(), max: *range.end(), got });
            }
        }
        let key = walled(|| decode::<CircuitVerifyingKey<Bls12_377>>(bytes))
            .map_err(KeyError::Panicked)?;
        let key = key.map_err(|refusal| match refusal {
            Refusal::Malformed(reason) => KeyError::Malformed(reason),
            Refusal::NotCanonical => KeyError::NotCanonical,
        })?;
        let values = key.circuit_info.num_public_inputs.saturating_sub(1);
        Ok(Self { key, values })
    }

    /// The instances as snarkVM takes them, each with the leading 1.
    fn inputs(&self, instances: &[&[Value]]) -> Result<Vec<Vec<Fr>>, ProofError> {
        let mut inputs = Vec::with_capacity(instances.len());
        for (instance, values) in instances.iter().enumerate() {
            // snarkVM would take a missing value, and one beyond the last, for a zero.
            if values.len() != self.values {
                return Err(ProofError::Values {
                    instance,
                    expected: self.values,
                    got: values.len(),
                });
            }
            let mut input = Vec::with_capacity(values.len().saturating_add(1));
            input.push(Fr::one());
            for (value, bytes) in values.iter().enumerate() {
                // Refuses what is not below the modulus.
                let element = Fr::read_le(&bytes[..]).map_err(|_| ProofError::Value {
                    instance,
                    value,
                    got: *bytes,
                })?;
                input.push(element);
            }
            inputs.push(input);
        }
        Ok(inputs)
    }
}

impl Key for VarunaKey {
    fn values(&self) -> usize {
        self.values
    }

    fn verify(
        &self,
        binding: &[u8; 32],
        instances: &[&[Value]],
        proof: &[u8],
    ) -> Result<(), ProofError> {
        if !(1..=MAX_INSTANCES).contains(&instances.len()) {
            return Err(ProofError::Instances { max: MAX_INSTANCES, got: instances.len() });
        }
        check_proof(instances.len(), proof)?;
        let inputs = self.inputs(instances)?;
        let setup = setup();
        walled(|| verify(setup, &self.key, &Binding::new(binding), &inputs, proof))
            .unwrap_or_else(|panic| Err(ProofError::Panicked(panic)))
    }
}

/// What can be said of a proof's bytes before they are parsed.
fn check_proof(instances: usize, proof: &[u8]) -> Result<(), ProofError> {
    let expected = proof_bytes(instances);
    if proof.len() != expected {
        return Err(ProofError::Length { expected, got: proof.len() });
    }
    let expected = [("circuits", 1), ("instances", u64::try_from(instances).unwrap_or(u64::MAX))];
    for ((what, expected), got) in expected.into_iter().zip(integers(proof)) {
        if got != expected {
            return Err(ProofError::Count { what, expected, got });
        }
    }
    Ok(())
}

fn verify(
    setup: &Setup,
    key: &CircuitVerifyingKey<Bls12_377>,
    binding: &Binding,
    inputs: &[Vec<Fr>],
    bytes: &[u8],
) -> Result<(), ProofError> {
    let proof = decode::<Proof<Bls12_377>>(bytes).map_err(|refusal| match refusal {
        Refusal::Malformed(reason) => ProofError::Malformed(reason),
        Refusal::NotCanonical => ProofError::NotCanonical,
    })?;
    let inputs = BTreeMap::from([(key, inputs)]);
    match BoundVaruna::verify_batch(&setup.verifier, binding, VERSION, &inputs, &proof) {
        Ok(true) => Ok(()),
        Ok(false) => Err(ProofError::Refused("equations that do not hold".to_owned())),
        Err(error) => Err(ProofError::Refused(error.to_string())),
    }
}

/// Why bytes do not encode a value.
enum Refusal {
    Malformed(String),
    NotCanonical,
}

/// The value of which these bytes, to the last, are the canonical encoding. Each point is checked
/// to be on the curve and in the subgroup; the unchecked twin of `read_le` does not.
fn decode<T: FromBytes + ToBytes>(bytes: &[u8]) -> Result<T, Refusal> {
    let value = T::read_le(bytes).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let encoded = value.to_bytes_le().map_err(|error| Refusal::Malformed(error.to_string()))?;
    if encoded == bytes { Ok(value) } else { Err(Refusal::NotCanonical) }
}

/// The little-endian integers at the head of some bytes.
fn integers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_at_the_head_of_a_key_are_checked_before_its_points() {
        // Points that do not decode: no x coordinate has all bits set.
        let mut bytes = [0xff; KEY_BYTES];
        for (place, (_, range)) in NUMBERS.iter().enumerate() {
            bytes[8 * place..][..8].copy_from_slice(&range.end().to_le_bytes());
        }
        assert!(matches!(VarunaKey::parse(&bytes), Err(KeyError::Malformed(_))));
        for (place, (what, range)) in NUMBERS.into_iter().enumerate() {
            let (min, max) = range.into_inner();
            for (number, is_in) in
                [(min, true), (max, true), (min - 1, false), (max + 1, false), (u64::MAX, false)]
            {
                let mut bytes = bytes;
                bytes[8 * place..][..8].copy_from_slice(&number.to_le_bytes());
                match VarunaKey::parse(&bytes) {
                    Err(KeyError::Malformed(_)) => assert!(is_in, "{number} {what}"),
                    Err(error) => {
                        assert_eq!(error, KeyError::Range { what, min, max, got: number });
                        assert!(!is_in, "{number} {what}");
                    }
                    Ok(_) => panic!("{number} {what}: all its points decode"),
                }
            }
        }
    }

    #[test]
    fn lengths_and_limits_are_those_of_the_text() {
        assert_eq!([1, 2, 16].map(proof_bytes), [956, 1_100, 3_116]);
        assert_eq!(48 + 8 + 12 * 48 + 32, KEY_BYTES);
        let ranges = NUMBERS.map(|(_, range)| range.into_inner());
        let (sizes, non_zeros) = ((2, 65_536), (2, 131_072));
        assert_eq!(ranges, [(1, 64), sizes, sizes, non_zeros, non_zeros, non_zeros, (12, 12)]);
    }
}
