//! The fields against snarkVM, and the multiplication kernels of every back end against each other
//! and against snarkVM.

use lode_algebra::{Backend, Fq, Fr, multiply_fq, multiply_fr};
use snarkvm::{
    curves::bls12_377 as reference,
    fields::{Field, PrimeField, Zero},
    prelude::Uniform,
    utilities::{FromBytes, TestRng, ToBytes},
};

const EDGE_POWERS: [u64; 12] = [1, 31, 51, 52, 53, 63, 64, 104, 128, 200, 251, 252];

/// One test suite for both fields: the types have the same methods, but no trait that says so.
macro_rules! field_tests {
    ($name:ident, $field:ty, $reference:ty, $multiply:path) => {
        mod $name {
            use super::*;

            fn to_reference(x: &$field) -> $reference {
                let mut bytes = vec![0; <$field>::BYTES];
                x.write_bytes(&mut bytes);
                <$reference>::read_le(&bytes[..]).unwrap()
            }

            fn from_reference(x: &$reference) -> $field {
                <$field>::from_bytes(&x.to_bytes_le().unwrap()).unwrap()
            }

            /// 0, 1, 2, p − 1, p − 2, R mod p and neighbours, and powers of two with neighbours.
            fn edges() -> Vec<$field> {
                let mut edges = vec![
                    <$field>::ZERO,
                    <$field>::ONE,
                    <$field>::from(2),
                    -<$field>::ONE,
                    -<$field>::from(2),
                ];
                let radix = |bits: u64| <$field>::from(2).pow(&[bits]);
                for bits in [256, 260, 384, 416].into_iter().chain(EDGE_POWERS) {
                    edges.extend([
                        radix(bits),
                        radix(bits) - <$field>::ONE,
                        -radix(bits),
                        radix(bits).inverse().unwrap(),
                    ]);
                }
                edges
            }

            #[test]
            fn agrees_with_snarkvm_on_edges_in_all_pairs() {
                let edges = edges();
                for a in &edges {
                    let ra = to_reference(a);
                    assert_eq!(from_reference(&ra), *a);
                    assert_eq!(from_reference(&-ra), -*a);
                    assert_eq!(from_reference(&ra.double()), a.double());
                    assert_eq!(from_reference(&ra.square()), a.square());
                    assert_eq!(ra.inverse().as_ref().map(from_reference), a.inverse());
                    for b in &edges {
                        let rb = to_reference(b);
                        assert_eq!(from_reference(&(ra + rb)), *a + *b);
                        assert_eq!(from_reference(&(ra - rb)), *a - *b);
                        assert_eq!(from_reference(&(ra * rb)), *a * *b);
                    }
                }
            }

            #[test]
            fn agrees_with_snarkvm_on_random_elements() {
                let mut rng = TestRng::fixed(1);
                for _ in 0..20_000 {
                    let (ra, rb) = (<$reference>::rand(&mut rng), <$reference>::rand(&mut rng));
                    let (a, b) = (from_reference(&ra), from_reference(&rb));
                    assert_eq!(from_reference(&(ra + rb)), a + b);
                    assert_eq!(from_reference(&(ra - rb)), a - b);
                    assert_eq!(from_reference(&(ra * rb)), a * b);
                }
                for _ in 0..2_000 {
                    let ra = <$reference>::rand(&mut rng);
                    assert_eq!(
                        from_reference(&ra.inverse().unwrap()),
                        from_reference(&ra).inverse().unwrap()
                    );
                }
            }

            #[test]
            fn every_backend_multiplies_edges_in_all_pairs() {
                let edges = edges();
                let pairs: Vec<_> =
                    edges.iter().flat_map(|a| edges.iter().map(move |b| (*a, *b))).collect();
                let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
                let expected: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * *b).collect();
                for backend in Backend::available() {
                    let mut products = a.clone();
                    $multiply(backend, &mut products, &b, 1);
                    assert_eq!(products, expected, "{backend}");
                }
            }

            /// 2^20 products of elements at random: each is a factor of the next, so that one wrong
            /// product spoils the last.
            #[test]
            fn every_backend_multiplies_a_million_random_elements() {
                const ELEMENTS: usize = 1 << 10;
                const TIMES: usize = 1 << 10;
                let mut rng = TestRng::fixed(2);
                let mut random =
                    || (0..ELEMENTS).map(|_| <$reference>::rand(&mut rng)).collect::<Vec<_>>();
                let (a, b) = (random(), random());
                let product = |(a, b): (&$reference, &$reference)| {
                    (0..TIMES).fold(*a, |product, _| product * b)
                };
                let expected: Vec<_> =
                    a.iter().zip(&b).map(product).map(|x| from_reference(&x)).collect();
                let convert = |elements: &[$reference]| {
                    elements.iter().map(from_reference).collect::<Vec<_>>()
                };
                for backend in Backend::available() {
                    let mut products = convert(&a);
                    $multiply(backend, &mut products, &convert(&b), TIMES);
                    assert_eq!(products, expected, "{backend}");
                }
            }

            #[test]
            fn every_backend_multiplies_slices_of_any_length() {
                let mut rng = TestRng::fixed(3);
                let elements: Vec<_> =
                    (0..70).map(|_| from_reference(&<$reference>::rand(&mut rng))).collect();
                for backend in Backend::available() {
                    for length in 0..=elements.len() {
                        let mut products = elements.clone();
                        $multiply(backend, &mut products[..length], &elements[..length], 2);
                        for (i, (product, x)) in products.iter().zip(&elements).enumerate() {
                            let expected = if i < length { x.square() * *x } else { *x };
                            assert_eq!(
                                *product, expected,
                                "{backend}, {length} elements, element {i}"
                            );
                        }
                    }
                }
            }

            #[test]
            fn batch_inversion_leaves_zeros() {
                let elements = edges();
                let mut inverses = elements.clone();
                <$field>::batch_inverse(&mut inverses, &mut vec![<$field>::ZERO; elements.len()]);
                for (x, inverse) in elements.iter().zip(inverses) {
                    assert_eq!(inverse, x.inverse().unwrap_or_default());
                }
            }

            #[test]
            fn bytes_must_be_canonical() {
                let modulus = <$reference>::modulus().to_bytes_le().unwrap();
                assert_eq!(<$field>::from_bytes(&modulus), None);
                let mut below = modulus.clone();
                below[0] -= 1;
                assert_eq!(<$field>::from_bytes(&below), Some(-<$field>::ONE));
                assert_eq!(<$field>::from_bytes(&vec![0xff; modulus.len()]), None);
                assert_eq!(<$field>::from_bytes(&modulus[1..]), None);
                assert!(to_reference(&<$field>::ZERO).is_zero());
            }

            #[test]
            fn bytes_are_reduced_like_snarkvm_does() {
                let mut rng = TestRng::fixed(4);
                for length in [0, 1, 3, 4, 31, 32, 33, 47, 48, 64, 96, 100] {
                    let bytes: Vec<u8> = (0..length).map(|_| u8::rand(&mut rng)).collect();
                    let expected = from_reference(&<$reference>::from_bytes_le_mod_order(&bytes));
                    assert_eq!(<$field>::from_bytes_mod_order(&bytes), expected, "{length} bytes");
                }
            }
        }
    };
}

field_tests!(fq, Fq, reference::Fq, multiply_fq);
field_tests!(fr, Fr, reference::Fr, multiply_fr);
