//! Times of the kernels at the size of the public networks, for each back end that this processor has.
//!
//! `cargo run --release --example kernels`: a quick look. `./x bench` compares with other implementations.

use std::{hint::black_box, time::Instant};

use lode_algebra::{Affine, Backend, Domain, FixedBase, Fq, Fr, blake2b, multiply_fq, multiply_fr};
use snarkvm::{
    curves::{
        AffineCurve, ProjectiveCurve,
        bls12_377::{G1Affine, G1Projective},
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

        let Ok(domain) = Domain::new(backend, LOG_N) else { continue };
        let mut workspace = domain.workspace();
        let (mut h, mut quotient) = (vec![Fr::ZERO; N], vec![Fr::ZERO; N]);
        report("NTT of 2^13", time(1, || domain.forward(&mut workspace, copied(&mut h, &a))));
        report("inverse NTT of 2^13", time(1, || domain.inverse(&mut workspace, copied(&mut h, &a))));
        report("quotient", time(1, || domain.quotient(&mut workspace, &a, &b, &mut h)));
        let z = a[17];
        report(
            "division by a linear factor",
            time(1, || _ = black_box(domain.divide_by_linear(&h, &z, &mut quotient))),
        );
        report("values outside the domain", time(1, || _ = black_box(domain.values_at(&mut workspace, &a, &b, &z))));

        let start = Instant::now();
        match FixedBase::new(backend, &bases, usize::MAX) {
            Ok(table) => {
                println!("  table of {} MiB in {:.3} s", table.size_bytes() >> 20, start.elapsed().as_secs_f64());
                let mut scratch = table.scratch();
                report("fixed-base MSM of 2^13", time(1, || _ = black_box(table.multiply(&mut scratch, &h))));
            }
            Err(error) => println!("  {error}"),
        }
    }
}
