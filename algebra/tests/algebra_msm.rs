//! The curve and fixed-base multiplication of every back end against snarkVM.

use lode_algebra::{
    Affine, Backend, FixedBase, Fq, Fr, Projective, Stopped, TableError, ZETA, are_in_subgroup,
    sum_of_multiples,
};
use snarkvm::{
    algorithms::msm::VariableBase,
    curves::{AffineCurve, ProjectiveCurve, bls12_377 as reference},
    fields::{Field, One, PrimeField, Zero},
    prelude::Uniform,
    utilities::{BitIteratorBE, TestRng, ToBytes},
};
use std::sync::atomic::AtomicBool;

fn point(p: &reference::G1Affine) -> Affine {
    let coordinate = |x: reference::Fq| Fq::from_bytes(&x.to_bytes_le().unwrap()).unwrap();
    Affine { x: coordinate(p.to_x_coordinate()), y: coordinate(p.to_y_coordinate()) }
}

/// The affine point or none, of snarkVM's projective one.
fn sum(p: &reference::G1Projective) -> Option<Affine> {
    (!p.is_zero()).then(|| point(&p.to_affine()))
}

fn scalar(k: &reference::Fr) -> Fr {
    Fr::from_bytes(&k.to_bytes_le().unwrap()).unwrap()
}

/// Points of the subgroup, as cheaply as the test needs them: multiples of a generator by a walk.
fn bases(rng: &mut TestRng, n: usize) -> Vec<reference::G1Affine> {
    let step = reference::G1Projective::rand(rng);
    let mut walk = vec![reference::G1Projective::rand(rng)];
    for i in 1..n {
        walk.push(walk[i - 1] + step);
    }
    reference::G1Projective::batch_normalization(&mut walk);
    walk.iter().map(|p| p.to_affine()).collect()
}

fn expected(bases: &[reference::G1Affine], scalars: &[reference::Fr]) -> Option<Affine> {
    let integers: Vec<_> = scalars.iter().map(|k| k.to_bigint()).collect();
    sum(&VariableBase::msm(bases, &integers))
}

/// Every back end's result for each list of scalars.
fn check(bases: &[reference::G1Affine], lists: &[Vec<reference::Fr>]) {
    let points: Vec<_> = bases.iter().map(point).collect();
    let expected: Vec<_> =
        lists.iter().map(|scalars| expected(&bases[..scalars.len()], scalars)).collect();
    for backend in Backend::available() {
        let table = FixedBase::new(backend, &points, usize::MAX).unwrap();
        let mut scratch = table.scratch();
        for (i, (scalars, expected)) in lists.iter().zip(&expected).enumerate() {
            let scalars: Vec<_> = scalars.iter().map(scalar).collect();
            let result = table.multiply(&mut scratch, &scalars);
            assert_eq!(result, *expected, "{} bases, {backend}, list {i}", bases.len());
        }
    }
}

/// Scalars that make digits, buckets and sums special.
fn special_lists(rng: &mut TestRng, n: usize) -> Vec<Vec<reference::Fr>> {
    let minus_one = -reference::Fr::one();
    let zeta = scalar_from(ZETA);
    let random = |rng: &mut TestRng| (0..n).map(|_| reference::Fr::rand(rng)).collect::<Vec<_>>();
    let repeated = reference::Fr::rand(rng);
    let edges = [
        reference::Fr::zero(),
        reference::Fr::one(),
        minus_one,
        minus_one - reference::Fr::one(),
        zeta,
        zeta - reference::Fr::one(),
        -zeta,
        zeta.square(),
        scalar_from(1 << 7),
        scalar_from(1 << 8),
        scalar_from(u128::MAX),
        reference::Fr::half(),
    ];
    let mut sparse = vec![reference::Fr::zero(); n];
    sparse[n - 1] = reference::Fr::one();
    vec![
        random(rng),
        vec![reference::Fr::zero(); n],
        vec![reference::Fr::one(); n],
        vec![minus_one; n],
        vec![repeated; n],
        (0..n).map(|i| edges[i % edges.len()]).collect(),
        (0..n).map(|i| edges[(i / 2) % edges.len()]).collect(),
        (0..n).map(|i| scalar_from(i as u128 % 300)).collect(),
        sparse,
        random(rng),
        random(rng)[..n.div_ceil(3)].to_vec(),
        Vec::new(),
    ]
}

fn scalar_from(k: u128) -> reference::Fr {
    reference::Fr::from_bytes_le_mod_order(&k.to_le_bytes())
}

#[test]
fn sums_agree_with_snarkvm_at_small_sizes() {
    let mut rng = TestRng::fixed(1);
    for n in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 31, 64, 100] {
        let bases = bases(&mut rng, n);
        let lists = special_lists(&mut rng, n);
        check(&bases, &lists);
    }
}

#[test]
fn sums_agree_with_snarkvm_at_large_sizes() {
    let mut rng = TestRng::fixed(2);
    for log_n in [9, 10, 11, 12, 13] {
        let bases = bases(&mut rng, 1 << log_n);
        let lists = special_lists(&mut rng, 1 << log_n);
        check(&bases, &lists);
    }
}

#[test]
fn sums_agree_with_snarkvm_at_2_to_the_15() {
    let mut rng = TestRng::fixed(3);
    let bases = bases(&mut rng, 1 << 15);
    let scalars = (0..1 << 15).map(|_| reference::Fr::rand(&mut rng)).collect();
    check(&bases, &[scalars]);
}

/// Bases that are equal, opposite, or multiples of each other: buckets meet doublings and cancel,
/// and so do sums of buckets.
#[test]
fn sums_are_complete() {
    let mut rng = TestRng::fixed(4);
    let generator = reference::G1Projective::rand(&mut rng);
    let multiple = |k: i32| {
        let scalar =
            if k < 0 { -reference::Fr::from(-k as u64) } else { reference::Fr::from(k as u64) };
        (generator * scalar).to_affine()
    };
    let patterns: [&[i32]; 5] =
        [&[1], &[1, -1], &[1, 2, 3, -3, 4], &[256, 1, -256], &[1, 2, 4, 8, 16, 32, 64, 128]];
    for n in [2usize, 8, 40, 300] {
        for pattern in patterns {
            let bases: Vec<_> = (0..n).map(|i| multiple(pattern[i % pattern.len()])).collect();
            let mut lists = special_lists(&mut rng, n);
            lists.truncate(9);
            check(&bases, &lists);
        }
    }
}

#[test]
fn every_digit_of_every_position_counts() {
    let mut rng = TestRng::fixed(5);
    let bases = bases(&mut rng, 3);
    let powers = (0..253).map(|bit| {
        let power = reference::Fr::from(2u64).pow([bit]);
        vec![power, -power, power + reference::Fr::one()]
    });
    check(&bases, &powers.collect::<Vec<_>>());
}

#[test]
fn bases_outside_the_subgroup_are_refused() {
    let mut rng = TestRng::fixed(6);
    let good = point(&bases(&mut rng, 1)[0]);
    // (2, 3) lies on y² = x³ + 1 and has order 6.
    let torsion = Affine { x: Fq::from(2), y: Fq::from(3) };
    assert!(torsion.is_on_curve() && !torsion.is_in_subgroup());
    let sum = (good.to_projective() + torsion.to_projective()).to_affine().unwrap();
    let off_curve = Affine { x: good.x, y: good.y + Fq::ONE };
    for bad in [torsion, sum, off_curve] {
        for backend in Backend::available() {
            assert_eq!(
                FixedBase::new(backend, &[good, bad], usize::MAX).err(),
                Some(TableError::Subgroup(1))
            );
        }
    }
    assert_eq!(FixedBase::new(Backend::Portable, &[], usize::MAX).err(), Some(TableError::Size(0)));
}

#[test]
fn a_sum_is_given_up_when_told() {
    let mut rng = TestRng::fixed(11);
    let bases = bases(&mut rng, 100);
    let points: Vec<_> = bases.iter().map(point).collect();
    let scalars: Vec<_> = (0..100).map(|_| reference::Fr::rand(&mut rng)).collect();
    let integers: Vec<_> = scalars.iter().map(scalar).collect();
    for backend in Backend::available() {
        let table = FixedBase::new(backend, &points, usize::MAX).unwrap();
        let mut scratch = table.scratch();
        assert_eq!(
            table.multiply_unless(&AtomicBool::new(true), &mut scratch, &integers),
            Err(Stopped)
        );
        // What was left behind does no harm.
        let sum = table.multiply_unless(&AtomicBool::new(false), &mut scratch, &integers);
        assert_eq!(sum, Ok(expected(&bases, &scalars)), "{backend}");
    }
}

/// 40 bases: unlimited, 26 digits of 5 bits are the cheapest.
#[test]
fn a_table_takes_no_more_memory_than_allowed() {
    let mut rng = TestRng::fixed(10);
    let bases = bases(&mut rng, 40);
    let points: Vec<_> = bases.iter().map(point).collect();
    let scalars: Vec<_> = (0..40).map(|_| reference::Fr::rand(&mut rng)).collect();
    let integers: Vec<_> = scalars.iter().map(scalar).collect();
    for backend in Backend::available() {
        let position_bytes =
            40 * 4 * if matches!(backend, Backend::Ifma | Backend::Avx512) { 64 } else { 48 };
        let size =
            |max_bytes| FixedBase::new(backend, &points, max_bytes).map(|table| table.size_bytes());
        let unlimited = size(usize::MAX).unwrap();
        for positions in 16..=unlimited / position_bytes + 1 {
            let max_bytes = positions * position_bytes;
            let table = FixedBase::new(backend, &points, max_bytes).unwrap();
            assert!(table.size_bytes() <= max_bytes && table.size_bytes() <= unlimited);
            assert_eq!(
                table.multiply(&mut table.scratch(), &integers),
                expected(&bases, &scalars),
                "{backend}, {positions}"
            );
        }
        assert_eq!(size(unlimited), Ok(unlimited));
        assert!(size(unlimited - 1).unwrap() < unlimited);
        let expected = 16 * position_bytes;
        assert_eq!(size(expected - 1), Err(TableError::Memory { expected, got: expected - 1 }));
        assert_eq!(size(0), Err(TableError::Memory { expected, got: 0 }));
    }
}

/// Points of the curve of every order that the cofactor allows, alone and on top of points of the
/// subgroup.
///
/// The curve has r·(x − 1)²/3 points, and x − 1 = 2^46·3·7·13·499.
#[test]
fn every_back_end_tells_the_subgroup_from_the_rest() {
    let mut rng = TestRng::fixed(12);
    let inside: Vec<_> = bases(&mut rng, 11).iter().map(point).collect();
    let order = reference::Fr::modulus();
    // r·P for points of the curve at random: the part of P outside.
    let outside: Vec<_> = (2u64..)
        .filter_map(|x| reference::G1Affine::from_x_coordinate(reference::Fq::from(x), true))
        .map(|p| p.mul_bits(BitIteratorBE::new(order.0)))
        .filter(|p| !p.is_zero())
        .take(40)
        .collect();
    let mut torsion: Vec<Affine> = outside.iter().filter_map(sum).collect();
    let cofactor_root = 0x8508_c000_0000_0000u64;
    assert_eq!(cofactor_root, (1 << 46) * 3 * 7 * 13 * 499);
    let times =
        |p: &reference::G1Projective, k: u64| p.to_affine().mul_bits(BitIteratorBE::new([k]));
    for prime in [2u64, 3, 7, 13, 499] {
        // The whole cofactor without one power of the prime, and with one of the prime itself left.
        let of_order = |p: &reference::G1Projective| {
            let mut p = times(
                &times(p, cofactor_root / part(cofactor_root, prime)),
                cofactor_root / part(cofactor_root, prime),
            );
            while !times(&p, prime).is_zero() {
                p = times(&p, prime);
            }
            p
        };
        let found: Vec<_> = outside.iter().map(of_order).filter(|p| !p.is_zero()).collect();
        assert!(!found.is_empty(), "no point of order {prime}");
        for p in &found {
            assert!(times(p, prime).is_zero());
            torsion.extend(sum(p));
        }
    }
    torsion.extend([Affine { x: Fq::from(2), y: Fq::from(3) }, Affine { x: Fq::ZERO, y: Fq::ONE }]);
    assert!(torsion.iter().all(|p| p.is_on_curve() && !p.is_in_subgroup()));
    let shifted = torsion.iter().zip(inside.iter().cycle());
    let shifted: Vec<_> =
        shifted.filter_map(|(t, p)| (t.to_projective() + p.to_projective()).to_affine()).collect();
    // In all places of a vector of lanes.
    let all: Vec<_> = inside
        .iter()
        .cycle()
        .zip(torsion.iter().chain(&shifted))
        .flat_map(|(p, t)| [*p, *t, *t])
        .collect();
    let expected: Vec<_> = (0..all.len()).map(|i| i % 3 == 0).collect();
    for backend in Backend::available() {
        for length in [0, 1, 2, 7, 8, 9, all.len()] {
            assert_eq!(
                are_in_subgroup(backend, &all[..length]),
                expected[..length],
                "{backend}, {length} points"
            );
        }
    }
    assert_eq!(all.iter().map(Affine::is_in_subgroup).collect::<Vec<_>>(), expected);
}

/// The largest power of a prime that divides a number.
fn part(number: u64, prime: u64) -> u64 {
    if number.is_multiple_of(prime) { prime * part(number / prime, prime) } else { 1 }
}

#[test]
fn sums_of_few_multiples_agree_with_snarkvm() {
    let mut rng = TestRng::fixed(13);
    for n in [0usize, 1, 2, 3, 9, 40] {
        let mut bases = bases(&mut rng, n + 2);
        // Equal and opposite points as well.
        bases[n.saturating_sub(1)] = -bases[0];
        bases[n / 2] = bases[0];
        for scalars in special_lists(&mut rng, n.max(1)) {
            let scalars: Vec<_> = scalars.into_iter().take(n).collect();
            let terms: Vec<_> = bases.iter().map(point).zip(scalars.iter().map(scalar)).collect();
            assert_eq!(
                sum_of_multiples(&terms).to_affine(),
                expected(&bases[..scalars.len()], &scalars),
                "{n} terms"
            );
        }
    }
}

#[test]
fn many_points_become_affine_with_one_inversion() {
    let mut rng = TestRng::fixed(14);
    let points: Vec<_> =
        bases(&mut rng, 5).iter().map(|p| point(p).to_projective().double()).collect();
    let with_infinity =
        [points[0], Projective::INFINITY, points[1], points[2], Projective::INFINITY];
    let each: Vec<_> = with_infinity.iter().map(Projective::to_affine).collect();
    assert_eq!(Projective::batch_to_affine(&with_infinity), each);
    assert!(Projective::batch_to_affine(&[]).is_empty());
}

#[test]
fn points_agree_with_snarkvm() {
    let mut rng = TestRng::fixed(7);
    let points: Vec<_> = bases(&mut rng, 8);
    let infinity = reference::G1Projective::zero();
    let mut all: Vec<_> =
        points.iter().flat_map(|p| [p.to_projective(), -p.to_projective()]).collect();
    all.extend([infinity, points[0].to_projective().double()]);
    let ours =
        |p: &reference::G1Projective| sum(p).map_or(Projective::INFINITY, |p| p.to_projective());
    for p in &all {
        assert_eq!(ours(p).double().to_affine(), sum(&p.double()));
        assert_eq!((-ours(p)).to_affine(), sum(&-*p));
        for q in &all {
            // A representative other than that with ZZ = 1.
            let q_scaled = ours(q) + ours(&all[2]) + -ours(&all[2]);
            assert_eq!((ours(p) + q_scaled).to_affine(), sum(&(*p + q)));
            assert_eq!((q_scaled + ours(p)).to_affine(), sum(&(*p + q)));
            assert_eq!(q_scaled == ours(p), p == q);
            if let Some(q_affine) = sum(q) {
                assert_eq!(ours(p).add_affine(&q_affine).to_affine(), sum(&(*p + q)));
                assert_eq!(ours(p).equals(&q_affine), p == q);
            }
        }
    }
    for p in &points {
        let k = reference::Fr::rand(&mut rng);
        assert_eq!(
            point(p).to_projective().mul(&scalar(&k)).to_affine(),
            sum(&(p.to_projective() * k))
        );
        let zeta = point(p).to_projective().mul_integer(ZETA).to_affine();
        assert_eq!(zeta, Some(point(p).zeta()));
        assert_eq!(point(p).to_projective().zeta().to_affine(), zeta);
        assert!(point(p).is_on_curve() && point(p).is_in_subgroup());
    }
}

#[test]
fn encodings_are_canonical() {
    let mut rng = TestRng::fixed(8);
    let p = bases(&mut rng, 1)[0];
    let bytes = point(&p).to_bytes();
    assert_eq!(bytes[..48], p.to_x_coordinate().to_bytes_le().unwrap());
    assert_eq!(bytes[48..], p.to_y_coordinate().to_bytes_le().unwrap());
    assert_eq!(Affine::from_bytes(&bytes), Some(point(&p)));
    let mut off_curve = bytes;
    off_curve[0] ^= 1;
    assert_eq!(Affine::from_bytes(&off_curve), None);
    // x + q is the same coordinate, written otherwise.
    let modulus = reference::Fq::modulus().to_bytes_le().unwrap();
    let mut carry = 0;
    let mut above = bytes;
    for (byte, add) in above.iter_mut().zip(&modulus) {
        carry += u16::from(*byte) + u16::from(*add);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(Affine::from_bytes(&above), None);
    assert_eq!(Affine::from_bytes(&[0; 96]), None);
    assert_eq!(Affine::from_bytes(&[0xff; 96]), None);
}

#[test]
#[should_panic(expected = "3 scalars for 2 bases")]
fn more_scalars_than_bases_are_refused() {
    let mut rng = TestRng::fixed(9);
    let points: Vec<_> = bases(&mut rng, 2).iter().map(point).collect();
    let table = FixedBase::new(Backend::Portable, &points, usize::MAX).unwrap();
    let _ = table.multiply(&mut table.scratch(), &[Fr::ONE; 3]);
}
