//! What holds, and what of a true statement must not be changed.

use lode_proofs::{
    KeyError, MAX_INSTANCES, ProofError, Value,
    testing::class,
    varuna::{self, BoundVaruna, KEY_BYTES, MAX_PUBLIC_INPUTS, proof_bytes},
};
use snarkvm::{
    algorithms::{
        AlgebraicSponge,
        crypto_hash::PoseidonSponge,
        snark::varuna::{VarunaHidingMode, VarunaSNARK},
    },
    curves::bls12_377::{Bls12_377, Fq, Fr},
    fields::PrimeField,
    utilities::{BigInteger, ToBytes},
};

use crate::support::{Statement, holds_directly, holds_under, in_pool, measured, parse, slices};

type Plain = PoseidonSponge<Fq, 2, 1>;

fn statement(instances: u64) -> Statement {
    Statement::new(class(3, 0), [7; 32], 0..instances)
}

fn is_refused(verdict: Result<(), ProofError>) -> bool {
    matches!(verdict, Err(ProofError::Refused(_)))
}

#[test]
fn batches_of_one_two_and_sixteen_hold() {
    for instances in [1, 2, 16] {
        let statement = statement(instances);
        assert_eq!(statement.proof.len(), proof_bytes(statement.instances.len()));
        assert_eq!(statement.verify(), Ok(()), "{instances}");
    }
}

#[test]
fn no_instance_and_seventeen_are_too_few_and_too_many() {
    let statement = statement(16);
    let key = parse(&statement.key).unwrap();
    let mut instances = slices(&statement.instances);
    instances.push(instances[0]);
    for instances in [&[][..], &instances] {
        // The length is that of a proof of so many.
        let proof = vec![0; proof_bytes(instances.len())];
        let expected = ProofError::Instances { max: MAX_INSTANCES, got: instances.len() };
        assert_eq!(key.verify(&statement.binding, instances, &proof), Err(expected));
    }
    // Even snarkVM would take it: the limit is ours.
    let proof = class(3, 0).prove(&statement.binding, &instances);
    assert!(holds_directly(&statement.key, &statement.binding, &instances, &proof));
    assert_eq!(
        key.verify(&statement.binding, &instances, &proof),
        Err(ProofError::Instances { max: 16, got: 17 })
    );
}

#[test]
fn every_byte_of_the_binding_matters() {
    let mut statement = statement(1);
    for byte in 0..32 {
        statement.binding[byte] ^= 1 << (byte % 8);
        assert!(is_refused(statement.verify()), "byte {byte}");
        statement.binding[byte] ^= 1 << (byte % 8);
    }
    assert_eq!(statement.verify(), Ok(()));
}

#[test]
fn every_value_and_the_order_of_instances_matter() {
    let mut statement = statement(2);
    for instance in 0..2 {
        for value in 0..3 {
            statement.instances[instance][value][0] ^= 1;
            assert!(is_refused(statement.verify()), "value {value} of instance {instance}");
            statement.instances[instance][value][0] ^= 1;
        }
    }
    statement.instances.swap(0, 1);
    assert!(is_refused(statement.verify()));
    statement.instances.swap(0, 1);
    let twice = vec![statement.instances[0].clone(); 2];
    let both = std::mem::replace(&mut statement.instances, twice);
    assert!(is_refused(statement.verify()));
    statement.instances = both;
    assert_eq!(statement.verify(), Ok(()));
}

#[test]
fn a_proof_holds_for_as_many_instances_as_it_states() {
    let mut statement = statement(2);
    let second = statement.instances.pop().unwrap();
    assert_eq!(statement.verify(), Err(ProofError::Length { expected: 956, got: 1_100 }));
    statement.instances.extend([second.clone(), second]);
    assert_eq!(statement.verify(), Err(ProofError::Length { expected: 1_244, got: 1_100 }));
    statement.instances.pop();
    for (place, what, expected) in [(0, "circuits", 1), (8, "instances", 2)] {
        for got in [0, 3, u64::MAX] {
            let mut proof = statement.proof.clone();
            proof[place..place + 8].copy_from_slice(&got.to_le_bytes());
            let verdict = parse(&statement.key).unwrap().verify(
                &statement.binding,
                &slices(&statement.instances),
                &proof,
            );
            assert_eq!(verdict, Err(ProofError::Count { what, expected, got }));
        }
    }
}

#[test]
fn a_proof_for_another_key_does_not_hold() {
    let mut statement = statement(1);
    statement.key = class(3, 1).key().to_vec();
    assert!(is_refused(statement.verify()));
}

/// The circuit has two values, which the key pads to three: snarkVM minds neither a zero too few
/// nor one too many.
#[test]
fn the_number_of_values_is_exact() {
    let statement = Statement::new(class(2, 0), [9; 32], 4..5);
    let values = &statement.instances[0];
    assert_eq!((statement.verify(), values.len(), values[2]), (Ok(()), 3, [0; 32]));
    let verify = |key: &[u8], values: &[Value]| {
        let is_direct = holds_directly(key, &statement.binding, &[values], &statement.proof);
        (parse(key).unwrap().verify(&statement.binding, &[values], &statement.proof), is_direct)
    };
    let expected = |expected, got| Err(ProofError::Values { instance: 0, expected, got });
    assert_eq!(verify(&statement.key, &values[..2]), (expected(3, 2), true));
    assert_eq!(verify(&statement.key, &[]), (expected(3, 0), false));
    assert_eq!(
        verify(&statement.key, &[&values[..], &[[0; 32]]].concat()),
        (expected(3, 4), false)
    );

    // The same key, but for the number that it states: other bytes, hence another class, that the
    // same proof satisfies.
    let mut key = statement.key.clone();
    key[0] = 3;
    assert_eq!(verify(&key, values), (expected(2, 3), true));
    assert_eq!(verify(&key, &values[..2]), (Ok(()), true));

    // In whichever instance.
    let mut batch = Statement::new(class(2, 0), [9; 32], 4..6);
    batch.instances[1].pop();
    assert_eq!(batch.verify(), Err(ProofError::Values { instance: 1, expected: 3, got: 2 }));
}

#[test]
fn a_value_that_is_not_canonical_is_refused() {
    let mut statement = statement(2);
    let modulus = Fr::modulus().to_bytes_le().unwrap();
    // The value itself plus the modulus: the same element, in other bytes.
    let mut sum: [u8; 32] = statement.instances[1][0];
    let mut carry = 0;
    for (byte, added) in sum.iter_mut().zip(&modulus) {
        let total = u16::from(*byte) + u16::from(*added) + carry;
        (*byte, carry) = (total as u8, total >> 8);
    }
    assert_eq!(carry, 0);
    for got in [sum, modulus.clone().try_into().unwrap(), [0xff; 32]] {
        statement.instances[1][0] = got;
        assert_eq!(statement.verify(), Err(ProofError::Value { instance: 1, value: 0, got }));
    }
    // The largest canonical one is a value like others.
    let mut largest = Fr::modulus();
    largest.sub_noborrow(&1.into());
    statement.instances[1][0] = largest.to_bytes_le().unwrap().try_into().unwrap();
    assert!(is_refused(statement.verify()));
}

#[test]
fn a_proof_under_snarkvms_own_sponge_does_not_hold() {
    let mut statement = statement(1);
    let instances = statement.instances.clone();
    let plain = Plain::sample_parameters();
    statement.proof = class(3, 0).prove_with::<Plain>(&plain, &slices(&instances), 0);
    type Aleo = VarunaSNARK<Bls12_377, Plain, VarunaHidingMode>;
    assert!(holds_under::<Aleo>(&plain, &statement.key, &slices(&instances), &statement.proof));
    for binding in [[0; 32], [7; 32], [0xff; 32]] {
        statement.binding = binding;
        assert!(is_refused(statement.verify()));
    }
    // Nor the other way.
    let bound = self::statement(1);
    assert!(!holds_under::<Aleo>(&plain, &bound.key, &slices(&bound.instances), &bound.proof));
    assert!(holds_under::<BoundVaruna>(
        &varuna::Binding::new(&bound.binding),
        &bound.key,
        &slices(&instances),
        &bound.proof
    ));
}

#[test]
fn keys_have_one_length_and_one_encoding() {
    let key = class(3, 0).key();
    assert_eq!((key.len(), parse(key).unwrap().values()), (KEY_BYTES, 3));
    for got in [0, 48, KEY_BYTES - 1, KEY_BYTES + 1] {
        let bytes = [key, &[0]].concat();
        assert_eq!(
            parse(&bytes[..got]).unwrap_err(),
            KeyError::Length { expected: KEY_BYTES, got }
        );
    }
    // The encoding of the synthesizer, a version and a count before it.
    assert_eq!(
        parse(&[&[1; 9][..], key].concat()).unwrap_err(),
        KeyError::Length { expected: 664, got: 673 }
    );
    // Eleven commitments and an id that is longer would have the same length.
    let mut fewer = key.to_vec();
    fewer[48] = 11;
    let expected = KeyError::Range { what: "commitments", min: 12, max: 12, got: 11 };
    assert_eq!(parse(&fewer).unwrap_err(), expected);
    // The point at infinity with an x coordinate: it decodes, but to other bytes.
    let mut infinity = key.to_vec();
    infinity[56 + 47] = 0x40;
    assert!(parse(&infinity).is_err());
    for (values, of_key) in [(1, 1), (2, 3), (4, 7), (63, 63)] {
        assert_eq!(parse(class(values, 0).key()).unwrap().values(), of_key);
    }
}

/// A point of small order lies on the curve but not in the subgroup: (-1, 0) on y² = x³ + 1.
#[test]
fn a_point_outside_of_the_subgroup_is_refused() {
    let mut torsion = (-Fq::from(1_u64)).to_bytes_le().unwrap();
    let statement = statement(1);
    for place in [56, 56 + 11 * 48] {
        for sign in [0, 0x80] {
            let mut key = statement.key.clone();
            key[place..place + 48].copy_from_slice(&torsion);
            key[place + 47] |= sign;
            assert!(matches!(parse(&key), Err(KeyError::Malformed(_))));
        }
    }
    let key = parse(&statement.key).unwrap();
    let mut proof = statement.proof.clone();
    proof[16..64].copy_from_slice(&torsion);
    let verdict = key.verify(&statement.binding, &slices(&statement.instances), &proof);
    assert!(matches!(verdict, Err(ProofError::Malformed(_))), "{verdict:?}");
    // Its double is the point at infinity, so that it is a point of the curve.
    torsion[0] ^= 1;
    proof[16..64].copy_from_slice(&torsion);
    assert!(key.verify(&statement.binding, &slices(&statement.instances), &proof).is_err());
}

/// Numbers at the ends of their ranges, in all combinations: variables fewer than public inputs,
/// for one.
#[test]
fn no_key_within_the_limits_makes_snarkvm_panic() {
    let statement = statement(1);
    let ends = [
        (1, MAX_PUBLIC_INPUTS),
        (2, 1 << 16),
        (2, 1 << 16),
        (2, 1 << 17),
        (2, 1 << 17),
        (2, 1 << 17),
    ];
    for choice in 0..1_u32 << ends.len() {
        let mut bytes = statement.key.clone();
        for (i, (min, max)) in ends.into_iter().enumerate() {
            let number: u64 = if choice >> i & 1 == 0 { min } else { max };
            bytes[8 * i..][..8].copy_from_slice(&number.to_le_bytes());
        }
        let key = parse(&bytes).unwrap();
        let values = vec![[0; 32]; key.values()];
        let verdict = key.verify(&statement.binding, &[&values], &statement.proof);
        assert!(is_refused(verdict.clone()), "{choice:b}: {verdict:?}");
    }
}

#[test]
fn the_largest_batch_is_verified_in_a_mebibyte() {
    let statement = Statement::new(class(63, 0), [3; 32], 0..16);
    in_pool(1, || {
        let (key, bytes) = measured(|| parse(&statement.key).unwrap());
        assert!(bytes <= 1 << 20, "key: {bytes} bytes");
        let instances = slices(&statement.instances);
        let (verdict, bytes) =
            measured(|| key.verify(&statement.binding, &instances, &statement.proof));
        assert_eq!(verdict, Ok(()));
        assert!(bytes <= 1 << 20, "proof: {bytes} bytes");
    });
}

#[test]
fn verdicts_and_proofs_are_the_same_on_any_number_of_threads() {
    let expected = statement(2);
    let mut broken = statement(2);
    broken.proof[500] ^= 1;
    for threads in [1, 2, 5] {
        in_pool(threads, || {
            assert_eq!(statement(2).proof, expected.proof);
            assert_eq!(expected.verify(), Ok(()));
            assert!(broken.verify().is_err());
        });
    }
}
