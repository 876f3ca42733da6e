//! Transforms of every back end against snarkVM's, and what is built on them against its
//! definition.

use lode_algebra::{Backend, Domain, DomainError, Fr};
use snarkvm::{
    algorithms::fft::{DensePolynomial, EvaluationDomain},
    curves::bls12_377 as reference,
    fields::One,
    prelude::Uniform,
    utilities::{FromBytes, TestRng, ToBytes},
};

fn from_reference(x: &reference::Fr) -> Fr {
    Fr::from_bytes(&x.to_bytes_le().unwrap()).unwrap()
}

fn to_reference(x: &Fr) -> reference::Fr {
    let mut bytes = [0; 32];
    x.write_bytes(&mut bytes);
    reference::Fr::read_le(&bytes[..]).unwrap()
}

fn convert(elements: &[reference::Fr]) -> Vec<Fr> {
    elements.iter().map(from_reference).collect()
}

fn random(rng: &mut TestRng, n: usize) -> Vec<reference::Fr> {
    (0..n).map(|_| reference::Fr::rand(rng)).collect()
}

/// Inputs of n elements: random, all zero, all −1, one that is not zero.
fn inputs(rng: &mut TestRng, n: usize) -> Vec<Vec<reference::Fr>> {
    let mut single = vec![reference::Fr::from(0u8); n];
    single[n - 1] = -reference::Fr::one();
    vec![random(rng, n), vec![reference::Fr::from(0u8); n], vec![-reference::Fr::one(); n], single]
}

#[test]
fn transforms_agree_with_snarkvm() {
    let mut rng = TestRng::fixed(1);
    for log_n in 1..=13 {
        let n = 1 << log_n;
        let domain = EvaluationDomain::<reference::Fr>::new(n).unwrap();
        let ours: Vec<_> = Backend::available()
            .map(|backend| (backend, Domain::new(backend, log_n).unwrap()))
            .collect();
        for input in inputs(&mut rng, n) {
            let (values, coefficients) =
                (convert(&domain.fft(&input)), convert(&domain.ifft(&input)));
            for (backend, ours) in &ours {
                assert_eq!(
                    to_reference(&ours.generator()),
                    domain.group_gen,
                    "2^{log_n}, {backend}"
                );
                let mut workspace = ours.workspace();
                let mut data = convert(&input);
                ours.forward(&mut workspace, &mut data);
                assert_eq!(data, values, "2^{log_n}, {backend}");
                let mut data = convert(&input);
                ours.inverse(&mut workspace, &mut data);
                assert_eq!(data, coefficients, "2^{log_n}, {backend}");
            }
        }
    }
}

#[test]
fn the_coset_is_that_of_the_2n_th_root() {
    let mut rng = TestRng::fixed(2);
    for log_n in 1..=11 {
        let n = 1usize << log_n;
        // f on the domain of 2n elements: the odd ones are the coset.
        let double = EvaluationDomain::<reference::Fr>::new(2 * n).unwrap();
        for input in inputs(&mut rng, n) {
            let expected: Vec<_> =
                convert(&double.fft(&input)).into_iter().skip(1).step_by(2).collect();
            for backend in Backend::available() {
                let domain = Domain::new(backend, log_n).unwrap();
                let mut workspace = domain.workspace();
                let mut data = convert(&input);
                domain.forward_coset(&mut workspace, &mut data);
                assert_eq!(data, expected, "2^{log_n}, {backend}");
                domain.inverse_coset(&mut workspace, &mut data);
                assert_eq!(data, convert(&input), "2^{log_n}, {backend}");
            }
        }
    }
}

#[test]
fn the_largest_transforms_agree_with_snarkvm() {
    let mut rng = TestRng::fixed(3);
    for log_n in [14, Domain::MAX_LOG_N] {
        let n = 1 << log_n;
        let reference_domain = EvaluationDomain::<reference::Fr>::new(n).unwrap();
        let input = random(&mut rng, n);
        let expected = convert(&reference_domain.fft(&input));
        for backend in Backend::available() {
            let domain = Domain::new(backend, log_n).unwrap();
            let mut workspace = domain.workspace();
            let mut data = convert(&input);
            domain.forward(&mut workspace, &mut data);
            assert_eq!(data, expected, "2^{log_n}, {backend}");
            domain.inverse(&mut workspace, &mut data);
            assert_eq!(data, convert(&input), "2^{log_n}, {backend}");
        }
    }
}

#[test]
fn the_quotient_agrees_with_its_definition() {
    let mut rng = TestRng::fixed(4);
    for log_n in [1, 2, 3, 5, 6, 7, 8, 9, 10, 13] {
        let n = 1usize << log_n;
        let reference_domain = EvaluationDomain::<reference::Fr>::new(n).unwrap();
        let minus_one = -reference::Fr::one();
        for (a, b) in
            [(random(&mut rng, n), random(&mut rng, n)), (vec![minus_one; n], random(&mut rng, n))]
        {
            // (a·b − c) / (X^n − 1), by long division of polynomials.
            let polynomial = |values: &[reference::Fr]| {
                DensePolynomial::from_coefficients_vec(reference_domain.ifft(values))
            };
            let products: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
            let numerator = &(&polynomial(&a) * &polynomial(&b)) - &polynomial(&products);
            let (quotient, remainder) =
                numerator.divide_by_vanishing_poly(reference_domain).unwrap();
            assert!(remainder.coeffs.is_empty());
            let mut expected = convert(&quotient.coeffs);
            expected.resize(n, Fr::ZERO);
            for backend in Backend::available() {
                let domain = Domain::new(backend, log_n).unwrap();
                let mut h = vec![Fr::ONE; n];
                domain.quotient(&mut domain.workspace(), &convert(&a), &convert(&b), &mut h);
                assert_eq!(h, expected, "2^{log_n}, {backend}");
            }
        }
    }
}

#[test]
fn division_by_a_linear_factor_agrees_with_snarkvm() {
    let mut rng = TestRng::fixed(5);
    for log_n in [1, 2, 5, 6, 7, 8, 13] {
        let n = 1usize << log_n;
        let domain_point = EvaluationDomain::<reference::Fr>::new(n).unwrap().group_gen;
        let points = [
            reference::Fr::rand(&mut rng),
            reference::Fr::from(0u8),
            reference::Fr::one(),
            domain_point,
            -reference::Fr::one(),
        ];
        for z in points {
            let f = random(&mut rng, n);
            let polynomial = DensePolynomial::from_coefficients_vec(f.clone());
            let divisor = DensePolynomial::from_coefficients_vec(vec![-z, reference::Fr::one()]);
            let (mut numerator, value) = (f.clone(), polynomial.evaluate(z));
            numerator[0] -= value;
            let mut expected =
                convert(&(&DensePolynomial::from_coefficients_vec(numerator) / &divisor).coeffs);
            expected.resize(n, Fr::ZERO);
            for backend in Backend::available() {
                let domain = Domain::new(backend, log_n).unwrap();
                let mut quotient = vec![Fr::ONE; n];
                let v = domain.divide_by_linear(&convert(&f), &from_reference(&z), &mut quotient);
                assert_eq!(v, from_reference(&value), "2^{log_n}, {backend}");
                assert_eq!(quotient, expected, "2^{log_n}, {backend}");
            }
        }
    }
}

#[test]
fn values_outside_the_domain_agree_with_snarkvm() {
    let mut rng = TestRng::fixed(6);
    for log_n in [1, 2, 5, 6, 7, 9, 13, 15] {
        let n = 1usize << log_n;
        let reference_domain = EvaluationDomain::<reference::Fr>::new(n).unwrap();
        let (a, b, z) = (random(&mut rng, n), random(&mut rng, n), reference::Fr::rand(&mut rng));
        let products: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        let at = |values: &[reference::Fr], z| {
            from_reference(
                &DensePolynomial::from_coefficients_vec(reference_domain.ifft(values)).evaluate(z),
            )
        };
        for backend in Backend::available() {
            let domain = Domain::new(backend, log_n).unwrap();
            let mut workspace = domain.workspace();
            for z in [z, reference::Fr::from(0u8)] {
                let values = domain
                    .values_at(&mut workspace, &convert(&a), &convert(&b), &from_reference(&z))
                    .unwrap();
                assert_eq!(values.a, at(&a, z), "2^{log_n}, {backend}");
                assert_eq!(values.b, at(&b, z), "2^{log_n}, {backend}");
                assert_eq!(values.c, at(&products, z), "2^{log_n}, {backend}");
                let mut h = vec![Fr::ZERO; n];
                domain.quotient(&mut workspace, &convert(&a), &convert(&b), &mut h);
                let v = domain.divide_by_linear(&h, &from_reference(&z), &mut vec![Fr::ZERO; n]);
                assert_eq!(values.quotient(), v, "2^{log_n}, {backend}");
            }
            for power in [0, 1, n / 2, n - 1] {
                let inside = domain.generator().pow(&[power as u64]);
                assert_eq!(
                    domain.values_at(&mut workspace, &convert(&a), &convert(&b), &inside),
                    None
                );
            }
        }
    }
}

#[test]
fn a_workspace_serves_again_and_again() {
    let mut rng = TestRng::fixed(7);
    for backend in Backend::available() {
        let domain = Domain::new(backend, 8).unwrap();
        let mut workspace = domain.workspace();
        let (a, b) = (convert(&random(&mut rng, 256)), convert(&random(&mut rng, 256)));
        let mut results = Vec::new();
        for _ in 0..3 {
            let mut h = vec![Fr::ZERO; 256];
            domain.quotient(&mut workspace, &a, &b, &mut h);
            let mut values = a.clone();
            domain.forward_coset(&mut workspace, &mut values);
            results.push((h, values));
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn sizes_out_of_range_are_refused() {
    for log_n in [0, Domain::MAX_LOG_N + 1, 64, u32::MAX] {
        assert_eq!(Domain::new(Backend::Portable, log_n).err(), Some(DomainError::Size(log_n)));
    }
}
