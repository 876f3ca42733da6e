//! Times of the kernels at the size of the public networks, for each back end that this processor
//! has.
//!
//! A quick look: `cargo build --release --workspace --example kernels` makes it
//! `release/examples/kernels` in the target folder. `./x bench` compares with other
//! implementations.

use std::{hint::black_box, time::Instant};

use lode_algebra::{
    Affine, Backend, Domain, FixedBase, Fq, Fr, G2, PairingProduct, are_in_subgroup, blake2b,
    multiply_fq, multiply_fr, sum_of_multiples,
};
use snarkvm::{
    curves::{
        AffineCurve, ProjectiveCurve,
        bls12_377::{G1Affine, G1Projective, G2Affine},
    },
    utilities::ToBytes,
};

const LOG_N: u32 = 13;
const N: usize = 1 << LOG_N;

/// The shortest of several runs, in nanoseconds for each of `count` operations.
fn time(count: usize, mut run: impl FnMut()) -> f64 {
    let once = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..15).map(once).fold(f64::INFINITY, f64::min) * 1e9 / count as f64
}

/// The copy is counted, as it is where a transform must not overwrite its input.
fn copied<'a>(out: &'a mut [Fr], from: &[Fr]) -> &'a mut [Fr] {
    out.copy_from_slice(from);
    out
}

/// Multiples of a point of the subgroup.
fn bases() -> Vec<Affine> {
    let generator = G1Affine::prime_subgroup_generator();
    let mut walk = vec![generator.to_projective()];
    for i in 1..N {
        walk.push(walk[i - 1] + generator.to_projective());
    }
    G1Projective::batch_normalization(&mut walk);
    let coordinate = |bytes: Vec<u8>| Fq::from_bytes(&bytes).unwrap_or_default();
    let point = |p: G1Affine| Affine {
        x: coordinate(p.x.to_bytes_le().unwrap_or_default()),
        y: coordinate(p.y.to_bytes_le().unwrap_or_default()),
    };
    walk.into_iter().map(|p| point(p.to_affine())).collect()
}

/// The generator of G2.
fn g2() -> G2 {
    let generator = G2Affine::prime_subgroup_generator();
    let coordinate = |c: &snarkvm::curves::bls12_377::Fq| {
        Fq::from_bytes(&c.to_bytes_le().unwrap_or_default()).unwrap_or_default()
    };
    G2 {
        x: [coordinate(&generator.x.c0), coordinate(&generator.x.c1)],
        y: [coordinate(&generator.y.c0), coordinate(&generator.y.c1)],
    }
}

fn main() {
    let bases = bases();
    let mut seed = [0; 53];
    for backend in Backend::available() {
        println!("{backend}");
        let report = |name: &str, nanoseconds: f64| println!("  {name:<32} {nanoseconds:>12.1} ns");
        let (mut a, mut b) = (vec![Fr::ZERO; N], vec![Fr::ZERO; N]);
        report("BLAKE2b, one digest", time(N, || blake2b::expand(backend, &seed, &mut a, &mut b)));
        seed[0] += 1;

        let (mut x, y): (Vec<Fq>, Vec<Fq>) = bases[..32].iter().map(|p| (p.x, p.y)).unzip();
        report("product in Fq", time(32 * 1000, || multiply_fq(backend, &mut x, &y, 1000)));
        let mut x = a[..32].to_vec();
        report("product in Fr", time(32 * 1000, || multiply_fr(backend, &mut x, &b[..32], 1000)));

        report(
            "two points in the subgroup",
            time(1, || _ = black_box(are_in_subgroup(backend, &bases[..2]))),
        );
        let terms = [(bases[0], Fr::ONE), (bases[1], a[1]), (bases[2], a[2])];
        report(
            "sum of three multiples",
            time(1, || _ = black_box(sum_of_multiples(&terms).to_affine())),
        );
        if let Some(pairings) = PairingProduct::new(backend, &[g2(), g2()]) {
            report(
                "product of two pairings",
                time(1, || _ = black_box(pairings.is_one([Some(bases[7]), Some(bases[9])]))),
            );
        }

        let Ok(domain) = Domain::new(backend, LOG_N) else { continue };
        let mut workspace = domain.workspace();
        let (mut h, mut quotient) = (vec![Fr::ZERO; N], vec![Fr::ZERO; N]);
        report("NTT of 2^13", time(1, || domain.forward(&mut workspace, copied(&mut h, &a))));
        report(
            "inverse NTT of 2^13",
            time(1, || domain.inverse(&mut workspace, copied(&mut h, &a))),
        );
        report("quotient", time(1, || domain.quotient(&mut workspace, &a, &b, &mut h)));
        let z = a[17];
        report(
            "division by a linear factor",
            time(1, || _ = black_box(domain.divide_by_linear(&h, &z, &mut quotient))),
        );
        report(
            "values outside the domain",
            time(1, || _ = black_box(domain.values_at(&mut workspace, &a, &b, &z))),
        );

        let start = Instant::now();
        match FixedBase::new(backend, &bases, usize::MAX) {
            Ok(table) => {
                println!(
                    "  table of {} MiB in {:.3} s",
                    table.size_bytes() >> 20,
                    start.elapsed().as_secs_f64()
                );
                let mut scratch = table.scratch();
                report(
                    "fixed-base MSM of 2^13",
                    time(1, || _ = black_box(table.multiply(&mut scratch, &h))),
                );
            }
            Err(error) => println!("  {error}"),
        }
    }
}
